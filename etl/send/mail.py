"""Releases by e-mail: one message with the files attached byte for byte, to all receivers or to none."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

from pydantic import SecretStr

from etl.deliver.sheet_text import clean_text, number_vi
from etl.errors import Terminal, Transient
from etl.periods import VIETNAM
from etl.send.deposit import Deposited
from etl.send.names import refuse_clashes
from etl.send.outgoing import Message, OutgoingFile, read_checked
from etl.send.targets import EmailTarget
from etl.send.tls import certificate_problem, tls_context

_MIB = 1024 * 1024
_LONGEST_SUBJECT = 200
# Some servers announce a way of logging in that they then do not know.
_WAY_UNKNOWN = (500, 501, 502, 504)
_LATER = (
    "the next try sends the message again under the same Message-ID; check network and server if it stays so"
)


def message_id(target: EmailTarget, message: Message) -> str:
    """The same for the same release and target, so that a receiver's server can tell a message that came twice."""
    key = hashlib.sha256(f"{message.release_id}\n{target.name}".encode()).hexdigest()[:40]
    return f"<{key}@{target.sender_address.domain}>"


def compose(
    target: EmailTarget, files: Sequence[OutgoingFile], message: Message, at: datetime
) -> EmailMessage:
    """The message: Vietnamese text, each file as it is (base64), names by RFC 2231. Same input, same bytes.

    An attachment has no folder: ``data/scores.csv`` is attached as ``data-scores.csv``. Raises Terminal where
    two files would then have one name.
    """
    names = [file.name.replace("/", "-") for file in files]
    refuse_clashes(names)
    mail = EmailMessage(policy=SMTP)
    mail["From"] = target.sender_address
    mail["To"] = ", ".join(target.to)
    mail["Subject"] = _subject(target, message)
    mail["Date"] = format_datetime(at.astimezone(VIETNAM))
    mail["Message-ID"] = message_id(target, message)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_body(message, files, names), charset="utf-8", cte="base64")
    # "_" is no letter of base64, so the boundary cannot occur in what is attached.
    mail.make_mixed(boundary="=_" + hashlib.sha256(mail["Message-ID"].encode()).hexdigest()[:40])
    for file, name in zip(files, names, strict=True):
        main, _, rest = file.media_type.partition("/")
        sub, _, charset = rest.partition(";")
        mail.add_attachment(
            read_checked(file),
            maintype=main,
            subtype=sub,
            cte="base64",
            filename=name,
            params={"charset": charset.partition("=")[2]} if charset else None,
        )
    return mail


def _subject(target: EmailTarget, message: Message) -> str:
    return _line(
        target.subject.format(
            province=_line(message.province_vi), period=_line(message.period_vi), release=message.release_no
        ),
        _LONGEST_SUBJECT,
    )


def _line(text: str, longest: int = 120) -> str:
    return " ".join(clean_text(text, longest=longest).split())


def _body(message: Message, files: Sequence[OutgoingFile], names: Sequence[str]) -> str:
    notes = [_line(note, 400) for note in message.notes_vi]
    listed = [
        f"{number}. {name} ({number_vi(file.size)} byte)\n   SHA-256: {file.sha256}"
        for number, (name, file) in enumerate(zip(names, files, strict=True), 1)
    ]
    paragraphs = [
        "Kính gửi Quý cơ quan,",
        f"{_line(message.office_vi)} gửi kèm thư này kết quả Bộ chỉ số chỉ đạo, điều hành và đánh giá chất lượng phục"
        " vụ người dân, doanh nghiệp trong thực hiện thủ tục hành chính, dịch vụ công theo thời gian thực (Quyết định"
        f" số 766/QĐ-TTg): {_line(message.province_vi)}, {_line(message.period_vi)}, lần phát hành"
        f" {message.release_no}.",
        *notes,
        f"Thư có {number_vi(len(files))} tệp đính kèm:",
        "\n".join(listed),
        "Mã SHA-256 dùng để kiểm tra tệp nhận được đúng nguyên bản. Nếu thiếu tệp hoặc tệp không mở được, đề nghị Quý"
        " cơ quan trả lời thư này.",
        f"Trân trọng.\n{_line(message.office_vi)}",
    ]
    return "\n\n".join(paragraphs) + "\n"


def send_mail(
    target: EmailTarget,
    files: Sequence[OutgoingFile],
    message: Message,
    at: datetime,
    password: SecretStr | None,
) -> Deposited:
    """Hand the message to the server; returns its acknowledgement with the Message-ID.

    Raises Terminal (login, certificate, 5xx, too large) or Transient (network, 4xx). Where one receiver is
    refused, nobody gets it: a second try must not send it twice to the others.
    """
    content = compose(target, files, message, at).as_bytes()
    if len(content) > target.max_mib * _MIB:
        raise _too_large(target, len(content), f"max_mib: {target.max_mib:g}")
    with _told(target):
        server = _connect(target)
    try:
        with _told(target):
            server.ehlo_or_helo_if_needed()
            if target.security == "starttls":
                server.starttls(context=tls_context(target.name, target.ca_file))
                server.ehlo()
            if password is not None and target.user is not None:
                _login(server, target, password)
            limit = server.esmtp_features.get("size", "")
            if limit.isdecimal() and 0 < int(limit) < len(content):
                raise _too_large(target, len(content), f"the server takes {int(limit):,} bytes")
            words = _transmit(server, target, content)
    finally:
        with suppress(
            smtplib.SMTPException, OSError
        ):  # it is acknowledged, or it has failed: the farewell is neither
            server.quit()
    return Deposited(len(files), f"{words}; Message-ID {message_id(target, message)}")


