"""When a month's deliverables are made. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from orchestration.assets import APPENDIX, PROVINCE_SNAPSHOT
from orchestration.outcomes import run_stage

DOC = """
### The month's appendix workbook (D3)

Started by the asset `province_snapshot` (a complete snapshot has become visible), or by hand
with `province` and `period`. Quarters and years among the events are left to their own DAGs.
A report is made of a complete snapshot only; the same snapshot gives the same bytes.
"""


@dag(
    dag_id="monthly_report",
    schedule=[PROVINCE_SNAPSHOT],
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,  # nothing starts by the clock, and a paused report would miss its asset
    params={
        "province": Param(None, type=["null", "string"], description="by hand: slug or H-code"),
        "period": Param(None, type=["null", "string"], description="by hand: 2026-08"),
    },
    default_args={
        "owner": "provincial-office",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=15),
    },
    tags=["report", "monthly"],
    doc_md=DOC,
)
def monthly_report() -> None:
    @task
    def targets(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        """What to report on: the two parameters, or every month among the events that started the run."""
        events = get_current_context().get("triggering_asset_events") or {}
        extras = [dict(event.extra) for asset_events in events.values() for event in asset_events]
        return run_stage("monthly_targets", params or {}, extras)

    @task(outlets=[APPENDIX])
    def appendix(target: dict[str, str]) -> str:
        path = run_stage("deliver_appendix", target["province"], target["period"])
        get_current_context()["outlet_events"][APPENDIX].extra = target
        return str(path)

    appendix.expand(target=targets())


monthly_report()
