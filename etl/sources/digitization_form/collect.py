"""What reading a form gathers: units, totals, refused rows, and how many rows were what."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from etl.sources.digitization import MEASURES
from etl.sources.digitization_form.layouts import Column, Template
from etl.sources.digitization_form.telling import told_figure, told_value

# Two decimals are printed; half of the last one, and the rounding of percentages before it, fit in 0.05.
RATE_TOLERANCE = Decimal("0.05")
MENDED_VI = "Đề nghị sửa lại trong biểu rồi gửi lại."


@dataclass
class Refusal:
    """One refused cell of a row: ``column`` is a measure, or ``unit_name``."""

    locator: str
    column: str
    value: object
    rule: str
    message_vi: str


@dataclass
class Collected:
    """Filled row by row. ``rows_read`` = units + quarantined + ignored, always."""

    capture_id: str
    capture_sha256: str
    units: list[dict[str, Any]] = field(default_factory=list)
    totals: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    rows_read: int = 0
    rows_quarantined: int = 0
    notes_vi: list[str] = field(default_factory=list)

    def ignore(self, kind: str) -> None:
        self.rows_read += 1
        self.ignored[kind] += 1

    def refuse(self, refusals: Sequence[Refusal], row: Mapping[str, Any]) -> None:
        """One row that does not become a unit, with the cells that are why. ``row``: what could be read of it."""
        self.rows_read += 1
        self.rows_quarantined += 1
        data = json.dumps(row, ensure_ascii=False, sort_keys=True)
        for one in refusals:
            self.rejected.append(
                {
                    "capture_sha256": self.capture_sha256,
                    "locator": one.locator,
                    "column_name": one.column,
                    "value": _told(one),
                    "rule": one.rule,
                    "severity": "fail",
                    "message_vi": one.message_vi,
                    "row_data": data,
                }
            )

    def add(
        self,
        locator: str,
        block: str | None,
        name: str,
        code: str | None,
        figures: Mapping[str, int | None],
        attributes: Mapping[str, Any],
    ) -> None:
        self.rows_read += 1
        self.units.append(
            {
                "row_no": len(self.units) + 1,
                "block": block,
                "unit_name": name,
                "unit_code": code,
                **figures,
                "capture_id": self.capture_id,
                "capture_sha256": self.capture_sha256,
                "locator": locator,
                "attributes": dict(attributes),
            }
        )

    def settle_rates(self, template: Template) -> None:
        """Bring stated rates to percent, put ours beside them, and write the attributes as JSON.

        A column may hold shares of one (cells formatted as percent do); it is taken as such where
        more of its values agree with ours that way.
        """
        rates = [column for column in template.columns if column.rate is not None]
        for column in rates:
            self._settle(column)
        differing = sum(bool(unit["attributes"].pop("verdict_differs", False)) for unit in self.units)
        if differing:
            self.notes_vi.append(
                f"Cột đánh giá Đạt/Không đạt khác với tính lại theo ngưỡng {template.target_pct} % ở {differing} đơn vị."
            )
        for unit in self.units:
            body = unit["attributes"]
            unit["attributes"] = json.dumps(body, ensure_ascii=False, sort_keys=True) if body else None

    def _settle(self, column: Column) -> None:
        rate = column.rate
        if rate is None:
            return
        told = [(unit, unit["attributes"].get("stated_rates", {}).get(rate.name)) for unit in self.units]
        pairs = [
            (unit, stated, computed_rate(unit, rate.numerator, rate.denominator))
            for unit, stated in told
            if stated is not None
        ]

        def agreeing(scale: int) -> int:
            return sum(
                computed is not None and abs(stated * scale - computed) <= RATE_TOLERANCE
                for _, stated, computed in pairs
            )

        scale = 100 if agreeing(100) > agreeing(1) else 1
        for unit, stated, computed in pairs:
            unit["attributes"]["stated_rates"][rate.name] = {
                "stated": float(stated * scale),
                "computed": None if computed is None else float(round(computed, 4)),
            }


def computed_rate(unit: Mapping[str, Any], numerator: str, denominator: Sequence[str]) -> Decimal | None:
    """100 x numerator / sum of the denominator; None where a measure is missing or the sum is 0."""
    values = [value for name in (numerator, *denominator) if (value := unit.get(name)) is not None]
    if len(values) <= len(denominator):
        return None
    below = sum(values[1:])
    return Decimal(100) * values[0] / below if below else None


def _told(one: Refusal) -> str | None:
    if one.value is None:
        return None
    return told_value(one.value) if one.column == "unit_name" else told_figure(one.value)


def row_data(
    block: str | None,
    name: str | None,
    code: str | None,
    figures: Mapping[str, int | None],
    parent: str | None = None,
) -> dict[str, Any]:
    """What is kept of a refused row: block, the unit above where one is named, unit, the measures that could be read."""
    return {
        "block": block,
        **({"parent": parent} if parent else {}),
        "unit_name": name,
        "unit_code": code,
        **{key: figures[key] for key in MEASURES if figures.get(key) is not None},
    }
