from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.forms import (
    BODY,
    GROUP,
    HEADER,
    NUMBERS,
    Sheet,
    inspected,
    read_file,
    read_sheets,
    received,
    write_workbook,
)

from etl.errors import FileRefused
from etl.sources.digitization_form.layouts import load_templates
from etl.sources.digitization_form.recognise import recognise_form

FIGURES = {"Sở Tài chính": 120, "Sở Xây dựng": 80, "Phường Việt Trì": 300}
_MOVED = [0, 1, 7, 2, 3, 4, 5, 6, 8, 9]


def _moved(row: Sequence[Any]) -> list[Any]:
    """Column (8) moved to the third place."""
    full = [*row, *[None] * (10 - len(row))]
    return [full[place] for place in _MOVED]


def _refused(folder: Path, *sheets: Sheet) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read_sheets(folder, *sheets)
    return caught.value


def _headed(place: int, text: str | None, row: int = 0) -> tuple[tuple[Any, ...], ...]:
    rows = [list(line) for line in HEADER]
    rows[row][place] = text
    return tuple(map(tuple, rows))


def test_the_default_form_is_known_whatever_the_file_is_called(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "06_VPCP danh sach ho so.xlsx")
    found = recognise_form(path, inspected(path), load_templates())
    assert found is not None
    assert found.template.layout == "so_hoa_10_cot@1"
    assert found.notes_vi == ()
    assert received(read_file(path)) == FIGURES


@pytest.mark.parametrize(
    "sheet",
    [
        Sheet(),
        Sheet(merges=()),  # group not merged, its second cell left empty
        Sheet(numbers=None),
        Sheet(numbers=tuple(range(1, 11))),
        Sheet(numbers=("(1)", "(2)", "(3)=(4)+(5)", "(4)", "(5)", "(6)", "(7)", "(8)", "(9)", "(10)")),
        Sheet(numbers=("A", "B", *NUMBERS[2:])),
        Sheet(header=_headed(2, "TIẾP\n NHẬN ")),
        Sheet(header=_headed(2, "Tiếp nhận (3)"), numbers=None),
        Sheet(header=_headed(5, "Có tái sử dụng thành phần hồ sơ")),
        Sheet(
            header=tuple(
                tuple(text and unicodedata.normalize("NFD", text) for text in line) for line in HEADER
            )
        ),
        Sheet(
            header=tuple(
                tuple(text and text.replace("hóa", "hoá").upper() for text in line) for line in HEADER
            )
        ),
        Sheet(
            header=((*HEADER[0][:8], f"{GROUP} - Chưa số hóa", f"{GROUP}: Đã số hóa"),),
            merges=(),
        ),
        Sheet(
            header=(
                (
                    "STT",
                    "Đơn vị",
                    "Tiếp nhận",
                    "Số hóa TPHS",
                    None,
                    "Tái sử dụng",
                    None,
                    "Đã giải quyết",
                    GROUP,
                    None,
                ),
                (
                    None,
                    None,
                    None,
                    "Chưa số hóa",
                    "Đã số hóa",
                    "Có tái sử dụng TP",
                    "Từ cổng DVCQG",
                    None,
                    *HEADER[1][8:],
                ),
            ),
            merges=((0, 3, 0, 4), (0, 5, 0, 6), (0, 8, 0, 9), (0, 7, 1, 7)),
        ),
        Sheet(
            header=(
                (
                    "STT",
                    "Đơn vị",
                    "Tiếp nhận",
                    "Chưa số",
                    "Có số",
                    "Có tái sử",
                    "Tái sử dụng",
                    "Đã",
                    GROUP,
                    None,
                ),
                (
                    None,
                    None,
                    None,
                    "hóa TPHS",
                    "hóa TPHS",
                    "dụng TP",
                    "từ cổng DVCQG",
                    "giải quyết",
                    *HEADER[1][8:],
                ),
            ),
            merges=((0, 8, 0, 9),),
        ),
    ],
)
def test_headers_are_read_merged_numbered_broken_and_respelt(tmp_path: Path, sheet: Sheet) -> None:
    assert received(read_sheets(tmp_path, sheet)) == FIGURES


def test_a_renamed_header_is_refused_by_cell_with_the_closest_one(tmp_path: Path) -> None:
    error = _refused(tmp_path, Sheet(header=_headed(7, "Hoàn thành")))
    assert (error.rule, error.locator) == ("layout.unknown_header", "'Biểu 1'!H4")
    assert "H4" in error.message_vi
    assert "Hoàn thành" in error.message_vi
    assert "(8) Đã giải quyết" in error.message_vi
    assert "extends: so_hoa_10_cot@1" in error.remedy
    assert "column 8" in error.remedy


def test_a_renamed_group_is_refused(tmp_path: Path) -> None:
    error = _refused(tmp_path, Sheet(header=_headed(8, "Kết quả trả bản giấy")))
    assert error.rule == "layout.unknown_header"


