"""How far a worksheet reaches, and what is hidden, merged or calculated in it: from its XML as a stream.

``FastScan`` looks at the bytes with numpy and is exact for sheets as the programs in use write
them (every cell begins ``<c r="B7"``). At anything else (comments, prefixes, cells without an
address, cells beyond the limits) it raises ``Irregular``, and ``slow_scan`` counts the sheet
again with expat.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from etl.inbox.limits import MIB
from etl.inbox.refusals import refusal, shown
from etl.inbox.sheet_tally import Tally, column_letters, column_number, dde_in
from etl.inbox.xml_bytes import Attributes, local, walk

_LONGEST_HEAD, _LONGEST_TAIL = 1 * MIB, 32 * MIB
_PAD = b"\0" * 24  # room to look past the last tag of a window
_ROOT = re.compile(rb"\s*(?:<\?xml[^>]*\?>)?\s*<worksheet[\s>]")
_ATTRIBUTE = re.compile(rb"""([\w:]+)\s*=\s*["']([^"'<]*)["']""")
_DIMENSION = re.compile(rb"<dimension\s([^>]*)>")
_COLUMN = re.compile(rb"<col\s([^>]*)>")
_ROW = re.compile(rb"<row\s([^>]*)>")
_HIDING_ROW = re.compile(rb"""<row\s[^>]*(?:hidden|ht)\s*=\s*["'](?:1|t|o|0)""")
_MERGE = re.compile(rb"<mergeCell\s([^>]*)>")
_ADDRESS = re.compile(r"([A-Za-z]{1,3})([0-9]{1,8})")
_PREFIXED = re.compile(rb"<[A-Za-z_][\w.-]*:(?:c|row)[\s/>]")
_FORMULA = re.compile(
    rb'<c r="([A-Z]{1,3}[0-9]{1,7})"([^>]*)>\s*<f(?:\s[^>]*)?(?:/>|>([^<]*)</f>)\s*'
    rb"(<v(?:\s[^>/]*)?(?:/>|>([^<]*)</v>))?"
)


class Irregular(Exception):
    """The fast scan cannot be sure of this sheet."""


