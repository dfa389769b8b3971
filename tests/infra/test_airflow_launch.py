"""Airflow from outside: a clean environment, runs without a scheduler, the whole set."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from support.airflow import UP, Start, call, family, free_port, living, read_until, wait_for

from etl import airflow_launch
from etl.airflow_environment import airflow_environment
from etl.airflow_launch import DagRunRequest, migrate_airflow, run_dags, up
from etl.airflow_processes import ProcessSet
from etl.errors import EnvironmentUnfit, Transient
from etl.settings import PROJECT_ROOT, Settings
from etl.warehouse.embedded import AIRFLOW_DATABASE, OWNER, EmbeddedServer, ensure_running, stop_running

DAGS = """
from datetime import datetime, timedelta
from airflow.sdk import dag, get_current_context, task

@dag(schedule=None, start_date=datetime(2023, 1, 1), params={"period": "2023-05"})
def chain():
    @task
    def period(): return get_current_context()["params"]["period"]
    @task(pool="national_portal")
    def units(period): return [f"{period} một", f"{period} hai"]
    @task
    def each(unit):
        print("unit", unit)
        return unit
    each.expand(unit=units(period()))

PATIENT = {"retries": 3, "retry_delay": timedelta(hours=1)}

@dag(schedule=None, start_date=datetime(2023, 1, 1), default_args=PATIENT)
def broken():
    @task
    def refuse():
        from etl.errors import ValidationFailed
        raise ValidationFailed("cột score vượt max", "sửa tệp rồi nạp lại")
    @task
    def behind(value): return value
    behind(refuse())

@dag(schedule=None, start_date=datetime(2023, 1, 1))
def endless():
    @task
    def wait():
        import os, time
        print("waiting in", os.getpid(), flush=True)
        time.sleep(600)
    wait()

@dag(schedule=None, start_date=datetime(2023, 1, 1))
def killed():
    @task
    def out_of_memory():
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)
    out_of_memory()

@dag(schedule=None, start_date=datetime(2023, 1, 1))
def empty():
    pass

