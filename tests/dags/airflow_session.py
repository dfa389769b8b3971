"""Questions to the real Airflow, in a process of its own: ``python airflow_session.py WHAT`` prints RESULT and JSON.

Its metadata live in an SQLite file under AIRFLOW_HOME. The stages of the reports are stood in for, so that only
what Airflow does is seen; ``tests/infra/test_airflow_reports.py`` runs the real ones.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
import threading
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import BundleDagBag, DagBag, sync_bag_to_db
from airflow.models.backfill import ReprocessBehavior, _create_backfill
from airflow.models.dag import DagModel
from airflow.models.dagrun import DagRun
from airflow.models.deadline import Deadline
from airflow.models.hitl import HITLDetail
from airflow.models.serialized_dag import SerializedDagModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import handle_event_submit
from airflow.timetables.base import DagRunInfo, TimeRestriction
from airflow.triggers.base import TriggerEvent
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType, DagRunType
from sqlalchemy import select

from etl.settings import PROJECT_ROOT

VIETNAM = dt.timezone(dt.timedelta(hours=7))
REPORTS = {"monthly_report": "month", "quarterly_report": "quarter", "annual_report": "year"}


def synced(folder: Path | None = None) -> BundleDagBag:
    """Bring the DAG files into the metadata database, as the DAG processor does."""
    manager = DagBundlesManager()
    with create_session() as session:
        manager.sync_bundles_to_db(session=session)
    [bundle] = manager.get_all_dag_bundles()
    bundle.initialize()
    path = folder or bundle.path
    bag = BundleDagBag(dag_folder=path, bundle_path=path, bundle_name=bundle.name)
    sync_bag_to_db(bag, bundle.name, bundle.version)
    return bag


def told(moment: dt.datetime) -> str:
    return moment.astimezone(VIETNAM).isoformat()


def vietnam(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


# --- timetable, backfill, deadlines --------------------------------------------------------


def runs_of_timetable(kind: str, start: str, until: str) -> list[tuple[str, str]]:
    """Every run that Airflow would make one after the other, with nothing missed."""
    from plugins.report_timetable import ReportTimetable

    timetable = ReportTimetable.deserialize(ReportTimetable(kind).serialize())
    restriction = TimeRestriction(earliest=vietnam(start), latest=vietnam(until), catchup=True)
    found: list[tuple[str, str]] = []
    last: DagRunInfo | None = None
    while last := timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction):
        assert last.data_interval is None
        assert timetable.resolve_partition_date(last.partition_key) == last.partition_date
        found.append((str(last.partition_key), told(last.run_after)))
    return found


def next_runs() -> list[dict[str, Any]]:
    """What comes next without catching up, at an hour, after a last run."""
    import plugins.report_timetable as module

    asked = [
        ("a fresh installation", "2026-10-05T09:00", None),
        ("fresh, between cut-off and due", "2026-10-16T09:00", None),
        ("fresh, between preliminary and final", "2026-02-13T09:00", None),
        ("as planned", "2026-10-15T04:30", "2026-09"),
        ("just created", "2026-10-15T04:31", "2026-10"),
        ("stopped for a day", "2026-10-16T09:00", "2026-09"),
        ("stopped for months", "2026-10-25T09:00", "2026-06"),
        ("stopped over preliminary and final", "2026-02-16T09:00", "2026-01"),
        ("after the preliminary", "2026-02-13T05:00", "2026-02/preliminary"),
        ("before the start date", "2022-05-05T09:00", None),
    ]
    timetable = module.ReportTimetable("month")
    restriction = TimeRestriction(earliest=vietnam("2023-01-01"), latest=None, catchup=False)
    answers = []
    for name, now, last_key in asked:
        module.timezone = SimpleNamespace(utcnow=lambda now=now: vietnam(now))
        last = None
        if last_key:
            at = timetable.schedule.run(last_key).at
            last = DagRunInfo(run_after=at, data_interval=None, partition_date=at, partition_key=last_key)
        info = timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
        assert info is not None
        answers.append({"asked": name, "key": info.partition_key, "at": told(info.run_after)})
    return answers


def backfill(dag_id: str, first: str, last: str) -> list[dict[str, Any]]:
    """Airflow's own backfill over some days: the keys, the instants, and how many tasks each run got."""
    days = [dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC) for day in (first, last)]
    made = _create_backfill(
        dag_id=dag_id,
        from_date=days[0],
        to_date=days[1],
        max_active_runs=2,
        reverse=False,
        dag_run_conf={},
        triggering_user_name="admin",
        reprocess_behavior=ReprocessBehavior.NONE,
    )
    with create_session() as session:
        runs = session.scalars(select(DagRun).where(DagRun.backfill_id == made.id).order_by(DagRun.id))
        found = [
            {"key": run.partition_key, "at": told(run.partition_date), "tasks": len(run.task_instances)}
            for run in runs
        ]
        session.get(type(made), made.id).completed_at = dt.datetime.now(dt.UTC)
    return found


