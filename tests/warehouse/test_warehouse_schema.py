"""The warehouse's shape: schemas, comments, roles, migrations."""

from __future__ import annotations

import uuid
from pathlib import Path

import psycopg
import pytest

from etl.errors import WarehouseRefused
from etl.settings import Settings
from etl.warehouse.embedded import OWNER, EmbeddedServer
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.migrate import migrate

SCHEMAS = {"staging", "core", "mart", "quarantine", "ops"}


def test_the_five_schemas_are_there(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        rows = connection.execute("SELECT nspname FROM pg_namespace").fetchall()
    assert {row[0] for row in rows} >= SCHEMAS


def test_the_promised_tables_and_views_are_there(warehouse: Warehouse) -> None:
    promised = {
        "core": "unit unit_key indicator period snapshot indicator_score",
        "mart": "indicator_scores unit_scorecard province_ranking restatements data_quality",
        "ops": "capture run validation_result",
        "quarantine": "rejected_row",
    }
    with warehouse.connect("owner") as connection:
        rows = connection.execute("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    for schema, names in promised.items():
        assert {(schema, name) for name in names.split()} <= set(rows)


def test_the_promised_columns_of_the_views_are_there(warehouse: Warehouse) -> None:
    promised = {
        "indicator_scores": "province_code period_id unit_code unit_name level indicator_code portal_code numerator "
        "denominator ratio_pct score max_score quality_flag snapshot_id captured_at capture_sha256 locator",
        "unit_scorecard": "province_code period_id block unit_code unit_name ckmb tdgq clgq tttt mdsh mdhl total "
        "rank_in_block total_change rank_change compared_period_id",
        "restatements": "province_code period_id unit_code indicator_code field old_value new_value old_captured_at "
        "new_captured_at",
    }
    with warehouse.connect("analyst") as connection:
        for view, columns in promised.items():
            cursor = connection.execute(f"SELECT * FROM mart.{view} LIMIT 0")
            names = [column.name for column in cursor.description or []]
            assert names[: len(columns.split())] == columns.split()


def test_every_table_view_and_column_has_a_comment(warehouse: Warehouse) -> None:
    query = """
        SELECT n.nspname || '.' || c.relname || coalesce('.' || a.attname, ''),
               CASE WHEN a.attname IS NULL THEN obj_description(c.oid) ELSE col_description(c.oid, a.attnum) END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (
            SELECT NULL::name AS attname, 0::int2 AS attnum
            UNION ALL SELECT attname, attnum FROM pg_attribute
            WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND c.relkind = 'r') a ON true
        WHERE n.nspname = ANY(%s) AND c.relkind IN ('r', 'v') AND c.relname <> 'schema_version'
    """
    with warehouse.connect("owner") as connection:
        rows = connection.execute(query, (list(SCHEMAS),)).fetchall()
    assert len(rows) > 150
    assert [name for name, comment in rows if not comment] == []


def test_the_analyst_sees_mart_and_nothing_else(warehouse: Warehouse) -> None:
    with warehouse.connect("analyst", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM mart.unit_scorecard").fetchone() == (0,)
        for query in (
            "SELECT * FROM core.unit",
            "SELECT * FROM ops.run",
            "SELECT * FROM quarantine.rejected_row",
            "SELECT * FROM staging.unit",
            "CREATE TABLE mart.mine (a int)",
            "CREATE TEMP TABLE mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "UPDATE mart.snapshots SET rows = 0",
        ):
            with pytest.raises(
                (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState)
            ):
                connection.execute(query)


def test_the_loader_can_drop_alter_and_delete_nothing(warehouse: Warehouse) -> None:
    with warehouse.connect("etl", autocommit=True) as connection:
        assert connection.execute("SELECT count(*) > 300 FROM core.period").fetchone() == (True,)
        for query in (
            "DROP TABLE core.unit",
            "DROP SCHEMA core CASCADE",
            "ALTER TABLE core.unit ADD COLUMN x int",
            "TRUNCATE core.indicator_score",
            "DELETE FROM core.indicator_score",
            "UPDATE core.indicator_score SET score = 0",
            "UPDATE core.snapshot SET complete = true",
            "UPDATE ops.capture SET sha256 = ''",
            "DROP VIEW mart.indicator_scores",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(query)


def test_migrating_again_changes_nothing(warehouse: Warehouse) -> None:
    query = "SELECT sha256, applied_at FROM ops.view_release"
    with warehouse.connect("owner") as connection:
        before = connection.execute(query).fetchall()
    migrate(warehouse)
    with warehouse.connect("owner") as connection:
        assert connection.execute(query).fetchall() == before
    assert len(before) == 1


def test_changed_files_are_applied_again_without_losing_rows(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        units = connection.execute("SELECT count(*) FROM core.unit").fetchone()
        connection.execute("UPDATE ops.view_release SET sha256 = 'of older files'")
    migrate(warehouse)
    with warehouse.connect("owner") as connection:
        assert connection.execute("SELECT count(*) FROM core.unit").fetchone() == units
        assert connection.execute(
            "SELECT count(*) FROM core.indicator WHERE indicator_code = 'CKMB'"
        ).fetchone() == (2,)


def test_a_newer_schema_is_refused_in_words(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        connection.execute("UPDATE ops.schema_version SET version_num = '9999'")
        connection.execute("DELETE FROM ops.view_release")
    with pytest.raises(WarehouseRefused, match="9999"):
        migrate(warehouse)


def test_a_view_built_on_mart_is_never_dropped_silently(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        connection.execute("CREATE VIEW public.of_an_analyst AS SELECT * FROM mart.unit_scorecard")
        connection.execute("UPDATE ops.view_release SET sha256 = 'of older files'")
    with pytest.raises(WarehouseRefused, match="of_an_analyst"):
        migrate(warehouse)
    with warehouse.connect("owner") as connection:
        assert connection.execute("SELECT count(*) FROM public.of_an_analyst").fetchone() == (0,)


def test_reference_data_is_loaded(warehouse: Warehouse) -> None:
    with warehouse.connect("etl") as connection:
        blocks = dict(
            connection.execute(
                "SELECT block, count(*) FROM core.unit WHERE province_code = 'H06' GROUP BY block"
            ).fetchall()
        )
        assert blocks == {"province": 1, "department": 21, "district": 8, "commune": 82}
        same_name = connection.execute(
            "SELECT count(DISTINCT unit_id) FROM core.unit WHERE name ILIKE '%Phước Hưng'"
        ).fetchone()
        assert same_name == (2,)
        provinces = connection.execute(
            "SELECT count(DISTINCT key_value) FROM core.unit_key k JOIN core.unit u USING (unit_id) "
            "WHERE u.block = 'province' AND key_type = 'portal_id'"
        ).fetchone()
        assert provinces == (34,)
        ended = connection.execute(
            "SELECT DISTINCT (valid_to AT TIME ZONE 'Asia/Ho_Chi_Minh')::date::text FROM core.unit "
            "WHERE province_code = 'H06'"
        ).fetchall()
        assert ended == [("2025-06-30",)]


def test_an_owner_that_is_no_superuser_is_enough(server: EmbeddedServer, tmp_path: Path) -> None:
    """As on a managed server: the owner may create roles, and holds ours as their creator does (admin, not set)."""
    name = f"office_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as root:
        root.execute(f"CREATE ROLE {name} LOGIN CREATEROLE PASSWORD 'only-here' NOSUPERUSER")
        for role in ("bochiso_etl", "bochiso_analyst"):
            root.execute(f"GRANT {role} TO {name} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
        root.execute(f"CREATE DATABASE {name} OWNER {name}")
    try:
        url = f"postgresql://{name}:only-here@127.0.0.1:{server.port}/{name}?sslmode=disable"
        warehouse = open_warehouse(Settings(home=tmp_path, warehouse_url=url))
        migrate(warehouse)
        with warehouse.connect("etl") as connection:
            assert connection.execute("SELECT current_user::text").fetchone() == ("bochiso_etl",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DROP TABLE core.unit")
        with warehouse.connect("analyst") as connection:
            assert connection.execute("SELECT count(*) FROM mart.snapshots").fetchone() == (0,)
    finally:
        with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as root:
            root.execute(f"DROP DATABASE {name} WITH (FORCE)")
            root.execute(f"DROP OWNED BY {name}")
            root.execute(f"DROP ROLE {name}")
