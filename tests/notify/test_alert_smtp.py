"""E-mail against a real server on 127.0.0.1: what arrives, and what is said when it does not."""

from __future__ import annotations

import logging
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from local_receivers import PASSWORD, MailReceiver, certificate, free_port
from notify_cases import HOSTILE, MISSING, at, draft, hostile, sample, status
from pydantic import SecretStr

from etl.errors import BochisoError
from etl.notify.faults import ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused
from etl.notify.smtp import SmtpChannel

TO = ("van-phong@example.gov.vn", "so-tttt@example.gov.vn")


def channel(port: int, **changes: Any) -> SmtpChannel:
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "sender": "bochiso@example.gov.vn",
        "recipients": TO,
        "timeout_seconds": 2.0,
    }
    return SmtpChannel(**(values | changes))


def fails(one: SmtpChannel) -> BochisoError:
    with pytest.raises((ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused)) as caught:
        one.tell(sample())
    return caught.value


def test_the_mail_arrives_as_it_was_written(mail_server: MailReceiver) -> None:
    said = sample()
    receipt = channel(mail_server.port).tell(said)
    (mail,) = mail_server.mails
    assert mail["Subject"] == said.subject
    assert mail.get_content().replace("\r\n", "\n") == said.text
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert mail["From"] == "bochiso <bochiso@example.gov.vn>"
    assert mail["To"] == ", ".join(TO)
    assert mail_server.recipients == [list(TO)]
    assert mail["Date"].datetime == at("2026-10-17 07:10")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert receipt.text == mail["Message-ID"]
    assert receipt.left_out == ()
    # mail relays need nothing but ASCII, and lines within 998 letters
    assert mail_server.raw[0].isascii()
    assert max(map(len, mail_server.raw[0].split(b"\r\n"))) < 200
    assert mail_server.helo == ["example.gov.vn"]


def test_the_same_event_has_the_same_message_id_and_another_another() -> None:
    one = channel(1)
    same = [
        one.compose(sample(status(missing=(MISSING,)), now))["Message-ID"]
        for now in ("2026-10-17 07:10", "2026-10-17 09:10")
    ]
    assert same[0] == same[1]
    assert same[0].endswith("@example.gov.vn>")
    assert one.compose(sample(draft(), "2026-10-15 07:10"))["Message-ID"] != same[0]


@pytest.mark.parametrize("hour", ["2026-10-15 10:10", "2026-10-17 10:10", "2026-10-18 10:10"])
def test_hostile_words_add_no_header_and_no_recipient(mail_server: MailReceiver, hour: str) -> None:
    channel(mail_server.port).tell(sample(hostile(), hour))
    (mail,) = mail_server.mails
    assert mail["Bcc"] is None
    assert sorted(mail.keys()) == sorted(
        ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress", "X-Priority",
         "Content-Language", "Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
        + [key for key in ("X-Peer", "X-MailFrom", "X-RcptTo") if key in mail]
    )  # fmt: skip
    assert mail_server.recipients == [list(TO)]
    assert HOSTILE not in mail.get_content()
    assert "Bcc: all@example.com[U+202E]" in mail.get_content()


def test_a_subject_that_was_not_flattened_is_no_header_either(mail_server: MailReceiver) -> None:
    """The last line of defence, should a message be made by other hands."""
    with pytest.raises(ValueError, match=r"linefeed|newline"):
        channel(mail_server.port).tell(replace(sample(), subject="a\r\nBcc: all@example.com"))
    assert mail_server.mails == []


def test_a_server_that_is_down_may_be_tried_again() -> None:
    fault = fails(channel(free_port()))
    assert isinstance(fault, ChannelUnreachable)
    assert "ConnectionRefusedError" in fault.message


def test_a_server_that_never_speaks_is_given_up_in_time() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        fault = fails(channel(mute.getsockname()[1], timeout_seconds=0.3))
    assert isinstance(fault, ChannelUnreachable)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 try later", ChannelUnreachable), ("452 full", ChannelUnreachable), ("554 spam", MessageRefused)],
)
def test_what_the_server_says_decides(
    mail_server: MailReceiver, answer: str, kind: type[BochisoError]
) -> None:
    mail_server.answers = [answer]
    assert isinstance(fails(channel(mail_server.port)), kind)
    assert mail_server.mails == []


def test_a_refused_recipient_does_not_keep_the_others_from_hearing(mail_server: MailReceiver) -> None:
    mail_server.refused_recipients = {TO[1]: "550 no such user"}
    receipt = channel(mail_server.port).tell(sample())
    assert receipt.left_out == (TO[1],)
    assert mail_server.recipients == [[TO[0]]]


@pytest.mark.parametrize(
    ("answers", "kind"),
    [(("550 no", "550 no"), ChannelUnusable), (("450 busy", "550 no"), ChannelUnreachable)],
)
def test_when_no_recipient_is_taken_it_depends_on_why(
    mail_server: MailReceiver, answers: tuple[str, str], kind: type[BochisoError]
) -> None:
    mail_server.refused_recipients = dict(zip(TO, answers, strict=True))
    assert isinstance(fails(channel(mail_server.port)), kind)


# --- TLS and login ------------------------------------------------------------------------------


def test_starttls_and_login(tmp_path: Path) -> None:
    ca, tls = certificate(tmp_path)
    login: dict[str, Any] = {"user": "bochiso", "password": SecretStr(PASSWORD)}
    with MailReceiver(tls=tls, login=True) as running:
        good = channel(running.port, security="starttls", ca_file=ca, **login)
        good.tell(sample())
        assert len(running.mails) == 1
        unknown = fails(replace(good, ca_file=None))
        assert isinstance(unknown, ChannelUnusable)
        assert "certificate" in unknown.message
        wrong = fails(replace(good, password=SecretStr("sai-mat-khau")))
        assert isinstance(wrong, ChannelUnusable)
        assert "535" in wrong.message
        assert len(running.mails) == 1


def test_ssl_from_the_first_byte(tmp_path: Path) -> None:
    ca, tls = certificate(tmp_path)
    with MailReceiver(tls=tls, implicit=True) as running:
        channel(running.port, security="ssl", ca_file=ca).tell(sample())
        assert len(running.mails) == 1
        assert isinstance(fails(channel(running.port, security="ssl")), ChannelUnusable)


def test_starttls_never_falls_back_to_plain(mail_server: MailReceiver) -> None:
    fault = fails(channel(mail_server.port, security="starttls", user="a", password=SecretStr(PASSWORD)))
    assert isinstance(fault, ChannelUnusable)
    assert mail_server.mails == []


def test_the_password_is_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ca, tls = certificate(tmp_path)
    with MailReceiver(tls=tls, login=True) as running:
        good = channel(
            running.port, security="starttls", ca_file=ca, user="bochiso", password=SecretStr(PASSWORD)
        )
        good.tell(sample())
        wrong = replace(good, password=SecretStr(PASSWORD + "-sai"))
        told = [fails(wrong), fails(replace(wrong, security="none")), fails(replace(good, port=free_port()))]
    caplog.handler.flush()
    ours = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("mail."))
    shown = ours + repr([good, wrong, *told]) + "".join(map(str, told))
    assert PASSWORD not in shown
    assert len(told) == 3
