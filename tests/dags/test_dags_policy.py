"""What every DAG must be, asked of the real Airflow in a process of its own."""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from etl.settings import PROJECT_ROOT

DAGS = PROJECT_ROOT / "dags"
EXPECTED = {
    "annual_report",
    "housekeeping",
    "ingest_inbox",
    "ingest_national_portal",
    "monthly_report",
    "provincial_digitization",
    "quarterly_report",
    "read_portal_on_time",
    "watch_deadlines",
}
REPORTS = ("monthly_report", "quarterly_report", "annual_report")
HEAVY = {
    "pandas",
    "numpy",
    "polars",
    "pyarrow",
    "great_expectations",
    "sqlalchemy",
    "openpyxl",
    "psycopg",
    "httpx",
}

PROBE = """
import json, sys, time
from airflow.sdk import DAG  # Airflow's own import is not ours to answer for
from airflow.dag_processing.dagbag import DagBag
from airflow.serialization.encoders import coerce_to_core_timetable
before = set(sys.modules)
bag = DagBag(sys.argv[1])
loaded = {name.partition('.')[0] for name in set(sys.modules) - before}
dags = {}
for dag_id, dag in bag.dags.items():
    dags[dag_id] = {
        "doc": dag.doc_md, "tags": sorted(dag.tags), "catchup": dag.catchup, "start": dag.start_date.isoformat(),
        "schedule": type(dag.timetable).__name__, "fileloc": dag.fileloc, "params": sorted(dag.params),
        "kind": getattr(dag.timetable, "kind", None), "deadlines": [
            [bell.reference.reference_name, bell.reference.instant, bell.interval.total_seconds()]
            for bell in dag.deadline or []
        ],
        "cron": [getattr(dag.timetable, "expression", None), str(getattr(dag.timetable, "timezone", None))],
        "consumes": [key.name for key, _ in coerce_to_core_timetable(dag.timetable).asset_condition.iter_assets()],
        "tasks": {
            task.task_id: {
                "owner": task.owner, "retries": task.retries, "pool": task.pool,
                "limit": task.execution_timeout and task.execution_timeout.total_seconds(),
                "triggers": task.partial_kwargs.get("trigger_dag_id") if task.is_mapped else None,
                "upstream": sorted(task.upstream_task_ids),
                "outlets": [asset.name for asset in task.outlets], "rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
            }
            for task in dag.tasks
        },
    }
sys.stdout.write("RESULT" + json.dumps({"dags": dags, "errors": bag.import_errors, "loaded": sorted(loaded),
    "seconds": {stat.file: stat.duration.total_seconds() for stat in bag.dagbag_stats}}))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT_ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/unused.db",
        "PYTHONPATH": os.pathsep.join([str(PROJECT_ROOT), str(DAGS)]),
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(DAGS)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "RESULT" in done.stdout, done.stderr[-3000:]
    result: dict[str, Any] = json.loads(done.stdout.partition("RESULT")[2])
    return result


def test_every_dag_loads_and_every_expected_dag_is_there(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert set(bag["dags"]) == EXPECTED


def test_a_dag_file_holds_the_dag_of_its_name(bag: dict[str, Any]) -> None:
    assert {Path(dag["fileloc"]).stem for dag in bag["dags"].values()} == set(bag["dags"])


def test_every_dag_has_owner_tags_docs_and_retries(bag: dict[str, Any]) -> None:
    tasks = 0
    for dag in bag["dags"].values():
        assert len(dag["doc"] or "") > 100
        assert dag["tags"]
        assert dag["catchup"] is False
        for task in dag["tasks"].values():
            assert task["owner"] not in ("", "airflow")
            assert task["retries"] >= 2
            tasks += 1
    assert tasks >= 10


def test_whatever_touches_the_portal_holds_its_one_slot(bag: dict[str, Any]) -> None:
    pools = {task: spec["pool"] for task, spec in bag["dags"]["ingest_national_portal"]["tasks"].items()}
    assert {task for task, pool in pools.items() if pool == "national_portal"} == {"fetch", "fetch_country"}


def test_the_stages_follow_each_other(bag: dict[str, Any]) -> None:
    tasks = bag["dags"]["ingest_national_portal"]["tasks"]
    order = [
        "fetch",
        "read",
        "validate",
        "publish",
        "fetch_country",
        "read_country",
        "validate_country",
        "publish_country",
    ]
    assert list(tasks) != []
    for before, after in itertools.pairwise(order):
        assert before in tasks[after]["upstream"]
    assert set(tasks) == set(order)


def test_every_report_has_its_timetable_and_goes_through_the_same_tasks(bag: dict[str, Any]) -> None:
    for report, kind in zip(REPORTS, ("month", "quarter", "year"), strict=True):
        dag = bag["dags"][report]
        assert (dag["schedule"], dag["kind"]) == ("ReportTimetable", kind)
        assert dag["params"] == ["partition_key", "period", "province", "wait"]
        assert dag["tasks"]["appendix"]["outlets"] == ["appendix_workbook"]
        assert dag["tasks"]["appendix"]["upstream"] == ["targets"]
        assert dag["tasks"]["jobs"]["upstream"] == ["appendix"]
        assert dag["tasks"]["jobs"]["rule"] == "none_failed", "a run of the timetable has no appendix"
        order = [f"report.{task}" for task in ("await_inputs", "build", "sign_off", "release", "send")]
        for before, after in itertools.pairwise(["jobs", *order]):
            assert before in dag["tasks"][after]["upstream"]
        assert set(dag["tasks"]) == {"targets", "appendix", "jobs", *order}
        assert dag["deadlines"] == [["ReportDeadline", "go_ahead", 7200.0], ["ReportDeadline", "due", 0.0]]
        for patient in ("report.await_inputs", "report.sign_off"):
            assert dag["tasks"][patient]["limit"] is None, "neither inputs nor a person run out of time"


def test_every_asset_that_starts_a_dag_is_emitted_by_another(bag: dict[str, Any]) -> None:
    """A consumer of an asset that nobody emits never fires and says nothing. Partitioned reports consume none."""
    emitted = {
        asset for dag in bag["dags"].values() for task in dag["tasks"].values() for asset in task["outlets"]
    }
    consumed = {asset for dag in bag["dags"].values() for asset in dag["consumes"]}
    assert consumed == {"digitization_snapshot"}
    assert consumed <= emitted
    assert "province_snapshot" in emitted


def test_the_portals_morning_starts_the_ingestion(bag: dict[str, Any]) -> None:
    dag = bag["dags"]["read_portal_on_time"]
    assert dag["schedule"] == "CronTriggerTimetable"
    assert set(dag["tasks"]) == {"captures_due", "read"}
    assert dag["tasks"]["read"]["upstream"] == ["captures_due"]
    assert dag["tasks"]["read"]["triggers"] == "ingest_national_portal"


def test_a_file_goes_from_the_inbox_to_its_receipt_whatever_happens(bag: dict[str, Any]) -> None:
    dag = bag["dags"]["ingest_inbox"]
    order = ["await_files", "take_in.receive", "take_in.validate", "take_in.publish", "take_in.answer"]
    for before, after in itertools.pairwise(order):
        assert before in dag["tasks"][after]["upstream"]
    assert set(dag["tasks"]) == set(order)
    assert dag["tasks"]["take_in.answer"]["rule"] == "all_done"
    assert dag["tasks"]["take_in.publish"]["outlets"] == ["digitization_snapshot"]
    assert dag["schedule"] == "ContinuousTimetable"


def test_the_digitization_form_is_started_by_what_the_inbox_emits(bag: dict[str, Any]) -> None:
    dag = bag["dags"]["provincial_digitization"]
    assert "Asset" in dag["schedule"]
    assert dag["tasks"]["form"]["outlets"] == ["digitization_form"]


def test_what_starts_by_the_clock_starts_by_vietnams(bag: dict[str, Any]) -> None:
    timed = {name: dag["cron"] for name, dag in bag["dags"].items() if "Cron" in dag["schedule"]}
    assert timed == {
        "housekeeping": ["30 2 * * *", "Asia/Ho_Chi_Minh"],
        "read_portal_on_time": ["0 4 * * *", "Asia/Ho_Chi_Minh"],
        "watch_deadlines": ["10 0,7-20 * * *", "Asia/Ho_Chi_Minh"],
    }


def test_no_dag_file_takes_half_a_second_to_parse(bag: dict[str, Any]) -> None:
    assert len(bag["seconds"]) == len(EXPECTED)
    assert max(bag["seconds"].values()) < 0.5, bag["seconds"]


def test_parsing_the_dags_loads_nothing_heavy(bag: dict[str, Any]) -> None:
    loaded = set(bag["loaded"])
    assert "etl" in loaded
    assert not loaded & {
        "pandas",
        "polars",
        "pyarrow",
        "great_expectations",
        "openpyxl",
        "adbc_driver_postgresql",
        "holidays",
    }


def test_the_progress_bar_knows_how_many_tasks_there_are(bag: dict[str, Any]) -> None:
    from etl.cli_run import REPORTS as REPORT_DAGS
    from etl.cli_run import TASKS

    assert sorted(REPORT_DAGS.values()) == sorted(REPORTS)
    assert TASKS.keys() >= set(REPORTS)
    assert {dag_id: len(bag["dags"][dag_id]["tasks"]) for dag_id in TASKS} == TASKS


# --- doors and top levels, read from the source -------------------------------------------


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT_ROOT / folder).rglob("*.py"))


def imports(path: Path, *, top_level: bool) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = tree.body if top_level else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return {name.partition(".")[0] for name in found}


def test_etl_knows_nothing_of_airflow_dags_or_plugins() -> None:
    files = sources("etl")
    assert len(files) > 40
    for path in files:
        assert not imports(path, top_level=False) & {
            "airflow",
            "dags",
            "plugins",
            "orchestration",
            "support",
        }, path


def test_dag_files_import_nothing_heavy_at_their_top() -> None:
    files = sources("dags")
    assert len(files) >= 5
    for path in files:
        assert not imports(path, top_level=True) & HEAVY, path


def test_only_one_module_touches_great_expectations() -> None:
    users = [path for path in sources("etl") if "great_expectations" in imports(path, top_level=False)]
    assert [path.name for path in users] == ["great_expectations.py"]


def test_nothing_in_etl_reads_a_clock_or_the_environment_outside_the_edges() -> None:
    """Time enters through stages.system_clock and the command line; the environment through settings."""
    clock_edges = {"stages.py", "cli.py"}
    environment_edges = {
        "settings.py",
        "__init__.py",
        "airflow_environment.py",
        "airflow_processes.py",
        "embedded.py",
        "postmaster.py",
    }
    clocks: set[str] = set()
    environments: set[str] = set()
    for path in sources("etl"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Attribute):
                continue
            owner = ast.unparse(node.value)
            if (node.attr in ("now", "utcnow") and owner.endswith("datetime")) or (
                node.attr == "today" and owner.endswith(("date", "datetime"))
            ):
                clocks.add(path.name)
            if owner == "os" and node.attr in ("environ", "getenv", "putenv"):
                environments.add(path.name)
    assert clocks == clock_edges
    assert environments <= environment_edges
    assert environments


def test_dag_files_are_short() -> None:
    """A DAG file says when and in what order: about 80 lines beside its documentation."""
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in DAGS.glob("*.py")}
    del lengths["in_process.py"]
    assert len(lengths) == len(EXPECTED)
    assert max(lengths.values()) <= 95, lengths


def test_plugins_know_etl_and_nothing_of_the_dags() -> None:
    files = sources("plugins")
    assert files
    for path in files:
        assert not imports(path, top_level=False) & {"dags", "orchestration"}, path
        assert not imports(path, top_level=True) & HEAVY, path


def test_no_data_check_hides_in_an_assert() -> None:
    files = sources("etl") + sources("dags")
    for path in files:
        asserts = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Assert)
        ]
        assert asserts == [], path
    assert len(files) > 45
