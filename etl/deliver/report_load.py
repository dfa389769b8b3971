"""Reading everything a report period says from ``mart``, as the warehouse stood at one publication."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from etl.deliver.appendix_data import GROUP_CODES, AppendixData, IndicatorRow, Restatement
from etl.deliver.appendix_load import load_appendix, number_or_text
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization_data import DigitizationData, load_digitization
from etl.deliver.report import (
    EarlierRelease,
    GroupResult,
    RankedProvince,
    Report,
    TrendPoint,
    UnitComponent,
)
from etl.errors import ReportNotReady
from etl.periods import Period, Window
from etl.warehouse.engine import Warehouse

# A year of months, three years of quarters: what fits a chart on a page.
TREND_LENGTH = {"month": 13, "quarter": 9, "half": 7, "year": 6}


@dataclass(frozen=True)
class Wanted:
    """What is to be reported: the report's own period and the windows of its inputs.

    ``stage`` is preliminary or final; ``gaps`` are the Vietnamese sentences on what lacks, as they were when the
    draft was made. ``earlier`` is the release that stands (number, when it went out, its publication number, its gaps).
    """

    province_code: str
    names: ProvinceNames
    period: Period
    portal_period: Period | None
    window: Window
    stage: str
    due_at: datetime
    gaps: tuple[str, ...]
    earlier: tuple[int, datetime, int, tuple[str, ...]] | None = None


@contextmanager
def as_known(warehouse: Warehouse, publication_no: int | None) -> Iterator[psycopg.Connection[Any]]:
    """A read-only transaction of the analyst that sees the warehouse as it stood at a publication (None: now)."""
    with warehouse.connect("analyst") as connection, connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        if publication_no is not None:
            connection.execute("SELECT set_config('bochiso.publication', %s, true)", (str(publication_no),))
        yield connection


def current_publication(warehouse: Warehouse) -> int:
    """The number of the newest publication; 0 where nothing was ever published."""
    with warehouse.connect("analyst") as connection:
        row = connection.execute("SELECT coalesce(max(publication_no), 0) FROM mart.snapshots").fetchone()
    return int(row[0]) if row else 0


def load_report(connection: psycopg.Connection[Any], wanted: Wanted) -> Report:
    """Read a whole report. Raises ReportNotReady where the portal's reading is missing or not whole.

    A report without any digitization figure is made without them; a block that is not whole is read as it is.
    """
    if wanted.portal_period is None:
        raise ReportNotReady(
            f"the report of {wanted.period.id} is read beside no period of the portal",
            "name national_portal among its inputs in duties.yml",
        )
    indicators = load_appendix(connection, wanted.province_code, wanted.portal_period)
    rows = _Rows(connection, wanted.province_code, wanted.portal_period)
    trend = _trend(rows)
    before = trend[-2] if len(trend) > 1 and trend[-2].period == wanted.portal_period.previous() else None
    return Report(
        names=wanted.names,
        province_code=wanted.province_code,
        period=wanted.period,
        stage=wanted.stage,
        window=wanted.window,
        due_on=wanted.due_at.date(),
        indicators=indicators,
        digitization=load_window(connection, wanted.province_code, wanted.window),
        groups=_groups(indicators, before),
        compared_period=before.period if before else None,
        trend=trend,
        components=_components(rows),
        ranking=_ranking(rows),
        gaps=wanted.gaps,
        earlier=load_earlier(connection, wanted),
    )


def load_window(
    connection: psycopg.Connection[Any], province_code: str, window: Window
) -> DigitizationData | None:
    """The digitization figures of a window as far as they are told; None where none is."""
    with connection.cursor() as cursor:
        told = cursor.execute(
            "SELECT EXISTS (SELECT FROM mart.digitization WHERE province_code = %s AND period_id = %s"
            " AND window_kind = %s)",
            (province_code, window.period.id, window.kind),
        ).fetchone()
    return load_digitization(connection, province_code, window) if told and told[0] else None


class _Rows:
    def __init__(self, connection: psycopg.Connection[Any], province_code: str, period: Period) -> None:
        self.connection = connection
        self.period = period
        self.keys: dict[str, Any] = {"province": province_code, "period": period.id}

    def __call__(self, query: LiteralString, **more: Any) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, self.keys | more).fetchall()


def _trend(rows: _Rows) -> tuple[TrendPoint, ...]:
    """The province's own line in the like periods up to this one, of the same series, complete readings only."""
    periods = [rows.period]
    while len(periods) < TREND_LENGTH[rows.period.kind]:
        periods.append(periods[-1].previous())
    found = rows(
        "SELECT c.period_id, c.ckmb, c.tdgq, c.clgq, c.tttt, c.mdsh, c.mdhl, c.total, s.provisional"
        " FROM mart.unit_scorecard c JOIN mart.snapshots s USING (snapshot_id)"
        " WHERE c.province_code = %(province)s AND c.period_id = ANY(%(periods)s) AND c.block = 'province'"
        " AND s.complete AND s.series = (SELECT o.series FROM mart.snapshots o WHERE o.province_code = %(province)s"
        " AND o.period_id = %(period)s AND o.is_current AND o.period_start IS NULL AND o.complete"
        " ORDER BY o.captured_at DESC, o.snapshot_id LIMIT 1)",
        periods=[period.id for period in periods],
    )
    by_period = {row["period_id"]: row for row in found}
    return tuple(
        TrendPoint(
            period=period,
            total=by_period[period.id]["total"],
            groups=tuple(by_period[period.id][code.lower()] for code in GROUP_CODES),
            provisional=bool(by_period[period.id]["provisional"]),
        )
        for period in reversed(periods)
        if period.id in by_period
    )


