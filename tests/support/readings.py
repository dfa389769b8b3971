"""Readings without a portal: bodies put straight into an archive, judged and ready to publish."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from etl.archive import Archive
from etl.periods import Period
from etl.reference.provinces import find_province
from etl.sandbox import SamplePortal
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import Reply
from etl.sources.national_portal.fetch import fetch_national, fetch_province
from etl.sources.national_portal.read import read_bundle
from etl.sources.tidy import REJECTED, table_of
from etl.validate.judge import RESULTS, Verdict
from etl.warehouse.publish import Load
from etl.warehouse.staging import build_load

PORTAL = "http://127.0.0.1:1/api/v1/reporting"
FIRST = datetime(2026, 9, 26, 18, 14, 41, tzinfo=UTC)

Edit = Callable[[str, dict[str, Any]], None]


@cache
def _answer(endpoint: str, request: str) -> bytes:
    body = SamplePortal().answer(endpoint, json.loads(request))
    assert body is not None, (endpoint, request)
    return body


class Replay:
    """Stands where the client stands: answers from the sample, or from given bodies, at a given time.

    ``edit(endpoint, data)`` may change the parsed data of any answer before it is "received".
    """

    def __init__(self, at: datetime, edit: Edit | None = None, source: Any = None) -> None:
        self.at = at
        self.edit = edit
        self.source = source

    def ask(self, endpoint: str, request: Mapping[str, Any]) -> Reply:
        asked = json.dumps(dict(request), sort_keys=True)
        body = self.source.answer(endpoint, dict(request)) if self.source else _answer(endpoint, asked)
        if self.edit is not None:
            envelope = json.loads(body)
            self.edit(endpoint, envelope["data"])
            body = json.dumps(envelope, ensure_ascii=False).encode()
        data = json.loads(body, parse_float=Decimal)["data"]
        return Reply(endpoint, PORTAL, dict(request), 201, body, data, self.at)


def province_bundle(
    archive: Archive,
    *,
    at: datetime = FIRST,
    period: str = "2026-08",
    province: str = "gia_lai",
    edit: Edit | None = None,
    source: Any = None,
    known: frozenset[str] = frozenset(),
) -> Bundle:
    """A bundle of a province's six groups as received at ``at``."""
    return fetch_province(
        Replay(at, edit, source),  # type: ignore[arg-type]
        archive,
        find_province(province),
        Period.parse(period),
        known_units=known,
        max_missing_share=0.05,
        now=at,
    )


def national_bundle(
    archive: Archive, *, at: datetime = FIRST, period: str = "2026-08", edit: Edit | None = None
) -> Bundle:
    """A bundle of the national page as received at ``at``."""
    return fetch_national(
        Replay(at, edit),  # type: ignore[arg-type]
        archive,
        Period.parse(period),
        known_provinces=frozenset(),
        max_missing_share=0.05,
        now=at,
    )


def passed(archive: Archive, bundle: Bundle) -> Verdict:
    """The reading of a bundle with every row taken as good (no Great Expectations: 5 s of import)."""
    read = read_bundle(archive, bundle)
    assert read.rejected.num_rows == 0
    return Verdict("passed", read.tidy, table_of([], REJECTED), table_of([], RESULTS), read.rows_read, 0)


def load_of(archive: Archive, bundle: Bundle) -> Load:
    """What publishing the bundle brings in."""
    return build_load(bundle, passed(archive, bundle))


def later(hours: float) -> datetime:
    """So many hours after the first reading."""
    return FIRST + timedelta(hours=hours)


def edit_unit(code: str, change: Callable[[dict[str, Any]], None]) -> Edit:
    """An edit of one unit (by H-code, or portal id) in every group that names it so."""

    def edit(endpoint: str, data: dict[str, Any]) -> None:
        for place in ("evaluation", "children"):
            for unit in data.get(place) or []:
                if code in (unit.get("departmentCode"), unit.get("departmentId")):
                    change(unit)

    return edit
