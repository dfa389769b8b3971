"""A valid reading of the sample portal, made once through the real client and reader, and its judge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from etl.archive import Archive
from etl.periods import VIETNAM, Period
from etl.reference.indicators import Catalogue
from etl.reference.provinces import Province
from etl.sandbox import DataSource, SamplePortal, SandboxServer
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import PortalClient
from etl.sources.national_portal.fetch import fetch_national, fetch_province
from etl.sources.national_portal.read import read_bundle
from etl.sources.tidy import ReadResult
from etl.validate.judge import Verdict, judge

# August is closed by then.
AT = datetime(2026, 10, 1, 4, 0, tzinfo=VIETNAM)


@dataclass(frozen=True)
class Valid:
    """A reading as the reader handed it on."""

    bundle: Bundle
    result: ReadResult


@pytest.fixture(scope="session")
def read_once(tmp_path_factory: pytest.TempPathFactory, phu_tho: Province) -> Callable[..., Valid]:
    """``read_once(source, period, national=False)``: over HTTP, into an archive of its own."""

    def read(source: DataSource, period: str = "2026-08", national: bool = False) -> Valid:
        archive = Archive(tmp_path_factory.mktemp("archive"))
        with SandboxServer(source) as server:
            settings = Settings(portal_url=server.url, portal_pause_seconds=0)  # type: ignore[arg-type]
            with PortalClient(settings, lambda: AT) as client:
                if national:
                    bundle = fetch_national(
                        client,
                        archive,
                        Period.parse(period),
                        known_provinces=frozenset(),
                        max_missing_share=0.05,
                        now=AT,
                    )
                else:
                    bundle = fetch_province(
                        client,
                        archive,
                        phu_tho,
                        Period.parse(period),
                        known_units=frozenset(),
                        max_missing_share=0.05,
                        now=AT,
                    )
        return Valid(bundle, read_bundle(archive, bundle))

    return read


@pytest.fixture(scope="session")
def valid(read_once: Callable[..., Valid], sample_portal: SamplePortal) -> Valid:
    return read_once(sample_portal)


@pytest.fixture(scope="session")
def valid_national(read_once: Callable[..., Valid], sample_portal: SamplePortal) -> Valid:
    return read_once(sample_portal, national=True)


@pytest.fixture(scope="session")
def pronounce(catalogue: Catalogue) -> Callable[..., Verdict]:
    """``pronounce(result, bundle, **others)``: the verdict, with the project's own suites and shares."""

    def go(result: ReadResult, bundle: Bundle, **others: Any) -> Verdict:
        return judge(result, bundle, catalogue, **({"max_quarantined_share": 0.05} | others))

    return go


@pytest.fixture
def docs_folder(tmp_path: Path) -> Path:
    return tmp_path / "data_docs"
