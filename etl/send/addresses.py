"""Hosts, web addresses, headers and e-mail addresses as a person writes them into targets.yml."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@(?:{_LABEL}\.)*{_LABEL}")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
# Set by us, or ways to put a secret into the file.
_OWN_HEADERS = frozenset(
    ["authorization", "proxy-authorization", "cookie", "x-api-key", "x-auth-token", "x-access-token"]
    + ["host", "content-length", "content-type", "content-encoding", "transfer-encoding", "accept-encoding"]
    + ["connection", "destination", "overwrite", "if", "if-none-match", "if-match", "depth", "expect"]
    + ["te", "trailer", "upgrade"]
)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: 127.0.0.0/8, ::1 or localhost."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.casefold() == "localhost"


def checked_host(host: str) -> str:
    """A host name or IP address; raises ValueError on anything else (an address with user, port or path)."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if not _HOST.fullmatch(host) or len(host) > 253:
            raise ValueError(
                "write a host name or IP address only, without protocol, user, port or path"
            ) from None
    return host


def checked_base_url(url: str) -> str:
    """An https address (http for this machine only) without user, query and fragment; ends without a slash."""
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise ValueError("it holds characters that an address cannot have")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ValueError("it is not a web address") from error
    if "@" in parts.netloc:
        raise ValueError("it holds a user or password: name them by user and password_file")
    if "?" in url or "#" in url:
        raise ValueError("it holds a query or fragment: give the address of the folder only")
    checked_host(host)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError("it must begin with https:// (http:// only for this machine itself)")
    if any(segment in (".", "..") for segment in parts.path.split("/")):
        raise ValueError("it holds '.' or '..'")
    return url.rstrip("/")


def checked_header(name: str, value: str) -> None:
    """Raises ValueError where a header would be ours, a secret's place, or break out of its line."""
    if not _TOKEN.fullmatch(name):
        raise ValueError("a header's name holds letters, digits and hyphens only")
    if name.casefold() in _OWN_HEADERS:
        raise ValueError(
            f"the header {name} cannot be set here; secrets are named by token_file or password_file"
        )
    if not value.isascii() or not value.isprintable():
        raise ValueError(f"the header {name} may hold plain ASCII letters only")


def checked_email(address: str) -> str:
    """One bare e-mail address in ASCII; raises ValueError otherwise."""
    if not _EMAIL.fullmatch(address) or ".." in address or address.startswith(".") or ".@" in address:
        raise ValueError("it is not one plain e-mail address such as vanphong@example.gov.vn")
    return address
