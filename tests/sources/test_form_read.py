from __future__ import annotations

import csv
import json
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.forms import (
    BODY,
    COMMUNES,
    DEPARTMENTS,
    HEADER,
    NUMBERS,
    TAX,
    TITLES,
    WARD,
    WORKS,
    Sheet,
    inspected,
    read_body,
    read_file,
    read_sheets,
    received,
    rules,
    write_workbook,
)

from etl.errors import FileRefused
from etl.periods import Period, window_of
from etl.sources.digitization import MEASURES, DigitizationReading

FIGURES = {"Sở Tài chính": 120, "Sở Xây dựng": 80, "Phường Việt Trì": 300}
# The first row below the numbers, as the form above writes it.
FIRST = len(TITLES) + len(HEADER) + 2


def _unit(name: str, figure: Any = 5, stt: Any = 1) -> tuple[Any, ...]:
    return (stt, name, *[figure] * 8)


def test_the_default_form_is_read_whole(tmp_path: Path) -> None:
    reading = read_sheets(tmp_path)
    assert reading.units.num_rows == 3
    unit = reading.units.to_pylist()[0]
    assert [unit[name] for name in MEASURES] == list(TAX[2:])
    assert (unit["row_no"], unit["block"], unit["locator"]) == (1, "department", f"'Biểu 1'!A{FIRST + 1}")
    assert (unit["capture_id"], unit["capture_sha256"]) == (
        "capture",
        inspected(tmp_path / "tệp bất kỳ.xlsx").sha256,
    )
    assert reading.units["block"].to_pylist() == ["department", "department", "commune"]
    assert [(row["block"], row["label"], row["received"]) for row in reading.totals.to_pylist()] == [
        ("department", "Cộng", 200),
        (None, "Tổng cộng", 500),
    ]
    assert dict(reading.ignored) == {"footer": 1, "numbering": 1, "section": 2, "total": 2}
    assert (reading.first, reading.last) == (date(2026, 8, 15), date(2026, 9, 14))
    assert (reading.rows_read, reading.rows_quarantined, reading.layout) == (9, 0, "so_hoa_10_cot@1")
    assert not reading.is_sample


def test_a_reading_is_the_same_after_a_way_through_files(tmp_path: Path) -> None:
    reading = read_sheets(tmp_path, Sheet(titles=(*TITLES, ("SỐ LIỆU MẪU – để thử",))))
    reading.save(tmp_path / "out")
    again = DigitizationReading.load(tmp_path / "out")
    assert again == reading
    assert again.is_sample


@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_csv_of_the_form_gives_the_same_figures(tmp_path: Path, delimiter: str, encoding: str) -> None:
    path = tmp_path / "bieu.csv"
    with path.open("w", encoding=encoding, newline="") as handle:
        csv.writer(handle, delimiter=delimiter).writerows([*TITLES, *HEADER, NUMBERS, *BODY])
    reading = read_file(path)
    assert received(reading) == FIGURES
    assert reading.units["locator"].to_pylist()[0] == f"row {FIRST + 1}"
    assert reading.totals["received"].to_pylist() == [200, 500]


def test_numbers_stored_as_text_and_decomposed_names_are_read(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "Sở Tài chính")
    reading = read_body(tmp_path, (1, name, "1.234", "1,234", "1 234", "12,0", "7", "0", 5.0, " 6 "))
    unit = reading.units.to_pylist()[0]
    assert [unit[measure] for measure in MEASURES] == [1234, 1234, 1234, 12, 7, 0, 5, 6]
    assert unit["unit_name"] == "Sở Tài chính"


def test_an_empty_cell_is_nothing_and_never_zero(tmp_path: Path) -> None:
    reading = read_body(tmp_path, (1, "Sở Tài chính", 10, None, "-", 0))
    unit = reading.units.to_pylist()[0]
    assert [unit[measure] for measure in MEASURES] == [10, None, None, 0, None, None, None, None]


