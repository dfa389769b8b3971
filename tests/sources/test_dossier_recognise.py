"""A dossier list is known by its header and content, in CSV and in workbooks; what is personal is never read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.dossiers import (
    CANARY,
    HEADERS,
    HOME,
    TITLE,
    broken,
    copy,
    csv_bytes,
    dossier,
    form,
    inspected,
    read,
    read_file,
    write_workbook,
)

from etl.errors import FileRefused
from etl.inbox.inspected import Inspected, SheetFacts
from etl.sources.dossier_list.columns import FIELDS, PERSONAL, field_of, load_columns
from etl.sources.dossier_list.recognise import RecognisedList, recognise_list

API_HEADERS = {
    "code": "MaHoSo",
    "name": "HoTen",
    "id": "CCCD",
    "status": "TrangThai",
    "received": "NgayTiepNhan",
    "due": "NgayHenTra",
    "finished": "NgayKetThucXuLy",
    "channel": "KenhThucHien",
    "components_digitized": "SoHoaTPHS",
    "components_reused": "TaiSuDungTP",
    "reused_from_portal": "TaiSuDungTuCong",
    "result_digitized": "SoHoaKetQua",
    "address": "DiaChi",
}


def _recognised(folder: Path, body: bytes, encoding: str = "utf-8") -> RecognisedList | None:
    path = folder / "whatever.bin"
    path.write_bytes(body)
    return recognise_list(path, inspected(path, encoding=encoding))


def test_every_field_has_headers_and_every_personal_word_is_known() -> None:
    assert set(load_columns().values()) >= {*FIELDS, PERSONAL}
    for header in ("Họ tên", "HoTen", "Số CCCD", "CCCD", "Địa chỉ", "DiaChi", "Số điện thoại", "SoDienThoai",
                   "Email", "NgaySinh", "Ngày sinh", "Địa chỉ thường trú của người nộp"):  # fmt: skip
        assert field_of(header) == PERSONAL, header


@pytest.mark.parametrize("headers", [HEADERS, API_HEADERS], ids=["office", "api"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_header_is_found_below_title_lines(tmp_path: Path, headers: dict[str, str], delimiter: str) -> None:
    found = _recognised(tmp_path, csv_bytes([dossier()], headers=headers, delimiter=delimiter))
    assert found is not None
    assert (found.delimiter, found.header_row, found.header_lines) == (delimiter, 3, 3)
    assert set(found.columns.positions) == set(headers) - {"stt", "name", "id", "address"}
    assert set(found.columns.personal) == {headers["name"], headers["id"], headers["address"]}
    assert found.window is not None
    assert (found.window.first, found.window.last) == (date(2026, 8, 15), date(2026, 9, 14))
    assert found.is_sample


def test_decomposed_header_with_line_breaks_and_remarks_is_known(tmp_path: Path) -> None:
    import unicodedata

    headers = {key: unicodedata.normalize("NFD", value) for key, value in HEADERS.items()}
    headers["status"] = unicodedata.normalize("NFD", "Trạng thái\n(1 đến 10)")
    found = _recognised(tmp_path, csv_bytes([dossier()], headers=headers))
    assert found is not None
    assert found.header_lines == found.header_row + 1  # the header record takes two lines
    assert set(found.columns.positions) >= {"code", "status", "received", "finished"}
    assert read(tmp_path, [dossier()], headers=headers).dossiers == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        "Đơn vị,Tiếp nhận,Chưa số hóa\nSở A,1,2\n".encode(),
        "Hướng dẫn: ghi mã hồ sơ vào cột đầu tiên\nMã hồ sơ,Tên\nA,B\n".encode(),
    ],
    ids=["empty", "form", "another table"],
)
def test_other_files_are_not_lists(tmp_path: Path, body: bytes) -> None:
    assert _recognised(tmp_path, body) is None
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, body)
    assert caught.value.rule == "layout.not_recognised"


def test_json_is_never_a_list(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(csv_bytes([dossier()]))
    assert recognise_list(path, Inspected("json", 1, "00")) is None


@pytest.mark.parametrize("field", ["status", "received", "finished"])
def test_missing_column_is_named(tmp_path: Path, field: str) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != field}
    with pytest.raises(FileRefused) as caught:
        _recognised(tmp_path, csv_bytes([dossier()], headers=headers))
    assert caught.value.rule == "layout.missing_column"
    assert HEADERS[field].lower() in caught.value.message_vi


def test_two_columns_of_one_meaning_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        _recognised(tmp_path, csv_bytes([dossier()], headers=HEADERS | {"stt": "Số hồ sơ"}))
    assert caught.value.rule == "layout.column_twice"
    assert "Số hồ sơ" in caught.value.message_vi


def test_columns_not_read_are_named_by_header_only(tmp_path: Path) -> None:
    headers = HEADERS | {"mood": "Tâm trạng"}
    reading = read(tmp_path, [dossier(mood=CANARY)], headers=headers)
    notes = " ".join(reading.notes_vi)
    assert "«Tâm trạng»" in notes
    assert "«Họ và tên», «Số CCCD», «Địa chỉ»" in notes
    assert CANARY not in notes
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert everything
    assert CANARY.encode() not in everything


def test_two_lists_in_one_workbook_are_refused(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    for name in ("Một", "Hai"):
        sheet = book.create_sheet(name)
        sheet.append(list(HEADERS.values()))
    path = tmp_path / "two.xlsx"
    book.save(path)
    facts = tuple(SheetFacts(name, True, 1, 14) for name in book.sheetnames)
    with pytest.raises(FileRefused) as caught:
        recognise_list(path, inspected(path, sheets=facts))
    assert caught.value.rule == "layout.two_lists"
    assert "«Một», «Hai»" in caught.value.message_vi


@pytest.mark.parametrize("left", [0, 2])
def test_workbook_is_read_like_csv(tmp_path: Path, left: int) -> None:
    rows = [dossier(1), dossier(2, status="4", finished=""), dossier(3, received="hôm qua")]
    path = tmp_path / "list.xlsx"
    seen = write_workbook(path, rows, left=left)
    reading = read_file(path, seen, tmp_path / "out")
    plain = read(tmp_path / "csv" if (tmp_path / "csv").mkdir() is None else tmp_path, rows)
    assert form(reading)[f"{HOME}.100"] | {"capture_sha256": ""} == form(plain)[f"{HOME}.100"] | {
        "capture_sha256": ""
    }
    assert reading.rejected.drop_columns("capture_sha256") == plain.rejected.drop_columns("capture_sha256")
    assert (reading.rows_read, reading.dossiers, reading.is_sample) == (3, 2, True)
    assert reading.rejected["locator"].to_pylist() == ["row 6"]


def test_workbook_cells_may_be_days_numbers_and_truth_values(tmp_path: Path) -> None:
    from datetime import datetime

    typed = dossier() | {
        "status": 10,
        "received": datetime(2026, 8, 20, 8, 30),
        "finished": datetime(2026, 8, 21, 10, 0, 30),
        "channel": 2.0,
        "components_digitized": True,
        "components_reused": False,
        "reused_from_portal": 0,
        "result_digitized": 1,
    }
    path = tmp_path / "list.xlsx"
    reading = read_file(path, write_workbook(path, [typed]), tmp_path / "out")
    assert broken(reading) == {}
    kept = copy(tmp_path).to_dicts()[0]
    assert kept["finished"] == datetime(2026, 8, 21, 10, 0, 30)
    assert (kept["status"], kept["channel"], kept["components_digitized"]) == (10, 2, True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, newline: str) -> None:
    text = csv_bytes([dossier(1), dossier(2, code="")]).decode().replace("\n", newline)
    reading = read(tmp_path, text.encode(encoding), encoding=encoding)
    assert (reading.rows_read, reading.dossiers, broken(reading)) == (2, 1, {"code_missing": 1})
    assert reading.rejected["locator"].to_pylist() == ["row 5"]
    everything = b"".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert CANARY.encode() not in everything


def test_texts_with_line_breaks_and_separators_stay_in_their_cell(tmp_path: Path) -> None:
    rows = [dossier(1, address='Tổ 1,\n"khu" 2'), dossier(2), dossier(3, status="")]
    reading = read(tmp_path, rows)
    assert (reading.rows_read, reading.dossiers, broken(reading)) == (3, 2, {"status_missing": 1})


@pytest.mark.parametrize(
    ("sound", "broken_text", "times"),
    [
        (f'"Tổ 1, {CANARY}"', f'"Tổ 1, {CANARY}', 1),
        (f'"Tổ 1, {CANARY}"', f'"Tổ 1, {CANARY}', -1),
        (f'"Tổ 1, {CANARY}"', f'"Tổ 1", {CANARY}"', 1),
        ("Nguyễn", '"Nguyễn', 1),
    ],
    ids=["one", "all", "closed early", "opened in a name"],
)
def test_quotes_that_do_not_match_refuse_the_file(
    tmp_path: Path, sound: str, broken_text: str, times: int
) -> None:
    body = csv_bytes([dossier(number) for number in range(1, 50)]).decode()
    assert sound in body
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, body.replace(sound, broken_text, times).encode())
    assert caught.value.rule == "layout.csv_broken"
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Từ ngày 15/08/2026 đến ngày 13/09/2026", "period.not_standard"),
        ("Từ ngày 15/08/2026 đến ngày 31/09/2026", "period.not_standard"),
        ("Từ 15/08/2026 đến 14/09/2026. Từ 01/08/2026 đến 31/08/2026", "period.not_standard"),
    ],
)
def test_days_that_are_no_period_are_refused(tmp_path: Path, line: str, rule: str) -> None:
    with pytest.raises(FileRefused) as caught:
        _recognised(tmp_path, csv_bytes([dossier()], title=[TITLE[0], line]))
    assert caught.value.rule == rule
