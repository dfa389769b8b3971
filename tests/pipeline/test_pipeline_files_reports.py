"""From handed-in forms to the D1 workbook: a month, a quarter of three months, a province of the past, what is missing."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook
from support.files import PHU_THO, Figures, Office, adds_up, month, written

from etl import stages
from etl.errors import ReportNotReady
from etl.reference.provinces import find_province
from etl.sandbox.sample_dossier_units import reporting_units
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sources.digitization import MEASURES

BRVT = find_province("ba_ria_vung_tau")
QUARTER = month("2026-Q3")
MONTHS = tuple(f"2026-{number:02d}" for number in (7, 8, 9))


def rows_of(workbook: Path) -> Counter[tuple[int, ...]]:
    """The figures of the unit rows of a D1 workbook: rows numbered 1, 2, 3 … with eight numbers."""
    found: Counter[tuple[int, ...]] = Counter()
    for name in (book := CalamineWorkbook.from_path(workbook)).sheet_names:
        for row in book.get_sheet_by_name(name).to_python():
            numbers = [value for value in row[2:10] if isinstance(value, float)]
            if len(row) >= 10 and isinstance(row[0], float) and len(numbers) == len(MEASURES):
                found[tuple(map(int, numbers))] += 1
    return found


def lines(figures: Figures) -> Counter[tuple[int | None, ...]]:
    return Counter(tuple(own[name] for name in MEASURES) for own in figures.values())


def summed(*parts: Figures) -> Figures:
    return {
        code: {name: sum(part[code][name] or 0 for part in parts) for name in MEASURES} for code in parts[0]
    }


@pytest.fixture(scope="module")
def quarter(
    shared_office: Office, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, dict[str, PlantedForm]]:
    """An office that handed in the three months of the third quarter, in three layouts."""
    folder = tmp_path_factory.mktemp("quarter")
    planted = {}
    for period, layout, suffix in zip(
        MONTHS, ("so_hoa_10_cot", "so_hoa_14_cot", "so_hoa_10_cot"), (".xlsx", ".xlsx", ".csv"), strict=True
    ):
        planted[period] = write_form(folder / f"{period}{suffix}", PHU_THO, month(period), layout=layout)
        shared_office.drop(planted[period].path)
    handled = shared_office.take_in()
    assert [one.state for one in handled] == ["accepted"] * 3
    for one in handled:
        assert one.snapshot is not None
        targets = stages.digitization_targets(
            shared_office.settings,
            {},
            [
                {
                    "province": one.snapshot["province_code"],
                    "period": one.snapshot["period_id"],
                    "calendar": one.snapshot["calendar"],
                }
            ],
            shared_office.clock,
        )
        assert {(target["period"], target["asked"]) for target in targets} == {
            (one.snapshot["period_id"], False),
            ("2026-Q3", False),
            ("2026", False),
        }
    return shared_office, planted


def test_a_month_becomes_the_form_again(quarter: tuple[Office, dict[str, PlantedForm]]) -> None:
    office, planted = quarter
    for period in MONTHS:
        workbook = stages.deliver_digitization(
            office.settings, "phu_tho", period, "administrative", office.clock
        )
        assert rows_of(workbook) == lines(written(planted[period]))


def test_a_quarter_is_the_sum_of_its_months(
    quarter: tuple[Office, dict[str, PlantedForm]], tmp_path: Path
) -> None:
    office, planted = quarter
    total = summed(*(written(form) for form in planted.values()))
    assert office.figures(QUARTER) == total
    assert office.ask(
        "SELECT DISTINCT basis, complete, snapshot_id, locator FROM mart.digitization WHERE period_id = '2026-Q3'"
    ) == [("sum", True, None, "tổng 2026-07, 2026-08, 2026-09")]
    assert total == written(write_form(tmp_path / "q.xlsx", PHU_THO, QUARTER))
    workbook = stages.deliver_digitization(
        office.settings, "phu_tho", "2026-Q3", "administrative", office.clock
    )
    assert rows_of(workbook) == lines(total)
    assert "2026-Q3" in workbook.name


def test_a_made_form_handed_in_says_the_same(quarter: tuple[Office, dict[str, PlantedForm]]) -> None:
    """What this program writes it can read: the quarter's own workbook becomes the quarter's own form."""
    office, _ = quarter
    before = office.figures(QUARTER)
    workbook = stages.deliver_digitization(
        office.settings, "phu_tho", "2026-Q3", "administrative", office.clock
    )
    handled = office.load(workbook)
    assert (handled.error, handled.state) == (None, "accepted")
    assert adds_up(handled)
    assert handled.rows[1:3] == (127, 0)
    assert office.figures(QUARTER) == before
    assert office.ask("SELECT DISTINCT basis FROM mart.digitization WHERE period_id = '2026-Q3'") == [
        ("form",)
    ]


@pytest.mark.parametrize("period", ["2026-H2", "2026", "2026-10"])
def test_what_is_not_there_is_named(quarter: tuple[Office, dict[str, PlantedForm]], period: str) -> None:
    office, _ = quarter
    office.now += timedelta(minutes=1)
    with pytest.raises(ReportNotReady) as caught:
        stages.deliver_digitization(office.settings, "phu_tho", period, "administrative", office.clock)
    for block in ("department", "commune"):
        assert f"{block}, 2026" in caught.value.message
    assert "no form and no dossier list" in caught.value.message
    told = {part.split(", ")[1][:7] for part in caught.value.message.split("complete: ")[1].split("; ")}
    absent = {"2026-H2": {"2026-10", "2026-11", "2026-12"}, "2026-10": {"2026-10"}}.get(
        period, {f"2026-{number:02d}" for number in (1, 2, 3, 4, 5, 6, 10, 11, 12)}
    )
    assert told == absent
    assert office.ask(
        "SELECT state, error_class FROM ops.run WHERE stage = 'deliver' ORDER BY started_at DESC LIMIT 1"
    ) == [("failed", "ReportNotReady")]


def test_blocks_and_units_that_lack_are_named(office: Office, tmp_path: Path) -> None:
    window = month("2026-08")
    departments = write_form(tmp_path / "a.xlsx", PHU_THO, window, blocks=("department",))
    assert office.hand_in(departments.path).state == "accepted"
    assert set(office.figures(window)) == set(departments.figures)

    def refused(period: str) -> str:
        with pytest.raises(ReportNotReady) as caught:
            stages.deliver_digitization(office.settings, "phu_tho", period, "administrative", office.clock)
        return str(caught.value.message)

    assert "commune, 2026-08 (2026-07-15 to 2026-08-14): no form and no dossier list" in refused("2026-08")
    assert "department" not in refused("2026-08")
    quarter = refused("2026-Q3")
    assert "department, 2026-07" in quarter
    assert "department, 2026-09" in quarter
    assert "department, 2026-08" not in quarter

    office.now += timedelta(hours=1)
    partial = write_form(tmp_path / "b.xlsx", PHU_THO, window, drift=Drift.MISSING_UNITS)
    handled = office.hand_in(partial.path)
    (commune,) = [block for block in handled.receipt["blocks"] if block["block"] == "commune"]
    message = refused("2026-08")
    assert "commune, 2026-08 (2026-07-15 to 2026-08-14): units missing: " in message
    assert len(commune["missing_units"]) == 27
    assert all(unit in message for unit in commune["missing_units"])
    assert not list(office.settings.deliverables_dir.rglob("*.xlsx"))

    office.now += timedelta(hours=1)
    communes = write_form(tmp_path / "c.xlsx", PHU_THO, window, blocks=("commune",))
    assert office.hand_in(communes.path).state == "accepted"
    workbook = stages.deliver_digitization(
        office.settings, "phu_tho", "2026-08", "administrative", office.clock
    )
    assert rows_of(workbook) == lines(written(departments) | written(communes))


def test_a_province_of_the_past_has_its_own_folder_and_its_form(office: Office, tmp_path: Path) -> None:
    window = month("2023-05")
    planted = write_form(tmp_path / "brvt.xlsx", BRVT, window)
    handled = office.hand_in(planted.path, province="ba_ria_vung_tau")
    assert (handled.error, handled.state) == (None, "accepted")
    assert handled.receipt["province_code"] == BRVT.code
    assert handled.receipt["refusals"] == []
    rows, units = sum(planted.rows.values()), len(planted.units)
    assert handled.rows == (rows, units, 0, rows - units)
    assert handled.answered.parent == office.inbox / "accepted"
    # Nobody has announced codes for its units: they are told apart by name and parent.
    ids = {unit.code: unit.unit_id for unit in reporting_units(BRVT)}
    assert office.figures(window, BRVT.code, by="unit_id") == {
        ids[code]: own for code, own in written(planted).items()
    }
    assert office.figures(window) == {}
    workbook = stages.deliver_digitization(
        office.settings, "ba_ria_vung_tau", "2023-05", "administrative", office.clock
    )
    assert workbook.parent.parent == office.settings.deliverables_dir / "ba_ria_vung_tau"
    assert rows_of(workbook) == lines(written(planted))


def test_a_form_in_another_provinces_folder_is_refused(office: Office, tmp_path: Path) -> None:
    planted = write_form(tmp_path / "bieu.xlsx", PHU_THO, month("2026-08"))
    handled = office.hand_in(planted.path, province="ha_noi")
    assert (handled.state, handled.rule) == ("refused", "layout.other_province")
    assert office.ask("SELECT count(*) FROM mart.digitization") == [(0,)]
