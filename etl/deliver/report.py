"""One report period's numbers: the whole input of the letter, the public page, the open data and the quality sheet.

Every product of a period is rendered from one ``Report``, so that the number in the workbook is the number in the
letter, on the page and in the open data. ``etl.deliver.report_load`` reads it from ``mart``; a test builds it by hand.
Scores are points, ratios percent, ``None`` is "no figure" everywhere and never means zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from etl.deliver.appendix_data import AppendixData, Restatement
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization_data import DigitizationData
from etl.periods import Period, Window

PRELIMINARY, FINAL = "preliminary", "final"


@dataclass(frozen=True)
class GroupResult:
    """One of the six groups, the province's own score; ``change`` against ``Report.compared_period``, in points."""

    code: str
    name: str
    max_score: Decimal | None
    score: Decimal | None
    change: Decimal | None


@dataclass(frozen=True)
class TrendPoint:
    """The province's total and six groups (order of ``GROUP_CODES``) in one period of the trend."""

    period: Period
    total: Decimal | None
    groups: tuple[Decimal | None, ...]
    provisional: bool


@dataclass(frozen=True)
class UnitComponent:
    """One component of one unit, as published. Components copied from the province to every unit are not among them."""

    block: str
    unit_name: str
    unit_code: str | None
    indicator_code: str
    group_code: str | None
    name: str
    numerator: Decimal | None
    denominator: Decimal | None
    ratio_pct: Decimal | None
    score: Decimal | None
    max_score: Decimal | None


@dataclass(frozen=True)
class RankedProvince:
    """One line of the national page; ``own``: it is the province that reports."""

    province_code: str
    province_name: str
    total: Decimal | None
    rank: int | None
    own: bool


@dataclass(frozen=True)
class EarlierRelease:
    """The release of the same period and products that went out before this one."""

    number: int
    released_at: datetime
    changes: tuple[Restatement, ...]  # what the sources have changed since, the province's own first
    gaps: tuple[str, ...] = ()  # what it said was missing


@dataclass(frozen=True)
class Report:
    """All that is reported of one report period.

    ``period`` is the report's own (September), ``indicators.period`` the portal's it is read beside
    (August); ``window`` bounds the days of the digitization figures. ``stage`` is ``preliminary``
    where the window had not closed. ``compared_period`` is None where nothing may be compared (no
    reading of it, or another series). ``trend`` ends with the portal's period, oldest first, one
    series only. ``gaps`` are Vietnamese sentences on what is missing or provisional.
    """

    names: ProvinceNames
    province_code: str
    period: Period
    stage: str
    window: Window
    due_on: date
    indicators: AppendixData
    digitization: DigitizationData | None
    groups: tuple[GroupResult, ...]
    compared_period: Period | None
    trend: tuple[TrendPoint, ...]
    components: tuple[UnitComponent, ...]
    ranking: tuple[RankedProvince, ...]
    gaps: tuple[str, ...]
    earlier: EarlierRelease | None = None

    @property
    def portal_period(self) -> Period:
        return self.indicators.period

    @property
    def stated_at(self) -> datetime:
        """When the newest of the figures was read: the documents' time, which is not the clock's."""
        moments = [self.indicators.snapshot.captured_at]
        if self.digitization is not None:
            moments.append(self.digitization.stated_at)
        return max(moments)

    @property
    def is_sample(self) -> bool:
        """Whether any figure came from the sandbox: such documents must say so."""
        hosts = {urlsplit(one.address).hostname for one in self.indicators.snapshot.captures if one.address}
        local = bool(hosts & {"127.0.0.1", "localhost", "::1"})
        return local or (self.digitization is not None and self.digitization.is_sample)
