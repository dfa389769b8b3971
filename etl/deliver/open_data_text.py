"""Open data as bytes: CSV that opens as text in a spreadsheet, JSON that is exact. Pure functions.

Figures are written from ``Decimal`` digit by digit, never through a float; ``None`` is an empty cell or ``null``.
"""

from __future__ import annotations

import csv
import io
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

from etl.deliver.sheet_text import clean_text
from etl.errors import ReportNotReady

Value = str | int | bool | Decimal | date | datetime | None
Row = Mapping[str, Value]

# Excel takes a CSV without it for the machine's old code page and shows "TỉÌ€nh"; RFC 4180 readers that know UTF-8,
# Frictionless among them, skip it.
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

# Format, private use, surrogate, unassigned, line and paragraph separators: nothing a reader would see.
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
# ASCII but "<", and Vietnamese: what needs no second look. The line ends are those between the rows.
_PLAIN = "\n -;=-~\u00a1-\u00ac\u00ae-\u036f\u1e00-\u1eff"
_UNUSUAL = re.compile(f"[^{_PLAIN}]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
# Where a spreadsheet may begin a cell: at the start, and after what it may take for a separator (with Vietnamese
# settings the list separator is a semicolon, which quotation marks after the first column do not hide).
_BEGINNING = re.compile(r"(^|[;,|\n])(?=(?:[^\S\n]|['\"])*(\S))")
_FORMULA = frozenset("=+-@")


def csv_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """RFC 4180 with a header line: UTF-8 with byte order mark, comma, CRLF, decimal point, ISO dates, UTC times.

    Text that a spreadsheet would take for a formula is escaped (``csv_text``). Raises KeyError where a row
    lacks a column, ReportNotReady where a figure is not a number.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(row[name]) for name in columns] for row in rows)
    return BYTE_ORDER_MARK + out.getvalue().encode("utf-8")


def json_bytes(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """An array of objects, one a line; figures with all their digits, text exactly as it is. Raises as ``csv_bytes``.

    Characters that hide or reorder their neighbours are written as escapes, which any reader turns back.
    """
    lines = (
        "{" + ", ".join(f"{_quoted(name)}: {_json_value(row[name])}" for name in columns) + "}"
        for row in rows
    )
    return ("[\n" + ",\n".join(lines) + "\n]\n").encode("utf-8")


def document_bytes(document: object) -> bytes:
    """A JSON document of plain values, escaped like ``json_bytes``."""
    return (_escaped(json.dumps(document, ensure_ascii=False, indent=1)) + "\n").encode("utf-8")


def csv_text(text: str) -> str:
    """``text`` for a CSV cell: nothing in it begins a formula, nothing is hidden.

    An apostrophe goes before what begins like a formula (= + - @ or their full-width forms, after blanks and
    quotation marks too) at the start and after a separator or line end; a plain number stays as it is.
    Control and other unseen characters become ``[U+202E]``.
    """
    if _NUMBER.fullmatch(text):
        return text
    return _BEGINNING.sub(_apostrophe, visible(text))


def visible(text: str) -> str:
    """``text`` with control, direction-changing and other unseen characters spelt (``[U+202E]``); never cut."""
    text = clean_text(text, longest=sys.maxsize)
    return _UNUSUAL.sub(lambda found: _spelt(found[0]), text)


def time_text(at: datetime) -> str:
    """ISO 8601 in UTC with ``Z``. Raises ValueError without a time zone."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _apostrophe(found: re.Match[str]) -> str:
    begins = unicodedata.normalize("NFKC", found[2])[:1] in _FORMULA
    return f"{found[1]}'" if begins else found[1]


def _spelt(character: str) -> str:
    return f"[U+{ord(character):04X}]" if unicodedata.category(character) in _UNSEEN else character


def _digits(number: Decimal) -> str:
    if not number.is_finite():
        raise ReportNotReady(
            f"a figure of the report is {number}, which is not a number",
            "see mart.data_quality and ingest the period again",
        )
    return format(number if number else abs(number), "f")


def _plain(value: Value) -> str:
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return str(value)


def _csv_cell(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case str():
            return csv_text(value)
        case _:
            return _plain(value)


def _json_value(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return _plain(value)
        case _:
            return _quoted(_plain(value))


def _quoted(text: str) -> str:
    return _escaped(json.dumps(text, ensure_ascii=False))


def _escaped(document: str) -> str:
    return _UNUSUAL.sub(
        lambda found: (
            "\\u003c"  # "<": no reader may take the file for markup
            if found[0] == "<"
            else json.dumps(found[0])[1:-1]
            if unicodedata.category(found[0]) in _UNSEEN
            else found[0]
        ),
        document,
    )
