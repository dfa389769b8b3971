"""The digitization workbook: the layout in force, the right cells, the same bytes, nothing executable."""

from __future__ import annotations

import dataclasses
import io
import json
import zipfile
from decimal import Decimal

import openpyxl
import pytest
from digitization_cases import (
    COMMUNES,
    DEPARTMENTS,
    GOLDEN,
    LONG_NAME,
    NAMES,
    RECEIVED_AT,
    SEPTEMBER,
    SHA256,
    by_name,
    cells_of,
    compared,
    digitization_data,
    file,
    layout,
    numbering_row,
    opened,
    rendered,
    texts,
    total,
    unit,
)

from etl.deliver.digitization import render_digitization
from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.deliver.sheet_text import clean_text
from etl.errors import Terminal
from etl.periods import CALENDAR, Period, window_of
from etl.sources.digitization import MEASURES

CONTENTS, FORM, CHARTS = "Mục lục", "Biểu số hóa", "Biểu đồ"
COMPARISON, QUALITY = "Đối chiếu với Cổng", "Chất lượng số liệu"


# ------------------------------------------------------------------ the same bytes


def test_same_data_give_the_same_bytes_and_other_data_others() -> None:
    assert rendered() == rendered()
    assert rendered() != rendered(target_pct=Decimal(90))
    assert rendered() != rendered("so_hoa_14_cot@1")


def test_the_golden_cells() -> None:
    assert cells_of(opened()) == json.loads(GOLDEN.read_text(encoding="utf-8"))


def test_no_clock_and_no_machine_travels_with_it() -> None:
    properties = opened().properties
    assert properties.created.isoformat() == "2026-09-16T02:14:39"
    assert properties.creator == NAMES.office
    assert properties.lastModifiedBy is None


# ------------------------------------------------------------------ the form


def test_the_header_is_the_templates_with_its_merged_rows_and_numbers() -> None:
    sheet = opened()[FORM]
    number = numbering_row(sheet)
    upper = [sheet.cell(number - 2, column).value for column in range(1, 11)]
    lower = [sheet.cell(number - 1, column).value for column in range(1, 11)]
    assert upper == [
        "STT", "Đơn vị", "Tiếp nhận", "Chưa số hóa TPHS", "Có số hóa TPHS", "Có tái sử dụng TP",
        "Tái sử dụng từ cổng DVCQG", "Đã giải quyết", "Số hóa kết quả giải quyết", None,
    ]  # fmt: skip
    assert lower == [None] * 8 + ["Chưa số hóa", "Đã số hóa"]
    assert [sheet.cell(number, column).value for column in range(1, 11)] == [
        f"({place})" for place in range(1, 11)
    ]
    merged = {area.coord for area in sheet.merged_cells.ranges}
    assert f"I{number - 2}:J{number - 2}" in merged
    assert {f"{letter}{number - 2}:{letter}{number - 1}" for letter in "ABCDEFGH"} <= merged


def test_every_unit_stands_in_its_block_with_its_own_figures() -> None:
    sheet = opened()[FORM]
    rows = by_name(sheet)
    for name, values in (DEPARTMENTS | COMMUNES).items():
        assert rows[clean_text(name)][2:] == tuple(values), name
    names = list(rows)
    assert names.index("Sở, ban, ngành") < names.index("Sở Tài chính") < names.index("Cộng sở, ban, ngành")
    assert names.index("Cộng sở, ban, ngành") < names.index("UBND cấp xã") < names.index("UBND xã Hy Cương")
    assert [rows[name][0] for name in ("Sở, ban, ngành", "UBND cấp xã")] == ["I", "II"]
    assert [rows[name][0] for name in DEPARTMENTS] == [1, 2, 3, 4]


def test_totals_are_those_of_the_warehouse_and_blank_where_it_has_none() -> None:
    rows = by_name(opened()[FORM])
    data = digitization_data()
    for label, block in (
        ("Cộng sở, ban, ngành", "department"),
        ("Cộng UBND cấp xã", "commune"),
        ("Tổng cộng", WHOLE_PROVINCE),
    ):
        of = data.total(block)
        assert of is not None
        assert rows[label][2:] == tuple(of.measures[measure] for measure in MEASURES)
    assert rows["Cộng sở, ban, ngành"][6] is None, "one department has no figure there"
    assert rows["Tổng cộng"][6] is None


def test_missing_is_blank_and_zero_is_zero() -> None:
    rows = by_name(opened()[FORM])
    assert rows["Thanh tra tỉnh"][6] is None
    assert rows["Sở Y tế"][2:] == (0,) * 8


