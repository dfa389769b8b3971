"""The task that waits for files in the inbox. Not a DAG."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseOperator

from orchestration.outcomes import run_stage


class AwaitFiles(BaseOperator):
    """Take the files that wait in the inbox; where there is none, wait in the triggerer, not in a worker.

    Returns the work folders of what was taken, those of an earlier run that died included; none at all
    where the inbox is empty and the run's parameter ``wait`` is off.
    """

    ui_color = "#e6f0e6"

    def execute(self, context: Any) -> list[str]:
        taken: list[str] = run_stage("take_waiting", module="etl.file_stages")
        if not taken and context["params"]["wait"]:
            from plugins.inbox_trigger import InboxTrigger

            folder, provinces, poll, settle = run_stage("inbox_watch", module="etl.file_stages")
            self.defer(trigger=InboxTrigger(folder, provinces, poll, settle), method_name="arrived")
        return taken

    def arrived(self, context: Any, event: dict[str, Any] | None = None) -> list[str]:
        """Called when the trigger has fired. A file taken away in between leaves an empty list."""
        taken: list[str] = run_stage("take_waiting", module="etl.file_stages")
        return taken
