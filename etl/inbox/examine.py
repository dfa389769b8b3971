"""Looking at one handed-in file: guard, read, judge, and the capture it becomes.

Guard and readers run in limited processes; here are only their answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
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
from etl.sources.digitization import FORM_SOURCE, LIST_SOURCE, DigitizationReading
from etl.sources.digitization_form.read import READER as FORM_READER
from etl.sources.dossier_list.read import READER as LIST_READER
from etl.validate.digitization import DigitizationVerdict, judge_digitization
from etl.warehouse.engine import Warehouse
from etl.warehouse.known import (
    all_codes,
    foreign_origin,
    idle_units,
    previous_digitization,
    unit_directory,
)

SERIES = "digitization"
# Stands as the address of sample files' captures: invented figures never pass for an office's.
SAMPLE_ADDRESS = "http://127.0.0.1/so-lieu-mau"
# Part of what a capture is: another reader may find something else in the same bytes.
READERS = {FORM_SOURCE: FORM_READER, LIST_SOURCE: LIST_READER}
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

    def read(codes: Mapping[str, tuple[str, str]]) -> DigitizationReading:
        return read_handed_in(
            claim.path,
            inspected,
            limits,
            province=province,
            provinces_dir=settings.provinces_dir,
            forms_dir=settings.forms_dir,
            known_units=codes,
            received_at=claim.received_at,
            calendar=claim.calendar or settings.digitization_calendar,
            window=_stated_window(settings, claim),
            out=out,
        )

    reading = read(all_codes(warehouse, province.code))
    if reading.source != LIST_SOURCE:
        return reading
    # Only now are its days known: a unit that was not there then is an unknown one for this list.
    there = known_codes(warehouse, province, window_read(reading))
    if set(reading.units["unit_code"].to_pylist()) <= there.keys():
        return reading
    return read(there)


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
    _refuse_foreign_origin(settings, warehouse, reading)
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


def _refuse_foreign_origin(settings: Settings, warehouse: Warehouse, reading: DigitizationReading) -> None:
    """Sample figures never stand beside real ones, nor the reverse."""
    if foreign_origin(warehouse, SAMPLE_ADDRESS if reading.is_sample else settings.portal_base) is None:
        return
    if reading.is_sample:
        message_vi = "Tệp ghi “SỐ LIỆU MẪU” nên không được nạp chung với số liệu thật."
        remedy_vi = (
            "Nếu là số liệu thật, bỏ dòng “SỐ LIỆU MẪU” rồi gửi lại; nếu để thử, dùng bản cài đặt thử."
        )
    else:
        message_vi = "Hệ thống này đang chứa số liệu mẫu nên chưa nhận số liệu thật."
        remedy_vi = "Báo người quản trị hệ thống dùng bản cài đặt chính thức; không cần sửa tệp."
    raise FileRefused(
        "sample figures and real ones would stand in one warehouse",
        "keep them apart: another BOCHISO_HOME (and warehouse) for one of them",
        rule="origin.mixed",
        message_vi=message_vi,
        remedy_vi=remedy_vi,
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


def known_codes(warehouse: Warehouse, province: Province, window: Window) -> dict[str, tuple[str, str]]:
    """Unit code -> (name, block) of a province's units on the last day of a window."""
    return {
        unit.unit_code: (unit.name, unit.block)
        for unit in unit_directory(warehouse, province.code, window.last)
        if unit.unit_code
    }


def first_received(
    archive: Archive, claim: Claim, reading: DigitizationReading, province: Province
) -> datetime:
    """When the same bytes about the same days were first handed in: now, unless they are known.

    A file that is handed in again is judged anew, with today's units and layouts, but it is not
    news: a correction that came after it keeps the last word.
    """
    known = _same_bytes(archive, claim, reading, province)
    return min((capture.captured_at for capture in known), default=claim.received_at)


def bundle_of(
    archive: Archive,
    claim: Claim,
    province: Province,
    reading: DigitizationReading,
    verdict: DigitizationVerdict,
) -> Bundle:
    """Record the capture of a judged file, and the bundle it makes.

    The same bytes with the same outcome (units found, units lacking, reader and layout) are the
    same capture whenever they come. With another outcome they are another capture, taken a
    microsecond after the first of those bytes: newer than it, older than any correction since.
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
            "reader": READERS[reading.source],
            "outcome": _outcome_mark(verdict),
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
    known = _same_bytes(archive, claim, reading, province)
    earlier = [item for item in known if item.request_key == capture.request_key]
    if earlier:
        capture = earlier[0]
        archive.recorded.append(capture)
    else:
        if known:
            first = min(item.captured_at for item in known)
            capture = replace(capture, captured_at=first + timedelta(microseconds=len(known)))
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


def _same_bytes(
    archive: Archive, claim: Claim, reading: DigitizationReading, province: Province
) -> list[Capture]:
    """Captures of these bytes about these days, whatever was found in them then."""
    days = (reading.first.isoformat(), reading.last.isoformat())
    return [
        item
        for item in archive.captures(reading.source, province.code, window_read(reading).period.id)
        if item.group_code == "FILE"
        and item.sha256 == claim.sha256
        and (item.request["first"], item.request["last"]) == days
    ]


def _outcome_mark(verdict: DigitizationVerdict) -> str:
    """A short name of what was found in a file: its units with their blocks, and which units lack."""
    rows = verdict.good.select(["block", "unit_id"]).to_pylist()
    found = sorted(f"{row['block']}:{row['unit_id']}" for row in rows)
    lacking = sorted(
        f"{line['block']}:{name}" for line in verdict.blocks.to_pylist() for name in line["missing_units"]
    )
    return hashlib.sha256("\n".join([*found, "-", *lacking]).encode()).hexdigest()[:12]


def _stated_window(settings: Settings, claim: Claim) -> Window | None:
    if claim.period is None:
        return None
    return window_of(Period.parse(claim.period), claim.calendar or settings.digitization_calendar)
