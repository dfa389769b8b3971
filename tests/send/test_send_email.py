"""E-mail: one message to all or to none, the documents as they are, nothing in the clear that must not be."""

from __future__ import annotations

import logging
import re
import socket
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from sending_certificates import make_certificate
from sending_mail_server import USER, MailReceiver
from sending_release import AT, CONTENTS, MESSAGE, WHOLE, assert_untold, bring, release, target

from etl.errors import Terminal, Transient
from etl.send import OutgoingFile, Target
from etl.send.mail import compose

# The server of the tests says so of itself; without TLS it is asked for on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

PASSWORD = "mat-khau-thu-dien-tu-5"
SECRETS = {"GUI_MAT_KHAU": PASSWORD}
TO = ("vanphong@example.gov.vn", "tiepnhan@example.gov.vn")


def to_mail(port: int = 25, **changes: Any) -> Target:
    keys = {
        "kind": "email",
        "host": "127.0.0.1",
        "port": port,
        "security": "none",
        "from": "Văn phòng UBND tỉnh <bao-cao@example.gov.vn>",
        "to": TO,
        "timeout_seconds": 20,
    }
    return target(**(keys | changes))


LOGIN = {"user": USER, "password_env": "GUI_MAT_KHAU"}


def opened(content: bytes) -> EmailMessage:
    mail = message_from_bytes(content, policy=default)
    assert isinstance(mail, EmailMessage)
    return mail


def attachments(mail: EmailMessage) -> dict[str, bytes]:
    return {str(part.get_filename()): part.get_payload(decode=True) for part in mail.iter_attachments()}  # type: ignore[misc]


def test_one_message_reaches_all_with_the_documents_as_they_are(files: list[OutgoingFile]) -> None:
    with MailReceiver() as server:
        told = bring(to_mail(server.port), files)
    (kept,) = server.kept
    assert (kept.sender, kept.receivers) == (USER, TO)
    mail = opened(kept.content)
    assert attachments(mail) == {name.replace("/", "-"): content for name, content in WHOLE.items()}
    assert list(attachments(mail))[-1] == "manifest.json"
    types = {part.get_filename(): part["Content-Type"] for part in mail.iter_attachments()}
    assert types["data-scores.csv"] == 'text/csv; charset="utf-8"'
    assert mail["Subject"] == "Kết quả Bộ chỉ số 766 tháng 9/2026, tỉnh Phú Thọ (lần phát hành 2)"
    assert mail["From"].addresses[0].display_name == "Văn phòng UBND tỉnh"
    assert mail["Date"].datetime == AT
    assert (told.files, told.sent) == (5, 5)
    assert told.receipt == f"250 OK queued as 000001; Message-ID {mail['Message-ID']}"


def test_the_text_is_what_an_office_writes(files: list[OutgoingFile]) -> None:
    body = compose(_email(), files, MESSAGE, AT).get_body()
    assert body is not None
    text = body.get_content().replace("\r\n", "\n")
    assert text.startswith("Kính gửi Quý cơ quan,\n\nVăn phòng UBND tỉnh Phú Thọ gửi kèm thư này")
    assert "tỉnh Phú Thọ, tháng 9/2026, lần phát hành 2." in text
    assert "\n\nSố liệu số hóa hồ sơ là số liệu tạm tính.\n\n" in text
    assert "Thư có 5 tệp đính kèm:" in text
    assert f"(179.200 byte)\n   SHA-256: {files[0].sha256}" in text
    assert text.endswith("Trân trọng.\nVăn phòng UBND tỉnh Phú Thọ\n")


def _email(**changes: Any) -> Any:
    return to_mail(**changes)


def test_the_same_release_is_the_same_message(files: list[OutgoingFile]) -> None:
    first, second = (compose(_email(), files, MESSAGE, AT).as_bytes() for _ in range(2))
    assert first == second
    ids = {
        compose(one, files, message, AT)["Message-ID"]
        for one in (_email(), _email(name="noi-khac"))
        for message in (MESSAGE, replace(MESSAGE, release_id="H44/2026-09/3"))
    }
    assert len(ids) == 4
    assert all(re.fullmatch(r"<[0-9a-f]{40}@example\.gov\.vn>", one) for one in ids)


