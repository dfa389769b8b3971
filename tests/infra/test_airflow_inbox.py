"""The inbox under the real scheduler and triggerer: waiting costs no worker, every file is answered."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow_pages import Pages
from support.airflow import UP, Start, family, free_port, living, read_until, wait_for

from etl.periods import Period, window_of
from etl.reference.provinces import find_province
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import write_form
from etl.settings import PROJECT_ROOT, Settings
from etl.stages import ready_warehouse
from etl.warehouse.embedded import stop_running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes in /proc"),
]
DAGS = PROJECT_ROOT / "dags"
POLL, SETTLE = 1.0, 0.5
# A province whose units are listed: no reading of the portal has to come first.
PROVINCE, MONTH = "ba_ria_vung_tau", "2023-05"


@pytest.fixture
def settings(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Iterator[Settings]:
    home = tmp_path / "home"
    made = Settings(  # type: ignore[call-arg]
        home=home, airflow_port=free_port(), inbox_poll_seconds=POLL, inbox_settle_seconds=SETTLE
    )
    ready_warehouse(made)
    yield made
    stop_running(home)


def drop(settings: Settings, name: str, drift: Drift | None = None) -> Path:
    """A form appears in the province's subfolder as a copy does: under a name that is not taken, then renamed."""
    folder = settings.inbox_dir / PROVINCE
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{name}.tmp.xlsx"
    write_form(half, find_province(PROVINCE), window_of(Period.parse(MONTH)), drift=drift)
    half.rename(folder / name)
    return folder / name


def receipts(settings: Settings, verdict: str) -> list[dict[str, Any]]:
    found = sorted((settings.inbox_dir / verdict).glob("*.receipt.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


def waits(pages: Pages) -> bool:
    """The newest run of the inbox waits in the triggerer, and nothing else of it is under way."""
    runs = pages.runs("ingest_inbox")
    if not runs or runs[-1]["state"] != "running":
        return False
    states = {task["task_id"]: task["state"] for task in pages.tasks("ingest_inbox", runs[-1]["dag_run_id"])}
    return states.pop("await_files") == "deferred" and set(states.values()) <= {None}


def busy_workers(pid: int) -> list[str]:
    """Workers of the executor that hold a task; an idle one says so."""
    workers = [name for name in family(pid).values() if "LocalExecutor:" in name]
    return [name for name in workers if "<idle>" not in name]


@pytest.mark.timeout(600)  # 240 s where four others work on the two cores
def test_the_inbox_waits_without_a_worker_and_answers_what_is_dropped(
    settings: Settings, start: Start
) -> None:
    marks = {"BOCHISO_INBOX_POLL_SECONDS": str(POLL), "BOCHISO_INBOX_SETTLE_SECONDS": str(SETTLE)}
    process = start(UP, settings.home, DAGS, settings.airflow_port, **marks)
    pages = Pages.open(read_until(process, "ready"))

    wait_for(lambda: waits(pages) and not busy_workers(process.pid), 90)
    assert any("LocalExecutor:" in name for name in family(process.pid).values()), "saw workers at all"
    for _ in range(5):  # a wait of several looks at the inbox
        time.sleep(POLL)
        assert busy_workers(process.pid) == []
        assert waits(pages)

    good = drop(settings, "biểu tháng 5.xlsx")
    dropped = time.monotonic()
    wait_for(lambda: not good.exists(), 60)
    # Two looks and the settling, and what starting a task takes: 2 s on an idle machine with two cores.
    assert time.monotonic() - dropped < 2 * POLL + SETTLE + 25
    wrong = drop(settings, "gửi nhầm.xlsx", Drift.FORM_06_VPCP)  # while the first one is in hand
    wait_for(lambda: bool(receipts(settings, "accepted")), 90)
    [accepted] = receipts(settings, "accepted")
    assert (accepted["file_name"], accepted["state"], accepted["period_id"]) == (good.name, "accepted", MONTH)
    assert list((settings.inbox_dir / "accepted").glob("biểu tháng 5.*.xlsx.receipt.html"))

    wait_for(lambda: bool(receipts(settings, "refused")), 90)
    [refused] = receipts(settings, "refused")
    assert (refused["file_name"], refused["state"]) == (wrong.name, "refused")
    assert "06/VPCP" in refused["refusal"]["message_vi"]
    wait_for(lambda: waits(pages), 60)
    first, second, third = pages.runs("ingest_inbox")
    states = {
        run["dag_run_id"]: {
            task["task_id"]: task["state"] for task in pages.tasks("ingest_inbox", run["dag_run_id"])
        }
        for run in (first, second)
    }
    steps = ("await_files", "take_in.receive", "take_in.validate", "take_in.publish", "take_in.answer")
    assert states[first["dag_run_id"]] == dict.fromkeys(steps, "success")
    ends = ("success", "failed", "upstream_failed", "upstream_failed", "success")
    assert states[second["dag_run_id"]] == dict(zip(steps, ends, strict=True)), "tried once, and answered"
    assert third["state"] == "running"

    wait_for(lambda: [run["state"] for run in pages.runs("provincial_digitization")] == ["success"], 60)
    [made] = pages.runs("provincial_digitization")
    assert made["run_type"] == "asset_triggered"
    forms = [task for task in pages.tasks("provincial_digitization") if task["task_id"] == "form"]
    assert sorted(task["state"] for task in forms) == ["skipped", "skipped", "success"]
    assert (settings.deliverables_dir / PROVINCE / MONTH / f"bieu-so-hoa-{MONTH}.xlsx").is_file()
    logs = (settings.home / "logs" / "airflow").rglob("task_id=form/**/*.log")
    told = [log for log in logs if "skipped: " in log.read_text(encoding="utf-8")]
    assert len(told) == 2
    for log in told:
        assert "department, 2023-04" in log.read_text(encoding="utf-8"), "the names of what is missing"

    # Stopped while a file is in hand: the file is answered after the next start.
    later = drop(settings, "biểu gửi lại.xlsx")
    wait_for(lambda: not later.exists(), 60)
    working = family(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not living(working)

    process = start(UP, settings.home, DAGS, settings.airflow_port, **marks)
    pages = Pages.open(read_until(process, "ready"))
    wait_for(lambda: len(receipts(settings, "accepted")) == 2, 120)
    assert {one["file_name"]: one["state"] for one in receipts(settings, "accepted")} == {
        good.name: "accepted",
        later.name: "already_known",
    }
    assert len(receipts(settings, "refused")) == 1
    wait_for(lambda: waits(pages), 60)
    working = family(process.pid)
    process.send_signal(signal.SIGTERM)  # the wait itself is no reason to go on
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert not living(working)
