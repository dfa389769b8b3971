"""Publishing: whole or not at all, once, and never a changed past."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from support.readings import edit_unit, later, load_of, national_bundle, province_bundle

from etl.archive import Archive
from etl.errors import WarehouseRefused
from etl.settings import PROJECT_ROOT
from etl.sources.bundle import Bundle
from etl.warehouse.checksum import warehouse_checksum
from etl.warehouse.engine import Warehouse
from etl.warehouse.publish import Load, Published, publish


def rows(warehouse: Warehouse, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with warehouse.connect("etl") as connection:
        return connection.execute(query, values or None).fetchall()


def counts(warehouse: Warehouse) -> tuple[Any, ...]:
    tables = (
        "core.snapshot",
        "core.indicator_score",
        "core.unit",
        "core.unit_key",
        "core.restatement",
        "ops.capture",
    )
    return tuple(rows(warehouse, f"SELECT count(*) FROM {table}")[0][0] for table in tables)


def without_group(bundle: Bundle, group: str) -> Bundle:
    """The same reading as if one group had been refused."""
    from etl.sources.bundle import Refused

    kept = tuple(item for item in bundle.captures if item.group_code != group)
    return replace(bundle, captures=kept, complete=False, refused=(Refused(group, 10, 1, "cut"),))


def test_a_snapshot_is_published_once(warehouse: Warehouse, archive: Archive) -> None:
    bundle = province_bundle(archive)
    load = load_of(archive, bundle)
    assert publish(warehouse, load) == Published((bundle.snapshot_id,), (), ())
    checksum, before = warehouse_checksum(warehouse), counts(warehouse)
    assert publish(warehouse, load) == Published((), (bundle.snapshot_id,), ())
    assert (warehouse_checksum(warehouse), counts(warehouse)) == (checksum, before)
    assert (
        before[1]
        == load.indicator_score.num_rows
        + rows(warehouse, "SELECT count(*) FROM core.indicator_score WHERE indicator_code = 'TOTAL'")[0][0]
    )


def test_two_warehouses_fed_the_same_say_the_same(
    warehouse: Warehouse, archive: Archive, server: Any
) -> None:
    from support.warehouses import database

    from etl.settings import Settings
    from etl.warehouse.engine import open_warehouse

    load = load_of(archive, province_bundle(archive))
    publish(warehouse, load)
    with database(server) as url:
        other = open_warehouse(Settings(home=archive.folder, warehouse_url=url))
        empty = warehouse_checksum(other)
        publish(other, load)
        assert warehouse_checksum(other) == warehouse_checksum(warehouse) != empty


def test_published_rows_are_the_read_rows_plus_totals(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    publish(warehouse, load)
    [(read, published, quarantined, ignored)] = rows(
        warehouse, "SELECT rows_read, rows_published, rows_quarantined, rows_ignored FROM core.snapshot"
    )
    assert read == published + quarantined + ignored == load.indicator_score.num_rows > 3000


def test_a_null_stays_null_and_a_zero_stays_zero(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    publish(warehouse, load)
    for column in ("numerator", "denominator", "ratio_pct", "score", "max_score", "value", "quality_flag"):
        staged = load.indicator_score[column]
        [(nulls,)] = rows(
            warehouse,
            f"SELECT count(*) FROM core.indicator_score WHERE {column} IS NULL AND indicator_code <> 'TOTAL'",
        )
        assert nulls == staged.null_count
        assert 0 < nulls < staged.length()


def test_an_unchanged_snapshot_with_other_rows_is_refused(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    publish(warehouse, load)
    checksum = warehouse_checksum(warehouse)
    scores = load.indicator_score["score"].to_pylist()
    position = next(index for index, score in enumerate(scores) if score is not None)
    scores[position] += Decimal("0.01")
    changed = load.indicator_score.set_column(
        load.indicator_score.column_names.index("score"), "score", pa.array(scores, pa.decimal128(18, 6))
    )
    with pytest.raises(WarehouseRefused, match="1 rows differ"):
        publish(warehouse, replace(load, indicator_score=changed))
    codes = load.indicator_score["attributes"].to_pylist()
    codes[0] = '{"other": 1}'
    attributes = load.indicator_score.set_column(
        load.indicator_score.column_names.index("attributes"), "attributes", pa.array(codes, pa.string())
    )
    with pytest.raises(WarehouseRefused, match="1 rows differ"):
        publish(warehouse, replace(load, indicator_score=attributes))
    assert warehouse_checksum(warehouse) == checksum


def test_rows_of_unknown_units_are_refused_not_dropped(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    before = warehouse_checksum(warehouse)
    with pytest.raises(WarehouseRefused, match="could be resolved"):
        publish(warehouse, replace(load, unit=load.unit.slice(0, load.unit.num_rows - 1)))
    assert warehouse_checksum(warehouse) == before


def test_a_load_that_lost_or_doubled_rows_is_refused(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    before = warehouse_checksum(warehouse)
    facts = load.indicator_score
    for wrong in (facts.slice(1), pa.concat_tables([facts, facts.slice(0, 1)]), facts.slice(0, 0)):
        with pytest.raises(
            WarehouseRefused, match=f"states {facts.num_rows} rows and brings {wrong.num_rows}"
        ):
            publish(warehouse, replace(load, indicator_score=wrong))
    assert warehouse_checksum(warehouse) == before


def test_a_failing_load_leaves_nothing(warehouse: Warehouse, archive: Archive) -> None:
    load = load_of(archive, province_bundle(archive))
    before = warehouse_checksum(warehouse)
    facts = load.indicator_score  # one row twice, another not at all: the key notices
    doubled = pa.concat_tables([facts.slice(1), facts.slice(1, 1)])
    with pytest.raises(WarehouseRefused, match="rolled back"):
        publish(warehouse, replace(load, indicator_score=doubled))
    assert warehouse_checksum(warehouse) == before
    assert publish(warehouse, load).new


def test_a_partial_reading_is_withheld_where_a_complete_one_speaks(
    warehouse: Warehouse, archive: Archive
) -> None:
    publish(warehouse, load_of(archive, province_bundle(archive)))
    checksum = warehouse_checksum(warehouse)
    partial = without_group(province_bundle(archive, at=later(24), edit=_bump), "MDSH")
    result = publish(warehouse, load_of(archive, partial))
    assert result == Published((), (), (partial.snapshot_id,))
    assert warehouse_checksum(warehouse) == checksum


def test_a_partial_reading_alone_is_published_without_totals_and_gives_way(
    warehouse: Warehouse, archive: Archive
) -> None:
    partial = without_group(province_bundle(archive), "MDSH")
    assert publish(warehouse, load_of(archive, partial)).new == (partial.snapshot_id,)
    assert rows(warehouse, "SELECT DISTINCT indicator_code FROM mart.indicator_scores WHERE level <> 'component' ORDER BY 1") == [
        ("CKMB",), ("CLGQ",), ("MDHL",), ("TDGQ",), ("TTTT",)
    ]  # fmt: skip
    assert rows(
        warehouse, "SELECT count(*), count(mdsh), count(total), count(rank_in_block) FROM mart.unit_scorecard"
    )[0][1:] == (0, 0, 0)
    whole = province_bundle(archive, at=later(-1))
    publish(warehouse, load_of(archive, whole))
    assert rows(warehouse, "SELECT DISTINCT snapshot_id FROM mart.indicator_scores") == [(whole.snapshot_id,)]
    assert rows(warehouse, "SELECT count(*) FROM mart.restatements") == [(0,)]


def _bump(endpoint: str, data: dict[str, Any]) -> None:
    """One unit's online score moves by 0.01."""
    if endpoint.endswith("provide-online-tree"):
        data["children"][3]["totalScore"] = round(data["children"][3]["totalScore"] + 0.01, 2)


