"""Bringing a warehouse up to date: migrations, views, roles, reference data. Idempotent."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from etl.errors import WarehouseRefused
from etl.periods import ADMINISTRATIVE, CALENDAR, VIETNAM, Period, report_calendar, window_of
from etl.reference.indicators import TOTAL_CODE, Catalogue, load_editions
from etl.reference.provinces import Province, load_provinces
from etl.reference.units import (
    COUNTRY_PORTAL_ID,
    LEGAL_LIST,
    OFFICE_LIST,
    ListedUnit,
    load_listed_units,
    name_key,
    portal_unit_id,
)
from etl.settings import PROJECT_ROOT
from etl.sources.digitization_form.layouts import form_columns, load_templates, template_files
from etl.warehouse.engine import Warehouse

_SQL = PROJECT_ROOT / "sql"
# Serialises migrations of one warehouse; any fixed number does.
_LOCK = 766_000_001
_FIRST_YEAR, _LAST_YEAR = 2020, 2040


def migrate(
    warehouse: Warehouse, provinces_dir: Path | None = None, *, forms_dir: Path | None = None
) -> None:
    """Apply what is missing: schema, views, roles, reference rows. Safe to run at every start.

    ``provinces_dir`` holds an installation's own provinces (``*.yml``) and lists of units
    (``units_*.csv``), ``forms_dir`` its own form layouts; without it, the folder ``forms``
    beside ``provinces_dir``. Raises WarehouseRefused when the warehouse was made by a newer version of the program.
    """
    if forms_dir is None and provinces_dir is not None:
        forms_dir = provinces_dir.parent / "forms"
    with warehouse.connect("owner") as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        wanted = _fingerprint(provinces_dir, forms_dir)
        if _applied(connection) == wanted:
            return
        _run_migrations(warehouse)
        _replace_views(connection)
        _load_reference(connection, provinces_dir, forms_dir)
        connection.execute((_SQL / "roles.sql").read_bytes())
        connection.execute(
            "INSERT INTO ops.view_release (sha256) VALUES (%s) "
            "ON CONFLICT (only_row) DO UPDATE SET sha256 = excluded.sha256, applied_at = now()",
            (wanted,),
        )


def _fingerprint(provinces_dir: Path | None, forms_dir: Path | None) -> str:
    """One hash over all files that shape the warehouse: a change to any of them is applied once."""
    digest = hashlib.sha256()
    files = sorted((_SQL / "migrations" / "versions").glob("*.*")) + sorted((_SQL / "marts").glob("*.sql"))
    files += [_SQL / "roles.sql"] + sorted((PROJECT_ROOT / "etl" / "reference").rglob("*.*"))
    files += template_files(forms_dir)
    for shape in ("*.yml", "units_*.csv"):
        files += sorted(provinces_dir.glob(shape)) if provinces_dir else []
    for path in files:
        if path.suffix in (".sql", ".yml", ".csv", ".py"):
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def _applied(connection: psycopg.Connection[Any]) -> str | None:
    row = connection.execute("SELECT to_regclass('ops.view_release') IS NOT NULL").fetchone()
    if not row or not row[0]:
        return None
    row = connection.execute("SELECT sha256 FROM ops.view_release").fetchone()
    return str(row[0]) if row else None


def _run_migrations(warehouse: Warehouse) -> None:
    config = Config()
    config.set_main_option("script_location", str(_SQL / "migrations"))
    config.set_main_option("path_separator", "os")
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    engine = create_engine(warehouse.sqlalchemy_url(), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS ops")
        if connection.exec_driver_sql("SELECT to_regclass('ops.schema_version')").scalar() is not None:
            current = set(connection.exec_driver_sql("SELECT version_num FROM ops.schema_version").scalars())
            if current - known:
                raise WarehouseRefused(
                    f"the warehouse has schema version {', '.join(sorted(current - known))}, "
                    "which this program does not know",
                    "install the newer bochiso that made it, or name another warehouse",
                )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()


def _replace_views(connection: psycopg.Connection[Any]) -> None:
    """Drop and make again every view, in one transaction: a reader sees the old set or the new."""
    names = connection.execute(
        "SELECT schemaname, viewname FROM pg_views WHERE schemaname IN ('mart', 'core') ORDER BY 1, 2"
    ).fetchall()
    try:
        if names:  # one statement: views may stand on each other in any order
            views = sql.SQL(", ").join(sql.Identifier(schema, view) for schema, view in names)
            connection.execute(sql.SQL("DROP VIEW {}").format(views))
    except psycopg.errors.DependentObjectsStillExist as error:
        # No CASCADE: it would silently delete the views somebody built on top of ours.
        raise WarehouseRefused(
            f"a view of mart must change, but something else was built on it: {error.diag.message_detail}",
            "save the definition of that object, drop it, run again, and create it anew",
        ) from error
    for path in sorted((_SQL / "marts").glob("*.sql")):
        connection.execute(path.read_bytes())


def _load_reference(
    connection: psycopg.Connection[Any], provinces_dir: Path | None, forms_dir: Path | None
) -> None:
    periods = [
        Period(kind, year, number)
        for year in range(_FIRST_YEAR, _LAST_YEAR + 1)
        for kind, count in (("month", 12), ("quarter", 4), ("half", 2), ("year", 1))
        for number in range(1, count + 1)
    ]
    _load_periods(connection, periods)
    _load_windows(connection, periods)
    for edition in load_editions():
        _load_edition(connection, edition)
    _load_units(connection, provinces_dir)
    _load_form_columns(connection, forms_dir)


def _load_periods(connection: psycopg.Connection[Any], periods: Sequence[Period]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.period VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            [
                (p.id, p.kind, p.year, p.number, p.first_day, p.last_day, p.previous().id, p.label_vi)
                for p in periods
            ],
        )


def _load_windows(connection: psycopg.Connection[Any], periods: Sequence[Period]) -> None:
    """The days of every period in both calendars, and the portal's period they are read beside."""
    rows = []
    for period in periods:
        for kind in (ADMINISTRATIVE, CALENDAR):
            window = window_of(period, kind)
            beside = report_calendar(period).portal_period if kind == ADMINISTRATIVE else period
            months = len(period.months())
            rows.append((period.id, kind, window.first, window.last, period.year, months, beside.id))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.reporting_window (period_id, window_kind, period_start, period_end, year, months, "
            "portal_period_id) VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            rows,
        )