def test_a_moved_column_is_read_by_its_header(tmp_path: Path) -> None:
    rows = {"body": [_moved(row) for row in BODY], "header": [_moved(row) for row in HEADER], "merges": ()}
    for numbers in (None, _moved(NUMBERS)):
        reading = read_sheets(tmp_path, Sheet(numbers=numbers, **rows))
        assert received(reading) == FIGURES
        assert reading.units["resolved"].to_pylist() == [110, 70, 280]
        assert ["cột C “Đã giải quyết”" in note for note in reading.notes_vi] == [True]


def test_numbers_that_run_on_over_moved_headers_are_refused(tmp_path: Path) -> None:
    error = _refused(
        tmp_path,
        Sheet(body=[_moved(row) for row in BODY], header=[_moved(row) for row in HEADER], merges=()),
    )
    assert error.rule == "layout.columns_disagree"


def test_an_added_column_is_not_read_and_named(tmp_path: Path) -> None:
    reading = read_sheets(
        tmp_path,
        Sheet(
            header=((*HEADER[0], "Nộp trực tuyến"), HEADER[1]),
            numbers=(*NUMBERS, "(11)"),
            body=[(*row, 5) if len(row) == 10 else row for row in BODY],
        ),
    )
    assert received(reading) == FIGURES
    assert ["Cột K “Nộp trực tuyến”" in note for note in reading.notes_vi] == [True]


def test_a_missing_column_is_refused_by_name(tmp_path: Path) -> None:
    cut = [row[:9] for row in BODY]
    error = _refused(
        tmp_path, Sheet(header=[row[:9] for row in HEADER], numbers=NUMBERS[:9], body=cut, merges=())
    )
    assert error.rule == "layout.missing_column"
    assert f"(10) {GROUP}: Đã số hóa" in error.message_vi


def test_a_header_that_stands_twice_is_refused(tmp_path: Path) -> None:
    error = _refused(tmp_path, Sheet(header=_headed(4, "Chưa số hóa TPHS"), numbers=None))
    assert error.rule == "layout.repeated_header"
    assert "D4" in error.message_vi
    assert "E4" in error.message_vi


def test_nine_and_ten_swapped_under_unchanged_numbers_are_refused_naming_both(tmp_path: Path) -> None:
    error = _refused(tmp_path, Sheet(header=(HEADER[0], (*HEADER[1][:8], "Đã số hóa", "Chưa số hóa"))))
    assert error.rule == "layout.columns_disagree"
    for told in ("cột I", "cột J", "mang số (9)", "mang số (10)", f"(10) “{GROUP}: Đã số hóa”"):
        assert told in error.message_vi


_IN, _DONE, _LEFT = (
    "Số lượng hồ sơ tiếp nhận",
    "Số lượng hồ sơ đã giải quyết",
    "Số lượng hồ sơ đang giải quyết",
)
FORM_06 = Sheet(
    titles=(
        ("UBND TỈNH PHÚ THỌ", None, "Biểu số II.06a/VPCP/KSTT"),
        ("Từ ngày 15/08/2026 đến ngày 14/09/2026",),
    ),
    header=(
        ("STT", "Lĩnh vực giải quyết", _IN, None, None, None, _DONE, None, None, None, _LEFT, None, None),
        (
            None,
            None,
            "Tổng số",
            "Trong kỳ",
            None,
            "Từ kỳ trước",
            "Tổng số",
            "Trước hạn",
            "Đúng hạn",
            "Quá hạn",
            "Tổng số",
            "Trong hạn",
            "Quá hạn",
        ),
        (None, None, None, "Trực tuyến", "Trực tiếp, dịch vụ bưu chính"),
    ),
    numbers=tuple(f"({number})" for number in range(1, 14)),
    merges=((0, 2, 0, 5), (1, 3, 1, 4), (0, 6, 0, 9), (0, 10, 0, 12)),
    body=((1, "Đất đai", 10, 5, 5, 0, 9, 3, 5, 1, 1, 1, 0),),
)


def test_form_06_is_refused_by_name(tmp_path: Path) -> None:
    error = _refused(tmp_path, FORM_06)
    assert error.rule == "layout.foreign_form"
    assert "06/VPCP" in error.message_vi
    assert "đúng hạn, quá hạn" in error.message_vi


def test_form_06s_columns_nine_and_ten_inside_our_form_are_refused_by_name(tmp_path: Path) -> None:
    header = ((*HEADER[0][:8], "Kết quả giải quyết", None), (*HEADER[1][:8], "Đúng hạn", "Quá hạn"))
    error = _refused(tmp_path, Sheet(header=header))
    assert error.rule == "layout.foreign_form"
    assert "06/VPCP" in error.message_vi


def test_a_title_alone_does_not_make_a_form_a_foreign_one(tmp_path: Path) -> None:
    titles = (("TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH VÀ SỐ HÓA",), ("Tháng 9 năm 2026",))
    assert received(read_sheets(tmp_path, Sheet(titles=titles))) == FIGURES


