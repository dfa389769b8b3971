"""The embedded server: starts anywhere, serves many processes, leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import adbc_driver_postgresql.dbapi
import psycopg
import psycopg2
import pytest

from etl.errors import EnvironmentUnfit, WarehouseRefused, WarehouseUnavailable
from etl.settings import PROJECT_ROOT
from etl.warehouse import postmaster
from etl.warehouse.embedded import EmbeddedServer, ensure_running, stop_running

USER = """
import os, sys, time
from pathlib import Path
from etl.warehouse.embedded import ensure_running
server = ensure_running(Path(sys.argv[1]))
print(server.port, flush=True)
sys.stdin.read()
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to drop its privileges")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder behind a closed (0700) parent whose name would break a careless shell."""
    closed = tmp_path / "hồ sơ $HOME 'a' \"b\" %41"
    closed.mkdir(mode=0o700)
    yield closed / "home"
    stop_running(closed / "home")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """One server for the tests that only ask it something."""
    server = ensure_running(tmp_path_factory.mktemp("shared"))
    yield server
    server.stop()


def use(home: Path, *prefix: str) -> subprocess.Popen[str]:
    """Another process that uses the server until its input is closed."""
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
        # A runner started in the background ignores Ctrl-C, and whatever it starts would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    return process


def wait_until_up(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


def runs(home: Path) -> bool:
    return postmaster.is_running(home / "postgres" / "data")


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])


def ask(
    server: EmbeddedServer, question: str, database: str = "bochiso", user: str = "bochiso_etl"
) -> object:
    with psycopg.connect(server.url(database, user)) as connection:
        row = connection.execute(question).fetchone()
    assert row is not None
    return row[0]


# --- what it offers -------------------------------------------------------------------


@pytest.mark.parametrize("user", ["bochiso_owner", "bochiso_etl", "bochiso_analyst"])
@pytest.mark.parametrize("database", ["bochiso", "airflow"])
def test_roles_log_in_without_a_password_in_the_url(server: EmbeddedServer, user: str, database: str) -> None:
    assert server.password(user) not in server.url(database, user)
    assert ask(server, "SELECT current_user", database, user) == user


def test_every_client_library_finds_the_password(
    server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url("bochiso", "bochiso_etl")
    with psycopg2.connect(url) as old, old.cursor() as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("bochiso_etl",)
    with adbc_driver_postgresql.dbapi.connect(url) as arrow, arrow.cursor() as cursor:
        cursor.execute("SELECT 1")
        assert cursor.fetchone() == (1,)
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    with psycopg.connect(url.partition("?")[0]) as connection:
        assert connection.info.user == "bochiso_etl"


def test_nobody_logs_in_without_the_password(server: EmbeddedServer) -> None:
    bare = server.url("bochiso", "bochiso_owner").partition("?")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(bare, passfile="/dev/null")
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(bare, password="wrong")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "Asia/Ho_Chi_Minh"),
        ("fsync", "on"),
        ("shared_buffers", "256MB"),
        ("password_encryption", "scram-sha-256"),
    ],
)
def test_settings_are_ours(server: EmbeddedServer, name: str, value: str) -> None:
    assert ask(server, f"SELECT current_setting('{name}')", user="bochiso_owner") == value


def test_text_sorts_by_code_point_on_every_machine(server: EmbeddedServer) -> None:
    words = "SELECT array_agg(w ORDER BY w) FROM unnest(ARRAY['đ', 'Z', 'a', 'Đ', 'à']) AS w"
    assert ask(server, words) == ["Z", "a", "à", "Đ", "đ"]
    assert ask(server, "SELECT lower('ĐẮK LẮK')") == "đắk lắk"


def test_secrets_are_for_their_owner_only(server: EmbeddedServer) -> None:
    for name in ("pgpass", "log"):
        assert stat.S_IMODE((server.directory / name).stat().st_mode) == 0o600, name


# --- how long it lives ----------------------------------------------------------------


def test_starts_again_at_once_with_its_port_and_data(home: Path) -> None:
    first = ensure_running(home)
    with psycopg.connect(first.url("bochiso", "bochiso_owner")) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    assert ensure_running(home) == first
    first.release()
    assert not runs(home)
    begun = time.monotonic()
    again = ensure_running(home)
    assert time.monotonic() - begun < 0.5
    assert again == first
    assert ask(again, "SELECT answer FROM kept", user="bochiso_owner") == 42
    again.release()


def test_four_processes_start_at_once_and_the_last_stops(home: Path) -> None:
    users = [use(home) for _ in range(4)]
    assert len({wait_until_up(user) for user in users}) == 1
    users[0].kill()  # its lock ends with it
    for user in users[:3]:
        end(user)
        assert runs(home)
    end(users[3])
    assert not runs(home)


def test_ctrl_c_ends_the_user_and_not_the_server(home: Path) -> None:
    other = use(home)
    wait_until_up(other)
    interrupted = use(home, "setsid") if shutil.which("setsid") else use(home)
    wait_until_up(interrupted)
    os.killpg(interrupted.pid, signal.SIGINT) if shutil.which("setsid") else interrupted.send_signal(
        signal.SIGINT
    )
    end(interrupted)
    assert interrupted.returncode != 0
    assert runs(home)
    end(other)
    assert not runs(home)


