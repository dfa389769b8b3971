"""A file that has been taken in hand: its work folder, and what every stage leaves there.

``<work>/inbox/<claim>/`` holds ``claim.json`` and, as the stages go on, the reading, the
verdict, a refusal, the answer. Stages hand on the folder's name; a stage that is repeated
finds what it needs there. A file from the inbox is moved in; a file named by hand stays
where it is.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from etl.errors import Terminal
from etl.inbox.folder import content_suffix

_FILE = "claim.json"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Claim:
    """What was asked with a file. ``path`` is where its bytes are; ``file_name`` what a person called it.

    ``period``/``calendar`` are what a person stated (None: the file itself says);
    ``portal_list`` is the portal's list to compare with; ``from_inbox``: it was moved in and
    will be filed away.
    """

    path: Path
    file_name: str
    sha256: str
    size_bytes: int
    province: str
    received_at: datetime
    from_inbox: bool
    period: str | None = None
    calendar: str | None = None
    portal_list: Path | None = None


def take(
    work_dir: Path, claim_path: Path, *, province: str, received_at: datetime, from_inbox: bool, **asked: Any
) -> Path:
    """Make the work folder of a file and return it. The same file, taken again, begins anew."""
    digest, size = digest_of(claim_path)
    name = claim_path.name.encode("utf-8", "replace").decode("utf-8")
    mark = hashlib.sha256(f"{name}\n{province}\n{from_inbox}".encode()).hexdigest()
    folder = work_dir / "inbox" / f"{digest[:24]}-{mark[:8]}"
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    path = claim_path.absolute()
    claim = Claim(folder / f"content{content_suffix(name)}" if from_inbox else path, name, digest, size, province,
                  received_at, from_inbox, **asked)  # fmt: skip
    write_json(folder / _FILE, asdict(claim))
    if from_inbox:  # last: until it is moved, the file still waits in the inbox
        shutil.move(claim_path, claim.path)
    return folder


def load_claim(folder: Path) -> Claim:
    """What a work folder is about. Raises Terminal when it cannot be read."""
    body = read_json(folder / _FILE)
    if body is None:
        raise Terminal(f"{folder} holds no claim", "hand the file in again")
    try:
        body["received_at"] = datetime.fromisoformat(body["received_at"])
        for name in ("path", "portal_list"):
            body[name] = Path(body[name]) if body[name] else None
        return Claim(**body)
    except (KeyError, TypeError, ValueError) as error:
        raise Terminal(f"{folder} holds no readable claim: {error}", "hand the file in again") from error


def unanswered(work_dir: Path) -> Iterator[Path]:
    """Work folders of files that were taken from the inbox and never answered: a process died."""
    for path in sorted((work_dir / "inbox").glob(f"*/{_FILE}")):
        try:
            claim = load_claim(path.parent)
        except Terminal as error:  # one broken folder must not stop all the others
            _LOG.warning("%s", error)
            continue
        if claim.from_inbox and claim.path.is_file():
            yield path.parent


def stranded(work_dir: Path) -> list[Path]:
    """Files in hand whose claim cannot be read any more: a person must move them back into the inbox."""
    found: list[Path] = []
    for path in sorted((work_dir / "inbox").glob("*/content*")):
        try:
            load_claim(path.parent)
        except Terminal:
            found.append(path)
    return found


def digest_of(path: Path) -> tuple[str, int]:
    """SHA-256 and length of a file, without holding it in memory."""
    with path.open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
        return digest, handle.tell()


def write_json(path: Path, body: Any) -> None:
    """A JSON file that is either whole or not there."""
    temporary = path.with_name(f".{path.name}")
    with temporary.open("w", encoding="utf-8") as file:
        # ASCII: a name that is no Unicode (a path's undecodable bytes) is written as it is.
        json.dump(body, file, indent=1, default=str)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """What it holds, or None where there is no such file. Raises Terminal when it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Terminal(f"{path} cannot be read: {error}", "hand the file in again") from error
