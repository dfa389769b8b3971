"""SFTP: who the server is, who we are, what it permits, what breaks off."""

from __future__ import annotations

import logging
import socket
import time
from pathlib import Path

import paramiko
import pytest
from sending_release import FOLDER, SECRET, WHOLE, assert_untold, bring, target
from sending_sftp_server import USER, SftpReceiver, sftp_target

from etl.errors import Terminal, Transient
from etl.send import OutgoingFile


def holds(sftp: SftpReceiver) -> dict[str, bytes]:
    base = sftp.root / "nhan" / FOLDER
    return {
        path.relative_to(base).as_posix(): path.read_bytes() for path in base.rglob("*") if path.is_file()
    }


def test_a_server_with_another_key_than_the_pinned_one_gets_neither_password_nor_files(
    sftp: SftpReceiver, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = paramiko.ECDSAKey.generate().fingerprint
    with pytest.raises(Terminal, match="is not the server we know") as caught:
        bring(sftp_target(sftp, host_keys=[other]), files)
    assert sftp.host_key.fingerprint in caught.value.message
    assert "by telephone" in caught.value.remedy
    assert (sftp.logins, sftp.calls) == (0, [])
    assert_untold(caught.value, caplog, SECRET)


def known_hosts(folder: Path, sftp: SftpReceiver, key: paramiko.PKey, host: str = "127.0.0.1") -> Path:
    path = folder / "known_hosts"
    path.write_text(f"[{host}]:{sftp.port} {key.get_name()} {key.get_base64()}\n")
    return path


def test_a_known_hosts_file_lets_the_right_server_in(
    sftp: SftpReceiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    path = known_hosts(tmp_path, sftp, sftp.host_key)
    told = bring(sftp_target(sftp, host_keys=None, known_hosts=path), files)
    assert sftp.host_key.fingerprint in told.receipt
    assert holds(sftp) == WHOLE


@pytest.mark.parametrize("case", ["another key", "another host", "empty"])
def test_a_server_that_known_hosts_does_not_know_is_refused_and_not_learnt(
    case: str, sftp: SftpReceiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    key = paramiko.ECDSAKey.generate() if case == "another key" else sftp.host_key
    host = "sftp.example.gov.vn" if case == "another host" else "127.0.0.1"
    path = known_hosts(tmp_path, sftp, key, host)
    if case == "empty":
        path.write_text("")
    before = path.read_bytes()
    with pytest.raises(Terminal, match=r"not the server we know|not in known_hosts") as caught:
        bring(sftp_target(sftp, host_keys=None, known_hosts=path), files)
    assert "only then change known_hosts" in caught.value.remedy
    assert path.read_bytes() == before
    assert sftp.logins == 0


def test_a_wrong_password_is_tried_once(
    sftp: SftpReceiver, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    waits: list[float] = []
    wrong = "sai-mật-khẩu-17"
    with pytest.raises(Terminal, match=f"does not let the user {USER} in") as caught:
        bring(sftp_target(sftp), files, waits, secrets={"GUI_MAT_KHAU": wrong})
    assert (sftp.logins, waits) == (1, [])
    assert "lock the account" in caught.value.remedy
    assert_untold(caught.value, caplog, wrong, SECRET)


def private_key(folder: Path, password: str | None = None) -> tuple[Path, paramiko.PKey]:
    key = paramiko.ECDSAKey.generate()
    path = folder / "id_gui"
    key.write_private_key_file(str(path), password=password)
    path.chmod(0o600)
    return path, key


@pytest.mark.parametrize("password", [None, "mat-khau-cua-khoa"])
def test_a_key_file_logs_in(
    password: str | None, sftp: SftpReceiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    path, sftp.authorized = private_key(tmp_path, password)
    to = sftp_target(sftp, key_file=path, password_env="GUI_MAT_KHAU" if password else None)
    assert bring(to, files, secrets={"GUI_MAT_KHAU": password or ""}).sent == 5
    assert holds(sftp) == WHOLE


@pytest.mark.parametrize("case", ["world-readable", "wrong password", "no key", "stranger"])
def test_a_key_file_that_cannot_serve_is_named(
    case: str, sftp: SftpReceiver, files: list[OutgoingFile], tmp_path: Path
) -> None:
    path, sftp.authorized = private_key(tmp_path, "khoa" if case == "wrong password" else None)
    if case == "world-readable":
        path.chmod(0o644)
    elif case == "no key":
        path.write_text("this is no key\n")
    elif case == "stranger":
        sftp.authorized = paramiko.ECDSAKey.generate()
    words = {"world-readable": "can be read or written by others", "stranger": "does not let the user"}
    to = sftp_target(sftp, key_file=path, password_env="GUI_MAT_KHAU" if case == "wrong password" else None)
    with pytest.raises(Terminal, match=words.get(case, "key_file .* is no Ed25519")) as caught:
        bring(to, files)
    assert SECRET not in str(caught.value)
    assert holds(sftp) == {}


@pytest.mark.parametrize("operation", ["write", "mkdir", "rename"])
def test_what_the_server_does_not_permit_is_a_persons_matter(
    operation: str, sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.deny = {operation}
    waits: list[float] = []
    with pytest.raises(Terminal, match="does not permit") as caught:
        bring(sftp_target(sftp), files, waits)
    assert "ask the receiver for the right to write" in caught.value.remedy
    assert waits == []
    assert [name for name in holds(sftp) if not name.endswith(".part")] == []


def test_an_account_that_may_not_read_is_served_by_size(
    sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.deny = {"read"}
    with pytest.raises(Terminal, match="does not permit") as caught:
        bring(sftp_target(sftp), files)
    assert "verify: size" in caught.value.remedy
    told = bring(sftp_target(sftp, verify="size"), files)
    assert "size of every file agrees" in told.receipt
    assert holds(sftp) == WHOLE
    assert bring(sftp_target(sftp, verify="size"), files).sent == 0


def test_a_full_server_is_told_and_no_final_name_stands(
    sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.full = True
    waits: list[float] = []
    with pytest.raises(Transient, match=r"failed while writing .*\(after 3 tries\)"):
        bring(sftp_target(sftp), files, waits)
    assert waits == [1.0, 2.0]
    assert [name for name in holds(sftp) if not name.endswith(".part")] == []
    sftp.full = False
    bring(sftp_target(sftp), files)
    assert holds(sftp) == WHOLE


def test_a_file_that_arrives_changed_never_gets_its_final_name(
    sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.garble = 1
    with pytest.raises(Transient, match="did not arrive as it was sent"):
        bring(sftp_target(sftp, attempts=1), files)
    assert holds(sftp) == {}
    sftp.garble = 1
    assert bring(sftp_target(sftp), files).attempts == 2
    assert holds(sftp) == WHOLE


def test_a_file_that_came_between_look_and_rename_is_not_replaced(
    sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.beaten = True
    with pytest.raises(Terminal, match="another content"):
        bring(sftp_target(sftp), files)
    assert list(holds(sftp).values()) == [b"theirs"]


def test_an_answer_that_got_lost_after_the_rename_sends_nothing_twice(
    sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.lose_rename_answer = True
    told = bring(sftp_target(sftp), files)
    assert told.attempts == 2
    assert holds(sftp) == WHOLE
    assert len(sftp.renamed) == len(set(sftp.renamed)) == 5
    written = [path for operation, path in sftp.calls if operation == "write"]
    assert len(written) == len(set(written)) == 5


def test_the_targets_own_folder_is_not_made(sftp: SftpReceiver, files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match="the server has no folder /nhaan"):
        bring(sftp_target(sftp, folder="/nhaan"), files)
    assert [path.name for path in sftp.root.iterdir()] == ["nhan"]


def test_nobody_there_is_transient(files: list[OutgoingFile], sftp: SftpReceiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Transient, match=r"noi-nhan: 127\.0\.0\.1"):  # accepts, says nothing
            bring(sftp_target(sftp, port=port, timeout_seconds=0.3, attempts=1), files)
    waits: list[float] = []
    with pytest.raises(
        Transient, match=r"failed while connecting.*\(after 3 tries\)"
    ):  # refuses the connection
        bring(sftp_target(sftp, port=port), files, waits)
    assert len(waits) == 2


@pytest.mark.parametrize("step", ["subsystem", "stat", "mkdir", "write", "rename"])
def test_a_server_that_falls_silent_is_left_in_time(
    step: str, sftp: SftpReceiver, files: list[OutgoingFile]
) -> None:
    sftp.silent_at = step
    start = time.monotonic()
    with pytest.raises(Transient, match="failed while"):
        bring(sftp_target(sftp, timeout_seconds=0.7, attempts=1), files)
    assert time.monotonic() - start < 20
    assert [name for name in holds(sftp) if not name.endswith(".part")] == []


def test_no_agent_and_no_key_of_the_account_is_offered(
    sftp: SftpReceiver, files: list[OutgoingFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    key = paramiko.ECDSAKey.generate()
    key.write_private_key_file(str(tmp_path / ".ssh" / "id_ecdsa"))
    sftp.authorized = key
    with pytest.raises(Terminal, match="does not let the user"):
        bring(sftp_target(sftp), files, secrets={"GUI_MAT_KHAU": "wrong-password"})
    assert sftp.logins == 1


def test_a_password_that_is_not_there_is_named(sftp: SftpReceiver, files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match="password_env GUI_MAT_KHAU is empty or not set"):
        bring(sftp_target(sftp), files, secrets={})
    assert sftp.logins == 0


def test_a_target_shows_no_secret(sftp: SftpReceiver, tmp_path: Path) -> None:
    path = tmp_path / "mat-khau"
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    to = sftp_target(sftp, password_env=None, password_file=path)
    assert SECRET not in f"{to!r} {to} {to.model_dump_json()}"
    assert target(**to.model_dump()) == to
