"""The parts a quality sheet is made of, and how a value stands in a cell of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from etl.deliver.sheet_text import number_vi
from etl.inbox.receipt_words import shown

# A missing figure; never 0.
NONE = "—"
_NUMBER = re.compile(r"-?\d{1,30}(\.\d{1,15})?")
# A check's examples may go on for long; six lines of a column are enough to find the row.
_LONGEST = 240


@dataclass(frozen=True)
class Table:
    """``columns`` are (heading, kind); kind is text, number, word, verdict or hash, and sets the column's look.

    ``rows`` have a text per column. ``more`` says what the table leaves out and where it stands."""

    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    more: str = ""


@dataclass(frozen=True)
class Section:
    """A numbered part of the sheet: sentences, tables, sentences below them; ``steps`` are a numbered list."""

    title: str
    sentences: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
    steps: tuple[str, ...] = ()


def figure(value: Decimal | int | str | None) -> str:
    """A figure the Vietnamese way with all its decimals, a text as it is, "—" for none."""
    if value is None or value == "":
        return NONE
    text = str(value) if not isinstance(value, Decimal) else format(value, "f")
    if not _NUMBER.fullmatch(text):
        return shown(text, _LONGEST)
    return number_vi(Decimal(text), len(text.partition(".")[2]))


def signed(value: Decimal | int | None, decimals: int = 0) -> str:
    """A difference with its sign; "0" where there is none, "—" where nothing can be subtracted."""
    return NONE if value is None else number_vi(value, decimals, signed=True)


def cut(rows: Iterable[Sequence[str]], most: int, where: str) -> tuple[tuple[tuple[str, ...], ...], str]:
    """The first ``most`` rows, and a sentence on the rest (``where`` it stands); "" without a rest."""
    all_rows = tuple(map(tuple, rows))
    rest = len(all_rows) - most
    if rest <= 0:
        return all_rows, ""
    return all_rows[
        :most
    ], f"Còn {number_vi(rest)} dòng không in ở đây; đủ {number_vi(len(all_rows))} dòng: {where}."
