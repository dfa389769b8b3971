"""Child processes of the launcher: one whose output is followed, or a set that runs together.

Each child gets a session of its own, so that a terminal's Ctrl-C reaches it once and in
order, from here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from etl.errors import EnvironmentUnfit

LOG_KEEP_BYTES = 5_000_000
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
HEALTH_PARTS = ("metadatabase", "scheduler", "triggerer", "dag_processor")
_TAIL_LINES = 12


@contextmanager
def handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle the stop signals for the block; outside the main thread Python allows none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, handler) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, previous in earlier.items():
            signal.signal(number, previous)


def log_file(folder: Path, name: str) -> Path:
    """The log of that name in ``folder``; a long one is put aside first."""
    path = folder / f"{name}.log"
    folder.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_KEEP_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return path


def tail(log: Path, start: int = 0) -> str:
    """The last lines of a log from byte ``start`` on, in one line."""
    with suppress(OSError), log.open("rb") as file:
        file.seek(max(start, file.seek(0, os.SEEK_END) - 10_000))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
        return " | ".join(line.strip() for line in lines[-_TAIL_LINES:]) or "(nothing)"
    return "(no log)"


def follow(
    command: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], None] | None,
    grace_seconds: float,
) -> int:
    """Run a command to its end, its output to ``log`` and line by line to ``on_line``.

    Returns 0, or the number of the signal that stopped us: the child then got SIGINT, and
    SIGKILL ``grace_seconds`` later. What it leaves in its process group is killed.
    """
    received: list[int] = []

    def kill() -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    killer = threading.Timer(grace_seconds, kill)
    killer.daemon = True

    def forward(number: int, _frame: FrameType | None) -> None:
        if not received:
            process.send_signal(signal.SIGINT)
            killer.start()
        received.append(number)

    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(
            [*_die_with_parent("KILL"), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=dict(env),
            start_new_session=True,
        )
        with handling(forward), process:
            try:
                for line in process.stdout or ():
                    file.write(line)
                    if on_line is not None:
                        on_line(line.rstrip("\n"))
                process.wait()
            finally:  # also where the callback raised: nothing runs on unwatched
                killer.cancel()
                kill()
    return received[0] if received else 0


class ProcessSet:
    """Long-running processes that start together and end together."""

    def __init__(self, commands: Mapping[str, Sequence[str]], env: Mapping[str, str], logs: Path) -> None:
        self._logs: dict[str, tuple[Path, int]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        prefix = _die_with_parent("TERM")
        for name, command in commands.items():
            log = log_file(logs, name)
            with log.open("ab") as file:
                self._logs[name] = (log, file.tell())
                self._processes[name] = subprocess.Popen(
                    [*prefix, *command],
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    env=dict(env),
                    start_new_session=True,
                )

    def ended(self) -> tuple[str, int, str] | None:
        """Name, exit code and end of the log of a process that has ended, or None."""
        for name, process in self._processes.items():
            if process.poll() is not None:
                log, start = self._logs[name]
                return name, process.returncode, f"{log}: {tail(log, start)}"
        return None

    def stop(
        self, seconds: float, hurry: Callable[[], bool] = lambda: False, last: Collection[str] = ()
    ) -> None:
        """SIGTERM, SIGKILL after ``seconds`` (or once ``hurry()`` holds), then to leftovers.

        SIGTERM is sent again at half the time: Python loses the exit of a process (the scheduler's) that
        the signal meets in a callback of the garbage collector.
        The processes named in ``last`` serve the others, and are stopped in the same way after them.
        """
        for wave in (
            [process for name, process in self._processes.items() if name not in last],
            [process for name, process in self._processes.items() if name in last],
        ):
            deadline = time.monotonic() + seconds
            told = 0
            while time.monotonic() < deadline and not hurry():
                if all(process.poll() is not None for process in wave):
                    break
                if told == 0 or (told == 1 and time.monotonic() > deadline - seconds / 2):
                    told += 1
                    for process in wave:
                        with suppress(ProcessLookupError):
                            process.send_signal(signal.SIGTERM)
                time.sleep(0.05)
            for process in wave:
                for pid in {process.pid, *_session_members(process.pid)}:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.wait()


def _session_members(session: int) -> list[int]:
    """Processes of a session; Airflow's tasks leave the process group but not the session."""
    members = []
    for folder in Path("/proc").glob("[0-9]*"):  # macOS has none: there the leaders must do it
        with suppress(OSError):
            if os.getsid(int(folder.name)) == session:
                members.append(int(folder.name))
    return members


def _die_with_parent(name: str) -> list[str]:
    """A prefix that sends that signal to the child when we are killed (Linux with util-linux).

    A task may handle SIGTERM itself, so a followed run needs KILL.
    """
    setpriv = shutil.which("setpriv", path="/usr/local/bin:/usr/bin:/bin")
    prefix = [str(setpriv), "--pdeathsig", name, "--"]
    if setpriv and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
        return prefix
    return []


def require_free_port(port: int) -> None:
    """Raise EnvironmentUnfit where Airflow's port cannot be taken on 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise EnvironmentUnfit(
                f"port {port} on 127.0.0.1 cannot be used: {error.strerror}",
                "stop what listens there, or set BOCHISO_AIRFLOW_PORT to another port",
            ) from error


def unwell_parts(url: str) -> str | None:
    """What is not healthy yet by Airflow's own account; None when everything is."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError) as error:
        return f"no answer at {url} ({error})"
    states = {part: (health.get(part) or {}).get("status") for part in HEALTH_PARTS}
    unwell = [f"{part} is {state}" for part, state in states.items() if state != "healthy"]
    return ", ".join(unwell) or None
