"""What the digitization workbook (duty D1) of one province and window shows, and how it is read from ``mart``.

The dataclasses are the whole input of ``etl.deliver.digitization``: a test builds them by hand,
``load_digitization`` builds them from the views. Measures are whole numbers of dossiers, rates
percent; ``None`` is "no figure" everywhere and never means zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import dict_row

from etl.deliver.appendix_data import QualityRow
from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.errors import ReportNotReady
from etl.periods import Window
from etl.sources.digitization import BLOCKS, MEASURES

RATES = ("components_rate_pct", "reuse_rate_pct", "results_rate_pct")


@dataclass(frozen=True)
class UnitFigures:
    """One unit's row. ``measures`` and ``rates`` are keyed as in ``MEASURES`` and ``RATES``;
    ``met_target`` is None without a rate; ``basis`` is form, list or sum."""

    block: str
    unit_name: str
    unit_code: str | None
    measures: Mapping[str, int | None]
    rates: Mapping[str, Decimal | None]
    met_target: bool | None = None
    basis: str = "form"
    provisional: bool = False


@dataclass(frozen=True)
class BlockTotals:
    """A block's totals as the warehouse adds them (block ``ALL``: the province's). A measure that a file leaves
    blank has no total. ``expected_units`` is None where nobody knows how many there should be;
    ``missing_units`` are names; ``missing_blocks`` (of ``ALL`` alone) are blocks without any figure.

    A block summed from months (never ``ALL``) names them in ``months``, and in ``missing_in`` each
    (month, name) of a unit that lacks in one: the total adds the months that tell of it."""

    block: str
    units: int
    expected_units: int | None
    complete: bool
    measures: Mapping[str, int | None]
    rates: Mapping[str, Decimal | None]
    met_target: bool | None = None
    missing_units: tuple[str, ...] = ()
    missing_blocks: tuple[str, ...] = ()
    months: tuple[str, ...] = ()
    missing_in: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Compared:
    """One measure of one unit beside the portal's; ``difference`` is provincial less portal."""

    block: str
    unit_name: str
    measure: str
    provincial: int | None
    portal: int | None
    difference: int | None
    difference_pct: Decimal | None
    verdict: str
    provincial_days: tuple[date, date]
    portal_period_id: str
    portal_days: tuple[date, date]
    portal_provisional: bool = False
    unit_id: str = ""  # tells namesakes apart


@dataclass(frozen=True)
class HandedIn:
    """A file behind the figures: its snapshot, when it was received, its hash; ``address`` is of samples only."""

    snapshot_id: str
    source: str
    period_id: str
    received_at: datetime
    provisional: bool
    rows_published: int
    rows_quarantined: int
    sha256: str
    size_bytes: int
    address: str | None = None


@dataclass(frozen=True)
class DigitizationData:
    """Everything in one workbook. ``target_pct`` is the share of digitized results asked for, None: no
    target. Behind figures summed from months stand the ``files`` of those months."""

    province_code: str
    window: Window
    units: tuple[UnitFigures, ...]
    totals: tuple[BlockTotals, ...]
    target_pct: Decimal | None
    compared: tuple[Compared, ...]
    quality: tuple[QualityRow, ...]
    files: tuple[HandedIn, ...]

    @property
    def blocks(self) -> tuple[str, ...]:
        """The blocks that have units or totals, in the form's order."""
        found = {unit.block for unit in self.units} | {total.block for total in self.totals}
        return in_order(found - {WHOLE_PROVINCE})

    @property
    def provisional(self) -> bool:
        return any(unit.provisional for unit in self.units)

    @property
    def is_sample(self) -> bool:
        """Whether any file came from the sandbox: such figures must not pass for an office's."""
        hosts = {urlsplit(one.address).hostname for one in self.files if one.address}
        return bool(hosts & {"127.0.0.1", "localhost", "::1"})

    @property
    def stated_at(self) -> datetime:
        """When the last of the files was received: the document's time, which is not the clock's."""
        return max(one.received_at for one in self.files)

    def total(self, block: str) -> BlockTotals | None:
        return next((total for total in self.totals if total.block == block), None)


