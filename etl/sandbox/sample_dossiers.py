"""The dossiers behind the sample portal's figures: one row each, the same for the same seed.

For every unit a calendar month's dossiers add up to the portal's counts of that month:

* received = ``Count.RECEIVED``, components digitized = ``DIGITIZED``;
* components reused = the smaller of ``REUSED`` and ``DIGITIZED``, part of them from the portal;
* resolved = ``COMPLETED``, each in the month it was received in; the others stay open for good;
* results digitized = the smaller of ``RESULT`` and ``COMPLETED``. The portal counts ``RESULT``
  of all received, so a unit with more results than resolved dossiers differs from it.

Beside them stand a few dossiers that count nowhere (status 1 and 3). Figures are final ones:
an open month is full here, whatever the portal shows of it.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from math import ceil

import numpy as np
import polars as pl
from numpy.typing import NDArray

from etl.periods import Window
from etl.reference.provinces import Province
from etl.sandbox.sample_counts import Count, ProvinceSample
from etl.sandbox.sample_dossier_units import reporting_units
from etl.sandbox.sample_noise import Floats, uniform

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The form's measures, columns 3 to 10. Named here a second time on purpose: the sandbox plays the other side.
MEASURES = (
    "received",
    "components_not_digitized",
    "components_digitized",
    "components_reused",
    "reused_from_portal",
    "resolved",
    "results_not_digitized",
    "results_digitized",
)
# What is counted by the day; the two "not" measures are differences.
_BY_RECEIVED = ("received", "components_digitized", "components_reused", "reused_from_portal")
_BY_FINISHED = ("resolved", "results_digitized")

# Offices are closed at the weekend; what comes in then comes online (Monday first).
_WEEK = np.array([1.15, 1.05, 1.0, 1.0, 0.95, 0.22, 0.12])
# Dossiers of status 1 and 3 for each that was received.
_NEVER_RECEIVED = 0.015
_FROM_PORTAL = 0.35
# A result that needs no file: the procedure gives none on paper.
_NO_PAPER = 0.06
_DAY = 86_400

# Ordinary procedures, and those without a paper result. Numbers are invented.
PROCEDURES = tuple(f"1.{9_332 + 37 * place:06d}" for place in range(60))
PAPERLESS = tuple(f"2.{815 + 53 * place:06d}" for place in range(6))


@dataclass(frozen=True)
class _Month:
    """One unit each: how many dossiers of a month have what."""

    received: Ints
    digitized: Ints
    reused: Ints
    from_portal: Ints
    resolved: Ints
    results: Ints
    never_received: Ints


def layers_of(scale: float) -> int:
    """How often a month is drawn to reach a scale: 1 up to 1.0, 12 for 11.4."""
    return max(1, ceil(scale))


def month_dossiers(
    province: Province, year: int, month: int, *, seed: int = 766, scale: float = 1.0, layer: int = 0
) -> pl.DataFrame:
    """All dossiers registered in a calendar month, ordered by unit and time.

    ``scale`` above 1 comes in layers of at most the portal's own size (0 to ``layers_of`` - 1), so that
    ten million rows never stand in memory at once; below 1 every count shrinks. Only at scale 1
    are the figures the portal's.

    Columns: ``unit`` (place in ``reporting_units``), ``number`` (within unit and day), ``day``
    (date of registration), ``received``/``due``/``finished`` (naive Vietnam time, null where
    there is none), ``status`` (1–10), ``channel`` (1–3), ``components_digitized``,
    ``components_reused``, ``reused_from_portal``, ``result_digitized`` (counted as
    digitized), ``paperless`` (its procedure gives no paper), ``procedure``, ``person`` (0 to 2^40).
    """
    share = min(1.0, scale - layer)
    words = (seed, province.code, year, month, layer)
    whole = _month_counts(province, seed, year, month, share)
    sizes = whole.received + whole.never_received
    size = int(sizes.sum())
    unit = np.repeat(np.arange(len(sizes)), sizes)
    starts = np.cumsum(sizes) - sizes
    days = calendar.monthrange(year, month)[1]

    def draw(what: str) -> Floats:
        return uniform(size, "dossier", what, *words)

    def first(count: Ints, key: Floats) -> Flags:
        """Exactly ``count`` dossiers of each unit: those with the smallest keys (0 <= key < 4)."""
        order = np.argsort(unit * 4.0 + key, kind="stable")
        rank = np.empty(size, dtype=np.int64)
        rank[order] = np.arange(size) - starts[unit[order]]
        return np.asarray(rank < count[unit])

    weekday = (date(year, month, 1).weekday() + np.arange(days)) % 7
    weights = np.cumsum(_WEEK[weekday])
    day = np.searchsorted(weights, draw("day") * weights[-1], side="right")
    day = np.minimum(day, days - 1)
    online = draw("channel")
    channel = np.where(online < 0.86, 2, np.where(online < 0.985, 1, 3))
    channel = np.where(weekday[day] >= 5, 2, channel)
    clock = draw("clock")
    # Online from six to ten in the evening, at the counter in office hours.
    second = np.where(channel == 2, 6 * 3_600 + clock * 57_600, 7.5 * 3_600 + clock * 32_400).astype(np.int64)
    order = np.argsort((unit * 32 + day) * _DAY + second, kind="stable")
    day, second, channel = day[order], second[order], channel[order]

    real = first(whole.received, draw("real"))
    out = np.where(real, 0.0, 2.0)
    # What comes in late in the month is seldom finished in it.
    resolved = first(whole.resolved, out + draw("resolved") + 0.4 * day / days)
    # Results are drawn among the resolved, reuse among the digitized.
    results = first(whole.results, np.where(resolved, 0.0, 2.0) + draw("results"))
    key = out + draw("digitized")
    digitized, reused, from_portal = (
        first(count, key) for count in (whole.digitized, whole.reused, whole.from_portal)
    )
    paperless = results & (draw("paperless") < _NO_PAPER)
    pick = draw("procedure")
    procedure = np.where(paperless, len(PROCEDURES) + (pick * len(PAPERLESS)), pick * len(PROCEDURES)).astype(
        np.int64
    )
    finished = _finished(draw("finished"), draw("finishing"), day, second, weekday, days)
    term = 1 + procedure * 7 % 25
    due = (day + term) * _DAY + 17 * 3_600

    group = unit * 32 + day
    opens = np.flatnonzero(np.diff(group, prepend=-1))
    in_day = np.arange(size) - np.repeat(opens, np.diff(opens, append=size))
    zero = datetime.combine(date(year, month, 1), datetime.min.time())
    frame = pl.DataFrame(
        {
            "unit": unit.astype(np.int32),
            "number": in_day * layers_of(scale) + layer + 1,
            "day": day * _DAY,
            "received": (day * _DAY + second),
            "due": due,
            "finished": finished,
            "status": _statuses(draw("status"), real, resolved, results).astype(np.int8),
            "channel": channel.astype(np.int8),
            "components_digitized": digitized,
            "components_reused": reused,
            "reused_from_portal": from_portal,
            "result_digitized": results,
            "paperless": paperless,
            "procedure": procedure.astype(np.int16),
            "person": (draw("person") * 2**40).astype(np.int64),
            "_real": real,
            "_resolved": resolved,
        }
    )

    def moment(name: str) -> pl.Expr:
        return pl.lit(zero, pl.Datetime("us")) + pl.duration(seconds=pl.col(name))

    return frame.with_columns(
        moment("day").dt.date().alias("day"),
        pl.when("_real").then(moment("received")).alias("received"),
        pl.when("_real").then(moment("due")).alias("due"),
        pl.when("_resolved").then(moment("finished")).alias("finished"),
    ).drop("_real", "_resolved")


def touched_months(window: Window) -> list[tuple[int, int]]:
    """The calendar months a window touches: a dossier is finished in the month it was received in."""
    first, last = (12 * day.year + day.month - 1 for day in (window.first, window.last))
    return [(month // 12, month % 12 + 1) for month in range(first, last + 1)]


def window_figures(province: Province, window: Window, *, seed: int = 766) -> dict[str, dict[str, int]]:
    """The eight measures of every reporting unit over a window, by unit code, at full size."""
    units = reporting_units(province)
    total = np.zeros((len(_BY_RECEIVED) + len(_BY_FINISHED), len(units)), dtype=np.int64)
    for year, month in touched_months(window):
        days = calendar.monthrange(year, month)[1]
        begins, ends = date(year, month, 1), date(year, month, days)
        first = max(0, (window.first - begins).days)
        last = min(days, (window.last - begins).days + 1)
        if window.first <= ends and begins <= window.last:
            total += _by_day(province, year, month, seed)[:, :, first:last].sum(axis=2)
    by_name = dict(zip(_BY_RECEIVED + _BY_FINISHED, total.tolist(), strict=True))
    return {
        unit.code: complete({name: by_name[name][place] for name in by_name})
        for place, unit in enumerate(units)
    }


def complete(counted: Mapping[str, int]) -> dict[str, int]:
    """Counted measures with the two that are differences, in the form's order."""
    figures = {
        **counted,
        "components_not_digitized": counted["received"] - counted["components_digitized"],
        "results_not_digitized": counted["resolved"] - counted["results_digitized"],
    }
    return {name: figures[name] for name in MEASURES}


