"""What stands in a form's cells by mistake is told by its place and shape, never as it is written."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from support.forms import (
    BODY,
    DEPARTMENTS,
    HEADER,
    NUMBERS,
    TAX,
    WORKS,
    Sheet,
    read_body,
    read_sheets,
    received,
    rules,
)

from etl.errors import FileRefused
from etl.sources.digitization import DigitizationReading
from etl.sources.digitization_form.telling import (
    told_code,
    told_figure,
    told_header,
    told_value,
    told_verdict,
)

PERSON = "Nguyễn Kanary An 0009876123"
SECRETS = ("Kanary", "0009876123")


def _silent(reading: DigitizationReading) -> bool:
    tables = (reading.units, reading.totals, reading.rejected)
    said = " ".join([*reading.notes_vi, *(str(table.to_pylist()) for table in tables)])
    return not any(secret in said for secret in SECRETS)


@pytest.mark.parametrize("beyond", [10, 12])
def test_a_cell_to_the_right_of_the_table_makes_no_row(tmp_path: Path, beyond: int) -> None:
    stray = (*[None] * beyond, PERSON)
    reading = read_body(tmp_path, DEPARTMENTS, TAX, stray, WORKS)
    assert received(reading) == {"Sở Tài chính": 120, "Sở Xây dựng": 80}
    assert reading.ignored["note"] == 1
    assert _silent(reading)


def test_a_cell_among_the_columns_that_no_layout_has_is_refused_unquoted(tmp_path: Path) -> None:
    header = [(*row[:2], "Cán bộ" if number == 0 else None, *row[2:]) for number, row in enumerate(HEADER)]
    shift = [(*row[:2], None, *row[2:]) for row in (TAX, WORKS)]
    sheet = Sheet(
        header=header,
        numbers=(*NUMBERS[:2], None, *NUMBERS[2:]),
        merges=(),
        body=(shift[0], (None, None, PERSON), shift[1]),
    )
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, sheet)
    assert caught.value.rule == "layout.unknown_section"
    assert caught.value.locator == "'Biểu 1'!C8"
    assert not any(secret in f"{caught.value} {caught.value.message_vi}" for secret in SECRETS)


def test_text_in_a_figures_place_is_told_by_its_shape(tmp_path: Path) -> None:
    bad = (2, "Sở Xây dựng", 10, "Nguyễn Kanary An, CCCD 0009876123", 1, 2, 3, 4, 5, 6)
    reading = read_body(tmp_path, DEPARTMENTS, TAX, bad)
    assert [rule for _, _, rule in rules(reading)] == ["not_a_whole_number"]
    line = reading.rejected.to_pylist()[0]
    assert line["value"] == "xxxxxx xxxxxx xx, xxxx 9999999999"
    assert line["value"] in line["message_vi"]
    assert _silent(reading)


@pytest.mark.parametrize("name", [PERSON, "Nguyễn Kanary An 000 987 6123"])
def test_a_name_is_told_without_its_number(tmp_path: Path, name: str) -> None:
    reading = read_body(tmp_path, DEPARTMENTS, (1, name, *[5] * 8), (2, name, "?", *[5] * 7))
    texts = str(reading.units.to_pylist() + reading.rejected.to_pylist())
    assert "Nguyễn Kanary An" in texts
    assert "6123" not in texts


def test_control_characters_never_become_part_of_a_reading(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path, DEPARTMENTS, (1, "Sở _x0000_ Nội vụ", *[5] * 8), (2, "Sở Y tế", "1_x0000_2", *[5] * 7)
    )
    assert reading.units["unit_name"].to_pylist() == ["Sở \ufffd Nội vụ"]
    assert [rule for _, _, rule in rules(reading)] == ["not_a_whole_number"]
    assert reading.rejected["value"].to_pylist() == ["1\ufffd2"]
    assert "\0" not in str([reading.units.to_pylist(), reading.rejected.to_pylist()]).replace("\\x00", "\0")


@pytest.mark.parametrize(
    "value", ["-", "x", "không", "12 hồ sơ", "1.23", -4, 12.5, "123456789", date(2026, 8, 20), "20/08/2026"]
)
def test_a_slip_of_the_pen_is_told_as_it_is(value: Any) -> None:
    assert told_figure(value) == (f"{value:%d/%m/%Y}" if isinstance(value, date) else str(value))


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("An", "xx"),
        ("Hồ", "xx"),
        ("0987654321", "9999999999"),
        ("0987.65.4321", "9999.99.9999"),
        (987654321012, "999999999999"),
        ("01/02/1980", "99/99/9999"),
        (datetime(1980, 2, 1), "99/99/9999"),
        ("không " * 9, ("xxxxx " * 9)[:40]),
    ],
)
def test_what_may_be_a_persons_is_not(value: Any, told: str) -> None:
    assert told_figure(value).strip() == told.strip()


def test_codes_verdicts_and_headers_are_told_where_they_are_such() -> None:
    assert told_code("H15.50.05.13.001") == "H15.50.05.13.001"
    assert told_code("001234567890") == "999999999999"
    assert (told_verdict("Không đạt"), told_verdict("Thành Trung")) == ("Không đạt", "xxxxx xxxxx")
    assert told_value("Trạm số 12345678") == "Trạm số 12345678"
    assert told_header("Cán bộ", "K5") == "“Cán bộ”"
    assert told_header("Ghi chú 1,Lê A,0912345678", "K5") == "ở ô K5"


def test_a_rows_text_in_an_unknown_header_is_not_noted(tmp_path: Path) -> None:
    header = ((*HEADER[0], f"Ghi chú {PERSON}"), HEADER[1])
    reading = read_sheets(tmp_path, Sheet(header=header, numbers=(*NUMBERS, None), body=BODY))
    assert any("Cột K ở ô K" in note for note in reading.notes_vi)
    assert _silent(reading)
