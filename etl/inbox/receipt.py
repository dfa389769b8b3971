"""The receipt: what the office that handed a file in is told, in Vietnamese, whatever became of the file.

``receipt_json`` (for programs), ``receipt_html`` (for people) and ``receipt_text`` (for the
terminal) say the same; ``write_receipt`` lays the two files beside the one handed in. The data
are in ``etl.inbox.receipt_data``, the words in ``etl.inbox.receipt_words``.
"""

from __future__ import annotations

import json
import os
import tempfile
import textwrap
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any

from etl.html_template import html_template
from etl.inbox.receipt_data import (
    Block,
    Check,
    Figures,
    Reason,
    Receipt,
    Refusal,
    State,
    refusals_of,
)
from etl.inbox.receipt_words import (
    LONGEST_FILE_NAME,
    LONGEST_TEXT,
    LONGEST_VALUE,
    Told,
    shown,
    tell,
)

__all__ = [
    "Block",
    "Check",
    "Figures",
    "Reason",
    "Receipt",
    "Refusal",
    "State",
    "receipt_html",
    "receipt_json",
    "receipt_text",
    "refusals_of",
    "write_receipt",
]

SCHEMA = "bochiso.receipt/1"
_TEMPLATE = Path(__file__).parent / "templates" / "receipt.html.j2"
_LONGEST = {"file_name": LONGEST_FILE_NAME, "value": LONGEST_VALUE}
# The file systems of Linux, Windows and macOS allow 255 bytes (or characters) in a name.
_LONGEST_NAME_BYTES = 255
_MARKS = {"good": "[+]", "part": "[!]", "bad": "[x]", "known": "[=]"}
_LINE = 100


def receipt_json(receipt: Receipt) -> bytes:
    """The receipt for programs: UTF-8 JSON, the same bytes for the same receipt.

    Keys: ``schema`` (``bochiso.receipt/1``) and the fields of ``Receipt``; ``blocks``, ``figures``,
    ``refusals`` (all of them), ``checks`` and ``refusal`` hold the fields of their classes. Days and times
    are ISO text. A field that does not apply is null or empty, never left out; strings are made fit to be
    shown (``receipt_words.shown``). Keys may be added; none is renamed under this schema.
    """
    body = {"schema": SCHEMA} | _plain(receipt, "")
    return (json.dumps(body, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _plain(value: Any, name: str) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {part.name: _plain(getattr(value, part.name), part.name) for part in fields(value)}
    if isinstance(value, str):
        return shown(value, _LONGEST.get(name, LONGEST_TEXT))
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, Mapping):
        return {shown(str(key)): _plain(one, "") for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one, name) for one in value]
    return value


def receipt_html(receipt: Receipt) -> bytes:
    """The receipt for people: one HTML page that needs nothing else, the same bytes for the same receipt.

    No script, no outside resource (a policy in the page forbids both), readable on paper and phone.
    Raises as ``tell`` does.
    """
    return html_template(_TEMPLATE).render(told=tell(receipt)).encode("utf-8")


def receipt_text(receipt: Receipt) -> str:
    """The receipt for the terminal: plain lines of about 100 characters, no control codes."""
    told = tell(receipt)
    lines = [f"{_MARKS[told.tone]} {told.title}", *_wrapped(told.summary, "    ")]
    if told.is_sample:
        lines.append("    SỐ LIỆU MẪU, không phải số liệu chính thức.")
    width = max(len(label) for label, _ in told.facts)
    lines += ["", *(f"  {label:<{width}}  {value}" for label, value in told.facts)]
    if told.rows:
        lines += _wrapped(told.rows, "  ")
    if told.reason:
        lines += ["", "Lý do trả lại", *_wrapped(told.reason, "  ")]
    lines += _text_tables(told)
    lines += ["", "Việc cần làm"]
    for number, step in enumerate(told.steps, start=1):
        lines += _wrapped(step, "     ", f"  {number}. ")
    return "\n".join(lines) + "\n"


def _text_tables(told: Told) -> list[str]:
    lines: list[str] = []
    if told.blocks:
        lines += ["", "Đơn vị"]
        for block, units, missing, _ in told.blocks:
            lines += _wrapped(f"{block}: {units}" + (f"; thiếu: {missing}" if missing else ""), "    ", "  ")
    for title, sentences in (
        ("Kiểm tra", [f"{'Không đạt' if failed else 'Cảnh báo'}: {text}" for text, _, failed in told.checks]),
        ("Ghi chú", list(told.notes)),
    ):
        if sentences:
            lines += ["", title]
            for sentence in sentences:
                lines += _wrapped(sentence, "    ", "  - ")
    if told.refusals:
        lines += ["", "Giá trị cần sửa"]
        for sheet, row, column, value, message, _ in told.refusals:
            place = ", ".join(part for part in (sheet, f"dòng {row}" if row else "", column) if part)
            told_value = f" «{value}»." if value else ""
            lines += _wrapped(f"{place}:{told_value} {message}", "    ", "  - ")
        if told.refusals_more:
            lines.append(f"  … và {told.refusals_more} giá trị nữa (đủ trong tệp .receipt.json)")
    return lines


def _wrapped(text: str, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        text, _LINE, initial_indent=indent if first is None else first, subsequent_indent=indent,
        break_on_hyphens=False,
    )  # fmt: skip


def write_receipt(receipt: Receipt, beside: Path) -> tuple[Path, Path]:
    """Write ``<beside>.receipt.html`` and ``<beside>.receipt.json``; each is whole or not there.

    ``beside`` is the path of the file handed in (it need not exist). A name too long to be lengthened is
    cut and gets the file's hash. Whoever may read the folder may read the receipts. Returns the two paths.
    Raises OSError where the folder cannot be written.
    """
    page = _beside(beside, receipt.sha256, ".receipt.html")
    data = _beside(beside, receipt.sha256, ".receipt.json")
    for path, content in ((page, receipt_html(receipt)), (data, receipt_json(receipt))):
        _write_whole(path, content)
    return page, data


def _beside(path: Path, sha256: str, ending: str) -> Path:
    name = os.fsencode(path.name)
    if len(name) + len(ending) <= _LONGEST_NAME_BYTES:
        return path.with_name(path.name + ending)
    tail = f"~{sha256[:12]}{ending}"
    return path.with_name(name[: _LONGEST_NAME_BYTES - len(tail)].decode("utf-8", "ignore") + tail)


def _write_whole(path: Path, content: bytes) -> None:
    # A name nobody can foresee, opened exclusively: the folder may be shared, and a link laid there
    # beforehand must not lead the writing elsewhere.
    handle, temporary = tempfile.mkstemp(prefix=".receipt-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
