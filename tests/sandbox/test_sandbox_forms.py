from __future__ import annotations

import json
import re
import unicodedata
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet
from python_calamine import CalamineWorkbook

from etl.errors import Terminal
from etl.periods import CALENDAR, Period, window_of
from etl.reference.provinces import load_provinces
from etl.reference.units import load_listed_units
from etl.sandbox.sample_dossier_units import reporting_units
from etl.sandbox.sample_dossiers import MEASURES, window_figures
from etl.sandbox.sample_files import write_samples
from etl.sandbox.sample_form_layouts import FOURTEEN, IGATE, TEN, Drift, Grouping, rate
from etl.sandbox.sample_form_lines import STRANGER
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sandbox.sample_lists import MARKER, write_dossier_list

PHU_THO = load_provinces()["phu_tho"]
BRVT = load_provinces()["ba_ria_vung_tau"]
SEPTEMBER = window_of(Period.parse("2026-09"))

Rows = list[list[Any]]


def grid(path: Path, sheet: int = 0) -> Rows:
    """What stands in the cells; a whole number is an int, an empty cell None."""
    rows = CalamineWorkbook.from_path(path).get_sheet_by_index(sheet).to_python(skip_empty_area=False)
    return [[_plain(cell) for cell in row] for row in rows]


def _plain(cell: Any) -> Any:
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return None if cell == "" else cell


def header_row(rows: Rows) -> int:
    return next(at for at, row in enumerate(rows) if row[0] == "STT")


def unit_rows(rows: Rows) -> Rows:
    """Rows with a number in front, below the header."""
    return [row for row in rows[header_row(rows) :] if isinstance(row[0], int)]


def figures_in(rows: Rows) -> list[dict[str, Any]]:
    """The ten-column form's figures, line by line."""
    return [dict(zip(MEASURES, row[2:10], strict=True)) for row in unit_rows(rows)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., PlantedForm]:
    def written(drift: Drift | None = None, name: str = "form.xlsx", **words: Any) -> PlantedForm:
        return write_form(tmp_path / name, PHU_THO, SEPTEMBER, drift=drift, **words)

    return written


def test_the_form_says_what_the_dossiers_add_up_to(write: Callable[..., PlantedForm]) -> None:
    form = write()
    rows = grid(form.path)
    assert form.figures == window_figures(PHU_THO, SEPTEMBER)
    assert figures_in(rows) == [form.figures[unit.code] for unit in form.units]
    assert [row[1] for row in unit_rows(rows)] == [unit.name for unit in form.units]
    assert len(form.units) == len(reporting_units(PHU_THO)) > 100
    assert form.blocks == ("department", "commune")
    for block in form.blocks:
        own = [unit.figures for unit in form.units if unit.block == block]
        assert form.totals[block] == {name: sum(f[name] for f in own) for name in MEASURES}
    summed = {row[1]: row[2:10] for row in rows if str(row[1]).startswith(("Cộng", "Tổng"))}
    assert list(summed) == ["Cộng sở, ban, ngành", "Cộng UBND cấp xã", "Tổng cộng"]
    assert summed["Cộng sở, ban, ngành"] == list(form.totals["department"].values())
    both = zip(form.totals["department"].values(), form.totals["commune"].values(), strict=True)
    assert summed["Tổng cộng"] == [a + b for a, b in both]


def test_it_equals_the_list_of_its_window(tmp_path: Path, write: Callable[..., PlantedForm]) -> None:
    listed = write_dossier_list(tmp_path / "ds.csv", PHU_THO, SEPTEMBER)
    assert listed.expected == write().figures


