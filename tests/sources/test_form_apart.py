"""The form through the limited child process, and every layout and drift that the sandbox writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.forms import inspected, read_file, received, write_workbook

from etl.errors import FileRefused, Terminal
from etl.inbox.apart import run_apart
from etl.inbox.guard import Limits
from etl.periods import Period, window_of
from etl.reference.provinces import find_province
from etl.sandbox.sample_forms import Drift, write_form
from etl.sources.digitization import MEASURES, DigitizationReading

REFUSED = {
    Drift.RENAMED_HEADER: {"layout.unknown_header", "layout.missing_column"},
    Drift.MOVED_RENUMBERED: {"layout.columns_disagree"},
    Drift.MISSING_COLUMN: {"layout.missing_column"},
    Drift.SWAPPED_9_10: {"layout.columns_disagree"},
    Drift.FORM_06_VPCP: {"layout.foreign_form"},
    Drift.NO_WINDOW: {"period.unknown"},
    Drift.TWO_WINDOWS: {"period.ambiguous"},
    Drift.OTHER_PROVINCE: {"layout.other_province"},
    Drift.SECOND_WINDOW_SHEET: {"layout.two_forms"},
}
QUARANTINED = {Drift.NEGATIVE: 1, Drift.NUMBERS_IN_FOOTER: 1, Drift.UNCACHED_TOTALS: 3}


@pytest.mark.parametrize("layout", ["so_hoa_10_cot", "so_hoa_14_cot", "csv", "igate_json"])
def test_every_layout_in_every_drift_is_read_to_the_digit_or_refused(tmp_path: Path, layout: str) -> None:
    province, window = find_province("phu_tho"), window_of(Period.parse("2026-09"))
    path = tmp_path / ("form." + {"csv": "csv", "igate_json": "json"}.get(layout, "xlsx"))
    read, refused = set(), set()
    for drift in (None, *Drift):
        try:
            planted = write_form(
                path, province, window, layout="so_hoa_10_cot" if layout == "csv" else layout, drift=drift
            )
        except Terminal:  # a drift this layout cannot have
            continue
        if drift in REFUSED:
            with pytest.raises(FileRefused) as caught:
                read_file(path)
            assert caught.value.rule in REFUSED[drift], drift
            refused.add(drift)
            continue
        reading = read_file(path)
        assert reading.rows_read == sum(planted.rows.values()), drift
        assert reading.is_sample
        expected = 0 if layout == "csv" and drift is Drift.UNCACHED_TOTALS else QUARANTINED.get(drift, 0)
        assert reading.rows_quarantined == expected, drift
        known = [name for name in MEASURES if layout != "igate_json" or "reuse" not in name]
        good = [unit for unit in planted.units if min(unit.figures.values()) >= 0]
        assert [(row["unit_name"], *(row[name] for name in known)) for row in reading.units.to_pylist()] == [
            (unit.name, *(unit.figures[name] for name in known)) for unit in good
        ], drift
        if layout != "igate_json":
            assert reading.units["block"].to_pylist() == [unit.block for unit in good], drift
        read.add(drift)
    assert len(read) > 8
    assert len(refused) > 3


def test_a_form_of_2023_has_districts_and_communes(tmp_path: Path) -> None:
    province, window = find_province("ba_ria_vung_tau"), window_of(Period.parse("2023-05"))
    path = tmp_path / "form.xlsx"
    planted = write_form(path, province, window)
    reading = read_file(path, province="ba_ria_vung_tau")
    assert set(reading.units["block"].to_pylist()) >= {"department", "district", "commune"}
    assert reading.units.num_rows == len(planted.units)
    stated = {row["block"]: row["resolved"] for row in reading.totals.to_pylist() if row["block"]}
    assert stated == {block: totals["resolved"] for block, totals in planted.totals.items()}


def test_the_child_process_reads_as_the_parent_would(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "form.xlsx")
    seen = inspected(path)
    argument = {"path": str(path), "inspected": seen.to_plain(), "forms_dir": None}
    told = run_apart("etl.sources.digitization_form.apart:recognise_apart", argument, Limits())
    assert told == {
        "recognised": True,
        "layout": "so_hoa_10_cot@1",
        "title_vi": "Biểu số hóa hồ sơ, kết quả giải quyết TTHC (10 cột)",
        "sheets": ["Biểu 1"],
        "notes_vi": [],
    }
    argument |= {
        "province": "phu_tho",
        "provinces_dir": str(tmp_path / "none"),
        "capture_id": "capture",
        "capture_sha256": seen.sha256,
        "calendar": "administrative",
        "window": ["2026-08-15", "2026-09-14"],
        "out": str(tmp_path / "out"),
    }
    answer = run_apart("etl.sources.digitization_form.apart:read_form_apart", argument, Limits())
    reading = DigitizationReading.load(Path(answer["folder"]))
    assert reading == read_file(path)
    assert received(reading)["Sở Tài chính"] == 120


def test_a_refusal_in_the_child_arrives_whole(tmp_path: Path) -> None:
    path = write_workbook(tmp_path / "form.xlsx")
    argument = {
        "path": str(path),
        "inspected": inspected(path).to_plain(),
        "province": "phu_tho",
        "capture_id": "",
        "capture_sha256": "",
        "calendar": "administrative",
        "window": ["2026-08-15", "2026-09-13"],
        "out": str(tmp_path / "out"),
    }
    with pytest.raises(FileRefused) as caught:
        run_apart("etl.sources.digitization_form.apart:read_form_apart", argument, Limits())
    assert caught.value.rule == "period.not_standard"
    assert "13/09/2026" in caught.value.message_vi


def test_what_is_no_form_is_said_by_the_child(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("a;b\n1;2\n", encoding="utf-8")
    argument = {"path": str(path), "inspected": inspected(path).to_plain()}
    assert run_apart("etl.sources.digitization_form.apart:recognise_apart", argument, Limits()) == {
        "recognised": False
    }
