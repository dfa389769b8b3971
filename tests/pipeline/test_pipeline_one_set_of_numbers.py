"""One set of numbers: every figure of a month's, a quarter's and a year's release is the mart's, in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
from support.files import PHU_THO, Office
from support.readings import Edit, Replay, edit_unit, load_of, province_bundle
from support.release_files import Release, active, bare, text_of
from support.release_lines import Difference, Line, Tables, Walk, compare, vietnamese
from support.release_mart import Mart, letter_of, renamed, sentences_of, without_gaps
from support.release_reading import (
    GROUPS,
    OPEN_DATA,
    read_appendix,
    read_csv_table,
    read_form,
    read_json_table,
    read_letter,
    read_page,
)
from support.warehouses import database

from etl import release_stages, report_stages
from etl.deliver.report_load import as_known
from etl.periods import VIETNAM, Period, window_of
from etl.sandbox import SamplePortal
from etl.sandbox.sample_forms import write_form
from etl.settings import Settings
from etl.sources.national_portal.fetch import fetch_national
from etl.warehouse.embedded import EmbeddedServer
from etl.warehouse.publish import publish

# About a minute of one core: seven readings, six forms and eight sets of documents are made once for all tests.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CODE = PHU_THO.code
# A commune without a score of payment, and one with an empty cell in its form.
UNSCORED, UNTOLD = f"{CODE}.150", f"{CODE}.151"


def at(month: int, day: int, hour: int = 4, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, 0, tzinfo=VIETNAM)


# --- an office with months, quarters and a year -----------------------------------------------------------------------


def no_payment_score(endpoint: str, data: dict[str, Any]) -> None:
    if endpoint.endswith("payment-tree"):
        edit_unit(UNSCORED, lambda unit: unit.update(totalScore=None, ratio=None))(endpoint, data)


def restated(endpoint: str, data: dict[str, Any]) -> None:
    """The portal takes a quarter of a point off everybody's satisfaction."""
    no_payment_score(endpoint, data)
    if endpoint.endswith("handling-satisfaction"):
        for entity in (data["overview"], *data["evaluation"]):
            entity["totalScore"] = round(entity["totalScore"] - 0.25, 2)


def read_portal(office: Office, period: str, edit: Edit = no_payment_score) -> None:
    """The province and the national page of a period, as the portal tells them now."""
    source = SamplePortal(as_of=office.now)
    bundle = province_bundle(
        office.archive, province="phu_tho", period=period, at=office.now, edit=edit, source=source
    )
    publish(office.warehouse, load_of(office.archive, bundle))
    country = fetch_national(
        Replay(office.now, edit, source),  # type: ignore[arg-type]
        office.archive,
        Period.parse(period),
        known_provinces=frozenset(),
        max_missing_share=0.05,
        now=office.now,
    )
    publish(office.warehouse, load_of(office.archive, country))


def hand_in(office: Office, folder: Path, period: str, names: Mapping[str, str] | None = None) -> None:
    """The province's form of a period, with other ``names`` by unit code where given.

    October's has an empty cell, the year's lacks the columns of reuse.
    """
    layout, suffix = ("igate_json", "json") if period == "2026" else ("so_hoa_10_cot", "xlsx")
    planted = write_form(
        folder / f"so-hoa-{period}.{suffix}", PHU_THO, window_of(Period.parse(period)), layout=layout
    )
    if suffix == "xlsx":
        codes = {unit.name: unit.code for unit in planted.units}
        book = openpyxl.load_workbook(planted.path)
        for row in book.worksheets[0].iter_rows():
            code = codes.get(str(row[1].value))
            if period == "2026-10" and (code == UNTOLD or row[1].value in ("Cộng UBND cấp xã", "Tổng cộng")):
                row[6].value = None  # reused from the portal: not told, so not in the sums
            if names and code in names:
                row[1].value = names[code]
                row[1].data_type = "s"  # as text, whatever it begins with
        book.save(planted.path)
    assert office.hand_in(planted.path).state == "accepted"


def build(office: Office, period: str) -> Release:
    """Both sets of a report period, as drafts."""
    report_stages.open_duties(office.settings, office.clock)
    folders = []
    for number, name in enumerate(("so-hoa", "bao-cao"), start=1):
        job = {"province": "phu_tho", "period": period, "set": name, "stage": "final", "asked": True}
        assert release_stages.build_release(office.settings, job, office.clock)["release_id"]
        folders.append(office.settings.drafts_dir / "phu_tho" / period / str(number))
    return Release(period, *folders)