def test_a_bad_cell_takes_its_row_out_and_no_other(tmp_path: Path) -> None:
    bad = (1, "Sở Tài chính", 10, "1.23", -4, "abc", 1, 2, 3, 4)
    reading = read_body(tmp_path, DEPARTMENTS, bad, WORKS)
    assert received(reading) == {"Sở Xây dựng": 80}
    row = FIRST + 1
    assert rules(reading) == [
        (f"'Biểu 1'!D{row}", "components_not_digitized", "not_a_whole_number"),
        (f"'Biểu 1'!E{row}", "components_digitized", "negative"),
        (f"'Biểu 1'!F{row}", "components_reused", "not_a_whole_number"),
    ]
    line = reading.rejected.to_pylist()[0]
    assert (line["value"], line["severity"]) == ("1.23", "fail")
    assert f"D{row}" in line["message_vi"]
    assert "(4) Chưa số hóa TPHS" in line["message_vi"]
    kept = json.loads(line["row_data"])
    assert (kept["block"], kept["unit_name"], kept["received"]) == ("department", "Sở Tài chính", 10)
    assert reading.rows_quarantined == 1


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ((1, None, 5, 1, 4, 0, 0, 5, 1, 4), "unit_name"),
        ((None, None, 5, 1, 4, 0, 0, 5, 1, 4), "unit_name"),
        ((1, "Sở Tài chính"), "received"),
        ((1, "Sở Tài chính", "-", "-"), "received"),
    ],
)
def test_a_row_without_name_or_without_any_figure_is_refused(
    tmp_path: Path, row: tuple[Any, ...], column: str
) -> None:
    reading = read_body(tmp_path, DEPARTMENTS, row, WORKS)
    assert [(name, rule) for _, name, rule in rules(reading)] == [(column, "missing_value")]
    assert received(reading) == {"Sở Xây dựng": 80}


def test_the_last_unit_is_not_taken_for_a_foot(tmp_path: Path) -> None:
    reading = read_body(tmp_path, TAX, (2, "Sở Xây dựng", "không rõ"), (3, "Sở Y tế"))
    assert [rule for _, _, rule in rules(reading)] == ["not_a_whole_number", "missing_value"]


def test_formulas_without_a_value_and_errors_are_refused_by_cell(tmp_path: Path) -> None:
    reading = read_sheets(
        tmp_path,
        Sheet(
            body=(DEPARTMENTS, TAX, WORKS, WARD), cells={f"C{FIRST + 1}": "=1+1", f"D{FIRST + 2}": "#REF!"}
        ),
    )
    assert rules(reading) == [
        (f"'Biểu 1'!C{FIRST + 1}", "received", "formula_without_value"),
        (f"'Biểu 1'!D{FIRST + 2}", "components_not_digitized", "error_value"),
    ]
    assert received(reading) == {"Phường Việt Trì": 300}


def test_errors_are_found_where_the_sheet_begins_further_down(tmp_path: Path) -> None:
    titles = ((), (), (), (None, "(Từ ngày 15/08/2026 đến ngày 14/09/2026)"))
    shift = [(None, *row) for row in (*HEADER, NUMBERS, TAX, WORKS)]
    reading = read_sheets(
        tmp_path,
        Sheet(
            titles=titles,
            header=shift[:2],
            numbers=shift[2],
            body=shift[3:],
            merges=(),
            cells={"E8": "#DIV/0!"},
        ),
    )
    assert rules(reading) == [("'Biểu 1'!E8", "components_not_digitized", "error_value")]
    assert received(reading) == {"Sở Xây dựng": 80}


def test_a_total_that_was_never_calculated_is_refused_and_not_compared(tmp_path: Path) -> None:
    row = FIRST + 3
    reading = read_sheets(tmp_path, Sheet(cells={f"C{row}": f"=C{row - 2}+C{row - 1}"}))
    assert rules(reading) == [(f"'Biểu 1'!C{row}", "received", "formula_without_value")]
    assert received(reading) == FIGURES
    assert reading.totals["label"].to_pylist() == ["Tổng cộng"]


def test_more_formulas_without_values_than_are_listed_refuse_the_file(tmp_path: Path) -> None:
    body = [(stt, f"Đơn vị {stt}", *["=1+1"] * 8) for stt in range(1, 20)]
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, Sheet(body=body))
    assert caught.value.rule == "layout.formulas_without_values"
    assert f"C{FIRST}" in caught.value.message_vi


