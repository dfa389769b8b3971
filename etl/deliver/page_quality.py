"""The page's account of its figures: checks, flags, what is missing, what was restated, and the bytes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from etl.deliver.appendix_data import Capture, QualityRow, Restatement
from etl.deliver.appendix_words import SEVERITIES, capture_vi, detail_vi, expected_vi, state_vi
from etl.deliver.digitization_data import HandedIn
from etl.deliver.digitization_words import period_vi
from etl.deliver.page_cells import Cell, Column, Row, Table, either, quantity, words
from etl.deliver.report import Report
from etl.deliver.restatement_words import restated_field, restated_indicator, restated_value
from etl.deliver.sheet_text import time_vi
from etl.sources.digitization import FORM_SOURCE, LIST_SOURCE

# An open period may move by thousands of values; the open data holds them all.
RESTATEMENTS_SHOWN = 200
HASH_DIGITS = 12
_INDEX, _DIGITIZATION = "Bộ chỉ số", "Số hóa hồ sơ"
_KINDS = {
    "check": "Kiểm tra số liệu",
    "group": "Nhóm không đầy đủ",
    "provisional": "Số liệu tạm thời",
    "flag": "Cờ chất lượng của Cổng",
    "missing_unit": "Đơn vị thiếu",
    "new_unit": "Đơn vị mới",
    "quarantine": "Giá trị bị giữ lại",
}
_STATE_ORDER = {"failed": 0, "warned": 1, "passed": 2}
_FILES = {FORM_SOURCE: "Biểu số hóa", LIST_SOURCE: "Danh sách hồ sơ"}
_SOURCES = {
    "national_portal": "Cổng Dịch vụ công quốc gia",
    "legacy_portal": "Cổng Dịch vụ công quốc gia (giao diện trước năm 2026)",
    "indicator_file": "Tệp số liệu tải từ Cổng",
}


def quality_counts(report: Report) -> str:
    """One sentence on the checks of both kinds of figures."""
    states = [row.state for _, row in _rows(report) if row.kind == "check"]
    return (
        f"{states.count('passed')} kiểm tra đạt, {states.count('warned')} cảnh báo, "
        f"{states.count('failed')} không đạt."
    )


def quality_table(report: Report) -> Table | None:
    """Every check, flag, missing or new unit and held-back value; the worst first. None where nothing is told."""
    rows = sorted(
        _rows(report),
        key=lambda one: (
            list(_KINDS).index(one[1].kind) if one[1].kind in _KINDS else len(_KINDS),
            _STATE_ORDER.get(one[1].state, 3), one[0], one[1].subject, one[1].detail,
        ),
    )  # fmt: skip
    if not rows:
        return None
    return Table(
        name="bang-kiem-tra",
        caption="Kết quả kiểm tra số liệu của kỳ báo cáo",
        columns=(
            Column("Nội dung"),
            Column("Loại"),
            Column("Số liệu"),
            Column("Mức độ"),
            Column("Kết quả"),
            Column("Giá trị quan sát", numeric=True),
            Column("Giá trị yêu cầu", numeric=True),
            Column("Mã, đối tượng"),
        ),
        rows=tuple(
            Row(
                (
                    words(detail_vi(row) or row.subject),
                    words(_KINDS.get(row.kind, row.kind)),
                    words(about),
                    words(SEVERITIES.get(row.severity, row.severity)),
                    words(state_vi(row.state, row.severity), sort=_STATE_ORDER.get(row.state, 3)),
                    either(row.observed),
                    either(expected_vi(row)),
                    words(row.subject),
                )
            )
            for about, row in rows
        ),
    )


def _rows(report: Report) -> list[tuple[str, QualityRow]]:
    rows = [(_INDEX, row) for row in report.indicators.quality]
    if report.digitization is not None:
        rows += [(_DIGITIZATION, row) for row in report.digitization.quality]
    return rows


def restatements_table(name: str, caption: str, changes: Sequence[Restatement]) -> Table | None:
    """What the source changed between two readings: the first 200, then how many more. None where nothing was."""
    if not changes:
        return None
    hidden = len(changes) - RESTATEMENTS_SHOWN
    return Table(
        name=name,
        caption=caption,
        columns=(
            Column("Đơn vị"),
            Column("Chỉ số"),
            Column("Đại lượng"),
            Column("Giá trị cũ", numeric=True),
            Column("Giá trị mới", numeric=True),
            Column("Đọc giá trị cũ lúc"),
            Column("Đọc giá trị mới lúc"),
        ),
        rows=tuple(
            Row(
                (
                    words(change.unit_name),
                    words(restated_indicator(change.indicator_code)),
                    words(restated_field(change.field)),
                    _restated(change.field, change.old_value),
                    _restated(change.field, change.new_value),
                    words(time_vi(change.old_captured_at), sort=int(change.old_captured_at.timestamp())),
                    words(time_vi(change.new_captured_at), sort=int(change.new_captured_at.timestamp())),
                )
            )
            for change in changes[:RESTATEMENTS_SHOWN]
        ),
        notes=(f"Còn {hidden} giá trị điều chỉnh không in ở đây; đủ danh sách có trong gói dữ liệu mở.",)
        if hidden > 0
        else (),
    )


def _restated(field: str, value: Decimal | str | None) -> Cell:
    """A restated value; none at that reading is a missing figure."""
    shown = restated_value(field, value)
    return Cell(None, "") if shown is None else either(shown)


def sources_table(report: Report) -> Table:
    """One line a captured answer or file: what, when, how large, its hash (the full one when opened)."""
    rows = [_capture_row(report, capture) for capture in report.indicators.snapshot.captures]
    if report.digitization is not None:
        rows += [_file_row(file) for file in report.digitization.files]
    return Table(
        name="bang-nguon",
        caption="Các lần đọc số liệu đứng sau trang này",
        columns=(
            Column("Nguồn"),
            Column("Nội dung"),
            Column("Đọc lúc", "giờ Việt Nam"),
            Column("Dung lượng", "byte", numeric=True),
            Column("Mã băm SHA-256", "12 ký tự đầu"),
            Column("Mã bản chụp"),
        ),
        rows=tuple(rows),
        sortable=False,
    )


def _capture_row(report: Report, capture: Capture) -> Row:
    snapshot = report.indicators.snapshot
    return Row(
        (
            words(_SOURCES.get(snapshot.source, snapshot.source)),
            words(f"{_INDEX} {report.portal_period.label_vi}: {capture_vi(capture)}"),
            words(time_vi(capture.captured_at)),
            quantity(capture.size_bytes),
            words(capture.sha256[:HASH_DIGITS], full=capture.sha256),
            words(snapshot.snapshot_id),
        )
    )


def _file_row(file: HandedIn) -> Row:
    return Row(
        (
            words(_FILES.get(file.source, file.source)),
            words(
                f"{_DIGITIZATION} {period_vi(file.period_id)}"
                + (" (số liệu tạm)" if file.provisional else "")
            ),
            words(time_vi(file.received_at)),
            quantity(file.size_bytes),
            words(file.sha256[:HASH_DIGITS], full=file.sha256),
            words(file.snapshot_id),
        )
    )
