"""The two sheets beside the digitization form: agreement with the portal, and the figures' quality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from openpyxl import Workbook

from etl.deliver.appendix_data import QualityRow
from etl.deliver.appendix_words import ROMAN, SEVERITIES, STATES, ProvinceNames, state_vi
from etl.deliver.digitization_data import Compared, DigitizationData, in_order
from etl.deliver.digitization_notes import blank_measures, file_line, not_met, percent
from etl.deliver.digitization_words import (
    COMPARED,
    VERDICTS,
    block_vi,
    days_vi,
    measure_vi,
    period_vi,
    verdict_vi,
)
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.deliver.sheet_marks import mark_words
from etl.deliver.sheet_style import (
    SIGNED_TWO_DECIMALS,
    SIGNED_WHOLE,
    WHOLE,
    CellContent,
    Column,
    Number,
    TableSheet,
)
from etl.deliver.sheet_text import number_vi

COMPARISON_SHEET, QUALITY_SHEET = "Đối chiếu với Cổng", "Chất lượng số liệu"
_NOTE_SIZE = 10
_LACKS, _BELOW = "Thiếu", "Chưa đạt"
_STATE_ORDER = {"failed": 0, "warned": 1, "passed": 2}
_SECTIONS = (
    ("check", "Kiểm tra số liệu", "không có kiểm tra nào được ghi nhận"),
    ("block", "Khối chưa đủ đơn vị", "không có"),
    ("quarantine", "Giá trị bị giữ lại", "không có"),
    ("provisional", "Số liệu tạm", "không có"),
)


def banner(table: TableSheet, title: str, data: DigitizationData, names: ProvinceNames) -> None:
    """The head of a sheet beside the form: its title, the province, the period and its days."""
    if data.is_sample:
        table.paragraph("SỐ LIỆU MẪU, không phải số liệu chính thức", size=13, bold=True, align="center")
    table.paragraph(title, size=13, bold=True, align="center")
    table.paragraph(
        f"{names.province} \u2013 {data.window.period.label_vi}".upper(), size=13, bold=True, align="center"
    )
    table.paragraph(f"({days_vi(data.window.first, data.window.last)})", size=12, italic=True, align="center")


# ------------------------------------------------------------------ agreement with the portal


def write_comparison(
    workbook: Workbook, data: DigitizationData, names: ProvinceNames, style: WorkbookStyle
) -> TableSheet:
    """Write the sheet "Đối chiếu với Cổng": every measure the portal also counts, unit by unit."""
    columns = [
        Column("STT", 6, "center"),
        Column("Đơn vị", 46),
        Column("Đại lượng", 34),
        Column("Số liệu\ncủa tỉnh", 13, "right"),
        Column("Số liệu\ncủa Cổng", 13, "right"),
        Column("Chênh lệch", 12, "right"),
        Column("Chênh lệch\n(%)", 12, "right"),
        Column("Kết luận", 20, "center"),
    ]
    table = TableSheet(workbook.create_sheet(COMPARISON_SHEET), columns)
    banner(table, "ĐỐI CHIẾU SỐ LIỆU SỐ HÓA VỚI CỔNG DỊCH VỤ CÔNG QUỐC GIA", data, names)
    for sentence in _windows(data.compared):
        table.paragraph(sentence, size=12)
    table.header()
    blocks = in_order({row.block for row in data.compared})
    for place, block in enumerate(blocks):
        rows = [row for row in data.compared if row.block == block]
        table.line([ROMAN[place], block_vi(block), _verdicts(rows), *[None] * 5], strong=True)
        _write_units(table, rows)
    if not data.compared:
        table.line([None, "Chưa có số liệu của Cổng để đối chiếu với kỳ này", *[None] * 6])
    mark_words(
        table.sheet,
        (table.header_rows[1] + 1, table.row),
        column=8,
        fills={
            VERDICTS["disagrees"]: style.colours.failed,
            VERDICTS["explained_by_windows"]: style.colours.warned,
        },
    )
    for note in (
        "Ghi chú: đại lượng được so với "
        + "; ".join(f"{measure_vi(m)}: {of}" for m, of in COMPARED.items())
        + " của Cổng.",
        "Chênh lệch = số liệu của tỉnh \u2212 số liệu của Cổng; ô trống: một bên không có số liệu, không phải 0.",
        "“Lệch do khác kỳ”: hai bên tính trên những ngày khác nhau và phần lệch không lớn hơn phần số liệu "
        "tương ứng với những ngày chỉ một bên có. “Không khớp”: phần lệch lớn hơn thế; cần rà soát.",
    ):
        table.paragraph(note, size=_NOTE_SIZE)
    table.finish(frozen_columns=2)
    return table


def _windows(compared: Sequence[Compared]) -> list[str]:
    """Both windows, as often as there are different pairs (one, but for a change of the portal's calendar)."""
    pairs = sorted({(row.provincial_days, row.portal_period_id, row.portal_days) for row in compared})
    told = [
        f"Số liệu của tỉnh: {days_vi(*own)}; số liệu của Cổng: {period_vi(period)}, {days_vi(*portal)}"
        + (" (cùng kỳ)." if own == portal else " (khác kỳ).")
        for own, period, portal in pairs
    ]
    if any(row.portal_provisional for row in compared):
        told.append("Số liệu của Cổng là số tạm: được đọc khi kỳ của Cổng chưa kết thúc.")
    if compared:
        told.append(f"Kết quả: {_verdicts(compared)}.")
    return told


def _verdicts(rows: Sequence[Compared]) -> str:
    counts = Counter(row.verdict for row in rows)
    ordered = [*VERDICTS, *sorted(set(counts) - set(VERDICTS))]
    return ", ".join(
        f"{verdict_vi(verdict).lower()} {number_vi(counts[verdict])}"
        for verdict in ordered
        if counts[verdict]
    )


def _write_units(table: TableSheet, rows: Sequence[Compared]) -> None:
    measures = list(COMPARED)
    before: tuple[str, str] | None = None
    number = 0
    for row in _by_unit(rows, measures):
        first = _unit(row) != before
        number += first
        before = _unit(row)
        table.line(
            [
                Number(number, WHOLE) if first else None,
                row.unit_name,
                measure_vi(row.measure),
                Number(row.provincial, WHOLE),
                Number(row.portal, WHOLE),
                Number(row.difference, SIGNED_WHOLE),
                Number(row.difference_pct, SIGNED_TWO_DECIMALS),
                verdict_vi(row.verdict),
            ],
            strong=row.verdict == "disagrees",
        )


def _unit(row: Compared) -> tuple[str, str]:
    """Namesakes are two units."""
    return row.unit_id, row.unit_name


def _by_unit(rows: Sequence[Compared], measures: Sequence[str]) -> list[Compared]:
    """In the order the units came, measures in the form's order."""
    units = {unit: place for place, unit in enumerate(dict.fromkeys(map(_unit, rows)))}
    return sorted(
        rows,
        key=lambda row: (
            units[_unit(row)],
            measures.index(row.measure) if row.measure in measures else len(measures),
            row.measure,
        ),
    )


# ------------------------------------------------------------------ quality


def write_quality(
    workbook: Workbook, data: DigitizationData, names: ProvinceNames, style: WorkbookStyle
) -> TableSheet:
    """Write the sheet "Chất lượng số liệu": checks, rows held back, what is missing, the files."""
    columns = [
        Column("STT", 6, "center"),
        Column("Nội dung", 72),
        Column("Mức độ", 12, "center"),
        Column("Kết quả", 12, "center"),
        Column("Giá trị\nquan sát", 16, "center"),
        Column("Giá trị\nyêu cầu", 16, "center"),
        Column("Mã kiểm tra, đối tượng", 34),
    ]
    table = TableSheet(workbook.create_sheet(QUALITY_SHEET), columns)
    banner(table, "CHẤT LƯỢNG SỐ LIỆU SỐ HÓA CỦA KỲ BÁO CÁO", data, names)
    table.paragraph(quality_summary(data), size=12)
    table.header()
    known = {kind for kind, _, _ in _SECTIONS}
    others = sorted({row.kind for row in data.quality} - known)
    for kind, title, nothing in (*_SECTIONS, *((kind, kind, "không có") for kind in others)):
        rows = [row for row in data.quality if row.kind == kind]
        table.line([None, title if rows else f"{title}: {nothing}", *[None] * 5], strong=True)
        ordered = sorted(rows, key=lambda row: (_STATE_ORDER.get(row.state, 3), row.subject, row.detail))
        for number, row in enumerate(ordered, start=1):
            table.line(_quality_line(number, row))
    _write_missing(table, data)
    _write_below_target(table, data)
    colours = style.colours
    mark_words(
        table.sheet,
        (table.header_rows[1] + 1, table.row),
        column=4,
        fills={
            STATES["passed"]: colours.passed,
            STATES["warned"]: colours.warned,
            STATES["failed"]: colours.failed,
            _LACKS: colours.warned,
            _BELOW: colours.failed,
        },
    )
    if blank := blank_measures(data):
        table.paragraph(f"Không có số liệu của: {', '.join(blank)} (mẫu biểu nhận được không có cột này).",
                        size=_NOTE_SIZE)  # fmt: skip
    table.paragraph("Các tệp đã dùng:", size=_NOTE_SIZE, bold=True)
    for file in data.files:
        table.paragraph(
            f"\u2013 {file_line(file)}; {number_vi(file.size_bytes)} byte; {number_vi(file.rows_published)} dòng "
            f"đưa vào số liệu, {number_vi(file.rows_quarantined)} dòng bị giữ lại; mã bản số liệu "
            f"{file.snapshot_id}; SHA-256 đầy đủ: {file.sha256}.",
            size=_NOTE_SIZE,
        )
    table.finish(frozen_columns=2)
    return table


def quality_summary(data: DigitizationData) -> str:
    """How many checks held, and how much was held back, in one paragraph."""
    states = Counter(row.state for row in data.quality if row.kind == "check")
    held = sum(file.rows_quarantined for file in data.files)
    return (
        f"Kiểm tra: {states['passed']} đạt, {states['warned']} cảnh báo, {states['failed']} không đạt. "
        f"Dòng bị giữ lại: {number_vi(held)}. Đơn vị có số liệu: {number_vi(len(data.units))}. "
        f"Tệp đã dùng: {number_vi(len(data.files))}."
    )


def _quality_line(number: int, row: QualityRow) -> list[CellContent]:
    return [
        Number(number, WHOLE),
        row.detail,
        SEVERITIES.get(row.severity, row.severity),
        state_vi(row.state, row.severity),
        None if row.observed is None else str(row.observed),
        None if row.expected is None else str(row.expected),
        row.subject,
    ]


def _write_missing(table: TableSheet, data: DigitizationData) -> None:
    missing = [
        (block, name)
        for block in data.blocks
        for total in [data.total(block)]
        if total is not None
        for name in (
            [f"{name} ({period_vi(month)})" for month, name in total.missing_in] or total.missing_units
        )
    ]
    title = "Đơn vị có trong danh mục nhưng không có số liệu"
    table.line([None, title if missing else f"{title}: không có", *[None] * 5], strong=True)
    for number, (block, name) in enumerate(missing, start=1):
        table.line([Number(number, WHOLE), name, None, _LACKS, None, None, block_vi(block)])


def _write_below_target(table: TableSheet, data: DigitizationData) -> None:
    if data.target_pct is None:
        return
    title = f"Tỷ lệ số hóa kết quả chưa đạt {percent(data.target_pct)}"
    below = not_met(data)
    table.line([None, title if below else f"{title}: không có", *[None] * 5], strong=True)
    for number, unit in enumerate(below, start=1):
        table.line(
            [
                Number(number, WHOLE),
                unit.unit_name,
                None,
                _BELOW,
                percent(unit.rates["results_rate_pct"]),
                percent(data.target_pct),
                block_vi(unit.block),
            ]
        )