def test_hidden_rows_and_columns_are_read_and_said(tmp_path: Path) -> None:
    reading = read_sheets(tmp_path, Sheet(hidden_rows=(FIRST + 1, FIRST + 5), hidden_columns=("I",)))
    assert received(reading) == FIGURES
    assert any(
        f"2 dòng bị ẩn ở trang tính “Biểu 1” (dòng {FIRST + 1}, {FIRST + 5})" in n for n in reading.notes_vi
    )
    assert any("Cột bị ẩn" in note and "I “Số hóa kết quả giải quyết" in note for note in reading.notes_vi)


def test_a_cell_merged_over_units_belongs_to_none(tmp_path: Path) -> None:
    reading = read_sheets(tmp_path, Sheet(merged_cells=(f"C{FIRST + 1}:C{FIRST + 2}",)))
    assert rules(reading) == [
        (f"'Biểu 1'!C{FIRST + 1}", "received", "merged_cells"),
        (f"'Biểu 1'!C{FIRST + 2}", "received", "merged_cells"),
    ]
    assert received(reading) == {"Phường Việt Trì": 300}


@pytest.mark.parametrize(
    ("heading", "block"),
    [
        (("I", "Sở, ban, ngành"), "department"),
        (("I. CÁC SỞ, BAN, NGÀNH",), "department"),
        ((None, "II - Văn phòng đăng ký đất đai"), "land_office"),
        (("A", "UBND cấp huyện"), "district"),
        (("III", "Uỷ ban nhân dân cấp xã"), "commune"),
        ((None, "Các xã, phường, đặc khu", 5, 5, 5, 5, 5, 5, 5, 5), "commune"),
    ],
)
def test_sections_say_the_block(tmp_path: Path, heading: tuple[Any, ...], block: str) -> None:
    reading = read_body(tmp_path, heading, _unit("Đơn vị A"))
    assert reading.units["block"].to_pylist() == [block]
    assert reading.ignored["section"] == 1
    assert reading.totals.num_rows == (len(heading) > 2)


def test_a_heading_row_with_figures_states_the_blocks_total(tmp_path: Path) -> None:
    reading = read_body(tmp_path, (None, "Tổng số", *[12] * 8), ("I", "Cấp xã", *[12] * 8), _unit("A", 12))
    assert [(row["block"], row["label"]) for row in reading.totals.to_pylist()] == [
        (None, "Tổng số"),
        ("commune", "Cấp xã"),
    ]


def test_a_unit_may_be_called_as_a_section_is(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path, DEPARTMENTS, _unit("Văn phòng đăng ký đất đai", stt=7), _unit("Sở Y tế", stt=8)
    )
    assert reading.units["block"].to_pylist() == ["department", "department"]


@pytest.mark.parametrize(
    "heading",
    [
        ("III", "Đơn vị sự nghiệp"),
        ("III", "Đơn vị sự nghiệp", 5, 5, 5, 5, 5, 5, 5, 5),
        ("B. CÔNG TY CẤP NƯỚC",),
        (None, "Doanh nghiệp"),
    ],
)
def test_a_section_nobody_knows_refuses_the_file_by_cell(tmp_path: Path, heading: tuple[Any, ...]) -> None:
    with pytest.raises(FileRefused) as caught:
        read_body(tmp_path, DEPARTMENTS, TAX, WORKS, heading, WARD)
    assert caught.value.rule == "layout.unknown_section"
    assert str(FIRST + 3) in caught.value.message_vi
    assert "more_sections" in caught.value.remedy


def test_the_same_commune_name_in_two_blocks_stays_two_rows(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path,
        ("I", "UBND cấp huyện"),
        _unit("Phước Hưng", 1),
        COMMUNES,
        _unit("Phước Hưng", 2),
        _unit("Phước Hưng - huyện Long Điền", 3, stt=2),
    )
    rows = reading.units.to_pylist()
    assert [(row["block"], row["unit_name"], row["received"]) for row in rows] == [
        ("district", "Phước Hưng", 1),
        ("commune", "Phước Hưng", 2),
        ("commune", "Phước Hưng - huyện Long Điền", 3),
    ]


