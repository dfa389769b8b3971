"""A year driven day by day through the real DAGs with a clock of its own: ``python rehearsal.py PLAN RESULT``.

Started by ``support.rehearsing.rehearse`` in Airflow's environment. What the triggerer does (asking again whether the
inputs are there) and what a person does (handing in forms, signing) is done here; everything else is the product:
timetables say when, DAGs run the stages, a sandbox portal answers as of the simulated morning.
"""

from __future__ import annotations

import gc

gc.set_threshold(50_000, 20, 100)

import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Mapping  # noqa: E402
from datetime import date, datetime, timedelta  # noqa: E402
from functools import cache  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from etl import release_sending, release_stages, report_stages, stages, watch  # noqa: E402
from etl.airflow_runs import KINDS, ReportSchedule  # noqa: E402
from etl.periods import VIETNAM, Period, window_of  # noqa: E402
from etl.reference.provinces import Province, find_province  # noqa: E402
from etl.sandbox import Fault, Misbehaviour, SamplePortal, SandboxServer  # noqa: E402
from etl.sandbox.contract import SERVICE_RESULTS  # noqa: E402
from etl.sandbox.sample_forms import write_form  # noqa: E402
from etl.settings import Settings, get_settings  # noqa: E402
from etl.warehouse import migrate  # noqa: E402
from etl.warehouse.release_ledger import DRAFT, releases  # noqa: E402

REPORTS = {"month": "monthly_report", "quarter": "quarterly_report", "year": "annual_report"}


class Portal:
    """The sample portal as of a simulated morning. Without the national page, for which it would draw 34 provinces."""

    def __init__(self, past: list[Province]) -> None:
        self.past = past
        self.as_of: datetime | None = None
        self._sample: SamplePortal | None = None

    def move(self, to: datetime) -> None:
        if self.as_of is None or to.date() != self.as_of.date():
            self.as_of, self._sample = to, None

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        if endpoint == SERVICE_RESULTS:
            return None
        if self._sample is None:
            self._sample = SamplePortal(766, self.as_of, past=self.past, first_year=2022)
        return self._sample.answer(endpoint, request)


