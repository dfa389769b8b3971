"""A valid form and a valid list of a small made-up directory of Phú Thọ, open to be broken."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from datetime import datetime
from functools import cache
from typing import Any

import pyarrow as pa

from etl.periods import VIETNAM, Period, Window, window_of
from etl.reference.provinces import Province, find_province
from etl.reference.units import KnownUnit, portal_unit_id
from etl.sources.digitization import (
    FORM_SOURCE,
    LIST_SOURCE,
    MEASURES,
    RULE_COUNTS,
    STATED_TOTALS,
    UNIT_ROWS,
    DigitizationReading,
)
from etl.sources.tidy import REJECTED, table_of
from etl.validate.digitization import DigitizationVerdict, judge_digitization

Row = dict[str, Any]

WINDOW: Window = window_of(Period.parse("2026-09"))
AFTER = datetime(2026, 9, 15, 9, 0, tzinfo=VIETNAM)
SHA = "ab" * 32
_NAMES = {
    "department": ("Sở Nội vụ", "Sở Tư pháp", "Sở Y tế", "Văn phòng Đăng ký đất đai"),
    "commune": tuple(f"UBND xã Mận {place}" for place in ("Biếc", "Dịu", "Êm", "Giòn", "Lam", "Ngát", "Sáng"))
    + ("UBND phường Sen Thắm",),
}


@cache
def phu_tho() -> Province:
    return find_province("phu_tho")


@cache
def known_units() -> tuple[KnownUnit, ...]:
    """Four departments H44.01 …, eight communes H44.100 …"""
    return tuple(
        KnownUnit(portal_unit_id(f"{block}:{number}"), block, name, f"H44.{first + number:02d}")
        for block, first in (("department", 1), ("commune", 100))
        for number, name in enumerate(_NAMES[block])
    )


def measures(received: int) -> dict[str, int]:
    """Figures that break no rule, all different from one unit to the next."""
    return {
        "received": received,
        "components_not_digitized": 20,
        "components_digitized": received - 20,
        "components_reused": received - 60,
        "reused_from_portal": received - 90,
        "resolved": received - 30,
        "results_not_digitized": 10,
        "results_digitized": received - 40,
    }


@dataclass
class Scene:
    """Everything that is judged. Breakers change it in place."""

    rows: list[Row]
    totals: list[Row]
    source: str = FORM_SOURCE
    rejected: list[Row] | None = None
    rows_quarantined: int = 0
    ignored: int = 3
    rules: list[Row] | None = None
    directory: tuple[KnownUnit, ...] = ()
    previous: pa.Table | None = None
    dossiers: int | None = None
    captured_at: datetime = AFTER

    def pick(self, block: str = "commune", place: int = 2) -> Row:
        return [row for row in self.rows if row["block"] == block][place]

    def total(self, block: str | None) -> Row:
        return next(row for row in self.totals if row["block"] == block)

    def change(self, row: Row, **values: int | None) -> Row:
        """Change a unit's measures and every total that sums them, so that only the row is at fault."""
        for name, value in values.items():
            step = (value or 0) - (row[name] or 0)
            row[name] = value
            for total in self.totals:
                if total["block"] in (None, row["block"]):
                    total[name] += step
        return row

    def reading(self) -> DigitizationReading:
        rejected = self.rejected or []
        good = len(self.rows) if self.dossiers is None else self.dossiers
        return DigitizationReading(
            source=self.source,
            layout="so_hoa_14_cot@1",
            first=WINDOW.first,
            last=WINDOW.last,
            units=table_of(self.rows, UNIT_ROWS),
            totals=table_of(self.totals, STATED_TOTALS),
            rejected=table_of(rejected, REJECTED),
            rows_read=good + self.rows_quarantined + self.ignored,
            rows_quarantined=self.rows_quarantined,
            ignored={"total": self.ignored},
            notes_vi=("Đọc trang Biểu 1.",),
            dossiers=self.dossiers,
            rule_counts=table_of(self.rules or [], RULE_COUNTS),
        )

    def judge(self, **others: Any) -> DigitizationVerdict:
        """The verdict, with shares that forgive one unit; ``others`` replace what is handed in or read."""
        asked = {
            "province": phu_tho(),
            "directory": self.directory,
            "window": WINDOW,
            "captured_at": self.captured_at,
            "max_missing_unit_share": 0.2,
            "max_quarantined_share": 0.25,
            "previous": self.previous,
        }
        reading = self.reading()
        names = {field.name for field in fields(reading)}
        reading = replace(reading, **{name: others.pop(name) for name in names & others.keys()})
        return judge_digitization(reading, **(asked | others))


def form_scene() -> Scene:
    """A form with two sections, its totals and the rates of one column; nothing is wrong with it."""
    rows = []
    for number, unit in enumerate(known_units()):
        figures = measures(200 + 10 * number)
        rate = round(100 * figures["components_digitized"] / figures["received"], 2)
        rows.append(
            {
                "row_no": number + 1,
                "block": unit.block,
                "unit_name": unit.name,
                "unit_code": unit.unit_code if number % 2 else None,
                **figures,
                "capture_id": "0",
                "capture_sha256": SHA,
                "locator": f"'Biểu 1'!A{number + 12}",
                "attributes": json.dumps({"stated_rates": {"components_rate_pct": str(rate)}}),
            }
        )
    return Scene(rows, totals_of(rows), directory=known_units())


def totals_of(rows: list[Row]) -> list[Row]:
    """The totals a form would state: of each block, and of the whole."""
    return [
        {"block": block, "label": "Cộng", "locator": "'Biểu 1'!A9"}
        | {name: sum(row[name] for row in rows if block in (None, row["block"])) for name in MEASURES}
        for block in ("department", "commune", None)
    ]


def list_scene() -> Scene:
    """A list's units and what its row rules found: of 10,000 dossiers 20 refused."""
    scene = form_scene()
    for row in scene.rows:
        row.update(attributes=None, unit_code=row["unit_code"] or code_of(row))
    scene.totals = []
    scene.rules = [
        {"rule": "code_format", "severity": "fail", "rows": 15, "title_vi": "Mã hồ sơ đúng dạng"},
        {"rule": "code_duplicate", "severity": "fail", "rows": 5, "title_vi": "Mã hồ sơ không trùng"},
        {"rule": "due_present", "severity": "warn", "rows": 40, "title_vi": "Có ngày hẹn trả"},
    ]
    scene.rejected = [
        {
            "capture_sha256": SHA,
            "locator": f"row {number + 5}",
            "column_name": "code",
            "value": None,
            "rule": "code_format",
            "severity": "fail",
            "message_vi": "Mã hồ sơ sai dạng.",
            "row_data": "{}",
        }
        for number in range(20)
    ]
    return replace(scene, source=LIST_SOURCE, rows_quarantined=20, ignored=480, dossiers=9_500)


def code_of(row: Row) -> str | None:
    return next(unit.unit_code for unit in known_units() if unit.name == row["unit_name"])
