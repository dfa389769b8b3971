"""Two dossier lists compared: recorded once, whole or not at all, by code only."""

from __future__ import annotations

from typing import Any

import digitization_loads as d
import pyarrow as pa
import pytest
from digitization_loads import PROVINCE, SEPTEMBER, month, rows

from etl.archive import Capture
from etl.errors import WarehouseRefused
from etl.periods import Window
from etl.warehouse.checksum import warehouse_checksum
from etl.warehouse.comparisons import comparison_id, publish_comparison
from etl.warehouse.engine import Warehouse

NAMES = ("dossier_code", "unit", "finding", "field", "provincial_value", "portal_value")
FOUND = (
    ("H99.100-260901-0001", None, "missing_on_portal", None, None, None),
    ("H99.100.05.13-260902-0002", None, "missing_in_province", None, None, None),
    ("H99.01-260903-0003", "Sở Y tế", "field_differs", "status", "9", "10"),
    ("H99.01-260903-0003", "Sở Y tế", "field_differs", "finished", None, "2026-09-10 08:00:00"),
    ("H99.1000-260904-0004", None, "repeated_on_portal", None, None, "2"),
)


@pytest.fixture(autouse=True)
def province(warehouse: Warehouse) -> None:
    d.add_province(warehouse)


def lists(mark: str = "", hours: float = 0) -> tuple[Capture, Capture]:
    """The captures of a province's list and of the portal's."""
    return (
        d.bundle(f"provincial{mark}", SEPTEMBER, d.LIST, d.later(hours)).captures[0],
        d.bundle(f"portal{mark}", SEPTEMBER, d.LIST, d.later(hours + 1)).captures[0],
    )


def counts(found: tuple[tuple[Any, ...], ...] = FOUND) -> dict[str, Any]:
    return {
        "fields": ["status", "finished"],
        "in_both": 10,
        "agreeing": 9,
        "only_provincial": 1,
        "only_portal": 1,
        "differing": {"status": 1, "finished": 1},
        "provincial_repeated": 0,
        "portal_repeated": 1,
        "provincial_rows": 12,
        "portal_rows": 13,
        "provincial_uncoded": 0,
        "portal_uncoded": 1,
        "findings": len(found),
    }


def compare(
    warehouse: Warehouse,
    found: tuple[tuple[Any, ...], ...] = FOUND,
    window: Window | None = SEPTEMBER,
    captures: tuple[Capture, Capture] | None = None,
    **otherwise: Any,
) -> Any:
    provincial, portal = captures or lists()
    table = pa.table(
        {name: pa.array([row[place] for row in found], pa.string()) for place, name in enumerate(NAMES)}
    )
    return publish_comparison(
        warehouse,
        PROVINCE,
        window,
        provincial=provincial,
        portal=portal,
        counts=counts(found) | otherwise,
        findings=table,
    )


def test_a_comparison_is_recorded_once(warehouse: Warehouse) -> None:
    empty = warehouse_checksum(warehouse)
    identity, new = compare(warehouse)
    assert new is True
    checksum = warehouse_checksum(warehouse)
    assert checksum != empty
    assert compare(warehouse) == (identity, False)
    assert warehouse_checksum(warehouse) == checksum
    assert rows(warehouse, "SELECT count(*) FROM mart.dossier_comparisons") == [(1,)]
    assert rows(warehouse, "SELECT count(*) FROM mart.dossier_findings") == [(len(FOUND),)]


def test_findings_say_unit_and_values_by_code(warehouse: Warehouse) -> None:
    compare(warehouse)
    assert rows(
        warehouse,
        "SELECT dossier_code, unit_code, unit_name, finding, field, provincial_value, portal_value "
        "FROM mart.dossier_findings ORDER BY finding, field, dossier_code",
    ) == [
        ("H99.01-260903-0003", "H99.01", "Sở Y tế", "field_differs", "finished", None, "2026-09-10 08:00:00"),
        ("H99.01-260903-0003", "H99.01", "Sở Y tế", "field_differs", "status", "9", "10"),
        ("H99.100.05.13-260902-0002", "H99.100", "UBND xã Một", "missing_in_province", None, None, None),
        ("H99.100-260901-0001", "H99.100", "UBND xã Một", "missing_on_portal", None, None, None),
        ("H99.1000-260904-0004", "H99.1000", None, "repeated_on_portal", None, None, "2"),
    ]


