"""Digitization data built by hand: 4 departments and 6 communes with blanks, zeros and hostile names;
and how the tests read a rendered workbook.

After a wanted change of wording run this file as a program to write the golden file anew,
and read its difference before committing it.
"""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.appendix_data import QualityRow
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization import render_digitization
from etl.deliver.digitization_data import (
    BlockTotals,
    Compared,
    DigitizationData,
    HandedIn,
    UnitFigures,
)
from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.periods import Period, window_of
from etl.sources.digitization import MEASURES
from etl.sources.digitization_form.layouts import Template, load_templates

GOLDEN = Path(__file__).parent / "golden" / "digitization-2026-09.json"
NAMES = ProvinceNames("tỉnh Phú Thọ", "Văn phòng UBND tỉnh Phú Thọ")
SEPTEMBER = window_of(Period.parse("2026-09"))
RECEIVED_AT = datetime(2026, 9, 16, 2, 14, 39, tzinfo=UTC)  # 09:14 in Vietnam
SHA256 = "9f2b1c0d" * 8
TARGET = Decimal("80.00")
LONG_NAME = "UBND xã " + " ".join(["Tên rất dài"] * 16)

DEPARTMENTS = {
    "Sở Tài chính": (1204, 90, 1114, 600, 300, 1100, 50, 1050),
    "Sở Xây dựng": (812, 300, 512, 200, 100, 790, 270, 520),
    "Sở Y tế": (0, 0, 0, 0, 0, 0, 0, 0),
    "Thanh tra tỉnh": (7, 1, 6, 2, None, 5, 1, 4),
}
COMMUNES = {
    "UBND xã Hy Cương": (2309, 300, 2009, 1500, 800, 2250, 250, 2000),
    "UBND phường Việt Trì": (5120, 1000, 4120, 2500, 1200, 5000, 900, 4100),
    "UBND xã Đoan Hùng": (990, 490, 500, 100, 90, 900, 600, 300),
    "=cmd|' /C calc'!A0": (10, 5, 5, 1, 1, 9, 2, 7),
    LONG_NAME: (33, 3, 30, 10, 5, 30, 3, 27),
    "UBND xã \u202eđảo\x00": (12, 2, 10, 5, 5, 11, 2, 9),
}
Values = Sequence[int | None]


def layout(name: str) -> Template:
    return next(template for template in load_templates() if template.layout == name)


def pct(part: int | None, whole: int | None) -> Decimal | None:
    if part is None or not whole:
        return None
    return (Decimal(100) * part / whole).quantize(Decimal("0.01"), ROUND_HALF_UP)


def rates(values: Values) -> dict[str, Decimal | None]:
    received, _, digitized, reused, _, _, without, with_result = values
    whole = None if without is None or with_result is None else without + with_result
    return {
        "components_rate_pct": pct(digitized, received),
        "reuse_rate_pct": pct(reused, received),
        "results_rate_pct": pct(with_result, whole),
    }


def unit(block: str, name: str, values: Values, **more: Any) -> UnitFigures:
    found = rates(values)
    rate = found["results_rate_pct"]
    return UnitFigures(
        block, name, None, dict(zip(MEASURES, values, strict=True)), found,
        met_target=None if rate is None else rate >= TARGET, **more,
    )  # fmt: skip


def total(block: str, rows: Sequence[Values], expected: int | None, **more: Any) -> BlockTotals:
    """The sum; None where one row has none, as mart.digitization_totals does it."""
    values = [
        None if None in column else sum(value for value in column if value is not None)
        for column in zip(*rows, strict=True)
    ]
    found = rates(values)
    rate = found["results_rate_pct"]
    more.setdefault("complete", True)
    return BlockTotals(
        block=block, units=len(rows), expected_units=expected,
        measures=dict(zip(MEASURES, values, strict=True)), rates=found,
        met_target=None if rate is None else rate >= TARGET, **more,
    )  # fmt: skip


def compared(
    block: str, name: str, measure: str, own: int | None, portal: int | None, verdict: str
) -> Compared:
    difference = None if own is None or portal is None else own - portal
    return Compared(
        block, name, measure, own, portal, difference, pct(difference, portal) if portal else None, verdict,
        (SEPTEMBER.first, SEPTEMBER.last), "2026-08", (date(2026, 8, 1), date(2026, 8, 31)),
    )  # fmt: skip


def file(**changes: Any) -> HandedIn:
    plain = HandedIn(
        "0b8f7c52-6a88-5c0e-8a76-6b0c50c51766", "digitization_form", "2026-09", RECEIVED_AT, False, 10, 1,
        SHA256, 48_213,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def digitization_data(**changes: Any) -> DigitizationData:
    data = DigitizationData(
        province_code="H44",
        window=SEPTEMBER,
        units=(
            *(unit("department", name, values) for name, values in DEPARTMENTS.items()),
            *(unit("commune", name, values) for name, values in COMMUNES.items()),
        ),
        totals=(
            total(WHOLE_PROVINCE, [*DEPARTMENTS.values(), *COMMUNES.values()], 11),
            total("commune", list(COMMUNES.values()), 7, missing_units=("UBND xã Văn Lang",)),
            total("department", list(DEPARTMENTS.values()), 4),
        ),
        target_pct=TARGET,
        compared=(
            compared("department", "Sở Tài chính", "results_digitized", 1050, 1050, "agrees"),
            compared("department", "Sở Tài chính", "received", 1204, 1190, "explained_by_windows"),
            compared("commune", "UBND xã Hy Cương", "received", 2309, 1100, "disagrees"),
            compared("commune", "UBND xã Hy Cương", "components_reused", 1500, None, "not_comparable"),
        ),
        quality=(
            QualityRow("check", "units_whole", "fail", "passed", "0", "0", "Mọi số đều nguyên, không âm."),
            QualityRow(
                "check", "results_near_resolved", "warn", "warned", "2", "0", "Cột 9 + 10 khác cột 8."
            ),
            QualityRow("quarantine", "unit_unknown", "fail", "failed", "1", "0", "1 giá trị bị giữ lại."),
        ),
        files=(file(),),
    )
    return dataclasses.replace(data, **changes)


def rendered(template: str = "so_hoa_10_cot@1", **changes: Any) -> bytes:
    return render_digitization(digitization_data(**changes), NAMES, layout(template))


@cache
def _plain(template: str) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(rendered(template)))


def opened(template: str = "so_hoa_10_cot@1", **changes: Any) -> openpyxl.Workbook:
    """The rendered workbook, to be read only: without changes it is one for all tests."""
    if not changes:
        return _plain(template)
    return openpyxl.load_workbook(io.BytesIO(rendered(template, **changes)))


def numbering_row(sheet: Worksheet) -> int:
    return next(row for row in range(1, sheet.max_row) if sheet.cell(row, 1).value == "(1)")


def by_name(sheet: Worksheet) -> dict[str, tuple[Any, ...]]:
    rows = sheet.iter_rows(min_row=numbering_row(sheet) + 1, values_only=True)
    return {str(row[1]): row for row in rows if row[1] is not None}


def texts(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)]


def cells_of(workbook: openpyxl.Workbook) -> dict[str, dict[str, Any]]:
    return {
        sheet.title: {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        for sheet in workbook
    }


if __name__ == "__main__":
    text = json.dumps(cells_of(opened()), ensure_ascii=False, indent=1)
    GOLDEN.write_text(text + "\n", encoding="utf-8")
