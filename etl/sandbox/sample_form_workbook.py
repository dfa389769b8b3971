"""A sample form as a workbook that looks like an office's: A4 across, Times New Roman, framed table."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.workbook.properties import CalcProperties
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from etl.sandbox.sample_form_layouts import Column, Value
from etl.sandbox.sample_form_lines import Line

_THIN = Side(style="thin", color="FF555555")
_FRAME = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_SHADE = PatternFill("solid", fgColor="FFE8EDF3")
# The last part keeps a figure off its frame by the width of a bracket.
_NUMBER, _RATE = "#,##0_)", "0.00_)"
_BOLD_KINDS = ("section", "subsection", "subtotal", "total")
# openpyxl writes the hour of saving into these; a sample is the same whenever it is written.
_STAMP = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")
_WRITTEN = datetime.combine(date(2026, 1, 1), datetime.min.time())
_FORMULA = re.compile(rb'(<c r="([A-Z]+[0-9]+)"[^>]*><f>[^<]*</f>)<v ?(?:/>|></v>)')


@dataclass(frozen=True)
class FormSheet:
    """One sheet: words above, header columns, lines below. ``formulas`` writes totals as sums."""

    title: str
    head: tuple[tuple[str, str], ...]
    titles: tuple[str, ...]
    columns: Sequence[Column]
    lines: Sequence[Line]
    formulas: bool = False


def form_workbook(sheets: Sequence[FormSheet], *, cached: bool = True) -> bytes:
    """The workbook's bytes, the same at any time. ``cached``: formulas carry their values, as Excel's do."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    workbook.properties.creator = "bochiso"
    workbook.properties.created = _WRITTEN
    # Excel has calculated what it saves; a program that has not asks Excel to do it on opening.
    workbook.calculation = CalcProperties(fullCalcOnLoad=not cached)
    values: list[dict[str, Value]] = []
    for sheet in sheets:
        values.append(_fill(workbook.create_sheet(sheet.title), sheet))
    saved = io.BytesIO()
    workbook.save(saved)
    return _timeless(saved.getvalue(), values if cached else [])


def header_grid(columns: Sequence[Column]) -> list[list[str | None]]:
    """Header rows without merging: each text stands in its top left cell only."""
    levels = max(len(column.path) for column in columns)
    grid: list[list[str | None]] = [[None] * len(columns) for _ in range(levels)]
    for left, right, top, _, text in _header_cells(columns):
        if left <= right:
            grid[top][left] = text
    return grid


def _header_cells(columns: Sequence[Column]) -> list[tuple[int, int, int, int, str]]:
    """(first column, last column, first row, last row, text) of each header cell, from 0."""
    levels = max(len(column.path) for column in columns)
    cells = []
    for place, column in enumerate(columns):
        for level, text in enumerate(column.path):
            lead = column.path[: level + 1]
            is_leaf = level == len(column.path) - 1
            if not is_leaf and place and columns[place - 1].path[: level + 1] == lead:
                continue
            last = place
            while not is_leaf and last + 1 < len(columns) and columns[last + 1].path[: level + 1] == lead:
                last += 1
            cells.append((place, last, level, levels - 1 if is_leaf else level, text))
    return cells


def _fill(sheet: Worksheet, form: FormSheet) -> dict[str, Value]:
    """Write the sheet; returns the values of its formula cells."""
    width = len(form.columns)
    split = width // 2 - 1
    row = 0
    for at, (left, right) in enumerate(form.head):
        row += 1
        _words(sheet, row, 1, split, left, _font(12, bold=True))
        _words(sheet, row, split + 1, width, right, _font(12 + at, bold=True, underline=at == 1))
    row += 1
    for at, text in enumerate(form.titles):
        row += 1
        font = _font(14, bold=True) if at == 0 else _font(12, italic=True)
        if at == len(form.titles) - 1:
            font = _font(12, bold=True, color="FFB00020")
        _words(sheet, row, 1, width, text, font)
        sheet.row_dimensions[row].height = 19
    row = _header(sheet, form.columns, row + 2)
    start = row + 1
    numbered = [column for column in form.columns if column.number is not None]
    if numbered:
        for place, column in enumerate(form.columns, start=1):
            number = f"({column.number})" if column.number is not None else None
            _cell(sheet, start, place, number, italic=True, centre=True, size=10)
        sheet.row_dimensions[start].height = 15
        start += 1
    sheet.freeze_panes = f"C{start}"
    sheet.print_title_rows = f"{start - 1}:{start - 1}" if numbered else None
    computed = _lines(sheet, form, start)
    _page(sheet, form.columns)
    return computed


def _header(sheet: Worksheet, columns: Sequence[Column], top: int) -> int:
    """Write the merged header from row ``top``; returns its last row."""
    levels = max(len(column.path) for column in columns)
    for level in range(levels):
        # The lowest row holds the longest words.
        sheet.row_dimensions[top + level].height = 66 if levels == 1 else 24 if level < levels - 1 else 50
        for place in range(1, len(columns) + 1):
            _cell(sheet, top + level, place, None, shade=True)
    for left, right, first, last, text in _header_cells(columns):
        _cell(sheet, top + first, left + 1, text, bold=True, centre=True, shade=True, size=11)
        if (left, first) != (right, last):
            sheet.merge_cells(
                start_row=top + first, start_column=left + 1, end_row=top + last, end_column=right + 1
            )
    return top + levels - 1


