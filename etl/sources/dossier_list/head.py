"""The first rows of a file, as text, without reading the rest of it.

fastexcel parses a whole sheet before it gives the first row (2.5 s for 300,000 rows), and the header
must be known before the sheet is read, so that personal columns are left out. So the first rows of a
worksheet come from its XML by a streaming parser that stops there. The guard has refused DOCTYPEs,
entities and oversized parts before.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree
from xml.parsers import expat

from etl.errors import FileRefused

# Titles of a list take a few rows; a header below the thirtieth is none.
HEAD_ROWS = 30
_HEAD_CHARS = 262_144
_CHUNK = 65_536
_DELIMITERS = (",", ";", "\t", "|")

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATIONS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
_ID = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def csv_head(path: Path, encoding: str) -> dict[str, list[tuple[int, list[str]]]]:
    """First records by delimiter: (line feeds up to and with the record, its cells).

    Raises FileRefused where the bytes are not text in that encoding.
    """
    try:
        with path.open(encoding=encoding, newline="") as handle:
            text = handle.read(_HEAD_CHARS)
    except UnicodeDecodeError as error:
        raise FileRefused(
            f"not {encoding} text: {error.reason}",
            "save the list as CSV UTF-8",
            rule="layout.not_text",
            message_vi="Không đọc được tệp văn bản này: bảng mã không đúng.",
            remedy_vi="Lưu lại danh sách dạng CSV UTF-8 rồi gửi lại.",
        ) from error
    return {mark: _records(text, mark) for mark in _DELIMITERS}


def _records(text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    ended = 0

    def lines() -> Iterator[str]:
        # csv counts a lone carriage return (Alt+Enter in a title) as a line; polars skips by line feeds only.
        nonlocal ended
        for line in io.StringIO(text, newline=""):
            ended += line.endswith("\n")
            yield line

    records: list[tuple[int, list[str]]] = []
    try:
        for cells in csv.reader(lines(), delimiter=delimiter):
            records.append((ended, cells))
            if len(records) == HEAD_ROWS:
                break
    except csv.Error:  # a record longer than a header ever is: what came before it is the head
        return records
    return records


def sheet_head(path: Path, name: str) -> list[list[str]]:
    """The first rows of the worksheet called ``name``: row 1 first, empty rows as empty lists."""
    with zipfile.ZipFile(path) as book:
        rows = _first_rows(book, _member_of(book, name))
        wanted = [text for row in rows for kind, text in row.values() if kind == "s" and text.isdigit()]
        shared = _shared_texts(book, max(map(int, wanted), default=-1))
    return [_texts(row, shared) for row in rows]


def _texts(row: dict[int, tuple[str, str]], shared: list[str]) -> list[str]:
    cells = [""] * (max(row, default=-1) + 1)
    for position, (kind, text) in row.items():
        known = kind == "s" and text.isdigit() and int(text) < len(shared)
        cells[position] = shared[int(text)] if known else "" if kind == "s" else text
    return cells


def _member_of(book: zipfile.ZipFile, name: str) -> str:
    """The part that holds a sheet, by the workbook's own relations."""
    main = _target(book, "_rels/.rels", "", lambda link: link.get("Type", "").endswith("/officeDocument"))
    sheets = ElementTree.fromstring(book.read(main)).iter()  # noqa: S314 - the guard refused entities
    relation = next((each.get(_ID) or _strict_id(each) for each in sheets if each.get("name") == name), None)
    folder = PurePosixPath(main).parent
    rels = str(folder / "_rels" / f"{PurePosixPath(main).name}.rels")
    return _target(book, rels, str(folder), lambda link: link.get("Id") == relation)


def _strict_id(sheet: ElementTree.Element) -> str | None:
    return next((value for key, value in sheet.attrib.items() if key.endswith("}id")), None)


def _target(
    book: zipfile.ZipFile, rels: str, folder: str, wanted: Callable[[ElementTree.Element], bool]
) -> str:
    for link in ElementTree.fromstring(book.read(rels)):  # noqa: S314 - the guard refused entities
        if wanted(link):
            target = link.get("Target", "")
            return target.lstrip("/") if target.startswith("/") else str(PurePosixPath(folder) / target)
    raise FileRefused(
        f"{rels} names no such part",
        "save the workbook again with Excel or LibreOffice",
        rule="layout.workbook_broken",
        message_vi="Tệp Excel hỏng: không tìm thấy trang tính.",
        remedy_vi="Mở tệp bằng Excel hoặc LibreOffice, lưu lại dạng .xlsx rồi gửi lại.",
    )


class _Enough(Exception):
    """Not an error: the parser has seen what was asked for."""


def _first_rows(book: zipfile.ZipFile, member: str) -> list[dict[int, tuple[str, str]]]:
    """Rows 1 to HEAD_ROWS: 0-based column -> (cell type, text). A missing row is an empty dict."""
    rows: list[dict[int, tuple[str, str]]] = []
    at: dict[str, Any] = {"column": -1, "kind": "", "text": None}

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "row":
            number = int(attributes.get("r", len(rows) + 1))
            if number > HEAD_ROWS:
                raise _Enough
            rows.extend({} for _ in range(number - len(rows)))
            at["column"] = -1
        elif name == "c":
            place = attributes.get("r")
            at["column"] = _column(place) if place else at["column"] + 1
            at["kind"] = attributes.get("t", "n")
        elif name in ("v", "t"):
            at["text"] = ""

    def text(data: str) -> None:
        if at["text"] is not None:
            at["text"] += data

    def end(tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in ("v", "t") and at["text"] is not None and rows:
            before = rows[-1].get(at["column"], ("", ""))[1]
            rows[-1][at["column"]] = (at["kind"], before + at["text"])
            at["text"] = None

    _walk(book, member, start, text, end)
    return rows


def _shared_texts(book: zipfile.ZipFile, last: int) -> list[str]:
    """The shared texts 0 to ``last``; phonetic guides are no part of a text."""
    member = next((name for name in book.namelist() if name.lower().endswith("xl/sharedstrings.xml")), None)
    texts: list[str] = []
    inside = {"t": False, "rPh": False}
    if last < 0 or member is None:
        return texts

    def start(tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if name == "si":
            if len(texts) > last:
                raise _Enough
            texts.append("")
        elif name in inside:
            inside[name] = True

    def text(data: str) -> None:
        if inside["t"] and not inside["rPh"]:
            texts[-1] += data

    def end(tag: str) -> None:
        name = tag.rpartition(":")[2]
        if name in inside:
            inside[name] = False

    _walk(book, member, start, text, end)
    return texts


def _walk(
    book: zipfile.ZipFile,
    member: str,
    start: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None],
    end: Callable[[str], None],
) -> None:
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.CharacterDataHandler, parser.EndElementHandler = start, text, end
    parser.buffer_text = True
    try:
        for chunk in _chunks(book, member):
            parser.Parse(chunk, False)
    except _Enough:
        return
    except expat.ExpatError as error:
        raise FileRefused(
            f"{member} is no XML: {expat.ErrorString(error.code)}",
            "save the workbook again with Excel or LibreOffice",
            rule="layout.workbook_broken",
            message_vi="Tệp Excel hỏng, không đọc được.",
            remedy_vi="Mở tệp bằng Excel hoặc LibreOffice, lưu lại dạng .xlsx rồi gửi lại.",
        ) from error


def _chunks(book: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    with book.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _column(place: str) -> int:
    number = 0
    for letter in re.sub(r"[^A-Z]", "", place.upper()):
        number = number * 26 + ord(letter) - 64
    return number - 1
