"""The Vietnamese words of the appendix: names, labels of codes, notes and footnotes.

Codes come from the warehouse and the portal; what a head of office reads comes from here.
A code nobody has translated is shown as it is, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from urllib.parse import urlsplit

from etl.deliver.appendix_data import LOOKS_BACK, AppendixData, Capture, IndicatorRow, QualityRow, UnitRow
from etl.deliver.sheet_conventions import Band as Band  # named here for whoever writes of ratings
from etl.deliver.sheet_text import number_vi, time_vi
from etl.errors import UnknownName
from etl.periods import Period
from etl.reference.indicators import load_editions

# Name of the index set as the province's letter and Decision 766/QĐ-TTg write it.
INDEX_TITLE = (
    "KẾT QUẢ THỰC HIỆN BỘ CHỈ SỐ CHỈ ĐẠO, ĐIỀU HÀNH VÀ ĐÁNH GIÁ CHẤT LƯỢNG PHỤC VỤ NGƯỜI DÂN, DOANH NGHIỆP\n"
    "TRONG THỰC HIỆN THỦ TỤC HÀNH CHÍNH, DỊCH VỤ CÔNG THEO THỜI GIAN THỰC TRÊN MÔI TRƯỜNG ĐIỆN TỬ"
)

# The portal stands in for the national report's dossier count: 100 % by construction.
TEMPORARY_DENOMINATOR = "TEMP_NATIONAL_REPORT_DENOMINATOR"
# Not the portal's: our own mark on totals summed from the six groups.
COMPUTED_SUM = "COMPUTED_SUM"
_FLAGS = {
    "NO_NATIONAL_REPORT_DATA": "Cổng không có dữ liệu báo cáo tổng hợp",
    TEMPORARY_DENOMINATOR: "Cổng tính theo mẫu số tạm",
    COMPUTED_SUM: "tổng do phần mềm cộng",
}
# What the archive calls the list of a reading's own answers: no group of the index.
_LIST_OF_ANSWERS = "MANIFEST"

SHEET_NAMES = {
    "province": "Toàn tỉnh",
    "department": "Sở, ban, ngành",
    "district": "Cấp huyện",
    "commune": "Cấp xã",
}
BLOCK_ORDER = ("department", "district", "commune")
_SOURCES = {
    "national_portal": "Cổng Dịch vụ công quốc gia (dichvucong.gov.vn)",
    "legacy_portal": "Cổng Dịch vụ công quốc gia (dichvucong.gov.vn), giao diện dữ liệu trước năm 2026",
    "indicator_file": "tệp số liệu tải từ Cổng Dịch vụ công quốc gia, do cán bộ nạp vào hệ thống",
}
# The levels a unit may stand on, as a check lists them.
_LEVELS = {"country": "cả nước"} | {block: name.lower() for block, name in SHEET_NAMES.items()}
# What only informs (a new unit, a flag) is not a warning of ours.
_INFORMED = "Lưu ý"
STATES = {"passed": "Đạt", "warned": "Cảnh báo", "failed": "Không đạt"}
SEVERITIES = {"fail": "Bắt buộc", "warn": "Cảnh báo", "info": "Thông tin"}
FIELDS = {
    "numerator": "Tử số",
    "denominator": "Mẫu số",
    "ratio_pct": "Tỷ lệ (%)",
    "score": "Điểm",
    "max_score": "Điểm tối đa",
    "value": "Giá trị",
    "quality_flag": "Cờ chất lượng",
    "presence": "Có trong số liệu",
}
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


@dataclass(frozen=True)
class ProvinceNames:
    """How the documents of one province name things.

    ``province``: "tỉnh Phú Thọ"; ``office``: the office that reports; ``block_titles``:
    what stands in the title of each block; ``report_symbol``: the symbol after the number
    the office leaves blank.
    """

    province: str
    office: str
    block_titles: Mapping[str, str] = field(
        default_factory=lambda: {
            "department": "các sở, ban, ngành",
            "district": "UBND cấp huyện",
            "commune": "UBND cấp xã",
        }
    )
    report_symbol: str = "BC-VP"


def band_of(unit: UnitRow, bands: Sequence[Band]) -> str | None:
    """The rating of a unit's total; None without a total or without dossiers (its floor of
    16 points says nothing about its work). ``bands`` descend."""
    if unit.total is None or unit.no_dossiers:
        return None
    return next((band.name for band in bands if unit.total >= band.minimum), None)


def period_label(period_id: str) -> str:
    """ "tháng 7/2026" of ``2026-07``."""
    return Period.parse(period_id).label_vi


def detail_vi(row: QualityRow) -> str:
    """The sentence of a matter of quality; an earlier period is named as documents name it, not by its id."""
    if row.kind not in LOOKS_BACK or row.expected is None:
        return row.detail
    period_id = str(row.expected)
    try:
        return row.detail.replace(f"kỳ {period_id}", period_label(period_id))
    except UnknownName:  # no period: quoted as it is
        return row.detail


def expected_vi(row: QualityRow) -> Decimal | str | None:
    """What a check asked for: a figure as it is; an earlier period, and the levels of units, in words."""
    if not isinstance(row.expected, str):
        return row.expected
    if row.kind in LOOKS_BACK:
        try:
            return period_label(row.expected)
        except UnknownName:  # no period: quoted as it is
            return row.expected
    levels = row.expected.split(", ")
    return "; ".join(_LEVELS[one] for one in levels) if set(levels) <= _LEVELS.keys() else row.expected


def state_vi(state: str, severity: str) -> str:
    """The verdict in words; an unknown state is quoted."""
    if severity == "info" and state == "warned":
        return _INFORMED
    return STATES.get(state, state)


def flag_vi(flag: str) -> str:
    """What a portal flag says; an unknown one is quoted."""
    return _FLAGS.get(flag, f"cờ chất lượng của Cổng {flag}")


def unit_note(unit: UnitRow, group_codes: Sequence[str]) -> str | None:
    """The note column of a unit: what makes its line different from the others."""
    missing = [code for code, score in zip(group_codes, unit.group_scores, strict=True) if score is None]
    notes = []
    if unit.no_dossiers:
        notes.append("Không phát sinh hồ sơ")
    if missing and len(missing) == len(unit.group_scores):
        notes.append("Không có số liệu")
    elif missing:
        notes.append(f"Không có số liệu nhóm {', '.join(missing)}")
    for code, flag in unit.flags:
        # Without dossiers the portal's missing report data is the same fact again.
        if flag in (TEMPORARY_DENOMINATOR, COMPUTED_SUM) or (unit.no_dossiers and flag in _FLAGS):
            continue
        notes.append(f"{code}: {flag_vi(flag)}")
    return "; ".join(notes) or None


def indicator_note(row: IndicatorRow) -> str | None:
    """The note column of a component of the province's table."""
    notes = []
    if row.value is not None:
        decimals = max(0, -int(row.value.normalize().as_tuple().exponent))
        notes.append(f"giá trị {number_vi(row.value, decimals)} {row.value_unit or ''}".strip())
    if row.max_score == 0 or (row.max_score is None and row.value is not None):
        notes.append("chỉ theo dõi, không chấm điểm")
    elif row.max_score is None:
        notes.append("Cổng không công bố điểm riêng")
    if row.inherited:
        notes.append("giá trị chung của tỉnh, không xếp hạng")
    if row.denominator == 0:
        notes.append("không phát sinh trong kỳ")
    elif all(v is None for v in (row.numerator, row.denominator, row.ratio_pct, row.score, row.value)):
        notes.append("không có số liệu")
    if row.quality_flag == TEMPORARY_DENOMINATOR:
        notes.append("* tạm tính: mẫu số tạm")
    elif row.quality_flag not in (None, COMPUTED_SUM):
        notes.append(flag_vi(str(row.quality_flag)))
    text = "; ".join(notes)
    return text[:1].upper() + text[1:] or None


