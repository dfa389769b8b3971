"""What people were told already, channel by channel: ``ops.notification``, one row an event."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import psycopg

from etl.errors import Transient, WarehouseUnavailable
from etl.notify.message import Message
from etl.periods import VIETNAM
from etl.warehouse.engine import Warehouse
from etl.watch_events import Event, matters_of

# One watcher at a time, or two would tell the same; any fixed number does.
_LOCK = 766_000_004
# A run tells a few messages with time-outs of seconds; whoever waits longer comes back later.
_LOCK_WAIT = "90s"
_LONGEST_FAULT = 600

State = Literal["sent", "failed"]
SENT: State = "sent"
FAILED: State = "failed"


@dataclass
class ToldRow:
    """One event as it was told. ``channels``: name -> {state, at, ...}; ``also``: matters told along, by channel."""

    event_key: str
    channels: dict[str, dict[str, Any]]
    complete: bool

    def sent_to(self, channel: str) -> bool:
        return self.complete or self.channels.get(channel, {}).get("state") == SENT

    def told_to(self, channel: str) -> frozenset[str]:
        """Keys of the matters a channel has been told by this event."""
        if not self.sent_to(channel):
            return frozenset()
        # A channel that came later takes over what the others were told along.
        mine = self.channels.get(channel, {})
        entries = [mine] if mine.get("state") == SENT else list(self.channels.values())
        return matters_of(self.event_key).union(*(entry.get("also", ()) for entry in entries))


@dataclass
class Told:
    """Everything told about some provinces and periods; grows as a run tells more."""

    rows: dict[str, ToldRow] = field(default_factory=dict)

    def to(self, channel: str) -> frozenset[str]:
        """Keys of all matters a channel has been told."""
        return frozenset().union(*(row.told_to(channel) for row in self.rows.values()))


@contextmanager
def one_watcher(warehouse: Warehouse) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that holds the watchers' lock: what one run tells, another does not tell meanwhile.

    Every statement on it is a transaction of its own, so that what was told is on record before the next is told.
    Raises Transient when another watcher is at work for long, WarehouseUnavailable when the server goes away.
    """
    with warehouse.connect(autocommit=True) as connection:
        try:
            connection.execute("SELECT set_config('lock_timeout', %s, false)", (_LOCK_WAIT,))
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        except psycopg.errors.LockNotAvailable as error:
            raise Transient(
                "another watcher is telling people at this moment",
                "nothing is lost: the next run tells what is left",
            ) from error
        try:
            yield connection
        except psycopg.OperationalError as error:
            raise WarehouseUnavailable(
                f"the warehouse went away during the watch (SQLSTATE {error.sqlstate})",
                "what was told by then is on record as far as the server took it; the next run goes on",
            ) from error


def load_told(
    connection: psycopg.Connection[tuple[Any, ...]], provinces: Collection[str], periods: Collection[str]
) -> Told:
    """What was told about these provinces and periods."""
    rows = connection.execute(
        "SELECT event_key, channels, sent_at IS NOT NULL FROM ops.notification "
        "WHERE province_code = ANY(%s) AND period_id = ANY(%s)",
        (list(provinces), list(periods)),
    ).fetchall()
    return Told({key: ToldRow(key, channels, complete) for key, channels, complete in rows})


def record(
    connection: psycopg.Connection[tuple[Any, ...]],
    told: Told,
    event: Event,
    message: Message,
    channel: str,
    *,
    state: State,
    words: str,
    at: datetime,
) -> None:
    """Write down that a channel carried an event's message, or why it did not; at once, in ``told`` too.

    A channel that has carried it keeps that entry whatever comes later.
    """
    row = told.rows.setdefault(event.key, ToldRow(event.key, {}, complete=False))
    if row.channels.get(channel, {}).get("state") == SENT:
        return
    entry: dict[str, Any] = {"state": state, "at": at.isoformat(), "words": words[:_LONGEST_FAULT]}
    if state == SENT and event.also:
        entry["also"] = sorted(matter.key for matter in event.also)
    connection.execute(
        "INSERT INTO ops.notification (event_key, kind, province_code, period_id, duty, day, message_vi, channels, "
        "raised_at, attempts) VALUES (%s, %s, %s, %s, %s, %s, %s, %s::jsonb, %s, 1) "
        "ON CONFLICT (event_key) DO UPDATE SET message_vi = excluded.message_vi, "
        "channels = ops.notification.channels || excluded.channels, attempts = ops.notification.attempts + 1",
        (
            event.key,
            event.kind,
            event.province_code,
            event.period_id,
            ", ".join(event.duties),
            at.astimezone(VIETNAM).date(),
            f"{message.subject}\n\n{message.text}",
            json.dumps({channel: entry}, ensure_ascii=False),
            at,
        ),
    )
    row.channels[channel] = entry


def close(
    connection: psycopg.Connection[tuple[Any, ...]],
    told: Told,
    done: Mapping[str, Collection[str]],
    at: datetime,
) -> None:
    """Mark the events that every channel has heard of, by this message or by another that told the same.

    ``done``: by channel, the keys of all matters it was told or need not be told. A channel that is added to the
    file later is not told what is closed by then.
    """
    for row in told.rows.values():
        if not row.complete and all(matters_of(row.event_key) <= frozenset(keys) for keys in done.values()):
            connection.execute(
                "UPDATE ops.notification SET sent_at = %s WHERE event_key = %s AND sent_at IS NULL",
                (at, row.event_key),
            )
            row.complete = True
