"""What a receipt tells a person, in Vietnamese: one telling that page and terminal both print.

Strings come in as the file's sender and other parts of the program wrote them and go out
``shown``: control, direction-changing and invisible characters spelt (``[U+202E]``), long values cut.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from etl.deliver.digitization_words import MEASURE_NAMES, block_vi, days_vi, measure_vi, period_vi
from etl.deliver.sheet_text import clean_text, number_vi, time_vi
from etl.inbox.receipt_data import FIRST_COLUMN, Receipt, Refusal, locate
from etl.sources.digitization import LIST_SOURCE, MEASURES

# Page and terminal list so many refused cells (about six sheets of paper) and say how many more; JSON has all.
REFUSALS_SHOWN = 200
_UNITS_NAMED = 30
_LONGEST_OBSERVED = 300
LONGEST_FILE_NAME, LONGEST_VALUE, LONGEST_TEXT = 160, 80, 700

# Format, private use, surrogate, unassigned, line and paragraph separators: nothing a reader would see.
_UNSEEN = frozenset(("Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
# Vietnamese stacks two marks on a letter; a pile of them paints over the lines above.
_MARKS_ON_A_LETTER = 3

_IGNORED = {
    "section": "tiêu đề khối",
    "total": "dòng tổng",
    "numbering": "dòng đánh số cột",
    "footer": "phần cuối biểu",
    "note": "ghi chú",
    "title": "dòng tên biểu",
    "not_received": "hồ sơ chưa được tiếp nhận",
    "outside_window": "hồ sơ ngoài kỳ",
}

# What a refused cell may stand in besides a measure.
_FIELDS = {"unit_name": "Đơn vị", "unit_code": "Mã đơn vị", "block": "Khối"}
# The same words mean other columns in a dossier list.
_DOSSIER_FIELDS = {
    "code": "Mã hồ sơ",
    "status": "Trạng thái",
    "received": "Ngày tiếp nhận",
    "due": "Ngày hẹn trả",
    "finished": "Ngày kết thúc xử lý",
    "channel": "Kênh thực hiện",
    "components_digitized": "Số hóa thành phần hồ sơ",
    "components_reused": "Tái sử dụng thành phần hồ sơ",
    "reused_from_portal": "Tái sử dụng từ Cổng DVCQG",
    "result_digitized": "Số hóa kết quả giải quyết",
    "unit": "Đơn vị",
    "procedure": "Mã thủ tục hành chính",
}

Tone = Literal["good", "part", "bad", "known"]


@dataclass(frozen=True)
class Told:
    """A receipt in words. ``refusals`` are rows (sheet, row, column, value, message, rule)."""

    tone: Tone
    title: str
    summary: str
    steps: tuple[str, ...]
    reason: str | None
    reason_rule: str
    refusals: tuple[tuple[str, str, str, str, str, str], ...]
    refusals_more: int
    facts: tuple[tuple[str, str], ...]
    rows: str | None
    blocks: tuple[tuple[str, str, str, bool], ...]
    figure_blocks: tuple[str, ...]
    figures: tuple[tuple[str, tuple[str, ...]], ...]
    checks: tuple[tuple[str, str, bool], ...]
    notes: tuple[str, ...]
    is_sample: bool
    foot: str


def shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """``text`` fit to be looked at: one line, composed letters, nothing that hides or reorders its neighbours.

    What ``clean_text`` does for cells, and every other format character of Unicode (zero width, direction
    marks, tags) spelt out too. Longer than ``longest`` characters is cut and says so.
    """
    # Cut first: a CSV field may have any length, and composing never makes more of it.
    rest = len(text) - longest
    text = clean_text(" ".join(unicodedata.normalize("NFC", text[:longest]).split()), longest=longest)
    visible: list[str] = []
    marks = 0
    for character, run in groupby(text):
        count = len(list(run))
        marks = marks + count if unicodedata.combining(character) else 0
        if unicodedata.category(character) in _UNSEEN or marks > _MARKS_ON_A_LETTER:
            times = f" ×{count}" if count > 1 else ""
            visible.append(f"[U+{ord(character):04X}{times}]")
        else:
            visible.append(character * count)
    return "".join(visible) + (f"… (còn {number_vi(rest)} ký tự)" if rest > 0 else "")


def tell(receipt: Receipt) -> Told:
    """The receipt in words. Raises ValueError where ``received_at`` has no time zone, UnknownName where
    ``period_id`` is none."""
    tone, title, summary = _headline(receipt)
    figures = {figure.block: figure.measures for figure in receipt.figures}
    return Told(
        tone=tone,
        title=title,
        summary=summary,
        steps=_steps(receipt),
        reason=_reason(receipt),
        reason_rule=shown(receipt.refusal.rule) if receipt.refusal else "",
        refusals=tuple(_refused(one, _fields(receipt)) for one in _in_place(receipt)[:REFUSALS_SHOWN]),
        refusals_more=max(0, len(receipt.refusals) - REFUSALS_SHOWN),
        facts=_facts(receipt),
        rows=_rows(receipt),
        blocks=_blocks(receipt),
        figure_blocks=tuple(shown(block_vi(block)) for block in figures),
        figures=tuple(
            (measure_vi(measure), tuple(_figure(figures[block].get(measure)) for block in figures))
            for measure in MEASURES
            if any(values.get(measure) is not None for values in figures.values())
        ),
        checks=tuple(
            (shown(check.title_vi) + _observed(check.observed, check.expected), shown(check.rule),
             check.severity == "fail")
            for check in receipt.checks
        ),
        notes=tuple(shown(note) for note in receipt.notes_vi),
        is_sample=receipt.is_sample,
        foot=_foot(receipt),
    )  # fmt: skip


def _headline(receipt: Receipt) -> tuple[Tone, str, str]:
    held = receipt.rows_quarantined or sum(one.severity == "fail" for one in receipt.refusals)
    lacking = sum(len(block.missing_units) for block in receipt.blocks)
    nothing = "Không có số liệu nào của tệp này được đưa vào kho số liệu."
    trial = receipt.state == "checked"
    prefix = "KIỂM TRA THỬ: " if trial else ""
    if receipt.state == "refused" or receipt.refusal:
        title = "TỆP SẼ BỊ TRẢ LẠI" if trial else "TRẢ LẠI, CHƯA TIẾP NHẬN"
        return "bad", prefix + title, nothing
    if receipt.state == "already_known":
        return (
            "known",
            "ĐÃ NHẬN TRƯỚC ĐÂY",
            "Nội dung tệp giống hệt tệp đã tiếp nhận trước đây; số liệu không thay đổi.",
        )
    if receipt.withheld:
        return (
            "part",
            prefix + "ĐÃ LƯU, CHƯA DÙNG",
            "Kỳ này đã có số liệu đầy đủ hơn; tệp được lưu lại nhưng không thay thế số liệu đang dùng.",
        )
    loaded = "Đây là kiểm tra thử: chưa nạp số liệu nào." if trial else ""
    if receipt.partly:
        text = f"{number_vi(held)} dòng có lỗi bị giữ lại, không tính vào số liệu; các dòng còn lại hợp lệ."
        title = "CHỈ TIẾP NHẬN ĐƯỢC MỘT PHẦN" if trial else "ĐÃ TIẾP NHẬN MỘT PHẦN"
        return "part", prefix + title, f"{text} {loaded}".strip()
    if lacking:
        title = "HỢP LỆ, CÒN THIẾU ĐƠN VỊ" if trial else "ĐÃ TIẾP NHẬN, CÒN THIẾU ĐƠN VỊ"
        text = f"Mọi dòng đều hợp lệ, nhưng còn thiếu {number_vi(lacking)} đơn vị."
        return "part", prefix + title, f"{text} {loaded}".strip()
    if trial:
        return "good", prefix + "TỆP HỢP LỆ", loaded
    return "good", "ĐÃ TIẾP NHẬN", "Tệp đã được đọc, kiểm tra và đưa vào kho số liệu."


def _steps(receipt: Receipt) -> tuple[str, ...]:
    """What the receipt's maker says is to be done, else what follows from its state; a remedy comes first."""
    given = tuple(shown(step) for step in receipt.what_to_do_vi)
    if not given:
        return _usual_steps(receipt)
    remedy = shown(receipt.refusal.remedy_vi) if receipt.refusal else ""
    return ((remedy,) if remedy and remedy not in given else ()) + given


