"""What is owed, to whom and by when: the duties file, and a year of it for a province."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.cli_periods import duties_table, reports_table, show_periods
from etl.duties import DUTIES_FILE, Duty, DutyDue, duties_file, load_duties, owed
from etl.errors import Terminal, UnknownName
from etl.periods import VIETNAM, Period, is_working_day, window_of
from etl.reference.provinces import find_province
from etl.settings import Settings

YEARS = st.integers(2020, 2040)
KINDS = ("month", "quarter", "half", "year")
BRVT, PHU_THO, HCM = (find_province(name) for name in ("ba_ria_vung_tau", "phu_tho", "ho_chi_minh"))


def with_halves() -> tuple[Duty, ...]:
    return tuple(
        duty.model_copy(update={"kinds": duty.kinds.model_copy(update={"half": True})})
        for duty in load_duties()
    )


def of(found: tuple[DutyDue, ...], period: str, duty: str = "D1") -> DutyDue:
    (one,) = [due for due in found if (due.duty.id, due.period.id) == (duty, period)]
    return one


# --- the calendar of a year -----------------------------------------------------------------------


def test_the_letters_four_duties_are_owed_seventeen_times_a_year() -> None:
    found = owed(None, 2026)
    assert Counter((due.duty.id, due.period.kind) for due in found) == {
        (duty, kind): count
        for duty in ("D1", "D2", "D3", "D4")
        for kind, count in (("month", 12), ("quarter", 4), ("year", 1))
    }
    assert len({(due.duty.id, due.period.id) for due in found}) == len(found) == 68


def test_all_sixty_months_of_the_list_agree(shared_folder: Path) -> None:
    with (shared_folder / "domain" / "deadlines_2023_2027.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 60
    kinds = {"monthly": "month", "quarterly": "quarter", "annual": "year"}
    year = {year: owed(None, year) for year in range(2023, 2028)}
    for row in rows:
        eighteenth = date.fromisoformat(row["the_18th"])
        due_at = datetime.combine(eighteenth - timedelta(days=1), time(23, 59, 59), VIETNAM)
        found = [due for due in year[eighteenth.year] if due.due_at == due_at]
        assert {due.target_day.isoformat() for due in found} == {row["last_working_day_before_18th"]}, row
        assert {(due.duty.id, due.period.kind) for due in found} == {
            (duty, kinds[scope]) for duty in ("D1", "D2", "D3", "D4") for scope in row["scopes"].split("+")
        }, row
    assert sum(map(len, year.values())) == 60 * 4 + 20 * 4 + 5 * 4


@given(YEARS)
@settings(max_examples=21, deadline=None)
def test_what_holds_in_every_year(year: int) -> None:
    found = owed(None, year, duties=with_halves())
    assert Counter(due.period.kind for due in found if due.duty.id == "D1") == {
        "month": 12, "quarter": 4, "half": 2, "year": 1,
    }  # fmt: skip
    for due in found:
        assert due.due_at.utcoffset() == timedelta(hours=7)
        assert (due.due_at.month, due.due_at.day) == (due.period.last_month, 17)
        assert due.due_at.time() == time(23, 59, 59)
        assert datetime.combine(due.target_day, time(), VIETNAM) < due.due_at
        assert is_working_day(due.target_day)
        following = due.target_day + timedelta(days=1)
        while following < date(year, due.period.last_month, 18):
            assert not is_working_day(following)
            following += timedelta(days=1)
        assert due.cut_off == due.window.ends_at
        assert (due.preliminary_at is not None) == (due.target_day <= due.window.last)
        if due.preliminary_at is not None:
            assert due.preliminary_at == datetime.combine(due.target_day, time(4, 30), VIETNAM)
            assert due.preliminary_at < due.cut_off
        assert due.final_at == due.cut_off + timedelta(hours=4, minutes=30)
        assert due.cut_off < due.final_at < due.due_at


@given(YEARS)
@settings(max_examples=21, deadline=None)
def test_the_windows_of_months_tile_and_longer_windows_are_their_months(year: int) -> None:
    windows = {
        due.period.id: due.window for due in owed(None, year, duties=with_halves()) if due.duty.id == "D3"
    }
    months = [windows[f"{year}-{month:02d}"] for month in range(1, 13)]
    assert all(before.last + timedelta(days=1) == after.first for before, after in pairwise(months))
    (january,) = [
        due for due in owed(None, year + 1) if (due.duty.id, due.period.id) == ("D3", f"{year + 1}-01")
    ]
    assert months[-1].last + timedelta(days=1) == january.window.first
    for quarter in range(4):
        own = windows[f"{year}-Q{quarter + 1}"]
        assert (own.first, own.last) == (months[3 * quarter].first, months[3 * quarter + 2].last)
        assert own.days == sum(window.days for window in months[3 * quarter : 3 * quarter + 3])
    for half, quarters in (("H1", ("Q1", "Q2")), ("H2", ("Q3", "Q4"))):
        own = windows[f"{year}-{half}"]
        assert own.days == sum(windows[f"{year}-{quarter}"].days for quarter in quarters)
    own = windows[str(year)]
    assert (own.first, own.last) == (windows[f"{year}-Q1"].first, windows[f"{year}-Q4"].last)
    assert own.days == sum(windows[f"{year}-Q{quarter}"].days for quarter in (1, 2, 3, 4)) in (365, 366)


@given(YEARS)
@settings(max_examples=21, deadline=None)
def test_december_owes_all_three_kinds_and_everything_is_in_order(year: int) -> None:
    found = owed(None, year)
    december = [due for due in found if due.due_at.month == 12]
    assert [(due.period.id, due.duty.id) for due in december] == [
        (period, duty)
        for period in (f"{year}-12", f"{year}-Q4", str(year))
        for duty in ("D1", "D2", "D3", "D4")
    ]
    assert len({(due.target_day, due.due_at, due.final_at) for due in december}) == 1
    assert [due.due_at for due in found] == sorted(due.due_at for due in found)
    by_month = defaultdict(set)
    for due in found:
        by_month[due.due_at.month].add(due.period.kind)
    assert {month: sorted(kinds) for month, kinds in by_month.items()} == {
        month: ["month", "quarter", "year"]
        if month == 12
        else ["month", "quarter"]
        if month % 3 == 0
        else ["month"]
        for month in range(1, 13)
    }


@given(YEARS, st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_an_announced_swap_of_working_days_moves_the_target(year: int, month: int) -> None:
    plain = of(owed(None, year), f"{year}-{month:02d}")
    seventeenth = date(year, month, 17)
    off = {plain.target_day: "off"}
    moved = of(owed(None, year, off), plain.period.id)
    assert moved.target_day < plain.target_day
    assert moved.due_at == plain.due_at, "the letter's day does not move"
    assert (moved.preliminary_at is not None) == (moved.target_day <= moved.window.last)
    assert of(owed(None, year, {seventeenth: "working"}), plain.period.id).target_day == seventeenth


def test_february_2026_has_a_preliminary_run_on_friday_the_13th_and_a_final_one_on_the_15th() -> None:
    for duty in ("D1", "D2", "D3", "D4"):
        february = of(owed(PHU_THO, 2026), "2026-02", duty)
        assert february.target_day == date(2026, 2, 13)
        assert february.cut_off == datetime(2026, 2, 15, 0, 0, tzinfo=VIETNAM)
        assert february.preliminary_at == datetime(2026, 2, 13, 4, 30, tzinfo=VIETNAM)
        assert february.final_at == datetime(2026, 2, 15, 4, 30, tzinfo=VIETNAM)
        assert february.due_at == datetime(2026, 2, 17, 23, 59, 59, tzinfo=VIETNAM)
    others = [due for due in owed(PHU_THO, 2026) if due.period.id != "2026-02"]
    assert {due.preliminary_at for due in others} == {None}


def test_inputs_name_their_days_in_their_own_calendar() -> None:
    found = owed(PHU_THO, 2026)
    form = of(found, "2026-09")
    assert [(one.source, one.period.id, one.required) for one in form.inputs] == [
        ("digitization", "2026-09", True),
        ("national_portal", "2026-08", False),
    ]
    assert form.inputs[0].window == window_of(Period.parse("2026-09"), "administrative") == form.window
    assert form.inputs[1].window == window_of(Period.parse("2026-08"), "calendar")
    (appendix,) = of(found, "2026-09", "D3").inputs
    assert (appendix.period.id, appendix.required) == ("2026-08", True), "May's appendix shows April"
    for period in ("2026-Q3", "2026"):
        due = of(found, period, "D3")
        assert due.portal_period == due.inputs[0].period == due.period
        assert not due.inputs[0].window.has_ended(due.due_at), "the portal's quarter and year still run"
    assert of(found, "2026-01", "D3").portal_period == Period.parse("2025-12")


# --- a province's life ----------------------------------------------------------------------------


def test_a_merged_province_owes_what_falls_due_while_it_exists() -> None:
    assert len(owed(BRVT, 2023)) == len(owed(BRVT, 2024)) == 68
    last = owed(BRVT, 2025)
    assert [due.period.id for due in last if due.duty.id == "D1"] == [
        "2025-01", "2025-02", "2025-03", "2025-Q1", "2025-04", "2025-05", "2025-06", "2025-Q2",
    ]  # fmt: skip
    assert max(due.due_at for due in last).date() == date(2025, 6, 17)
    assert owed(BRVT, 2022) == owed(BRVT, 2026) == ()
    assert {due.province_code for due in last} == {"H06"}


def test_the_successor_owes_the_rest_and_says_what_begins_before_its_own_figures() -> None:
    found = owed(HCM, 2025)
    assert [due.period.id for due in found if due.duty.id == "D1"] == [
        "2025-07", "2025-08", "2025-09", "2025-Q3", "2025-10", "2025-11", "2025-12", "2025-Q4", "2025",
    ]  # fmt: skip
    assert {due.period.id for due in found if due.before_series} == {"2025-07", "2025-Q3", "2025"}
    assert not any(due.before_series for due in owed(HCM, 2026))
    both = [due.period.id for due in (*owed(BRVT, 2025), *found) if due.duty.id == "D3"]
    assert sorted(both) == sorted(due.period.id for due in owed(None, 2025) if due.duty.id == "D3")


@given(st.dates(date(2020, 1, 1), date(2040, 12, 31)), st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_nothing_is_owed_before_or_after_a_provinces_life_and_nothing_within_is_missed(
    born: date, days: int
) -> None:
    province = BRVT.model_copy(update={"valid_from": born, "valid_to": born + timedelta(days=days)})
    for year in {born.year, (born + timedelta(days=days)).year}:
        own = {(due.duty.id, due.period.id) for due in owed(province, year)}
        expected = {
            (due.duty.id, due.period.id)
            for due in owed(None, year)
            if born <= due.due_at.date() <= born + timedelta(days=days)
        }
        assert own == expected


# --- the file -------------------------------------------------------------------------------------


def test_the_letters_file_says_who_owes_what_to_whom() -> None:
    duties = {duty.id: duty for duty in load_duties()}
    assert list(duties) == ["D1", "D2", "D3", "D4"]
    assert [duty.product for duty in duties.values()] == [
        "digitization_form", "report_letter", "appendix_workbook", "publication_copy",
    ]  # fmt: skip
    assert (duties["D1"].from_vi, duties["D1"].to_vi) == (
        "Sở Thông tin và Truyền thông",
        "Văn phòng UBND tỉnh",
    )
    for duty in duties.values():
        assert [kind for kind in KINDS if duty.owed_for(kind)] == ["month", "quarter", "year"]
        assert (duty.sign_off, duty.run_at) == (True, time(4, 30))
        assert all(basis.strip() for basis in duty.legal_basis)
    assert [duty.id for duty in duties.values() if duty.go_ahead_incomplete] == ["D1", "D2"]


def written(tmp_path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    document = yaml.safe_load(DUTIES_FILE.read_text(encoding="utf-8"))
    change(document)
    path = tmp_path / "duties.yml"
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return path


def set_key(*keys: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document["duties"]
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


def test_an_office_with_other_orders_puts_its_own_file_beside_its_figures(tmp_path: Path) -> None:
    assert duties_file(tmp_path) == DUTIES_FILE

    def orders(document: dict[str, Any]) -> None:
        form, letter = document["duties"][:2]
        form["kinds"]["half"] = True
        letter |= {
            "due": {"last_second_before": 26},
            "target": {"last_working_day_before": 20},
            "run_at": "17:30",
        }
        document["duties"] = [letter, form]

    path = written(tmp_path, orders)
    assert duties_file(tmp_path) == path
    duties = load_duties(path)
    found = owed(None, 2026, duties=duties)
    assert Counter(due.duty.id for due in found) == {"D1": 19, "D2": 17}
    letter = of(found, "2026-09", "D2")
    assert (letter.target_day, letter.due_at) == (
        date(2026, 9, 18), datetime(2026, 9, 25, 23, 59, 59, tzinfo=VIETNAM),
    )  # fmt: skip
    assert letter.final_at == datetime(2026, 9, 15, 17, 30, tzinfo=VIETNAM)
    assert of(found, "2026-H1").due_at.date() == date(2026, 6, 17)
    assert of(found, "2026-H1").window.first == date(2025, 12, 15)
    assert [due.due_at for due in found] == sorted(due.due_at for due in found)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (set_key(0, "due", "last_second_before", value=15), "D1.due.last_second_before"),
        (set_key(0, "due", "last_second_before", value=29), "D1.due.last_second_before"),
        (set_key(1, "due", "last_second_before", value="18"), "D2.due.last_second_before"),
        (
            set_key(0, "target", "last_working_day_before", value=20),
            "D1: Value error, the target day may fall",
        ),
        (set_key(2, "kinds", "month", value="maybe"), "D3.kinds.month"),
        (set_key(2, "kinds", "week", value=True), "D3.kinds.week"),
        (set_key(0, "inputs", 0, "source", value="fax"), "D1.inputs.0.source"),
        (set_key(0, "inputs", 0, "calendar", value="lunar"), "D1.inputs.0.calendar"),
        (
            set_key(0, "inputs", 1, "calendar", value="administrative"),
            "D1.inputs.1: Value error, the portal reckons",
        ),
        (set_key(0, "inputs", 1, "source", value="digitization"), "D1: Value error, a source is named twice"),
        (set_key(0, "inputs", 0, "required", value=False), "D1: Value error, at least one input"),
        (set_key(0, "inputs", 0, "period", "half", value="next"), "D1.inputs.0.period.half"),
        (set_key(0, "inputs", value=[]), "D1.inputs"),
        (set_key(3, "run_at", value=1050), "D4.run_at: write the hour in quotes"),
        (set_key(3, "run_at", value="25:00"), "D4.run_at"),
        (
            set_key(3, "run_at", value="04:30+07:00"),
            "D4: Value error, run_at and go_ahead_at are hours in Vietnam",
        ),
        (
            set_key(3, "go_ahead_at", value="14:00Z"),
            "D4: Value error, run_at and go_ahead_at are hours in Vietnam",
        ),
        (set_key(3, "go_ahead_at", value=840), "D4.go_ahead_at: write the hour in quotes"),
        (set_key(3, "read_from_day", value=16), "D4.read_from_day"),
        (set_key(3, "release_set", value="Báo cáo"), "D4.release_set"),
        (
            set_key(3, "sign_off", value=False),
            "D2, D3, D4 are released together (bao-cao): let sign_off be the same",
        ),
        (set_key(3, "product", value="fax"), "D4.product"),
        (set_key(3, "legal_basis", value=[]), "D4.legal_basis"),
        (set_key(1, "name_vi", value=""), "D2.name_vi"),
        (set_key(1, "colour", value="red"), "D2.colour"),
        (set_key(1, "id", value="d 2"), "d 2.id"),
        (set_key(1, "id", value="D1"), "names D1 more than once"),
        (lambda document: document["duties"][1].pop("id"), "duty 2.id"),
        (lambda document: document["duties"][1].pop("sign_off"), "D2.sign_off"),
        (lambda document: document.update(duties=[]), "duties:"),
        (lambda document: document.update(duties=["D1"]), "duty 1"),
        (lambda document: document.update(duty=1), "duty:"),
    ],
)
def test_what_cannot_be_used_is_refused_with_file_duty_and_key(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], key: str
) -> None:
    path = written(tmp_path, change)
    with pytest.raises(Terminal, match=re.escape(key)) as caught:
        load_duties(path)
    assert str(path) in caught.value.message
    assert "etl/duties.yml" in caught.value.remedy


@pytest.mark.parametrize("content", [b"duties: [", b"\xff\xfe\x00", b"", b"- D1", b"duties: {D1: 2}"])
def test_a_file_that_is_no_list_of_duties_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "duties.yml"
    path.write_bytes(content)
    with pytest.raises(Terminal, match="duties file") as caught:
        load_duties(path)
    assert str(path) in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match=r"absent\.yml cannot be read"):
        load_duties(tmp_path / "absent.yml")


# --- at the terminal ------------------------------------------------------------------------------


def printed(tmp_path: Path, year: int, province: str | None = None) -> list[str]:
    from io import StringIO

    from rich.console import Console

    text = StringIO()
    show_periods(
        Settings(home=tmp_path / "home"), year, province, Console(file=text, width=160, highlight=False)
    )
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_the_year_is_printed_report_by_report_and_the_duties_below(tmp_path: Path) -> None:
    lines = printed(tmp_path, 2026)
    end = lines.index("")
    assert len(lines[:end]) == 1 + 17
    (february,) = [line for line in lines if line.startswith("2026-02")]
    for words in ("Fri 2026-02-13", "2026-02-17 23:59:59", "2026-02-15 04:30", "D1 D2 D3 D4", "preliminary"):
        assert words in february
    assert [line[:2] for line in lines[end + 2 :] if line[:1] == "D"] == ["D1", "D2", "D3", "D4"]
    assert all("12 × month, 4 × quarter, 1 × year" in line for line in lines[end + 2 :] if line[:1] == "D")
    assert not (tmp_path / "home").exists(), "looking at the calendar writes nothing"


def test_a_provinces_own_year_is_printed_and_an_empty_one_said(tmp_path: Path) -> None:
    lines = printed(tmp_path, 2025, "ba_ria_vung_tau")
    assert [line[:7] for line in lines[1 : lines.index("")]] == [
        "2025-01", "2025-02", "2025-03", "2025-Q1", "2025-04", "2025-05", "2025-06", "2025-Q2",
    ]  # fmt: skip
    assert "begins before the province's own figures" in printed(tmp_path, 2025, "H29")[1]
    assert printed(tmp_path, 2026, "H06") == [
        "tỉnh Bà Rịa - Vũng Tàu (2023-01-01 to 2025-06-30) owes nothing in 2026"
    ]
    with pytest.raises(UnknownName):
        printed(tmp_path, 2026, "atlantis")
    with pytest.raises(UnknownName, match="out of range"):
        printed(tmp_path, 99)


def test_duties_with_dates_of_their_own_get_a_line_of_their_own(tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        set_key(1, "due", "last_second_before", value=26)(document)
        set_key(1, "release_set", value="bao-cao-rieng")(document)  # what leaves together is due together

    path = written(tmp_path, change)
    duties = load_duties(path)
    found = owed(None, 2026, duties=duties)
    assert reports_table(found).row_count == 2 * 17
    assert duties_table(duties, found).row_count == 4


def test_inputs_are_waited_for_until_the_afternoon_of_the_target_day_but_never_less_than_the_final_run() -> (
    None
):
    """Friday 16 October 2026 is a target day after the cut-off; Friday 13 February 2026 comes before it."""
    due = {(one.duty.id, one.period.id): one for one in owed(None, 2026)}
    october, february = due["D2", "2026-10"], due["D2", "2026-02"]
    assert october.go_ahead_at == datetime(2026, 10, 16, 14, 0, tzinfo=VIETNAM)
    assert october.read_from == date(2026, 10, 10)
    assert february.preliminary_go_ahead_at == datetime(2026, 2, 13, 14, 0, tzinfo=VIETNAM)
    assert february.go_ahead_at == february.final_at == datetime(2026, 2, 15, 4, 30, tzinfo=VIETNAM)
