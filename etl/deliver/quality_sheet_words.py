"""What the quality sheet tells, in Vietnamese: sections of sentences and tables, every string fit to be shown.

Sources' texts and names go out ``shown`` (unseen characters spelt, long ones cut); figures are written the
Vietnamese way with all their decimals. A missing figure is "—", never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from etl.deliver.appendix_data import QualityRow, Restatement
from etl.deliver.appendix_words import (
    SEVERITIES,
    comparison_notes,
    detail_vi,
    expected_vi,
    provisional_note,
    source_line,
    state_vi,
    temporary_codes,
    temporary_footnote,
)
from etl.deliver.digitization_notes import blank_measures, lacking
from etl.deliver.digitization_words import days_vi
from etl.deliver.open_data_tables import restated_besides
from etl.deliver.quality_sheet_sources import compared_section, sources_section, walk_back_section
from etl.deliver.quality_sheet_table import Section, Table, cut, figure
from etl.deliver.report import PRELIMINARY, Report
from etl.deliver.restatement_words import restated_field, restated_indicator, restated_value
from etl.deliver.sheet_text import number_vi, time_vi
from etl.inbox.receipt_words import shown

# A third of a sheet of paper each; the open data's table dinh_chinh has every line.
RESTATEMENTS_SHOWN = 12
_UNITS_NAMED = 12
_PARTS = ("Bộ chỉ số (Cổng Dịch vụ công quốc gia)", "Số hóa hồ sơ (số liệu của tỉnh)")
_STATE_ORDER = {"failed": 0, "warned": 1, "passed": 2}
_CHECK, _HELD = "check", "quarantine"
_TEMPORARY = ("provisional", "flag", "group")
_MISSING = ("missing_unit", "new_unit", "block")
_CHECK_COLUMNS = (
    ("STT", "number"), ("Nội dung phải bảo đảm [mã kiểm tra]", "text"), ("Mức độ", "word"), ("Yêu cầu", "text"),
    ("Quan sát được", "text"), ("Kết quả", "verdict"),
)  # fmt: skip
# A value held back was not published: it is no failure of what is.
_FAILS = (_CHECK, "group")

Matters = tuple[tuple[QualityRow, ...], tuple[QualityRow, ...]]


@dataclass(frozen=True)
class Told:
    """The sheet in words. ``facts`` are (label, value); ``banner`` is empty for official, final figures."""

    office: str
    title: str
    subtitle: str
    banner: tuple[str, ...]
    verdict: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...]
    sections: tuple[Section, ...]
    foot: tuple[str, ...]


def tell(report: Report) -> Told:
    """The sheet in words. Raises ValueError where a time has no zone."""
    matters: Matters = (
        report.indicators.quality,
        report.digitization.quality if report.digitization else (),
    )
    verdict, summary = _verdict(report, matters)
    names = report.names
    return Told(
        office=shown(names.office),
        title="PHIẾU CHẤT LƯỢNG SỐ LIỆU",
        subtitle=f"Báo cáo {report.period.label_vi} của {shown(names.province)}",
        banner=tuple(
            words
            for words, holds in (
                ("SỐ LIỆU MẪU, không phải số liệu chính thức", report.is_sample),
                (
                    "BÁO CÁO SƠ BỘ: kỳ số liệu chưa kết thúc, số liệu còn thay đổi",
                    report.stage == PRELIMINARY,
                ),
            )
            if holds
        ),
        verdict=verdict,
        summary=summary,
        facts=_facts(report),
        gaps=tuple(shown(gap) for gap in report.gaps),
        sections=(
            _checks(report, matters),
            _temporary(report, matters),
            _missing(report, matters),
            _held(report, matters),
            _restated(report),
            compared_section(report),
            sources_section(report),
            walk_back_section(),
        ),
        foot=(source_line(report.indicators), "“—”: không có số liệu; không bao giờ có nghĩa là 0."),
    )


def _verdict(report: Report, matters: Matters) -> tuple[str, str]:
    """The whole in one word, and the counts behind it."""
    rows = [row for part in matters for row in part]
    checks = Counter(row.state for row in rows if row.kind == _CHECK)
    restated = len(report.earlier.changes if report.earlier else report.indicators.restatements)
    told = [
        f"Kiểm tra: {number_vi(checks['passed'])} đạt, {number_vi(checks['warned'])} cảnh báo, "
        f"{number_vi(checks['failed'])} không đạt",
        f"giá trị điều chỉnh {'từ lần phát hành trước' if report.earlier else 'sau khi kỳ kết thúc'}: "
        f"{number_vi(restated)}",
    ]
    noted = sum(row.kind != _CHECK and row.state != "passed" for row in rows)
    told.append(f"điểm cần lưu ý khác: {number_vi(noted)}")
    summary = "; ".join(told) + "."
    if any(row.kind in _FAILS and row.state == "failed" for row in rows):
        return "CÓ NỘI DUNG KHÔNG ĐẠT", summary
    if not checks:
        return "CHƯA CÓ KIỂM TRA NÀO ĐƯỢC GHI NHẬN", summary
    if report.stage == PRELIMINARY or report.gaps or restated or any(row.state != "passed" for row in rows):
        return "ĐẠT, CÓ ĐIỂM CẦN LƯU Ý", summary
    return "MỌI KIỂM TRA ĐỀU ĐẠT", summary


def _facts(report: Report) -> tuple[tuple[str, str], ...]:
    form = report.digitization
    return (
        (
            "Kỳ báo cáo",
            f"{report.period.label_vi} ({'sơ bộ' if report.stage == PRELIMINARY else 'chính thức'})",
        ),
        (
            "Kỳ số liệu Bộ chỉ số",
            report.portal_period.label_vi
            + (" (chưa kết thúc khi đọc)" if report.indicators.snapshot.provisional else ""),
        ),
        (
            "Kỳ số liệu số hóa",
            days_vi(report.window.first, report.window.last)
            + ("" if form else ": chưa có số liệu")
            + (" (số liệu tạm)" if form and form.provisional else ""),
        ),
        ("Số liệu mới nhất", f"đọc lúc {time_vi(report.stated_at)} (giờ Việt Nam)"),
        ("Phát hành trước đó", _earlier(report)),
    )


def _earlier(report: Report) -> str:
    if report.earlier is None:
        return "chưa có"
    return f"lần {number_vi(report.earlier.number)}, lúc {time_vi(report.earlier.released_at)}"


# ------------------------------------------------------------------ checks


def _checks(report: Report, matters: Matters) -> Section:
    tables, silent = [], []
    for part, rows in zip(_PARTS, matters, strict=True):
        found = _ordered(row for row in rows if row.kind == _CHECK)
        if not found:
            silent.append(f"{part}: không có kiểm tra nào được ghi nhận.")
            continue
        rows_shown = tuple(
            (number_vi(number), _what(row), _severity(row), _expected(row), figure(row.observed), _state(row))
            for number, row in enumerate(found, start=1)
        )
        tables.append(Table(_CHECK_COLUMNS, rows_shown, part))
    note = "“a/b”: a dòng không bảo đảm trong b dòng được kiểm tra." if tables else ""
    return Section("Kiểm tra số liệu", tuple(silent), tuple(tables), (note,))


def _what(row: QualityRow) -> str:
    """What must hold, and the rule's name by which a technician finds it."""
    return f"{shown(detail_vi(row))} [{shown(row.subject)}]" if row.subject else shown(detail_vi(row))


