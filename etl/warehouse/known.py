"""What the warehouse already knows, asked by the stages before they judge something new."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

import pyarrow as pa

from etl.errors import ReportNotReady, WarehouseRefused
from etl.warehouse.engine import Warehouse


def known_units(warehouse: Warehouse, source: str, province_code: str) -> frozenset[str]:
    """Portal ids of the units in the last complete snapshot of a province (empty: none yet)."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT k.key_value FROM core.indicator_score f "
            "JOIN core.unit_key k ON k.unit_id = f.unit_id AND k.key_type = 'portal_id' "
            "JOIN core.unit u ON u.unit_id = f.unit_id AND u.block <> 'province' "
            "WHERE f.snapshot_id = (SELECT snapshot_id FROM core.snapshot WHERE source = %s AND province_code = %s "
            "AND complete ORDER BY captured_at DESC, snapshot_id LIMIT 1)",
            (source, province_code),
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def previous_scores(
    warehouse: Warehouse, source: str, province_code: str, period_id: str, before: datetime
) -> pa.Table | None:
    """Facts of the complete snapshot of the same period captured before an instant, or None.

    Columns portal_id, indicator_code, score (decimal).
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT k.key_value, f.indicator_code, f.score FROM core.indicator_score f "
            "JOIN core.unit_key k ON k.unit_id = f.unit_id AND k.key_type = 'portal_id' "
            "WHERE f.snapshot_id = (SELECT snapshot_id FROM core.snapshot WHERE source = %s AND province_code = %s "
            "AND period_id = %s AND complete AND captured_at < %s ORDER BY captured_at DESC, snapshot_id LIMIT 1)",
            (source, province_code, period_id, before),
        ).fetchall()
    if not rows:
        return None
    return pa.table(
        {
            "portal_id": pa.array([row[0] for row in rows], pa.string()),
            "indicator_code": pa.array([row[1] for row in rows], pa.string()),
            "score": pa.array([row[2] for row in rows], pa.decimal128(18, 6)),
        }
    )


def require_complete(warehouse: Warehouse, province_code: str, period_id: str) -> None:
    """Raise ReportNotReady unless a complete snapshot speaks for the province and period."""
    with warehouse.connect() as connection:
        row = connection.execute(
            "SELECT complete, missing_groups FROM core.current_snapshot WHERE province_code = %s AND period_id = %s",
            (province_code, period_id),
        ).fetchone()
    if row is None:
        raise ReportNotReady(
            f"nothing has been published for {province_code} {period_id}",
            "read the period first: `bochiso run ingest --province … --period …`",
        )
    if not row[0]:
        raise ReportNotReady(
            f"{province_code} {period_id} is only partly there: {', '.join(row[1])} are missing",
            "fetch the period again; a report is made of a complete snapshot only",
        )


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def refuse_mixed_origins(warehouse: Warehouse, address: str) -> None:
    """Raise WarehouseRefused where figures of a local sandbox would stand beside the portal's, or the reverse."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT address FROM ops.capture WHERE address IS NOT NULL"
        ).fetchall()
    local = _is_local(address)
    for (earlier,) in rows:
        if _is_local(earlier) != local:
            raise WarehouseRefused(
                f"this warehouse holds captures from {earlier}; {address} is "
                + ("a local sandbox" if local else "a real portal"),
                "keep invented and real figures apart: name another BOCHISO_HOME (and warehouse) for one of them",
            )


def _is_local(address: str) -> bool:
    return urlsplit(address).hostname in _LOOPBACK
