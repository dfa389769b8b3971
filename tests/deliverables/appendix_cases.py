"""A province's appendix built by hand: 5 departments and 12 communes with ties, blanks,
empty units and hostile names; and how the tests read a rendered workbook.

After a wanted change of wording run this file as a program to write the golden files anew,
and read their differences before committing them.
"""

from __future__ import annotations

import dataclasses
import io
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.appendix import render_appendix
from etl.deliver.appendix_data import (
    DECISION_GROUPS,
    AppendixData,
    Capture,
    IndicatorRow,
    NationalRank,
    QualityRow,
    Restatement,
    Snapshot,
    UnitRow,
)
from etl.deliver.appendix_words import TEMPORARY_DENOMINATOR, ProvinceNames
from etl.periods import Period

GOLDEN = Path(__file__).parent / "golden"
NAMES = ProvinceNames("tỉnh Phú Thọ", "Văn phòng UBND tỉnh Phú Thọ")
READ_AT = datetime(2026, 9, 26, 18, 14, 39, tzinfo=UTC)  # 27/09/2026 01:14 in Vietnam
FLAGGED = (("1.4", TEMPORARY_DENOMINATOR), ("TOTAL", "COMPUTED_SUM"))
LONG_NAME = "UBND xã " + " ".join(["Tên rất dài"] * 16)
HOSTILE_NAMES = (
    '=HYPERLINK("http://x")',
    "+1",
    "@SUM(1)",
    "-2+3",
    "Xã \x00có\x0bký tự\x1f điều khiển \u202e",
)