def _state(row: QualityRow) -> str:
    if row.kind == _HELD and row.state == "failed":
        return "Giữ lại"
    return shown(state_vi(row.state, row.severity))


def _ordered(rows: Iterator[QualityRow]) -> list[QualityRow]:
    """What asks for attention first."""
    return sorted(rows, key=lambda row: (_STATE_ORDER.get(row.state, 3), row.subject, row.detail))


def _severity(row: QualityRow) -> str:
    return shown(SEVERITIES.get(row.severity, row.severity))


def _expected(row: QualityRow) -> str:
    return figure(expected_vi(row))


# ------------------------------------------------------------------ provisional, missing, held back


def _matter_table(matters: Matters, kinds: Sequence[str]) -> tuple[Table, ...]:
    """The lines of some kinds of both parts in one table; none where there is no such line."""
    rows = [
        (part.partition(" (")[0], shown(detail_vi(row)), figure(row.observed), _state(row))
        for part, told in zip(_PARTS, matters, strict=True)
        for kind in kinds
        for row in _ordered(one for one in told if one.kind == kind)
    ]
    columns = (("Phần", "word"), ("Nội dung", "text"), ("Quan sát được", "text"), ("Kết quả", "verdict"))
    return (Table(columns, tuple(rows)),) if rows else ()


def _temporary(report: Report, matters: Matters) -> Section:
    data = report.indicators
    tables = _matter_table(matters, (*_TEMPORARY, *_unknown_kinds(matters)))
    sentences = [note for note in (provisional_note(data),) if note]
    if report.digitization and report.digitization.provisional:
        sentences.append("Số liệu số hóa là số tạm: được gửi khi kỳ chưa kết thúc, còn thay đổi đến hết kỳ.")
    if data.moved_while_running:
        sentences.append(
            f"{number_vi(data.moved_while_running)} giá trị thay đổi giữa các lần chụp khi {data.period.label_vi} "
            "chưa kết thúc: số liệu đang lũy kế, không phải Cổng điều chỉnh số đã chốt."
        )
    sentences += [
        f"{note.rstrip('.')}." for note in comparison_notes(data, compared=report.compared_period is not None)
    ]
    footnote = temporary_footnote(", ".join(temporary_codes(data.units)))
    if not sentences and not tables and not footnote:
        sentences.append("Không có.")
    return Section("Số liệu tạm, cờ của Cổng, nhóm không đầy đủ", tuple(sentences), tables, (footnote or "",))


def _unknown_kinds(matters: Matters) -> list[str]:
    """Kinds nobody has named here are told all the same."""
    known = {_CHECK, _HELD, *_TEMPORARY, *_MISSING}
    return sorted({row.kind for part in matters for row in part} - known)


