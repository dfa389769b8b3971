"""A list reduced to counts: per unit and day, so that the form of any window can be summed from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import pyarrow as pa

from etl.periods import Window
from etl.sources.digitization import MEASURES, UNIT_ROWS

# Statuses of the domain brief, source 4b: 2 and 4 to 10 are received, 7, 9 and 10 are resolved.
_NOT_RECEIVED = (1, 3)
_RESOLVED = (7, 9, 10)
# Partial counts are summed up when so many rows have gathered: 40 MB.
_GATHER_ROWS = 500_000

# Which flags a measure needs; where the list has no such column, the measure is null, never 0.
NEEDS: Mapping[str, str | None] = {
    "received": None,
    "components_not_digitized": "components_digitized",
    "components_digitized": "components_digitized",
    "components_reused": "components_reused",
    "reused_from_portal": "reused_from_portal",
    "resolved": None,
    "results_not_digitized": "result_counted",
    "results_digitized": "result_counted",
}


def is_received() -> pl.Expr:
    """Whether a dossier's status counts as received."""
    return (pl.col("status") != _NOT_RECEIVED[0]) & (pl.col("status") != _NOT_RECEIVED[1])


def is_resolved() -> pl.Expr:
    """Whether a dossier's status counts as resolved."""
    return pl.any_horizontal(*(pl.col("status") == each for each in _RESOLVED))


@dataclass
class Tally:
    """Counts as batches come. ``add(rows, -1)`` takes rows out again (dossiers listed twice).

    ``daily``: unit, day, the eight measures (received and its components by received day, resolved and its
    results by finished day). ``spans``: received day, resolved day (null: not resolved), dossiers; from it
    follows how many dossiers a window counts, since one may be received and resolved in it.
    """

    available: frozenset[str]
    not_received: int = 0
    _daily: list[pl.DataFrame] = field(default_factory=list)
    _spans: list[pl.DataFrame] = field(default_factory=list)

    def add(self, rows: pl.DataFrame, sign: int = 1) -> None:
        """Count rows that hold: unit, status, received, finished and the flags of the list."""
        lean = rows.select(
            "unit",
            pl.col("received").dt.date().alias("received_day"),
            pl.when(is_resolved()).then(pl.col("finished").dt.date()).alias("resolved_day"),
            is_received().alias("counts"),
            *(flag for flag in sorted(self.available)),
        )
        counted = lean.filter("counts")
        self.not_received += sign * (rows.height - counted.height)
        self._gather(self._daily, self._by_received(counted, sign), ["unit", "day"])
        self._gather(self._daily, self._by_resolved(counted, sign), ["unit", "day"])
        spans = counted.group_by("received_day", "resolved_day").agg(
            (pl.len().cast(pl.Int64) * sign).alias("dossiers")
        )
        self._gather(self._spans, spans, ["received_day", "resolved_day"])

    def _by_received(self, counted: pl.DataFrame, sign: int) -> pl.DataFrame:
        made = [pl.len().cast(pl.Int64).alias("received")]
        if "components_digitized" in self.available:
            yes = pl.col("components_digitized").sum().cast(pl.Int64)
            made += [
                yes.alias("components_digitized"),
                (pl.len().cast(pl.Int64) - yes).alias("components_not_digitized"),
            ]
        made += [
            pl.col(name).sum().cast(pl.Int64)
            for name in ("components_reused", "reused_from_portal")
            if name in self.available
        ]
        return self._whole(counted.group_by("unit", pl.col("received_day").alias("day")).agg(made), sign)

    def _by_resolved(self, counted: pl.DataFrame, sign: int) -> pl.DataFrame:
        made = [pl.len().cast(pl.Int64).alias("resolved")]
        if "result_counted" in self.available:
            yes = pl.col("result_counted").sum().cast(pl.Int64)
            made += [
                yes.alias("results_digitized"),
                (pl.len().cast(pl.Int64) - yes).alias("results_not_digitized"),
            ]
        resolved = counted.filter(pl.col("resolved_day").is_not_null())
        return self._whole(resolved.group_by("unit", pl.col("resolved_day").alias("day")).agg(made), sign)

    def _whole(self, counts: pl.DataFrame, sign: int) -> pl.DataFrame:
        """All eight measures: 0 where the list speaks of them, null where it has no such column."""
        empty = {
            name: pl.lit(0 if NEEDS[name] is None or NEEDS[name] in self.available else None, dtype=pl.Int64)
            for name in MEASURES
        }
        return counts.select(
            "unit",
            "day",
            *(
                ((pl.col(name) * sign) if name in counts.columns else empty[name]).alias(name)
                for name in MEASURES
            ),
        )

    def _gather(self, parts: list[pl.DataFrame], more: pl.DataFrame, keys: list[str]) -> None:
        parts.append(more)
        if sum(part.height for part in parts) > _GATHER_ROWS:
            parts[:] = [_summed(parts, keys)]

    def daily(self) -> pl.DataFrame:
        """The counts by unit (text) and day, sorted."""
        counts = _summed(self._daily, ["unit", "day"])
        return counts.with_columns(pl.col("unit").cast(pl.String)).sort("unit", "day")

    def spans(self) -> pl.DataFrame:
        """Dossiers by received and resolved day."""
        return _summed(self._spans, ["received_day", "resolved_day"])

    def received_days(self) -> tuple[date | None, date | None]:
        """First and last received day of the dossiers that count."""
        days = self.spans().filter(pl.col("dossiers") > 0)["received_day"]
        return days.min(), days.max()  # type: ignore[return-value]

    def dossiers_in(self, window: Window) -> tuple[int, int]:
        """How many dossiers a window counts (received or resolved in it), and how many it does not."""
        inside = pl.col("received_day").is_between(window.first, window.last) | pl.col(
            "resolved_day"
        ).is_between(window.first, window.last).fill_null(False)
        spans = self.spans()
        total, counted = (int(part["dossiers"].sum()) for part in (spans, spans.filter(inside)))
        return counted, total - counted


