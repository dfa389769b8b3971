"""No person is ever seen: invented names, addresses, ID and telephone numbers are searched for wherever anything is written.

Every personal value of the sample lists holds a mark (``CANARIES``). The marks may stand in the archive's
objects and in the files of the inbox; anywhere else they are a leak.
"""

from __future__ import annotations

import csv
import logging
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from psycopg import sql
from support.files import PHU_THO, Handled, Office, month

from etl import file_stages, stages
from etl.housekeeping import expire_personal_data
from etl.inbox.receipt import receipt_text
from etl.sandbox.sample_forms import write_form
from etl.sandbox.sample_list_faults import Faults
from etl.sandbox.sample_list_text import CANARIES, HEADERS, PERSONAL
from etl.sandbox.sample_lists import PORTAL_SIDE, write_dossier_list
from etl.warehouse.embedded import EmbeddedServer

AUGUST, JULY = month("2026-08"), month("2026-07")
SIGNER = f"Nguyễn {CANARIES[0]} Ký"
PERSONAL_HEADERS = [HEADERS[field] for field in PERSONAL]


def marks_in(text: str) -> set[str]:
    return {mark for mark in CANARIES if mark.casefold() in text.casefold()}


def marks_of(path: Path) -> set[str]:
    """Marks in a file: its name, its bytes as text in two encodings, what is packed in it."""
    content = path.read_bytes()
    found = marks_in(path.name) | marks_in(content.decode("utf-8", "replace"))
    found |= marks_in(content.decode("utf-16-le", "replace")) | marks_in(
        content[1:].decode("utf-16-le", "replace")
    )
    if content.startswith(b"PAR1"):
        frame = pl.read_parquet(path)
        found |= marks_in(" ".join(frame.columns)) | marks_in(frame.write_ndjson())
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as box:
            for name in box.namelist():
                found |= marks_in(name) | marks_in(box.read(name).decode("utf-8", "replace"))
    return found


def leaks(folder: Path) -> dict[str, set[str]]:
    return {
        str(path.relative_to(folder)): found
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (found := marks_of(path))
    }


def in_warehouse(office: Office) -> dict[str, set[str]]:
    """Tables with a mark in any column of any row."""
    found = {}
    with office.warehouse.connect() as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
            "AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        assert {"core", "ops", "quarantine"} <= {schema for schema, _ in tables}
        for schema, table in tables:
            rows = connection.execute(
                sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(schema, table))
            ).fetchall()
            if marks := marks_in("\n".join(row[0] for row in rows)):
                found[f"{schema}.{table}"] = marks
    return found


def shifted(path: Path) -> Path:
    """The list with a few rows gone wrong as real exports go: a person's value lands in a column that is read."""
    title, *records = path.read_bytes().decode().split("\r\n")
    rows = list(csv.reader(records))
    fields = list(HEADERS)
    name, number = fields.index("name"), fields.index("id_number")
    for place, cells in enumerate(rows[1:13]):
        match place % 6:
            case 0:  # an unquoted comma in a name
                cells[name : name + 1] = [cells[name], cells[name]]
            case 1:  # a cell lost
                del cells[fields.index("procedure")]
            case 2:
                cells[fields.index("status")] = cells[name]
            case 3:
                cells[fields.index("received")] = cells[number]
            case 4:
                cells[0] = cells[name]
            case _:
                cells[fields.index("components_digitized")] = cells[number]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{title}\r\n")
        csv.writer(file).writerows(rows)
    return path


@dataclass
class Told:
    office: Office
    handled: dict[str, Handled]
    output: str
    log: str


