"""Passwords, tokens and secret addresses: named in the channel file, kept elsewhere, shown nowhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from etl.notify.faults import ChannelUnusable

_LARGEST_SECRET_BYTES = 8192


def resolve(
    what: str,
    *,
    env: str | None,
    file: Path | None,
    folder: Path,
    secrets: Mapping[str, str],
) -> SecretStr | None:
    """The secret that ``env`` names in ``secrets`` or that stands in ``file`` (relative: beside the channel file).

    ``what`` names the key for messages ("channel 'mail': password"). None where neither is given. Raises
    ChannelUnusable for a missing or empty one, and for a file that others than its owner may read.
    """
    if env is not None:
        named = secrets.get(env, "")
        if not named.strip():
            raise ChannelUnusable(
                f"{what}_env names {env}, which this process was not given",
                f"set the variable {env} for the program, or name a file in {what.rpartition(' ')[2]}_file",
            )
        return _fit(what, named)
    if file is None:
        return None
    value: str | None
    path = file if file.is_absolute() else folder / file
    try:
        # Opened first and looked at then: what is judged is what is read.
        with path.open("rb") as handle:
            state = os.fstat(handle.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise ChannelUnusable(
                    f"{what}_file: {path} is no ordinary file", "name a file with the secret in it"
                )
            if state.st_mode & 0o077:
                raise ChannelUnusable(
                    f"{what}_file: {path} can be read by others (mode {stat.S_IMODE(state.st_mode):04o})",
                    f"run: chmod 600 {path}",
                )
            content = handle.read(_LARGEST_SECRET_BYTES + 1)
    except OSError as error:
        raise ChannelUnusable(
            f"{what}_file: {path} cannot be read ({error.strerror})",
            "put the secret into that file, readable by the program's user alone",
        ) from error
    try:
        value = content.decode("utf-8")
    except UnicodeDecodeError:
        value = None  # its words quote the bytes: it must not even be the context of what is raised
    if value is None:
        raise ChannelUnusable(
            f"{what}_file: {path} is no text in UTF-8", "write the secret as one line of text"
        )
    if len(content) > _LARGEST_SECRET_BYTES or not value.strip():
        raise ChannelUnusable(
            f"{what}_file: {path} is empty or too long", "write the secret as one line of text"
        )
    return _fit(what, value)


def _fit(what: str, value: str) -> SecretStr:
    value = value.strip()
    if not value.isprintable():
        raise ChannelUnusable(
            f"{what} holds control characters or more than one line", "write the secret as one line of text"
        )
    return SecretStr(value)
