"""Where a layout's header stands in a grid, which column is which, and whether printed numbers agree."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from etl.sources.digitization_form.grid import Cell, Grid
from etl.sources.digitization_form.words import plain

# Head lines, title and notes rarely take twenty rows; a header rarely takes four.
_SEARCHED_ROWS = 60
_TALLEST = 6

# "(9)", "9", "[9]", "(4)=(5)+(6)", or a letter: what a numbering row prints.
_NUMBER_TOKEN = re.compile(r"[(\[]?\s*(?P<number>[0-9]{1,2})\s*[)\]]?(?:\s*=.*)?")
_LETTER_TOKEN = re.compile(r"[(\[]?\s*[A-ZĐa-zđ]\s*[)\]]?")
_NUMBER_AT_END = re.compile(r"\s*[(\[]\s*(?P<number>[0-9]{1,2})\s*[)\]](?:\s*=[^a-zà-ỹ]*)?$", re.IGNORECASE)


@dataclass(frozen=True)
class HeaderCell:
    """A column of the sheet that has a header: its place, its text on one line, its key, its printed number."""

    column: int
    row: int
    text: str
    keys: tuple[str, ...]
    number: int | None = None


@dataclass(frozen=True)
class Header:
    """Rows ``first`` to ``last`` are the header; ``numbering`` is the row of printed numbers, if there is one."""

    first: int
    last: int
    numbering: int | None
    cells: tuple[HeaderCell, ...]
    matched: int

    @property
    def body(self) -> int:
        """The first row below header and numbering."""
        return (self.last if self.numbering is None else self.numbering) + 1


def find_header(grid: Grid, known: Mapping[str, object], fold: Callable[[object], str]) -> Header | None:
    """The rows whose columns match most of the ``known`` header keys; None when none matches two.

    Of equal bands the lowest in height is taken, then the upper one. ``fold`` is the layout's.
    """
    spread = grid.spread(_SEARCHED_ROWS + _TALLEST)
    texts = [["" if value is None else _without_number(value) for value in row] for row in spread]
    folded = [[fold(text) for text in row] for row in texts]
    grouped = [_left_filled(row) for row in folded]
    best: tuple[int, int, int] | None = None
    for first in range(min(len(spread), _SEARCHED_ROWS)):
        for height in range(1, _TALLEST + 1):
            if first + height > len(spread):
                break
            band = slice(first, first + height)
            found = {
                id(hit)
                for column in range(grid.width)
                for key in _keys(folded[band], grouped[band], column)
                if (hit := known.get(key)) is not None
            }
            rank = (len(found), -height, -first)
            if len(found) > 1 and (best is None or rank > best):
                best = rank
    if best is None:
        return None
    first, height = -best[2], -best[1]
    last = _with_lower_rows(grid, folded, grouped, known, first, first + height - 1)
    numbering = _numbering_row(grid, last)
    cells = tuple(
        _header_cell(grid, spread, texts, folded, grouped, (first, last, numbering), column)
        for column in range(grid.width)
        if any(folded[row][column] for row in range(first, last + 1))
    )
    return Header(first, last, numbering, cells, best[0])


def number_token(value: Cell) -> int | None:
    """The column number a cell prints, or None."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() and 0 < value < 100 else None
    match = _NUMBER_TOKEN.fullmatch(plain(value))
    return int(match["number"]) if match else None


def is_numbering(row: list[Cell]) -> bool:
    """Whether a row only prints column numbers: (1) (2) (3) …, letters allowed for the first ones."""
    filled = [value for value in row if value is not None]
    numbers = [number for value in filled if (number := number_token(value)) is not None]
    letters = [value for value in filled if isinstance(value, str) and _LETTER_TOKEN.fullmatch(plain(value))]
    if len(numbers) < 3 or len(numbers) + len(letters) < len(filled):
        return False
    marked = sum(isinstance(value, str) and plain(value)[:1] in "([" for value in filled)
    return marked >= len(numbers) / 2 or len(set(numbers)) == len(numbers) == max(numbers) - min(numbers) + 1


def _with_lower_rows(
    grid: Grid,
    folded: list[list[str]],
    grouped: list[list[str]],
    known: Mapping[str, object],
    first: int,
    last: int,
) -> int:
    """The header's last row, with rows below that only stand under unknown headers (a renamed group's parts)."""
    band = slice(first, last + 1)
    matched = [
        column
        for column in range(grid.width)
        if any(key in known for key in _keys(folded[band], grouped[band], column))
    ]
    while last + 1 < min(len(folded), first + _TALLEST):
        below, above = folded[last + 1], folded[last]
        if not any(below) or is_numbering(list(grid.cells[last + 1])):
            break
        if any(below[column] not in ("", above[column]) for column in matched):
            break
        last += 1
    return last


def _numbering_row(grid: Grid, last: int) -> int | None:
    for row in range(last + 1, min(last + 3, grid.height)):
        if grid.is_empty(row):
            continue
        return row if is_numbering(list(grid.cells[row])) else None
    return None


def _header_cell(
    grid: Grid,
    spread: list[list[Cell]],
    texts: list[list[str]],
    folded: list[list[str]],
    grouped: list[list[str]],
    rows: tuple[int, int, int | None],
    column: int,
) -> HeaderCell:
    first, last, numbering = rows
    band = slice(first, last + 1)
    lines: list[str] = []
    for text in (line[column] for line in texts[band]):
        if text and (not lines or lines[-1] != text):
            lines.append(text)
    lowest = max(row for row in range(first, last + 1) if folded[row][column])
    own = next((row for row in range(lowest, first - 1, -1) if grid.at(row, column) is not None), lowest)
    number = number_token(grid.at(numbering, column)) if numbering is not None else None
    if number is None:
        inside = _NUMBER_AT_END.search(plain(spread[lowest][column]))
        number = int(inside["number"]) if inside else None
    return HeaderCell(
        column=column,
        row=own,
        text=": ".join(lines),
        keys=tuple(_keys(folded[band], grouped[band], column)),
        number=number,
    )


def _keys(folded: list[list[str]], grouped: list[list[str]], column: int) -> list[str]:
    """The header of a column as compared: as it stands, and with group cells that were not merged carried on."""
    keys = []
    for rows in (folded, [*grouped[:-1], folded[-1]]):
        parts: list[str] = []
        for row in rows:
            if row[column] and (not parts or parts[-1] != row[column]):
                parts.append(row[column])
        key = " ".join(parts)
        if key and key not in keys:
            keys.append(key)
    return keys


def _left_filled(row: list[str]) -> list[str]:
    filled: list[str] = []
    for text in row:
        filled.append(text or (filled[-1] if filled else ""))
    return filled


def _without_number(value: Cell) -> str:
    """A header cell's text without the number some forms print inside it."""
    text = plain(value)
    return _NUMBER_AT_END.sub("", text) if _NUMBER_AT_END.sub("", text) else text
