"""The report letter: its figures are the report's, its sentences read well when parts are missing."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal

import docx
import pytest
from docx.oxml.ns import qn
from report_cases import (
    bare_report,
    earlier_release,
    hostile_report,
    indicators_data,
    preliminary_report,
    quarter_report,
    report,
    sample_report,
    year_report,
)

from etl.deliver.appendix_data import QualityRow, UnitRow
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.letter import render_letter
from etl.deliver.letter_losses import losses, told_losses
from etl.deliver.letter_units import unit_blocks
from etl.deliver.report import Report
from etl.periods import Period, window_of

CASES: Mapping[str, Callable[[], Report]] = {
    "month": report,
    "quarter": quarter_report,
    "year": year_report,
    "preliminary": preliminary_report,
    "sample": sample_report,
    "bare": bare_report,
    "hostile": hostile_report,
}


def opened(of: Report) -> docx.document.Document:
    return docx.Document(io.BytesIO(render_letter(of)))


def words(content: bytes) -> str:
    """Every text of the body in reading order, tables among paragraphs."""
    body = docx.Document(io.BytesIO(content)).element.body
    return "\n".join("".join(p.itertext(qn("w:t"))) for p in body.iter(qn("w:p")))


def text_of(of: Report) -> str:
    return words(render_letter(of))


def renamed(of: Report, **changes: object) -> Report:
    return dataclasses.replace(of, indicators=dataclasses.replace(of.indicators, **changes))


# ------------------------------------------------------------------ the figures are the report's


def vi(value: Decimal | None, *, signed: bool = False) -> str:
    """Written here anew: the letter's own number writer is what is judged."""
    if value is None:
        return "—"
    sign = "\u2212" if value < 0 else "+" if signed and value > 0 else ""
    return sign + f"{abs(value):,.2f}".translate(str.maketrans(",.", ".,"))


@pytest.mark.parametrize("name", ["month", "quarter", "year", "bare"])
def test_the_table_of_groups_is_the_reports(name: str) -> None:
    of = CASES[name]()
    table = next(t for t in opened(of).tables if t.cell(0, 1).text == "Nhóm chỉ số")
    rows = [[cell.text for cell in row.cells] for row in table.rows][1:]
    assert len(rows) == 7
    for row, group in zip(rows, of.groups, strict=False):
        share = (
            None if group.score is None else (100 * group.score / group.max_score).quantize(Decimal("0.01"))
        )
        assert row[1:] == [
            group.name, str(group.max_score), vi(group.score), vi(share), vi(group.change, signed=True),
        ]  # fmt: skip
    total = of.indicators.province.total
    assert rows[6][1:4] == ["Tổng điểm", "100", vi(total)]
    assert sum(vi(group.score) == "—" for group in of.groups) == (1 if name == "bare" else 0)


def test_total_rank_change_and_both_periods_are_told() -> None:
    text = text_of(report())
    assert "kỳ báo cáo tháng 9/2026" in text
    assert "Điểm số tháng 8/2026 trên Cổng Dịch vụ công quốc gia" in text
    assert "số liệu số hóa hồ sơ từ ngày 15/08/2026 đến ngày 14/09/2026" in text
    assert "đạt 66,53/100 điểm; xếp thứ 19/34 tỉnh, thành phố có xếp hạng" in text
    assert "So với tháng 7/2026: giảm 1,35 điểm, giảm 2 bậc." in text
    assert "quy ước, để tham khảo (không phải quy định của pháp luật): Trung bình." in text
    assert "Bảng xếp hạng toàn quốc, đọc lúc" not in text


def test_a_national_total_that_differs_is_told() -> None:
    data = indicators_data()
    other = dataclasses.replace(data.national, total=Decimal("66.60"))
    assert "ghi tổng điểm của tỉnh là 66,60" in text_of(report(indicators=indicators_data(national=other)))


