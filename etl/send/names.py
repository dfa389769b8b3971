"""Names that every store can hold: what leaves the office lands on Linux, Windows shares and web servers alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from etl.errors import Terminal

# ext4 and NTFS hold 255 bytes or units; ".part" and the leading dot of the temporary name need six of them.
_LONGEST_SEGMENT_BYTES = 200
_LONGEST_NAME_BYTES = 800
_WINDOWS_FORBIDS = frozenset('<>:"|?*\\')
_WINDOWS_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
# Cc control, Cf format (bidi overrides, zero widths), Cs lone surrogates, Co/Cn unassigned, Zl/Zp line separators.
_UNSEEN = frozenset(["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"])


def safe_path(name: str, what: str = "file name") -> tuple[str, ...]:
    """The segments of a relative path with ``/``; raises Terminal on anything that could lead elsewhere.

    Refused: empty, absolute, ``..``, empty segments, backslashes, drive letters, control and invisible
    characters, Windows' reserved names and characters, a leading dot (temporary names begin with one),
    a trailing dot or space (Windows drops them), and what is too long for a file system.
    """
    if problem := _problem(name):
        raise Terminal(
            f"the {what} {name[:120]!a} cannot be sent: {problem}",
            "give it a plain relative name, such as data/scores.csv, and build the release again",
        )
    return tuple(name.split("/"))


def refuse_clashes(names: Iterable[str]) -> None:
    """Raises Terminal where two names are one on a store that folds case, or one is a folder of another."""
    taken: dict[str, str] = {}
    for name in names:
        key = _folded(name)
        if key in taken:
            raise Terminal(
                f"two files would have one name at the receiver: {taken[key]!a} and {name!a}",
                "give each file a name that differs by more than upper and lower case",
            )
        taken[key] = name
    for key, name in taken.items():
        parts = key.split("/")
        for depth in range(1, len(parts)):
            if "/".join(parts[:depth]) in taken:
                raise Terminal(
                    f"{taken['/'.join(parts[:depth])]!a} would be both a file and the folder of {name!a}",
                    "rename one of them and build the release again",
                )


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _problem(name: str) -> str | None:
    if not name:
        return "it is empty"
    if any(unicodedata.category(letter) in _UNSEEN for letter in name):
        return "it holds a control or invisible character"
    if forbidden := sorted(_WINDOWS_FORBIDS.intersection(name)):
        return f"it holds {' '.join(forbidden)}, which a Windows share cannot keep or reads as a path"
    if name.startswith("/"):
        return "it is an absolute path"
    if len(name.encode()) > _LONGEST_NAME_BYTES:
        return f"it is longer than {_LONGEST_NAME_BYTES} bytes"
    for segment in name.split("/"):
        if problem := _segment_problem(segment):
            return problem
    return None


def _segment_problem(segment: str) -> str | None:
    if segment in ("", ".", ".."):
        return "it has an empty segment, '.' or '..'"
    if segment.startswith("."):
        return f"the segment {segment!a} begins with a dot, as temporary names do"
    if segment.endswith((".", " ")) or segment.startswith(" "):
        return f"the segment {segment!a} begins with a space or ends in a dot or space, which Windows drops"
    if segment.split(".")[0].rstrip(" ").casefold() in _WINDOWS_DEVICES:
        return f"the segment {segment!a} is a device of Windows"
    if len(segment.encode()) > _LONGEST_SEGMENT_BYTES:
        return f"the segment {segment[:40]!a}… is longer than {_LONGEST_SEGMENT_BYTES} bytes"
    return None
