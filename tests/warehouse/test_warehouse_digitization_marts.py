"""The views on digitization: rates, totals, sums of months, the form's columns, the two sides laid beside each other."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import digitization_loads as d
import pytest
from digitization_loads import FORM, LIST, PLAIN, SEPTEMBER, WHOLE, later, load, month, rows, snapshot_of

from etl.periods import CALENDAR, Period, window_of
from etl.sources.digitization import MEASURES
from etl.sources.tidy import REJECTED
from etl.warehouse.engine import Warehouse
from etl.warehouse.known import missing_inputs
from etl.warehouse.publish import publish

PROMISED = "province_code period_id unit_code unit_name block period_start period_end " + " ".join(MEASURES)
BESIDE = (
    "window_kind basis components_rate_pct reuse_rate_pct results_rate_pct target_pct met_target column_9 column_10 "
    "form_id form_edition complete provisional unit_id snapshot_id captured_at capture_sha256 locator"
)
RECONCILED = (
    "province_code period_id unit_code unit_name block measure provincial_value portal_value difference difference_pct "
    "provincial_start provincial_end portal_period_id portal_start portal_end verdict"
)


@pytest.fixture(autouse=True)
def province(warehouse: Warehouse) -> None:
    d.add_province(warehouse)


def one(warehouse: Warehouse, columns: str, code: str = "H99.01", period: str = "2026-09") -> tuple[Any, ...]:
    [row] = rows(
        warehouse,
        f"SELECT {columns} FROM mart.digitization WHERE unit_code = %s AND period_id = %s",
        code,
        period,
    )
    return row


def totals(warehouse: Warehouse, columns: str, period: str = "2026-09") -> dict[str, tuple[Any, ...]]:
    found = rows(
        warehouse, f"SELECT block, {columns} FROM mart.digitization_totals WHERE period_id = %s", period
    )
    return {row[0]: row[1:] for row in found}


@pytest.mark.parametrize(
    ("view", "first", "more"),
    [
        ("digitization", PROMISED, BESIDE),
        ("digitization_reconciliation", RECONCILED, "unit_id snapshot_id portal_snapshot_id"),
        (
            "digitization_totals",
            "province_code period_id period_start period_end window_kind block",
            BESIDE.split(" form")[0],
        ),
    ],
)
def test_the_promised_columns_are_there(warehouse: Warehouse, view: str, first: str, more: str) -> None:
    with warehouse.connect("analyst") as connection:
        cursor = connection.execute(f"SELECT * FROM mart.{view} LIMIT 0")
        names = [column.name for column in cursor.description or []]
    assert names[: len(first.split())] == first.split()
    assert set(more.split()) <= set(names)


def test_every_column_of_the_digitization_views_has_a_meaning(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        found = connection.execute(
            "SELECT c.relname || '.' || a.attname, col_description(c.oid, a.attnum) FROM pg_class c "
            "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'mart'::regnamespace "
            "AND c.relname IN ('digitization', 'digitization_totals', 'digitization_reconciliation', "
            "'digitization_form_vs_list')"
        ).fetchall()
    assert len(found) > 90
    assert [name for name, comment in found if not comment] == []


# --- one unit -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("measures", "rates"),
    [
        ({}, ("80.00", "60.00", "66.67")),
        ({"received": 0, "results_digitized": 0, "results_not_digitized": 0}, (None, None, None)),
        ({"received": None, "results_digitized": None}, (None, None, None)),
        (
            {"components_digitized": 0, "components_reused": None, "results_digitized": 0},
            ("0.00", None, "0.00"),
        ),
        ({"received": 3, "components_digitized": 2, "components_reused": 1}, ("66.67", "33.33", "66.67")),
    ],
)
def test_rates(warehouse: Warehouse, measures: dict[str, Any], rates: tuple[str | None, ...]) -> None:
    publish(warehouse, load(WHOLE | {"H99.01": d.changed(**measures)}))
    found = one(warehouse, "components_rate_pct, reuse_rate_pct, results_rate_pct")
    assert tuple(None if rate is None else str(rate) for rate in found) == rates


def test_the_target_is_met_from_the_target_on(warehouse: Warehouse) -> None:
    told = {
        "H99.01": d.changed(results_digitized=80, results_not_digitized=20),
        "H99.02": d.changed(results_digitized=7999, results_not_digitized=2001),
        "H99.100": d.changed(results_digitized=0, results_not_digitized=0),
        "H99.101": PLAIN,
    }
    with warehouse.connect("owner") as connection:
        connection.execute("UPDATE core.form_column SET target_pct = 80 WHERE is_default")
    publish(warehouse, load(told))
    assert one(warehouse, "target_pct, met_target") == (80, True)
    assert one(warehouse, "results_rate_pct, met_target", "H99.02") == (Decimal("79.99"), False)
    assert one(warehouse, "met_target", "H99.100") == (None,)
    with warehouse.connect("owner") as connection:
        connection.execute("UPDATE core.form_column SET target_pct = NULL")
    assert one(warehouse, "target_pct, met_target") == (None, None)


def test_columns_9_and_10_follow_the_form_in_force(warehouse: Warehouse) -> None:
    for name in ("2026-08", "2026-09"):
        publish(warehouse, load(window=month(name)))
    assert one(warehouse, "column_9, column_10, form_id, form_edition") == (30, 60, "so_hoa_10_cot", 1)
    with warehouse.connect("owner") as connection:  # from 1 September another edition numbers them otherwise
        connection.execute(
            "INSERT INTO core.form_column SELECT form_id, 2, '2026-09-01', NULL, column_no, header, CASE column_no "
            "WHEN 9 THEN 'results_digitized' WHEN 10 THEN NULL ELSE measure END, unit, true, 50 FROM core.form_column "
            "WHERE form_id = 'so_hoa_10_cot'"
        )
    assert one(warehouse, "column_9, column_10, form_edition, target_pct") == (60, None, 2, 50)
    assert one(warehouse, "column_9, column_10, form_edition", period="2026-08") == (30, 60, 1)
    assert totals(warehouse, "column_9, column_10")["ALL"] == (240, None)


def test_a_row_leads_back_to_the_file(warehouse: Warehouse) -> None:
    told = load()
    publish(warehouse, told)
    sha256, locator, snapshot, layout, provisional = one(
        warehouse, "capture_sha256, locator, snapshot_id, layout, provisional"
    )
    assert sha256 == told.capture["sha256"][0].as_py()
    assert (locator, snapshot, layout) == ("'Biểu'!A9", snapshot_of(told), "so_hoa_10_cot@1")
    assert provisional is False
    assert rows(
        warehouse,
        "SELECT sha256 FROM mart.snapshot_captures WHERE snapshot_id = %s AND group_code = 'FILE'",
        snapshot,
    ) == [(sha256,)]


def test_a_file_before_the_windows_end_is_provisional(warehouse: Warehouse) -> None:
    publish(warehouse, load(at=later(-72)))
    assert one(warehouse, "provisional") == (True,)
    assert totals(warehouse, "provisional")["ALL"] == (True,)
    assert rows(
        warehouse, "SELECT severity, detail_vi FROM mart.data_quality WHERE kind = 'provisional'"
    ) == [("warn", "Số liệu tạm: nhận khi kỳ số liệu chưa kết thúc.")]


def test_units_are_named_as_on_the_windows_last_day(warehouse: Warehouse) -> None:
    with warehouse.connect("owner") as connection:
        connection.execute("UPDATE core.unit SET valid_to = '2026-10-10' WHERE unit_code = 'H99.100'")
    d.add_unit(warehouse, "H99.100x", "commune", "UBND phường Một", since=later(24 * 24))
    with warehouse.connect("owner") as connection:
        connection.execute(
            "UPDATE core.unit SET unit_id = %s, unit_code = 'H99.100' WHERE unit_code = 'H99.100x'",
            (d.unit_id("H99.100"),),
        )
    for name in ("2026-09", "2026-11"):
        publish(warehouse, load(window=month(name)))
    assert one(warehouse, "unit_name", "H99.100") == ("UBND xã Một",)
    assert one(warehouse, "unit_name", "H99.100", "2026-11") == ("UBND phường Một",)


# --- form and list ------------------------------------------------------------------------------


def test_the_form_speaks_before_the_list_and_the_list_where_there_is_no_form(warehouse: Warehouse) -> None:
    departments = {code: PLAIN for code in ("H99.01", "H99.02")}
    publish(warehouse, load(departments))
    publish(warehouse, load(dict.fromkeys(WHOLE, d.changed(received=99)), source=LIST, at=later(9)))
    assert rows(warehouse, "SELECT unit_code, basis, received FROM mart.digitization ORDER BY 1") == [
        ("H99.01", "form", 100),
        ("H99.02", "form", 100),
        ("H99.100", "list", 99),
        ("H99.101", "list", 99),
    ]
    assert totals(warehouse, "basis, received") == {
        "department": ("form", 200),
        "commune": ("list", 198),
        "ALL": ("form, list", 398),
    }
    assert rows(warehouse, "SELECT source, is_current FROM mart.snapshots ORDER BY 1") == [
        (FORM, True),
        (LIST, True),
    ]


def test_a_whole_list_speaks_before_a_partial_form(warehouse: Warehouse) -> None:
    publish(warehouse, load({"H99.100": PLAIN}, missing={"commune": ["UBND xã Hai"]}, at=later(5)))
    communes = {code: d.changed(received=5) for code in ("H99.100", "H99.101")}
    publish(warehouse, load(communes, source=LIST))
    assert rows(warehouse, "SELECT DISTINCT basis, received, complete FROM mart.digitization") == [
        ("list", 5, True)
    ]


def test_form_and_list_are_compared_to_the_digit(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    publish(warehouse, load(source=LIST))
    assert rows(warehouse, "SELECT count(*) FROM mart.digitization_form_vs_list") == [(0,)]
    told = WHOLE | {"H99.02": d.changed(received=103, resolved=None)}
    publish(warehouse, load(told, source=LIST, at=later(1)))
    publish(
        warehouse, load(dict.fromkeys(WHOLE, d.changed(received=1)), month("2026-09", CALENDAR), source=LIST)
    )
    assert rows(
        warehouse,
        "SELECT unit_code, measure, form_value, list_value, difference FROM mart.digitization_form_vs_list",
    ) == [("H99.02", "received", 100, 103, -3)]


# --- totals -------------------------------------------------------------------------------------


def test_totals_of_blocks_and_of_the_province(warehouse: Warehouse) -> None:
    publish(warehouse, load(WHOLE | {"H99.101": (1, 0, 1, 1, 1, 1, 0, 1)}))
    columns = ", ".join(MEASURES)
    found = totals(warehouse, columns)
    assert found["department"] == tuple(2 * value for value in PLAIN)
    assert found["commune"] == tuple(a + b for a, b in zip(PLAIN, (1, 0, 1, 1, 1, 1, 0, 1), strict=True))
    assert found["ALL"] == tuple(a + b for a, b in zip(found["department"], found["commune"], strict=True))
    assert totals(warehouse, "units, expected_units, complete, missing_blocks, missing_units, basis") == {
        "department": (2, 2, True, [], [], "form"),
        "commune": (2, 2, True, [], [], "form"),
        "ALL": (4, 4, True, [], [], "form"),
    }
    rate = round(Decimal(100) * found["ALL"][2] / found["ALL"][0], 2)
    assert totals(warehouse, "components_rate_pct")["ALL"] == (rate,)


def test_a_total_is_null_where_a_unit_tells_null(warehouse: Warehouse) -> None:
    publish(warehouse, load(WHOLE | {"H99.101": d.changed(resolved=None)}))
    assert totals(warehouse, "resolved, received") == {
        "department": (180, 200),
        "commune": (None, 200),
        "ALL": (None, 400),
    }


def test_the_province_is_whole_only_with_every_block_it_has(warehouse: Warehouse) -> None:
    publish(warehouse, load({code: PLAIN for code in ("H99.01", "H99.02")}))
    found = totals(warehouse, "complete, missing_blocks, units")
    assert found == {"department": (True, [], 2), "ALL": (False, ["commune"], 2)}
    lacking = {"commune": ["UBND xã Hai"]}
    publish(warehouse, load({"H99.100": PLAIN}, missing=lacking, at=later(1)))
    assert totals(warehouse, "complete, missing_blocks, missing_units, units, expected_units") == {
        "department": (True, [], [], 2, 2),
        "commune": (False, [], ["UBND xã Hai"], 1, 2),
        "ALL": (False, [], ["UBND xã Hai"], 3, 4),
    }


# --- sums of months -----------------------------------------------------------------------------

QUARTER = window_of(Period.parse("2026-Q3"))
MONTHS = ("2026-07", "2026-08", "2026-09")


def publish_months(warehouse: Warehouse, names: tuple[str, ...] = MONTHS, **told: Any) -> None:
    for name in names:
        publish(warehouse, load(window=month(name), **told))


def test_a_quarter_is_the_sum_of_its_months(warehouse: Warehouse) -> None:
    publish_months(warehouse)
    found = one(
        warehouse,
        f"{', '.join(MEASURES)}, basis, window_kind, period_start, period_end, snapshot_id, capture_sha256, locator",
        period="2026-Q3",
    )
    assert found[:8] == tuple(3 * value for value in PLAIN)
    assert found[8:] == (
        "sum",
        "administrative",
        date(2026, 6, 15),
        date(2026, 9, 14),
        None,
        None,
        "tổng 2026-07, 2026-08, 2026-09",
    )
    assert totals(warehouse, "received, complete, units", "2026-Q3")["ALL"] == (1200, True, 4)
    assert rows(warehouse, "SELECT DISTINCT period_id FROM mart.digitization ORDER BY 1") == [
        (name,) for name in (*MONTHS, "2026-Q3")
    ]


def test_a_half_and_a_year_are_sums_of_their_months(warehouse: Warehouse) -> None:
    publish_months(warehouse, tuple(f"2026-{number:02d}" for number in range(1, 13)), at=later(9999))
    assert one(warehouse, "received", period="2026-H2") == (600,)
    assert one(warehouse, "received, period_start, period_end", period="2026") == (
        1200,
        date(2025, 12, 15),
        date(2026, 12, 14),
    )


def test_months_of_two_calendars_are_never_mixed(warehouse: Warehouse) -> None:
    publish_months(warehouse, MONTHS[:2])
    publish(warehouse, load(window=month("2026-09", CALENDAR)))
    assert rows(warehouse, "SELECT count(*) FROM mart.digitization WHERE period_id = '2026-Q3'") == [(0,)]


def test_blocks_are_summed_only_where_every_month_is_whole(warehouse: Warehouse) -> None:
    publish_months(warehouse, MONTHS[:2])
    partial = {code: PLAIN for code in ("H99.01", "H99.02", "H99.100")}
    publish(warehouse, load(partial, missing={"commune": ["UBND xã Hai"]}))
    assert totals(warehouse, "complete, missing_blocks", "2026-Q3") == {
        "department": (True, []),
        "ALL": (False, ["commune"]),
    }


def test_a_file_of_the_quarter_speaks_before_the_sum_but_not_partially(warehouse: Warehouse) -> None:
    publish_months(warehouse)
    departments = {code: d.changed(received=301) for code in ("H99.01", "H99.02")}
    mixed = departments | {"H99.100": d.changed(received=1)}
    publish(warehouse, load(mixed, QUARTER, missing={"commune": ["UBND xã Hai"]}))
    assert rows(
        warehouse,
        "SELECT unit_code, basis, received, complete FROM mart.digitization WHERE period_id = '2026-Q3' ORDER BY 1",
    ) == [
        ("H99.01", "form", 301, True),
        ("H99.02", "form", 301, True),
        ("H99.100", "sum", 300, True),
        ("H99.101", "sum", 300, True),
    ]


def test_a_sum_is_null_where_a_month_tells_null(warehouse: Warehouse) -> None:
    publish_months(warehouse, MONTHS[:2])
    publish(warehouse, load(WHOLE | {"H99.01": d.changed(resolved=None)}))
    assert one(warehouse, "received, resolved", period="2026-Q3") == (300, None)
    assert totals(warehouse, "resolved", "2026-Q3")["department"] == (None,)


@pytest.mark.parametrize("named", ["UBND xã Hai", "UBND xã Hai (H99.101)"])
def test_a_unit_that_lacks_in_a_month_is_not_summed_as_zero(warehouse: Warehouse, named: str) -> None:
    publish_months(warehouse, MONTHS[:2])
    rest = {code: PLAIN for code in WHOLE if code != "H99.101"}
    publish(warehouse, load(rest, missing={"commune": [named]}, tolerated=True))
    assert one(warehouse, "received, complete, locator", "H99.101", "2026-Q3") == (
        None,
        True,
        "tổng 2026-07, 2026-08",
    )
    assert one(warehouse, "received", "H99.100", "2026-Q3") == (300,)
    # The total adds what the months tell, and names what lacks.
    found = totals(warehouse, "received, missing_units, complete, components_rate_pct", "2026-Q3")
    assert found["commune"] == (500, [named], True, Decimal("80.00"))
    assert found["ALL"] == (1100, [named], True, Decimal("80.00"))


def test_units_that_lack_in_a_month_do_not_count_that_month_twice(warehouse: Warehouse) -> None:
    publish_months(warehouse, MONTHS[:2])
    told = {code: PLAIN for code in WHOLE if code.startswith("H99.0")} | {"H99.100": PLAIN}
    lacking = ["UBND xã Hai", "UBND xã Ba"]
    publish(warehouse, load(told, missing={"commune": lacking}, tolerated=True))
    assert one(warehouse, "received", "H99.100", "2026-Q3") == (300,)
    assert totals(warehouse, "received, missing_units", "2026-Q3")["commune"] == (500, sorted(lacking))


def test_a_null_in_a_file_leaves_the_total_of_a_sum_null_though_the_unit_lacks_elsewhere(
    warehouse: Warehouse,
) -> None:
    publish(warehouse, load(WHOLE | {"H99.101": d.changed(resolved=None)}, month("2026-07")))
    publish(warehouse, load(window=month("2026-08")))
    rest = {code: PLAIN for code in WHOLE if code != "H99.101"}
    publish(warehouse, load(rest, missing={"commune": ["UBND xã Hai"]}, tolerated=True))
    assert totals(warehouse, "resolved, received", "2026-Q3")["commune"] == (None, 500)


# A land office from the first day of the quarter to 20/08/2026: there on the last days of July and August's windows.
OFFICE = "H99.70"


def list_office(warehouse: Warehouse, first: str, last: str) -> None:
    """A land office between two days, as a list tells it: strictly by its dates."""
    with warehouse.connect("owner") as connection:
        connection.execute(
            "INSERT INTO core.unit (unit_id, valid_from, valid_to, province_code, block, unit_code, name, name_key, "
            "source) VALUES (%s, %s::timestamp AT TIME ZONE 'Asia/Ho_Chi_Minh', (%s::date + 1)::timestamp AT TIME ZONE "
            "'Asia/Ho_Chi_Minh', 'H99', 'land_office', %s, 'Chi nhánh', 'chi nhánh', 'test list')",
            (d.unit_id(OFFICE), first, last, OFFICE),
        )


def publish_with_office(warehouse: Warehouse, names: tuple[str, ...]) -> None:
    """July to September; the office in the months named."""
    for name in MONTHS:
        told = WHOLE | ({OFFICE: PLAIN} if name in names else {})
        publish(warehouse, load(told, month(name), blocks={OFFICE: "land_office"} if name in names else None))


@pytest.mark.parametrize(
    ("first", "last", "due"),
    [
        ("2026-01-01", "2026-08-20", MONTHS[:2]),  # ends inside the quarter
        ("2026-01-01", "2026-07-14", MONTHS[:1]),  # on the last day of July's window: still due
        ("2026-07-15", "2026-08-14", MONTHS[1:2]),  # comes and goes
        ("2026-08-14", "2027-12-31", MONTHS[1:]),  # begins inside
    ],
)
def test_a_block_is_summed_over_the_months_in_which_the_province_had_it(
    warehouse: Warehouse, first: str, last: str, due: tuple[str, ...]
) -> None:
    list_office(warehouse, first, last)
    publish_with_office(warehouse, due)
    found = totals(warehouse, "received, units, complete, basis, missing_blocks", "2026-Q3")
    assert found["land_office"] == (100 * len(due), 1, True, "sum", [])
    assert found["ALL"] == (1200 + 100 * len(due), 5, True, "sum", [])
    assert one(warehouse, "locator", OFFICE, "2026-Q3") == (f"tổng {', '.join(due)}",)
    assert missing_inputs(warehouse, d.PROVINCE, QUARTER) == ()


def test_a_block_that_ended_inside_a_quarter_lacks_where_a_due_month_was_not_told(
    warehouse: Warehouse,
) -> None:
    list_office(warehouse, "2026-01-01", "2026-08-20")
    publish_with_office(warehouse, MONTHS[:1])
    assert totals(warehouse, "complete, missing_blocks, received", "2026-Q3")["ALL"] == (
        False,
        ["land_office"],
        1200,
    )
    assert [
        (item.block, item.month, item.told) for item in missing_inputs(warehouse, d.PROVINCE, QUARTER)
    ] == [("land_office", "2026-08", False)]


def test_a_block_of_one_month_of_which_nothing_was_told_is_named_with_that_month(
    warehouse: Warehouse,
) -> None:
    list_office(warehouse, "2026-01-01", "2026-07-20")
    publish_with_office(warehouse, ())
    assert totals(warehouse, "complete, missing_blocks", "2026-Q3")["ALL"] == (False, ["land_office"])
    assert [(item.block, item.month) for item in missing_inputs(warehouse, d.PROVINCE, QUARTER)] == [
        ("land_office", "2026-07")
    ]


def test_a_quarters_own_file_tells_of_its_last_day(warehouse: Warehouse) -> None:
    list_office(warehouse, "2026-01-01", "2026-08-20")
    publish(warehouse, load(window=QUARTER))
    assert totals(warehouse, "complete, missing_blocks", "2026-Q3")["ALL"] == (True, [])
    assert missing_inputs(warehouse, d.PROVINCE, QUARTER) == ()


def test_a_province_that_ended_is_summed_over_the_months_it_had(warehouse: Warehouse) -> None:
    """Abolished on 30/06/2025: of the year 2025 the windows to June are due."""
    with warehouse.connect("owner") as connection:
        connection.execute(
            "UPDATE core.unit SET valid_to = '2025-07-01 00:00+07', valid_from = '2020-01-01', source = 'test list' "
            "WHERE province_code = 'H99'"
        )
    names = tuple(f"2025-{number:02d}" for number in range(1, 7))
    publish_months(warehouse, names[:-1])
    assert totals(warehouse, "received", "2025") == {}
    assert {
        item.month for item in missing_inputs(warehouse, d.PROVINCE, window_of(Period.parse("2025")))
    } == {"2025-06"}
    publish_months(warehouse, names[-1:])
    assert totals(warehouse, "received, complete", "2025")["ALL"] == (2400, True)
    assert totals(warehouse, "received, complete", "2025-H2") == {}
    assert missing_inputs(warehouse, d.PROVINCE, window_of(Period.parse("2025"))) == ()


def test_a_unit_that_was_not_expected_in_a_month_is_summed_over_its_own(warehouse: Warehouse) -> None:
    rest = {code: PLAIN for code in WHOLE if code != "H99.101"}
    publish(warehouse, load(rest, month("2026-07")))
    publish_months(warehouse, MONTHS[1:])
    assert one(warehouse, "received, locator", "H99.101", "2026-Q3") == (200, "tổng 2026-08, 2026-09")
    assert totals(warehouse, "received, units", "2026-Q3")["commune"] == (500, 2)


def test_a_sum_follows_a_corrected_month(warehouse: Warehouse) -> None:
    publish_months(warehouse)
    publish(warehouse, load(WHOLE | {"H99.01": d.changed(received=110)}, at=later(48)))
    assert one(warehouse, "received", period="2026-Q3") == (310,)


# --- beside the portal --------------------------------------------------------------------------


def verdicts(
    warehouse: Warehouse, code: str = "H99.01", period: str = "2026-09"
) -> dict[str, tuple[Any, ...]]:
    found = rows(
        warehouse,
        "SELECT measure, provincial_value, portal_value, difference, difference_pct, verdict "
        "FROM mart.digitization_reconciliation WHERE unit_code = %s AND period_id = %s",
        code,
        period,
    )
    return {row[0]: row[1:] for row in found}


def test_each_measure_stands_beside_its_own_indicator(warehouse: Warehouse) -> None:
    publish(warehouse, load(window=month("2026-09", CALENDAR)))
    d.portal_says(warehouse, "2026-09", {"H99.01": {"2.1": 100, "4.1": 61, "4.2": 80, "4.3": 0}})
    assert verdicts(warehouse) == {
        "received": (100, 100, 0, Decimal("0.00"), "agrees"),
        "results_digitized": (60, 61, -1, Decimal("-1.64"), "disagrees"),
        "components_digitized": (80, 80, 0, Decimal("0.00"), "agrees"),
        "components_reused": (60, 0, 60, None, "disagrees"),
    }
    assert rows(
        warehouse,
        "SELECT DISTINCT indicator_code, measure FROM mart.digitization_reconciliation ORDER BY 1",
    ) == [
        ("2.1", "received"),
        ("4.1", "results_digitized"),
        ("4.2", "components_digitized"),
        ("4.3", "components_reused"),
    ]


@pytest.mark.parametrize(
    ("provincial", "portal", "verdict"),
    [
        (100, 100, "agrees"),
        # 15/08-14/09 and 1-31/08 share 17 days of 31: 14/31 of the larger side may lie outside.
        (310, 170, "explained_by_windows"),
        (310, 169, "disagrees"),
        (170, 310, "explained_by_windows"),
        (169, 310, "disagrees"),
        (0, 5, "disagrees"),
        (None, 5, "not_comparable"),
        (5, None, "not_comparable"),
        (0, 0, "agrees"),
    ],
)
def test_windows_that_differ_explain_no_more_than_their_days(
    warehouse: Warehouse, provincial: int | None, portal: int | None, verdict: str
) -> None:
    publish(warehouse, load(WHOLE | {"H99.01": d.changed(received=provincial)}))
    d.portal_says(warehouse, "2026-08", {"H99.01": {"2.1": portal}})
    assert verdicts(warehouse)["received"][-1] == verdict


def test_the_same_window_explains_nothing(warehouse: Warehouse) -> None:
    publish(warehouse, load(window=month("2026-08", CALENDAR)))
    d.portal_says(warehouse, "2026-08", {"H99.01": {"2.1": 101}})
    assert verdicts(warehouse, period="2026-08")["received"][-1] == "disagrees"


@pytest.mark.parametrize(
    ("window", "beside"),
    [
        (month("2026-09"), "2026-08"),
        (month("2026-01"), "2025-12"),
        (month("2026-09", CALENDAR), "2026-09"),
        (QUARTER, "2026-Q3"),
        (window_of(Period.parse("2026")), "2026"),
    ],
)
def test_the_portals_period_that_stands_beside(warehouse: Warehouse, window: Any, beside: str) -> None:
    publish(warehouse, load(window=window, at=later(9999)))
    snapshot = d.portal_says(warehouse, beside, {"H99.01": {"2.1": 100}})
    [found] = rows(
        warehouse,
        "SELECT portal_period_id, portal_start, portal_end, provincial_start, provincial_end, portal_snapshot_id, "
        "portal_capture_sha256, portal_locator, verdict FROM mart.digitization_reconciliation "
        "WHERE unit_code = 'H99.01' AND measure = 'received'",
    )
    period = Period.parse(beside)
    assert found == (
        beside,
        period.first_day,
        period.last_day,
        window.first,
        window.last,
        snapshot,
        "portalsha",
        "$.data",
        "agrees",
    )


def test_a_summed_quarter_is_reconciled_too(warehouse: Warehouse) -> None:
    publish_months(warehouse)
    d.portal_says(warehouse, "2026-Q3", {"H99.01": {"2.1": 300}})
    assert verdicts(warehouse, period="2026-Q3")["received"] == (300, 300, 0, Decimal("0.00"), "agrees")


def test_what_only_one_side_tells_is_not_comparable(warehouse: Warehouse) -> None:
    publish(warehouse, load({"H99.100": PLAIN}, missing={"commune": ["UBND xã Hai"]}))
    assert verdicts(warehouse, "H99.100")["received"] == (100, None, None, None, "not_comparable")
    d.portal_says(warehouse, "2026-08", {code: {"2.1": 7, "4.1": 3} for code in WHOLE})
    assert verdicts(warehouse, "H99.101") == {
        "received": (None, 7, None, None, "not_comparable"),
        "results_digitized": (None, 3, None, None, "not_comparable"),
    }
    # The departments were not told at all: no line would say anything.
    assert verdicts(warehouse, "H99.01") == {}


# --- quality ------------------------------------------------------------------------------------


def test_the_quality_view_tells_of_files(warehouse: Warehouse) -> None:
    refused = dict.fromkeys(REJECTED.names, "x") | {
        "row_data": "{}",
        "rule": "unit_unknown",
        "severity": "fail",
        "message_vi": "Không có đơn vị này.",
    }
    one_unit = {"H99.100": PLAIN}
    publish(warehouse, load(one_unit, missing={"commune": ["UBND xã Hai"]}, rejected=[refused]))
    found = {
        row[0]: row[1:]
        for row in rows(
            warehouse,
            "SELECT kind, subject, severity, state, observed, expected, detail_vi FROM mart.data_quality",
        )
    }
    assert set(found) == {"check", "quarantine", "block"}
    assert found["check"][:3] == ("components_add_up", "fail", "passed")
    assert found["quarantine"][:4] == ("unit_unknown", "fail", "failed", "1")
    assert found["block"] == (
        "commune",
        "warn",
        "warned",
        "1",
        "2",
        "Khối cấp xã chưa đủ đơn vị; còn thiếu: UBND xã Hai.",
    )
    publish(warehouse, load(at=later(1)))  # what no longer speaks is no longer told of
    assert {row[0] for row in rows(warehouse, "SELECT kind FROM mart.data_quality")} == {"check"}


def test_snapshots_tell_their_days(warehouse: Warehouse) -> None:
    publish(warehouse, load())
    publish(warehouse, load(WHOLE | {"H99.01": d.changed(received=5)}, at=later(1)))
    d.portal_says(warehouse, "2026-09", {"H99.01": {"2.1": 1}})
    assert rows(
        warehouse,
        "SELECT source, units, is_current, period_start, period_end, series FROM mart.snapshots ORDER BY captured_at",
    ) == [
        (FORM, 4, False, SEPTEMBER.first, SEPTEMBER.last, "digitization"),
        (FORM, 4, True, SEPTEMBER.first, SEPTEMBER.last, "digitization"),
        ("national_portal", 1, True, None, None, "dvcqg-2026"),
    ]