def _totals(folder: Path, *rows: tuple[Any, ...]) -> list[tuple[str | None, int]]:
    reading = read_body(folder, *rows)
    assert reading.ignored["total"] == reading.totals.num_rows
    return [(row["block"], row["received"]) for row in reading.totals.to_pylist()]


def _sum(label: str, figure: int) -> tuple[Any, ...]:
    return (None, label, *[figure] * 8)


def test_totals_are_of_the_block_they_close_or_name(tmp_path: Path) -> None:
    a, b = _unit("A"), _unit("B")
    assert _totals(
        tmp_path, DEPARTMENTS, a, _sum("Cộng sở, ban, ngành", 1), COMMUNES, b, _sum("Cộng II", 2)
    ) == [
        ("department", 1),
        ("commune", 2),
    ]
    assert _totals(
        tmp_path, DEPARTMENTS, a, COMMUNES, b, _sum("Tổng khối sở, ngành", 1), _sum("Tổng cộng (I+II)", 3)
    ) == [("department", 1), (None, 3)]
    assert _totals(tmp_path, ("TỔNG CỘNG", None, *[9] * 8), DEPARTMENTS, a) == [(None, 9)]
    assert _totals(tmp_path, a, b, _sum("Cộng", 9)) == [(None, 9)]


def test_a_whole_forms_word_closing_a_section_is_that_sections(tmp_path: Path) -> None:
    a, b = _unit("A"), _unit("B")
    rows = (DEPARTMENTS, a, _sum("Tổng cộng", 1), COMMUNES, b, _sum("Tổng cộng", 2))
    assert _totals(tmp_path, *rows) == [("department", 1), ("commune", 2)]
    assert _totals(tmp_path, *rows, _sum("Tổng cộng", 3)) == [("department", 1), ("commune", 2), (None, 3)]


def test_a_foot_is_ignored_and_a_figure_in_it_is_not(tmp_path: Path) -> None:
    foot = (
        (),
        ("Ghi chú: số liệu lấy từ hệ thống một cửa",),
        (None, None, None, None, None, None, None, "Phú Thọ, ngày 16 tháng 9 năm 2026"),
        ("NGƯỜI LẬP BIỂU", None, None, None, None, None, None, "KT. GIÁM ĐỐC"),
        (None, None, None, None, None, None, None, "(Ký, ghi rõ họ tên)"),
        (None, "Nguyễn Văn Mẫu", None, None, None, None, None, "Trần Thị Mẫu"),
    )
    reading = read_body(tmp_path, TAX, *foot)
    assert dict(reading.ignored) == {"footer": 4, "note": 1, "numbering": 1}
    assert "Mẫu" not in str(reading.rejected.to_pylist())
    reading = read_body(tmp_path, TAX, *foot, (None, "Nguyễn Văn Mẫu", 17))
    assert [(column, rule) for _, column, rule in rules(reading)] == [("unit_name", "figure_outside_table")]
    line = reading.rejected.to_pylist()[0]
    assert f"C{FIRST + 7}" in line["message_vi"]
    assert "Mẫu" not in str(line)


def test_a_note_with_figures_is_no_unit_and_is_not_ignored(tmp_path: Path) -> None:
    reading = read_body(tmp_path, TAX, (None, "Trong đó: trực tuyến", 40), WORKS)
    assert [rule for _, _, rule in rules(reading)] == ["figure_outside_table"]
    assert received(reading) == {"Sở Tài chính": 120, "Sở Xây dựng": 80}


def test_a_header_repeated_for_printing_is_no_unit(tmp_path: Path) -> None:
    reading = read_body(tmp_path, DEPARTMENTS, TAX, ("Người lập biểu",), *HEADER, NUMBERS, COMMUNES, WARD)
    assert received(reading) == {"Sở Tài chính": 120, "Phường Việt Trì": 300}
    assert dict(reading.ignored) == {"footer": 1, "numbering": 2, "section": 2, "title": 2}