# In the order things happen: the running quarter and year are read on the day of their reports.
EVENTS = (
    (at(7, 14), read_portal, "2026-Q2"),
    (at(7, 15), hand_in, "2026-07"),
    (at(8, 15), hand_in, "2026-08"),
    (at(9, 14), read_portal, "2026-08"),
    (at(9, 15), hand_in, "2026-09"),
    (at(9, 16), read_portal, "2026-Q3"),
    (at(9, 17), build, "2026-Q3"),
    (at(10, 15), read_portal, "2026-09"),
    (at(10, 15, 9), hand_in, "2026-10"),
    (at(10, 16), build, "2026-10"),
    (at(10, 20), partial(read_portal, edit=restated), "2026-09"),
    (at(12, 15), read_portal, "2026"),
    (at(12, 15, 9), hand_in, "2026"),
    (at(12, 16), build, "2026"),
)


@pytest.fixture(scope="module")
def office(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("numbers")
    with database(server) as url:
        office = Office(Settings(home=folder / "home", warehouse_url=url))
        for office.now, act, period in EVENTS:
            act(office, folder, period) if act is hand_in else act(office, period)
        yield office


def release_of(office: Office, period: str) -> Release:
    drafts = office.settings.drafts_dir / "phu_tho" / period
    return Release(period, drafts / "1", drafts / "2")


# --- the walk ---------------------------------------------------------------------------------------------------------

WHEN_MADE = -1


def walk(
    office: Office,
    release: Release,
    publication_no: int | None = WHEN_MADE,
    same: Callable[[str], str] = str,
) -> dict[str, Walk]:
    """File → every figure of it held against the mart's, as known when the release was made (None: now).

    ``same`` takes out of names what formats write differently.
    """
    told = json.loads((release.report / "manifest.json").read_text(encoding="utf-8"))
    period, report = Period.parse(release.period), release.report
    known = told["publication_no"] if publication_no == WHEN_MADE else publication_no
    with as_known(office.warehouse, known) as connection:
        mart = Mart(connection, CODE, told["portal_period"], window_of(period)).tables()
    titles = dict(GROUPS) | {"TOTAL": "Tổng điểm"}
    of_form = mart | {"chart_totals": mart["digitization_totals"]}
    of_appendix = mart | {
        "groups": [one for one in mart["groups"] if one.key != ("TOTAL",)],
        "headline": sentences_of(mart),
    }
    of_page = mart | {
        "groups": renamed(mart["groups"], titles),
        "trend": [
            Line((label[0].upper() + label[1:],), one.values)
            for one in without_gaps(mart["trend"])
            for label in (Period.parse(one.key[0]).label_vi,)
        ],
        "digitization_sums": [one for one in mart["digitization_totals"] if one.key != ("ALL",)],
    }
    of_data = {
        "chi_so_don_vi": mart["own"] + mart["units"],
        "chi_so_thanh_phan": mart["components"],
        "xep_hang_tinh": mart["ranking"],
        "so_hoa": mart["digitization"],
        "so_hoa_khoi": mart["digitization_totals"],
        "xu_huong": mart["trend"],
    }
    assert set(of_data) == set(OPEN_DATA)
    pairs: list[tuple[Path, Tables, Tables]] = [
        (path, expected, read(path))
        for path, expected, read in (
            (release.form / f"bieu-so-hoa-{period.id}.xlsx", of_form, read_form),
            (report / f"phu-luc-{period.id}.xlsx", of_appendix, read_appendix),
            (report / f"bao-cao-{period.id}.docx", letter_of(mart), read_letter),
            (report / f"cong-khai-{period.id}.html", of_page, read_page),
        )
    ]
    for name, expected in of_data.items():
        path = report / "du-lieu-mo" / name
        pairs.append(
            (path.with_suffix(".csv"), {name: expected}, {name: read_csv_table(path.with_suffix(".csv"))})
        )
        pairs.append(
            (path.with_suffix(".json"), {name: expected}, {name: read_json_table(path.with_suffix(".json"))})
        )
    walked: dict[str, Walk] = {}
    for path, expected_tables, found in pairs:
        one = walked[path.name] = Walk()
        for name, lines in found.items():
            one += compare(
                f"{path.name}, {name}", *(_as_named(same, each) for each in (expected_tables[name], lines))
            )
    return walked


def _as_named(same: Callable[[str], str], lines: Sequence[Line]) -> list[Line]:
    return [Line(tuple(map(same, line.key)), line.values, line.places) for line in lines]


def differences(walked: Mapping[str, Walk]) -> list[Difference]:
    return [one for file in walked.values() for one in file.differences]


# What a month of Phú Thọ has at the least: 127 units, 34 provinces, 17 components a unit.
LEAST = {
    "bieu-so-hoa": 3_000,
    "phu-luc": 1_400,
    "bao-cao": 45,
    "cong-khai": 2_600,
    "chi_so_don_vi.csv": 1_300,
    "chi_so_don_vi.json": 1_300,
    "chi_so_thanh_phan.csv": 14_000,
    "chi_so_thanh_phan.json": 14_000,
    "xep_hang_tinh.csv": 102,
    "xep_hang_tinh.json": 102,
    "so_hoa.csv": 1_500,
    "so_hoa.json": 1_500,
    "so_hoa_khoi.csv": 42,
    "so_hoa_khoi.json": 42,
    "xu_huong.csv": 7,
    "xu_huong.json": 7,
}
WITH_BLANKS = ("bieu-so-hoa", "phu-luc", "cong-khai", "chi_so_don_vi", "chi_so_thanh_phan", "so_hoa.")


@pytest.mark.parametrize("period", ["2026-10", "2026-Q3", "2026"])
def test_every_number_of_a_release_is_the_marts_in_every_format(office: Office, period: str) -> None:
    walked = walk(office, release_of(office, period))
    assert differences(walked) == []
    assert len(walked) == len(LEAST)
    for name, one in walked.items():
        assert one.compared >= next(least for begins, least in LEAST.items() if name.startswith(begins)), name
        assert one.blank or not name.startswith(WITH_BLANKS), f"{name} has no blank figure to tell from 0"


def test_a_unit_without_a_group_has_no_total_and_no_rank_anywhere(office: Office) -> None:
    """The one blank that a sum would turn into a number."""
    report = release_of(office, "2026-10").report
    (line,) = [
        one
        for one in read_csv_table(report / "du-lieu-mo" / "chi_so_don_vi.csv")
        if one.values["unit_code"] == UNSCORED
    ]
    blank = {"tttt", "total", "rank_in_block", "total_change", "rank_change"}
    assert {name for name, value in line.values.items() if value is None} == blank
    for tables in (
        read_page(report / "cong-khai-2026-10.html"),
        read_appendix(report / "phu-luc-2026-10.xlsx"),
        {"units": read_json_table(report / "du-lieu-mo" / "chi_so_don_vi.json")},
    ):
        (same,) = [one for one in tables["units"] if one.key == line.key]
        assert {name for name, value in same.values.items() if value is None} == blank


def test_a_release_says_what_was_known_then_and_not_what_is_known_now(office: Office) -> None:
    """The portal restated September after October's report: the release stands, the walk against today's mart does not."""
    now = walk(office, release_of(office, "2026-10"), None)
    units = [one for one in now["chi_so_don_vi.csv"].differences if one.place.endswith(", mdhl")]
    assert len(units) > 100
    assert all(one.expected == Decimal(str(one.found)) - Decimal("0.25") for one in units)
    assert now["so_hoa.csv"].differences == []  # no form was handed in again


# --- the walk itself is looked at -------------------------------------------------------------------------------------


def test_the_walk_names_exactly_the_cells_that_were_altered(office: Office, tmp_path: Path) -> None:
    release = release_of(office, "2026-10").copied(tmp_path)
    before = Counter(differences(walk(office, release)))
    altered = [
        *_in_workbooks(release),
        *_in_letter(release.report / "bao-cao-2026-10.docx"),
        *_in_page(release.report / "cong-khai-2026-10.html"),
        *_in_open_data(release.report / "du-lieu-mo"),
    ]
    assert len(altered) == 9
    assert Counter(differences(walk(office, release))) - before == Counter(altered)


def _in_workbooks(release: Release) -> Iterator[Difference]:
    """A score one hundredth higher; a blank total made 0; a dossier more in the form."""
    for path, wanted in (
        (
            release.report / "phu-luc-2026-10.xlsx",
            (("units", "mdsh", Decimal("0.01")), ("units", "total", None)),
        ),
        (release.form / "bieu-so-hoa-2026-10.xlsx", (("digitization", "received", Decimal(1)),)),
    ):
        tables = (read_form if "so-hoa" in path.name else read_appendix)(path)
        book = openpyxl.load_workbook(path)
        for name, field, more in wanted:
            line = next(
                one
                for one in tables[name]
                if one.key[0] == "commune" and (one.values[field] is None) == (more is None)
            )
            old = line.values[field]
            new = Decimal(0) if more is None else Decimal(str(old)) + more
            sheet, cell = re.fullmatch(r".* '(.*)'!([A-Z]+\d+)", line.places[field]).groups()  # type: ignore[union-attr]
            book[sheet][cell].value = float(new)
            yield Difference(line.places[field], old, new)
        book.save(path)


def _in_letter(path: Path) -> Iterator[Difference]:
    line = read_letter(path)["groups"][2]
    document = docx.Document(str(path))
    place = line.places["score"]
    table, row, column = map(int, re.findall(r"(?:table|row|column) (\d+)", place))
    document.tables[table - 1].cell(row - 1, column - 1).text = "9,99"
    document.save(str(path))
    yield Difference(place, line.values["score"], "9,99")


def _in_page(path: Path) -> Iterator[Difference]:
    """A score altered altogether, and one whose text alone says something else."""
    text = path.read_text(encoding="utf-8")
    communes = [
        one for one in read_page(path)["units"] if one.key[0] == "commune" and one.values["total"] is not None
    ]
    for line, both in ((communes[0], True), (communes[1], False)):
        (row,) = re.findall(rf'<tr data-unit="{re.escape("|".join(line.key))}">.*?</tr>', text)[:1]
        old = line.values["mdsh"]
        assert isinstance(old, Decimal)
        cell = f'data-value="{old}">{vietnamese(old)}<'
        assert row.count(cell) == 1
        other = f'data-value="{old + 1 if both else old}">{vietnamese(old + 1)}<'
        text = text.replace(row, row.replace(cell, other))
        yield Difference(line.places["mdsh"], old, old + 1 if both else vietnamese(old + 1))
    path.write_text(text, encoding="utf-8")


def _in_open_data(folder: Path) -> Iterator[Difference]:
    """A numerator altered, a province left out, a null made 0."""
    path = folder / "chi_so_thanh_phan.csv"
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    place = rows[0].index("numerator")
    at_row = next(
        number for number, row in enumerate(rows[1:], start=1) if row[0] == CODE and row[place].isdecimal()
    )
    old = Decimal(rows[at_row][place])
    rows[at_row][place] = str(old + 1)
    _write_csv(path, rows)
    yield Difference(f"{path.name} line {at_row + 1}, numerator", old, old + 1)
    path = folder / "xep_hang_tinh.csv"
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))
    gone = rows.pop()[rows[0].index("province_name")]
    _write_csv(path, rows)
    yield Difference(f"{path.name}, {path.stem} {gone}", "a line", None)
    path = folder / "so_hoa.json"
    records = json.loads(path.read_text(encoding="utf-8"))
    (number,) = [number for number, one in enumerate(records) if one["unit_code"] == UNTOLD]
    assert records[number]["reused_from_portal"] is None
    records[number]["reused_from_portal"] = 0
    path.write_text(json.dumps(records), encoding="utf-8")
    yield Difference(f"{path.name} record {number}, reused_from_portal", None, Decimal(0))


