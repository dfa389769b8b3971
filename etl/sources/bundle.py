"""What a source hands to the next stage: which captures belong together, and how whole they are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from etl.archive import Capture
from etl.errors import Terminal

_SNAPSHOT_NAMESPACE = uuid.UUID("76607660-54a9-5c0e-8a76-6b0c50c51766")


@dataclass(frozen=True)
class Refused:
    """A group that was left out of a bundle, and why."""

    group_code: str
    expected: int
    seen: int
    note: str

    def __str__(self) -> str:
        return f"{self.group_code}: expected {self.expected} units, saw {self.seen} ({self.note})"


@dataclass(frozen=True)
class Bundle:
    """The captures of one reading of a source for a scope and period.

    ``captures`` are the accepted ones; ``manifest`` is the archived list of them;
    ``snapshot_id`` follows from their ids and the reader's version, so that the same bytes
    always make the same snapshot.
    """

    source: str
    scope: str
    period_id: str
    series: str
    reader: str
    complete: bool
    provisional: bool
    captured_at: datetime
    captures: tuple[Capture, ...]
    manifest: Capture
    refused: tuple[Refused, ...] = ()
    warnings: tuple[str, ...] = ()
    missing_shares: dict[str, float] = field(default_factory=dict)

    @property
    def snapshot_id(self) -> uuid.UUID:
        return snapshot_id(self.source, self.scope, self.period_id, self.reader, self.captures)

    @property
    def missing_groups(self) -> tuple[str, ...]:
        return tuple(item.group_code for item in self.refused)

    def save(self, work_dir: Path) -> Path:
        """Write it to its work folder and return that folder."""
        folder = work_dir / self.source / self.scope / self.period_id / str(self.snapshot_id)
        folder.mkdir(parents=True, exist_ok=True)
        body = json.dumps(_plain(asdict(self)), ensure_ascii=False, indent=1)
        temporary = folder / ".bundle.json"
        temporary.write_text(body, encoding="utf-8")
        temporary.replace(folder / "bundle.json")
        return folder

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Read it back. Raises Terminal when the folder has no readable bundle."""
        path = folder / "bundle.json"
        try:
            body = json.loads(path.read_text(encoding="utf-8"))
            body["captured_at"] = datetime.fromisoformat(body["captured_at"])
            body["captures"] = tuple(_capture(item) for item in body["captures"])
            body["manifest"] = _capture(body["manifest"])
            body["refused"] = tuple(Refused(**item) for item in body["refused"])
            body["warnings"] = tuple(body["warnings"])
            return cls(**body)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Terminal(
                f"{path} cannot be read: {error}", "run the period again from the start"
            ) from error


def snapshot_id(
    source: str, scope: str, period_id: str, reader: str, captures: Iterable[Capture]
) -> uuid.UUID:
    """The id that a set of captures, read by one version of the reader, always has."""
    parts = [source, scope, period_id, reader, *sorted(str(item.capture_id) for item in captures)]
    return uuid.uuid5(_SNAPSHOT_NAMESPACE, "\n".join(parts))


def manifest_bytes(identity: uuid.UUID, captures: Iterable[Capture]) -> bytes:
    """The archived list of a snapshot's captures: what computed totals point to."""
    members = [
        {
            "group": item.group_code,
            "page": item.page,
            "capture_id": str(item.capture_id),
            "captured_at": item.captured_at.isoformat(),
            "endpoint": item.endpoint,
            "sha256": item.sha256,
        }
        for item in sorted(captures, key=lambda item: (item.group_code, item.page))
    ]
    body = {"snapshot_id": str(identity), "captures": members}
    return (json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def _capture(body: dict[str, Any]) -> Capture:
    return Capture(**{**body, "captured_at": datetime.fromisoformat(body["captured_at"])})


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
