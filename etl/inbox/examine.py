"""Looking at one handed-in file: guard, read, judge, and the capture it becomes.

Guard and readers run in limited processes; here are only their answers.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

from etl.archive import Archive, Capture
from etl.errors import FileRefused, Terminal
from etl.inbox.apart import run_apart
from etl.inbox.claim import Claim
from etl.inbox.inspected import Inspected
from etl.inbox.limits import Limits
from etl.inbox.reading import read_handed_in
from etl.inbox.refusals import refusal
from etl.periods import VIETNAM, Period, Window, named_window, window_of
from etl.reference.provinces import Province
from etl.settings import Settings
from etl.sources.bundle import Bundle, manifest_bytes, snapshot_id
from etl.sources.digitization import DigitizationReading
from etl.validate.digitization import DigitizationVerdict, judge_digitization
from etl.warehouse.engine import Warehouse
from etl.warehouse.known import idle_units, previous_digitization, unit_directory

SERIES = "digitization"
# Stands as the address of sample files' captures: invented figures never pass for an office's.
SAMPLE_ADDRESS = "http://127.0.0.1/so-lieu-mau"
_MIB = 1024 * 1024


def file_limits(settings: Settings) -> Limits:
    """What a file and the process that reads it may use, as the settings say."""
    return Limits(
        max_file_bytes=settings.file_max_mib * _MIB,
        memory_bytes=settings.file_memory_mib * _MIB,
        seconds=settings.file_seconds,
    )


def examine(
    settings: Settings, warehouse: Warehouse, claim: Claim, province: Province, out: Path
) -> DigitizationReading:
    """Guard and read a file in hand; the reading is also saved in ``out``.

    Raises FileRefused, also where the file changed after it was taken.
    """
    limits = file_limits(settings)
    argument = {"path": str(claim.path), "name": claim.file_name, "limits": asdict(limits)}
    inspected = Inspected.from_plain(run_apart("etl.inbox.guard:inspect_apart", argument, limits))
    if inspected.sha256 != claim.sha256:
        raise refusal("guard.changing")
    return read_handed_in(
        claim.path,
        inspected,
        limits,
        province=province,
        provinces_dir=settings.provinces_dir,
        forms_dir=settings.forms_dir,
        known_units=known_codes(warehouse, province, claim.received_at),
        received_at=claim.received_at,
        calendar=claim.calendar or settings.digitization_calendar,
        window=_stated_window(settings, claim),
        out=out,
    )


def judge_reading(
    settings: Settings,
    warehouse: Warehouse,
    reading: DigitizationReading,
    province: Province,
    received_at: datetime,
    data_docs_dir: Path | None = None,
) -> DigitizationVerdict:
    """Match the units of a reading and judge it against what the warehouse knows.

    Raises FileRefused where its days are in the future or no unit of the province is known.
    """
    window = window_read(reading)
    if received_at.astimezone(VIETNAM).date() < window.first:
        raise FileRefused(
            f"the file speaks of {window.first} to {window.last}, which have not begun",
            "correct the days in its title",
            rule="period.future",
            message_vi=f"Kỳ số liệu từ {window.first:%d/%m/%Y} đến {window.last:%d/%m/%Y} chưa bắt đầu.",
            remedy_vi="Kiểm tra lại ngày ghi trong tiêu đề biểu.",
        )
    return judge_digitization(
        reading,
        province=province,
        directory=unit_directory(warehouse, province.code, window.last),
        window=window,
        captured_at=received_at,
        max_missing_unit_share=settings.max_missing_unit_share,
        max_quarantined_share=settings.max_quarantined_share,
        previous=previous_digitization(warehouse, province.code, window),
        idle_units=idle_units(warehouse, province.code, window),
        data_docs_dir=data_docs_dir,
    )


def window_read(reading: DigitizationReading) -> Window:
    """The period and calendar that a reading's days are. Readers refuse days that are none."""
    window = named_window(reading.first, reading.last)
    if window is None:
        raise Terminal(
            f"{reading.first} to {reading.last} is no reporting period",
            "hand the file in again with its period",
        )
    return window


def known_codes(warehouse: Warehouse, province: Province, at: datetime) -> dict[str, tuple[str, str]]:
    """Unit code -> (name, block) of a province's units: on the last day of its own series, if that is over."""
    today = at.astimezone(VIETNAM).date()
    day = min(today, province.valid_to) if province.valid_to else today
    return {
        unit.unit_code: (unit.name, unit.block)
        for unit in unit_directory(warehouse, province.code, day)
        if unit.unit_code
    }


def bundle_of(
    archive: Archive,
    claim: Claim,
    province: Province,
    reading: DigitizationReading,
    verdict: DigitizationVerdict,
) -> Bundle:
    """Record the capture of a judged file, and the bundle it makes.

    The same bytes with the same units found in them are the same capture whenever they come:
    dropping an old file again changes nothing, also after a corrected one. A list of units
    that has grown in between makes another capture of the same bytes.
    """
    window = verdict.window
    capture = Capture(
        source=reading.source,
        scope=province.code,
        period_id=window.period.id,
        group_code="FILE",
        endpoint="inbox",
        page=1,
        request={
            "first": window.first.isoformat(),
            "last": window.last.isoformat(),
            "layout": reading.layout,
            "units": _units_mark(verdict),
        },
        http_status=None,
        captured_at=claim.received_at,
        sha256=claim.sha256,
        size_bytes=claim.size_bytes,
        address=SAMPLE_ADDRESS if reading.is_sample else None,
        complete=all(verdict.blocks["complete"].to_pylist()),
        expected_units=sum(count or 0 for count in verdict.blocks["expected_units"].to_pylist()),
        seen_units=sum(verdict.blocks["units"].to_pylist()),
        note=claim.file_name,
    )
    earlier = [
        known
        for known in archive.captures(reading.source, province.code, window.period.id)
        if (known.request_key, known.sha256) == (capture.request_key, capture.sha256)
    ]
    if earlier:
        capture = earlier[0]
        archive.recorded.append(capture)
    else:
        capture = archive.record(capture)
    identity = snapshot_id(reading.source, province.code, window.period.id, reading.layout, [capture])
    listed = manifest_bytes(identity, [capture])
    manifest = archive.record(
        replace(
            capture,
            group_code="MANIFEST",
            endpoint="snapshot",
            request={"snapshot_id": str(identity)},
            address=None,
            sha256=archive.put(listed),
            size_bytes=len(listed),
            note=None,
        )
    )
    return Bundle(
        source=reading.source,
        scope=province.code,
        period_id=window.period.id,
        series=SERIES,
        reader=reading.layout,
        complete=bool(capture.complete),
        provisional=not window.has_ended(capture.captured_at),
        captured_at=capture.captured_at,
        captures=(capture,),
        manifest=manifest,
        warnings=reading.notes_vi,
    )


def _units_mark(verdict: DigitizationVerdict) -> str:
    """A short name of the set of units that were found in a file."""
    found = "\n".join(sorted(verdict.good["unit_id"].to_pylist()))
    return hashlib.sha256(found.encode()).hexdigest()[:12]


def _stated_window(settings: Settings, claim: Claim) -> Window | None:
    if claim.period is None:
        return None
    return window_of(Period.parse(claim.period), claim.calendar or settings.digitization_calendar)
