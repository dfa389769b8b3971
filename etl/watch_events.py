"""What must be said about the duties now: pure, from the ledger's rows and an instant.

A *matter* is one thing to say about one duty; it stands for as long as it is true, not only on
the day it began. So a watcher that was off says at its next run what stands then: of the stages of
one line (-3 days, -1 day, due today, missed) only the newest stands, the older ones are never said
afterwards. An *event* is all matters of one kind of one province and period: one message. Keys are
made of names, days and release numbers, never of the hour: the same matter has the same key on every run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Literal

from etl.periods import VIETNAM, is_working_day, working_day_before
from etl.warehouse.duty_ledger import (
    AWAITING_INPUT,
    AWAITING_SIGN_OFF,
    BUILDING,
    MISSED,
    OPEN_STATES,
    RELEASED_LATE,
    DutyStatus,
)

Kind = Literal[
    "missed",
    "due_today",
    "refused",
    "build_failed",
    "not_built",
    "awaits_sign_off",
    "inputs_missing",
    "released_late",
    "restated",
]
Severity = Literal["info", "warning", "urgent"]
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "urgent")

# Where several are new for one duty of one period, the first is said and tells the others along: its message
# names missing inputs, failure, refusal and draft of each duty.
_FIRST_SAID: tuple[Kind, ...] = (
    "missed",
    "due_today",
    "refused",
    "build_failed",
    "not_built",
    "awaits_sign_off",
    "inputs_missing",
)
# These are said for themselves, after the others.
_ON_THEIR_OWN: tuple[Kind, ...] = ("released_late", "restated")
_ORDER: tuple[Kind, ...] = _FIRST_SAID + _ON_THEIR_OWN

# On the target day at this hour inputs have been waited for since 14:00 (``go_ahead_at``) and a draft takes minutes.
NOT_BUILT_AFTER = time(15, 30)
# Working days before the target day on which missing inputs are told (issue: target -3 and -1).
FIRST_WARNING, LAST_WARNING = 3, 1
# A late release is no news any more after so many days: a new installation must not tell last year's.
_NEWS_DAYS = 45
_NUMBERS = re.compile(r"[0-9a-f]{8,}|\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Matter:
    """One thing to say about one duty of one period. ``stage`` tells one occasion from the next."""

    kind: Kind
    stage: str
    severity: Severity
    status: DutyStatus

    @property
    def scope(self) -> tuple[str, str]:
        return self.status.province_code, self.status.period_id

    @property
    def key(self) -> str:
        return matter_key(self.kind, *self.scope, f"{self.status.duty}:{self.stage}")


@dataclass(frozen=True)
class Facts:
    """What a message is written from. Days are Vietnam's; ``working_days_to_target`` is 0 from the target day on."""

    now: datetime
    province_name: str
    statuses: tuple[DutyStatus, ...]
    working_days_to_target: int
    days_to_due: int


@dataclass(frozen=True)
class Event:
    """One message's worth: the same matter of one or more duties of one province and period.

    ``also``: matters that this message tells along, which then need none of their own.
    """

    kind: Kind
    province_code: str
    period_id: str
    duties: tuple[str, ...]
    key: str
    severity: Severity
    facts: Facts
    matters: tuple[Matter, ...]
    also: tuple[Matter, ...]

    @property
    def told(self) -> frozenset[str]:
        """Keys of all matters that are told once this event is."""
        return frozenset(matter.key for matter in (*self.matters, *self.also))


def matter_key(kind: str, province_code: str, period_id: str, occasion: str) -> str:
    return f"{kind}/{province_code}/{period_id}/{occasion}"


def matters_of(event_key: str) -> frozenset[str]:
    """The matters' keys an event's key stands for (``due_today/H44/2026-10/D1:2026-10-17+D2:2026-10-17``)."""
    kind, province_code, period_id, occasions = event_key.split("/", 3)
    return frozenset(matter_key(kind, province_code, period_id, one) for one in occasions.split("+"))