def test_a_tie_of_provinces_is_told() -> None:
    plain = report()
    tied = tuple(
        dataclasses.replace(one, rank=19) if one.province_code == plain.ranking[19].province_code else one
        for one in plain.ranking
    )
    assert "đồng hạng với 1 tỉnh, thành phố khác" in text_of(report(ranking=tied))


def test_the_year_is_not_compared_across_the_series_break() -> None:
    text = text_of(year_report())
    assert "Không so sánh với năm 2025 vì Cổng đổi cách tính Bộ chỉ số từ ngày 01/01/2026" in text
    assert "Tăng, giảm so với kỳ trước" in text
    assert "Giảm nhiều nhất" not in text


def test_a_change_against_another_period_than_the_reports_is_not_told() -> None:
    text = text_of(report(compared_period=None))
    assert "giảm 1,35 điểm" not in text
    assert "giảm 2 bậc" not in text
    assert "−1,35" not in text


def test_a_running_quarter_says_so() -> None:
    text = text_of(quarter_report())
    assert (
        "Điểm số quý III/2026 trên Cổng Dịch vụ công quốc gia, đọc ngày 15/09/2026 khi kỳ chưa kết thúc"
        in text
    )
    assert "kỳ này chưa kết thúc, chỉ so sánh để theo dõi" in text


def test_missing_parts_leave_whole_sentences_and_never_a_zero() -> None:
    text = text_of(bare_report())
    assert "Tổng điểm của tỉnh Phú Thọ trong tháng 8/2026: chưa có số liệu (chưa đủ sáu nhóm chỉ số)" in text
    assert "chưa có số liệu xếp hạng toàn quốc của kỳ này" in text
    assert "Nhóm Mức độ hài lòng: chưa có số liệu" in text
    assert "chưa có số liệu thống kê số hóa kết quả giải quyết (cột 9, cột 10)" in text
    assert not re.search(r"None|\{|\}|;\s*\.|\.\.|\s,|:\s*\.", text)
    empty = renamed(
        bare_report(groups=()), province=None, indicators=(), units=(),
    )  # fmt: skip
    text = text_of(empty)
    assert "Chưa có số liệu điểm của các chỉ số thành phần." in text
    assert not re.search(r"None|\{|\}|\b0,00\b", text)


def province_of_2023(**changes: object) -> Report:
    """The letter's own province and month: districts, group scores alone, a series with no component maxima."""
    names = ProvinceNames("tỉnh Bà Rịa - Vũng Tàu", "Văn phòng UBND tỉnh Bà Rịa - Vũng Tàu")
    data = indicators_data()
    units = tuple(
        dataclasses.replace(one, block="district" if one.block == "commune" else one.block)
        for one in data.units
    )
    april = indicators_data(
        period=Period.parse("2023-04"), units=units, national=None, restatements=(),
        indicators=tuple(row for row in data.indicators if row.level != "component"), quality=(),
        snapshot=dataclasses.replace(data.snapshot, captured_at=datetime(2023, 5, 15, 21, 0, tzinfo=UTC)),
    )  # fmt: skip
    may = Period.parse("2023-05")
    return report(
        names=names, province_code="H06", period=may, window=window_of(may), due_on=date(2023, 5, 17),
        indicators=april, components=(), digitization=None, compared_period=Period.parse("2023-03"), gaps=(), **changes,
    )  # fmt: skip


def test_a_month_of_2023_with_districts_and_groups_alone() -> None:
    text = text_of(province_of_2023())
    assert "kỳ báo cáo tháng 5/2023" in text
    assert "Điểm số tháng 4/2023" in text
    assert "Bà Rịa - Vũng Tàu, ngày" in text
    assert "năm 2023" in text
    assert "b) UBND cấp huyện: " in text
    assert "- Nhóm Số hóa hồ sơ: đạt 10,75/22 điểm, mất 11,25 điểm." in text
    assert "Thêm 1 điểm phần trăm" not in text
    assert "hai lần" not in text
    assert not re.search(r"None|2026", text.partition("- Nguồn:")[0])


