"""The Vietnamese words of digitization: blocks, measures, windows. Shared by workbook and receipt.

Codes come from ``etl.sources.digitization``; a code nobody has translated is shown as it is.
"""

from __future__ import annotations

from datetime import date

from etl.periods import ADMINISTRATIVE, CALENDAR, Period

# The figures of the whole province stand under this block in mart.digitization_totals.
WHOLE_PROVINCE = "ALL"

BLOCK_NAMES = {
    "department": "Sở, ban, ngành",
    "land_office": "Văn phòng đăng ký đất đai",
    "district": "UBND cấp huyện",
    "commune": "UBND cấp xã",
    WHOLE_PROVINCE: "Toàn tỉnh",
}
# As a sentence needs them where no column heading stands above: the default form's own words, spelt out.
MEASURE_NAMES = {
    "received": "Hồ sơ tiếp nhận",
    "components_not_digitized": "Chưa số hóa thành phần hồ sơ",
    "components_digitized": "Có số hóa thành phần hồ sơ",
    "components_reused": "Có tái sử dụng thành phần hồ sơ",
    "reused_from_portal": "Tái sử dụng từ Cổng DVCQG",
    "resolved": "Hồ sơ đã giải quyết",
    "results_not_digitized": "Chưa số hóa kết quả giải quyết",
    "results_digitized": "Đã số hóa kết quả giải quyết",
}
_CALENDARS = {ADMINISTRATIVE: "kỳ báo cáo hành chính", CALENDAR: "theo tháng dương lịch"}


def block_vi(block: str) -> str:
    """The name of a block; an unknown one is quoted."""
    return BLOCK_NAMES.get(block, block)


def measure_vi(measure: str) -> str:
    """The name of a measure; an unknown one is quoted."""
    return MEASURE_NAMES.get(measure, measure)


def day_vi(day: date) -> str:
    """``dd/MM/yyyy``."""
    return day.strftime("%d/%m/%Y")


def days_vi(first: date, last: date) -> str:
    """ "từ ngày 15/08/2026 đến ngày 14/09/2026", as the form's own title line writes it."""
    return f"từ ngày {day_vi(first)} đến ngày {day_vi(last)}"


def period_vi(period_id: str, window_kind: str | None = None) -> str:
    """ "tháng 9/2026 (kỳ báo cáo hành chính)" of ``2026-09``. Raises UnknownName for another id."""
    label = Period.parse(period_id).label_vi
    calendar = _CALENDARS.get(window_kind or "")
    return f"{label} ({calendar})" if calendar else label


# What a measure is compared with on the portal (catalogue ids), in the order of the form's columns.
COMPARED = {
    "received": "mẫu số chỉ số 2.1",
    "components_digitized": "tử số chỉ số 4.2",
    "components_reused": "tử số chỉ số 4.3",
    "results_digitized": "tử số chỉ số 4.1",
}
VERDICTS = {
    "agrees": "Khớp",
    "explained_by_windows": "Lệch do khác kỳ",
    "disagrees": "Không khớp",
    "not_comparable": "Không so sánh được",
}
# How the figures of a block came to be.
BASES = {
    "form": "biểu do cơ quan gửi",
    "list": "tính từ danh sách hồ sơ",
    "sum": "cộng từ các tháng",
}


def verdict_vi(verdict: str) -> str:
    """The verdict of a comparison in words; an unknown one is quoted."""
    return VERDICTS.get(verdict, verdict)


def basis_vi(basis: str) -> str:
    """Where figures come from, in words; an unknown one is quoted."""
    return BASES.get(basis, basis)
