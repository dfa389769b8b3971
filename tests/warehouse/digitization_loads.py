"""Forms and dossier lists of an invented province, judged by hand and ready to publish; portal figures beside them."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from etl.archive import Capture
from etl.periods import ADMINISTRATIVE, Period, Window, window_of
from etl.reference.units import name_key, portal_unit_id
from etl.sources.bundle import Bundle
from etl.sources.digitization import FORM_SOURCE, LIST_SOURCE, MEASURES
from etl.sources.tidy import REJECTED, table_of
from etl.validate.digitization import DigitizationVerdict
from etl.validate.results import RESULTS
from etl.warehouse.engine import Warehouse
from etl.warehouse.publish import Load
from etl.warehouse.staging import build_digitization_load

PROVINCE = "H99"
FORM, LIST = FORM_SOURCE, LIST_SOURCE
# The portal first told of the units after the windows of most tests: first seen is not born.
FIRST_SEEN = datetime(2026, 9, 26, tzinfo=UTC)
RECEIVED = datetime(2026, 9, 16, 2, tzinfo=UTC)
UNITS = {
    "H99.01": ("department", "Sở Y tế"),
    "H99.02": ("department", "Sở Nội vụ"),
    "H99.100": ("commune", "UBND xã Một"),
    "H99.101": ("commune", "UBND xã Hai"),
}
NAMES = {code: name for code, (_, name) in UNITS.items()}
# received, components not / digitized, reused, from the portal, resolved, results not / digitized
PLAIN = (100, 20, 80, 60, 40, 90, 30, 60)
WHOLE = dict.fromkeys(UNITS, PLAIN)

Row = Sequence[int | None]


def unit_id(code: str) -> uuid.UUID:
    return portal_unit_id(code)


def month(name: str, kind: str = ADMINISTRATIVE) -> Window:
    return window_of(Period.parse(name), kind)


SEPTEMBER = month("2026-09")


def rows(warehouse: Warehouse, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with warehouse.connect("etl") as connection:
        return connection.execute(query, values or None).fetchall()


def later(hours: float) -> datetime:
    return RECEIVED + timedelta(hours=hours)


def add_province(warehouse: Warehouse, units: Mapping[str, tuple[str, str]] = UNITS) -> None:
    """The province from 2025-07-01, its units as the portal announced them on FIRST_SEEN."""
    with warehouse.connect("owner") as connection:
        connection.execute(
            "INSERT INTO core.unit (unit_id, valid_from, province_code, block, unit_code, name, name_key, source) "
            "VALUES (%s, '2025-07-01 00:00+07', 'H99', 'province', 'H99', 'UBND tỉnh Thử', 'ubnd tỉnh thử', 'test')",
            (portal_unit_id("province"),),
        )
        for code, (block, name) in units.items():
            add_unit(warehouse, code, block, name, connection=connection)


def add_unit(
    warehouse: Warehouse,
    code: str,
    block: str,
    name: str,
    *,
    since: datetime = FIRST_SEEN,
    connection: Any = None,
) -> None:
    if connection is None:
        with warehouse.connect("owner") as own:
            return add_unit(warehouse, code, block, name, since=since, connection=own)
    connection.execute(
        "INSERT INTO core.unit (unit_id, valid_from, province_code, block, unit_code, name, name_key, source) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, 'national_portal')",
        (unit_id(code), since, PROVINCE, block, code, name, name_key(name)),
    )
    connection.execute(
        "INSERT INTO core.unit_key VALUES ('h_code', %s, %s, %s)", (code, unit_id(code), since)
    )
    return None


def bundle(figures: Any, window: Window, source: str, at: datetime, *, sample: bool = False) -> Bundle:
    """What a file with these figures, received then, is to the warehouse; the same figures are the same bytes."""
    content = json.dumps([str(figures), source])
    common = {
        "source": source,
        "scope": PROVINCE,
        "period_id": window.period.id,
        "page": 1,
        "http_status": None,
        "captured_at": at,
        "size_bytes": len(content),
    }
    capture = Capture(
        group_code="FILE",
        endpoint="inbox",
        request={"window": f"{window.first}/{window.last}"},
        sha256=hashlib.sha256(content.encode()).hexdigest(),
        address="http://127.0.0.1/so-lieu-mau" if sample else None,
        **common,
    )
    manifest = Capture(
        group_code="MANIFEST",
        endpoint="snapshot",
        request={"of": str(capture.capture_id)},
        sha256=hashlib.sha256(b"manifest").hexdigest(),
        **common,
    )
    return Bundle(
        source=source,
        scope=PROVINCE,
        period_id=window.period.id,
        series="digitization",
        reader="test@1",
        complete=True,
        provisional=not window.has_ended(at),
        captured_at=at,
        captures=(capture,),
        manifest=manifest,
    )


def verdict(
    figures: Mapping[str, Row],
    window: Window,
    capture_id: str,
    *,
    missing: Mapping[str, Sequence[str]] | None = None,
    blocks: Mapping[str, str] | None = None,
    tolerated: bool = False,
    dossiers: int | None = None,
    rejected: Sequence[Mapping[str, Any]] = (),
    ignored: int = 0,
) -> DigitizationVerdict:
    """A verdict on figures by unit code. ``missing`` names what a block lacks; it is whole only if ``tolerated``."""
    named = {code: UNITS.get(code, ("commune", code))[0] for code in figures} | dict(blocks or {})
    good = [
        {
            "unit_id": str(unit_id(code)),
            "unit_code": code,
            "block": named[code],
            "capture_id": capture_id,
            "locator": f"'Biểu'!A{place}",
            "attributes": '{"stt": "1"}',
            **dict(zip(MEASURES, row, strict=True)),
        }
        for place, (code, row) in enumerate(figures.items(), start=9)
    ]
    lacking = {block: list(names) for block, names in (missing or {}).items()}
    told = []
    for block in sorted({row["block"] for row in good} | set(lacking)):
        units = sum(row["block"] == block for row in good)
        names = lacking.get(block, [])
        told.append((block, units, units + len(names), tolerated or not names, names))
    schema = pa.schema(
        [
            (name, pa.string())
            for name in ("unit_id", "unit_code", "block", "capture_id", "locator", "attributes")
        ]
        + [(name, pa.int64()) for name in MEASURES]
    )
    columns = ("block", "units", "expected_units", "complete", "missing_units")
    result = {
        "suite": "digitization_units",
        "rule": "components_add_up",
        "severity": "fail",
        "state": "passed",
        "element_count": len(good),
        "unexpected_count": 0,
        "observed": "0",
        "detail_vi": "Cột 4 cộng cột 5 bằng cột 3.",
    }
    published = len(good) if dossiers is None else dossiers
    return DigitizationVerdict(
        state="passed",
        good=pa.Table.from_pylist(good, schema=schema),
        rejected=table_of(rejected, REJECTED),
        results=table_of([result], RESULTS),
        rows_read=published + len(rejected) + ignored,
        rows_quarantined=len(rejected),
        window=window,
        layout="so_hoa_10_cot@1" if dossiers is None else "dossier_list@1",
        blocks=pa.Table.from_pylist(
            [dict(zip(columns, row, strict=True)) for row in told],
            schema=pa.schema(
                [("block", pa.string()), ("units", pa.int64()), ("expected_units", pa.int64())]
                + [("complete", pa.bool_()), ("missing_units", pa.list_(pa.string()))]
            ),
        ),
        rows_good=published,
        rows_ignored=ignored,
    )


def load(
    figures: Mapping[str, Row] = WHOLE,
    window: Window = SEPTEMBER,
    *,
    source: str = FORM,
    at: datetime = RECEIVED,
    sample: bool = False,
    **told: Any,
) -> Load:
    """What publishing a file with these figures brings in."""
    filed = bundle((figures, told), window, source, at, sample=sample)
    if source == LIST:
        told = {"dossiers": 1000} | told
    return build_digitization_load(filed, verdict(figures, window, str(filed.captures[0].capture_id), **told))


def snapshot_of(one: Load) -> uuid.UUID:
    return uuid.UUID(one.snapshot["snapshot_id"][0].as_py())


def changed(**measures: int | None) -> tuple[int | None, ...]:
    """PLAIN with some measures otherwise."""
    return tuple(measures.get(name, value) for name, value in zip(MEASURES, PLAIN, strict=True))


def portal_says(
    warehouse: Warehouse,
    period: str,
    figures: Mapping[str, Mapping[str, int | None]],
    *,
    at: datetime = FIRST_SEEN,
    complete: bool = True,
) -> uuid.UUID:
    """A reading of the portal: per unit code the values of 2.1 (denominator), 4.1, 4.2 and 4.3 (numerators)."""
    identity = uuid.uuid5(uuid.NAMESPACE_OID, f"{period} {figures} {at}")
    capture = uuid.uuid5(identity, "capture")
    with warehouse.connect("owner") as connection:
        connection.execute(
            "INSERT INTO core.snapshot VALUES (%s, 'national_portal', %s, %s, 'dvcqg-2026', %s, %s, false, 'test', "
            "'{}', 1, 1, 0, 0, NULL, NULL, 1)",
            (identity, PROVINCE, period, at, complete),
        )
        connection.execute(
            "INSERT INTO ops.capture VALUES (%s, 'national_portal', %s, %s, 'MDSH', 'x', 1, '{}', 201, %s, 'portalsha', 1, true)",
            (capture, PROVINCE, period, at),
        )
        for code, values in figures.items():
            for indicator, value in values.items():
                column = "denominator" if indicator == "2.1" else "numerator"
                connection.execute(
                    f"INSERT INTO core.indicator_score (snapshot_id, unit_id, indicator_code, {column}, capture_id, "
                    "locator) VALUES (%s, %s, %s, %s, %s, '$.data')",
                    (identity, unit_id(code), indicator, value, capture),
                )
    return identity