# ------------------------------------------------------------------ units


def block(of: Report, number: int) -> str:
    return unit_blocks(of)[number]["noi_dung"]


def test_strongest_and_weakest_with_ties_and_without_idle_units() -> None:
    departments, communes = block(report(), 0), block(report(), 1)
    assert "Thấp nhất: Sở Nông nghiệp và Môi trường (50,00 điểm, hạng 13)" in departments
    assert "Không phát sinh hồ sơ, không đánh giá: Thanh tra tỉnh" in departments
    assert "16,00" not in departments + communes
    assert "Cao nhất: UBND xã Đoan Hùng, UBND xã Tây Cốc (cùng 82,88 điểm, đồng hạng 1)" in communes
    assert "Thấp nhất: UBND xã Cẩm Khê, UBND xã Phú Khê (cùng 47,06 điểm, đồng hạng 20)" in communes
    assert "Chưa có tổng điểm: UBND xã Lai Đồng" in communes
    assert "dưới 50 điểm: 0 đơn vị" in departments  # 50,00 is not below 50
    assert "dưới 50 điểm: 2 đơn vị" in communes


def of_totals(*totals: str | None) -> Report:
    ordered = sorted((Decimal(t) for t in totals if t is not None), reverse=True)
    units = tuple(
        UnitRow("commune", f"Xã {place}", (None,) * 6, None if t is None else Decimal(t),
                None if t is None else 1 + sum(o > Decimal(t) for o in ordered))
        for place, t in enumerate(totals, 1)
    )  # fmt: skip
    return report(indicators=indicators_data(units=units), components=())


@pytest.mark.parametrize(
    ("totals", "told", "not_told"),
    [
        (("70",), "Kết quả: Xã 1 (70,00 điểm, hạng 1)", "Thấp nhất"),
        (("70", "70", "70"), "Tất cả cùng đạt 70,00 điểm", "Cao nhất"),
        (
            ("70", "60"),
            "Cao nhất: Xã 1 (70,00 điểm, hạng 1). Thấp nhất: Xã 2 (60,00 điểm, hạng 2)",
            "Kết quả",
        ),
        (("60", "70", "60"), "Thấp nhất: Xã 1, Xã 3 (cùng 60,00 điểm, đồng hạng 2)", "Kết quả"),
        ((None,), "Chưa có đơn vị nào có số liệu để đánh giá", "Cao nhất"),
        (
            ("90", *["50"] * 9),
            "Xã 2, Xã 3, Xã 4, Xã 5 và 5 đơn vị khác (cùng 50,00 điểm, đồng hạng 2)",
            "Kết quả",
        ),
    ],
)
def test_edges_of_small_and_tied_blocks(totals: tuple[str | None, ...], told: str, not_told: str) -> None:
    text = block(of_totals(*totals), 0)
    assert told in text
    assert not_told not in text


def test_no_unit_is_strongest_and_weakest_at_once() -> None:
    for count in range(2, 12):
        text = block(of_totals(*(str(90 - n) for n in range(count))), 0)
        best, _, rest = text.partition("Thấp nhất: ")
        names = lambda part: set(re.findall(r"Xã \d+", part.partition("Từ 80")[0]))  # noqa: E731
        assert names(best)
        assert names(rest)
        assert not names(best) & names(rest)


# ------------------------------------------------------------------ lost points


def test_losses_are_maximum_less_score_the_largest_first() -> None:
    found = losses(report())
    rows = {row.indicator_code: row for row in report().indicators.indicators}
    assert [one.row.indicator_code if one.row else one.group.code for one in found][:3] == [
        "2.1",
        "CLGQ",
        "4.4",
    ]
    assert found[0].lost == Decimal(20) - rows["2.1"].score
    assert [one.lost for one in found] == sorted((one.lost for one in found), reverse=True)
    # A component without a score of its own is told by its group, never twice.
    assert {"3.1", "3.2", "3.3", "2.2"}.isdisjoint(one.row.indicator_code for one in found if one.row)


