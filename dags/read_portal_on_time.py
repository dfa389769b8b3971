"""When the portal is read by itself. What is due is decided in etl/report_stages.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import CronTriggerTimetable, dag, get_current_context, task
from orchestration.outcomes import run_stage

DOC = """
### The portal's morning

The portal refreshes at about 02:00; at 04:00 in Vietnam what a report still needs is read: **captures_due** names
provinces and periods (from `read_from_day` of `duties.yml` on, until a reading is whole, and once more for the
final run), **read** starts `ingest_national_portal` for each. One of those runs at a time, one call at a time.

A morning asks for the same province and period once, also when it is cleared or tried again. What the portal
refused is asked for again on the next morning; a report that waits goes on a minute after the snapshot is there.
"""
VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


@dag(
    dag_id="read_portal_on_time",
    schedule=CronTriggerTimetable("0 4 * * *", timezone="Asia/Ho_Chi_Minh"),
    start_date=datetime(2023, 1, 1, tzinfo=VIETNAM),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=10),
    },
    tags=["ingest", "national-portal"],
    doc_md=DOC,
)
def read_portal_on_time() -> None:
    @task
    def captures_due() -> list[dict[str, Any]]:
        """One run of the ingestion each; its name holds the morning, so that it is started once."""
        morning = get_current_context()["dag_run"].run_after.astimezone(VIETNAM).date()
        return [
            {"conf": due, "trigger_run_id": f"on_time__{morning}__{due['province']}__{due['period']}"}
            for due in run_stage("captures_due", module="etl.report_stages")
        ]

    TriggerDagRunOperator.partial(
        task_id="read", trigger_dag_id="ingest_national_portal", skip_when_already_exists=True
    ).expand_kwargs(captures_due())


read_portal_on_time()
