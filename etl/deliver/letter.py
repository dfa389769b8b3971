"""The report letter (duty D2): the index results of one report period as a Word document laid out by Decree 30/2020.

Everything is told from one ``Report``. Fixed words and layout stand in a Word template the office may edit, the
recommendations in a file of rules; both are shipped in the folder ``letter`` beside this file. Number, date and
signature stay blank: a person issues it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.deliver.appendix_data import Restatement
from etl.deliver.appendix_words import (
    TEMPORARY_DENOMINATOR,
    ProvinceNames,
    comparison_notes,
    detail_vi,
    provisional_note,
    source_line,
    temporary_codes,
)
from etl.deliver.digitization_words import days_vi
from etl.deliver.letter_digitization import (
    digitization_intro,
    digitization_remarks,
    digitization_rows,
    digitization_total,
)
from etl.deliver.letter_docx import Properties, plain_text, render_docx
from etl.deliver.letter_losses import lateness, told_losses
from etl.deliver.letter_rules import load_rules, recommendations
from etl.deliver.letter_units import group_rows, group_total, groups_remark, overall, unit_blocks
from etl.deliver.letter_words import (
    block_title,
    capital,
    changed,
)
from etl.deliver.report import PRELIMINARY, Report
from etl.deliver.sheet_conventions import WorkbookStyle, load_workbook_style
from etl.deliver.sheet_text import number_vi, time_vi
from etl.periods import VIETNAM

FOLDER = Path(__file__).parent / "letter"
LETTER_TEMPLATE, RULES = FOLDER / "mau-bao-cao.docx", FOLDER / "kien-nghi.yml"
# The letter tells the first of them; the rest are in the correction page and the quality sheet.
_CHANGES_TOLD = 3
_GAPS_TOLD = 12
# Decree 30/2020: a place named after a person keeps its whole name in the place line.
_NAMED_AFTER_A_PERSON = ("Hồ Chí Minh",)
_LEVELS = ("tỉnh", "thành phố")


def render_letter(
    report: Report,
    *,
    template: Path | None = None,
    rules: Path | None = None,
    style: WorkbookStyle | None = None,
) -> bytes:
    """The letter of a report as .docx: the same bytes for the same report, template and rules.

    ``template`` and ``rules`` default to the shipped ones; their names and conditions are listed in
    ``etl/deliver/letter/README.md``. Raises Terminal where either is broken, and says what to mend.
    """
    told = recommendations(report, load_rules(rules or RULES))
    values = letter_head(report) | {
        "ket_qua_chung": overall(report, (style or load_workbook_style()).bands),
        "nhom": group_rows(report),
        "nhom_tong": group_total(report),
        "nhan_xet_nhom": groups_remark(report),
        "don_vi_theo_khoi": unit_blocks(report),
        "mat_diem": told_losses(report),
        "tre_han": lateness(report) or "",
        "so_hoa_chung": digitization_intro(report),
        "so_hoa": digitization_rows(report.digitization) if report.digitization else [],
        "so_hoa_tong": digitization_total(report.digitization) if report.digitization else {},
        "so_hoa_luu_y": digitization_remarks(report.digitization) if report.digitization else [],
        "han_che": _gaps(report),
        "dieu_chinh": _restated(report),
        "kien_nghi": [{"stt": str(number), "noi_dung": text} for number, text in enumerate(told, 1)],
        "nguon": plain_text(source_line(report.indicators), longest=600),
    }
    title = f"Báo cáo kết quả thực hiện Bộ chỉ số, {report.period.label_vi}, {report.names.province}"
    return render_docx(template or LETTER_TEMPLATE, values, properties(report, title))


def properties(report: Report, title: str) -> Properties:
    """What the document says of itself: its office, and the time of the newest figure."""
    return Properties(title, report.names.office, report.stated_at)


def letter_head(report: Report) -> dict[str, object]:
    """What the heads of letter and correction page share: agencies, place, year, periods, marks."""
    names = report.names
    province = plain_text(names.province)
    level = next((word for word in _LEVELS if province.lower().startswith(f"{word} ")), "tỉnh")
    return {
        "tinh": province,
        "cap": level,
        "co_quan": plain_text(names.office),
        "co_quan_chu_quan": "ỦY BAN NHÂN DÂN",
        "co_quan_chu_quan_2": province.upper(),
        "co_quan_ban_hanh": _own_name(names).upper(),
        "ky_hieu": plain_text(names.report_symbol),
        "dia_danh": _place(province),
        "nam": str(max(report.due_on.year, report.stated_at.astimezone(VIETNAM).year)),
        "ky_bao_cao": report.period.label_vi,
        "ky_so_lieu": report.portal_period.label_vi,
        "ky_so_sanh": report.compared_period.label_vi if report.compared_period else "kỳ trước",
        "co_so_sanh": report.compared_period is not None,
        "pham_vi": _scope(report),
        "dau": marks(report),
        "giai_thich_dau": _marks_explained(report),
        "cac_khoi": _addressees(report),
    }


def marks(report: Report) -> str:
    """What must be seen on every page: "SỐ LIỆU TẠM", "SỐ LIỆU MẪU", both, or nothing."""
    words = (("SỐ LIỆU TẠM", report.stage == PRELIMINARY), ("SỐ LIỆU MẪU", report.is_sample))
    return " - ".join(word for word, holds in words if holds)


def _marks_explained(report: Report) -> str:
    told = []
    if report.stage == PRELIMINARY:
        told.append(
            f"Số liệu tạm: lập khi kỳ số liệu (đến hết ngày {report.window.last:%d/%m/%Y}) chưa kết thúc, được thay "
            "bằng bản chính thức sau ngày đó."
        )
    if report.is_sample:
        told.append(
            "Số liệu mẫu: dùng để thử hệ thống, không phải số liệu của cơ quan nào, không có giá trị báo cáo."
        )
    return " ".join(told)


def _own_name(names: ProvinceNames) -> str:
    """ "Văn phòng" of "Văn phòng UBND tỉnh Phú Thọ": the committee stands on the line above."""
    office = plain_text(names.office)
    return office.removesuffix(plain_text(names.province)).strip().removesuffix("UBND").strip() or office


def _place(province: str) -> str:
    for level in _LEVELS:
        name = province[len(level) :].strip()
        if province.lower().startswith(f"{level} ") and name not in _NAMED_AFTER_A_PERSON:
            return name
    return capital(province)


def _scope(report: Report) -> str:
    """Which days each half of the report is of: the two calendars are never the same."""
    data = report.indicators
    running = ""
    if data.snapshot.provisional:
        running = f", đọc ngày {time_vi(data.snapshot.captured_at)[:10]} khi kỳ chưa kết thúc"
    return (
        f"Điểm số {report.portal_period.label_vi} trên Cổng Dịch vụ công quốc gia{running}; số liệu số hóa hồ sơ "
        f"{days_vi(report.window.first, report.window.last)}"
    )


def _addressees(report: Report) -> list[str]:
    """The blocks of units among the addressees, in the province's own order."""
    blocks = {unit.block for unit in report.indicators.units}
    return [
        capital(block_title(block, report.names)) for block in report.names.block_titles if block in blocks
    ]