def events(
    statuses: Iterable[DutyStatus],
    now: datetime,
    overrides: Mapping[date, str] | None = None,
    told: Collection[str] = (),
) -> tuple[Event, ...]:
    """What stands at ``now`` (aware) and is not among ``told`` (keys of matters), most pressing first.

    ``overrides`` are the announced swaps of working days. Raises ValueError for a ``now`` without a zone.
    """
    told = frozenset(told)
    standing = [matter for status in statuses for matter in matters(status, now, overrides)]
    fresh = [matter for matter in standing if matter.key not in told and not _told_enough(matter, told, now)]
    said: list[Matter] = []
    also: dict[str, list[Matter]] = {}
    for matter in sorted(fresh, key=lambda one: (_by_duty(one), _ORDER.index(one.kind))):
        first = next((one for one in said if _by_duty(one) == _by_duty(matter)), None)
        if first is not None and first.kind in _FIRST_SAID and matter.kind in _FIRST_SAID:
            also.setdefault(first.key, []).append(matter)
        else:
            said.append(matter)
    said.sort(key=lambda one: (*one.scope, _ORDER.index(one.kind), one.status.duty))
    found = [
        _event(tuple(group), also, now, overrides)
        for _, group in groupby(said, key=lambda one: (*one.scope, one.kind))
    ]
    return tuple(sorted(found, key=lambda event: (_ORDER.index(event.kind), event.key)))


def matters(
    status: DutyStatus, now: datetime, overrides: Mapping[date, str] | None = None
) -> tuple[Matter, ...]:
    """Everything that stands for one duty at ``now``, told or not."""
    if now.tzinfo is None:
        raise ValueError(f"{now} has no time zone")
    today = now.astimezone(VIETNAM).date()
    if status.state not in OPEN_STATES:
        # A correction that is built or was refused is told as any draft is.
        found = [
            _released_late(status, today),
            None if status.waits else _restated(status, today),
            _refused(status),
            _failed(status, today),
            _unsigned(status, today),
        ]
    else:
        found = [
            _deadline(status, now, today, overrides),
            _refused(status),
            _failed(status, today),
            _unsigned(status, today),
        ]
    return tuple(matter for matter in found if matter is not None)


def warning_day(target_day: date, working_days: int, overrides: Mapping[date, str] | None = None) -> date:
    """The day so many working days before the target day."""
    day = target_day
    for _ in range(working_days):
        day = working_day_before(day, overrides)
    return day


def awaits_signature(status: DutyStatus) -> bool:
    """Whether a draft lies ready to be signed, also where the duty counts as missed by now."""
    if status.state == AWAITING_SIGN_OFF or status.waits:
        return True
    return (
        status.state == MISSED
        and status.built_at is not None
        and status.released_at is None
        and status.refused_at is None
    )


def _deadline(
    status: DutyStatus, now: datetime, today: date, overrides: Mapping[date, str] | None
) -> Matter | None:
    due_day = status.due_at.astimezone(VIETNAM).date()
    if now > status.due_at:
        return Matter("missed", due_day.isoformat(), "urgent", status)
    if today == due_day:
        return Matter("due_today", due_day.isoformat(), "urgent", status)
    if status.state not in (AWAITING_INPUT, BUILDING):
        return None
    if not status.missing:
        # Nothing lacks and nothing was made: a paused DAG, a killed builder. Said while offices are still open.
        idle = status.failure is None and not status.waits and status.refused_at is None
        since = datetime.combine(
            max(status.target_day, status.final_at.astimezone(VIETNAM).date()), NOT_BUILT_AFTER, VIETNAM
        )
        return Matter("not_built", "target", "urgent", status) if idle and now >= since else None
    if today >= warning_day(status.target_day, LAST_WARNING, overrides):
        return Matter("inputs_missing", "t-1", "urgent", status)
    if today >= warning_day(status.target_day, FIRST_WARNING, overrides):
        return Matter("inputs_missing", "t-3", "warning", status)
    return None