def _lines(sheet: Worksheet, form: FormSheet, start: int) -> dict[str, Value]:
    computed: dict[str, Value] = {}
    width = len(form.columns)
    for at, line in enumerate(form.lines):
        row = start + at
        sheet.row_dimensions[row].hidden = line.hidden
        if line.kind in ("blank", "note", "foot", "sign"):
            _foot(sheet, row, line, width)
            continue
        # A name of two lines needs more; Excel finds the height of those rows itself.
        sheet.row_dimensions[row].height = 18 if len(str(line.cells[1])) < 44 else None
        for place, value in enumerate(line.cells, start=1):
            content = value
            if form.formulas and line.summed and isinstance(value, int) and place > 1:
                content = _sum(place, [start + other for other in line.summed])
                computed[f"{get_column_letter(place)}{row}"] = value
            _cell(
                sheet,
                row,
                place,
                content,
                bold=line.kind in _BOLD_KINDS,
                centre=place == 1,
                shade=line.kind in ("section", "total"),
                left=place == 2,
            )
    return computed


def _sum(place: int, rows: list[int]) -> str:
    """=SUM over the rows, runs of them as ranges."""
    letter = get_column_letter(place)
    runs: list[list[int]] = []
    for row in rows:
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return f"=SUM({','.join(f'{letter}{first}:{letter}{last}' for first, last in runs)})"


def _foot(sheet: Worksheet, row: int, line: Line, width: int) -> None:
    placed = [(place, value) for place, value in enumerate(line.cells, start=1) if value is not None]
    if line.kind in ("foot", "sign") and len(placed) == 2:
        bold = line.kind == "foot"
        for (place, value), last in zip(placed, (2, width), strict=True):
            _words(sheet, row, place, last, str(value), _font(12, bold=bold, italic=not bold))
        return
    for place, value in placed:
        cell = sheet.cell(row, place, value)
        cell.font = _font(11, italic=True)
        cell.number_format = _NUMBER


def _words(sheet: Worksheet, row: int, first: int, last: int, text: str, font: Font) -> None:
    cell = sheet.cell(row, first)
    cell.value, cell.font = text, font
    cell.alignment = Alignment(horizontal="center", vertical="center", wrap_text=True)
    if first < last:
        sheet.merge_cells(start_row=row, start_column=first, end_row=row, end_column=last)


def _cell(
    sheet: Worksheet,
    row: int,
    place: int,
    value: Value,
    *,
    bold: bool = False,
    italic: bool = False,
    centre: bool = False,
    left: bool = False,
    shade: bool = False,
    size: int = 12,
) -> None:
    centre = centre or (isinstance(value, str) and not left and not value.startswith("="))
    cell = sheet.cell(row, place)
    cell.value = value
    cell.border = _FRAME
    cell.font = _font(size, bold=bold, italic=italic)
    cell.alignment = Alignment(
        horizontal="center" if centre else "left" if left else "right",
        vertical="center",
        wrap_text=centre or left,
        indent=1 if left else 0,
    )
    if shade:
        cell.fill = _SHADE
    if isinstance(value, float):
        cell.number_format = _RATE
    elif isinstance(value, int) or (isinstance(value, str) and value.startswith("=")):
        cell.number_format = _NUMBER if place > 1 else "0"


def _font(
    size: int, *, bold: bool = False, italic: bool = False, underline: bool = False, color: str | None = None
) -> Font:
    return Font(
        name="Times New Roman",
        size=size,
        bold=bold,
        italic=italic,
        underline="single" if underline else None,
        color=color,
    )


def _page(sheet: Worksheet, columns: Sequence[Column]) -> None:
    for place, column in enumerate(columns, start=1):
        sheet.column_dimensions[get_column_letter(place)].width = column.width
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = "9"
    sheet.page_setup.fitToWidth = 1
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_margins.left = sheet.page_margins.right = 0.5
    sheet.print_options.horizontalCentered = True


def _timeless(content: bytes, values: Sequence[dict[str, Value]]) -> bytes:
    """The same workbook without the hour of saving, and with the formulas' values filled in."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            part = source.read(name)
            if name == "docProps/core.xml":
                part = _STAMP.sub(rb"\g<1>2026-01-01T00:00:00Z", part)
            for at, computed in enumerate(values, start=1):
                if name == f"xl/worksheets/sheet{at}.xml":
                    part = _with_values(part, computed)
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 0
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, part)
    return out.getvalue()


def _with_values(part: bytes, computed: dict[str, Value]) -> bytes:
    def fill(found: re.Match[bytes]) -> bytes:
        return found[1] + f"<v>{computed[found[2].decode()]}</v>".encode()

    return _FORMULA.sub(fill, part)
