"""What a receipt says, as plain data: what became of one file, block by block and row by row.

``None`` is "not stated" everywhere and never means zero. No value of a personal column may ever
be given to a receipt; none is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import pyarrow as pa

State = Literal["accepted", "refused", "already_known", "checked"]

_SHEET_CELL = re.compile(r"(?P<sheet>'(?:[^']|'')*'|[^'!$]+)!(?P<letter>[A-Z]{1,3})(?P<row>[1-9][0-9]*)")
_ROW = re.compile(r"row (?P<row>[0-9]+)")
# A locator of a whole row names its first cell.
FIRST_COLUMN = "A"


@dataclass(frozen=True)
class Block:
    """One block of the form: units that are in, units the province has, names of those missing."""

    block: str
    units: int
    expected_units: int | None = None
    missing_units: tuple[str, ...] = ()
    complete: bool | None = None


@dataclass(frozen=True)
class Figures:
    """The eight measures (``etl.sources.digitization.MEASURES``) summed over the units of a block that were
    taken; block ``ALL`` for the province. None is "not stated" and never 0."""

    block: str
    measures: Mapping[str, int | None]


@dataclass(frozen=True)
class Refusal:
    """One cell or row that was not taken (``severity`` fail), or was taken and must be looked at (warn).
    ``column`` is a measure's code or the file's own heading, ``letter``
    the sheet's column letter where one cell is meant; ``value`` as the file has it, None where the cell is
    blank or the value must not be shown. ``locator`` as the warehouse keeps it."""

    rule: str
    message_vi: str
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    letter: str | None = None
    value: str | None = None
    locator: str | None = None
    severity: str = "fail"


@dataclass(frozen=True)
class Check:
    """A check of the whole file that failed or warned; ``observed``/``expected`` as its result states them."""

    rule: str
    severity: Literal["fail", "warn"]
    title_vi: str
    observed: str | None = None
    expected: str | None = None


@dataclass(frozen=True)
class Reason:
    """Why the whole file was refused: the fields of ``etl.errors.FileRefused``."""

    rule: str
    message_vi: str
    remedy_vi: str
    locator: str | None = None


@dataclass(frozen=True)
class Receipt:
    """What became of one file.

    ``state``: accepted (in the warehouse; some rows may have been held back), refused (nothing was taken),
    already_known (the same bytes were taken before), checked (read and judged, nothing loaded; with a
    ``refusal`` it would be refused). ``received_at`` is aware. ``rows_read = rows_published +
    rows_quarantined + rows_ignored`` wherever the file was read; ``rows_*`` are None where it was not.
    ``rows_ignored_by_kind`` says which rows count nowhere and why (section, total, outside_window …).
    ``file_name`` is text to show, never a path. ``withheld``: taken, but figures that are more complete go on
    speaking for every one of its blocks.
    """

    file_name: str
    sha256: str
    size_bytes: int
    received_at: datetime
    state: State
    software: str
    kind_vi: str | None = None
    layout: str | None = None
    province_code: str | None = None
    province_vi: str | None = None
    period_id: str | None = None
    window_kind: str | None = None
    period_start: date | None = None
    period_end: date | None = None
    rows_read: int | None = None
    rows_published: int | None = None
    rows_quarantined: int | None = None
    rows_ignored: int | None = None
    rows_ignored_by_kind: Mapping[str, int] = field(default_factory=dict)
    blocks: tuple[Block, ...] = ()
    figures: tuple[Figures, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    checks: tuple[Check, ...] = ()
    refusal: Reason | None = None
    notes_vi: tuple[str, ...] = ()
    what_to_do_vi: tuple[str, ...] = ()
    snapshot_id: str | None = None
    is_sample: bool = False
    withheld: bool = False

    @property
    def partly(self) -> bool:
        """Taken, or fit to be taken, but for some rows."""
        held = any(one.severity == "fail" for one in self.refusals)
        return self.refusal is None and (held or bool(self.rows_quarantined))


def refusals_of(rejected: pa.Table) -> tuple[Refusal, ...]:
    """Rows of ``etl.sources.tidy.REJECTED`` as refusals, in their order.

    Sheet, row and column letter are read from locators such as ``'Biểu 1'!C12`` (``A12`` means the row)
    and ``row 12``; any other locator stands as it is.
    """
    return tuple(
        Refusal(
            rule=row["rule"] or "",
            message_vi=row["message_vi"] or "",
            column=row["column_name"],
            value=row["value"],
            locator=row["locator"],
            severity=row["severity"] or "fail",
            sheet=place.sheet,
            row=place.row,
            letter=None if place.letter == FIRST_COLUMN else place.letter,
        )
        for row in rejected.select(
            ["locator", "column_name", "value", "rule", "severity", "message_vi"]
        ).to_pylist()
        for place in [locate(row["locator"] or "")]
    )


@dataclass(frozen=True)
class Place:
    """Where a locator points; all None where it is not of a sheet or a row (a JSON path)."""

    sheet: str | None = None
    row: int | None = None
    letter: str | None = None


def locate(locator: str) -> Place:
    """Sheet, row and column letter of ``'Biểu 1'!C12``; the row of ``row 12``."""
    if found := _SHEET_CELL.fullmatch(locator):
        sheet = found["sheet"]
        if sheet.startswith("'"):
            sheet = sheet[1:-1].replace("''", "'")
        return Place(sheet, int(found["row"]), found["letter"])
    if found := _ROW.fullmatch(locator):
        return Place(row=int(found["row"]))
    return Place()
