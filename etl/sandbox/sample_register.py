"""What the sample portal knows of a province over a stretch of months, at an instant.

The three ways in which the real portal's figures depend on *when* one asks:

* an open month grows day by day (the share of its days that have begun);
* a closed month moves once more: until ten days after its end (``RESTATED_AFTER``) three to
  six units bear their first figures, then the final ones (real: Phú Thọ's August fell from
  184,513 to 184,503 dossiers between 26 and 28 September);
* a quarter or year that runs holds the months begun so far.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

import numpy as np

from etl.periods import VIETNAM, Period
from etl.reference.provinces import Province
from etl.sandbox.sample_counts import Count, Counts, Procedures, ProvinceMonth, ProvinceSample
from etl.sandbox.sample_dossier_units import portal_units
from etl.sandbox.sample_noise import key
from etl.sandbox.sample_scores import Share
from etl.sandbox.sample_units import SampleUnit

RESTATED_AFTER = timedelta(days=10)
# The current API holds no period before 2026 (docs/portal.md).
FIRST_YEAR = 2026

# 34 provinces × 36 months stay at hand, about 25 MB.
_MONTHS_KEPT = 34 * 36


@dataclass(frozen=True)
class Figures:
    """One province over a stretch of months. Lists are indexed by unit; the last is the province."""

    province: Province
    units: tuple[SampleUnit, ...]
    last_day: date
    months: int
    counts: dict[Count, list[int]]
    procedures: dict[Procedures, list[int]]
    publish: Share
    update: Share
    content: Share
    provision: tuple[int, int, int, int]

    def of(self, row: Count, unit: int) -> int:
        return self.counts[row][unit]


class Register:
    """Figures of all provinces as they stood at ``as_of`` (aware; None = final, every month full)."""

    def __init__(self, seed: int, as_of: datetime | None, first_year: int = FIRST_YEAR) -> None:
        self._seed = seed
        self._first_year = first_year
        self._as_of = as_of.astimezone(VIETNAM) if as_of is not None else None
        self._samples: dict[str, ProvinceSample] = {}
        self._month = lru_cache(maxsize=_MONTHS_KEPT)(self._draw_month)
        self.figures = lru_cache(maxsize=_MONTHS_KEPT)(self._figures)

    def months_known(self, year: int, first: int, last: int) -> range:
        """The months of a stretch that have begun; empty where the portal has nothing."""
        if year < self._first_year:
            return range(0)
        if self._as_of is not None:
            if self._as_of.year < year:
                return range(0)
            if self._as_of.year == year:
                last = min(last, self._as_of.month)
        return range(first, last + 1)

    def _figures(self, province: Province, year: int, first: int, last: int) -> Figures | None:
        """Figures of months ``first`` to ``last`` of a year; None where the portal has nothing."""
        months = self.months_known(year, first, last)
        if not months:
            return None
        sample = self._sample(province)
        drawn = [self._month(province, year, month) for month in months]
        counts = np.sum([matrix for matrix, _ in drawn], axis=0)
        procedures = sample.procedures(counts, year, months[-1], len(months))
        published = [own for _, own in drawn]
        return Figures(
            province=province,
            units=sample.units,
            last_day=Period("month", year, months[-1]).last_day,
            months=len(months),
            counts={row: counts[row].tolist() for row in Count},
            procedures={row: procedures[row].tolist() for row in Procedures},
            publish=_add([own.publish for own in published]),
            update=_add([own.update for own in published]),
            content=sample.content(),
            provision=sample.provision(len(months)),
        )

    def _sample(self, province: Province) -> ProvinceSample:
        if province.code not in self._samples:
            sample = ProvinceSample(province.code, portal_units(province), self._seed)
            self._samples[province.code] = sample
        return self._samples[province.code]

    def _draw_month(self, province: Province, year: int, month: int) -> tuple[Counts, ProvinceMonth]:
        sample = self._sample(province)
        counts, own = sample.month(year, month), sample.province_month(year, month)
        period = Period("month", year, month)
        if self._as_of is None or self._as_of >= period.ends_at + RESTATED_AFTER:
            return counts, own
        if self._as_of >= period.ends_at:
            return self._first_capture(province, period, counts), own
        days = calendar.monthrange(year, month)[1]
        # Rounding each count down keeps every "not more than"; the province is summed again.
        running = counts[:, :-1] * self._as_of.day // days
        return _with_province(running), own

    def _first_capture(self, province: Province, month: Period, counts: Counts) -> Counts:
        """The figures of a closed month before the portal corrected them."""
        units = counts[:, :-1].copy()
        words = (self._seed, province.code, month.id)
        busy = np.flatnonzero(units[Count.RECEIVED] >= 50)
        order = self._sample(province).draw(f"restated {month.id}", len(busy)).argsort(kind="stable")
        for place, unit in enumerate(busy[order[: 3 + key("how many", *words) % 4]]):
            moved = key("how much", place, *words)
            # One to six dossiers were counted twice at first, some of them as on time …
            extra, on_time = 1 + moved % 6, (moved >> 8) % 2
            units[Count.RECEIVED, unit] += extra
            units[Count.ON_TIME, unit] += on_time
            units[Count.SATISFIED, unit] += on_time
            # … and up to a twentieth of the electronic results had not arrived yet.
            late = units[Count.RESULT, unit] * (1 + (moved >> 16) % 5) // 100
            units[Count.RESULT, unit] -= late
        return _with_province(units)


def _with_province(units: Counts) -> Counts:
    return np.concatenate([units, units.sum(axis=1, keepdims=True)], axis=1)


def _add(shares: list[Share]) -> Share:
    return sum(n for n, _ in shares), sum(d for _, d in shares)
