"""Periods and the two calendars."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, time, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import UnknownName
from etl.periods import (
    VIETNAM,
    Period,
    is_working_day,
    periods_of_year,
    report_calendar,
    reports_of_year,
    working_day_before,
)

YEARS = st.integers(2020, 2040)
HOW_MANY = {"month": 12, "quarter": 4, "half": 2, "year": 1}


@st.composite
def periods(draw: st.DrawFn) -> Period:
    kind = draw(st.sampled_from(sorted(HOW_MANY)))
    return Period(kind, draw(YEARS), draw(st.integers(1, HOW_MANY[kind])))


@given(periods())
def test_an_id_reads_back_as_the_period_it_names(period: Period) -> None:
    assert Period.parse(period.id) == period
    assert Period.parse(f"  {period.id}\n") == period
    assert str(period) == period.id


@given(periods())
def test_the_previous_period_ends_the_day_before_this_one_begins(period: Period) -> None:
    before = period.previous()
    assert before.kind == period.kind
    assert before.last_day + timedelta(days=1) == period.first_day
    assert before < period


@given(periods(), periods())
def test_periods_are_in_the_order_of_their_days(one: Period, two: Period) -> None:
    assert (one < two) == ((one.first_day, one.last_day) < (two.first_day, two.last_day))
    assert (one == two) == (one.id == two.id)
    if one.kind == two.kind and one != two:
        assert (one < two) == (one.last_day < two.last_day)


@given(periods())
def test_a_period_is_the_months_it_spans(period: Period) -> None:
    months = period.months()
    assert len(months) == 12 // HOW_MANY[period.kind]
    assert (months[0].first_day, months[-1].last_day) == (period.first_day, period.last_day)
    assert sorted(months) == months


@pytest.mark.parametrize(
    ("text", "kind", "year", "number", "first", "last", "label"),
    [
        ("2026-08", "month", 2026, 8, "2026-08-01", "2026-08-31", "tháng 8/2026"),
        ("2024-02", "month", 2024, 2, "2024-02-01", "2024-02-29", "tháng 2/2024"),
        ("2026-Q3", "quarter", 2026, 3, "2026-07-01", "2026-09-30", "quý III/2026"),
        ("2023-Q1", "quarter", 2023, 1, "2023-01-01", "2023-03-31", "quý I/2023"),
        ("2026-Q4", "quarter", 2026, 4, "2026-10-01", "2026-12-31", "quý IV/2026"),
        ("2026-H1", "half", 2026, 1, "2026-01-01", "2026-06-30", "6 tháng đầu năm 2026"),
        ("2026-H2", "half", 2026, 2, "2026-07-01", "2026-12-31", "6 tháng cuối năm 2026"),
        ("2026", "year", 2026, 1, "2026-01-01", "2026-12-31", "năm 2026"),
    ],
)
def test_ids_days_and_labels(
    text: str, kind: str, year: int, number: int, first: str, last: str, label: str
) -> None:
    period = Period.parse(text)
    assert (period.kind, period.year, period.number) == (kind, year, number)
    assert (period.first_day.isoformat(), period.last_day.isoformat()) == (first, last)
    assert period.label_vi == label


@pytest.mark.parametrize(
    "text",
    ["", "2026-8", "2026-13", "2026-00", "2026-Q0", "2026-Q5", "2026-H3", "2026-H0", "26-08", "2026-08-01"]
    + ["2026Q3", "2026-q3", "08/2026", "1999", "2101", "2026-", "tháng 8", "2026-08\n2026-09", "None"],
)
def test_what_is_no_period_is_refused_with_examples(text: str) -> None:
    with pytest.raises(UnknownName) as caught:
        Period.parse(text)
    assert caught.value.exit_code == 2
    assert caught.value.remedy


@pytest.mark.parametrize(("kind", "number"), [("week", 1), ("month", 13), ("quarter", 0), ("year", 2)])
def test_a_period_that_cannot_be_is_refused(kind: str, number: int) -> None:
    with pytest.raises(UnknownName, match=f"no {kind} {number}"):
        Period(kind, 2026, number)


@given(YEARS)
def test_a_years_periods_come_in_the_order_they_end_the_shorter_first(year: int) -> None:
    found = periods_of_year(year)
    assert len(found) == len(set(found)) == sum(HOW_MANY.values())
    assert [period.last_day for period in found] == sorted(period.last_day for period in found)
    assert [period.id for period in found[-4:]] == [f"{year}-12", f"{year}-Q4", f"{year}-H2", str(year)]


def test_january_follows_december_of_the_year_before() -> None:
    assert Period.parse("2026-01").previous().id == "2025-12"
    assert Period.parse("2026-Q1").previous().id == "2025-Q4"
    assert Period.parse("2026-H1").previous().id == "2025-H2"
    assert Period.parse("2026").previous().id == "2025"
    assert Period.parse("2026-09").previous().id == "2026-08"


def test_a_period_ends_at_midnight_in_vietnam() -> None:
    august = Period.parse("2026-08")
    midnight = datetime(2026, 9, 1, tzinfo=VIETNAM)
    assert august.ends_at == midnight == datetime(2026, 8, 31, 17, tzinfo=UTC)
    assert august.has_ended(midnight)
    assert not august.has_ended(midnight - timedelta(microseconds=1))
    # 23:30 UTC of 31 August is already September in Vietnam; 00:30 in Honolulu of 31 August is not
    assert august.has_ended(datetime(2026, 8, 31, 23, 30, tzinfo=UTC))
    assert not august.has_ended(datetime(2026, 8, 31, 0, 30, tzinfo=timezone(timedelta(hours=-10))))


# --- the letter's calendar ------------------------------------------------------------------------


@given(YEARS, st.integers(1, 12))
def test_the_target_is_the_last_working_day_before_the_18th(year: int, month: int) -> None:
    report = report_calendar(Period("month", year, month))
    eighteenth = date(year, month, 18)
    assert report.target_day < eighteenth
    assert report.target_day.weekday() < 5
    assert is_working_day(report.target_day)
    between = [report.target_day + timedelta(days=n) for n in range(1, (eighteenth - report.target_day).days)]
    assert not any(is_working_day(day) for day in between)
    # the longest holiday (Tết with its weekends) is shorter than a fortnight
    assert len(between) < 14


@given(periods())
def test_the_due_instant_is_the_last_second_of_the_17th_in_vietnam(period: Period) -> None:
    report = report_calendar(period)
    due = report.due_at
    assert (due.year, due.month, due.day) == (period.year, period.last_month, 17)
    assert (due.hour, due.minute, due.second) == (23, 59, 59)
    assert due.utcoffset() == timedelta(hours=7)
    assert report.target_day <= due.date()


@given(periods())
def test_windows_run_from_the_15th_to_the_14th_and_follow_on_without_a_gap(period: Period) -> None:
    report, before = report_calendar(period), report_calendar(period.previous())
    assert (report.window_first.day, report.window_last.day) == (15, 14)
    assert report.window_last.month == period.last_month
    assert before.window_last + timedelta(days=1) == report.window_first
    assert report.preliminary == (report.target_day <= report.window_last)
    assert report.cut_off == datetime.combine(report.window_last + timedelta(days=1), time(), VIETNAM)


def test_another_day_may_be_ordered_for_target_and_due() -> None:
    report = report_calendar(Period.parse("2026-09"), target_before=20, due_before=26)
    assert (report.target_day, report.due_at.date()) == (date(2026, 9, 18), date(2026, 9, 25))


@given(periods())
def test_a_month_stands_beside_the_portals_month_before_and_others_beside_themselves(period: Period) -> None:
    portal = report_calendar(period).portal_period
    assert portal == (period.previous() if period.kind == "month" else period)


def test_all_sixty_months_of_the_list_agree(shared_folder: Path) -> None:
    with (shared_folder / "domain" / "deadlines_2023_2027.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 60
    for row in rows:
        report = report_calendar(Period.parse(row["due_month"]))
        assert report.target_day.isoformat() == row["last_working_day_before_18th"], row
        eighteenth = date.fromisoformat(row["the_18th"])
        assert report.due_at.date() == eighteenth - timedelta(days=1)
        assert (eighteenth - report.target_day).days == int(row["days_before_18th"])
        kinds = {"monthly": "month", "quarterly": "quarter", "annual": "year"}
        expected = {kinds[scope] for scope in row["scopes"].split("+")}
        owed = [item for item in reports_of_year(eighteenth.year) if item.due_at == report.due_at]
        assert {item.period.kind for item in owed} == expected, row


def test_february_2026_is_due_before_its_window_closes() -> None:
    report = report_calendar(Period.parse("2026-02"))
    assert (report.target_day, report.window_last) == (date(2026, 2, 13), date(2026, 2, 14))
    assert report.preliminary
    assert report.portal_period.id == "2026-01"
    assert not report_calendar(Period.parse("2026-03")).preliminary


def test_december_owes_month_quarter_and_year_on_one_day() -> None:
    owed = [item for item in reports_of_year(2026) if item.due_at.month == 12]
    assert [item.period.id for item in owed] == ["2026-12", "2026-Q4", "2026"]
    assert len({item.target_day for item in owed}) == 1
    windows = {item.period.id: (item.window_first, item.window_last) for item in owed}
    assert windows == {
        "2026-12": (date(2026, 11, 15), date(2026, 12, 14)),
        "2026-Q4": (date(2026, 9, 15), date(2026, 12, 14)),
        "2026": (date(2025, 12, 15), date(2026, 12, 14)),
    }


def test_a_year_owes_seventeen_reports_in_the_order_they_fall_due() -> None:
    owed = reports_of_year(2026)
    kinds = [item.period.kind for item in owed]
    assert (kinds.count("month"), kinds.count("quarter"), kinds.count("year")) == (12, 4, 1)
    assert [item.due_at for item in owed] == sorted(item.due_at for item in owed)


def test_overrides_outrank_weekend_and_holiday() -> None:
    saturday, friday, tet = date(2026, 10, 17), date(2026, 10, 16), date(2026, 2, 17)
    assert not is_working_day(saturday)
    assert is_working_day(saturday, {saturday: "working"})
    assert is_working_day(friday)
    assert not is_working_day(friday, {friday: "off"})
    assert not is_working_day(tet)
    assert is_working_day(tet, {tet: "working"})
    october = Period.parse("2026-10")
    assert report_calendar(october).target_day == friday
    assert report_calendar(october, {saturday: "working"}).target_day == saturday
    assert report_calendar(october, {friday: "off"}).target_day == date(2026, 10, 15)
    assert {item.target_day for item in reports_of_year(2026, {saturday: "working"})} >= {saturday}


def test_the_working_day_before_a_working_day_is_strictly_before_it() -> None:
    assert working_day_before(date(2026, 10, 16)) == date(2026, 10, 15)
    assert working_day_before(date(2026, 10, 19)) == date(2026, 10, 16)


def test_the_next_period_is_the_one_whose_previous_it_is() -> None:
    for year in (2025, 2026):
        for period in periods_of_year(year):
            assert period.next().previous() == period
            assert period.next().kind == period.kind
