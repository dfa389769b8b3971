"""The sheet "Mục lục" of a workbook: what stands on which sheet, with the only links a workbook has.

The links lead to sheets of the same workbook and are made from our own sheet names; no text of the data becomes one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openpyxl.styles import Font
from openpyxl.utils import quote_sheetname
from openpyxl.worksheet.hyperlink import Hyperlink
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.sheet_style import BODY_SIZE, FONT_NAME, Column, TableSheet

CONTENTS_SHEET = "Mục lục"
_LINK = "FF0B4F9E"  # 8:1 on white
_NOTE_SIZE = 11


@dataclass(frozen=True)
class Entry:
    """One line: what the sheet is called in print ("Phụ lục I"), the sheet, and what it tells."""

    number: str
    sheet: Worksheet
    subject: str


def contents_columns(first: str) -> list[Column]:
    """The columns of the table; ``first`` heads the numbers."""
    return [Column(first, 14, "center"), Column("Trang tính", 32), Column("Nội dung", 114)]


def write_contents(
    table: TableSheet, entries: Sequence[Entry], *, facts: Sequence[str], notices: Sequence[str], source: str
) -> None:
    """Write the sheet below its banner: ``facts`` above the table, ``notices`` and ``source`` below it."""
    for fact in facts:
        table.paragraph(fact, size=12)
    table.header()
    for entry in entries:
        table.line([entry.number, entry.sheet.title, entry.subject])
        cell = table.sheet.cell(table.row, 2)
        # A location inside this file alone: nothing is fetched, nothing outside is opened.
        cell.hyperlink = Hyperlink(ref=cell.coordinate, location=f"{quote_sheetname(entry.sheet.title)}!A1")
        cell.font = Font(name=FONT_NAME, size=BODY_SIZE, underline="single", color=_LINK)
    table.paragraph("Lưu ý khi sử dụng số liệu:", size=_NOTE_SIZE, bold=True)
    for notice in notices:
        table.paragraph(f"\u2013 {notice}", size=_NOTE_SIZE)
    table.paragraph(source, size=10, italic=True)
    table.finish(frozen_columns=2)
