"""Releases over SFTP. The server must show the key that was agreed on; an unknown key is never learnt."""

from __future__ import annotations

import errno
import hashlib
import io
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import paramiko
from paramiko.ssh_exception import IncompatiblePeer
from pydantic import SecretStr

from etl.errors import Terminal, Transient
from etl.send.credentials import private_text
from etl.send.deposit import Held, Occupied, Place
from etl.send.outgoing import OutgoingFile
from etl.send.targets import SftpTarget

_PIECE = 32 * 1024  # what every SFTP server takes in one packet
_KEY_KINDS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_CHECK_KEY = (
    "nothing was sent; ask the receiver's administrator, by telephone, whether the server has a new key, and only"
    " then change known_hosts or host_keys"
)


class _KeyNotPinned(paramiko.SSHException):
    """The server shows a key that is not among the pinned ones."""


class _Pinned(paramiko.MissingHostKeyPolicy):
    def __init__(self, pins: tuple[str, ...]) -> None:
        self._pins = pins

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if key.fingerprint not in self._pins:
            raise _KeyNotPinned(f"it shows the {key.get_name()} key {key.fingerprint}")


class SftpStore:
    """``etl.send.deposit.Store`` over one SFTP connection; a context manager."""

    renames = True

    def __init__(self, target: SftpTarget, password: SecretStr | None) -> None:
        self._target = target
        self._client = paramiko.SSHClient()
        try:
            self._sftp = self._connect(password)
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError, EOFError, paramiko.SSHException):
            self._client.close()

    def _connect(self, password: SecretStr | None) -> paramiko.SFTPClient:
        target, client = self._target, self._client
        if target.known_hosts is not None:
            try:
                client.load_host_keys(str(target.known_hosts))
            except (OSError, UnicodeDecodeError) as error:
                raise Terminal(
                    f"{target.name}: known_hosts {target.known_hosts} cannot be read: {error}",
                    "correct known_hosts in targets.yml",
                ) from error
            client.set_missing_host_key_policy(paramiko.RejectPolicy())
        else:
            client.set_missing_host_key_policy(_Pinned(target.host_keys or ()))
        key = None
        if target.key_file is not None:
            text = private_text(target.key_file, "key_file")
            key = _private_key(text, password.get_secret_value() if password else None, target)
        with self._told("connecting", connecting=True):
            client.connect(
                target.host,
                target.port,
                username=target.user,
                password=password.get_secret_value() if password and key is None else None,
                pkey=key,
                allow_agent=False,
                look_for_keys=False,
                timeout=target.timeout_seconds,
                banner_timeout=target.timeout_seconds,
                auth_timeout=target.timeout_seconds,
                channel_timeout=target.timeout_seconds,
            )
            sftp = self._open_sftp()
        with self._told(f"looking for the folder {target.folder}"):
            try:
                mode = sftp.stat(target.folder).st_mode
            except FileNotFoundError:
                mode = None
        if mode is None or not stat.S_ISDIR(mode):
            raise Terminal(
                f"{target.name}: the server has no folder {target.folder} (of the user {target.user})",
                "correct folder in targets.yml, or ask the receiver to make it",
            )
        return sftp

    def _open_sftp(self) -> paramiko.SFTPClient:
        """As ``SSHClient.open_sftp``, which would wait for a silent server for ever."""
        transport = self._client.get_transport()
        if transport is None:
            raise paramiko.SSHException("the connection is gone")
        channel = transport.open_session(timeout=self._target.timeout_seconds)
        channel.settimeout(self._target.timeout_seconds)
        impatience = threading.Timer(self._target.timeout_seconds, transport.close)
        impatience.start()
        try:
            channel.invoke_subsystem("sftp")
        finally:
            impatience.cancel()
        return paramiko.SFTPClient(channel)

    def _path(self, place: Place) -> str:
        return "/".join([self._target.folder.rstrip("/"), *place])

    def make_folder(self, place: Place) -> None:
        for depth in range(1, len(place) + 1):
            path = self._path(place[:depth])
            with self._told(f"making the folder {path}"):
                if self._is_folder(path):
                    continue
                try:
                    self._sftp.mkdir(path, 0o755)
                except OSError:
                    if not self._is_folder(path):  # another run may have been quicker
                        raise

    def _is_folder(self, path: str) -> bool:
        try:
            mode = self._sftp.lstat(path).st_mode
        except FileNotFoundError:
            return False
        if mode is not None and not stat.S_ISDIR(mode):
            raise Terminal(
                f"{self._target.name}: {path} is a link or a file where the release's folder must be",
                "ask the receiver to move it away",
            )
        return True

    def compare(self, place: Place, file: OutgoingFile, *, content: bool) -> Held:
        path = self._path(place)
        with self._told(f"looking at {path}"):
            try:
                facts = self._sftp.lstat(path)
            except FileNotFoundError:
                return Held.NOTHING
            if (facts.st_mode is not None and not stat.S_ISREG(facts.st_mode)) or facts.st_size != file.size:
                return Held.OTHER
            if content and self._target.verify == "content":
                with self._sftp.open(path, "rb") as there:
                    there.prefetch(file.size)
                    digest = hashlib.sha256(there.read(file.size + 1)).hexdigest()
                return Held.SAME if digest == file.sha256 else Held.OTHER
        return Held.SAME

    def upload(self, place: Place, file: OutgoingFile, data: bytes) -> None:
        path = self._path(place)
        with self._told(f"writing {path}"), self._sftp.open(path, "wb") as there:
            # Not pipelined: paramiko then drops the server's refusals, and "disk full" would go unheard.
            for start in range(0, len(data), _PIECE):
                there.write(data[start : start + _PIECE])

    def rename(self, source: Place, target: Place) -> None:
        old, new = self._path(source), self._path(target)
        with self._told(f"renaming {old}"):
            try:
                # The plain rename of version 3: OpenSSH and others refuse it where the new name is taken.
                self._sftp.rename(old, new)
            except OSError:
                try:
                    self._sftp.lstat(new)
                except FileNotFoundError:
                    pass
                else:
                    raise Occupied from None
                raise

    def discard(self, place: Place) -> None:
        path = self._path(place)
        with self._told(f"removing {path}"), suppress(FileNotFoundError):
            self._sftp.remove(path)

    def receipt(self) -> str:
        transport = self._client.get_transport()
        key = transport.get_remote_server_key().fingerprint if transport else "unknown"
        how = (
            "SHA-256 of every file agrees"
            if self._target.verify == "content"
            else "size of every file agrees"
        )
        return f"read back over SFTP, {how}; server key {key}"

    @contextmanager
    def _told(self, doing: str, *, connecting: bool = False) -> Iterator[None]:
        """Every failure of the library as one of ours. ``connecting``: no file has been touched yet."""
        name, host = self._target.name, f"{self._target.host}:{self._target.port}"
        later = "the next try sends what is missing; check network and server if it stays so"
        try:
            yield
        except paramiko.BadHostKeyException as error:
            shown = error.key.fingerprint
            raise Terminal(
                f"{name}: {host} is not the server we know: it shows the key {shown}", _CHECK_KEY
            ) from error
        except _KeyNotPinned as error:
            raise Terminal(f"{name}: {host} is not the server we know: {error}", _CHECK_KEY) from error
        except paramiko.AuthenticationException as error:
            raise Terminal(
                f"{name}: {host} does not let the user {self._target.user} in ({type(error).__name__})",
                "check user, password or key with the receiver; several wrong tries may lock the account",
            ) from error
        except IncompatiblePeer as error:
            raise Terminal(
                f"{name}: {host} offers only methods that are no longer safe ({error})",
                "ask the receiver to bring the server up to date",
            ) from error
        except paramiko.SSHException as error:
            if connecting and "not found in known_hosts" in str(error):
                raise Terminal(f"{name}: the key of {host} is not in known_hosts", _CHECK_KEY) from error
            raise Transient(f"{name}: {host} failed while {doing}: {error}", later) from error
        except PermissionError as error:
            raise Terminal(
                f"{name}: {host} does not permit {doing}",
                "ask the receiver for the right to write, rename and read there (without reading: verify: size)",
            ) from error
        except (OSError, EOFError) as error:
            if error.args[:1] == (errno.ENOENT,):
                later = (
                    "something is gone that was there a moment ago: ask the receiver what moves files away"
                )
            raise Transient(
                f"{name}: {host} failed while {doing}: {type(error).__name__}: {error or 'no words'}", later
            ) from error


def _private_key(text: str, password: str | None, target: SftpTarget) -> paramiko.PKey:
    for kind in _KEY_KINDS:
        try:
            return kind.from_private_key(io.StringIO(text), password)
        except paramiko.PasswordRequiredException:
            break
        except (paramiko.SSHException, ValueError, TypeError, IndexError):
            continue
    raise Terminal(
        f"{target.name}: key_file {target.key_file} is no Ed25519, ECDSA or RSA key, or its password is missing or wrong",
        "correct key_file, and name the key's password by password_file or password_env",
    )