def test_a_unit_code_is_kept(tmp_path: Path) -> None:
    reading = read_sheets(
        tmp_path,
        Sheet(
            header=((*HEADER[0], "Mã đơn vị"), HEADER[1]), numbers=(*NUMBERS, None), body=((*TAX, "H44.100"),)
        ),
    )
    assert reading.units["unit_code"].to_pylist() == ["H44.100"]


RATED = (
    "STT",
    "Đơn vị",
    "Tiếp nhận",
    "Chưa số hóa TPHS",
    "Có số hóa TPHS",
    "Tỷ lệ số hóa TPHS (%)",
    "Có tái sử dụng TP",
    "Tái sử dụng từ cổng DVCQG",
    "Tỷ lệ tái sử dụng (%)",
    "Đã giải quyết",
    "Chưa số hóa KQ",
    "Đã số hóa KQ",
    "Tỷ lệ số hóa KQ (%)",
    "Đánh giá Đạt/Không đạt",
)


def _rated(*rows: tuple[Any, ...]) -> Sheet:
    return Sheet(header=(RATED,), numbers=tuple(range(1, 15)), merges=(), body=rows)


def test_stated_rates_stand_beside_ours(tmp_path: Path) -> None:
    reading = read_sheets(
        tmp_path,
        _rated(
            (1, "A", 200, 50, 150, "75,00", 60, 20, "30 %", 100, 30, 70, 81.5, "Đạt"),
            (2, "B", 0, 0, 0, None, 0, 0, None, 0, 0, 0, None, None),
        ),
    )
    assert reading.layout == "so_hoa_14_cot@1"
    first, second = reading.units["attributes"].to_pylist()
    assert json.loads(first) == {
        "stated_rates": {
            "components_rate_pct": {"stated": 75.0, "computed": 75.0},
            "reuse_rate_pct": {"stated": 30.0, "computed": 30.0},
            "results_rate_pct": {"stated": 81.5, "computed": 70.0},
        },
        "stated_verdict": "Đạt",
    }
    assert second is None
    assert any("ở 1 đơn vị" in note and "80 %" in note for note in reading.notes_vi)


def test_rates_formatted_as_percent_by_excel_are_shares(tmp_path: Path) -> None:
    reading = read_sheets(tmp_path, _rated((1, "A", 3, 1, 2, 2 / 3, 1, 0, 1 / 3, 4, 1, 3, 0.75, "KHÔNG ĐẠT")))
    rates = json.loads(reading.units["attributes"].to_pylist()[0])["stated_rates"]
    assert round(rates["components_rate_pct"]["stated"], 2) == 66.67
    assert rates["results_rate_pct"] == {"stated": 75.0, "computed": 75.0}
    assert reading.notes_vi == ()


def test_days_come_from_the_title_or_from_a_person(tmp_path: Path) -> None:
    untitled = Sheet(titles=(("BIỂU SỐ HÓA",),))
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, untitled)
    assert caught.value.rule == "period.unknown"
    quarter = window_of(Period.parse("2026-Q3"))
    reading = read_sheets(tmp_path, untitled, window=quarter)
    assert (reading.first, reading.last) == (quarter.first, quarter.last)
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, window=quarter)
    assert caught.value.rule == "period.disagrees"


def test_a_named_month_is_said_in_a_note(tmp_path: Path) -> None:
    sheet = Sheet(titles=(("BIỂU SỐ HÓA THÁNG 8/2026",),))
    reading = read_sheets(tmp_path, sheet, calendar="calendar")
    assert (reading.first, reading.last) == (date(2026, 8, 1), date(2026, 8, 31))
    assert any("01/08/2026" in note and "31/08/2026" in note for note in reading.notes_vi)


def test_days_may_stand_in_cells_of_their_own(tmp_path: Path) -> None:
    titles = (("Từ ngày", None, date(2026, 8, 15), "đến ngày", date(2026, 9, 14)),)
    assert read_sheets(tmp_path, Sheet(titles=titles)).last == date(2026, 9, 14)


def test_the_form_of_another_province_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, province="lao_cai")
    assert caught.value.rule == "layout.other_province"


def test_the_file_is_read_the_same_twice(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "a.xlsx")
    assert read_file(path) == read_file(path)