def d(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def unit(block: str, name: str, scores: str, rank: int | None, **more: Any) -> UnitRow:
    """``scores``: six groups apart by spaces, "-" for none; the total is their sum if all are there."""
    groups = tuple(None if score == "-" else Decimal(score) for score in scores.split())
    total = None if None in groups else sum((score for score in groups if score is not None), Decimal(0))
    more.setdefault("flags", FLAGGED)
    return UnitRow(block, name, groups, total, rank, **more)


def seen(change: str, rank_change: int) -> dict[str, Any]:
    return {"total_change": Decimal(change), "rank_change": rank_change, "compared_period_id": "2026-07"}


def department_rows() -> tuple[UnitRow, ...]:
    return (
        unit("department", "Thanh tra tỉnh", "1.96 0 0 0 2 12", 5, no_dossiers=True, flags=()),
        unit("department", "Sở Nội vụ", "7.96 18.10 6.50 9 20.44 18", 2, **seen("-1.50", -1)),
        unit("department", "Sở Y tế", "7.96 18.10 6.50 9 20.44 18", 2, **seen("0", 0)),
        unit("department", "Sở Xây dựng", "8 20 12 10 22 18", 1, **seen("2.25", 1)),
        unit("department", "Sở Công Thương", "7.96 10 6 5 8 - ", None),
    )


def commune_rows() -> tuple[UnitRow, ...]:
    named = [
        unit("commune", name, "7.96 15 6.2 5 6 14", 3, **seen("1.005", 2))
        for name in (*HOSTILE_NAMES, LONG_NAME)
    ]
    return (
        unit("commune", "UBND xã Đoan Hùng", "7.96 16 6.2 5 6 14", 1, **seen("3.4", 10)),
        unit("commune", "UBND xã Duy Tiên", "7.96 16 6.2 5 6 14", 1),
        *named,
        unit(
            "commune",
            "UBND xã Hy Cương",
            "1.96 13 6.16 4 5 13",
            9,
            flags=(("1.4", "NO_NATIONAL_REPORT_DATA"),),
        ),
        unit("commune", "UBND xã Không Số Liệu", "- - - - - -", None, flags=()),
        unit("commune", "UBND xã Lạ", "7.96 12 6 4 5 12", 10, flags=(("4.2", "NEW_FLAG"),)),
        unit("commune", "UBND xã Vắng", "1.96 0 0 0 2 12", 11, no_dossiers=True, flags=()),
    )


def indicator_rows() -> tuple[IndicatorRow, ...]:
    def component(
        code: str, group: str, name: str, figures: str, maximum: str | None, **more: Any
    ) -> IndicatorRow:
        cells = [None if figure == "-" else Decimal(figure) for figure in figures.split()]
        return IndicatorRow("component", code, group, name, *cells, d(maximum), **more)

    scores = {
        "CKMB": "7.96",
        "TDGQ": "15.68",
        "CLGQ": "8.83",
        "TTTT": "6.53",
        "MDSH": "9.30",
        "MDHL": "12.97",
    }
    groups = tuple(
        IndicatorRow("group", g.code, g.code, g.name, None, None, None, Decimal(scores[g.code]), g.max_score)
        for g in DECISION_GROUPS
    )
    return (
        IndicatorRow(
            "total",
            "TOTAL",
            None,
            "Tổng",
            None,
            None,
            None,
            d("61.27"),
            d("100"),
            quality_flag="COMPUTED_SUM",
        ),
        *groups,
        component("1.1", "CKMB", "Tỷ lệ TTHC công bố đúng hạn", "0 0 - -", "6", inherited=True),
        component("1.3", "CKMB", "Tỷ lệ TTHC công khai đầy đủ", "87 89 97.75 1.96", "2", inherited=True),
        component(
            "1.4",
            "CKMB",
            "Tỷ lệ hồ sơ đồng bộ",
            "138744 138744 100 6",
            "6",
            quality_flag=TEMPORARY_DENOMINATOR,
        ),
        component("2.1", "TDGQ", "Tỷ lệ hồ sơ đúng hạn", "144625 184513 78.38 15.68", "20"),
        component(
            "2.2",
            "TDGQ",
            "Thời gian giải quyết trung bình",
            "- - - -",
            None,
            value=d("7.05"),
            value_unit="ngày",
        ),
        component("3.1", "CLGQ", "Tỷ lệ TTHC cung cấp DVCTT", "52 56 92.86 -", None),
        component("3.6", "TTTT", "Tỷ lệ hồ sơ thanh toán trực tuyến", "57000 68000 83.82 5.03", "6"),
        component("4.4", "MDSH", "Tỷ lệ hồ sơ chia sẻ dữ liệu", "0 184513 0 0", "4"),
        component("4.x", "MDSH", "Chứng thực bản sao điện tử", "- - 100 2", "2", inherited=True),
        component("5.1a", "MDHL", "Tỷ lệ PAKN về quy định", "140 247 56.68 -", "0"),
        component("9.9", "XXXX", "Chỉ số chưa khai báo", "1 2 50 -", "1"),
    )


def quality_rows() -> tuple[QualityRow, ...]:
    return (
        QualityRow("check", "ratio_agrees", "warn", "passed", d("0"), d("0"), "Tỷ lệ khớp tử số/mẫu số."),
        QualityRow("check", "groups_sum", "warn", "warned", d("0.03"), d("0.02"), "Tổng sáu nhóm lệch 0,03."),
        QualityRow("check", "score_in_range", "fail", "failed", "2 dòng", "0 dòng", "Điểm vượt tối đa."),
        QualityRow("flag", "1.4 TEMP", "info", "warned", d("16"), None, "=Cờ tạm tính ở 16 đơn vị."),
        QualityRow(
            "missing_unit", "H44.09", "warn", "warned", "không có", "2026-07", "Sở A không có trong kỳ này."
        ),
    )


def restatement_rows(count: int) -> tuple[Restatement, ...]:
    later = READ_AT + timedelta(days=2)
    first = Restatement("UBND xã Đoan Hùng", "5.1a", "score", None, d("0"), READ_AT, later)
    more = (
        Restatement(
            "UBND xã Đoan Hùng", "4.1", "numerator", Decimal(number), Decimal(number + 5), READ_AT, later
        )
        for number in range(1, count)
    )
    return (first, *more)[:count]


def appendix_data(**changes: Any) -> AppendixData:
    endpoints = ("transparency", "dvc-progress-tree", "provide-online-tree")
    captures = tuple(
        Capture(
            group.code,
            1,
            READ_AT + timedelta(seconds=40 * place),
            f"{place:x}bc0123456789def" * 4,
            35590,
            name,
        )
        for place, (group, name) in enumerate(zip(DECISION_GROUPS, endpoints, strict=False))
    )
    data = AppendixData(
        province_code="H44",
        period=Period.parse("2026-08"),
        snapshot=Snapshot("0b8f7c52-6a88", "national_portal", READ_AT, False, 18, 398, captures),
        groups=DECISION_GROUPS,
        province=unit(
            "province", "UBND tỉnh Phú Thọ", "7.96 15.68 8.83 6.53 9.30 12.97", None,
            total_change=d("1.25"), compared_period_id="2026-07",
        ),
        indicators=indicator_rows(),
        units=(*department_rows(), *commune_rows()),
        national=NationalRank(12, 34, d("61.25"), 2, "2026-07", READ_AT),
        quality=quality_rows(),
        restatements=restatement_rows(3),
    )  # fmt: skip
    return dataclasses.replace(data, **changes)


def quarter_data(**changes: Any) -> AppendixData:
    """Quarter III read on 15/09/2026 while it runs, compared with quarter II; the mornings before had moved figures."""
    read_at = datetime(2026, 9, 14, 21, 0, tzinfo=UTC)  # 15/09/2026 04:00 in Vietnam
    month = appendix_data()
    snapshot = dataclasses.replace(
        month.snapshot,
        provisional=True,
        captured_at=read_at,
        captures=tuple(dataclasses.replace(one, captured_at=read_at) for one in month.snapshot.captures),
    )
    return dataclasses.replace(
        month,
        **{
            "period": Period.parse("2026-Q3"),
            "snapshot": snapshot,
            "province": _compared_with(month.province, "2026-Q2"),
            "units": tuple(_compared_with(one, "2026-Q2") for one in month.units),
            "national": NationalRank(12, 34, d("61.25"), -1, "2026-Q2", read_at),
            "quality": tuple(
                dataclasses.replace(row, expected="2026-Q2") if row.kind == "missing_unit" else row
                for row in month.quality
            ),
            "restatements": (),
            "moved_while_running": 4210,
        }
        | changes,
    )


def year_data(**changes: Any) -> AppendixData:
    """The year 2026 read on 15/12/2026 while it runs; 2025 is another series, so there is no comparison."""
    read_at = datetime(2026, 12, 14, 21, 0, tzinfo=UTC)
    quarter = quarter_data()
    return dataclasses.replace(
        quarter,
        **{
            "period": Period.parse("2026"),
            "snapshot": dataclasses.replace(
                quarter.snapshot,
                captured_at=read_at,
                captures=tuple(
                    dataclasses.replace(one, captured_at=read_at) for one in quarter.snapshot.captures
                ),
            ),
            "province": _compared_with(quarter.province, None),
            "units": tuple(_compared_with(one, None) for one in quarter.units),
            "national": NationalRank(12, 34, d("61.25"), None, None, read_at),
            "quality": tuple(row for row in quarter.quality if row.kind != "missing_unit"),
        }
        | changes,
    )


def _compared_with(row: UnitRow | None, period_id: str | None) -> UnitRow | None:
    if row is None or row.compared_period_id is None:
        return row
    if period_id is None:
        return dataclasses.replace(row, total_change=None, rank_change=None, compared_period_id=None)
    return dataclasses.replace(row, compared_period_id=period_id)


# What each golden file is made of.
CASES = {"2026-08": appendix_data, "2026-Q3": quarter_data, "2026": year_data}


def golden_file(period_id: str) -> Path:
    return GOLDEN / f"appendix-{period_id}.json"


def workbook_of(data: AppendixData) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(render_appendix(data, NAMES)))