def test_recovers_after_a_crash_of_the_server(home: Path) -> None:
    server = ensure_running(home)
    os.kill(postmaster_pid(home), signal.SIGKILL)
    while runs(home):
        time.sleep(0.01)
    assert ask(ensure_running(home), "SELECT 1") == 1
    server.release()


def test_adopts_the_server_of_a_killed_process(home: Path) -> None:
    only = use(home)
    port = wait_until_up(only)
    only.kill()
    end(only)
    assert runs(home)
    server = ensure_running(home)
    assert server.port == port
    server.release()
    assert not runs(home)


def test_a_pid_that_now_belongs_to_another_program_is_no_obstacle(home: Path) -> None:
    server = ensure_running(home)
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server.stop()
    # As after a container's restart; our parent stands for the other program.
    pid_file.write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")
    assert ask(ensure_running(home), "SELECT 1") == 1
    server.release()


def test_takes_another_port_when_its_own_is_taken(home: Path) -> None:
    server = ensure_running(home)
    server.stop()
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", server.port))
        squatter.listen()
        other = ensure_running(home)
        assert other.port != server.port
        assert ask(other, "SELECT 1") == 1
        other.release()


def test_two_homes_serve_one_process(home: Path, server: EmbeddedServer) -> None:
    mine = ensure_running(home)
    assert {ask(each, "SELECT current_setting('port')") for each in (mine, server)} == {
        str(mine.port),
        str(server.port),
    }
    mine.release()


# --- what it says when it cannot ------------------------------------------------------


def test_a_failed_start_shows_the_end_of_the_log(home: Path) -> None:
    ensure_running(home).stop()
    with (home / "postgres" / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(WarehouseUnavailable, match="no_such_setting"):
        ensure_running(home)


def test_refuses_the_folder_of_another_version(home: Path) -> None:
    ensure_running(home).stop()
    (home / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(WarehouseRefused, match="made by PostgreSQL 17"):
        ensure_running(home)


def test_names_the_lost_password_file(home: Path) -> None:
    ensure_running(home).stop()
    (home / "postgres" / "pgpass").unlink()
    with pytest.raises(EnvironmentUnfit, match="pgpass is gone"):
        ensure_running(home)


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="a closed virtual environment needs setpriv")
def test_starts_where_the_virtual_environment_is_behind_a_closed_folder_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"  # as a clone in root's own folder
    clone.mkdir(mode=0o700)
    installed = postmaster._binaries().parent
    package = clone / "venv" / installed.parent.name
    shutil.copytree(installed, package / installed.name, symlinks=True)
    libraries = installed.parent.with_name(f"{installed.parent.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, package.with_name(libraries.name), symlinks=True)
    monkeypatch.setattr(postmaster, "_binaries", lambda: package / installed.name / "bin")
    server = ensure_running(clone / "var")
    assert ask(server, "SELECT 1") == 1
    server.stop()


@as_root
def test_says_what_to_do_where_no_user_can_reach_the_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_args, **_keywords: None)  # a system without setpriv
    with pytest.raises(EnvironmentUnfit, match="BOCHISO_WAREHOUSE_URL"):
        ensure_running(home)


# --- what it leaves alone -------------------------------------------------------------


def modes_and_owners(paths: list[Path]) -> dict[Path, tuple[int, int, int]]:
    return {path: ((s := path.lstat()).st_mode, s.st_uid, s.st_gid) for path in paths}


def test_changes_no_mode_and_no_owner_outside_its_folder(home: Path) -> None:
    binaries = postmaster._binaries()
    watched = [home.parent, *home.parent.parents, *binaries.parents, *binaries.parent.rglob("*")]
    before = modes_and_owners(watched)
    assert len(before) > 1000
    assert stat.S_IMODE(home.parent.stat().st_mode) == 0o700
    accounts = Path("/etc/passwd").read_bytes()
    ensure_running(home).stop()
    ensure_running(home).release()
    assert modes_and_owners(watched) == before
    assert Path("/etc/passwd").read_bytes() == accounts
    assert {path.name for path in home.iterdir()} == {"postgres"}


@as_root
def test_the_server_does_not_run_as_root(server: EmbeddedServer) -> None:
    pid = (server.directory / "data" / "postmaster.pid").read_text().split()[0]
    assert Path(f"/proc/{pid}").stat().st_uid != 0
    assert ask(server, "SELECT 1") == 1


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv to become another user")
def test_an_ordinary_user_needs_no_privileges(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    # The capability only lets this process read a Python and a checkout that root owns.
    ids = ("--reuid=65534", "--regid=65534", "--clear-groups")
    caps = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    user = use(home, "setpriv", *ids, *caps, "--")
    assert wait_until_up(user) > 0
    assert stat.S_IMODE((home / "postgres").stat().st_mode) == 0o700
    end(user)
    assert not runs(home)
