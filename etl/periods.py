"""Reporting periods and the two calendars they live in. No I/O, no clock.

A period is named by its id: ``2023-05`` (month), ``2023-Q2`` (quarter), ``2023-H1``
(half year), ``2023`` (year). The national portal reckons in calendar periods; the
administrative reports of Decree 09/2019/NĐ-CP run from the 15th to the 14th. Both are
computed here, together with the due instant the province's letter sets ("before the
18th") and the last working day before it.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, total_ordering
from zoneinfo import ZoneInfo

import holidays

from etl.errors import UnknownName

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")

# Months a kind spans, and how many of the kind a year holds.
_SPAN = {"month": 1, "quarter": 3, "half": 6, "year": 12}
_PATTERN = re.compile(r"(?P<year>\d{4})(?:-(?:(?P<month>\d{2})|Q(?P<quarter>\d)|H(?P<half>\d)))?")


@total_ordering
@dataclass(frozen=True)
class Period:
    """One calendar period. ``number`` counts from 1 within the year (1 for a year)."""

    kind: str
    year: int
    number: int = 1

    def __post_init__(self) -> None:
        if self.kind not in _SPAN or not 1 <= self.number <= 12 // _SPAN[self.kind]:
            raise UnknownName(
                f"there is no {self.kind} {self.number} in a year",
                "name a month 2026-08, a quarter 2026-Q3, a half year 2026-H2 or a year 2026",
            )
        if not 2000 <= self.year <= 2100:
            raise UnknownName(f"year {self.year} is out of range", "use a year from 2000 to 2100")

    @classmethod
    def parse(cls, text: str) -> Period:
        """Read a period id. Raises UnknownName on anything else."""
        match = _PATTERN.fullmatch(text.strip())
        if match is None:
            raise UnknownName(
                f"'{text}' is not a period",
                "name a month 2026-08, a quarter 2026-Q3, a half year 2026-H2 or a year 2026",
            )
        year = int(match["year"])
        for kind in ("month", "quarter", "half"):
            if match[kind]:
                return cls(kind, year, int(match[kind]))
        return cls("year", year)

    @property
    def id(self) -> str:
        match self.kind:
            case "month":
                return f"{self.year:04d}-{self.number:02d}"
            case "quarter":
                return f"{self.year:04d}-Q{self.number}"
            case "half":
                return f"{self.year:04d}-H{self.number}"
            case _:
                return f"{self.year:04d}"

    def __str__(self) -> str:
        return self.id

    def __lt__(self, other: Period) -> bool:
        return (self.first_day, self.last_day) < (other.first_day, other.last_day)

    @property
    def first_month(self) -> int:
        return (self.number - 1) * _SPAN[self.kind] + 1

    @property
    def last_month(self) -> int:
        return self.number * _SPAN[self.kind]

    @property
    def first_day(self) -> date:
        return date(self.year, self.first_month, 1)

    @property
    def last_day(self) -> date:
        return date(self.year, self.last_month, calendar.monthrange(self.year, self.last_month)[1])

    @property
    def ends_at(self) -> datetime:
        """The first instant after the period, in Vietnam's time."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), VIETNAM)

    def has_ended(self, at: datetime) -> bool:
        """Whether the period is closed at that instant (aware datetime)."""
        return at >= self.ends_at

    def previous(self) -> Period:
        """The previous period of the same kind: the only one it may be compared with."""
        if self.number > 1:
            return Period(self.kind, self.year, self.number - 1)
        return Period(self.kind, self.year - 1, 12 // _SPAN[self.kind])

    def next(self) -> Period:
        """The next period of the same kind."""
        if self.number < 12 // _SPAN[self.kind]:
            return Period(self.kind, self.year, self.number + 1)
        return Period(self.kind, self.year + 1, 1)

    def months(self) -> list[Period]:
        return [Period("month", self.year, m) for m in range(self.first_month, self.last_month + 1)]

    @property
    def label_vi(self) -> str:
        """How a document names it: "tháng 8/2026", "quý III/2026", "năm 2026"."""
        match self.kind:
            case "month":
                return f"tháng {self.number}/{self.year}"
            case "quarter":
                return f"quý {('I', 'II', 'III', 'IV')[self.number - 1]}/{self.year}"
            case "half":
                return f"6 tháng {('đầu', 'cuối')[self.number - 1]} năm {self.year}"
            case _:
                return f"năm {self.year}"


def periods_of_year(year: int) -> list[Period]:
    """All periods of a year in the order they end, the shorter first: 12 months, 4 quarters, 2 halves, the year."""
    found = [
        Period(kind, year, number) for kind, span in _SPAN.items() for number in range(1, 12 // span + 1)
    ]
    return sorted(found, key=lambda period: (period.last_month, _SPAN[period.kind]))


# "Before the 18th": the day the letter of Bà Rịa - Vũng Tàu names for month, quarter and year alike.
BEFORE_DAY = 18


@dataclass(frozen=True)
class ReportCalendar:
    """What one report period needs and when it is owed (letter of BR-VT, Decree 09/2019).

    ``window_first``/``window_last`` bound the digitization figures (inclusive days);
    ``portal_period`` is the portal's period it is read beside; ``target_day`` is the last
    working day before the 18th; ``due_at`` is the last instant before the 18th.
    ``preliminary`` says the target day falls before the window has closed.
    """

    period: Period
    window_first: date
    window_last: date
    portal_period: Period
    target_day: date
    due_at: datetime
    preliminary: bool

    @property
    def cut_off(self) -> datetime:
        """The first instant after the window (00:00 of the 15th): from then on its figures are final."""
        return datetime.combine(self.window_last + timedelta(days=1), time(), VIETNAM)


@cache
def _public_holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("VN", years=year).keys())


def is_working_day(day: date, overrides: Mapping[date, str] | None = None) -> bool:
    """Monday to Friday, less Vietnam's public holidays, corrected by ``overrides``.

    ``overrides`` maps a date to ``"working"`` or ``"off"``: the yearly official swaps
    (``etl/reference/calendar_overrides.yml``), which outrank everything else.
    """
    if overrides and day in overrides:
        return overrides[day] == "working"
    return day.weekday() < 5 and day not in _public_holidays(day.year)


def working_day_before(day: date, overrides: Mapping[date, str] | None = None) -> date:
    """The last working day strictly before ``day``."""
    day -= timedelta(days=1)
    while not is_working_day(day, overrides):
        day -= timedelta(days=1)
    return day


def _month_before(year: int, month: int) -> tuple[int, int]:
    return (year, month - 1) if month > 1 else (year - 1, 12)


def _administrative_days(period: Period) -> tuple[date, date]:
    """The 15th of the month before the period to the 14th of its last month (Decree 09/2019/NĐ-CP)."""
    year, month = _month_before(period.year, period.first_month)
    return date(year, month, 15), date(period.year, period.last_month, 14)


def report_calendar(
    period: Period,
    overrides: Mapping[date, str] | None = None,
    *,
    target_before: int = BEFORE_DAY,
    due_before: int = BEFORE_DAY,
) -> ReportCalendar:
    """The two windows, the target day and the due instant of a report period.

    A month's report stands beside the portal's month before it (the only one that has
    ended by then); a quarter's and a year's beside the portal's running quarter and year.
    ``target_before`` and ``due_before`` are days of the period's last month: the target is
    the last working day before the one, the due instant the last second before the other.
    """
    window_first, window_last = _administrative_days(period)
    target = working_day_before(date(period.year, period.last_month, target_before), overrides)
    last_day = date(period.year, period.last_month, due_before) - timedelta(days=1)
    return ReportCalendar(
        period=period,
        window_first=window_first,
        window_last=window_last,
        portal_period=period.previous() if period.kind == "month" else period,
        target_day=target,
        due_at=datetime.combine(last_day, time(23, 59, 59), VIETNAM),
        preliminary=target <= window_last,
    )


def reports_of_year(year: int, overrides: Mapping[date, str] | None = None) -> list[ReportCalendar]:
    """The reports the letter orders in a year, in the order they fall due: 12 months, 4 quarters, 1 year."""
    return [report_calendar(period, overrides) for period in periods_of_year(year) if period.kind != "half"]


# The two calendars a window of days may follow: 15th to 14th (Decree 09/2019), or the calendar's own months.
ADMINISTRATIVE, CALENDAR = "administrative", "calendar"


@dataclass(frozen=True)
class Window:
    """The days figures are about (both inclusive), and the period they stand for in one of the two calendars."""

    first: date
    last: date
    kind: str
    period: Period

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def ends_at(self) -> datetime:
        """The first instant after the window, in Vietnam's time."""
        return datetime.combine(self.last + timedelta(days=1), time(), VIETNAM)

    def has_ended(self, at: datetime) -> bool:
        """Whether the window is closed at that instant (aware datetime)."""
        return at >= self.ends_at


def window_of(period: Period, kind: str = ADMINISTRATIVE) -> Window:
    """The days of a period in one of the two calendars. Raises UnknownName for another kind."""
    if kind == CALENDAR:
        return Window(period.first_day, period.last_day, kind, period)
    if kind == ADMINISTRATIVE:
        return Window(*_administrative_days(period), kind, period)
    raise UnknownName(f"'{kind}' is no calendar", f"use {ADMINISTRATIVE} (15th to 14th) or {CALENDAR}")


def named_window(first: date, last: date) -> Window | None:
    """The window that has exactly these days, or None: no period of either calendar does."""
    for kind in (CALENDAR, ADMINISTRATIVE):
        for name, span in _SPAN.items():
            if last.month % span == 0:
                window = window_of(Period(name, last.year, last.month // span), kind)
                if (window.first, window.last) == (first, last):
                    return window
    return None