def _write_csv(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)


# --- names that would like to be more ---------------------------------------------------------------------------------

HOSTILE = (
    '=HYPERLINK("http://x.example/","bấm")',
    '<script>alert("1")</script><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% for x in y %}{{ x }}{% endfor %}",
    '{ HYPERLINK "http://x.example/" } { INCLUDETEXT "C:\\\\a" }',
    "Sở \u202eđảo ngược\u202c \u2066ẩn\u2069",
    "+1-2@SUM(A1)|' /C calc'!A0",
    "]]></w:t> &amp; <w:p/><!-- x",
)


@pytest.fixture(scope="module")
def renamed_units(office: Office, tmp_path_factory: pytest.TempPathFactory) -> tuple[Release, dict[str, str]]:
    """The report of January 2027, when the portal gave every department a hostile name; names by unit code."""
    names: dict[str, str] = {}

    def rename(endpoint: str, data: dict[str, Any]) -> None:
        for place in ("evaluation", "children"):
            for unit in data.get(place) or []:
                old = unit.get("departmentName") or ""
                if not old.startswith("UBND"):
                    new = names.setdefault(old, f"{HOSTILE[len(names) % len(HOSTILE)]} {len(names)}")
                    unit["departmentName"] = new

    office.now = at(1, 10, year=2027)
    read_portal(office, "2026-12", rename)
    codes = dict(
        office.ask(
            "SELECT unit_code, unit_name FROM mart.unit_scorecard WHERE province_code = %s AND period_id = '2026-12'"
            " AND block = 'department'",
            CODE,
        )
    )
    assert sum(name in names.values() for name in codes.values()) > len(HOSTILE)
    office.now = at(1, 15, 9, year=2027)
    hand_in(office, tmp_path_factory.mktemp("renamed"), "2027-01", codes)
    office.now = at(1, 16, year=2027)
    return build(office, "2027-01"), codes


