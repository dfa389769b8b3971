"""The digitization workbook's sheet of charts: shares of digitized results by block, then by unit of every block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization_data import DigitizationData, UnitFigures
from etl.deliver.digitization_notes import percent, source_sentence
from etl.deliver.digitization_words import WHOLE_PROVINCE, block_vi
from etl.deliver.sheet_charts import (
    PAGE_WIDTH,
    PERCENT,
    Bars,
    Cells,
    ChartSheet,
    DescribedChart,
    Scale,
    bar_chart,
    chart_points,
    pages_of,
)
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.deliver.sheet_style import TWO_DECIMALS, WHOLE, Column, Number
from etl.deliver.sheet_text import clean_text, number_vi

_WITHOUT, _WITH = "results_not_digitized", "results_digitized"
_NOTE_SIZE = 10
_ABOVE_POINTS = 48.0  # at most three lines above a block's first chart
_NAMED = 5


@dataclass(frozen=True)
class FormPlace:
    """Where the form's figures stand: columns of names and both results, rows of each block's units (first, last)."""

    sheet: Worksheet
    name: int
    without: int
    digitized: int
    blocks: Mapping[str, tuple[int, int]]


def chart_columns() -> list[Column]:
    """The columns of the table of blocks; together the width of an upright page."""
    columns = [
        Column("STT", 7, "center"),
        Column("Khối", 35),
        Column("Chưa số hóa kết quả giải quyết", 17, "right"),
        Column("Đã số hóa kết quả giải quyết", 17, "right"),
        Column("Tỷ lệ đã số hóa (%)", 16, "right"),
    ]
    if sum(column.width for column in columns) != PAGE_WIDTH:
        raise ValueError(f"the columns of the charts' sheet are not {PAGE_WIDTH} digits wide")
    return columns


def write_charts(
    sheet: ChartSheet, data: DigitizationData, names: ProvinceNames, form: FormPlace | None, style: WorkbookStyle
) -> None:  # fmt: skip
    """Write the sheet below its banner. ``form`` is None where the layout has no columns of results: blocks alone."""
    _write_blocks(sheet, data)
    first, last = sheet.header_rows[1] + 1, sheet.row
    sheet.paragraph("Ô trống: chưa có số liệu, không phải số 0.", size=_NOTE_SIZE)
    blocks = [block for block in (*data.blocks, WHOLE_PROVINCE) if data.total(block) is not None]
    told = "; ".join(f"{block_vi(block)} {_rate(data, block)}" for block in blocks)
    own = sheet.sheet
    if last >= first:
        heading = (
            f"Kết quả giải quyết đã số hóa và chưa số hóa, {names.province}, {data.window.period.label_vi}"
        )
        sheet.chart(
            _shares(
                heading,
                f"Biểu đồ thanh ngang 100%, tỷ lệ kết quả giải quyết đã số hóa theo khối: {told}.",
                [Cells(own, column, first, last) for column in (2, 3, 4)],
                data,
                style,
            )
        )
    if form is not None:
        for block in data.blocks:
            if block in form.blocks:
                _draw_block(sheet, data, block, form, style)
    sheet.paragraph(source_sentence(data), size=_NOTE_SIZE, italic=True)
    sheet.finish_charts()


def _write_blocks(sheet: ChartSheet, data: DigitizationData) -> None:
    """The totals of the form, block by block; a block without a total has no row."""
    sheet.header()
    number = 0
    for block in (*data.blocks, WHOLE_PROVINCE):
        total = data.total(block)
        if total is None:
            continue
        number += 1
        sheet.line(
            [
                Number(number, WHOLE),
                block_vi(block),
                Number(total.measures.get(_WITHOUT), WHOLE),
                Number(total.measures.get(_WITH), WHOLE),
                Number(total.rates.get("results_rate_pct"), TWO_DECIMALS),
            ],
            strong=block == WHOLE_PROVINCE,
        )


def _draw_block(
    sheet: ChartSheet, data: DigitizationData, block: str, form: FormPlace, style: WorkbookStyle
) -> None:
    units = [unit for unit in data.units if unit.block == block]
    shown = [clean_text(unit.unit_name) for unit in units]
    parts = pages_of(shown, style.chart_units, above=_ABOVE_POINTS, legend=True)
    sheet.keep(_ABOVE_POINTS + chart_points(shown[: parts[0]], legend=True))
    rated = [unit.met_target for unit in units if unit.met_target is not None]
    said = f"{block_vi(block)}: {number_vi(len(units))} đơn vị"
    if data.target_pct is not None:
        said += (
            f"; đạt chỉ tiêu {percent(data.target_pct)} (vạch đứng): {number_vi(sum(rated))}/"
            f"{number_vi(len(rated))} đơn vị có phát sinh"
        )
    sheet.paragraph(f"{said}. Đơn vị không có thanh: không phát sinh hoặc chưa có số liệu.", size=11)
    row = form.blocks[block][0]
    for size in parts:
        start = row - form.blocks[block][0]
        heading = f"Số hóa kết quả giải quyết: {block_vi(block)}, {data.window.period.label_vi}"
        if len(parts) > 1:
            heading += f" (số thứ tự {start + 1}\u2013{start + size})"
        columns = (form.name, form.without, form.digitized)
        sheet.chart(
            _shares(
                heading,
                _described(units[start : start + size], data),
                [Cells(form.sheet, column, row, row + size - 1) for column in columns],
                data,
                style,
            )
        )
        row += size


def _shares(
    heading: str, description: str, cells: Sequence[Cells], data: DigitizationData, style: WorkbookStyle
) -> DescribedChart:  # fmt: skip
    names, without, digitized = cells
    colours = style.colours
    return bar_chart(
        heading,
        description,
        names,
        [
            Bars(
                "Đã số hóa",
                digitized,
                colours.achieved,
                label=WHOLE,
                label_at="inBase",
                label_ink="FFFFFF",
            ),
            Bars("Chưa số hóa", without, colours.remaining, label=WHOLE, label_at="inEnd"),
        ],
        Scale(
            1,
            0.2,
            PERCENT,
            line=None if data.target_pct is None else float(data.target_pct) / 100,
            colour=colours.below,
        ),
        grouping="percentStacked",
    )


def _described(units: Sequence[UnitFigures], data: DigitizationData) -> str:
    rated = sorted(
        (unit for unit in units if unit.rates.get("results_rate_pct") is not None),
        key=lambda unit: (unit.rates["results_rate_pct"], unit.unit_name),
    )
    text = (
        f"Biểu đồ thanh ngang 100%, kết quả giải quyết đã số hóa và chưa số hóa của {len(units)} đơn vị, theo "
        "thứ tự của biểu."
    )
    if data.target_pct is not None:
        reached = sum(bool(unit.met_target) for unit in units)
        text += f" Đạt chỉ tiêu {percent(data.target_pct)}: {reached}/{len(rated)} đơn vị có phát sinh."
    lowest = "; ".join(
        f"{clean_text(unit.unit_name, longest=80)} {percent(unit.rates['results_rate_pct'])}"
        for unit in rated[:_NAMED]
    )
    return f"{text} Tỷ lệ thấp nhất: {lowest}." if lowest else text


def _rate(data: DigitizationData, block: str) -> str:
    total = data.total(block)
    rate = total.rates.get("results_rate_pct") if total else None
    return "chưa có số liệu" if rate is None else percent(rate)
