"""From the demonstration's drafts to what an office sends: the commands around a release, as a person types them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from support.commands import bochiso, select

pytestmark = pytest.mark.slow

WHO = "Nguyễn Văn A"


@pytest.fixture
def home(demonstration: tuple[Path, subprocess.CompletedProcess[str]]) -> Path:
    """The demonstration's home: August read, a form handed in, drafts of the September report."""
    root, done = demonstration
    assert done.stdout.count("approve it: bochiso release approve") == 2
    return root / "demo"


def drafts(home: Path) -> dict[str, str]:
    """Release set -> id of the drafts."""
    found = select(home, "select release_set, release_id from mart.releases where status = 'draft'")
    return {row["release_set"]: row["release_id"] for row in found}


def test_a_draft_is_looked_at_approved_sent_and_renders_again_to_the_same_bytes(home: Path) -> None:
    waiting = drafts(home)
    assert set(waiting) == {"so-hoa", "bao-cao"}
    target = home / "nhan" / "cong"
    target.mkdir(parents=True)
    (home / "targets.yml").write_text(
        f"targets:\n  - name: cong-tinh\n    kind: folder\n    products: [D4]\n    path: {target}\n",
        encoding="utf-8",
    )
    listed = bochiso(home, "release", "list", "--waiting")
    assert all(release_id in listed.stdout for release_id in waiting.values())
    letter = waiting["bao-cao"]
    shown = bochiso(home, "release", "show", letter[:8])
    assert "bao-cao-2026-09.docx" in shown.stdout
    assert str(home / "drafts" / "phu_tho" / "2026-09") in shown.stdout
    assert not (home / "deliverables" / "phu_tho" / "2026-09" / "2").exists()

    approved = bochiso(home, "release", "approve", letter, "--by", WHO, "--comment", "Đồng ý")
    assert approved.returncode == 0, approved.stderr
    assert "sent       cong-tinh" in approved.stdout
    (released,) = select(home, "select * from mart.releases where release_set = 'bao-cao'")
    assert (released["status"], released["decided_by"], released["decision_comment"]) == (
        "released",
        WHO,
        "Đồng ý",
    )
    folder = home / "deliverables" / "phu_tho" / "2026-09" / released["release_no"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "manifest.json",
        *(one["path"] for one in manifest["files"]),
    }
    # The province's portal gets the public copy, and a manifest of just that.
    received = target / "phu_tho" / "2026-09" / released["release_no"]
    got = {path.relative_to(received).as_posix() for path in received.rglob("*") if path.is_file()}
    assert "cong-khai-2026-09.html" in got
    assert "bao-cao-2026-09.docx" not in got
    part = json.loads((received / "manifest.json").read_text(encoding="utf-8"))
    assert got == {"manifest.json", *(one["path"] for one in part["files"])}

    assert bochiso(home, "release", "verify", letter).returncode == 0
    again = bochiso(home, "release", "send", letter)
    assert (again.returncode, again.stdout) == (0, "")  # acknowledged once is enough
    late = select(home, "select duty, state from mart.deadlines where period_id = '2026-09' order by duty")
    assert [row["state"] for row in late if row["duty"] != "D1"] == ["released_late"] * 3
    assert [row["state"] for row in late if row["duty"] == "D1"] != ["released_late"]


def test_a_refusal_needs_a_reason_and_a_decision_stands(home: Path) -> None:
    form = drafts(home)["so-hoa"]
    assert bochiso(home, "release", "reject", form, "--by", WHO, "--comment", " ").returncode == 2
    refused = bochiso(home, "release", "reject", form, "--by", WHO, "--comment", "Sai tên đơn vị")
    assert refused.returncode == 0, refused.stderr
    approved = bochiso(home, "release", "approve", form, "--by", WHO)
    assert approved.returncode == 3
    assert "rejected by Nguyễn Văn A" in approved.stderr
    strict = bochiso(home, "status", "--strict")
    assert strict.returncode == 3
    assert "Sai tên đơn vị" in strict.stdout
    rebuilt = bochiso(home, "release", "build", "--period", "2026-09")
    assert rebuilt.returncode == 0, rebuilt.stderr
    assert "bao-cao: the release that stands says the same" in rebuilt.stdout
    assert drafts(home).keys() == {"so-hoa"}


def test_an_unknown_release_and_an_unknown_period_are_told_in_words(home: Path) -> None:
    for words in (
        ("show", "ffffffff"),
        ("approve", "ffffffff", "--by", WHO),
        ("build", "--period", "2026-09-31"),
    ):
        done = bochiso(home, "release", *words)
        assert done.returncode == 2, done.stdout
        assert "what to do:" in done.stderr