def _unsigned(status: DutyStatus, today: date) -> Matter | None:
    """Said when the draft is built, on the target day, on the due day: the newest of these occasions that has come."""
    if not awaits_signature(status):
        return None
    built = status.built_at.astimezone(VIETNAM).date() if status.built_at else date.min
    number = f"r{status.release_no or 0}"
    due_day = status.due_at.astimezone(VIETNAM).date()
    if built < due_day <= today:
        return Matter("awaits_sign_off", f"{number}.due", "urgent", status)
    if built < status.target_day <= today:
        return Matter("awaits_sign_off", f"{number}.target", "warning", status)
    return Matter("awaits_sign_off", f"{number}.built", "info", status)


def _refused(status: DutyStatus) -> Matter | None:
    if status.refused_by is None and status.refused_at is None:
        return None
    at = status.refused_at.astimezone(VIETNAM).strftime("%Y-%m-%dT%H%M%S") if status.refused_at else "day"
    return Matter("refused", f"r{status.release_no or 0}.{at}", "warning", status)


def _failed(status: DutyStatus, today: date) -> Matter | None:
    """The same failure is told once a day, however often it is tried; another failure is told at once.

    Numbers and ids in the words do not make it another one.
    """
    if status.failure is None:
        return None
    day = status.failed_at.astimezone(VIETNAM).date() if status.failed_at else today
    words = _NUMBERS.sub("#", status.failure)
    digest = hashlib.sha256(words.encode("utf-8", "backslashreplace")).hexdigest()[:8]
    return Matter("build_failed", f"{day.isoformat()}.{digest}", "urgent", status)


def _released_late(status: DutyStatus, today: date) -> Matter | None:
    if status.state != RELEASED_LATE:
        return None
    if status.released_at is not None:
        age = today - status.released_at.astimezone(VIETNAM).date()
        if age > timedelta(days=_NEWS_DAYS):
            return None
    return Matter("released_late", "once", "warning", status)


def _restated(status: DutyStatus, today: date) -> Matter | None:
    if status.restated <= 0:
        return None
    stage = f"r{status.release_no or 0}.{today.isoformat()}.n{status.restated}"
    return Matter("restated", stage, "warning", status)


def _told_enough(matter: Matter, told: frozenset[str], now: datetime) -> bool:
    """Restatements are told once per release and day, and not again while their number is the same."""
    if matter.kind != "restated":
        return False
    release, day, count = matter.stage.split(".")
    start = matter_key(matter.kind, *matter.scope, f"{matter.status.duty}:{release}.")
    earlier = [key.removeprefix(start).split(".") for key in told if key.startswith(start)]
    if any(told_day == day for told_day, _ in earlier):
        return True
    newest = max(earlier, default=None)
    return newest is not None and newest[1] == count


def _by_duty(matter: Matter) -> tuple[str, str, str]:
    return (*matter.scope, matter.status.duty)


def _event(
    group: tuple[Matter, ...],
    also: Mapping[str, list[Matter]],
    now: datetime,
    overrides: Mapping[date, str] | None,
) -> Event:
    first = group[0]
    statuses = tuple(matter.status for matter in group)
    today = now.astimezone(VIETNAM).date()
    occasions = "+".join(f"{matter.status.duty}:{matter.stage}" for matter in group)
    due_day = min(status.due_at for status in statuses).astimezone(VIETNAM).date()
    return Event(
        kind=first.kind,
        province_code=first.status.province_code,
        period_id=first.status.period_id,
        duties=tuple(status.duty for status in statuses),
        key=matter_key(first.kind, *first.scope, occasions),
        severity=max((matter.severity for matter in group), key=SEVERITIES.index),
        facts=Facts(
            now=now,
            province_name=first.status.province_name,
            statuses=statuses,
            working_days_to_target=_working_days(
                today, min(status.target_day for status in statuses), overrides
            ),
            days_to_due=(due_day - today).days,
        ),
        matters=group,
        also=tuple(matter for one in group for matter in also.get(one.key, ())),
    )


def _working_days(after: date, until: date, overrides: Mapping[date, str] | None) -> int:
    """Working days after a day, up to and with another."""
    days = (after + timedelta(days=count) for count in range(1, max((until - after).days, 0) + 1))
    return sum(is_working_day(day, overrides) for day in days)
