"""Every misbehaviour, seen through a real client over real HTTP, over both data sources."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from etl.sandbox import CapturedPortal, DataSource, Fault, Misbehaviour, SamplePortal, SandboxServer

PROGRESS, DIGITIZED = "evaluation/dvc-progress-tree", "evaluation/dossier-digitized"
GROUPS = [PROGRESS, DIGITIZED, "evaluation/transparency", "evaluation/handling-satisfaction"]
GROUPS += ["evaluation/provide-online-tree", "evaluation/formality-online-payment-tree"]

Post = Callable[..., httpx.Response]


@pytest.fixture(params=["sample", "captures"])
def source(request: pytest.FixtureRequest, sample: SamplePortal) -> DataSource:
    if request.param == "sample":
        return sample
    real: Path = request.getfixturevalue("real")
    return CapturedPortal(real / "derived-14-units")


@pytest.fixture
def server(source: DataSource) -> Iterator[SandboxServer]:
    with SandboxServer(source) as running:
        yield running


@pytest.fixture
def post(server: SandboxServer, request_for: Callable[..., Any]) -> Iterator[Post]:
    with httpx.Client(timeout=5) as client:

        def send(endpoint: str = PROGRESS, period: str = "2026-08") -> httpx.Response:
            return client.post(f"{server.url}/{endpoint}", json=request_for(endpoint, period))

        yield send


def test_the_list_is_complete() -> None:
    assert set(Misbehaviour) == {
        *("forbidden", "too_many_requests", "html", "reset", "slow", "truncated"),
        *("server_error", "code_not_ok", "group_missing", "units_missing", "flaky"),
    }


@pytest.mark.parametrize(
    ("kind", "status"), [("forbidden", 403), ("too_many_requests", 429), ("server_error", 500)]
)
def test_refuses_by_status(server: SandboxServer, post: Post, kind: str, status: int) -> None:
    assert post().status_code == 201
    server.misbehave(Fault(Misbehaviour(kind)))
    assert {post(endpoint).status_code for endpoint in GROUPS} == {status}


def test_html_looks_like_success(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.HTML))
    answer = post()
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "Request Rejected" in answer.text
    assert "support ID" in answer.text


def test_reset_breaks_off_in_the_middle(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.RESET))
    for _ in range(3):
        with pytest.raises(httpx.ReadError, match="reset"):
            post()
    server.misbehave(None)
    assert post().status_code == 201


def test_slow_outlasts_a_client_and_answers_a_patient_one(server: SandboxServer, post: Post) -> None:
    assert Fault(Misbehaviour.SLOW).seconds == 90
    server.misbehave(Fault(Misbehaviour.SLOW, seconds=0.3))
    started = time.monotonic()
    assert post().status_code == 201
    assert time.monotonic() - started >= 0.3


def test_slow_does_not_hold_up_the_end(source: DataSource, request_for: Callable[..., Any]) -> None:
    failures: list[Exception] = []

    def wait_in_vain(url: str) -> None:
        try:
            httpx.post(url, json=request_for(PROGRESS, "2026-08"), timeout=30)
        except httpx.TransportError as error:
            failures.append(error)

    with SandboxServer(source, Fault(Misbehaviour.SLOW)) as server:
        waiting = Thread(target=wait_in_vain, args=(f"{server.url}/{PROGRESS}",))
        waiting.start()
        while not server.requests:
            time.sleep(0.01)
        started = time.monotonic()
    waiting.join(5)
    assert time.monotonic() - started < 2
    assert len(failures) == 1


def test_truncated_is_valid_http_and_broken_json(server: SandboxServer, post: Post) -> None:
    whole = post().content
    server.misbehave(Fault(Misbehaviour.TRUNCATED))
    answer = post()
    assert answer.status_code == 201
    assert int(answer.headers["content-length"]) == len(answer.content) == len(whole) // 2
    assert whole.startswith(answer.content)
    with pytest.raises(ValueError, match=r".+"):
        json.loads(answer.content)


def test_code_not_ok_comes_with_201(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.CODE_NOT_OK))
    assert post().status_code == 201
    assert post().json()["code"] == "ERROR"


def test_one_group_is_missing(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.GROUP_MISSING))
    assert {endpoint: post(endpoint).status_code for endpoint in GROUPS} == {
        endpoint: 404 if endpoint == DIGITIZED else 201 for endpoint in GROUPS
    }


def test_another_group_may_be_the_missing_one(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.GROUP_MISSING, only=frozenset({"dvc-progress-tree"})))
    assert post(PROGRESS).status_code == 404
    assert post(DIGITIZED).status_code == 201


def test_units_are_missing_but_still_counted(server: SandboxServer, post: Post) -> None:
    whole = {endpoint: post(endpoint).json()["data"] for endpoint in GROUPS}
    server.misbehave(Fault(Misbehaviour.UNITS_MISSING))
    for endpoint in GROUPS:
        before, after = whole[endpoint], post(endpoint).json()["data"]
        units = "evaluation" if "evaluation" in before else "children"
        assert 0.75 * len(before[units]) < len(after[units]) < 0.9 * len(before[units])
        assert [unit for unit in before[units] if unit in after[units]] == after[units]
        rest = {key: value for key, value in before.items() if key != units}
        assert {key: value for key, value in after.items() if key != units} == rest
        if "pagination" in rest:
            assert rest["pagination"]["total"] == len(before[units])


def test_flaky_fails_once_for_each_request(server: SandboxServer, post: Post) -> None:
    server.misbehave(Fault(Misbehaviour.FLAKY))
    for endpoint in (PROGRESS, DIGITIZED):
        with pytest.raises(httpx.ReadError):
            post(endpoint)
        assert post(endpoint).status_code == 201
        assert post(endpoint).status_code == 201


def test_times_limits_how_often(server: SandboxServer, post: Post) -> None:
    fault = Fault(Misbehaviour.SERVER_ERROR, times=2)
    server.misbehave(fault)
    assert [post().status_code for _ in range(4)] == [500, 500, 201, 201]
    assert fault.done == 2


@pytest.mark.parametrize("name", ["dossier-digitized", "evaluation/dossier-digitized"])
def test_only_restricts_the_endpoints(server: SandboxServer, post: Post, name: str) -> None:
    server.misbehave(Fault(Misbehaviour.FORBIDDEN, only=frozenset({name}), times=1))
    assert post(PROGRESS).status_code == 201
    assert post(DIGITIZED).status_code == 403
    assert post(DIGITIZED).status_code == 201


@pytest.mark.parametrize("kind", ["truncated", "units_missing", "code_not_ok"])
def test_what_spoils_a_body_leaves_a_404_alone(server: SandboxServer, post: Post, kind: str) -> None:
    fault = Fault(Misbehaviour(kind))
    server.misbehave(fault)
    assert post(period="2025-08").status_code == 404
    assert fault.done == 0
