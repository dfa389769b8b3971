"""What a year owes, for a person at a terminal: the reports with their dates, and the duties they are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table

from etl.duties import Duty, DutyDue, duties_file, load_duties, owed
from etl.reference.calendar import load_calendar_overrides
from etl.reference.provinces import find_province
from etl.settings import Settings


def show_periods(settings: Settings, year: int, province: str | None, out: Console) -> None:
    """Print the reports owed in a year, by a province or (None) by any, and below them the duties.

    Raises UnknownName for another province or a year out of range, Terminal for a file that cannot be used.
    """
    identity = find_province(province, settings.provinces_dir) if province else None
    duties = load_duties(duties_file(settings.home))
    found = owed(identity, year, load_calendar_overrides(), duties)
    if not found and identity:
        last = identity.valid_to or "now"
        out.print(f"{identity.name} ({identity.valid_from} to {last}) owes nothing in {year}")
        return
    out.print(reports_table(found))
    out.print()
    out.print(duties_table(duties, found))


def reports_table(found: Iterable[DutyDue]) -> Table:
    """One line a report period (more where its duties have different dates), in the order they fall due."""
    table = _table(
        "report", "figures of", "portal period", "target day", "due", "final run", "duties", "note"
    )
    for _, group in groupby(found, key=_dates):
        together = list(group)
        due = together[0]
        table.add_row(
            due.period.id,
            f"{due.window.first:%Y-%m-%d} to {due.window.last:%Y-%m-%d}",
            due.portal_period.id if due.portal_period else "",
            f"{due.target_day:%a %Y-%m-%d}",
            f"{due.due_at:%Y-%m-%d %H:%M:%S}",
            f"{due.final_at:%Y-%m-%d %H:%M}",
            " ".join(one.duty.id for one in together),
            "; ".join(_notes(due)),
        )
    return table


def duties_table(duties: Sequence[Duty], found: Sequence[DutyDue]) -> Table:
    """One line a duty: what it is, from whom to whom, how often in the year, who approves."""
    table = _table("duty", "what", "from", "to", "in the year", "sign-off")
    for duty in duties:
        counts = Counter(one.period.kind for one in found if one.duty is duty)
        table.add_row(
            duty.id,
            duty.name_vi,
            duty.from_vi,
            duty.to_vi,
            ", ".join(f"{count} × {kind}" for kind, count in counts.items()) or "none",
            "a person" if duty.sign_off else "none",
        )
    for column in table.columns[1:4]:
        column.no_wrap = False
    return table


def _table(*headings: str) -> Table:
    table = Table(title=None, box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    return table


def _dates(due: DutyDue) -> tuple[object, ...]:
    return (
        due.period,
        due.window,
        due.portal_period,
        due.target_day,
        due.due_at,
        due.preliminary_at,
        due.final_at,
    )


def _notes(due: DutyDue) -> Iterable[str]:
    if due.preliminary_at is not None:
        yield f"preliminary on the target day at {due.preliminary_at:%H:%M}"
    if due.before_series:
        yield "begins before the province's own figures"
