"""What is sent and what comes back: files, the words around them, the receiver's acknowledgement."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from etl.errors import Terminal
from etl.send.names import refuse_clashes, safe_path

MANIFEST = "manifest.json"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(; ?charset=[A-Za-z0-9-]+)?")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class OutgoingFile:
    """One file of a release: ``name`` relative with ``/``, ``path`` on disk, ``sha256`` in hex, ``size`` in bytes."""

    name: str
    path: Path
    sha256: str
    size: int
    media_type: str


@dataclass(frozen=True)
class Message:
    """The words of an e-mail about a release. ``release_id`` is what makes its Message-ID, the same at every try.

    ``period_vi`` as in "tháng 9/2026"; ``office_vi`` signs; ``notes_vi`` are whole sentences (provisional
    figures, what a correction corrects). The other kinds of target need none of it.
    """

    release_id: str
    release_no: int
    province_vi: str
    period_vi: str
    office_vi: str
    notes_vi: tuple[str, ...] = ()


@dataclass(frozen=True)
class Acknowledgement:
    """A target holds the whole release.

    ``files``/``bytes``: what it holds of this release; ``sent``: how many of the files went over in this call, the
    others were there already with the same content; ``attempts``: tries in this call; ``receipt``: the receiver's
    own words (server's reply, Message-ID, ETag) or what was verified; ``at``: as handed in.
    """

    target: str
    kind: str
    files: int
    bytes: int
    sent: int
    attempts: int
    receipt: str
    at: datetime


def in_sending_order(files: Sequence[OutgoingFile]) -> tuple[OutgoingFile, ...]:
    """The files as given, the manifest last: whoever sees it may take everything it names.

    Raises Terminal where a name could lead elsewhere, two names clash, there is no manifest, or a file is no
    longer what the release says (size, SHA-256).
    """
    for file in files:
        safe_path(file.name)
    refuse_clashes(file.name for file in files)
    manifests = [file for file in files if file.name == MANIFEST]
    if not manifests:
        raise Terminal(
            f"there is no {MANIFEST} among the {len(files)} files, so a receiver could not tell when they are whole",
            "send the release with its manifest",
        )
    for file in files:
        read_checked(file)
    return (*(file for file in files if file.name != MANIFEST), *manifests)


def read_checked(file: OutgoingFile) -> bytes:
    """A file's bytes. Raises Terminal unless they are what the release says they are."""
    rebuild = "find out what changed the file; restore it from the release, or make a new release"
    if not _SHA256.fullmatch(file.sha256) or file.size < 0 or not _MEDIA_TYPE.fullmatch(file.media_type):
        raise Terminal(
            f"{file.name}: size, SHA-256 or media type cannot be used"
            f" ({file.size}, {file.sha256[:70]!a}, {file.media_type[:70]!a})",
            "hand in the release's own list of files",
        )
    try:
        content = file.path.read_bytes()
    except OSError as error:
        raise Terminal(f"{file.name} cannot be read: {error.strerror or error}", rebuild) from error
    if len(content) != file.size or hashlib.sha256(content).hexdigest() != file.sha256:
        raise Terminal(
            f"{file.name} is not the file that was released: {len(content):,} bytes instead of {file.size:,},"
            " or another SHA-256",
            rebuild,
        )
    return content
