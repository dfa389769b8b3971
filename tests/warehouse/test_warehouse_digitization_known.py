"""What the warehouse knows before a file is judged: units of a day, layouts, what lacks; and how it came by it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import digitization_loads as d
import psycopg
import pytest
from alembic import command
from alembic.config import Config
from digitization_loads import PLAIN, PROVINCE, WHOLE, load, month, rows
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from etl.errors import ReportNotReady, Terminal
from etl.periods import CALENDAR, Period, report_calendar, window_of
from etl.reference.units import KnownUnit, load_listed_units
from etl.settings import PROJECT_ROOT, Settings
from etl.sources.digitization import MEASURES
from etl.warehouse.embedded import OWNER, EmbeddedServer
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.known import (
    missing_inputs,
    missing_inputs_vi,
    previous_digitization,
    require_digitization,
    unit_directory,
)
from etl.warehouse.migrate import migrate
from etl.warehouse.publish import publish

LIST_HEAD = "province_code,block,name,gso_code,parent_gso_code,valid_from,valid_to,unit_code\n"
SEPTEMBER = month("2026-09")
QUARTER = window_of(Period.parse("2026-Q3"))


def codes(units: tuple[KnownUnit, ...]) -> set[str | None]:
    return {unit.unit_code for unit in units}


def office_list(home: Path, *lines: str, head: str = LIST_HEAD) -> Path:
    folder = home / "provinces"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "units_own.csv").write_text(head + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder


# --- the units of a day -------------------------------------------------------------------------


def test_listed_units_count_strictly_by_their_dates(warehouse: Warehouse) -> None:
    last = unit_directory(warehouse, "H06", date(2025, 6, 30))
    assert len(last) == 111
    assert {unit.block for unit in last} == {"department", "district", "commune"}
    assert unit_directory(warehouse, "H06", date(2023, 1, 1)) == last
    assert unit_directory(warehouse, "H06", date(2025, 7, 1)) == ()
    assert unit_directory(warehouse, "H06", date(2022, 12, 31)) == ()


def test_namesakes_are_told_apart_by_the_unit_above(warehouse: Warehouse) -> None:
    units = unit_directory(warehouse, "H06", date(2023, 5, 14))
    twins = [unit for unit in units if unit.name.endswith("Phước Hưng")]
    parents = {unit.parent for unit in twins}
    assert len(twins) == len(parents) == 2
    districts = {unit.name for unit in units if unit.block == "district"}
    assert parents <= districts
    assert {unit.parent for unit in units if unit.block != "commune"} == {None}


def test_a_unit_the_portal_announced_counts_before_it_was_first_seen(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    for day in (date(2025, 7, 1), date(2026, 9, 14), date(2026, 12, 31)):
        assert codes(unit_directory(warehouse, PROVINCE, day)) == set(d.UNITS)
    assert (
        unit_directory(warehouse, PROVINCE, date(2025, 6, 30)) == ()
    )  # the province itself began the day after
    first = unit_directory(warehouse, PROVINCE, date(2026, 9, 14))[0]
    assert first == KnownUnit(d.unit_id("H99.100"), "commune", "UBND xã Một", "H99.100", None)
    assert unit_directory(warehouse, "H98", date(2026, 9, 14)) == ()


def test_a_renamed_unit_has_the_name_of_the_day(warehouse: Warehouse) -> None:
    d.add_province(warehouse, {"H99.100": d.UNITS["H99.100"]})
    renamed = datetime(2026, 10, 10, 5, tzinfo=UTC)
    with warehouse.connect("owner") as connection:
        connection.execute("UPDATE core.unit SET valid_to = %s WHERE unit_code = 'H99.100'", (renamed,))
        connection.execute(
            "INSERT INTO core.unit SELECT unit_id, %s, 'infinity', province_code, block, unit_code, 'UBND phường Một', "
            "'ubnd phường một', NULL, source FROM core.unit WHERE unit_code = 'H99.100'",
            (renamed,),
        )
    names = {
        day: [unit.name for unit in unit_directory(warehouse, PROVINCE, day)]
        for day in (date(2026, 9, 14), date(2026, 10, 10), date(2026, 10, 11))
    }
    assert list(names.values()) == [["UBND xã Một"], ["UBND xã Một"], ["UBND phường Một"]]


def test_an_offices_own_list_is_loaded_and_its_corrections_too(warehouse: Warehouse, tmp_path: Path) -> None:
    d.add_province(warehouse)
    line = "H99,land_office,Chi nhánh VPĐKĐĐ khu vực 1,,,2026-01-01,{},H99.70"
    migrate(warehouse, office_list(tmp_path, line.format("")))

    def offices(day: date) -> list[KnownUnit]:
        return [unit for unit in unit_directory(warehouse, PROVINCE, day) if unit.block == "land_office"]

    [office] = offices(date(2026, 9, 14))
    assert (office.name, office.unit_code) == ("Chi nhánh VPĐKĐĐ khu vực 1", "H99.70")
    assert offices(date(2025, 12, 31)) == []
    keys = "SELECT key_type, key_value FROM core.unit_key WHERE unit_id = %s ORDER BY 1"
    assert rows(warehouse, keys, office.unit_id) == [
        ("h_code", "H99.70"),
        ("name", "H99|chi nhánh vpđkđđ khu vực 1"),
    ]
    migrate(warehouse, office_list(tmp_path, line.format("2026-08-31")))
    assert offices(date(2026, 9, 14)) == []
    assert offices(date(2026, 8, 31)) == [office]
    migrate(warehouse, office_list(tmp_path, line.format("").replace("2026-01-01", "2026-02-01")))
    assert offices(date(2026, 1, 31)) == []
    assert offices(date(2026, 2, 1)) == [office]


def test_a_listed_renaming_is_a_version_of_the_same_unit(warehouse: Warehouse, tmp_path: Path) -> None:
    old = "H99,commune,UBND xã Ba,,,2026-01-01,2026-06-30,H99.103"
    new = "H99,commune,UBND phường Ba,,,2026-07-01,,H99.103"
    migrate(warehouse, office_list(tmp_path, old, new))
    [before] = unit_directory(warehouse, PROVINCE, date(2026, 6, 30))
    [after] = unit_directory(warehouse, PROVINCE, date(2026, 7, 1))
    assert (before.name, after.name) == ("UBND xã Ba", "UBND phường Ba")
    assert before.unit_id == after.unit_id


def test_a_unit_that_list_and_portal_both_tell_is_one(warehouse: Warehouse, tmp_path: Path) -> None:
    d.add_province(warehouse)
    folder = office_list(
        tmp_path,
        "H99,land_office,Văn phòng đăng ký,,,2026-01-01,,H99.02",  # the portal calls it a department
        "H99,commune,UBND Xã  Một,,,2026-01-01,,",
        "H99,commune,UBND xã Hai,,,2026-01-01,,H99.555",  # another code: another unit
    )
    migrate(warehouse, folder)
    units = unit_directory(warehouse, PROVINCE, date(2026, 9, 14))
    assert codes(units) == {*d.UNITS, "H99.555"}
    assert [unit for unit in units if unit.unit_code == "H99.02"] == [
        KnownUnit(d.unit_id("H99.02"), "land_office", "Sở Nội vụ", "H99.02", None)
    ]
    assert len(units) == 5


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["H99,village,Xã,,,2026-01-01,,"], "line 2.*'village' is no block"),
        (["H99,commune,Xã,,,2026-01-01,,", "H99,commune,,,,2026-01-01,,"], "line 3.*name is empty"),
        ([",commune,Xã,,,2026-01-01,,"], "province_code is empty"),
        (["H99,commune,Xã,,,01/01/2026,,"], "01/01/2026"),
        (["H99,commune,Xã,,,2026-02-01,2026-01-01,"], "before valid_from"),
        (["H99,commune"], "line 2"),
        (["H99,commune,Xã,,,2026-01-01,,,more"], "its columns are"),
    ],
)
def test_a_list_that_cannot_be_read_is_named_with_its_line(
    tmp_path: Path, lines: list[str], said: str
) -> None:
    with pytest.raises(Terminal, match=rf"units_own\.csv.*{said}"):
        load_listed_units(office_list(tmp_path, *lines))


def test_a_list_without_the_optional_column_is_as_good(tmp_path: Path) -> None:
    folder = office_list(
        tmp_path, "H99,commune,Xã Bốn,12345,,2026-01-01,", head=LIST_HEAD.replace(",unit_code", "")
    )
    assert len(load_listed_units(folder)) == len(load_listed_units()) + 1
    assert load_listed_units(folder)[-1].unit_code is None
    assert load_listed_units(folder)[-1].gso_code == "12345"


# --- what lacks ---------------------------------------------------------------------------------


def test_whole_figures_are_ready(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    publish(warehouse, load())
    assert missing_inputs(warehouse, PROVINCE, SEPTEMBER) == ()
    require_digitization(warehouse, PROVINCE, SEPTEMBER)


def test_what_lacks_is_named(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    publish(warehouse, load({"H99.100": PLAIN}, missing={"commune": ["UBND xã Hai"]}))
    with pytest.raises(ReportNotReady, match="units missing: UBND xã Hai") as caught:
        require_digitization(warehouse, PROVINCE, SEPTEMBER)
    assert caught.value.exit_code == 5
    assert (
        "department, 2026-09 (2026-08-15 to 2026-09-14): no form and no dossier list" in caught.value.message
    )
    assert missing_inputs_vi(warehouse, PROVINCE, SEPTEMBER) == (
        "Khối sở, ban, ngành, tháng 9/2026 (từ 15/08/2026 đến 14/09/2026): chưa có biểu số hóa và chưa có danh sách hồ sơ.",
        "Khối cấp xã, tháng 9/2026 (từ 15/08/2026 đến 14/09/2026): còn thiếu UBND xã Hai.",
    )


def test_another_window_is_no_answer(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    publish(warehouse, load(window=month("2026-09", CALENDAR)))
    with pytest.raises(ReportNotReady, match="no form"):
        require_digitization(warehouse, PROVINCE, SEPTEMBER)


def test_a_quarter_names_the_months_that_lack(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    assert [item.window for item in missing_inputs(warehouse, PROVINCE, QUARTER)] == [QUARTER, QUARTER]
    publish(warehouse, load(window=month("2026-07")))
    partial = {code: PLAIN for code in WHOLE if code != "H99.101"}
    publish(warehouse, load(partial, month("2026-08"), missing={"commune": ["UBND xã Hai"]}))
    assert [
        (item.block, item.month, item.told, item.units)
        for item in missing_inputs(warehouse, PROVINCE, QUARTER)
    ] == [
        ("department", "2026-09", False, ()),
        ("commune", "2026-08", True, ("UBND xã Hai",)),
        ("commune", "2026-09", False, ()),
    ]
    publish(warehouse, load(window=month("2026-08"), at=d.later(1)))
    publish(warehouse, load())
    require_digitization(warehouse, PROVINCE, QUARTER)


def test_a_province_nobody_knows_lacks_everything(warehouse: Warehouse) -> None:
    with pytest.raises(ReportNotReady, match="commune, 2026-09"):
        require_digitization(warehouse, "H98", SEPTEMBER)


def test_the_figures_of_the_window_before(warehouse: Warehouse) -> None:
    d.add_province(warehouse)
    publish(warehouse, load(window=month("2026-08")))
    publish(warehouse, load(dict.fromkeys(WHOLE, d.changed(received=1)), month("2026-08", CALENDAR)))
    before = previous_digitization(warehouse, PROVINCE, SEPTEMBER)
    assert before is not None
    assert before.column_names == ["unit_id", "block", *MEASURES]
    assert {row["unit_id"]: row["received"] for row in before.to_pylist()} == {
        str(d.unit_id(code)): 100 for code in WHOLE
    }
    assert previous_digitization(warehouse, PROVINCE, month("2026-08")) is None


# --- reference rows and the migration -----------------------------------------------------------


def test_windows_are_those_of_the_calendar_module(warehouse: Warehouse) -> None:
    found = {
        (period, kind): (first, last, beside)
        for period, kind, first, last, beside in rows(
            warehouse,
            "SELECT period_id, window_kind, period_start, period_end, portal_period_id FROM core.reporting_window",
        )
    }
    assert len(found) == 21 * 19 * 2
    for name in ("2026-01", "2026-02", "2026-Q1", "2026-H2", "2026"):
        period = Period.parse(name)
        window = window_of(period)
        beside = report_calendar(period).portal_period.id
        assert found[name, "administrative"] == (window.first, window.last, beside)
        assert found[name, "calendar"] == (period.first_day, period.last_day, name)


def test_every_longer_window_is_tiled_by_its_months(warehouse: Warehouse) -> None:
    found = rows(
        warehouse,
        "SELECT w.months, count(*), sum(m.period_end - m.period_start + 1) = w.period_end - w.period_start + 1 "
        "FROM core.reporting_window w JOIN core.reporting_window m ON m.window_kind = w.window_kind AND m.year = w.year "
        "AND m.months = 1 AND m.period_start >= w.period_start AND m.period_end <= w.period_end "
        "GROUP BY w.period_id, w.window_kind, w.months, w.period_start, w.period_end",
    )
    assert len(found) == 21 * 19 * 2
    assert {(months == tiles, whole) for months, tiles, whole in found} == {(True, True)}


def test_layouts_of_an_office_are_loaded_and_forgotten_with_their_file(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    layouts = "SELECT DISTINCT form_id, edition FROM core.form_column ORDER BY 1"
    shipped = rows(warehouse, layouts)
    assert ("so_hoa_10_cot", 1) in shipped
    assert rows(
        warehouse,
        "SELECT column_no, measure FROM core.form_column WHERE is_default AND column_no >= 9 ORDER BY 1",
    ) == [(9, "results_not_digitized"), (10, "results_digitized")]
    forms = tmp_path / "forms"
    forms.mkdir()
    shipped_file = PROJECT_ROOT / "etl" / "sources" / "digitization_form" / "templates" / "so_hoa_10_cot.yml"
    own = shipped_file.read_text(encoding="utf-8").replace("\nedition: 1\n", "\nedition: 7\n")
    own = own.replace("\ndefault: true\n", "\ndefault: false\n")
    (forms / "own.yml").write_text(own, encoding="utf-8")
    migrate(warehouse, tmp_path / "provinces")  # the folder beside it is meant
    assert rows(warehouse, layouts) == sorted([*shipped, ("so_hoa_10_cot", 7)])
    migrate(warehouse, forms_dir=forms)
    (forms / "own.yml").unlink()
    migrate(warehouse, forms_dir=forms)
    assert rows(warehouse, layouts) == shipped


def test_a_warehouse_of_the_first_version_keeps_its_rows(server: EmbeddedServer, tmp_path: Path) -> None:
    """Published by 0001, upgraded in place: snapshots count their facts, views answer, files can come."""
    name = f"old_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as root:
        root.execute(f"CREATE DATABASE {name}")
    warehouse = open_warehouse(Settings(home=tmp_path, warehouse_url=server.url(name, OWNER)))
    try:
        _run_first_migration(warehouse)
        with warehouse.connect("owner") as connection:
            connection.execute(
                "INSERT INTO core.period VALUES ('2026-08','month',2026,8,'2026-08-01','2026-08-31','2026-07','')"
            )
            connection.execute(
                "INSERT INTO core.snapshot VALUES (%s, 'national_portal', 'H99', '2026-08', 's', %s, true, false, 'r', "
                "'{}', 7, 5, 1, 1)",
                (uuid.uuid4(), d.FIRST_SEEN),
            )
            connection.execute("CREATE VIEW mart.snapshots AS SELECT * FROM core.snapshot")
        migrate(warehouse)
        assert rows(warehouse, "SELECT facts, period_start FROM core.snapshot") == [(5, None)]
        assert rows(warehouse, "SELECT source, is_current FROM mart.snapshots") == [("national_portal", True)]
        d.add_province(warehouse)
        assert publish(warehouse, load()).new
    finally:
        with psycopg.connect(server.url("postgres", OWNER), autocommit=True) as root:
            root.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _run_first_migration(warehouse: Warehouse) -> None:
    config = Config()
    config.set_main_option("script_location", str(PROJECT_ROOT / "sql" / "migrations"))
    config.set_main_option("path_separator", "os")
    engine = create_engine(warehouse.sqlalchemy_url(), poolclass=NullPool)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA ops")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    engine.dispose()
