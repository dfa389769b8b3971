"""A workbook's sheets or a CSV as grids of cells. Values only: no formula is calculated, nothing is coerced.

python-calamine gives the values; it shows an error cell (``#REF!``) as empty, so fastexcel is asked
where those are: an error must never pass for a blank.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fastexcel
import python_calamine

from etl.errors import FileRefused
from etl.inbox.inspected import Inspected, SheetFacts
from etl.sources.digitization_form.figures import is_blank
from etl.sources.digitization_form.words import plain, without_controls

# A province has some 300 units; a sheet or file far beyond that is a list of something, not a form.
MOST_ROWS = 20_000
MOST_TEXT_BYTES = 20_000_000
# The guard lists the first hundred formulas without a value; from there on the list is not whole.
_LISTED_FORMULAS = 100

_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]+)(?::\$?([A-Z]{1,3})\$?([0-9]+))?")

Cell = Any
NO_VALUE, ERROR = "formula_without_value", "error_value"


@dataclass(frozen=True)
class Grid:
    """One sheet (``name``), or a CSV (``name`` None). Rows and columns count from 0; blank cells are None.

    ``merged``: (top, left, bottom, right); ``unreadable``: cells that hold a formula without a value or an
    error, by (row, column); ``unlisted`` says that not all of them are listed.
    """

    name: str | None
    cells: Sequence[Sequence[Cell]]
    visible: bool = True
    hidden_rows: frozenset[int] = frozenset()
    hidden_columns: frozenset[int] = frozenset()
    merged: tuple[tuple[int, int, int, int], ...] = ()
    unreadable: dict[tuple[int, int], str] = field(default_factory=dict)
    unlisted: bool = False

    @property
    def height(self) -> int:
        return len(self.cells)

    @property
    def width(self) -> int:
        return max((len(row) for row in self.cells), default=0)

    def at(self, row: int, column: int) -> Cell:
        line = self.cells[row] if row < len(self.cells) else ()
        return line[column] if column < len(line) else None

    def spread(self, rows: int) -> list[list[Cell]]:
        """The first ``rows`` rows with every merged cell's value in all its cells: for headers and titles."""
        width = self.width
        top = [[self.at(row, column) for column in range(width)] for row in range(min(rows, self.height))]
        for first, left, last, right in self.merged:
            for row in range(first, min(last + 1, len(top))):
                for column in range(left, min(right + 1, width)):
                    top[row][column] = self.at(first, left)
        return top

    def is_empty(self, row: int) -> bool:
        """Whether a row holds no value and no formula."""
        return all(is_blank(value) for value in self.cells[row]) and not any(
            place[0] == row for place in self.unreadable
        )

    def place(self, row: int, column: int = 0) -> str:
        """The locator of a cell: ``'Biểu 1'!D12``; of a row, its first cell. A CSV has rows only: ``row 12``."""
        if self.name is None:
            return f"row {row + 1}"
        return "'" + self.name.replace("'", "''") + "'!" + cell_name(row, column)

    def told(self, row: int, column: int) -> str:
        """How a sentence names a cell: ``D12``, with its sheet where there is one."""
        cell = cell_name(row, column)
        return cell if self.name is None else f"{cell} (trang tính “{self.name}”)"


def cell_name(row: int, column: int) -> str:
    """The name a spreadsheet shows for a cell: (11, 3) -> D12."""
    return f"{column_letters(column)}{row + 1}"


