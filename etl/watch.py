"""The watcher: looks at the ledger of duties and tells people, once, through every channel.

Run by the DAG ``watch_deadlines``, by the deadline alerts of the report DAGs and from the command line, in any order
and as often as one likes: a lock lets one tell at a time, and ``ops.notification`` says, channel by channel, what was
told. What a channel did not carry is told at the next run, in the words that are right by then. A message is written
down right after it was handed over: a crash between the two repeats it once (under the same Message-ID and key)
rather than losing it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import psycopg

from etl.duties import Duty, duties_file, load_duties
from etl.errors import BochisoError, Terminal, Transient, UnknownName
from etl.notify.channels import Channel, log_channel, open_channels
from etl.notify.faults import MessageRefused
from etl.notify.message import Message
from etl.notify.messages import message
from etl.periods import Period
from etl.reference.calendar import load_calendar_overrides
from etl.report_stages import PRELIMINARY_KEY, open_duties, own_provinces
from etl.settings import Settings, environment_secrets
from etl.stages import ready_warehouse
from etl.warehouse.duty_ledger import DutyStatus, duty_statuses
from etl.warehouse.engine import open_warehouse
from etl.watch_events import Event, events, matters
from etl.watch_inputs import with_inputs_of_now
from etl.watch_ledger import FAILED, SENT, Told, close, load_told, one_watcher, record
from etl.watch_strict import strict_exit

__all__ = ["current_statuses", "deadline_passed", "strict_exit", "watch"]

Clock = Callable[[], datetime]
log = logging.getLogger(__name__)

_KINDS = {"monthly_report": "month", "quarterly_report": "quarter", "annual_report": "year"}


def watch(
    settings: Settings, clock: Clock, *, secrets: Mapping[str, str] | None = None
) -> list[dict[str, Any]]:
    """Tell what stands and was not told: one dict a message, with ``event``, ``kind``, ``severity``,
    ``province_code``, ``period_id``, ``duties``, ``subject`` and ``channels`` (name -> "sent" or the fault).

    ``secrets``: what the keys ``*_env`` of ``alerts.yml`` may name; None: this process's environment. Raises at the
    end, when all that could be told is told and on record: Transient where every fault may pass by itself, else
    Terminal (also for a channel file that cannot be used: the log file is written all the same).
    """
    return _watch(settings, clock, secrets, periods=None)


def deadline_passed(
    settings: Settings,
    dag_id: str,
    run_id: str,
    partition_key: str | None,
    clock: Clock,
    *,
    secrets: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """A report DAG's deadline alert rang: look at that period at once, the way the watcher does.

    ``partition_key`` is the run's (``2026-02`` or ``2026-02/preliminary``); None looks at every period. What the
    watcher has told already is not told again. Returns and raises as ``watch``; raises UnknownName for a key that
    is no report period of that DAG.
    """
    log.info("the deadline of %s passed (run %s, key %s)", dag_id, run_id, partition_key)
    if partition_key is None:
        return _watch(settings, clock, secrets, periods=None)
    period = Period.parse(partition_key.removesuffix(PRELIMINARY_KEY))
    kind = _KINDS.get(dag_id)
    if kind != period.kind:
        raise UnknownName(
            f"the deadline of {dag_id} names {partition_key}, which is not one of its periods",
            f"the DAGs with deadlines are {', '.join(_KINDS)}; look at the deadline reference in plugins/",
        )
    return _watch(settings, clock, secrets, periods={period.id})


def current_statuses(settings: Settings, clock: Clock) -> list[DutyStatus]:
    """The ledger as it stands now: rows made, missed ones marked, missing inputs looked up where a day nears."""
    open_duties(settings, clock)
    warehouse = open_warehouse(settings)
    now = clock()
    names = {province.code: province.name for province in own_provinces(settings)}
    found = duty_statuses(warehouse, names, now)
    return with_inputs_of_now(settings, warehouse, found, now, load_calendar_overrides())


def _watch(
    settings: Settings, clock: Clock, secrets: Mapping[str, str] | None, periods: Collection[str] | None
) -> list[dict[str, Any]]:
    secrets = environment_secrets() if secrets is None else secrets
    faults: dict[str, BochisoError] = {}
    try:
        channels = open_channels(settings.alerts_file, settings.home / "logs", secrets)
    except Terminal as fault:
        channels, faults = (log_channel(settings.home / "logs"),), {settings.alerts_file.name: fault}
    with one_watcher(ready_warehouse(settings)) as connection:
        statuses = [
            one for one in current_statuses(settings, clock) if periods is None or one.period_id in periods
        ]
        teller = _Teller(
            connection=connection,
            statuses=statuses,
            duties={duty.id: duty for duty in load_duties(duties_file(settings.home))},
            overrides=load_calendar_overrides(),
            told=load_told(
                connection, {one.province_code for one in statuses}, {one.period_id for one in statuses}
            ),
            now=clock(),
            clock=clock,
        )
        done = {channel.name: teller.tell_all(channel, faults) for channel in channels}
        if not faults.keys() & {settings.alerts_file.name}:
            close(connection, teller.told, done, clock())
    if faults:
        raise _together(faults)
    return list(teller.said.values())


@dataclass
class _Teller:
    """One run: what stands, what was told, and what this run told."""

    connection: psycopg.Connection[tuple[Any, ...]]
    statuses: list[DutyStatus]
    duties: Mapping[str, Duty]
    overrides: Mapping[date, str]
    told: Told
    now: datetime
    clock: Clock
    said: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tell_all(self, channel: Channel, faults: dict[str, BochisoError]) -> frozenset[str]:
        """Tell one channel what it has not heard. Returns the keys of all matters it needs no more.

        A channel that cannot be reached or used is left alone for the rest of the run; a message that the other side
        does not take does not keep the others back.
        """
        deaf = self._not_for(channel)
        for event in events(self.statuses, self.now, self.overrides, self.told.to(channel.name) | deaf):
            said = message(event, self.duties)
            fault = self._tell(channel, event, said)
            if fault is not None:
                faults.setdefault(channel.name, fault)
                if not isinstance(fault, MessageRefused):
                    break
        return self.told.to(channel.name) | deaf

    def _tell(self, channel: Channel, event: Event, said: Message) -> BochisoError | None:
        fault: BochisoError | None = None
        left_out: tuple[str, ...] = ()
        try:
            if isinstance(channel.carrier, BochisoError):
                raise channel.carrier
            receipt = channel.carrier.tell(said)
            words, left_out = receipt.text, receipt.left_out
        except (Terminal, Transient) as error:
            fault, words = error, str(error)
        if left_out:
            words = f"{words}, but not to {', '.join(left_out)}"
        record(
            self.connection,
            self.told,
            event,
            said,
            channel.name,
            state=FAILED if fault else SENT,
            words=words,
            at=self.clock(),
        )
        row = self.said.setdefault(event.key, _row(event, said))
        row["channels"][channel.name] = f"{FAILED}: {words}" if fault else SENT
        if fault:
            log.warning("%s was not told through %s: %s", event.key, channel.name, words)
            return fault
        log.info("%s was told through %s (%s)", event.key, channel.name, words)
        if left_out:
            # Told to the others: it is not told again, but somebody must mend the address.
            return MessageRefused(
                f"some recipients were refused: {', '.join(left_out)}",
                "correct 'to' of this channel in alerts.yml",
            )
        return None

    def _not_for(self, channel: Channel) -> frozenset[str]:
        return frozenset(
            matter.key
            for status in self.statuses
            for matter in matters(status, self.now, self.overrides)
            if not channel.hears(status.province_code, matter.severity)
        )


def _row(event: Event, said: Message) -> dict[str, Any]:
    return {
        "event": event.key,
        "kind": event.kind,
        "severity": event.severity,
        "province_code": event.province_code,
        "period_id": event.period_id,
        "duties": list(event.duties),
        "subject": said.subject,
        "channels": {},
    }


def _together(faults: Mapping[str, BochisoError]) -> BochisoError:
    """One error for all channels: Transient only where each of them may pass by itself."""
    passing = all(isinstance(fault, Transient) for fault in faults.values())
    message = "; ".join(f"{name}: {fault.message}" for name, fault in faults.items())
    remedy = "; ".join(dict.fromkeys(fault.remedy for fault in faults.values()))
    text = f"alerts did not get through everywhere: {message}"
    return Transient(text, remedy) if passing else Terminal(text, remedy)
