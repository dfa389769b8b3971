"""What the letter says of digitization: columns (9) and (10) of the form by block, what lacks, the target."""

from __future__ import annotations

from decimal import Decimal

from etl.deliver.digitization_data import BlockTotals, DigitizationData
from etl.deliver.digitization_notes import lacking, not_met
from etl.deliver.digitization_words import WHOLE_PROVINCE, block_vi, days_vi
from etl.deliver.letter_docx import plain_text
from etl.deliver.letter_words import UNKNOWN, cell, joined, percent
from etl.deliver.report import Report
from etl.deliver.sheet_text import number_vi

NOT_DIGITIZED, DIGITIZED, RESOLVED = "results_not_digitized", "results_digitized", "resolved"
RESULTS_RATE = "results_rate_pct"
_NAMED = 3


def digitization_rows(data: DigitizationData) -> list[dict[str, str]]:
    """The table by block, blocks without figures with dashes among them; cells as text."""
    whole = data.total(WHOLE_PROVINCE)
    missing = whole.missing_blocks if whole else ()
    order = [*data.blocks, *(block for block in missing if block not in data.blocks)]
    return [
        {"stt": str(number), "ten": plain_text(block_vi(block)), **_cells(data.total(block))}
        for number, block in enumerate(order, 1)
    ]


def digitization_total(data: DigitizationData) -> dict[str, str]:
    """The row of the whole province; it says so where the sum lacks a block or a unit."""
    whole = data.total(WHOLE_PROVINCE)
    complete = whole is not None and whole.complete and not whole.missing_blocks
    return {"ten": "Toàn tỉnh" if complete else "Toàn tỉnh (chưa đủ)", **_cells(whole)}


def _cells(total: BlockTotals | None) -> dict[str, str]:
    if total is None:
        return {"don_vi": "—", "da_giai_quyet": "—", "chua_so_hoa": "—", "da_so_hoa": "—", "ty_le": "—"}
    expected = "" if total.expected_units is None else f"/{number_vi(total.expected_units)}"
    return {
        "don_vi": f"{number_vi(total.units)}{expected}",
        "da_giai_quyet": cell(total.measures.get(RESOLVED)),
        "chua_so_hoa": cell(total.measures.get(NOT_DIGITIZED)),
        "da_so_hoa": cell(total.measures.get(DIGITIZED)),
        "ty_le": cell(total.rates.get(RESULTS_RATE), 2),
    }


def digitization_intro(report: Report) -> str:
    """The days the figures are of; without figures, that there are none."""
    days = capital_days(report)
    data = report.digitization
    if data is None:
        return f"{days}: {UNKNOWN} thống kê số hóa kết quả giải quyết (cột 9, cột 10)."
    return f"{days}, kết quả số hóa kết quả giải quyết thủ tục hành chính (cột 9, cột 10) như sau:"


def capital_days(report: Report) -> str:
    """ "Từ ngày 15/08/2026 đến ngày 14/09/2026"."""
    text = days_vi(report.window.first, report.window.last)
    return text[:1].upper() + text[1:]


def digitization_remarks(data: DigitizationData) -> list[str]:
    """The target and who has not met it; provisional figures; what lacks, by block."""
    remarks = [sentence for sentence in (_target(data),) if sentence]
    if data.provisional:
        remarks.append("Số liệu số hóa là số liệu tạm: có biểu được gửi khi kỳ số liệu chưa kết thúc.")
    return remarks + [plain_text(sentence, longest=500) for sentence in lacking(data)]


def _target(data: DigitizationData) -> str | None:
    if data.target_pct is None:
        return None
    below = not_met(data)
    counted = sum(unit.met_target is not None for unit in data.units)
    if not counted:
        return None
    told = (
        f"Chỉ tiêu tỷ lệ số hóa kết quả từ {percent(data.target_pct)}: "
        f"{number_vi(len(below))}/{number_vi(counted)} đơn vị có phát sinh chưa đạt"
    )
    named = [f"{plain_text(one.unit_name)} ({percent(one.rates.get(RESULTS_RATE))})" for one in below]
    return f"{told}, thấp nhất: {joined(named, most=_NAMED)}." if named else f"{told}."


def results_rate(data: DigitizationData) -> Decimal | None:
    """The whole province's share of digitized results in percent."""
    whole = data.total(WHOLE_PROVINCE)
    return whole.rates.get(RESULTS_RATE) if whole else None