def _usual_steps(receipt: Receipt) -> tuple[str, ...]:
    again = "Nộp lại tệp đã sửa vào thư mục tiếp nhận; tên tệp đặt thế nào cũng được."
    if receipt.refusal:
        return (shown(receipt.refusal.remedy_vi), again)
    if receipt.state == "refused":
        return ("Sửa các lỗi nêu dưới đây.", again)
    if receipt.state == "already_known":
        return ("Không phải làm gì thêm. Nếu định nộp số liệu mới, hãy kiểm tra lại đã chọn đúng tệp chưa.",)
    steps: list[str] = []
    if receipt.withheld:
        steps.append(
            "Nếu tệp này mới đúng thì bổ sung cho đủ các đơn vị; nếu không thì không phải làm gì thêm."
        )
    if receipt.partly:
        steps.append("Sửa các dòng nêu ở bảng dưới đây ngay trên tệp gốc.")
    if any(block.missing_units for block in receipt.blocks):
        steps.append("Bổ sung số liệu của các đơn vị còn thiếu (nêu ở mục “Đơn vị”).")
    if steps:
        steps.append("Nộp lại cả tệp, không chỉ các dòng đã sửa; bản mới thay cho bản cũ.")
    if receipt.checks or any(one.severity == "warn" for one in receipt.refusals):
        steps.append("Xem lại các cảnh báo; nếu số liệu đúng như vậy thì không phải làm gì thêm.")
    if receipt.state == "checked" and not steps:
        steps.append("Nộp tệp này vào thư mục tiếp nhận.")
    return tuple(steps) or ("Không phải làm gì thêm.",)


