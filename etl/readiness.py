"""Whether the inputs of a report are there: what is waited for, until when, and what a report goes ahead without.

The rules are those of ``duties.yml``. Everything is asked of the warehouse; a report never invents what lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time

from etl.deliver.sheet_text import time_vi
from etl.duties import DueInput, DutyDue
from etl.periods import VIETNAM
from etl.warehouse.engine import Warehouse
from etl.warehouse.known import last_read_whole, missing_inputs_vi

PRELIMINARY, FINAL = "preliminary", "final"


@dataclass(frozen=True)
class Readiness:
    """``ready``: build now. ``lacking``: Vietnamese sentences on what is not there, not whole or not fresh.

    ``possible``: it could be made of what is there. ``go_ahead_at``: until then what lacks is waited for.
    """

    ready: bool
    possible: bool
    lacking: tuple[str, ...]
    go_ahead_at: datetime


@dataclass(frozen=True)
class _Found:
    there: bool
    whole: bool
    lacking: tuple[str, ...]


def assess(warehouse: Warehouse, dues: Sequence[DutyDue], stage: str, now: datetime) -> Readiness:
    """Look at the inputs of duties that leave together (same set, province and period), as of ``now``.

    Before ``go_ahead_at`` everything must be whole and fresh. From then on an input that is required must be there,
    and whole unless each of its duties may go ahead incomplete; the portal's reading must always be whole.
    """
    possible = True
    lacking: list[str] = []
    found: dict[DueInput, _Found] = {}
    for due in dues:
        for wanted in due.inputs:
            key = DueInput(wanted.source, wanted.window, True)
            if key not in found:
                found[key] = _look(warehouse, due, wanted, stage)
                lacking += found[key].lacking
            state = found[key]
            if wanted.required and not (state.whole or (state.there and due.duty.go_ahead_incomplete)):
                possible = False
    go_ahead_at = max(
        due.preliminary_go_ahead_at if stage == PRELIMINARY else due.go_ahead_at for due in dues
    )
    waited = now >= go_ahead_at
    return Readiness(possible and (waited or not lacking), possible, tuple(lacking), go_ahead_at)


def _look(warehouse: Warehouse, due: DutyDue, wanted: DueInput, stage: str) -> _Found:
    if wanted.source == "national_portal":
        return _portal(warehouse, due, wanted, stage)
    return _digitization(warehouse, due, wanted)


def fresh_from(due: DutyDue, wanted: DueInput, stage: str) -> datetime:
    """The earliest reading of the portal that is waited for.

    A closed period: after its end. One that still runs: after the report's window has closed; for the preliminary
    report, on its own day.
    """
    if stage == PRELIMINARY and due.preliminary_at is not None:
        day = datetime.combine(due.target_day, time(), VIETNAM)
    else:
        day = due.cut_off
    return min(wanted.window.ends_at, day)


def _portal(warehouse: Warehouse, due: DutyDue, wanted: DueInput, stage: str) -> _Found:
    label = wanted.period.label_vi
    with warehouse.connect() as connection:
        row = connection.execute(
            "SELECT complete FROM core.current_snapshot WHERE source = 'national_portal'"
            " AND province_code = %s AND period_id = %s",
            (due.province_code, wanted.period.id),
        ).fetchone()
    if row is None:
        return _Found(False, False, (f"Cổng Dịch vụ công quốc gia: chưa có số liệu {label}.",))
    read_at = last_read_whole(warehouse, due.province_code or "", wanted.period.id)
    if not row[0] or read_at is None:
        return _Found(False, False, (f"Cổng Dịch vụ công quốc gia: số liệu {label} chưa đủ sáu nhóm.",))
    if read_at < fresh_from(due, wanted, stage):
        sentence = (
            f"Cổng Dịch vụ công quốc gia: số liệu {label} mới đọc lúc {time_vi(read_at)}, chưa đọc lại."
        )
        return _Found(True, True, (sentence,))
    return _Found(True, True, ())


def _digitization(warehouse: Warehouse, due: DutyDue, wanted: DueInput) -> _Found:
    code = due.province_code or ""
    missing = missing_inputs_vi(warehouse, code, wanted.window)
    if not missing:
        return _Found(True, True, ())
    with warehouse.connect() as connection:
        told = connection.execute(
            "SELECT EXISTS (SELECT FROM mart.digitization WHERE province_code = %s AND period_id = %s"
            " AND window_kind = %s)",
            (code, wanted.period.id, wanted.window.kind),
        ).fetchone()
    return _Found(bool(told and told[0]), False, missing)
