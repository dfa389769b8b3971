"""The office's conventions for workbooks: its own file replaces the shipped one, and what cannot be read is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import yaml
from appendix_cases import NAMES, appendix_data, by_name, texts

from etl.deliver import sheet_conventions
from etl.deliver.appendix import render_appendix
from etl.deliver.sheet_conventions import contrast, load_workbook_style
from etl.errors import Terminal

SHIPPED = Path(sheet_conventions.__file__).with_name("workbook.yml")


def changed(tmp_path: Path, change: Callable[[Any], None]) -> Path:
    content = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "workbook.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return path


def test_the_shipped_conventions_are_those_of_the_portals_users() -> None:
    style = load_workbook_style()
    assert [(band.name, band.minimum) for band in style.bands] == [
        ("Xuất sắc", 90), ("Tốt", 80), ("Khá", 70), ("Trung bình", 50), ("Yếu", 0)
    ]  # fmt: skip
    assert style.total_target == 80
    assert load_workbook_style(Path("/nowhere/workbook.yml")) == style


def test_an_offices_own_file_changes_words_marks_and_line(tmp_path: Path) -> None:
    def change(content: Any) -> None:
        content["bands"] = [
            {"name": "Đạt", "minimum": 85.5, "fill": "#c6e5cc", "bar": "#1b7340"},
            {"name": "=Chưa đạt", "minimum": 0, "fill": "#F9D9D5", "bar": "#A61B1B"},
        ]
        content["total_target"] = 85.5

    style = load_workbook_style(changed(tmp_path, change))
    assert (style.bands[0].minimum, style.bands[0].fill) == (Decimal("85.5"), "C6E5CC")
    book = openpyxl.load_workbook(io.BytesIO(render_appendix(appendix_data(), NAMES, style=style)))
    rows = by_name(book["Sở, ban, ngành"])
    assert (rows["Sở Xây dựng"][12], rows["Sở Y tế"][12]) == ("Đạt", "=Chưa đạt")
    told = texts(book["Sở, ban, ngành"])[-1]
    assert "Đạt từ 85,5 điểm; còn lại =Chưa đạt" in told
    assert "Ngưỡng theo dõi 85,5 điểm (quy ước)" in told
    assert not any(cell.data_type == "f" for sheet in book for row in sheet.iter_rows() for cell in row)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c["bands"].reverse(), "descend"),
        (lambda c: c["bands"].pop(), "last from 0"),
        (lambda c: c["bands"][1].update(name="Xuất sắc"), "two bands bear one name"),
        (lambda c: c["bands"][0].update(minimum=None), "minimum"),
        (lambda c: c["bands"][0].update(fill=123456), "fill"),
        (lambda c: c["bands"][0].update(fill="green"), "fill"),
        (lambda c: c["bands"][0].update(fill="#1B7340"), "black text cannot be told from 1B7340"),
        (lambda c: c["bands"][0].update(bar="#F0F0F0"), "white paper cannot be told from F0F0F0"),
        (lambda c: c["colours"].update(below="#FF9999"), "colours.below cannot be told"),
        (lambda c: c["colours"].update(remaining="#1F4E79"), "colours.remaining cannot be told"),
        (lambda c: c.update(chart_units=400), "chart_units"),
        (lambda c: c.update(total_target=180), "total_target"),
        (lambda c: c.update(colour="#FFFFFF"), "colour"),
        (lambda c: c.pop("colours"), "colours"),
    ],
)
def test_conventions_that_cannot_hold_are_refused_by_name(
    tmp_path: Path, change: Callable[[Any], None], why: str
) -> None:
    with pytest.raises(Terminal, match=why) as refusal:
        load_workbook_style(changed(tmp_path, change))
    assert "mend the file" in refusal.value.remedy


@pytest.mark.parametrize("content", [b"\xff\xfe", b"bands: [", b"", b"- 1"])
def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "workbook.yml"
    path.write_bytes(content)
    with pytest.raises(Terminal, match=r"workbook\.yml cannot be used"):
        load_workbook_style(path)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("000000", "FFFFFF") == pytest.approx(21)
    assert contrast("777777", "FFFFFF") == pytest.approx(4.48, abs=0.01)
    assert contrast("FFFFFF", "FFFFFF") == 1
