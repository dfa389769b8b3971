"""What a form or list as a whole is told: units not found, totals, blocks, shares, days, the file on disk."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from digitization_scenes import (
    SHA,
    Row,
    Scene,
    form_scene,
    list_scene,
    measures,
    totals_of,
)

from etl.errors import FileRefused, Terminal
from etl.periods import VIETNAM, Period, window_of
from etl.reference.unit_names import MATCHED_ROWS
from etl.reference.units import KnownUnit, portal_unit_id
from etl.sources.digitization import MEASURES
from etl.validate.digitization import DigitizationVerdict
from etl.validate.digitization_frames import BLOCK_ROWS, MEASURE_NAMES_VI
from etl.validate.results import RESULTS
from etl.validate.suites import EXPECTATIONS_DIR, load_suites


def line(verdict: DigitizationVerdict, rule: str) -> Row:
    return next(row for row in verdict.results.to_pylist() if row["rule"] == rule)


def not_passed(verdict: DigitizationVerdict) -> dict[str, str]:
    return {row["rule"]: row["state"] for row in verdict.results.to_pylist() if row["state"] != "passed"}


def block(verdict: DigitizationVerdict, name: str) -> Row:
    return next(row for row in verdict.blocks.to_pylist() if row["block"] == name)


def adds_up(verdict: DigitizationVerdict) -> bool:
    return verdict.rows_read == verdict.rows_good + verdict.rows_quarantined + verdict.rows_ignored


# --- units that are not found ---------------------------------------------------------------------


def test_a_unit_nobody_knows_goes_to_quarantine_and_is_missing_from_its_block() -> None:
    scene = form_scene()
    row = scene.pick(place=3)
    row.update(unit_name="UBND xã Không Có", unit_code=None)
    verdict = scene.judge()
    (refused,) = verdict.rejected.to_pylist()
    assert (refused["rule"], refused["locator"], refused["value"]) == (
        "unit_unknown",
        row["locator"],
        "UBND xã Không Có",
    )
    assert (verdict.state, verdict.rows_good, verdict.rows_quarantined) == ("warned", 11, 1)
    # the totals hold: its figures are in the form
    assert not_passed(verdict) == {"unit_unknown": "warned", "every_unit_present": "warned"}
    assert block(verdict, "commune") == {
        "block": "commune",
        "units": 7,
        "expected_units": 8,
        "complete": True,
        "missing_units": ["UBND xã Mận Giòn"],
    }
    assert "thiếu 1/8 đơn vị: UBND xã Mận Giòn" in line(verdict, "every_unit_present")["observed"]
    assert any(note == "Khối cấp xã: thiếu 1/8 đơn vị: UBND xã Mận Giòn." for note in verdict.notes_vi)
    assert adds_up(verdict)


def test_a_unit_that_comes_twice_is_refused_both_times() -> None:
    scene = form_scene()
    twin = {**scene.pick(place=1), "row_no": 99, "locator": "'Biểu 1'!A99"}
    scene.rows.append(twin)
    scene.totals = totals_of(scene.rows)
    verdict = scene.judge()
    assert verdict.rejected["rule"].to_pylist() == ["unit_repeated"] * 2
    assert line(verdict, "unit_repeated")["unexpected_count"] == 2
    assert block(verdict, "commune")["missing_units"] == ["UBND xã Mận Dịu"]
    assert adds_up(verdict)


def test_a_block_that_lacks_too_many_is_incomplete_and_says_so() -> None:
    scene = form_scene()
    scene.rows = [row for row in scene.rows if row["block"] == "department"] + [scene.pick(place=0)]
    scene.totals = totals_of(scene.rows)
    verdict = scene.judge()
    assert (verdict.state, verdict.rows_good) == ("warned", 5)
    assert block(verdict, "department")["complete"] is True
    communes = block(verdict, "commune")
    assert (communes["complete"], communes["units"], len(communes["missing_units"])) == (False, 1, 7)
    (note,) = [note for note in verdict.notes_vi if note.startswith("Khối cấp xã: thiếu 7/8")]
    assert note.endswith("Khối này chưa đủ để thay số liệu đã có.")
    assert "0,875" in line(verdict, "block_complete")["observed"]


def test_the_tolerated_share_of_missing_units_is_the_one_given() -> None:
    scene = form_scene()
    scene.rows.remove(scene.pick())
    scene.totals = totals_of(scene.rows)
    assert block(scene.judge(max_missing_unit_share=0.125), "commune")["complete"] is True
    assert block(scene.judge(max_missing_unit_share=0.12), "commune")["complete"] is False


def test_a_file_of_one_block_is_not_blamed_for_the_other() -> None:
    scene = form_scene()
    scene.rows = [row for row in scene.rows if row["block"] == "department"]
    scene.totals = [total for total in totals_of(scene.rows) if total["block"] != "commune"]
    verdict = scene.judge()
    assert verdict.state == "passed"
    assert verdict.blocks["block"].to_pylist() == ["department"]
    assert "Tệp không có khối cấp xã (8 đơn vị trong danh mục)." in verdict.notes_vi


def test_missing_namesakes_are_told_apart() -> None:
    scene = form_scene()
    twins = tuple(
        KnownUnit(portal_unit_id(f"twin:{parent}"), "commune", "UBND xã Phước Hưng", None, parent)
        for parent in ("UBND huyện A", "UBND huyện B")
    )
    scene.directory += twins
    assert block(scene.judge(), "commune")["missing_units"] == [
        "UBND xã Phước Hưng (UBND huyện A)",
        "UBND xã Phước Hưng (UBND huyện B)",
    ]


def test_many_missing_units_are_named_ten_at_a_time() -> None:
    scene = form_scene()
    scene.directory += tuple(
        KnownUnit(portal_unit_id(f"far:{number}"), "commune", f"UBND xã Xa {number}", None)
        for number in range(15)
    )
    verdict = scene.judge()
    assert len(block(verdict, "commune")["missing_units"]) == 15
    (note,) = [note for note in verdict.notes_vi if "thiếu 15/23" in note]
    assert "; và 5 đơn vị khác" in note


def test_a_form_without_sections_gets_blocks_from_its_units() -> None:
    scene = form_scene()
    for row in scene.rows:
        row["block"] = None
    scene.totals = [total for total in scene.totals if total["block"] is None]
    verdict = scene.judge()
    assert verdict.state == "passed"
    assert verdict.good["block"].to_pylist() == ["department"] * 4 + ["commune"] * 8
    scene.total(None)["received"] += 1
    assert not_passed(scene.judge()) == {"grand_total_agrees": "failed"}


def test_the_land_office_in_a_section_of_its_own_is_the_department_the_portal_knows() -> None:
    scene = form_scene()
    scene.pick("department", 3)["block"] = "land_office"
    scene.totals = totals_of(scene.rows)
    scene.totals.append({**scene.totals[0], "block": "land_office"} | measures(230))
    scene.totals[2], scene.totals[3] = scene.totals[3], scene.totals[2]
    verdict = scene.judge()
    assert verdict.state == "passed"
    assert verdict.good["block"].to_pylist().count("department") == 4
    assert verdict.blocks["block"].to_pylist() == ["department", "commune"]


def test_land_office_branches_are_known_from_an_offices_own_list() -> None:
    scene = form_scene()
    name = "Chi nhánh Văn phòng Đăng ký đất đai Việt Trì"
    own = KnownUnit(portal_unit_id("branch"), "land_office", name, None)
    row = {**scene.pick(), "unit_name": "CN VPĐKĐĐ Việt Trì", "unit_code": None, "locator": "'Biểu 1'!A50"}
    scene.rows.append({**row, "block": "land_office"})
    scene.totals = totals_of(scene.rows)
    assert scene.judge().rejected["rule"].to_pylist() == ["unit_unknown"]
    scene.directory += (own,)
    verdict = scene.judge()
    assert verdict.state == "passed"
    assert block(verdict, "land_office") == {
        "block": "land_office",
        "units": 1,
        "expected_units": 1,
        "complete": True,
        "missing_units": [],
    }


def test_nothing_can_be_judged_without_known_units() -> None:
    with pytest.raises(FileRefused) as caught:
        form_scene().judge(directory=())
    assert caught.value.rule == "units.none_known"
    assert "đọc số liệu của tỉnh trên cổng trước" in caught.value.remedy_vi.casefold()


# --- totals -----------------------------------------------------------------------------------------


def unreadable(scene: Scene, row: Row, column: str, **data: Any) -> None:
    """Let reading have refused a row for one cell; what else was read of it is kept."""
    scene.rows.remove(row)
    kept = {name: value for name, value in row.items() if name != column} | data
    scene.rejected = [
        {
            "capture_sha256": SHA,
            "locator": row["locator"].replace("!A", "!C"),
            "column_name": column,
            "value": "1.23",
            "rule": "not_a_whole_number",
            "severity": "fail",
            "message_vi": "Không phải số nguyên.",
            "row_data": json.dumps(kept, ensure_ascii=False),
        }
    ]
    scene.rows_quarantined = 1


def test_an_unreadable_cell_does_not_make_the_totals_wrong() -> None:
    scene = form_scene()
    unreadable(scene, scene.pick(), "received")
    verdict = scene.judge()
    assert not_passed(verdict) == {"every_unit_present": "warned"}
    assert (verdict.state, verdict.rows_quarantined, verdict.rows_good) == ("warned", 1, 11)
    assert adds_up(verdict)


def test_the_other_cells_of_an_unreadable_row_still_count_in_the_totals() -> None:
    scene = form_scene()
    unreadable(scene, scene.pick(), "received")
    scene.total("commune")["resolved"] += 1
    verdict = scene.judge()
    assert line(verdict, "block_totals_agree")["state"] == "failed"
    assert (
        "cấp xã: đã giải quyết: ghi 1.961, cộng các đơn vị được 1.960"
        in (line(verdict, "block_totals_agree")["observed"])
    )
    scene = form_scene()
    unreadable(scene, scene.pick(), "received")
    scene.total("commune")["received"] += 5  # cannot be told
    assert line(scene.judge(), "block_totals_agree")["state"] == "passed"


@pytest.mark.parametrize("data", ["", "not json", "[1]", '{"unit_name": "x"}'])
def test_a_row_of_which_nothing_is_known_leaves_the_totals_untold(data: str) -> None:
    scene = form_scene()
    unreadable(scene, scene.pick(), "received")
    assert scene.rejected
    scene.rejected[0].update(row_data=data, column_name="C")
    assert "block_totals_agree" not in not_passed(scene.judge())
    assert "grand_total_agrees" not in not_passed(scene.judge())


def test_a_blank_cell_adds_nothing_to_a_total_and_a_blank_total_says_nothing() -> None:
    scene = form_scene()
    scene.change(scene.pick(), reused_from_portal=None)
    scene.total("department")["received"] = None
    assert not_passed(scene.judge()) == {"no_measure_blank": "warned"}


def test_a_column_the_layout_does_not_have_is_not_missed() -> None:
    scene = form_scene()
    for row in (*scene.rows, *scene.totals):
        row.update(reused_from_portal=None, components_reused=None)
    verdict = scene.judge()
    assert verdict.state == "passed"
    assert verdict.good["components_reused"].null_count == 12


def test_a_wrong_total_refuses_the_file_and_names_both_numbers() -> None:
    scene = form_scene()
    scene.total("department")["received"] += 1_000
    verdict = scene.judge()
    assert verdict.state == "failed"
    (sentence,) = verdict.failures()
    assert "sở, ban, ngành: tiếp nhận: ghi 1.860, cộng các đơn vị được 860" in sentence


# --- the whole --------------------------------------------------------------------------------------


def spoil(scene: Scene, count: int) -> Scene:
    for row in scene.rows[:count]:
        scene.change(row, reused_from_portal=-1)
    return scene


def test_one_refused_row_of_few_does_not_condemn_a_form_and_two_may() -> None:
    assert spoil(form_scene(), 1).judge(max_quarantined_share=0.05).state == "warned"
    verdict = spoil(form_scene(), 2).judge(max_quarantined_share=0.05)
    assert verdict.state == "failed"
    assert line(verdict, "quarantine_is_small")["observed"] == "2/12"
    assert spoil(form_scene(), 2).judge(max_quarantined_share=0.17).state == "warned"
    assert spoil(form_scene(), 1).judge(max_quarantined_share=0).state == "failed"


def test_a_form_of_which_nothing_is_left_fails() -> None:
    scene = form_scene()
    scene.rows = [scene.change(scene.pick(), reused_from_portal=-1)]
    scene.totals = []
    verdict = scene.judge(max_quarantined_share=0.05)
    assert (verdict.state, verdict.rows_good, verdict.good.schema) == ("failed", 0, MATCHED_ROWS)
    scene.rows = []
    assert scene.judge().state == "failed"


def test_a_row_may_break_several_rules_and_is_taken_out_once() -> None:
    scene = form_scene()
    scene.change(scene.pick(), reused_from_portal=500, components_not_digitized=21)
    verdict = scene.judge()
    assert verdict.rejected["rule"].to_pylist() == ["components_add_up", "portal_within_reused"]
    assert (verdict.rows_quarantined, verdict.rows_good) == (1, 11)
    assert "cột (4) + (5) lệch 1 so với" in verdict.rejected["message_vi"][0].as_py()
    assert adds_up(verdict)


def test_a_negative_count_is_told_by_cell_and_value() -> None:
    scene = form_scene()
    row = scene.change(scene.pick(), results_digitized=-4)
    (line_,) = scene.judge().rejected.to_pylist()
    assert (line_["column_name"], line_["value"]) == ("results_digitized", "-4")
    assert line_["message_vi"] == f"{row['unit_name']}: số âm ở cột đã số hóa kết quả; sửa lại số liệu."


def test_lost_rows_fail_the_reading() -> None:
    verdict = form_scene().judge(rows_read=16)
    assert not_passed(verdict) == {"rows_add_up": "failed"}
    assert line(verdict, "rows_add_up")["observed"] == "12 + 0 + 3"


def test_figures_that_come_before_the_last_day_is_over_are_told() -> None:
    scene = form_scene()
    scene.captured_at = datetime(2026, 9, 14, 23, 59, tzinfo=VIETNAM)
    verdict = scene.judge()
    assert (verdict.state, not_passed(verdict)) == ("warned", {"window_has_ended": "warned"})
    assert line(verdict, "window_has_ended")["severity"] == "warn"


def test_a_reading_is_judged_for_its_own_days_only() -> None:
    with pytest.raises(Terminal, match="2026-08-15 to 2026-09-14, not 2026-09-01 to 2026-09-30"):
        form_scene().judge(window=window_of(Period.parse("2026-09"), "calendar"))


@pytest.mark.parametrize(
    ("before", "warned"),
    [(270, False), (None, False), (271, False), (1_300, False), (1_400, True), (30, True), (0, True)],
)
def test_only_large_changes_against_the_window_before_are_told(before: int | None, warned: bool) -> None:
    scene = form_scene()
    row = scene.pick(place=3)
    assert row["received"] == 270
    unit = next(unit for unit in scene.directory if unit.name == row["unit_name"])
    facts = [{"unit_id": str(unit.unit_id), "received": before, "resolved": 240}]
    schema = pa.schema([("unit_id", pa.string()), ("received", pa.int64()), ("resolved", pa.int64())])
    scene.previous = pa.Table.from_pylist(facts, schema=schema)
    assert not_passed(scene.judge()) == ({"no_jump": "warned"} if warned else {})


def test_stated_rates_are_compared_with_what_the_template_computes_where_it_says() -> None:
    scene = form_scene()
    stated = {"own_rate": {"stated": "50.00", "computed": "50.04"}, "results_rate_pct": None}
    scene.pick().update(attributes=json.dumps({"stated_rates": stated}))
    assert scene.judge().state == "passed"
    stated["own_rate"] = {"stated": "50.00", "computed": "50.06"}
    scene.pick().update(attributes=json.dumps({"stated_rates": stated}))
    assert not_passed(scene.judge()) == {"stated_rates_agree": "warned"}


# --- lists ------------------------------------------------------------------------------------------


def test_refused_dossiers_count_against_the_allowed_share() -> None:
    verdict = list_scene().judge(max_quarantined_share=0.002)
    assert not_passed(verdict) == {"quarantine_is_small": "failed"}
    assert line(verdict, "quarantine_is_small")["observed"] == "20/9520"
    assert list_scene().judge(max_quarantined_share=0.003).state == "warned"


def test_a_unit_of_a_list_that_breaks_a_rule_condemns_the_list() -> None:
    scene = list_scene()
    scene.pick()["reused_from_portal"] = 5_000
    verdict = scene.judge()
    assert (verdict.state, not_passed(verdict)) == ("failed", {"portal_within_reused": "failed"})
    assert verdict.good.num_rows == 12
    assert adds_up(verdict)


def test_a_unit_without_dossiers_is_missed_in_a_form_but_not_in_a_list() -> None:
    for scene, missing in ((form_scene(), ["UBND xã Mận Êm"]), (list_scene(), [])):
        idle = [unit.unit_id for unit in scene.directory if unit.name in ("UBND xã Mận Êm", "Sở Y tế")]
        scene.rows.remove(scene.pick())
        scene.totals = totals_of(scene.rows) if scene.totals else []
        communes = block(scene.judge(idle_units=idle), "commune")
        assert communes["missing_units"] == missing
        assert communes["expected_units"] == 7 + len(missing)
        # an idle unit that is there all the same is counted
        assert block(scene.judge(idle_units=idle), "department")["expected_units"] == 4
        assert block(scene.judge(), "commune")["missing_units"] == ["UBND xã Mận Êm"]


def test_a_list_that_was_read_against_other_units_is_not_judged() -> None:
    scene = list_scene()
    scene.pick()["unit_code"] = "H15.100"
    with pytest.raises(Terminal, match=r"1 units of the list .*H15\.100"):
        scene.judge()


def test_a_list_whose_rows_were_not_checked_is_not_judged() -> None:
    scene = list_scene()
    scene.rules = []
    with pytest.raises(Terminal, match="left no counts"):
        scene.judge()


def test_examples_of_the_row_rules_are_named() -> None:
    scene = list_scene()
    assert scene.rules
    scene.rules[0]["rows"] = 234
    assert line(scene.judge(), "no_rule_refuses_many")["observed"] == "1/3, ví dụ: Mã hồ sơ đúng dạng: 0,0234"


# --- the machinery ----------------------------------------------------------------------------------


def test_a_digitization_verdict_reads_back_from_its_folder(tmp_path: Path) -> None:
    scene = spoil(form_scene(), 1)
    reading = scene.reading()
    reading.save(tmp_path)
    verdict = scene.judge()
    verdict.save(tmp_path)  # beside the reading: neither overwrites the other
    assert DigitizationVerdict.load(tmp_path) == verdict
    assert type(reading).load(tmp_path) == reading
    assert (verdict.results.schema, verdict.blocks.schema) == (RESULTS, BLOCK_ROWS)
    (tmp_path / "verdict.json").write_text("{", encoding="utf-8")
    with pytest.raises(Terminal, match="holds no verdict"):
        DigitizationVerdict.load(tmp_path)


def test_the_same_form_gets_the_same_verdict_with_or_without_data_docs(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    first, again = spoil(form_scene(), 2).judge(), spoil(form_scene(), 2).judge(data_docs_dir=folder)
    assert first == again
    pages = [page.read_text(encoding="utf-8") for page in folder.rglob("validations/**/*.html")]
    assert len(pages) >= 2
    assert any("Dòng tổng của từng khối" in page for page in pages)


def test_rows_point_to_the_capture_that_was_recorded_later() -> None:
    verdict = form_scene().judge()
    moved = verdict.of_capture("5b6c")
    assert set(moved.good["capture_id"].to_pylist()) == {"5b6c"}
    assert moved.good.drop_columns("capture_id") == verdict.good.drop_columns("capture_id")
    assert moved.good.schema == MATCHED_ROWS


def test_what_is_sample_stays_sample() -> None:
    assert form_scene().judge().is_sample is False
    assert form_scene().judge(is_sample=True).is_sample is True


def test_a_suite_says_what_it_judges(tmp_path: Path) -> None:
    text = (EXPECTATIONS_DIR / "dossiers.yml").read_text(encoding="utf-8")
    (tmp_path / "own.yml").write_text(text.replace("judges: dossiers\n", ""), encoding="utf-8")
    with pytest.raises(Terminal, match=r"(?s)own\.yml cannot be read.*judges"):
        load_suites(folder=tmp_path)
    (tmp_path / "own.yml").write_text(text.replace("judges: dossiers", "judges: weather"), encoding="utf-8")
    with pytest.raises(Terminal, match=r"own\.yml cannot be read"):
        load_suites("dossiers", tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / "own.yml").write_text(text, encoding="utf-8")
    assert [suite.name for suite in load_suites("dossiers", other)] == ["own"]
    with pytest.raises(Terminal, match=r"no suite in .* for indicators"):
        load_suites("indicators", other)


def test_every_measure_has_a_vietnamese_name_in_the_sentences() -> None:
    assert tuple(MEASURE_NAMES_VI) == MEASURES
