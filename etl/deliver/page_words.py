"""The page's sentences: title, what the periods are, notices before the figures, the key figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from etl.deliver.appendix_words import (
    band_of,
    comparison_notes,
    no_comparison,
    period_label,
    provisional_note,
    rank_change_vi,
    read_between,
)
from etl.deliver.digitization_data import DigitizationData
from etl.deliver.digitization_words import WHOLE_PROVINCE, day_vi, days_vi
from etl.deliver.page_cells import Cell, number, quantity
from etl.deliver.page_digitization import results_share
from etl.deliver.report import PRELIMINARY, Report
from etl.deliver.sheet_conventions import Band
from etl.deliver.sheet_text import number_vi, time_vi

TITLE = "Kết quả thực hiện Bộ chỉ số phục vụ người dân, doanh nghiệp"
FULL_TITLE = (
    "Bộ chỉ số chỉ đạo, điều hành và đánh giá chất lượng phục vụ người dân, doanh nghiệp trong thực hiện thủ tục "
    "hành chính, dịch vụ công theo thời gian thực trên môi trường điện tử (Quyết định số 766/QĐ-TTg)"
)


@dataclass(frozen=True)
class Banner:
    """What nobody may overlook: a few words and a sentence."""

    words: str
    sentence: str


@dataclass(frozen=True)
class KeyFigure:
    """One figure of the overview: what it is, the figure, what stands behind it small, and a sentence below."""

    label: str
    figure: Cell
    after: str
    sentence: str


def banners(report: Report) -> list[Banner]:
    """SỐ LIỆU MẪU and SỐ LIỆU TẠM, where they hold."""
    found = []
    if report.is_sample:
        found.append(
            Banner(
                "Số liệu mẫu",
                "Số liệu đọc từ cổng thử nghiệm, không phải số liệu chính thức; không sử dụng để báo cáo.",
            )
        )
    if report.stage == PRELIMINARY:
        found.append(
            Banner(
                "Số liệu tạm",
                f"Lập trước khi kỳ số liệu số hóa kết thúc (hết ngày {day_vi(report.window.last)}); "
                "sẽ được thay bằng số liệu chính thức của kỳ.",
            )
        )
    elif report.indicators.snapshot.provisional:
        found.append(
            Banner("Số liệu tạm", str(provisional_note(report.indicators)).removeprefix("Số liệu tạm thời: "))
        )
    return [Banner(one.words, one.sentence[:1].upper() + one.sentence[1:]) for one in found]


def notices(report: Report) -> list[str]:
    """What lacks or is provisional: the report's own gaps, and what its comparisons rest on."""
    sentences = list(report.gaps)
    data = report.indicators
    if report.stage == PRELIMINARY and (note := provisional_note(data)):
        sentences.append(note)
    if report.digitization is None and not any("số hóa" in sentence for sentence in report.gaps):
        sentences.append(f"Chưa có số liệu số hóa hồ sơ {days_vi(report.window.first, report.window.last)}.")
    sentences += comparison_notes(data, compared=report.compared_period is not None)
    return list(dict.fromkeys(sentences))


def facts(report: Report) -> list[tuple[str, str]]:
    """(term, words): the report's period, the periods of its two inputs, when they were read."""
    rows = [
        ("Kỳ báo cáo", report.period.label_vi),
        ("Bộ chỉ số", f"{report.portal_period.label_vi} trên Cổng Dịch vụ công quốc gia"),
        ("Số hóa hồ sơ", days_vi(report.window.first, report.window.last)),
        ("Đọc số liệu", f"{read_between(report.indicators)} (Cổng)" + _received(report.digitization)),
    ]
    return [(term, text[:1].upper() + text[1:]) for term, text in rows]


def _received(data: DigitizationData | None) -> str:
    return "" if data is None else f"; {time_vi(data.stated_at)} (biểu số hóa); giờ Việt Nam"


def key_figures(report: Report, bands: Sequence[Band]) -> list[KeyFigure]:
    """Total, rank, change and the share of digitized results."""
    return [_total(report, bands), _rank(report), _change(report), _results(report)]


def _total(report: Report, bands: Sequence[Band]) -> KeyFigure:
    own = report.indicators.province
    band = band_of(own, bands) if own else None
    return KeyFigure(
        "Tổng điểm",
        number(own.total if own else None),
        "/100 điểm",
        f"Xếp loại theo quy ước: {band}" if band else "Chưa có tổng điểm của kỳ này",
    )


def _rank(report: Report) -> KeyFigure:
    national = report.indicators.national
    label = "Xếp hạng toàn quốc"
    if national is None:
        return KeyFigure(label, quantity(None), "", "Chưa có bảng xếp hạng các tỉnh, thành phố của kỳ này")
    after = f"/{number_vi(national.ranked_provinces)} tỉnh, thành phố"
    if national.rank is None:
        return KeyFigure(label, quantity(None), after, "Không có hạng trong bảng toàn quốc")
    sentence = f"Theo bảng đọc lúc {time_vi(national.captured_at)}"
    if national.compared_period_id and national.rank_change is not None:
        moved = rank_change_vi(national.rank_change)
        sentence = f"{moved[:1].upper()}{moved[1:]} so với {period_label(national.compared_period_id)}"
    own = report.indicators.province
    if national.total is not None and (own is None or own.total != national.total):
        # The national page and the six groups are read apart and need not agree.
        sentence += f"; bảng này ghi {number_vi(national.total, 2)} điểm"
    return KeyFigure(label, quantity(national.rank), after, sentence)


def _change(report: Report) -> KeyFigure:
    own = report.indicators.province
    if own is None or own.total_change is None or own.compared_period_id is None:
        return KeyFigure("Tăng, giảm", number(None), "", no_comparison(report.portal_period))
    return KeyFigure(
        "Tăng, giảm",
        number(own.total_change, signed=True),
        "điểm",
        f"So với {period_label(own.compared_period_id)}",
    )


def _results(report: Report) -> KeyFigure:
    label, data = "Số hóa kết quả giải quyết", report.digitization
    if data is None:
        return KeyFigure(label, number(None), "", "Chưa có số liệu số hóa của kỳ này")
    total = data.total(WHOLE_PROVINCE)
    measures = total.measures if total else {}
    nine, ten = measures.get("results_not_digitized"), measures.get("results_digitized")
    counts = "Chưa đủ số liệu để cộng toàn tỉnh"
    if nine is not None and ten is not None:
        counts = f"Đã số hóa {number_vi(ten)} / {number_vi(nine + ten)} kết quả"
        if total and not total.complete:
            counts += " của các đơn vị có số liệu"
    return KeyFigure(label, number(results_share(data)), "%", counts)
