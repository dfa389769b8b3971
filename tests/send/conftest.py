"""A release on disk, and receivers of every kind that keep files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sending_release import SECRET, TOKEN, Receiver, release, target
from sending_sftp_server import SftpReceiver, sftp_target
from sending_web_server import WebReceiver

from etl.send import OutgoingFile


@pytest.fixture
def files(tmp_path: Path) -> list[OutgoingFile]:
    return release(tmp_path / "release")


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpReceiver]:
    (tmp_path / "sftp" / "nhan").mkdir(parents=True)
    with SftpReceiver(tmp_path / "sftp", SECRET) as receiver:
        yield receiver


@pytest.fixture
def web(tmp_path: Path) -> Iterator[WebReceiver]:
    with WebReceiver(tmp_path / "web", token=TOKEN) as receiver:
        yield receiver


@pytest.fixture
def plain_web(tmp_path: Path) -> Iterator[WebReceiver]:
    with WebReceiver(tmp_path / "web", token=TOKEN, webdav=False) as receiver:
        yield receiver


@pytest.fixture(params=["folder", "sftp", "http move", "http none"])
def receiver(request: pytest.FixtureRequest, tmp_path: Path) -> Receiver:
    """Each kind that keeps files, ready to take a release."""
    kind = request.param
    if kind == "folder":
        root = tmp_path / "nhan"
        root.mkdir()
        return Receiver(target(kind="folder", path=root), root)
    if kind == "sftp":
        sftp: SftpReceiver = request.getfixturevalue("sftp")
        made = Receiver(sftp_target(sftp), sftp.root / "nhan", sftp.renamed)
        made.break_off = lambda: setattr(sftp, "drop_after", 50_000)
        return made
    web: WebReceiver = request.getfixturevalue("web" if kind == "http move" else "plain_web")
    to = target(
        kind="http_put", url=web.url, rename=kind.split()[1], token_env="GUI_TOKEN", timeout_seconds=20
    )
    made = Receiver(to, web.root / "kho", web.final)
    made.break_off = lambda: web.faults.update(PUT=["drop"])
    return made