def test_it_looks_like_an_offices_form(write: Callable[..., PlantedForm]) -> None:
    form = write()
    rows = grid(form.path)
    words = [cell for row in rows for cell in row if isinstance(cell, str)]
    for text in (
        "UBND TỈNH PHÚ THỌ",
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
        "(Từ ngày 15/08/2026 đến ngày 14/09/2026)",
        "Người lập biểu",
    ):
        assert words.count(text) == 1, text
    assert sum(text.startswith(MARKER) for text in words) == 1
    top = header_row(rows)
    assert rows[top] == [
        "STT",
        "Đơn vị",
        "Tiếp nhận",
        "Chưa số hóa TPHS",
        "Có số hóa TPHS",
        "Có tái sử dụng TP",
        "Tái sử dụng từ cổng DVCQG",
        "Đã giải quyết",
        "Số hóa kết quả giải quyết",
        None,
    ]
    assert rows[top + 1] == [None] * 8 + ["Chưa số hóa", "Đã số hóa"]
    assert rows[top + 2] == [f"({number})" for number in range(1, 11)]
    sections = [row[:2] for row in rows if row[0] in ("I", "II")]
    assert sections == [["I", "Sở, ban, ngành"], ["II", "UBND cấp xã"]]
    sheet = _sheet(form)
    merged = {str(cells) for cells in sheet.merged_cells.ranges}
    assert {f"A{top + 1}:A{top + 2}", f"I{top + 1}:J{top + 1}"} <= merged
    assert sheet.page_setup.orientation == "landscape"
    kinds = form.rows
    below = [row for row in rows[top + 2 :] if any(cell is not None for cell in row)]
    assert len(below) == sum(kinds.values())
    assert kinds["unit"] == len(form.units)


def _sheet(form: PlantedForm) -> Worksheet:
    sheet = load_workbook(form.path).worksheets[0]
    assert isinstance(sheet, Worksheet)
    return sheet


def test_names_that_two_units_bear_carry_what_tells_them_apart(write: Callable[..., PlantedForm]) -> None:
    names = Counter(unit.name for unit in write().units)
    assert max(names.values()) == 1
    assert sum(bool(re.search(r" \(H44\.\d+\)$", name)) for name in names) >= 2
    assert not any(" - Tỉnh" in name for name in names)


def test_the_land_office_may_have_a_section(write: Callable[..., PlantedForm]) -> None:
    form = write(blocks=("department", "land_office", "commune"))
    (office,) = [unit for unit in form.units if unit.block == "land_office"]
    assert office.name == "Văn phòng Đăng ký đất đai"
    assert [row[1] for row in grid(form.path) if row[0] in ("I", "II", "III")][
        1
    ] == "Văn phòng đăng ký đất đai"
    only = write(blocks=("commune",))
    assert set(only.totals) == {"commune"}
    assert len(only.figures) == len(only.units) < len(form.units)


def test_fourteen_columns_carry_rates_and_a_verdict(write: Callable[..., PlantedForm]) -> None:
    form = write(layout=FOURTEEN)
    rows = grid(form.path)
    top = header_row(rows)
    assert rows[top][5] == "Tỷ lệ số hóa TPHS (%)"
    assert rows[top][10:] == [
        "Chưa số hóa KQ",
        "Đã số hóa KQ",
        "Tỷ lệ số hóa KQ (%)",
        "Đánh giá Đạt/Không đạt",
    ]
    assert rows[top + 1] == [f"({number})" for number in range(1, 15)]
    seen = Counter[str | None]()
    for row, unit in zip(unit_rows(rows), form.units, strict=True):
        own = unit.figures
        assert [row[place] for place in (2, 3, 4, 6, 7, 9, 10, 11)] == list(own.values())
        for place, part, whole in (
            (5, own["components_digitized"], own["received"]),
            (8, own["components_reused"], own["received"]),
            (12, own["results_digitized"], own["resolved"]),
        ):
            expected = pytest.approx(100 * part / whole, abs=0.00501) if whole else None
            assert row[place] == expected
        verdict = None if not own["resolved"] else "Đạt" if row[12] >= 80 else "Không đạt"
        assert row[13] == verdict
        seen[verdict] += 1
    assert min(seen.values()) > 0
    assert len(seen) == 3


