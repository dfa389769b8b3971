"""Fixtures of the rooms that need a warehouse: one server a room, a migrated database and an archive a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from etl.archive import Archive
from etl.settings import Settings
from etl.warehouse.embedded import EmbeddedServer
from etl.warehouse.engine import Warehouse, open_warehouse
from support.warehouses import database, start_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    running = start_server(tmp_path_factory.mktemp("warehouse"))
    yield running
    running.stop()


@pytest.fixture
def settings(server: EmbeddedServer, tmp_path: Path) -> Iterator[Settings]:
    with database(server) as url:
        yield Settings(home=tmp_path / "home", warehouse_url=url)


@pytest.fixture
def warehouse(settings: Settings) -> Warehouse:
    return open_warehouse(settings)


@pytest.fixture
def archive(settings: Settings) -> Archive:
    return Archive(settings.archive_dir)
