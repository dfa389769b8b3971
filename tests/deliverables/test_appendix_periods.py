"""The appendix of a quarter and a year: its own words, like compared with like, a running period marked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest
from appendix_cases import (
    CASES,
    appendix_data,
    by_name,
    header_row,
    opened,
    quarter_data,
    texts,
    workbook_of,
    year_data,
)

from etl.deliver.appendix_data import AppendixData, QualityRow
from etl.deliver.appendix_words import no_comparison
from etl.periods import Period

BLOCKS = ("Sở, ban, ngành", "Cấp xã")


@pytest.mark.parametrize(
    ("case", "title"),
    [
        (appendix_data, "THÁNG 8/2026"),
        (quarter_data, "QUÝ III/2026 (SỐ LIỆU TẠM THỜI)"),
        (year_data, "NĂM 2026 (SỐ LIỆU TẠM THỜI)"),
    ],
)
def test_every_sheet_is_titled_by_its_period(case: Callable[[], AppendixData], title: str) -> None:
    sheets = list(workbook_of(case()))
    assert len(sheets) >= 4
    assert {str(sheet["A3"].value).partition(" – ")[2] for sheet in sheets} == {title}
    kind = {"THÁNG": "tháng 8/2026", "QUÝ": "quý III/2026", "NĂM": "năm 2026"}[title.split()[0]]
    for sheet in sheets:
        assert f"kỳ số liệu: {kind};" in texts(sheet)[-1]
    assert workbook_of(case()).properties.title.endswith(kind)


def test_a_quarters_columns_name_the_quarter_before_and_no_month() -> None:
    book = workbook_of(quarter_data())
    for name in BLOCKS:
        row = header_row(book[name]) - 1
        headings = [str(book[name].cell(row, column).value) for column in (11, 12)]
        assert headings == ["Tăng, giảm điểm so với quý II/2026", "Tăng, giảm hạng so với quý II/2026"]
    assert by_name(book["Sở, ban, ngành"])["Sở Xây dựng"][10:12] == (2.25, 1)
    assert "thay đổi so với quý II/2026: +1,25 điểm" in book["Toàn tỉnh"]["A5"].value
    assert "giảm 1 bậc so với quý II/2026" in book["Toàn tỉnh"]["A6"].value
    everything = "\n".join(text for sheet in book for text in texts(sheet))
    assert not re.search(r"tháng \d+/2026", everything)


def test_a_year_across_the_series_break_is_compared_with_nothing_and_says_why() -> None:
    book = workbook_of(year_data())
    reason = "Không so sánh với năm 2025 vì Cổng đổi cách tính Bộ chỉ số từ ngày 01/01/2026"
    for name in BLOCKS:
        rows = by_name(book[name])
        assert {cell for row in rows.values() for cell in row[10:12]} == {None}
        assert f"{reason}; các cột tăng, giảm để trống." in texts(book[name])[-1]
    assert (
        book["Toàn tỉnh"]["A5"].value
        == f"Tổng điểm tỉnh Phú Thọ: 61,27/100 điểm; {reason[0].lower()}{reason[1:]}."
    )
    assert "so với" not in book["Toàn tỉnh"]["A6"].value


@pytest.mark.parametrize("period", ["2026-01", "2026-Q1", "2026-H1", "2026"])
def test_the_first_periods_of_the_series_say_that_it_broke(period: str) -> None:
    own = Period.parse(period)
    assert no_comparison(own).startswith(f"Không so sánh với {own.previous().label_vi} vì Cổng đổi cách tính")


@pytest.mark.parametrize("period", ["2026-02", "2026-Q2", "2026-H2", "2027", "2027-01"])
def test_later_periods_lack_only_a_reading(period: str) -> None:
    assert no_comparison(Period.parse(period)) == "Không có kỳ trước cùng loại để so sánh"


def test_a_running_period_says_when_it_ends_and_that_its_change_is_no_result() -> None:
    for book, until, compared in (
        (workbook_of(quarter_data()), "quý III/2026 chưa kết thúc (ngày cuối kỳ: 30/09/2026)", True),
        (workbook_of(year_data()), "năm 2026 chưa kết thúc (ngày cuối kỳ: 31/12/2026)", False),
    ):
        for name in ("Toàn tỉnh", *BLOCKS):
            foot = texts(book[name])[-1]
            assert f"Số liệu tạm thời: được chụp khi {until}, còn thay đổi đến hết kỳ." in foot
            assert ("so số liệu tạm thời của quý III/2026 với cả quý II/2026" in foot) is compared
    assert "tạm thời" not in texts(opened()["Cấp xã"])[-1]


def test_a_comparison_with_a_quarter_last_read_while_it_ran_says_so() -> None:
    words = "Kỳ so sánh (quý II/2026) mới có số liệu tạm thời"
    final = dataclasses.replace(quarter_data().snapshot, provisional=False)
    for data, told, whole in (
        (quarter_data(), False, True),
        (quarter_data(compared_provisional=True), True, False),
        (quarter_data(compared_provisional=True, snapshot=final), True, False),
        (quarter_data(snapshot=final), False, False),
    ):
        book = workbook_of(data)
        for name in ("Toàn tỉnh", *BLOCKS):
            foot = texts(book[name])[-1]
            assert (words in foot) is told
            assert ("với cả quý II/2026" in foot) is whole


def test_movement_while_the_period_ran_is_counted_and_is_no_restatement() -> None:
    book = workbook_of(quarter_data())
    assert "Điều chỉnh số liệu" not in book.sheetnames
    told = texts(book["Chất lượng số liệu"])
    assert any(
        text.startswith("– 4.210 giá trị thay đổi giữa các lần chụp khi quý III/2026 chưa kết thúc")
        for text in told
    )
    assert any("Giá trị Cổng đã điều chỉnh: 0." in text for text in told)
    assert not any("giữa các lần chụp khi" in text for text in texts(opened()["Chất lượng số liệu"]))


def test_the_period_looked_back_to_is_named_and_never_a_number() -> None:
    rows = tuple(
        QualityRow(
            "missing_unit", f"H44.0{place}", "warn", "warned", "không có", period, "Sở không có trong kỳ này."
        )
        for place, period in enumerate(("2026-07", "2026-Q2", "2026-H1", "2026"))
    )
    sheet = opened(quality=rows)["Chất lượng số liệu"]
    shown = [
        row[5] for row in sheet.iter_rows(values_only=True) if row[6] and str(row[6]).startswith("H44.0")
    ]
    assert shown == ["tháng 7/2026", "quý II/2026", "6 tháng đầu năm 2026", "năm 2026"]


def test_the_cases_cover_the_kinds_that_are_owed() -> None:
    assert [Period.parse(period_id).kind for period_id in CASES] == ["month", "quarter", "year"]
    for period_id, case in CASES.items():
        assert case().period.id == period_id