chain(); broken(); endless(); killed(); empty()
"""
RUN = """
import sys
from pathlib import Path
from etl.airflow_launch import DagRunRequest, run_dags
from etl.settings import Settings
def show(line): print(line, flush=True)
settings = Settings(home=Path(sys.argv[1]))
run_dags(settings, [DagRunRequest("endless")], on_line=show, dags_folder=Path(sys.argv[2]))
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "tried.py").write_text(DAGS, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    home = tmp_path_factory.mktemp("nhà") / "home"
    yield Settings(home=home, airflow_port=free_port(), province="ba_ria_vung_tau")  # type: ignore[call-arg]
    stop_running(home)


@pytest.fixture(scope="module")
def server(settings: Settings) -> EmbeddedServer:
    return ensure_running(settings.home)


def rows(server: EmbeddedServer, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url(AIRFLOW_DATABASE, OWNER)) as connection:
        return connection.execute(query).fetchall()


# --- environment ----------------------------------------------------------------------


def test_the_users_own_airflow_never_shows(
    settings: Settings, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", "/somewhere/else")
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__SMTP__SMTP_HOST", "mail.example.org")
    monkeypatch.setenv("AIRFLOW_CONN_X", "http://example.org")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("BOCHISO_PROVINCE", "phu_tho")
    monkeypatch.setenv("KEPT", "yes")
    env = airflow_environment(settings, server)
    assert env["AIRFLOW_HOME"] == str(settings.home / "airflow")
    assert env["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert not {"AIRFLOW__SMTP__SMTP_HOST", "AIRFLOW_CONN_X"} & env.keys()
    assert env["PYTHONPATH"] == str(PROJECT_ROOT)
    assert env["KEPT"] == "yes"
    assert env["BOCHISO_HOME"] == str(settings.home)
    assert env["BOCHISO_PROVINCE"] == "ba_ria_vung_tau", "the settings object outranks the environment"
    assert "BOCHISO_WAREHOUSE_URL" not in env


def test_stays_on_this_machine_and_tells_nobody(settings: Settings, server: EmbeddedServer) -> None:
    env = airflow_environment(settings, server)
    port = settings.airflow_port
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == f"http://127.0.0.1:{port}/execution/"
    assert env["AIRFLOW__USAGE_DATA_COLLECTION__ENABLED"] == "False"
    assert (env["SCARF_ANALYTICS"], env["DO_NOT_TRACK"], env["GX_ANALYTICS_ENABLED"]) == (
        "false",
        "1",
        "False",
    )


def test_the_office_proxy_is_not_asked_for_this_machine(
    settings: Settings, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "intranet.example")
    assert airflow_environment(settings, server)["NO_PROXY"] == "127.0.0.1,localhost,intranet.example"


def test_secrets_are_made_once_and_kept_closed(settings: Settings, server: EmbeddedServer) -> None:
    first, second = (airflow_environment(settings, server) for _ in range(2))
    assert first == second
    files = ("fernet_key", "jwt_secret", "api_secret_key", "simple_auth_manager_passwords.json")
    texts = set()
    for name in files:
        file = settings.home / "airflow" / name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, name
        texts.add(file.read_text())
    assert len(texts) == len(files)
    assert server.password(OWNER) not in " ".join(first.values())


# --- runs without a scheduler ---------------------------------------------------------


@pytest.mark.slow
def test_runs_dags_in_order_and_stops_at_the_first_that_fails(
    settings: Settings, server: EmbeddedServer, dags: Path
) -> None:
    lines: list[str] = []
    wanted = [DagRunRequest("chain", {"period": "2023-06"}), DagRunRequest("broken"), DagRunRequest("chain")]
    chain, broken, not_run = run_dags(settings, wanted, on_line=lines.append, dags_folder=dags)
    assert chain.ok, chain
    assert [(task.task_id, task.map_index, task.state) for task in chain.tasks] == [
        ("period", -1, "success"),
        ("units", -1, "success"),
        ("each", 0, "success"),
        ("each", 1, "success"),
    ]
    assert "unit 2023-06 hai" in lines
    assert any(line.startswith("chain.each[1] succeeded") for line in lines)
    assert (settings.home / "logs" / "in_process.log").read_text(encoding="utf-8").splitlines() == lines
    assert broken.state == "failed"
    assert [(task.task_id, task.state) for task in broken.tasks] == [
        ("refuse", "failed"),
        ("behind", "upstream_failed"),
    ]
    (refuse,) = broken.failed_tasks
    assert refuse.error_class == "etl.errors.ValidationFailed"
    assert refuse.error == "cột score vượt max -> sửa tệp rồi nạp lại"
    assert refuse.exit_code == 6
    assert (not_run.dag_id, not_run.state, not_run.tasks) == ("chain", "not_run", ())
    pool = "SELECT slots, include_deferred FROM slot_pool WHERE pool = 'national_portal'"
    assert rows(server, pool) == [(1, True)]
    assert not migrate_airflow(settings, airflow_environment(settings, server)), "the run has done it"


@pytest.mark.slow
def test_goes_on_after_a_failure_when_told(settings: Settings, dags: Path) -> None:
    wanted = [DagRunRequest("no_such_dag"), DagRunRequest("empty"), DagRunRequest("chain")]
    unknown, empty, chain = run_dags(settings, wanted, keep_going=True, dags_folder=dags)
    assert "no DAG no_such_dag" in str(unknown.error)
    assert (empty.state, empty.tasks) == ("failed", ()), "a run that did nothing is not a success"
    assert "no tasks" in str(empty.error)
    assert chain.ok


@pytest.mark.slow
def test_a_process_that_dies_midway_is_no_success(settings: Settings, dags: Path) -> None:
    with pytest.raises(EnvironmentUnfit, match="process died in killed"):
        run_dags(settings, [DagRunRequest("chain"), DagRunRequest("killed")], dags_folder=dags)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_stopped_run_leaves_no_process_and_no_open_run(
    settings: Settings, server: EmbeddedServer, dags: Path, start: Start, number: signal.Signals, code: int
) -> None:
    process = start(RUN, settings.home, dags)
    read_until(process, "waiting in")
    children = family(process.pid)
    assert children
    with pytest.raises(Transient, match="already at work"):
        run_dags(settings, [DagRunRequest("chain")], dags_folder=dags)
    process.send_signal(number)
    process.communicate(timeout=30)
    # Python ends by SIGINT itself after an unhandled KeyboardInterrupt, or with code 1.
    assert process.returncode == code or (number == signal.SIGINT and process.returncode == -number)
    wait_for(lambda: not living(children))
    if number == signal.SIGKILL:  # nobody was left to tidy up: the next start does
        airflow_launch._fail_leftovers(server)
    assert rows(server, "SELECT DISTINCT state FROM dag_run WHERE dag_id = 'endless'") == [("failed",)]
    assert rows(server, "SELECT DISTINCT state FROM task_instance WHERE dag_id = 'endless'") == [("failed",)]


def test_reports_the_log_when_airflow_ends_without_a_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('the disk is full')")
    monkeypatch.setattr(airflow_launch, "_IN_PROCESS", broken)
    home = tmp_path / "home"
    with pytest.raises(EnvironmentUnfit, match="the disk is full"):
        run_dags(Settings(home=home), [DagRunRequest("chain")])  # type: ignore[call-arg]
    stop_running(home)


# --- processes that run together ---------------------------------------------------------

DEAF_ONCE = """
import signal, time
seen = []
def hear(number, frame):
    seen.append(number)
    if len(seen) == 2: raise SystemExit
signal.signal(signal.SIGTERM, hear)
print("started", flush=True)
while True: time.sleep(0.05)
"""
SERVES = """
import pathlib, signal, sys, time
def hear(number, frame):
    pathlib.Path(sys.argv[1]).write_text(str(time.time()))
    raise SystemExit
signal.signal(signal.SIGTERM, hear)
print("started", flush=True)
while True: time.sleep(0.05)
"""


def test_who_serves_the_others_is_stopped_after_them_and_the_deaf_are_told_twice(tmp_path: Path) -> None:
    told = tmp_path / "told"
    commands = {
        "server": [sys.executable, "-c", SERVES, str(told)],
        "client": [sys.executable, "-c", DEAF_ONCE],
    }
    parts = ProcessSet(commands, os.environ, tmp_path)
    logs = [tmp_path / f"{name}.log" for name in commands]
    wait_for(lambda: all("started" in log.read_text() for log in logs))
    began = time.time()
    parts.stop(4.0, last=("server",))
    assert began + 2 <= float(told.read_text()) < began + 4, "after the client, which heard the second call"
    assert parts.ended() is not None
    assert all(process.returncode == 0 for process in parts._processes.values()), "nobody was killed"


# --- the whole set --------------------------------------------------------------------


def listening_addresses(pids: set[int]) -> set[str]:
    """Local addresses (hexadecimal, as in /proc/net) on which these processes listen."""
    sockets = set()
    for pid in pids:
        for entry in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(os.readlink(entry).removeprefix("socket:[").removesuffix("]"))
            except OSError:
                continue
    lines = [
        line.split()
        for table in ("tcp", "tcp6")
        if Path(f"/proc/net/{table}").exists()
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {words[1].partition(":")[0] for words in lines if words[3] == "0A" and words[9] in sockets}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes in /proc")
def test_up_runs_a_dag_and_leaves_nothing_behind(settings: Settings, dags: Path, start: Start) -> None:
    process = start(UP, settings.home, dags, settings.airflow_port)
    _, url, user, password_file = read_until(process, "ready").split(maxsplit=3)
    assert url == f"http://127.0.0.1:{settings.airflow_port}"
    working = family(process.pid)
    assert len(working) >= 4, working
    assert listening_addresses(set(working)) == {"0100007F"}, "only 127.0.0.1"

    password = json.loads(Path(password_file.strip()).read_text())[user]
    token = call(f"{url}/auth/token", method="POST", body={"username": user, "password": password})[
        "access_token"
    ]
    known = f"{url}/api/v2/dags?dag_id_pattern=chain"
    wait_for(lambda: call(known, token)["total_entries"] == 1, 60)
    call(f"{url}/api/v2/dags/chain", token, "PATCH", {"is_paused": False})
    body = {"logical_date": None, "conf": {"period": "2023-07"}}
    run = call(f"{url}/api/v2/dags/chain/dagRuns", token, "POST", body)["dag_run_id"]
    run_url = f"{url}/api/v2/dags/chain/dagRuns/{run}"
    wait_for(lambda: call(run_url, token)["state"] in ("success", "failed"), 60)
    assert call(run_url, token)["state"] == "success"

    working |= family(process.pid)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=40)
    assert process.returncode == 0
    assert not living(working)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds the processes in /proc")
def test_up_ends_when_a_part_dies(settings: Settings, dags: Path, start: Start) -> None:
    process = start(UP, settings.home, dags, settings.airflow_port)
    wait_for(lambda: sum("airflow" in name for name in family(process.pid).values()) >= 4)
    working = family(process.pid)
    triggerer = min(pid for pid, name in working.items() if "airflow triggerer" in name)
    os.kill(triggerer, signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Terminal: airflow-triggerer ended by itself (code -9)" in said
    assert not living(working)


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("setpriv"), reason="only setpriv can tie a process to its parent's life")
def test_a_killed_up_takes_its_parts_along(settings: Settings, dags: Path, start: Start) -> None:
    process = start(UP, settings.home, dags, settings.airflow_port)
    read_until(process, "ready")
    working = family(process.pid)
    process.kill()
    wait_for(lambda: not living(working), 30)


def test_up_names_the_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        settings = Settings(home=tmp_path, airflow_port=squatter.getsockname()[1])  # type: ignore[call-arg]
        with pytest.raises(EnvironmentUnfit, match="BOCHISO_AIRFLOW_PORT"):
            up(settings, lambda _: None)


def test_only_one_uses_airflow_in_a_home(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    with (tmp_path / "airflow" / "in_use.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        settings = Settings(home=tmp_path)  # type: ignore[call-arg]
        with pytest.raises(Transient, match="already at work"):
            run_dags(settings, [DagRunRequest("chain")])
        with pytest.raises(Transient, match="already at work"):
            up(settings, lambda _: None)
