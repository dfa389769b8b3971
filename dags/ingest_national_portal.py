"""When and in what order the national portal is read. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from orchestration.assets import PROVINCE_SNAPSHOT
from orchestration.outcomes import run_stage

from etl.errors import PortalHasNoSuchData

DOC = """
### National portal → warehouse, one province and period

**fetch** (one slot of pool `national_portal`: one client, sequential) → **read** → **validate**
(Great Expectations) → **publish** (one transaction). The national page of the period follows
for the ranking of the provinces; where the portal has none, those tasks are skipped.

*Terminal* errors (refused by the portal, partial reading, failed checks) fail at once and say
what a person must do; *Transient* ones are retried. A complete snapshot emits the asset
`province_snapshot`. Reports do not start from it: their runs wait for the snapshot in the triggerer.
"""


@dag(
    dag_id="ingest_national_portal",
    schedule=None,
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,  # read_portal_on_time triggers it, and a paused DAG would leave its runs queued
    max_active_runs=1,
    params={
        "province": Param("phu_tho", type="string", description="slug (phu_tho) or H-code (H44)"),
        "period": Param("2026-08", type="string", description="2026-08, 2026-Q3 or 2026"),
    },
    default_args={
        "owner": "data-engineering",
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(hours=1),
        "execution_timeout": timedelta(minutes=30),
    },
    tags=["ingest", "national-portal"],
    doc_md=DOC,
)
def ingest_national_portal() -> None:
    @task(pool="national_portal")
    def fetch(params: dict[str, Any] | None = None) -> str:
        named = params or {}  # Airflow fills it in
        return run_stage("fetch", named["province"], named["period"])

    @task(pool="national_portal")
    def fetch_country(params: dict[str, Any] | None = None) -> str:
        return run_stage("fetch_country", (params or {})["period"], skip_on=(PortalHasNoSuchData,))

    @task
    def read(handed: str) -> str:
        return run_stage("read", handed)

    @task
    def validate(handed: str) -> str:
        return run_stage("validate", handed)

    @task
    def publish_country(handed: str) -> dict[str, Any]:
        return run_stage("publish_reading", handed)

    @task(outlets=[PROVINCE_SNAPSHOT])
    def publish(handed: str) -> dict[str, Any]:
        snapshot = run_stage("publish_reading", handed)
        get_current_context()["outlet_events"][PROVINCE_SNAPSHOT].extra = {
            "province": snapshot["province_code"],
            "period": snapshot["period_id"],
            "snapshot_id": snapshot["snapshot_id"],
        }
        return snapshot

    published = publish(validate(read(fetch())))
    country = fetch_country()
    published >> country  # the province comes first: the portal may stop answering at any call
    read_country = read.override(task_id="read_country")(country)
    publish_country(validate.override(task_id="validate_country")(read_country))


ingest_national_portal()
