"""From inputs to a release: what is ready, drafts, decisions, what goes out, corrections, and the same bytes again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.files import PHU_THO, Office, month
from support.readings import load_of, province_bundle
from support.warehouses import database

from etl import release_stages, report_stages
from etl.archive import Archive
from etl.deliver.report_load import as_known
from etl.errors import ReportNotReady, Terminal
from etl.periods import VIETNAM
from etl.sandbox.sample_forms import write_form
from etl.settings import Settings
from etl.warehouse.duty_ledger import duty_statuses
from etl.warehouse.embedded import EmbeddedServer
from etl.warehouse.publish import publish

pytestmark = pytest.mark.slow

# The report of October 2026: the portal's September, digitization of 15/9 to 14/10, due 17/10 23:59:59.
BEFORE_TARGET = datetime(2026, 10, 15, 8, 0, tzinfo=VIETNAM)
TARGET_NOON = datetime(2026, 10, 16, 14, 0, tzinfo=VIETNAM)
AFTER_DUE = datetime(2026, 10, 18, 8, 0, tzinfo=VIETNAM)
SETS = ("so-hoa", "bao-cao")


def job(name: str, **more: Any) -> dict[str, Any]:
    return {"province": "phu_tho", "period": "2026-10", "set": name, "stage": "final", "asked": False} | more


def read_portal(office: Office, at: datetime, period: str = "2026-09", edit: Any = None) -> None:
    archive = Archive(office.settings.archive_dir)
    publish(
        office.warehouse,
        load_of(archive, province_bundle(archive, province="phu_tho", period=period, at=at, edit=edit)),
    )


def hand_in_form(office: Office, folder: Path) -> None:
    form = write_form(folder / "bieu-so-hoa.xlsx", PHU_THO, month("2026-10"))
    assert office.hand_in(form.path).state == "accepted"


def state(office: Office, duty: str) -> str:
    ((found,),) = office.ask(
        "SELECT state FROM mart.deadlines WHERE province_code = 'H44' AND period_id = '2026-10' AND duty = %s",
        duty,
    )
    return str(found)


def build(office: Office, name: str, **more: Any) -> dict[str, Any]:
    return release_stages.build_release(office.settings, job(name, **more), office.clock)


def approve(office: Office, release_id: str, who: str = "Nguyễn Văn A") -> dict[str, Any]:
    release_stages.decide(office.settings, release_id, True, who, None, office.clock)
    return release_stages.publish_release(office.settings, release_id, office.clock)


@pytest.fixture
def ready(server: EmbeddedServer, portal_database: str, tmp_path: Path) -> Iterator[Office]:
    """An office with every input of the October report, on the morning of its final run."""
    with database(server, portal_database) as url:
        office = Office(Settings(home=tmp_path / "home", warehouse_url=url), BEFORE_TARGET)
        read_portal(office, BEFORE_TARGET - timedelta(hours=4))
        hand_in_form(office, tmp_path)
        report_stages.open_duties(office.settings, office.clock)
        yield office


def test_a_month_goes_from_its_inputs_to_the_deliverables_folder_and_renders_again_after_a_restatement(
    ready: Office,
) -> None:
    office = ready
    jobs = report_stages.report_jobs(office.settings, "month", {}, "2026-10", office.clock)
    assert jobs == [job(name) for name in SETS]
    drafts = {}
    for one in jobs:
        assert report_stages.inputs_ready(office.settings, one, office.clock)["ready"], one
        drafts[one["set"]] = release_stages.build_release(office.settings, one, office.clock)
    assert [state(office, duty) for duty in ("D1", "D2", "D3", "D4")] == ["awaiting_sign_off"] * 4
    assert not office.settings.deliverables_dir.exists()  # nothing is there unapproved

    # Nobody has approved: nothing goes out, however often it is asked.
    first = drafts["bao-cao"]["release_id"]
    assert not release_stages.publish_release(office.settings, first, office.clock)["released"]
    assert not office.settings.deliverables_dir.exists()
    assert build(office, "bao-cao") == drafts["bao-cao"]  # the same draft, not another

    for draft in drafts.values():
        assert draft["needs_sign_off"]
        assert approve(office, draft["release_id"])["released"]
    assert [state(office, duty) for duty in ("D1", "D2", "D3", "D4")] == ["released"] * 4
    folder = office.settings.deliverables_dir / "phu_tho" / "2026-10"
    assert {path.name for path in folder.iterdir()} == {"1", "2"}
    manifest = json.loads((folder / "2" / "manifest.json").read_text(encoding="utf-8"))
    assert {one["path"].partition("/")[0] for one in manifest["files"]} == {
        "bao-cao-2026-10.docx",
        "phu-luc-2026-10.xlsx",
        "cong-khai-2026-10.html",
        "phieu-chat-luong-2026-10.html",
        "du-lieu-mo",
    }
    bytes_before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert build(office, "bao-cao")["release_id"] is None  # the same numbers are not released twice

    # The portal restates its September; the old release still renders to the same bytes, and a correction is built.
    def lower(endpoint: str, data: dict[str, Any]) -> None:
        if "totalScore" in (data.get("children") or [{}] * 4)[3]:
            data["children"][3]["totalScore"] = round(data["children"][3]["totalScore"] - 0.01, 2)

    office.now = AFTER_DUE
    read_portal(office, AFTER_DUE - timedelta(hours=4), edit=lower)
    ((restated,),) = office.ask("SELECT count(*) FROM mart.restatements WHERE period_id = '2026-09'")
    assert restated > 0
    assert release_stages.render_again(office.settings, first, office.clock) == {}
    correction = build(office, "bao-cao")
    assert correction["release_id"] not in (None, first)
    gone = approve(office, correction["release_id"])
    assert "dinh-chinh-2026-10.docx" in gone["files"]
    assert {path: path.read_bytes() for path in bytes_before} == bytes_before  # the old one stays
    assert office.ask(
        "SELECT release_no, status, corrects_release_no FROM mart.releases WHERE release_set = 'bao-cao' ORDER BY 1"
    ) == [(2, "superseded", None), (3, "released", 2)]
    assert state(office, "D2") == "released"  # it went out in time, whatever was corrected later
    for release_id in (first, correction["release_id"]):
        assert release_stages.render_again(office.settings, release_id, office.clock) == {}


def test_a_refused_draft_goes_back_with_its_comment_and_is_not_built_again_by_itself(ready: Office) -> None:
    office = ready
    draft = build(office, "so-hoa")["release_id"]
    release_stages.decide(office.settings, draft, False, "Trần Thị B", "Sai tên đơn vị.", office.clock)
    assert state(office, "D1") == "awaiting_input"
    (status,) = [
        one
        for one in duty_statuses(office.warehouse, {"H44": "tỉnh Phú Thọ"}, office.now)
        if (one.duty, one.period_id) == ("D1", "2026-10")
    ]
    assert (status.refused_by, status.refusal) == ("Trần Thị B", "Sai tên đơn vị.")
    assert not release_stages.publish_release(office.settings, draft, office.clock)["released"]
    with pytest.raises(ReportNotReady, match="Sai tên đơn vị"):
        build(office, "so-hoa")
    with pytest.raises(Terminal, match="rejected by Trần Thị B"):
        release_stages.decide(office.settings, draft, True, "Nguyễn Văn A", None, office.clock)
    again = build(office, "so-hoa", asked=True)["release_id"]
    assert again != draft
    assert approve(office, again)["released"]
    office.now = AFTER_DUE
    report_stages.open_duties(office.settings, office.clock)
    assert state(office, "D1") == "released"
    assert state(office, "D2") == "missed"  # nobody built it


def test_what_is_approved_is_what_goes_out(ready: Office) -> None:
    office = ready
    draft = build(office, "so-hoa")["release_id"]
    release_stages.decide(office.settings, draft, True, "Nguyễn Văn A", None, office.clock)
    path = office.settings.drafts_dir / "phu_tho" / "2026-10" / "1" / "bieu-so-hoa-2026-10.xlsx"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(Terminal, match="not what was built and approved"):
        release_stages.publish_release(office.settings, draft, office.clock)
    assert not office.settings.deliverables_dir.exists()
    assert state(office, "D1") != "released"


def test_the_ledger_itself_refuses_a_release_that_nobody_approved(ready: Office) -> None:
    draft = build(ready, "so-hoa")["release_id"]
    with ready.warehouse.connect() as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "UPDATE ops.release SET status = 'released', released_at = now() WHERE release_id = %s", (draft,)
        )


def test_inputs_are_waited_for_until_the_target_day_and_what_lacks_is_named(
    server: EmbeddedServer, portal_database: str, tmp_path: Path
) -> None:
    with database(server, portal_database) as url:
        office = Office(Settings(home=tmp_path / "home", warehouse_url=url), BEFORE_TARGET)
        report_stages.open_duties(office.settings, office.clock)
        assert report_stages.captures_due(office.settings, office.clock) == [
            {"province": "phu_tho", "period": "2026-09"}
        ]
        with pytest.raises(ReportNotReady, match="chưa có số liệu tháng 9/2026"):
            report_stages.require_inputs(office.settings, job("bao-cao"), office.clock)
        read_portal(office, BEFORE_TARGET - timedelta(hours=1))
        assert report_stages.captures_due(office.settings, office.clock) == []
        # The letter waits for the digitization figures too, but not for ever.
        waits = report_stages.inputs_ready(office.settings, job("bao-cao"), office.clock)
        assert not waits["ready"]
        assert "chưa có biểu số hóa" in " ".join(waits["waiting_for"])
        assert state(office, "D2") == "awaiting_input"
        office.now = TARGET_NOON
        assert report_stages.inputs_ready(office.settings, job("bao-cao"), office.clock)["ready"]
        assert not report_stages.inputs_ready(office.settings, job("so-hoa"), office.clock)[
            "ready"
        ]  # never invented
        draft = build(office, "bao-cao")
        assert "chưa có biểu số hóa" in draft["body"]
        ((gaps,),) = office.ask("SELECT gaps_vi FROM mart.releases")
        assert gaps
        office.now = AFTER_DUE
        report_stages.open_duties(office.settings, office.clock)
        assert state(office, "D1") == "missed"
        hand_in_form(office, tmp_path)
        assert approve(office, build(office, "so-hoa")["release_id"])["released"]
        assert state(office, "D1") == "released_late"


def test_an_older_state_of_the_warehouse_is_read_as_it_was(ready: Office) -> None:
    with as_known(ready.warehouse, 1) as then, as_known(ready.warehouse, None) as now:
        query = "SELECT count(*) FROM mart.snapshots"
        assert then.execute(query).fetchone() == (1,)
        (all_of_them,) = now.execute(query).fetchone()  # type: ignore[misc]
    assert all_of_them >= 4
    assert ready.ask("SELECT array_agg(publication_no ORDER BY publication_no) FROM mart.snapshots") == [
        (list(range(1, all_of_them + 1)),)
    ]


def test_the_portal_is_read_until_it_has_answered_and_once_more_for_the_final_report(
    server: EmbeddedServer, portal_database: str, tmp_path: Path
) -> None:
    """A running quarter too: one whole reading is enough until the window of the report has closed."""

    def due(*now: int) -> list[str]:
        office.now = datetime(2026, *now, tzinfo=VIETNAM)
        return [one["period"] for one in report_stages.captures_due(office.settings, office.clock)]

    with database(server, portal_database) as url:
        office = Office(Settings(home=tmp_path / "home", warehouse_url=url), BEFORE_TARGET)
        # The sample portal's August is there, read on 26 September: after the end of the month, so it stands.
        assert due(12, 9, 4) == []
        assert due(12, 10, 4) == ["2026-11", "2026-Q4", "2026"]
        read_portal(office, datetime(2026, 12, 10, 4, 5, tzinfo=VIETNAM), "2026-11")
        read_portal(office, datetime(2026, 12, 10, 4, 6, tzinfo=VIETNAM), "2026-Q4")
        assert due(12, 11, 4) == ["2026"]
        assert due(12, 14, 23) == ["2026"]
        assert due(12, 15, 4) == ["2026-11", "2026-Q4", "2026"]
