"""What the guard knows of a file before any parser has touched it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FileKind = Literal["xlsx", "csv", "json"]


@dataclass(frozen=True)
class SheetFacts:
    """One worksheet, from its XML alone. Rows and columns are 1-based numbers as Excel shows them.

    ``rows``/``columns``: the highest that hold a cell; ``merged``: ranges such as ``C4:D4``;
    ``formulas_without_value``: cells whose formula was never calculated (the first hundred).
    """

    name: str
    visible: bool
    rows: int
    columns: int
    hidden_rows: tuple[int, ...] = ()
    hidden_columns: tuple[int, ...] = ()
    merged: tuple[str, ...] = ()
    formulas: int = 0
    formulas_without_value: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inspected:
    """A file that may be parsed. ``encoding`` is None for workbooks; ``sheets`` is empty for text."""

    kind: FileKind
    size_bytes: int
    sha256: str
    encoding: str | None = None
    sheets: tuple[SheetFacts, ...] = ()
