"""Reading the appendix from the views of ``mart``, on a real PostgreSQL, as the analyst role."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from etl.deliver import appendix_load
from etl.deliver.appendix import render_appendix
from etl.deliver.appendix_data import GROUP_CODES, AppendixData, NationalRank
from etl.deliver.appendix_load import load_appendix
from etl.deliver.appendix_words import TEMPORARY_DENOMINATOR, ProvinceNames
from etl.errors import ReportNotReady
from etl.periods import Period
from etl.settings import Settings
from etl.warehouse.embedded import stop_running
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.migrate import migrate

FIRST = datetime(2026, 9, 26, 18, 0, tzinfo=UTC)
AUGUST, SEPTEMBER = Period.parse("2026-08"), Period.parse("2026-09")
UNITS = {
    "H99": ("province", "UBND tỉnh Thử"),
    "H99.01": ("department", "Sở Y tế"),
    "H99.02": ("department", "Sở Nội vụ"),
    "H99.03": ("commune", "UBND xã Vắng"),
}


def key(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def insert(connection: psycopg.Connection[Any], table: str, **columns: Any) -> None:
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(*table.split(".")),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            sql.SQL(", ").join([sql.Placeholder()] * len(columns)),
        ),
        list(columns.values()),
    )


def add_snapshot(
    connection: psycopg.Connection[Any],
    period: str,
    at: datetime,
    scores: dict[str, dict[str, Any]],
    *,
    province: str = "H99",
    room: str = "national_portal",
    complete: bool = True,
    provisional: bool = False,
) -> uuid.UUID:
    """One reading: ``scores[unit][indicator]`` is a score, or a dict of columns."""
    snapshot = key(f"{room} {province} {period} {at}")
    source = {"source": room, "province_code": province, "period_id": period}
    counts = dict.fromkeys(("rows_read", "rows_published", "rows_quarantined", "rows_ignored", "facts"), 0)
    insert(
        connection,
        "core.snapshot",
        snapshot_id=snapshot,
        series="dvcqg-2026",
        captured_at=at,
        complete=complete,
        provisional=provisional,
        reader="test",
        missing_groups=[],
        **source,
        **counts,
    )
    for place, group in enumerate(GROUP_CODES):
        capture = key(f"{snapshot} {group}")
        insert(
            connection,
            "ops.capture",
            capture_id=capture,
            group_code=group,
            endpoint="evaluation/x",
            page=1,
            request="{}",
            captured_at=at + timedelta(seconds=place),
            sha256=capture.hex * 2,
            size_bytes=100,
            **source,
        )
        insert(
            connection,
            "core.snapshot_capture",
            snapshot_id=snapshot,
            capture_id=capture,
            group_code=group,
            page=1,
        )
    for unit, indicators in scores.items():
        for indicator, value in indicators.items():
            insert(
                connection,
                "core.indicator_score",
                snapshot_id=snapshot,
                unit_id=key(unit),
                locator="$",
                indicator_code=indicator,
                capture_id=key(f"{snapshot} CKMB"),
                **(value if isinstance(value, dict) else {"score": value}),
            )
    return snapshot


def card(scores: str) -> dict[str, Any]:
    """Six group scores and their sum, as the publisher writes them."""
    groups = {code: Decimal(score) for code, score in zip(GROUP_CODES, scores.split(), strict=True)}
    return {**groups, "TOTAL": {"score": sum(groups.values()), "quality_flag": "COMPUTED_SUM"}}


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    home: Path = tmp_path_factory.mktemp("home")
    opened = open_warehouse(Settings(home=home, warehouse_url=None))
    try:
        migrate(opened)
        with opened.connect("owner") as connection:
            fill(connection)
        yield opened
    finally:
        stop_running(home)


def fill(connection: psycopg.Connection[Any]) -> None:
    for code, (block, name) in UNITS.items():
        insert(
            connection,
            "core.unit",
            unit_id=key(code),
            valid_from=datetime(2020, 1, 1, tzinfo=UTC),
            block=block,
            province_code="H99",
            unit_code=code,
            name=name,
            name_key=name,
            source="test",
        )
    july = {"H99": card("8 10 6 5 6 12"), "H99.01": card("8 10 6 5 6 12"), "H99.02": card("8 9 6 5 6 12")}
    add_snapshot(connection, "2026-07", FIRST - timedelta(days=30), july)
    flag = {"numerator": 5, "denominator": 5, "ratio_pct": 100, "score": 6, "max_score": 6}
    august = {
        "H99": {
            **card("8 11 6 5 6 12"),
            "CKMB": {"score": 8, "max_score": 17},
            "1.1": {"numerator": 0, "denominator": 0, "max_score": 6},
            "1.4": {**flag, "quality_flag": TEMPORARY_DENOMINATOR},
            "2.2": {"value": Decimal("7.05")},
        },
        "H99.01": card("8 11 6 5 6 12"),
        "H99.02": {**card("8 15 6 5 6 12"), "1.4": {**flag, "quality_flag": TEMPORARY_DENOMINATOR}},
        "H99.03": {
            **card("2 0 0 0 2 12"),
            "2.1": {"numerator": 0, "denominator": 0, "ratio_pct": 0, "score": 0},
        },
    }
    old = add_snapshot(connection, "2026-08", FIRST, {**august, "H99.01": card("8 1 1 1 1 1")})
    new = add_snapshot(connection, "2026-08", FIRST + timedelta(days=2), august)
    # Later readings that broke off, of the same source and of another: neither may speak.
    broken = {"H99.01": {"CKMB": Decimal(1)}}
    for room in ("national_portal", "indicator_file"):
        add_snapshot(connection, "2026-08", FIRST + timedelta(days=3), broken, room=room, complete=False)
    only = {"H99.01": card("1 1 1 1 1 1")}
    add_snapshot(connection, "2026-09", FIRST + timedelta(days=9), only, complete=False)
    pair = {"old_snapshot_id": old, "new_snapshot_id": new}
    insert(
        connection,
        "core.restatement",
        unit_id=key("H99.01"),
        indicator_code="TDGQ",
        field="score",
        old_value=1,
        new_value=11,
        **pair,
    )
    insert(
        connection,
        "core.restatement",
        unit_id=key("H99"),
        indicator_code="1.1",
        field="presence",
        new_text="có",
        **pair,
    )
    insert(
        connection,
        "ops.validation_result",
        snapshot_id=new,
        suite="s",
        rule="groups_sum",
        severity="warn",
        state="warned",
        observed="0.03",
        expected="0.02",
        detail_vi="Lệch",
    )
    add_snapshot(connection, "2026-08", FIRST, {"H99": card("8 11 6 5 6 12.5")}, province="VN")
    fill_quarters(connection, july)


def fill_quarters(connection: psycopg.Connection[Any], scores: dict[str, dict[str, Any]]) -> None:
    """Quarter II last read while it ran; quarter III twice while it ran and twice after its end; a list of its days."""
    add_snapshot(connection, "2026-Q2", datetime(2026, 6, 15, tzinfo=UTC), scores, provisional=True)
    readings = [
        add_snapshot(
            connection, "2026-Q3", datetime(2026, month, day, tzinfo=UTC), scores, provisional=running
        )
        for month, day, running in ((9, 14, True), (9, 15, True), (10, 5, False), (10, 20, False))
    ]
    for old, new, indicator in zip(readings, readings[1:], ("TDGQ", "MDSH", "MDHL"), strict=False):
        insert(
            connection,
            "core.restatement",
            old_snapshot_id=old,
            new_snapshot_id=new,
            unit_id=key("H99.01"),
            indicator_code=indicator,
            field="score",
            old_value=1,
            new_value=2,
        )
    lists = [digitization_snapshot(connection, datetime(2026, 10, day, tzinfo=UTC)) for day in (21, 22)]
    insert(
        connection,
        "core.restatement",
        old_snapshot_id=lists[0],
        new_snapshot_id=lists[1],
        unit_id=key("H99.01"),
        indicator_code="DIGITIZATION",
        field="received",
        old_value=1,
        new_value=2,
    )


def digitization_snapshot(connection: psycopg.Connection[Any], at: datetime) -> uuid.UUID:
    """A whole form of quarter III, received later than any reading of the portal: same period id, other days."""
    snapshot = key(f"form {at}")
    days = {"period_start": date(2026, 6, 15), "period_end": date(2026, 9, 14)}
    insert(
        connection,
        "core.snapshot",
        snapshot_id=snapshot,
        series="digitization",
        source="digitization_form",
        province_code="H99",
        period_id="2026-Q3",
        captured_at=at,
        complete=True,
        provisional=False,
        reader="test",
        missing_groups=[],
        **dict.fromkeys(("rows_read", "rows_published", "rows_quarantined", "rows_ignored", "facts"), 0),
        **days,
    )
    insert(
        connection,
        "core.digitization_block",
        snapshot_id=snapshot,
        block="department",
        units=1,
        expected_units=1,
        complete=True,
        missing_units=[],
    )
    return snapshot


@pytest.fixture
def analyst(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    with warehouse.connect("analyst") as connection:
        yield connection


@pytest.fixture
def august(analyst: psycopg.Connection[Any]) -> AppendixData:
    return load_appendix(analyst, "H99", AUGUST)


def test_the_newest_complete_snapshot_speaks(august: AppendixData) -> None:
    assert august.snapshot.captured_at == FIRST + timedelta(days=2)
    assert august.snapshot.units == 4
    assert [capture.group_code for capture in august.snapshot.captures] == list(GROUP_CODES)
    assert all(len(capture.sha256) == 64 for capture in august.snapshot.captures)


def test_units_come_with_scores_ranks_changes_and_flags(august: AppendixData) -> None:
    rows = {unit.unit_name: unit for unit in august.units}
    assert set(rows) == {"Sở Y tế", "Sở Nội vụ", "UBND xã Vắng"}
    leader = rows["Sở Nội vụ"]
    assert leader.group_scores == tuple(map(Decimal, (8, 15, 6, 5, 6, 12)))
    assert (leader.total, leader.rank_in_block) == (52, 1)
    assert (leader.total_change, leader.rank_change, leader.compared_period_id) == (6, 1, "2026-07")
    assert ("1.4", TEMPORARY_DENOMINATOR) in leader.flags
    assert rows["Sở Y tế"].rank_change == -1
    assert rows["UBND xã Vắng"].no_dossiers
    assert rows["UBND xã Vắng"].total_change is None
    assert not leader.no_dossiers


def test_province_has_its_own_row_and_indicators(august: AppendixData) -> None:
    assert august.province is not None
    assert (august.province.total, august.province.rank_in_block) == (48, None)
    rows = {row.indicator_code: row for row in august.indicators}
    assert rows["1.1"].inherited
    assert (rows["1.1"].numerator, rows["1.1"].score) == (0, None)
    assert (rows["2.2"].value, rows["2.2"].value_unit) == (Decimal("7.05"), "ngày")
    assert august.groups[0].max_score == 17, "the snapshot's own maximum outranks the constant"
    assert august.groups[1].max_score == 20


def test_national_rank_quality_and_restatements(august: AppendixData) -> None:
    national = august.national
    assert national is not None
    assert national == NationalRank(
        1, 1, Decimal("48.5"), None, None, FIRST, national.capture_sha256, national.snapshot_id
    )
    assert len(national.capture_sha256 or "") == 64, "its own capture, not the province's"
    assert national.capture_sha256 not in {capture.sha256 for capture in august.snapshot.captures}
    assert national.snapshot_id not in (None, august.snapshot.snapshot_id)
    check = next(row for row in august.quality if row.kind == "check")
    assert (check.observed, check.expected, check.state) == (Decimal("0.03"), Decimal("0.02"), "warned")
    assert [(r.unit_name, r.field, r.old_value, r.new_value) for r in august.restatements] == [
        ("UBND tỉnh Thử", "presence", None, "có"),
        ("Sở Y tế", "score", 1, 11),
    ]


def test_a_quarter_is_the_portals_reading_and_not_a_form_of_the_same_period(
    analyst: psycopg.Connection[Any],
) -> None:
    current = analyst.execute(
        "SELECT source FROM mart.snapshots WHERE province_code = 'H99' AND period_id = '2026-Q3' AND is_current"
    ).fetchall()
    assert sorted(current) == [("digitization_form",), ("national_portal",)], (
        "the form speaks, too, and is newer"
    )
    quarter = load_appendix(analyst, "H99", Period.parse("2026-Q3"))
    assert quarter.snapshot.source == "national_portal"
    assert quarter.snapshot.captured_at == datetime(2026, 10, 20, tzinfo=UTC)
    assert {unit.compared_period_id for unit in quarter.units} == {"2026-Q2"}


def test_changes_while_a_quarter_ran_are_told_apart_from_restatements(
    analyst: psycopg.Connection[Any],
) -> None:
    quarter = load_appendix(analyst, "H99", Period.parse("2026-Q3"))
    assert [row.indicator_code for row in quarter.restatements] == ["MDHL"], (
        "of the reading after the quarter's end"
    )
    assert quarter.moved_while_running == 2
    assert quarter.compared_provisional, "quarter II was last read on 15 June"


def test_a_month_is_compared_with_a_closed_month(august: AppendixData) -> None:
    assert not august.compared_provisional
    assert august.moved_while_running == 0


def test_what_is_loaded_renders_alike_twice(analyst: psycopg.Connection[Any], august: AppendixData) -> None:
    names = ProvinceNames("tỉnh Thử", "Văn phòng UBND tỉnh Thử")
    assert render_appendix(august, names) == render_appendix(load_appendix(analyst, "H99", AUGUST), names)


def test_all_views_are_read_in_one_repeatable_read_transaction(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels: list[object] = []

    def look(mart: Any) -> None:
        levels.extend(mart.connection.execute("SHOW transaction_isolation").fetchone())
        levels.extend(mart.connection.execute("SHOW transaction_read_only").fetchone())

    monkeypatch.setattr(appendix_load, "_read", look)
    with warehouse.connect("analyst", autocommit=True) as connection:
        load_appendix(connection, "H99", AUGUST)
        after = connection.execute("SHOW transaction_isolation").fetchone()
    assert levels == ["repeatable read", "on"]
    assert after == ("read committed",), "the caller's session is left as it was"


@pytest.mark.parametrize(
    ("province", "period", "message"),
    [
        ("H99", SEPTEMBER, "partial"),
        ("H99", Period.parse("2026-06"), "there is no data of 2026-06"),
        ("H98", AUGUST, "there is no data of 2026-08 for H98"),
    ],
)
def test_an_absent_or_partial_snapshot_is_refused(
    analyst: psycopg.Connection[Any], province: str, period: Period, message: str
) -> None:
    with pytest.raises(ReportNotReady, match=message) as refusal:
        load_appendix(analyst, province, period)
    assert "bochiso run ingest" in refusal.value.remedy
