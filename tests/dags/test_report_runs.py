"""Which runs the report DAGs have: one per period after its cut-off, and by a key that names it for good."""

from __future__ import annotations

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
import yaml

from etl.airflow_runs import FINAL, KINDS, PRELIMINARY, ReportRun, ReportSchedule, parse_key
from etl.duties import DUTIES_FILE, load_duties, owed
from etl.errors import Terminal, UnknownName
from etl.periods import VIETNAM
from etl.reference.calendar import load_calendar_overrides
from etl.settings import PROJECT_ROOT, Settings

DEADLINES = PROJECT_ROOT.parent / "shared" / "domain" / "deadlines_2023_2027.csv"
YEARS = range(2023, 2028)


def schedule(kind: str) -> ReportSchedule:
    return ReportSchedule(kind, load_duties(), load_calendar_overrides())


def vietnam(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=VIETNAM)


@pytest.mark.skipif(not DEADLINES.is_file(), reason="the table of 60 deadlines is not beside the project")
def test_the_runs_of_sixty_months_meet_the_table_of_deadlines() -> None:
    with DEADLINES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 60
    kinds = {"monthly": "month", "quarterly": "quarter", "annual": "year"}
    wanted: dict[str, list[tuple[datetime, str, datetime | None, datetime | None]]] = {
        kind: [] for kind in KINDS
    }
    for row in rows:
        the_18th = date.fromisoformat(row["the_18th"])
        target = date.fromisoformat(row["last_working_day_before_18th"])
        due = datetime.combine(the_18th, time(), VIETNAM) - timedelta(seconds=1)
        go_ahead = datetime.combine(target, time(14), VIETNAM)
        final = datetime.combine(the_18th.replace(day=15), time(4, 30), VIETNAM)
        for scope in row["scopes"].split("+"):
            runs = wanted[kinds[scope.strip()]]
            if target < the_18th.replace(day=15):
                runs.append((final.replace(day=target.day), PRELIMINARY, go_ahead, None))
                runs.append((final, FINAL, None, due))
            else:
                runs.append((final, FINAL, go_ahead, due))
    for kind in KINDS:
        found = [run for year in YEARS for run in schedule(kind).runs(year)]
        assert [(run.at, run.stage, run.go_ahead_at, run.due_at) for run in found] == wanted[kind]


@pytest.mark.parametrize(("kind", "count"), [("month", 61), ("quarter", 20), ("year", 5)])
def test_the_runs_of_five_years_are_those_of_the_duties(kind: str, count: int) -> None:
    found = [run for year in YEARS for run in schedule(kind).runs(year)]
    assert len(found) == count
    dues = [
        due
        for year in YEARS
        for due in owed(None, year, load_calendar_overrides())
        if due.period.kind == kind
    ]
    instants = {due.final_at for due in dues} | {due.preliminary_at for due in dues if due.preliminary_at}
    assert {run.at for run in found} == instants
    assert [run.at for run in found] == sorted(run.at for run in found)


def test_tet_of_2026_has_a_preliminary_run_before_the_final_one() -> None:
    early, final = (run for run in schedule("month").runs(2026) if run.period.id == "2026-02")
    assert early == ReportRun(
        early.period, PRELIMINARY, vietnam("2026-02-13T04:30"), vietnam("2026-02-13T14:00"), None
    )
    assert (early.key, final.key) == ("2026-02/preliminary", "2026-02")
    assert (final.at, final.due_at) == (vietnam("2026-02-15T04:30"), vietnam("2026-02-17T23:59:59"))
    assert final.go_ahead_at is None, "its target day lies behind when it starts"
    assert sum("/" in run.key for run in schedule("month").runs(2026)) == 1


def test_december_has_a_run_of_each_kind_at_the_same_instant_under_its_own_key() -> None:
    runs = [schedule(kind).runs(2026)[-1] for kind in KINDS]
    assert [run.key for run in runs] == ["2026-12", "2026-Q4", "2026"]
    assert {run.at for run in runs} == {vietnam("2026-12-15T04:30")}


def test_every_key_finds_its_run_again() -> None:
    for kind in KINDS:
        runs = [run for year in (2001, 2026, 2099) for run in schedule(kind).runs(year)]
        assert runs
        for run in runs:
            assert schedule(kind).run(run.key) == run
            assert parse_key(run.key) == (run.period, run.stage)


@pytest.mark.parametrize(
    "key",
    ["2026-Q3", "2026", "2026-H1", "2026-13", "2026-10/preliminary", "2026-02/final", "2026-02/", "x", ""],
)
def test_a_key_that_names_no_month_run_is_refused(key: str) -> None:
    with pytest.raises(UnknownName):
        schedule("month").run(key)


def test_before_and_after_meet_at_the_instant_itself() -> None:
    monthly = schedule("month")
    at = vietnam("2026-10-15T04:30")
    before, run = monthly.last_until(at - timedelta(seconds=1)), monthly.last_until(at)
    assert before is not None
    assert run is not None
    assert (before.key, run.key) == ("2026-09", "2026-10")
    after, inclusive = monthly.first_after(at), monthly.first_after(at, inclusive=True)
    assert after is not None
    assert inclusive is not None
    assert (after.key, inclusive.key) == ("2026-11", "2026-10")
    year_end = monthly.first_after(vietnam("2026-12-31T23:00"))
    assert year_end is not None
    assert year_end.key == "2027-01"


def test_a_range_of_days_holds_a_preliminary_run_only_without_its_final_one() -> None:
    monthly = schedule("month")
    keys = [run.key for run in monthly.between(vietnam("2026-01-15"), vietnam("2026-03-15"))]
    assert keys == ["2026-01", "2026-02", "2026-03"]
    assert [run.key for run in monthly.between(vietnam("2026-02-01"), vietnam("2026-02-14"))] == [
        "2026-02/preliminary"
    ]


def test_an_installation_with_other_orders_has_other_runs(tmp_path: Path) -> None:
    document = yaml.safe_load(DUTIES_FILE.read_text(encoding="utf-8"))
    for duty in document["duties"]:
        duty |= {"run_at": "06:15", "kinds": {"month": True, "quarter": False, "half": False, "year": False}}
        duty["due"], duty["target"] = {"last_second_before": 25}, {"last_working_day_before": 25}
    (tmp_path / "duties.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    settings = Settings(home=tmp_path)  # type: ignore[call-arg]
    assert ReportSchedule.of(settings, "quarter").runs(2026) == ()
    assert ReportSchedule.of(settings, "quarter").first_after(vietnam("2026-01-01")) is None
    runs = ReportSchedule.of(settings, "month").runs(2026)
    assert (len(runs), runs[1].at) == (12, vietnam("2026-02-15T06:15")), "no preliminary run is needed"
    (tmp_path / "duties.yml").write_text("duties: []", encoding="utf-8")
    load_duties.cache_clear()
    with pytest.raises(Terminal, match=r"duties\.yml"):
        ReportSchedule.of(settings, "month")


def test_only_three_kinds_of_report_have_runs() -> None:
    with pytest.raises(UnknownName, match="half"):
        schedule("half")
