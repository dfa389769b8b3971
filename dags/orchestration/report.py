"""What the three report DAGs share: their parameters, their manners and their tasks. Not a DAG."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    AsyncCallback,
    BaseOperator,
    DeadlineAlert,
    Param,
    TriggerRule,
    get_current_context,
    task,
    task_group,
)
from airflow.sdk.exceptions import AirflowSkipException

from etl.errors import Terminal, Transient
from orchestration.assets import APPENDIX
from orchestration.outcomes import TerminalFailure, run_stage
from orchestration.sign_off import FORM, RELEASE, SignOff
from plugins.report_deadline import ReportDeadline

STAGES = "etl.report_stages"

log = logging.getLogger(__name__)

MANNERS = {
    "owner": "provincial-office",
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(minutes=15),
}
# For the two tasks that wait. Where the scheduler is slow and the answer quick, Airflow 3.3.2 takes the end of a task's
# first part (it went to wait) for the death of its second one: seen on a machine with four times too much to do.
WAITING = {
    "execution_timeout": None,
    "retries": 10,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=10),
}

RING = AsyncCallback("plugins.report_deadline.ring")
# The documents have been due for signature since the go-ahead hour (14:00): an hour is left before offices close.
DEADLINES = [
    DeadlineAlert(
        name="target day", reference=ReportDeadline("go_ahead"), interval=timedelta(hours=2), callback=RING
    ),
    DeadlineAlert(name="due", reference=ReportDeadline("due"), interval=timedelta(), callback=RING),
]


class ReportDag(DAG):
    """A DAG with bells that can be run without a scheduler.

    ``DAG.test`` of Airflow 3.3.2 ends every successful run of a DAG with deadlines in an AttributeError: it takes
    their definitions for the ids of rows. A person is there who sees how it ends, so nothing rings.
    """

    def test(self, *arguments: Any, **named: Any) -> Any:
        """Run once in this process, without bells."""
        bells, self.deadline = self.deadline, None
        try:
            return super().test(*arguments, **named)
        finally:
            self.deadline = bells


def by_hand(example: str) -> dict[str, Param]:
    """The parameters of a run that a person starts; ``example`` is a portal period of the DAG's kind."""
    text = ["null", "string"]
    return {
        "province": Param(None, type=text, description="by hand: slug or H-code"),
        "period": Param(None, type=text, description=f"by hand: the portal's period, as in {example}"),
        "partition_key": Param(None, type=text, description="do what the timetable's run of this key does"),
        "wait": Param(True, type="boolean", description="off: inputs that lack fail the run"),
    }


class AwaitInputs(BaseOperator):
    """Wait in the triggerer until the inputs of a job are there; without ``wait``, fail and name what lacks."""

    template_fields = ("job",)
    ui_color = "#e6f0e6"

    def __init__(self, *, job: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def execute(self, context: Any, event: dict[str, Any] | None = None) -> None:
        """Also called when the trigger has fired: what was there may be gone again."""
        if not context["params"]["wait"]:
            run_stage("require_inputs", self.job, module=STAGES)
            return
        try:
            state = run_stage("inputs_ready", self.job, module=STAGES)
        except Transient as error:
            log.warning("%s is asked again: %s", self.job, error)
        else:
            if state["ready"]:
                return
            log.info("%s waits for: %s", self.job, " ".join(state["waiting_for"]))
        from etl.settings import get_settings
        from plugins.inputs_trigger import InputsTrigger

        self.defer(trigger=InputsTrigger(self.job, get_settings().report_poll_seconds), method_name="execute")


def note_failure(context: Any) -> None:
    """Tell the ledger that a job's task has failed for good, and what it said."""
    ti = context["ti"]
    job = ti.xcom_pull(task_ids="jobs")[ti.map_index]
    message = str(context.get("exception") or "the task ended without saying why (killed, or out of time)")
    if message.startswith("ReportNotReady"):
        return  # inputs lack: the ledger has their names already
    run_stage("note_failure", job, f"{ti.task_id}: {message}", module=STAGES)


def report_tasks(kind: str) -> None:
    """The tasks of a report DAG: by hand an appendix of the portal's period, then every job of the report period."""

    @task
    def targets(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        """Of which portal period an appendix is wanted: the one a person named; none in a run of the timetable."""
        from etl.stages import report_targets  # not while the file is parsed: it loads pandas and the drivers

        named = params or {}
        if run_key(named) and not named["period"]:
            return []
        try:
            return report_targets(kind, named, [])
        except Terminal as error:
            raise TerminalFailure(error) from error

    @task(outlets=[APPENDIX])
    def appendix(target: dict[str, str]) -> str:
        path = run_stage("deliver_appendix", target["province"], target["period"])
        get_current_context()["outlet_events"][APPENDIX].extra = target
        return str(path)

    @task(trigger_rule=TriggerRule.NONE_FAILED)  # a run of the timetable has no appendix
    def jobs(params: dict[str, Any] | None = None) -> list[dict[str, str]]:
        """What to build: every province and set that the period is owed for. Named by key or parameters, never by now."""
        named = params or {}
        asked = {"province": named["province"], "period": named["period"]}
        found: list[dict[str, str]] = run_stage("report_jobs", kind, asked, run_key(named), module=STAGES)
        return found

    @task(on_failure_callback=note_failure)
    def build(job: dict[str, str]) -> dict[str, Any]:
        built: dict[str, Any] = run_stage("build_release", job, module=RELEASE)
        if built["release_id"] is None:
            raise AirflowSkipException(f"{job}: nothing new, the release that stands has the same figures")
        return built

    @task(on_failure_callback=note_failure)
    def release(built: dict[str, Any]) -> dict[str, Any]:
        """Let it go out if the ledger says so; a sign-off that was passed over (``dag.test``) releases nothing."""
        release_id = built["release_id"]
        status = run_stage("release_status", release_id, module=RELEASE)
        if status not in ("approved", "released"):
            raise AirflowSkipException(f"{release_id} is not released: the ledger calls it {status}")
        published: dict[str, Any] = run_stage("publish_release", release_id, module=RELEASE)
        if not published["released"]:
            raise AirflowSkipException(f"{release_id} is not released: its approval was taken back")
        return published

    @task(on_failure_callback=note_failure)
    def send(built: dict[str, Any]) -> list[Any]:
        sent: list[Any] = run_stage("send_release", built["release_id"], module="etl.release_sending")
        return sent

    @task_group
    def report(job: dict[str, str]) -> None:
        waited = AwaitInputs(task_id="await_inputs", job=job, **WAITING)
        built = build(job)
        signed = SignOff(
            task_id="sign_off", built=built, params=FORM, on_failure_callback=note_failure, **WAITING
        )
        waited >> built >> signed >> release(built) >> send(built)

    todo = jobs()
    appendix.expand(target=targets()) >> todo
    report.expand(job=todo)


def run_key(params: dict[str, Any]) -> str | None:
    """The run's partition key; in process (``dag.test`` has none) the parameter of that name."""
    key: str | None = get_current_context()["dag_run"].partition_key
    return key or params["partition_key"]
