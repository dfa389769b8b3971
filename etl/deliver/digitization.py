"""The digitization workbook (duty D1): contents, the form in the layout in force, charts, the portal's word, quality.

``render_digitization`` turns ``DigitizationData`` into the bytes of an XLSX file. The same data give
the same bytes; no cell is a formula; a missing figure is a blank cell. Headers, their numbers, section
names and total words are those of the template, so the form can be read back by our own reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from openpyxl.styles import Alignment, Font, PatternFill

from etl.deliver.appendix_words import ROMAN, ProvinceNames
from etl.deliver.digitization_charts import FormPlace, chart_columns, write_charts
from etl.deliver.digitization_data import BlockTotals, DigitizationData, UnitFigures
from etl.deliver.digitization_notes import (
    contents_notices,
    form_notes,
    province_sentence,
    source_sentence,
)
from etl.deliver.digitization_sheets import banner, write_comparison, write_quality
from etl.deliver.digitization_words import WHOLE_PROVINCE, block_vi, days_vi
from etl.deliver.sheet_charts import ChartSheet
from etl.deliver.sheet_contents import CONTENTS_SHEET, Entry, contents_columns, write_contents
from etl.deliver.sheet_conventions import WorkbookStyle, load_workbook_style
from etl.deliver.sheet_marks import mark_share
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
    new_workbook,
    put_text,
)
from etl.deliver.sheet_text import line_count
from etl.deliver.workbook_bytes import workbook_bytes
from etl.errors import Terminal
from etl.sources.digitization_form.layouts import Column as FormColumn
from etl.sources.digitization_form.layouts import Template

FORM_SHEET, CHART_SHEET = "Biểu số hóa", "Biểu đồ"
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


def render_digitization(
    data: DigitizationData, names: ProvinceNames, template: Template, *, style: WorkbookStyle | None = None
) -> bytes:
    """The workbook as XLSX bytes: "Mục lục", the form, "Biểu đồ", "Đối chiếu với Cổng" and "Chất lượng số liệu".

    ``template`` is the layout in force on the window's last day; ``style`` the office's convention of
    colours, None: the shipped one. Raises Terminal where the layout has no numbered columns, ValueError on
    a time of receipt without a time zone.
    """
    columns = _numbered(template)
    if not columns:
        raise Terminal(
            f"the layout {template.layout} has no numbered columns, so there is no form to print",
            "make a layout of format sheet the default in <home>/forms",
        )
    style = style or load_workbook_style()
    workbook = new_workbook()
    contents = TableSheet(workbook.create_sheet(CONTENTS_SHEET), contents_columns("STT"))
    form = FormSheet(workbook.create_sheet(FORM_SHEET), _sheet_columns(columns))
    blocks = _write_form(form, data, names, template, style)
    charts = ChartSheet(workbook.create_sheet(CHART_SHEET), chart_columns())
    banner(charts, "BIỂU ĐỒ SỐ HÓA KẾT QUẢ GIẢI QUYẾT", data, names)
    write_charts(charts, data, names, _place(form, columns, blocks), style)
    comparison = write_comparison(workbook, data, names, style)
    quality = write_quality(workbook, data, names, style)
    sheets = (
        (form, "Biểu tổng hợp số hóa hồ sơ, kết quả giải quyết thủ tục hành chính"),
        (charts, "Biểu đồ số hóa kết quả giải quyết theo khối và theo đơn vị"),
        (comparison, "Đối chiếu với số liệu của Cổng Dịch vụ công quốc gia"),
        (quality, "Kết quả kiểm tra số liệu, dòng bị giữ lại, đơn vị thiếu, các tệp đã dùng"),
    )
    banner(contents, "MỤC LỤC", data, names)
    write_contents(
        contents,
        [Entry(str(number), table.sheet, told) for number, (table, told) in enumerate(sheets, start=1)],
        facts=[province_sentence(data, names)],
        notices=contents_notices(data),
        source=source_sentence(data),
    )
    return workbook_bytes(
        workbook,
        title=f"Biểu tổng hợp số hóa hồ sơ, {names.province}, {data.window.period.label_vi}",
        creator=names.office,
        at=data.stated_at,
        described={CHART_SHEET: charts.described},
    )


def _place(
    form: FormSheet, columns: Sequence[FormColumn], blocks: Mapping[str, tuple[int, int]]
) -> FormPlace | None:
    """Where names and results stand on the form; None where the layout lacks one of them."""
    found = {column.measure or column.role: place for place, column in enumerate(columns, start=1)}
    name, without, digitized = (
        found.get(key) for key in ("unit", "results_not_digitized", "results_digitized")
    )
    if name is None or without is None or digitized is None:
        return None
    return FormPlace(form.sheet, name, without, digitized, blocks)


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


def _write_form(
    table: FormSheet, data: DigitizationData, names: ProvinceNames, template: Template, style: WorkbookStyle
) -> dict[str, tuple[int, int]]:
    """Write the form. Returns of each block that has units the rows of its first and last one."""
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
    blocks: dict[str, tuple[int, int]] = {}
    for place, block in enumerate(data.blocks):
        section = template.sections.get(block, (block_vi(block),))[0]
        table.line(_words(columns, ROMAN[place], section), strong=True)
        for number, unit in enumerate((one for one in data.units if one.block == block), start=1):
            table.line([_of_unit(column, number, unit) for column in columns])
            blocks[block] = blocks.get(block, (table.row, 0))[0], table.row
        table.line(
            _of_total(columns, f"{template.totals.block[0]} {_lower(section)}", data.total(block)),
            strong=True,
        )
    table.line(_of_total(columns, template.totals.grand[0], data.total(WHOLE_PROVINCE)), strong=True)
    _mark_target(table, columns, data, style)
    for note in form_notes(data, template):
        table.paragraph(note, size=_NOTE_SIZE)
    table.row += 1
    table.signatures("NGƯỜI LẬP BIỂU", "THỦ TRƯỞNG ĐƠN VỊ")
    table.finish(frozen_columns=2)
    return blocks


def _mark_target(
    table: FormSheet, columns: Sequence[FormColumn], data: DigitizationData, style: WorkbookStyle
) -> None:
    """Colour the results, their rate and verdict where the share of digitized results is below the target."""
    place = _place(table, columns, {})
    if place is None or data.target_pct is None:
        return
    beside = [
        number
        for number, column in enumerate(columns, start=1)
        if column.role == "verdict" or (column.rate is not None and column.rate.name == "results_rate_pct")
    ]
    mark_share(
        table.sheet,
        (table.header_rows[1] + 1, table.row),
        part=place.digitized,
        rest=place.without,
        columns=[place.without, place.digitized, *beside],
        target=data.target_pct,
        fill=style.colours.failed,
    )


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