def in_order(blocks: Iterable[str]) -> tuple[str, ...]:
    """Blocks in the form's order; what is no block of ours comes last, by name."""
    return tuple(sorted(blocks, key=lambda one: (BLOCKS.index(one) if one in BLOCKS else len(BLOCKS), one)))


def load_digitization(
    connection: psycopg.Connection[Any], province_code: str, window: Window
) -> DigitizationData:
    """Read the figures in force of the window for the province (H-code) from schema ``mart``.

    All views are read in one read-only transaction, so that a publication in between cannot mix
    two states; inside a caller's open transaction, the caller's isolation holds. A block that is
    not whole is read as it is and says so. Raises ReportNotReady when the window has no figures.
    """
    own_transaction = connection.info.transaction_status == TransactionStatus.IDLE
    with connection.transaction():
        if own_transaction:
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _read(_Mart(connection, province_code, window))


class _Mart:
    """Runs the queries; each knows the province and the window."""

    def __init__(self, connection: psycopg.Connection[Any], province_code: str, window: Window) -> None:
        self.connection = connection
        self.window = window
        self.keys: dict[str, Any] = {
            "province": province_code,
            "period": window.period.id,
            "kind": window.kind,
            "first": window.first,
            "last": window.last,
            "months": [month.id for month in window.period.months()],
        }

    def rows(self, query: LiteralString) -> list[dict[str, Any]]:
        with self.connection.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, self.keys).fetchall()


def _read(mart: _Mart) -> DigitizationData:
    units = _told_apart(
        mart.rows(
            "SELECT * FROM mart.digitization WHERE province_code = %(province)s AND period_id = %(period)s"
            " AND window_kind = %(kind)s ORDER BY unit_code, unit_name, unit_id"
        )
    )
    if not units:
        raise ReportNotReady(
            f"there are no digitization figures of {mart.window.period.id} ({mart.window.first:%d/%m/%Y} to "
            f"{mart.window.last:%d/%m/%Y}) for {mart.keys['province']}",
            "hand in the form or the dossier list of these days: put it into the inbox, or bochiso ingest FILE",
        )
    summed = _summed(mart, units)
    own = {row["snapshot_id"] for row in units if row["snapshot_id"] is not None}
    mart.keys["snapshots"] = sorted(own | {row["snapshot_id"] for row in summed})
    return DigitizationData(
        province_code=mart.keys["province"],
        window=mart.window,
        units=tuple(
            UnitFigures(
                block=row["block"],
                unit_name=row["unit_name"],
                unit_code=row["unit_code"],
                measures=_measures(row),
                rates=_rates(row),
                met_target=row["met_target"],
                basis=row["basis"],
                provisional=bool(row["provisional"]),
            )
            for row in units
        ),
        totals=_totals(mart, summed),
        target_pct=next((row["target_pct"] for row in units if row["target_pct"] is not None), None),
        compared=_compared(mart),
        quality=_quality(mart),
        files=_files(mart),
    )


def _told_apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows, names that two units of a block bear followed by the unit's code.

    Else nobody can tell their lines apart, and the form, handed in again, would be refused in them.
    """
    units = {(row["block"], row["unit_name"], row["unit_id"]) for row in rows}
    times = Counter((block, name) for block, name, _ in units)
    return [
        row | {"unit_name": f"{row['unit_name']} ({row['unit_code']})"}
        if row["unit_code"] and times[row["block"], row["unit_name"]] > 1
        else row
        for row in rows
    ]


def _summed(mart: _Mart, units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each block summed from months the months and the snapshots that speak for it in them (block, period_id,
    snapshot_id). Files of a month or of a part of the window that the sum leaves out are not among them."""
    mart.keys["summed"] = sorted({row["block"] for row in units if row["basis"] == "sum"})
    return mart.rows(
        "SELECT DISTINCT block, period_id, snapshot_id FROM mart.digitization WHERE province_code = %(province)s"
        " AND window_kind = %(kind)s AND period_id = ANY(%(months)s) AND block = ANY(%(summed)s) AND complete"
        " AND snapshot_id IS NOT NULL ORDER BY block, period_id, snapshot_id"
    )