def test_the_wire_is_plain_ascii_with_names_by_rfc_2231(files: list[OutgoingFile]) -> None:
    content = compose(_email(), files, MESSAGE, AT).as_bytes()
    assert content.isascii()
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.count(b"\n") == content.count(b"\r\n")
    assert b"filename*=utf-8''" in content or b"filename*0*=utf-8''" in content


def test_the_names_of_machine_and_program_stay_here(files: list[OutgoingFile]) -> None:
    with MailReceiver() as server:
        bring(to_mail(server.port), files)
    (kept,) = server.kept
    assert kept.host_name == "example.gov.vn"
    header = kept.content.partition(b"\r\n\r\n")[0].decode().lower()
    assert {line.split(":")[0] for line in header.splitlines() if not line.startswith((" ", "\t"))} == {
        *("from", "to", "subject", "date", "message-id", "auto-submitted", "mime-version", "content-type"),
    } | {"x-peer", "x-mailfrom", "x-rcptto"} & {line.split(":")[0] for line in header.splitlines()}
    assert socket.gethostname().lower() not in header


HOSTILE = 'Sở "Y tế"\r\nBcc: thief@example.com\n\n<script>\x00\u202e{province.__class__}=?utf-8?q?x?= %s'


def test_hostile_words_become_neither_header_nor_field(files: list[OutgoingFile]) -> None:
    words = replace(
        MESSAGE, province_vi=HOSTILE, period_vi=HOSTILE, office_vi=HOSTILE, notes_vi=(HOSTILE,) * 3
    )
    with MailReceiver() as server:
        bring(to_mail(server.port), files, message=words)
    mail = opened(server.kept[0].content)
    assert mail["Bcc"] is None
    assert "\n" not in str(mail["Subject"])
    assert "{province.__class__}" in str(mail["Subject"])
    assert "\u202e" not in str(mail["Subject"])
    assert server.kept[0].receivers == TO
    body = mail.get_body()
    assert body is not None
    text = body.get_content()
    assert body.get_content_type() == "text/plain"
    assert "[U+202E]" in text
    assert not re.search(r"^Bcc:", text, re.MULTILINE)


