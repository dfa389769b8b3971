"""When what must not be kept is swept. The work is in etl/housekeeping.py."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.sdk import CronTriggerTimetable, dag, task
from orchestration.outcomes import run_stage

DOC = """
### Sweeping

Every night at 02:30 in Vietnam: files with personal data that are older than `BOCHISO_RETENTION_DAYS` are deleted
from the archive (their manifests and figures stay) and from `accepted/` and `refused/` of the inbox; work folders
that nothing needs any more are removed.
"""


@dag(
    dag_id="housekeeping",
    schedule=CronTriggerTimetable("30 2 * * *", timezone="Asia/Ho_Chi_Minh"),
    start_date=datetime(2026, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["housekeeping"],
    doc_md=DOC,
)
def housekeeping() -> None:
    @task
    def expire_personal_data() -> list[str]:
        return run_stage("expire_personal_data", module="etl.housekeeping")

    @task
    def sweep_work() -> int:
        return run_stage("sweep_work", module="etl.housekeeping")

    expire_personal_data()
    sweep_work()


housekeeping()