def test_rates_round_halves_up() -> None:
    assert [rate(1, 8), rate(1, 3), rate(2, 3), rate(0, 5), rate(1, 16), rate(5, 0)] == [
        12.5,
        33.33,
        66.67,
        0.0,
        6.25,
        None,
    ]
    assert rate(1, 800) == 0.13


def test_igate_json_names_units_by_code(write: Callable[..., PlantedForm]) -> None:
    form = write(name="form.json", layout=IGATE)
    document = json.loads(form.path.read_text(encoding="utf-8"))
    assert (document["fromDate"], document["toDate"]) == ("15/08/2026", "14/09/2026")
    assert document["title"].startswith(MARKER)
    for record, unit in zip(document["data"], form.units, strict=True):
        own = form.figures[record["agencyCode"]]
        assert record["agencyCode"] == unit.code
        assert record["totalReceiver"] == own["received"]
        assert record["totalReceiverHavingFile"] == own["components_digitized"]
        assert record["totalReceiverNopeFile"] == own["components_not_digitized"]
        assert record["totalComplete"] == own["resolved"]
        assert record["totalCompleteHavingFile"] == own["results_digitized"]
        assert record["totalCompleteNopeFile"] == own["results_not_digitized"]


def test_a_form_may_be_a_csv(write: Callable[..., PlantedForm]) -> None:
    form = write(name="form.csv")
    lines = form.path.read_text(encoding="utf-8-sig").splitlines()
    rows = [[int(cell) if cell.isdigit() else cell or None for cell in line.split(";")] for line in lines]
    assert figures_in(rows) == [form.figures[unit.code] for unit in form.units]
    with pytest.raises(Terminal, match="second sheet"):
        write(Drift.BLOCKS_ON_SHEETS, name="form.csv")


def test_a_province_of_the_past_has_districts(tmp_path: Path) -> None:
    window = window_of(Period.parse("2023-05"))
    form = write_form(tmp_path / "form.xlsx", BRVT, window)
    rows = grid(form.path)
    assert form.blocks == ("department", "district", "commune")
    assert Counter(unit.block for unit in form.units) == {"department": 21, "district": 8, "commune": 82}
    assert figures_in(rows) == [form.figures[unit.code] for unit in form.units]
    assert any("(Từ ngày 15/04/2023 đến ngày 14/05/2023)" in row for row in rows)
    names = {unit.name for unit in form.units}
    # Twice in one province: the name says of which district.
    assert {"UBND xã Phước Hưng - huyện Long Điền", "UBND phường Phước Hưng - thành phố Bà Rịa"} <= names
    listed = {unit.name for unit in load_listed_units() if unit.province_code == BRVT.code}
    assert {name.split(" - ")[0] for name in names if "UBND" in name and "xã" in name} <= listed


@pytest.mark.parametrize("grouping", Grouping)
def test_communes_may_stand_below_their_districts(tmp_path: Path, grouping: Grouping) -> None:
    window = window_of(Period.parse("2023-05"))
    form = write_form(tmp_path / "form.xlsx", BRVT, window, grouped_by_district=grouping)
    assert form.rows["subsection"] == 7  # Côn Đảo has no communes
    assert Counter(unit.block for unit in form.units) == {"department": 21, "district": 8, "commune": 82}
    rows = grid(form.path)
    assert figures_in(rows) == [form.figures[unit.code] for unit in form.units]
    place = next(at for at, row in enumerate(rows) if row[1] == "Huyện Long Điền")
    below = [unit for unit in form.units if unit.parent == "Huyện Long Điền"]
    assert [row[:2] for row in rows[place + 1 : place + 8]] == [
        [number, unit.name] for number, unit in enumerate(below, start=1)
    ]
    assert "UBND xã Phước Hưng" in {unit.name for unit in below}
    summed = [sum(unit.figures[name] for unit in below) for name in MEASURES]
    assert rows[place][0] == {Grouping.NAMES: None, Grouping.SUMS: "e)"}[grouping]
    assert rows[place][2:10] == (summed if grouping is Grouping.SUMS else [None] * 8)
    for layout, province in ((IGATE, BRVT), (TEN, PHU_THO)):
        with pytest.raises(Terminal, match="cannot be grouped"):
            write_form(tmp_path / "other", province, SEPTEMBER, layout=layout, grouped_by_district=grouping)


