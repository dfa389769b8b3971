"""When a month's deliverables are made. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag
from orchestration.assets import PROVINCE_SNAPSHOT
from orchestration.report import MANNERS, appendix_of, by_hand

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
    params=by_hand("2026-08"),
    default_args=MANNERS,
    tags=["report", "monthly"],
    doc_md=DOC,
)
def monthly_report() -> None:
    appendix_of("month")


monthly_report()
