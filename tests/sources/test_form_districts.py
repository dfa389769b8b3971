"""Communes below rows that name their district: what heads, what is a unit, which total is whose, up to the verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from support.forms import (
    COMMUNES,
    DEPARTMENTS,
    TAX,
    WARD,
    WORKS,
    Sheet,
    read_body,
    read_file,
    received,
    rules,
    write_workbook,
)

from etl.errors import FileRefused, Terminal
from etl.periods import VIETNAM, Period, window_of
from etl.reference.provinces import find_province
from etl.reference.units import KnownUnit, load_listed_units
from etl.sandbox.sample_form_layouts import Drift, Grouping
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sources.digitization import MEASURES, DigitizationReading, parent_over
from etl.sources.digitization_form.layouts import load_templates
from etl.validate.digitization import DigitizationVerdict, judge_digitization

BRVT = find_province("ba_ria_vung_tau")
MAY = window_of(Period.parse("2023-05"))
_LISTED = load_listed_units()
_NAMES = {unit.gso_code: unit.name for unit in _LISTED}
DIRECTORY = tuple(
    KnownUnit(unit.unit_id, unit.block, unit.name, None, _NAMES.get(unit.parent_gso_code))
    for unit in _LISTED
    if unit.province_code == "H06"
)


def unit(name: str, figure: int = 5, stt: Any = 1) -> tuple[Any, ...]:
    return (stt, name, *[figure] * 8)


def head(name: str, *, stt: Any = None, figure: int | None = None) -> tuple[Any, ...]:
    return (stt, name, *([] if figure is None else [figure] * 8))


def cong(label: str, figure: int) -> tuple[Any, ...]:
    return (None, label, *[figure] * 8)


def parents(reading: DigitizationReading) -> dict[str, str | None]:
    rows = reading.units.to_pylist()
    return {row["unit_name"]: parent_over(row["attributes"]) for row in rows}


def totals(reading: DigitizationReading) -> list[tuple[str | None, str | None, int]]:
    return [(row["block"], row["parent"], row["received"]) for row in reading.totals.to_pylist()]


def judge(reading: DigitizationReading) -> DigitizationVerdict:
    return judge_digitization(
        reading,
        province=BRVT,
        directory=DIRECTORY,
        window=MAY,
        captured_at=datetime(2023, 5, 16, 9, 0, tzinfo=VIETNAM),
        max_missing_unit_share=0.1,
        max_quarantined_share=0.1,
    )


def not_passed(verdict: DigitizationVerdict) -> dict[str, str]:
    return {row["rule"]: row["state"] for row in verdict.results.to_pylist() if row["state"] != "passed"}


# --- what heads ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ((None, "Huyện Long Điền"), "Huyện Long Điền"),
        (("a)", "Huyện Long Điền"), "Huyện Long Điền"),
        (("1.1", "huyện Long Điền:"), "huyện Long Điền"),
        ((1.1, "HUYỆN LONG ĐIỀN"), "HUYỆN LONG ĐIỀN"),
        (("II.1", "UBND huyện Long Điền"), "UBND huyện Long Điền"),
        (("I", "Uỷ ban nhân dân thị xã Phú Mỹ"), "Uỷ ban nhân dân thị xã Phú Mỹ"),
        ((7, "Huyện Long Điền"), "Huyện Long Điền"),
        ((None, "a) Huyện Long Điền"), "Huyện Long Điền"),
        ((None, "II.1. TP. Bà Rịa"), "TP. Bà Rịa"),
        ((None, "1.1.Quận 3"), "Quận 3"),
        ((None, "- TX Phú Mỹ"), "TX Phú Mỹ"),
        (("b. Thành phố Vũng Tàu",), "Thành phố Vũng Tàu"),
    ],
)
def test_a_row_that_begins_with_a_districts_kind_heads_the_communes_below(
    tmp_path: Path, row: tuple[Any, ...], name: str
) -> None:
    reading = read_body(tmp_path, DEPARTMENTS, TAX, COMMUNES, row, unit("Xã A"), unit("Xã B", stt=2))
    assert parents(reading) == {"Sở Tài chính": None, "Xã A": name, "Xã B": name}
    assert dict(reading.ignored) == {"numbering": 1, "section": 3}
    assert reading.totals.num_rows == 0
    with_figures = (*row, *[None] * (2 - len(row)), *[10] * 8)
    summed = read_body(tmp_path, DEPARTMENTS, TAX, COMMUNES, with_figures, unit("Xã A"), unit("Xã B", stt=2))
    assert parents(summed) == parents(reading)
    assert dict(summed.ignored) == {"numbering": 1, "section": 2, "total": 1}
    assert totals(summed) == [("commune", name, 10)]


def test_a_heading_holds_until_the_next_or_the_next_section(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path,
        COMMUNES,
        unit("Xã A"),
        head("Huyện B"),
        unit("Xã B"),
        head("Huyện C", figure=0),
        head("Huyện D"),
        unit("Xã D"),
        ("III", "Sở, ban, ngành"),
        unit("Sở Y tế"),
    )
    assert parents(reading) == {"Xã A": None, "Xã B": "Huyện B", "Xã D": "Huyện D", "Sở Y tế": None}
    assert reading.units["attributes"].to_pylist()[0] is None


@pytest.mark.parametrize(
    "name", ["Thị trấn Long Điền", "Đặc khu Côn Đảo", "Huyện", "Huyện, thị xã", "Quận và huyện"]
)
def test_other_words_head_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read_body(tmp_path, COMMUNES, head(name), unit("Xã A"))
    assert caught.value.rule == "layout.unknown_section"
    assert "“Huyện …”" in caught.value.remedy_vi


def test_outside_the_communes_a_district_is_a_unit_or_an_unknown_section(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path, ("I", "UBND cấp huyện"), unit("UBND huyện Long Điền"), head("Huyện B", figure=3)
    )
    assert received(reading) == {"UBND huyện Long Điền": 5, "Huyện B": 3}
    assert parents(reading) == {"UBND huyện Long Điền": None, "Huyện B": None}
    with pytest.raises(FileRefused) as caught:
        read_body(tmp_path, DEPARTMENTS, TAX, head("Huyện B"), WORKS)
    assert caught.value.rule == "layout.unknown_section"
    assert "“Huyện …”" not in caught.value.remedy_vi


def test_the_words_are_data(tmp_path: Path) -> None:
    folder = tmp_path / "forms"
    folder.mkdir()
    text = (
        "form_id: so_hoa_10_cot\nedition: 1\nextends: so_hoa_10_cot@1\nsubheads: {{{block}: [Cụm]}}\n"
        "title_vi: Biểu\nvalid_from: 2022-01-01\n"
    )
    (folder / "own.yml").write_text(text.format(block="commune"), encoding="utf-8")
    path = write_workbook(tmp_path / "b.xlsx", Sheet(body=(COMMUNES, head("Cụm 1"), unit("Xã A"))))
    assert parents(read_file(path, templates=load_templates(folder))) == {"Xã A": "Cụm 1"}
    (folder / "own.yml").write_text(text.format(block="hamlet"), encoding="utf-8")
    with pytest.raises(Terminal, match=r"subheads: hamlet is no block"):
        load_templates(folder)


# --- figures are never lost ------------------------------------------------------------------------------


def test_a_district_with_figures_and_nobody_below_is_a_unit(tmp_path: Path) -> None:
    for below in ((head("Huyện B"), unit("Xã B")), (cong("Cộng", 9),), ()):
        for stt in (None, "a)", 3):
            reading = read_body(
                tmp_path, COMMUNES, head("Huyện A"), unit("Xã A"), head("Huyện C", stt=stt, figure=4), *below
            )
            assert received(reading)["Huyện C"] == 4
            assert parents(reading)["Huyện C"] is None


def test_a_district_in_the_run_of_numbers_is_a_unit_and_heads_nobody(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path,
        COMMUNES,
        head("Huyện A"),
        unit("Xã A"),
        unit("UBND huyện C", 7, stt=2),
        unit("Xã B", stt=3),
    )
    assert received(reading) == {"Xã A": 5, "UBND huyện C": 7, "Xã B": 5}
    # numbered itself, over communes that are numbered anew: a heading
    reading = read_body(
        tmp_path,
        COMMUNES,
        head("Huyện A", stt=1),
        unit("Xã A"),
        head("Huyện B", stt=2),
        unit("Xã B"),
        unit("Xã C", stt=2),
    )
    assert parents(reading) == {"Xã A": "Huyện A", "Xã B": "Huyện B", "Xã C": "Huyện B"}


def test_districts_numbered_one_after_the_other_without_communes_stay_headings(tmp_path: Path) -> None:
    rows = [head(f"Huyện {name}", stt=number) for number, name in enumerate("ABC", start=1)]
    reading = read_body(tmp_path, COMMUNES, *rows, unit("Xã C"))
    assert parents(reading) == {"Xã C": "Huyện C"}
    assert (reading.ignored["section"], reading.rows_quarantined) == (4, 0)


def test_namesakes_of_two_districts_on_two_sheets_are_no_copies(tmp_path: Path) -> None:
    sheets = [
        Sheet(name=name, body=(COMMUNES, head(f"Huyện {name}"), unit("Phước Hưng"))) for name in ("A", "B")
    ]
    reading = read_file(write_workbook(tmp_path / "two.xlsx", *sheets))
    assert [parent_over(text) for text in reading.units["attributes"].to_pylist()] == ["Huyện A", "Huyện B"]


def test_a_cell_of_a_heading_that_is_no_figure_is_refused_and_the_rows_below_stand(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path, COMMUNES, (None, "Huyện A", 5, "năm", 5), unit("Xã A"), (None, "Huyện B", "-"), unit("Xã B")
    )
    assert [(column, rule) for _, column, rule in rules(reading)] == [
        ("components_not_digitized", "not_a_whole_number")
    ]
    assert parents(reading) == {"Xã A": "Huyện A", "Xã B": "Huyện B"}
    assert reading.ignored["section"] == 2
    kept = json.loads(reading.rejected["row_data"][0].as_py())
    assert (kept["block"], kept["parent"]) == ("commune", "Huyện A")


def test_a_place_and_day_above_the_signature_heads_nothing(tmp_path: Path) -> None:
    reading = read_body(
        tmp_path, COMMUNES, head("Huyện A"), WARD, ("TP. Vũng Tàu, ngày 16 tháng 5 năm 2023",), ("Giám đốc",)
    )
    assert dict(reading.ignored) == {"footer": 2, "numbering": 1, "section": 2}


# --- whose total ----------------------------------------------------------------------------------------


def test_totals_below_headings_are_of_the_district_they_name_or_close(tmp_path: Path) -> None:
    a, b, c = unit("Xã A", 1), unit("Xã B", 2), unit("Xã C", 4)
    rows = (DEPARTMENTS, TAX, COMMUNES, head("Huyện A"), a)
    named = (cong("Cộng huyện A", 1), head("TP. B"), b, c, cong("Tổng cộng TP B", 6), cong("Cộng", 7))
    assert totals(read_body(tmp_path, *rows, *named, cong("Tổng cộng", 127))) == [
        ("commune", "Huyện A", 1),
        ("commune", "TP. B", 6),
        ("commune", None, 7),
        (None, None, 127),
    ]
    placed = (cong("Cộng", 1), head("TP. B"), b, c, cong("Cộng", 6), cong("Cộng", 7))
    assert totals(read_body(tmp_path, *rows, *placed, cong("Tổng cộng", 127))) == [
        ("commune", "Huyện A", 1),
        ("commune", "TP. B", 6),
        ("commune", None, 7),
        (None, None, 127),
    ]
    kinds = (cong("Cộng huyện", 1), head("TP. B"), b, c, cong("Cộng cấp xã", 7))
    assert totals(read_body(tmp_path, *rows, *kinds)) == [("commune", "Huyện A", 1), ("commune", None, 7)]
    once = (head("TP. B"), b, c, cong("Cộng", 7), cong("Tổng cộng", 127))
    assert totals(read_body(tmp_path, *rows, *once)) == [("commune", None, 7), (None, None, 127)]


def test_a_city_that_is_the_province_is_no_district(tmp_path: Path) -> None:
    assert totals(read_body(tmp_path, COMMUNES, unit("Phường A"), cong("Tổng cộng thành phố Huế", 5))) == [
        (None, None, 5)
    ]


# --- the whole way, with the legal list ------------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Grouping], PlantedForm]:
    folder = tmp_path_factory.mktemp("grouped")

    def written(grouping: Grouping) -> PlantedForm:
        path = folder / f"{grouping}.xlsx"
        return write_form(path, BRVT, MAY, drift=Drift.FORMULA_TOTALS, grouped_by_district=grouping)

    return written


def read(path: Path) -> DigitizationReading:
    return read_file(path, province="ba_ria_vung_tau")


@pytest.mark.parametrize("grouping", [None, *Grouping])
@pytest.mark.parametrize("layout", ["so_hoa_10_cot", "so_hoa_14_cot", "csv"])
def test_a_form_grouped_by_district_is_taken_whole(
    tmp_path: Path, layout: str, grouping: Grouping | None
) -> None:
    form = write_form(
        tmp_path / ("f.csv" if layout == "csv" else "f.xlsx"),
        BRVT,
        MAY,
        layout="so_hoa_10_cot" if layout == "csv" else layout,
        grouped_by_district=grouping,
    )
    reading = read(form.path)
    assert reading.rows_read == sum(form.rows.values())
    assert form.rows.get("subsection", 0) == (7 if grouping else 0)
    verdict = judge(reading)
    assert not_passed(verdict) == {}
    assert (verdict.state, verdict.rows_good, verdict.rows_quarantined) == ("passed", 111, 0)
    ids = {str(unit.unit_id): unit for unit in DIRECTORY}
    rows = verdict.good.to_pylist()
    assert len({row["unit_id"] for row in rows}) == 111
    assert [[row[name] for name in MEASURES] for row in rows] == [
        [unit.figures[name] for name in MEASURES] for unit in form.units
    ]
    under = [
        (parent_over(row["attributes"]), ids[row["unit_id"]].parent)
        for row in rows
        if row["block"] == "commune"
    ]
    assert len(under) == 82
    if grouping:
        assert all(stated == known for stated, known in under)
        headings = {parent for name, parent in parents(reading).items() if parent}
        assert {f"UBND {name}".casefold() for name in headings} == {
            name.casefold() for _, name in under if name
        }
    else:
        assert {stated for stated, _ in under} == {None}


def _spoil(
    form: PlantedForm, folder: Path, change: Callable[[Any, dict[str, int]], None]
) -> DigitizationReading:
    """Read the form after a change of its sheet; ``change`` is given the rows by the name in them."""
    workbook = load_workbook(form.path, data_only=True)
    sheet = workbook.worksheets[0]
    change(sheet, {str(cell.value): cell.row for cell in sheet["B"] if cell.value})
    workbook.save(folder / "spoilt.xlsx")
    return read(folder / "spoilt.xlsx")


def test_namesakes_are_told_apart_by_the_heading_alone(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def shorten(sheet: Any, rows: dict[str, int]) -> None:
        for name in ("UBND phường Phước Hưng", "UBND xã Phước Hưng"):
            sheet.cell(rows[name], 2, "Phước Hưng")

    verdict = judge(_spoil(planted(Grouping.NAMES), tmp_path, shorten))
    assert not_passed(verdict) == {}
    found = {row["unit_id"] for row in verdict.good.to_pylist() if row["unit_name"] == "Phước Hưng"}
    assert found == {str(unit.unit_id) for unit in DIRECTORY if unit.name.endswith(" Phước Hưng")}
    assert len(found) == 2


def test_a_commune_below_another_district_is_refused_and_the_others_stand(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def rename(sheet: Any, rows: dict[str, int]) -> None:
        sheet.cell(rows["UBND xã An Ngãi"], 2, "UBND xã Long Sơn")

    verdict = judge(_spoil(planted(Grouping.NAMES), tmp_path, rename))
    (line,) = verdict.rejected.to_pylist()
    assert (line["rule"], line["column_name"], line["value"]) == (
        "unit_unknown",
        "unit_name",
        "UBND xã Long Sơn",
    )
    assert "dưới dòng “Huyện Long Điền”" in line["message_vi"]
    assert "UBND xã Long Sơn thuộc UBND thành phố Vũng Tàu" in line["message_vi"]
    assert not_passed(verdict) == {"unit_unknown": "warned", "every_unit_present": "warned"}
    assert verdict.rows_read == verdict.rows_good + verdict.rows_quarantined + verdict.rows_ignored
    assert verdict.rows_good == 110


def test_a_districts_figures_that_are_not_its_communes_refuse_the_file(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def change(sheet: Any, rows: dict[str, int]) -> None:
        cell = sheet.cell(rows["Huyện Long Điền"], 3)
        cell.value += 1

    verdict = judge(_spoil(planted(Grouping.SUMS), tmp_path, change))
    assert (verdict.state, not_passed(verdict)) == ("failed", {"district_totals_agree": "failed"})
    (line,) = [row for row in verdict.results.to_pylist() if row["rule"] == "district_totals_agree"]
    assert "cấp xã, Huyện Long Điền: tiếp nhận: ghi " in line["observed"]
    assert "cộng các đơn vị bên dưới được" in line["observed"]


def test_figures_only_one_side_states_are_not_compared(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def clear(sheet: Any, rows: dict[str, int]) -> None:
        sheet.cell(rows["Huyện Long Điền"], 7).value = None
        for place in range(rows["Huyện Đất Đỏ"] + 1, rows["Thị xã Phú Mỹ"]):
            sheet.cell(place, 7).value = None
        for name in rows:
            if name.startswith(("Cộng UBND cấp xã", "Tổng")):
                sheet.cell(rows[name], 7).value = None

    verdict = judge(_spoil(planted(Grouping.SUMS), tmp_path, clear))
    assert not_passed(verdict) == {"no_measure_blank": "warned"}


def test_a_row_that_could_not_be_read_is_still_in_its_districts_sum(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def spoil(sheet: Any, rows: dict[str, int]) -> None:
        sheet.cell(rows["UBND xã An Ngãi"], 10, "nhiều")

    form = planted(Grouping.SUMS)
    verdict = judge(_spoil(form, tmp_path, spoil))
    assert verdict.rejected["rule"].to_pylist() == ["not_a_whole_number"]
    assert "district_totals_agree" not in not_passed(verdict)

    def both(sheet: Any, rows: dict[str, int]) -> None:
        spoil(sheet, rows)
        sheet.cell(rows["Huyện Long Điền"], 3).value += 1

    assert not_passed(judge(_spoil(form, tmp_path, both)))["district_totals_agree"] == "failed"


def test_a_district_without_communes_does_not_lose_its_figures(
    tmp_path: Path, planted: Callable[[Grouping], PlantedForm]
) -> None:
    def add(sheet: Any, rows: dict[str, int]) -> None:
        last = rows["Cộng UBND cấp xã"]
        sheet.insert_rows(last)
        for place, value in enumerate(("h)", "Huyện Côn Đảo", 9, 4, 5, 1, 0, 8, 3, 5), start=1):
            sheet.cell(last, place, value)
        for row in (last + 1, last + 2):
            for place, value in enumerate((9, 4, 5, 1, 0, 8, 3, 5), start=3):
                sheet.cell(row, place).value += value

    verdict = judge(_spoil(planted(Grouping.SUMS), tmp_path, add))
    (line,) = verdict.rejected.to_pylist()
    assert (line["rule"], line["value"]) == ("unit_unknown", "Huyện Côn Đảo")
    assert "khối cấp huyện: chuyển dòng về đúng mục" in line["message_vi"]
    assert not_passed(verdict) == {"unit_unknown": "warned"}
    assert verdict.rows_good == 111