def column_letters(column: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def read_grids(path: Path, inspected: Inspected) -> tuple[Grid, ...]:
    """The sheets of a workbook, or the one grid of a CSV; sheets too long for a form are left out.

    Raises FileRefused when the parser cannot read the file.
    """
    if inspected.kind == "csv":
        grid = _read_csv(path, inspected)
        return () if grid is None else (grid,)
    facts = {item.name: item for item in inspected.sheets}
    try:
        workbook = python_calamine.load_workbook(str(path))
        errors = fastexcel.read_excel(str(path))
        return tuple(
            _read_sheet(workbook, errors, name, facts[name])
            for name in workbook.sheet_names
            if name in facts and 0 < facts[name].rows <= MOST_ROWS
        )
    except (python_calamine.CalamineError, fastexcel.FastExcelError, OSError) as error:
        raise FileRefused(
            f"the workbook cannot be read: {type(error).__name__}",
            "open it in a spreadsheet program, save it as .xlsx and hand it in again",
            rule="layout.unreadable",
            message_vi="Không đọc được sổ tính này: cấu trúc bên trong bị hỏng.",
            remedy_vi="Đề nghị mở tệp bằng Excel hoặc LibreOffice, lưu lại dạng .xlsx rồi gửi lại.",
        ) from error


def _read_sheet(
    workbook: python_calamine.CalamineWorkbook, errors: fastexcel.ExcelReader, name: str, facts: SheetFacts
) -> Grid:
    sheet = workbook.get_sheet_by_name(name)
    rows = sheet.to_python(skip_empty_area=False)
    unreadable = {_cell(text): NO_VALUE for text in facts.formulas_without_value}
    if sheet.start is not None:
        unreadable |= {place: ERROR for place in _error_cells(errors, name, sheet.start[1])}
    return Grid(
        name=name,
        cells=[[_clean(value) for value in row] for row in rows],
        visible=facts.visible,
        hidden_rows=frozenset(number - 1 for number in facts.hidden_rows),
        hidden_columns=frozenset(number - 1 for number in facts.hidden_columns),
        merged=tuple(_area(text) for text in facts.merged),
        unreadable=unreadable,
        unlisted=len(facts.formulas_without_value) >= _LISTED_FORMULAS,
    )


def _clean(value: Cell) -> Cell:
    """A cell's value; None for a blank one. Control characters (a workbook's ``_x0000_``) become U+FFFD: no unit and
    no figure has that, so the row is refused, and PostgreSQL, which takes no U+0000, never sees one."""
    if is_blank(value):
        return None
    return without_controls(value) if isinstance(value, str) else value


def _error_cells(reader: fastexcel.ExcelReader, name: str, left: int) -> list[tuple[int, int]]:
    """Cells that hold an error. fastexcel counts rows from the sheet's top, but columns from ``left``, the first used."""
    sheet = reader.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    _, found = sheet.to_arrow_with_errors()
    return [] if found is None else [(item.position[0], item.position[1] + left) for item in found.errors]


def _read_csv(path: Path, inspected: Inspected) -> Grid | None:
    if inspected.size_bytes > MOST_TEXT_BYTES:
        return None
    text = path.read_bytes().decode(inspected.encoding or "utf-8").removeprefix("\ufeff")
    if text.count("\n") > MOST_ROWS:
        return None
    try:
        rows = [list(row) for row in csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text))]
    except csv.Error as error:
        raise FileRefused(
            f"the CSV cannot be read: {error}",
            "save it again from a spreadsheet program as CSV UTF-8",
            rule="layout.unreadable",
            message_vi=f"Không đọc được tệp CSV này: {error}.",
            remedy_vi="Đề nghị lưu lại từ Excel dạng “CSV UTF-8” hoặc dạng .xlsx rồi gửi lại.",
        ) from error
    cells = [[_clean(value) for value in row] for row in rows]
    while cells and all(value is None for value in cells[-1]):
        cells.pop()
    return Grid(name=None, cells=cells)


def _delimiter(text: str) -> str:
    """The separator under which most of the first lines have the same, largest number of fields."""

    def score(mark: str) -> tuple[int, int]:
        lines = text.splitlines()[:200]
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=mark))
        wide = {width: times for width, times in widths.items() if width > 1}
        return max(((times * width, width) for width, times in wide.items()), default=(0, 0))

    return max((";", ",", "\t"), key=score)


def _cell(text: str) -> tuple[int, int]:
    top, left, _, _ = _area(text)
    return top, left


def _area(text: str) -> tuple[int, int, int, int]:
    match = _RANGE.fullmatch(plain(text))
    if match is None:
        raise FileRefused(
            f"'{text[:20]}' is no range of cells",
            "save the workbook again from a spreadsheet program",
            rule="layout.unreadable",
            message_vi="Sổ tính có vùng gộp ô ghi sai cấu trúc.",
            remedy_vi="Đề nghị mở tệp bằng Excel hoặc LibreOffice, lưu lại dạng .xlsx rồi gửi lại.",
        )
    left, top, right, bottom = match.groups()
    return (
        int(top) - 1,
        _column_number(left),
        int(bottom or top) - 1,
        _column_number(right or left),
    )


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
