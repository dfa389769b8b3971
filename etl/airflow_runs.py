"""Which runs the report DAGs have, and by which key: one per report period, two where the first must be preliminary.

``plugins/report_timetable.py`` hands these to Airflow. The key of a run names its period for
good (``2026-10``, ``2026-Q3``, ``2026``; ``2026-02/preliminary``), so that a retry next month
makes the same report. No clock: the same duties and calendar give the same runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time

from etl.duties import Duty, DutyDue, duties_file, load_duties, owed
from etl.errors import UnknownName
from etl.periods import VIETNAM, Period
from etl.reference.calendar import load_calendar_overrides
from etl.settings import Settings

PRELIMINARY, FINAL = "preliminary", "final"
KINDS = ("month", "quarter", "year")
# The years whose periods and those before them can be named (``Period`` knows 2000 to 2100).
FIRST_YEAR, LAST_YEAR = 2001, 2099


@dataclass(frozen=True)
class ReportRun:
    """One run: its period and stage, when it starts, and the two instants after which somebody must be told.

    ``go_ahead_at`` is the hour of the target day until which inputs are waited for; None where the run starts
    only after it (the final run of a month whose target day came before the cut-off). ``due_at`` is the legal
    instant; None for a preliminary run, which nobody is owed. All are aware, in Vietnam's zone.
    """

    period: Period
    stage: str
    at: datetime
    go_ahead_at: datetime | None
    due_at: datetime | None

    @property
    def day(self) -> datetime:
        """The first instant of the day on which it starts: by days a person names what to make up for."""
        return datetime.combine(self.at.astimezone(VIETNAM).date(), time(), VIETNAM)

    @property
    def key(self) -> str:
        return self.period.id if self.stage == FINAL else f"{self.period.id}/{self.stage}"


def parse_key(key: str) -> tuple[Period, str]:
    """Period and stage of a run's key. Raises UnknownName."""
    text, slash, stage = key.partition("/")
    if slash and stage != PRELIMINARY:
        raise UnknownName(
            f"'{key}' names no report run", "write the period, as in 2026-10, or 2026-02/preliminary"
        )
    return Period.parse(text), stage or FINAL


class ReportSchedule:
    """The runs of one kind of report (month, quarter, year), reckoned from the duties, year by year."""

    def __init__(self, kind: str, duties: tuple[Duty, ...], overrides: Mapping[date, str]) -> None:
        if kind not in KINDS:
            raise UnknownName(f"'{kind}' is no kind of report", f"use {', '.join(KINDS)}")
        self.kind = kind
        self._duties = duties
        self._overrides = overrides
        self._years: dict[int, tuple[ReportRun, ...]] = {}

    @classmethod
    def of(cls, settings: Settings, kind: str) -> ReportSchedule:
        """The schedule of an installation: its own duties where it has them. Raises what ``load_duties`` raises."""
        return cls(kind, load_duties(duties_file(settings.home)), load_calendar_overrides())

    def runs(self, year: int) -> tuple[ReportRun, ...]:
        """The runs that start in a year, in order: a period's runs fall into its own last month."""
        if year not in self._years:
            self._years[year] = tuple(self._reckon(year)) if FIRST_YEAR <= year <= LAST_YEAR else ()
        return self._years[year]

    def run(self, key: str) -> ReportRun:
        """The run of a key. Raises UnknownName where this kind of report has no such run."""
        period, _ = parse_key(key)
        for run in self.runs(period.year):
            if run.key == key:
                return run
        raise UnknownName(
            f"there is no {self.kind} report run '{key}'",
            "name a period of its kind that a report is owed for; /preliminary only where the target day comes "
            "before the cut-off (`bochiso periods --year` shows both)",
        )

    def last_until(self, instant: datetime) -> ReportRun | None:
        """The newest run that starts at or before an instant (aware)."""
        year = instant.astimezone(VIETNAM).year
        found = [run for each in (year - 1, year) for run in self.runs(each) if run.at <= instant]
        return found[-1] if found else None

    def first_after(self, instant: datetime, *, inclusive: bool = False) -> ReportRun | None:
        """The next run after an instant (aware), or at it where ``inclusive``."""
        year = instant.astimezone(VIETNAM).year
        for each in (year, year + 1):
            for run in self.runs(each):
                if run.at > instant or (inclusive and run.at == instant):
                    return run
        return None

    def between(self, first: datetime, last: datetime) -> Iterator[ReportRun]:
        """The runs whose days lie between two instants (aware, both inclusive), in order.

        A preliminary run is left out where its final one is among them: what is made up for is made once.
        """
        for year in range(first.astimezone(VIETNAM).year, last.astimezone(VIETNAM).year + 1):
            inside = [run for run in self.runs(year) if first <= run.day <= last]
            final = {run.period for run in inside if run.stage == FINAL}
            yield from (run for run in inside if run.stage == FINAL or run.period not in final)

    def _reckon(self, year: int) -> Iterator[ReportRun]:
        by_period: dict[Period, list[DutyDue]] = {}
        for due in owed(None, year, self._overrides, self._duties):
            if due.period.kind == self.kind:
                by_period.setdefault(due.period, []).append(due)
        for period in sorted(by_period):
            yield from _runs_of(period, by_period[period])


def _runs_of(period: Period, dues: list[DutyDue]) -> Iterator[ReportRun]:
    """The runs of one period. Where duties differ, the earliest hour counts: what is not due yet waits in the run."""
    go_ahead_at = min(due.preliminary_go_ahead_at for due in dues)
    early = [due.preliminary_at for due in dues if due.preliminary_at is not None]
    if early:
        yield ReportRun(period, PRELIMINARY, min(early), go_ahead_at, None)
    at = min(due.final_at for due in dues)
    yield ReportRun(
        period, FINAL, at, go_ahead_at if at < go_ahead_at else None, min(due.due_at for due in dues)
    )
