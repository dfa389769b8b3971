"""The stages of one period, in order: fetch, read, validate, publish, deliver.

Each is a transaction of its own that a scheduler may repeat: it takes the name of what the
stage before it handed over (a work folder), does its work, leaves a line in the logbook,
and hands over a name again. Time comes in through ``clock``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypedDict

from etl.archive import Archive
from etl.deliver.appendix_file import write_appendix
from etl.deliver.digitization_file import write_digitization
from etl.deliver.sheet_conventions import load_workbook_style
from etl.errors import UnknownName, ValidationFailed
from etl.periods import Period, window_of
from etl.reference.indicators import load_catalogue
from etl.reference.provinces import Province, find_province, load_provinces
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import PortalClient
from etl.sources.national_portal.fetch import fetch_national, fetch_province, incomplete
from etl.sources.national_portal.read import read_bundle
from etl.sources.national_portal.room import COUNTRY, SOURCE
from etl.sources.tidy import ReadResult
from etl.validate.judge import Verdict, judge
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.known import (
    known_units,
    previous_scores,
    refuse_mixed_origins,
    require_complete,
    require_digitization,
)
from etl.warehouse.ledger import record_captures, stage_run
from etl.warehouse.migrate import migrate
from etl.warehouse.publish import publish, record_refusal
from etl.warehouse.staging import build_load

Clock = Callable[[], datetime]


class Snapshot(TypedDict):
    """What publishing hands over."""

    snapshot_id: str
    province_code: str
    period_id: str
    new: bool


def system_clock() -> datetime:
    """The edge where time enters: only callers outside ``etl`` and the command line use it."""
    return datetime.now(UTC)


def ready_warehouse(settings: Settings) -> Warehouse:
    """The warehouse, up to date."""
    warehouse = open_warehouse(settings)
    migrate(warehouse, settings.home / "provinces")
    return warehouse


def named_province(settings: Settings, name: str) -> Province:
    """The province of a slug or code, shipped or added under the home folder."""
    return find_province(name, settings.home / "provinces")


def known_provinces(settings: Settings) -> frozenset[str]:
    """Portal ids of every province that has one: what the national page must list."""
    provinces = load_provinces(settings.home / "provinces").values()
    return frozenset(item.portal_id.lower() for item in provinces if item.portal_id)


def fetch(settings: Settings, province_name: str, period_id: str, clock: Clock) -> str:
    """Read a province's six groups into the archive. Returns the work folder.

    Raises what ``fetch_province`` raises.
    """
    province = named_province(settings, province_name)
    period = Period.parse(period_id)
    warehouse = ready_warehouse(settings)
    with (
        stage_run(warehouse, "fetch", SOURCE, province.code, period.id, clock) as run,
        PortalClient(settings, clock) as client,
    ):
        refuse_mixed_origins(warehouse, settings.portal_base)
        archive = Archive(settings.archive_dir)
        try:
            bundle = fetch_province(
                client,
                archive,
                province,
                period,
                known_units=known_units(warehouse, SOURCE, province.code),
                max_missing_share=settings.max_missing_unit_share,
                now=clock(),
            )
        finally:  # also after a refusal: what was received is in the archive and belongs in the logbook
            record_captures(warehouse, archive.recorded, clock())
        run.snapshot_id = bundle.snapshot_id
        run.message = "; ".join([*bundle.warnings, *map(str, bundle.refused)]) or None
        return _handed_over(bundle, settings)


def fetch_country(settings: Settings, period_id: str, clock: Clock) -> str:
    """Read the national page of a period into the archive. Returns the work folder."""
    period = Period.parse(period_id)
    warehouse = ready_warehouse(settings)
    with (
        stage_run(warehouse, "fetch", SOURCE, COUNTRY, period.id, clock) as run,
        PortalClient(settings, clock) as client,
    ):
        refuse_mixed_origins(warehouse, settings.portal_base)
        archive = Archive(settings.archive_dir)
        try:
            bundle = fetch_national(
                client,
                archive,
                period,
                known_provinces=known_provinces(settings),
                max_missing_share=settings.max_missing_unit_share,
                now=clock(),
            )
        finally:
            record_captures(warehouse, archive.recorded, clock())
        run.snapshot_id = bundle.snapshot_id
        return _handed_over(bundle, settings)


def read(settings: Settings, handed: str, clock: Clock) -> str:
    """Make the tidy table of a fetched reading. Returns the same work folder."""
    folder = settings.work_dir / handed
    bundle = Bundle.load(folder)
    with stage_run(open_warehouse(settings), "read", SOURCE, bundle.scope, bundle.period_id, clock) as run:
        result = read_bundle(Archive(settings.archive_dir), bundle)
        result.save(folder)
        run.snapshot_id = bundle.snapshot_id
        run.rows_read = result.rows_read
    return handed


def validate(settings: Settings, handed: str, clock: Clock) -> str:
    """Judge a reading. Returns the same work folder.

    Raises ValidationFailed when it may not be published; the verdict and the refused rows
    are in the warehouse then, the facts are not.
    """
    folder = settings.work_dir / handed
    bundle = Bundle.load(folder)
    warehouse = open_warehouse(settings)
    with stage_run(warehouse, "validate", SOURCE, bundle.scope, bundle.period_id, clock) as run:
        run.snapshot_id = bundle.snapshot_id
        verdict = judge(
            ReadResult.load(folder),
            bundle,
            load_catalogue(Period.parse(bundle.period_id).first_day),
            max_quarantined_share=settings.max_quarantined_share,
            previous=previous_scores(
                warehouse, bundle.source, bundle.scope, bundle.period_id, bundle.captured_at
            ),
            data_docs_dir=settings.data_docs_dir / bundle.scope / bundle.period_id,
        )
        verdict.save(folder)
        run.rows_read, run.rows_quarantined = verdict.rows_read, verdict.rows_quarantined
        run.message = f"verdict: {verdict.state}"
        if verdict.state == "failed":
            record_refusal(warehouse, build_load(bundle, verdict))
            raise ValidationFailed(
                f"{bundle.scope} {bundle.period_id} failed {len(verdict.failures())} checks: "
                + "; ".join(verdict.failures()),
                "nothing was published; the refused rows are in quarantine.rejected_row with what to mend, "
                f"the report is under {settings.data_docs_dir}",
            )
    return handed


def publish_reading(settings: Settings, handed: str, clock: Clock) -> Snapshot:
    """Make a judged reading visible in the warehouse.

    Raises CaptureIncomplete after publishing the whole groups of a partial reading (or
    after withholding it, where a complete snapshot already speaks).
    """
    folder = settings.work_dir / handed
    bundle = Bundle.load(folder)
    verdict = Verdict.load(folder)
    warehouse = open_warehouse(settings)
    with stage_run(warehouse, "publish", SOURCE, bundle.scope, bundle.period_id, clock) as run:
        run.snapshot_id = bundle.snapshot_id
        result = publish(warehouse, build_load(bundle, verdict))
        if not result.withheld:
            run.rows_read, run.rows_quarantined = verdict.rows_read, verdict.rows_quarantined
            run.rows_published = verdict.rows_good
            run.rows_ignored = verdict.rows_read - verdict.rows_good - verdict.rows_quarantined
        if not bundle.complete:
            raise incomplete(bundle.scope, bundle.period_id, bundle.refused)
        run.message = "published" if result.new else "already published, nothing changed"
    return Snapshot(
        snapshot_id=str(bundle.snapshot_id),
        province_code=bundle.scope,
        period_id=bundle.period_id,
        new=bool(result.new),
    )


def deliver_appendix(settings: Settings, province_name: str, period_id: str, clock: Clock) -> Path:
    """Write the appendix workbook of a province and period. Returns its path.

    Raises ReportNotReady unless a complete snapshot speaks for the period.
    """
    province = named_province(settings, province_name)
    period = Period.parse(period_id)
    warehouse = ready_warehouse(settings)
    with stage_run(warehouse, "deliver", "appendix", province.code, period.id, clock) as run:
        require_complete(warehouse, province.code, period.id)
        path = write_appendix(
            warehouse,
            province,
            period,
            settings.deliverables_dir,
            style=load_workbook_style(settings.workbook_file),
        )
        run.message = path.name
    return path


def deliver_digitization(
    settings: Settings, province_name: str, period_id: str, calendar: str, clock: Clock
) -> Path:
    """Write the digitization form (D1) of a province and period. Returns its path.

    Raises ReportNotReady naming every block and unit that is missing.
    """
    province = named_province(settings, province_name)
    window = window_of(Period.parse(period_id), calendar)
    warehouse = ready_warehouse(settings)
    with stage_run(warehouse, "deliver", "digitization_form", province.code, period_id, clock) as run:
        require_digitization(warehouse, province.code, window)
        path = write_digitization(
            warehouse,
            province,
            window,
            settings.deliverables_dir,
            forms_dir=settings.forms_dir,
            style=load_workbook_style(settings.workbook_file),
        )
        run.message = path.name
    return path


def digitization_targets(
    settings: Settings, params: Mapping[str, Any], events: Sequence[Mapping[str, Any]], clock: Clock
) -> list[dict[str, Any]]:
    """Which digitization forms a run is about: its parameters, or every period the events touch.

    A month's figures also belong to its quarter and year: those are looked at again, too.
    ``asked`` is True for what a person named: an incomplete period is an error then.
    """
    if params.get("province") and params.get("period"):
        period = Period.parse(params["period"])
        calendar = params.get("calendar") or settings.digitization_calendar
        return [{"province": params["province"], "period": period.id, "calendar": calendar, "asked": True}]
    if not events:
        raise UnknownName(
            "the run names no province and period", "give both parameters, or let the asset start it"
        )
    touched = {
        (str(event["province"]), period, str(event["calendar"]))
        for event in events
        if "province" in event
        for period in _with_longer(Period.parse(str(event["period"])))
    }
    return [
        {"province": province, "period": period.id, "calendar": calendar, "asked": False}
        for province, period, calendar in sorted(touched)
    ]


def _with_longer(period: Period) -> list[Period]:
    """A period and the quarter and year that it is part of."""
    found = [period]
    if period.kind == "month":
        found.append(Period("quarter", period.year, (period.number + 2) // 3))
    if period.kind in ("month", "quarter"):
        found.append(Period("year", period.year))
    return found


def _handed_over(bundle: Bundle, settings: Settings) -> str:
    return str(bundle.save(settings.work_dir).relative_to(settings.work_dir))


def report_targets(
    kind: str, params: Mapping[str, Any], events: Sequence[Mapping[str, Any]]
) -> list[dict[str, str]]:
    """Which (province, period) a report run is about: its parameters, or the events that started it.

    Events of other kinds of period are left to their own reports; repeated ones count once.
    Raises UnknownName when neither names anything.
    """
    if params.get("province") and params.get("period"):
        period = Period.parse(params["period"])
        if period.kind != kind:
            raise UnknownName(f"{period.id} is not a {kind}", f"name a {kind}, or run the report of its kind")
        return [{"province": params["province"], "period": period.id}]
    named = {
        (str(event["province"]), str(event["period"]))
        for event in events
        if "province" in event and Period.parse(str(event["period"])).kind == kind
    }
    if not named and not events:
        raise UnknownName(
            "the run names no province and period", "give both parameters, or let the asset start it"
        )
    return [{"province": province, "period": period} for province, period in sorted(named)]
