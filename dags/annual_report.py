"""When a year's deliverables are made. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag
from orchestration.assets import PROVINCE_SNAPSHOT
from orchestration.report import MANNERS, appendix_of, by_hand

DOC = """
### The year's appendix workbook (D3)

Started by the asset `province_snapshot` (a complete snapshot has become visible), or by hand
with `province` and `period`. Months and quarters among the events are left to their own DAGs.
A report is made of a complete snapshot only; the same snapshot gives the same bytes.

A year read while it runs is marked *số liệu tạm thời*; it is compared with the year before it, never across the
break of the series between 2025 and 2026.
"""


@dag(
    dag_id="annual_report",
    schedule=[PROVINCE_SNAPSHOT],
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,  # nothing starts by the clock, and a paused report would miss its asset
    params=by_hand("2026"),
    default_args=MANNERS,
    tags=["report", "annual"],
    doc_md=DOC,
)
def annual_report() -> None:
    appendix_of("year")


annual_report()
