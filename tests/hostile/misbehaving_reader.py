"""Readers that do what readers must not: named by the tests of the limited child process."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from etl.errors import FileRefused, ValidationFailed

SECRET = "Nguyễn Văn Bí Mật 079123456789"


def echo(argument: dict[str, Any]) -> dict[str, Any]:
    print("a library that chatters", flush=True)
    print("on both", file=sys.stderr, flush=True)
    return argument


def environment(_: dict[str, Any]) -> dict[str, str]:
    return dict(os.environ)


def eat(argument: dict[str, Any]) -> int:
    kept = []
    for _ in range(argument["mib"]):
        kept.append(b"x" * (1 << 20))
        time.sleep(0.0005)
    return len(kept)


def grab(argument: dict[str, Any]) -> int:
    return len(bytearray(argument["mib"] << 20))


def map_file(argument: dict[str, Any]) -> int:
    import mmap

    with (
        Path(argument["path"]).open("rb") as handle,
        mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as view,
    ):
        return sum(view[place] for place in range(0, len(view), 4096))


def sleep(argument: dict[str, Any]) -> None:
    Path(argument["mark"]).write_text(str(os.getpid()))
    time.sleep(60)


def sleep_with_a_child(argument: dict[str, Any]) -> None:
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    Path(argument["mark"]).write_text(str(started.pid))
    time.sleep(60)


def fault(_: dict[str, Any]) -> None:
    ctypes.string_at(0)


def leave(_: dict[str, Any]) -> None:
    raise SystemExit(7)


def refuse(_: dict[str, Any]) -> None:
    raise FileRefused(
        "a", "b", rule="layout.x", message_vi="Không nhận.", remedy_vi="Gửi lại.", locator="'Biểu 1'!A12"
    )


def fail_terminally(_: dict[str, Any]) -> None:
    class Special(ValidationFailed):
        pass

    error = Special("units are missing", "send them")
    error.evidence = object()  # type: ignore[attr-defined]
    raise error


def stumble(_: dict[str, Any]) -> None:
    raise KeyError(SECRET)


def answer_nothing_json(_: dict[str, Any]) -> Any:
    return {"a": float("nan")}


def work_with_polars(argument: dict[str, Any]) -> int:
    import polars as pl

    return int(pl.scan_csv(argument["path"]).group_by("a").agg(pl.len()).collect(engine="streaming").height)


def read_workbook(argument: dict[str, Any]) -> int:
    import fastexcel

    return int(fastexcel.read_excel(argument["path"]).load_sheet(0, header_row=None, dtypes="string").height)


def read_workbook_by_cells(argument: dict[str, Any]) -> int:
    from python_calamine import CalamineWorkbook

    return len(CalamineWorkbook.from_path(argument["path"]).get_sheet_by_index(0).to_python())