def test_a_year_is_the_sum_of_its_months(tmp_path: Path) -> None:
    year = write_form(tmp_path / "form.xlsx", PHU_THO, window_of(Period.parse("2026"), CALENDAR))
    months = [window_figures(PHU_THO, window_of(month, CALENDAR)) for month in Period.parse("2026").months()]
    for code, own in year.figures.items():
        assert own == {name: sum(month[code][name] for month in months) for name in MEASURES}


@pytest.mark.parametrize("layout", [TEN, FOURTEEN])
def test_the_bytes_know_no_hour(layout: str, write: Callable[..., PlantedForm]) -> None:
    one, two = (
        write(Drift.FORMULA_TOTALS, layout=layout, name=name).path.read_bytes()
        for name in ("1.xlsx", "2.xlsx")
    )
    assert one == two
    with zipfile.ZipFile(write(layout=layout).path) as parts:
        assert {entry.date_time[0] for entry in parts.infolist()} == {1980}
        stamps = re.findall(rb"<dcterms:\w+ [^>]*>([^<]*)<", parts.read("docProps/core.xml"))
    assert stamps == [b"2026-01-01T00:00:00Z"] * 2


def test_unknown_words_are_refused(write: Callable[..., PlantedForm]) -> None:
    with pytest.raises(Terminal, match="no layout"):
        write(layout="so_hoa_12_cot")
    with pytest.raises(Terminal, match="cannot have"):
        write(Drift.HIDDEN_ROWS, layout=IGATE, name="form.json")


# Each drift and the test that sees it: (form, its cells) -> None.
Check = Callable[[PlantedForm, Rows], None]
SEEN: dict[Drift, Check] = {}


def sees(*drifts: Drift) -> Callable[[Check], Check]:
    def remember(check: Check) -> Check:
        SEEN.update(dict.fromkeys(drifts, check))
        return check

    return remember


def _header(rows: Rows) -> list[Any]:
    return rows[header_row(rows)]


@sees(Drift.RENAMED_HEADER)
def _renamed(_: PlantedForm, rows: Rows) -> None:
    assert _header(rows)[7] == "Hoàn thành trong kỳ"


@sees(Drift.MOVED_COLUMN, Drift.MOVED_UNNUMBERED, Drift.MOVED_RENUMBERED)
def _moved(form: PlantedForm, rows: Rows) -> None:
    assert _header(rows)[2:4] == ["Đã giải quyết", "Tiếp nhận"]
    assert [row[2] for row in unit_rows(rows)] == [unit.figures["resolved"] for unit in form.units]
    below = rows[header_row(rows) + 2]
    expected = {
        Drift.MOVED_COLUMN: ["(1)", "(2)", "(8)", "(3)", "(4)", "(5)", "(6)", "(7)", "(9)", "(10)"],
        Drift.MOVED_RENUMBERED: [f"({number})" for number in range(1, 11)],
        Drift.MOVED_UNNUMBERED: ["I", "Sở, ban, ngành", *[None] * 8],
    }
    assert form.drift is not None
    assert below == expected[form.drift]


