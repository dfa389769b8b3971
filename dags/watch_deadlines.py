"""When the ledger of duties is looked at. The work is in etl/watch.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.sdk import CronTriggerTimetable, dag, task
from orchestration.outcomes import run_stage

DOC = """
### Who is late, and who must know

Ten minutes past every hour from 07:10 to 20:10 in Vietnam, when somebody can act, and at 00:10, right after a
due instant (the 17th 23:59:59): events of the ledger that nobody has been told yet go out through the channels of
`alerts.yml`. Each is told once; a channel that fails is tried again an hour later and turns the run red.

The ledger is filled by the reports themselves and does not need this DAG: `bochiso status --strict` says the same
without Airflow.
"""


@dag(
    dag_id="watch_deadlines",
    schedule=CronTriggerTimetable("10 0,7-20 * * *", timezone="Asia/Ho_Chi_Minh"),
    start_date=datetime(2023, 1, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=10),
    },
    tags=["deadlines"],
    doc_md=DOC,
)
def watch_deadlines() -> None:
    @task
    def watch() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = run_stage("watch", module="etl.watch")
        return told

    watch()


watch_deadlines()