def _gaps(report: Report) -> list[str]:
    """What is missing or provisional, less what the section on digitization has told already.

    ``report.gaps`` is what the inputs lacked when the draft was made; what the figures themselves say is told here:
    a period that still runs, the portal's stand-in denominators (domain brief, §6.6), units that went.
    """
    said = set(digitization_remarks(report.digitization)) if report.digitization else set()
    sentences = dict.fromkeys((*report.gaps, *_told_by_the_figures(report)))
    told = [text for text in (plain_text(one, longest=500) for one in sentences) if text not in said]
    if len(told) > _GAPS_TOLD:
        rest = len(told) - _GAPS_TOLD
        told = [
            *told[:_GAPS_TOLD],
            f"Và {number_vi(rest)} nội dung khác, nêu tại Phiếu chất lượng số liệu.",
        ]
    return told or ["Không ghi nhận số liệu tạm thời hoặc còn thiếu ngoài các nội dung đã nêu."]


def _told_by_the_figures(report: Report) -> list[str]:
    data = report.indicators
    codes = dict.fromkeys(temporary_codes(data.units))
    codes |= dict.fromkeys(
        row.indicator_code for row in data.indicators if row.quality_flag == TEMPORARY_DENOMINATOR
    )
    stand_in = (
        f"Chỉ số {', '.join(codes)}: Cổng tính theo mẫu số tạm, điểm có thể thay đổi." if codes else None
    )
    found = [provisional_note(data), stand_in]
    compared = report.compared_period is not None
    found += comparison_notes(data, compared=True) if compared else []
    found += [detail_vi(row) for row in data.quality if row.kind == "missing_unit"]
    return [sentence for sentence in found if sentence]


def _restated(report: Report) -> list[str]:
    """What the sources have changed since the last release; without one, since an earlier reading."""
    earlier = report.earlier
    if earlier is not None:
        released = f"lần phát hành {earlier.number} ({time_vi(earlier.released_at)})"
        if not earlier.changes:
            return [f"So với {released}, không có số liệu nào của nguồn được điều chỉnh."]
        return [
            f"So với {released}, nguồn đã điều chỉnh {number_vi(len(earlier.changes))} giá trị (đủ danh sách tại "
            f"bảng dinh_chinh của dữ liệu mở): {_changes(report, earlier.changes)}."
        ]
    changes = report.indicators.restatements
    if not changes and report.indicators.snapshot.provisional:
        return [
            f"{capital(report.portal_period.label_vi)} chưa kết thúc: số liệu thay đổi giữa các lần đọc là bình thường, "
            "không phải điều chỉnh."
        ]
    if not changes:
        return ["Không ghi nhận điều chỉnh số liệu của kỳ này sau khi kỳ kết thúc."]
    return [
        f"Sau lần đọc đầu, Cổng đã điều chỉnh {number_vi(len(changes))} giá trị của {report.portal_period.label_vi} "
        f"(đủ danh sách tại Phụ lục); báo cáo dùng giá trị mới nhất: {_changes(report, changes)}."
    ]


def _changes(report: Report, changes: Sequence[Restatement]) -> str:
    told = [changed(one, report.indicators.groups) for one in changes[:_CHANGES_TOLD]]
    rest = len(changes) - _CHANGES_TOLD
    return "; ".join(told) + (f"; và {number_vi(rest)} giá trị khác" if rest > 0 else "")
