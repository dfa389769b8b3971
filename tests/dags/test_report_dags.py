"""The report DAGs in the real Airflow: timetable, backfill, bells, and what their tasks do with a ledger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etl.airflow_runs import ReportSchedule
from etl.duties import load_duties
from etl.reference.calendar import load_calendar_overrides
from etl.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow
SESSION = Path(__file__).parent / "airflow_session.py"


def ask(what: str, folder: Path) -> dict[str, Any]:
    home = folder / "airflow"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "BOCHISO"))
    }
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "BOCHISO_HOME": str(folder / "home"),
        "BOCHISO_REPORT_POLL_SECONDS": "0.1",
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), str(PROJECT_ROOT / "dags")]),
    }
    done = subprocess.run(
        [sys.executable, str(SESSION), what, str(folder / "edited")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "RESULT" in done.stdout, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.rpartition("RESULT")[2])
    return result


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ask("timetables", tmp_path_factory.mktemp("timetables"))


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return ask("tasks", tmp_path_factory.mktemp("tasks"))


# --- when ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "count"), [("month", 61), ("quarter", 20), ("year", 5)])
def test_airflow_makes_every_run_of_five_years_once(airflow: dict[str, Any], kind: str, count: int) -> None:
    schedule = ReportSchedule(kind, load_duties(), load_calendar_overrides())
    wanted = [[run.key, run.at.isoformat()] for year in range(2023, 2028) for run in schedule.runs(year)]
    assert len(wanted) == count
    assert airflow["runs"][kind] == wanted


def test_the_dags_are_known_as_partitioned_with_their_next_key(airflow: dict[str, Any]) -> None:
    assert set(airflow["models"]) == {"monthly_report", "quarterly_report", "annual_report"}
    for partitioned, next_key in airflow["models"].values():
        assert partitioned is True
        assert next_key


def test_what_comes_next_after_a_stop_is_the_newest_run_and_nothing_twice(airflow: dict[str, Any]) -> None:
    assert {answer["asked"]: answer["key"] for answer in airflow["next"]} == {
        "a fresh installation": "2026-10",
        "fresh, between cut-off and due": "2026-10",
        "fresh, between preliminary and final": "2026-02",
        "as planned": "2026-10",
        "just created": "2026-11",
        "stopped for a day": "2026-10",
        "stopped for months": "2026-10",
        "stopped over preliminary and final": "2026-02",
        "after the preliminary": "2026-02",
        "before the start date": "2023-01",
    }


def test_airflows_backfill_makes_past_periods_also_before_the_start_date(airflow: dict[str, Any]) -> None:
    keys = {name: [run["key"] for run in runs] for name, runs in airflow["backfill"].items()}
    assert keys == {
        "before the start": ["2021-11", "2021-12", "2022-01", "2022-02"],
        "to the day": ["2022-03"],
        "february": ["2026-02"],
        "before the cut-off": ["2026-02/preliminary"],
        "quarters": ["2024-Q1", "2024-Q2", "2024-Q3", "2024-Q4"],
        "year": ["2024", "2025"],
    }
    for runs in airflow["backfill"].values():
        assert {run["tasks"] for run in runs} == {8}, "a run without tasks would be marked a success"


# --- bells ---------------------------------------------------------------------------------


def test_a_run_that_lies_ahead_rings_on_the_target_day_and_when_due(airflow: dict[str, Any]) -> None:
    assert airflow["bells"] == ["2099-03-17T16:00:00+07:00", "2099-03-17T23:59:59+07:00"]
    [early] = airflow["preliminary"].values()
    [final] = airflow["final after preliminary"].values()
    assert [bell.partition("T")[2] for bell in early] == ["16:00:00+07:00"], (
        "nobody is owed a preliminary report"
    )
    assert [bell.partition("T")[2] for bell in final] == ["23:59:59+07:00"], "its target day lies behind"


def test_nothing_rings_for_what_lies_behind(airflow: dict[str, Any]) -> None:
    assert airflow["bells of backfills"] == 0
    assert airflow["bells of a past run"] == []
    assert airflow["bells of a run that went well"] == []


def test_editing_an_unrelated_part_of_the_dag_keeps_the_bells(airflow: dict[str, Any]) -> None:
    """Airflow 3.2 lost the deadlines of every run made after such an edit, and said nothing."""
    assert airflow["bells after an edit"] == ["2099-04-17T16:00:00+07:00", "2099-04-17T23:59:59+07:00"]
    assert airflow["bells of the earlier run after an edit"] == airflow["bells"]


def test_a_bell_makes_the_watcher_look_at_that_period(airflow: dict[str, Any]) -> None:
    assert airflow["missed"]["said"] == ["running", "success"]
    [[dag_id, run_id, key]] = airflow["missed"]["heard"]
    assert (dag_id, key) == ("monthly_report", "2099-03")
    assert run_id.startswith("scheduled__2099-03-15T")


# --- what the tasks do -----------------------------------------------------------------------


def ends(run: dict[str, Any], name: str) -> list[str]:
    number = run["names"].index(name)
    return [
        run["tasks"][f"report.{task}[{number}]"]
        for task in ("await_inputs", "build", "sign_off", "release", "send")
    ]


def told(run: dict[str, Any], name: str) -> list[list[Any]]:
    return [call for call in run["calls"] if call[1] in (name, f"{name}-1")]


def test_an_approval_lets_the_release_go_with_who_and_comment(tasks: dict[str, Any]) -> None:
    run = tasks["all"]
    assert ends(run, "yes") == ["success"] * 5
    assert told(run, "yes") == [
        ["decide", "yes-1", True, "Trần Thị B", "Đồng ý"],
        ["publish", "yes-1"],
        ["send", "yes-1"],
    ]


def test_a_refusal_is_recorded_and_nothing_goes_out(tasks: dict[str, Any]) -> None:
    assert ends(tasks["all"], "no") == ["success", "success", "success", "skipped", "skipped"]
    assert told(tasks["all"], "no") == [["decide", "no-1", False, "Trần Thị B", "Sửa cột (9)"]]


@pytest.mark.parametrize("name", ["unsigned", "known"])
def test_nobody_is_asked_where_no_signature_is_needed_or_it_is_there(
    tasks: dict[str, Any], name: str
) -> None:
    assert ends(tasks["all"], name) == ["success"] * 5
    assert told(tasks["all"], name) == [["publish", f"{name}-1"], ["send", f"{name}-1"]]


def test_figures_that_have_not_changed_are_not_released_again(tasks: dict[str, Any]) -> None:
    assert ends(tasks["all"], "unchanged") == ["success", "skipped", "skipped", "skipped", "skipped"]
    assert told(tasks["all"], "unchanged") == []


def test_a_build_that_fails_reaches_the_ledger_and_stops_no_other_job(tasks: dict[str, Any]) -> None:
    run = tasks["all"]
    assert ends(run, "broken") == ["success", "failed", *["upstream_failed"] * 3]
    [[kind, _, message]] = told(run, "broken")
    assert kind == "failed"
    assert "report.build" in message
    assert "cột (9) {{ 7 * 7 }} không khớp" in message
    assert run["state"] == "failed"


def test_a_job_waits_for_its_inputs_and_goes_on_when_they_are_there(tasks: dict[str, Any]) -> None:
    assert ends(tasks["all"], "late") == ["success"] * 5
    assert tasks["all"]["looks"]["late"] >= 4, "it asked again while the warehouse could not be reached"
    assert tasks["all"]["looks"]["yes"] == 1


def test_an_answer_outlives_a_warehouse_that_is_busy(tasks: dict[str, Any]) -> None:
    assert ends(tasks["all"], "busy") == ["success"] * 5
    assert [call[0] for call in told(tasks["all"], "busy")] == ["decide", "decide", "publish", "send"]


def test_the_form_asks_for_a_comment_and_templates_stay_text(tasks: dict[str, Any]) -> None:
    seen = tasks["all"]["seen"]
    assert len(seen) == 4
    for form in seen:
        assert form["params"] == ["comment"]
        assert form["subject"].startswith("Ký duyệt {{ dag.dag_id }} {% raw %} [")
        assert form["body"] == "**UBND {{ macros.datetime }}**"


def test_by_hand_the_appendix_comes_first_and_an_unanswered_draft_stays_a_draft(
    tasks: dict[str, Any],
) -> None:
    run = tasks["by hand"]
    assert run["state"] == "success"
    assert run["calls"] == [
        ["appendix", "phu_tho", "2026-08"],
        ["jobs", "month", {"province": "phu_tho", "period": "2026-08"}, None],
    ]
    assert run["status"] == {"yes-1": "draft"}
    assert (run["tasks"]["report.release[0]"], run["tasks"]["report.send[0]"]) == ("skipped", "skipped")


def test_a_run_that_owes_nothing_is_a_success(tasks: dict[str, Any]) -> None:
    run = tasks["nothing owed"]
    assert run["state"] == "success"
    assert run["calls"] == [["jobs", "year", {"province": None, "period": None}, "2026"]]
    assert {state for task, state in run["tasks"].items() if task.startswith("report.")} == {"skipped"}


def test_without_waiting_what_lacks_fails_the_run(tasks: dict[str, Any]) -> None:
    run = tasks["not waited for"]
    assert run["state"] == "failed"
    assert run["tasks"]["report.await_inputs[0]"] == "failed"
    assert run["looks"] == {"absent": 1}
    assert run["calls"] == [["jobs", "month", {"province": None, "period": None}, "2026-09"]]


def test_a_run_that_names_nothing_fails_before_anything_is_made(tasks: dict[str, Any]) -> None:
    assert tasks["nothing named"]["state"] == "failed"
    assert tasks["nothing named"]["tasks"]["targets"] == "failed"
