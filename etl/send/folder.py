"""Releases into a folder: of this machine, or of a share that is mounted."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.errors import Terminal, Transient
from etl.send.deposit import Held, Occupied, Place, temporary
from etl.send.outgoing import OutgoingFile
from etl.send.targets import FolderTarget

# A person must act on these; everything else (EIO, ESTALE, ETIMEDOUT …) is a share having a bad moment.
_PERSON_MUST_ACT = {
    errno.EACCES: "let the account that runs the program write there",
    errno.EPERM: "let the account that runs the program write there",
    errno.EROFS: "the disk or share is mounted read-only: have it mounted for writing",
    errno.ENOSPC: "the disk is full: make room, then send again",
    errno.EDQUOT: "the quota is used up: make room, then send again",
    errno.EFBIG: "the file system does not take files so large: choose another folder",
    errno.ENAMETOOLONG: "the folder's path is too long: choose a shorter one",
    errno.ENOTDIR: "a file stands where a folder must be: move it away",
    errno.EISDIR: "a folder stands where a file must be: move it away",
    errno.ELOOP: "links lead in a circle: mend them",
    errno.EINVAL: "the file system does not take this name: choose another folder",
    errno.EILSEQ: "the file system does not take this name: choose another folder",
}
# File systems without hard links (FAT, many CIFS mounts) say one of these.
_NO_HARD_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


class FolderStore:
    """``etl.send.deposit.Store`` on a file system. The target's own folder must be there already."""

    renames = True

    def __init__(self, target: FolderTarget) -> None:
        self._root = target.path
        if target.mount_point is not None and not os.path.ismount(target.mount_point):
            raise Transient(
                f"{target.name}: no share is mounted at {target.mount_point}",
                "have the share mounted; the next try sends what is missing",
            )
        with _told(self._root):
            there = self._root.is_dir()
        if not there:
            raise Terminal(
                f"{target.name}: the folder {self._root} is not there",
                "correct path in targets.yml, or make the folder",
            )

    def make_folder(self, place: Place) -> None:
        for depth in range(1, len(place) + 1):
            folder = self._root.joinpath(*place[:depth])
            with _told(folder):
                try:
                    folder.mkdir()
                except FileExistsError:
                    self._refuse_link(folder)
                else:
                    _sync(folder.parent)

    def compare(self, place: Place, file: OutgoingFile, *, content: bool) -> Held:
        for depth in range(1, len(place)):
            self._refuse_link(self._root.joinpath(*place[:depth]))
        path = self._root.joinpath(*place)
        with _told(path):
            try:
                facts = path.lstat()
            except FileNotFoundError:
                return Held.NOTHING
            if not stat.S_ISREG(facts.st_mode) or facts.st_size != file.size:
                return Held.OTHER
            if content:
                with path.open("rb") as there:
                    if hashlib.file_digest(there, "sha256").hexdigest() != file.sha256:
                        return Held.OTHER
                if not place[-1].startswith("."):
                    # A try that ended between link and unlink has left its second name behind.
                    left = self._root.joinpath(*temporary(place))
                    if os.path.lexists(left):
                        left.unlink()
        return Held.SAME

    def upload(self, place: Place, file: OutgoingFile, data: bytes) -> None:
        path = self._root.joinpath(*place)
        with _told(path):
            path.unlink(missing_ok=True)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(data)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError:
                path.unlink(missing_ok=True)  # what is half must not fill a disk that is full
                raise

    def rename(self, source: Place, target: Place) -> None:
        old, new = self._root.joinpath(*source), self._root.joinpath(*target)
        with _told(new):
            try:
                os.link(old, new, follow_symlinks=False)  # unlike rename() it never replaces
            except FileExistsError:
                raise Occupied from None
            except OSError as error:
                if error.errno not in _NO_HARD_LINKS:
                    raise
                if os.path.lexists(new):
                    raise Occupied from None
                old.rename(new)
            else:
                old.unlink()
            _sync(new.parent)

    def discard(self, place: Place) -> None:
        path = self._root.joinpath(*place)
        with _told(path):
            path.unlink(missing_ok=True)

    def receipt(self) -> str:
        return "read back from the folder, SHA-256 of every file agrees"

    def _refuse_link(self, folder: Path) -> None:
        with _told(folder):
            try:
                facts = folder.lstat()
            except FileNotFoundError:
                return
        if not stat.S_ISDIR(facts.st_mode):
            raise Terminal(
                f"{folder} is a link or a file where the release's folder must be",
                "move it away; a link could lead the documents to another place",
            )


def _sync(folder: Path) -> None:
    """Make a new name survive a power cut. Some network shares know no fsync of folders: EINVAL is no failure."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):
            raise
    finally:
        os.close(handle)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        what = f"{path} cannot be written or read: {error.strerror or error}"
        remedy = _PERSON_MUST_ACT.get(error.errno or 0)
        if remedy is not None:
            raise Terminal(what, remedy) from error
        raise Transient(
            what, "the next try sends what is missing; look at the share if it stays so"
        ) from error
