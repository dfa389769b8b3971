"""What Airflow must know by name: our timetable and the reference of our deadlines."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin

from plugins.report_deadline import ReportDeadline
from plugins.report_timetable import ReportTimetable


class BochisoPlugin(AirflowPlugin):
    """The only file of this folder that Airflow executes; it imports the others by their full names."""

    name = "bochiso"
    timetables = [ReportTimetable]  # noqa: RUF012  (Airflow's interface)
    deadline_references = [ReportDeadline]  # noqa: RUF012
