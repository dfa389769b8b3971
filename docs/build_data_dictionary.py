"""Write docs/data-dictionary.md from the comments of a freshly migrated warehouse.

    .venv/bin/python docs/build_data_dictionary.py            write it
    .venv/bin/python docs/build_data_dictionary.py --check    exit 1 where it is out of date

The warehouse is an embedded one in a temporary home: what is described is what the files of
``sql/`` make, never what somebody added to an installation.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from etl.settings import Settings
from etl.warehouse.embedded import stop_running
from etl.warehouse.engine import open_warehouse
from etl.warehouse.migrate import migrate

TARGET = Path(__file__).parent / "data-dictionary.md"

# The promise first; staging, which holds shapes only, last.
_SCHEMAS = ("mart", "core", "quarantine", "ops", "staging")
_HEAD = """# Data dictionary

Generated from the warehouse's own comments by `docs/build_data_dictionary.py`; do not edit it here. The
sentences stand in `sql/migrations/` (tables) and `sql/marts/` (views). Analysts read the views of `mart` and
nothing else. A view's column that is taken over from a table unchanged has that column's meaning.
"""

_RELATIONS = """
SELECT n.nspname, c.relname, c.relkind::text, obj_description(c.oid, 'pg_class')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v')
ORDER BY c.relname
"""
_COLUMNS = """
SELECT n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       coalesce(a.attnum = ANY(k.indkey::int2[]), false), col_description(c.oid, a.attnum)
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY n.nspname, c.relname, a.attnum
"""


@dataclass(frozen=True)
class Column:
    """One column; ``comment`` is its own, or for a view that of the column it takes over."""

    name: str
    kind: str
    required: bool
    in_key: bool
    comment: str


@dataclass
class Relation:
    """A table or view with its columns, in their order."""

    name: str
    is_view: bool
    comment: str
    columns: list[Column] = field(default_factory=list)


def describe() -> dict[str, tuple[str, list[Relation]]]:
    """Comment and relations of every schema, of a warehouse made for the purpose and stopped again."""
    with tempfile.TemporaryDirectory(prefix="bochiso-dictionary-") as folder:
        home = Path(folder)
        try:
            # An address or a province of whoever runs this must not show.
            warehouse = open_warehouse(Settings(home=home, warehouse_url=None))
            migrate(warehouse)
            with warehouse.connect("owner") as connection:
                return _read(connection)
        finally:
            stop_running(home)


def render(schemas: dict[str, tuple[str, list[Relation]]]) -> str:
    """The page."""
    parts = [_HEAD]
    for schema, (comment, relations) in schemas.items():
        parts.append(f"\n## Schema `{schema}`\n\n{comment}\n")
        for relation in relations:
            parts += _relation_lines(schema, relation)
    return "".join(parts)


def _read(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, list[Relation]]]:
    schemas: dict[str, tuple[str, list[Relation]]] = {}
    for schema in _SCHEMAS:
        row = connection.execute(
            "SELECT obj_description(to_regnamespace(%s)::oid, 'pg_namespace')", (schema,)
        ).fetchone()
        schemas[schema] = (row[0] or "" if row else "", [])
    found: dict[str, Relation] = {}
    for schema, name, kind, comment in connection.execute(_RELATIONS, (list(_SCHEMAS),)):
        found[f"{schema}.{name}"] = Relation(name, kind == "v", comment or "")
        schemas[schema][1].append(found[f"{schema}.{name}"])
    rows = connection.execute(_COLUMNS, (list(_SCHEMAS),)).fetchall()
    meanings = {
        (f"{schema}.{table}", column): comment for schema, table, column, *_, comment in rows if comment
    }
    views = [name for name, relation in found.items() if relation.is_view]
    # Views of core first: those of mart stand on them.
    for name in sorted(views, key=lambda name: (not name.startswith("core."), name)):
        for column, origin in _origins(connection, name):
            if origin in meanings:
                meanings.setdefault((name, column), meanings[origin])
    for schema, table, column, kind, required, in_key, _ in rows:
        name = f"{schema}.{table}"
        found[name].columns.append(Column(column, kind, required, in_key, meanings.get((name, column), "")))
    return schemas


def _origins(connection: psycopg.Connection[Any], view: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The columns of a view that are a column of a table or view below, unchanged, and which one that is."""
    row = connection.execute("SELECT pg_get_viewdef(%s::regclass)", (view,)).fetchone()
    result = connection.execute(row[0].rstrip("; \n") + " LIMIT 0").pgresult if row else None
    if result is None:
        return
    for place in range(result.nfields):
        # The server tells of each column of an answer which table's column it is, if it is one.
        origin = connection.execute(
            "SELECT n.nspname || '.' || c.relname, a.attname FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE c.oid = %s AND a.attnum = %s",
            (result.ftable(place), result.ftablecol(place)),
        ).fetchone()
        name = result.fname(place)
        if origin and name:
            yield name.decode(), (origin[0], origin[1])


def _relation_lines(schema: str, relation: Relation) -> Iterator[str]:
    yield f"\n### {'View' if relation.is_view else 'Table'} `{schema}.{relation.name}`\n\n"
    if relation.comment:
        yield f"{_cell(relation.comment)}\n\n"
    yield "| column | type | meaning |\n|---|---|---|\n"
    for column in relation.columns:
        marks = ", key" if column.in_key else (", required" if column.required else "")
        yield f"| `{column.name}` | {column.kind}{marks} | {_cell(column.comment)} |\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    page = render(describe())
    if arguments == ["--check"]:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == page
        sys.stdout.write(
            "up to date\n" if same else f"{TARGET.name} is out of date: run {Path(__file__).name}\n"
        )
        return 0 if same else 1
    TARGET.write_text(page, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
