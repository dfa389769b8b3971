"""A reader in a process of its own, with bounds on memory and time: a bad file ends that process and no other.

``run_apart`` starts ``python -m etl.inbox.apart`` (0.06 s before the reader's own imports), hands
it a function's name and a JSON argument, and gets JSON back. What is limited, and by what:

- memory: the parent looks at the child's own pages every 20 ms (``RssAnon`` + ``RssShmem``; pages
  of a file mapped for reading do not count) and ends it above the limit. Beneath that, Linux gets
  RLIMIT_DATA with 2 GiB of headroom, which stops a single allocation that is absurd. Measured with
  polars, pyarrow and calamine at 200 MB in use: they reserve 0.5 to 1.4 GB of data and 2.7 GB of
  address space, and at RLIMIT_AS of 1 GB thread pools fail to start; so RLIMIT_AS is not used.
  macOS keeps neither limit; there the parent asks ``ps``.
- time: the parent's clock. On Linux the kernel ends the child when the parent dies.
- what it sees: an environment of three variables, no terminal, no core dumps.

It bounds accidents and hostile figures. It is no jail against code that runs in the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import re
import resource
import selectors
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from etl import errors
from etl.errors import BochisoError
from etl.inbox.limits import GIB, MIB, Limits
from etl.inbox.refusals import megabytes, refusal

__all__ = ["run_apart"]

# Only readers of files may be named, and only our own.
_ROOMS = ("etl.sources.", "etl.inbox.")
_ROOT = Path(__file__).resolve().parents[2]
_OURS = f"{_ROOT / 'etl'}{os.sep}"
_NAME = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_HEADROOM = 2 * GIB
_LOOK_SECONDS = 0.02
_LARGEST_ANSWER = 256 * MIB
_KEPT_COMPLAINTS = 64 << 10
_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of linux/prctl.h
# How Rust, C++ and Python end when memory is refused them.
_OUT_OF_MEMORY = re.compile(
    rb"memory allocation of \d+ bytes failed|std::bad_alloc|MemoryError|capacity overflow"
)


def run_apart(function: str, argument: Mapping[str, Any], limits: Limits) -> Any:
    """Call ``"etl.some.module:function"`` with ``argument`` in a child process and return what it returns.

    Argument and result are JSON-able. Only functions of ``etl.sources`` and ``etl.inbox`` may be named.
    A BochisoError of the child is raised here as the same class of ``etl.errors`` with the same fields.
    Raises FileRefused with rule guard.memory or guard.time when a limit is overrun, guard.crash when the
    child fails otherwise: that message names the kind of error and the place in our code, never a value.
    Raises ValueError for a function that may not be named.
    """
    if not _NAME.fullmatch(function) or not function.startswith(_ROOMS):
        raise ValueError(f"{function} is no reader that may run apart")
    order = {"function": function, "argument": dict(argument), "memory_bytes": limits.memory_bytes}
    body = json.dumps(order, ensure_ascii=True).encode()
    answer_end, child_end = os.pipe()
    with os.fdopen(answer_end, "rb", buffering=0) as answer:
        try:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "etl.inbox.apart", str(child_end)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_environment(),
                pass_fds=(child_end,),
                start_new_session=True,
            )
        finally:
            os.close(child_end)
        with child:
            try:
                outcome = _follow(child, body, answer, limits)
            finally:
                _end(child)
    return _told(outcome, child.returncode, limits)


@dataclass
class _Outcome:
    """What the child left: its answer, its last complaints, and which limit ended it."""

    answer: bytearray = field(default_factory=bytearray)
    complaints: bytes = b""
    overrun: str | None = None


def _follow(child: subprocess.Popen[bytes], body: bytes, answer: BinaryIO, limits: Limits) -> _Outcome:
    """Hand over the order, take the answer, and watch both limits until the child's pipes are closed.

    They close when it ends, by itself or not: by then its exit code is settled.
    """
    if child.stdin is None or child.stderr is None:
        raise RuntimeError("a child without pipes")
    outcome, unsent = _Outcome(), memoryview(body)
    until = time.monotonic() + limits.seconds
    with selectors.DefaultSelector() as pipes:
        for pipe, event in (
            (child.stdin, selectors.EVENT_WRITE),
            (child.stderr, selectors.EVENT_READ),
            (answer, selectors.EVENT_READ),
        ):
            os.set_blocking(pipe.fileno(), False)
            pipes.register(pipe, event)
        while pipes.get_map():
            for key, _ in pipes.select(_LOOK_SECONDS):
                if key.fileobj is child.stdin:
                    unsent = _send(child.stdin, unsent)
                    if not unsent:
                        pipes.unregister(child.stdin)
                        child.stdin.close()
                    continue
                piece = os.read(key.fd, MIB)
                if not piece:
                    pipes.unregister(key.fileobj)
                elif key.fileobj is answer:
                    outcome.answer += piece
                else:
                    outcome.complaints = (outcome.complaints + piece)[-_KEPT_COMPLAINTS:]
            if _own_memory(child.pid) > limits.memory_bytes or len(outcome.answer) > _LARGEST_ANSWER:
                outcome.overrun = "guard.memory"
                return outcome
            if time.monotonic() > until:
                outcome.overrun = "guard.time"
                return outcome
    return outcome


def _send(pipe: Any, unsent: memoryview) -> memoryview:
    try:
        return unsent[os.write(pipe.fileno(), unsent[: 64 << 10]) :]
    except BrokenPipeError:  # it died before it had read; how, its end will tell
        return memoryview(b"")


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started: they are a group of their own."""
    with contextlib.suppress(
        ProcessLookupError, PermissionError
    ):  # there is none left (macOS says so by EPERM)
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _told(outcome: _Outcome, code: int, limits: Limits) -> Any:
    """The result, or the error the outcome stands for."""
    if outcome.overrun == "guard.time":
        raise refusal("guard.time", limit=round(limits.seconds, 1))
    out_of_memory = outcome.overrun == "guard.memory"
    answer: dict[str, Any] = {}
    if not out_of_memory and code == 0:
        answer = json.loads(outcome.answer)
        if "result" in answer:
            return answer["result"]
        if "error" in answer:
            raise _rebuilt(answer["error"])
        out_of_memory = answer.get("crash") == "MemoryError"
    # SIGKILL that is not ours is the kernel's, when the machine has no memory left.
    out_of_memory |= code != 0 and (
        code == -signal.SIGKILL or bool(_OUT_OF_MEMORY.search(outcome.complaints))
    )
    if out_of_memory:
        raise refusal("guard.memory", limit=megabytes(limits.memory_bytes))
    if answer:
        detail = f"{answer['crash']} at {answer['place']}"
    else:
        detail = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise refusal("guard.crash", detail=detail)


