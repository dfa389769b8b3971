"""When the reports run: right after each cut-off, and on the target day where that comes first.

Which runs there are is reckoned by ``etl/airflow_runs.py`` from ``duties.yml``; here they are
put into Airflow's words. Nothing heavy is imported while a DAG file is parsed: the duties and
Vietnam's holidays (0.2 s) are read when Airflow asks for runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pendulum
from airflow.exceptions import AirflowTimetableInvalid, InvalidPartitionKeyError
from airflow.sdk import timezone
from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType

    from etl.airflow_runs import ReportRun, ReportSchedule

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")
KINDS = ("month", "quarter", "year")


class ReportTimetable(Timetable):
    """The runs of one kind of report: ``month``, ``quarter`` or ``year``.

    A run's *partition key* is its report period (``2026-10``; ``2026-02/preliminary``), and its *partition date*
    the day on which it starts (00:00 in Vietnam), so that Airflow's own backfill over a range of days creates the
    runs that fell into it, also before the DAG's ``start_date``.

    It has no data interval: Airflow 3.3 derives a logical date from one, a partitioned run must have none, and
    the preliminary and the final run of a month would collide on it. What a run is about follows from its key.

    ``catchup=False`` is meant for it: after a stop the newest run that was missed is made up for, older ones are
    left to a person (backfill, or ``bochiso run``); the ledger has said that they are missing. On a fresh
    installation a run that lies behind is started only while its report is not yet due. Only this choice reads
    Airflow's clock; everything else is the same on any day. A change of ``duties.yml`` holds from the next start.

    Assets cannot start these runs as well: ``AssetOrTimeSchedule`` hides that the timetable inside is partitioned,
    and its runs would have no key. Reports wait for their inputs in the triggerer instead.
    """

    partitioned = True
    run_ordering = ("run_after",)

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.description = f"{kind} reports: 04:30 in Vietnam, after the cut-off of the 14th (duties.yml)"

    @property
    def summary(self) -> str:
        return f"{self.kind} reports, after each cut-off"

    def validate(self) -> None:
        if self.kind not in KINDS:
            raise AirflowTimetableInvalid(f"'{self.kind}' is no kind of report: use {', '.join(KINDS)}")

    def serialize(self) -> dict[str, Any]:
        return {"kind": self.kind}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> ReportTimetable:
        return cls(data["kind"])

    @cached_property
    def schedule(self) -> ReportSchedule:
        """The runs of this installation. Raises Terminal where its ``duties.yml`` cannot be used."""
        from etl.airflow_runs import ReportSchedule
        from etl.settings import get_settings

        return ReportSchedule.of(get_settings(), self.kind)

    def next_dagrun_info_v2(
        self, *, last_dagrun_info: DagRunInfo | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        """The run after the last one that Airflow created by timetable or backfill."""
        last = last_dagrun_info.run_after if last_dagrun_info else None
        run = self._next(last, restriction.earliest, None if restriction.catchup else timezone.utcnow())
        if run is None or (restriction.latest is not None and run.at > restriction.latest):
            return None
        return _info(run)

    def _next(
        self, last: datetime | None, earliest: datetime | None, now: datetime | None
    ) -> ReportRun | None:
        """``now``: None where every missed run is to be made up for."""
        if now is None:
            if last is not None:
                return self.schedule.first_after(last)
            return self.schedule.first_after(earliest, inclusive=True) if earliest is not None else None
        run = self.schedule.last_until(now)
        fresh = last is None and run is not None and (run.due_at is None or run.due_at <= now)
        if run is None or fresh or (last is not None and run.at <= last):
            run = self.schedule.first_after(max(filter(None, (last, now))))
        if run is not None and earliest is not None and run.at < earliest:
            run = self.schedule.first_after(earliest, inclusive=True)
        return run

    def iter_partition_dagrun_infos(self, *, earliest: datetime, latest: datetime) -> Iterable[DagRunInfo]:
        """The runs of a range of days, both included: what a backfill creates."""
        first, last = map(self.localize_partition_datetime, (earliest, latest))
        return map(_info, self.schedule.between(first, last))

    def localize_partition_datetime(self, dt: datetime) -> pendulum.DateTime:
        """The days a person gives to a backfill are days in Vietnam."""
        return pendulum.instance(dt.replace(tzinfo=VIETNAM))

    def _decode_partition_date(self, partition_key: str) -> datetime:
        from etl.errors import BochisoError

        try:
            return self.schedule.run(partition_key).day
        except BochisoError as error:
            raise InvalidPartitionKeyError(str(error)) from error

    def infer_manual_data_interval(self, *, run_after: pendulum.DateTime) -> DataInterval:
        """Of a run by hand with a logical date (``dag.test``): its instant. Nothing reads it."""
        return DataInterval.exact(run_after)

    def generate_run_id(
        self,
        *,
        run_type: DagRunType,
        run_after: pendulum.DateTime,
        data_interval: DataInterval | None,
        **extra: Any,
    ) -> str:
        """A name that shows the period. It ends at random: a period may be run again beside its first run."""
        from airflow.utils.strings import get_random_string

        parts = [run_after.astimezone(VIETNAM).isoformat(timespec="seconds")]
        if key := extra.get("partition_key"):
            parts.append(key.replace("/", "."))
        return run_type.generate_run_id(suffix="__".join([*parts, get_random_string()]))


def _info(run: ReportRun) -> DagRunInfo:
    return DagRunInfo(
        run_after=pendulum.instance(run.at),
        data_interval=None,
        partition_date=pendulum.instance(run.day),
        partition_key=run.key,
    )