def _groups(indicators: AppendixData, before: TrendPoint | None) -> tuple[GroupResult, ...]:
    own: dict[str, IndicatorRow] = {
        row.indicator_code: row for row in indicators.indicators if row.level == "group"
    }
    results = []
    for place, group in enumerate(indicators.groups):
        score = own[group.code].score if group.code in own else None
        old = before.groups[place] if before else None
        change = score - old if score is not None and old is not None else None
        results.append(GroupResult(group.code, group.name, group.max_score, score, change))
    return tuple(results)


def _components(rows: _Rows) -> tuple[UnitComponent, ...]:
    return tuple(
        UnitComponent(**row)
        for row in rows(
            "SELECT block, unit_name, unit_code, indicator_code, group_code, indicator_name AS name,"
            " numerator::numeric, denominator::numeric, ratio_pct, score, max_score FROM mart.indicator_scores"
            " WHERE province_code = %(province)s AND period_id = %(period)s AND level = 'component'"
            " AND NOT inherited AND complete AND block <> 'province'"
            " ORDER BY indicator_order, indicator_code, block, unit_code, unit_id"
        )
    )


def _ranking(rows: _Rows) -> tuple[RankedProvince, ...]:
    return tuple(
        RankedProvince(row["province_code"], row["province_name"], row["total"], row["rank"], row["own"])
        for row in rows(
            "SELECT province_code, province_name, total, rank::int AS rank, province_code = %(province)s AS own"
            " FROM mart.province_ranking WHERE period_id = %(period)s"
            " ORDER BY rank NULLS LAST, province_code"
        )
    )


def load_earlier(connection: psycopg.Connection[Any], wanted: Wanted) -> EarlierRelease | None:
    """What the sources have changed since the release that stands, the province's own figures first."""
    if wanted.earlier is None:
        return None
    number, released_at, publication_no, gaps = wanted.earlier
    rows = _Rows(connection, wanted.province_code, wanted.portal_period or wanted.period)
    found = rows(
        "SELECT unit_name, unit_code, period_id, indicator_code, field, coalesce(old_value::text, old_text) AS old_value,"
        " coalesce(new_value::text, new_text) AS new_value, old_captured_at, new_captured_at"
        " FROM mart.restatements WHERE province_code = %(province)s AND new_publication_no > %(since)s"
        " AND (period_start IS NULL AND period_id = %(period)s"
        "      OR period_start >= %(first)s AND period_end <= %(last)s)"
        " ORDER BY unit_code IS DISTINCT FROM %(province)s, unit_code, unit_name, indicator_code, field,"
        " old_captured_at, new_captured_at",
        since=publication_no,
        first=wanted.window.first,
        last=wanted.window.last,
    )
    changes = (row | {key: number_or_text(row[key]) for key in ("old_value", "new_value")} for row in found)
    return EarlierRelease(number, released_at, tuple(Restatement(**row) for row in changes), gaps)


def snapshots_behind(
    connection: psycopg.Connection[Any],
    province_code: str,
    portal_periods: Sequence[Period],
    digitization: DigitizationData | None,
) -> tuple[str, ...]:
    """Ids of the snapshots whose figures stand in documents over these periods, in order."""
    with connection.cursor() as cursor:
        found = cursor.execute(
            "SELECT snapshot_id::text FROM mart.snapshots WHERE is_current AND period_start IS NULL"
            " AND (province_code = %(province)s AND period_id = ANY(%(periods)s)"
            "      OR province_code = 'VN' AND period_id = ANY(%(periods)s))",
            {"province": province_code, "periods": [period.id for period in portal_periods]},
        ).fetchall()
    ids = {row[0] for row in found}
    if digitization is not None:
        ids |= {one.snapshot_id for one in digitization.files}
    return tuple(sorted(ids))