@cache
def _plain() -> openpyxl.Workbook:
    return workbook_of(appendix_data())


def opened(**changes: Any) -> openpyxl.Workbook:
    """The rendered workbook, to be read only: without changes it is one for all tests."""
    return workbook_of(appendix_data(**changes)) if changes else _plain()


def texts(sheet: Worksheet) -> list[str]:
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.value is not None]


def header_row(sheet: Worksheet) -> int:
    """The row of column numbers (1)(2)(3)…; the headings are the row above."""
    return next(row for row in range(1, sheet.max_row) if sheet.cell(row, 1).value == "(1)")


def unit_rows(sheet: Worksheet) -> list[tuple[Any, ...]]:
    rows = list(sheet.iter_rows(min_row=header_row(sheet) + 1, values_only=True))
    end = next(place for place, row in enumerate(rows) if row[1] == "Trung bình khối (tính toán)")
    return rows[: end + 1]


def by_name(sheet: Worksheet) -> dict[str, tuple[Any, ...]]:
    return {str(row[1]): row for row in unit_rows(sheet)}


def cells_of(workbook: openpyxl.Workbook) -> dict[str, dict[str, Any]]:
    return {
        sheet.title: {c.coordinate: c.value for row in sheet.iter_rows() for c in row if c.value is not None}
        for sheet in workbook
    }


if __name__ == "__main__":
    for period_id, case in CASES.items():
        text = json.dumps(cells_of(workbook_of(case())), ensure_ascii=False, indent=1)
        golden_file(period_id).write_text(text + "\n", encoding="utf-8")
