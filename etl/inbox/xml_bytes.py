"""XML inside workbooks, as UTF-8 and without document types: before, and instead of, a general parser."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from xml.parsers import expat

from etl.errors import FileRefused
from etl.inbox.limits import MIB
from etl.inbox.refusals import refusal, shown

_NEEDED_HEAD = 512
# expat holds a tag or comment in memory until it ends; the longest honest one has some kilobytes.
_LONGEST_TOKEN = 4 * MIB
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?\sencoding\s*=\s*["']([^"'>]{0,60})["']""")
# Some programs declare UTF-16 and write UTF-8: what the first bytes say goes first.
_DECLARABLE = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "utf-16"})
_DOCTYPE = re.compile(rb"<!(?!--|\[CDATA\[)")
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (b"\x3c\x00\x00\x00", "utf-32"),
    (b"\x00\x00\x00\x3c", "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x3c\x00", "utf-16-le"),
    (b"\x00\x3c", "utf-16-be"),
    (b"\x4c\x6f\xa7\x94", "EBCDIC"),
)

Attributes = Mapping[str, str]


def encoding_of(head: bytes) -> str | None:
    """The encoding of XML that begins so, or None where no XML begins so."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    return "utf-8" if head.lstrip(b" \t\r\n").startswith(b"<") else None


def with_head(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes (at least 512, unless there are fewer) and all the chunks, those included."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= _NEEDED_HEAD:
            break

    def again() -> Iterator[bytes]:
        if head:
            yield head
        yield from chunks

    return head, again()


def utf8(member: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """XML as UTF-8. Raises FileRefused: guard.xml_encoding, or guard.damaged when it is no text."""
    head, chunks = with_head(chunks)
    encoding = encoding_of(head)
    if encoding is None:
        raise refusal(
            "guard.damaged", detail=(f"{shown(member)} is not XML", f"{shown(member)} không phải XML")
        )
    if encoding in ("utf-32", "EBCDIC"):
        raise refusal("guard.xml_encoding", member=shown(member), encoding=encoding)
    wide = encoding.startswith("utf-16")
    declared = _DECLARED.search(head.replace(b"\0", b"") if wide else head)
    if declared and (name := declared[1].decode("latin-1").lower()) not in _DECLARABLE:
        raise refusal("guard.xml_encoding", member=shown(member), encoding=shown(name))
    if not wide:
        return _without_mark(chunks)
    return _transcoded(member, encoding, chunks)


def without_doctype(member: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The same chunks. Raises FileRefused (guard.entities) at ``<!`` that begins no comment and no CDATA."""
    tail = b""
    for chunk in chunks:
        window = tail + chunk
        # An opening at the very end is judged with the bytes that follow it.
        if any(len(window) - found.start() >= 9 for found in _DOCTYPE.finditer(window)):
            raise refusal("guard.entities", member=shown(member))
        tail = window[-8:]
        yield chunk
    if _DOCTYPE.search(tail):
        raise refusal("guard.entities", member=shown(member))


def walk(
    member: str,
    chunks: Iterator[bytes],
    start: Callable[[str, Attributes], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Parse UTF-8 XML as a stream; names come as written (``local`` takes the prefix off). No entity is expanded.

    Raises FileRefused: guard.entities at a document type, guard.damaged when it is not well-formed.
    """
    parser = expat.ParserCreate("utf-8")

    def doctype(*_: object) -> None:
        raise refusal("guard.entities", member=shown(member))

    parser.StartDoctypeDeclHandler = doctype
    parser.EntityDeclHandler = doctype
    parser.buffer_text = True
    parser.StartElementHandler = start
    if end is not None:
        parser.EndElementHandler = end
    if text is not None:
        parser.CharacterDataHandler = text
    run = 0
    try:
        for chunk in chunks:
            closed = chunk.rfind(b">")
            run = run + len(chunk) if closed < 0 else len(chunk) - closed - 1
            if run > _LONGEST_TOKEN:
                raise _not_text(member)
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        where = f"{shown(member)}, {error.lineno}:{error.offset}"
        raise refusal("guard.damaged", detail=(f"broken XML at {where}", f"XML lỗi tại {where}")) from error


def local(name: str) -> str:
    """An element's name without its prefix."""
    return name.rpartition(":")[2]


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = True
    for chunk in chunks:
        yield chunk.removeprefix(codecs.BOM_UTF8) if first else chunk
        first = False


def _transcoded(member: str, encoding: str, chunks: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8")
        yield decoder.decode(b"", True).encode("utf-8")
    except UnicodeError as error:
        raise _not_text(member) from error


def _not_text(member: str) -> FileRefused:
    name = shown(member)
    return refusal("guard.damaged", detail=(f"{name} is not text", f"{name} không phải văn bản hợp lệ"))
