"""Workbooks and readings of the digitization form for tests: the default form, and any way of spoiling it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from etl.inbox.guard import Limits, inspect_file
from etl.inbox.inspected import Inspected
from etl.periods import Window
from etl.reference.provinces import find_province
from etl.sources.digitization import DigitizationReading
from etl.sources.digitization_form.layouts import Template, load_templates
from etl.sources.digitization_form.read import read_form

TITLES: tuple[tuple[Any, ...], ...] = (
    ("UBND TỈNH PHÚ THỌ",),
    ("BIỂU TỔNG HỢP KẾT QUẢ SỐ HÓA HỒ SƠ",),
    ("(Từ ngày 15/08/2026 đến ngày 14/09/2026)",),
)
GROUP = "Số hóa kết quả giải quyết"
HEADER: tuple[tuple[Any, ...], ...] = (
    (
        "STT",
        "Đơn vị",
        "Tiếp nhận",
        "Chưa số hóa TPHS",
        "Có số hóa TPHS",
        "Có tái sử dụng TP",
        "Tái sử dụng từ cổng DVCQG",
        "Đã giải quyết",
        GROUP,
        None,
    ),
    (None, None, None, None, None, None, None, None, "Chưa số hóa", "Đã số hóa"),
)
# As Excel merges them: single headers over both rows, the group over its two columns (relative to the header).
MERGES = (*((0, place, 1, place) for place in range(8)), (0, 8, 0, 9))
NUMBERS: tuple[Any, ...] = tuple(f"({number})" for number in range(1, 11))
TAX = (1, "Sở Tài chính", 120, 20, 100, 40, 10, 110, 5, 105)
WORKS = (2, "Sở Xây dựng", 80, 30, 50, 20, 5, 70, 10, 60)
WARD = (1, "Phường Việt Trì", 300, 100, 200, 80, 20, 280, 30, 250)
DEPARTMENTS, COMMUNES = ("I", "Sở, ban, ngành"), ("II", "UBND cấp xã")
BODY: tuple[tuple[Any, ...], ...] = (
    DEPARTMENTS,
    TAX,
    WORKS,
    (None, "Cộng", 200, 50, 150, 60, 15, 180, 15, 165),
    COMMUNES,
    WARD,
    (None, "Tổng cộng", 500, 150, 350, 140, 35, 460, 45, 415),
    (),
    ("Người lập biểu", None, None, None, None, None, None, "Thủ trưởng đơn vị"),
)


@dataclass(frozen=True)
class Sheet:
    """One sheet to write. ``cells`` overwrites single cells by name; ``merges`` count from the header's top left."""

    body: Sequence[Sequence[Any]] = BODY
    titles: Sequence[Sequence[Any]] = TITLES
    header: Sequence[Sequence[Any]] = HEADER
    numbers: Sequence[Any] | None = NUMBERS
    merges: Sequence[tuple[int, int, int, int]] = MERGES
    name: str = "Biểu 1"
    visible: bool = True
    hidden_rows: Sequence[int] = ()
    hidden_columns: Sequence[str] = ()
    cells: Mapping[str, Any] = field(default_factory=dict)
    merged_cells: Sequence[str] = ()


def write_workbook(path: Path, *sheets: Sheet) -> Path:
    """An .xlsx of these sheets (one default form if none)."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    for form in sheets or (Sheet(),):
        sheet = workbook.create_sheet(form.name)
        rows = [*form.titles, *form.header, *([form.numbers] if form.numbers else []), *form.body]
        for number, row in enumerate(rows, start=1):
            for place, value in enumerate(row, start=1):
                if value is not None:
                    sheet.cell(number, place, value)
        for cell, value in form.cells.items():
            sheet[cell] = value
            if isinstance(value, str) and value.startswith("#"):
                sheet[cell].data_type = "e"
        top = len(form.titles) + 1
        for first, left, last, right in form.merges:
            sheet.merge_cells(
                start_row=top + first, start_column=left + 1, end_row=top + last, end_column=right + 1
            )
        for area in form.merged_cells:
            sheet.merge_cells(area)
        for number in form.hidden_rows:
            sheet.row_dimensions[number].hidden = True
        for letter in form.hidden_columns:
            sheet.column_dimensions[letter].hidden = True
        if not form.visible:
            sheet.sheet_state = "hidden"
    workbook.save(path)
    return path


def inspected(path: Path) -> Inspected:
    """What the guard says of a file."""
    return inspect_file(path, Limits())


def read_file(
    path: Path,
    *,
    templates: Sequence[Template] | None = None,
    province: str = "phu_tho",
    calendar: str = "administrative",
    window: Window | None = None,
) -> DigitizationReading:
    """Guard and read a file; rows read are always whole."""
    seen = inspected(path)
    reading = read_form(
        path,
        seen,
        province=find_province(province),
        capture_id="capture",
        capture_sha256=seen.sha256,
        templates=load_templates() if templates is None else templates,
        calendar=calendar,
        window=window,
    )
    assert reading.rows_read == reading.units.num_rows + reading.rows_quarantined + reading.rows_ignored
    refused = {
        (line["locator"].rstrip("0123456789"), line["row_data"]) for line in reading.rejected.to_pylist()
    }
    assert bool(refused) == bool(reading.rows_quarantined)
    return reading


def read_sheets(folder: Path, *sheets: Sheet, **options: Any) -> DigitizationReading:
    """Write and read a workbook of these sheets."""
    return read_file(write_workbook(folder / "tệp bất kỳ.xlsx", *sheets), **options)


def read_body(folder: Path, *rows: Sequence[Any], **options: Any) -> DigitizationReading:
    """Read the default form with other rows below its header."""
    return read_sheets(folder, Sheet(body=rows, **options))


def received(reading: DigitizationReading) -> dict[str, int | None]:
    """Unit name -> received, in the order of the form."""
    return dict(
        zip(reading.units["unit_name"].to_pylist(), reading.units["received"].to_pylist(), strict=True)
    )


def rules(reading: DigitizationReading) -> list[tuple[str, str, str]]:
    """(locator, column, rule) of every refused cell."""
    return [(line["locator"], line["column_name"], line["rule"]) for line in reading.rejected.to_pylist()]
