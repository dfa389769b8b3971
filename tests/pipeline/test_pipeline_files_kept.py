"""How long files with personal data are kept, and what is swept away."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from support.files import PHU_THO, Office, month

from etl import file_stages
from etl.errors import Terminal
from etl.housekeeping import expire_personal_data, sweep_work
from etl.sandbox.sample_forms import write_form
from etl.sandbox.sample_lists import PORTAL_SIDE, write_dossier_list
from etl.warehouse.checksum import warehouse_checksum

AUGUST, JULY = month("2026-08"), month("2026-07")


def there(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_lists_whose_time_is_over_are_deleted_and_nothing_else(office: Office, tmp_path: Path) -> None:
    old = write_dossier_list(tmp_path / "cu.csv", PHU_THO, JULY, scale=0.01)
    portal = write_dossier_list(tmp_path / "cong.csv", PHU_THO, JULY, scale=0.01, side=PORTAL_SIDE)
    form = write_form(tmp_path / "bieu.xlsx", PHU_THO, AUGUST)
    first = office.hand_in(old.path)
    compared = office.load(old.path, portal_list=portal.path)
    formed = office.hand_in(form.path)
    refused = office.hand_in(b"<html>", "trang.xlsx")
    assert [one.state for one in (first, compared, formed, refused)] == [
        "accepted",
        "already_known",
        "accepted",
        "refused",
    ]
    keep = office.settings.retention_days
    office.now += timedelta(days=keep - 1)
    new = write_dossier_list(tmp_path / "moi.csv", PHU_THO, AUGUST, scale=0.01)
    second = office.hand_in(new.path)
    assert second.state == "accepted"
    assert expire_personal_data(office.settings, office.clock) == []

    before, findings = (
        warehouse_checksum(office.warehouse),
        office.ask("SELECT count(*) FROM mart.dossier_comparisons"),
    )
    old_digest = first.receipt["sha256"]
    (portal_digest,) = office.ask(
        "SELECT DISTINCT sha256 FROM ops.capture WHERE source = 'portal_dossier_list'"
    )[0]
    office.now += timedelta(days=2)
    for folder in ("accepted", "refused"):  # receipts bear the hour of their writing, not the test's
        for path in (office.inbox / folder).iterdir():
            age = office.now - timedelta(days=1 if path.name.startswith("moi") else keep + 1)
            if not path.name.startswith(("cu", "bieu", "moi")) or path.name.endswith((".html", ".json")):
                os.utime(path, (age.timestamp(), age.timestamp()))
    gone = expire_personal_data(office.settings, office.clock)
    assert {digest for digest in gone if "/" not in digest} == {old_digest, portal_digest}
    assert there(office.inbox / "accepted") == {
        second.answered.name, f"{second.answered.name}.receipt.html", f"{second.answered.name}.receipt.json"
    }  # fmt: skip
    assert there(office.inbox / "refused") == set()

    assert not office.archive.object_path(old_digest).exists()
    assert not office.archive.object_path(portal_digest).exists()
    with pytest.raises(Terminal, match="held personal data and was deleted"):
        office.archive.get(old_digest)
    # The form holds no personal data, the newer list is within its time; figures and codes stay.
    assert office.archive.get(formed.receipt["sha256"]) == form.path.read_bytes()
    assert office.archive.get(second.receipt["sha256"]) == new.path.read_bytes()
    assert pl.read_parquet(office.archive.columnar_path(old_digest)).height == old.rows
    assert warehouse_checksum(office.warehouse) == before
    assert office.ask("SELECT count(*) FROM mart.dossier_comparisons") == findings
    # A file that someone named by hand is theirs.
    assert old.path.is_file()
    assert expire_personal_data(office.settings, office.clock) == []


def test_a_files_time_counts_from_its_answer_not_from_when_it_was_saved(
    office: Office, tmp_path: Path
) -> None:
    planted = write_form(tmp_path / "bieu.xlsx", PHU_THO, AUGUST)
    dropped = office.drop(planted.path)
    years_ago = (office.now - timedelta(days=1_000)).timestamp()
    os.utime(dropped, (years_ago, years_ago))
    (handled,) = office.take_in()
    assert handled.state == "accepted"
    office.now += timedelta(days=1)
    expire_personal_data(office.settings, office.clock)
    assert handled.answered.is_file()


def aged(folder: Path, office: Office, days: float) -> None:
    when = (office.now - timedelta(days=days)).timestamp()
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (when, when))


def test_old_work_is_swept_but_not_a_file_that_was_never_answered(office: Office, tmp_path: Path) -> None:
    answered = office.hand_in(write_form(tmp_path / "a.xlsx", PHU_THO, AUGUST).path)
    recent = office.hand_in(write_form(tmp_path / "b.xlsx", PHU_THO, JULY).path)
    office.drop(write_form(tmp_path / "c.xlsx", PHU_THO, AUGUST, seed=5).path)
    (waiting,) = file_stages.take_waiting(office.settings, office.clock)
    work = office.settings.work_dir
    for handed in (answered.handed, waiting):
        aged(work / handed, office, 15)
    bundles = [
        (work / json.loads((work / one.handed / "bundle.json").read_text()), days)
        for one, days in ((answered, 15), (recent, 13))
    ]
    aged(work / recent.handed, office, 13)
    for folder, days in bundles:
        aged(folder, office, days)
    assert sweep_work(office.settings, office.clock) >= 2
    assert not (work / answered.handed).exists()
    assert not bundles[0][0].exists()
    assert (work / recent.handed).is_dir()
    assert bundles[1][0].is_dir()
    assert (work / waiting / "content.xlsx").is_file()
    (last,) = office.take_in()
    assert last.handed == waiting
    assert last.state == "accepted"