def temporary_codes(units: Sequence[UnitRow]) -> dict[str, int]:
    """Indicator code → number of units whose figure rests on the portal's stand-in denominator."""
    counts: dict[str, int] = {}
    for unit in units:
        for code, flag in unit.flags:
            if flag == TEMPORARY_DENOMINATOR:
                counts[code] = counts.get(code, 0) + 1
    return dict(sorted(counts.items()))


def temporary_footnote(indicators: str) -> str | None:
    """The one footnote of a sheet that explains the asterisk; ``indicators`` names them."""
    if not indicators:
        return None
    return (
        f"* Tạm tính: chỉ số {indicators} được Cổng tính theo mẫu số tạm, chưa có số liệu báo cáo tổng hợp "
        "quốc gia; điểm có thể thay đổi khi Cổng thay mẫu số chính thức."
    )


def change_label(units: Sequence[UnitRow]) -> str:
    """ "tháng 7/2026", or "kỳ trước" when nothing comparable exists."""
    compared = sorted({unit.compared_period_id for unit in units if unit.compared_period_id})
    return ", ".join(period_label(period) for period in compared) or "kỳ trước"


def rank_change_vi(change: int) -> str:
    """ "tăng 2 bậc", "giảm 1 bậc", "giữ nguyên thứ hạng"; positive is better."""
    if change == 0:
        return "giữ nguyên thứ hạng"
    return f"{'tăng' if change > 0 else 'giảm'} {abs(change)} bậc"


