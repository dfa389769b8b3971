"""Passwords and tokens: read at the last moment, from a private file or from what the edge hands in, never shown."""

from __future__ import annotations

import base64
import os
import stat
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import SecretStr

from etl.errors import BochisoError, Terminal, Transient

_LARGEST_SECRET_BYTES = 4096
_LARGEST_KEY_BYTES = 64 * 1024
HIDDEN = "[secret]"
# A "secret" of one to three letters would black out half of every message.
_SHORTEST_HIDDEN = 4


def secret_of(
    file: Path | None, variable: str | None, secrets: Mapping[str, str], key: str
) -> SecretStr | None:
    """The secret a target names, or None where it names none; ``key`` (``password``, ``token``) is for messages.

    Raises Terminal where the file is not private, not one line of text, or the variable is not set.
    """
    if file is not None:
        text = private_text(file, f"{key}_file", _LARGEST_SECRET_BYTES).rstrip("\r\n")
        source, remedy = f"{key}_file {file}", "write the secret into the file as its only line"
    elif variable is not None:
        text = secrets.get(variable, "")
        source = f"{key}_env {variable}"
        remedy = f"set the variable {variable} for the program that sends, or use {key}_file"
    else:
        return None
    if not text:
        raise Terminal(f"{source} is empty or not set", remedy)
    if not text.isprintable():
        raise Terminal(f"{source} holds more than one line, or control characters", remedy)
    return SecretStr(text)


def private_text(file: Path, key: str, largest_bytes: int = _LARGEST_KEY_BYTES) -> str:
    """The text of a file that only its owner can read. Raises Terminal where others can, or it cannot be read."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)  # a named pipe must not hold us up
    except OSError as error:
        raise Terminal(
            f"{key} {file} cannot be opened: {error.strerror}",
            f"correct {key} in targets.yml, or give the account that runs the program this file",
        ) from error
    try:
        _refuse_unless_private(file, key, os.fstat(handle))
        with os.fdopen(handle, "rb", closefd=False) as opened:
            content = opened.read(largest_bytes + 1)
    finally:
        os.close(handle)
    if len(content) > largest_bytes:
        raise Terminal(f"{key} {file} is larger than {largest_bytes} bytes", f"correct {key} in targets.yml")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        # Without the cause: it would carry the bytes.
        raise Terminal(f"{key} {file} is not UTF-8 text", "save the file as plain text") from None


def _refuse_unless_private(file: Path, key: str, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise Terminal(f"{key} {file} is not a file", f"correct {key} in targets.yml")
    if facts.st_mode & 0o077:
        raise Terminal(
            f"{key} {file} can be read or written by others (mode {stat.S_IMODE(facts.st_mode):04o})",
            f"run: chmod 600 {file}   and change the secret if others may have read it",
        )
    if facts.st_uid not in (0, os.geteuid()):
        raise Terminal(
            f"{key} {file} belongs to another user (uid {facts.st_uid})",
            "let the account that runs the program own the file",
        )


def hide(text: str, secrets: Iterable[SecretStr]) -> str:
    """``text`` with every secret blacked out, also as servers echo it: base64, base64 of a login, percent-encoded."""
    for secret in secrets:
        plain = secret.get_secret_value()
        if len(plain) < _SHORTEST_HIDDEN:
            continue
        for form in _forms(plain):
            text = text.replace(form, HIDDEN)
    return text


def _forms(plain: str) -> list[str]:
    raw = plain.encode()
    encoded = base64.b64encode(raw).decode()
    # Inside a longer base64 text ("user:secret") the secret may begin at any of three offsets; its inner letters
    # are then the same whatever stands around it.
    inner = [
        base64.b64encode(b"\0" * shift + raw).decode()[4 : -4 if len(raw) > 6 else None] for shift in (1, 2)
    ]
    aligned = encoded.rstrip("=")[: len(raw) // 3 * 4]
    forms = [plain, urllib.parse.quote(plain, safe=""), encoded, aligned, *inner]
    return sorted({form for form in forms if len(form) >= _SHORTEST_HIDDEN}, key=len, reverse=True)


def without_secrets(error: BochisoError, secrets: Iterable[SecretStr]) -> BochisoError:
    """``error`` fit for a log. One whose words or causes hold a secret is made anew, cut off from its causes."""
    secrets = tuple(secrets)
    told: list[str] = []
    link: BaseException | None = error
    while link is not None and len(told) < 20:
        told.append(f"{link!s} {link!r}")
        link = link.__cause__ or link.__context__
    if all(hide(text, secrets) == text for text in told):
        return error
    kind = Transient if isinstance(error, Transient) else Terminal
    return kind(hide(error.message, secrets), hide(error.remedy, secrets))