def test_a_restated_period_becomes_a_new_snapshot_with_its_differences(
    warehouse: Warehouse, archive: Archive
) -> None:
    first = province_bundle(archive)
    second = province_bundle(archive, at=later(48), edit=_bump)
    for bundle in (first, second):
        publish(warehouse, load_of(archive, bundle))
    found = rows(
        warehouse,
        "SELECT indicator_code, field, new_value - old_value, old_captured_at, new_captured_at FROM mart.restatements "
        "ORDER BY indicator_code",
    )
    moved = [(code, field, delta) for code, field, delta, _, _ in found]
    assert ("CLGQ", "score", Decimal("0.01")) in moved
    assert ("TOTAL", "score", Decimal("0.01")) in moved
    assert {code for code, _, _ in moved} == {"CLGQ", "TOTAL"}
    assert {(old, new) for *_, old, new in found} == {(first.captured_at, second.captured_at)}
    assert rows(warehouse, "SELECT count(*) FROM core.snapshot") == [(2,)]
    assert rows(warehouse, "SELECT DISTINCT snapshot_id FROM mart.indicator_scores") == [
        (second.snapshot_id,)
    ]


def test_going_back_to_the_first_bytes_is_a_third_snapshot(warehouse: Warehouse, archive: Archive) -> None:
    bundles = [
        province_bundle(archive),
        province_bundle(archive, at=later(24), edit=_bump),
        province_bundle(archive, at=later(48)),
    ]
    for bundle in bundles:
        publish(warehouse, load_of(archive, bundle))
    assert len({bundle.snapshot_id for bundle in bundles}) == 3
    deltas = rows(
        warehouse,
        "SELECT new_value - old_value FROM mart.restatements WHERE indicator_code = 'CLGQ' AND field = 'score' "
        "ORDER BY new_captured_at",
    )
    assert deltas == [(Decimal("0.01"),), (Decimal("-0.01"),)]
    assert rows(warehouse, "SELECT DISTINCT snapshot_id FROM mart.indicator_scores") == [
        (bundles[2].snapshot_id,)
    ]