def _rebuilt(told: Mapping[str, Any]) -> BochisoError:
    kind = getattr(errors, told["class"])
    error: BochisoError = kind.__new__(kind)
    error.args = (told["fields"]["message"], told["fields"]["remedy"])
    error.__dict__.update(told["fields"])
    return error


def _environment() -> dict[str, str]:
    """All that the child gets to see of the environment: where our code is, and that text is UTF-8."""
    return {"PYTHONPATH": os.pathsep.join(_import_path()), "PYTHONUTF8": "1", "LC_ALL": "C.UTF-8"}


def _import_path() -> list[str]:
    return [str(_ROOT)]


def _own_memory(pid: int) -> int:
    """Bytes of memory that are the process's own; 0 when it has ended."""
    if sys.platform != "linux":
        told = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False)
        return int(told.stdout.strip() or 0) * 1024
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (
        sum(int(found) for found in re.findall(rb"^Rss(?:Anon|Shmem):\s+(\d+) kB", status, re.MULTILINE))
        * 1024
    )


# --- in the child -----------------------------------------------------------------------------------


def _limit_myself(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = memory_bytes + _HEADROOM
    if most == resource.RLIM_INFINITY or wanted < most:
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, wanted))
    # When the machine itself runs out, the reader goes before the scheduler or the server.
    with contextlib.suppress(OSError):  # a container may keep /proc to itself; the limits above stand anyway
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    ctypes.CDLL(None, use_errno=True).prctl(_PARENT_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def _call(order: Mapping[str, Any]) -> dict[str, Any]:
    """Run the function; what it returns or raises, as JSON-able words."""
    module, _, name = order["function"].partition(":")
    try:
        result = getattr(importlib.import_module(module), name)(order["argument"])
        json.dumps(result, allow_nan=False)
    except BochisoError as error:
        return {"error": _described(error)}
    except MemoryError:
        return {"crash": "MemoryError", "place": ""}
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent must hear of it, without its words
        return {"crash": type(error).__name__, "place": _place(error)}
    return {"result": result}


def _described(error: BochisoError) -> dict[str, Any]:
    """Its class as ``etl.errors`` knows it, and those of its fields that JSON can hold."""
    kind = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return {"class": kind, "fields": {name: value for name, value in vars(error).items() if _is_plain(value)}}


def _is_plain(value: object) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError):
        return False
    return True


def _place(error: Exception) -> str:
    """The innermost line of our own code that the error went through."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(_ROOT))
    ]
    frame = (frames or traceback.extract_tb(error.__traceback__))[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


def _main() -> None:
    order = json.load(sys.stdin.buffer)
    _limit_myself(order["memory_bytes"])
    answer = json.dumps(_call(order), ensure_ascii=True).encode()
    with os.fdopen(int(sys.argv[1]), "wb") as pipe:
        pipe.write(answer)
    # Done: without waiting for the threads of libraries, and without the dangers of their farewells.
    os._exit(0)


if __name__ == "__main__":
    _main()
