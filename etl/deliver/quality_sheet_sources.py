"""The quality sheet's sections on where figures come from: agreement with the portal, bytes, the way back to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from etl.deliver.appendix_data import Capture
from etl.deliver.appendix_words import capture_vi
from etl.deliver.digitization_data import Compared
from etl.deliver.digitization_words import (
    COMPARED,
    VERDICTS,
    days_vi,
    measure_vi,
    period_vi,
    verdict_vi,
)
from etl.deliver.quality_sheet_table import NONE, Section, Table, cut, figure, signed
from etl.deliver.report import Report
from etl.deliver.sheet_text import number_vi, time_vi
from etl.inbox.receipt_words import shown

# A third of a sheet of paper; the appendix workbook has every line.
DIFFERENCES_SHOWN = 10
_SOURCES = {
    "national_portal": "Cổng DVCQG",
    "legacy_portal": "Cổng DVCQG (trước 2026)",
    "indicator_file": "Tệp tải từ Cổng",
    "digitization_form": "Biểu số hóa",
    "dossier_list": "Danh sách hồ sơ",
}


def compared_section(report: Report) -> Section:
    """How the province's own system agrees with the portal: per measure, then the largest disagreements."""
    title = "Đối soát hệ thống của tỉnh với Cổng Dịch vụ công quốc gia"
    compared = report.digitization.compared if report.digitization else ()
    if not compared:
        return Section(title, ("Chưa có số liệu của cả hai bên để đối soát kỳ này.",))
    worst = sorted(
        (row for row in compared if row.verdict == "disagrees"),
        key=lambda row: (-abs(row.difference or 0), row.unit_name, row.unit_id, row.measure),
    )
    tables = [_per_measure(compared)]
    if worst:
        tables.append(_worst(worst))
    return Section(
        title,
        (*_windows(compared), "" if worst else "Không có đơn vị nào lệch ngoài mức do khác kỳ."),
        tuple(tables),
        (
            "“Lệch do khác kỳ”: hai bên tính trên những ngày khác nhau và phần lệch không lớn hơn phần số liệu "
            "tương ứng với những ngày chỉ một bên có. “Không khớp”: phần lệch lớn hơn thế, cần rà soát. Tổng chỉ "
            "gồm các đơn vị mà cả hai bên có số liệu.",
        ),
    )


def _windows(compared: Sequence[Compared]) -> list[str]:
    pairs = sorted({(row.provincial_days, row.portal_period_id, row.portal_days) for row in compared})
    told = [
        f"Số liệu của tỉnh: {days_vi(*own)}; số liệu của Cổng: {period_vi(period)}, {days_vi(*portal)}"
        + (" (cùng kỳ)." if own == portal else " (khác kỳ).")
        for own, period, portal in pairs
    ]
    if any(row.portal_provisional for row in compared):
        told.append("Số liệu của Cổng là số tạm: được đọc khi kỳ của Cổng chưa kết thúc.")
    return told


def _per_measure(compared: Sequence[Compared]) -> Table:
    measures = [*COMPARED, *sorted({row.measure for row in compared} - set(COMPARED))]
    verdicts = [*VERDICTS, *sorted({row.verdict for row in compared} - set(VERDICTS))]
    rows = []
    for measure in measures:
        of_measure = [row for row in compared if row.measure == measure]
        if not of_measure:
            continue
        counts = Counter(row.verdict for row in of_measure)
        both = [
            (row.provincial, row.portal)
            for row in of_measure
            if row.provincial is not None and row.portal is not None
        ]
        own, portal = sum(pair[0] for pair in both), sum(pair[1] for pair in both)
        sums = (figure(own), figure(portal), signed(own - portal)) if both else (NONE,) * 3
        rows.append(
            (
                shown(measure_vi(measure)) + (f" ({COMPARED[measure]})" if measure in COMPARED else ""),
                *(number_vi(counts[verdict]) for verdict in verdicts),
                *sums,
            )
        )
    return Table(
        (
            ("Đại lượng (so với)", "text"),
            *((shown(verdict_vi(verdict)), "number") for verdict in verdicts),
            ("Tổng của tỉnh", "number"),
            ("Tổng của Cổng", "number"),
            ("Chênh lệch", "number"),
        ),
        tuple(rows),
        "Số đơn vị theo kết luận đối soát và tổng số hồ sơ của hai bên",
    )