@pytest.mark.parametrize(
    "rows",
    [
        (
            ("Mã hồ sơ", "Trạng thái", "Ngày tiếp nhận", "Đơn vị"),
            ("H44.1-261008-0001", 2, "08/10/2026", "Sở A"),
        ),
        (("STT", "Đơn vị"), (1, "Sở Tài chính")),
        (("Kính gửi",),),
    ],
)
def test_what_is_no_form_is_not_taken_for_one(tmp_path: Path, rows: tuple[tuple[Any, ...], ...]) -> None:
    path = write_workbook(
        tmp_path / "so_hoa_10_cot.xlsx", Sheet(titles=(), header=(), numbers=None, merges=(), body=rows)
    )
    assert recognise_form(path, inspected(path), load_templates()) is None
    text = tmp_path / "so_hoa.csv"
    text.write_text("\n".join(";".join(map(str, row)) for row in rows) + "\n;\n", encoding="utf-8")
    assert recognise_form(text, inspected(text), load_templates()) is None
    with pytest.raises(FileRefused) as caught:
        read_file(path)
    assert caught.value.rule == "layout.not_recognised"


def test_other_sheets_are_named_and_left_alone(tmp_path: Path) -> None:
    guide = Sheet(
        name="Hướng dẫn", titles=(("Cách điền biểu",),), header=(), numbers=None, merges=(), body=()
    )
    reading = read_sheets(tmp_path, Sheet(), guide, Sheet(name="Cũ", visible=False))
    assert received(reading) == FIGURES
    assert ["“Hướng dẫn”" in note or "“Cũ”" in note for note in reading.notes_vi] == [True, True]


def test_a_form_on_two_sheets_is_one_form(tmp_path: Path) -> None:
    one = Sheet(name="Sở", body=(*BODY[:3], (None, "Tổng cộng", 200)))
    other = Sheet(name="Cấp xã", titles=(("Tiếp theo",),), body=(BODY[5], (None, "Tổng cộng", 300)))
    reading = read_sheets(tmp_path, one, other)
    assert received(reading) == FIGURES
    assert reading.units["block"].to_pylist() == ["department", "department", "commune"]
    assert [(row["block"], row["received"]) for row in reading.totals.to_pylist()] == [
        ("department", 200),
        ("commune", 300),
    ]


def test_a_total_over_several_blocks_of_one_sheet_among_others_is_not_compared(tmp_path: Path) -> None:
    other = Sheet(name="Khác", body=(("II", "UBND cấp xã"), (1, "Phường Nông Trang", 7, 3, 4, 1, 1, 6, 2, 4)))
    reading = read_sheets(tmp_path, Sheet(), other)
    assert reading.totals["block"].to_pylist() == ["department"]
    assert any("Tổng cộng" in note for note in reading.notes_vi)


@pytest.mark.parametrize(
    "second",
    [
        Sheet(name="Bản sao"),
        Sheet(name="Kỳ trước", titles=(("Từ ngày 15/07/2026 đến ngày 14/08/2026",),)),
    ],
)
def test_two_forms_in_a_workbook_are_refused(tmp_path: Path, second: Sheet) -> None:
    assert _refused(tmp_path, Sheet(), second).rule == "layout.two_forms"


def test_sheets_of_two_layouts_are_refused(tmp_path: Path) -> None:
    rates = ("Tỷ lệ số hóa TPHS (%)", "Tỷ lệ tái sử dụng (%)", "Tỷ lệ số hóa KQ (%)")
    other = Sheet(name="14", header=((*HEADER[0], *rates), HEADER[1]), numbers=None)
    assert _refused(tmp_path, Sheet(), other).rule == "layout.two_forms"


def test_a_provinces_own_words_are_read_once_declared(tmp_path: Path) -> None:
    sheet = Sheet(header=_headed(7, "Hoàn thành"))
    (tmp_path / "own.yml").write_text(
        "form_id: so_hoa_10_cot\nedition: 2\nextends: so_hoa_10_cot@1\nvalid_from: 2026-09-01\n"
        "more_headers: {8: [Hoàn thành]}\n",
        encoding="utf-8",
    )
    templates = load_templates(tmp_path)
    assert read_sheets(tmp_path, sheet, templates=templates).layout == "so_hoa_10_cot@2"
    earlier = Sheet(header=_headed(7, "Hoàn thành"), titles=(("Tháng 8 năm 2026",),))
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, earlier, templates=templates)
    assert caught.value.rule == "layout.unknown_header"
    assert read_sheets(tmp_path, Sheet(titles=(("Tháng 8 năm 2026",),)), templates=templates).layout == (
        "so_hoa_10_cot@1"
    )


def test_a_layout_not_in_force_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        read_sheets(tmp_path, Sheet(titles=(("Tháng 8 năm 2021",),)))
    assert caught.value.rule == "layout.not_in_force"
