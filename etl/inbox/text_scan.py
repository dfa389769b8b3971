"""Text files handed in (CSV, JSON): their encoding, and what no table of figures holds."""

from __future__ import annotations

import codecs
import itertools
import json
import math
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from etl.errors import FileRefused
from etl.inbox.limits import MIB, Limits
from etl.inbox.refusals import megabytes, refusal

_CHUNK = 1 * MIB
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# A cell that calls another program: =cmd|'/c calc'!A0. Excel runs it when a person opens the file.
_DDE = re.compile(rb"""(?:^|[\n\r,;\t"])[ \t]*[=+\-@][^\n\r,;\t"|]{0,120}\|[^\n\r,;\t"!]{0,200}!""")
_DDE_OVERLAP = 400
# Headers stand among the first lines, below a few of title.
_HEADER_LINES = 200
_HTML = re.compile(
    r"<!doctype\s+html|<(html|head|body|table|meta|style|script|div|title|tr|p|br)\b", re.IGNORECASE
)
_JSON_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)


def encoding_of(head: bytes) -> str:
    """utf-8, utf-8-sig, utf-16 or utf-32, by the mark a text begins with."""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def beginning(head: bytes) -> str:
    """The first characters of a text without mark and blanks, for a look; false bytes become U+FFFD."""
    return head.decode(encoding_of(head), "replace").lstrip(" \t\r\n\ufeff")


def refuse_markup(start: str) -> None:
    """Raise FileRefused when a text begins as HTML, XML or a web archive."""
    if start.startswith("MIME-Version:"):
        raise refusal("guard.html_page")
    if not start.startswith("<"):
        return
    if "Request Rejected" in start or "support ID" in start:
        raise refusal("guard.portal_refusal")
    if "urn:schemas-microsoft-com:office:spreadsheet" in start and "<Workbook" in start:
        raise refusal("guard.xml_spreadsheet")
    raise refusal("guard.html_page" if _HTML.search(start) else "guard.xml_file")


def inspect_text(handle: BinaryIO, limits: Limits, seen: Callable[[bytes], object]) -> str:
    """Read a CSV once, from its beginning to its end; ``seen`` gets every chunk. Returns its encoding.

    Raises FileRefused: guard.empty, binary, encoding, dde, line_too_long, header_too_wide.
    """
    handle.seek(0)
    first = handle.read(_CHUNK)
    encoding = encoding_of(first)
    if encoding == "utf-32":
        raise refusal("guard.encoding", position=1, line=1)
    if not beginning(first) and len(first) < _CHUNK:
        raise refusal("guard.empty", size=len(first))
    chunks: Iterator[bytes] = itertools.chain([first], iter(lambda: handle.read(_CHUNK), b""))
    text, length, tail = _Text(chunks, encoding, seen), 0, b""
    for piece in text:
        if b"|" in piece and (found := _DDE.search(tail + piece)):
            line = text.line - tail.count(b"\n") + (tail + piece).count(b"\n", 0, found.end())
            raise refusal("guard.dde", locator=f"line {line}", where=(f"line {line}", f"Dòng {line}"))
        if text.line <= _HEADER_LINES:
            _check_width(piece, text.line, limits)
        length = _check_length(piece, length, text.line, limits)
        tail = piece[-_DDE_OVERLAP:]
    return encoding


def inspect_json(handle: BinaryIO, size: int, limits: Limits, seen: Callable[[bytes], object]) -> str:
    """The same for JSON, which is read whole. Raises FileRefused (guard.json_*, binary, encoding)."""
    if size > limits.max_json_bytes:
        raise refusal("guard.json_too_big", size=megabytes(size), limit=megabytes(limits.max_json_bytes))
    handle.seek(0)
    raw = handle.read()
    encoding = encoding_of(raw)
    if encoding == "utf-32":
        raise refusal("guard.encoding", position=1, line=1)
    body = b"".join(_Text(iter([raw]), encoding, seen))
    bare = _JSON_STRING.sub(b"", body)
    depth = _depth(bare)
    if depth > limits.max_json_depth:
        raise refusal("guard.json_deep", depth=depth, limit=limits.max_json_depth)
    if re.search(rb"[0-9]{%d}" % (limits.max_json_digits + 1), bare):
        raise refusal("guard.json_number", limit=limits.max_json_digits)

    def finite(digits: str) -> float:
        number = float(digits)
        if math.isinf(number):
            raise refusal("guard.json_number", limit=limits.max_json_digits)
        return number

    try:
        value = json.loads(body, parse_float=finite, parse_constant=_no_constant, object_pairs_hook=_no_twins)
    except ValueError as error:
        raise _json_broken(error) from error
    _check_texts(value, limits)
    return encoding


