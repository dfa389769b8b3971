"""One hash over what the warehouse says, to compare two warehouses or two moments of one."""

from __future__ import annotations

import hashlib

from psycopg import sql

from etl.warehouse.engine import Warehouse

# ops is the logbook: when something ran is not what the warehouse says.
_SCHEMAS = ("core", "quarantine")


def warehouse_checksum(warehouse: Warehouse) -> str:
    """SHA-256 over every row of every table of core and quarantine, in the order of their keys.

    The verdicts of the checks (ops.validation_result) are part of what mart says and included.
    """
    digest = hashlib.sha256()
    with warehouse.connect() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
            "AND (table_schema = ANY(%s) OR (table_schema, table_name) = ('ops', 'validation_result')) "
            "ORDER BY 1, 2",
            (list(_SCHEMAS),),
        ).fetchall()
        for schema, table in tables:
            digest.update(f"{schema}.{table}\n".encode())
            query = sql.SQL('COPY (SELECT t.* FROM {} t ORDER BY t::text COLLATE "C") TO STDOUT').format(
                sql.Identifier(schema, table)
            )
            with connection.cursor() as cursor, cursor.copy(query) as copy:
                for block in copy:
                    digest.update(block)
    return digest.hexdigest()
