"""The appendix's quality sheets: what was checked, what is provisional, what was restated.

Attached to every release so that a reader can judge the figures without asking: verdicts
of the checks, the portal's flags, units that came or went, rows held back, the captures
behind the snapshot, and every value the portal changed after it had published it.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Protocol

from etl.deliver.appendix_data import AppendixData, Capture
from etl.deliver.appendix_words import (
    SEVERITIES,
    STATES,
    ProvinceNames,
    capture_vi,
    detail_vi,
    expected_vi,
    provisional_note,
    source_line,
    state_vi,
)
from etl.deliver.restatement_words import restated_field, restated_indicator, restated_value
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.deliver.sheet_marks import mark_words
from etl.deliver.sheet_style import WHOLE, Column, Number, TableSheet
from etl.deliver.sheet_text import number_vi, time_vi

# An open period may move by thousands of values between two mornings; a page holds about 30.
RESTATEMENTS_SHOWN = 200
_HASH_DIGITS = 12
_STATE_ORDER = {"failed": 0, "warned": 1, "passed": 2}

# Section, its title, and what an empty section means to the reader.
_SECTIONS = (
    ("check", "Kiểm tra số liệu", "không có kiểm tra nào được ghi nhận"),
    ("group", "Nhóm chỉ số không đầy đủ", "không có"),
    ("provisional", "Số liệu tạm thời", "không có"),
    ("flag", "Cờ chất lượng của Cổng", "không có"),
    ("missing_unit", "Đơn vị thiếu", "không có"),
    ("new_unit", "Đơn vị mới", "không có"),
    ("quarantine", "Giá trị bị giữ lại", "không có"),
)


class SheetMaker(Protocol):
    """Makes the next appendix sheet, its banner already written; ``told`` is its line of the contents."""

    def __call__(
        self, name: str, columns: list[Column], subject: str, told: str, title: str
    ) -> TableSheet: ...


def write_quality(make: SheetMaker, data: AppendixData, names: ProvinceNames, style: WorkbookStyle) -> None:
    """Write the sheet "Chất lượng số liệu"."""
    table = make(
        "Chất lượng số liệu",
        [
            Column("STT", 6, "center"),
            Column("Nội dung", 62),
            Column("Mức độ", 11, "center"),
            Column("Kết quả", 11, "center"),
            Column("Giá trị\nquan sát", 13, "center"),
            Column("Giá trị\nyêu cầu", 13, "center"),
            Column("Mã kiểm tra, đối tượng", 47),
        ],
        names.province,
        "Kết quả kiểm tra số liệu, số liệu tạm tính, đơn vị thiếu, bản chụp đã dùng",
        "CHẤT LƯỢNG SỐ LIỆU CỦA KỲ BÁO CÁO",
    )
    table.paragraph(quality_summary(data), size=12)
    table.header()
    known = {kind for kind, _, _ in _SECTIONS}
    others = sorted({row.kind for row in data.quality} - known)
    for kind, title, nothing in (*_SECTIONS, *((kind, kind, "không có") for kind in others)):
        rows = sorted(
            (row for row in data.quality if row.kind == kind),
            key=lambda row: (_STATE_ORDER.get(row.state, 3), row.subject, row.detail),
        )
        heading = title if rows else f"{title}: {nothing}"
        table.line([None, heading, None, None, None, None, None], strong=True)
        for number, row in enumerate(rows, start=1):
            table.line(
                [
                    Number(number, WHOLE),
                    detail_vi(row),
                    SEVERITIES.get(row.severity, row.severity),
                    state_vi(row.state, row.severity),
                    _value(row.observed),
                    _value(expected_vi(row)),
                    row.subject,
                ]
            )
    mark_words(
        table.sheet,
        (table.header_rows[1] + 1, table.row),
        column=4,
        fills={
            STATES["passed"]: style.colours.passed,
            STATES["warned"]: style.colours.warned,
            STATES["failed"]: style.colours.failed,
        },
    )
    snapshot = data.snapshot
    table.paragraph("Bản chụp số liệu dùng cho phụ lục này:", size=10, bold=True)
    table.paragraph(
        f"\u2013 Mã bản chụp: {snapshot.snapshot_id}; {number_vi(snapshot.units)} đơn vị; "
        f"{number_vi(snapshot.rows)} dòng số liệu; đầy đủ các nhóm.",
        size=10,
    )
    for capture in snapshot.captures:
        table.paragraph(f"\u2013 {_capture_line(capture)}", size=10)
    note = provisional_note(data)
    if note:
        table.paragraph(f"\u2013 {note}", size=10)
    if data.moved_while_running:
        table.paragraph(
            f"\u2013 {number_vi(data.moved_while_running)} giá trị thay đổi giữa các lần chụp khi "
            f"{data.period.label_vi} chưa kết thúc: số liệu đang lũy kế, không phải Cổng điều chỉnh số đã chốt.",
            size=10,
        )
    table.paragraph(source_line(data), size=10, italic=True)
    table.finish(frozen_columns=2)


def write_restatements(make: SheetMaker, data: AppendixData, names: ProvinceNames) -> None:
    """Write the sheet "Điều chỉnh số liệu": the first 200 restated values, then how many more."""
    table = make(
        "Điều chỉnh số liệu",
        [
            Column("STT", 6, "center"),
            Column("Đơn vị", 48),
            Column("Chỉ số", 10, "center"),
            Column("Đại lượng", 17, "center"),
            Column("Giá trị cũ", 15, "right"),
            Column("Giá trị mới", 15, "right"),
            Column("Thời điểm chụp\ngiá trị cũ", 22, "center"),
            Column("Thời điểm chụp\ngiá trị mới", 22, "center"),
        ],
        names.province,
        f"Giá trị Cổng đã điều chỉnh sau lần chụp trước: {number_vi(len(data.restatements))} giá trị",
        "SỐ LIỆU CỔNG ĐÃ ĐIỀU CHỈNH SAU LẦN CHỤP TRƯỚC",
    )
    table.header()
    for number, row in enumerate(data.restatements[:RESTATEMENTS_SHOWN], start=1):
        table.line(
            [
                Number(number, WHOLE),
                row.unit_name,
                restated_indicator(row.indicator_code),
                restated_field(row.field),
                _value(restated_value(row.field, row.old_value)),
                _value(restated_value(row.field, row.new_value)),
                time_vi(row.old_captured_at),
                time_vi(row.new_captured_at),
            ]
        )
    hidden = len(data.restatements) - RESTATEMENTS_SHOWN
    if hidden > 0:
        table.paragraph(
            f"Còn {number_vi(hidden)} giá trị điều chỉnh không in ở đây; đủ "
            f"{number_vi(len(data.restatements))} giá trị có trong kho dữ liệu (bảng mart.restatements).",
            size=10,
            bold=True,
        )
    table.paragraph("\u2013 Ô trống: lần chụp đó Cổng không có số liệu; không phải 0.", size=10)
    table.paragraph(source_line(data), size=10, italic=True)
    table.finish(frozen_columns=2)


def quality_summary(data: AppendixData) -> str:
    """How many checks held, and how much is missing, held back or restated, in one paragraph."""
    states = Counter(row.state for row in data.quality if row.kind == "check")
    kinds = Counter(row.kind for row in data.quality if row.state != "passed")
    restated = len(data.restatements)
    return (
        f"Kiểm tra: {states['passed']} đạt, {states['warned']} cảnh báo, {states['failed']} không đạt. "
        f"Cờ tạm tính của Cổng: {kinds['flag']}. "
        f"Đơn vị thiếu: {kinds['missing_unit']}; đơn vị mới: {kinds['new_unit']}. "
        f"Giá trị bị giữ lại: {kinds['quarantine']} loại. Giá trị Cổng đã điều chỉnh: {number_vi(restated)}"
        + (" (xem phụ lục Điều chỉnh số liệu)." if restated else ".")
    )


def _capture_line(capture: Capture) -> str:
    what = capture_vi(capture)
    where = ", ".join(part for part in (what[:1].upper() + what[1:], capture.endpoint or "") if part)
    return (
        f"{where}: chụp lúc {time_vi(capture.captured_at)}, {number_vi(capture.size_bytes)} byte, "
        f"SHA-256 {capture.sha256[:_HASH_DIGITS]}"
    )


def _value(value: Decimal | str | None) -> Number | str | None:
    """Figures stay figures; "General" keeps their decimals (a tolerance of 0.005 is not 0.01)."""
    if isinstance(value, Decimal):
        whole = value == value.to_integral_value()
        return Number(value, WHOLE if whole else "General")
    return value