def _totals(mart: _Mart, summed: list[dict[str, Any]]) -> tuple[BlockTotals, ...]:
    missing = mart.rows(
        "SELECT block, period_id, missing_units FROM mart.digitization_totals WHERE province_code = %(province)s"
        " AND window_kind = %(kind)s AND period_id = ANY(%(months)s) AND block = ANY(%(summed)s) AND complete"
        " ORDER BY block, period_id"
    )
    return tuple(
        BlockTotals(
            block=row["block"],
            units=row["units"],
            expected_units=row["expected_units"],
            complete=bool(row["complete"]),
            measures=_measures(row),
            rates=_rates(row),
            met_target=row["met_target"],
            missing_units=tuple(row["missing_units"]),
            missing_blocks=tuple(row["missing_blocks"]),
            months=tuple(dict.fromkeys(of["period_id"] for of in summed if of["block"] == row["block"])),
            missing_in=tuple(
                (of["period_id"], name)
                for of in missing
                if of["block"] == row["block"]
                for name in of["missing_units"]
            ),
        )
        for row in mart.rows(
            "SELECT * FROM mart.digitization_totals WHERE province_code = %(province)s"
            " AND period_id = %(period)s AND window_kind = %(kind)s ORDER BY block"
        )
    )


def _compared(mart: _Mart) -> tuple[Compared, ...]:
    return tuple(
        Compared(
            block=row["block"],
            unit_name=row["unit_name"],
            measure=row["measure"],
            provincial=row["provincial_value"],
            portal=row["portal_value"],
            difference=row["difference"],
            difference_pct=_decimal(row["difference_pct"]),
            verdict=row["verdict"],
            provincial_days=(row["provincial_start"], row["provincial_end"]),
            portal_period_id=row["portal_period_id"],
            portal_days=(row["portal_start"], row["portal_end"]),
            portal_provisional=bool(row["portal_provisional"]),
            unit_id=str(row["unit_id"]),
        )
        for row in _told_apart(
            mart.rows(
                "SELECT * FROM mart.digitization_reconciliation WHERE province_code = %(province)s"
                " AND period_id = %(period)s AND window_kind = %(kind)s"
                " ORDER BY unit_code, unit_name, unit_id, measure"
            )
        )
    )


def _quality(mart: _Mart) -> tuple[QualityRow, ...]:
    return tuple(
        QualityRow(
            kind=row["kind"],
            subject=row["subject"] or "",
            severity=row["severity"],
            state=row["state"],
            observed=row["observed"],
            expected=row["expected"],
            detail=row["detail_vi"] or "",
        )
        for row in mart.rows(
            "SELECT kind, subject, severity, state, observed, expected, detail_vi FROM mart.data_quality"
            " WHERE snapshot_id = ANY(%(snapshots)s) ORDER BY kind, subject, detail_vi, observed, expected"
        )
    )


def _files(mart: _Mart) -> tuple[HandedIn, ...]:
    return tuple(
        HandedIn(
            snapshot_id=str(row["snapshot_id"]),
            source=row["source"],
            period_id=row["period_id"],
            received_at=row["captured_at"],
            provisional=bool(row["provisional"]),
            rows_published=row["rows"],
            rows_quarantined=row["rows_quarantined"],
            sha256=row["sha256"],
            size_bytes=row["size_bytes"],
            address=row["address"],
        )
        for row in mart.rows(
            "SELECT s.snapshot_id, s.source, s.period_id, s.captured_at, s.provisional, s.rows,"
            " s.rows_quarantined, c.sha256, c.size_bytes, c.address"
            " FROM mart.snapshots s JOIN mart.snapshot_captures c USING (snapshot_id)"
            " WHERE s.snapshot_id = ANY(%(snapshots)s) AND c.group_code = 'FILE'"
            " ORDER BY s.period_id, s.captured_at, c.sha256"
        )
    )


def _measures(row: Mapping[str, Any]) -> dict[str, int | None]:
    return {name: None if row[name] is None else int(row[name]) for name in MEASURES}


def _rates(row: Mapping[str, Any]) -> dict[str, Decimal | None]:
    return {name: _decimal(row[name]) for name in RATES}


def _decimal(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))
