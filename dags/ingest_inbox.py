"""When and in what order a file from the inbox is taken in. The work is in etl/file_stages.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task, task_group
from orchestration.assets import DIGITIZATION_SNAPSHOT
from orchestration.inbox import AwaitFiles
from orchestration.outcomes import run_stage

DOC = """
### A file someone dropped → warehouse, with a receipt

**await_files** waits in the triggerer until a file has settled in the inbox. Each file then goes through
**receive** (guard, recognise by content, read in a limited process) → **validate** (units, Great Expectations,
archive) → **publish** (one transaction) → **answer**: the file is moved to `accepted/` or `refused/`, the
receipt (Vietnamese, HTML and JSON) stands beside it.

A refused file fails its own tasks and no other's; its receipt says what to mend. The run that ends is followed
by the next, which waits again. A published form or list emits the asset `digitization_snapshot`, which starts
`provincial_digitization`. With `wait` off (a run by hand) an empty inbox ends the run.
"""


@dag(
    dag_id="ingest_inbox",
    schedule="@continuous",  # one run waits at a time; it costs a row in the triggerer, no worker
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    params={"wait": Param(True, type="boolean", description="off: an empty inbox ends the run")},
    default_args={
        "owner": "data-engineering",
        "retries": 2,
        "retry_delay": timedelta(minutes=1),  # whoever dropped the file waits, and so do later files
        # Guard and reader may take BOCHISO_FILE_SECONDS each (15 minutes), and end by themselves before this.
        "execution_timeout": timedelta(minutes=60),
    },
    tags=["ingest", "inbox"],
    doc_md=DOC,
)
def ingest_inbox() -> None:
    @task
    def receive(handed: str) -> str:
        return run_stage("receive", handed, module="etl.file_stages")

    @task
    def validate(handed: str) -> str:
        return run_stage("validate_file", handed, module="etl.file_stages")

    @task(outlets=[DIGITIZATION_SNAPSHOT])
    def publish(handed: str) -> dict[str, Any]:
        snapshot = run_stage("publish_file", handed, module="etl.file_stages")
        get_current_context()["outlet_events"][DIGITIZATION_SNAPSHOT].extra = {
            "province": snapshot["province_code"],
            "period": snapshot["period_id"],
            "calendar": snapshot["calendar"],
            "snapshot_id": snapshot["snapshot_id"],
        }
        return snapshot

    @task(trigger_rule="all_done")  # a refused file is answered too
    def answer(handed: str) -> str:
        return run_stage("answer", handed, module="etl.file_stages")

    @task_group
    def take_in(handed: str) -> None:
        publish(validate(receive(handed))) >> answer(handed)

    take_in.expand(handed=AwaitFiles(task_id="await_files", execution_timeout=None).output)


ingest_inbox()
