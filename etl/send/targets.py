"""Where releases are sent: ``<home>/targets.yml``, read and judged before anything is sent.

The file never holds a secret: passwords and tokens stand in private files beside it (``password_file``,
``token_file``) or in variables that the edge hands in (``password_env``, ``token_env``). For offices it is
explained in ``docs/van-phong/gui-bao-cao.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from string import Formatter
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from etl.duties import duties_file, load_duties
from etl.errors import Terminal, UnknownName
from etl.reference.provinces import find_province
from etl.send.addresses import checked_base_url, checked_email, checked_header, checked_host, is_loopback

_REMEDY = "mend the file; docs/van-phong/gui-bao-cao.md shows every key and says what it means"
_SECRET_KEYS = frozenset(
    ["password", "token", "secret", "passphrase", "key", "api_key", "bearer", "authorization"]
)
SUBJECT_FIELDS = frozenset(["province", "period", "release"])
_SUBJECT = "Kết quả Bộ chỉ số 766 {period}, {province} (lần phát hành {release})"


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    """A relative path is taken from the folder of targets.yml, never from where the program was started."""
    home: Path = (info.context or {}).get("home", Path.cwd())
    return home / path.expanduser()


_File = Annotated[Path, AfterValidator(_beside_the_file)]
_Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{0,63}$")]
_Host = Annotated[str, AfterValidator(checked_host)]
_Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
_Fingerprint = Annotated[str, Field(pattern=r"^SHA256:[A-Za-z0-9+/]{43}$")]


class TargetData(BaseModel):
    """What every kind of target has. Times are seconds; ``attempts`` are tries within one call of ``send``."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, validate_by_alias=True, validate_by_name=True
    )

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")
    products: Literal["all"] | tuple[str, ...] = Field(min_length=1)
    provinces: tuple[str, ...] | None = Field(None, min_length=1)
    attempts: Annotated[int, Field(ge=1, le=10, strict=True)] = 3
    wait_seconds: float = Field(5.0, ge=0, le=300)
    timeout_seconds: float = Field(30.0, gt=0, le=600)

    @field_validator("products")
    @classmethod
    def _known_products(cls, products: Literal["all"] | tuple[str, ...], info: ValidationInfo) -> Any:
        if products == "all":
            return products
        known: frozenset[str] = (info.context or {}).get("duties", frozenset())
        if unknown := sorted(set(products) - known):
            raise ValueError(f"no duty is called {', '.join(unknown)}: use {', '.join(sorted(known))} or all")
        if len(set(products)) < len(products):
            raise ValueError("a duty is named twice")
        return products

    @field_validator("provinces")
    @classmethod
    def _known_provinces(cls, names: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if names is None:
            return None
        home: Path | None = (info.context or {}).get("home")
        try:
            return tuple(find_province(name, home / "provinces" if home else None).code for name in names)
        except UnknownName as error:
            raise ValueError(f"{error.message}: {error.remedy}") from error

    def takes(self, duty: str, province_code: str) -> bool:
        """Whether this target is to get the files of a duty (``D3``) of a province (``H44``)."""
        return (self.products == "all" or duty in self.products) and (
            self.provinces is None or province_code in self.provinces
        )


class _WithPassword(TargetData):
    password_file: _File | None = None
    password_env: _Variable | None = None

    @model_validator(mode="after")
    def _one_password(self) -> Any:
        if self.password_file and self.password_env:
            raise ValueError("password_file and password_env are both there: keep one")
        return self

    @property
    def has_password(self) -> bool:
        return bool(self.password_file or self.password_env)


class FolderTarget(TargetData):
    """A folder of this machine, or a share that is mounted.

    ``mount_point``: nothing is written unless a share is mounted there. Without it an unmounted share is an empty
    folder of our own disk, and "sent" would be untrue.
    """

    kind: Literal["folder"]
    path: _File
    mount_point: _File | None = None

    @model_validator(mode="after")
    def _under_its_mount(self) -> FolderTarget:
        if self.mount_point and not self.path.is_relative_to(self.mount_point):
            raise ValueError("path does not lie under mount_point")
        return self


class SftpTarget(_WithPassword):
    """An SFTP server whose host key is known beforehand: pinned here, or in a known_hosts file.

    ``folder`` must exist there; relative is seen from the folder the account lands in. ``verify: size`` is for
    accounts that may write but not read. With ``key_file`` the password is the key's own.
    """

    kind: Literal["sftp"]
    host: _Host
    port: _Port = 22
    user: str = Field(min_length=1, max_length=255)
    folder: str = Field(min_length=1)
    known_hosts: _File | None = None
    host_keys: tuple[_Fingerprint, ...] | None = Field(None, min_length=1)
    key_file: _File | None = None
    verify: Literal["content", "size"] = "content"

    @field_validator("folder", "user")
    @classmethod
    def _printable(cls, text: str) -> str:
        if not text.isprintable() or ".." in text.split("/"):
            raise ValueError("it holds control characters or '..'")
        return text

    @model_validator(mode="after")
    def _host_is_known_and_user_can_log_in(self) -> SftpTarget:
        if (self.known_hosts is None) == (self.host_keys is None):
            raise ValueError(
                "name the server's key by one of known_hosts and host_keys: an unknown one is refused"
            )
        if not self.key_file and not self.has_password:
            raise ValueError("a key_file, password_file or password_env is needed to log in")
        return self


class HttpPutTarget(_WithPassword):
    """A web server that takes files by PUT.

    ``rename: move`` (WebDAV): temporary name, then MOVE. ``none``: PUT under the final name, only where nothing is;
    then the server must keep no half files. A token is sent as Bearer, user and password as Basic.
    """

    kind: Literal["http_put"]
    url: Annotated[str, AfterValidator(checked_base_url)]
    rename: Literal["move", "none"] = "move"
    verify: Literal["content", "size"] = "content"
    token_file: _File | None = None
    token_env: _Variable | None = None
    user: str | None = Field(None, min_length=1, max_length=255, pattern=r"^[^:\x00-\x1f\x7f]+$")
    headers: dict[str, str] = Field(default_factory=dict)
    ca_file: _File | None = None

    @field_validator("headers")
    @classmethod
    def _harmless_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            checked_header(name, value)
        return headers

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> HttpPutTarget:
        if self.token_file and self.token_env:
            raise ValueError("token_file and token_env are both there: keep one")
        if (self.token_file or self.token_env) and (self.user or self.has_password):
            raise ValueError("a token and a user or password are both there: keep one way to log in")
        if bool(self.user) != self.has_password:
            raise ValueError("user needs password_file or password_env, and they need user")
        return self


class EmailTarget(_WithPassword):
    """An SMTP server and the people who get the release as attachments of one message.

    ``security: none`` sends in the clear: it is refused together with a password, unless the server is this machine.
    ``max_mib``: the whole message as it goes over the wire (attachments grow by 37 %).
    """

    kind: Literal["email"]
    host: _Host
    port: _Port
    security: Literal["none", "starttls", "ssl"]
    user: str | None = Field(None, min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")
    sender: str = Field(alias="from")
    to: tuple[Annotated[str, AfterValidator(checked_email)], ...] = Field(min_length=1, max_length=50)
    subject: str = Field(_SUBJECT, min_length=1, max_length=300)
    max_mib: float = Field(20.0, gt=0, le=200)
    ca_file: _File | None = None

    @field_validator("sender")
    @classmethod
    def _one_address(cls, text: str) -> str:
        _, address = parseaddr(text)
        checked_email(address)
        if not text.isprintable() or len(text) > 300:
            raise ValueError("it holds control characters or is too long")
        return text

    @field_validator("subject")
    @classmethod
    def _known_fields(cls, template: str) -> str:
        if not template.isprintable():
            raise ValueError("it holds control characters or more than one line")
        for _, field, spec, conversion in Formatter().parse(template):
            if field is not None and (field not in SUBJECT_FIELDS or spec or conversion):
                raise ValueError(f"{{{field}}} is not a field: use {{province}}, {{period}} and {{release}}")
        return template

    @model_validator(mode="after")
    def _password_is_never_sent_in_the_clear(self) -> EmailTarget:
        if bool(self.user) != self.has_password:
            raise ValueError("user needs password_file or password_env, and they need user")
        if self.security == "none" and self.user and not is_loopback(self.host):
            raise ValueError("security none would send the password in the clear: use starttls or ssl")
        if len({address.casefold() for address in self.to}) < len(self.to):
            raise ValueError("an address stands twice in to")
        return self

    @property
    def sender_address(self) -> Address:
        name, address = parseaddr(self.sender)
        return Address(display_name=name, addr_spec=address)


Target = FolderTarget | SftpTarget | HttpPutTarget | EmailTarget
_ONE = TypeAdapter[Target](Annotated[Target, Field(discriminator="kind")])


class _NoKeyTwice(yaml.SafeLoader):
    """YAML keeps the last of two equal keys without a word; here that is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} stands twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def load_targets(path: Path) -> tuple[Target, ...]:
    """The targets of ``<home>/targets.yml``, in its order; none where there is no such file.

    Raises Terminal naming each target, key and mistake; the values are never repeated, lest one be a secret.
    """
    if not path.exists():
        return ()
    entries = _entries(path)
    home = path.parent
    context = {"home": home, "duties": frozenset(duty.id for duty in load_duties(duties_file(home)))}
    targets: list[Target] = []
    wrong: list[str] = []
    for number, entry in enumerate(entries, 1):
        place = _place(entry, number)
        try:
            targets.append(_ONE.validate_python(entry, context=context))
        except ValidationError as error:
            wrong += [f"{place}: {_told(problem)}" for problem in error.errors(include_input=False)]
    names = [target.name for target in targets]
    wrong += [
        f"{name}: name: it stands on two targets" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if wrong:  # outside the except clause: the cause would repeat what was written
        raise Terminal(f"the targets file {path} cannot be used: {'; '.join(wrong)}", _REMEDY)
    return tuple(targets)


def _entries(path: Path) -> Sequence[object]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_NoKeyTwice)  # noqa: S506  a SafeLoader
        problem = None
    except (OSError, UnicodeDecodeError) as error:
        document, problem = (
            None,
            f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'not UTF-8 text'}",
        )
    except (yaml.YAMLError, RecursionError) as error:
        # Not the error's own text: it quotes the line, which may hold a secret where it must not stand.
        mark = getattr(error, "problem_mark", None)
        at = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        document, problem = None, f"{_plain_problem(error)}{at}"
    if problem is not None:
        raise Terminal(f"the targets file {path} cannot be read: {problem}", _REMEDY) from None
    if (
        not isinstance(document, dict)
        or set(document) != {"targets"}
        or not isinstance(document["targets"], list)
    ):
        raise Terminal(
            f"the targets file {path} cannot be used: it must hold one key, targets, with a list", _REMEDY
        )
    return document["targets"]


def _plain_problem(error: Exception) -> str:
    """YAML's own sentence only where it is ours; the library's may quote what was written."""
    said = str(getattr(error, "problem", None) or "")
    return said if said.startswith("the key ") and said.endswith(" stands twice") else "it is not YAML"


def _place(entry: object, number: int) -> str:
    name = entry.get("name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and name.isprintable() and len(name) <= 40 else f"target {number}"


def _told(problem: Any) -> str:
    keys = [str(key) for key in problem["loc"]]
    if keys and keys[0] in ("folder", "sftp", "http_put", "email"):
        keys = keys[1:]
    if problem["type"] == "extra_forbidden":
        if keys and keys[-1].casefold() in _SECRET_KEYS:
            return (
                f"{'.'.join(keys)}: a secret must not stand in this file; put it into a file of mode 600 and name that"
                " by password_file or token_file, and change the secret"
            )
        return f"{'.'.join(keys)}: there is no such key"
    said = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"].startswith("union_tag"):
        return "kind: it must be one of folder, sftp, http_put, email"
    return f"{'.'.join(keys)}: {said}" if keys else said