class _Text:
    """The text as UTF-8 without its mark, piece by piece; ``line`` is the one the piece begins in.

    Raises FileRefused where it cannot be decoded or holds U+0000.
    """

    def __init__(self, chunks: Iterator[bytes], encoding: str, seen: Callable[[bytes], object]) -> None:
        self._chunks, self._encoding, self._seen = chunks, encoding, seen
        self.line = 1

    def __iter__(self) -> Iterator[bytes]:
        wide = self._encoding == "utf-16"
        decoder = codecs.getincrementaldecoder("utf-16")()
        before, pending = 0, b""
        for chunk in itertools.chain(self._chunks, [b""]):
            self._seen(chunk)
            if wide:
                pending = decoder.getstate()[0]
                try:
                    text = decoder.decode(chunk, not chunk).encode("utf-8")
                except UnicodeDecodeError as error:
                    raise self._undecodable(before - len(pending) + error.start, 0) from error
            else:
                start, whole = before - len(pending), pending + chunk
                cut = _last_whole(whole) if chunk else len(whole)
                text, pending = whole[:cut], whole[cut:]
                self._validate(text, start)
                if not start:
                    text = text.removeprefix(codecs.BOM_UTF8)
            if (zero := text.find(b"\0")) >= 0:
                place = 2 * len(text[:zero].decode("utf-8")) if wide else chunk.find(b"\0")
                raise refusal("guard.binary", position=before + place + 1)
            before += len(chunk)
            if text:
                yield text
                self.line += text.count(b"\n")

    def _validate(self, text: bytes, start: int) -> None:
        """Arrow looks at UTF-8 fourteen times as fast as Python decodes it; Python then tells the place."""
        offsets = struct.pack("<qq", 0, len(text))
        whole = pa.LargeStringArray.from_buffers(1, pa.py_buffer(offsets), pa.py_buffer(text))
        try:
            whole.validate(full=True)
        except pa.ArrowInvalid:
            try:
                text.decode("utf-8")
            except UnicodeDecodeError as error:
                if (zero := text.find(b"\0")) >= 0:
                    raise refusal("guard.binary", position=start + zero + 1) from error
                raise self._undecodable(start + error.start, text.count(b"\n", 0, error.start)) from error

    def _undecodable(self, position: int, lines: int) -> FileRefused:
        return refusal("guard.encoding", position=position + 1, line=self.line + lines)


def _last_whole(text: bytes) -> int:
    """Where UTF-8 may be cut near its end without cutting a character."""
    for back in range(1, min(4, len(text)) + 1):
        byte = text[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(text) - back if back < length else len(text)
    return len(text)


def _check_width(piece: bytes, line: int, limits: Limits) -> None:
    """Raise FileRefused (guard.header_too_wide) when one of the first lines has too many columns."""
    for number, content in enumerate(piece.splitlines()[:_HEADER_LINES], start=line):
        columns = 1 + max(content.count(mark) for mark in (b",", b";", b"\t"))
        if columns > limits.max_sheet_columns:
            raise refusal(
                "guard.header_too_wide", line=number, columns=columns, limit=limits.max_sheet_columns
            )


def _check_length(piece: bytes, length: int, line: int, limits: Limits) -> int:
    """How long the last line is so far (``length``: before this piece). Raises FileRefused (guard.line_too_long)."""
    ending = b"\n" if b"\n" in piece else b"\r"  # Mac files of old end lines with CR alone
    first, last = piece.find(ending), piece.rfind(ending)
    if length + (len(piece) if first < 0 else first) > limits.max_line_bytes:
        raise refusal("guard.line_too_long", limit=limits.max_line_bytes, line=line - 1)
    return length + len(piece) if first < 0 else len(piece) - last - 1


def _depth(bare: bytes) -> int:
    """How deep brackets are nested in JSON without its strings."""
    marks = np.frombuffer(bare, np.uint8)
    marks = marks[np.isin(marks, np.frombuffer(b"[]{}", np.uint8))]
    steps = np.where((marks == ord("[")) | (marks == ord("{")), 1, -1)
    return int(np.cumsum(steps).max(initial=0))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _json_broken(error: ValueError) -> FileRefused:
    if isinstance(error, json.JSONDecodeError):
        place = error.lineno, error.colno
        detail = (
            f"{error.msg} (line {place[0]}, column {place[1]})",
            f"sai cú pháp tại dòng {place[0]}, cột {place[1]}",
        )
    else:
        detail = str(error), "có khóa lặp lại hoặc giá trị không phải số (NaN, Infinity)"
    return refusal("guard.json_broken", detail=detail)


def _check_texts(value: Any, limits: Limits) -> None:
    """Raise FileRefused at a text too long, with U+0000 or with half a character, keys included."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str) and (
            len(item) > limits.max_json_text
            or any(letter == "\0" or "\ud800" <= letter <= "\udfff" for letter in item)
        ):
            raise refusal("guard.json_text", limit=limits.max_json_text)
