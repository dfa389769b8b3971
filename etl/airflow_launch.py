"""Starting Airflow from outside: its database, single runs, the whole set.

Nothing here imports Airflow; it runs in subprocesses with an environment of its own
(``etl/airflow_environment.py``).
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from etl.airflow_environment import ADMIN_USER, airflow_environment, airflow_home, password_file
from etl.airflow_processes import (
    ProcessSet,
    follow,
    handling,
    log_file,
    require_free_port,
    tail,
    unwell_parts,
)
from etl.errors import EnvironmentUnfit, Terminal, Transient
from etl.settings import PROJECT_ROOT, Settings
from etl.warehouse.embedded import AIRFLOW_DATABASE, OWNER, EmbeddedServer, ensure_running
from etl.warehouse.postmaster import write_private

# The portal is asked by one task at a time, a deferred one included.
POOLS = ({"name": "national_portal", "slots": 1, "description": "one call at a time to the national portal"},)

_IN_PROCESS = PROJECT_ROOT / "dags" / "in_process.py"
_GRACE_SECONDS = 10.0  # what an interrupted run gets to end its task
_STOP_SECONDS = 20.0  # the scheduler needs 4-12 s, and waits for the tasks that are under way
_READY_SECONDS = 180.0  # 20 s on an idle machine with two cores


@dataclass(frozen=True)
class DagRunRequest:
    """One DAG to run, with its configuration.

    ``retries``: wait and try again as the DAG declares; off, because a person waits for
    these runs. ``mark_success``: task ids that wait for a person (sign-off) and are passed.
    """

    dag_id: str
    conf: Mapping[str, Any] = field(default_factory=dict)
    retries: bool = False
    mark_success: Sequence[str] = ()


@dataclass(frozen=True)
class TaskResult:
    """How one task ended. ``map_index`` is -1 for a task that is not mapped.

    ``state`` is Airflow's: success, failed, upstream_failed, skipped. For a failed task
    ``error_class`` is the exception's full name and ``exit_code`` its own (BochisoError).
    """

    task_id: str
    map_index: int
    state: str | None
    error_class: str | None = None
    error: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True)
class DagRunResult:
    """How one run ended: ``state`` is success, failed or not_run (an earlier one failed)."""

    dag_id: str
    state: str
    run_id: str | None = None
    error: str | None = None
    seconds: float = 0.0
    tasks: tuple[TaskResult, ...] = ()

    @property
    def ok(self) -> bool:
        return self.state == "success"

    @property
    def failed_tasks(self) -> tuple[TaskResult, ...]:
        """The tasks that failed themselves, not those behind them."""
        return tuple(task for task in self.tasks if task.state == "failed")


# --- the metadata database ------------------------------------------------------------


def migrate_airflow(settings: Settings, env: Mapping[str, str]) -> bool:
    """Bring Airflow's database to the installed version and declare the pools, if needed.

    Returns whether anything was done (about 4 s; the check alone takes 0.02 s). ``run_dags``
    and ``up`` do it by themselves. Raises Transient when Airflow is in use in this home
    folder, EnvironmentUnfit with the end of the log when Airflow could not.
    """
    server = ensure_running(settings.home)
    if _is_migrated(settings, server):
        return False
    with _sole_use(settings):
        _run_child(settings, server, env, [], keep_going=False, prepare=True, on_line=None)
    return True


def _stamp_file(settings: Settings) -> Path:
    return airflow_home(settings) / "migrated"


def _stamp(server: EmbeddedServer) -> str | None:
    """Airflow's version and its database's revision; None where there is no such database."""
    with (
        suppress(psycopg.Error),
        psycopg.connect(server.url(AIRFLOW_DATABASE, OWNER)) as connection,
    ):
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        pools = [pool["name"] for pool in POOLS]
        found = connection.execute("SELECT count(*) FROM slot_pool WHERE pool = ANY(%s)", (pools,)).fetchone()
        if row and found and found[0] == len(pools):
            return f"{importlib.metadata.version('apache-airflow-core')} {row[0]}"
    return None


def _is_migrated(settings: Settings, server: EmbeddedServer) -> bool:
    file = _stamp_file(settings)
    return file.exists() and file.read_text(encoding="utf-8") == _stamp(server)


def _fail_leftovers(server: EmbeddedServer) -> None:
    """Mark unfinished in-process runs as failed, so that no scheduler ever takes them up."""
    with psycopg.connect(server.url(AIRFLOW_DATABASE, OWNER)) as connection:
        connection.execute(
            """
            WITH left_over AS (
                UPDATE dag_run SET state = 'failed'
                WHERE state = 'running' AND triggered_by::text = 'TEST' RETURNING dag_id, run_id
            )
            UPDATE task_instance AS task SET state = 'failed' FROM left_over
            WHERE task.dag_id = left_over.dag_id AND task.run_id = left_over.run_id
              AND coalesce(task.state, '')
                  NOT IN ('success', 'failed', 'upstream_failed', 'skipped', 'removed')
            """
        )


# --- runs without a scheduler ---------------------------------------------------------


def run_dags(
    settings: Settings,
    runs: Sequence[DagRunRequest],
    *,
    keep_going: bool = False,
    on_line: Callable[[str], None] | None = None,
    dags_folder: Path | None = None,
) -> list[DagRunResult]:
    """Run DAGs one after the other in one Airflow process without a scheduler.

    Starts the embedded server and migrates Airflow's database when needed. Stops after the
    first run that fails unless ``keep_going``; returns one result per request, in order.
    The process's output goes to ``<home>/logs/in_process.log`` and, line by line, to
    ``on_line``. Ctrl-C and SIGTERM end the running task, mark the run failed and raise
    KeyboardInterrupt or SystemExit here.

    Raises Transient when Airflow is in use in this home folder, EnvironmentUnfit when the
    process ended without a result.
    """
    with _sole_use(settings):
        server = ensure_running(settings.home)
        env = airflow_environment(settings, server, dags_folder)
        prepare = not _is_migrated(settings, server)
        if not prepare:
            _fail_leftovers(server)  # of a run that was killed
        outcomes = _run_child(
            settings, server, env, runs, keep_going=keep_going, prepare=prepare, on_line=on_line
        )
    results = [
        DagRunResult(**{**outcome, "tasks": tuple(TaskResult(**task) for task in outcome.get("tasks", ()))})
        for outcome in outcomes
    ]
    return results + [DagRunResult(run.dag_id, "not_run") for run in runs[len(results) :]]


def _run_child(
    settings: Settings,
    server: EmbeddedServer,
    env: Mapping[str, str],
    runs: Sequence[DagRunRequest],
    *,
    keep_going: bool,
    prepare: bool,
    on_line: Callable[[str], None] | None,
) -> list[dict[str, Any]]:
    """Run ``dags/in_process.py`` and return what it reports of its runs."""
    home = airflow_home(settings)
    request, result = home / "in_process.request.json", home / "in_process.result.json"
    result.unlink(missing_ok=True)
    wanted = {
        "prepare": prepare,
        "pools": POOLS,
        "dags_folder": env["AIRFLOW__CORE__DAGS_FOLDER"],
        "keep_going": keep_going,
        "runs": [asdict(run) for run in runs],
    }
    request.write_text(json.dumps(wanted, ensure_ascii=False), encoding="utf-8")
    log = log_file(settings.home / "logs", "in_process")
    start = log.stat().st_size if log.exists() else 0
    command = [sys.executable, str(_IN_PROCESS), str(request), str(result)]
    stopped_by = follow(command, env, log, on_line, _GRACE_SECONDS)
    if stopped_by and _is_migrated(settings, server):
        _fail_leftovers(server)
    if stopped_by == signal.SIGINT:
        raise KeyboardInterrupt
    if stopped_by:
        raise SystemExit(128 + stopped_by)
    outcome = json.loads(result.read_text(encoding="utf-8")) if result.exists() else {}
    reported: list[dict[str, Any]] = outcome.get("runs", [])
    if prepare and outcome.get("prepared"):
        write_private(_stamp_file(settings), str(_stamp(server)))
    stopped_at_failure = not keep_going and any(run["state"] != "success" for run in reported)
    if not outcome or (len(reported) < len(runs) and not stopped_at_failure):
        during = f" in {runs[len(reported)].dag_id}" if outcome and runs else ""
        raise EnvironmentUnfit(
            f"Airflow's process died{during}; the end of {log}: {tail(log, start)}",
            "free memory or correct what the log names, and run again",
        )
    return reported


@contextmanager
def _sole_use(settings: Settings) -> Iterator[None]:
    """Only one user of Airflow at a time in a home folder.

    A scheduler that runs at the same time would take up the tasks of an in-process run too.
    """
    home = airflow_home(settings)
    home.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(home / "in_use.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Transient(
            f"Airflow is already at work in {settings.home} (`bochiso up`, or another run)",
            "wait until it has ended or stop it, or start the DAG on Airflow's page",
        ) from error
    try:
        yield
    finally:
        os.close(descriptor)


def at_work(settings: Settings) -> bool:
    """Whether Airflow is in use in this home folder right now (`bochiso up`, or a run)."""
    file = airflow_home(settings) / "in_use.lock"
    if not file.exists():
        return False
    with file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


# --- the whole set --------------------------------------------------------------------


@dataclass(frozen=True)
class AirflowAddress:
    """Where Airflow's pages are, and who may log in with the password in which file."""

    url: str
    user: str
    password_file: Path


