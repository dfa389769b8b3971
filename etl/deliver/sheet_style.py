"""How a sheet of a workbook looks and prints; one class that writes it from top to bottom.

A sheet is a banner, one table and its notes. Paper: A4 landscape, fitted to its width,
the table's header repeated on every page. Nothing here knows what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast

from openpyxl import Workbook
from openpyxl.cell import Cell, MergedCell
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.styles.cell_style import StyleArray
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.page import PageMargins
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.sheet_text import LONGEST_TEXT, clean_text, line_count

FONT_NAME = "Times New Roman"
BODY_SIZE = 11
HEADING_SIZE = 10
# Locale-neutral codes: a Vietnamese Excel shows them as 1.234,50 and 1.234.
TWO_DECIMALS = "#,##0.00"
WHOLE = "#,##0"
SIGNED_TWO_DECIMALS = "+#,##0.00;\u2212#,##0.00;0.00"
SIGNED_WHOLE = "+#,##0;\u2212#,##0;0"
# The same number with the footnote's asterisk, and its unmarked neighbour kept in line
# (`_*` leaves the width of an asterisk): the mark is format, the cell stays a number.
# Only in columns that have a mark.
TWO_DECIMALS_MARKED = '#,##0.00"*"'
TWO_DECIMALS_UNMARKED = "#,##0.00_*"

_LINE_FACTOR = 1.32  # line height over font size: 14.5 points at 11
# The notes are our own words, about ten lines over the table's whole width.
_LONGEST_PARAGRAPH = 4000
_TALLEST_ROW = 409.0  # Excel's limit in points
_MM = 1 / 25.4
_THIN = Side(style="thin", color="FF7F7F7F")
_GRID = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_HEADING_FILL = PatternFill("solid", fgColor="FFE7ECF4")
_STRONG_FILL = PatternFill("solid", fgColor="FFF3F3F3")


@dataclass(frozen=True)
class Column:
    """One table column: heading (may hold line breaks), width in digits, alignment."""

    heading: str
    width: float
    align: str = "left"


@dataclass(frozen=True)
class Number:
    """A numeric cell: ``None`` stays blank (missing is not zero)."""

    value: Decimal | int | None
    number_format: str = TWO_DECIMALS


CellContent = str | Number | None


def put_text(cell: Cell | MergedCell, text: str, *, longest: int = LONGEST_TEXT) -> None:
    """Write ``text`` as text whatever it begins with: never a formula, never an error value."""
    shown = clean_text(text, longest=longest)
    cell.value = shown
    cell.data_type = "s"
    if shown[:1] in ("=", "+", "-", "@"):
        # Excel keeps such a cell as text even after someone edits it.
        cell.quotePrefix = True


def new_workbook() -> Workbook:
    """A workbook without sheets, its base font ours: it also sets the unit of column widths."""
    workbook = Workbook()
    del workbook["Sheet"]
    workbook._named_styles["Normal"].font = Font(  # type: ignore[attr-defined]
        name=FONT_NAME, size=BODY_SIZE
    )
    return workbook


def paper(
    sheet: Worksheet, columns: int, rows: int, *, orientation: Literal["portrait", "landscape"]
) -> None:
    """A4, margins, footer with page numbers, and the print area: ``columns`` wide, ``rows`` long."""
    sheet.sheet_view.showGridLines = False
    sheet.page_setup.orientation = orientation
    sheet.page_setup.paperSize = 9  # A4
    # Decree 30/2020: 20 mm above and below, at least 15 mm at the sides.
    sheet.page_margins = PageMargins(
        left=15 * _MM, right=15 * _MM, top=20 * _MM, bottom=20 * _MM, header=10 * _MM, footer=10 * _MM
    )
    sheet.print_options.horizontalCentered = True
    sheet.print_area = f"A1:{get_column_letter(columns)}{rows}"
    footer = sheet.oddFooter
    if footer is not None:
        footer.left.text = f'&"{FONT_NAME},Italic"&9&A'
        footer.center.text = f'&"{FONT_NAME},Regular"&10Trang &P/&N'


class TableSheet:
    """Writes one sheet downwards: ``banner`` and ``paragraph``, ``header``, ``line``…,
    ``paragraph``…, ``finish``. Row heights are computed from the text."""

    def __init__(self, sheet: Worksheet, columns: Sequence[Column]) -> None:
        self.sheet = sheet
        self.columns = tuple(columns)
        self.row = 0
        self.header_rows = (0, 0)
        self.last_line = 0
        self._styles: dict[tuple[object, ...], StyleArray] = {}
        for number, column in enumerate(self.columns, start=1):
            sheet.column_dimensions[get_column_letter(number)].width = column.width

    @property
    def width(self) -> float:
        """All columns together, in digits."""
        return sum(column.width for column in self.columns)

    def paragraph(
        self,
        text: str,
        *,
        size: float = BODY_SIZE,
        bold: bool = False,
        italic: bool = False,
        align: str = "left",
    ) -> None:
        """One line of text outside the table, across its whole width, wrapped."""
        self.row += 1
        cell = self.sheet.cell(self.row, 1)
        put_text(cell, text, longest=_LONGEST_PARAGRAPH)
        cell.font = Font(name=FONT_NAME, size=size, bold=bold, italic=italic)
        cell.alignment = Alignment(horizontal=align, vertical="center", wrap_text=True)
        self.sheet.merge_cells(
            start_row=self.row, end_row=self.row, start_column=1, end_column=len(self.columns)
        )
        lines = line_count(str(cell.value), self.width, size, bold=bold)
        self._set_height(lines * size * _LINE_FACTOR + 2)

    def banner(self, appendix: str, title: str, subtitle: str, enclosure: str) -> None:
        """The head of an administrative appendix: its number, title, scope and covering letter."""
        self.paragraph(appendix, size=13, bold=True, align="center")
        self.paragraph(title, size=13, bold=True, align="center")
        self.paragraph(subtitle, size=13, bold=True, align="center")
        self.paragraph(enclosure, size=12, italic=True, align="center")

    def header(self) -> None:
        """The heading row and, below it, the columns' numbers (1)(2)(3)…"""
        self.row += 1
        first = self.row
        for number, column in enumerate(self.columns, start=1):
            cell = self.sheet.cell(self.row, number)
            put_text(cell, column.heading)
            cell.font = Font(name=FONT_NAME, size=HEADING_SIZE, bold=True)
            self._dress(cell, "center", _HEADING_FILL)
        lines = max(line_count(c.heading, c.width, HEADING_SIZE, bold=True) for c in self.columns)
        self._set_height(lines * HEADING_SIZE * _LINE_FACTOR + 6)
        self.row += 1
        for number in range(1, len(self.columns) + 1):
            cell = self.sheet.cell(self.row, number)
            put_text(cell, f"({number})")
            cell.font = Font(name=FONT_NAME, size=9, italic=True)
            self._dress(cell, "center", _HEADING_FILL)
        self._set_height(14)
        self.header_rows = (first, self.row)

    def line(self, contents: Sequence[CellContent], *, strong: bool = False) -> None:
        """One table row; ``strong`` for groups and totals. ``None`` leaves a blank cell."""
        self.row += 1
        lines = 1
        for number, (column, content) in enumerate(zip(self.columns, contents, strict=True), start=1):
            cell = self.sheet.cell(self.row, number)
            number_format = None
            if isinstance(content, Number):
                if content.value is not None:
                    cell.value = content.value
                number_format = content.number_format
            elif content is not None:
                put_text(cell, content)
                lines = max(lines, line_count(clean_text(content), column.width, BODY_SIZE, bold=strong))
            # A style is looked up once for each kind of cell: openpyxl compares six objects a cell, 0.4 ms.
            kind = (number_format, isinstance(cell.value, str), column.align, strong, cell.quotePrefix)
            known, styled = self._styles.get(kind), cast(Any, cell)
            if known is None:
                if number_format is not None:
                    cell.number_format = number_format
                cell.font = Font(name=FONT_NAME, size=BODY_SIZE, bold=strong)
                self._dress(cell, column.align, _STRONG_FILL if strong else None)
                self._styles[kind] = copy(styled._style)
            else:
                styled._style = copy(known)
        self._set_height(lines * BODY_SIZE * _LINE_FACTOR + 2)
        self.last_line = self.row

    def rule_off(self, row: int, colour: str) -> None:
        """Draw a line across the table under ``row``, in a colour of six hexadecimal digits."""
        line = Side(style="medium", color=f"FF{colour}")
        for number in range(1, len(self.columns) + 1):
            self.sheet.cell(row, number).border = Border(left=_THIN, right=_THIN, top=_THIN, bottom=line)
            below = self.sheet.cell(row + 1, number)
            if below.has_style:  # one edge, two cells: the neighbour must not draw over it
                below.border = Border(left=_THIN, right=_THIN, top=line, bottom=_THIN)

    def finish(self, *, frozen_columns: int) -> None:
        """Page set-up, once everything is written: paper, margins, footer, freeze, print area."""
        sheet = self.sheet
        sheet.freeze_panes = f"{get_column_letter(frozen_columns + 1)}{self.header_rows[1] + 1}"
        paper(sheet, len(self.columns), self.row, orientation="landscape")
        sheet.page_setup.fitToWidth = 1
        sheet.page_setup.fitToHeight = 0  # as many pages down as it takes
        sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
        first, last = self.header_rows
        sheet.print_title_rows = f"{first}:{last}"
        self.name_table()

    def name_table(self) -> None:
        """Name the table as screen readers expect it (JAWS, NVDA): they then read each cell with its headings.

        The name holds the table's corners and the sheet's number, and stands for its first cell.
        """
        book = self.sheet.parent
        if book is None or not self.last_line:
            return
        first, corner = self.header_rows[0], f"{get_column_letter(len(self.columns))}{self.last_line}".lower()
        name = f"TitleRegion1.a{first}.{corner}.{book.index(self.sheet) + 1}"
        book.defined_names[name] = DefinedName(
            name, attr_text=f"{quote_sheetname(self.sheet.title)}!$A${first}"
        )

    def _dress(self, cell: Cell | MergedCell, align: str, fill: PatternFill | None) -> None:
        wrap = isinstance(cell.value, str)
        # No indent: LibreOffice applies it to some figures of a row and not to others.
        cell.alignment = Alignment(horizontal=align, vertical="center", wrap_text=wrap)
        cell.border = _GRID
        if fill is not None:
            cell.fill = fill

    def _set_height(self, points: float) -> None:
        self.sheet.row_dimensions[self.row].height = min(round(points, 1), _TALLEST_ROW)
