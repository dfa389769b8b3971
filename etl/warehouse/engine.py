"""Opening the warehouse: the embedded server, or the one a setting names.

Everything speaks to it as one of three roles: ``owner`` (migrations only), ``etl`` (reads
and writes rows, can drop nothing) and ``analyst`` (reads ``mart``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import adbc_driver_postgresql.dbapi
import psycopg

from etl.errors import Terminal, WarehouseUnavailable
from etl.settings import Settings
from etl.warehouse.embedded import OWNER, WAREHOUSE_DATABASE, ensure_running

Role = Literal["owner", "etl", "analyst"]


@dataclass(frozen=True)
class Warehouse:
    """Addresses of one warehouse by role. ``embedded`` tells whose server it is."""

    addresses: Mapping[Role, str]
    embedded: bool

    def connect(self, role: Role = "etl", autocommit: bool = False) -> psycopg.Connection[tuple[Any, ...]]:
        """A psycopg connection as ``role``. Raises WarehouseUnavailable."""
        try:
            return psycopg.connect(self.addresses[role], autocommit=autocommit)
        except psycopg.OperationalError as error:
            raise WarehouseUnavailable(
                f"the warehouse cannot be reached as {role}: {error}", self._remedy()
            ) from error

    def connect_arrow(self, role: Role = "etl") -> adbc_driver_postgresql.dbapi.Connection:
        """An Arrow (ADBC) connection as ``role``, for bulk COPY. Raises WarehouseUnavailable."""
        try:
            return adbc_driver_postgresql.dbapi.connect(self.addresses[role])
        except adbc_driver_postgresql.dbapi.Error as error:
            raise WarehouseUnavailable(
                f"the warehouse cannot be reached as {role}: {error}", self._remedy()
            ) from error

    def sqlalchemy_url(self) -> str:
        """The owner's address for Alembic, with the driver named (SQLAlchemy 2.1 changed its default)."""
        return "postgresql+psycopg" + self.addresses["owner"].removeprefix("postgresql")

    @property
    def display_url(self) -> str:
        """The address as it may be printed: no password, no parameters."""
        parts = urlsplit(self.addresses["owner"])
        host = parts.hostname or "localhost"
        return f"postgresql://{host}:{parts.port or 5432}{parts.path}"

    def _remedy(self) -> str:
        if self.embedded:
            return "look at the log under the home folder's postgres/log, then run the command again"
        return "check BOCHISO_WAREHOUSE_URL and that the server is up, then run the command again"


def _with_role(url: str, role: str) -> str:
    """The same address, taking on ``role`` as the connection starts."""
    parts = urlsplit(url)
    query = [(key, value) for key, value in parse_qsl(parts.query) if key != "options"]
    earlier = dict(parse_qsl(parts.query)).get("options", "")
    query.append(("options", f"{earlier} -c role={role}".strip()))
    return urlunsplit(parts._replace(query=urlencode(query, quote_via=quote)))


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse the settings name; starts the embedded server when they name none.

    Raises WarehouseUnavailable, or Terminal when the address is not a PostgreSQL URL.
    """
    if settings.warehouse_url is None:
        server = ensure_running(settings.home)
        return Warehouse(
            addresses={
                "owner": server.url(WAREHOUSE_DATABASE, OWNER),
                "etl": server.url(WAREHOUSE_DATABASE, "bochiso_etl"),
                "analyst": server.url(WAREHOUSE_DATABASE, "bochiso_analyst"),
            },
            embedded=True,
        )
    scheme, _, rest = settings.warehouse_url.partition("://")
    if scheme.partition("+")[0] not in ("postgresql", "postgres") or not rest:
        raise Terminal(
            "BOCHISO_WAREHOUSE_URL is not a PostgreSQL address",
            "write it as postgresql://user@host:5432/database, with the password in a pgpass file",
        )
    url = f"postgresql://{rest}"
    return Warehouse(
        addresses={
            "owner": url,
            "etl": _with_role(url, "bochiso_etl"),
            "analyst": settings.analyst_url or _with_role(url, "bochiso_analyst"),
        },
        embedded=False,
    )