def _reason(receipt: Receipt) -> str | None:
    if receipt.refusal is None:
        return None
    reason = shown(receipt.refusal.message_vi)
    if receipt.refusal.locator:
        place = locate(receipt.refusal.locator)
        cell = f"{place.letter or FIRST_COLUMN}{place.row}"
        where = f"trang tính “{place.sheet}”, ô {cell}" if place.sheet else receipt.refusal.locator
        reason += f" Vị trí: {shown(where)}."
    return reason


def _in_place(receipt: Receipt) -> list[Refusal]:
    """As a person goes through the file: by sheet, then by row; what was taken all the same comes last."""
    return sorted(receipt.refusals, key=lambda one: (one.severity == "warn", one.sheet or "", one.row or 0))


def _fields(receipt: Receipt) -> Mapping[str, str]:
    of_list = (receipt.layout or "").startswith(LIST_SOURCE)
    return MEASURE_NAMES | _FIELDS | (_DOSSIER_FIELDS if of_list else {})


def _refused(one: Refusal, fields: Mapping[str, str]) -> tuple[str, str, str, str, str, str]:
    column = shown(fields.get(one.column, one.column), LONGEST_VALUE) if one.column else ""
    if one.letter:
        column = f"{one.letter}: {column}" if column else one.letter
    row = str(one.row) if one.row is not None else shown(one.locator or "", LONGEST_VALUE)
    value = "" if one.value is None else shown(one.value, LONGEST_VALUE)
    message = ("" if one.severity == "fail" else "Vẫn nhận, cần xem lại: ") + shown(one.message_vi)
    return (
        shown(one.sheet or "", LONGEST_VALUE), row, column, value, message, shown(one.rule)
    )  # fmt: skip


def _facts(receipt: Receipt) -> tuple[tuple[str, str], ...]:
    days = ""
    if receipt.period_start and receipt.period_end:
        days = days_vi(receipt.period_start, receipt.period_end)
    period = period_vi(receipt.period_id, receipt.window_kind) if receipt.period_id else ""
    facts = (
        ("Tên tệp", shown(receipt.file_name, LONGEST_FILE_NAME)),
        ("Nội dung", shown(receipt.kind_vi or "chưa nhận ra được")),
        ("Mẫu biểu", shown(receipt.layout or "")),
        ("Tỉnh, thành phố", shown(receipt.province_vi or receipt.province_code or "")),
        ("Kỳ số liệu", period),
        ("Ngày số liệu", days),
        ("Thời điểm nhận", f"{time_vi(receipt.received_at)} (giờ Việt Nam)"),
        ("Dung lượng", f"{number_vi(receipt.size_bytes)} byte"),
    )
    return tuple((label, value) for label, value in facts if value)


def _rows(receipt: Receipt) -> str | None:
    if receipt.rows_read is None:
        return None
    parts = [
        (receipt.rows_published, "dòng hợp lệ"),
        (receipt.rows_quarantined, "dòng bị giữ lại"),
        (receipt.rows_ignored, "dòng không tính"),
    ]
    told = " + ".join(f"{number_vi(count)} {words}" for count, words in parts if count is not None)
    text = f"Đã đọc {number_vi(receipt.rows_read)} dòng" + (f" = {told}" if told else "")
    kinds = _by_kind(receipt.rows_ignored_by_kind)
    return f"{text} ({kinds})." if kinds else f"{text}."


def _by_kind(ignored: Mapping[str, int]) -> str:
    return ", ".join(
        f"{shown(_IGNORED.get(kind, kind))}: {number_vi(count)}" for kind, count in ignored.items() if count
    )


def _blocks(receipt: Receipt) -> tuple[tuple[str, str, str, bool], ...]:
    """(block, "20/22 đơn vị", the missing by name, whether it is whole)."""
    told = []
    for block in receipt.blocks:
        of = f"/{number_vi(block.expected_units)}" if block.expected_units is not None else ""
        missing = "; ".join(shown(name, LONGEST_VALUE) for name in block.missing_units[:_UNITS_NAMED])
        if len(block.missing_units) > _UNITS_NAMED:
            missing += f"; và {number_vi(len(block.missing_units) - _UNITS_NAMED)} đơn vị khác"
        whole = block.complete if block.complete is not None else not block.missing_units
        told.append((shown(block_vi(block.block)), f"{number_vi(block.units)}{of} đơn vị", missing, whole))
    return tuple(told)


def _figure(value: int | None) -> str:
    return "" if value is None else number_vi(value)


def _observed(observed: str | None, expected: str | None) -> str:
    told = [
        f"{words}: {shown(value, _LONGEST_OBSERVED)}"
        for words, value in (("thấy", observed), ("yêu cầu", expected))
        if value
    ]
    return f" ({'; '.join(told)})" if told else ""


def _foot(receipt: Receipt) -> str:
    parts = [f"SHA-256 của tệp: {shown(receipt.sha256)}"]
    if receipt.snapshot_id:
        parts.append(f"mã bản số liệu: {shown(receipt.snapshot_id)}")
    parts.append(f"phần mềm: {shown(receipt.software)}")
    return "; ".join(parts)