def _worst(worst: Sequence[Compared]) -> Table:
    rows, more = cut(
        (
            (
                number_vi(number),
                shown(row.unit_name, 120),
                shown(measure_vi(row.measure)),
                figure(row.provincial),
                figure(row.portal),
                signed(row.difference),
                signed(row.difference_pct, 2),
            )
            for number, row in enumerate(worst, start=1)
        ),
        DIFFERENCES_SHOWN,
        "trang Đối chiếu với Cổng của biểu số hóa (tệp bảng tính)",
    )
    columns = (
        ("STT", "number"), ("Đơn vị", "text"), ("Đại lượng", "text"), ("Của tỉnh", "number"), ("Của Cổng", "number"),
        ("Chênh lệch", "number"), ("Chênh lệch (%)", "number"),
    )  # fmt: skip
    return Table(columns, rows, "Các chỗ không khớp, chênh lệch lớn nhất trước", more)


def sources_section(report: Report) -> Section:
    """Snapshots the figures were published in, and every piece of bytes behind them with its whole hash."""
    return Section(
        "Bản chụp số liệu và mã băm của dữ liệu gốc",
        (),
        (_snapshots(report), _captures(report)),
        ("Thời điểm theo giờ Việt Nam.",),
    )


def _snapshots(report: Report) -> Table:
    portal = report.indicators.snapshot
    rows = [
        (
            shown(_SOURCES.get(portal.source, portal.source)),
            report.portal_period.label_vi,
            time_vi(portal.captured_at),
            f"{number_vi(portal.rows)} dòng, {number_vi(portal.units)} đơn vị",
            "Số tạm" if portal.provisional else "Số của kỳ đã kết thúc",
            shown(portal.snapshot_id),
        )
    ]
    rows += [
        (
            shown(_SOURCES.get(file.source, file.source)),
            period_vi(file.period_id),
            time_vi(file.received_at),
            f"{number_vi(file.rows_published)} dòng; giữ lại {number_vi(file.rows_quarantined)}",
            "Số tạm" if file.provisional else "Số của kỳ đã kết thúc",
            shown(file.snapshot_id),
        )
        for file in (report.digitization.files if report.digitization else ())
    ]
    columns = (
        ("Nguồn", "text"), ("Kỳ số liệu", "text"), ("Chụp, nhận lúc", "word"), ("Đưa vào kho", "text"),
        ("Tình trạng", "text"), ("Mã bản chụp", "hash"),
    )  # fmt: skip
    return Table(columns, tuple(rows), "Bản chụp đã dùng")


def _captures(report: Report) -> Table:
    rows = [
        (_what(capture), time_vi(capture.captured_at), number_vi(capture.size_bytes), shown(capture.sha256))
        for capture in report.indicators.snapshot.captures
    ]
    national = report.indicators.national
    if national is not None and national.capture_sha256 is not None:
        rows.append(
            (
                "Cổng DVCQG, bảng toàn quốc",
                time_vi(national.captured_at),
                NONE,
                shown(national.capture_sha256),
            )
        )
    rows += [
        (
            f"{shown(_SOURCES.get(file.source, file.source))} {period_vi(file.period_id)}",
            time_vi(file.received_at),
            number_vi(file.size_bytes),
            shown(file.sha256),
        )
        for file in (report.digitization.files if report.digitization else ())
    ]
    columns = (
        ("Dữ liệu gốc", "text"),
        ("Chụp, nhận lúc", "word"),
        ("Số byte", "number"),
        ("SHA-256", "hash"),
    )
    return Table(columns, tuple(rows), "Dữ liệu gốc, lưu nguyên từng byte")


def _what(capture: Capture) -> str:
    what = capture_vi(capture)
    return shown(", ".join(part for part in (what[:1].upper() + what[1:], capture.endpoint or "") if part))


def walk_back_section() -> Section:
    """How a reader gets from a number of the report to the bytes it was read from."""
    return Section(
        "Cách lần từ một con số về dữ liệu gốc",
        steps=(
            "Tìm dòng của con số trong kho: bảng mart.indicator_scores (Bộ chỉ số) hoặc mart.digitization (số hóa), "
            "theo tỉnh, kỳ, đơn vị, chỉ số (lệnh bochiso sql). Cột capture_sha256 là mã băm của dữ liệu gốc, cột "
            "locator là vị trí của con số trong đó. Với số cộng từ các tháng, locator nêu các tháng; tìm tiếp ở "
            "dòng của từng tháng.",
            "Mở dữ liệu gốc: tệp archive/objects/<hai ký tự đầu của mã băm>/<mã băm> trong thư mục dữ liệu của hệ thống.",
            "Kiểm tra tệp còn nguyên: lệnh sha256sum cho đúng mã băm nêu ở trên.",
            "Đọc con số tại locator: đường dẫn JSON trong câu trả lời của Cổng, hoặc trang tính và dòng trong tệp "
            "được nộp.",
            "Người ngoài hệ thống: bảng nguon của dữ liệu mở ghi cùng các mã băm này; tệp SHA256SUMS đi kèm xác nhận "
            "các tệp dữ liệu mở còn nguyên.",
        ),
    )
