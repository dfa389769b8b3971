"""Small dossier lists for tests: rows as a test wants them, written as an office would."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl

from etl.inbox.inspected import Inspected, SheetFacts
from etl.periods import VIETNAM, Window
from etl.reference.provinces import find_province
from etl.sources.digitization import DigitizationReading
from etl.sources.dossier_list.read import read_list

PROVINCE = find_province("phu_tho")
HOME = PROVINCE.code
RECEIVED_AT = datetime(2026, 9, 17, 8, 0, tzinfo=VIETNAM)
UNITS = {
    f"{HOME}.100": ("Sở Nội vụ", "department"),
    f"{HOME}.101": ("Sở Tài chính", "department"),
    f"{HOME}.50.05": ("UBND xã Mẫu Hoà", "commune"),
    f"{HOME}.50": ("Huyện Mẫu", "district"),
}
TITLE = ["SỐ LIỆU MẪU", "Từ ngày 15/08/2026 đến ngày 14/09/2026"]

# Beside each field the header an office writes. The canary must never be seen outside the file.
HEADERS = {
    "stt": "STT",
    "code": "Mã hồ sơ",
    "name": "Họ và tên",
    "id": "Số CCCD",
    "status": "Trạng thái",
    "received": "Ngày tiếp nhận",
    "due": "Ngày hẹn trả",
    "finished": "Ngày kết thúc xử lý",
    "channel": "Kênh thực hiện",
    "components_digitized": "Số hóa TPHS",
    "components_reused": "Tái sử dụng TP",
    "reused_from_portal": "Tái sử dụng từ Cổng DVCQG",
    "result_digitized": "Số hóa KQ",
    "address": "Địa chỉ",
}
CANARY = "Qxzcanary"


def dossier(number: int = 1, **changes: str) -> dict[str, str]:
    """One sound dossier: received 20/08/2026 by the first unit, resolved the next day, all digitized."""
    return {
        "stt": str(number),
        "code": f"{HOME}.100-260820-{number:04d}",
        "name": f"Nguyễn {CANARY}",
        "id": f"0990{number:08d}",
        "status": "10",
        "received": "20/08/2026 08:30:00",
        "due": "28/08/2026 17:00:00",
        "finished": "21/08/2026 10:00:00",
        "channel": "2",
        "components_digitized": "1",
        "components_reused": "0",
        "reused_from_portal": "0",
        "result_digitized": "1",
        "address": f"Tổ 1, {CANARY}",
    } | changes


def csv_bytes(
    rows: Sequence[Mapping[str, str]],
    *,
    headers: Mapping[str, str] = HEADERS,
    title: Sequence[str] = TITLE,
    delimiter: str = ",",
    encoding: str = "utf-8",
) -> bytes:
    """A list as CSV: title lines, header, rows."""
    text = io.StringIO()
    for line in title:
        text.write(line + "\n")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(headers.values())
    writer.writerows([row.get(field, "") for field in headers] for row in rows)
    return text.getvalue().encode(encoding)


def write_workbook(
    path: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    headers: Mapping[str, str] = HEADERS,
    title: Sequence[str] = TITLE,
    left: int = 0,
) -> Inspected:
    """A list as a workbook (first ``left`` columns empty), and what the guard would say of it."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Danh sách"
    lines = [[line] for line in title] + [list(headers.values())]
    lines += [[row.get(field) for field in headers] for row in rows]
    for number, cells in enumerate(lines, 1):
        for place, value in enumerate(cells, 1 + left):
            if value not in (None, ""):
                sheet.cell(number, place, value)
    book.save(path)
    return inspected(path, sheets=(SheetFacts(sheet.title, True, len(lines), left + len(headers)),))


def inspected(path: Path, *, encoding: str = "utf-8", sheets: tuple[SheetFacts, ...] = ()) -> Inspected:
    """What the guard would say of a file."""
    body = path.read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    return Inspected("xlsx" if sheets else "csv", len(body), digest, None if sheets else encoding, sheets)


def read(
    folder: Path,
    rows: Sequence[Mapping[str, str]] | bytes,
    *,
    window: Window | None = None,
    units: Mapping[str, tuple[str, str]] = UNITS,
    encoding: str = "utf-8",
    **written: Any,
) -> DigitizationReading:
    """Write a CSV list below ``folder`` and read it."""
    body = rows if isinstance(rows, bytes) else csv_bytes(rows, encoding=encoding, **written)
    path = folder / "list.csv"
    path.write_bytes(body)
    return read_file(path, inspected(path, encoding=encoding), folder / "out", window=window, units=units)


def read_file(
    path: Path,
    seen: Inspected,
    out: Path,
    *,
    window: Window | None = None,
    units: Mapping[str, tuple[str, str]] = UNITS,
) -> DigitizationReading:
    """Read a list that is already there."""
    reading = read_list(
        path,
        seen,
        province=PROVINCE,
        known_units=units,
        capture_id="c-1",
        capture_sha256=seen.sha256,
        received_at=RECEIVED_AT,
        window=window,
        calendar="administrative",
        out=out,
    )
    assert reading.rows_read == reading.rows_good + reading.rows_quarantined + reading.rows_ignored
    return reading


def broken(reading: DigitizationReading) -> dict[str, int]:
    """Rules that found something, with their rows."""
    counts = zip(
        reading.rule_counts["rule"].to_pylist(), reading.rule_counts["rows"].to_pylist(), strict=True
    )
    return {rule: rows for rule, rows in counts if rows}


def form(reading: DigitizationReading) -> dict[str, dict[str, Any]]:
    """The units' rows by code."""
    return {row["unit_code"]: row for row in reading.units.to_pylist()}


def copy(folder: Path) -> pl.DataFrame:
    """The columnar copy of what ``read`` read."""
    return pl.read_parquet(folder / "out" / "dossiers.parquet")
