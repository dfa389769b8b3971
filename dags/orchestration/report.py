"""What the three report DAGs share: their parameters, their manners and their two tasks. Not a DAG."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, get_current_context, task

from etl.errors import Terminal
from orchestration.assets import APPENDIX
from orchestration.outcomes import TerminalFailure, run_stage

MANNERS = {
    "owner": "provincial-office",
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(minutes=15),
}


def by_hand(example: str) -> dict[str, Param]:
    """The parameters of a run that a person starts; ``example`` is a period of the DAG's kind."""
    return {
        "province": Param(None, type=["null", "string"], description="by hand: slug or H-code"),
        "period": Param(None, type=["null", "string"], description=f"by hand: {example}"),
    }


def appendix_of(kind: str) -> None:
    """The two tasks of a report DAG: which provinces and periods of a kind, then an appendix of each."""

    @task
    def targets(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        """What to report on: the two parameters, or every period of the kind among the events that started the run."""
        from etl.stages import report_targets  # not while the file is parsed: it loads pandas and the drivers

        events = get_current_context().get("triggering_asset_events") or {}
        extras = [dict(event.extra) for asset_events in events.values() for event in asset_events]
        try:
            return report_targets(kind, params or {}, extras)
        except Terminal as error:
            raise TerminalFailure(error) from error

    @task(outlets=[APPENDIX])
    def appendix(target: dict[str, str]) -> str:
        path = run_stage("deliver_appendix", target["province"], target["period"])
        get_current_context()["outlet_events"][APPENDIX].extra = target
        return str(path)

    appendix.expand(target=targets())
