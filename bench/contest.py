"""Contestants side by side: each in a process of its own, against one temporary server.

A benchmark script calls itself again (``--as NAME``) for every contestant, so that nobody
inherits another's imports, caches or memory. The child times its own phases and prints one
line; the parent watches the server's memory meanwhile, because work that moves from Python
into PostgreSQL must not look free.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from etl.settings import Settings
from etl.stages import ready_warehouse
from etl.warehouse.embedded import EmbeddedServer, ensure_running
from etl.warehouse.engine import Warehouse, open_warehouse

console = Console(width=110)

_MARK = "RESULT "
# Often enough to catch a sort that lives for a tenth of a second, rare enough to cost nothing.
_SAMPLE_SECONDS = 0.05


# --- in the child ---------------------------------------------------------------------


class Stopwatch:
    """Seconds by phase; a phase entered twice adds up."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def report(watch: Stopwatch, **facts: Any) -> None:
    """The child's last word: its phases, its peak memory (or the one given) and what it wants compared."""
    facts.setdefault("peak_mb", own_peak_mb())
    print(_MARK + json.dumps({"seconds": watch.seconds, **facts}), flush=True)


def own_peak_mb() -> float:
    """The largest resident size this process had, in MB.

    From /proc where there is one: Linux lets ``ru_maxrss`` survive an ``exec``, so a small
    child of a large parent would report the parent's size.
    """
    peak = _status_mb(os.getpid(), "VmHWM")
    if peak is not None:
        return peak
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def run_watched(command: Sequence[str | Path], env: Mapping[str, str]) -> float | None:
    """Run a program to its end and return its peak memory in MB. Raises CalledProcessError."""
    peak: float | None = None
    process = subprocess.Popen([*map(str, command)], env={**os.environ, **env}, stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max((value for value in (peak, _status_mb(process.pid, "VmHWM")) if value is not None), default=None)
        time.sleep(0.005)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, str(command[0]))
    return peak


def _status_mb(pid: int, line: str) -> float | None:
    with suppress(OSError):
        for text in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if text.startswith(line + ":"):
                return int(text.split()[1]) / 1024
    return None


# --- in the parent --------------------------------------------------------------------


@dataclass
class Outcome:
    """One contestant over all rounds: every phase's seconds, every peak, the last round's facts."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks_mb: list[float] = field(default_factory=list)
    server_mb: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def median(self, *phases: str) -> float:
        """Median over the rounds of the sum of the phases named (none: of all)."""
        chosen = [self.seconds[name] for name in phases or self.seconds]
        return statistics.median(sum(each) for each in zip(*chosen, strict=True))

    def spread(self, phase: str) -> str:
        values = self.seconds[phase]
        return f"{statistics.median(values):.2f} s" + (
            f" ({min(values):.2f}-{max(values):.2f})" if len(values) > 1 else ""
        )

    @property
    def peak_mb(self) -> float:
        return max(self.peaks_mb)

    @property
    def peak_server_mb(self) -> float | None:
        return max(self.server_mb, default=None)

    def as_json(self) -> dict[str, Any]:
        return {
            "seconds": {name: [round(value, 3) for value in values] for name, values in self.seconds.items()},
            "peak_mb": [round(value) for value in self.peaks_mb],
            "server_private_peak_mb": [round(value) for value in self.server_mb],
            **self.facts,
        }


@contextmanager
def temporary_home(parent: Path | None) -> Iterator[tuple[Settings, EmbeddedServer]]:
    """A home folder of its own with a migrated embedded server; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="bochiso-bench-", dir=parent, ignore_cleanup_errors=True) as folder:
        settings = settings_of(Path(folder))
        ready_warehouse(settings)
        server = ensure_running(settings.home)
        try:
            yield settings, server
        finally:
            server.stop()


def settings_of(home: Path) -> Settings:
    """Settings of a home, whatever the caller's environment says about its own warehouse."""
    return Settings(home=home, warehouse_url=None, analyst_url=None, inbox=None, deliverables=None)


def run_contestant(script: str, name: str, settings: Settings, *options: str) -> dict[str, Any]:
    """Run ``script --as name`` to its end; its report, with the server's private peak memory."""
    with open_warehouse(settings).connect("owner", autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # so that nobody pays for the pages of the one before
    command = [sys.executable, script, "--as", name, "--home", str(settings.home), *options]
    with _server_memory(settings.home) as server_mb:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"{Path(script).name} --as {name} ended with {done.returncode} and said:\n{done.stdout[-2000:]}")
    return json.loads(lines[-1].removeprefix(_MARK)) | {"server_mb": max(server_mb, default=None)}


def keep(outcome: Outcome, said: dict[str, Any]) -> None:
    """Add a round to an outcome."""
    for phase, seconds in said.pop("seconds").items():
        outcome.seconds.setdefault(phase, []).append(seconds)
    outcome.peaks_mb.append(said.pop("peak_mb"))
    server = said.pop("server_mb")
    if server is not None:
        outcome.server_mb.append(server)
    outcome.facts = said


def empty_warehouse(warehouse: Warehouse) -> None:
    """Back to the state after migration: no facts, no snapshots, no units learned from a portal."""
    with warehouse.connect("owner", autocommit=True) as connection:
        connection.execute(
            "TRUNCATE core.indicator_score, core.snapshot, core.snapshot_capture, core.restatement, ops.capture, "
            "ops.capture_check, ops.publication, ops.run, ops.validation_result, quarantine.rejected_row"
        )
        connection.execute("DELETE FROM core.unit WHERE source = 'national_portal'")
        connection.execute(
            "DELETE FROM core.unit_key k WHERE NOT EXISTS (SELECT FROM core.unit u WHERE u.unit_id = k.unit_id)"
        )
        connection.execute("VACUUM ANALYZE core.unit, core.unit_key")


@contextmanager
def _server_memory(home: Path) -> Iterator[list[float]]:
    """Private memory of all server processes together, sampled; empty where the system cannot tell."""
    samples: list[float] = []
    stop = threading.Event()
    pid_file = home / "postgres" / "data" / "postmaster.pid"

    def sample() -> None:
        postmaster = psutil.Process(int(pid_file.read_text(encoding="utf-8").split()[0]))
        while not stop.wait(_SAMPLE_SECONDS):
            with suppress(psutil.Error):
                anonymous = [_status_mb(process.pid, "RssAnon") for process in postmaster.children()]
                known = [value for value in anonymous if value is not None]
                if known:
                    samples.append(sum(known))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stop.set()
        thread.join()


# --- what is printed ------------------------------------------------------------------


def machine(settings: Settings) -> dict[str, Any]:
    """What a reader must know to compare: size of the machine, versions, how busy it was."""
    with open_warehouse(settings).connect("owner") as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return {
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1024**3),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "postgresql": str(row[0]) if row else "?",
        "load_average_before": [round(value, 1) for value in os.getloadavg()],
    }


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: first column to the left, numbers to the right."""
    shown = Table(title=title, title_justify="left", title_style="bold")
    for index, name in enumerate(columns):
        shown.add_column(name, justify="left" if index == 0 else "right")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)


def times(value: float, base: float) -> str:
    return f"{value / base:.2f}×"


def megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} MB"
