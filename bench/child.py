"""What every contestant needs, and nothing more: its imports would count as the contestant's memory."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

# Starts the line in which a contestant reports to the parent.
MARK = "RESULT "


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
    """The contestant's last word: its phases, its peak memory (or the one given), what is to be compared."""
    facts.setdefault("peak_mb", own_peak_mb())
    print(MARK + json.dumps({"seconds": watch.seconds, **facts}), flush=True)


def own_peak_mb() -> float:
    """The largest resident size this process had, in MB.

    From /proc where there is one: Linux lets ``ru_maxrss`` survive an ``exec``, so a small
    child of a large parent would report the parent's size.
    """
    peak = status_mb(os.getpid(), "VmHWM")
    if peak is not None:
        return peak
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def run_watched(command: Sequence[str | Path]) -> float:
    """Run a program to its end and return its peak memory in MB. Raises CalledProcessError."""
    peak = 0.0
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        peak = max(peak, status_mb(process.pid, "VmHWM") or 0.0)
        time.sleep(0.005)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, str(command[0]))
    return peak


def status_mb(pid: int, line: str) -> float | None:
    """A line of /proc/<pid>/status in MB; None where there is no such process or file."""
    with suppress(OSError):
        for text in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if text.startswith(line + ":"):
                return int(text.split()[1]) / 1024
    return None
