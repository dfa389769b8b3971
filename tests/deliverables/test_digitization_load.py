"""Reading the digitization workbook from the views of ``mart``, on a real PostgreSQL, as the analyst role."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import psycopg
import pytest
from digitization_cases import NAMES, by_name, layout, texts
from psycopg import sql

from etl.deliver.digitization import FORM_SHEET, render_digitization
from etl.deliver.digitization_data import DigitizationData, load_digitization
from etl.deliver.digitization_file import write_digitization
from etl.errors import ReportNotReady
from etl.periods import CALENDAR, Period, Window, window_of
from etl.reference.provinces import Province, find_province
from etl.settings import Settings
from etl.sources.digitization import MEASURES
from etl.warehouse.embedded import stop_running
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.migrate import migrate

RECEIVED = datetime(2026, 9, 16, 2, 0, tzinfo=UTC)
UNITS = {
    "H99": ("province", "UBND tỉnh Thử"),
    "H99.01": ("department", "Sở Y tế"),
    "H99.02": ("department", "Sở Nội vụ"),
    "H99.03": ("commune", "UBND xã Đủ"),
}
SEPTEMBER, QUARTER = window_of(Period.parse("2026-09")), window_of(Period.parse("2026-Q3"))
OWN = (100, 20, 80, 60, 40, 90, 30, 60)


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


def snapshot(
    connection: psycopg.Connection[Any], name: str, source: str, period: str, at: datetime, **more: Any
) -> tuple[uuid.UUID, uuid.UUID]:
    """A snapshot of one file, with its manifest; returns the snapshot's and the file's ids."""
    address = more.pop("address", None)
    scope = {"source": source, "province_code": "H99", "period_id": period}
    counts = {"rows_read": 9, "rows_published": 6, "rows_quarantined": 1, "rows_ignored": 2, "facts": 3}
    insert(
        connection, "core.snapshot", snapshot_id=key(name), series="digitization", captured_at=at, complete=True,
        reader="test", missing_groups=[], **scope, **({"provisional": False} | counts | more),
    )  # fmt: skip
    insert(
        connection, "ops.capture", capture_id=key(f"{name} file"), group_code="FILE", endpoint="inbox", page=1,
        request="{}", captured_at=at, sha256=key(name).hex * 2, size_bytes=4321, address=address, **scope,
    )  # fmt: skip
    # The list of captures that publishing adds: no file anyone handed in.
    insert(
        connection, "ops.capture", capture_id=key(f"{name} manifest"), group_code="MANIFEST", endpoint="snapshot",
        page=1, request="{}", captured_at=at, sha256=key(f"{name} manifest").hex * 2, size_bytes=321, **scope,
    )  # fmt: skip
    for group, capture in (("FILE", "file"), ("MANIFEST", "manifest")):
        insert(
            connection, "core.snapshot_capture", snapshot_id=key(name), capture_id=key(f"{name} {capture}"),
            group_code=group, page=1,
        )  # fmt: skip
    return key(name), key(f"{name} file")


def hand_in(
    connection: psycopg.Connection[Any],
    window: Window,
    figures: dict[str, tuple[int | None, ...]],
    *,
    missing: tuple[str, ...] = (),
    at: datetime = RECEIVED,
    **more: Any,
) -> None:
    source = more.pop("source", "digitization_form")
    days = {"period_start": window.first, "period_end": window.last}
    snapshot_id, capture_id = snapshot(
        connection, f"{source} {window}", source, window.period.id, at, **days, **more
    )
    for block in sorted({UNITS[code][0] for code in figures}):
        inside = [code for code in figures if UNITS[code][0] == block]
        lacking = [name for name in missing if UNITS[name][0] == block]
        insert(
            connection, "core.digitization_block", snapshot_id=snapshot_id, block=block, units=len(inside),
            expected_units=len(inside) + len(lacking), complete=True,
            missing_units=[UNITS[code][1] for code in lacking],
        )  # fmt: skip
    for number, (code, values) in enumerate(figures.items(), start=9):
        insert(
            connection, "core.digitization", snapshot_id=snapshot_id, unit_id=key(code), block=UNITS[code][0],
            layout="so_hoa_10_cot@1", capture_id=capture_id, locator=f"'Biểu 1'!A{number}", **days,
            **dict(zip(MEASURES, values, strict=True)),
        )  # fmt: skip


def fill(connection: psycopg.Connection[Any]) -> None:
    for code, (block, name) in UNITS.items():
        insert(
            connection, "core.unit", unit_id=key(code), valid_from=datetime(2020, 1, 1, tzinfo=UTC), block=block,
            province_code="H99", unit_code=code, name=name, name_key=name.casefold(), source="test",
        )  # fmt: skip
    everyone = {
        "H99.01": OWN,
        "H99.02": (50, 0, 50, 50, 0, 0, 0, 0),
        "H99.03": (10, 5, 5, None, None, 8, 6, 2),
    }
    hand_in(connection, SEPTEMBER, everyone)
    for month in ("2026-07", "2026-08"):
        hand_in(connection, window_of(Period.parse(month)), everyone, at=RECEIVED - timedelta(days=30))
    # A half year: six months (one department lacks in November), a list that does not speak, a quarter's own form.
    for month in range(7, 13):
        window = window_of(Period.parse(f"2025-{month:02d}"))
        lacks = ("H99.02",) if month == 11 else ()
        hand_in(
            connection,
            window,
            {code: everyone[code] for code in everyone if code not in lacks},
            missing=lacks,
        )
    hand_in(connection, window_of(Period.parse("2025-08")), everyone, source="dossier_list")
    hand_in(connection, window_of(Period.parse("2025-Q3")), everyone)
    hand_in(
        connection, window_of(Period.parse("2026-10")), {"H99.01": OWN}, missing=("H99.02",), provisional=True,
        address="http://127.0.0.1/so-lieu-mau", at=RECEIVED + timedelta(days=28),
    )  # fmt: skip
    portal, capture = snapshot(connection, "portal", "national_portal", "2026-08", RECEIVED)
    for code, indicator, values in (
        ("H99.01", "2.1", {"numerator": 1, "denominator": 100}),
        ("H99.01", "4.1", {"numerator": 61, "denominator": 90}),
        ("H99.02", "2.1", {"numerator": 1, "denominator": 500}),
    ):
        insert(
            connection, "core.indicator_score", snapshot_id=portal, unit_id=key(code), locator="$",
            indicator_code=indicator, capture_id=capture, **values,
        )  # fmt: skip
    insert(
        connection, "ops.validation_result", snapshot_id=key(f"digitization_form {SEPTEMBER}"), suite="s",
        rule="results_near_resolved", severity="warn", state="warned", observed="1", expected="0",
        detail_vi="Cột 9 + 10 khác cột 8 ở 1 đơn vị.",
    )  # fmt: skip


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


@pytest.fixture
def analyst(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    with warehouse.connect("analyst") as connection:
        yield connection


@pytest.fixture
def september(analyst: psycopg.Connection[Any]) -> DigitizationData:
    return load_digitization(analyst, "H99", SEPTEMBER)


def test_units_come_with_their_figures_rates_and_verdicts(september: DigitizationData) -> None:
    rows = {unit.unit_name: unit for unit in september.units}
    assert set(rows) == {"Sở Y tế", "Sở Nội vụ", "UBND xã Đủ"}
    health = rows["Sở Y tế"]
    assert tuple(health.measures[measure] for measure in MEASURES) == OWN
    assert health.rates == {
        "components_rate_pct": Decimal("80.00"), "reuse_rate_pct": Decimal("60.00"),
        "results_rate_pct": Decimal("66.67"),
    }  # fmt: skip
    assert (health.block, health.basis, health.met_target) == ("department", "form", False)
    assert rows["Sở Nội vụ"].met_target is None, "no results, no rate"
    assert rows["UBND xã Đủ"].measures["components_reused"] is None
    assert september.target_pct == 80


def test_totals_are_the_views_and_null_where_a_unit_has_none(september: DigitizationData) -> None:
    whole = september.total("ALL")
    assert whole is not None
    assert (whole.units, whole.measures["received"], whole.measures["components_reused"]) == (3, 160, None)
    department = september.total("department")
    assert department is not None
    assert (department.measures["received"], department.expected_units, department.complete) == (150, 2, True)


def test_the_portal_stands_beside(september: DigitizationData) -> None:
    found = {(row.unit_name, row.measure): row for row in september.compared}
    same = found["Sở Y tế", "received"]
    assert (same.provincial, same.portal, same.verdict) == (100, 100, "agrees")
    assert same.portal_days == (date(2026, 8, 1), date(2026, 8, 31))
    assert found["Sở Y tế", "results_digitized"].verdict == "explained_by_windows"
    assert found["Sở Nội vụ", "received"].verdict == "disagrees"
    assert found["UBND xã Đủ", "received"].verdict == "not_comparable"


def test_checks_and_files_come_along(september: DigitizationData) -> None:
    assert [(row.subject, row.state) for row in september.quality if row.kind == "check"] == [
        ("results_near_resolved", "warned")
    ]
    (file,) = september.files
    assert (file.source, file.received_at, file.rows_published, file.rows_quarantined) == (
        "digitization_form", RECEIVED, 6, 1,
    )  # fmt: skip
    assert file.sha256 == key(f"digitization_form {SEPTEMBER}").hex * 2
    assert not september.is_sample
    assert not september.provisional


def test_a_quarter_is_summed_from_its_months_and_names_their_files(analyst: psycopg.Connection[Any]) -> None:
    data = load_digitization(analyst, "H99", QUARTER)
    rows = {unit.unit_name: unit for unit in data.units}
    assert rows["Sở Y tế"].measures["received"] == 300
    assert {unit.basis for unit in data.units} == {"sum"}
    assert [file.period_id for file in data.files] == ["2026-07", "2026-08", "2026-09"]
    sheet = openpyxl.load_workbook(io.BytesIO(render_digitization(data, NAMES, layout("so_hoa_10_cot@1"))))[
        FORM_SHEET
    ]
    assert by_name(sheet)["Sở Y tế"][2:] == tuple(3 * value for value in OWN)
    assert "Số liệu cộng từ các tháng: tháng 7/2026, tháng 8/2026, tháng 9/2026." in texts(sheet)


def test_a_sum_names_only_the_files_that_it_adds_and_the_month_in_which_a_unit_lacks(
    analyst: psycopg.Connection[Any],
) -> None:
    data = load_digitization(analyst, "H99", window_of(Period.parse("2025-H2")))
    months = tuple(f"2025-{month:02d}" for month in range(7, 13))
    assert [(file.source, file.period_id) for file in data.files] == [
        ("digitization_form", month) for month in months
    ]
    rows = {unit.unit_name: unit.measures["received"] for unit in data.units}
    assert rows == {"Sở Y tế": 600, "Sở Nội vụ": None, "UBND xã Đủ": 60}
    totals = {total.block: total for total in data.totals}
    assert {block: total.measures["received"] for block, total in totals.items()} == {
        "department": 850, "commune": 60, "ALL": 910,
    }  # fmt: skip
    assert {block: total.missing_in for block, total in totals.items()} == {
        "department": (("2025-11", "Sở Nội vụ"),), "commune": (), "ALL": (),
    }  # fmt: skip
    assert {block: total.months for block, total in totals.items()} == {
        "department": months, "commune": months, "ALL": (),
    }  # fmt: skip


def test_the_comparison_carries_the_unit(september: DigitizationData) -> None:
    assert {row.unit_id for row in september.compared if row.unit_name == "Sở Y tế"} == {str(key("H99.01"))}


def test_what_is_missing_provisional_or_a_sample_is_known(analyst: psycopg.Connection[Any]) -> None:
    data = load_digitization(analyst, "H99", window_of(Period.parse("2026-10")))
    assert data.provisional
    assert data.is_sample
    department, whole = data.total("department"), data.total("ALL")
    assert department is not None
    assert department.missing_units == ("Sở Nội vụ",)
    assert whole is not None
    assert whole.missing_blocks == ("commune",)


def test_days_without_figures_are_refused(analyst: psycopg.Connection[Any]) -> None:
    for window in (window_of(Period.parse("2026-09"), CALENDAR), window_of(Period.parse("2024-09"))):
        with pytest.raises(ReportNotReady, match="no digitization figures"):
            load_digitization(analyst, "H99", window)
    with pytest.raises(ReportNotReady):
        load_digitization(analyst, "H98", SEPTEMBER)


def test_the_file_stands_where_it_is_looked_for(warehouse: Warehouse, tmp_path: Path) -> None:
    province: Province = find_province("phu_tho").model_copy(update={"code": "H99", "slug": "thu"})
    path = write_digitization(warehouse, province, SEPTEMBER, tmp_path)
    assert path == tmp_path / "thu" / "2026-09" / "bieu-so-hoa-2026-09.xlsx"
    first = path.read_bytes()
    assert write_digitization(warehouse, province, SEPTEMBER, tmp_path).read_bytes() == first
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert by_name(openpyxl.load_workbook(path)[FORM_SHEET])["Sở Y tế"][2:] == OWN
