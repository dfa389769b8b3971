"""The appendix workbook as a file and on paper: nothing executable, nothing cut off."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import UTC, datetime
from decimal import Decimal

import openpyxl
import pytest
from appendix_cases import HOSTILE_NAMES, LONG_NAME, NAMES, appendix_data, header_row, opened, texts
from openpyxl.utils import column_index_from_string, get_column_letter

from etl.deliver.appendix import render_appendix
from etl.deliver.sheet_style import Column, TableSheet
from etl.deliver.sheet_text import clean_text, line_count, number_vi, time_vi

# ------------------------------------------------------------------ nothing executable


def test_no_cell_is_a_formula_or_an_error() -> None:
    with zipfile.ZipFile(io.BytesIO(render_appendix(appendix_data(), NAMES))) as package:
        sheets = [package.read(name).decode() for name in package.namelist() if "worksheets/sheet" in name]
        everything = b"".join(package.read(name) for name in package.namelist())
    assert len(sheets) == 7
    for xml in sheets:
        assert "<f>" not in xml
        assert "<f " not in xml
        assert 't="e"' not in xml
        assert 't="str"' not in xml
    assert b"externalLink" not in everything
    assert b"TargetMode" not in everything
    assert b"hlinkClick" not in everything


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_hostile_name_stays_text(name: str) -> None:
    cells = [cell for row in opened()["Cấp xã"].iter_rows() for cell in row if cell.value == clean_text(name)]
    assert len(cells) == 1
    assert cells[0].data_type == "s"
    assert cells[0].quotePrefix is (name[0] in "=+-@")


def test_control_characters_are_made_visible() -> None:
    assert clean_text("a\x00b\x0bc\x7fd\x85e\u202ef\ud800g") == (
        "a[U+0000]b[U+000B]c[U+007F]d[U+0085]e[U+202E]f[U+D800]g"
    )
    assert clean_text("a\r\nb\tc") == "a\nb c"
    assert clean_text("x" * 701) == "x" * 700 + "… (còn 1 ký tự)"
    shown = next(text for text in texts(opened()["Cấp xã"]) if "điều khiển" in text)
    assert shown == "Xã [U+0000]có[U+000B]ký tự[U+001F] điều khiển [U+202E]"


# ------------------------------------------------------------------ paper


def test_print_setup_of_every_sheet() -> None:
    for sheet in opened():
        row = header_row(sheet)
        assert sheet.page_setup.paperSize == 9
        corner = f"${get_column_letter(sheet.max_column)}${sheet.max_row}"
        assert sheet.print_area == f"'{sheet.title}'!$A$1:{corner}"
        assert "&P/&N" in sheet.oddFooter.center.text
        assert round(sheet.page_margins.left * 25.4) == 15
        if sheet.title == "Biểu đồ":  # at its true size: programs disregard page breaks of what is fitted
            assert sheet.page_setup.orientation == "portrait"
            assert sheet.page_setup.scale == 100
            assert not sheet.sheet_properties.pageSetUpPr.fitToPage
            continue
        assert sheet.page_setup.orientation == "landscape"
        assert (sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight) == (1, 0)
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == f"${row - 1}:${row}"
        assert sheet.freeze_panes == f"C{row + 1}"


def test_every_table_is_named_as_screen_readers_expect() -> None:
    book = opened()
    for number, sheet in enumerate(book, start=1):
        (name,) = (one for one in book.defined_names if one.endswith(f".{number}"))
        found = re.fullmatch(r"TitleRegion1\.a(\d+)\.([a-z])(\d+)\.\d+", name)
        assert found is not None
        assert int(found[1]) == header_row(sheet) - 1
        assert column_index_from_string(found[2].upper()) == sheet.max_column
        assert sheet.cell(int(found[3]), 1).border.left.style, "the table's last line"
        assert not sheet.cell(int(found[3]) + 1, 1).border.left.style
        assert book.defined_names[name].attr_text == f"'{sheet.title}'!$A${found[1]}"


def test_no_merged_cell_inside_a_table() -> None:
    for sheet in opened():
        first = header_row(sheet) - 1
        last = max(cell.row for row in sheet.iter_rows() for cell in row if cell.border.left.style)
        inside = [
            merged.coord
            for merged in sheet.merged_cells.ranges
            if merged.max_row >= first and merged.min_row <= last
        ]
        assert inside == [], sheet.title


def test_every_written_cell_is_times_new_roman_and_tall_enough() -> None:
    looked_at = 0
    for sheet in opened():
        merged = {m.min_row: m for m in sheet.merged_cells.ranges}
        for row in sheet.iter_rows():
            for cell in row:
                if not isinstance(cell.value, str):
                    continue
                looked_at += 1
                assert cell.font.name == "Times New Roman"
                columns = range(
                    cell.column, (merged[cell.row].max_col if cell.row in merged else cell.column) + 1
                )
                width = sum(
                    size.width
                    for letter, size in sheet.column_dimensions.items()
                    if column_index_from_string(letter) in columns
                )
                lines = line_count(cell.value, width, cell.font.sz, bold=bool(cell.font.b))
                assert sheet.row_dimensions[cell.row].height >= lines * cell.font.sz * 1.15, cell.coordinate
    assert looked_at > 250


def test_line_count_wraps_as_times_does() -> None:
    assert line_count("", 10, 11) == 1
    assert line_count("UBND xã Hy Cương", 36, 11) == 1
    assert line_count("một\nhai", 36, 11) == 2
    assert line_count(LONG_NAME, 36, 11) >= 5
    assert line_count("W" * 100, 10, 11) >= 20, "a word wider than the column is broken"


def test_vietnamese_numbers_and_times() -> None:
    assert number_vi(Decimal("1234567.895"), 2) == "1.234.567,90"
    assert number_vi(Decimal("-0.5"), 1, signed=True) == "\u22120,5"
    assert number_vi(Decimal("0.004"), 2, signed=True) == "0,00"
    assert number_vi(Decimal("-0.004"), 2) == "0,00"
    assert time_vi(datetime(2026, 9, 30, 17, 0, tzinfo=UTC)) == "01/10/2026 00:00"


def test_a_table_needs_a_cell_for_every_column() -> None:
    table = TableSheet(openpyxl.Workbook().active, [Column("A", 5), Column("B", 5)])
    with pytest.raises(ValueError, match="shorter"):
        table.line(["only one"])
