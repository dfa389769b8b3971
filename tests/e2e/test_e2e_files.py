"""Files handed in, by command: checked, loaded, taken from the inbox, made into the form. One home for all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from support.commands import bochiso, running, sandbox, select

from etl.periods import CALENDAR, Period, window_of
from etl.reference.provinces import find_province
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import write_form

# One reading of the portal comes first, for the units' names (30 s).
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SETTLED = {"BOCHISO_INBOX_SETTLE_SECONDS": "0"}
LOADED = "select count(*) as n from mart.snapshots where series = 'digitization'"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the portal's August stands."""
    home = tmp_path_factory.mktemp("văn phòng") / "home"
    with sandbox(home) as address:
        done = bochiso(home, "run", "ingest", "--period", "2026-08", "--portal", address)
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture(scope="module")
def samples(home: Path) -> dict[str, Path]:
    """What `sandbox --write-samples` writes, by what the file's name begins with."""
    folder = home.parent / "mẫu"
    done = bochiso(home, "sandbox", "--write-samples", str(folder), "--period", "2026-09")
    assert done.returncode == 0, done.stderr
    paths = [Path(line) for line in done.stdout.splitlines()]
    assert sorted(paths) == sorted(folder.iterdir())
    return {path.name.removesuffix(f"-2026-09{path.suffix}"): path for path in paths}


def test_check_gives_the_receipt_and_loads_nothing(home: Path, samples: dict[str, Path]) -> None:
    before = select(home, LOADED)
    good = bochiso(home, "check", str(samples["bieu-so-hoa"]), "--receipt", str(home.parent / "phiếu"))
    assert good.returncode == 0, good.stderr
    assert "2026-09" in good.stdout or "09/2026" in good.stdout
    assert (home.parent / "phiếu" / f"{samples['bieu-so-hoa'].name}.receipt.html").is_file()

    told = bochiso(home, "check", str(samples["bieu-06-vpcp-gui-nham"]), "--json")
    assert told.returncode == 3
    receipt = json.loads(told.stdout)
    assert (receipt["state"], receipt["period_id"]) == ("checked", None)
    assert "06/VPCP" in receipt["refusal"]["message_vi"]
    assert "would be refused" in told.stderr

    wrong = bochiso(home, "check", str(samples["bieu-so-hoa-sai-tong"]), "--json")
    assert wrong.returncode == 6
    assert json.loads(wrong.stdout)["refusal"]["rule"] == "checks.failed"
    assert select(home, LOADED) == before
    assert not (home / "inbox").exists()


def test_a_form_and_a_list_by_hand_become_the_form_of_the_month(home: Path, samples: dict[str, Path]) -> None:
    early = bochiso(home, "run", "digitization", "--period", "2026-09")
    assert early.returncode == 5
    assert "ReportNotReady" in early.stderr
    assert "department" in early.stderr
    assert "what to do:" in early.stderr

    form, foreign = samples["bieu-so-hoa"], samples["bieu-06-vpcp-gui-nham"]
    both = bochiso(home, "ingest", str(foreign), str(form))
    assert both.returncode == 3, both.stderr
    assert f"1 of 2 files refused: {foreign.name}" in both.stderr
    for path in (form, foreign):
        assert path.with_name(f"{path.name}.receipt.html").is_file()
    checksum = bochiso(home, "status", "--checksum").stdout
    again = bochiso(home, "ingest", str(form))
    assert again.returncode == 0, again.stderr
    receipt = json.loads(form.with_name(f"{form.name}.receipt.json").read_text(encoding="utf-8"))
    assert receipt["state"] == "already_known"
    assert bochiso(home, "status", "--checksum").stdout == checksum

    failed = bochiso(home, "ingest", str(samples["bieu-so-hoa-sai-tong"]))
    assert failed.returncode == 6
    lists = (str(samples["danh-sach-ho-so"]), "--portal-list", str(samples["danh-sach-ho-so-cong-dvcqg"]))
    compared = bochiso(home, "ingest", *lists)
    assert compared.returncode == 0, compared.stderr
    [found] = select(home, "select count(*) as n from mart.dossier_findings")
    assert int(found["n"]) == 4 + 3 + 2 + 3 + 3, "etl.sandbox.sample_files plants as many differences"

    calendar = home.parent / "tháng 8 dương lịch.xlsx"
    write_form(calendar, find_province("phu_tho"), window_of(Period.parse("2026-08"), CALENDAR))
    assert bochiso(home, "ingest", str(calendar)).returncode == 0
    for words, name in (
        (("--period", "2026-09"), "2026-09/bieu-so-hoa-2026-09.xlsx"),
        (("--period", "2026-08", "--calendar", "calendar"), "2026-08/bieu-so-hoa-2026-08-duong-lich.xlsx"),
    ):
        made = bochiso(home, "run", "digitization", *words)
        assert made.returncode == 0, made.stderr
        path = home / "deliverables" / "phu_tho" / name
        assert str(path) in made.stdout
        assert path.is_file()


def test_the_inbox_is_taken_once_by_command_and_status_tells(home: Path, samples: dict[str, Path]) -> None:
    empty = bochiso(home, "run", "inbox")
    assert empty.returncode == 0, empty.stderr
    assert f"nothing waits in {home / 'inbox'}" in empty.stderr

    province = find_province("phu_tho")
    window = window_of(Period.parse("2026-08"))
    write_form(home / "inbox" / "biểu tháng 8.xlsx", province, window)
    write_form(home / "inbox" / "gửi nhầm.xlsx", province, window, drift=Drift.FORM_06_VPCP)
    shutil.copy(samples["bieu-so-hoa"], home / "inbox" / "~$đang mở.xlsx")
    waiting = bochiso(home, "status").stdout
    assert "2 waiting, 0 in hand" in waiting
    done = bochiso(home, "run", "inbox", **SETTLED)
    assert done.returncode == 3, done.stderr
    assert "1 of 2 files" in done.stderr
    verdicts = {
        Path(rest).name.partition(".")[0]: verdict for verdict, rest in map(_split, done.stdout.splitlines())
    }
    assert verdicts == {"biểu tháng 8": "accepted", "gửi nhầm": "refused"}
    assert all(Path(rest).is_file() for _, rest in map(_split, done.stdout.splitlines()))
    assert [path.name for path in (home / "inbox").iterdir() if path.is_file()] == ["~$đang mở.xlsx"]

    shown = bochiso(home, "status").stdout
    assert "0 waiting, 0 in hand" in shown
    assert "2026-07-15 to 2026-08-14" in shown
    assert "digitization_form" in shown
    assert "06/VPCP" in shown
    assert running(home) == []


def _split(line: str) -> tuple[str, str]:
    verdict, _, rest = line.partition(" ")
    return verdict, rest.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "nowhere.xlsx"), "there is no file nowhere.xlsx"),
        (("ingest", "nowhere.xlsx"), "there is no file nowhere.xlsx"),
        (("ingest",), "files"),
        (("check", "x.xlsx", "--calendar", "lunar"), "lunar"),
        (("ingest", "a.csv", "b.csv", "--portal-list", "c.csv"), "name one file with --portal-list"),
        (("run", "digitization", "--period", "2026-13"), "name a month"),
        (("run", "digitization", "--period", "2026-09", "--calendar", "lunar"), "lunar"),
        (("run", "digitization", "--period", "2026-09", "--province", "atlantis"), "atlantis"),
        (("sandbox", "--write-samples", "mẫu", "--province", "atlantis"), "atlantis"),
    ],
)
def test_wrong_words_about_files_are_answered_at_once(
    tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    done = bochiso(tmp_path / "home", *words, timeout=60)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home").exists()