def test_hostile_names_become_text_in_every_format(
    office: Office, renamed_units: tuple[Release, dict[str, str]]
) -> None:
    release, codes = renamed_units
    names = [name for name in codes.values() if any(name.startswith(one) for one in HOSTILE)]
    walked = walk(office, release, same=bare)
    assert differences(walked) == []
    assert sum(one.compared for one in walked.values()) > 40_000
    assert active(release) == []
    shown = text_of(release)
    for file in (
        "bieu-so-hoa-2027-01.xlsx",
        "phu-luc-2027-01.xlsx",
        "cong-khai-2027-01.html",
        "chi_so_don_vi.csv",
    ):
        lacking = [name for name in names if bare(name) not in shown[file]]
        assert not lacking, f"{file} does not show {lacking}"
    letter = shown["bao-cao-2027-01.docx"]
    assert any(bare(name) in letter for name in names), "the letter names none of them"
    records = json.loads((release.report / "du-lieu-mo" / "chi_so_don_vi.json").read_text(encoding="utf-8"))
    assert set(names) <= {one["unit_name"] for one in records}  # JSON keeps them to the letter


def test_what_would_be_active_is_seen(office: Office, tmp_path: Path) -> None:
    """One of each kind planted into a copy."""
    release = release_of(office, "2026-10").copied(tmp_path)
    assert active(release) == []
    appendix = release.report / "phu-luc-2026-10.xlsx"
    book = openpyxl.load_workbook(appendix)
    book["Cấp xã"]["B9"] = "=1+1"
    book["Cấp xã"]["B10"].hyperlink = "http://x.example/"
    book.save(appendix)
    letter = release.report / "bao-cao-2026-10.docx"
    document = docx.Document(str(letter))
    document.paragraphs[3].add_run("\u202e")
    document.part.relate_to("http://x.example/", "http://x.example/hyperlink", is_external=True)
    document.save(str(letter))
    page = release.report / "cong-khai-2026-10.html"
    text = page.read_text(encoding="utf-8").replace(
        "<main", '<img src="x" onerror="x"><a href="http://x.example/">x</a><main'
    )
    page.write_text(text, encoding="utf-8")
    table = release.report / "du-lieu-mo" / "xu_huong.csv"
    table.write_text(table.read_text(encoding="utf-8") + "=1+1,2\r\n", encoding="utf-8")
    assert sorted(active(release)) == sorted(
        [
            "phu-luc-2026-10.xlsx: a formula in B9",
            "phu-luc-2026-10.xlsx: a reference outside",
            "bao-cao-2026-10.docx: a reference outside",
            "bao-cao-2026-10.docx: a direction mark",
            "cong-khai-2026-10.html: <img>",
            "cong-khai-2026-10.html: onerror in <img>",
            "cong-khai-2026-10.html: a link to http://x.example/",
            "xu_huong.csv: a cell begins =1+1",
        ]
    )