class FastScan:
    """Feed it UTF-8 XML, then ask for ``done``. Raises Irregular, or FileRefused (guard.extent, cell_too_long …)."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._state = "head"
        self._buffer = b""

    def feed(self, chunk: bytes) -> None:
        self._buffer += chunk
        if self._state == "head":
            self._head()
        if self._state == "data":
            self._data()
        if self._state == "tail" and len(self._buffer) > _LONGEST_TAIL:
            raise Irregular

    def done(self) -> None:
        """The sheet is over: what stands after its cells."""
        tail = self._buffer
        if self._state != "tail" or any(word in tail for word in (b"<!", b"<sheetData", b"<c ", b"<row")):
            raise Irregular
        if not tail.rstrip().endswith(b"</worksheet>"):
            raise Irregular
        merges = [_attributes(found[1]).get("ref") for found in _MERGE.finditer(tail)]
        if len(merges) != tail.count(b"mergeCell ") or None in merges:
            raise Irregular
        for merge in merges:
            self._tally.merge(merge or "")
        self._tally.finish()

    def _head(self) -> None:
        at = self._buffer.find(b"<sheetData")
        opened = self._buffer.find(b">", at) if at >= 0 else -1
        if opened < 0:
            if len(self._buffer) > _LONGEST_HEAD:
                raise Irregular
            return
        head, tag = self._buffer[:at], self._buffer[at : opened + 1]
        if b"<!" in head or not _ROOT.match(head) or b":col" in head or b":dimension" in head:
            raise Irregular
        dimensions = [_attributes(found[1]).get("ref") for found in _DIMENSION.finditer(head)]
        if len(dimensions) != head.count(b"<dimension") or None in dimensions:
            raise Irregular
        for declared in dimensions:
            self._tally.declare(declared or "")
        for found in _COLUMN.finditer(head):
            self._tally.column(_attributes(found[1]))
        self._state = "tail" if tag.endswith(b"/>") else "data"
        self._buffer = self._buffer[opened + 1 :]

    def _data(self) -> None:
        end = self._buffer.find(b"</sheetData>")
        if end >= 0:
            self._window(end)
            self._state, self._buffer = "tail", self._buffer[end:]
            return
        cut = max(self._buffer.rfind(b"<c "), self._buffer.rfind(b"<row"))
        if cut > 0:
            self._window(cut)
            self._buffer = self._buffer[cut:]
        if len(self._buffer) > self._tally.limits.max_cell_bytes:
            raise self._tally.too_long()

    def _window(self, end: int) -> None:
        """Look at the buffer's cells up to there. All bytes at once: a look at each tag would take twice as long."""
        text = self._buffer if len(self._buffer) >= end + len(_PAD) else self._buffer + _PAD
        padded = np.frombuffer(text, np.uint8)
        this, following = padded[:end], padded[1 : end + 1]
        opens = this == ord("<")
        for mark in (b"!", b"?"):  # comments, CDATA, document types, instructions
            if text.find(mark, 0, end) >= 0 and (opens & (following == mark[0])).any():
                raise Irregular
        prefixed = (this == ord(":")) & ((following == ord("c")) | (following == ord("r")))
        if prefixed.any() and _PREFIXED.search(text, 0, end):
            raise Irregular
        self._cells(padded, np.flatnonzero(opens & (following == ord("c"))))
        if self._may_hide(padded, np.flatnonzero(opens & (following == ord("r")))):
            self._rows(text, end)
        formulas = int(np.count_nonzero(opens & (following == ord("f"))))
        if formulas:
            self._formulas(text, end, formulas)

    @staticmethod
    def _may_hide(padded: npt.NDArray[np.uint8], rows: npt.NDArray[np.intp]) -> bool:
        """Whether a row's tag holds more than its number: <row r="1048576"> ends within 17 bytes."""
        bare = np.zeros(len(rows), dtype=bool)
        for place in range(2, 17):
            bare |= padded[rows + place] == ord(">")
        return not bare.all()

    def _cells(self, padded: npt.NDArray[np.uint8], cells: npt.NDArray[np.intp]) -> None:
        """The highest row and column among addresses such as B7, read for all cells at once."""
        if not len(cells):
            return
        for offset, letter in enumerate(b' r="', start=2):
            if (padded[cells + offset] != letter).any():
                raise Irregular
        at = cells + 6
        columns = np.zeros(len(cells), np.int32)
        for place in range(4):
            letters = padded[at]
            are = (letters >= ord("A")) & (letters <= ord("Z"))
            if (place == 0 and not are.all()) or (place == 3 and are.any()):
                raise Irregular
            if not are.any():
                break
            columns = np.where(are, columns * 26 + (letters.astype(np.int32) - 64), columns)
            at = at + are
        rows = np.zeros(len(cells), np.int32)
        for _ in range(8):
            digits = padded[at]
            are = (digits >= ord("0")) & (digits <= ord("9"))
            if not are.any():
                break
            rows = np.where(are, rows * 10 + (digits.astype(np.int32) - 48), rows)
            at = at + are
        if (padded[at] != ord('"')).any() or (rows == 0).any():
            raise Irregular
        self._tally.reach(int(rows.max()), int(columns.max()))
        if not self._tally.within():  # cells without a value do not count there: let the slow scan look
            raise Irregular

    def _rows(self, text: bytes, end: int) -> None:
        if not _HIDING_ROW.search(text, 0, end):
            return
        for found in _ROW.finditer(text, 0, end):
            attributes = _attributes(found[1])
            if not attributes.get("r", "").isdecimal():
                raise Irregular
            self._tally.row(int(attributes["r"]), attributes)

    def _formulas(self, text: bytes, end: int, count: int) -> None:
        for found in _FORMULA.finditer(text, 0, end):
            kind = _attributes(found[2]).get("t")
            if found[3] and b"|" in found[3] and dde_in(found[3].decode("utf-8", "replace")):
                raise self._tally.dde(found[1].decode())
            # A formula whose result is an empty text has an empty <v> and t="str".
            self._tally.formula(found[1].decode(), bool(found[5]) or (bool(found[4]) and kind == "str"))
            count -= 1
        if count:
            raise Irregular


