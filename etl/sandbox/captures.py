"""A portal that replays captured bodies, byte for byte.

A folder of captures is a ``manifest.json`` (``{"captures": [{file, generation, endpoint,
request, status, captured_at, complete}, …]}``) beside the bodies it names. Only successes of
generation 2 can be replayed; entries of generation 1 or with another status are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from etl.errors import Terminal
from etl.sandbox.contract import ENDPOINTS, FORMALITIES, BadRequest, Question

# All that tells one request from another. Days stand for the period whatever keys spelt it.
_Key = tuple[
    str, date | None, date | None, str | None, str | None, int, int | None, tuple[tuple[str, str], ...]
]


@dataclass(frozen=True)
class Capture:
    """One captured body: when it was taken and where it lies."""

    captured_at: datetime
    path: Path
    complete: bool


class CapturedPortal:
    """Answers from a folder of captures, as they stood at an instant.

    ``as_of`` (aware) leaves out later captures; None takes the latest of each request.
    Raises Terminal, naming manifest, entry and remedy, when the folder cannot be trusted.
    """

    def __init__(self, folder: Path, as_of: datetime | None = None) -> None:
        if as_of is not None and as_of.tzinfo is None:
            raise Terminal(f"as_of {as_of} has no time zone", "write it like 2026-09-27T00:00+07:00")
        self.folder = folder
        self.as_of = as_of
        self._captures = _read_manifest(folder)

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        """The captured body for a request, or None where nothing was captured by then.

        ``pageSize`` counts only for ``formalities``: elsewhere the captured pages hold
        every unit whatever size was asked for. Raises BadRequest.
        """
        known = self._captures.get(_key(Question.read(endpoint, request)), [])
        visible = [c for c in known if self.as_of is None or c.captured_at <= self.as_of]
        if not visible:
            return None
        return max(visible, key=lambda capture: capture.captured_at).path.read_bytes()


def _key(question: Question) -> _Key:
    return (
        question.endpoint,
        question.first_day,
        question.last_day,
        question.root,
        question.department_type,
        question.page,
        question.page_size if question.endpoint == FORMALITIES else None,
        question.filters,
    )


def _read_manifest(folder: Path) -> dict[_Key, list[Capture]]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Terminal(f"{path} does not exist", "name a folder of captures with its manifest") from error
    except ValueError as error:
        raise Terminal(f"{path} is not JSON: {error}", "restore the manifest from where it came") from error
    entries = manifest.get("captures") if isinstance(manifest, dict) else None
    if not isinstance(entries, list):
        raise Terminal(
            f"{path} has no list 'captures'",
            "list the captures: {file, generation, endpoint, request, status, captured_at} each",
        )
    found: dict[_Key, list[Capture]] = {}
    for number, entry in enumerate(entries, start=1):
        try:
            read = _read_entry(folder, entry)
        except (BadRequest, KeyError, TypeError, ValueError) as error:
            reason = f"'{error.args[0]}' is missing" if isinstance(error, KeyError) else str(error)
            raise Terminal(
                f"{path}: entry {number} ({_name(entry)}): {reason}", "correct or remove the entry"
            ) from error
        if read is not None:
            found.setdefault(read[0], []).append(read[1])
    return found


def _read_entry(folder: Path, entry: Mapping[str, object]) -> tuple[_Key, Capture] | None:
    """One entry as key and capture, None if it cannot be replayed. Raises on anything wrong."""
    if not isinstance(entry, dict):
        raise TypeError("is not an object")
    if entry.get("generation", 2) != 2 or entry.get("status", 201) not in (200, 201):
        return None
    endpoint, request, name = entry["endpoint"], entry["request"], entry["file"]
    if endpoint not in ENDPOINTS:
        raise ValueError(f"endpoint {endpoint!r} is not one of the portal's")
    if not isinstance(request, dict):
        raise TypeError("request is not an object")
    if not isinstance(name, str) or not name:
        raise TypeError("file is not a name")
    body = folder / name
    if not body.resolve().is_relative_to(folder.resolve()):
        raise ValueError("file lies outside the folder")
    if not body.is_file():
        raise ValueError("file does not exist")
    captured_at = datetime.fromisoformat(str(entry["captured_at"]))
    if captured_at.tzinfo is None:
        raise ValueError("captured_at has no time zone")
    key = _key(Question.read(str(endpoint), request))
    return key, Capture(captured_at, body, entry.get("complete") is True)


def _name(entry: object) -> str:
    return str(entry.get("file", "no file named")) if isinstance(entry, dict) else "no file named"