@pytest.fixture(scope="module")
def told(shared_office: Office, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """An office after good, faulty, shifted, broken and refused lists, the portal's list, and a signed form."""
    office, folder = shared_office, tmp_path_factory.mktemp("nguon")
    records: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            records.append(f"{record.getMessage()} {record.exc_info}")

    keep = Keep(level=0)
    root = logging.getLogger()
    level = root.level
    root.addHandler(keep)
    root.setLevel(logging.DEBUG)

    def listed(name: str, **words: object) -> Path:
        return write_dossier_list(folder / name, PHU_THO, AUGUST, scale=0.01, **words).path  # type: ignore[arg-type]

    paths = {
        "good": listed("tot.csv"),
        "wide": listed("utf16.csv", encoding="utf-16", delimiter="\t", seed=2),
        "workbook": listed("bang.xlsx", format="xlsx", seed=3, faults=Faults.each(1)),
        "faulty": listed("loi.csv", seed=4, faults=Faults.each(1)),
        "shifted": shifted(listed("lech.csv", seed=5)),
        "refused": listed("qua-nhieu-loi.csv", seed=6, faults=Faults.each(9)),
    }
    broken = folder / "mo-ngoac.csv"
    broken.write_text(
        paths["good"]
        .read_text(encoding="utf-8")
        .replace(f",Nguyễn {CANARIES[0]}", f',"Nguyễn {CANARIES[0]}', 1),
        encoding="utf-8",
    )
    headless = folder / "thieu-cot.csv"
    headless.write_text(
        paths["good"].read_text(encoding="utf-8").replace("Trạng thái", "Họ tên người xử lý", 1),
        encoding="utf-8",
    )
    dangerous = folder / "dde.csv"
    dangerous.write_text(
        paths["good"].read_text(encoding="utf-8") + f"=cmd|'/c {CANARIES[0]}'!A0,{CANARIES[1]}\r\n",
        encoding="utf-8",
    )
    paths |= {"broken": broken, "headless": headless, "dangerous": dangerous}
    form = write_form(folder / "bieu.xlsx", PHU_THO, AUGUST).path
    book = openpyxl.load_workbook(form)
    sheet = book.worksheets[0]
    sheet.cell(sheet.max_row + 2, 9, SIGNER)
    book.save(form)
    paths["form"] = form

    handled = {}
    for name, path in paths.items():
        handled[name] = office.hand_in(path)
        office.now += timedelta(minutes=1)
    portal = write_dossier_list(
        folder / "cong.csv", PHU_THO, AUGUST, scale=0.01, side=PORTAL_SIDE,
        faults=Faults(missing_on_portal=2, missing_in_province=2, differing={"status": 2}),
    ).path  # fmt: skip
    handled["compared"] = office.load(paths["good"], portal_list=portal)
    checked = file_stages.take_file(office.settings, paths["shifted"], office.clock, province="phu_tho")
    text = receipt_text(file_stages.check_file(office.settings, checked))
    stages.deliver_digitization(office.settings, "phu_tho", "2026-08", "administrative", office.clock)
    root.removeHandler(keep)
    root.setLevel(level)
    return Told(office, handled, text, "\n".join(records))


def test_the_files_came_to_what_they_should(told: Told) -> None:
    """Else the searches below would find nothing because nothing happened."""
    states = {name: (one.state, one.rule) for name, one in told.handled.items()}
    assert states == {
        "good": ("accepted", None),
        "wide": ("accepted", None),
        "workbook": ("accepted", None),
        "faulty": ("accepted", None),
        "shifted": ("accepted", None),
        "refused": ("refused", "checks.failed"),
        "broken": ("refused", "layout.csv_broken"),
        "headless": ("refused", "layout.missing_column"),
        "dangerous": ("refused", "guard.dde"),
        "form": ("accepted", None),
        "compared": ("already_known", None),
    }
    assert told.handled["shifted"].rows[2] == 12
    assert told.office.ask("SELECT count(*) FROM mart.dossier_findings") == [(6,)]
    assert (
        len(told.office.ask("SELECT row_data FROM quarantine.rejected_row WHERE row_data IS NOT NULL")) > 50
    )


def test_the_search_finds_what_is_there(told: Told) -> None:
    """The marks are in the archive's objects of every list that was taken, and in the inbox's files."""
    archive, inbox = told.office.settings.archive_dir, told.office.inbox
    for name in ("good", "wide", "workbook", "faulty", "shifted"):
        digest = told.handled[name].receipt["sha256"]
        assert marks_of(told.office.archive.object_path(digest)) == set(CANARIES)
    assert marks_of(told.office.archive.object_path(told.handled["form"].receipt["sha256"])) == {CANARIES[0]}
    objects = {name for name in leaks(archive) if name.startswith("objects/")}
    assert set(leaks(archive)) == objects
    answered = {
        str(one.answered.relative_to(inbox)) for name, one in told.handled.items() if name != "compared"
    }
    assert set(leaks(inbox)) == answered


def test_the_warehouse_knows_nobody(told: Told) -> None:
    assert in_warehouse(told.office) == {}


def test_receipts_name_nobody(told: Told) -> None:
    for one in told.handled.values():
        assert marks_in(one.page) == set()
        assert marks_of(one.answered.with_name(f"{one.answered.name}.receipt.json")) == set()
    assert marks_in(told.output) == set()
    assert "Giá trị cần sửa" in told.output


@pytest.mark.parametrize("folder", ["work", "deliverables", "data_docs"])
def test_folders_hold_nothing_of_a_person(told: Told, folder: str) -> None:
    place = told.office.settings.home / folder
    assert len([path for path in place.rglob("*") if path.is_file()]) > 0
    assert leaks(place) == {}


def test_columnar_copies_have_no_personal_column(told: Told) -> None:
    place = told.office.settings.archive_dir / "columnar"
    copies = list(place.rglob("*.parquet"))
    # Five of the province's lists and the portal's.
    assert len(copies) == 6
    for path in copies:
        frame = pl.read_parquet(path)
        assert frame.height > 1_000
        assert not set(frame.columns) & {*PERSONAL, *PERSONAL_HEADERS}
    assert leaks(place) == {}


def test_logs_name_nobody(told: Told, server: EmbeddedServer) -> None:
    assert marks_in(told.log) == set()
    logs = [path for path in (server.directory / "log", server.directory / "data") if path.is_file()]
    assert logs
    for path in logs:
        assert marks_of(path) == set()


def test_errors_name_nobody(told: Told) -> None:
    errors = [one.error for one in told.handled.values() if one.error is not None]
    assert len(errors) == 4
    for error in errors:
        assert marks_in(f"{error!r} {error} {vars(error)} {error.__cause__!r} {error.__context__!r}") == set()


def test_nobody_else_may_look_into_archive_and_work(told: Told) -> None:
    archive = told.office.settings.archive_dir
    assert archive.stat().st_mode & 0o077 == 0
    for path in (archive / "objects").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o007 == 0
    for folder in (told.office.settings.work_dir / "inbox").iterdir():
        assert folder.stat().st_mode & 0o077 == 0


def test_when_their_time_is_over_nobody_is_left(told: Told) -> None:
    """Last: it deletes what the tests above look at."""
    office = told.office
    office.now += timedelta(days=office.settings.retention_days + 1)
    expire_personal_data(office.settings, office.clock)
    left = leaks(office.settings.home)
    form = office.archive.object_path(told.handled["form"].receipt["sha256"]).relative_to(
        office.settings.home
    )
    # A signed form is an office's paper, not a list of people: it stays.
    assert set(left) == {str(form)}
