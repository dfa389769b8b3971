"""The stages of a report before it is built: what is owed, what must be read for it, are its inputs there.

Each takes what a scheduler can keep (names, ids), does one transaction's work and may be repeated. A *job* is one set
of duties of one province and report period: ``{"province", "period", "set", "stage", "asked"}``; ``asked`` is what a
person named. Building, deciding, releasing and sending are in ``etl/release_stages.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from etl.duties import DueInput, DutyDue, duties_file, load_duties, owed
from etl.errors import ReportNotReady, UnknownName
from etl.periods import VIETNAM, Period
from etl.readiness import FINAL, PRELIMINARY, assess, fresh_from
from etl.reference.calendar import load_calendar_overrides
from etl.reference.provinces import Province
from etl.settings import Settings
from etl.sources.national_portal.room import load_room
from etl.stages import named_province, ready_warehouse
from etl.warehouse import duty_ledger, release_ledger
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.known import last_read_whole
from etl.warehouse.release_ledger import APPROVED, DRAFT

Clock = Callable[[], datetime]
Job = dict[str, Any]

# A quarter ahead: a province's year is 68 rows, and whoever looks at the ledger sees what comes.
AHEAD = timedelta(days=92)
PRELIMINARY_KEY = "/preliminary"
GIVEN_UP = timedelta(days=31)
_LONG_AGO = datetime(2000, 1, 1, tzinfo=VIETNAM)
# An installation that was off for longer than it looks ahead owed something meanwhile; a year of that is told.
BACK = timedelta(days=366)


def own_provinces(settings: Settings) -> tuple[Province, ...]:
    """The provinces whose duties this installation keeps. Raises UnknownName for one that is none."""
    return tuple(named_province(settings, name) for name in settings.own_provinces)


def owed_by(settings: Settings, province: Province, years: Sequence[int]) -> list[DutyDue]:
    """What a province owes in some years, by this installation's duties and the announced working days."""
    duties = load_duties(duties_file(settings.home))
    overrides = load_calendar_overrides()
    return [due for year in years for due in owed(province, year, overrides, duties)]


def set_of(settings: Settings, province: Province, period: Period, release_set: str) -> tuple[DutyDue, ...]:
    """The duties of one set, province and report period. Raises UnknownName where none is owed."""
    found = tuple(
        due
        for due in owed_by(settings, province, [period.year])
        if due.period == period and due.duty.release_set == release_set
    )
    if not found:
        raise UnknownName(
            f"{province.name} owes nothing of '{release_set}' for {period.id}",
            f"`bochiso periods --year {period.year} --province {province.slug}` says what is owed",
        )
    return found


def open_duties(settings: Settings, clock: Clock) -> None:
    """Make the ledger's rows of what falls due in the next three months, and mark what is missed.

    Rows that nobody made because the program was off are made up for; what duties.yml no longer asks for and is not
    due yet is taken back.
    """
    now = clock()
    warehouse = ready_warehouse(settings)
    with duty_ledger.in_one_transaction(warehouse) as connection:
        for province in own_provinces(settings):
            known_until = duty_ledger.opened_until(connection, province.code) or now
            since = max(min(known_until, now), now - BACK)
            years = range(since.astimezone(VIETNAM).year, now.astimezone(VIETNAM).year + 2)
            dues = owed_by(settings, province, years)
            duty_ledger.open_duties(connection, dues, now, since=since, until=now + AHEAD)
            duty_ledger.withdraw_duties(connection, province.code, dues, now)
        duty_ledger.mark_missed(connection, now)


