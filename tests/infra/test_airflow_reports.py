"""Reports under the real scheduler and triggerer: waiting, the sign-off of a person, release."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from airflow_pages import Pages
from psycopg.rows import dict_row
from support.airflow import UP, Start, family, free_port, living, read_until, wait_for

from etl import file_stages
from etl.airflow_sign_off import answer_in_airflow
from etl.periods import Period, window_of
from etl.reference.provinces import find_province
from etl.release_stages import decide
from etl.sandbox.sample_forms import write_form
from etl.settings import PROJECT_ROOT, Settings
from etl.stages import ready_warehouse, system_clock
from etl.warehouse.embedded import stop_running
from etl.warehouse.engine import open_warehouse

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes in /proc"),
]
# A province whose units are listed: its form can be judged without a reading of the portal.
PROVINCE, FIRST, SECOND = "ba_ria_vung_tau", "2023-05", "2023-06"
NOWHERE = "http://127.0.0.1:9"  # nobody listens there: the portal of these tests
FORM, LETTER = 0, 1  # the jobs of a run: so-hoa (D1), bao-cao (D2 to D4)


@pytest.fixture
def settings(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Iterator[Settings]:
    home = tmp_path / "home"
    made = Settings(home=home, airflow_port=free_port(), province=PROVINCE, portal_url=NOWHERE)  # type: ignore[call-arg]
    ready_warehouse(made)
    yield made
    stop_running(home)


def handed_in(settings: Settings, month: str) -> str:
    """A form that is received and judged, one step before it is published. Returns its work folder."""
    file = settings.home / f"biểu {month}.xlsx"
    write_form(file, find_province(PROVINCE), window_of(Period.parse(month)))
    handed = file_stages.take_file(settings, file, system_clock, province=PROVINCE)
    return file_stages.validate_file(
        settings, file_stages.receive(settings, handed, system_clock), system_clock
    )


def rows(settings: Settings, query: str) -> list[dict[str, Any]]:
    warehouse = open_warehouse(settings)
    with warehouse.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(psycopg.sql.SQL(query)).fetchall()  # type: ignore[arg-type]


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Ask once a second: the server that answers is the one that the tasks need."""

    def asked() -> bool:
        time.sleep(1)
        return condition()

    wait_for(asked, seconds)


def started(settings: Settings, start: Start) -> tuple[subprocess.Popen[str], Pages]:
    environment = {
        "BOCHISO_REPORT_POLL_SECONDS": "1",
        "BOCHISO_PROVINCE": PROVINCE,
        "BOCHISO_PORTAL_URL": NOWHERE,
    }
    process = start(UP, settings.home, PROJECT_ROOT / "dags", settings.airflow_port, **environment)
    return process, Pages.open(read_until(process, "ready"))


def test_a_period_waits_for_its_form_and_then_for_a_person(settings: Settings, start: Start) -> None:
    assert not answer_in_airflow(settings, "x", True, None), "nobody is asked where Airflow does not run"
    judged = [handed_in(settings, month) for month in (FIRST, SECOND)]
    process, pages = started(settings, start)
    wait_until(lambda: pages.knows("monthly_report"))
    run = {month: pages.trigger("monthly_report", month) for month in (FIRST, SECOND)}

    def state(month: str, task: str, job: int) -> str | None:
        return pages.states("monthly_report", run[month]).get((f"report.{task}", job))

    def waiting(month: str, job: int) -> bool:
        return state(month, "await_inputs", job) == "deferred"

    wait_until(lambda: all(waiting(month, job) for month in run for job in (FORM, LETTER)))
    assert pages.forms() == []
    for handed in judged:
        file_stages.publish_file(settings, handed, system_clock)
    wait_until(lambda: len(pages.forms()) == 2)
    told = {
        one["period_id"]: one for one in rows(settings, "SELECT *, release_id::text AS id FROM ops.release")
    }
    assert {(one["release_set"], one["status"]) for one in told.values()} == {("so-hoa", "draft")}
    forms = {
        month: next(form for form in pages.forms() if told[month]["id"] in form["subject"]) for month in run
    }
    assert "Biểu tổng hợp" in forms[FIRST]["body"]
    assert list(forms[FIRST]["params"]) == ["comment"]
    assert state(FIRST, "sign_off", FORM) == "awaiting_input"
    assert not list((settings.deliverables_dir / PROVINCE).rglob("manifest*")), "nothing leaves unapproved"

    # One is refused on Airflow's page; the other approved at a terminal, and the waiting task goes on.
    time.sleep(3)  # they read first; Airflow 3.3.2 may lose an answer that is quicker than its scheduler

    def refused() -> bool:
        for form in pages.forms():  # the question comes again where the answer was lost
            if told[SECOND]["id"] in form["subject"]:
                pages.answer(form, "Reject", "Thiếu xã Long Sơn")
        return state(SECOND, "send", FORM) == "skipped"

    approved = told[FIRST]["id"]
    decide(settings, approved, True, "Nguyễn Văn A", "Đồng ý", system_clock)
    assert answer_in_airflow(settings, approved, True, "Đồng ý")
    assert not answer_in_airflow(settings, approved, True, "Đồng ý"), "it has been answered"
    wait_until(lambda: state(FIRST, "send", FORM) == "success")
    wait_until(refused)
    assert (state(SECOND, "sign_off", FORM), state(SECOND, "release", FORM)) == ("success", "skipped")
    said = {
        one["period_id"]: (one["status"], one["decided_by"], one["decision_comment"])
        for one in rows(settings, "SELECT * FROM ops.release")
    }
    assert said == {
        FIRST: ("released", "Nguyễn Văn A", "Đồng ý"),
        SECOND: ("rejected", "admin", "Thiếu xã Long Sơn"),
    }
    assert list((settings.deliverables_dir / PROVINCE / FIRST).rglob("*.xlsx"))
    assert not list((settings.deliverables_dir / PROVINCE).glob(f"{SECOND}/[0-9]*"))
    # The letter waits on: nobody has read the portal.
    assert all(waiting(month, LETTER) for month in run)
    assert {one["state"] for one in pages.runs("monthly_report")} == {"running"}

    working = family(process.pid)
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not living(working)
    assert time.monotonic() - stopped < 45, "waiting is no reason to go on"
    assert not answer_in_airflow(settings, approved, True, None)