@sees(Drift.ADDED_COLUMN)
def _added(form: PlantedForm, rows: Rows) -> None:
    assert _header(rows)[10] == "Hồ sơ nộp trực tuyến"
    assert rows[header_row(rows) + 2][10] == "(11)"
    assert [row[10] for row in unit_rows(rows)] == [unit.figures["received"] * 4 // 5 for unit in form.units]


@sees(Drift.MISSING_COLUMN)
def _missing(_: PlantedForm, rows: Rows) -> None:
    texts = [cell for row in rows for cell in row]
    assert "Chưa số hóa" in texts
    assert "Đã số hóa" not in texts
    assert max(map(len, rows)) == 9


@sees(Drift.SWAPPED_9_10)
def _swapped(form: PlantedForm, rows: Rows) -> None:
    top = header_row(rows)
    assert rows[top + 1][8:] == ["Đã số hóa", "Chưa số hóa"]
    assert rows[top + 2][8:] == ["(9)", "(10)"]
    assert figures_in(rows) == [unit.figures for unit in form.units]


@sees(Drift.FORM_06_VPCP)
def _vpcp(_: PlantedForm, rows: Rows) -> None:
    top = header_row(rows)
    assert _header(rows)[1:3] == ["Lĩnh vực giải quyết", "Số lượng hồ sơ tiếp nhận"]
    assert rows[top + 1][7:10] == ["Trước hạn", "Đúng hạn", "Quá hạn"]
    assert rows[top + 3] == [f"({number})" for number in range(1, 14)]
    assert any("06b/VPCP" in str(cell) for row in rows[:3] for cell in row)
    for row in unit_rows(rows):
        assert row[6] == sum(row[7:10])
        assert min(row[2:]) >= 0


@sees(Drift.UNIT_CODES)
def _codes(form: PlantedForm, rows: Rows) -> None:
    assert _header(rows)[10] == "Mã đơn vị"
    assert [row[10] for row in unit_rows(rows)] == [unit.code for unit in form.units]


@sees(Drift.EXTRA_FOOTER)
def _footer(form: PlantedForm, rows: Rows) -> None:
    starts = [str(row[0]) for row in rows]
    assert sum(text.startswith(("Ghi chú:", "Nguồn:")) for text in starts) == form.rows["note"] == 2


@sees(Drift.NUMBERS_IN_FOOTER)
def _numbers_below(_: PlantedForm, rows: Rows) -> None:
    (row,) = [row for row in rows if row[1] == "Ghi chú: kỳ trước"]
    assert row[2:] == list(range(100, 108))


@sees(Drift.HIDDEN_ROWS)
def _hidden(form: PlantedForm, rows: Rows) -> None:
    sheet = _sheet(form)
    hidden = [row for row, shape in sheet.row_dimensions.items() if shape.hidden]
    assert [sheet.cell(row, 2).value for row in hidden] == [unit.name for unit in form.units[:2]]
    assert figures_in(rows) == [unit.figures for unit in form.units]


@sees(Drift.UNKNOWN_UNIT)
def _unknown(form: PlantedForm, rows: Rows) -> None:
    (stranger,) = [unit for unit in form.units if unit.code is None]
    assert stranger.name == STRANGER in [row[1] for row in unit_rows(rows)]
    assert len(form.units) == len(form.figures) + 1


@sees(Drift.AMBIGUOUS_UNIT)
def _ambiguous(_: PlantedForm, rows: Rows) -> None:
    names = Counter(row[1] for row in unit_rows(rows))
    assert sorted(names.values())[-2:] == [1, 2]


@sees(Drift.MISSING_UNITS)
def _left_out(form: PlantedForm, rows: Rows) -> None:
    held = {unit.code for unit in form.units}
    gone = set(form.figures) - held
    assert 0.15 * len(form.figures) < len(gone) < 0.3 * len(form.figures)
    assert all(int(code.split(".")[1]) >= 100 for code in gone)
    assert len(unit_rows(rows)) == len(form.units)


@sees(Drift.DUPLICATE_UNIT)
def _twice(form: PlantedForm, rows: Rows) -> None:
    ((code, times),) = Counter(unit.code for unit in form.units).most_common(1)
    assert (code in form.figures, times) == (True, 2)
    assert len(unit_rows(rows)) == len(form.figures) + 1


@sees(Drift.TEXT_NUMBERS)
def _text(form: PlantedForm, rows: Rows) -> None:
    texts = [row[2:10] for row in unit_rows(rows)]
    assert all(isinstance(cell, str) for row in texts for cell in row)
    assert any("." in cell for row in texts for cell in row)
    plain = [[int(cell.replace(".", "")) for cell in row] for row in texts]
    assert plain == [list(unit.figures.values()) for unit in form.units]


@sees(Drift.DECOMPOSED_UNICODE)
def _apart(form: PlantedForm, rows: Rows) -> None:
    texts = [cell for row in rows for cell in row if isinstance(cell, str)]
    assert all(text == unicodedata.normalize("NFD", text) for text in texts)
    assert "Đơn vị" not in texts
    assert unicodedata.normalize("NFD", "Đơn vị") in texts
    assert figures_in(rows) == [unit.figures for unit in form.units]


@sees(Drift.FORMULA_TOTALS, Drift.UNCACHED_TOTALS)
def _formulas(form: PlantedForm, rows: Rows) -> None:
    sheet = _sheet(form)
    formulas = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith("=SUM(")]
    assert len(formulas) == 3 * 8
    cached = load_workbook(form.path, data_only=True).worksheets[0]
    values = [cached[cell.coordinate].value for cell in formulas]
    if form.drift is Drift.UNCACHED_TOTALS:
        assert set(values) == {None}
        return
    blocks = [list(form.totals[block].values()) for block in form.blocks]
    grand = [sum(pair) for pair in zip(*blocks, strict=True)]
    assert values == [*blocks[0], *blocks[1], *grand]
    # The formula adds up the very cells: the first and last unit of the first block.
    first, last = (next(r for r, row in enumerate(rows, 1) if row[1] == form.units[n].name) for n in (0, -1))
    ranges = [str(cell.value) for cell in formulas]
    assert ranges[0].startswith(f"=SUM(C{first}:")
    assert ranges[8].endswith(f":C{last})")


