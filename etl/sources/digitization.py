"""The shapes both digitization sources hand on: a form read, or a dossier list reduced to one.

Measures are the form's (domain brief, source 4b), whole numbers of dossiers; null means the
layout has no such column, or the cell was empty, and is never 0. A column's number never
names a measure by itself; the layout's header text does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import Terminal
from etl.sources.tidy import REJECTED, write_table

FORM_SOURCE, LIST_SOURCE = "digitization_form", "dossier_list"

# Columns 3 to 10 of the default form, in its order.
MEASURES = (
    "received",
    "components_not_digitized",
    "components_digitized",
    "components_reused",
    "reused_from_portal",
    "resolved",
    "results_not_digitized",
    "results_digitized",
)
# Units of a form stand in these blocks; land_office is a section some provinces keep apart.
BLOCKS = ("department", "land_office", "district", "commune")

# One row per unit. `block` as its section says; null where the form has no sections.
# `attributes` is JSON: the rates as stated, the Đạt column, anything else the layout declares; `parent` is the
# unit above as a sub-heading over the row names it.
UNIT_ROWS = pa.schema(
    [
        ("row_no", pa.int64()),
        ("block", pa.string()),
        ("unit_name", pa.string()),
        ("unit_code", pa.string()),
        *((name, pa.int64()) for name in MEASURES),
        ("capture_id", pa.string()),
        ("capture_sha256", pa.string()),
        ("locator", pa.string()),
        ("attributes", pa.string()),
    ]
)

# Totals as the form states them: of a block, or of the whole form (block null). `parent` is the sub-heading
# whose rows alone are summed ("Huyện Long Điền" among the communes); null for a whole block's.
STATED_TOTALS = pa.schema(
    [
        ("block", pa.string()),
        ("parent", pa.string()),
        ("label", pa.string()),
        *((name, pa.int64()) for name in MEASURES),
        ("locator", pa.string()),
    ]
)

# What each row rule of a list found: for Great Expectations to judge, and for the receipt.
RULE_COUNTS = pa.schema(
    [("rule", pa.string()), ("severity", pa.string()), ("rows", pa.int64()), ("title_vi", pa.string())]
)


@dataclass(frozen=True)
class DigitizationReading:
    """One file, read. ``first``/``last`` are the days its figures are about (inclusive).

    rows_read = rows that count (one per unit, or one per dossier) + unreadable + ignored, always:
    a form's ``rows_read`` counts every non-blank row below the header; ``ignored`` says how many of them
    were sections, totals, footers …, by kind. For a list, ``dossiers`` is how many went into the figures,
    ``rows_read`` how many records the file holds, ``ignored`` those that are whole but count nowhere.
    ``notes_vi`` are sentences for the receipt (hidden rows, columns not read, how the days were found).
    ``layout`` is ``form_id@edition`` of the template (or of the list's columns).
    """

    source: str
    layout: str
    first: date
    last: date
    units: pa.Table
    totals: pa.Table
    rejected: pa.Table
    rows_read: int
    rows_quarantined: int
    ignored: Mapping[str, int]
    notes_vi: tuple[str, ...] = ()
    dossiers: int | None = None
    rule_counts: pa.Table = field(default_factory=lambda: RULE_COUNTS.empty_table())
    is_sample: bool = False

    @property
    def rows_ignored(self) -> int:
        return sum(self.ignored.values())

    @property
    def rows_good(self) -> int:
        """Units read from a form, or dossiers counted of a list."""
        return int(self.units.num_rows) if self.dossiers is None else self.dossiers

    def save(self, folder: Path) -> None:
        """Write it to a work folder: four Parquet files and reading.json, the last written."""
        for name in ("units", "totals", "rejected", "rule_counts"):
            write_table(getattr(self, name), folder / f"{name}.parquet")
        plain = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("units", "totals", "rejected", "rule_counts")
        } | {"first": self.first.isoformat(), "last": self.last.isoformat(), "ignored": dict(self.ignored)}
        temporary = folder / ".reading.json"
        temporary.write_text(json.dumps(plain, ensure_ascii=False, indent=1), encoding="utf-8")
        temporary.replace(folder / "reading.json")

    @classmethod
    def load(cls, folder: Path) -> DigitizationReading:
        """Read it back. Raises Terminal when the folder holds none."""
        try:
            body: dict[str, Any] = json.loads((folder / "reading.json").read_text(encoding="utf-8"))
            tables = {
                name: pq.read_table(folder / f"{name}.parquet")
                for name in ("units", "totals", "rejected", "rule_counts")
            }
            body["first"], body["last"] = (date.fromisoformat(body[name]) for name in ("first", "last"))
            body["notes_vi"] = tuple(body["notes_vi"])
            return cls(**body, **tables)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Terminal(f"{folder} holds no reading: {error}", "hand the file in again") from error


def parent_over(attributes: str | None) -> str | None:
    """The unit above that a sub-heading over a row names, from the row's ``attributes``; None where none does."""
    parent = json.loads(attributes).get("parent") if attributes else None
    return parent if isinstance(parent, str) else None


def no_rejections() -> pa.Table:
    """An empty table of refused rows (schema ``REJECTED``)."""
    return REJECTED.empty_table()
