"""What goes wrong between inputs and a release, and must not cost an office its deadline: deaths, late retries, lost
folders, settings that change meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from support.files import PHU_THO, Office, month
from support.readings import load_of, province_bundle
from support.warehouses import database

from etl import release_sending, release_stages, report_stages
from etl.archive import Archive
from etl.duties import DUTIES_FILE, load_duties
from etl.errors import ReportNotReady, Terminal, Transient
from etl.periods import VIETNAM
from etl.sandbox.sample_forms import write_form
from etl.settings import Settings
from etl.warehouse import release_ledger
from etl.warehouse.duty_ledger import duty_statuses
from etl.warehouse.embedded import EmbeddedServer
from etl.warehouse.migrate import migrate
from etl.warehouse.publish import publish

pytestmark = pytest.mark.slow

AFTER_CUT_OFF = datetime(2026, 10, 15, 8, 0, tzinfo=VIETNAM)


def job(period: str = "2026-10", name: str = "so-hoa", **more: Any) -> dict[str, Any]:
    return {"province": "phu_tho", "period": period, "set": name, "stage": "final", "asked": False} | more


def build(office: Office, **more: Any) -> str | None:
    built = release_stages.build_release(office.settings, job(**more), office.clock)
    return None if built["release_id"] is None else str(built["release_id"])


def approve(office: Office, release_id: str | None) -> dict[str, Any]:
    assert release_id is not None
    release_stages.decide(office.settings, release_id, True, "Nguyễn Văn A", None, office.clock)
    return release_stages.publish_release(office.settings, release_id, office.clock)


def read_portal(office: Office, at: datetime, period: str) -> None:
    archive = Archive(office.settings.archive_dir)
    publish(
        office.warehouse, load_of(archive, province_bundle(archive, province="phu_tho", period=period, at=at))
    )


def told(office: Office, period: str = "2026-10", duty: str = "D1") -> tuple[Any, ...]:
    """State, what lacks and failure of a duty."""
    (row,) = office.ask(
        "SELECT state, cardinality(missing_vi) > 0, failure FROM mart.deadlines WHERE period_id = %s AND duty = %s",
        period,
        duty,
    )
    return row


def order(office: Office, *, without: str | None = None, before: int = 18) -> None:
    """Give the office a duties file of its own: without a duty, or due before another day."""
    document = yaml.safe_load(DUTIES_FILE.read_text(encoding="utf-8"))
    document["duties"] = [duty for duty in document["duties"] if duty["id"] != without]
    for duty in document["duties"]:
        duty["due"] = {"last_second_before": before}
    office.settings.home.mkdir(parents=True, exist_ok=True)
    (office.settings.home / "duties.yml").write_text(
        yaml.safe_dump(document, allow_unicode=True), encoding="utf-8"
    )
    load_duties.cache_clear()


@pytest.fixture
def bare(server: EmbeddedServer, portal_database: str, tmp_path: Path) -> Iterator[Office]:
    """An office that has its units and none of the inputs, on the morning of October's final run."""
    with database(server, portal_database) as url:
        yield Office(Settings(home=tmp_path / "home", warehouse_url=url), AFTER_CUT_OFF)
    load_duties.cache_clear()


@pytest.fixture
def ready(bare: Office, tmp_path: Path) -> Office:
    """The same with October's form: what D1 is made of."""
    form = write_form(tmp_path / "bieu-so-hoa.xlsx", PHU_THO, month("2026-10"))
    assert bare.hand_in(form.path).state == "accepted"
    report_stages.open_duties(bare.settings, bare.clock)
    return bare


