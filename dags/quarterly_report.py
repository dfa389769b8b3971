"""When a quarter's deliverables are made. The work is in etl/stages.py."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag
from orchestration.assets import PROVINCE_SNAPSHOT
from orchestration.report import MANNERS, appendix_of, by_hand

DOC = """
### The quarter's appendix workbook (D3)

Started by the asset `province_snapshot` (a complete snapshot has become visible), or by hand
with `province` and `period`. Months and years among the events are left to their own DAGs.
A report is made of a complete snapshot only; the same snapshot gives the same bytes.

A quarter read while it runs is marked *số liệu tạm thời*; it is compared with the quarter before it, never across
the break of the series between 2025 and 2026.
"""


@dag(
    dag_id="quarterly_report",
    schedule=[PROVINCE_SNAPSHOT],
    start_date=datetime(2023, 1, 1),
    catchup=False,
    is_paused_upon_creation=False,  # nothing starts by the clock, and a paused report would miss its asset
    params=by_hand("2026-Q3"),
    default_args=MANNERS,
    tags=["report", "quarterly"],
    doc_md=DOC,
)
def quarterly_report() -> None:
    appendix_of("quarter")


quarterly_report()
