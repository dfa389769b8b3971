"""What stands around a row below a form's header: where its table ends, and what it heads."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from etl.sources.digitization_form.labels import Labels, is_serial

_DIGITS = re.compile(r"[0-9]+")
NAMES_ABOVE, OF_ITS_OWN = "subhead", "unit"


@dataclass(frozen=True)
class Row:
    """One row that is not blank. ``label`` says what it is: the name, or what stands in its place."""

    index: int
    stt: str
    name: str
    label: str
    texts: tuple[str, ...]
    has_figures: bool
    has_words: bool
    all_zero: bool

    @property
    def is_named(self) -> bool:
        """Whether the label stands in the layout's own columns, and is not what a cell beside them says."""
        return bool(self.label) and self.label in (self.name, self.stt)


class Outline:
    """The rows of one sheet in order. ``is_header``: for each, whether it repeats a row of the header."""

    def __init__(self, rows: Sequence[Row], is_header: Sequence[bool], labels: Labels) -> None:
        self.rows, self.is_header, self.labels = rows, is_header, labels
        self._tables: list[int] = []
        self._ends: dict[int, int] = {}
        table, in_foot = 0, False
        for at, row in enumerate(rows):
            if is_header[at]:
                table, in_foot = table + 1, False
            in_foot = in_foot or (not row.has_figures and labels.is_footer(row.texts))
            if not in_foot and self._closes_table(row):
                self._ends[table] = at
            self._tables.append(table)

    def after_table(self, at: int) -> bool:
        """Whether its table is over: no figures under a name come before the foot or the next header."""
        return at > self._ends.get(self._tables[at], -1)

    def above(self, at: int, block: str | None) -> str | None:
        """``subhead`` for a row that names the unit above the rows below it, ``unit`` for one that has figures and
        nobody below, None for every other row.

        A row whose serial number runs on from the row before to the row after is one of them, whatever its name:
        it is a unit in the wrong section, and not everybody's below it.
        """
        row = self.rows[at]
        if not row.is_named or self.labels.subhead(row.label, block) is None or self._runs_on(at, block):
            return None
        return NAMES_ABOVE if not row.has_figures or row.all_zero or self._heads(at, block) else OF_ITS_OWN

    def _closes_table(self, row: Row) -> bool:
        """Whether the table reaches at least here: figures under a name that is no note's or foot's."""
        return (
            row.has_figures
            and bool(row.label)
            and not self.labels.is_note(row.label)
            and not self.labels.is_footer(row.texts)
        )

    def _runs_on(self, at: int, block: str | None) -> bool:
        here = self._serial(at, block, heads_too=True)
        if here is None:
            return False
        return (self._serial(at - 1, block) or 0) == here - 1 and self._serial(at + 1, block) == here + 1

    def _serial(self, at: int, block: str | None, *, heads_too: bool = False) -> int | None:
        """The serial number of a row of the section that is no sub-heading itself."""
        if not 0 <= at < len(self.rows) or not is_serial(self.rows[at].stt):
            return None
        if not heads_too and self.labels.subhead(self.rows[at].label, block) is not None:
            return None
        found = _DIGITS.match(self.rows[at].stt)
        return int(found[0]) if found else None

    def _heads(self, at: int, block: str | None) -> bool:
        """Whether a row of the same section follows, before the next sub-heading, total, section or foot."""
        for place in range(at + 1, len(self.rows)):
            row = self.rows[place]
            if self.is_header[place] or self.labels.is_note(row.label):
                continue
            ends = (
                self.labels.section(row.label)
                or self.labels.subhead(row.label, block)
                or self.labels.total(row.label, {})
                or (not row.has_figures and self.labels.is_footer(row.texts))
            )
            return not ends and (row.has_figures or bool(row.stt))
        return False
