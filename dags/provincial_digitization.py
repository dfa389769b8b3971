"""When the digitization form (D1) is made. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Param, dag, get_current_context, task
from orchestration.assets import DIGITIZATION_FORM, DIGITIZATION_SNAPSHOT
from orchestration.outcomes import run_stage

from etl.errors import ReportNotReady

DOC = """
### The provincial digitization form, columns (9) and (10) (D1)

Started by the asset `digitization_snapshot` (a form or a dossier list has become visible), or by hand with
`province` and `period`. The event's month, and the quarter and year it belongs to, are looked at; each is made
where every block of its period is there and whole, and **skipped with the names of what is missing** where not.
By hand, an incomplete period fails and says what is missing. The same figures give the same bytes.
"""


@dag(
    dag_id="provincial_digitization",
    schedule=[DIGITIZATION_SNAPSHOT],
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,  # nothing starts by the clock, and a paused report would miss its asset
    params={
        "province": Param(None, type=["null", "string"], description="by hand: slug or H-code"),
        "period": Param(None, type=["null", "string"], description="by hand: 2026-09, 2026-Q3 or 2026"),
        "calendar": Param(
            None, type=["null", "string"], description="administrative or calendar; default: setting"
        ),
    },
    default_args={
        "owner": "provincial-office",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(minutes=15),
    },
    tags=["report", "digitization"],
    doc_md=DOC,
)
def provincial_digitization() -> None:
    @task
    def targets(params: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """What to make: the two parameters, or the periods the events touch."""
        events = get_current_context().get("triggering_asset_events") or {}
        extras = [dict(event.extra) for asset_events in events.values() for event in asset_events]
        return run_stage("digitization_targets", params or {}, extras)

    @task(outlets=[DIGITIZATION_FORM])
    def form(target: dict[str, Any]) -> str:
        patient = () if target["asked"] else (ReportNotReady,)
        path = run_stage(
            "deliver_digitization",
            target["province"],
            target["period"],
            target["calendar"],
            skip_on=patient,
        )
        get_current_context()["outlet_events"][DIGITIZATION_FORM].extra = target
        return str(path)

    form.expand(target=targets())


provincial_digitization()
