"""The channel file ``<home>/alerts.yml``: who is told through what. ``alerts.example.yml`` shows every key."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from etl.errors import Terminal
from etl.notify.shapes import load_shapes
from etl.watch_events import Severity

EXAMPLE = "etl/notify/alerts.example.yml"
_REMEDY = f"mend the file; {EXAMPLE} shows every key and says what it means"


def _plain_address(text: str) -> str:
    local, at, domain = text.rpartition("@")
    if (
        not (at and local and "." in domain)
        or not text.isascii()
        or any(c in text for c in " \t\r\n<>,;:\"'()\\")
    ):
        raise ValueError("write one plain address, as van-phong@example.gov.vn")
    return text


def _host_name(text: str) -> str:
    if not text.isascii() or not text.strip(".") or any(c in text for c in " \t\r\n/@\\"):
        raise ValueError("write a host name alone, as mail.example.gov.vn")
    return text


MailAddress = Annotated[str, AfterValidator(_plain_address)]
HostName = Annotated[str, AfterValidator(_host_name)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,63}$")]


class _Entry(BaseModel):
    """``provinces``: H-codes this channel hears of (absent: all). ``severity``: the least it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    provinces: tuple[str, ...] | None = Field(None, min_length=1)
    severity: Severity = "info"


class SmtpEntry(_Entry):
    kind: Literal["smtp"]
    host: HostName
    port: int = Field(ge=1, le=65535, strict=True)
    security: Literal["starttls", "ssl", "none"]
    sender: MailAddress = Field(alias="from")
    to: tuple[MailAddress, ...] = Field(min_length=1, max_length=50)
    user: str | None = Field(None, min_length=1)
    password_env: VariableName | None = None
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout_seconds: float = Field(20.0, gt=0, le=120)

    @model_validator(mode="after")
    def _login_is_whole(self) -> SmtpEntry:
        given = [key for key in ("password_env", "password_file") if getattr(self, key) is not None]
        if len(given) > 1:
            raise ValueError("password_env and password_file: give one of them")
        if (self.user is None) != (not given):
            raise ValueError("user and a password (password_env or password_file) belong together")
        if self.user is not None and self.security == "none" and not _loopback(self.host):
            raise ValueError("security none would send the password in clear: use starttls or ssl")
        return self


class WebhookEntry(_Entry):
    kind: Literal["webhook"]
    shape: str
    url: str | None = None
    url_env: VariableName | None = None
    url_file: Path | None = None
    token_env: VariableName | None = None
    token_file: Path | None = None
    recipient: str | None = Field(None, min_length=1, max_length=200)
    timeout_seconds: float = Field(15.0, gt=0, le=120)
    attempts: int = Field(3, ge=1, le=5, strict=True)

    @model_validator(mode="after")
    def _whole(self) -> WebhookEntry:
        shapes = load_shapes()
        if self.shape not in shapes:
            raise ValueError(f"shape is one of {', '.join(shapes)}")
        shape = shapes[self.shape]
        if sum(one is not None for one in (self.url, self.url_env, self.url_file)) != 1:
            raise ValueError("give exactly one of url, url_env and url_file")
        if self.url is not None and shape.secret_url:
            raise ValueError(
                f"the address of a {self.shape} webhook is a password: name it by url_env or url_file"
            )
        if self.url is not None and (why := unfit_url(self.url)):
            raise ValueError(why)
        if self.token_env is not None and self.token_file is not None:
            raise ValueError("token_env and token_file: give one of them")
        token = self.token_env is not None or self.token_file is not None
        if token and shape.token is None:
            raise ValueError(f"a {self.shape} webhook has no token")
        if "token" in shape.needs and not token:
            raise ValueError(f"a {self.shape} webhook needs token_env or token_file")
        if ("recipient" in shape.needs) != (self.recipient is not None):
            needed = "needs a" if "recipient" in shape.needs else "has no"
            raise ValueError(f"a {self.shape} webhook {needed} recipient")
        return self


class LogFileEntry(_Entry):
    kind: Literal["log_file"]


Entry = Annotated[SmtpEntry | WebhookEntry | LogFileEntry, Field(discriminator="kind")]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    channels: tuple[Entry, ...] = Field(min_length=1)


def unfit_url(url: str) -> str | None:
    """Why an address may not be called, or None: https, or http to this very machine. Never quotes the address."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return "the address cannot be read"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "the address holds letters no address has"
    if not host or parts.username is not None or parts.password is not None:
        return "the address needs a host, and neither user nor password in it"
    if parts.scheme != "https" and not (parts.scheme == "http" and _loopback(host)):
        return "the address must begin with https:// (http:// only for this machine itself)"
    return None


def load_entries(path: Path) -> tuple[Entry, ...]:
    """The channels of a file, in its order; none where there is no file.

    Raises Terminal naming file, channel and key, and never a value: a password may stand where it must not.
    """
    if not path.exists():
        return ()
    entries, wrong = _read(path)
    if wrong is not None:
        # Raised here, outside of any except: the parsers' own errors quote the file, and a password may stand in it.
        raise Terminal(f"the channel file {path} {wrong}", _REMEDY)
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Terminal(f"the channel file {path} names {', '.join(twice)} more than once (key name)", _REMEDY)
    return entries


def _read(path: Path) -> tuple[tuple[Entry, ...], str | None]:
    """The channels, and what is wrong with the file where it is not None."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return _File.model_validate(document).channels, None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return (), "is no YAML" + (f" at line {mark.line + 1}" if mark else "")
    except (OSError, UnicodeDecodeError) as error:
        return (
            (),
            f"cannot be read: {error.strerror if isinstance(error, OSError) else 'it is no text in UTF-8'}",
        )
    except ValidationError as error:
        wrong = "; ".join(
            f"{_place(document, item['loc'])}: {item['msg'].removeprefix('Value error, ')}"
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        )
        return (), f"cannot be used: {wrong}"


def _place(document: Any, keys: Sequence[int | str]) -> str:
    """ "mail.port" of ("channels", 0, "smtp", "port"): the name, and no tag of the union."""
    names = [str(key) for key in keys]
    if len(keys) >= 2 and keys[0] == "channels" and isinstance(keys[1], int):
        entry = document["channels"][keys[1]]
        known = entry.get("name") if isinstance(entry, dict) else None
        rest = [name for name in names[2:] if name not in ("smtp", "webhook", "log_file")]
        names = [known if isinstance(known, str) and known else f"channel {keys[1] + 1}", *rest]
    return ".".join(names) or "the file"


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
