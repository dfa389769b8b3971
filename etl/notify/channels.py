"""From the channel file to channels that can be used: secrets resolved, the log always among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from etl.errors import BochisoError
from etl.notify.config import Entry, LogFileEntry, SmtpEntry, WebhookEntry, load_entries, unfit_url
from etl.notify.credentials import resolve
from etl.notify.faults import ChannelUnusable
from etl.notify.log_file import LogFileChannel
from etl.notify.message import Message, Receipt
from etl.notify.shapes import load_shapes
from etl.notify.smtp import SmtpChannel
from etl.notify.webhook import WebhookChannel
from etl.watch_events import SEVERITIES, Severity

LOG = "log"


class Carrier(Protocol):
    """What carries messages: ``tell`` returns a receipt, or raises a Transient or Terminal."""

    def tell(self, message: Message) -> Receipt: ...


@dataclass(frozen=True)
class Channel:
    """A named channel. ``carrier`` is the fault where the channel cannot be used: it is not silently left out."""

    name: str
    carrier: Carrier | BochisoError
    provinces: tuple[str, ...] | None = None
    severity: Severity = "info"

    def hears(self, province_code: str, severity: Severity) -> bool:
        """Whether it is told of such a matter."""
        if self.provinces is not None and province_code not in self.provinces:
            return False
        return SEVERITIES.index(severity) >= SEVERITIES.index(self.severity)


def open_channels(path: Path, logs: Path, secrets: Mapping[str, str]) -> tuple[Channel, ...]:
    """The channels of the file, and the log file besides where the file names none.

    ``secrets``: what ``*_env`` keys may name. Nothing is connected yet. A channel whose secret or address cannot be
    used is there with its fault; raises Terminal only where the file as a whole cannot be read.
    """
    entries = load_entries(path)
    channels = [_channel(entry, path.parent, logs, secrets) for entry in entries]
    if not any(isinstance(entry, LogFileEntry) for entry in entries):
        channels.insert(0, log_channel(logs, {channel.name for channel in channels}))
    return tuple(channels)


def log_channel(logs: Path, taken: set[str] | None = None) -> Channel:
    """The log file alone: what is left where the channel file cannot be used."""
    name = LOG
    while name in (taken or ()):
        name += "-file"
    return Channel(name, LogFileChannel(logs))


def _channel(entry: Entry, folder: Path, logs: Path, secrets: Mapping[str, str]) -> Channel:
    try:
        carrier: Carrier | BochisoError = _carrier(entry, folder, logs, secrets)
    except ChannelUnusable as fault:
        carrier = fault
    return Channel(entry.name, carrier, entry.provinces, entry.severity)


def _carrier(entry: Entry, folder: Path, logs: Path, secrets: Mapping[str, str]) -> Carrier:
    if isinstance(entry, LogFileEntry):
        return LogFileChannel(logs)
    what = f"channel '{entry.name}':"
    if isinstance(entry, SmtpEntry):
        ca_file = folder / entry.ca_file if entry.ca_file else None
        if ca_file is not None and not ca_file.is_file():
            raise ChannelUnusable(f"{what} ca_file: there is no {ca_file}", "put the certificate there")
        return SmtpChannel(
            host=entry.host,
            port=entry.port,
            security=entry.security,
            sender=entry.sender,
            recipients=entry.to,
            user=entry.user,
            password=resolve(
                f"{what} password",
                env=entry.password_env,
                file=entry.password_file,
                folder=folder,
                secrets=secrets,
            ),
            ca_file=ca_file,
            timeout_seconds=entry.timeout_seconds,
        )
    return _webhook(entry, what, folder, secrets)


def _webhook(entry: WebhookEntry, what: str, folder: Path, secrets: Mapping[str, str]) -> WebhookChannel:
    url = resolve(f"{what} url", env=entry.url_env, file=entry.url_file, folder=folder, secrets=secrets)
    address = url.get_secret_value() if url is not None else entry.url or ""
    if why := unfit_url(address):
        raise ChannelUnusable(f"{what} url: {why}", "correct the address of this channel")
    token = resolve(
        f"{what} token", env=entry.token_env, file=entry.token_file, folder=folder, secrets=secrets
    )
    if token is not None and not token.get_secret_value().isascii():
        raise ChannelUnusable(f"{what} token holds letters no header can carry", "copy the token again")
    return WebhookChannel(
        url=SecretStr(address),
        shape=load_shapes()[entry.shape],
        recipient=entry.recipient,
        token=token,
        timeout_seconds=entry.timeout_seconds,
        attempts=entry.attempts,
    )