def test_a_comparison_tells_its_counts_files_and_days(warehouse: Warehouse) -> None:
    provincial, portal = lists()
    identity, _ = compare(warehouse)
    assert rows(
        warehouse,
        "SELECT comparison_id, province_code, period_id, period_start, period_end, in_both, agreeing, only_provincial, "
        "only_portal, differing_json::jsonb ->> 'status', provincial_repeated, portal_repeated, findings, "
        "compared_fields, provincial_rows, portal_rows, provincial_uncoded, portal_uncoded, is_current, "
        "provincial_sha256, portal_sha256, provincial_captured_at, portal_captured_at FROM mart.dossier_comparisons",
    ) == [
        (identity, PROVINCE, "2026-09", SEPTEMBER.first, SEPTEMBER.last, 10, 9, 1, 1, "1", 0, 1, 5)
        + (["status", "finished"], 12, 13, 0, 1, True)
        + (provincial.sha256, portal.sha256, provincial.captured_at, portal.captured_at)
    ]


def test_other_results_of_the_same_files_are_refused(warehouse: Warehouse) -> None:
    compare(warehouse)
    before = warehouse_checksum(warehouse)
    other = (("H99.100-260901-0009", *FOUND[0][1:]), *FOUND[1:])
    with pytest.raises(WarehouseRefused, match="1 lines differ"):
        compare(warehouse, other)
    with pytest.raises(WarehouseRefused, match="1 lines differ"):
        compare(warehouse, in_both=11)
    with pytest.raises(WarehouseRefused, match="states 6 findings and brings 5"):
        compare(warehouse, findings=6)
    assert warehouse_checksum(warehouse) == before


def test_a_finding_told_twice_leaves_nothing(warehouse: Warehouse) -> None:
    before = warehouse_checksum(warehouse)
    with pytest.raises(WarehouseRefused, match="rolled back"):
        compare(warehouse, (*FOUND, FOUND[0]))
    with pytest.raises(WarehouseRefused, match="rolled back"):
        compare(warehouse, agreeing=11)
    assert warehouse_checksum(warehouse) == before
    assert rows(warehouse, "SELECT count(*) FROM ops.capture") == [(0,)]


def test_the_newest_comparison_of_a_window_is_current(warehouse: Warehouse) -> None:
    compare(warehouse)
    later_id, _ = compare(warehouse, FOUND[:1], captures=lists("corrected", 24), findings=1)
    other_id, _ = compare(warehouse, FOUND[1:2], window=month("2026-08"), findings=1)
    all_id, _ = compare(warehouse, FOUND[2:3], window=None, findings=1)
    current = rows(warehouse, "SELECT comparison_id FROM mart.dossier_comparisons WHERE is_current")
    assert {row[0] for row in current} == {later_id, other_id, all_id}
    assert rows(warehouse, "SELECT count(*) FROM mart.dossier_findings WHERE period_id = '2026-09'") == [(1,)]
    assert rows(warehouse, "SELECT unit_name FROM mart.dossier_findings WHERE period_id IS NULL") == [
        ("Sở Y tế",)
    ]


def test_two_lists_that_agree_are_recorded_without_findings(warehouse: Warehouse) -> None:
    _, new = compare(warehouse, ())
    assert new is True
    assert compare(warehouse, ())[1] is False
    assert rows(warehouse, "SELECT findings FROM mart.dossier_comparisons") == [(0,)]


def test_ids_depend_on_what_was_compared_and_nothing_else() -> None:
    one = comparison_id(PROVINCE, SEPTEMBER, "a", "b", ["status"])
    others = [
        comparison_id("H98", SEPTEMBER, "a", "b", ["status"]),
        comparison_id(PROVINCE, month("2026-08"), "a", "b", ["status"]),
        comparison_id(PROVINCE, None, "a", "b", ["status"]),
        comparison_id(PROVINCE, SEPTEMBER, "b", "a", ["status"]),
        comparison_id(PROVINCE, SEPTEMBER, "a", "b", ["status", "due"]),
    ]
    assert len({one, *others}) == 6
    assert comparison_id(PROVINCE, SEPTEMBER, "a", "b", ("status",)) == one
