"""What is owed, to whom and by when: read from ``duties.yml``, reckoned for a year.

A duty (D1 to D4 of the letter) times a period is one thing that must leave the office in
time. No I/O but the YAML file, no clock: ``owed`` gives the same answer on any day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from etl.errors import Terminal
from etl.periods import ADMINISTRATIVE, VIETNAM, Period, Window, periods_of_year, report_calendar, window_of
from etl.reference.provinces import Province

DUTIES_FILE = Path(__file__).parent / "duties.yml"

Product = Literal["digitization_form", "report_letter", "appendix_workbook", "publication_copy"]
# A day of the period's last month. Figures run until the 14th and their final run is on the 15th, so the last
# second before the 16th is the earliest that can be kept; the 28th is the last day that every month has.
_Before = Annotated[int, Field(ge=16, le=28, strict=True)]


def _quoted(value: object) -> object:
    """YAML reads a bare 17:30 as the number 1050, which pydantic would take for seconds: only text is an hour."""
    if not isinstance(value, str):
        raise PydanticCustomError("hour", 'write the hour in quotes, as in "04:30"')
    return value


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kinds(_Data):
    """Which kinds of period a duty is owed for."""

    month: bool
    quarter: bool
    half: bool
    year: bool


class Pairing(_Data):
    """Which period of a source a report of each kind uses: the report's own, or the like one before it."""

    month: Literal["same", "previous"]
    quarter: Literal["same", "previous"]
    half: Literal["same", "previous"]
    year: Literal["same", "previous"]

    def of(self, period: Period) -> Period:
        return period.previous() if getattr(self, period.kind) == "previous" else period


class InputRule(_Data):
    """One source of a product: in which calendar, of which period; ``required``: nothing can be made without it."""

    source: Literal["national_portal", "digitization"]
    calendar: Literal["administrative", "calendar"]
    period: Pairing
    required: bool

    @model_validator(mode="after")
    def _portal_has_calendar_periods(self) -> InputRule:
        if self.source == "national_portal" and self.calendar != "calendar":
            raise ValueError("the portal reckons in calendar periods only")
        return self


class TargetRule(_Data):
    """Our own day: the last working day before this day of the period's last month."""

    last_working_day_before: _Before


class DueRule(_Data):
    """The legal instant: 23:59:59 in Vietnam on the day before this day of the period's last month."""

    last_second_before: _Before


class Duty(_Data):
    """One product that somebody owes to somebody, period after period (``duties.yml`` explains the keys)."""

    id: str = Field(pattern=r"^[A-Z][A-Z0-9_]{0,15}$")
    name_vi: str = Field(min_length=1)
    product: Product
    from_vi: str = Field(min_length=1)
    to_vi: str = Field(min_length=1)
    kinds: Kinds
    inputs: tuple[InputRule, ...] = Field(min_length=1)
    target: TargetRule
    due: DueRule
    run_at: Annotated[time, BeforeValidator(_quoted)]
    go_ahead_at: Annotated[time, BeforeValidator(_quoted)]
    read_from_day: int = Field(ge=1, le=15, strict=True)
    release_set: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    sign_off: bool
    go_ahead_incomplete: bool
    legal_basis: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Duty:
        if self.target.last_working_day_before > self.due.last_second_before:
            raise ValueError(
                "the target day may fall after the due instant: let target not be later than due"
            )
        sources = [rule.source for rule in self.inputs]
        if len(set(sources)) < len(sources):
            raise ValueError("a source is named twice among the inputs")
        if not any(rule.required for rule in self.inputs):
            raise ValueError("at least one input must be required")
        if self.run_at.tzinfo is not None or self.go_ahead_at.tzinfo is not None:
            raise ValueError("run_at and go_ahead_at are hours in Vietnam: write them without a zone")
        return self

    def owed_for(self, kind: str) -> bool:
        """Whether the duty is owed for a kind of period: month, quarter, half or year."""
        return bool(getattr(self.kinds, kind))


