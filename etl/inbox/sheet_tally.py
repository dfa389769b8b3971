"""What was counted in one worksheet so far, held against the limits: both scans report here."""

from __future__ import annotations

import re
from collections.abc import Mapping

from etl.errors import FileRefused
from etl.inbox.inspected import SheetFacts
from etl.inbox.limits import Limits
from etl.inbox.refusals import refusal, shown

_CELL = re.compile(r"\$?([A-Za-z]{1,3})\$?([0-9]{1,8})")
_QUOTED = re.compile(r"\"[^\"]*\"|&quot;.*?&quot;|'[^']*'|&apos;.*?&apos;")
_DECLARED, _HOLDS = ("declares cells up to", "khai báo tới"), ("holds a cell at", "có dữ liệu tại")
_NAMED_WITHOUT_VALUE = 100

Area = tuple[int, int, int, int]


class Tally:
    """Counts of one sheet. Every method may raise FileRefused (guard.extent, guard.merged_ranges, guard.damaged)."""

    def __init__(self, sheet: str, limits: Limits) -> None:
        self.limits = limits
        self._sheet = sheet
        self._rows = self._columns = 0
        self._valued_rows = self._valued_columns = 0
        self._hidden_rows: set[int] = set()
        self._hidden_columns: list[tuple[int, int]] = []
        self._merged: list[Area] = []
        self._formulas = 0
        self._without_value: list[str] = []

    def declare(self, reference: str) -> None:
        """The extent the sheet claims (``<dimension ref>``): readers may believe it."""
        rows, columns = area_of(reference)[2:]
        if rows > self.limits.max_sheet_rows or columns > self.limits.max_sheet_columns:
            raise self._beyond(_DECLARED, rows, columns)

    def reach(self, row: int, column: int) -> None:
        """A cell, or the farthest of several."""
        self._rows, self._columns = max(self._rows, row), max(self._columns, column)

    def reach_valued(self, row: int, column: int) -> None:
        """A cell with a value or a formula: readers make room for all cells up to it."""
        rows, columns = max(self._valued_rows, row), max(self._valued_columns, column)
        if not self._fits(rows, columns):
            raise self._beyond(_HOLDS, rows, columns)
        self._valued_rows, self._valued_columns = rows, columns

    def within(self) -> bool:
        """Whether all cells, those without a value too, stand within the limits."""
        return self._fits(self._rows, self._columns)

    def row(self, number: int, attributes: Mapping[str, str]) -> None:
        """A row: remembered when it is hidden or of no height."""
        if _true(attributes.get("hidden")) or _zero(attributes.get("ht")):
            self._hidden_rows.add(number)

    def column(self, attributes: Mapping[str, str]) -> None:
        """A ``<col>``: remembered when it is hidden or of no width."""
        if not (_true(attributes.get("hidden")) or _zero(attributes.get("width"))):
            return
        first, last = attributes.get("min", ""), attributes.get("max", "")
        if not re.fullmatch(r"[0-9]{1,8}", first) or not re.fullmatch(r"[0-9]{1,8}", last):
            raise _false_address(f"{first}:{last}")
        self._hidden_columns.append((int(first), int(last)))

    def merge(self, reference: str) -> None:
        """A merged range."""
        if len(self._merged) >= self.limits.max_merged_ranges:
            raise refusal(
                "guard.merged_ranges", sheet=shown(self._sheet), limit=self.limits.max_merged_ranges
            )
        self._merged.append(area_of(reference))

    def formula(self, cell: str, has_value: bool) -> None:
        """A formula, and whether its result stands beside it."""
        self._formulas += 1
        if not has_value and len(self._without_value) < _NAMED_WITHOUT_VALUE:
            self._without_value.append(cell)

    def dde(self, cell: str) -> FileRefused:
        """The refusal of a formula that calls another program."""
        where = f"{shown(self._sheet)}!{cell}"
        return refusal("guard.dde", locator=where, where=(f"cell {where}", f"Ô {where}"))

    def too_long(self) -> FileRefused:
        """The refusal of a cell beyond what Excel can hold."""
        return refusal("guard.cell_too_long", sheet=shown(self._sheet), limit=self.limits.max_cell_bytes)

    def finish(self) -> None:
        """All cells were seen: those without a value count only as far as the limits allow."""
        if not self.within():
            self._rows, self._columns = self._valued_rows, self._valued_columns

    def facts(self, visible: bool) -> SheetFacts:
        """What was found, cut to the rows and columns that hold a cell."""
        rows, columns = self._rows, self._columns
        hidden_columns = {
            column
            for first, last in self._hidden_columns
            for column in range(max(1, first), min(last, columns) + 1)
        }
        return SheetFacts(
            name=self._sheet,
            visible=visible,
            rows=rows,
            columns=columns,
            hidden_rows=tuple(sorted(row for row in self._hidden_rows if row <= rows)),
            hidden_columns=tuple(sorted(hidden_columns)),
            merged=tuple(_cut(sorted(self._merged), rows, columns)),
            formulas=self._formulas,
            formulas_without_value=tuple(self._without_value),
        )

    def _fits(self, rows: int, columns: int) -> bool:
        return (
            rows <= self.limits.max_sheet_rows
            and columns <= self.limits.max_sheet_columns
            and rows * columns <= self.limits.max_sheet_cells
        )

    def _beyond(self, reaches: tuple[str, str], rows: int, columns: int) -> FileRefused:
        return refusal(
            "guard.extent",
            sheet=shown(self._sheet),
            reaches=reaches,
            cell=f"{column_letters(columns)}{rows}",
            rows=rows,
            columns=columns,
            row_limit=self.limits.max_sheet_rows,
            column_limit=self.limits.max_sheet_columns,
            cell_limit=self.limits.max_sheet_cells,
        )


def area_of(reference: str) -> Area:
    """``B2:D4`` as (2, 2, 4, 4): first row and column, last row and column. Raises FileRefused (guard.damaged)."""
    first, _, last = reference.partition(":")
    found = _CELL.fullmatch(first), _CELL.fullmatch(last or first)
    if found[0] is None or found[1] is None:
        raise _false_address(reference)
    top, bottom = sorted(int(match[2]) for match in found if match)
    left, right = sorted(column_number(match[1]) for match in found if match)
    return top, left, bottom, right


def column_number(letters: str) -> int:
    """``A`` is 1, ``XFD`` 16,384."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """1 is ``A``."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def dde_in(formula: str) -> bool:
    """Whether a formula calls another program (``cmd|'/c calc'!A0``): outside quotation marks nothing else has a bar."""
    return "|" in formula and "|" in _QUOTED.sub("", formula)


def _cut(merged: list[Area], rows: int, columns: int) -> list[str]:
    ranges = []
    for top, left, bottom, right in merged:
        bottom, right = min(bottom, rows), min(right, columns)
        if top <= bottom and left <= right and (top, left) != (bottom, right):
            ranges.append(f"{column_letters(left)}{top}:{column_letters(right)}{bottom}")
    return ranges


def _false_address(text: str) -> FileRefused:
    return refusal(
        "guard.damaged", detail=(f"a false address {shown(text)!r}", f"địa chỉ ô sai {shown(text)!r}")
    )


def _true(text: str | None) -> bool:
    return text in ("1", "true", "on")


def _zero(text: str | None) -> bool:
    return text is not None and re.fullmatch(r"0+(\.0*)?", text) is not None
