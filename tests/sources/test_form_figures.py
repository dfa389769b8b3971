from __future__ import annotations

import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.sources.digitization_form.figures import LARGEST, NotAFigure, parse_count, parse_percent


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        (12, 12),
        (12.0, 12),
        (0, 0),
        ("0", 0),
        ("1234", 1234),
        ("1.234", 1234),
        ("1,234", 1234),
        ("1 234", 1234),
        ("1\u00a0234", 1234),
        ("1.234.567", 1234567),
        ("12,0", 12),
        ("12.00", 12),
        ("1.234,0", 1234),
        ("1,234.00", 1234),
        (" 7 ", 7),
        ("'7", 7),
        ("05", 5),
        (None, None),
        ("", None),
        ("  \n", None),
    ],
)
def test_whole_numbers_however_they_are_written(cell: object, number: int | None) -> None:
    assert parse_count(cell, "nothing") == number


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("1.23", "not_a_whole_number"),
        ("1,2345", "not_a_whole_number"),
        ("0.123", "not_a_whole_number"),
        ("1.234,567", "not_a_whole_number"),
        ("1.234.0", "not_a_whole_number"),
        ("12,000.5", "not_a_whole_number"),
        ("1 2345", "not_a_whole_number"),
        (1.234, "not_a_whole_number"),
        (float("nan"), "not_a_whole_number"),
        (float("inf"), "not_a_whole_number"),
        (True, "not_a_whole_number"),
        (datetime.date(2026, 1, 1), "not_a_whole_number"),
        (datetime.time(1), "not_a_whole_number"),
        ("không có", "not_a_whole_number"),
        ("12 hồ sơ", "not_a_whole_number"),
        ("١٢", "not_a_whole_number"),
        ("9" * 5000, "not_a_whole_number"),
        ("-5", "negative"),
        ("−1.234", "negative"),
        (-5, "negative"),
        (-5.0, "negative"),
        (LARGEST + 1, "out_of_range"),
        ("9999999999", "out_of_range"),
        (1e300, "out_of_range"),
    ],
)
def test_what_is_doubtful_is_refused_never_guessed(cell: object, rule: str) -> None:
    found = parse_count(cell, "nothing")
    assert isinstance(found, NotAFigure)
    assert found.rule == rule


def test_a_dash_is_what_the_layout_says() -> None:
    assert parse_count("-", "nothing") is None
    assert parse_count("–", "zero") == 0


@given(st.integers(0, LARGEST), st.sampled_from([".", ",", " "]))
def test_every_grouping_gives_the_number_back(number: int, mark: str) -> None:
    assert parse_count(f"{number:,}".replace(",", mark), "nothing") == number


@pytest.mark.parametrize(
    ("cell", "rate"),
    [
        ("85,3", "85.3"),
        ("85.30 %", "85.30"),
        (0.853, "0.853"),
        (85, "85"),
        ("-", None),
        ("n/a", None),
        (True, None),
    ],
)
def test_rates_stand_as_they_are_written(cell: object, rate: str | None) -> None:
    assert parse_percent(cell) == (None if rate is None else Decimal(rate))
