"""Reading what the appendix shows from the views of ``mart``, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from etl.deliver.appendix_data import (
    DECISION_GROUPS,
    GROUP_CODES,
    LOOKS_BACK,
    PROVINCE_BLOCK,
    AppendixData,
    Capture,
    Group,
    IndicatorRow,
    NationalRank,
    QualityRow,
    Restatement,
    Snapshot,
    UnitRow,
)
from etl.errors import ReportNotReady
from etl.periods import Period


def load_appendix(connection: psycopg.Connection[Any], province_code: str, period: Period) -> AppendixData:
    """Read the current snapshot of ``period`` for the province (H-code) from schema ``mart``.

    All views are read in one read-only transaction, so that a publication in between
    cannot mix two states; inside a caller's open transaction, the caller's isolation holds.
    Raises ReportNotReady when there is no current snapshot, when it is partial, or when
    it holds no unit.
    """
    own_transaction = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if own_transaction:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _read(_Mart(connection, province_code, period))


class _Mart:
    """Runs the queries; each knows the province, the period and, once found, the snapshot."""

    def __init__(self, connection: psycopg.Connection[Any], province_code: str, period: Period) -> None:
        self.connection = connection
        self.period = period
        self.keys: dict[str, str] = {
            "province": province_code,
            "period": period.id,
            "previous": period.previous().id,
        }

    def rows(self, query: LiteralString) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, self.keys).fetchall()


def _read(mart: _Mart) -> AppendixData:
    snapshot = _snapshot(mart)
    mart.keys["snapshot"] = snapshot.snapshot_id
    flags = _flags(mart)
    units = _units(mart, flags)
    if not units:
        raise ReportNotReady(
            f"the snapshot of {mart.period.id} for {mart.keys['province']} holds no unit",
            f"read the period again: {_command(mart)}",
        )
    indicators = _indicators(mart)
    return AppendixData(
        province_code=mart.keys["province"],
        period=mart.period,
        snapshot=snapshot,
        groups=_groups(indicators),
        province=next((unit for unit in units if unit.block == PROVINCE_BLOCK), None),
        indicators=indicators,
        units=tuple(unit for unit in units if unit.block != PROVINCE_BLOCK),
        national=_national(mart),
        quality=_quality(mart),
        restatements=_restatements(mart),
        compared_provisional=_compared_provisional(mart),
        moved_while_running=_moved_while_running(mart),
    )


def _command(mart: _Mart) -> str:
    return f"bochiso run ingest --province {mart.keys['province']} --period {mart.period.id}"


def _snapshot(mart: _Mart) -> Snapshot:
    found = mart.rows(
        "SELECT snapshot_id, source, complete, provisional, captured_at, units, rows FROM mart.snapshots"
        # A digitization form of the same period has days of its own and is no reading of the portal.
        " WHERE province_code = %(province)s AND period_id = %(period)s AND is_current AND period_start IS NULL"
        " ORDER BY complete DESC, captured_at DESC, snapshot_id"
    )
    remedy = f"read the period first: {_command(mart)}"
    if not found:
        raise ReportNotReady(f"there is no data of {mart.period.id} for {mart.keys['province']}", remedy)
    row = found[0]
    if not row["complete"]:
        raise ReportNotReady(
            f"the data of {mart.period.id} for {mart.keys['province']} is partial: groups or units missing",
            f"see the quality view for what is missing, then {remedy}",
        )
    mart.keys |= {"snapshot": str(row["snapshot_id"]), "source": row["source"]}
    captures = mart.rows(
        "SELECT group_code, page, captured_at, sha256, size_bytes, endpoint, address FROM mart.snapshot_captures"
        " WHERE snapshot_id = %(snapshot)s"
    )
    order = {code: number for number, code in enumerate(GROUP_CODES)}
    captures.sort(
        key=lambda c: (order.get(c["group_code"], 99), c["group_code"] or "", c["page"] or 0, c["sha256"])
    )
    return Snapshot(
        snapshot_id=str(row["snapshot_id"]),
        source=row["source"],
        captured_at=row["captured_at"],
        provisional=row["provisional"],
        units=row["units"],
        rows=row["rows"],
        captures=tuple(Capture(**capture) for capture in captures),
    )


def _flags(mart: _Mart) -> Mapping[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for row in mart.rows(
        "SELECT unit_id, indicator_code, quality_flag FROM mart.indicator_scores"
        " WHERE province_code = %(province)s AND period_id = %(period)s AND snapshot_id = %(snapshot)s"
        " AND quality_flag IS NOT NULL ORDER BY unit_id, indicator_order, indicator_code, quality_flag"
    ):
        found[str(row["unit_id"])].append((row["indicator_code"], row["quality_flag"]))
    return {unit: tuple(flags) for unit, flags in found.items()}


def _units(mart: _Mart, flags: Mapping[str, tuple[tuple[str, str], ...]]) -> list[UnitRow]:
    return [
        UnitRow(
            block=row["block"],
            unit_name=row["unit_name"],
            group_scores=tuple(_decimal(row[code.lower()]) for code in GROUP_CODES),
            total=_decimal(row["total"]),
            rank_in_block=_whole(row["rank_in_block"]),
            total_change=_decimal(row["total_change"]),
            rank_change=_whole(row["rank_change"]),
            compared_period_id=row["compared_period_id"],
            no_dossiers=bool(row["no_dossiers"]),
            flags=flags.get(str(row["unit_id"]), ()),
            unit_code=row["unit_code"],
        )
        for row in mart.rows(
            "SELECT block, unit_id, unit_code, unit_name, ckmb, tdgq, clgq, tttt, mdsh, mdhl, total, rank_in_block,"
            " total_change, rank_change, compared_period_id, no_dossiers FROM mart.unit_scorecard"
            " WHERE province_code = %(province)s AND period_id = %(period)s AND snapshot_id = %(snapshot)s"
            " ORDER BY block, unit_code, unit_id"
        )
    ]


def _indicators(mart: _Mart) -> tuple[IndicatorRow, ...]:
    return tuple(
        IndicatorRow(
            level=row["level"],
            indicator_code=row["indicator_code"],
            group_code=row["group_code"],
            name=row["indicator_name"] or row["indicator_code"],
            numerator=_decimal(row["numerator"]),
            denominator=_decimal(row["denominator"]),
            ratio_pct=_decimal(row["ratio_pct"]),
            score=_decimal(row["score"]),
            max_score=_decimal(row["max_score"]),
            value=_decimal(row["value"]),
            value_unit=row["value_unit"],
            quality_flag=row["quality_flag"],
            inherited=bool(row["inherited"]),
        )
        for row in mart.rows(
            "SELECT level, indicator_code, group_code, indicator_name, numerator, denominator, ratio_pct,"
            " score, max_score, value, value_unit, quality_flag, inherited FROM mart.indicator_scores"
            " WHERE province_code = %(province)s AND period_id = %(period)s AND snapshot_id = %(snapshot)s"
            " AND unit_code = %(province)s ORDER BY indicator_order, indicator_code"
        )
    )


def _groups(indicators: tuple[IndicatorRow, ...]) -> tuple[Group, ...]:
    published = {row.indicator_code: row for row in indicators if row.level == "group"}
    return tuple(
        Group(group.code, published[group.code].name, published[group.code].max_score)
        if group.code in published and published[group.code].max_score is not None
        else group
        for group in DECISION_GROUPS
    )


def _national(mart: _Mart) -> NationalRank | None:
    table = mart.rows(
        "SELECT province_code, rank, total, rank_change, compared_period_id, captured_at, capture_sha256,"
        " snapshot_id::text AS snapshot_id"
        " FROM mart.province_ranking WHERE period_id = %(period)s ORDER BY captured_at, province_code"
    )
    if not table:
        return None
    own = next((row for row in table if row["province_code"] == mart.keys["province"]), None)
    return NationalRank(
        rank=_whole(own["rank"]) if own else None,
        ranked_provinces=sum(row["rank"] is not None for row in table),
        total=_decimal(own["total"]) if own else None,
        rank_change=_whole(own["rank_change"]) if own else None,
        compared_period_id=own["compared_period_id"] if own else None,
        captured_at=(own or table[-1])["captured_at"],
        capture_sha256=(own or table[-1])["capture_sha256"],
        snapshot_id=(own or table[-1])["snapshot_id"],
    )


def _quality(mart: _Mart) -> tuple[QualityRow, ...]:
    return tuple(
        QualityRow(
            kind=row["kind"],
            subject=row["subject"] or "",
            severity=row["severity"],
            state=row["state"],
            observed=number_or_text(row["observed"]),
            # "2026" is a period here, not a number
            expected=row["expected"] if row["kind"] in LOOKS_BACK else number_or_text(row["expected"]),
            detail=row["detail_vi"] or "",
        )
        for row in mart.rows(
            "SELECT kind, subject, severity, state, observed, expected, detail_vi FROM mart.data_quality"
            " WHERE province_code = %(province)s AND period_id = %(period)s"
            " AND (snapshot_id = %(snapshot)s OR snapshot_id IS NULL)"
            " ORDER BY kind, subject, detail_vi, observed, expected"
        )
    )


def _restatements(mart: _Mart) -> tuple[Restatement, ...]:
    return tuple(
        Restatement(
            unit_name=row["unit_name"],
            indicator_code=row["indicator_code"],
            field=row["field"],
            old_value=number_or_text(row["old_value"]),
            new_value=number_or_text(row["new_value"]),
            old_captured_at=row["old_captured_at"],
            new_captured_at=row["new_captured_at"],
            unit_code=row["unit_code"],
            period_id=row["period_id"],
        )
        # The province's own changes come first: the list is cut after the first 200.
        for row in mart.rows(
            "SELECT unit_name, unit_code, period_id, indicator_code, field,"
            " coalesce(old_value::text, old_text) AS old_value,"
            " coalesce(new_value::text, new_text) AS new_value, old_captured_at, new_captured_at"
            " FROM mart.restatements WHERE province_code = %(province)s AND period_id = %(period)s"
            " AND period_start IS NULL AND NOT old_provisional"
            " ORDER BY unit_code IS DISTINCT FROM %(province)s, unit_code, unit_name, indicator_code, field,"
            " old_captured_at, new_captured_at"
        )
    )


def _moved_while_running(mart: _Mart) -> int:
    """How many values changed after a reading of the period while it ran: its normal movement."""
    (row,) = mart.rows(
        "SELECT count(*) AS moved FROM mart.restatements WHERE province_code = %(province)s"
        " AND period_id = %(period)s AND period_start IS NULL AND old_provisional"
    )
    return int(row["moved"])


def _compared_provisional(mart: _Mart) -> bool:
    """Whether the reading of the previous like period that is compared with was made while it ran."""
    found = mart.rows(
        "SELECT provisional FROM mart.snapshots WHERE province_code = %(province)s AND period_id = %(previous)s"
        " AND source = %(source)s AND is_current AND period_start IS NULL"
    )
    return any(row["provisional"] for row in found)


def _decimal(value: object) -> Decimal | None:
    """PostgreSQL's numeric, integer or double as Decimal, the double by its shortest digits."""
    if value is None:
        return None
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    if not number.is_finite():
        raise ReportNotReady(
            f"the warehouse holds {value}, which is not a number",
            "see mart.data_quality and ingest the period again",
        )
    return number


def _whole(value: object) -> int | None:
    return None if value is None else int(str(value))


def number_or_text(value: object) -> Decimal | str | None:
    """A figure where the view gives one (as number or as text), else the text itself."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return str(value)
    return number if number.is_finite() else str(value)