def test_a_builder_that_died_before_the_ledger_knew_does_not_block_the_next_one(
    ready: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:

        def die(*arguments: Any) -> None:
            raise KeyboardInterrupt

        patched.setattr(release_ledger, "add_draft", die)
        with pytest.raises(KeyboardInterrupt):
            build(ready)
    folder = ready.settings.drafts_dir / "phu_tho" / "2026-10" / "1"
    left_behind = (folder / "manifest.json").read_bytes()
    read_portal(ready, AFTER_CUT_OFF, "2026-06")  # the warehouse moves on: the manifest is another one now
    assert approve(ready, build(ready))["released"]
    assert (folder / "manifest.json").read_bytes() != left_behind
    assert told(ready)[0] == "released"


def test_a_draft_that_was_lost_or_changed_is_built_anew_and_must_be_signed_anew(ready: Office) -> None:
    first = build(ready)
    shutil.rmtree(ready.settings.drafts_dir)
    second = build(ready)
    assert second not in (None, first)
    assert second is not None
    release_stages.decide(ready.settings, second, True, "Nguyễn Văn A", None, ready.clock)
    (changed,) = ready.settings.drafts_dir.rglob("bieu-so-hoa-2026-10.xlsx")
    changed.write_bytes(changed.read_bytes() + b" ")
    with pytest.raises(Terminal, match="release build --period 2026-10"):
        release_stages.publish_release(ready.settings, second, ready.clock)
    third = build(ready)  # an approval does not go over to other bytes
    assert ready.ask("SELECT release_no, status FROM mart.releases ORDER BY 1") == [
        (1, "superseded"),
        (2, "superseded"),
        (3, "draft"),
    ]
    assert third is not None
    assert not release_stages.publish_release(ready.settings, third, ready.clock)["released"]
    assert approve(ready, third)["released"]


def test_a_preliminary_report_that_waits_too_long_does_not_take_the_final_ones_place(
    bare: Office, tmp_path: Path
) -> None:
    # February 2026: target day Friday the 13th, cut-off Sunday the 15th; the form comes on Monday.
    early, final = job("2026-02", stage="preliminary"), job("2026-02")
    bare.now = datetime(2026, 2, 13, 5, 0, tzinfo=VIETNAM)
    jobs = report_stages.report_jobs(bare.settings, "month", {}, "2026-02/preliminary", bare.clock)
    assert early in jobs
    assert not report_stages.inputs_ready(bare.settings, early, bare.clock)["ready"]
    with pytest.raises(ReportNotReady, match="cannot be made before 2026-02-15"):
        build(bare, period="2026-02", asked=True)

    bare.now = datetime(2026, 2, 16, 9, 0, tzinfo=VIETNAM)
    assert not report_stages.inputs_ready(bare.settings, final, bare.clock)["ready"]
    # Its waiting ends with its window, so that the run ends, too.
    assert report_stages.inputs_ready(bare.settings, early, bare.clock)["ready"]
    assert told(bare, "2026-02") == ("awaiting_input", True, None)
    form = write_form(tmp_path / "bieu-so-hoa.xlsx", PHU_THO, month("2026-02"))
    assert bare.hand_in(form.path).state == "accepted"
    assert report_stages.inputs_ready(bare.settings, final, bare.clock)["ready"]
    draft = build(bare, period="2026-02")
    assert build(bare, period="2026-02", stage="preliminary") is None
    with pytest.raises(ReportNotReady, match="no place any more"):
        build(bare, period="2026-02", stage="preliminary", asked=True)
    assert approve(bare, draft)["released"]
    assert told(bare, "2026-02")[0] == "released"


def test_an_unsigned_preliminary_draft_does_not_hide_what_the_final_report_lacks(
    bare: Office, tmp_path: Path
) -> None:
    bare.now = datetime(2026, 2, 13, 15, 0, tzinfo=VIETNAM)
    form = write_form(tmp_path / "bieu-so-hoa.xlsx", PHU_THO, month("2026-02"))
    assert bare.hand_in(form.path).state == "accepted"
    report_stages.report_jobs(bare.settings, "month", {}, "2026-02/preliminary", bare.clock)
    assert build(bare, period="2026-02", stage="preliminary") is not None
    early = job("2026-02", stage="preliminary")
    report_stages.inputs_ready(bare.settings, early, bare.clock)
    assert told(bare, "2026-02")[0] == "awaiting_sign_off"  # looking takes no draft back
    bare.now = datetime(2026, 2, 15, 4, 29, tzinfo=VIETNAM)  # the portal's January has not been read
    assert not report_stages.inputs_ready(bare.settings, job("2026-02"), bare.clock)["ready"]
    assert told(bare, "2026-02")[:2] == ("awaiting_input", True)


def test_failures_are_forgotten_when_they_are_mended_and_lost_connections_are_transient(
    ready: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    draft = build(ready)
    assert draft is not None

    def lose(connection: psycopg.Connection[Any], *arguments: Any) -> str:
        with psycopg.connect(str(ready.settings.warehouse_url), autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        connection.execute("SELECT 1")
        return "unreachable"

    with monkeypatch.context() as patched:
        patched.setattr(release_ledger, "write_decision", lose)
        with pytest.raises(Transient, match="went away"):
            release_stages.decide(ready.settings, draft, True, "Nguyễn Văn A", None, ready.clock)
    assert release_stages.release_status(ready.settings, draft, ready.clock) == "draft"
    assert approve(ready, draft)["released"]

    # A build that fails after the release and goes well later leaves nothing behind ...
    report_stages.note_failure(ready.settings, job(), "build: the warehouse went away", ready.clock)
    assert told(ready)[2] is not None
    assert build(ready) is None
    assert told(ready)[2] is None

    # ... a release that is not everywhere does, whatever is built.
    (ready.settings.home / "out").mkdir()
    (ready.settings.home / "targets.yml").write_text(
        f"targets:\n  - {{name: cong, kind: folder, path: {ready.settings.home / 'out'}, products: [D1]}}\n",
        encoding="utf-8",
    )
    away = ready.settings.deliverables_dir.rename(ready.settings.home / "away")
    with pytest.raises(Terminal, match="moved or emptied"):
        release_sending.send_release(ready.settings, draft, ready.clock)
    assert build(ready) is None
    assert "moved or emptied" in told(ready)[2]
    away.rename(ready.settings.deliverables_dir)
    (sent,) = release_sending.send_release(ready.settings, draft, ready.clock)
    assert (sent["state"], told(ready)[2]) == ("sent", None)


def test_the_ledger_follows_duties_yml_and_makes_up_for_the_time_it_was_off(bare: Office) -> None:
    def states(duty: str) -> dict[str, str]:
        rows = bare.ask("SELECT period_id, state FROM mart.deadlines WHERE duty = %s", duty)
        return {str(period): str(state) for period, state in rows}

    report_stages.open_duties(bare.settings, bare.clock)
    ahead = {"2026-10", "2026-11", "2026-12", "2026-Q4", "2026"}
    assert set(states("D4")) == ahead
    bare.now = datetime(2026, 10, 18, 0, 10, tzinfo=VIETNAM)
    order(bare, without="D4")
    report_stages.open_duties(bare.settings, bare.clock)
    assert states("D4") == {
        "2026-10": "missed"
    }  # what fell due stays; what is no longer owed is nobody's duty
    listed = duty_statuses(bare.warehouse, {"H44": "tỉnh Phú Thọ"}, bare.now)
    assert {one.period_id for one in listed if one.duty == "D4"} == {"2026-10"}

    order(bare, before=20)  # owed again, and two days later
    report_stages.open_duties(bare.settings, bare.clock)
    assert set(states("D4")) == ahead
    assert states("D1")["2026-10"] == "awaiting_input"
    bare.now = datetime(2026, 10, 20, 0, 10, tzinfo=VIETNAM)
    report_stages.open_duties(bare.settings, bare.clock)
    assert states("D1")["2026-10"] == "missed"

    bare.now = datetime(2027, 5, 2, 8, 0, tzinfo=VIETNAM)  # off for half a year
    report_stages.open_duties(bare.settings, bare.clock)
    meant = {"2027-01", "2027-02", "2027-03", "2027-04", "2027-Q1"}
    assert {period for period, state in states("D1").items() if state == "missed"} == ahead | meant


def test_a_backfilled_period_does_not_make_a_new_installation_owe_the_past(bare: Office) -> None:
    report_stages.report_jobs(bare.settings, "month", {}, "2026-03", bare.clock)
    report_stages.open_duties(bare.settings, bare.clock)
    assert bare.ask(
        "SELECT array_agg(period_id) FROM mart.deadlines WHERE duty = 'D1' AND state = 'missed'"
    ) == [(["2026-03"],)]


def test_a_release_renders_again_under_other_duties(ready: Office) -> None:
    draft = build(ready)
    assert draft is not None
    assert approve(ready, draft)["released"]
    order(ready, without="D1", before=20)
    assert release_stages.render_again(ready.settings, draft, ready.clock) == {}


def test_a_warehouse_of_the_version_before_is_taken_along(
    server: EmbeddedServer, portal_database: str, tmp_path: Path
) -> None:
    """Snapshots that were published before publications had numbers get them, in the order of their commits."""
    with database(server, portal_database) as url, psycopg.connect(url) as connection:
        before = connection.execute(
            "SELECT snapshot_id FROM ops.publication ORDER BY published_at, snapshot_id"
        ).fetchall()
        assert len(before) >= 2
        views = connection.execute(
            "SELECT string_agg(format('%I.%I', schemaname, viewname), ', ') FROM pg_views"
            " WHERE schemaname IN ('mart', 'core')"
        ).fetchone()
        assert views
        connection.execute(f"DROP VIEW {views[0]}".encode())
        connection.execute(
            "DROP TABLE ops.notification, ops.delivery, ops.release_snapshot, ops.release_file, ops.release, ops.duty"
        )
        connection.execute("ALTER TABLE ops.publication DROP COLUMN publication_no")
        connection.execute("UPDATE ops.schema_version SET version_num = '0002'")
        connection.execute("DELETE FROM ops.view_release")
        connection.commit()
        office = Office(Settings(home=tmp_path, warehouse_url=url), AFTER_CUT_OFF)
        migrate(office.warehouse)
        assert office.ask("SELECT snapshot_id FROM ops.publication ORDER BY publication_no") == before
        assert office.ask("SELECT count(*) FROM mart.snapshots WHERE publication_no IS NULL") == [(0,)]
