"""What the sandbox's tests share: the real captures, and asking a portal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.periods import Period
from etl.sandbox import DataSource, SamplePortal
from etl.sandbox.contract import SATISFACTION, SERVICE_RESULTS, full_endpoint

PHU_THO = "019d2be3-6a88-732b-8b17-b68020c8553a"

Ask = Callable[..., dict[str, Any]]


def body_of(endpoint: str, period: str, root: str | None = PHU_THO, **more: object) -> dict[str, object]:
    """The request the portal's page would send."""
    asked = Period.parse(period)
    if endpoint == SATISFACTION:
        days = {"fromDate": asked.first_day.isoformat(), "toDate": asked.last_day.isoformat()}
        return {**days, "rootDepartmentId": root, "currentPage": 1, "pageSize": 200, **more}
    number = {} if asked.kind == "year" else {asked.kind: asked.number}
    times = {"timeType": asked.kind, "year": asked.year, **number}
    if endpoint == SERVICE_RESULTS:
        return {**times, "departmentType": "ADMINISTRATIVE_UNIT", **more}
    return {**times, "rootDepartmentId": root, "currentPage": 1, "pageSize": 200, **more}


@pytest.fixture(scope="session")
def request_for() -> Callable[..., dict[str, object]]:
    return body_of


@pytest.fixture(scope="session")
def ask() -> Ask:
    """``ask(portal, "transparency", "2026-08")`` gives ``data`` of the answer, or None."""

    def answer(portal: DataSource, endpoint: str, period: str, **more: Any) -> Any:
        endpoint = full_endpoint(endpoint)
        found = portal.answer(endpoint, body_of(endpoint, period, **more))
        return None if found is None else json.loads(found)["data"]

    return answer


@pytest.fixture(scope="session")
def sample() -> SamplePortal:
    return SamplePortal()


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real captures, beside the repository."""
    folder = Path(__file__).parents[2].parent / "shared" / "real"
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no real captures at {folder}")
    return folder
