from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from etl.errors import EnvironmentUnfit
from etl.sandbox import CapturedPortal, SamplePortal, SandboxServer


@pytest.fixture
def server(sample: SamplePortal) -> Iterator[SandboxServer]:
    with SandboxServer(sample) as running:
        yield running


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=10) as opened:
        yield opened


def test_answers_a_post_with_201_and_json(
    server: SandboxServer, client: httpx.Client, request_for: Callable[..., Any]
) -> None:
    body = request_for("evaluation/transparency", "2026-08")
    answer = client.post(f"{server.url}/evaluation/transparency", json=body)
    assert answer.status_code == 201
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.json()["code"] == "OK"
    assert server.url.startswith("http://127.0.0.1:")
    assert server.url.endswith("/api/v1/reporting")


def test_captured_bytes_survive_http(real: Path, request_for: Callable[..., Any]) -> None:
    asked = request_for("evaluation/service-results", "2026")
    with SandboxServer(CapturedPortal(real)) as server:
        answer = httpx.post(f"{server.url}/evaluation/service-results", json=asked)
    assert answer.content == (real / "national-service-results-year-2026.json").read_bytes()


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/evaluation/unknown", {}),
        ("/evaluation/transparency/more", {}),
        ("/formalities", {}),
        ("/evaluation/transparency", {"rootDepartmentId": "00000000-0000-0000-0000-000000000000"}),
        ("/evaluation/transparency", {"rootDepartmentId": None}),
        ("/evaluation/transparency", {"year": 2025}),
        ("/evaluation/transparency", {"formalityId": "x"}),
    ],
)
def test_what_it_has_not_is_404(
    server: SandboxServer,
    client: httpx.Client,
    request_for: Callable[..., Any],
    path: str,
    change: dict[str, object],
) -> None:
    body = request_for("evaluation/transparency", "2026-08") | change
    answer = client.post(server.url + path, json=body)
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"
    assert answer.json()["data"] is None


def test_only_its_base_path_is_served(server: SandboxServer, client: httpx.Client) -> None:
    outside = server.url.replace("/api/v1/reporting", "/evaluation/transparency")
    assert client.post(outside, json={}).status_code == 404


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_other_methods_are_405(server: SandboxServer, client: httpx.Client, method: str) -> None:
    answer = client.request(method, f"{server.url}/evaluation/transparency")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"[]", b"\xff", b"{}"),
        b'{"timeType":"week","year":2026}',
        b'{"timeType":"month","year":2026}',
        b'{"timeType":"month","year":2026,"month":13}',
        b'{"timeType":"month","year":"2026","month":8}',
        b'{"timeType":"month","year":2026,"month":true}',
    ],
)
def test_a_bad_body_is_400(server: SandboxServer, client: httpx.Client, content: bytes) -> None:
    answer = client.post(f"{server.url}/evaluation/transparency", content=content)
    assert answer.status_code == 400
    assert answer.json()["code"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "days", [{}, {"fromDate": "2026-08-01"}, {"fromDate": "2026-08-31", "toDate": "2026-08-01"}]
)
def test_satisfaction_wants_days(server: SandboxServer, client: httpx.Client, days: dict[str, str]) -> None:
    answer = client.post(f"{server.url}/evaluation/handling-satisfaction", json=days)
    assert answer.status_code == 400


def test_a_huge_body_is_refused_unread(server: SandboxServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
        head = (
            b"POST /api/v1/reporting/formalities HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n"
        )
        raw.sendall(head)
        assert raw.recv(1_000).startswith(b"HTTP/1.1 400")


def test_remembers_who_asked_what_in_which_order(
    server: SandboxServer, client: httpx.Client, request_for: Callable[..., Any]
) -> None:
    asked = ["evaluation/transparency", "evaluation/provide-online-tree"]
    for endpoint in asked:
        headers = {"User-Agent": "a test (test@example.vn)"}
        client.post(f"{server.url}/{endpoint}", json=request_for(endpoint, "2026-08"), headers=headers)
        time.sleep(0.05)
    seen = server.requests
    assert [received.endpoint for received in seen] == asked
    assert seen[0].user_agent == "a test (test@example.vn)"
    assert seen[1].request == request_for(asked[1], "2026-08")
    assert 0.05 <= seen[1].at - seen[0].at < 5


def test_listens_on_the_loopback_only(server: SandboxServer) -> None:
    assert server._http.server_address[0] == "127.0.0.1"


def test_a_taken_port_is_reported(server: SandboxServer, sample: SamplePortal) -> None:
    with pytest.raises(EnvironmentUnfit, match=str(server.port)):
        SandboxServer(sample, port=server.port)
    with pytest.raises(EnvironmentUnfit):
        SandboxServer(sample, port=70_000)


def test_after_the_end_even_a_kept_connection_is_dead(
    sample: SamplePortal, request_for: Callable[..., Any]
) -> None:
    body = request_for("evaluation/transparency", "2026-08")
    with httpx.Client(timeout=5) as client:
        with SandboxServer(sample) as server:
            url = f"{server.url}/evaluation/transparency"
            assert client.post(url, json=body).status_code == 201
            started = time.monotonic()
        assert time.monotonic() - started < 1
        with pytest.raises(httpx.TransportError):
            client.post(url, json=body)
