"""The bell of a report run: Airflow rings it when the run is not done by its go-ahead hour or its due instant.

The legal promise rests on our own ledger and watcher; this only makes the watcher look at once.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow.sdk.definitions.deadline import BaseDeadlineReference

from etl.errors import BochisoError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)


@dataclass(eq=False)
class ReportDeadline(BaseDeadlineReference):
    """The go-ahead hour of the target day, or the due instant, of the period that a run's partition key names.

    None, and so no bell: for runs without a key (by hand), for backfills and for runs that were created after the
    instant, because what lies behind is the watcher's to tell; and where ``duties.yml`` cannot be used, because
    Airflow would not create the run at all if this raised.
    """

    instant: str = "due"
    required_kwargs = {"dag_id", "run_id"}  # noqa: RUF012  (read by Airflow from the class)

    def serialize_reference(self) -> dict[str, Any]:
        return {**super().serialize_reference(), "instant": self.instant}

    @classmethod
    def deserialize_reference(cls, reference_data: dict[str, Any]) -> ReportDeadline:
        return cls(reference_data["instant"])

    def _evaluate_with(self, *, session: Session, dag_id: str, run_id: str) -> datetime | None:
        from airflow.models.dagrun import DagRun
        from airflow.utils.types import DagRunType
        from sqlalchemy import select

        asked = select(DagRun.partition_key, DagRun.run_type, DagRun.created_at)
        key, run_type, created_at = session.execute(
            asked.where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
        ).one()
        if key is None or run_type == DagRunType.BACKFILL_JOB:
            return None
        try:
            instant = _instant(key, self.instant)
        except BochisoError as error:
            log.warning("no bell for %s %s: %s", dag_id, key, error)
            return None
        return instant if instant is not None and instant > created_at else None


def _instant(key: str, name: str) -> datetime | None:
    from etl.airflow_runs import ReportSchedule, parse_key
    from etl.settings import get_settings

    period, _ = parse_key(key)
    run = ReportSchedule.of(get_settings(), period.kind).run(key)
    return run.due_at if name == "due" else run.go_ahead_at


async def ring(context: dict[str, Any]) -> str:
    """Called in the triggerer once the instant has passed and the run is not done. Returns what was told."""
    run = context["dag_run"]
    told = await asyncio.to_thread(_tell, run["dag_id"], run["dag_run_id"], run["partition_key"])
    return f"{run['dag_id']} {run['partition_key']}: {told}"


def _tell(dag_id: str, run_id: str, key: str) -> str:
    from etl.settings import get_settings
    from etl.stages import system_clock
    from etl.watch import deadline_passed

    return str(deadline_passed(get_settings(), dag_id, run_id, key, system_clock))
