"""The correction page: what was changed since the earlier release, on one page, in the letter's layout."""

from __future__ import annotations

import io
import re
from decimal import Decimal

import docx
import pytest
from report_cases import READ_AT, earlier_release, report, sample_report
from test_letter import opened, words

from etl.deliver.appendix_data import Restatement
from etl.deliver.correction import render_correction
from etl.deliver.report import EarlierRelease
from etl.errors import ReportNotReady


def rows(content: bytes) -> list[list[str]]:
    table = next(t for t in docx.Document(io.BytesIO(content)).tables if len(t.columns) == 5)
    return [[cell.text for cell in row.cells] for row in table.rows][1:]


def test_each_change_is_one_row_with_unit_figure_old_and_new() -> None:
    made = render_correction(report(earlier=earlier_release(4)), number=2)
    assert rows(made) == [
        ["1", "UBND tỉnh Phú Thọ", "Tổng điểm", "66,21", "66,53"],
        ["2", "UBND xã Thu Cúc", "Chỉ số 2.1, điểm", "chưa có số liệu", "0,00"],
        ["3", "UBND xã Lai Đồng", "Tổng điểm, có trong số liệu", "có", "không có"],
        ["4", "UBND xã Cẩm Khê", "Chỉ số 4.1, tử số", "1.200", "1.205"],
    ]
    text = words(made)
    assert "được phát hành lần 1 lúc 17/09/2026 15:30" in text
    assert "phát hành lần 2 theo số liệu đọc đến 16/09/2026 09:14 để thay thế" in text
    assert "4 giá trị của 4 đơn vị được đính chính như sau" in text
    assert "giá trị khác" not in text


@pytest.mark.parametrize("count", [15, 40, 5000])
def test_what_does_not_fit_is_counted(count: int) -> None:
    made = render_correction(report(earlier=earlier_release(count)), number=2)
    shown = len(rows(made))
    assert 5 <= shown < count
    rest = f"{count - shown:,}".replace(",", ".")
    assert f"Còn {rest} giá trị khác, đủ danh sách tại bảng dinh_chinh của dữ liệu mở" in words(made)


def test_every_kind_of_value_is_written_as_its_field_is() -> None:
    def change(code: str, field: str, old: Decimal | str | None, new: Decimal | str | None) -> Restatement:
        return Restatement("Sở Y tế", code, field, old, new, READ_AT, READ_AT)

    changes = (
        change("MDSH", "score", Decimal("9.3"), Decimal("9.305")),
        change("4.1", "ratio_pct", Decimal("61.1"), None),
        change("1.4", "quality_flag", None, "NO_NATIONAL_REPORT_DATA"),
        change("DIGITIZATION", "results_digitized", Decimal(1050), Decimal(12050)),
        change("DIGITIZATION", "block", "district", "commune"),
    )
    earlier = EarlierRelease(1, READ_AT, changes)
    assert [row[2:] for row in rows(render_correction(report(earlier=earlier), number=2))] == [
        ["Nhóm Số hóa hồ sơ, điểm", "9,30", "9,31"],
        ["Chỉ số 4.1, tỷ lệ (%)", "61,10%", "chưa có số liệu"],
        ["Chỉ số 1.4, cờ chất lượng", "không có", "Cổng không có dữ liệu báo cáo tổng hợp"],
        ["Số liệu số hóa hồ sơ, đã số hóa kết quả giải quyết", "1.050", "12.050"],
        ["Số liệu số hóa hồ sơ, khối", "UBND cấp huyện", "UBND cấp xã"],
    ]


def test_a_release_without_changed_values_says_so() -> None:
    made = render_correction(report(earlier=earlier_release(0)), number=2)
    text = words(made)
    assert "Không có giá trị nào của nguồn thay đổi so với lần phát hành 1./." in text
    assert not [table for table in docx.Document(io.BytesIO(made)).tables if len(table.columns) == 5]


def test_there_must_be_an_earlier_release() -> None:
    for of, number in ((report(), 2), (report(earlier=earlier_release(3, number=2)), 2)):
        with pytest.raises(ReportNotReady) as found:
            render_correction(of, number=number)
        assert "corrects nothing" in found.value.message


def test_layout_marks_and_bytes_are_the_letters() -> None:
    of = sample_report(earlier=earlier_release(3))
    made = render_correction(of, number=2)
    assert made == render_correction(of, number=2)
    document, letter = docx.Document(io.BytesIO(made)), opened(of)
    for name in ("page_width", "page_height", "top_margin", "bottom_margin", "left_margin", "right_margin"):
        assert getattr(document.sections[0], name) == getattr(letter.sections[0], name)
    assert document.sections[0].different_first_page_header_footer
    assert "SỐ LIỆU MẪU" in document.sections[0].first_page_header.paragraphs[0].text
    text = words(made)
    assert "ĐÍNH CHÍNH" in text
    assert re.search(r"Số:\s+/ĐC-VP", text)
    assert re.search(r"Phú Thọ, ngày\s+tháng\s+năm 2026", text)
