"""Two dossier lists side by side, the province's and the portal's: what is missing where, what differs.

Every finding is exact. Rows are paired by code (``reconcile_pairs``), then each compared field is read
by itself, laid against its counterpart and forgotten, so that memory holds two code columns
and one field, not two lists.

Measured on 2 cores, 2 M against 2 M dossiers, the portal's in random order (bench/dossier_reconcile.py): from
columnar copies 0.9 s and 570 MB where ``pandas.merge`` takes 10.7 s and 1.6 GB, at best (on a busy machine twice
that, 8 to 12 times as fast as pandas). Other forms, on the same
machine: polars' streaming full join on the code 1.2 s and 680 MB before any finding is worded; a join on hashes of
code and fields 0.5 s and 325 MB, but its equal hashes would be believed unseen; codes sorted and
looked up in numpy, fields gathered one by one 2.7 s.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from etl.errors import Terminal, UnknownName
from etl.periods import Period, Window
from etl.sources.dossier_list.reconcile_pairs import (
    Fingerprint,
    Pairs,
    fingerprint_of,
    pair_codes,
    side_by_side,
)
from etl.sources.tidy import write_table

# The columnar copy of a list (dossiers.parquet): moments are Vietnam's time without a zone.
COLUMNS: Mapping[str, pl.DataType] = {
    "code": pl.String(),
    "unit": pl.String(),
    "status": pl.Int8(),
    "received": pl.Datetime("us"),
    "due": pl.Datetime("us"),
    "finished": pl.Datetime("us"),
    "channel": pl.Int8(),
    "components_digitized": pl.Boolean(),
    "components_reused": pl.Boolean(),
    "reused_from_portal": pl.Boolean(),
    "result_digitized": pl.Boolean(),
}
# Not the unit: the two systems write its name each in its own way, and the code already tells it.
COMPARED = tuple(name for name in COLUMNS if name not in ("code", "unit"))

MISSING_ON_PORTAL, MISSING_IN_PROVINCE, FIELD_DIFFERS = (
    "missing_on_portal",
    "missing_in_province",
    "field_differs",
)
REPEATED_IN_PROVINCE, REPEATED_ON_PORTAL = "repeated_in_province", "repeated_on_portal"

# One row per finding, in the order of code, finding, field. Values are text: moments as
# 2026-08-31 07:30:00, flags true/false, null where the list is silent. Of a repeated code the
# value is how many rows bear it.
FINDINGS = pa.schema(
    [
        ("dossier_code", pa.string()),
        ("unit", pa.string()),
        ("finding", pa.string()),
        ("field", pa.string()),
        ("provincial_value", pa.string()),
        ("portal_value", pa.string()),
    ]
)

# Two keep both cores busy; more only take more memory.
_FIELDS_AT_ONCE = 2

OpenList = Callable[[Path], pl.LazyFrame]


@dataclass(frozen=True)
class Comparison:
    """Counts of dossiers (not rows), and every finding (schema ``FINDINGS``).

    ``in_both`` = ``agreeing`` + dossiers that differ in at least one field; ``differing`` counts
    dossiers by field. ``*_repeated`` counts codes a list has more than once: its first row speaks for the
    code. ``*_rows`` and ``*_uncoded`` are the whole list's rows, and those without a code, which cannot be
    compared. With a window, only dossiers that either list says were received in it are counted.
    """

    window: Window | None
    fields: tuple[str, ...]
    in_both: int
    agreeing: int
    only_provincial: int
    only_portal: int
    differing: Mapping[str, int]
    provincial_repeated: int
    portal_repeated: int
    provincial_rows: int
    portal_rows: int
    provincial_uncoded: int
    portal_uncoded: int
    findings: pa.Table

    def counts(self) -> dict[str, Any]:
        """Everything but the findings, JSON-able; ``findings`` is how many there are."""
        skipped = ("window", "fields", "findings", "differing")
        return {name: value for name, value in vars(self).items() if name not in skipped} | {
            "fields": list(self.fields),
            "differing": dict(self.differing),
            "findings": int(self.findings.num_rows),
        }


def open_parquet(path: Path) -> pl.LazyFrame:
    """The columnar copy that reading a list leaves behind."""
    return pl.scan_parquet(path)


def compare_lists(
    provincial: Path | pl.LazyFrame,
    portal: Path | pl.LazyFrame,
    *,
    window: Window | None,
    fields: Sequence[str] = COMPARED,
    open_list: OpenList = open_parquet,
    work: Path | None = None,
    fingerprint: Fingerprint = fingerprint_of,
) -> Comparison:
    """Compare two lists dossier by dossier; null against a value is a difference, null against null is none.

    A list is a Parquet file with ``COLUMNS`` (read column by column), a LazyFrame with those
    columns, or any file that ``open_list`` turns into one. The latter two are read once: their
    typed columns are held, or with ``work`` (an existing folder) streamed into a Parquet file there.
    With a window, a dossier counts when either list says it was received in it: one that the other
    list dates a day outside has a wrong date and is not missing.

    Raises UnknownName for a field that lists do not have, Terminal for a list without the columns.
    """
    unknown = [name for name in fields if name not in COLUMNS or name == "code"]
    if unknown:
        raise UnknownName(
            f"no field {', '.join(unknown)} to compare", f"choose from {', '.join(COMPARED)} and unit"
        )
    needed = [name for name in COLUMNS if name in ("code", "unit", "received") or name in fields]
    left = _opened(provincial, open_list, needed, work, "provincial")
    right = _opened(portal, open_list, needed, work, "portal")
    left_codes, right_codes = _column(left, "code"), _column(right, "code")
    pairs = pair_codes(left_codes, right_codes, fingerprint)
    if window is not None:
        pairs = _within(pairs, _received_in(left, window), _received_in(right, window))

    differing: dict[str, int] = {}
    found: list[pl.DataFrame] = []
    differs = np.zeros(len(pairs.provincial), dtype=np.bool_)
    for start in range(0, len(fields), _FIELDS_AT_ONCE):
        for name, differences in _differences(left, right, pairs, fields[start : start + _FIELDS_AT_ONCE]):
            differing[name] = differences.height
            differs[differences["pair"].to_numpy()] = True
            place = pl.lit(fields.index(name), pl.Int8)
            found.append(differences.with_columns(place=place, field=pl.lit(name)))

    findings = [
        _missing(left_codes, left, pairs.only_provincial, MISSING_ON_PORTAL),
        _missing(right_codes, right, pairs.only_portal, MISSING_IN_PROVINCE),
        _repeats(left_codes, left, pairs.provincial_repeats, REPEATED_IN_PROVINCE, "provincial_value"),
        _repeats(right_codes, right, pairs.portal_repeats, REPEATED_ON_PORTAL, "portal_value"),
    ]
    if any(differing.values()):
        findings.append(_field_findings(left_codes, left, right, pairs, pl.concat(found)))
    return Comparison(
        window=window,
        fields=tuple(fields),
        in_both=len(pairs.provincial),
        agreeing=len(pairs.provincial) - int(differs.sum()),
        only_provincial=len(pairs.only_provincial),
        only_portal=len(pairs.only_portal),
        differing=differing,
        provincial_repeated=pairs.provincial_repeats.height,
        portal_repeated=pairs.portal_repeats.height,
        provincial_rows=len(left_codes),
        portal_rows=len(right_codes),
        provincial_uncoded=pairs.provincial_uncoded,
        portal_uncoded=pairs.portal_uncoded,
        findings=_in_order(findings),
    )


def compare_apart(argument: Mapping[str, Any]) -> dict[str, Any]:
    """``compare_lists`` for a process of its own: JSON in, JSON out, ``findings.parquet`` in the folder ``out``.

    ``provincial``, ``portal``: paths of two columnar copies; ``window``: null or [first day, last day,
    calendar, period id]; ``out``: an existing folder; ``fields``: optional. Without it, a field that one
    of the lists has no value for in any row is left out: that list does not tell it, and every
    dossier would differ. Returns ``Comparison.counts()`` with ``not_compared`` (those fields) and
    ``findings_file`` (the path). Raises as ``compare_lists`` does.
    """
    window = None
    if argument["window"] is not None:
        first, last, kind, period = argument["window"]
        window = Window(date.fromisoformat(first), date.fromisoformat(last), kind, Period.parse(period))
    lists = Path(argument["provincial"]), Path(argument["portal"])
    fields = tuple(argument.get("fields") or ())
    untold = (
        () if fields else tuple(name for name in COMPARED if any(_never_tells(each, name) for each in lists))
    )
    comparison = compare_lists(
        *lists, window=window, fields=fields or tuple(name for name in COMPARED if name not in untold)
    )
    target = Path(argument["out"]) / "findings.parquet"
    write_table(comparison.findings, target)
    return comparison.counts() | {"not_compared": list(untold), "findings_file": str(target)}


# --- the lists ------------------------------------------------------------------------


def _opened(
    list_: Path | pl.LazyFrame, open_list: OpenList, needed: Sequence[str], work: Path | None, whose: str
) -> pl.LazyFrame:
    """The needed columns with their types, cheap to ask again column by column."""
    frame = open_list(list_) if isinstance(list_, Path) else list_
    try:
        schema = frame.collect_schema()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Terminal(
            f"the {whose} list cannot be opened: {type(error).__name__}", "hand the list in again"
        ) from error
    lacking = [name for name in needed if name not in schema or not _fits(schema[name], COLUMNS[name])]
    if lacking:
        raise Terminal(
            f"the {whose} list lacks {', '.join(lacking)}, or has it with another type",
            "hand the list in again, so that its columnar copy is written anew",
        )
    typed = frame.select(pl.col(name).cast(COLUMNS[name]) for name in needed)
    if isinstance(list_, Path) and open_list is open_parquet:
        return typed
    if work is None:
        return typed.collect(engine="streaming").lazy()
    copy = work / f"compared_{whose}.parquet"
    typed.sink_parquet(copy, compression="lz4")
    return pl.scan_parquet(copy)


def _fits(held: pl.DataType, wanted: pl.DataType) -> bool:
    """Same kind of value; a column of nothing but nulls is of every kind."""
    if isinstance(held, pl.Null):
        return True
    if isinstance(held, pl.Datetime):
        return isinstance(wanted, pl.Datetime) and held.time_zone is None
    return held == wanted or (held.is_integer() and wanted.is_integer())


def _never_tells(path: Path, name: str) -> bool:
    """Whether a column of a list that has rows holds nothing but nulls."""
    try:
        told = pl.scan_parquet(path).select(pl.len(), told=pl.col(name).count()).collect(engine="streaming")
    except (OSError, pl.exceptions.PolarsError):
        return False  # no such file or column: compare_lists says so, with the list's name
    return bool(told["len"][0]) and not told["told"][0]


def _column(frame: pl.LazyFrame, name: str) -> pl.Series:
    return frame.select(name).collect(engine="streaming").to_series()


def _received_in(frame: pl.LazyFrame, window: Window) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """A flag for every row of a list: received on a day of the window (false where no day is given)."""
    start = datetime.combine(window.first, time())
    end = datetime.combine(window.last + timedelta(days=1), time())
    day = pl.col("received")
    inside = frame.select(((day >= start) & (day < end)).fill_null(False)).collect(engine="streaming")
    return inside.to_series().to_numpy()


def _within(
    pairs: Pairs,
    left_inside: np.ndarray[Any, np.dtype[np.bool_]],
    right_inside: np.ndarray[Any, np.dtype[np.bool_]],
) -> Pairs:
    """The pairs of which either row was received in the window, and the lone rows that were."""
    rows, others = pairs.provincial.to_numpy(), pairs.portal.to_numpy()
    kept = left_inside[rows] | right_inside[others]
    only_left, only_right = pairs.only_provincial.to_numpy(), pairs.only_portal.to_numpy()
    only_left, only_right = only_left[left_inside[only_left]], only_right[right_inside[only_right]]
    left_scope, right_scope = np.zeros_like(left_inside), np.zeros_like(right_inside)
    left_scope[rows[kept]] = left_scope[only_left] = True
    right_scope[others[kept]] = right_scope[only_right] = True
    return Pairs(
        provincial=pl.Series("row", rows[kept]),
        portal=pl.Series("other", others[kept]),
        only_provincial=pl.Series("row", only_left),
        only_portal=pl.Series("row", only_right),
        provincial_repeats=_those_in(pairs.provincial_repeats, left_scope),
        portal_repeats=_those_in(pairs.portal_repeats, right_scope),
        provincial_uncoded=pairs.provincial_uncoded,
        portal_uncoded=pairs.portal_uncoded,
    )


def _those_in(repeats: pl.DataFrame, scope: np.ndarray[Any, np.dtype[np.bool_]]) -> pl.DataFrame:
    return repeats.filter(pl.Series(scope[repeats["row"].to_numpy()]))


# --- findings -------------------------------------------------------------------------


def _differences(
    left: pl.LazyFrame, right: pl.LazyFrame, pairs: Pairs, names: Sequence[str]
) -> Iterator[tuple[str, pl.DataFrame]]:
    """By field, the pairs (``pair``: place in ``pairs``) that differ in it, with both values as text."""
    mine, theirs = pl.collect_all([left.select(names), right.select(names)], engine="streaming")
    unlike = side_by_side(mine, pairs.provincial, theirs, pairs.portal).select(
        pl.col(name).ne_missing(pl.col(f"{name}_portal")) for name in names
    )
    for column in unlike.collect().iter_columns():
        places = column.arg_true()
        values = (
            _as_text(frame[column.name].gather(rows.gather(places)))
            for frame, rows in ((mine, pairs.provincial), (theirs, pairs.portal))
        )
        named = zip(("pair", "provincial_value", "portal_value"), (places, *values), strict=True)
        yield column.name, pl.DataFrame(dict(named))


def _as_text(values: pl.Series) -> pl.Series:
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.strftime("%Y-%m-%d %H:%M:%S%.f")  # a fraction only where there is one
    return values.cast(pl.String)


def _field_findings(
    left_codes: pl.Series,
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    pairs: Pairs,
    differences: pl.DataFrame,
) -> pl.DataFrame:
    rows, others = pairs.provincial.gather(differences["pair"]), pairs.portal.gather(differences["pair"])
    units = _column(left, "unit").gather(rows)
    if units.null_count():
        units = units.zip_with(units.is_not_null(), _column(right, "unit").gather(others))
    return differences.drop("pair").with_columns(
        dossier_code=left_codes.gather(rows), unit=units, finding=pl.lit(FIELD_DIFFERS)
    )


def _missing(codes: pl.Series, frame: pl.LazyFrame, rows: pl.Series, finding: str) -> pl.DataFrame:
    units = _column(frame, "unit").gather(rows) if len(rows) else pl.Series([], dtype=pl.String)
    return pl.DataFrame({"dossier_code": codes.gather(rows), "unit": units}).with_columns(
        finding=pl.lit(finding)
    )


def _repeats(
    codes: pl.Series, frame: pl.LazyFrame, repeats: pl.DataFrame, finding: str, column: str
) -> pl.DataFrame:
    times = repeats["times"].cast(pl.String).alias(column)
    return _missing(codes, frame, repeats["row"], finding).with_columns(times)


def _in_order(findings: Sequence[pl.DataFrame]) -> pa.Table:
    """By code, finding, and field as it was asked for: the same lists give the same bytes."""
    together = pl.concat(findings, how="diagonal")
    absent = [
        pl.lit(None, pl.Int8 if name == "place" else pl.String).alias(name)
        for name in (*FINDINGS.names, "place")
        if name not in together.columns
    ]
    ordered = together.with_columns(absent).sort("dossier_code", "finding", "place")
    return ordered.select(FINDINGS.names).to_arrow().cast(FINDINGS)