def test_a_unit_that_leaves_is_told_as_presence(warehouse: Warehouse, archive: Archive) -> None:
    def leave(endpoint: str, data: dict[str, Any]) -> None:
        for place in ("evaluation", "children"):
            if place in data:
                gone = data[place].pop()
                assert gone
        if "pagination" in data:
            data["pagination"]["total"] -= 1

    publish(warehouse, load_of(archive, province_bundle(archive)))
    publish(warehouse, load_of(archive, province_bundle(archive, at=later(24), edit=leave)))
    found = rows(
        warehouse, "SELECT DISTINCT field, old_text, new_text FROM mart.restatements WHERE field = 'presence'"
    )
    assert found == [("presence", "present", "absent")]
    assert rows(
        warehouse, "SELECT count(DISTINCT unit_id) FROM mart.restatements WHERE field = 'presence'"
    ) == [(1,)]


# --- units ------------------------------------------------------------------------------


def unit_versions(warehouse: Warehouse, code: str) -> list[tuple[Any, ...]]:
    return rows(
        warehouse,
        "SELECT name, valid_from, valid_to = 'infinity' FROM core.unit WHERE unit_code = %s ORDER BY valid_from",
        code,
    )


@pytest.fixture
def unit_id(archive: Archive) -> tuple[str, str]:
    """(code, portal id) of a commune of the sample province."""
    from etl.reference.provinces import find_province
    from etl.sandbox.sample_units import sample_units

    unit = sample_units(find_province("gia_lai"))[-1]
    return unit.code, unit.unit_id


def rename_by_id(portal_id: str, name: str) -> Any:
    def change(unit: dict[str, Any]) -> None:
        unit["departmentName"] = name

    return edit_unit(portal_id, change)


def test_a_new_name_begins_a_new_version_and_old_facts_keep_the_old_name(
    warehouse: Warehouse, archive: Archive, unit_id: tuple[str, str]
) -> None:
    code, portal_id = unit_id
    publish(warehouse, load_of(archive, province_bundle(archive, period="2026-08")))
    [(old_name, _, _)] = unit_versions(warehouse, code)
    publish(
        warehouse,
        load_of(
            archive,
            province_bundle(
                archive, at=later(24), period="2026-07", edit=rename_by_id(portal_id, "UBND phường Mới")
            ),
        ),
    )
    versions = unit_versions(warehouse, code)
    assert [(name, open_) for name, _, open_ in versions] == [(old_name, False), ("UBND phường Mới", True)]
    assert versions[1][1] == later(24)
    names = rows(
        warehouse,
        "SELECT DISTINCT period_id, unit_name FROM mart.indicator_scores WHERE unit_code = %s ORDER BY 1",
        code,
    )
    assert names == [("2026-07", "UBND phường Mới"), ("2026-08", old_name)]