def _missing(report: Report, matters: Matters) -> Section:
    sentences = list(_units_without_figures(report))
    notes: list[str] = []
    if report.digitization is None:
        sentences.append("Số hóa hồ sơ: kỳ này chưa có số liệu của tỉnh.")
    else:
        sentences += [f"Số hóa hồ sơ. {shown(sentence)}" for sentence in lacking(report.digitization)]
        if blank := blank_measures(report.digitization):
            sentences.append(f"Mẫu biểu số hóa nhận được không có cột: {', '.join(blank)}.")
        if any(len(total.missing_units) > _UNITS_NAMED for total in report.digitization.totals):
            notes.append(
                "Danh sách đủ các đơn vị thiếu: cột missing_units của bảng so_hoa_khoi trong dữ liệu mở."
            )
    tables = _matter_table(matters, _MISSING)
    if not sentences and not tables:
        sentences.append("Không có.")
    return Section("Đơn vị và khối thiếu, đơn vị mới", tuple(sentences), tables, tuple(notes))


def _units_without_figures(report: Report) -> Iterator[str]:
    for words, units in (
        ("không có tổng điểm trên Cổng", [one for one in report.indicators.units if one.total is None]),
        ("không phát sinh hồ sơ, điểm không phản ánh kết quả",
         [one for one in report.indicators.units if one.no_dossiers]),
    ):  # fmt: skip
        if units:
            rest = len(units) - _UNITS_NAMED
            named = "; ".join(shown(one.unit_name, 120) for one in units[:_UNITS_NAMED])
            more = (
                f" và {number_vi(rest)} đơn vị khác (đủ ở bảng chi_so_don_vi của dữ liệu mở)"
                if rest > 0
                else ""
            )
            yield f"Bộ chỉ số. {number_vi(len(units))} đơn vị {words}: {named}{more}."


def _held(report: Report, matters: Matters) -> Section:
    tables = _matter_table(matters, (_HELD,))
    files = report.digitization.files if report.digitization else ()
    held = sum(file.rows_quarantined for file in files)
    sentences = []
    if files:
        sentences.append(
            f"Tệp số hóa: đưa vào kho {number_vi(sum(file.rows_published for file in files))} dòng, giữ lại "
            f"{number_vi(held)} dòng."
        )
    if not tables and not held:
        sentences.append("Không có giá trị nào bị giữ lại.")
    else:
        sentences.append("Giá trị bị giữ lại không được đưa vào số liệu và không thay bằng 0.")
    return Section("Dòng, giá trị bị giữ lại", tuple(sentences), tables)


# ------------------------------------------------------------------ restatements


def _restated(report: Report) -> Section:
    others = restated_besides(report)
    tables = []
    if report.earlier is None:
        sentences = ["Từ lần phát hành trước: kỳ này chưa phát hành lần nào trước báo cáo này."]
    else:
        recent = report.earlier.changes
        sentences = [
            f"Từ lần phát hành trước ({_earlier(report)}): {number_vi(len(recent))} giá trị thay đổi."
        ]
        if recent:
            tables.append(_changes(recent, "Thay đổi từ lần phát hành trước"))
    sentences.append(f"Tất cả các lần đọc: {_of_all(report)}.")
    if others:
        tables.append(_changes(others, "Điều chỉnh khác" if report.earlier else "Các giá trị đã điều chỉnh"))
    return Section("Điều chỉnh số liệu (đính chính)", tuple(sentences), tuple(tables))


def _of_all(report: Report) -> str:
    period, count = report.portal_period.label_vi, len(report.indicators.restatements)
    if count:
        return f"nguồn đã điều chỉnh {number_vi(count)} giá trị của {period} sau khi kỳ kết thúc"
    if report.indicators.snapshot.provisional:
        return f"{period} chưa kết thúc khi đọc, chưa có giá trị đã chốt để điều chỉnh"
    return f"nguồn chưa điều chỉnh giá trị nào của {period} sau khi kỳ kết thúc"


def _changes(changes: Sequence[Restatement], caption: str) -> Table:
    rows, more = cut(
        (
            (
                number_vi(number),
                shown(row.unit_name, 120),
                shown(restated_indicator(row.indicator_code)),
                shown(restated_field(row.field)),
                _value(row, row.old_value),
                _value(row, row.new_value),
                time_vi(row.old_captured_at),
                time_vi(row.new_captured_at),
            )
            for number, row in enumerate(changes, start=1)
        ),
        RESTATEMENTS_SHOWN,
        "bảng dinh_chinh của dữ liệu mở",
    )
    columns = (
        ("STT", "number"), ("Đơn vị", "text"), ("Chỉ số", "word"), ("Đại lượng", "text"), ("Giá trị cũ", "number"),
        ("Giá trị mới", "number"), ("Đọc giá trị cũ lúc", "word"), ("Đọc giá trị mới lúc", "word"),
    )  # fmt: skip
    return Table(columns, rows, caption, more)


def _value(row: Restatement, value: Decimal | str | None) -> str:
    return figure(restated_value(row.field, value))