class Rehearsal:
    def __init__(
        self, plan: dict[str, Any], settings: Settings, portal: Portal, server: SandboxServer
    ) -> None:
        self.plan, self.settings, self.portal, self.server = plan, settings, portal, server
        self.province = find_province(plan["province"], settings.provinces_dir)
        self.now = datetime(plan["year"], 1, 1, tzinfo=VIETNAM)
        self.schedules = {kind: ReportSchedule.of(settings, kind) for kind in KINDS}
        self.waiting: list[tuple[str, str]] = []  # (kind, key) of runs that have begun and are not whole
        self.seconds: Counter[str] = Counter()
        self.dag_runs: Counter[str] = Counter()
        self.failed: list[str] = []
        stages.system_clock = lambda: self.now  # the edge: everything asks it for the time
        sys.path.insert(0, os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
        from airflow.dag_processing.dagbag import DagBag
        from airflow.sdk.listener import get_listener_manager
        from in_process import Watcher

        # dag.test pauses for a second after every failed or skipped branch: time that nothing needs here.
        pause = time.sleep
        time.sleep = lambda seconds: pause(min(seconds, 0.01))
        self.bag = DagBag(os.environ["AIRFLOW__CORE__DAGS_FOLDER"])
        self.watcher = Watcher()
        get_listener_manager().add_listener(self.watcher)

    def run(self, dag_id: str, conf: dict[str, Any]) -> dict[str, Any]:
        """One DAG in this process, the signature passed over; returns states by task (and map index)."""
        from in_process import run_one

        begun = time.monotonic()
        request = {"retries": False, "mark_success": ["report.sign_off"], "conf": conf}
        outcome: dict[str, Any] = run_one(self.bag.dags[dag_id], request, self.watcher)
        self.seconds[dag_id] += time.monotonic() - begun
        self.dag_runs[dag_id] += 1
        return outcome

    # --- a day

    def at(self, day: date, hour: int, minute: int = 0) -> None:
        self.now = datetime(day.year, day.month, day.day, hour, minute, tzinfo=VIETNAM)

    def day(self, day: date) -> None:
        # Nothing happens on the other days but what the watcher says; in a quiet year it is asked where it may speak.
        busy = (14 if self.plan.get("quiet") else 8) <= day.day <= 20
        if not busy and (day.weekday() != 0 or self.plan.get("quiet")):
            return
        if busy:
            self.at(day, 3)
            self.hand_in(day)
            self.at(day, 4)
            self.read_portal(day)
            self.at(day, 4, 31)
            self.start_reports()
            self.at(day, 7, 10)
            self.look(through_airflow=day.day == 15)
            self.at(day, 14, 1)
            self.go_on()
            self.at(day, 16)
            self.sign(day)
        else:
            self.at(day, 7, 10)
            self.look(through_airflow=False)

    def read_portal(self, day: date) -> None:
        """What the DAG read_portal_on_time triggers."""
        self.portal.move(self.now)
        out = [date.fromisoformat(one) for one in self.plan.get("outage", [])]
        down = bool(out) and out[0] <= day <= out[1]
        self.server.misbehave(Fault(Misbehaviour.SERVER_ERROR) if down else None)
        for conf in report_stages.captures_due(self.settings, stages.system_clock):
            outcome = self.run("ingest_national_portal", conf)
            states = {task["task_id"]: task["state"] for task in outcome["tasks"]}
            if (states["publish"] == "success") == down:
                self.failed.append(f"{self.now:%Y-%m-%d} ingest {conf}: {states}")

    def hand_in(self, day: date) -> None:
        """Forms in the inbox: on the morning after the window's last day, or when the plan says so."""
        late: dict[str, str] = self.plan.get("late_forms", {})
        early: dict[str, str] = self.plan.get("early_forms", {})
        forms = [period for period, on in (late | early).items() if on == day.isoformat()]
        month = f"{day.year:04d}-{day.month:02d}"
        if day.day == 15 and month not in late:
            forms.append(month)
        for period in forms:
            inbox = self.settings.inbox_dir / self.province.slug
            inbox.mkdir(parents=True, exist_ok=True)
            form = write_form(
                inbox / f"bieu-so-hoa-{period}-{day:%d%m}.xlsx",
                self.province,
                window_of(Period.parse(period), "administrative"),
            )
            settled = (self.now - timedelta(hours=1)).timestamp()
            os.utime(form.path, (settled, settled))
        if forms:
            outcome = self.run("ingest_inbox", {"wait": False})
            if outcome["state"] != "success":
                self.failed.append(f"{self.now:%Y-%m-%d} inbox: {outcome}")

    def start_reports(self) -> None:
        """The timetables' runs since yesterday."""
        since = self.now - timedelta(days=1)
        for kind, schedule in self.schedules.items():
            run = schedule.first_after(since)
            while run is not None and run.at <= self.now:
                self.waiting.append((kind, run.key))
                run = schedule.first_after(run.at)
        self.go_on()

    def go_on(self) -> None:
        """What waits is asked again, as the triggerer does; a run with a job that is ready goes through its DAG."""
        for kind, key in list(self.waiting):
            jobs = report_stages.report_jobs(self.settings, kind, {}, key, stages.system_clock)
            ready = [
                report_stages.inputs_ready(self.settings, job, stages.system_clock)["ready"]
                for job in jobs
                if not self.built(job)
            ]
            if any(ready):
                self.run(REPORTS[kind], {"partition_key": key, "wait": False})
            if all(self.built(job) for job in jobs):
                self.waiting.remove((kind, key))

    def built(self, job: dict[str, Any]) -> bool:
        """Whether the newest release of a job's set and stage stands or waits for its signature."""
        with stages.ready_warehouse(self.settings).connect() as connection:
            found = releases(connection, self.province.code, job["period"], job["set"])
        of_stage = [one for one in found if one.stage == job["stage"]]
        return bool(of_stage) and of_stage[-1].status != "rejected"

    def look(self, *, through_airflow: bool) -> None:
        begun = time.monotonic()
        if through_airflow:
            outcome = self.run("watch_deadlines", {})
            if outcome["state"] != "success":
                self.failed.append(f"{self.now:%Y-%m-%d} watch: {outcome}")
        else:
            watch.watch(self.settings, stages.system_clock)
        self.seconds["watch"] += time.monotonic() - begun

    def sign(self, day: date) -> None:
        """The head of office signs what waits, or refuses it as planned; a refused one is mended and built by hand."""
        refuse: dict[str, str] = self.plan.get("refused", {})
        with stages.ready_warehouse(self.settings).connect() as connection:
            drafts = [one for one in releases(connection, self.province.code) if one.status == DRAFT]
        for one in drafts:
            comment = refuse.pop(f"{one.period_id}/{one.release_set}", None)
            release_stages.decide(
                self.settings,
                one.release_id,
                comment is None,
                "Nguyễn Văn Lãnh Đạo",
                comment,
                stages.system_clock,
            )
            if comment is not None:
                continue
            if one.period_id.endswith("-01"):  # through the DAG once a year: the rest goes the terminal's way
                kind = Period.parse(one.period_id).kind
                self.run(REPORTS[kind], {"partition_key": one.period_id, "wait": False})
            else:
                release_stages.publish_release(self.settings, one.release_id, stages.system_clock)
                release_sending.send_release(self.settings, one.release_id, stages.system_clock)
        again: dict[str, str] = self.plan.get("built_again", {})
        for name, on in again.items():
            if on == day.isoformat():
                period, release_set = name.split("/")
                job = {
                    "province": self.province.slug,
                    "period": period,
                    "set": release_set,
                    "stage": "final",
                    "asked": True,
                }
                draft = release_stages.build_release(self.settings, job, stages.system_clock)
                release_stages.decide(
                    self.settings, draft["release_id"], True, "Nguyễn Văn Lãnh Đạo", None, stages.system_clock
                )
                release_stages.publish_release(self.settings, draft["release_id"], stages.system_clock)
                self.waiting = [one for one in self.waiting if one[1] != period]

    def result(self) -> dict[str, Any]:
        with stages.ready_warehouse(self.settings).connect() as connection:
            deadlines = connection.execute(
                "SELECT period_id, duty, state, target_date, due_at, released_at FROM mart.deadlines ORDER BY due_at, 1, 2"
            ).fetchall()
            told = connection.execute(
                "SELECT kind, period_id, duty, day, raised_at, message_vi FROM ops.notification ORDER BY raised_at, event_key"
            ).fetchall()
            made = connection.execute(
                "SELECT period_id, release_no, release_set, stage, status, gaps_vi, built_at, released_at FROM mart.releases"
                " ORDER BY period_id, release_no"
            ).fetchall()
            sent = connection.execute("SELECT state, count(*) FROM ops.delivery GROUP BY 1").fetchall()
        return {
            "deadlines": [[str(value) if value is not None else None for value in row] for row in deadlines],
            "told": [[str(value) for value in row] for row in told],
            "releases": [
                [value if isinstance(value, (int, list)) else str(value) for value in row] for row in made
            ],
            "sent": dict(sent),
            "failed": self.failed,
            "dag_runs": dict(self.dag_runs),
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
        }


def a_few_units(keep: Mapping[str, int]) -> None:
    """Let the sample know the first so many units of each level only: duties do not depend on how many there are."""
    from etl.sandbox import sample_dossier_units

    every = sample_dossier_units.reporting_units

    @cache
    def few(province: Province) -> tuple[Any, ...]:
        seen: Counter[str] = Counter()
        kept = []
        for unit in every(province):
            seen[unit.level] += 1
            if seen[unit.level] <= keep.get(unit.level, 0):
                kept.append(unit)
        return tuple(kept)

    # The legal list of a province of the past, too: a form that lacks what the list names is not whole.
    whole_list = migrate.load_listed_units
    block_of = {"PROVINCE": "department", "DISTRICT": "district", "COMMUNE": "commune"}
    most = {block_of[level]: number for level, number in keep.items()}

    def few_listed(*folders: Any) -> Any:
        taken: Counter[str] = Counter()
        found = []
        for unit in whole_list(*folders):
            taken[unit.block] += 1
            if taken[unit.block] <= most.get(unit.block, 0):
                found.append(unit)
        return type(whole_list(*folders))(found)

    migrate.load_listed_units = few_listed  # type: ignore[assignment]
    for name, module in list(sys.modules.items()):
        if name.startswith("etl.sandbox") and getattr(module, "reporting_units", None) is every:
            module.reporting_units = few  # type: ignore[attr-defined]


def main(plan_file: Path, result_file: Path) -> int:
    plan = json.loads(plan_file.read_text(encoding="utf-8"))
    if plan.get("catalogue"):
        # Today's shapes in a year before them: the dates are rehearsed, not that year's scoring.
        import etl.reference.indicators as indicators
        from etl.sources.national_portal import fetch

        indicators._FILE = Path(plan["catalogue"])
        room = fetch.load_room().model_copy(update={"first_period": f"{plan['year'] - 1}-01"})
        fetch.load_room = report_stages.load_room = lambda: room
    if plan.get("units"):
        a_few_units(plan["units"])
    past = (
        [find_province(plan["province"], Path(os.environ["BOCHISO_HOME"]) / "provinces")]
        if plan.get("past")
        else []
    )
    portal = Portal(past)
    with SandboxServer(portal) as server:
        os.environ["BOCHISO_PORTAL_URL"] = server.url
        rehearsal = Rehearsal(plan, get_settings(), portal, server)
        day = date.fromisoformat(plan["first"])
        begun = time.monotonic()
        while day <= date.fromisoformat(plan["last"]):
            rehearsal.day(day)
            day += timedelta(days=1)
        rehearsal.seconds["all"] = time.monotonic() - begun
        rehearsal.seconds["processor"] = time.process_time()
        result_file.write_text(json.dumps(rehearsal.result(), ensure_ascii=False, indent=1), encoding="utf-8")
    gc.freeze()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
