"""A release laid down in a store, file by file, so that no reader ever sees half of one.

The same three promises on a disk, over SFTP and over HTTP: a file stands under its final name only when it is
whole; the manifest comes last; what stands under a final name is never replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from etl.errors import Terminal, Transient
from etl.send.names import safe_path
from etl.send.outgoing import OutgoingFile, read_checked

Place = tuple[str, ...]  # segments below the target's own folder, the last one the file's name


class Held(Enum):
    """What stands at a place: nothing, the very file, or something else."""

    NOTHING = "nothing"
    SAME = "same"
    OTHER = "other"


class Store(Protocol):
    """What a kind of target can do. Every method raises Terminal or Transient and nothing else.

    ``renames`` false: the store has no renaming, ``upload`` writes to the final name and must itself refuse
    to replace. ``compare`` asks for the content, or for the size only where ``content`` is false or the target
    is set so. ``rename`` never replaces: it raises Occupied where something stands.
    """

    renames: bool

    def make_folder(self, place: Place) -> None: ...

    def compare(self, place: Place, file: OutgoingFile, *, content: bool) -> Held: ...

    def upload(self, place: Place, file: OutgoingFile, data: bytes) -> None: ...

    def rename(self, source: Place, target: Place) -> None: ...

    def discard(self, place: Place) -> None: ...

    def receipt(self) -> str: ...


class Occupied(Exception):
    """Something stands at the place by now; only deposit() meets it."""


@dataclass(frozen=True)
class Deposited:
    """How many files went over now, and what the receiver said of them."""

    sent: int
    receipt: str


def temporary(place: Place) -> Place:
    """The name a file has while it is on its way: always the same, so that a broken-off try is written over."""
    return (*place[:-1], f".{place[-1]}.part")


def deposit(store: Store, files: Sequence[OutgoingFile], folder: str) -> Deposited:
    """Lay ``files`` (manifest last) down under ``folder``; those that are there already stay untouched.

    Nothing is written before every final name has been looked at: where another content stands under one of
    them, it raises Terminal and the store is as it was.
    """
    base = safe_path(folder, "release folder")
    missing: list[tuple[OutgoingFile, Place]] = []
    for file in files:
        place = (*base, *safe_path(file.name))
        held = store.compare(place, file, content=True)
        if held is Held.OTHER:
            raise _another_content(place)
        if held is Held.NOTHING:
            missing.append((file, place))
    for file, place in missing:
        store.make_folder(place[:-1])
        _place(store, file, place)
    return Deposited(len(missing), store.receipt())


def _place(store: Store, file: OutgoingFile, place: Place) -> None:
    on_its_way = temporary(place) if store.renames else place
    try:
        store.upload(on_its_way, file, read_checked(file))
        if store.compare(on_its_way, file, content=True) is not Held.SAME:
            if store.renames:
                store.discard(on_its_way)
            raise Transient(
                f"{'/'.join(place)} did not arrive as it was sent",
                "the next try sends it anew; if it stays so, something on the way changes files",
            )
        if store.renames:
            store.rename(on_its_way, place)
    except Occupied:
        # Another run was quicker, or an answer got lost on an earlier try.
        if store.renames:
            store.discard(on_its_way)
        if store.compare(place, file, content=True) is not Held.SAME:
            raise _another_content(place) from None
        return
    if store.renames and store.compare(place, file, content=False) is not Held.SAME:
        raise Transient(
            f"{'/'.join(place)} was renamed, but it does not stand there with its {file.size:,} bytes",
            "the next try looks again; if it stays so, ask the receiver what moves files away",
        )


def _another_content(place: Place) -> Terminal:
    return Terminal(
        f"{'/'.join(place)} is there already with another content; nothing was replaced",
        "a release that was sent is never changed: make a new release, or ask the receiver who wrote that file",
    )