def test_a_loss_names_who_holds_it_down_and_what_wins_it_back() -> None:
    told = {one["ten"]: one["noi_dung"] for one in told_losses(report())}
    late = next(text for name, text in told.items() if "2.1" in name)
    worst = [c for c in report().components if c.indicator_code == "2.1"]
    most = max(worst, key=lambda c: c.denominator - c.numerator)
    assert (
        f"Kéo giảm nhiều nhất: {most.unit_name} (còn {most.denominator - most.numerator:,} hồ sơ".replace(
            ",", "."
        )
        in late
    )
    assert "Thêm 1 điểm phần trăm (khoảng 743 hồ sơ): cộng 0,2 điểm" in late
    nobody = next(text for name, text in told.items() if "4.4" in name)
    assert "Chưa đơn vị nào có hồ sơ được tính" in nobody


def with_component(code: str, **changes: object) -> Report:
    rows = tuple(
        dataclasses.replace(row, **changes) if row.indicator_code == code else row
        for row in report().indicators.indicators
    )
    return report(indicators=indicators_data(indicators=rows))


def test_a_threshold_rule_says_what_lacks_to_full_points() -> None:
    low = with_component("4.3", numerator=Decimal(0), denominator=Decimal(1000), ratio_pct=Decimal(0),
                         score=Decimal(0), max_score=Decimal(2))  # fmt: skip
    row = next(one for one in losses(low) if one.row and one.row.indicator_code == "4.3")
    only = renamed(low, indicators=(row.row,))
    (told,) = [one for one in told_losses(dataclasses.replace(only, groups=())) if "4.3" in one["ten"]]
    assert "Đạt từ 80% là được trọn 2 điểm, còn thiếu 80 điểm phần trăm, khoảng 800 hồ sơ" in told["noi_dung"]


def test_a_rule_that_misses_the_published_score_gives_no_advice() -> None:
    told = told_losses(with_component("2.1", score=Decimal("10.00")))
    late = next(one["noi_dung"] for one in told if "2.1" in one["ten"])
    assert "mất 10,00 điểm" in late
    assert "Thêm 1 điểm phần trăm" not in late


def test_lateness_counts_twice() -> None:
    text = text_of(report())
    assert "bị trừ điểm hai lần: ở chỉ số 2.1 (mất 5,88 điểm) và chỉ số 5.4 (mất 1,29 điểm)" in text
    # 20/100 and 6/90 of a point
    assert "cộng khoảng 0,27 điểm ở cả hai chỉ số" in text
    on_time = with_component("2.1", ratio_pct=Decimal(100), score=Decimal(20))
    assert "hai lần" not in text_of(on_time)


# ------------------------------------------------------------------ digitization, gaps, changes


def test_columns_nine_and_ten_by_block_with_totals() -> None:
    of = report()
    table = next(t for t in opened(of).tables if len(t.columns) == 7)
    assert [cell.text for cell in table.rows[0].cells][4:6] == ["Chưa số hóa (9)", "Đã số hóa (10)"]
    rows = {row.cells[1].text: [cell.text for cell in row.cells][2:] for row in table.rows}
    for title, code in (
        ("Sở, ban, ngành", "department"),
        ("UBND cấp xã", "commune"),
        ("Toàn tỉnh (chưa đủ)", "ALL"),
    ):
        measures = of.digitization.total(code).measures
        assert rows[title][2] == f"{measures['results_not_digitized']:,}".replace(",", ".")
        assert rows[title][3] == f"{measures['results_digitized']:,}".replace(",", ".")
    assert rows["Văn phòng đăng ký đất đai"] == ["—"] * 5


def test_gaps_are_told_once_and_the_rest_counted() -> None:
    said = "Khối Văn phòng đăng ký đất đai: chưa có số liệu của khối này."
    text = text_of(report(gaps=(said, "Thiếu A.")))
    assert text.count(said) == 1
    assert "- Thiếu A." in text
    many = text_of(report(gaps=tuple(f"Thiếu {n}." for n in range(30))))
    # 30 gaps, the portal's stand-in denominator and a unit that went; 12 are told.
    assert "Và 20 nội dung khác, nêu tại Phiếu chất lượng số liệu" in many