@sees(Drift.WRONG_TOTAL)
def _wrong(form: PlantedForm, rows: Rows) -> None:
    (row,) = [row for row in rows if row[1] == "Cộng sở, ban, ngành"]
    true = list(form.totals["department"].values())
    assert row[2:10] == [true[0] + 10, *true[1:]]


@sees(Drift.NEGATIVE)
def _negative(form: PlantedForm, rows: Rows) -> None:
    below = [row for row in unit_rows(rows) if min(row[2:10]) < 0]
    (unit,) = [unit for unit in form.units if min(unit.figures.values()) < 0]
    assert [row[1] for row in below] == [unit.name]
    assert below[0][5] == -3


@sees(Drift.NO_WINDOW)
def _no_window(_: PlantedForm, rows: Rows) -> None:
    head = " ".join(str(cell) for row in rows[: header_row(rows)] for cell in row)
    assert not re.search(r"\d{4}|ngày \d", head)


@sees(Drift.TWO_WINDOWS)
def _two_windows(_: PlantedForm, rows: Rows) -> None:
    head = [str(cell) for row in rows[: header_row(rows)] for cell in row]
    spans = [text for text in head if text.startswith("(Từ ngày")]
    assert len(spans) == len(set(spans)) == 2


@sees(Drift.OTHER_PROVINCE)
def _other(_: PlantedForm, rows: Rows) -> None:
    head = " ".join(str(cell) for row in rows[: header_row(rows)] for cell in row)
    assert "phú thọ" not in head.casefold()
    assert head.startswith("UBND ")


@sees(Drift.BLOCKS_ON_SHEETS)
def _sheets(form: PlantedForm, rows: Rows) -> None:
    assert load_workbook(form.path).sheetnames == ["Biểu 1", "Biểu 2"]
    parts = [figures_in(rows), figures_in(grid(form.path, 1))]
    assert parts[0] + parts[1] == [unit.figures for unit in form.units]
    assert min(map(len, parts)) > 10


@sees(Drift.SECOND_WINDOW_SHEET)
def _second(form: PlantedForm, rows: Rows) -> None:
    assert load_workbook(form.path).sheetnames == ["Biểu 1", "Kỳ trước"]
    other = grid(form.path, 1)
    assert figures_in(rows) == [unit.figures for unit in form.units]
    before = window_figures(PHU_THO, window_of(Period.parse("2026-08")))
    assert figures_in(other) == [before[unit.code] for unit in form.units if unit.code]
    assert any("(Từ ngày 15/07/2026 đến ngày 14/08/2026)" in row for row in other)


