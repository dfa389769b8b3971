"""Publishing forms and dossier lists: whole or not at all, once, block by block, and never a changed past."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import digitization_loads as d
import psycopg
import pyarrow as pa
import pytest
from digitization_loads import (
    FORM,
    LIST,
    PLAIN,
    PROVINCE,
    SEPTEMBER,
    WHOLE,
    later,
    load,
    month,
    rows,
    snapshot_of,
)
from support.warehouses import database

from etl.errors import ReportNotReady, WarehouseRefused
from etl.periods import CALENDAR, Window
from etl.settings import Settings
from etl.sources.digitization import MEASURES
from etl.sources.tidy import REJECTED
from etl.warehouse.checksum import warehouse_checksum
from etl.warehouse.embedded import EmbeddedServer
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.known import known_units, refuse_mixed_origins, require_complete
from etl.warehouse.publish import Load, Published, publish, record_refusal


@pytest.fixture(autouse=True)
def province(warehouse: Warehouse) -> None:
    d.add_province(warehouse)


def figures(warehouse: Warehouse, measure: str = "received", period: str = "2026-09") -> dict[str, Any]:
    found = rows(
        warehouse, f"SELECT unit_code, {measure} FROM mart.digitization WHERE period_id = %s", period
    )
    assert len(found) == len(dict(found))
    return dict(found)


def restated(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT unit_code, field, old_value, new_value, old_text, new_text FROM mart.restatements "
        "WHERE indicator_code = 'DIGITIZATION' ORDER BY 1, 2, new_captured_at",
    )


def test_a_form_is_published_once(warehouse: Warehouse) -> None:
    empty = warehouse_checksum(warehouse)
    one = load()
    assert publish(warehouse, one) == Published((snapshot_of(one),), (), ())
    checksum = warehouse_checksum(warehouse)
    assert checksum != empty
    assert publish(warehouse, one) == Published((), (snapshot_of(one),), ())
    assert warehouse_checksum(warehouse) == checksum
    assert figures(warehouse) == dict.fromkeys(WHOLE, 100)
    assert rows(warehouse, "SELECT count(*) FROM ops.publication") == [(1,)]


def test_every_measure_arrives_under_its_own_name(warehouse: Warehouse) -> None:
    row = (18, 1, 17, 12, 5, 16, 7, 9)
    publish(warehouse, load(WHOLE | {"H99.01": row}))
    assert rows(
        warehouse, f"SELECT {', '.join(MEASURES)} FROM mart.digitization WHERE unit_code = 'H99.01'"
    ) == [row]


def test_a_null_stays_null_and_a_zero_stays_zero(warehouse: Warehouse) -> None:
    publish(warehouse, load(WHOLE | {"H99.01": (None,) * 8, "H99.02": (0,) * 8}))
    for measure in MEASURES:
        assert {code: figures(warehouse, measure)[code] for code in ("H99.01", "H99.02")} == {
            "H99.01": None,
            "H99.02": 0,
        }


def test_a_list_publishes_dossiers_and_brings_units(warehouse: Warehouse) -> None:
    refused = {
        "capture_sha256": "x",
        "locator": "row 7",
        "column_name": "status",
        "value": "99",
        "rule": "status_known",
        "severity": "fail",
        "message_vi": "Trạng thái không có trong danh mục.",
        "row_data": "{}",
    }
    publish(warehouse, load(source=LIST, dossiers=4321, ignored=9, rejected=[refused]))
    assert rows(
        warehouse,
        "SELECT rows_read, rows_published, rows_quarantined, rows_ignored, facts FROM core.snapshot",
    ) == [(4331, 4321, 1, 9, 4)]
    assert rows(
        warehouse, "SELECT units, rows, rows_read, rows_quarantined, rows_ignored FROM mart.snapshots"
    ) == [(4, 4321, 4331, 1, 9)]


@pytest.mark.parametrize("measure", MEASURES)
def test_other_figures_under_the_same_id_are_refused(warehouse: Warehouse, measure: str) -> None:
    one = load()
    publish(warehouse, one)
    before = warehouse_checksum(warehouse)
    assert one.digitization is not None
    for value in (PLAIN[0] + 1, None):
        place = one.digitization.column_names.index(measure)
        values = [value, *one.digitization[measure].to_pylist()[1:]]
        other = one.digitization.set_column(place, measure, pa.array(values, pa.int64()))
        with pytest.raises(WarehouseRefused, match="1 rows differ"):
            publish(warehouse, replace(one, digitization=other))
    assert warehouse_checksum(warehouse) == before


def test_other_days_under_the_same_id_are_refused(warehouse: Warehouse) -> None:
    one = load()
    publish(warehouse, one)
    other = load(window=month("2026-09", CALENDAR))
    forged = {
        name: getattr(other, name).set_column(
            getattr(other, name).column_names.index("snapshot_id"),
            "snapshot_id",
            pa.array([str(snapshot_of(one))] * getattr(other, name).num_rows),
        )
        for name in ("snapshot", "capture", "digitization", "digitization_block")
    }
    with pytest.raises(WarehouseRefused, match="differ from the published"):
        publish(warehouse, replace(other, validation_result=None, **forged))


def test_expected_units_may_grow_after_publishing(warehouse: Warehouse) -> None:
    """The units known are no property of the bytes: dropping the file again is harmless."""
    one = load()
    publish(warehouse, one)
    before = warehouse_checksum(warehouse)
    again = load(missing={"commune": ["UBND xã Ba"]})
    blocks = again.digitization_block
    assert blocks is not None
    blocks = blocks.set_column(0, "snapshot_id", pa.array([str(snapshot_of(one))] * blocks.num_rows))
    assert publish(warehouse, replace(one, digitization_block=blocks)).unchanged == (snapshot_of(one),)
    assert warehouse_checksum(warehouse) == before


def test_a_load_that_lost_or_doubled_units_is_refused(warehouse: Warehouse) -> None:
    one = load()
    table, blocks = one.digitization, one.digitization_block
    assert table is not None
    assert blocks is not None
    before = warehouse_checksum(warehouse)
    for wrong in (table.slice(1), pa.concat_tables([table, table.slice(0, 1)]), table.slice(0, 0)):
        with pytest.raises(WarehouseRefused, match=f"states 4 rows and brings {wrong.num_rows}"):
            publish(warehouse, replace(one, digitization=wrong))
    moved = table.set_column(
        table.column_names.index("block"), "block", pa.array(["commune"] * 4, pa.string())
    )
    with pytest.raises(WarehouseRefused, match=r"department of .*: 2 told, 0 brought"):
        publish(warehouse, replace(one, digitization=moved))
    with pytest.raises(WarehouseRefused, match=r"commune of .*: 0 told, 2 brought"):
        publish(warehouse, replace(one, digitization_block=blocks.filter(pa.array([False, True]))))
    with pytest.raises(WarehouseRefused, match="no block told"):
        publish(warehouse, load({}))
    assert warehouse_checksum(warehouse) == before


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("unit_id", str(uuid.UUID(int=7))),
        ("unit_id", "of another province"),
        ("capture_id", str(uuid.UUID(int=8))),
        ("period_start", SEPTEMBER.last),
    ],
)
def test_what_cannot_be_resolved_is_refused_not_dropped(
    warehouse: Warehouse, column: str, value: Any
) -> None:
    one = load()
    assert one.digitization is not None
    if value == "of another province":
        [(value,)] = rows(
            warehouse, "SELECT unit_id::text FROM core.unit WHERE province_code = 'H06' LIMIT 1"
        )
    field = one.digitization.schema.field(column)
    values = pa.array([value, *one.digitization[column].to_pylist()[1:]], field.type)
    wrong = one.digitization.set_column(one.digitization.column_names.index(column), field, values)
    before = warehouse_checksum(warehouse)
    with pytest.raises(WarehouseRefused, match="4 rows were staged, 3 could be resolved"):
        publish(warehouse, replace(one, digitization=wrong))
    assert warehouse_checksum(warehouse) == before


def test_a_negative_count_and_days_that_are_no_window_never_arrive(warehouse: Warehouse) -> None:
    before = warehouse_checksum(warehouse)
    odd = Window(SEPTEMBER.first, SEPTEMBER.last.replace(day=13), SEPTEMBER.kind, SEPTEMBER.period)
    for wrong in (load(WHOLE | {"H99.01": d.changed(received=-1)}), load(window=odd)):
        with pytest.raises(WarehouseRefused, match="rolled back"):
            publish(warehouse, wrong)
    assert warehouse_checksum(warehouse) == before


# --- whole and partial, block by block ----------------------------------------------------------


def communes(value: int, *codes: str) -> dict[str, Any]:
    return {code: d.changed(received=value) for code in codes or ("H99.100", "H99.101")}


def test_a_partial_file_is_withheld_where_all_its_blocks_are_told_whole(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    before = warehouse_checksum(warehouse)
    partial = load(communes(7, "H99.100"), missing={"commune": ["UBND xã Hai"]}, at=later(24))
    assert publish(warehouse, partial) == Published((), (), (snapshot_of(partial),))
    assert warehouse_checksum(warehouse) == before


def test_a_partial_block_never_replaces_a_whole_one_but_its_neighbour_does(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    mixed = {"H99.01": d.changed(received=9), "H99.02": d.changed(received=9)} | communes(7, "H99.100")
    second = load(mixed, missing={"commune": ["UBND xã Hai"]}, at=later(24))
    assert publish(warehouse, second).new == (snapshot_of(second),)
    assert figures(warehouse) == {"H99.01": 9, "H99.02": 9, "H99.100": 100, "H99.101": 100}
    assert {row[0] for row in restated(warehouse)} == {"H99.01", "H99.02"}
    assert rows(warehouse, "SELECT count(*) FROM mart.snapshots WHERE is_current") == [(2,)]


def test_a_partial_block_alone_speaks_and_gives_way_even_to_an_earlier_whole_one(
    warehouse: Warehouse,
) -> None:
    partial = load(communes(7, "H99.100"), missing={"commune": ["UBND xã Hai"]})
    assert publish(warehouse, partial).new
    assert rows(warehouse, "SELECT received, complete FROM mart.digitization") == [(7, False)]
    publish(warehouse, load(communes(8), at=later(-1)))
    assert figures(warehouse) == {"H99.100": 8, "H99.101": 8}
    assert restated(warehouse) == []


def test_blocks_of_several_files_stand_together(warehouse: Warehouse) -> None:
    departments = {code: PLAIN for code in ("H99.01", "H99.02")}
    publish(warehouse, load(departments))
    publish(warehouse, load(communes(5), at=later(1)))
    assert figures(warehouse) == {"H99.01": 100, "H99.02": 100, "H99.100": 5, "H99.101": 5}


def test_a_partial_list_is_no_reason_to_withhold_a_partial_form(warehouse: Warehouse) -> None:
    publish(warehouse, load(source=LIST))
    partial = load(communes(7, "H99.100"), missing={"commune": ["UBND xã Hai"]}, at=later(1))
    assert publish(warehouse, partial).new == (snapshot_of(partial),)
    assert figures(warehouse) == dict.fromkeys(WHOLE, 100)


# --- restatements -------------------------------------------------------------------------------


def test_a_corrected_file_is_a_new_snapshot_with_its_differences(warehouse: Warehouse) -> None:
    first, second = load(), load(WHOLE | {"H99.01": d.changed(received=101, resolved=None)}, at=later(48))
    for one in (first, second):
        assert publish(warehouse, one).new
    assert restated(warehouse) == [
        ("H99.01", "received", 100, 101, None, None),
        ("H99.01", "resolved", 90, None, None, None),
    ]
    assert rows(
        warehouse,
        "SELECT DISTINCT source, period_start, period_end, old_captured_at, new_captured_at, unit_name FROM mart.restatements",
    ) == [(FORM, SEPTEMBER.first, SEPTEMBER.last, d.RECEIVED, later(48), "Sở Y tế")]
    assert rows(warehouse, "SELECT DISTINCT snapshot_id FROM mart.digitization") == [(snapshot_of(second),)]


def test_units_that_come_go_or_move_are_told(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    after = {code: PLAIN for code in ("H99.01", "H99.02", "H99.100")}
    publish(warehouse, load(after, blocks={"H99.02": "commune"}, at=later(1)))
    assert restated(warehouse) == [
        ("H99.02", "block", None, None, "department", "commune"),
        ("H99.101", "presence", None, None, "present", "absent"),
    ]
    publish(warehouse, load(at=later(2)))
    assert ("H99.101", "presence", None, None, "absent", "present") in restated(warehouse)


def test_other_windows_and_other_sources_are_not_compared(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    other = dict.fromkeys(WHOLE, d.changed(received=1))
    publish(warehouse, load(other, window=month("2026-09", CALENDAR), at=later(1)))
    publish(warehouse, load(other, window=month("2026-08"), at=later(1)))
    publish(warehouse, load(other, source=LIST, at=later(1)))
    assert restated(warehouse) == []
    assert rows(warehouse, "SELECT count(*), count(DISTINCT period_start) FROM mart.digitization") == [
        (12, 3)
    ]
    assert rows(
        warehouse,
        "SELECT window_kind, received FROM mart.digitization WHERE period_id = '2026-09' AND unit_code = 'H99.01' ORDER BY 1",
    ) == [("administrative", 100), ("calendar", 1)]


# --- the rest of the house ----------------------------------------------------------------------


def test_a_load_may_hold_several_files(warehouse: Warehouse) -> None:
    loads = [load(window=month(name)) for name in ("2026-08", "2026-09")]
    names = ("snapshot", "capture", "digitization", "digitization_block", "validation_result")
    together = Load(**{name: pa.concat_tables([getattr(one, name) for one in loads]) for name in names})
    assert set(publish(warehouse, together).new) == {snapshot_of(one) for one in loads}
    assert rows(warehouse, "SELECT period_id, count(*) FROM mart.digitization GROUP BY 1 ORDER BY 1") == [
        ("2026-08", 4),
        ("2026-09", 4),
    ]


def test_a_refused_file_leaves_its_verdict_and_rows_only(warehouse: Warehouse) -> None:
    line = {name: "x" for name in REJECTED.names} | {"row_data": "{}"}
    record_refusal(warehouse, load(rejected=[line]))
    assert rows(warehouse, "SELECT source, rule FROM quarantine.rejected_row") == [(FORM, "x")]
    assert rows(warehouse, "SELECT count(*) FROM ops.validation_result") == [(1,)]
    assert rows(warehouse, "SELECT count(*) FROM core.snapshot") == [(0,)]


def test_the_portals_views_and_questions_do_not_hear_of_files(warehouse: Warehouse) -> None:
    window = month("2026-08", CALENDAR)
    publish(warehouse, load(window=window))
    assert rows(warehouse, "SELECT count(*) FROM core.current_snapshot") == [(0,)]
    with pytest.raises(ReportNotReady, match="nothing has been published"):
        require_complete(warehouse, PROVINCE, "2026-08")
    portal = d.portal_says(warehouse, "2026-08", {"H99.01": {"2.1": 100}}, complete=False)
    assert rows(warehouse, "SELECT snapshot_id FROM core.current_snapshot") == [(portal,)]
    with pytest.raises(ReportNotReady, match="only partly"):
        require_complete(warehouse, PROVINCE, "2026-08")
    for view in ("indicator_scores", "unit_scorecard", "province_ranking"):
        assert {row[0] for row in rows(warehouse, f"SELECT snapshot_id FROM mart.{view}")} <= {portal}
    assert known_units(warehouse, FORM, PROVINCE) == frozenset()


def test_sample_files_and_real_portals_stay_apart(warehouse: Warehouse) -> None:
    publish(warehouse, load(sample=True))
    refuse_mixed_origins(warehouse, "http://127.0.0.1:5000/api")
    with pytest.raises(WarehouseRefused, match="so-lieu-mau"):
        refuse_mixed_origins(warehouse, "https://portal.example/api")


def test_the_loader_may_add_digitization_but_change_none(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    with warehouse.connect("etl", autocommit=True) as connection:
        for statement in (
            "UPDATE core.digitization SET received = 1",
            "UPDATE core.digitization_block SET complete = true",
            "UPDATE core.dossier_comparison SET findings = 0",
            "UPDATE core.dossier_finding SET field = ''",
            "DELETE FROM core.digitization",
            "UPDATE core.form_column SET column_no = 1",
            "INSERT INTO core.reporting_window SELECT * FROM core.reporting_window LIMIT 1",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_the_analyst_reads_the_digitization_views_and_nothing_below(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    views = (
        "digitization",
        "digitization_totals",
        "digitization_reconciliation",
        "digitization_form_vs_list",
    )
    with warehouse.connect("analyst", autocommit=True) as connection:
        for view in (*views, "dossier_comparisons", "dossier_findings"):
            assert connection.execute(f"SELECT count(*) FROM mart.{view}").fetchone() is not None
        assert connection.execute("SELECT count(*) FROM mart.digitization").fetchone() == (4,)
        for table in (
            "digitization",
            "digitization_figures",
            "current_digitization",
            "dossier_finding",
            "form_column",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT * FROM core.{table}")


def test_two_warehouses_fed_the_same_files_say_the_same(
    warehouse: Warehouse, server: EmbeddedServer, tmp_path: Path
) -> None:
    one, two = load(), load(communes(3), source=LIST, at=later(1))
    with database(server) as url:
        other = open_warehouse(Settings(home=tmp_path, warehouse_url=url))
        d.add_province(other)
        for target in (warehouse, other):
            publish(target, one)
            publish(target, two)
        assert warehouse_checksum(other) == warehouse_checksum(warehouse)