def scheduled(dag_id: str, key: str) -> tuple[str, list[str]]:
    """Create the run of a key as the scheduler does: its id, and the instants at which its bells ring."""
    with create_session() as session:
        dag = SerializedDagModel.get_dag(dag_id, session=session)
        assert dag is not None
        at = dag.timetable.resolve_partition_date(key)
        run = dag.create_dagrun(
            run_id=dag.timetable.generate_run_id(
                run_type=DagRunType.SCHEDULED, run_after=at, data_interval=None, partition_key=key
            ),
            run_after=at,
            run_type=DagRunType.SCHEDULED,
            triggered_by=DagRunTriggeredByType.TIMETABLE,
            state=DagRunState.QUEUED,
            partition_key=key,
            partition_date=at,
            session=session,
        )
        session.flush()
        bells = session.scalars(select(Deadline.deadline_time).where(Deadline.dagrun_id == run.id))
        return run.run_id, sorted(map(told, bells))


def bells_of(run_id: str) -> list[str]:
    with create_session() as session:
        bells = session.scalars(select(Deadline).join(DagRun).where(DagRun.run_id == run_id))
        return sorted(told(bell.deadline_time) for bell in bells if bell.deadline_alert is not None)


def edited(folder: Path) -> None:
    """Copy the DAG files, change what has nothing to do with deadlines, and sync them in place of the first ones."""
    import shutil

    shutil.copytree(PROJECT_ROOT / "dags", folder, ignore=shutil.ignore_patterns("__pycache__"))
    file = folder / "monthly_report.py"
    text = file.read_text(encoding="utf-8")
    assert 'tags=["report", "monthly"]' in text
    file.write_text(text.replace('tags=["report", "monthly"]', 'tags=["report", "monthly", "edited"]'))
    synced(folder)


def missed(run_id: str) -> dict[str, Any]:
    """A deadline passes: the scheduler hands the callback over, the triggerer calls it."""
    heard: list[tuple[Any, ...]] = []
    watch = ModuleType("etl.watch")
    watch.deadline_passed = lambda settings, *args: heard.append(args[:-1]) or ["told"]  # type: ignore[attr-defined]
    sys.modules["etl.watch"] = watch
    from airflow.triggers.callback import CallbackTrigger

    with create_session() as session:
        bell = session.scalars(select(Deadline).join(DagRun).where(DagRun.run_id == run_id)).first()
        assert bell is not None
        bell.handle_miss(session)
        data = dict(bell.callback.data)
        state = str(bell.callback.state)
    trigger = CallbackTrigger(data["path"], dict(data["kwargs"]))

    async def events() -> list[Any]:
        return [event.payload async for event in trigger.run()]

    said = asyncio.run(events())
    return {"state": state, "heard": heard, "said": [event["state"] for event in said]}


def timetables() -> dict[str, Any]:
    initdb()
    synced()
    result: dict[str, Any] = {
        "runs": {kind: runs_of_timetable(kind, "2023-01-01", "2027-12-31") for kind in REPORTS.values()},
        "next": next_runs(),
        "backfill": {
            "before the start": backfill("monthly_report", "2021-11-01", "2022-02-28"),
            "to the day": backfill("monthly_report", "2022-03-15", "2022-03-15"),
            "february": backfill("monthly_report", "2026-02-01", "2026-02-28"),
            "before the cut-off": backfill("monthly_report", "2026-02-01", "2026-02-14"),
            "quarters": backfill("quarterly_report", "2024-01-01", "2024-12-31"),
            "year": backfill("annual_report", "2024-01-01", "2025-12-31"),
        },
    }
    with create_session() as session:
        result["models"] = {
            model.dag_id: [model.timetable_partitioned, model.next_dagrun_partition_key]
            for model in session.scalars(select(DagModel).where(DagModel.dag_id.in_(REPORTS)))
        }
        backfilled = select(Deadline).join(DagRun).where(DagRun.backfill_id.is_not(None))
        result["bells of backfills"] = len(session.scalars(backfilled).all())
    first, result["bells"] = scheduled("monthly_report", "2099-03")
    _, result["bells of a past run"] = scheduled("monthly_report", "2024-03")
    # A preliminary run that lies ahead: years whose Tết comes as in 2026.
    ahead = [key for key, _ in runs_of_timetable("month", "2090-01-01", "2099-12-31") if "/" in key]
    result["preliminary"] = {key: scheduled("monthly_report", key)[1] for key in ahead[:1]}
    result["final after preliminary"] = {
        key.partition("/")[0]: scheduled("monthly_report", key.partition("/")[0])[1] for key in ahead[:1]
    }
    edited(Path(sys.argv[2]))
    second, result["bells after an edit"] = scheduled("monthly_report", "2099-04")
    result["bells of the earlier run after an edit"] = bells_of(first)
    result["missed"] = missed(first)
    with create_session() as session:  # a run that ends well in time takes its bells along
        run = session.scalars(select(DagRun).where(DagRun.run_id == second)).one()
        run.end_date = dt.datetime.now(dt.UTC)
        Deadline.prune_deadlines(session=session, conditions={DagRun.id: run.id})
    result["bells of a run that went well"] = bells_of(second)
    return result


