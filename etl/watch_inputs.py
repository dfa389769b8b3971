"""What lacks now, for duties that near their day: the ledger knows only what lacked when a report last looked.

A report's run looks for its inputs from the cut-off (15th 04:30) on; the first warning comes days before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime

from etl.duties import DutyDue
from etl.periods import VIETNAM, Period
from etl.readiness import FINAL, PRELIMINARY, assess, fresh_from
from etl.report_stages import owed_by, own_provinces
from etl.settings import Settings
from etl.warehouse.duty_ledger import AWAITING_INPUT, MISSED, DutyStatus
from etl.warehouse.engine import Warehouse
from etl.watch_events import FIRST_WARNING, awaits_signature, warning_day


def with_inputs_of_now(
    settings: Settings,
    warehouse: Warehouse,
    statuses: list[DutyStatus],
    now: datetime,
    overrides: Mapping[date, str],
) -> list[DutyStatus]:
    """The statuses, with ``missing`` looked up again where a duty waits for inputs and its warning days have begun.

    The ledger is not written: whether a report goes ahead is the report's own decision.
    """
    today = now.astimezone(VIETNAM).date()
    waiting = [one for one in statuses if _waits(one, today, overrides)]
    years = sorted({Period.parse(one.period_id).year for one in waiting})
    owed = {
        (province.code, due.period.id, due.duty.id): due
        for province in own_provinces(settings)
        for due in (owed_by(settings, province, years) if years else ())
    }
    looked: dict[object, tuple[str, ...]] = {}
    found = []
    for status in statuses:
        due = owed.get((status.province_code, status.period_id, status.duty))
        if due is not None and _waits(status, today, overrides):
            status = replace(status, missing=_missing(warehouse, due, now, looked))
        found.append(status)
    return found


def _waits(status: DutyStatus, today: date, overrides: Mapping[date, str]) -> bool:
    if status.state not in (AWAITING_INPUT, MISSED) or awaits_signature(status):
        return False
    return today >= warning_day(status.target_day, FIRST_WARNING, overrides)


def _missing(
    warehouse: Warehouse, due: DutyDue, now: datetime, looked: dict[object, tuple[str, ...]]
) -> tuple[str, ...]:
    stage = PRELIMINARY if due.preliminary_at is not None and now < due.cut_off else FINAL
    # A reading of the portal that nobody can make yet does not lack: it is made by itself on its day.
    possible = tuple(
        wanted
        for wanted in due.inputs
        if wanted.source != "national_portal" or now >= fresh_from(due, wanted, stage)
    )
    # Duties of a period share their inputs: each is looked at once.
    inputs = frozenset((wanted.source, wanted.window) for wanted in possible)
    key = (due.province_code, inputs, stage, due.target_day, due.cut_off)
    if key not in looked:
        looked[key] = assess(warehouse, [replace(due, inputs=possible)], stage, now).lacking
    return looked[key]