def test_a_respelling_is_no_new_version(
    warehouse: Warehouse, archive: Archive, unit_id: tuple[str, str]
) -> None:
    import unicodedata

    code, portal_id = unit_id
    publish(warehouse, load_of(archive, province_bundle(archive)))
    [(name, begun, _)] = unit_versions(warehouse, code)
    spelt = "  ".join(unicodedata.normalize("NFD", name.upper()).split(" "))
    publish(
        warehouse,
        load_of(
            archive,
            province_bundle(archive, at=later(1), period="2026-07", edit=rename_by_id(portal_id, spelt)),
        ),
    )
    assert unit_versions(warehouse, code) == [(name, begun, True)]


def test_readings_loaded_out_of_order_keep_the_versions_in_order(
    warehouse: Warehouse, archive: Archive, unit_id: tuple[str, str]
) -> None:
    code, portal_id = unit_id
    publish(warehouse, load_of(archive, province_bundle(archive, at=later(48))))
    [(name, _, _)] = unit_versions(warehouse, code)
    publish(warehouse, load_of(archive, province_bundle(archive, at=later(24), period="2026-07")))
    assert unit_versions(warehouse, code) == [(name, later(24), True)]
    publish(
        warehouse,
        load_of(
            archive,
            province_bundle(
                archive, at=later(1), period="2026-06", edit=rename_by_id(portal_id, "UBND xã Cũ")
            ),
        ),
    )
    assert unit_versions(warehouse, code) == [("UBND xã Cũ", later(1), False), (name, later(24), True)]


def test_every_unit_has_one_version_at_any_instant(
    warehouse: Warehouse, archive: Archive, unit_id: tuple[str, str]
) -> None:
    for hour, name in ((0, None), (10, "UBND xã A"), (20, "UBND xã B"), (5, "UBND xã C")):
        edit = rename_by_id(unit_id[1], name) if name else None
        publish(
            warehouse, load_of(archive, province_bundle(archive, at=later(hour), period="2026-08", edit=edit))
        )
    overlaps = rows(
        warehouse,
        "SELECT count(*) FROM core.unit a JOIN core.unit b ON a.unit_id = b.unit_id AND a.valid_from < b.valid_from "
        "AND b.valid_from < a.valid_to",
    )
    assert overlaps == [(0,)]
    assert len(unit_versions(warehouse, unit_id[0])) == 4
    unnamed = rows(
        warehouse,
        "SELECT count(*) FROM core.snapshot s JOIN core.indicator_score f USING (snapshot_id) LEFT JOIN core.unit u "
        "ON u.unit_id = f.unit_id AND s.captured_at >= u.valid_from AND s.captured_at < u.valid_to WHERE u.unit_id IS NULL",
    )
    assert unnamed == [(0,)]


# --- whole or not at all ----------------------------------------------------------------

_CHILD = """
import sys
from pathlib import Path
from etl.archive import Archive
from etl.settings import Settings
from etl.warehouse.engine import open_warehouse
from etl.warehouse.publish import publish
from support.readings import load_of, province_bundle

archive = Archive(Path(sys.argv[2]))
load = load_of(archive, province_bundle(archive))
print("publishing", flush=True)
publish(open_warehouse(Settings(warehouse_url=sys.argv[1])), load)
print("published", flush=True)
"""


