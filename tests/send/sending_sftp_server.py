"""A small SFTP server on 127.0.0.1 that keeps files in a folder and misbehaves on demand."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any, Self

import paramiko
from paramiko import SFTP_FAILURE, SFTP_OK, SFTP_PERMISSION_DENIED, SFTPAttributes, SFTPHandle, SFTPServer
from sending_release import target

from etl.send import Target

USER = "gui-bao-cao"


def sftp_target(receiver: SftpReceiver, **changes: Any) -> Target:
    """The target that reaches ``receiver`` with the right password; ``None`` takes a key away."""
    keys: dict[str, Any] = {
        "kind": "sftp",
        "host": "127.0.0.1",
        "port": receiver.port,
        "user": USER,
        "folder": "/nhan",
        "host_keys": [receiver.host_key.fingerprint],
        "password_env": "GUI_MAT_KHAU",
        "timeout_seconds": 20,
    }
    return target(**{key: value for key, value in (keys | changes).items() if value is not None})


class SftpReceiver:
    """``drop_after`` bytes of the next upload the connection is cut, once. ``deny`` names operations that are not
    permitted (``write``, ``read``, ``rename``, ``mkdir``); ``full``: writes fail as on a full disk; ``garble``: so
    many uploads arrive with one byte changed. ``beaten``: another file
    stands under the new name a moment before a rename. ``silent_at``:
    an operation, or ``subsystem``, that is never answered. ``calls`` are (operation, path) as they came in."""

    def __init__(self, root: Path, password: str, authorized: paramiko.PKey | None = None) -> None:
        self.root = root
        self.password = password
        self.authorized = authorized
        self.host_key = paramiko.ECDSAKey.generate()
        self.drop_after: int | None = None
        self.deny: set[str] = set()
        self.full = False
        self.garble = 0
        self.beaten = False
        self.lose_rename_answer = False
        self.silent_at: str | None = None
        self.released = threading.Event()
        self.logins = 0
        self.calls: list[tuple[str, str]] = []
        self.renamed: list[str] = []
        self._transports: list[paramiko.Transport] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.cut()
        self._thread.join(5)

    def cut(self) -> None:
        """Every open connection ends at once, without a farewell."""
        for transport in self._transports:
            transport.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(self.host_key)
            transport.set_subsystem_handler("sftp", SFTPServer, _Files, self)
            self._transports.append(transport)
            try:
                transport.start_server(server=_Door(self))
            except (paramiko.SSHException, EOFError, OSError):
                continue  # the client did not like our key


class _Door(paramiko.ServerInterface):
    def __init__(self, receiver: SftpReceiver) -> None:
        self._receiver = receiver

    def get_allowed_auths(self, username: str) -> str:
        return "password,publickey"

    def check_auth_password(self, username: str, password: str) -> int:
        self._receiver.logins += 1
        fine = (username, password) == (USER, self._receiver.password)
        return paramiko.AUTH_SUCCESSFUL if fine else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._receiver.logins += 1
        fine = username == USER and key == self._receiver.authorized
        return paramiko.AUTH_SUCCESSFUL if fine else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return (
            paramiko.OPEN_SUCCEEDED if kind == "session" else paramiko.OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        )

    def check_channel_subsystem_request(self, channel: paramiko.Channel, name: str) -> bool:
        if self._receiver.silent_at == "subsystem":
            self._receiver.released.wait(30)
        return super().check_channel_subsystem_request(channel, name)


class _Handle(SFTPHandle):
    def __init__(self, receiver: SftpReceiver, path: Path, flags: int) -> None:
        super().__init__(flags)
        self._receiver = receiver
        self._taken = 0
        mode = "r+b" if flags & (os.O_WRONLY | os.O_RDWR) else "rb"
        self.file = path.open(mode)

    def read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(length)

    def write(self, offset: int, data: bytes) -> int:
        receiver = self._receiver
        if receiver.full:
            return SFTP_FAILURE
        if receiver.drop_after is not None and self._taken + len(data) > receiver.drop_after:
            data = data[: receiver.drop_after - self._taken]
            receiver.drop_after = None
            self.file.seek(offset)
            self.file.write(data)
            self.file.flush()
            receiver.cut()
            return SFTP_FAILURE
        if receiver.garble and offset == 0:
            receiver.garble -= 1
            data = bytes([data[0] ^ 1]) + data[1:]
        self._taken += len(data)
        self.file.seek(offset)
        self.file.write(data)
        self.file.flush()
        return SFTP_OK

    def stat(self) -> SFTPAttributes:
        return SFTPAttributes.from_stat(os.fstat(self.file.fileno()))

    def close(self) -> None:
        self.file.close()


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: Any, receiver: SftpReceiver) -> None:
        super().__init__(server)
        self._receiver = receiver

    def _at(self, operation: str, path: str) -> Path:
        self._receiver.calls.append((operation, path))
        if self._receiver.silent_at == operation:
            self._receiver.released.wait(30)
        return self._receiver.root / self.canonicalize(path).lstrip("/")

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> Any:
        operation = "write" if flags & (os.O_WRONLY | os.O_RDWR) else "read"
        there = self._at(operation, path)
        if operation in self._receiver.deny:
            return SFTP_PERMISSION_DENIED
        try:
            os.close(os.open(there, flags, 0o644))
            return _Handle(self._receiver, there, flags)
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def stat(self, path: str) -> Any:
        try:
            return SFTPAttributes.from_stat(self._at("stat", path).stat())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def lstat(self, path: str) -> Any:
        try:
            return SFTPAttributes.from_stat(self._at("lstat", path).lstat())
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)

    def mkdir(self, path: str, attr: SFTPAttributes) -> int:
        if "mkdir" in self._receiver.deny:
            return SFTP_PERMISSION_DENIED
        try:
            self._at("mkdir", path).mkdir()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        return SFTP_OK

    def remove(self, path: str) -> int:
        try:
            self._at("remove", path).unlink()
        except OSError as error:
            return SFTPServer.convert_errno(error.errno)
        return SFTP_OK

    def rename(self, oldpath: str, newpath: str) -> int:
        old, new = self._at("rename", oldpath), self._at("rename to", newpath)
        if "rename" in self._receiver.deny:
            return SFTP_PERMISSION_DENIED
        if self._receiver.beaten:
            new.write_bytes(b"theirs")
        if new.exists():
            return SFTP_FAILURE  # as OpenSSH does
        old.rename(new)
        self._receiver.renamed.append(newpath)
        if self._receiver.lose_rename_answer:
            self._receiver.lose_rename_answer = False
            self._receiver.cut()
        return SFTP_OK
