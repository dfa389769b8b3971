"""When a month's reports are made. The work is in etl/report_stages.py."""

from __future__ import annotations

from datetime import datetime

from orchestration.report import DEADLINES, MANNERS, ReportDag, by_hand, report_tasks

from plugins.report_timetable import VIETNAM, ReportTimetable

DOC = """
### The month's reports: the digitization form (D1); letter, appendix and public copy (D2 to D4)

Started right after the cut-off (the 15th at 04:30 in Vietnam, `duties.yml`), one run per report period; the
partition key names the period, so that clearing or retrying next month makes the same report.
A month's target day that comes before the cut-off (February 2026: the 13th) also has a **preliminary** run on
that day, with the key `2026-02/preliminary`: its product is marked *số liệu tạm*.

For every province and set: **await_inputs** (in the triggerer, until the go-ahead hour of the target day at the
latest) → **build** (a draft) → **sign_off** (a person approves or refuses, with a comment) → **release** →
**send**. Nothing is released that the ledger does not call approved. What has not changed is not built again.

By hand: `province` and `period` (the portal's, as in `2026-08`) write the appendix workbook of that period first.
Past periods: Airflow's backfill over the days on which their runs fell, or `bochiso run`.
"""


with ReportDag(
    dag_id="monthly_report",
    schedule=ReportTimetable("month"),
    start_date=datetime(2023, 1, 1, tzinfo=VIETNAM),
    catchup=False,  # after a stop the newest run is made up for; older ones a person starts
    is_paused_upon_creation=False,
    deadline=DEADLINES,
    params=by_hand("2026-08"),
    default_args=MANNERS,
    tags=["report", "monthly"],
    doc_md=DOC,
):
    report_tasks("month")
