"""The parts of the page's tables: cells that keep the exact figure beside what is shown, columns, rows, tables.

The template writes them; nothing here is HTML. A figure is shown the Vietnamese way and carries its exact value
(``data-value``, decimal dot), by which the page sorts and the tests compare.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from etl.deliver.sheet_text import number_vi

SCORE_DECIMALS = 2
_MOST_DECIMALS = 4
_TALL = 40  # lines: more than any screen shows at once
_SHORT = 12
_FIGURE = re.compile(r"-?\d+(\.\d+)?")


@dataclass(frozen=True)
class Cell:
    """One cell. ``text`` None is a missing figure or, in a cell of words, an empty cell.

    ``value`` is the exact figure of a numeric cell ("" where it is missing), None in a cell of words. ``sort`` is
    the number by which a cell of words sorts, where its letters would not do. ``marked``: an asterisk stands after
    it, ``meaning`` says so to those who cannot see it. ``full`` is shown when the short text is opened.
    """

    text: str | None
    value: str | None = None
    sort: str | None = None
    marked: bool = False
    full: str | None = None

    @property
    def numeric(self) -> bool:
        return self.value is not None


@dataclass(frozen=True)
class Column:
    """One column: its heading, a line below it (a maximum, the form's column number), and the group above it."""

    title: str
    below: str | None = None
    numeric: bool = False
    group: str | None = None


@dataclass(frozen=True)
class Row:
    """One line. ``unit`` is the key by which the reader's own unit is found; ``kind`` is plain, strong or own."""

    cells: tuple[Cell, ...]
    unit: str | None = None
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table of the page. ``name`` is its id; ``head`` is the place of the cell that names the line; ``label`` is
    what the search calls it; ``rows`` are sorted by the reader, ``foot`` stays where it is."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    foot: tuple[Row, ...] = ()
    head: int = 0
    label: str | None = None
    sortable: bool = True
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> tuple[tuple[str | None, int], ...]:
        """The upper row of the heading as (group, columns it spans); empty where no column has a group."""
        if all(column.group is None for column in self.columns):
            return ()
        spans: list[tuple[str | None, int]] = []
        for column in self.columns:
            if spans and column.group is not None and spans[-1][0] == column.group:
                spans[-1] = (column.group, spans[-1][1] + 1)
            else:
                spans.append((column.group, 1))
        return tuple(spans)

    @property
    def tall(self) -> bool:
        """Whether its heading would leave the screen: such tables scroll inside."""
        return self.sortable and len(self.rows) > _TALL

    @property
    def short(self) -> bool:
        """Whether it may stand on one sheet of paper whole."""
        return len(self.rows) <= _SHORT


def exact(value: Decimal | int) -> str:
    """The figure itself, decimal dot, no exponent."""
    return format(Decimal(value), "f")


def number(
    value: Decimal | int | None, decimals: int = SCORE_DECIMALS, *, signed: bool = False, marked: bool = False
) -> Cell:
    """A numeric cell; None is missing."""
    if value is None:
        return Cell(None, "")
    return Cell(number_vi(value, decimals, signed=signed), exact(value), marked=marked)


def quantity(value: Decimal | int | None) -> Cell:
    """A numeric cell with the decimals the figure has, four at most (dossiers are whole, a tolerance is 0,005)."""
    if value is None:
        return Cell(None, "")
    return Cell(number_vi(value, own_decimals(value)), exact(value))


def own_decimals(value: Decimal | int) -> int:
    """How many decimals say the figure, four at most."""
    exponent = Decimal(value).normalize().as_tuple().exponent
    return min(_MOST_DECIMALS, max(0, -int(exponent)))


def words(text: str | None, *, sort: int | Decimal | None = None, full: str | None = None) -> Cell:
    """A cell of words."""
    return Cell(text or None, sort=None if sort is None else exact(sort), full=full)


def either(value: Decimal | str | int | None) -> Cell:
    """A figure as a figure (also one written as text, decimal dot), words as words: what a check observed may be
    either. None is an empty cell of words: a check without a limit lacks no figure."""
    if isinstance(value, str):
        return quantity(Decimal(value)) if _FIGURE.fullmatch(value) else words(value)
    return words(None) if value is None else quantity(value)


def unit_key(block: str, name: str) -> str:
    """What tells a unit's lines from others' in every table of the page."""
    return f"{block}|{name}"


def share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """100 x part / whole on two decimals; None without both, or of nothing."""
    if part is None or not whole:
        return None
    return (100 * part / whole).quantize(Decimal("0.01"))
