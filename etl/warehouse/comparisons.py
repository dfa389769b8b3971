"""What comparing two dossier lists found, made visible in one transaction; the same comparison is one."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import pyarrow as pa

from etl.archive import Capture
from etl.errors import WarehouseRefused
from etl.periods import Window
from etl.warehouse.engine import Warehouse
from etl.warehouse.publish import number, run, server_error
from etl.warehouse.staging import capture_table

# Fixed for ever: comparison ids are derived from it.
_NAMESPACE = uuid.UUID("76607660-c03a-5c0e-8a76-6b0c50c51766")

_COUNTS = (
    "in_both",
    "agreeing",
    "only_provincial",
    "only_portal",
    "provincial_repeated",
    "portal_repeated",
    "provincial_rows",
    "portal_rows",
    "provincial_uncoded",
    "portal_uncoded",
    "findings",
)
_FINDINGS = ["dossier_code", "finding", "field", "provincial_value", "portal_value"]
_COMPARISON = pa.schema(
    [(name, pa.string()) for name in ("comparison_id", "province_code", "period_id")]
    + [("period_start", pa.date32()), ("period_end", pa.date32())]
    + [
        (name, pa.string())
        for name in ("provincial_capture_id", "portal_capture_id", "compared_fields", "differing")
    ]
    + [(name, pa.int64()) for name in _COUNTS]
)


def comparison_id(
    province_code: str,
    window: Window | None,
    provincial_sha256: str,
    portal_sha256: str,
    fields: Sequence[str],
) -> uuid.UUID:
    """The id the comparison of the same two files over the same window and fields always has."""
    days = f"{window.first}/{window.last}" if window else "all"
    return uuid.uuid5(
        _NAMESPACE, "\n".join((province_code, days, provincial_sha256, portal_sha256, ",".join(fields)))
    )


def publish_comparison(
    warehouse: Warehouse,
    province_code: str,
    window: Window | None,
    *,
    provincial: Capture,
    portal: Capture,
    counts: Mapping[str, Any],
    findings: pa.Table,
) -> tuple[uuid.UUID, bool]:
    """Record a comparison of two lists; returns its id and whether it is new.

    ``counts`` is ``Comparison.counts()`` (of ``compare_lists``, or what ``compare_apart`` gave
    back), ``findings`` its table (dossier_code, finding, field, provincial_value, portal_value;
    other columns are not taken over). Both captures enter the logbook where they are not there yet.

    Raises WarehouseRefused when the counts do not fit the findings or the same comparison was
    recorded with others, WarehouseUnavailable when the server fails; either way nothing is written.
    """
    identity = comparison_id(province_code, window, provincial.sha256, portal.sha256, counts["fields"])
    if counts["findings"] != findings.num_rows:
        raise WarehouseRefused(
            f"the comparison states {counts['findings']} findings and brings {findings.num_rows}",
            "compare the two lists again; if it stays so, findings were lost on the way",
        )
    row = {
        "comparison_id": str(identity),
        "province_code": province_code,
        "period_id": window.period.id if window else None,
        "period_start": window.first if window else None,
        "period_end": window.last if window else None,
        "provincial_capture_id": str(provincial.capture_id),
        "portal_capture_id": str(portal.capture_id),
        "compared_fields": json.dumps(list(counts["fields"])),
        "differing": json.dumps(dict(counts["differing"]), sort_keys=True),
        **{name: counts[name] for name in _COUNTS},
    }
    staged = {
        "capture": capture_table((provincial, portal)),
        "dossier_comparison": pa.Table.from_pylist([row], schema=_COMPARISON),
        "dossier_finding": findings.select(_FINDINGS),
    }
    try:
        with closing(warehouse.connect_arrow()) as connection, closing(connection.cursor()) as cursor:
            for name, table in staged.items():
                cursor.execute(f"CREATE TEMP TABLE stage_{name} (LIKE staging.{name}) ON COMMIT DROP")
                if table.num_rows:
                    cursor.adbc_ingest(f"stage_{name}", table, mode="append", temporary=True)
            new = _record(cursor, identity)
            connection.commit()
            return identity, new
    except adbc.Error as error:
        raise server_error(error, "recording the comparison") from None


def _record(cursor: adbc.Cursor, identity: uuid.UUID) -> bool:
    run(cursor, "80_comparison_lock.sql")
    known = number(
        cursor,
        "SELECT count(*) FROM core.dossier_comparison c "
        "JOIN stage_dossier_comparison s ON s.comparison_id::uuid = c.comparison_id",
    )
    if known:
        differing = number(cursor, "81_comparison_unchanged.sql")
        if differing:
            raise WarehouseRefused(
                f"{differing} lines differ from the recorded comparison {identity} of the same two files",
                "comparing gives other results for the same bytes: find out why before recording it",
            )
        return False
    run(cursor, "31_captures.sql", "82_comparison.sql", "83_findings.sql")
    arrived = cursor.rowcount
    staged = number(cursor, "SELECT count(*) FROM stage_dossier_finding")
    if arrived != staged:
        raise WarehouseRefused(
            f"{staged} findings were staged, {arrived} arrived",
            "nothing was written; compare the lists again",
        )
    return True
