"""Contestants side by side: each in a process of its own, against one temporary server.

Nobody inherits another's imports, caches or memory. The contestant times its own phases
and prints one line (``child.py``); meanwhile the server's memory is watched, because work
that moves from Python into PostgreSQL must not look free.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from child import MARK, status_mb
from rich.console import Console
from rich.table import Table

from etl.settings import Settings
from etl.stages import ready_warehouse
from etl.warehouse.embedded import OWNER, WAREHOUSE_DATABASE, EmbeddedServer, ensure_running
from etl.warehouse.engine import Warehouse, open_warehouse

console = Console(width=118, highlight=False)

# Often enough to catch a sort that lives for a tenth of a second, rare enough to cost nothing.
_SAMPLE_SECONDS = 0.05


@dataclass
class Outcome:
    """One contestant over all rounds: every phase's seconds, every peak, the last round's facts."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    peaks_mb: list[float] = field(default_factory=list)
    server_mb: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def keep(self, said: dict[str, Any]) -> None:
        """Add a round."""
        for phase, seconds in said.pop("seconds").items():
            self.seconds.setdefault(phase, []).append(seconds)
        self.peaks_mb.append(said.pop("peak_mb"))
        server = said.pop("server_mb")
        if server is not None:
            self.server_mb.append(server)
        self.facts = said

    def median(self, *phases: str) -> float:
        """Median over the rounds of the sum of the phases named."""
        return statistics.median(
            sum(each) for each in zip(*(self.seconds[name] for name in phases), strict=True)
        )

    def shown(self, phase: str) -> str:
        """Median seconds of a phase, with the least and the most where there were several rounds."""
        values = self.seconds[phase]
        text = f"{statistics.median(values):.1f} s"
        return f"{text} ({min(values):.1f}-{max(values):.1f})" if len(values) > 1 else text

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
    with tempfile.TemporaryDirectory(
        prefix="bochiso-bench-", dir=parent, ignore_cleanup_errors=True
    ) as folder:
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


def compete(script: str, name: str, settings: Settings, server: EmbeddedServer) -> dict[str, Any]:
    """Run ``script name home`` to its end; its report, with the server's private peak memory.

    The owner's address is in its environment (BENCH_URL): not every contestant reads a password file.
    """
    with open_warehouse(settings).connect("owner", autocommit=True) as connection:
        connection.execute("CHECKPOINT")  # so that nobody pays for the pages of the one before
    address = f"postgresql://{OWNER}:{server.password(OWNER)}@127.0.0.1:{server.port}/{WAREHOUSE_DATABASE}"
    with _server_memory(settings.home) as server_mb:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).parent / script), name, str(settings.home)],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"BENCH_URL": address},
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"{script} {name} ended with {done.returncode} and said:\n{done.stdout[-2000:]}")
    said: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    return said | {"server_mb": max(server_mb, default=None)}


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
    postmaster = int((home / "postgres" / "data" / "postmaster.pid").read_text(encoding="utf-8").split()[0])

    def sample() -> None:
        while not stop.wait(_SAMPLE_SECONDS):
            with suppress(psutil.Error):
                private = [
                    status_mb(process.pid, "RssAnon") for process in psutil.Process(postmaster).children()
                ]
                known = [value for value in private if value is not None]
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
