"""A judged reading in the shapes of schema ``staging``."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from etl.reference.units import name_key, portal_unit_id
from etl.sources.bundle import Bundle
from etl.sources.national_portal.room import COUNTRY
from etl.validate.judge import Verdict, rejected_id
from etl.warehouse.ledger import capture_row
from etl.warehouse.publish import Load

_INSTANT = pa.timestamp("us", "UTC")
_FACTS = [
    "portal_id",
    "indicator_code",
    "numerator",
    "denominator",
    "ratio_pct",
    "score",
    "max_score",
    "value",
]
_FACTS += ["quality_flag", "capture_id", "locator", "attributes"]


def build_load(bundle: Bundle, verdict: Verdict) -> Load:
    """Everything one snapshot brings into the warehouse."""
    identity = str(bundle.snapshot_id)
    facts = verdict.good.select(_FACTS)
    facts = facts.add_column(0, "snapshot_id", _repeat(identity, facts.num_rows))
    rejected = [
        {
            "rejected_id": str(rejected_id(bundle.snapshot_id, line)),
            "source": bundle.source,
            "province_code": bundle.scope,
            "period_id": bundle.period_id,
            "snapshot_id": identity,
            **line,
        }
        for line in verdict.rejected.to_pylist()
    ]
    results = verdict.results
    return Load(
        snapshot=_snapshot(bundle, verdict),
        capture=pa.Table.from_pylist(
            [capture_row(item) | {"snapshot_id": identity} for item in (*bundle.captures, bundle.manifest)],
            schema=_CAPTURE,
        ),
        unit=_units(bundle, verdict),
        indicator_score=facts,
        rejected_row=pa.Table.from_pylist(rejected) if rejected else None,
        validation_result=results.add_column(0, "snapshot_id", _repeat(identity, results.num_rows)),
    )


_CAPTURE = pa.schema(
    [(name, pa.string()) for name in ("snapshot_id", "capture_id", "source", "province_code", "period_id")]
    + [("group_code", pa.string()), ("endpoint", pa.string()), ("page", pa.int64()), ("request", pa.string())]
    + [
        ("http_status", pa.int64()),
        ("captured_at", _INSTANT),
        ("sha256", pa.string()),
        ("size_bytes", pa.int64()),
    ]
    + [
        ("complete", pa.bool_()),
        ("expected_units", pa.int64()),
        ("seen_units", pa.int64()),
        ("note", pa.string()),
        ("address", pa.string()),
    ]
)


def _snapshot(bundle: Bundle, verdict: Verdict) -> pa.Table:
    row = {
        "snapshot_id": str(bundle.snapshot_id),
        "source": bundle.source,
        "province_code": bundle.scope,
        "period_id": bundle.period_id,
        "series": bundle.series,
        "captured_at": bundle.captured_at,
        "complete": bundle.complete,
        "provisional": bundle.provisional,
        "reader": bundle.reader,
        "missing_groups": ",".join(sorted(bundle.missing_groups)),
        "rows_read": verdict.rows_read,
        "rows_published": verdict.rows_good,
        "rows_quarantined": verdict.rows_quarantined,
        "rows_ignored": verdict.rows_read - verdict.rows_good - verdict.rows_quarantined,
    }
    table = pa.Table.from_pylist([row])
    return table.set_column(
        table.column_names.index("captured_at"),
        "captured_at",
        pa.array([bundle.captured_at], _INSTANT),
    )


def _units(bundle: Bundle, verdict: Verdict) -> pa.Table:
    """Units of the reading as the portal names them, each once."""
    columns = ["portal_id", "unit_code", "unit_name", "block"]
    distinct = verdict.good.select(columns).group_by(columns).aggregate([])
    rows = distinct.sort_by("portal_id").to_pylist()
    for row in rows:
        row["unit_id"] = str(portal_unit_id(row["portal_id"]))
        row["name"] = row.pop("unit_name")
        row["name_key"] = name_key(row["name"])
        national = bundle.scope == COUNTRY
        row["province_code"] = row["unit_code"] if national else bundle.scope
    table = pa.Table.from_pylist(rows)
    instants = pa.array([bundle.captured_at] * len(rows), _INSTANT)
    return table.append_column("observed_at", instants)


def _repeat(value: str, count: int) -> pa.Array:
    return pc.fill_null(pa.nulls(count, pa.string()), value)
