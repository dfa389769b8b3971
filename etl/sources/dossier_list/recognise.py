"""Is this file a dossier list? By its header row and what stands above it, never by its name."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from etl.errors import FileRefused
from etl.inbox.inspected import Inspected
from etl.periods import Window, named_window
from etl.sources.dossier_list.columns import (
    Columns,
    column_letters,
    header_key,
    holds_data,
    is_header,
    match_columns,
)
from etl.sources.dossier_list.head import csv_head, sheet_head

LAYOUT = "dossier_list@1"
_SAMPLE_MARK = header_key("SỐ LIỆU MẪU")
# The longest header in use has 60 letters; a cell of several lines beyond this has swallowed something.
_LONGEST_HEADER = 200
_DAY = r"(\d{1,2})\s*[/.-]\s*(\d{1,2})\s*[/.-]\s*(\d{4})"
_DAYS = re.compile(
    rf"từ\s*(?:ngày)?\s*:?\s*{_DAY}\s*(?:đến|tới|-|–)\s*(?:hết)?\s*(?:ngày)?\s*:?\s*{_DAY}", re.I
)


@dataclass(frozen=True)
class RecognisedList:
    """Where a list's header stands and what it says.

    ``header_row``: 1-based number of the header record (CSV: record, workbook: row); ``header_lines``: lines of
    a CSV up to and with it; ``delimiter`` is None and ``sheet`` named for a workbook. ``window``: as the lines
    above the header state it; ``is_sample``: they carry SỐ LIỆU MẪU.
    """

    columns: Columns
    header_row: int
    header_lines: int = 0
    delimiter: str | None = None
    sheet: str | None = None
    window: Window | None = None
    is_sample: bool = False
    layout: str = LAYOUT


def recognise_list(path: Path, inspected: Inspected) -> RecognisedList | None:
    """Find the header of a dossier list; None where there is none.

    Raises FileRefused for a list that lacks a needed column, has one twice, has rows glued to its header,
    states days that are no period, or stands in two sheets of a workbook.
    """
    if inspected.kind == "csv":
        return _recognise_csv(path, inspected)
    if inspected.kind == "xlsx":
        return _recognise_workbook(path, inspected)
    return None


def _recognise_csv(path: Path, inspected: Inspected) -> RecognisedList | None:
    for delimiter, records in csv_head(path, inspected.encoding or "utf-8").items():
        for index, (lines, cells) in enumerate(records):
            if is_header(cells):
                _refuse_glued(cells, delimiter, index + 1)
                window, is_sample = _preamble([row for _, row in records[:index]])
                columns = match_columns(cells, f"row {index + 1}")
                return RecognisedList(
                    columns, index + 1, lines, delimiter, window=window, is_sample=is_sample
                )
    return None


def _refuse_glued(cells: list[str], delimiter: str, row: int) -> None:
    """A stray quote in the header glues the rows below to it: they would be lost, and told as headers.

    Nothing of the cell is quoted: it may hold what the row says of a person.
    """
    for position, cell in enumerate(cells):
        lines = re.search(r"[\r\n]", cell) is not None
        if (lines and (delimiter in cell or len(cell) > _LONGEST_HEADER)) or holds_data(cell):
            column = column_letters(position)
            raise FileRefused(
                f"the header's cell {column}{row} holds a row's data: a quote is opened there, or it is no header",
                "export the list again with every text quoted and no data in the header row",
                rule="layout.csv_broken",
                message_vi=f"Ô {column}{row} của dòng tiêu đề chứa dữ liệu của dòng khác (dấu ngoặc kép thừa trong "
                "tiêu đề, hoặc tiêu đề có ngày, số dài, mã hồ sơ), không tách được các dòng một cách chắc chắn.",
                remedy_vi="Xuất lại danh sách dạng CSV UTF-8 từ hệ thống (không sửa tay), hoặc gửi dạng .xlsx.",
                locator=f"row {row}",
            )


def _recognise_workbook(path: Path, inspected: Inspected) -> RecognisedList | None:
    found: list[RecognisedList] = []
    for sheet in inspected.sheets:
        rows = sheet_head(path, sheet.name)
        index = next((number for number, cells in enumerate(rows) if is_header(cells)), None)
        if index is not None:
            window, is_sample = _preamble(rows[:index])
            columns = match_columns(rows[index], f"'{sheet.name}'!A{index + 1}")
            found.append(
                RecognisedList(columns, index + 1, sheet=sheet.name, window=window, is_sample=is_sample)
            )
    if len(found) > 1:
        names = ", ".join(f"«{item.sheet}»" for item in found)
        raise FileRefused(
            f"{len(found)} sheets hold a dossier list",
            "hand in one list a file",
            rule="layout.two_lists",
            message_vi=f"Tệp có {len(found)} trang tính đều là danh sách hồ sơ: {names}.",
            remedy_vi="Tách mỗi danh sách thành một tệp rồi gửi lại.",
        )
    return found[0] if found else None


def _preamble(rows: list[list[str]]) -> tuple[Window | None, bool]:
    """The window and the sample mark of the lines above the header."""
    lines = [unicodedata.normalize("NFC", " ".join(" ".join(row).split())) for row in rows]
    is_sample = any(_SAMPLE_MARK in header_key(line) for line in lines)
    stated = {match.groups() for line in lines for match in _DAYS.finditer(line)}
    if not stated:
        return None, is_sample
    windows = {_window(groups) for groups in stated}
    if len(windows) > 1:
        raise _no_period("các khoảng ngày khác nhau", "several windows", "state one window above the header")
    return windows.pop(), is_sample


def _window(groups: tuple[str | None, ...]) -> Window:
    day, month, year, last_day, last_month, last_year = (int(each or 0) for each in groups)
    try:
        first, last = date(year, month, day), date(last_year, last_month, last_day)
    except ValueError as error:
        raise _no_period("một ngày không có thật", "a day that does not exist", "correct it") from error
    window = named_window(first, last)
    if window is None:
        raise _no_period(
            f"từ {first:%d/%m/%Y} đến {last:%d/%m/%Y}, không phải một kỳ tháng, quý, 6 tháng hay năm",
            f"{first} to {last}, no period of either calendar",
            "hand in a list of a whole month, quarter, half year or year",
        )
    return window


def _no_period(words_vi: str, words: str, remedy: str) -> FileRefused:
    return FileRefused(
        f"the lines above the header state {words}",
        remedy,
        rule="period.not_standard",
        message_vi=f"Phần trên dòng tiêu đề ghi {words_vi}.",
        remedy_vi="Sửa lại khoảng ngày (ví dụ từ ngày 15/08/2026 đến ngày 14/09/2026) rồi gửi lại.",
    )
