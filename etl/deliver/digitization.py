"""The digitization workbook (duty D1): the form in the layout in force, what the portal says, quality.

``render_digitization`` turns ``DigitizationData`` into the bytes of an XLSX file. The same data give
the same bytes; no cell is a formula; a missing figure is a blank cell. Headers, their numbers, section
names and total words are those of the template, so the form can be read back by our own reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill

from etl.deliver.appendix_words import ROMAN, ProvinceNames
from etl.deliver.digitization_data import BlockTotals, DigitizationData, UnitFigures
from etl.deliver.digitization_notes import form_notes
from etl.deliver.digitization_sheets import write_comparison, write_quality
from etl.deliver.digitization_words import WHOLE_PROVINCE, block_vi, days_vi
from etl.deliver.sheet_style import (
    BODY_SIZE,
    FONT_NAME,
    HEADING_SIZE,
    TWO_DECIMALS,
    WHOLE,
    CellContent,
    Column,
    Number,
    TableSheet,
    put_text,
)
from etl.deliver.sheet_text import line_count
from etl.deliver.workbook_bytes import workbook_bytes
from etl.errors import Terminal
from etl.sources.digitization_form.layouts import Column as FormColumn
from etl.sources.digitization_form.layouts import Template

FORM_SHEET = "Biểu số hóa"
SAMPLE_MARK = "SỐ LIỆU MẪU"
MET, NOT_MET = "Đạt", "Không đạt"
_FORM_TITLE = "BIỂU TỔNG HỢP SỐ HÓA HỒ SƠ, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
_NOTE_SIZE = 10
_SIGNATURE_ROWS = 4  # room for a signature by hand: about 2 cm
_HEADING_FILL = PatternFill("solid", fgColor="FFE7ECF4")
# Column widths in digits, by what the column holds.
_WIDTHS = {"stt": 6.0, "unit": 46.0, "unit_code": 16.0, "rate": 10.0, "verdict": 12.0}
_MEASURE_WIDTH = 12.5


class FormSheet(TableSheet):
    """A sheet whose heading has several rows: cells that stand side by side under one heading are merged
    below it, and a heading without cells below it takes all rows."""

    def form_header(self, headings: Sequence[tuple[str, ...]], numbers: Sequence[int]) -> None:
        """``headings`` of each column from the top cell to the bottom one; ``numbers`` as printed below."""
        depth = max(len(path) for path in headings)
        first = self.row + 1
        for level in range(depth):
            self.row += 1
            lines = 1
            for place, (path, column) in enumerate(zip(headings, self.columns, strict=True), start=1):
                cell = self.sheet.cell(self.row, place)
                own = level < len(path) and not _continues(headings, place - 1, level)
                if own:
                    put_text(cell, path[level])
                    if level == len(path) - 1:  # a heading over several columns has room enough
                        rows = depth - level
                        needed = line_count(path[level], column.width, HEADING_SIZE, bold=True)
                        lines = max(lines, -(-needed // rows))
                cell.font = Font(name=FONT_NAME, size=HEADING_SIZE, bold=True)
                self._dress(cell, "center", _HEADING_FILL)
            self._set_height(lines * HEADING_SIZE * 1.32 + 6)
        self._merge(headings, first, depth)
        self.row += 1
        for place, number in enumerate(numbers, start=1):
            cell = self.sheet.cell(self.row, place)
            put_text(cell, f"({number})")
            cell.font = Font(name=FONT_NAME, size=9, italic=True)
            self._dress(cell, "center", _HEADING_FILL)
        self._set_height(14)
        self.header_rows = (first, self.row)

    def _merge(self, headings: Sequence[tuple[str, ...]], first: int, depth: int) -> None:
        for level in range(depth):
            for _, group in groupby(range(len(headings)), key=lambda place: headings[place][: level + 1]):
                places = list(group)
                path = headings[places[0]]
                if level >= len(path):
                    continue
                bottom = first + (depth - 1 if level == len(path) - 1 else level)
                if len(places) > 1 or bottom > first + level:
                    self.sheet.merge_cells(
                        start_row=first + level,
                        end_row=bottom,
                        start_column=places[0] + 1,
                        end_column=places[-1] + 1,
                    )

    def signatures(self, left: str, right: str) -> None:
        """Two blank places for signatures: a person issues the form."""
        half = len(self.columns) // 2
        for words, bold in (((left, right), True), (("(Ký, ghi rõ họ tên)", "(Ký, ghi rõ họ tên)"), False)):
            self.row += 1
            for text, start, end in (
                (words[0], 1, half),
                (words[1], half + 1, len(self.columns)),
            ):
                cell = self.sheet.cell(self.row, start)
                put_text(cell, text)
                cell.font = Font(name=FONT_NAME, size=12 if bold else BODY_SIZE, bold=bold, italic=not bold)
                cell.alignment = Alignment(horizontal="center", vertical="center")
                self.sheet.merge_cells(
                    start_row=self.row, end_row=self.row, start_column=start, end_column=end
                )
            self._set_height(18)
        self.row += _SIGNATURE_ROWS


def _continues(headings: Sequence[tuple[str, ...]], place: int, level: int) -> bool:
    """Whether the heading to the left already says this one, the levels above included."""
    return place > 0 and headings[place - 1][: level + 1] == headings[place][: level + 1]


def render_digitization(data: DigitizationData, names: ProvinceNames, template: Template) -> bytes:
    """The workbook as XLSX bytes: the form, "Đối chiếu với Cổng" and "Chất lượng số liệu".

    ``template`` is the layout in force on the window's last day. Raises Terminal where it has no
    numbered columns, ValueError on a time of receipt without a time zone.
    """
    columns = _numbered(template)
    if not columns:
        raise Terminal(
            f"the layout {template.layout} has no numbered columns, so there is no form to print",
            "make a layout of format sheet the default in <home>/forms",
        )
    workbook = Workbook()
    del workbook["Sheet"]
    # The base font also sets the unit of column widths.
    workbook._named_styles["Normal"].font = Font(  # type: ignore[attr-defined]
        name=FONT_NAME, size=BODY_SIZE
    )
    _write_form(FormSheet(workbook.create_sheet(FORM_SHEET), _sheet_columns(columns)), data, names, template)
    write_comparison(workbook, data, names)
    write_quality(workbook, data, names)
    return workbook_bytes(
        workbook,
        title=f"Biểu tổng hợp số hóa hồ sơ, {names.province}, {data.window.period.label_vi}",
        creator=names.office,
        at=data.stated_at,
    )


def _numbered(template: Template) -> list[FormColumn]:
    """The columns that are printed, in the order of their numbers."""
    numbered = [column for column in template.columns if column.column_no is not None]
    return sorted(numbered, key=lambda column: column.column_no or 0)


def _sheet_columns(columns: Sequence[FormColumn]) -> list[Column]:
    return [
        Column(
            column.header_text,
            _WIDTHS.get(column.role or "", _MEASURE_WIDTH),
            "right"
            if column.measure or column.role == "rate"
            else "left"
            if column.role == "unit"
            else "center",
        )
        for column in columns
    ]


def _write_form(table: FormSheet, data: DigitizationData, names: ProvinceNames, template: Template) -> None:
    columns = _numbered(template)
    if data.is_sample:
        table.paragraph(f"{SAMPLE_MARK}, không phải số liệu chính thức", size=13, bold=True, align="center")
    table.paragraph(_FORM_TITLE, size=13, bold=True, align="center")
    table.paragraph(
        f"{names.province} \u2013 {data.window.period.label_vi}".upper()
        + (" (SỐ LIỆU TẠM)" if data.provisional else ""),
        size=13,
        bold=True,
        align="center",
    )
    table.paragraph(
        f"({_capital(days_vi(data.window.first, data.window.last))})", size=12, italic=True, align="center"
    )
    # Number, date and issuer stay blank: a person issues the form.
    table.paragraph(
        "(Kèm theo Văn bản số          /          ngày      tháng      năm          )",
        size=12,
        italic=True,
        align="center",
    )
    table.paragraph("Đơn vị tính: hồ sơ", size=BODY_SIZE, italic=True, align="right")
    table.form_header([column.header for column in columns], [column.column_no or 0 for column in columns])
    for place, block in enumerate(data.blocks):
        section = template.sections.get(block, (block_vi(block),))[0]
        table.line(_words(columns, ROMAN[place], section), strong=True)
        for number, unit in enumerate((one for one in data.units if one.block == block), start=1):
            table.line([_of_unit(column, number, unit) for column in columns])
        table.line(
            _of_total(columns, f"{template.totals.block[0]} {_lower(section)}", data.total(block)),
            strong=True,
        )
    table.line(_of_total(columns, template.totals.grand[0], data.total(WHOLE_PROVINCE)), strong=True)
    for note in form_notes(data, template):
        table.paragraph(note, size=_NOTE_SIZE)
    table.row += 1
    table.signatures("NGƯỜI LẬP BIỂU", "THỦ TRƯỞNG ĐƠN VỊ")
    table.finish(frozen_columns=2)


def _words(columns: Sequence[FormColumn], number: str | None, text: str) -> list[CellContent]:
    """A row of words alone; every figure's cell is blank."""
    return [number if column.role == "stt" else text if column.role == "unit" else None for column in columns]


def _of_unit(column: FormColumn, number: int, unit: UnitFigures) -> CellContent:
    match column.role:
        case "stt":
            return Number(number, WHOLE)
        case "unit":
            return unit.unit_name
        case "unit_code":
            return unit.unit_code
        case "verdict":
            return _verdict(unit)
        case _:
            return _figure(column, unit)


def _of_total(columns: Sequence[FormColumn], label: str, total: BlockTotals | None) -> list[CellContent]:
    if total is None:
        return _words(columns, None, label)
    return [
        label
        if column.role == "unit"
        else _verdict(total)
        if column.role == "verdict"
        else _figure(column, total)
        for column in columns
    ]


def _verdict(row: UnitFigures | BlockTotals) -> str | None:
    return None if row.met_target is None else MET if row.met_target else NOT_MET


def _figure(column: FormColumn, row: UnitFigures | BlockTotals) -> CellContent:
    if column.measure is not None:
        return Number(row.measures.get(column.measure), WHOLE)
    if column.rate is not None:
        return Number(row.rates.get(column.rate.name), TWO_DECIMALS)
    return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    """ "Sở, ban, ngành" inside a sentence; "UBND cấp xã" keeps its letters."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]
