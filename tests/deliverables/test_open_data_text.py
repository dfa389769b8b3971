"""Open data as bytes: RFC 4180, exact figures, and names that a spreadsheet must not take for formulas."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
import report_cases as cases
from test_open_data import csv_rows, json_rows, problems, written
from test_quality_sheet import full_report

from etl.deliver.open_data import load_tables, render_open_data
from etl.deliver.open_data_text import BYTE_ORDER_MARK, csv_bytes, csv_text, json_bytes
from etl.errors import ReportNotReady

SOFFICE = shutil.which("soffice")


def test_a_figure_keeps_all_its_digits_and_never_an_exponent() -> None:
    rows = [
        {"n": number} for number in map(Decimal, ("1E+3", "0.1000", "-0", "123456789012345678.000000000001"))
    ]
    expected = ["1000", "0.1000", "0", "123456789012345678.000000000001"]
    assert [row["n"] for row in csv_rows(csv_bytes(["n"], rows))] == expected
    assert re.findall(rb'"n": ([^}]+)', json_bytes(["n"], rows)) == [one.encode() for one in expected]


@pytest.mark.parametrize("wrong", ["NaN", "Infinity"])
def test_what_is_not_a_number_is_refused(wrong: str) -> None:
    with pytest.raises(ReportNotReady):
        csv_bytes(["n"], [{"n": Decimal(wrong)}])
    with pytest.raises(ReportNotReady):
        json_bytes(["n"], [{"n": Decimal(wrong)}])


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        csv_bytes(["t"], [{"t": datetime(2026, 9, 15, 4)}])
    assert b"2026-09-14T21:00:00.000007Z" in csv_bytes(
        ["t"], [{"t": datetime(2026, 9, 14, 21, 0, 0, 7, UTC)}]
    )


# ------------------------------------------------------------------ the shape of the bytes


def test_csv_is_rfc_4180_with_a_mark_that_excel_needs() -> None:
    month = render_open_data(full_report())
    for table in load_tables():
        content = month[f"{table.name}.csv"]
        assert content.startswith(BYTE_ORDER_MARK + table.columns[0].encode())
        assert content.count(BYTE_ORDER_MARK) == 1
        assert content.endswith(b"\r\n")
        assert b"\n" not in content.replace(b"\r\n", b"")


# ------------------------------------------------------------------ hostile names

STARTERS = (
    "=1+1", "+1-2", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u3000=1", "＝1", "＋1", "－1", "＠a", "﹢1",
    '"=1', "'=1", "\x00=1",
)  # fmt: skip


@pytest.mark.parametrize("text", STARTERS)
def test_what_begins_a_formula_does_so_no_more(text: str) -> None:
    cell = csv_rows(csv_bytes(["a"], [{"a": text}]))[0]["a"]
    # \x00 and \r become visible words, which are a beginning of their own
    assert all(part.lstrip(" \u3000")[:1] in ("'", "[") for part in cell.split("\n") if part)
    assert json_rows(json_bytes(["a"], [{"a": text}]))[0]["a"] == text


@pytest.mark.parametrize("text", ["a;=1", "a,=1", "a; -1+2", "a|@x", "a\n=1", 'a;"=1'])
def test_nor_where_a_spreadsheet_with_other_separators_would_cut_the_cell(text: str) -> None:
    """With Vietnamese settings Excel cuts at semicolons and takes quotation marks inside a line for letters."""
    for piece in re.split(r"[;,|\n]", csv_text(text))[1:]:
        assert piece.startswith("'")


@pytest.mark.parametrize(
    "text", ["-0.03", "0", "12.5", "Sở Y tế", "2026-09", "UBND xã A - B", "a-b=c", "5 (3+2)", "≤ 0,02"]
)
def test_what_begins_no_formula_stays_as_it_is(text: str) -> None:
    assert csv_text(text) == text


def test_hostile_names_stay_text_in_every_file(tmp_path: Path) -> None:
    files = render_open_data(cases.hostile_report())
    unseen = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")
    for name, content in files.items():
        text = content.decode("utf-8-sig")
        assert not unseen.search(text), f"{name} holds what nobody would see"
        if name.endswith(".json"):
            assert "<script" not in text
    for table in load_tables():
        for row in csv_rows(files[f"{table.name}.csv"]):
            assert None not in row
            numbers = {f["name"] for f in table.fields if f["type"] in ("number", "integer")}
            for column, cell in row.items():
                if column not in numbers and not re.fullmatch(r"-?\d+(\.\d+)?", cell):
                    assert cell.lstrip()[:1] not in tuple("=+-@＝＋－＠"), (table.name, column, cell)
    names = {row["unit_name"] for row in json_rows(files["chi_so_don_vi.json"])}
    assert set(cases.HOSTILE_NAMES) <= names  # to the last character
    assert problems(written(cases.hostile_report(), tmp_path)) == []


def test_a_name_with_quotes_commas_and_line_ends_is_one_cell(tmp_path: Path) -> None:
    name = 'Sở "A", B\r\nC; D'
    units = (dataclasses.replace(cases.report().indicators.units[0], unit_name=name),)
    report = cases.report(indicators=cases.indicators_data(units=units))
    folder = written(report, tmp_path)
    (_, row) = csv_rows((folder / "chi_so_don_vi.csv").read_bytes())
    assert row["unit_name"] == name.replace("\r\n", "\n")
    assert problems(folder) == []


def test_a_separator_storm_is_escaped_in_time() -> None:
    for storm in ("\n" * 50_000, ";" * 50_000 + "=", " " * 50_000 + "=1", '";' * 50_000):
        assert len(csv_text(storm)) >= len(storm)


# ------------------------------------------------------------------ in a real spreadsheet


def _formulas(source: Path, separator: str, profile: Path) -> list[str]:
    """What LibreOffice makes formulas of, told to evaluate what it can (Excel always does)."""
    out = source.parent / f"read-{ord(separator)}"
    options = f"CSV:{ord(separator)},34,76,1,,0,false,false,true,false,false,0,true"
    subprocess.run(
        [str(SOFFICE), "--headless", f"-env:UserInstallation={profile.as_uri()}", f"--infilter={options}",
         "--convert-to", "xlsx:Calc MS Excel 2007 XML", "--outdir", str(out), str(source)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    sheet = openpyxl.load_workbook(out / f"{source.stem}.xlsx").active
    assert sheet.max_row > 1
    return [str(cell.value) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]


@pytest.mark.skipif(
    SOFFICE is None, reason="LibreOffice is not installed: no spreadsheet to open the files in"
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_spreadsheet_finds_no_formula_in_the_files(separator: str, tmp_path: Path) -> None:
    """With comma, and with the semicolon of Vietnamese settings; the same names unescaped do become formulas."""
    names = (*cases.HOSTILE_NAMES, *STARTERS, "x;=1+1", "x,=1+1", 'x";=1+1;"')
    rows = [{"a": "H44", "b": name} for name in names]
    (tmp_path / "safe.csv").write_bytes(csv_bytes(["a", "b"], rows))
    bare = "".join(f'H44,"{name}"\r\n' for name in ("=1+1", "x;=1+1"))
    (tmp_path / "bare.csv").write_bytes(BYTE_ORDER_MARK + b"a,b\r\n" + bare.encode())
    profile = tmp_path / "profile"
    assert _formulas(tmp_path / "safe.csv", separator, profile) == []
    assert _formulas(tmp_path / "bare.csv", separator, profile), (
        "the control holds no formula: nothing was tested"
    )
