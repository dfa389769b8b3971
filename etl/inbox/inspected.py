"""What the guard knows of a file before any parser has touched it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

FileKind = Literal["xlsx", "csv", "json"]


@dataclass(frozen=True)
class SheetFacts:
    """One worksheet, from its XML alone. Rows and columns are 1-based numbers as Excel shows them.

    ``rows``/``columns``: the highest that hold a cell; ``merged``: ranges such as ``C4:D4``, cut to
    those rows and columns; ``hidden_rows``/``hidden_columns``: also those of height or width 0, up to
    the highest that holds a cell; ``formulas_without_value``: cells whose formula was never
    calculated (the first hundred).
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
    """A file that may be parsed. ``encoding`` is None for workbooks; ``sheets`` is empty for text.

    ``encoding`` is one of Python's: ``utf-8``, ``utf-8-sig``, ``utf-16`` (with its mark).
    ``recalculates``: the workbook asks Excel to calculate when it is opened, as programs leave it
    that write formulas and cannot calculate: values beside its formulas may be stand-ins.
    """

    kind: FileKind
    size_bytes: int
    sha256: str
    encoding: str | None = None
    sheets: tuple[SheetFacts, ...] = ()
    recalculates: bool = False

    def to_plain(self) -> dict[str, Any]:
        """As JSON-able data, for a child process."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Inspected:
        """What ``to_plain`` gave, also after a way through JSON."""
        sheets = tuple(_sheet(sheet) for sheet in plain["sheets"])
        return cls(**{**plain, "sheets": sheets})


def _sheet(plain: Mapping[str, Any]) -> SheetFacts:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()
    }
    return SheetFacts(**values)