# --- the tasks of a report, with a ledger that stands in -----------------------------------


class Ledger:
    """What the stages would keep; ``calls`` is everything that they were told."""

    def __init__(self) -> None:
        self.status: dict[str, str] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.looks: dict[str, int] = {}
        self.jobs: list[dict[str, str]] = []

    def report_jobs(self, settings: Any, kind: str, params: Any, key: str | None, clock: Any) -> Any:
        self.calls.append(("jobs", kind, dict(params), key))
        return self.jobs

    def inputs_ready(self, settings: Any, job: dict[str, str], clock: Any) -> dict[str, Any]:
        from etl.errors import WarehouseUnavailable

        looks = self.looks[job["province"]] = self.looks.get(job["province"], 0) + 1
        if job["set"] == "late" and looks in (1, 3):  # for the task, and for the trigger
            raise WarehouseUnavailable("the warehouse starts", "wait")
        ready = {"late": looks >= 4, "absent": False}.get(job["set"], True)
        return {"ready": ready, "waiting_for": [] if ready else ["Chưa có biểu số hóa."]}

    def require_inputs(self, settings: Any, job: dict[str, str], clock: Any) -> None:
        from etl.errors import ReportNotReady

        if not self.inputs_ready(settings, job, clock)["ready"]:
            raise ReportNotReady("Chưa có biểu số hóa.", "hand it in")

    def build_release(self, settings: Any, job: dict[str, str], clock: Any) -> dict[str, Any]:
        from etl.errors import ValidationFailed

        name = job["set"]
        if name == "broken":
            raise ValidationFailed("cột (9) {{ 7 * 7 }} không khớp", "sửa biểu rồi nạp lại")
        signed = name != "unsigned"
        release_id = None if name == "unchanged" else f"{name}-1"
        if release_id:
            self.status.setdefault(release_id, "draft" if signed else "approved")
        return {
            "release_id": release_id,
            "needs_sign_off": signed,
            "subject": "Ký duyệt {{ dag.dag_id }} {% raw %}",
            "body": "**UBND {{ macros.datetime }}**",
        }

    def release_status(self, settings: Any, release_id: str, clock: Any) -> str:
        return self.status[release_id]

    def decide(
        self, settings: Any, release_id: str, approved: bool, who: str, comment: Any, clock: Any
    ) -> str:
        from etl.errors import WarehouseUnavailable

        self.calls.append(("decide", release_id, approved, who, comment))
        if (
            len([call for call in self.calls if call[:2] == ("decide", release_id)]) == 1
            and "busy" in release_id
        ):
            raise WarehouseUnavailable("the warehouse starts", "wait")
        self.status[release_id] = "approved" if approved else "rejected"
        return self.status[release_id]

    def publish_release(self, settings: Any, release_id: str, clock: Any) -> dict[str, Any]:
        self.calls.append(("publish", release_id))
        self.status[release_id] = "released"
        return {"released": True, "files": []}

    def send_release(self, settings: Any, release_id: str, clock: Any) -> list[str]:
        self.calls.append(("send", release_id))
        return []

    def note_failure(self, settings: Any, job: dict[str, str], message: str, clock: Any) -> None:
        self.calls.append(("failed", job["set"], message))

    def deliver_appendix(self, settings: Any, province: str, period: str, clock: Any) -> str:
        self.calls.append(("appendix", province, period))
        return "phu-luc.xlsx"

    def stand_in(self) -> None:
        import etl.stages

        for module in ("etl.report_stages", "etl.release_stages", "etl.release_sending"):
            room = ModuleType(module)
            for name in dir(self):
                if not name.startswith("_"):
                    setattr(room, name, getattr(self, name))
            sys.modules[module] = room
        etl.stages.deliver_appendix = self.deliver_appendix  # type: ignore[assignment]


