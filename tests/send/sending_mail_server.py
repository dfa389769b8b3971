"""A small SMTP server on 127.0.0.1 that keeps what it is given and misbehaves on demand."""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER = "bao-cao@example.gov.vn"


@dataclass(frozen=True)
class Kept:
    """One message that was acknowledged."""

    sender: str
    receivers: tuple[str, ...]
    content: bytes
    tls: bool
    host_name: str


class _AnyPort(Controller):
    """The system picks the port; the controller knocks once to see that it answers."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        socket.create_connection(("127.0.0.1", self.port), 5).close()


class MailReceiver:
    """``answers`` orders the replies of the next steps: {"RCPT": {"a@…": "550 …"}, "DATA": ["451 …"]}; the word
    "drop" in DATA cuts the connection after the whole message. ``tries`` counts whole messages that came in."""

    def __init__(
        self,
        *,
        password: str | None = None,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        size_limit: int | None = None,
        login_refused_with: str | None = None,
    ) -> None:
        self.kept: list[Kept] = []
        self.tries = 0
        self.logins = 0
        self.answers: dict[str, Any] = {}
        self._password = password
        self._login_refused_with = login_refused_with
        options: dict[str, Any] = {"data_size_limit": size_limit, "ident": "receiver of the tests"}
        if password is not None:
            options |= {"authenticator": self._check, "auth_required": True, "auth_require_tls": False}
        if tls is not None and not implicit_tls:
            options |= {"tls_context": tls, "require_starttls": True}
        self._controller = _AnyPort(
            self, hostname="127.0.0.1", port=0, ssl_context=tls if implicit_tls else None, **options
        )

    def _check(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.logins += 1
        fine = isinstance(data, LoginPassword) and (data.login, data.password) == (
            USER.encode(),
            (self._password or "").encode(),
        )
        said = self._login_refused_with
        if fine or said is None:
            return AuthResult(success=fine, handled=False)
        echoed = said.format(password=data.password.decode())
        return AuthResult(success=False, handled=False, message=echoed)

    async def handle_RCPT(
        self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        said: str | None = self.answers.get("RCPT", {}).get(address)
        if said is not None:
            return said
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.tries += 1
        ordered = self.answers.get("DATA") or [None]
        said = ordered.pop(0)
        if said == "drop":
            server.transport.abort()
            return "421 gone"
        if said is not None:
            return str(said)
        self.kept.append(
            Kept(
                envelope.mail_from,
                tuple(envelope.rcpt_tos),
                envelope.original_content,
                server.transport.get_extra_info("ssl_object") is not None,
                session.host_name,
            )
        )
        return f"250 OK queued as {len(self.kept):06d}"

    def __enter__(self) -> Self:
        self._controller.start()
        self.port: int = self._controller.port
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