def test_what_the_figures_say_of_themselves_is_told_without_anyone_naming_it_a_gap() -> None:
    """The inputs may all be there and the figures provisional all the same."""
    nothing = "Không ghi nhận số liệu tạm thời"
    month, quarter, year = (text_of(case(gaps=())) for case in (report, quarter_report, year_report))
    for text in (month, quarter, year):
        assert "- Chỉ số 1.4: Cổng tính theo mẫu số tạm, điểm có thể thay đổi." in text
        assert nothing not in text
    assert "Số liệu tạm thời: được chụp khi quý III/2026 chưa kết thúc (ngày cuối kỳ: 30/09/2026)" in quarter
    assert "Số liệu tạm thời: được chụp khi năm 2026 chưa kết thúc" in year
    assert "chưa kết thúc" not in month
    assert "- Sở A không có trong kỳ này." in month
    whole = report(gaps=())
    clean = dataclasses.replace(
        whole.indicators,
        units=tuple(dataclasses.replace(one, flags=()) for one in whole.indicators.units),
        indicators=tuple(dataclasses.replace(one, quality_flag=None) for one in whole.indicators.indicators),
        quality=(),
    )
    assert nothing in text_of(report(gaps=(), indicators=clean))


def test_a_unit_that_went_is_told_with_the_period_as_documents_name_it() -> None:
    went = QualityRow(
        "missing_unit", "H44.09", "warn", "warned", "không có", "2026-07",
        "Sở A có trong kỳ 2026-07 nhưng không có trong kỳ này.",
    )  # fmt: skip
    text = text_of(report(indicators=indicators_data(quality=(went,))))
    assert "Sở A có trong tháng 7/2026 nhưng không có trong kỳ này." in text
    assert "2026-07" not in text


def test_the_blank_date_bears_the_year_in_which_it_can_be_signed() -> None:
    due = {"period": Period.parse("2026-12"), "due_on": date(2026, 12, 17)}
    assert ", ngày       tháng       năm 2026" in text_of(report(**due))
    data = indicators_data()
    snapshot = dataclasses.replace(data.snapshot, captured_at=datetime(2026, 12, 31, 21, 0, tzinfo=UTC))
    # Read again on New Year's morning in Vietnam: what corrects December is signed in January.
    later = report(indicators=dataclasses.replace(data, snapshot=snapshot), **due)
    assert ", ngày       tháng       năm 2027" in text_of(later)


def test_changes_since_the_last_release() -> None:
    text = text_of(report(earlier=earlier_release(6)))
    assert "So với lần phát hành 1 (17/09/2026 15:30), nguồn đã điều chỉnh 6 giá trị" in text
    assert "UBND tỉnh Phú Thọ, tổng điểm: từ 66,21 thành 66,53" in text
    assert "UBND xã Thu Cúc, chỉ số 2.1, điểm: từ chưa có số liệu thành 0,00" in text
    assert "UBND xã Lai Đồng: không còn trong số liệu; và 3 giá trị khác" in text
    assert "không có số liệu nào của nguồn được điều chỉnh" in text_of(report(earlier=earlier_release(0)))


def test_preliminary_and_sample_letters_say_so_on_every_page() -> None:
    for of, mark in ((preliminary_report(), "SỐ LIỆU TẠM"), (sample_report(), "SỐ LIỆU MẪU")):
        section = opened(of).sections[0]
        assert mark in section.first_page_header.paragraphs[0].text
        assert mark in section.header.paragraphs[0].text
        assert mark in text_of(of)
    assert "SỐ LIỆU" not in opened(report()).sections[0].header.paragraphs[0].text
    assert "SỐ LIỆU MẪU" not in text_of(report())
