from __future__ import annotations

import unicodedata
from datetime import date

import pytest

from etl.errors import FileRefused
from etl.periods import Period, window_of
from etl.reference.provinces import find_province
from etl.sources.digitization_form.layouts import load_templates, template_in_force
from etl.sources.digitization_form.titles import (
    agreed_window,
    is_sample,
    refuse_other_province,
    stated_window,
)

PATTERNS = template_in_force(date(2026, 9, 14), load_templates()).windows
ADMINISTRATIVE, CALENDAR = "administrative", "calendar"


def _days(*lines: str, calendar: str = ADMINISTRATIVE) -> tuple[str, str] | None:
    found = stated_window(lines, PATTERNS, calendar)
    return None if found is None else (found[0].first.isoformat(), found[0].last.isoformat())


@pytest.mark.parametrize(
    "line",
    [
        "Từ ngày 15/08/2026 đến ngày 14/09/2026",
        "(từ 15/8/2026 đến 14/9/2026)",
        "(TỪ NGÀY 15-08-2026 ĐẾN HẾT NGÀY 14-09-2026)",
        "Số liệu từ 15/8 đến 14/9/2026",
        "Kỳ số liệu: 15.08.2026 - 14.09.2026",
        "15/08/2026 – 14/09/2026",
        "Từ ngày 15 tháng 8 năm 2026 đến ngày 14 tháng 9 năm 2026",
        "Tháng 9 năm 2026 (từ ngày 15/08/2026 đến ngày 14/09/2026)",
        unicodedata.normalize("NFD", "Từ ngày 15/08/2026 đến ngày 14/09/2026"),
    ],
)
def test_days_are_read_however_they_are_written(line: str) -> None:
    assert _days("BÁO CÁO", line) == ("2026-08-15", "2026-09-14")


def test_days_may_stand_on_two_lines() -> None:
    assert _days("Từ ngày 15/08/2026", "đến ngày 14/09/2026") == ("2026-08-15", "2026-09-14")


def test_a_year_that_is_not_written_may_be_the_one_before() -> None:
    assert _days("Từ ngày 15/12 đến ngày 14/01/2027") == ("2026-12-15", "2027-01-14")


@pytest.mark.parametrize(
    ("line", "administrative", "calendar"),
    [
        ("Tháng 9 năm 2026", ("2026-08-15", "2026-09-14"), ("2026-09-01", "2026-09-30")),
        ("THÁNG 9/2026", ("2026-08-15", "2026-09-14"), ("2026-09-01", "2026-09-30")),
        ("Quý III năm 2026", ("2026-06-15", "2026-09-14"), ("2026-07-01", "2026-09-30")),
        ("quí 3/2026", ("2026-06-15", "2026-09-14"), ("2026-07-01", "2026-09-30")),
        ("6 tháng đầu năm 2026", ("2025-12-15", "2026-06-14"), ("2026-01-01", "2026-06-30")),
        ("Năm 2026", ("2025-12-15", "2026-12-14"), ("2026-01-01", "2026-12-31")),
    ],
)
def test_a_named_period_follows_the_calendar_and_a_note_says_so(
    line: str, administrative: tuple[str, str], calendar: tuple[str, str]
) -> None:
    assert _days(line) == administrative
    assert _days(line, calendar=CALENDAR) == calendar
    found = stated_window([line], PATTERNS, ADMINISTRATIVE)
    assert found is not None
    assert found[1] is not None
    assert f"{date.fromisoformat(administrative[1]):%d/%m/%Y}" in found[1]


@pytest.mark.parametrize(
    "line",
    [
        "Phú Thọ, ngày 16 tháng 9 năm 2026",
        "Phú Thọ, ngày … tháng … năm 2026",
        "Phú Thọ, ngày      tháng 9 năm 2026",
        "Thực hiện Quyết định số 766/QĐ-TTg năm 2022",
        "BIỂU TỔNG HỢP",
        "9 tháng năm 2026",
        "Quý ba năm 2026",
    ],
)
def test_the_date_of_a_letter_or_an_unknown_part_of_a_year_is_no_period(line: str) -> None:
    assert _days(line) is None
    assert _days(line, "Tháng 8 năm 2026") == ("2026-07-15", "2026-08-14")


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        (["Từ ngày 10/08/2026 đến ngày 14/09/2026"], "period.not_standard"),
        (["Từ ngày 14/09/2026 đến ngày 15/08/2026"], "period.not_standard"),
        (["Từ ngày 31/02/2026 đến ngày 14/09/2026"], "period.unknown"),
        (["Tháng 13/2026"], "period.unknown"),
        (["Từ 15/08/2026 đến 14/09/2026", "so với từ 15/07/2026 đến 14/08/2026"], "period.ambiguous"),
        (["Tháng 9/2026", "Tháng 8/2026"], "period.ambiguous"),
        (["Tháng 8 năm 2026 (từ 15/08/2026 đến 14/09/2026)"], "period.title_disagrees"),
    ],
)
def test_doubtful_days_are_refused(lines: list[str], rule: str) -> None:
    with pytest.raises(FileRefused) as caught:
        stated_window(lines, PATTERNS, ADMINISTRATIVE)
    assert caught.value.rule == rule


def test_a_stated_window_wins_only_where_the_title_does_not_disagree() -> None:
    september, august = (window_of(Period.parse(text)) for text in ("2026-09", "2026-08"))
    assert agreed_window(None, september) == agreed_window(september, None) == september
    assert agreed_window(september, september) == september
    with pytest.raises(FileRefused) as caught:
        agreed_window(september, august)
    assert caught.value.rule == "period.disagrees"
    with pytest.raises(FileRefused) as caught:
        agreed_window(None, None)
    assert caught.value.rule == "period.unknown"


@pytest.mark.parametrize(
    "line",
    [
        "UBND TỈNH PHÚ THỌ",
        "ỦY BAN NHÂN DÂN TỈNH PHÚ THỌ - VĂN PHÒNG",
        "UBND TỈNH",
        "SỞ KHOA HỌC VÀ CÔNG NGHỆ",
        "Tỉnh Phú Thọ (gồm tỉnh Vĩnh Phúc, tỉnh Hòa Bình cũ)",
    ],
)
def test_the_own_province_passes(line: str) -> None:
    refuse_other_province([line], find_province("phu_tho"))


@pytest.mark.parametrize(
    "line", ["UBND TỈNH LÀO CAI", "của tỉnh Hoà Bình", "UBND THÀNH PHỐ HỒ CHÍ MINH", "TỈNH BÀ RỊA-VŨNG TÀU"]
)
def test_another_province_is_refused_by_name(line: str) -> None:
    with pytest.raises(FileRefused) as caught:
        refuse_other_province(["BIỂU", line], find_province("phu_tho"))
    assert caught.value.rule == "layout.other_province"
    assert line in caught.value.message_vi


def test_sample_figures_are_known_by_their_mark() -> None:
    assert is_sample(["BIỂU", unicodedata.normalize("NFD", "Số liệu mẫu – để thử")])
    assert not is_sample(["BIỂU"])
