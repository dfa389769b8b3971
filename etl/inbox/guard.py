"""The guard: what a file handed in really is, and that no parser comes to harm by it.

It looks at bytes and never at the name, except to say that the name's ending is false.
Nothing is unpacked to disk and no XML entity is expanded; memory stays small whatever the
file's size. What passes here is still parsed in a limited child process (``etl.inbox.apart``).
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from etl.errors import FileRefused
from etl.inbox.inspected import FileKind, Inspected
from etl.inbox.limits import Limits
from etl.inbox.refusals import megabytes, refusal, shown
from etl.inbox.text_scan import beginning, encoding_of, inspect_json, inspect_text, refuse_markup
from etl.inbox.workbook_scan import inspect_workbook, refuse_other_kinds
from etl.inbox.zip_members import Container

__all__ = ["Limits", "inspect_apart", "inspect_file"]

_HEAD = 64 << 10
_CHUNK = 1 << 20
_ENDINGS: dict[FileKind, tuple[str, ...]] = {
    "xlsx": (".xlsx",),
    "csv": (".csv", ".tsv", ".txt"),
    "json": (".json",),
}
_KINDS: dict[FileKind, tuple[str, str]] = {
    "xlsx": ("an Excel workbook", "bảng tính Excel"),
    "csv": ("text (CSV)", "văn bản (CSV)"),
    "json": ("JSON data", "dữ liệu JSON"),
}
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# How other formats begin. BIFF 2 to 4 are Excel files of before 1993, some exporters still write them.
_SIGNATURES = (
    (re.compile(rb"(?:\xef\xbb\xbf)?\s{0,1000}%PDF-"), "guard.pdf"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|GIF8|BM[\s\S]{4}\0\0\0\0|II\*\0|MM\0\*"), "guard.picture"),
    (re.compile(rb"RIFF[\s\S]{4}WEBP|[\s\S]{4}ftyp(?:hei|mif)"), "guard.picture"),
    (re.compile(rb"PK\x05\x06|Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b\x08|BZh[1-9]1AY"), "guard.archive"),
    (re.compile(rb"\xfd7zXZ\0|\x28\xb5\x2f\xfd"), "guard.archive"),
    (re.compile(rb"\x09[\x00\x02\x04][\x04\x06]\0"), "guard.old_xls"),
    (re.compile(rb"\{\\rtf"), "guard.office_document"),
)


def inspect_file(path: Path, limits: Limits, *, name: str | None = None) -> Inspected:
    """Say what a file is, or refuse it before a parser touches it.

    ``name``: what the person called it (default: the path's own name), only for judging its ending;
    a name without an ending is not judged. A workbook's facts come from its XML alone.
    Reads the file twice at most, in pieces. Raises FileRefused (rules ``guard.*``, all of them in
    ``etl.inbox.refusals``); OSError when the path cannot be read at all.
    """
    extension = Path(name or path.name).suffix.lower()
    with _opened(path) as handle:
        before = os.fstat(handle.fileno())
        if before.st_size > limits.max_file_bytes:
            raise refusal(
                "guard.too_big", size=megabytes(before.st_size), limit=megabytes(limits.max_file_bytes)
            )
        inspected = _inspect(handle, before.st_size, extension, limits)
        after = os.fstat(handle.fileno())
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise refusal("guard.changing")
    return inspected


def inspect_apart(argument: Mapping[str, Any]) -> dict[str, Any]:
    """``inspect_file`` for ``run_apart``: keys ``path``, ``limits`` (its fields) and ``name`` (or None).

    Gives ``Inspected.to_plain()``.
    """
    inspected = inspect_file(Path(argument["path"]), Limits(**argument["limits"]), name=argument["name"])
    return inspected.to_plain()


def _opened(path: Path) -> BinaryIO:
    """Open a regular file, and no link to one: a link in a shared folder may lead anywhere."""
    if not stat.S_ISREG(path.lstat().st_mode):
        raise refusal("guard.not_a_file")
    # Between the look and the opening it may be exchanged: no link is followed, no pipe waited for.
    return os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")


def _inspect(handle: BinaryIO, size: int, extension: str, limits: Limits) -> Inspected:
    head = handle.read(_HEAD)
    if not head:
        raise refusal("guard.empty", size=0)
    digest = hashlib.sha256()
    if head.startswith(_ZIP):
        container = Container(handle, size, limits)
        refuse_other_kinds(container)
        _check_ending(extension, "xlsx")
        sheets, recalculates = inspect_workbook(container, limits)
        handle.seek(0)
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
        return Inspected("xlsx", size, digest.hexdigest(), sheets=sheets, recalculates=recalculates)
    if head.startswith(_OLE):
        raise _compound(handle)
    for signature, rule in _SIGNATURES:
        if signature.match(head):
            raise refusal(rule)
    start = beginning(head)
    if not start and size <= _HEAD:
        raise refusal("guard.empty", size=size)
    if head[1:200:2].count(0) > 40 or head[0:200:2].count(0) > 40:
        _refuse_unmarked_wide(head)
    if b"\0" in head and encoding_of(head).startswith("utf-8"):
        raise refusal("guard.binary", position=head.find(b"\0") + 1)
    refuse_markup(start)
    kind: FileKind = "json" if start.startswith(("{", "[")) else "csv"
    _check_ending(extension, kind)
    if kind == "json":
        encoding = inspect_json(handle, size, limits, digest.update)
    else:
        encoding = inspect_text(handle, limits, digest.update)
    return Inspected(kind, size, digest.hexdigest(), encoding=encoding)


def _check_ending(extension: str, kind: FileKind) -> None:
    if extension and extension not in _ENDINGS[kind]:
        right = _ENDINGS[kind][0]
        raise refusal("guard.wrong_extension", extension=shown(extension), kind=_KINDS[kind], right=right)


def _refuse_unmarked_wide(head: bytes) -> None:
    """UTF-16 without its mark: every other byte of a text in Latin letters is 0."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")):
        return
    raise refusal("guard.encoding", position=head.find(b"\0") + 1, line=1)


def _compound(handle: BinaryIO) -> FileRefused:
    """What an OLE compound file is, by its directory: .xls, .doc, or a workbook behind a password."""
    found: set[str] = set()
    handle.seek(0)
    tail = b""
    while chunk := handle.read(_CHUNK):
        found |= {name for name in _STREAMS if _entry(name) in tail + chunk}
        tail = chunk[-128:]
    rule = next((rule for name, rule in _STREAMS.items() if name in found), "guard.office_document")
    return refusal(rule)


# Names of streams in compound files; a protected workbook holds nothing else.
_STREAMS = {
    "EncryptedPackage": "guard.encrypted",
    "Workbook": "guard.old_xls",
    "Book": "guard.old_xls",
    "WordDocument": "guard.office_document",
}


def _entry(name: str) -> bytes:
    """A directory entry's first 66 bytes: the name in UTF-16, filled with zeros to 64, and its length."""
    wide = name.encode("utf-16-le")
    return wide.ljust(64, b"\0") + (len(wide) + 2).to_bytes(2, "little")