def test_the_layout_with_rates_shows_the_warehouses_rates_and_verdicts() -> None:
    rows = by_name(opened("so_hoa_14_cot@1")[FORM])
    assert rows["Sở Tài chính"][2:] == (
        1204, 90, 1114, 92.52, 600, 300, 49.83, 1100, 50, 1050, 95.45, "Đạt",
    )  # fmt: skip
    assert rows["Sở Xây dựng"][12:] == (65.82, "Không đạt")
    assert rows["Sở Y tế"][12:] == (None, None), "no rate, no verdict"
    assert rows["Tổng cộng"][12:] == (79.42, "Không đạt")


def test_a_land_office_and_districts_have_sections_of_their_own() -> None:
    values = tuple(DEPARTMENTS["Sở Tài chính"])
    blocks = ("commune", "district", "land_office", "department")
    sheet = opened(
        units=tuple(unit(block, f"Đơn vị {block}", values) for block in blocks),
        totals=tuple(total(block, [values], 1) for block in blocks),
    )[FORM]
    rows = by_name(sheet)
    shown = [name for name, row in rows.items() if row[0] in ("I", "II", "III", "IV")]
    assert shown == ["Sở, ban, ngành", "Văn phòng đăng ký đất đai", "UBND cấp huyện", "UBND cấp xã"]
    assert "Cộng văn phòng đăng ký đất đai" in rows
    assert rows["Tổng cộng"][2:] == (None,) * 8, "no total of the province was given, none is computed"


@pytest.mark.parametrize(
    ("period", "kind", "title", "days"),
    [
        ("2026-09", "administrative", "TỈNH PHÚ THỌ – THÁNG 9/2026", "15/08/2026 đến ngày 14/09/2026"),
        ("2026-Q3", "administrative", "TỈNH PHÚ THỌ – QUÝ III/2026", "15/06/2026 đến ngày 14/09/2026"),
        ("2026", "administrative", "TỈNH PHÚ THỌ – NĂM 2026", "15/12/2025 đến ngày 14/12/2026"),
        ("2026-08", "calendar", "TỈNH PHÚ THỌ – THÁNG 8/2026", "01/08/2026 đến ngày 31/08/2026"),
    ],
)
def test_month_quarter_and_year_state_their_days(period: str, kind: str, title: str, days: str) -> None:
    words = texts(opened(window=window_of(Period.parse(period), kind))[FORM])
    assert title in words
    assert f"(Từ ngày {days})" in words
    assert any("Nghị định số 09/2019/NĐ-CP" in text for text in words) is (kind != CALENDAR)


# ------------------------------------------------------------------ notes


SUMMED = ("2026-07", "2026-08", "2026-09")


def notes(**changes: object) -> str:
    return "\n".join(texts(opened(**changes)[FORM]))  # type: ignore[arg-type]


def test_units_below_the_target_are_listed_lowest_first() -> None:
    assert (
        "tỷ lệ số hóa kết quả giải quyết = cột (10) / (cột (9) + cột (10)) từ 80% trở lên. Chưa đạt: 3/9 "
        "đơn vị có phát sinh: UBND xã Đoan Hùng (33,33%); Sở Xây dựng (65,82%); =cmd|' /C calc'!A0 (77,78%)"
    ) in notes()
    assert "Chỉ tiêu" not in notes(target_pct=None)
    assert "cột (12) / (cột (11) + cột (12))" in "\n".join(texts(opened("so_hoa_14_cot@1")[FORM]))
    met = tuple(one for one in digitization_data().units if one.met_target)
    assert "Chưa đạt: 0/6 đơn vị có phát sinh." in notes(units=met)


def test_what_is_missing_is_named() -> None:
    assert "Khối UBND cấp xã: có 6/7 đơn vị. Còn thiếu: UBND xã Văn Lang." in notes()
    values = list(COMMUNES.values())
    totals = (
        total(WHOLE_PROVINCE, values, None, complete=False, missing_blocks=("department",)),
        total("commune", values, 40, complete=False, missing_units=tuple(f"UBND xã {n}" for n in range(34))),
    )
    found = notes(totals=totals)
    assert "Khối Sở, ban, ngành: chưa có số liệu của khối này." in found
    assert "có 6/40 đơn vị, chưa đủ để coi là số liệu của cả khối. Còn thiếu: UBND xã 0; " in found
    assert "UBND xã 11 và 22 đơn vị khác." in found


def test_provisional_figures_say_so() -> None:
    data = digitization_data()
    early = tuple(dataclasses.replace(one, provisional=True) for one in data.units[:1])
    assert "TỈNH PHÚ THỌ – THÁNG 9/2026 (SỐ LIỆU TẠM)" in notes(units=early)
    assert "Số liệu tạm: được gửi khi kỳ chưa kết thúc" in notes(units=early)
    assert "Số liệu tạm" not in notes()


