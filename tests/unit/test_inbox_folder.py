"""What the inbox takes, what it leaves alone, where an answered file goes; and files that are in hand."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from etl.errors import Terminal
from etl.inbox.claim import Claim, digest_of, load_claim, stranded, take, unanswered
from etl.inbox.folder import ACCEPTED, Inbox, content_suffix, safe_name

NOW = 1_800_000_000.0
AT = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


def drop(folder: Path, name: str, age: float = 60.0, content: bytes = b"x") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    os.utime(path, (NOW - age, NOW - age))
    return path


def waiting(folder: Path, provinces: frozenset[str] = frozenset()) -> list[tuple[str, str | None]]:
    found = Inbox(folder, provinces).waiting(NOW, settle_seconds=10)
    return [(item.path.name, item.province) for item in found]


def test_a_settled_file_waits_and_one_being_written_does_not(tmp_path: Path) -> None:
    drop(tmp_path, "a.xlsx")
    drop(tmp_path, "b.xlsx", age=5)
    drop(tmp_path, "c.xlsx", age=10)
    assert waiting(tmp_path) == [("a.xlsx", None), ("c.xlsx", None)]


@pytest.mark.parametrize(
    "name",
    ["~$a.xlsx", ".~lock.a.xlsx#", ".hidden", "a.xlsx.part", "a.CRDOWNLOAD", "a.tmp", "a.xlsx.receipt.html", "a.xlsx.receipt.json"],
)  # fmt: skip
def test_half_uploads_lock_files_and_receipts_are_left_alone(tmp_path: Path, name: str) -> None:
    drop(tmp_path, name)
    drop(tmp_path, "real.csv")
    assert waiting(tmp_path) == [("real.csv", None)]


def test_links_folders_and_pipes_are_never_read(tmp_path: Path) -> None:
    secret = drop(tmp_path / "elsewhere", "secret.csv")
    inbox = tmp_path / "inbox"
    drop(inbox, "real.csv")
    (inbox / "link.csv").symlink_to(secret)
    (inbox / "folder.xlsx").mkdir()
    os.mkfifo(inbox / "pipe.csv")
    assert waiting(inbox) == [("real.csv", None)]


def test_a_subfolder_named_after_a_province_is_that_province(tmp_path: Path) -> None:
    drop(tmp_path / "phu_tho", "a.csv")
    drop(tmp_path / "nobody", "b.csv")
    drop(tmp_path / ACCEPTED, "c.csv")
    assert waiting(tmp_path, frozenset({"phu_tho", "ha_noi"})) == [("a.csv", "phu_tho")]


def test_an_inbox_that_is_not_there_yet_is_made(tmp_path: Path) -> None:
    assert waiting(tmp_path / "later") == []
    assert (tmp_path / "later").is_dir()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Biểu số hóa tháng 9.xlsx", "Biểu số hóa tháng 9.xlsx"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "tep"),
        ("a\x00b\n.csv", "a_b_.csv"),
        ("=cmd|' /C calc'!A0.csv", "_cmd_' _C calc'_A0.csv".replace("'", "_")),
        ("Bie\u0302\u0309u.csv", "Biểu.csv"),
        ("a\u202egnp.csv", "a_gnp.csv"),
    ],
)
def test_a_safe_name_is_only_a_name(name: str, shown: str) -> None:
    assert safe_name(name) == shown


def test_a_long_name_keeps_its_extension_and_fits_a_file_system() -> None:
    name = safe_name("ữ" * 400 + ".xlsx")
    assert name.endswith(".xlsx")
    assert len(name) == 120


def test_an_undecodable_name_becomes_a_name(tmp_path: Path) -> None:
    raw = os.fsdecode(b"bi\xff.csv")
    assert safe_name(raw) == "bi_.csv"


def test_only_known_extensions_are_kept_for_the_content() -> None:
    assert content_suffix("A.XLSX") == ".xlsx"
    assert content_suffix("a.sh") == ""
    assert content_suffix("a") == ""


def test_other_bytes_of_the_same_name_stand_beside_each_other(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    first = inbox.place("form.xlsx", ACCEPTED, "aaaaaaaa")
    second = inbox.place("form.xlsx", ACCEPTED, "bbbbbbbb")
    assert first.name == "form.aaaaaaaa.xlsx"
    assert first != second
    assert first.parent == tmp_path / ACCEPTED


def claim(work: Path, path: Path, *, from_inbox: bool = True) -> Path:
    return take(work, path, province="phu_tho", received_at=AT, from_inbox=from_inbox)


def test_a_file_from_the_inbox_is_moved_into_hand(tmp_path: Path) -> None:
    path = drop(tmp_path / "inbox", "../x.csv".replace("../", ""), content=b"abc")
    folder = claim(tmp_path / "work", path)
    held = load_claim(folder)
    assert not path.exists()
    assert held.path.read_bytes() == b"abc"
    assert held.path.parent == folder
    assert held == Claim(
        held.path, "x.csv", digest_of(held.path)[0], 3, "phu_tho", AT, True, None, None, None
    )
    assert folder.stat().st_mode & 0o077 == 0


def test_a_file_named_by_hand_stays_where_it_is(tmp_path: Path) -> None:
    path = drop(tmp_path, "x.csv")
    held = load_claim(claim(tmp_path / "work", path, from_inbox=False))
    assert held.path == path
    assert path.exists()


def test_what_was_taken_and_never_answered_is_found_again(tmp_path: Path) -> None:
    work = tmp_path / "work"
    first = claim(work, drop(tmp_path / "in", "a.csv", content=b"a"))
    claim(work, drop(tmp_path / "in", "b.csv", content=b"b"), from_inbox=False)
    assert list(unanswered(work)) == [first]
    load_claim(first).path.unlink()  # filed away
    assert list(unanswered(work)) == []


def test_taking_the_same_file_again_begins_anew(tmp_path: Path) -> None:
    work = tmp_path / "work"
    first = claim(work, drop(tmp_path / "in", "a.csv"))
    (first / "refusal.json").write_text("{}")
    again = claim(work, drop(tmp_path / "in", "a.csv"))
    assert again == first
    assert not (again / "refusal.json").exists()


def test_a_folder_without_a_claim_is_told(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="hand the file in again"):
        load_claim(tmp_path)


def test_a_broken_claim_stops_no_other_and_its_file_is_named(tmp_path: Path) -> None:
    work = tmp_path / "work"
    whole = claim(work, drop(tmp_path / "in", "a.csv", content=b"a"))
    for number, text in enumerate(("", "{}", '{"path": "/x"}')):
        broken = claim(work, drop(tmp_path / "in", f"b{number}.csv", content=str(number).encode()))
        (broken / "claim.json").write_text(text)
    assert list(unanswered(work)) == [whole]
    assert len(stranded(work)) == 3
    assert whole not in {path.parent for path in stranded(work)}
