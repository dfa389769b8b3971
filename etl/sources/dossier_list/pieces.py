"""A workbook with one large sheet as several small ones, so that a library may parse it in little memory.

calamine holds a sheet's whole rectangle: 300,000 rows x 15 columns take 450 MB. Its rows are cut at their ends
into workbooks (stored, not packed, in memory) that share everything else, styles and texts included; row
numbers stay as they were. 50 MB of XML a piece are 75,000 such rows and 130 MB at the parser.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PIECE_BYTES = 50_000_000
_CHUNK = 4_000_000
_ROW = re.compile(rb"<row\b[^>]*?\br=\"(\d+)\"")
_END = b"</row>"


@dataclass(frozen=True)
class Piece:
    """A workbook of some rows of the sheet. ``first``: number of its first row, None where rows have none."""

    book: bytes
    first: int | None


def cut_sheet(path: Path, member: str) -> Iterator[Piece]:
    """The workbook's pieces in the order of the rows. One piece, as it is, where the sheet is small or
    written in a way that cannot be cut by looking (rows without numbers, prefixed names)."""
    with zipfile.ZipFile(path) as book:
        if book.getinfo(member).file_size <= _PIECE_BYTES:
            yield Piece(path.read_bytes(), None)
            return
        sheets = {name for name in book.namelist() if "worksheets/" in name and name.endswith(".xml")}
        shared = {name: book.read(name) for name in book.namelist() if name not in sheets}
        before, numbered = b"", True
        for rows in _rows(book, member):
            if not before:
                head, found, rows = rows.partition(b"<sheetData>")
                numbered = bool(found) and _ROW.match(rows) is not None
                if not numbered:
                    break
                before = head + found
            match = _ROW.search(rows)
            if match:
                text = before + rows[: rows.rfind(_END) + len(_END)] + b"</sheetData></worksheet>"
                yield Piece(_packed(shared, sheets - {member}, member, text), int(match[1]))
    if not numbered:
        yield Piece(path.read_bytes(), None)


def _rows(book: zipfile.ZipFile, member: str) -> Iterator[bytes]:
    """The sheet's XML in pieces that end with a whole row (the last one also with what follows the rows)."""
    kept = bytearray()
    with book.open(member) as stream:
        while chunk := stream.read(_CHUNK):
            kept += chunk
            if len(kept) >= _PIECE_BYTES:
                end = kept.rfind(_END) + len(_END)
                if end >= len(_END):
                    yield bytes(kept[:end])
                    del kept[:end]
    if kept:
        yield bytes(kept)


def _packed(shared: dict[str, bytes], others: set[str], member: str, text: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as piece:
        for name, body in shared.items():
            piece.writestr(name, body)
        for name in others:  # named by the workbook, so they must be there; empty, since nobody reads them
            piece.writestr(name, b"<worksheet><sheetData/></worksheet>")
        piece.writestr(member, text)
    return target.getvalue()