def _load_edition(connection: psycopg.Connection[Any], edition: Catalogue) -> None:
    dated = (edition.valid_from, edition.valid_to, edition.id, edition.series)
    rows: list[tuple[Any, ...]] = []
    order = 0
    for group in edition.groups:
        order += 100
        rows.append(
            (group.code, *dated, "group", group.code, None, group.name_vi, group.max_score)
            + (None, None, False, True, None, None, order)
        )
        for position, item in enumerate(group.indicators, start=1):
            rows.append(
                (item.code, *dated, "component", group.code, item.portal_code, item.name_vi, item.max_score)
                + (item.rule, item.threshold, item.inherited, item.published, item.value_unit)
                + (item.confidence, order + position)
            )
    rows.append(
        (TOTAL_CODE, *dated, "total", None, None, "Tổng điểm", edition.total_max)
        + (None, None, False, True, None, None, 0)
    )
    columns = [
        "indicator_code",
        "valid_from",
        "valid_to",
        "edition",
        "series",
        "level",
        "group_code",
        "portal_code",
    ]
    columns += ["name_vi", "max_score", "rule", "threshold", "inherited", "published", "value_unit"]
    columns += ["confidence", "sort_order"]
    changed = ", ".join(f"{name} = excluded.{name}" for name in columns[2:])
    with connection.cursor() as cursor:
        cursor.executemany(  # the names are the literals above
            f"INSERT INTO core.indicator ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "  # noqa: S608
            f"ON CONFLICT (indicator_code, valid_from) DO UPDATE SET {changed}",
            rows,
        )


