"""What all tests share. Light on purpose: importing it loads neither Great Expectations nor Airflow.

Folders add their own ``conftest.py`` beside this one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from etl.archive import Archive
from etl.periods import VIETNAM, Period
from etl.reference.indicators import Catalogue, load_catalogue
from etl.reference.provinces import Province, find_province
from etl.sandbox import DataSource, Fault, SamplePortal, SandboxServer
from etl.sandbox.contract import full_endpoint
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import PortalClient
from etl.sources.national_portal.fetch import fetch_national, fetch_province
from etl.sources.national_portal.read import read_bundle
from etl.sources.tidy import ReadResult

REPOSITORY = Path(__file__).parents[1]
SHARED = REPOSITORY.parent / "shared"

# The portal refreshes about 02:00: a run at 04:00, with August and the third quarter closed, the year open.
NOW = datetime(2026, 10, 1, 4, 0, tzinfo=VIETNAM)


@dataclass(frozen=True)
class EditedPortal:
    """A portal whose bodies pass through ``edit(endpoint, body)`` before they are sent."""

    source: DataSource
    edit: Callable[[str, bytes], bytes | None]

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        body = self.source.answer(endpoint, request)
        return None if body is None else self.edit(endpoint, body)


@dataclass(frozen=True)
class Reading:
    """One reading of a sandbox: what was handed on, where the bytes lie, what the portal was asked."""

    bundle: Bundle
    archive: Archive
    result: ReadResult
    requests: list[Any]


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The project's source material beside the repository; absent where only the repository is."""
    if not (SHARED / "README.md").is_file():
        pytest.skip(f"no source material at {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def real_captures() -> Path:
    """Values captured from the real portal. Read where they lie, never copied."""
    folder = SHARED / "real"
    if not (folder / "manifest.json").is_file():
        pytest.skip(f"no real captures at {folder}")
    return folder


class RememberingPortal(SamplePortal):
    """The sample portal, which writes each answer once: hundreds of tests ask for the same."""

    def __init__(self) -> None:
        super().__init__()
        self._written: dict[str, bytes | None] = {}

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        asked = f"{endpoint} {json.dumps(request, sort_keys=True)}"
        if asked not in self._written:
            self._written[asked] = super().answer(endpoint, request)
        return self._written[asked]


@pytest.fixture(scope="session")
def sample_portal() -> SamplePortal:
    """Generated answers, drawn once for all tests: final figures of whole years."""
    return RememberingPortal()


@pytest.fixture(scope="session")
def phu_tho() -> Province:
    return find_province("phu_tho")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def clock(now: datetime) -> Callable[[], datetime]:
    return lambda: now


@pytest.fixture
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No BOCHISO_ variable: whoever runs the tests may have an installation of their own."""
    for name in [name for name in os.environ if name.startswith("BOCHISO_")]:
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def make_settings(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """``make_settings(portal_url, **others)``: a home of one's own, no pauses, no waits."""

    def make(portal_url: str = "http://127.0.0.1:9/api/v1/reporting", **others: Any) -> Settings:
        values = {
            "home": tmp_path / "home",
            "portal_url": portal_url,
            "portal_contact": "tests of bochiso",
            "portal_pause_seconds": 0,
            "portal_retry_wait_seconds": 0,
        }
        return Settings(**(values | others))

    return make


@pytest.fixture
def start_sandbox() -> Iterator[Callable[..., SandboxServer]]:
    """``start_sandbox(source, fault=None)``: a portal on 127.0.0.1 until the test ends."""
    with ExitStack() as running:

        def start(source: DataSource, fault: Fault | None = None) -> SandboxServer:
            return running.enter_context(SandboxServer(source, fault))

        yield start


@pytest.fixture
def edited(sample_portal: SamplePortal) -> Callable[..., EditedPortal]:
    """``edited(endpoint, change, source=None)``: ``change(data)`` works on the parsed ``data`` of an
    endpoint's answers, in place. ``endpoint`` None means every one."""

    def wrap(
        endpoint: str | None, change: Callable[[dict[str, Any]], None], source: DataSource | None = None
    ) -> EditedPortal:
        def edit(asked: str, body: bytes) -> bytes:
            if endpoint is not None and asked != full_endpoint(endpoint):
                return body
            answer = json.loads(body)
            change(answer["data"])
            return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()

        return EditedPortal(source or sample_portal, edit)

    return wrap


@pytest.fixture
def edited_bytes(sample_portal: SamplePortal) -> Callable[..., EditedPortal]:
    """``edited_bytes(endpoint, change, source=None)``: ``change(body)`` gives the bytes to send instead."""

    def wrap(
        endpoint: str, change: Callable[[bytes], bytes], source: DataSource | None = None
    ) -> EditedPortal:
        def edit(asked: str, body: bytes) -> bytes:
            return change(body) if asked == full_endpoint(endpoint) else body

        return EditedPortal(source or sample_portal, edit)

    return wrap


@pytest.fixture(scope="session")
def plain_reading(
    sample_portal: SamplePortal, phu_tho: Province, tmp_path_factory: pytest.TempPathFactory
) -> Reading:
    """The sample's August, unedited, read once: what edited readings are compared with."""
    archive = Archive(tmp_path_factory.mktemp("plain") / "archive")
    with SandboxServer(sample_portal) as server:
        settings = Settings(portal_url=server.url, portal_pause_seconds=0)  # type: ignore[arg-type]
        with PortalClient(settings, lambda: NOW) as client:
            bundle = fetch_province(
                client,
                archive,
                phu_tho,
                Period.parse("2026-08"),
                known_units=frozenset(),
                max_missing_share=0.05,
                now=NOW,
            )
        return Reading(bundle, archive, read_bundle(archive, bundle), server.requests)


@pytest.fixture
def fetch_reading(
    make_settings: Callable[..., Settings],
    start_sandbox: Callable[..., SandboxServer],
    phu_tho: Province,
    now: datetime,
) -> Callable[..., Reading]:
    """``fetch_reading(source, period)``: fetch over HTTP into an archive, and read it.

    ``national=True`` reads the national page. The archive of a test is always the same one.
    """

    def read(
        source: DataSource,
        period: str = "2026-08",
        *,
        national: bool = False,
        province: Province = phu_tho,
        known: frozenset[str] = frozenset(),
        share: float = 0.05,
        at: datetime = now,
        fault: Fault | None = None,
    ) -> Reading:
        server = start_sandbox(source, fault)
        settings = make_settings(server.url)
        archive = Archive(settings.archive_dir)
        with PortalClient(settings, lambda: at) as client:
            if national:
                bundle = fetch_national(
                    client,
                    archive,
                    Period.parse(period),
                    known_provinces=known,
                    max_missing_share=share,
                    now=at,
                )
            else:
                bundle = fetch_province(
                    client,
                    archive,
                    province,
                    Period.parse(period),
                    known_units=known,
                    max_missing_share=share,
                    now=at,
                )
        return Reading(bundle, archive, read_bundle(archive, bundle), server.requests)

    return read
