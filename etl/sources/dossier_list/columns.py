"""Which column of a list is which: header variants of ``columns.csv`` against a header row.

A stray quote can put a row's cells into the header: a header that looks like data is never told, only its place.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from etl.errors import FileRefused, Terminal

FLAGS = (
    "components_digitized",
    "components_reused",
    "reused_from_portal",
    "result_digitized",
    "has_paper_result",
)
DATES = ("received", "due", "finished")
FIELDS = ("code", "status", *DATES, "channel", *FLAGS, "unit_code")
# Without these no dossier can be counted by unit and day.
REQUIRED = ("code", "status", "received", "finished")
# Header words that make a row a list's header, and not a sentence that happens to say "mã hồ sơ".
_LEAST_KNOWN = 3
PERSONAL, UNUSED = "personal", "unused"

# A guess for headers nobody declared: named in the note as personal, and not read like any unknown one.
_PERSONAL_WORDS = re.compile(
    r"hoten|hovaten|nguoinop|cccd|cmnd|dinhdanh|diachi|dienthoai|email|ngaysinh|canbo"
)

# What stands in a header's place but is a row's: a long number, a day, a dossier's code.
_DATA = re.compile(
    r"\d(?:[ .-]?\d){6}"
    r"|\b\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})\b|\b\d{4}[/.-]\d{1,2}[/.-]\d{1,2}\b"
    r"|\b[A-Z]\d{2}(?:\.\d+)*-\d",
    re.IGNORECASE,
)
_UNNAMED = re.compile(r"cột [A-Z]+")


def holds_data(header: str) -> bool:
    """Whether a header's cell holds what rows hold (7 digits or more, a day, a code): it may be a person's."""
    return bool(_DATA.search(header))


def told_header(header: str, position: int) -> str:
    """A header as receipts may name it: its text, or "cột K" where the cell may hold a row's data."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in header).split())
    return f"cột {column_letters(position)}" if holds_data(header) else text[:80]


def column_letters(position: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    letters = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def header_key(text: str) -> str:
    """A header folded for comparison: ``MaHoSo``, ``ma_ho_so`` and ``Mã hồ sơ`` are one."""
    plain = unicodedata.normalize("NFD", text.casefold()).replace("đ", "d")
    return "".join(letter for letter in plain if letter.isascii() and letter.isalnum())


@cache
def load_columns() -> dict[str, str]:
    """Folded header to field. Raises Terminal where two lines of columns.csv disagree."""
    known: dict[str, str] = {}
    path = Path(__file__).parent / "columns.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            key, field = header_key(line["header"]), line["field"]
            if field not in (*FIELDS, PERSONAL, UNUSED) or known.setdefault(key, field) != field:
                raise Terminal(
                    f"columns.csv: '{line['header']}' cannot stand for '{field}'",
                    "give each header one field",
                )
    return known


@dataclass(frozen=True)
class Columns:
    """A header row, understood. ``positions``: field to 0-based column; the others by header, in order."""

    width: int
    positions: dict[str, int]
    headers: dict[str, str]
    personal: tuple[str, ...]
    unused: tuple[str, ...]
    unknown: tuple[str, ...]

    @property
    def read(self) -> dict[int, str]:
        """The columns that are read: 0-based position to field, left to right."""
        return {position: name for name, position in sorted(self.positions.items(), key=lambda item: item[1])}

    def notes_vi(self) -> list[str]:
        """What was not read, for the receipt: headers only, never a value."""
        notes = []
        if self.personal:
            notes.append(f"Không đọc các cột có thông tin cá nhân: {_listed(self.personal)}.")
        if self.unknown:
            notes.append(f"Không đọc các cột không có trong danh mục: {_listed(self.unknown)}.")
        absent = [name for name in FLAGS[:4] if name not in self.positions]
        if absent:
            notes.append(
                "Danh sách không có cột " + ", ".join(_FIELD_VI[name] for name in absent) + "; "
                "các số liệu tương ứng để trống, không tính là 0."
            )
        return notes


_FIELD_VI = {
    "code": "mã hồ sơ",
    "status": "trạng thái",
    "received": "ngày tiếp nhận",
    "finished": "ngày kết thúc xử lý",
    "components_digitized": "số hóa thành phần hồ sơ",
    "components_reused": "tái sử dụng thành phần",
    "reused_from_portal": "tái sử dụng từ Cổng DVCQG",
    "result_digitized": "số hóa kết quả",
}


def field_of(header: str) -> str | None:
    """The field a header stands for (``personal``, ``unused`` included); None when it is not known."""
    known = load_columns()
    field = known.get(header_key(header)) or known.get(header_key(re.sub(r"\(.*?\)", "", header)))
    if field is None and _PERSONAL_WORDS.search(header_key(header)):
        return PERSONAL
    return field


def is_header(cells: Sequence[str]) -> bool:
    """Whether a row is the header of a dossier list: it names the code and enough other fields."""
    found = {field_of(cell) for cell in cells if cell.strip()} & set(FIELDS)
    return "code" in found and len(found) >= _LEAST_KNOWN


def match_columns(cells: Sequence[str], locator: str) -> Columns:
    """Understand a header row. Raises FileRefused where a needed column is missing or stands twice."""
    positions: dict[str, int] = {}
    headers: dict[str, str] = {}
    others: dict[str, list[str]] = {PERSONAL: [], UNUSED: [], "unknown": []}
    for position, cell in enumerate(cells):
        header = told_header(cell, position)
        field = field_of(cell) if header else UNUSED
        if field in FIELDS:
            if field in positions:
                raise _refused_twice(headers[field], header, locator)
            positions[field], headers[field] = position, header
        elif header:
            others[field or "unknown"].append(header)
    missing = [_FIELD_VI[name] for name in REQUIRED if name not in positions]
    if missing:
        raise FileRefused(
            f"the dossier list lacks columns: {', '.join(n for n in REQUIRED if n not in positions)}",
            "export the list with these columns, or add the header variant to columns.csv",
            rule="layout.missing_column",
            message_vi=f"Danh sách hồ sơ thiếu cột bắt buộc: {', '.join(missing)}.",
            remedy_vi="Xuất lại danh sách có đủ các cột này; nếu cột có tên khác, báo người quản trị khai báo tên cột.",
            locator=locator,
        )
    personal, unused, unknown = (tuple(others[name]) for name in (PERSONAL, UNUSED, "unknown"))
    return Columns(len(cells), positions, headers, personal, unused, unknown)


def _refused_twice(first: str, second: str, locator: str) -> FileRefused:
    return FileRefused(
        f"two columns of the dossier list mean the same: '{first}' and '{second}'",
        "export the list with one of them, or correct columns.csv",
        rule="layout.column_twice",
        message_vi=f"Hai cột có cùng ý nghĩa: {_listed((first, second))}; hệ thống không tự chọn.",
        remedy_vi="Xuất lại danh sách chỉ giữ cột đúng.",
        locator=locator,
    )


def _listed(headers: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(header if _UNNAMED.fullmatch(header) else f"«{header}»" for header in headers[:most])
    return shown if len(headers) <= most else f"{shown} và {len(headers) - most} cột khác"