def answering(answers: dict[str, tuple[str, str]], seen: list[dict[str, Any]]) -> threading.Thread:
    """Somebody who answers the forms as Airflow's page does."""

    def work() -> None:
        left = dict(answers)
        while left:
            time.sleep(0.2)
            with create_session() as session:
                for detail in session.scalars(select(HITLDetail).where(HITLDetail.responded_at.is_(None))):
                    task = session.get(TaskInstance, detail.ti_id)
                    name = next((name for name in left if f"[{name}-1]" in detail.subject), None)
                    if name is None or task is None or str(task.state) != "awaiting_input":
                        continue
                    option, comment = left.pop(name)
                    seen.append(
                        {"subject": detail.subject, "body": detail.body, "params": list(detail.params)}
                    )
                    detail.responded_by = {"id": "7", "name": "Trần Thị B"}
                    detail.responded_at = dt.datetime.now(dt.UTC)
                    detail.chosen_options = [option]
                    detail.params_input = {"comment": comment}
                    event = TriggerEvent(detail.as_resume_event_payload())
                    handle_event_submit(event, task_instance=task, session=session)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def states(run: DagRun) -> dict[str, str]:
    return {
        f"{ti.task_id}[{ti.map_index}]" if ti.map_index >= 0 else ti.task_id: str(ti.state)
        for ti in run.get_task_instances()
    }


def job(name: str) -> dict[str, str]:
    return {"province": name, "period": "2026-09", "set": name, "stage": "final"}


def fresh(dag_id: str) -> Any:
    """A DAG as its file says, without retries. Airflow leaves a run's configuration in the object that it ran."""
    dag = DagBag(str(PROJECT_ROOT / "dags")).dags[dag_id]
    for each in dag.tasks:
        each.retries = 0
    return dag


def tasks() -> dict[str, Any]:
    initdb()
    synced()
    result: dict[str, Any] = {}
    import orchestration.sign_off as sign_off

    sign_off.WAITS_SECONDS = (0,)
    ledger = Ledger()
    ledger.stand_in()
    names = ("yes", "no", "unsigned", "unchanged", "broken", "known", "late", "busy")
    ledger.jobs = [job(name) for name in names]
    ledger.status["known-1"] = "approved"
    seen: list[dict[str, Any]] = []
    person = answering(
        {
            "yes": ("Approve", "Đồng ý"),
            "no": ("Reject", "Sửa cột (9)"),
            "late": ("Approve", ""),
            "busy": ("Approve", "x"),
        },
        seen,
    )
    run = fresh("monthly_report").test(run_conf={"partition_key": "2026-09"})
    person.join(10)
    result["all"] = {
        "names": names,
        "state": str(run.state),
        "tasks": states(run),
        "calls": ledger.calls,
        "seen": seen,
        "looks": ledger.looks,
    }
    ledger = Ledger()
    ledger.stand_in()
    ledger.jobs = [job("yes")]
    conf = {"province": "phu_tho", "period": "2026-08", "wait": False}
    run = fresh("monthly_report").test(run_conf=conf, mark_success_pattern=r"report\.sign_off")
    result["by hand"] = {
        "state": str(run.state),
        "tasks": states(run),
        "calls": ledger.calls,
        "status": ledger.status,
    }
    ledger = Ledger()
    ledger.stand_in()
    run = fresh("annual_report").test(run_conf={"partition_key": "2026"})
    result["nothing owed"] = {"state": str(run.state), "tasks": states(run), "calls": ledger.calls}
    ledger = Ledger()
    ledger.stand_in()
    ledger.jobs = [job("absent")]
    run = fresh("monthly_report").test(run_conf={"partition_key": "2026-09", "wait": False})
    result["not waited for"] = {
        "state": str(run.state),
        "tasks": states(run),
        "calls": ledger.calls,
        "looks": ledger.looks,
    }
    run = fresh("monthly_report").test(run_conf={})
    result["nothing named"] = {"state": str(run.state), "tasks": states(run)}
    return result


if __name__ == "__main__":
    outcome = {"timetables": timetables, "tasks": tasks}[sys.argv[1]]()
    sys.stdout.write("RESULT" + json.dumps(outcome, ensure_ascii=False, default=str))
