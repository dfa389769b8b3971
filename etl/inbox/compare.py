"""Comparing a province's dossier list with the portal's, handed in with it: what either side lacks or says otherwise."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from etl.archive import Archive, Capture
from etl.deliver.sheet_text import number_vi
from etl.errors import FileRefused
from etl.inbox.apart import run_apart
from etl.inbox.claim import Claim, load_claim, take
from etl.inbox.examine import SAMPLE_ADDRESS, examine, file_limits
from etl.periods import Window
from etl.reference.provinces import Province
from etl.settings import Settings
from etl.sources.digitization import LIST_SOURCE
from etl.sources.dossier_list.read import COPY
from etl.warehouse.comparisons import publish_comparison
from etl.warehouse.engine import Warehouse

# The portal's list is a source of its own: it never becomes the province's figures.
PORTAL_LIST_SOURCE = "portal_dossier_list"


def read_portal_list(
    settings: Settings,
    warehouse: Warehouse,
    claim: Claim,
    portal_list: Path,
    province: Province,
    window: Window,
) -> tuple[Capture, Path]:
    """Guard, read and archive the portal's list. Returns its capture and its columnar copy.

    Raises FileRefused where the file is no dossier list.
    """
    folder = take(
        settings.work_dir,
        portal_list,
        province=claim.province,
        received_at=claim.received_at,
        from_inbox=False,
        period=window.period.id,
        calendar=window.kind,
    )
    theirs = load_claim(folder)
    reading = examine(settings, warehouse, theirs, province, folder)
    if reading.source != LIST_SOURCE:
        raise FileRefused(
            f"{portal_list.name} is no dossier list",
            "name the list of dossiers that the portal gives out",
            rule="compare.not_a_list",
            message_vi="Tệp của Cổng để đối chiếu không phải là danh sách hồ sơ.",
            remedy_vi="Kết xuất danh sách hồ sơ từ Cổng rồi đối chiếu lại.",
        )
    archive = Archive(settings.archive_dir)
    capture = archive.record(
        Capture(
            source=PORTAL_LIST_SOURCE,
            scope=province.code,
            period_id=window.period.id,
            group_code="FILE",
            endpoint="inbox",
            page=1,
            request={"first": window.first.isoformat(), "last": window.last.isoformat()},
            http_status=None,
            captured_at=theirs.received_at,
            sha256=archive.put_file(theirs.path),
            size_bytes=theirs.size_bytes,
            note=theirs.file_name,
            address=SAMPLE_ADDRESS if reading.is_sample else None,
        )
    )
    keep_columns(archive, folder / COPY, theirs.sha256)
    return capture, folder / COPY


@dataclass(frozen=True)
class Compared:
    """Two lists, compared but not yet told: their captures, counts and findings."""

    provincial: Capture
    portal: Capture
    counts: Mapping[str, Any]
    findings: pa.Table


def compare_with_portal(
    settings: Settings, window: Window, provincial: tuple[Capture, Path], portal: tuple[Capture, Path]
) -> Compared:
    """Compare two lists by their columnar copies. Raises FileRefused (too much memory or time)."""
    argument = {
        "provincial": str(provincial[1]),
        "portal": str(portal[1]),
        "window": [window.first.isoformat(), window.last.isoformat(), window.kind, window.period.id],
        "out": str(portal[1].parent),
    }
    counts = run_apart("etl.sources.dossier_list.reconcile:compare_apart", argument, file_limits(settings))
    return Compared(provincial[0], portal[0], counts, pq.read_table(counts["findings_file"]))


def publish_with_portal(
    warehouse: Warehouse, province: Province, window: Window, compared: Compared
) -> list[str]:
    """Record what a comparison found. Returns sentences for the receipt.

    Every finding is in ``mart.dossier_findings``, by code.
    """
    counts = compared.counts
    publish_comparison(
        warehouse,
        province.code,
        window,
        provincial=compared.provincial,
        portal=compared.portal,
        counts=counts,
        findings=compared.findings,
    )
    differing = counts["in_both"] - counts["agreeing"]
    return [
        f"Đối chiếu với danh sách của Cổng: {number_vi(counts['in_both'])} hồ sơ có ở cả hai bên, trong đó "
        f"{number_vi(counts['agreeing'])} khớp hoàn toàn và {number_vi(differing)} lệch ít nhất một trường; "
        f"{number_vi(counts['only_provincial'])} hồ sơ không có trên Cổng; {number_vi(counts['only_portal'])} "
        "hồ sơ không có ở tỉnh. Mã từng hồ sơ có trong kho số liệu (mart.dossier_findings)."
    ]


def keep_columns(archive: Archive, made: Path, digest: str) -> None:
    """Lay a list's columnar copy, which has no personal column, beside its bytes in the archive."""
    kept = archive.columnar_path(digest)
    if kept.exists():
        return
    kept.parent.mkdir(parents=True, exist_ok=True)
    temporary = kept.with_name(f".{kept.name}")
    shutil.copyfile(made, temporary)
    temporary.replace(kept)
