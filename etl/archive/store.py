"""The archive on a file system."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from etl.errors import Terminal

_PIECE = 4 * 1024 * 1024
_CAPTURE_NAMESPACE = uuid.UUID("76607660-ca97-5c0e-8a76-6b0c50c51766")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class Capture:
    """One reply as received. ``complete`` is None while nobody has judged it.

    ``captured_at`` is an aware datetime; ``size_bytes`` and ``sha256`` describe the object;
    ``scope`` is the province's H-code, or VN for national replies; ``address`` is the base
    address that answered (a sandbox's figures must never pass for the portal's).
    """

    source: str
    scope: str
    period_id: str
    group_code: str
    endpoint: str
    page: int
    request: Mapping[str, Any]
    http_status: int | None
    captured_at: datetime
    sha256: str
    size_bytes: int
    address: str | None = None
    complete: bool | None = None
    expected_units: int | None = None
    seen_units: int | None = None
    note: str | None = None

    @cached_property  # every row of a reading asks for it
    def capture_id(self) -> uuid.UUID:
        """The same reading always has the same id; a later reading of other bytes another one."""
        parts = (
            self.source,
            self.scope,
            self.period_id,
            self.request_key,
            self.captured_at.isoformat(),
            self.sha256,
            str(self.complete),
        )
        return uuid.uuid5(_CAPTURE_NAMESPACE, "\n".join(parts))

    @property
    def request_key(self) -> str:
        return f"{self.endpoint} {canonical_json(dict(self.request))}"


class Archive:
    """Read and write captures under one folder. Concurrent writers are safe: names are hashes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Captures that stand for what this object was given, new or known: the logbook's list.
        self.recorded: list[Capture] = []

    def put(self, content: bytes) -> str:
        """Keep ``content`` and return its SHA-256. The same bytes are kept once."""
        digest = hashlib.sha256(content).hexdigest()
        path = self.object_path(digest)
        self._make()
        if not path.exists():
            _write_once(path, [content])
        return digest

    def put_file(self, path: Path) -> str:
        """Keep a file's bytes, read in pieces (lists run to gigabytes), and return their SHA-256."""
        self._make()
        with path.open("rb") as source:
            digest = hashlib.file_digest(source, "sha256").hexdigest()
            target = self.object_path(digest)
            if not target.exists():
                source.seek(0)
                _write_once(target, iter(lambda: source.read(_PIECE), b""))
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes of a hash. Raises Terminal when they are gone or no longer match it."""
        path = self.object_path(digest)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            if self._tombstone(digest).exists():
                raise Terminal(
                    f"the object {digest} held personal data and was deleted when its time was over",
                    "the figures made of it stay; ask whoever sent the file for it if it is needed again",
                ) from error
            raise Terminal(
                f"the archive has no object {digest}",
                f"restore {path} from a backup; the warehouse's numbers point to it",
            ) from error
        if hashlib.sha256(content).hexdigest() != digest:
            raise Terminal(
                f"the archived object {path} no longer has the hash it is named by",
                "restore the file from a backup and find out what changed it",
            )
        return content

    def object_path(self, digest: str) -> Path:
        return self.folder / "objects" / digest[:2] / digest

    def columnar_path(self, digest: str) -> Path:
        """Where the columnar copy of a dossier list stands, without its personal columns."""
        return self.folder / "columnar" / digest[:2] / f"{digest}.parquet"

    def expire(self, source: str, before: datetime) -> list[str]:
        """Delete the objects of a source whose every capture is older than ``before``; returns their hashes.

        For lists that hold personal data: the manifests stay, and a mark says why the bytes are gone.
        """
        newest: dict[str, datetime] = {}
        for path in (self.folder / "captures" / source).glob("*/*/*.json"):
            capture = _read_manifest(path)
            if capture.group_code != "MANIFEST":
                newest[capture.sha256] = max(
                    capture.captured_at, newest.get(capture.sha256, capture.captured_at)
                )
        gone: list[str] = []
        for digest, captured_at in sorted(newest.items()):
            path = self.object_path(digest)
            if captured_at < before and path.exists():
                if not self._tombstone(digest).exists():
                    _write_once(
                        self._tombstone(digest), [f"deleted: older than {before.isoformat()}\n".encode()]
                    )
                path.unlink()
                gone.append(digest)
        return gone

    def _make(self) -> None:
        """The archive's own folder, for its owner only: handed-in lists hold personal data."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        facts = self.folder.stat()
        if facts.st_mode & 0o077 and facts.st_uid == os.geteuid():  # made before lists were kept
            self.folder.chmod(0o700)

    def _tombstone(self, digest: str) -> Path:
        return self.object_path(digest).with_suffix(".expired")

    def record(self, capture: Capture) -> Capture:
        """Write the manifest of a capture, unless the newest like it has the same bytes.

        Returns the capture that stands for the reading: the given one, or the earlier one
        (then nothing is written). "Like it" means the same request and the same judgement:
        a refused or unfinished reading in between does not make old bytes new.
        """
        self._make()
        latest = self.latest(capture)
        if latest is not None and latest.sha256 == capture.sha256:
            self.recorded.append(latest)
            return latest
        folder = self._manifest_folder(capture.source, capture.scope, capture.period_id)
        body = asdict(capture) | {
            "capture_id": str(capture.capture_id),
            "captured_at": capture.captured_at.isoformat(),
        }
        text = json.dumps(body, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
        path = folder / f"{capture.capture_id}.json"
        if not path.exists():
            _write_once(path, [text.encode()])
        self.recorded.append(capture)
        return capture

    def latest(self, like: Capture) -> Capture | None:
        """The newest capture of the same request and judgement (any, while ``like`` has none), or None."""
        same = [
            capture
            for capture in self.captures(like.source, like.scope, like.period_id)
            if capture.request_key == like.request_key and like.complete in (None, capture.complete)
        ]
        return max(same, key=lambda capture: capture.captured_at, default=None)

    def captures(self, source: str, scope: str, period_id: str) -> list[Capture]:
        """All captures of a source, scope and period, oldest first."""
        found = [
            _read_manifest(path)
            for path in sorted(self._manifest_folder(source, scope, period_id).glob("*.json"))
        ]
        return sorted(found, key=lambda capture: (capture.captured_at, str(capture.capture_id)))

    def load(self, source: str, scope: str, period_id: str, capture_id: uuid.UUID) -> Capture:
        """One capture by id. Raises Terminal when its manifest is gone."""
        path = self._manifest_folder(source, scope, period_id) / f"{capture_id}.json"
        if not path.exists():
            raise Terminal(
                f"the archive has no manifest {path}", "restore it from a backup, or fetch the period again"
            )
        return _read_manifest(path)

    def _manifest_folder(self, source: str, scope: str, period_id: str) -> Path:
        return self.folder / "captures" / source / scope / period_id


def judged(
    capture: Capture, *, complete: bool, expected: int | None, seen: int | None, note: str | None = None
) -> Capture:
    """The same capture with the verdict on its completeness."""
    return replace(capture, complete=complete, expected_units=expected, seen_units=seen, note=note)


def _read_manifest(path: Path) -> Capture:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        body.pop("capture_id")
        body["captured_at"] = datetime.fromisoformat(body["captured_at"])
        return Capture(**body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Terminal(
            f"the capture manifest {path} cannot be read: {error}", "restore the file from a backup"
        ) from error


def _write_once(path: Path, pieces: Iterable[bytes]) -> None:
    """Write a file that is either whole or not there, and read-only once it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".incoming-")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o440)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
