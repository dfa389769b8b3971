"""A fresh, migrated warehouse for each test: one server a session, one database a test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from etl.settings import PROJECT_ROOT, Settings
from etl.warehouse.embedded import OWNER, WAREHOUSE_DATABASE, EmbeddedServer, ensure_running
from etl.warehouse.engine import open_warehouse
from etl.warehouse.migrate import migrate


def start_server(home: Path) -> EmbeddedServer:
    """A server whose database ``bochiso`` is migrated and serves as the template."""
    settings = Settings(home=home, warehouse_url=None)
    migrate(open_warehouse(settings))
    return ensure_running(home)


@contextmanager
def database(server: EmbeddedServer, template: str = WAREHOUSE_DATABASE) -> Iterator[str]:
    """The owner's URL of a new copy of the template (any database nobody is connected to); dropped afterwards."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        with psycopg.connect(server.url(name, OWNER)) as connection:
            # Rights on a database itself are not copied from its template.
            connection.execute((PROJECT_ROOT / "sql" / "roles.sql").read_bytes())
        yield server.url(name, OWNER)
    finally:
        with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
