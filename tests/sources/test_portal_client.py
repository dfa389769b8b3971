"""The client's manners and what it makes of every way the portal fails."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from etl import __version__
from etl.archive import Archive
from etl.errors import (
    BochisoError,
    PortalAnswerUnreadable,
    PortalHasNoSuchData,
    PortalRefused,
    PortalUnreachable,
)
from etl.periods import Period
from etl.sandbox import Fault, SamplePortal, SandboxServer
from etl.sandbox.misbehaviour import HTML_TYPE, JSON_TYPE, Misbehaviour, Reply
from etl.settings import Settings
from etl.sources.national_portal import client as client_module
from etl.sources.national_portal.client import PortalClient, parse_json
from etl.sources.national_portal.fetch import fetch_province

ENDPOINT = "evaluation/dvc-progress-tree"
PHU_THO = "019d2be3-6a88-732b-8b17-b68020c8553a"
REQUEST = {
    "timeType": "month",
    "year": 2026,
    "month": 8,
    "rootDepartmentId": PHU_THO,
    "currentPage": 1,
    "pageSize": 300,
}
Start = Callable[..., SandboxServer]
Make = Callable[..., Settings]


@dataclass
class Canned:
    """Stands where a Fault stands: the same reply to every question."""

    reply: Reply
    seen: list[str] = field(default_factory=list)

    def apply(self, endpoint: str, request: Mapping[str, object], reply: Reply) -> Reply:
        self.seen.append(endpoint)
        return self.reply


@pytest.fixture
def ask(
    sample_portal: SamplePortal, start_sandbox: Start, make_settings: Make, now: datetime
) -> Callable[..., tuple[Any, SandboxServer]]:
    """Ask once; give back the reply, or the error, and the server that saw it."""

    def go(fault: Any = None, **settings: Any) -> tuple[Any, SandboxServer]:
        server = start_sandbox(sample_portal, fault)
        with PortalClient(make_settings(server.url, **settings), lambda: now) as client:
            try:
                return client.ask(ENDPOINT, REQUEST), server
            except BochisoError as error:
                return error, server

    return go


def test_a_good_answer_keeps_bytes_request_and_time(
    ask: Callable[..., tuple[Any, SandboxServer]], sample_portal: SamplePortal, now: datetime
) -> None:
    reply, server = ask()
    assert reply.body == sample_portal.answer(ENDPOINT, dict(REQUEST))
    assert reply.request == REQUEST == server.requests[0].request
    assert reply.received_at == now
    assert (reply.status, reply.address, reply.endpoint) == (201, server.url, ENDPOINT)
    assert reply.data["parent"]["departmentId"] == PHU_THO


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("forbidden", "HTTP 403 with the firewall's HTML page"),
        ("too_many_requests", "HTTP 429"),
        ("html", "HTTP 200 with the firewall's HTML page (Support ID 7660000000000000766)"),
    ],
)
def test_a_refusal_stops_at_once_and_asks_for_a_person(
    ask: Callable[..., tuple[Any, SandboxServer]], kind: str, words: str
) -> None:
    error, server = ask(Fault(Misbehaviour(kind)), portal_attempts=5)
    assert type(error) is PortalRefused
    assert words in error.message
    assert "operators" in error.remedy
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403, 406, 429])
def test_every_go_away_status_is_a_refusal_without_html_too(
    ask: Callable[..., tuple[Any, SandboxServer]], status: int
) -> None:
    error, server = ask(Canned(Reply(status, b"{}")), portal_attempts=5)
    assert type(error) is PortalRefused
    assert f"HTTP {status}" in error.message
    assert "firewall" not in error.message
    assert len(server.requests) == 1


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize(
    ("kind", "words"), [("server_error", "HTTP 500"), ("reset", "no answer"), ("slow", "ReadTimeout")]
)
def test_faults_of_the_network_and_the_server_are_tried_exactly_as_often_as_set(
    ask: Callable[..., tuple[Any, SandboxServer]], kind: str, words: str, attempts: int
) -> None:
    fault = Fault(Misbehaviour(kind), seconds=30)
    error, server = ask(fault, portal_attempts=attempts, portal_read_timeout_seconds=0.3)
    assert type(error) is PortalUnreachable
    assert words in error.message
    assert f"after {attempts} tries" in error.message
    assert error.remedy
    assert len(server.requests) == attempts


def test_a_closed_port_is_unreachable(
    make_settings: Make, now: datetime, sample_portal: SamplePortal
) -> None:
    server = SandboxServer(sample_portal)
    url = server.url
    server.stop()
    with (
        PortalClient(make_settings(url, portal_attempts=2), lambda: now) as client,
        pytest.raises(PortalUnreachable, match=r"ConnectError.*after 2 tries"),
    ):
        client.ask(ENDPOINT, REQUEST)


def test_a_flaky_portal_is_got_over_by_one_more_try(
    ask: Callable[..., tuple[Any, SandboxServer]],
) -> None:
    fault = Fault(Misbehaviour.FLAKY)
    reply, server = ask(fault, portal_attempts=2)
    assert reply.data["children"]
    assert fault.done == 1
    assert len(server.requests) == 2
    assert server.requests[0].request == server.requests[1].request


@pytest.mark.parametrize(
    ("kind", "words"), [("truncated", "not whole JSON"), ("code_not_ok", "answers code")]
)
def test_an_answer_outside_the_contract_is_unreadable_and_not_asked_again(
    ask: Callable[..., tuple[Any, SandboxServer]], kind: str, words: str
) -> None:
    error, server = ask(Fault(Misbehaviour(kind)), portal_attempts=5)
    assert type(error) is PortalAnswerUnreadable
    assert words in error.message
    assert error.remedy
    assert len(server.requests) == 1


def test_404_means_the_portal_has_no_such_data(ask: Callable[..., tuple[Any, SandboxServer]]) -> None:
    error, server = ask(Fault(Misbehaviour.GROUP_MISSING, only=frozenset({ENDPOINT})), portal_attempts=5)
    assert type(error) is PortalHasNoSuchData
    assert "period" in error.remedy
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    ask: Callable[..., tuple[Any, SandboxServer]],
    start_sandbox: Start,
    sample_portal: SamplePortal,
    status: int,
) -> None:
    elsewhere = start_sandbox(sample_portal)
    there = (("Location", f"{elsewhere.url}/{ENDPOINT}"),)
    error, server = ask(Canned(Reply(status, b"", headers=there)), portal_attempts=5)
    assert type(error) is PortalAnswerUnreadable
    assert f"HTTP {status}" in error.message
    assert len(server.requests) == 1
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [202, 204, 400, 405, 418])
def test_any_other_status_is_not_success(ask: Callable[..., tuple[Any, SandboxServer]], status: int) -> None:
    body = b"" if status == 204 else b'{"code":"OK","data":{}}'
    error, server = ask(Canned(Reply(status, body)), portal_attempts=5)
    assert type(error) is PortalAnswerUnreadable
    assert f"HTTP {status}" in error.message
    assert len(server.requests) == 1


def test_html_is_a_refusal_whatever_its_content_type_says(
    ask: Callable[..., tuple[Any, SandboxServer]],
) -> None:
    error, _ = ask(Canned(Reply(201, b"\r\n <html>Support ID: 4711</html>", JSON_TYPE)))
    assert type(error) is PortalRefused
    assert "Support ID 4711" in error.message


def test_a_faulty_gateway_with_an_html_page_is_tried_again(
    ask: Callable[..., tuple[Any, SandboxServer]],
) -> None:
    error, server = ask(Canned(Reply(502, b"<html>Bad Gateway</html>", HTML_TYPE)), portal_attempts=2)
    assert type(error) is PortalUnreachable
    assert len(server.requests) == 2


def test_an_answer_beyond_the_limit_is_not_taken_in(
    ask: Callable[..., tuple[Any, SandboxServer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_ANSWER", 100_000)
    error, server = ask(Canned(Reply(201, b"[" * 100_001)), portal_attempts=5)
    assert type(error) is PortalAnswerUnreadable
    assert "larger than 100,000 bytes" in error.message
    assert len(server.requests) == 1


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_taken_in(
    ask: Callable[..., tuple[Any, SandboxServer]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_LARGEST_ANSWER", 1_000_000)
    bomb = gzip.compress(b" " * 20_000_000)
    assert len(bomb) < 50_000
    error, _ = ask(Canned(Reply(201, bomb, headers=(("Content-Encoding", "gzip"),))))
    assert type(error) is PortalAnswerUnreadable
    assert "larger than" in error.message


def test_damaged_compression_is_unreadable(ask: Callable[..., tuple[Any, SandboxServer]]) -> None:
    error, server = ask(Canned(Reply(201, b"not gzip", headers=(("Content-Encoding", "gzip"),))))
    assert type(error) is PortalAnswerUnreadable
    assert "compression" in error.message
    assert len(server.requests) == 1


def test_the_user_agent_says_who_it_is_and_whom_to_ask(
    ask: Callable[..., tuple[Any, SandboxServer]],
) -> None:
    _, server = ask(portal_contact="vanphong@example.vn")
    agent = server.requests[0].user_agent
    assert agent == f"bochiso/{__version__} (public index statistics; contact: vanphong@example.vn)"


def test_a_contact_in_vietnamese_letters_is_sent_all_the_same(
    ask: Callable[..., tuple[Any, SandboxServer]],
) -> None:
    reply, server = ask(portal_contact="Văn phòng UBND tỉnh Phú Thọ, 0210 384 6647")
    assert reply.status == 201
    assert "0210 384 6647" in server.requests[0].user_agent


def test_the_next_call_starts_a_whole_pause_after_the_last_one_ended(
    sample_portal: SamplePortal,
    start_sandbox: Start,
    make_settings: Make,
    now: datetime,
    phu_tho: Any,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    elapsed = [1000.0]
    waits: list[float] = []
    calls: list[tuple[str, float]] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        elapsed[0] += seconds

    class Working:
        """Every answer takes a quarter of a second of the fake clock."""

        busy = False

        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            assert not self.busy, "two calls at a time"
            self.busy = True
            calls.append((endpoint, elapsed[0]))
            elapsed[0] += 0.25
            body = sample_portal.answer(endpoint, request)
            self.busy = False
            return body

    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: elapsed[0]))
    server = start_sandbox(Working())
    settings = make_settings(server.url, portal_pause_seconds=5)
    with PortalClient(settings, lambda: now, sleep) as client:
        fetch_province(
            client,
            Archive(tmp_path / "a"),
            phu_tho,
            Period.parse("2026-08"),
            known_units=frozenset(),
            max_missing_share=0.05,
            now=now,
        )
    assert waits == [5.0] * 5
    starts = [at for _, at in calls]
    assert len(starts) == 6
    assert all(later - earlier >= 5.25 for earlier, later in pairwise(starts))


def test_retries_keep_the_pause_too_and_wait_longer_each_time(
    sample_portal: SamplePortal,
    start_sandbox: Start,
    make_settings: Make,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic=lambda: 0.0))
    server = start_sandbox(sample_portal, Fault(Misbehaviour.SERVER_ERROR))
    settings = make_settings(
        server.url, portal_pause_seconds=3, portal_retry_wait_seconds=7, portal_attempts=4
    )
    with PortalClient(settings, lambda: now, waits.append) as client, pytest.raises(PortalUnreachable):
        client.ask(ENDPOINT, REQUEST)
    assert waits == [7, 3, 14, 3, 28, 3]


def test_json_keeps_decimals_exact() -> None:
    assert parse_json(b'{"a": 0.1, "b": 17, "c": 20.00}') == {
        "a": Decimal("0.1"),
        "b": 17,
        "c": Decimal("20.00"),
    }
    assert isinstance(parse_json(b"17"), int)


@pytest.mark.parametrize("body", [b"NaN", b'{"a": Infinity}', b"[-Infinity]", b'{"a":1,"a":2}', b"\xff"])
def test_what_is_not_plain_json_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a JSON number|stands twice|can't decode"):
        parse_json(body)


def test_nesting_is_bounded_at_64() -> None:
    def nested(depth: int) -> bytes:
        return b"[" * depth + b"]" * depth

    assert parse_json(nested(64))
    for depth in (65, 1_000, 100_000):
        with pytest.raises(ValueError, match="nested"):
            parse_json(nested(depth))
