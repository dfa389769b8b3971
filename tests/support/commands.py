"""The commands as a person runs them: real processes with an environment of their own."""

from __future__ import annotations

import csv
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BOCHISO = [sys.executable, "-m", "etl.cli"]


def environment(home: Path, **settings: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BOCHISO_", "AIRFLOW"))}
    mine = {"BOCHISO_HOME": str(home), "BOCHISO_PORTAL_PAUSE_SECONDS": "0", "COLUMNS": "200"}
    return kept | mine | settings


def bochiso(
    home: Path, *words: str, timeout: float = 240, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BOCHISO, *words],
        env=environment(home, **settings),
        cwd=home.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@contextmanager
def sandbox(home: Path, *words: str) -> Iterator[str]:
    """The sandbox as a command of its own; gives its address."""
    process = subprocess.Popen(
        [*BOCHISO, "sandbox", "--port", "0", *words],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        name, _, address = process.stdout.readline().strip().partition("=")
        assert name == "BOCHISO_PORTAL_URL"
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0


def select(home: Path, query: str) -> list[dict[str, str]]:
    done = bochiso(home, "sql", query)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout)))


def running(home: Path) -> list[str]:
    """Command lines of processes that still belong to a home folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(home) in line:
                found.append(line)
    return found