def test_sums_name_their_months_and_every_block_its_basis() -> None:
    data = digitization_data()
    units = tuple(
        dataclasses.replace(one, basis="sum" if one.block == "commune" else "list") for one in data.units
    )
    months = tuple(file(period_id=f"2026-0{month}", source="dossier_list") for month in (7, 8, 9))
    totals = tuple(
        dataclasses.replace(one, months=SUMMED) if one.block == "commune" else one for one in data.totals
    )
    found = notes(units=units, window=window_of(Period.parse("2026-Q3")), files=months, totals=totals)
    assert "Cách lập: Sở, ban, ngành: tính từ danh sách hồ sơ; UBND cấp xã: cộng từ các tháng." in found
    assert "Số liệu cộng từ các tháng: tháng 7/2026, tháng 8/2026, tháng 9/2026." in found
    assert "Nguồn: danh sách hồ sơ tháng 7/2026, nhận lúc 16/09/2026 09:14 (giờ Việt Nam)" in found
    assert "chỉ có đơn vị" not in found
    both = (
        dataclasses.replace(one, months=SUMMED[:1] if one.block == "commune" else SUMMED)
        for one in data.totals
    )
    assert "Khối UBND cấp xã chỉ có đơn vị, và chỉ được cộng, ở: tháng 7/2026." in notes(totals=tuple(both))


def test_a_sum_names_the_month_in_which_a_unit_lacks() -> None:
    lacking = (("2026-08", "UBND xã Hai"), ("2026-09", "UBND xã Ba"))
    names = tuple(name for _, name in lacking)
    summed = total(
        "commune", list(COMMUNES.values()), 6, missing_units=names, months=SUMMED, missing_in=lacking
    )
    found = notes(totals=(summed,))
    assert (
        "Khối UBND cấp xã: cộng từ các tháng, thiếu UBND xã Hai ở tháng 8/2026; thiếu UBND xã Ba ở tháng 9/2026. "
        "Ô của đơn vị đó để trống; tổng của khối gồm các tháng có số liệu."
    ) in found
    assert "6/6" not in found
    many = tuple(("2026-08", f"UBND xã {number}") for number in range(15))
    assert "thiếu UBND xã 11 ở tháng 8/2026 và 3 trường hợp khác" in notes(
        totals=(dataclasses.replace(summed, missing_in=many),)
    )
    words = texts(opened(totals=(summed,))[QUALITY])
    assert {"UBND xã Hai (tháng 8/2026)", "UBND xã Ba (tháng 9/2026)"} <= set(words)


def test_namesakes_stand_apart_beside_the_portal() -> None:
    rows = tuple(
        dataclasses.replace(
            compared("commune", "UBND xã Trùng Tên", measure, own, own, "agrees"), unit_id=unit_id
        )
        for measure in ("received", "results_digitized")
        for unit_id, own in (("a", 1), ("b", 2))
    )
    sheet = opened(compared=rows)[COMPARISON]
    found = [row[:4] for row in sheet.iter_rows(values_only=True) if row[1] == "UBND xã Trùng Tên"]
    assert [(row[0], row[3]) for row in found] == [(1, 1), (None, 1), (2, 2), (None, 2)]


def test_the_source_is_named_by_hash_and_time() -> None:
    assert f"SHA-256 {SHA256[:12]}." in notes()
    with pytest.raises(ValueError, match="no time zone"):
        rendered(files=(file(received_at=RECEIVED_AT.replace(tzinfo=None)),))


def test_sample_figures_are_marked_on_every_sheet() -> None:
    book = opened(files=(file(address="http://127.0.0.1/so-lieu-mau"),))
    assert [texts(sheet)[0] for sheet in book] == ["SỐ LIỆU MẪU, không phải số liệu chính thức"] * 5
    assert not any("SỐ LIỆU MẪU" in text for sheet in opened() for text in texts(sheet))


def test_signatures_number_and_date_stay_blank() -> None:
    words = texts(opened()[FORM])
    assert "NGƯỜI LẬP BIỂU" in words
    assert "THỦ TRƯỞNG ĐƠN VỊ" in words
    assert "(Kèm theo Văn bản số          /          ngày      tháng      năm          )" in words


def test_a_layout_without_numbered_columns_cannot_be_printed() -> None:
    with pytest.raises(Terminal, match="no numbered columns"):
        render_digitization(digitization_data(), NAMES, layout("igate_json@1"))


# ------------------------------------------------------------------ the portal