def spawn(url: str, archive: Archive) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": f"{PROJECT_ROOT}{os.pathsep}{PROJECT_ROOT / 'tests'}"}
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, url, str(archive.folder)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def wait_for_blocked(connection: psycopg.Connection[Any], count: int = 1) -> None:
    """Until so many sessions of this database wait for a lock."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()
        if row and row[0] >= count:
            return
        time.sleep(0.05)
    raise AssertionError("the publisher never reached the lock")


def test_kill_9_in_the_middle_of_publishing_then_a_rerun_gives_the_same(
    settings: Any, warehouse: Warehouse, archive: Archive, server: Any, tmp_path: Path
) -> None:
    from support.warehouses import database

    from etl.settings import Settings
    from etl.warehouse.engine import open_warehouse

    before = warehouse_checksum(warehouse)
    with (
        warehouse.connect("owner") as holder,  # publishing stops half-way: facts are in, restatements wait
        warehouse.connect("owner", autocommit=True) as watcher,
    ):
        holder.execute("LOCK TABLE core.restatement IN ACCESS EXCLUSIVE MODE")
        child = spawn(str(settings.warehouse_url), archive)
        try:
            wait_for_blocked(watcher)
            visible = watcher.execute("SELECT count(*) FROM mart.indicator_scores").fetchone()
            assert visible == (0,)
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        holder.rollback()
    assert child.stdout is not None
    assert child.stdout.read().split() == ["publishing"]
    deadline = time.monotonic() + 30
    while warehouse_checksum(warehouse) != before:
        assert time.monotonic() < deadline, "the dead publisher's rows stayed"
    load = load_of(archive, province_bundle(archive))
    assert publish(warehouse, load).new
    with database(server) as url:
        undisturbed = open_warehouse(Settings(home=tmp_path, warehouse_url=url))
        publish(undisturbed, load)
        assert warehouse_checksum(undisturbed) == warehouse_checksum(warehouse)


def test_two_publishers_of_the_same_snapshot_make_one(
    settings: Any, warehouse: Warehouse, archive: Archive
) -> None:
    load_of(archive, province_bundle(archive))  # both children find the same captures
    with (
        warehouse.connect("owner") as holder,
        warehouse.connect("owner", autocommit=True) as watcher,
    ):
        holder.execute("LOCK TABLE core.restatement IN ACCESS EXCLUSIVE MODE")
        children = [spawn(str(settings.warehouse_url), archive) for _ in range(2)]
        wait_for_blocked(watcher, 2)  # one at the table, the other at the advisory lock
        holder.rollback()
    said = [child.communicate(timeout=60)[0].split() for child in children]
    assert said == [["publishing", "published"]] * 2
    assert rows(warehouse, "SELECT count(*) FROM core.snapshot") == [(1,)]


def test_a_reader_sees_the_old_state_or_the_new(
    settings: Any, warehouse: Warehouse, archive: Archive
) -> None:
    publish(warehouse, load_of(archive, province_bundle(archive, at=later(-24), edit=_bump)))
    query = "SELECT snapshot_id, count(*), sum(score) FROM mart.indicator_scores GROUP BY 1"
    with (
        warehouse.connect("owner") as holder,
        warehouse.connect("owner", autocommit=True) as reader,
    ):
        old = reader.execute(query).fetchall()
        holder.execute("LOCK TABLE core.restatement IN ACCESS EXCLUSIVE MODE")
        child = spawn(str(settings.warehouse_url), archive)
        wait_for_blocked(reader)
        assert reader.execute(query).fetchall() == old
        holder.rollback()
        assert child.wait(timeout=60) == 0
        new = reader.execute(query).fetchall()
    assert len(old) == len(new) == 1
    assert old[0][0] != new[0][0]
    assert old[0][1] == new[0][1]


def test_a_load_may_hold_several_snapshots(warehouse: Warehouse, archive: Archive) -> None:
    loads = [load_of(archive, province_bundle(archive, period=period)) for period in ("2026-07", "2026-08")]
    loads.append(load_of(archive, national_bundle(archive)))
    together = Load(
        *(
            pa.concat_tables([getattr(load, name) for load in loads])
            for name in ("snapshot", "capture", "unit", "indicator_score")
        )
    )
    assert len(publish(warehouse, together).new) == 3
    assert rows(warehouse, "SELECT count(*) FROM mart.province_ranking") == [(34,)]
    assert rows(warehouse, "SELECT count(DISTINCT compared_period_id) FROM mart.unit_scorecard") == [(1,)]