class _File(_Data):
    duties: tuple[Duty, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sets_agree(self) -> _File:
        """What leaves together has the same kinds, hours, days and signature."""
        for name in {duty.release_set for duty in self.duties}:
            together = [duty for duty in self.duties if duty.release_set == name]
            for key in ("kinds", "target", "due", "run_at", "go_ahead_at", "sign_off"):
                if any(getattr(duty, key) != getattr(together[0], key) for duty in together):
                    ids = ", ".join(duty.id for duty in together)
                    raise ValueError(f"{ids} are released together ({name}): let {key} be the same for them")
        return self


def duties_file(home: Path) -> Path:
    """The duties file of an installation: ``<home>/duties.yml`` where an office has put one, else the letter's."""
    own = home / "duties.yml"
    return own if own.is_file() else DUTIES_FILE


@cache
def load_duties(path: Path | None = None) -> tuple[Duty, ...]:
    """The duties of a file, in its order; without one, those of the letter (``etl/duties.yml``).

    Raises Terminal naming the file, the duty and the key that cannot be used.
    """
    path = path or DUTIES_FILE
    remedy = "mend the file; etl/duties.yml shows every key and says what it means"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Terminal(f"the duties file {path} cannot be read: {error}", remedy) from error
    try:
        duties = _File.model_validate(document).duties
    except ValidationError as error:
        wrong = "; ".join(
            f"{_place(document, item['loc'])}: {item['msg']}" for item in error.errors(include_url=False)
        )
        raise Terminal(f"the duties file {path} cannot be used: {wrong}", remedy) from error
    ids = [duty.id for duty in duties]
    if twice := sorted({duty_id for duty_id in ids if ids.count(duty_id) > 1}):
        raise Terminal(f"the duties file {path} names {', '.join(twice)} more than once (key id)", remedy)
    return duties


def _place(document: Any, keys: Sequence[int | str]) -> str:
    """ "D1.due.last_second_before" of ("duties", 0, "due", "last_second_before")."""
    names = [str(key) for key in keys]
    if len(keys) >= 2 and keys[0] == "duties":
        entry = document["duties"][keys[1]]
        known = entry.get("id") if isinstance(entry, dict) else None
        names = [str(known) if known else f"duty {int(keys[1]) + 1}", *names[2:]]
    return ".".join(names) or "the file"


@dataclass(frozen=True)
class DueInput:
    """The period of a source that a product needs, and the days its figures are about."""

    source: str
    window: Window
    required: bool

    @property
    def period(self) -> Period:
        return self.window.period


@dataclass(frozen=True)
class DutyDue:
    """One duty of one period.

    ``window`` bounds the report's days (15th to 14th); ``portal_period`` is the portal's
    period it is read beside (None where the duty needs nothing of the portal); ``cut_off`` is
    the first instant after the window. ``preliminary_at`` is set where the target day comes
    before the window has closed; the final run follows right after the cut-off. Inputs are waited
    for until ``go_ahead_at``; the portal is read from the day ``read_from`` on. All instants
    are aware, in Vietnam's zone. ``before_series``: the window begins before the province's
    own series (``valid_from``), so a merged province needs figures of its predecessors.
    """

    province_code: str | None
    duty: Duty
    period: Period
    window: Window
    portal_period: Period | None
    inputs: tuple[DueInput, ...]
    target_day: date
    cut_off: datetime
    due_at: datetime
    preliminary_at: datetime | None
    final_at: datetime
    go_ahead_at: datetime
    read_from: date
    before_series: bool = False

    @property
    def preliminary_go_ahead_at(self) -> datetime:
        """How long the preliminary run waits for what lacks."""
        at = datetime.combine(self.target_day, self.duty.go_ahead_at, VIETNAM)
        return max(at, self.preliminary_at) if self.preliminary_at is not None else at


def owed(
    province: Province | None,
    year: int,
    overrides: Mapping[date, str] | None = None,
    duties: Iterable[Duty] | None = None,
) -> tuple[DutyDue, ...]:
    """Everything a province owes in a year: by due instant, then month before quarter before year, then file order.

    A province owes what falls due while it exists (``valid_from`` to ``valid_to``): who is there on the
    due day reports. So the last of Bà Rịa - Vũng Tàu are June and quarter II of 2025; July, quarter III
    and the year 2025 are its successor's, and marked ``before_series``. None stands for any province, at any
    time. ``overrides`` are the announced swaps of working days; without ``duties``, those of the letter.
    """
    duties = load_duties() if duties is None else tuple(duties)
    found = [
        _due(province, duty, period, overrides)
        for period in periods_of_year(year)
        for duty in duties
        if duty.owed_for(period.kind)
    ]
    return tuple(sorted((due for due in found if _exists(province, due.due_at)), key=lambda due: due.due_at))


def _due(
    province: Province | None, duty: Duty, period: Period, overrides: Mapping[date, str] | None
) -> DutyDue:
    report = report_calendar(
        period,
        overrides,
        target_before=duty.target.last_working_day_before,
        due_before=duty.due.last_second_before,
    )
    inputs = tuple(
        DueInput(rule.source, window_of(rule.period.of(period), rule.calendar), rule.required)
        for rule in duty.inputs
    )
    return DutyDue(
        province_code=province.code if province else None,
        duty=duty,
        period=period,
        window=window_of(period, ADMINISTRATIVE),
        portal_period=next((one.period for one in inputs if one.source == "national_portal"), None),
        inputs=inputs,
        target_day=report.target_day,
        cut_off=report.cut_off,
        due_at=report.due_at,
        preliminary_at=_run(duty, report.target_day) if report.preliminary else None,
        final_at=_run(duty, report.window_last + timedelta(days=1)),
        go_ahead_at=max(
            datetime.combine(report.target_day, duty.go_ahead_at, VIETNAM),
            _run(duty, report.window_last + timedelta(days=1)),
        ),
        read_from=date(period.year, period.last_month, duty.read_from_day),
        before_series=province is not None and report.window_first < province.valid_from,
    )


def _run(duty: Duty, day: date) -> datetime:
    return datetime.combine(day, duty.run_at, VIETNAM)


def _exists(province: Province | None, at: datetime) -> bool:
    if province is None:
        return True
    day = at.astimezone(VIETNAM).date()
    return province.valid_from <= day and (province.valid_to is None or day <= province.valid_to)