def read_between(data: AppendixData) -> str:
    """When the figures were read from the source, Vietnam's time, to the minute."""
    times = [capture.captured_at for capture in data.snapshot.captures] or [data.snapshot.captured_at]
    first, last = time_vi(min(times)), time_vi(max(times))
    return first if first == last else f"từ {first} đến {last}"


def source_line(data: AppendixData) -> str:
    """The foot of every sheet: where the figures come from and when they were read."""
    source = _SOURCES.get(data.snapshot.source, data.snapshot.source)
    if is_trial(data):
        source = "CỔNG THỬ NGHIỆM trên máy này, không phải số liệu chính thức"
    return (
        f"Nguồn: {source}; kỳ số liệu: {data.period.label_vi}; "
        f"thời điểm chụp số liệu: {read_between(data)} (giờ Việt Nam)."
    )


def capture_vi(capture: Capture) -> str:
    """What a capture holds: "nhóm CKMB, trang 1", "toàn bộ", or the list of the answers of one reading."""
    if capture.group_code == _LIST_OF_ANSWERS:
        return "danh mục các câu trả lời của lần chụp"
    what = f"nhóm {capture.group_code}" if capture.group_code else "toàn bộ"
    return what if capture.page is None else f"{what}, trang {capture.page}"


def table_notes(data: AppendixData, notes: Sequence[str | None]) -> str:
    """Notes and source below a table as one text: a page break may stand before it, never inside it."""
    lines = [note if note.startswith("*") else f"\u2013 {note}" for note in notes if note]
    return "\n".join(["Ghi chú:", *lines, source_line(data)])


def is_trial(data: AppendixData) -> bool:
    """Whether any capture came from a server on this machine: such figures must not pass for the portal's."""
    hosts = {urlsplit(capture.address).hostname for capture in data.snapshot.captures if capture.address}
    return bool(hosts & {"127.0.0.1", "localhost", "::1"})


def period_title(data: AppendixData) -> str:
    """The period of a title, with the warning a running period needs."""
    warnings = [
        words
        for words, holds in (
            ("số liệu tạm thời", data.snapshot.provisional),
            ("số liệu thử nghiệm", is_trial(data)),
        )
        if holds
    ]
    return data.period.label_vi + (f" ({', '.join(warnings)})" if warnings else "")


def provisional_note(data: AppendixData) -> str | None:
    """A sentence for figures read before their period had ended."""
    if not data.snapshot.provisional:
        return None
    return (
        f"Số liệu tạm thời: được chụp khi {data.period.label_vi} chưa kết thúc (ngày cuối kỳ: "
        f"{data.period.last_day:%d/%m/%Y}), còn thay đổi đến hết kỳ."
    )


def comparison_notes(data: AppendixData, *, compared: bool) -> list[str]:
    """What a reader must know of the columns that compare with the previous like period.

    ``compared``: whether anything has been compared with it.
    """
    before = data.period.previous()
    if not compared:
        return [f"{no_comparison(data.period)}; các cột tăng, giảm để trống."]
    notes = []
    if data.snapshot.provisional and not data.compared_provisional:
        notes.append(
            f"Mức tăng, giảm so số liệu tạm thời của {data.period.label_vi} với cả {before.label_vi}: chỉ để "
            "theo dõi, chưa phải kết quả của kỳ."
        )
    if data.compared_provisional:
        notes.append(
            f"Kỳ so sánh ({before.label_vi}) mới có số liệu tạm thời, được chụp khi kỳ đó chưa kết thúc: "
            "mức tăng, giảm còn thay đổi khi đọc lại kỳ đó."
        )
    return notes


def no_comparison(period: Period) -> str:
    """Why a period is compared with nothing: another series (never subtracted across), or nothing there."""
    before, began = period.previous(), _series_began(period.first_day)
    if began is not None and before.first_day < began:
        return f"Không so sánh với {before.label_vi} vì Cổng đổi cách tính Bộ chỉ số từ ngày {began:%d/%m/%Y}"
    return "Không có kỳ trước cùng loại để so sánh"


def _series_began(day: date) -> date | None:
    """The first day of the series in force on a day; None where no edition of the catalogue covers it."""
    editions = load_editions()
    for edition in editions:
        if edition.valid_from <= day and (edition.valid_to is None or day <= edition.valid_to):
            return min(other.valid_from for other in editions if other.series == edition.series)
    return None
