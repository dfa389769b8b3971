"""A judged reading in the shapes of schema ``staging``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from etl.archive import Capture
from etl.reference.units import name_key, portal_unit_id
from etl.sources.bundle import Bundle
from etl.sources.digitization import MEASURES
from etl.sources.national_portal.room import COUNTRY
from etl.validate.judge import Verdict, rejected_id
from etl.warehouse.ledger import capture_row
from etl.warehouse.publish import Load

if TYPE_CHECKING:
    from etl.validate.digitization import DigitizationVerdict

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
    """Everything one snapshot of indicators brings into the warehouse."""
    counts = {
        "rows_read": verdict.rows_read,
        "rows_published": verdict.rows_good,
        "rows_quarantined": verdict.rows_quarantined,
        "rows_ignored": verdict.rows_read - verdict.rows_good - verdict.rows_quarantined,
        "facts": verdict.rows_good,
    }
    return Load(
        snapshot=_snapshot(bundle, counts),
        capture=capture_table((*bundle.captures, bundle.manifest), str(bundle.snapshot_id)),
        unit=_units(bundle, verdict),
        indicator_score=_of_snapshot(bundle, verdict.good.select(_FACTS)),
        rejected_row=_rejected(bundle, verdict.rejected),
        validation_result=_of_snapshot(bundle, verdict.results),
    )


def build_digitization_load(bundle: Bundle, verdict: DigitizationVerdict) -> Load:
    """Everything one file brings into the warehouse: figures per unit, how whole each block is, what was refused.

    ``verdict.good`` has a known ``unit_id`` and a block in each row. Of a list, the published
    rows are dossiers and the facts are units: the snapshot states both. It is complete when
    all its blocks are; ``missing_groups`` names those that are not.
    """
    window, blocks = verdict.window, verdict.blocks
    partial = sorted(row["block"] for row in blocks.to_pylist() if not row["complete"])
    counts = {
        "rows_read": verdict.rows_read,
        "rows_published": verdict.rows_good,
        "rows_quarantined": verdict.rows_quarantined,
        "rows_ignored": verdict.rows_ignored,
        "facts": verdict.good.num_rows,
    }
    snapshot = _snapshot(bundle, counts, complete=bundle.complete and not partial, missing=partial)
    for name, day in (("period_start", window.first), ("period_end", window.last)):
        snapshot = snapshot.append_column(name, pa.array([day], pa.date32()))
    figures = verdict.good.select(["unit_id", "block", *MEASURES, "capture_id", "locator", "attributes"])
    for name, value in (
        ("period_start", pa.scalar(window.first, pa.date32())),
        ("period_end", pa.scalar(window.last, pa.date32())),
        ("layout", pa.scalar(verdict.layout)),
    ):
        figures = figures.append_column(name, pa.repeat(value, figures.num_rows))
    missing = [json.dumps(row["missing_units"] or [], ensure_ascii=False) for row in blocks.to_pylist()]
    told = blocks.select(["block", "units", "expected_units", "complete"])
    return Load(
        snapshot=snapshot,
        capture=capture_table((*bundle.captures, bundle.manifest), str(bundle.snapshot_id)),
        rejected_row=_rejected(bundle, verdict.rejected),
        validation_result=_of_snapshot(bundle, verdict.results),
        digitization=_of_snapshot(bundle, figures),
        digitization_block=_of_snapshot(
            bundle, told.append_column("missing_units", pa.array(missing, pa.string()))
        ),
    )


def capture_table(captures: Sequence[Capture], snapshot_id: str | None = None) -> pa.Table:
    """Captures in the shape of ``staging.capture``, of a snapshot or of none."""
    rows = [capture_row(item) | {"snapshot_id": snapshot_id} for item in captures]
    return pa.Table.from_pylist(rows, schema=_CAPTURE)


def _rejected(bundle: Bundle, rejected: pa.Table) -> pa.Table | None:
    lines = [
        {
            "rejected_id": str(rejected_id(bundle.snapshot_id, line)),
            "source": bundle.source,
            "province_code": bundle.scope,
            "period_id": bundle.period_id,
            "snapshot_id": str(bundle.snapshot_id),
            **line,
        }
        for line in rejected.to_pylist()
    ]
    return pa.Table.from_pylist(lines) if lines else None


def _of_snapshot(bundle: Bundle, table: pa.Table) -> pa.Table:
    return table.add_column(0, "snapshot_id", _repeat(str(bundle.snapshot_id), table.num_rows))


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


def _snapshot(
    bundle: Bundle, counts: Mapping[str, int], *, complete: bool | None = None, missing: Sequence[str] = ()
) -> pa.Table:
    row = {
        "snapshot_id": str(bundle.snapshot_id),
        "source": bundle.source,
        "province_code": bundle.scope,
        "period_id": bundle.period_id,
        "series": bundle.series,
        "captured_at": bundle.captured_at,
        "complete": bundle.complete if complete is None else complete,
        "provisional": bundle.provisional,
        "reader": bundle.reader,
        "missing_groups": ",".join(sorted({*bundle.missing_groups, *missing})),
        **counts,
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
