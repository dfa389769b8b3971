"""Files that come again, come corrected, come in part; stages that die half-way, are repeated, or fail and then pass."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.files import PHU_THO, Figures, Handled, Office, adds_up, month, written

from etl import file_stages
from etl.errors import FileRefused, Transient, WarehouseUnavailable
from etl.inbox.folder import ACCEPTED, REFUSED
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sandbox.sample_lists import write_dossier_list
from etl.sources.digitization import MEASURES
from etl.warehouse.checksum import warehouse_checksum

AUGUST = month("2026-08")


def form(folder: Path, name: str = "bieu.xlsx", **words: Any) -> PlantedForm:
    return write_form(folder / name, PHU_THO, AUGUST, **words)


def of_block(planted: PlantedForm, block: str) -> Figures:
    held = {unit.code for unit in planted.units if unit.block == block}
    return {code: own for code, own in written(planted).items() if code in held}


def restated(office: Office) -> set[tuple[Any, ...]]:
    rows = office.ask(
        "SELECT unit_code, field, old_value, new_value FROM mart.restatements WHERE indicator_code = 'DIGITIZATION' "
        "AND source = 'digitization_form' AND (period_start, period_end) = (%s, %s)",
        AUGUST.first,
        AUGUST.last,
    )
    assert len(set(rows)) == len(rows)
    return set(rows)


# --- again, and corrected -------------------------------------------------------------------------------


def test_the_same_bytes_again_change_nothing_and_a_corrected_file_restates(
    office: Office, tmp_path: Path
) -> None:
    first, second = form(tmp_path, "a.xlsx"), form(tmp_path, "b.xlsx", seed=5)
    taken = office.hand_in(first.path)
    once = warehouse_checksum(office.warehouse)
    office.now += timedelta(hours=1)
    again = office.hand_in(first.path, "cùng tệp, tên khác.xlsx")
    assert (again.error, again.state) == (None, "already_known")
    assert again.receipt["snapshot_id"] == taken.receipt["snapshot_id"]
    assert again.snapshot is not None
    assert not again.snapshot["new"]
    assert again.rows == taken.rows
    assert again.answered.parent == office.inbox / ACCEPTED
    assert warehouse_checksum(office.warehouse) == once
    assert restated(office) == set()

    office.now += timedelta(hours=1)
    corrected = office.hand_in(second.path, "a.xlsx")
    assert corrected.state == "accepted"
    assert corrected.receipt["snapshot_id"] != taken.receipt["snapshot_id"]
    assert corrected.answered != taken.answered
    assert taken.answered.read_bytes() == first.path.read_bytes()
    assert office.figures(AUGUST) == written(second)
    changes = {
        (code, name, own[name], second.figures[code][name])
        for code, own in first.figures.items()
        for name in MEASURES
        if own[name] != second.figures[code][name]
    }
    assert len(changes) > 500
    assert restated(office) == changes

    then = warehouse_checksum(office.warehouse)
    office.now += timedelta(hours=1)
    old = office.hand_in(first.path)
    assert old.state == "already_known"
    assert warehouse_checksum(office.warehouse) == then
    assert office.figures(AUGUST) == written(second)


def test_of_two_files_dropped_together_the_one_saved_later_speaks(office: Office, tmp_path: Path) -> None:
    """Whatever their names: a program calls the corrected copy "bieu (1).xlsx", which sorts first."""
    first, corrected = form(tmp_path, "a.xlsx"), form(tmp_path, "b.xlsx", seed=5)
    for place, (planted, name) in enumerate(((first, "bieu.xlsx"), (corrected, "bieu (1).xlsx"))):
        dropped = office.drop(planted.path, name)
        changed = (office.now - timedelta(minutes=30 - place)).timestamp()
        os.utime(dropped, (changed, changed))
    handled = office.take_in()
    assert [one.receipt["file_name"] for one in handled] == ["bieu.xlsx", "bieu (1).xlsx"]
    assert [one.state for one in handled] == ["accepted", "accepted"]
    assert office.figures(AUGUST) == written(corrected)


# --- in part ------------------------------------------------------------------------------------------


def test_a_partial_block_does_not_replace_a_whole_one_but_whole_blocks_of_its_file_do(
    office: Office, tmp_path: Path
) -> None:
    whole = form(tmp_path, "a.xlsx")
    partial = form(tmp_path, "b.xlsx", seed=5, drift=Drift.MISSING_UNITS)
    assert office.hand_in(whole.path).state == "accepted"
    office.now += timedelta(hours=1)
    later = office.hand_in(partial.path)
    assert later.state == "accepted"
    assert not later.receipt["withheld"]
    assert office.figures(AUGUST) == of_block(partial, "department") | of_block(whole, "commune")
    assert {unit for unit, *_ in restated(office)} <= {
        unit.code for unit in whole.units if unit.block == "department"
    }

    office.now += timedelta(hours=1)
    before = warehouse_checksum(office.warehouse)
    communes = form(tmp_path, "c.xlsx", seed=6, blocks=("commune",), drift=Drift.MISSING_UNITS)
    withheld = office.hand_in(communes.path)
    assert (withheld.error, withheld.state) == (None, "accepted")
    assert withheld.receipt["withheld"]
    assert adds_up(withheld)
    assert office.figures(AUGUST) == of_block(partial, "department") | of_block(whole, "commune")
    assert office.ask(
        "SELECT count(*) FROM core.snapshot WHERE snapshot_id = %s::uuid", withheld.receipt["snapshot_id"]
    ) == [(0,)]
    assert warehouse_checksum(office.warehouse) == before


def test_a_partial_block_stands_until_the_whole_one_comes(office: Office, tmp_path: Path) -> None:
    partial, whole = form(tmp_path, "a.xlsx", drift=Drift.MISSING_UNITS), form(tmp_path, "b.xlsx")
    assert office.hand_in(partial.path).state == "accepted"
    assert len(office.figures(AUGUST)) == 100
    office.now += timedelta(hours=1)
    assert office.hand_in(whole.path).state == "accepted"
    assert office.figures(AUGUST) == written(whole)


# --- processes that die ---------------------------------------------------------------------------------

Stage = Callable[..., Any]
STAGES: tuple[Stage, ...] = (file_stages.receive, file_stages.validate_file, file_stages.publish_file)


def test_a_file_is_taken_up_again_wherever_the_process_died(office: Office, tmp_path: Path) -> None:
    planted = form(tmp_path)
    office.drop(planted.path)
    seen = set()
    for died_after in range(len(STAGES) + 1):
        (handed,) = file_stages.take_waiting(office.settings, office.clock)
        seen.add(handed)
        assert not [path for path in office.inbox.iterdir() if path.is_file()]
        for stage in STAGES[:died_after]:
            stage(office.settings, handed, office.clock)
        with_answer = office.inbox / ACCEPTED
        assert not with_answer.exists()
        office.now += timedelta(minutes=5)
    assert len(seen) == 1
    (handled,) = office.take_in()
    # Its office has had no answer yet: what counts is that this file brought the figures.
    assert (handled.error, handled.state) == (None, "accepted")
    assert office.figures(AUGUST) == written(planted)
    assert office.ask("SELECT count(*) FROM core.snapshot WHERE source = 'digitization_form'") == [(1,)]
    assert office.ask("SELECT count(*) FROM ops.capture WHERE source = 'digitization_form'") == [(2,)]
    assert file_stages.take_waiting(office.settings, office.clock) == []


def test_a_file_dropped_again_while_it_is_in_hand_is_taken_in_once(office: Office, tmp_path: Path) -> None:
    planted = form(tmp_path)
    office.drop(planted.path)
    (handed,) = file_stages.take_waiting(office.settings, office.clock)
    file_stages.receive(office.settings, handed, office.clock)
    handled = office.hand_in(planted.path)
    assert handled.handed == handed
    assert (handled.error, handled.state) == (None, "accepted")
    assert office.figures(AUGUST) == written(planted)
    assert len(list((office.inbox / ACCEPTED).glob("*.xlsx"))) == 1


def test_answering_again_is_harmless_also_where_the_process_died_in_it(
    office: Office, tmp_path: Path
) -> None:
    handled = office.hand_in(form(tmp_path).path)
    files = {path: path.read_bytes() for path in (office.inbox / ACCEPTED).iterdir()}
    assert len(files) == 3
    office.now += timedelta(days=1)
    assert office.answered(handled.handed).answered == handled.answered
    assert {path: path.read_bytes() for path in (office.inbox / ACCEPTED).iterdir()} == files
    # The file was moved, and then the process died.
    (office.settings.work_dir / handled.handed / "answer.json").unlink()
    assert office.answered(handled.handed).answered == handled.answered
    assert {path: path.read_bytes() for path in (office.inbox / ACCEPTED).iterdir()} == files


def test_without_an_end_of_any_stage_there_is_no_answer(office: Office, tmp_path: Path) -> None:
    office.drop(form(tmp_path).path)
    (handed,) = file_stages.take_waiting(office.settings, office.clock)
    file_stages.receive(office.settings, handed, office.clock)
    with pytest.raises(Transient, match="neither taken nor refused"):
        file_stages.answer(office.settings, handed, office.clock)
    assert not (office.inbox / ACCEPTED).exists()
    assert office.take_in()[0].state == "accepted"


# --- failures that pass -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (WarehouseUnavailable("down", "wait"), None),
        (RuntimeError("a fault of ours"), "program.fault"),
    ],
    ids=["it may pass", "it is called a fault"],
)
def test_a_stage_that_fails_once_and_then_passes_has_passed(
    office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    after: str | None,
) -> None:
    planted = form(tmp_path)
    office.drop(planted.path)
    (handed,) = file_stages.take_waiting(office.settings, office.clock)
    file_stages.receive(office.settings, handed, office.clock)
    file_stages.validate_file(office.settings, handed, office.clock)

    def fail(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(file_stages, "publish", fail)
        with pytest.raises(type(error)):
            file_stages.publish_file(office.settings, handed, office.clock)
    refusal = office.settings.work_dir / handed / "refusal.json"
    assert (json.loads(refusal.read_text())["rule"] if refusal.exists() else None) == after
    assert office.figures(AUGUST) == {}

    snapshot = file_stages.publish_file(office.settings, handed, office.clock)
    assert snapshot["new"]
    handled = office.answered(handed)
    assert (handled.state, handled.rule) == ("accepted", None)
    assert handled.answered.parent == office.inbox / ACCEPTED
    assert office.figures(AUGUST) == written(planted)


def is_called_changing(office: Office, handled: Handled, before: str) -> None:
    assert isinstance(handled.error, FileRefused)
    assert (handled.state, handled.rule) == ("refused", "guard.changing")
    assert warehouse_checksum(office.warehouse) == before
    assert not list((office.settings.archive_dir / "captures").rglob("*.json"))


def test_a_file_that_changes_while_it_is_in_hand_is_refused(office: Office, tmp_path: Path) -> None:
    planted = form(tmp_path)
    before = warehouse_checksum(office.warehouse)
    handed = file_stages.take_file(office.settings, planted.path, office.clock, province="phu_tho")
    form(tmp_path, seed=5)  # the office saves it again
    is_called_changing(office, office.handle(handed), before)
    assert planted.path.is_file()


def test_a_file_that_changes_after_it_was_read_is_refused(office: Office, tmp_path: Path) -> None:
    planted = form(tmp_path)
    before = warehouse_checksum(office.warehouse)
    handed = file_stages.take_file(office.settings, planted.path, office.clock, province="phu_tho")
    file_stages.receive(office.settings, handed, office.clock)
    form(tmp_path, seed=5)
    with pytest.raises(FileRefused) as caught:
        file_stages.validate_file(office.settings, handed, office.clock)
    is_called_changing(office, office.answered(handed, caught.value), before)


def test_a_file_of_days_to_come_is_refused_and_not_archived(office: Office, tmp_path: Path) -> None:
    ahead = write_form(tmp_path / "b.xlsx", PHU_THO, month("2026-12"))
    before = warehouse_checksum(office.warehouse)
    handled = office.hand_in(ahead.path)
    assert (handled.state, handled.rule) == ("refused", "period.future")
    assert handled.answered.parent == office.inbox / REFUSED
    assert warehouse_checksum(office.warehouse) == before
    # No capture names it, so nothing would ever delete it.
    assert not office.archive.object_path(handled.receipt["sha256"]).exists()


def test_a_list_again_is_the_same_list(office: Office, tmp_path: Path) -> None:
    planted = write_dossier_list(tmp_path / "ds.csv", PHU_THO, AUGUST, scale=0.01)
    taken = office.hand_in(planted.path)
    once, figures = warehouse_checksum(office.warehouse), office.figures(AUGUST)
    office.now += timedelta(days=1)
    again = office.hand_in(planted.path)
    assert (taken.state, again.state) == ("accepted", "already_known")
    assert again.rows == taken.rows
    assert warehouse_checksum(office.warehouse) == once
    assert office.figures(AUGUST) == figures


def test_check_loads_nothing_and_says_what_loading_would(office: Office, tmp_path: Path) -> None:
    planted = form(tmp_path, drift=Drift.UNKNOWN_UNIT)
    before = warehouse_checksum(office.warehouse)
    handed = file_stages.take_file(office.settings, planted.path, office.clock, province="phu_tho")
    receipt = file_stages.check_file(office.settings, handed)
    assert receipt.state == "checked"
    assert warehouse_checksum(office.warehouse) == before
    assert not office.settings.archive_dir.exists()
    loaded = office.load(planted.path).receipt
    assert (receipt.rows_read, receipt.rows_published, receipt.rows_quarantined, receipt.rows_ignored) == (
        loaded["rows_read"],
        loaded["rows_published"],
        loaded["rows_quarantined"],
        loaded["rows_ignored"],
    )
    assert (
        [one.rule for one in receipt.refusals]
        == [one["rule"] for one in loaded["refusals"]]
        == ["unit_unknown"]
    )
    assert office.load(planted.path).receipt["snapshot_id"] == loaded["snapshot_id"]
