"""The sandbox portal at a terminal, and the sample files it writes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console

from etl.errors import UnknownName
from etl.periods import Period
from etl.reference.provinces import Province
from etl.sandbox import CapturedPortal, Fault, Misbehaviour, SamplePortal, SandboxServer
from etl.sandbox.sample_files import write_samples


def write_sample_files(folder: Path, province: Province, period: str, seed: int, out: Console) -> None:
    """Write sample forms and dossier lists of a month, and print where they are."""
    for path in write_samples(folder, province, Period.parse(period), seed=seed):
        out.print(str(path), soft_wrap=True, markup=False)


def fault_of(
    misbehave: str | None, only: Sequence[str] | None, times: int | None, seconds: float
) -> Fault | None:
    """The misbehaviour that was asked for. Raises UnknownName for one there is not."""
    if misbehave is None:
        return None
    kinds = [kind.value for kind in Misbehaviour]
    if misbehave not in kinds:
        raise UnknownName(f"no misbehaviour '{misbehave}'", f"use one of {', '.join(kinds)}")
    return Fault(Misbehaviour(misbehave), frozenset(only) if only else None, times, seconds)


def serve(
    captures: Path | None, seed: int, moment: datetime | None, fault: Fault | None, port: int, err: Console
) -> None:
    """Answer on 127.0.0.1 until Ctrl-C."""
    source = CapturedPortal(captures, moment) if captures else SamplePortal(seed, moment)
    with SandboxServer(source, fault, port) as server:
        # print, not rich: another program may read the address from a pipe
        sys.stdout.write(f"BOCHISO_PORTAL_URL={server.url}\n")
        sys.stdout.flush()
        err.print("the sandbox answers until Ctrl-C")
        try:
            server.wait()
        except KeyboardInterrupt:
            err.print("stopped")