def count_measures(dossiers: pl.DataFrame, window: Window, units: int) -> dict[str, list[int]]:
    """Counted measures per unit (place in ``reporting_units``) of typed dossiers, whatever rows they are."""
    received = pl.col("received").dt.date().is_between(window.first, window.last)
    finished = pl.col("finished").dt.date().is_between(window.first, window.last)
    tallied = (
        dossiers.group_by("unit")
        .agg(
            received.sum().alias("received"),
            *((received & pl.col(name)).sum().alias(name) for name in _BY_RECEIVED[1:]),
            finished.sum().alias("resolved"),
            (finished & pl.col("result_digitized")).sum().alias("results_digitized"),
        )
        .to_dict(as_series=False)
    )
    counted = {name: [0] * units for name in _BY_RECEIVED + _BY_FINISHED}
    for name, values in counted.items():
        for place, count in zip(tallied["unit"], tallied[name], strict=True):
            values[place] = count
    return counted


def open_again(dossiers: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The dossiers as a list of that moment (naive Vietnam time) shows them.

    What was registered later is not there yet; what was finished later is still being handled.
    """
    later = pl.col("finished") > as_of
    return dossiers.filter(
        pl.col("received").is_null() & (pl.col("day") <= as_of.date()) | (pl.col("received") <= as_of)
    ).with_columns(
        pl.when(later).then(pl.lit(4, pl.Int8)).otherwise("status").alias("status"),
        pl.when(later).then(None).otherwise("finished").alias("finished"),
        (pl.col("result_digitized") & ~later.fill_null(value=False)).alias("result_digitized"),
    )


def in_window(window: Window) -> pl.Expr:
    """Which dossiers a list of a window holds: received in it, finished in it, or registered in it."""
    begins = datetime.combine(window.first, datetime.min.time())
    ends = datetime.combine(window.last + timedelta(days=1), datetime.min.time())

    def within(name: str) -> pl.Expr:
        return ((pl.col(name) >= begins) & (pl.col(name) < ends)).fill_null(value=False)

    registered = pl.col("received").is_null() & pl.col("day").is_between(window.first, window.last)
    return within("received") | within("finished") | registered


@lru_cache(maxsize=64)
def _sample(province: Province, seed: int) -> ProvinceSample:
    return ProvinceSample(province.code, reporting_units(province), seed)


def _month_counts(province: Province, seed: int, year: int, month: int, share: float) -> _Month:
    counts = _sample(province, seed).month(year, month)[:, :-1]
    words = ("dossiers", seed, province.code, year, month)
    size = counts.shape[1]
    # One draw for all counts of a unit: what was not more than another stays so at every scale.
    luck = uniform(size, "scale", *words)

    def scaled(values: Ints) -> Ints:
        return values if share == 1 else np.floor(values * share + luck * (values > 0)).astype(np.int64)

    received, completed = counts[Count.RECEIVED], counts[Count.COMPLETED]
    digitized = counts[Count.DIGITIZED]
    reused = np.minimum(counts[Count.REUSED], digitized)
    from_portal = np.floor(reused * _FROM_PORTAL + uniform(size, "portal", *words)).astype(np.int64)
    never = np.floor(received * _NEVER_RECEIVED + uniform(size, "never", *words)).astype(np.int64)
    return _Month(
        scaled(received),
        scaled(digitized),
        scaled(reused),
        scaled(np.minimum(from_portal, reused)),
        scaled(completed),
        scaled(np.minimum(counts[Count.RESULT], completed)),
        scaled(np.where(received > 0, never, 0)),
    )


def _finished(days_drawn: Floats, clock: Floats, day: Ints, second: Ints, weekday: Ints, days: int) -> Ints:
    """When a dossier is done: after it came in, before the month ends, on a working day if one is left."""
    done = day + np.floor(days_drawn * days_drawn * (np.minimum(days - 1 - day, 25) + 1)).astype(np.int64)
    friday = done - np.maximum(weekday[done] - 4, 0)
    done = np.where(friday > day, friday, done)
    office = 7.5 * 3_600 + clock * 32_400
    same_day = second + 300 + clock * (np.minimum(second + 4 * 3_600, _DAY - 1) - second - 300)
    return np.asarray(done * _DAY + np.where(done > day, office, same_day).astype(np.int64))


def _statuses(draw: Floats, real: Flags, resolved: Flags, results: Flags) -> Ints:
    """1 and 3 were never received; 9 and 10 are done; only what has no result was withdrawn (7)."""
    done = np.where(draw < 0.72, 10, np.where((draw > 0.93) & ~results, 7, 9))
    still = np.select([draw < 0.70, draw < 0.80, draw < 0.92, draw < 0.97], [4, 2, 5, 6], 8)
    return np.where(~real, np.where(draw < 0.6, 1, 3), np.where(resolved, done, still))


# A province's year of days is about 2.5 MB.
@lru_cache(maxsize=120)
def _by_day(province: Province, year: int, month: int, seed: int) -> Ints:
    """Counts of a month by measure (received ones first), unit and day."""
    dossiers = month_dossiers(province, year, month, seed=seed)
    units, days = len(reporting_units(province)), calendar.monthrange(year, month)[1]

    def tally(day: str, flag: str | None) -> Ints:
        rows = dossiers.filter(
            pl.col(day).is_not_null() & (pl.lit(value=True) if flag is None else pl.col(flag))
        )
        place = rows["unit"].cast(pl.Int64) * days + rows[day].dt.day().cast(pl.Int64) - 1
        return np.bincount(place.to_numpy(), minlength=units * days).reshape(units, days)

    return np.stack(
        [
            *(tally("received", None if name == "received" else name) for name in _BY_RECEIVED),
            tally("finished", None),
            tally("finished", "result_digitized"),
        ]
    )
