"""A stray quote, a shifted row, a file in the wrong folder: no cell of a person leaves the list, no dossier is lost."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from support.dossiers import (
    CANARY,
    HEADERS,
    HOME,
    TITLE,
    broken,
    csv_bytes,
    dossier,
    inspected,
    read,
    read_file,
    write_workbook,
)

from etl.errors import FileRefused
from etl.sources.dossier_list import refusals
from etl.sources.dossier_list.columns import match_columns
from etl.sources.dossier_list.refusals import shown

ROWS = [dossier(number) for number in range(1, 6)]


def _refusal(folder: Path, body: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(folder, body)
    return caught.value


def _said(error: FileRefused) -> str:
    return " ".join(map(str, (error.message, error.remedy, error.message_vi, error.remedy_vi, error.locator)))


@pytest.mark.parametrize("header", ["Ghi chú", "Mã hồ sơ"], ids=["unknown", "known twice"])
def test_a_row_glued_to_the_header_refuses_the_file_unquoted(tmp_path: Path, header: str) -> None:
    lines = csv_bytes(ROWS).decode().split("\n")
    lines[2] += f',"{header}'
    lines[3] = lines[3].replace('"', "") + '"'
    error = _refusal(tmp_path, "\n".join(lines).encode())
    assert error.rule == "layout.csv_broken"
    assert "O3" in (error.message_vi or "")
    assert CANARY not in _said(error)
    assert "0990" not in _said(error)


@pytest.mark.parametrize("cell", ["0990 123 456", "099012345678", "01/02/1980", f"{HOME}.100-260820-0001"])
def test_a_header_that_is_data_refuses_a_csv_unquoted(tmp_path: Path, cell: str) -> None:
    error = _refusal(tmp_path, csv_bytes(ROWS, headers=HEADERS | {"mood": cell}))
    assert error.rule == "layout.csv_broken"
    assert cell not in _said(error)


def test_a_long_header_of_several_lines_refuses_a_csv(tmp_path: Path) -> None:
    error = _refusal(tmp_path, csv_bytes(ROWS, headers=HEADERS | {"mood": "Ghi chú\n" + "chữ " * 60}))
    assert error.rule == "layout.csv_broken"


def test_a_header_that_is_data_is_told_by_its_column() -> None:
    cells = ["Mã hồ sơ", "Trạng thái", "Ngày tiếp nhận", "Ngày kết thúc", "Tâm trạng", "Lê A 0990123456"]
    notes = " ".join(match_columns(cells, "row 1").notes_vi())
    assert "«Tâm trạng», cột F" in notes
    assert "0990" not in notes
    with pytest.raises(FileRefused) as caught:
        match_columns([*cells, "Mã hồ sơ (Lê A 0990123456)"], "row 1")
    assert caught.value.rule == "layout.column_twice"
    assert "0990" not in _said(caught.value)
    assert "cột G" in (caught.value.message_vi or "")


@pytest.mark.parametrize("title", ['"SỐ LIỆU MẪU\rghi chú"', "SỐ LIỆU MẪU", '"SỐ LIỆU MẪU\nghi chú"'])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_line_break_in_a_title_loses_no_dossier(tmp_path: Path, title: str, newline: str) -> None:
    body = csv_bytes(ROWS, title=[]).decode().replace("\n", newline)
    reading = read(tmp_path, newline.join([title, TITLE[1], body]).encode())
    assert (reading.rows_read, reading.dossiers) == (5, 5)


@pytest.mark.parametrize(
    ("field", "hidden"),
    [
        ("status", ["An", "Lê", "Vy", "987", "Иван 1", "0987654321"]),
        ("components_digitized", ["An", "Ý", "Bảo"]),
        ("channel", ["Tú", "123"]),
        ("received", ["01/02/1980", "0987.65.4321", "0987-65-4321", "20.08.1975 08:30", "45/13/2026"]),
        ("unit_code", ["B1234567", "C001234567890"]),
        ("code", ["An", "001234567890", "B1234567"]),
    ],
)
def test_what_may_be_a_persons_is_told_by_its_shape(field: str, hidden: list[str]) -> None:
    told = pl.DataFrame({"t": hidden}).select(shown(field, pl.col("t"))).to_series().to_list()
    for before, after in zip(hidden, told, strict=True):
        assert after != before
        assert set(after) <= set("x9 ./-:")


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("status", ["11", "99", "x", "Đã trả kết quả", "ĐANG XỬ LÝ"]),
        ("components_digitized", ["✓", "V", "Có", "không", "2", "1.0"]),
        ("received", ["31/02/2026 08:00:00", "2026-08-20", "2026-08-20T08:30:05+07:00", "08:30 20/08/2026"]),
        ("code", [f"{HOME}.100-260820-1"]),
    ],
)
def test_what_an_office_needs_to_see_is_told(field: str, texts: list[str]) -> None:
    assert pl.DataFrame({"t": texts}).select(shown(field, pl.col("t"))).to_series().to_list() == texts


def test_control_characters_of_a_workbook_reach_no_table(tmp_path: Path) -> None:
    rows = [
        dossier(1),
        dossier(2, status="9_x0000_"),
        dossier(3, code=f"{HOME}.100-260820-3_x0000_"),
        dossier(4, received="20/08/2026_x0001_"),
    ]
    path = tmp_path / "list.xlsx"
    reading = read_file(path, write_workbook(path, rows), tmp_path / "out")
    assert broken(reading) == {"code_format": 1, "status_unknown": 1, "received_unreadable": 1}
    assert reading.dossiers == 1
    told = [text for row in reading.rejected.to_pylist() for text in row.values() if text]
    assert not [text for text in told if any(sign < " " for sign in text) or "\\u0000" in text]


def test_a_list_of_another_province_is_refused_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = [dossier(code=f"H15.100-260820-{number}") for number in range(1, 6)]
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, [*theirs, *ROWS[:4]])
    assert caught.value.rule == "list.other_province"
    assert "(mã H15), không phải của tỉnh Phú Thọ" in (caught.value.message_vi or "")
    assert caught.value.remedy_vi == "Đặt tệp vào đúng thư mục của tỉnh."
    assert broken(read(tmp_path, [*theirs, *ROWS]))["code_province"] == 5
    monkeypatch.setattr(refusals, "MOST_REFUSED", 3)
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, theirs)
    assert caught.value.rule == "list.other_province"


def test_more_than_fifty_thousand_refused_cells_are_one_refusal(tmp_path: Path) -> None:
    assert refusals.MOST_REFUSED == 50_000
    row = csv_bytes([dossier(1, status="99")]).decode().split("\n")
    error = _refusal(tmp_path, "\n".join([*row[:3], *[row[3]] * 50_001]).encode())
    assert error.rule == "list.too_many_refused"
    assert "lệch cột" in (error.message_vi or "")


@pytest.mark.parametrize("status", ["10", "99"])
def test_the_copy_of_a_transcoded_list_does_not_stay(
    tmp_path: Path, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = csv_bytes([dossier(1, status=status)], encoding="utf-16")
    path = tmp_path / "list.csv"
    path.write_bytes(body)
    if status == "99":
        monkeypatch.setattr(refusals, "MOST_REFUSED", 0)
        with pytest.raises(FileRefused, match="refused"):
            read_file(path, inspected(path, encoding="utf-16"), tmp_path / "out")
    else:
        assert read_file(path, inspected(path, encoding="utf-16"), tmp_path / "out").dossiers == 1
        assert (tmp_path / "out" / "dossiers.parquet").exists()
    assert not (tmp_path / "out" / "wanted_columns.csv").exists()
    assert json.dumps(sorted(item.name for item in (tmp_path / "out").iterdir())).count("csv") == 0