def test_the_portal_stands_beside_with_both_windows_and_a_verdict() -> None:
    sheet = opened()[COMPARISON]
    words = texts(sheet)
    assert (
        "Số liệu của tỉnh: từ ngày 15/08/2026 đến ngày 14/09/2026; số liệu của Cổng: tháng 8/2026, "
        "từ ngày 01/08/2026 đến ngày 31/08/2026 (khác kỳ)."
    ) in words
    assert "Kết quả: khớp 1, lệch do khác kỳ 1, không khớp 1, không so sánh được 1." in words
    rows = [row[1:] for row in sheet.iter_rows(min_row=numbering_row(sheet) + 1, values_only=True)]
    assert ("Sở Tài chính", "Hồ sơ tiếp nhận", 1204, 1190, 14, 1.18, "Lệch do khác kỳ") in rows
    assert ("UBND xã Hy Cương", "Hồ sơ tiếp nhận", 2309, 1100, 1209, 109.91, "Không khớp") in rows
    assert (
        "UBND xã Hy Cương", "Có tái sử dụng thành phần hồ sơ", 1500, None, None, None, "Không so sánh được",
    ) in rows  # fmt: skip
    finance = [row[1] for row in rows if row[0] == "Sở Tài chính"]
    assert finance == ["Hồ sơ tiếp nhận", "Đã số hóa kết quả giải quyết"], "in the form's order"


def test_nothing_to_compare_with_is_said() -> None:
    assert "Chưa có số liệu của Cổng để đối chiếu với kỳ này" in texts(opened(compared=())[COMPARISON])


def test_equal_windows_and_a_running_portal_period_are_said() -> None:
    row = dataclasses.replace(
        compared("commune", "UBND xã Hy Cương", "received", 5, 5, "agrees"),
        portal_days=(SEPTEMBER.first, SEPTEMBER.last),
        portal_provisional=True,
    )
    words = texts(opened(compared=(row,))[COMPARISON])
    assert any(text.endswith("(cùng kỳ).") for text in words)
    assert "Số liệu của Cổng là số tạm: được đọc khi kỳ của Cổng chưa kết thúc." in words


# ------------------------------------------------------------------ quality


def test_the_quality_sheet_tells_checks_missing_units_and_files() -> None:
    words = texts(opened()[QUALITY])
    assert (
        "Kiểm tra: 1 đạt, 1 cảnh báo, 0 không đạt. Dòng bị giữ lại: 1. Đơn vị có số liệu: 10. Tệp đã dùng: 1."
    ) in words
    for text in ("Cột 9 + 10 khác cột 8.", "UBND xã Văn Lang", "unit_unknown", "Số liệu tạm: không có"):
        assert text in words
    assert any(SHA256 in text and "10 dòng đưa vào số liệu, 1 dòng bị giữ lại" in text for text in words)
    assert words.index("Tỷ lệ số hóa kết quả chưa đạt 80%") < words.index("33,33%") < words.index("65,82%")


def test_measures_nobody_has_are_said_to_be_absent() -> None:
    blank = tuple(
        dataclasses.replace(one, measures=dict(one.measures) | {"components_reused": None})
        for one in digitization_data().units
    )
    assert any(
        text.startswith("Không có số liệu của: Có tái sử dụng thành phần hồ sơ")
        for text in texts(opened(units=blank)[QUALITY])
    )


# ------------------------------------------------------------------ safe, and fit for paper


def test_no_cell_is_a_formula_and_hostile_names_stay_text() -> None:
    with zipfile.ZipFile(io.BytesIO(rendered())) as package:
        sheets = [package.read(name).decode() for name in package.namelist() if "worksheets/sheet" in name]
    assert len(sheets) == 5
    assert not any("<f>" in xml or "<f " in xml or 't="e"' in xml for xml in sheets)
    cells = [cell for row in opened()[FORM].iter_rows() for cell in row if str(cell.value).startswith("=cmd")]
    assert [cell.data_type for cell in cells] == ["s"]
    assert cells[0].quotePrefix
    assert "UBND xã [U+202E]đảo[U+0000]" in by_name(opened()[FORM])


@pytest.mark.parametrize("template", ["so_hoa_10_cot@1", "so_hoa_14_cot@1"])
def test_every_sheet_prints_on_a4_landscape_with_its_header_repeated(template: str) -> None:
    for sheet in opened(template):
        row = numbering_row(sheet)
        assert sheet.page_setup.paperSize == 9
        assert sheet.page_setup.orientation == ("portrait" if sheet.title == CHARTS else "landscape")
        fonts = {cell.font.name for line in sheet.iter_rows() for cell in line if cell.value is not None}
        assert fonts == {"Times New Roman"}
        if sheet.title == CHARTS:
            continue
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        first = row - 2 if sheet.title == FORM and template == "so_hoa_10_cot@1" else row - 1
        assert sheet.print_title_rows == f"${first}:${row}"
        assert sheet.freeze_panes == f"C{row + 1}"
    assert LONG_NAME in by_name(opened()[FORM])


def test_a_workbook_opens_without_repair() -> None:
    book = openpyxl.load_workbook(io.BytesIO(rendered()))
    assert book.sheetnames == [CONTENTS, FORM, CHARTS, COMPARISON, QUALITY]
    assert [
        area for area in book[FORM].merged_cells.ranges if area.size["rows"] * area.size["columns"] < 2
    ] == []