def _summed(parts: list[pl.DataFrame], keys: list[str]) -> pl.DataFrame:
    """Add up parts; a measure that is null everywhere (no such column) stays null."""
    whole = pl.concat(parts)
    names = [name for name in whole.columns if name not in keys]
    sums = [
        pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).otherwise(None).alias(name)
        for name in names
    ]
    return whole.group_by(keys).agg(sums)


def measures_for(
    daily: pl.DataFrame,
    window: Window,
    known_units: Mapping[str, tuple[str, str]] | None = None,
    *,
    capture_id: str | None = None,
    capture_sha256: str | None = None,
) -> pa.Table:
    """The form of a window from the daily counts: one row (UNIT_ROWS) per unit that has dossiers in it.

    ``daily``: what ``Tally.daily`` gives. ``known_units``: unit code -> (name, block). The locator names
    the unit's beginning in the list, since its figures come from many rows.
    """
    within = daily.filter(pl.col("day").is_between(window.first, window.last)).rename({"unit": "unit_code"})
    sums = _summed([within.drop("day")], ["unit_code"]).sort("unit_code")
    names = known_units or {}
    codes = sums["unit_code"].to_list()
    rows = sums.select(
        pl.int_range(1, pl.len() + 1).alias("row_no"),
        _texts("block", [names[code][1] if code in names else None for code in codes]),
        _texts("unit_name", [names[code][0] if code in names else None for code in codes]),
        "unit_code",
        *MEASURES,
        pl.lit(capture_id, dtype=pl.String).alias("capture_id"),
        pl.lit(capture_sha256, dtype=pl.String).alias("capture_sha256"),
        pl.format("{}-*", "unit_code").alias("locator"),
        pl.lit(None, dtype=pl.String).alias("attributes"),
    )
    return rows.to_arrow().cast(UNIT_ROWS)


def _texts(name: str, values: list[str | None]) -> pl.Series:
    return pl.Series(name, values, dtype=pl.String)