def report_jobs(
    settings: Settings, kind: str, params: Mapping[str, Any], partition_key: str | None, clock: Clock
) -> list[Job]:
    """What a report run is about: the report period of its key, for every own province; or what a person named.

    A key is a report period (``2026-10``), with ``/preliminary`` for the run before the window has closed. By hand,
    ``params["period"]`` is the portal's period that is reported on; of what is owed beside it the sets that can be
    built of what is there. Raises UnknownName for a period of another kind, or where nothing is named.
    """
    if params.get("province") and params.get("period"):
        return _asked(settings, kind, str(params["province"]), Period.parse(str(params["period"])), clock())
    if not partition_key:
        raise UnknownName(
            "the run names no report period",
            "give the parameters province and period, or a partition key like 2026-10",
        )
    preliminary = partition_key.endswith(PRELIMINARY_KEY)
    period = _of_kind(Period.parse(partition_key.removesuffix(PRELIMINARY_KEY)), kind)
    now = clock()
    warehouse = ready_warehouse(settings)
    jobs: list[Job] = []
    for province in own_provinces(settings):
        dues = [due for due in owed_by(settings, province, [period.year]) if due.period == period]
        with warehouse.connect() as connection:
            duty_ledger.open_duties(connection, dues, now)
        stage = PRELIMINARY if preliminary else FINAL
        jobs += [
            _job(province, period, name, stage, asked=False)
            for name, together in _sets(dues)
            # A preliminary run that is retried after the window has closed must not come after the final one.
            if not preliminary or (together[0].preliminary_at is not None and now < together[0].cut_off)
        ]
    return jobs


def _of_kind(period: Period, kind: str) -> Period:
    if period.kind != kind:
        raise UnknownName(f"{period.id} is not a {kind}", f"name a {kind}, or run the report of its kind")
    return period


def _sets(dues: Sequence[DutyDue]) -> list[tuple[str, list[DutyDue]]]:
    """What leaves together, in the order of duties.yml."""
    found: dict[str, list[DutyDue]] = {}
    for due in dues:
        found.setdefault(due.duty.release_set, []).append(due)
    return list(found.items())


def _job(province: Province, period: Period, release_set: str, stage: str, *, asked: bool) -> Job:
    return {
        "province": province.slug,
        "period": period.id,
        "set": release_set,
        "stage": stage,
        "asked": asked,
    }


def _asked(settings: Settings, kind: str, name: str, portal_period: Period, now: datetime) -> list[Job]:
    """The sets whose report is read beside a period of the portal and that can be built of what is there."""
    _of_kind(portal_period, kind)
    province = named_province(settings, name)
    warehouse = ready_warehouse(settings)
    jobs: list[Job] = []
    for period in (portal_period, portal_period.next()):
        dues = [
            due
            for due in owed_by(settings, province, [period.year])
            if due.period == period and due.portal_period == portal_period
        ]
        with warehouse.connect() as connection:
            duty_ledger.open_duties(connection, dues, now)
        for release_set, together in _sets(dues):
            stage = FINAL if now >= together[0].cut_off else PRELIMINARY
            if assess(warehouse, together, stage, now).possible:
                jobs.append(_job(province, period, release_set, stage, asked=True))
    return jobs


def inputs_ready(settings: Settings, job: Job, clock: Clock) -> dict[str, Any]:
    """Whether a job may be built now, and what it waits for in Vietnamese; the ledger is told.

    A preliminary report waits for nothing once its window has closed: its place is the final one's.
    """
    now = clock()
    province, dues = _named(settings, job)
    if job["stage"] == PRELIMINARY and now >= dues[0].cut_off:
        return {"ready": True, "waiting_for": [], "go_ahead_at": dues[0].cut_off.isoformat()}
    warehouse = open_warehouse(settings)
    with duty_ledger.in_one_transaction(warehouse) as connection:
        found = assess(warehouse, dues, job["stage"], now)
        # A draft that waits is not taken back by looking; but a preliminary one is not what the final run waits for.
        drafts = release_ledger.releases(connection, province.code, job["period"], job["set"])
        waits = any(one.status in (DRAFT, APPROVED) and one.stage == job["stage"] for one in drafts)
        duty_ledger.set_state(
            connection,
            province.code,
            job["period"],
            job["set"],
            duty_ledger.BUILDING if found.ready else duty_ledger.AWAITING_INPUT,
            now,
            found.lacking,
            undecided=not waits,
        )
    ready = found.ready or (bool(job.get("asked")) and found.possible)
    return {"ready": ready, "waiting_for": list(found.lacking), "go_ahead_at": found.go_ahead_at.isoformat()}


