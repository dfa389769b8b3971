"""This room works on a real warehouse."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from support.files import Office, tell_portal
from support.fixtures import archive, server, settings, warehouse
from support.warehouses import database

from etl.settings import Settings
from etl.warehouse.embedded import OWNER, EmbeddedServer

__all__ = ["archive", "server", "settings", "warehouse"]


@pytest.fixture(scope="session")
def portal_database(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that knows the portal's July and August of Phú Thọ: the template of the offices below."""
    with database(server) as url:
        tell_portal(Settings(home=tmp_path_factory.mktemp("portal"), warehouse_url=url))
        with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as connection:
            # Nobody may be connected to a template.
            connection.execute(
                "CREATE DATABASE portal_told TEMPLATE " + url.rpartition("/")[2].partition("?")[0]
            )
    yield "portal_told"
    with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as connection:
        connection.execute("DROP DATABASE portal_told WITH (FORCE)")


@pytest.fixture
def office(server: EmbeddedServer, portal_database: str, tmp_path: Path) -> Iterator[Office]:
    """An office with a warehouse of its own, which knows the portal's units and figures."""
    with database(server, portal_database) as url:
        yield Office(Settings(home=tmp_path / "home", warehouse_url=url))


@pytest.fixture(scope="module")
def shared_office(
    server: EmbeddedServer, portal_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Office]:
    """An office that all tests of a module share: each looks at a window of its own, or only reads."""
    with database(server, portal_database) as url:
        yield Office(Settings(home=tmp_path_factory.mktemp("office") / "home", warehouse_url=url))