@pytest.mark.parametrize("security", ["starttls", "ssl"])
def test_over_tls_with_login(
    security: str, tmp_path: Path, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    certificate, context = make_certificate(tmp_path)
    with MailReceiver(password=PASSWORD, tls=context, implicit_tls=security == "ssl") as server:
        to = to_mail(server.port, security=security, ca_file=certificate, **LOGIN)
        bring(to, files, secrets=SECRETS)
        assert server.kept[0].tls
        assert server.kept[0].content.startswith(b"From:")
        with pytest.raises(Terminal, match="TLS with the server is not accepted: self") as caught:
            bring(to_mail(server.port, security=security, **LOGIN), files, secrets=SECRETS)
    assert (server.logins, len(server.kept)) == (1, 1)
    assert_untold(caught.value, caplog, PASSWORD)


def test_without_starttls_at_the_server_nothing_is_sent(files: list[OutgoingFile]) -> None:
    with MailReceiver(password=PASSWORD) as server, pytest.raises(Terminal, match="does not offer") as caught:
        bring(to_mail(server.port, security="starttls", **LOGIN), files, secrets=SECRETS)
    assert "less protection" in caught.value.remedy
    assert (server.logins, server.tries) == (0, 0)


def test_the_wrong_kind_of_tls_is_named(files: list[OutgoingFile]) -> None:
    with MailReceiver() as server, pytest.raises((Terminal, Transient), match="noi-nhan: 127") as caught:
        bring(to_mail(server.port, security="ssl", attempts=1), files)
    assert isinstance(caught.value, Terminal)
    assert "check host, port and security" in caught.value.remedy


@pytest.mark.parametrize("echoed", [None, "535 5.7.8 {password} is wrong"])
def test_a_wrong_password_is_tried_once_and_never_shown(
    echoed: str | None, files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    waits: list[float] = []
    wrong = "mat-khau-cu-77"
    with (
        MailReceiver(password=PASSWORD, login_refused_with=echoed) as server,
        pytest.raises(Terminal, match="does not let the user") as caught,
    ):
        bring(to_mail(server.port, **LOGIN), files, waits, secrets={"GUI_MAT_KHAU": wrong})
    assert waits == []
    assert server.logins == 1  # though the server offers PLAIN and LOGIN
    assert_untold(caught.value, caplog, wrong)


def test_a_password_beyond_ascii_is_refused_unshown(
    files: list[OutgoingFile], caplog: pytest.LogCaptureFixture
) -> None:
    with MailReceiver(password=PASSWORD) as server, pytest.raises(Terminal, match="beyond ASCII") as caught:
        bring(to_mail(server.port, **LOGIN), files, secrets={"GUI_MAT_KHAU": "mật-khẩu-thư"})
    assert_untold(caught.value, caplog, "mật-khẩu-thư")


def test_a_busy_server_gets_it_at_the_next_try_and_once(files: list[OutgoingFile]) -> None:
    waits: list[float] = []
    with MailReceiver() as server:
        server.answers = {"DATA": ["451 try later"]}
        told = bring(to_mail(server.port), files, waits)
    assert (told.attempts, waits) == (2, [1.0])
    assert (server.tries, len(server.kept)) == (2, 1)


def test_a_message_the_server_refuses_is_not_tried_again(files: list[OutgoingFile]) -> None:
    waits: list[float] = []
    with MailReceiver() as server:
        server.answers = {"DATA": ["554 5.7.1 attachment not allowed"]}
        with pytest.raises(Terminal, match=r"does not take the message: 554 5\.7\.1 attachment not allowed"):
            bring(to_mail(server.port), files, waits)
    assert (server.tries, waits, server.kept) == (1, [], [])


@pytest.mark.parametrize(
    ("answer", "kind", "tries"), [("550 no such user", Terminal, 0), ("450 full", Transient, 2)]
)
def test_where_one_receiver_is_refused_nobody_gets_it(
    answer: str, kind: type[Exception], tries: int, files: list[OutgoingFile]
) -> None:
    waits: list[float] = []
    with MailReceiver() as server:
        server.answers = {"RCPT": {TO[1]: answer}}
        with pytest.raises(kind, match=f"does not take the receiver {re.escape(TO[1])}: .*nobody got"):
            bring(to_mail(server.port), files, waits)
        assert (server.tries, len(waits)) == (0, tries)
        server.answers = {}
        bring(to_mail(server.port), files)
    assert [kept.receivers for kept in server.kept] == [TO]


def test_a_connection_that_broke_off_after_the_message_is_told_and_keeps_its_id(
    files: list[OutgoingFile],
) -> None:
    with MailReceiver() as server:
        server.answers = {"DATA": ["drop"]}
        with pytest.raises(Transient, match="the receivers may have it"):
            bring(to_mail(server.port, attempts=1), files)
        told = bring(to_mail(server.port), files)
    assert (server.tries, len(server.kept)) == (2, 1)
    assert str(opened(server.kept[0].content)["Message-ID"]) in told.receipt


def test_nobody_there_is_transient(files: list[OutgoingFile]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(Transient):
            bring(to_mail(port, timeout_seconds=0.3, attempts=1), files)
    waits: list[float] = []
    with pytest.raises(Transient, match=r"no connection .*\(after 3 tries\)"):
        bring(to_mail(port), files, waits)
    assert waits == [1.0, 2.0]


def test_what_is_too_large_is_refused_before_anything_is_said(files: list[OutgoingFile]) -> None:
    with pytest.raises(Terminal, match=r"bytes, more than allowed \(max_mib: 0.1\)"):
        bring(to_mail(1, max_mib=0.1), files)
    with (
        MailReceiver(size_limit=100_000) as server,
        pytest.raises(Terminal, match="the server takes 100,000 bytes"),
    ):
        bring(to_mail(server.port), files)
    assert server.tries == 0


def test_attachments_whose_names_would_be_one_are_refused(tmp_path: Path) -> None:
    both = {"a/b.csv": CONTENTS["trong.txt"], "a-b.csv": CONTENTS["trong.txt"]}
    files = release(tmp_path, both | {"manifest.json": CONTENTS["manifest.json"]})
    with pytest.raises(Terminal, match="one name at the receiver"):
        bring(to_mail(1), files)
