"""The tidy table every indicator source hands on: one row per unit and indicator.

Arrow, so that it goes to polars, to PostgreSQL's binary COPY and to a file unchanged.
Missing is null in every column; numbers are exact decimals with six places.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_DECIMAL = pa.decimal128(18, 6)

TIDY = pa.schema(
    [
        ("row_no", pa.int64()),
        ("group_code", pa.string()),
        ("level", pa.string()),
        ("indicator_code", pa.string()),
        ("portal_code", pa.string()),
        ("portal_id", pa.string()),
        ("unit_code", pa.string()),
        ("unit_name", pa.string()),
        ("block", pa.string()),
        ("numerator", pa.int64()),
        ("denominator", pa.int64()),
        ("ratio_pct", _DECIMAL),
        ("score", _DECIMAL),
        ("max_score", _DECIMAL),
        ("value", _DECIMAL),
        ("quality_flag", pa.string()),
        ("capture_id", pa.string()),
        ("capture_sha256", pa.string()),
        ("locator", pa.string()),
        ("attributes", pa.string()),
    ]
)

REJECTED = pa.schema(
    [
        ("capture_sha256", pa.string()),
        ("locator", pa.string()),
        ("column_name", pa.string()),
        ("value", pa.string()),
        ("rule", pa.string()),
        ("severity", pa.string()),
        ("message_vi", pa.string()),
        ("row_data", pa.string()),
    ]
)


@dataclass(frozen=True)
class ReadResult:
    """What a reader made of a bundle: ``tidy`` (schema TIDY), ``rejected`` (schema REJECTED).

    ``rows_read`` counts tidy rows plus the records that could not become rows.
    """

    tidy: pa.Table
    rejected: pa.Table
    rows_read: int

    def save(self, folder: Path) -> None:
        write_table(self.tidy, folder / "tidy.parquet")
        write_table(self.rejected, folder / "unreadable.parquet")

    @classmethod
    def load(cls, folder: Path) -> ReadResult:
        tidy = pq.read_table(folder / "tidy.parquet")
        rejected = pq.read_table(folder / "unreadable.parquet")
        records = len(
            set(zip(rejected["capture_sha256"].to_pylist(), rejected["locator"].to_pylist(), strict=True))
        )
        return cls(tidy, rejected, tidy.num_rows + records)


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """Rows (dicts; absent keys are null) to an Arrow table of ``schema``."""
    return pa.table(
        {field.name: pa.array([row.get(field.name) for row in rows], field.type) for field in schema},
        schema=schema,
    )


def write_table(table: pa.Table, path: Path) -> None:
    """Write a Parquet file that is either whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}")
    pq.write_table(table, temporary)
    temporary.replace(path)
