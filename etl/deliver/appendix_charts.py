"""The appendix's sheet of charts: the province's six groups against their maxima, every block's units by total."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Color

from etl.deliver.appendix_blocks import NAME_COLUMN, TOTAL_COLUMN, by_rank
from etl.deliver.appendix_data import AppendixData, UnitRow
from etl.deliver.appendix_words import ProvinceNames, band_of, period_title, source_line
from etl.deliver.sheet_charts import (
    PAGE_WIDTH,
    Bars,
    Cells,
    ChartSheet,
    Scale,
    bar_chart,
    chart_points,
    pages_of,
)
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.deliver.sheet_style import FONT_NAME, TWO_DECIMALS, Column, Number, TableSheet
from etl.deliver.sheet_text import clean_text, number_vi, points_vi

_NOTE_SIZE = 10
_LEGEND_SIZE = 11
_LEGEND_POINTS = 84.0  # at most five lines above a block's first chart
_EXTREMES = 3  # units named in a description from either end


@dataclass(frozen=True)
class DrawnBlock:
    """A block whose table is written: its title, its units, and the rows they stand in on ``table``."""

    title: str
    units: Sequence[UnitRow]
    table: TableSheet
    rows: tuple[int, int]


def chart_columns() -> list[Column]:
    """The columns of the table of groups; together the width of an upright page."""
    columns = [
        Column("Mã", 10, "center"),
        Column("Nhóm chỉ số", 36),
        Column("Điểm đạt", 15, "right"),
        Column("Điểm tối đa", 15, "right"),
        Column("Điểm chưa đạt\n(tính toán)", 16, "right"),
    ]
    if sum(column.width for column in columns) != PAGE_WIDTH:
        raise ValueError(f"the columns of the charts' sheet are not {PAGE_WIDTH} digits wide")
    return columns


def write_charts(
    sheet: ChartSheet, data: AppendixData, names: ProvinceNames, blocks: Sequence[DrawnBlock], style: WorkbookStyle
) -> None:  # fmt: skip
    """Write the sheet below its banner: a chart of the province, then one or several of every block."""
    first = _write_groups(sheet, data)
    _draw_groups(sheet, data, names, first, style)
    for block in blocks:
        _draw_block(sheet, data, block, style)
    sheet.paragraph(source_line(data), size=_NOTE_SIZE, italic=True)
    sheet.finish_charts()


def _write_groups(sheet: ChartSheet, data: AppendixData) -> int:
    """The table of groups, as the sheet of the province has them. Returns its first row."""
    sheet.header()
    first = sheet.row + 1
    published = {row.indicator_code: row for row in data.indicators if row.level == "group"}
    for group in data.groups:
        score = published[group.code].score if group.code in published else None
        lost = None if score is None or group.max_score is None else group.max_score - score
        sheet.line([group.code, group.name, Number(score), Number(group.max_score), Number(lost)])
    return first


def _draw_groups(
    sheet: ChartSheet, data: AppendixData, names: ProvinceNames, first: int, style: WorkbookStyle
) -> None:
    last = sheet.row
    sheet.paragraph("", size=6)
    published = {row.indicator_code: row for row in data.indicators if row.level == "group"}
    told = "; ".join(
        f"{group.name} {_of(published[group.code].score if group.code in published else None)}"
        f"/{_of(group.max_score)}"
        for group in data.groups
    )
    maxima = [group.max_score for group in data.groups if group.max_score is not None]
    longest = max(maxima, default=Decimal(1))
    own = sheet.sheet
    chart = bar_chart(
        f"Điểm đạt so với điểm tối đa của sáu nhóm chỉ số, {names.province}, {period_title(data)}",
        f"Biểu đồ thanh ngang, điểm đạt trên điểm tối đa của từng nhóm: {told}.",
        Cells(own, 2, first, last),
        [
            Bars("Điểm tối đa", Cells(own, 4, first, last), style.colours.remaining, label="General"),
            Bars(
                "Điểm đạt",
                Cells(own, 3, first, last),
                style.colours.achieved,
                label=TWO_DECIMALS,
                label_at="inBase",
                label_ink="FFFFFF",
            ),
        ],
        Scale(float(longest) * 1.1, 5, "0"),
    )
    sheet.chart(chart)


def _draw_block(sheet: ChartSheet, data: AppendixData, block: DrawnBlock, style: WorkbookStyle) -> None:
    """One chart for as many units as are readable; those without a total, the last of the table, are left out."""
    drawn = [unit for unit in by_rank(block.units) if unit.total is not None]
    without = len(block.units) - len(drawn)
    if not drawn:
        sheet.paragraph(f"{_capital(block.title)}: chưa có đơn vị nào có tổng điểm để vẽ.", size=_LEGEND_SIZE)
        return
    shown = [clean_text(unit.unit_name) for unit in drawn]
    parts = pages_of(shown, style.chart_units, above=_LEGEND_POINTS)
    sheet.keep(_LEGEND_POINTS + chart_points(shown[: parts[0]]))
    sheet.paragraph("", size=6)
    _legend(sheet, block, without, style)
    target, own, start = style.total_target, block.table.sheet, 0
    for size in parts:
        units = drawn[start : start + size]
        first, last = block.rows[0] + start, block.rows[0] + start + size - 1
        heading = f"Tổng điểm {block.title}, {period_title(data)}"
        if len(parts) > 1:
            heading += f" (số thứ tự {start + 1}\u2013{start + size})"
        start += size
        chart = bar_chart(
            heading,
            _described(units, block, style),
            Cells(own, NAME_COLUMN, first, last),
            [
                Bars(
                    "Tổng điểm",
                    Cells(own, TOTAL_COLUMN, first, last),
                    style.colours.unrated,
                    colours=[_colour(unit, style) for unit in units],
                    label=TWO_DECIMALS,
                )
            ],
            Scale(
                100,
                20,
                "General",
                line=None if target is None else float(target),
                colour=style.colours.below,
            ),
        )
        sheet.chart(chart)


def _described(units: Sequence[UnitRow], block: DrawnBlock, style: WorkbookStyle) -> str:
    def told(some: Sequence[UnitRow]) -> str:
        return "; ".join(f"{clean_text(unit.unit_name, longest=80)} {_of(unit.total)}" for unit in some)

    counts = [
        f"{band.name} {sum(band_of(unit, style.bands) == band.name for unit in units)}"
        for band in style.bands
    ]
    text = (
        f"Biểu đồ thanh ngang, tổng điểm của {len(units)} đơn vị, theo thứ tự của bảng ở trang "
        f"{block.table.sheet.title}. Xếp loại (quy ước): {', '.join(counts)}. "
    )
    if len(units) <= 2 * _EXTREMES:
        return f"{text}{told(units)}."
    return f"{text}Cao nhất: {told(units[:_EXTREMES])}. Thấp nhất: {told(units[-_EXTREMES:])}."


def _legend(sheet: ChartSheet, block: DrawnBlock, without: int, style: WorkbookStyle) -> None:
    """What the bars' colours mean, with a sample of each; the words alone say it, too."""
    rated = [band_of(unit, style.bands) for unit in block.units if unit.total is not None]
    pieces: list[tuple[str, str | None]] = [(f"{_capital(block.title)}. Xếp loại theo quy ước:", None)]
    for band in style.bands:
        pieces.append(
            (f" {band.name} (từ {points_vi(band.minimum)}): {rated.count(band.name)} đơn vị;", band.bar)
        )
    if None in rated:
        pieces.append(
            (f" không xếp loại (không phát sinh hồ sơ): {rated.count(None)} đơn vị;", style.colours.unrated)
        )
    pieces[-1] = (pieces[-1][0][:-1] + ".", pieces[-1][1])
    if style.total_target is not None:
        pieces.append((f" Vạch đứng: ngưỡng theo dõi {points_vi(style.total_target)} điểm (quy ước).", None))
    if without:
        pieces.append((f" Không vẽ {without} đơn vị không có tổng điểm.", None))
    sheet.paragraph(
        "".join(f" \u25a0{text}" if colour else text for text, colour in pieces), size=_LEGEND_SIZE
    )
    plain = InlineFont(rFont=FONT_NAME, sz=_LEGEND_SIZE)
    blocks = []
    for text, colour in pieces:
        if colour:
            blocks.append(
                TextBlock(
                    InlineFont(rFont=FONT_NAME, sz=_LEGEND_SIZE, color=Color(rgb=f"FF{colour}")), " \u25a0"
                )
            )
        blocks.append(TextBlock(plain, clean_text(text)))
    sheet.sheet.cell(sheet.row, 1).value = CellRichText(*blocks)


def _colour(unit: UnitRow, style: WorkbookStyle) -> str:
    rating = band_of(unit, style.bands)
    return next((band.bar for band in style.bands if band.name == rating), style.colours.unrated)


def _of(value: Decimal | None) -> str:
    return "không có số liệu" if value is None else number_vi(value, 2)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
