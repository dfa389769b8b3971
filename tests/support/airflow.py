"""Airflow as a process of its own in tests: start it, ask it, see what it leaves behind."""

from __future__ import annotations

import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from etl.warehouse import postmaster

UP = """
import sys
from pathlib import Path
from etl.airflow_launch import up
from etl.settings import Settings
def ready(address): print("ready", address.url, address.user, address.password_file, flush=True)
up(Settings(home=Path(sys.argv[1]), airflow_port=int(sys.argv[3])), ready, dags_folder=Path(sys.argv[2]))
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Start = Callable[..., subprocess.Popen[str]]


def read_until(process: subprocess.Popen[str], begin: str) -> str:
    seen = []
    for line in process.stdout or ():
        seen.append(line)
        if line.startswith(begin):
            return line
    raise AssertionError("".join(seen))


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def family(pid: int) -> dict[int, str]:
    """Command lines of the living processes below ``pid``, by pid.

    The server is left out: it belongs to all users of the home folder.
    """
    parents, names = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            names[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if fields[0] not in "ZX":
            parents[int(folder.name)] = int(fields[1])
    found, level = {}, {pid}
    while level := {child for child, parent in parents.items() if parent in level}:
        found |= {child: names[child] for child in level}
    return {child: name for child, name in found.items() if not name.startswith("postgres:")}


def living(pids: Iterable[int]) -> list[int]:
    return [pid for pid in pids if postmaster._alive(pid)]


def call(url: str, token: str | None = None, method: str = "GET", body: object = None) -> Any:
    request = urllib.request.Request(url, method=method, headers={"Content-Type": "application/json"})
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
        request, data, timeout=30
    ) as answer:
        return json.load(answer)
