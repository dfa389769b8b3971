"""The folder where staff drop files: what waits there, and where a file goes when it is answered.

``<inbox>/`` holds files of the installation's own province, ``<inbox>/<slug>/`` those of
another. A file that was answered stands in ``accepted/`` or ``refused/`` beside its receipt.
The name a person gave a file is shown to people and is never used to find anything.
"""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

ACCEPTED, REFUSED = "accepted", "refused"
RECEIPT_SUFFIXES = (".receipt.html", ".receipt.json")
# Uploads under way and what office programs leave beside a file that is open.
_UNFINISHED = (".tmp", ".part", ".partial", ".crdownload", ".filepart")
_MARKERS = ("~$", ".~lock", ".")
# Extensions the guard can judge; any other name is kept as a name only.
_KNOWN_SUFFIXES = frozenset({
    ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".csv", ".tsv", ".txt", ".json", ".html", ".htm", ".xml", ".pdf",
    ".docx", ".doc", ".zip",
})  # fmt: skip
_LONGEST_NAME, _LONGEST_SUFFIX = 120, 10
# File systems allow 255 bytes in a name, and a Vietnamese letter takes up to three; the receipt's ending takes 13.
_LONGEST_NAME_BYTES = 255 - max(map(len, RECEIPT_SUFFIXES))


@dataclass(frozen=True)
class Waiting:
    """A file that lies in the inbox: where, the slug of the subfolder it lies in (None: the top), and when
    it was last changed (seconds since 1970)."""

    path: Path
    province: str | None
    changed_at: float


class Inbox:
    """The folder on a file system. Links, folders and special files in it are never followed or read."""

    def __init__(self, folder: Path, provinces: Set[str] = frozenset()) -> None:
        self.folder = folder
        self.provinces = provinces

    def waiting(self, now: float, settle_seconds: float) -> list[Waiting]:
        """Files that have not changed for ``settle_seconds`` (``now``: seconds since 1970), by name.

        A file still being written is left for the next look.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        found = list(_files(self.folder, None, now, settle_seconds))
        for slug in sorted(self.provinces):
            folder = self.folder / slug
            # A link may lead anywhere, and a file may be called as a province is; of a folder that may not
            # be listed nothing can be said. None of them may keep the other files waiting.
            if folder.is_dir() and not folder.is_symlink() and os.access(folder, os.R_OK | os.X_OK):
                found += _files(folder, slug, now, settle_seconds)
        return found

    def place(self, name: str, verdict: str, mark: str) -> Path:
        """Where an answered file of that name belongs. ``mark`` tells it from other files of the same name."""
        folder = self.folder / verdict
        folder.mkdir(parents=True, exist_ok=True)
        shown = Path(safe_name(name))
        ending = f".{mark}{shown.suffix}"
        stem = shown.stem.encode()[: _LONGEST_NAME_BYTES - len(ending.encode())].decode("utf-8", "ignore")
        return folder / f"{stem}{ending}"


def safe_name(name: str) -> str:
    """A name that is only a name: letters, digits, blanks and ``. _ - ( )``, at most 120 characters."""
    composed = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    kept = "".join(letter if letter.isalnum() or letter in " ._-()" else "_" for letter in composed)
    plain = kept.strip(". ") or "tep"
    suffix = Path(plain).suffix
    if len(suffix) > _LONGEST_SUFFIX:
        return plain[:_LONGEST_NAME]
    return f"{plain.removesuffix(suffix)[: _LONGEST_NAME - len(suffix)]}{suffix}"


def content_suffix(name: str) -> str:
    """The extension to keep a file's content under: a known one in small letters, else none."""
    suffix = Path(name).suffix.lower()
    return suffix if suffix in _KNOWN_SUFFIXES else ""


def _files(folder: Path, province: str | None, now: float, settle_seconds: float) -> Iterator[Waiting]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except FileNotFoundError:  # taken away since it was looked for
        return
    for entry in entries:
        name = entry.name.lower()
        if name.startswith(_MARKERS) or name.endswith(_UNFINISHED + RECEIPT_SUFFIXES):
            continue
        try:
            facts = entry.stat(follow_symlinks=False)
        except FileNotFoundError:  # taken away between the two calls
            continue
        # A clock that was ahead must not keep a file waiting until its day has come: then the hour of its
        # last change as this machine's kernel has it.
        changed_at = facts.st_mtime if facts.st_mtime <= now else facts.st_ctime
        settled = stat.S_ISREG(facts.st_mode) and changed_at <= now - settle_seconds
        if settled and os.access(entry.path, os.R_OK):  # what may not be read would stop all others
            yield Waiting(Path(entry.path), province, changed_at)