def _load_units(connection: psycopg.Connection[Any], provinces_dir: Path | None) -> None:
    """Provinces from their settings files, listed units from the legal lists. Known units are left alone."""
    units: list[tuple[Any, ...]] = []
    keys: list[tuple[Any, ...]] = []
    country = portal_unit_id(COUNTRY_PORTAL_ID)
    start = datetime(2020, 1, 1, tzinfo=VIETNAM)
    units.append((country, start, "infinity", "VN", "country", "VN", "Cả nước", "cả nước", None, "reference"))
    keys.append(("portal_id", COUNTRY_PORTAL_ID, country, start))
    for province in load_provinces(provinces_dir).values():
        unit_id = province_unit_id(province)
        begin, end = _instants(province.valid_from, province.valid_to)
        units.append(
            (unit_id, begin, end, province.code, "province", province.code, province.committee)
            + (name_key(province.committee), None, f"provinces/{province.slug}.yml")
        )
        for key_type, value in (
            ("portal_id", province.portal_id),
            ("legacy_id", province.legacy_id),
            ("h_code", province.code),
            ("gso_code", province.gso_code),
            ("name", f"{province.code}|{name_key(province.committee)}"),
        ):
            if value:
                keys.append((key_type, value, unit_id, begin))
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.unit (unit_id, valid_from, valid_to, province_code, block, unit_code, name, "
            "name_key, parent_key, source) SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s "
            "WHERE NOT EXISTS (SELECT FROM core.unit WHERE unit_id = %s)",
            [(*unit, unit[0]) for unit in units],
        )
    _load_listed_units(connection, load_listed_units(provinces_dir), keys)
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO core.unit_key VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", keys)


def _load_listed_units(
    connection: psycopg.Connection[Any], units: Sequence[ListedUnit], keys: list[tuple[Any, ...]]
) -> None:
    """Listed units as their lists say today: a corrected date or code is taken over. A unit that left a list stays."""
    versions: list[tuple[Any, ...]] = []
    for unit in units:
        begin, end = _instants(unit.valid_from, unit.valid_to)
        versions.append(
            (unit.unit_id, begin, end, unit.province_code, unit.block, unit.unit_code, unit.name)
            + (name_key(unit.name), unit.parent_gso_code, unit.source)
        )
        for key_type, value in (
            ("name", f"{unit.province_code}|{name_key(unit.name)}"),
            ("gso_code", unit.gso_code),
            ("h_code", unit.unit_code),
        ):
            if value:
                keys.append((key_type, value, unit.unit_id, begin))
    with connection.cursor() as cursor:
        ids, begins = [version[0] for version in versions], [version[1] for version in versions]
        cursor.execute(
            "DELETE FROM core.unit WHERE unit_id = ANY(%s) AND source = ANY(%s) "
            "AND (unit_id, valid_from) NOT IN (SELECT * FROM unnest(%s::uuid[], %s::timestamptz[]))",
            (ids, [LEGAL_LIST, OFFICE_LIST], ids, begins),
        )
        cursor.executemany(
            "INSERT INTO core.unit AS u (unit_id, valid_from, valid_to, province_code, block, unit_code, name, "
            "name_key, parent_key, source) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
            "ON CONFLICT (unit_id, valid_from) DO UPDATE SET valid_to = excluded.valid_to, block = excluded.block, "
            "unit_code = excluded.unit_code, name = excluded.name, name_key = excluded.name_key, "
            "parent_key = excluded.parent_key, source = excluded.source "
            "WHERE u IS DISTINCT FROM excluded",
            versions,
        )


def _load_form_columns(connection: psycopg.Connection[Any], forms_dir: Path | None) -> None:
    """The numbered columns of all layouts; a layout that is gone or has lost a column is gone here too."""
    rows = form_columns(load_templates(forms_dir))
    connection.execute("DELETE FROM core.form_column")
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO core.form_column (form_id, edition, valid_from, valid_to, column_no, header, measure, unit, "
            "is_default, target_pct) VALUES (%(form_id)s, %(edition)s, %(valid_from)s, %(valid_to)s, %(column_no)s, "
            "%(header)s, %(measure)s, %(unit)s, %(is_default)s, %(target_pct)s)",
            rows,
        )


def province_unit_id(province: Province) -> Any:
    """The unit id of a province: from its portal UUID, or from its code where the portal has none."""
    return portal_unit_id(province.portal_id or f"province:{province.code}")


def _instants(first: Any, last: Any) -> tuple[datetime, datetime | str]:
    """Legal days to a half-open interval of instants in Vietnam's time."""
    begin = datetime.combine(first, time(), VIETNAM).astimezone(UTC)
    if last is None:
        return begin, "infinity"
    return begin, datetime.combine(last, time(23, 59, 59, 999999), VIETNAM).astimezone(UTC)
