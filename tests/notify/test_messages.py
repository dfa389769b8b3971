"""What an office reads: every kind says what it is, until when, what lacks, what to do, and who."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC

import pytest
from notify_cases import DUTIES, HOSTILE, MISSING, at, draft, hostile, sample, status

from etl.notify.message import Message
from etl.notify.messages import LONGEST_SUBJECT, message, one_line
from etl.warehouse.duty_ledger import DutyStatus
from etl.watch_events import events

PORTAL = "Cổng Dịch vụ công quốc gia: chưa có số liệu tháng 9/2026."

CASES = {
    "inputs_missing": (status(missing=(MISSING,)), "2026-10-13 07:10", ["còn 3 ngày làm việc", MISSING, "bochiso check"]),
    "build_failed": (
        status(failure="the portal answers HTTP 503", failed_at=at("2026-10-12 05:00")), "2026-10-12 07:10",
        ["the portal answers HTTP 503", "12/10/2026 05:00", "bochiso release build --province H44 --period 2026-10"],
    ),
    "not_built": (status(), "2026-10-16 15:30", ["đến nay chưa có dự thảo", "lập ngay", "bochiso release build"]),
    "awaits_sign_off": (draft(), "2026-10-15 07:10", ["bản số 1", "Required Actions", "bochiso release approve", "Lãnh đạo Sở"]),
    "refused": (
        status(refused_by="Nguyễn Văn A", refusal="Sai tổng cột 9", refused_at=at("2026-10-12 10:00")), "2026-10-12 10:10",
        ["Nguyễn Văn A", "Sai tổng cột 9", "12/10/2026 10:00"],
    ),
    "due_today": (status(), "2026-10-17 07:10", ["Hôm nay là", "lập ngay"]),
    "missed": (status(state="missed"), "2026-10-18 00:10", ["đã quá hạn", "báo cáo lý do chậm"]),
    "released_late": (
        status(state="released_late", release_no=2, released_at=at("2026-10-18 09:00")), "2026-10-18 09:10",
        ["Phát hành lúc: 18/10/2026 09:00", "lý do chậm"],
    ),
    "restated": (
        status(state="released", release_no=1, released_at=at("2026-10-16 09:00"), restated=1204), "2026-10-20 07:10",
        ["1.204", "mart.restatements", "đính chính"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_a_message_says_what_until_when_what_to_do_and_who(kind: str) -> None:
    one, now, words = CASES[kind]
    said = sample(one, now)
    assert said.kind == kind
    assert "tháng 10/2026" in said.subject
    assert "tỉnh Phú Thọ" in said.subject
    for word in [
        *words,
        DUTIES["D1"].name_vi,
        "17/10/2026 23:59",
        "Kính gửi: Sở Thông tin và Truyền thông",
        "Việc cần làm:\n1. ",
    ]:
        assert word in said.text, word
    assert said.text.endswith(f"Mã tin: {said.key})\n")
    assert "None" not in said.subject + said.text


def test_a_quarter_is_named_as_offices_name_it() -> None:
    said = sample(status(period_id="2026-Q3"))
    assert "quý III/2026" in said.subject
    assert "--period 2026-Q3" in said.text


def test_only_what_lacks_is_asked_for() -> None:
    portal = sample(status("D2", missing=(PORTAL,)), "2026-10-13 07:10").text
    assert "bochiso run ingest --province H44 --period 2026-09" in portal
    assert "bochiso check" not in portal
    form = sample(status("D2", missing=(MISSING,)), "2026-10-13 07:10").text
    assert "bochiso check" in form
    assert "run ingest" not in form


def test_days_left_are_those_of_now() -> None:
    lacks = status(missing=(MISSING,))
    assert "(còn 1 ngày làm việc đến ngày mục tiêu)" in sample(lacks, "2026-10-15 07:10").subject
    late = sample(lacks, "2026-10-16 07:10")
    assert "(còn 1 ngày đến hạn gửi)" in late.subject
    assert "Ngày mục tiêu: 16/10/2026 (hôm nay)" in late.text


def test_a_failed_sending_names_the_command_that_sends_again() -> None:
    one = status(state="released", release_no=1, released_at=at("2026-10-16 09:00"), failure="SFTP: no")
    assert "bochiso release send" in sample(one, "2026-10-16 10:10").text


def test_a_duty_that_the_installation_no_longer_has_is_still_told() -> None:
    said = sample(status("D9", missing=(MISSING,)), "2026-10-13 07:10")
    assert "Đơn vị phụ trách nội dung D9" in said.text
    assert "bổ sung số liệu còn thiếu" in said.text


def test_a_message_does_not_depend_on_the_zone_of_now() -> None:
    (event,) = events([status()], at("2026-10-17 07:10"))
    (same,) = events([status()], at("2026-10-17 07:10").astimezone(UTC))
    assert message(event, DUTIES).text == message(same, DUTIES).text


def lines_of(said: Message) -> list[str]:
    return said.text.split("\n")


@pytest.mark.parametrize("one", [hostile(), replace(hostile(), state="missed"), draft(province_name=HOSTILE)])
def test_words_of_others_stay_on_their_line_and_hide_nothing(one: DutyStatus) -> None:
    said = sample(one, "2026-10-15 10:10" if one.state != "missed" else "2026-10-18 00:10")
    plain = sample(status(), "2026-10-17 07:10")
    assert said.subject.isprintable()
    assert len(said.subject) <= LONGEST_SUBJECT + 30
    assert all(line.isprintable() for line in lines_of(said))
    assert not any(line.startswith(("Bcc", "<script", "*")) for line in lines_of(said))
    assert "\u202e" not in said.text
    assert plain.text.isprintable() is False  # line ends are not printable: the check above sees something


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a\r\nBcc: b", "a Bcc: b"),
        ("a\u2028b\x0bc\x85d", "a b c d"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u200bb\ufeff", "a[U+200B]b[U+FEFF]"),
        ("a\x00b\x1b[31m", "a[U+0000]b[U+001B][31m"),
        ("\ud800", "[U+D800]"),
    ],
)
def test_one_line(raw: str, shown: str) -> None:
    assert one_line(raw) == shown


def test_long_words_are_cut_and_say_so() -> None:
    assert one_line("a" * 500, 100) == "a" * 100 + "… (còn 400 ký tự)"