def up(
    settings: Settings, on_ready: Callable[[AirflowAddress], None], dags_folder: Path | None = None
) -> None:
    """Run Airflow's four parts until SIGINT, SIGTERM or SIGHUP; returns once all have ended.

    Calls ``on_ready`` when all report healthy (about 20 s). Logs are
    ``<home>/logs/airflow-<part>.log``. The parts listen on 127.0.0.1 only; the two log
    servers, which would listen on every interface, are not started (one machine reads the
    log files themselves).

    Raises EnvironmentUnfit (port taken), Transient (Airflow is in use in this home folder),
    Terminal when a part ends by itself; the message carries the end of its log.
    """
    stopped: list[int] = []
    with _sole_use(settings), handling(lambda number, _frame: stopped.append(number)):
        require_free_port(settings.airflow_port)
        server = ensure_running(settings.home)
        env = airflow_environment(settings, server, dags_folder)
        if not _is_migrated(settings, server):
            _run_child(settings, server, env, [], keep_going=False, prepare=True, on_line=None)
        _fail_leftovers(server)
        airflow = [sys.executable, "-m", "airflow"]
        parts = ProcessSet(
            {
                "airflow-api-server": [*airflow, "api-server"],
                "airflow-scheduler": [*airflow, "scheduler", "--skip-serve-logs"],
                "airflow-dag-processor": [*airflow, "dag-processor"],
                "airflow-triggerer": [*airflow, "triggerer", "--skip-serve-logs"],
            },
            env,
            settings.home / "logs",
        )
        url = f"http://127.0.0.1:{settings.airflow_port}"
        deadline = time.monotonic() + _READY_SECONDS
        ready = False
        try:
            while not stopped:
                if ended := parts.ended():
                    name, code, said = ended
                    raise Terminal(
                        f"{name} ended by itself (code {code}); the end of {said}",
                        "correct what the log names and run `bochiso up` again",
                    )
                if not ready and (unwell := unwell_parts(url)) is None:
                    ready = True
                    on_ready(AirflowAddress(url, ADMIN_USER, password_file(settings)))
                elif not ready and time.monotonic() > deadline:
                    raise Terminal(
                        f"Airflow is not ready after {_READY_SECONDS:.0f} s: {unwell}",
                        f"read the logs in {settings.home / 'logs'}",
                    )
                time.sleep(0.2)
        finally:
            first = len(stopped)
            # A task that is under way ends by telling the API server so; without it, it would be tried again.
            parts.stop(
                _STOP_SECONDS,
                hurry=lambda: len(stopped) > max(first, 1),
                last=("airflow-api-server",),
            )
            # A task that was under way uses the server until its process has ended too.
            server.release(patience=_GRACE_SECONDS)
