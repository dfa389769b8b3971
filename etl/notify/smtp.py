"""The e-mail channel: one plain-text message to all recipients, through the office's own mail server."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_string
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from etl.notify.faults import ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused
from etl.notify.message import Message, Receipt
from etl.periods import VIETNAM

Security = Literal["starttls", "ssl", "none"]
_LATER = "the mail server may be back soon; the next run tells it again"
_POLICY = SMTP.clone(refold_source="none")
_PRIORITY = {"urgent": "1", "warning": "3", "info": "3"}


@dataclass(frozen=True)
class SmtpChannel:
    """``security``: starttls (never falls back to plain), ssl, or none. ``ca_file``: the office's own authority."""

    host: str
    port: int
    security: Security
    sender: str
    recipients: tuple[str, ...]
    user: str | None = None
    password: SecretStr | None = None
    ca_file: Path | None = None
    timeout_seconds: float = 20.0

    def tell(self, message: Message) -> Receipt:
        """Send a message to every recipient. The receipt is its Message-ID, and whom the server refused.

        Raises ChannelUnreachable (nothing was sent), ChannelUnclear (the connection broke at the end),
        ChannelUnusable (login, certificate, TLS not offered) or MessageRefused.
        """
        mail = self.compose(message)
        with self._connection() as server:
            refused = self._send(server, mail)
        return Receipt(str(mail["Message-ID"]), tuple(sorted(refused)))

    def compose(self, message: Message) -> EmailMessage:
        """The mail as it is sent: the same event gives the same Message-ID."""
        mail = _with_subject(message.subject)
        mail["From"] = Address("bochiso", addr_spec=self.sender)
        mail["To"] = [Address(addr_spec=one) for one in self.recipients]
        mail["Date"] = format_datetime(message.at.astimezone(VIETNAM))
        digest = hashlib.sha256(message.key.encode("utf-8")).hexdigest()[:32]
        mail["Message-ID"] = f"<{digest}@{self.sender.rpartition('@')[2]}>"
        # Out-of-office replies to a machine help nobody (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        mail["X-Priority"] = _PRIORITY[message.severity]
        mail.set_content(message.text, charset="utf-8", cte="base64")
        mail["Content-Language"] = "vi"  # after the content, which clears what begins with Content-
        return mail

    @contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        """A connection that is ready to send; whatever goes wrong before, nothing was delivered."""
        try:
            server = self._open()
        except ssl.SSLError as error:
            raise self._tls(error) from None
        except smtplib.SMTPNotSupportedError as error:
            raise ChannelUnusable(
                f"the mail server {self.host}:{self.port} does not offer what is asked of it ({error})",
                "check host, port, security and user of this channel in alerts.yml",
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            # The server's words may repeat the login; its number says enough.
            if 400 <= error.smtp_code < 500:
                raise self._busy(error.smtp_code) from None
            raise ChannelUnusable(
                f"the mail server {self.host}:{self.port} refuses the login of {self.user} ({error.smtp_code})",
                "check user and password of this channel in alerts.yml",
            ) from None
        except smtplib.SMTPResponseException as error:
            if 400 <= error.smtp_code < 500:
                raise self._busy(error.smtp_code) from None
            raise ChannelUnusable(
                f"the mail server {self.host}:{self.port} refuses this client ({error.smtp_code})",
                "ask the mail server's operators to let this machine send",
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelUnreachable(
                f"the mail server {self.host}:{self.port} cannot be reached ({type(error).__name__})", _LATER
            ) from None
        try:
            yield server
        finally:
            _leave(server)

    def _open(self) -> smtplib.SMTP:
        name = self.sender.rpartition("@")[2]  # what EHLO says: the office's domain, not this machine's name
        tls = ssl.create_default_context(cafile=str(self.ca_file) if self.ca_file else None)
        server: smtplib.SMTP
        if self.security == "ssl":
            server = smtplib.SMTP_SSL(
                self.host, self.port, local_hostname=name, timeout=self.timeout_seconds, context=tls
            )
        else:
            server = smtplib.SMTP(self.host, self.port, local_hostname=name, timeout=self.timeout_seconds)
        try:
            if self.security == "starttls":
                server.starttls(context=tls)
            if self.user is not None and self.password is not None:
                server.login(self.user, self.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server

    def _send(self, server: smtplib.SMTP, mail: EmailMessage) -> list[str]:
        try:
            return list(server.send_message(mail, self.sender, list(self.recipients)))
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            if any(400 <= code < 500 for code in codes):
                raise self._busy(next(code for code in codes if 400 <= code < 500)) from None
            raise ChannelUnusable(
                f"the mail server {self.host}:{self.port} takes none of the recipients ({codes[0]})",
                "check the addresses in 'to' of this channel in alerts.yml",
            ) from None
        except smtplib.SMTPSenderRefused as error:
            if 400 <= error.smtp_code < 500:
                raise self._busy(error.smtp_code) from None
            raise ChannelUnusable(
                f"the mail server {self.host}:{self.port} does not take mail from {self.sender} ({error.smtp_code})",
                "check 'from' of this channel in alerts.yml, and whether the server wants a login",
            ) from None
        except smtplib.SMTPResponseException as error:
            if 400 <= error.smtp_code < 500:
                raise self._busy(error.smtp_code) from None
            raise MessageRefused(
                f"the mail server {self.host}:{self.port} does not take the message ({error.smtp_code})",
                "ask the mail server's operators; the text stands in logs/alerts.log",
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise ChannelUnclear(
                f"the mail server {self.host}:{self.port} broke off while it was sent the message "
                f"({type(error).__name__})",
                "it may have arrived; the next run tells it again under the same Message-ID",
            ) from None

    def _busy(self, code: int) -> ChannelUnreachable:
        return ChannelUnreachable(f"the mail server {self.host}:{self.port} says {code}: not now", _LATER)

    def _tls(self, error: ssl.SSLError) -> ChannelUnusable:
        why = getattr(error, "verify_message", None) or error.reason or "TLS failed"
        return ChannelUnusable(
            f"no safe connection to the mail server {self.host}:{self.port}: {why}",
            "check host, port and security of this channel in alerts.yml; name the office's own authority in ca_file",
        )


def _with_subject(subject: str) -> EmailMessage:
    """A mail with a subject in encoded words of our own folding.

    Python's own (EmailPolicy) loses the blank between an encoded word and a plain one on the next line. Raises
    ValueError where the subject is not one visible line.
    """
    if not subject.isprintable():
        raise ValueError("a subject must be one line without control characters (linefeed)")
    encoded = Header(subject, "utf-8", maxlinelen=76, header_name="Subject").encode(linesep="\r\n")
    # Headers that are read keep their lines; all others are written by the policy.
    return message_from_string(f"Subject: {encoded}\r\n\r\n", EmailMessage, policy=_POLICY)


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; the message has been taken or refused by now, whatever the server answers."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        server.close()
