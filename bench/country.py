"""What the benchmarks work on: every province's month from the sample portal, already in the archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from etl.archive import Archive, Capture
from etl.periods import Period
from etl.reference.provinces import Province, load_provinces
from etl.sandbox import SamplePortal
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import Reply, parse_json
from etl.sources.national_portal.fetch import fetch_province
from etl.sources.national_portal.read import read_bundle
from etl.sources.tidy import REJECTED, table_of
from etl.validate.judge import RESULTS, Verdict
from etl.warehouse.publish import Load
from etl.warehouse.staging import build_load

PERIOD = Period.parse("2026-08")
# Long after the month's end: closed, final figures.
NOW = datetime(2026, 10, 15, 2, 0, tzinfo=UTC)
# 34 provinces have 125,571 facts a month: eight months are the first to make a million.
MONTHS = 8

LOAD_TABLES = ("snapshot", "capture", "unit", "indicator_score")


class InProcessPortal:
    """Stands where ``PortalClient`` stands, and asks the sample portal without HTTP."""

    def __init__(self) -> None:
        self._portal = SamplePortal()

    def ask(self, endpoint: str, request: Mapping[str, Any]) -> Reply:
        body = self._portal.answer(endpoint, dict(request))
        if body is None:
            raise LookupError(f"the sample portal has no {endpoint} for {dict(request)}")
        address = "http://127.0.0.1/api/v1/reporting"
        return Reply(endpoint, address, dict(request), 201, body, parse_json(body)["data"], NOW)


def provinces(share: float = 1.0) -> list[Province]:
    """The provinces on the portal, or the first of them by code."""
    found = sorted((item for item in load_provinces().values() if item.portal_id), key=lambda item: item.code)
    return found[: max(1, round(share * len(found)))]


def fill_archive(settings: Settings, chosen: list[Province]) -> list[str]:
    """Fetch the month of each province into the archive; the work folders, as ``stages.fetch`` names them."""
    portal, archive = InProcessPortal(), Archive(settings.archive_dir)
    folders: list[str] = []
    for province in chosen:
        bundle = fetch_province(
            portal,  # type: ignore[arg-type]
            archive,
            province,
            PERIOD,
            known_units=frozenset(),
            max_missing_share=settings.max_missing_unit_share,
            now=NOW,
        )
        folders.append(str(bundle.save(settings.work_dir).relative_to(settings.work_dir)))
    return folders


def million_load(settings: Settings, chosen: list[Province], months: int) -> Load:
    """One load of provinces × months, in the exact shapes ``build_load`` makes.

    The bytes of one month serve for all: each further month has its own period, captures
    and snapshots, and counts that differ from the month before.
    """
    archive = Archive(settings.archive_dir)
    parts: list[Load] = []
    for folder in fill_archive(settings, chosen):
        bundle = Bundle.load(settings.work_dir / folder)
        tidy = read_bundle(archive, bundle).tidy
        for month in range(1, months + 1):
            moved, names = _in_month(bundle, month)
            good = tidy.set_column(
                tidy.column_names.index("capture_id"), "capture_id", _renamed(tidy["capture_id"], names)
            )
            for column in ("numerator", "denominator"):
                good = good.set_column(good.column_names.index(column), column, pc.add(good[column], month))
            verdict = Verdict("passed", good, table_of([], REJECTED), table_of([], RESULTS), len(good), 0)
            parts.append(build_load(moved, verdict))
    return Load(**{name: pa.concat_tables([getattr(part, name) for part in parts]) for name in LOAD_TABLES})


def save_load(load: Load, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in LOAD_TABLES:
        pq.write_table(getattr(load, name), folder / f"{name}.parquet")


def open_load(folder: Path) -> Load:
    return Load(**{name: pq.read_table(folder / f"{name}.parquet") for name in LOAD_TABLES})


def _in_month(bundle: Bundle, month: int) -> tuple[Bundle, dict[str, str]]:
    """The bundle as another month's, and the new names of its captures by the old ones."""
    period = Period("month", 2026, month).id
    later = timedelta(minutes=month)

    def moved(capture: Capture) -> Capture:
        return replace(capture, period_id=period, captured_at=capture.captured_at + later)

    captures = tuple(moved(item) for item in bundle.captures)
    names = {
        str(old.capture_id): str(new.capture_id) for old, new in zip(bundle.captures, captures, strict=True)
    }
    other = replace(
        bundle,
        period_id=period,
        captured_at=bundle.captured_at + later,
        captures=captures,
        manifest=moved(bundle.manifest),
    )
    return other, names


def _renamed(column: pa.ChunkedArray, names: Mapping[str, str]) -> pa.Array:
    old = pa.array(names.keys(), pa.string())
    new = pa.array(names.values(), pa.string())
    return new.take(pc.index_in(column.combine_chunks(), old))