def require_inputs(settings: Settings, job: Job, clock: Clock) -> None:
    """Raise ReportNotReady, naming what lacks, unless the job may be built now."""
    state = inputs_ready(settings, job, clock)
    if not state["ready"]:
        raise ReportNotReady(
            f"{job['province']} {job['period']} ({job['set']}) waits for its inputs: "
            + " ".join(state["waiting_for"]),
            f"hand in or read what lacks; what may go without it goes ahead at {state['go_ahead_at']}",
        )


def note_failure(settings: Settings, job: Job, message: str, clock: Clock) -> None:
    """Write a failed build into the ledger, so that the watcher tells people."""
    province, _ = _named(settings, job)
    with open_warehouse(settings).connect() as connection:
        duty_ledger.set_failure(connection, province.code, job["period"], job["set"], message, clock())


def _named(settings: Settings, job: Job) -> tuple[Province, tuple[DutyDue, ...]]:
    province = named_province(settings, job["province"])
    return province, set_of(settings, province, Period.parse(job["period"]), job["set"])


def captures_due(settings: Settings, clock: Clock) -> list[dict[str, str]]:
    """What must be read from the portal this morning for the duties that are open.

    From ``read_from_day`` on: every morning until a whole reading is there, and once more when the figures' days
    have ended, so that the final report stands on a fresh one. The portal refreshes at about 02:00. A month after
    the due instant a period is no longer asked for every morning: `bochiso run` reads it.
    """
    now = clock()
    open_duties(settings, clock)
    warehouse = open_warehouse(settings)
    due_now: dict[tuple[str, str], None] = {}
    for province in own_provinces(settings):
        waiting = _open(warehouse, province.code)
        years = sorted({Period.parse(period).year for period, _ in waiting})
        for due in owed_by(settings, province, years):
            if (due.period.id, due.duty.id) not in waiting or not _morning(
                due
            ) <= now <= due.due_at + GIVEN_UP:
                continue
            for wanted in due.inputs:
                if wanted.source != "national_portal" or not _can_be_read(wanted.period):
                    continue
                newest = last_read_whole(warehouse, province.code, wanted.period.id)
                if newest is None or newest < _stale_before(due, wanted, now):
                    due_now[province.slug, wanted.period.id] = None
    return [{"province": province, "period": period} for province, period in due_now]


def _can_be_read(period: Period) -> bool:
    """Whether the current API can have the period: earlier ones are the legacy portal's, and come by other ways."""
    return period.first_day >= Period.parse(load_room().first_period).first_day


def _morning(due: DutyDue) -> datetime:
    return datetime.combine(due.read_from, time(), VIETNAM)


def _stale_before(due: DutyDue, wanted: DueInput, now: datetime) -> datetime:
    """A whole reading from before this instant is read again.

    Once after the window has closed, restated or not; for a preliminary report on its own day; and a reading of a
    period that still ran, once that has ended. Until then one whole reading is enough, also of a running quarter.
    """
    ended = wanted.window.ends_at
    stale = ended if now >= ended else _LONG_AGO
    if now >= due.cut_off:
        return max(stale, due.cut_off)
    on_the_day = datetime.combine(due.target_day, time(), VIETNAM)
    if due.preliminary_at is not None and now >= on_the_day:
        return max(stale, fresh_from(due, wanted, PRELIMINARY))
    return stale


def _open(warehouse: Warehouse, province_code: str) -> set[tuple[str, str]]:
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT period_id, duty FROM ops.duty WHERE province_code = %s AND owed AND released_at IS NULL",
            (province_code,),
        ).fetchall()
    return {(str(period), str(duty)) for period, duty in rows}