def test_every_drift_is_looked_at() -> None:
    assert set(SEEN) == set(Drift)
    assert len(Drift) > 20


@pytest.mark.parametrize("drift", Drift)
def test_a_drift_shows(drift: Drift, write: Callable[..., PlantedForm]) -> None:
    form = write(drift)
    assert form.drift is drift
    SEEN[drift](form, grid(form.path))
    # The same look at a right form must fail, or it sees nothing.
    right = write(name="right.xlsx")
    with pytest.raises((AssertionError, ValueError, IndexError, KeyError)):
        SEEN[drift](right, grid(right.path))


@pytest.mark.parametrize("drift", [Drift.SWAPPED_9_10, Drift.RENAMED_HEADER, Drift.MISSING_COLUMN])
def test_the_form_with_rates_drifts_too(drift: Drift, write: Callable[..., PlantedForm]) -> None:
    right, wrong = (grid(write(which, layout=FOURTEEN).path) for which in (None, drift))
    headers = [rows[header_row(rows)] for rows in (right, wrong)]
    changed = {
        Drift.SWAPPED_9_10: [*headers[0][:10], headers[0][11], headers[0][10], *headers[0][12:]],
        Drift.RENAMED_HEADER: [*headers[0][:9], "Hoàn thành trong kỳ", *headers[0][10:]],
        Drift.MISSING_COLUMN: [*headers[0][:11], *headers[0][12:]],
    }
    assert headers[1] == changed[drift]


@pytest.mark.parametrize("drift", [Drift.TEXT_NUMBERS, Drift.NEGATIVE, Drift.RENAMED_HEADER, Drift.NO_WINDOW])
def test_igate_json_drifts_too(drift: Drift, write: Callable[..., PlantedForm]) -> None:
    document = json.loads(write(drift, name="form.json", layout=IGATE).path.read_bytes())
    records = document["data"]
    seen = {
        Drift.TEXT_NUMBERS: all(isinstance(record["totalReceiver"], str) for record in records),
        Drift.NEGATIVE: sum(record.get("totalComplete", 0) == -3 for record in records) == 1,
        Drift.RENAMED_HEADER: all("totalComplete" not in record for record in records),
        Drift.NO_WINDOW: "fromDate" not in document,
    }
    assert [name for name, holds in seen.items() if holds] == [drift]


def test_a_folder_of_samples(tmp_path: Path) -> None:
    period = Period.parse("2026-09")
    written = write_samples(tmp_path, PHU_THO, period)
    assert sorted(written) == sorted(tmp_path.iterdir())
    names = [path.name for path in written]
    assert names == [
        "bieu-so-hoa-2026-09.xlsx",
        "bieu-so-hoa-sai-tong-2026-09.xlsx",
        "bieu-so-hoa-dao-cot-9-10-2026-09.xlsx",
        "bieu-06-vpcp-gui-nham-2026-09.xlsx",
        "danh-sach-ho-so-2026-09.csv",
        "danh-sach-ho-so-co-loi-2026-09.csv",
        "danh-sach-ho-so-cong-dvcqg-2026-09.csv",
    ]
    for path in written:
        if path.suffix == ".csv":
            assert path.read_text(encoding="utf-8-sig").startswith(MARKER)
            assert path.stat().st_size < 2_000_000
        else:
            assert any(str(row[0]).startswith(MARKER) for row in grid(path))
    good = {unit.code: unit.figures for unit in write_form(tmp_path / "f.xlsx", PHU_THO, SEPTEMBER).units}
    assert figures_in(grid(written[0])) == list(good.values())
    past = write_samples(tmp_path / "past", BRVT, Period.parse("2023-05"))
    assert [path.suffix for path in past] == [".xlsx"] * 4
