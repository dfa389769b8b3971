"""A folder or share: full, not permitted, not mounted, with links, broken off."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sending_release import FOLDER, WHOLE, Receiver, bring, target

from etl.errors import Terminal, Transient
from etl.send import OutgoingFile


@pytest.fixture
def share(tmp_path: Path) -> Receiver:
    root = tmp_path / "share"
    root.mkdir()
    return Receiver(target(kind="folder", path=root), root)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file of this process may grow beyond ``size`` bytes: a disk that is full in the middle of a file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_no_room_in_the_middle_of_a_file_leaves_nothing_of_it(
    share: Receiver, files: list[OutgoingFile]
) -> None:
    with largest_file(100_000), pytest.raises(Terminal, match="cannot be written") as caught:
        bring(share.to, files)
    assert "choose another folder" in caught.value.remedy
    assert share.holds() == {}
    assert bring(share.to, files).sent == 5
    assert share.holds() == WHOLE


@pytest.mark.parametrize(
    ("code", "kind", "tries", "words"),
    [
        (errno.ENOSPC, Terminal, 1, "the disk is full"),
        (errno.EDQUOT, Terminal, 1, "the quota is used up"),
        (errno.EROFS, Terminal, 1, "mounted read-only"),
        (errno.ESTALE, Transient, 3, "look at the share"),
        (errno.EIO, Transient, 3, "look at the share"),
    ],
)
def test_what_a_person_must_mend_is_not_tried_again(
    code: int,
    kind: type[Exception],
    tries: int,
    words: str,
    share: Receiver,
    files: list[OutgoingFile],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = []

    def failing(handle: int) -> None:
        if os.path.isfile(f"/proc/self/fd/{handle}"):
            called.append(handle)
            raise OSError(code, os.strerror(code))

    waits: list[float] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(kind, match=os.strerror(code)) as caught:
            bring(share.to, files, waits)
    assert words in str(caught.value)
    assert (len(called), len(waits)) == (tries, tries - 1)
    assert share.holds() == {}


def test_a_process_that_died_left_half_a_file_that_is_written_over(
    share: Receiver, files: list[OutgoingFile]
) -> None:
    base = share.root / FOLDER
    base.mkdir(parents=True)
    (base / ".trang.html.part").write_bytes(b"<!doct")
    bring(share.to, files)
    assert share.holds() == WHOLE


def test_a_process_that_died_between_link_and_unlink_leaves_no_second_name(
    share: Receiver, files: list[OutgoingFile]
) -> None:
    bring(share.to, files)
    base = share.root / FOLDER
    os.link(base / "trang.html", base / ".trang.html.part")
    assert bring(share.to, files).sent == 0
    assert share.holds() == WHOLE


def test_a_file_system_without_hard_links_serves_as_well(
    share: Receiver, files: list[OutgoingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def no_links(old: Path, new: Path, **_: object) -> None:
        asked.append(new)
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", no_links)
    bring(share.to, files)
    assert len(asked) == 5
    assert share.holds() == WHOLE


def test_another_run_that_was_quicker_is_no_failure_and_its_file_stays(
    share: Receiver, files: list[OutgoingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def beaten(old: Path, new: Path, **keys: bool) -> None:
        Path(new).write_bytes(
            WHOLE["trang.html"] if Path(new).name == "trang.html" else Path(old).read_bytes()
        )
        link(old, new, **keys)

    monkeypatch.setattr(os, "link", beaten)
    bring(share.to, files)
    assert share.holds() == WHOLE


def test_another_content_that_came_meanwhile_is_not_replaced(
    share: Receiver, files: list[OutgoingFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = os.link

    def beaten(old: Path, new: Path, **keys: bool) -> None:
        Path(new).write_bytes(b"theirs")
        link(old, new, **keys)

    monkeypatch.setattr(os, "link", beaten)
    with pytest.raises(Terminal, match="another content"):
        bring(share.to, files)
    assert set(share.holds().values()) == {b"theirs"}


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an account without rights")
@pytest.mark.parametrize("case", ["may not write", "may not even look"])
def test_no_permission_is_a_persons_matter(case: str, files: list[OutgoingFile]) -> None:
    above = Path(tempfile.mkdtemp())  # pytest's own folders cannot be entered by that account
    try:
        above.chmod(0o755)
        shutil.copytree(files[0].path.parent, above / "release")
        moved = [replace(file, path=above / "release" / file.name) for file in files]
        root = above / "closed" / "share"
        root.mkdir(parents=True)
        root.parent.chmod(0o755 if case == "may not write" else 0o700)
        with as_nobody(), pytest.raises(Terminal, match="Permission denied") as caught:
            bring(target(kind="folder", path=root), moved)
        assert "let the account that runs the program write there" in caught.value.remedy
        assert list(root.iterdir()) == []
    finally:
        shutil.rmtree(above)


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match="is not there"):
        bring(target(kind="folder", path=tmp_path / "share"), files)
    assert not (tmp_path / "share").exists()


def test_a_share_that_is_not_mounted_gets_nothing(tmp_path: Path, files: list[OutgoingFile]) -> None:
    (tmp_path / "share").mkdir()
    waits: list[float] = []
    with pytest.raises(Transient, match=r"no share is mounted at .*\(after 3 tries\)"):
        bring(target(kind="folder", path=tmp_path / "share", mount_point=tmp_path), files, waits)
    assert waits == [1.0, 2.0]
    assert list((tmp_path / "share").iterdir()) == []


def test_a_mounted_share_gets_it(tmp_path: Path, files: list[OutgoingFile]) -> None:
    (tmp_path / "share").mkdir()
    mount = tmp_path
    while not mount.is_mount():
        mount = mount.parent
    told = bring(target(kind="folder", path=tmp_path / "share", mount_point=mount), files)
    assert told.sent == 5


@pytest.mark.parametrize("level", ["phu_tho", "phu_tho/2026-09/2", "phu_tho/2026-09/2/data"])
def test_a_link_that_leads_elsewhere_is_not_followed(
    level: str, share: Receiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (share.root / level).parent.mkdir(parents=True, exist_ok=True)
    (share.root / level).symlink_to(elsewhere)
    with pytest.raises(Terminal, match="is a link or a file"):
        bring(share.to, files)
    assert list(elsewhere.iterdir()) == []


def test_a_link_under_a_final_name_or_a_temporary_one_is_not_written_through(
    share: Receiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    base = share.root / FOLDER
    base.mkdir(parents=True)
    (base / ".trang.html.part").symlink_to(precious)
    bring(share.to, files)
    assert precious.read_bytes() == b"mine"
    (base / "trang.html").unlink()
    (base / "trang.html").symlink_to(precious)
    with pytest.raises(Terminal, match="another content"):
        bring(share.to, files)
    assert precious.read_bytes() == b"mine"