def slow_scan(member: str, chunks: Iterator[bytes], tally: Tally) -> None:
    """The same, exact for any well-formed sheet in UTF-8. Raises FileRefused (guard.extent, entities, damaged …)."""
    scan = _SlowScan(member, tally)
    walk(member, chunks, scan.start, scan.end, scan.text)
    tally.finish()


class _SlowScan:
    """Handlers of expat. Called tens of millions of times: what happens for every cell is written out."""

    def __init__(self, member: str, tally: Tally) -> None:
        self._member, self._tally = member, tally
        self._row = self._column = 0
        self._farthest = self._farthest_valued = (0, 0)
        self._kind: str | None = None
        self._reading = ""
        self._formula: str | None = None
        self._value: str | None = None
        self._length = 0
        self._columns: dict[str, int] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        if ":" in name:
            name = local(name)
        if name == "c":
            self._begin_cell(attributes)
        elif name in ("v", "t"):
            self._reading = name
            self._value = self._value or ""
        elif name == "row":
            self._row = self._number(attributes["r"]) if "r" in attributes else self._row + 1
            self._column = 0
            self._tally.row(self._row, attributes)
        elif name == "f":
            self._reading, self._formula = name, ""
        elif name == "dimension":
            self._tally.declare(attributes.get("ref", ""))
        elif name == "col":
            self._tally.column(attributes)
        elif name == "mergeCell":
            self._tally.merge(attributes.get("ref", ""))

    def end(self, name: str) -> None:
        if ":" in name:
            name = local(name)
        if name in ("v", "t", "f"):
            self._reading = ""
        elif name == "c":
            self._end_cell()

    def text(self, text: str) -> None:
        if not self._reading:
            return
        self._length += len(text)
        if self._length > self._tally.limits.max_cell_bytes:
            raise self._tally.too_long()
        if self._reading == "f":
            self._formula = (self._formula or "") + text
        elif not self._value:  # that there is one is enough
            self._value = text

    def _begin_cell(self, attributes: Attributes) -> None:
        self._kind = attributes.get("t")
        self._formula = self._value = None
        self._reading, self._length = "", 0
        address = attributes.get("r")
        if address is None:
            self._column += 1
            return
        found = _ADDRESS.fullmatch(address)
        if not found:
            self._broken(address)
        letters = found[1]
        if letters not in self._columns:  # at most 18,278 of them, in either case of letters
            self._columns[letters] = column_number(letters)
        self._column, self._row = self._columns[letters], int(found[2])

    def _end_cell(self) -> None:
        row, column, formula = self._row, self._column, self._formula
        if formula is not None:
            cell = f"{column_letters(column)}{row}"
            if dde_in(formula):
                raise self._tally.dde(cell)
            self._tally.formula(cell, bool(self._value) or (self._value == "" and self._kind == "str"))
        if row > self._farthest[0] or column > self._farthest[1]:
            self._farthest = max(row, self._farthest[0]), max(column, self._farthest[1])
            self._tally.reach(*self._farthest)
        if (self._value or formula is not None) and (
            row > self._farthest_valued[0] or column > self._farthest_valued[1]
        ):
            self._farthest_valued = max(row, self._farthest_valued[0]), max(column, self._farthest_valued[1])
            self._tally.reach_valued(*self._farthest_valued)

    def _number(self, text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,8}", text):
            self._broken(text)
        return int(text)

    def _broken(self, text: str) -> NoReturn:
        where = f"{shown(self._member)}, {shown(text)!r}"
        raise refusal("guard.damaged", detail=(f"a false address in {where}", f"địa chỉ ô sai tại {where}"))


def _attributes(text: bytes) -> dict[str, str]:
    return {name.decode(): value.decode("utf-8", "replace") for name, value in _ATTRIBUTE.findall(text)}