def _connect(target: EmailTarget) -> smtplib.SMTP:
    # Without local_hostname this machine's own name would be told to the server.
    name = target.sender_address.domain
    if target.security == "ssl":
        context = tls_context(target.name, target.ca_file)
        return smtplib.SMTP_SSL(
            target.host, target.port, local_hostname=name, timeout=target.timeout_seconds, context=context
        )
    return smtplib.SMTP(target.host, target.port, local_hostname=name, timeout=target.timeout_seconds)


def _login(server: smtplib.SMTP, target: EmailTarget, password: SecretStr) -> None:
    user = target.user or ""
    if not (user.isascii() and password.get_secret_value().isascii()):
        # smtplib would fail with the secret in its error.
        raise Terminal(
            f"{target.name}: user or password holds letters beyond ASCII, which SMTP login cannot carry",
            "set a password of plain letters, digits and signs for this account",
        )
    server.user, server.password = user, password.get_secret_value()
    ways: dict[str, Any] = {
        "CRAM-MD5": server.auth_cram_md5,
        "PLAIN": server.auth_plain,
        "LOGIN": server.auth_login,
    }
    offered = [way for way in ways if way in server.esmtp_features.get("auth", "").upper().split()]
    if not offered:
        raise smtplib.SMTPNotSupportedError(f"a login by one of {', '.join(ways)}")
    # Not server.login(): it would try a wrong password once for each way, and lock the account the sooner.
    for way in offered:
        try:
            server.auth(way, ways[way])
        except smtplib.SMTPAuthenticationError as error:
            if error.smtp_code not in _WAY_UNKNOWN or way == offered[-1]:
                raise
        else:
            return


def _transmit(server: smtplib.SMTP, target: EmailTarget, content: bytes) -> str:
    options = [f"size={len(content)}"] if server.has_extn("size") else []
    _expect(target, server.mail(target.sender_address.addr_spec, options), "does not take the sender")
    for receiver in target.to:
        _expect(target, server.rcpt(receiver), f"does not take the receiver {receiver}")
    code, words = server.data(content)
    _expect(target, (code, words), "does not take the message")
    return f"{code} {_words(words)}"


def _expect(target: EmailTarget, answer: tuple[int, bytes], what: str) -> None:
    code, words = answer
    if not 200 <= code < 300:
        raise _refusal(target, code, words, what)


def _refusal(target: EmailTarget, code: int, words: bytes | str, what: str) -> Terminal | Transient:
    said = (
        f"{target.name}: {target.host}:{target.port} {what}: {code} {_words(words)}; nobody got the message"
    )
    if 500 <= code < 600:
        return Terminal(
            said, "read the server's words; correct targets.yml or ask the server's administrator"
        )
    return Transient(said, _LATER)


def _words(words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:200]


def _too_large(target: EmailTarget, size: int, limit: str) -> Terminal:
    return Terminal(
        f"{target.name}: the message has {size:,} bytes, more than allowed ({limit})",
        "send these products by another kind of target, or name fewer of them under products",
    )


@contextmanager
def _told(target: EmailTarget) -> Iterator[None]:
    """Every failure of the library as one of ours."""
    place = f"{target.name}: {target.host}:{target.port}"
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        if 400 <= error.smtp_code < 500:
            raise Transient(f"{place} cannot check the login now: {error.smtp_code}", _LATER) from error
        raise Terminal(
            f"{place} does not let the user {target.user} in: {error.smtp_code} {_words(error.smtp_error)}",
            "check user and password with the server's administrator; several wrong tries may lock the account",
        ) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Terminal(
            f"{place} does not offer what targets.yml asks for: {error}",
            "check port and security with the server's administrator; nothing is sent with less protection",
        ) from error
    except smtplib.SMTPServerDisconnected as error:
        raise Transient(
            f"{place} closed the connection without an answer ({error}); if it was after the whole message, the"
            " receivers may have it",
            _LATER,
        ) from error
    except smtplib.SMTPResponseException as error:
        raise _refusal(target, error.smtp_code, error.smtp_error, "answers") from error
    except smtplib.SMTPException as error:
        raise Transient(f"{place} failed: {error}", _LATER) from error
    except (OSError, ssl.SSLError, EOFError) as error:
        if problem := certificate_problem(error):
            raise Terminal(
                f"{place}: TLS with the server is not accepted: {problem}",
                "nothing was sent; check host, port and security. A certificate of the receiver's own authority is"
                " trusted by naming that authority's file in ca_file",
            ) from error
        raise Transient(f"{place}: no connection ({type(error).__name__}: {error})", _LATER) from error
