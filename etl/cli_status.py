"""What the warehouse holds, for a person at a terminal: status and queries."""

from __future__ import annotations

import csv
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from etl.errors import UnknownName
from etl.inbox.claim import unanswered
from etl.inbox.folder import ACCEPTED, RECEIPT_SUFFIXES, REFUSED, Inbox
from etl.periods import VIETNAM
from etl.reference.calendar import load_calendar_overrides
from etl.reference.provinces import load_provinces
from etl.settings import Settings
from etl.stages import ready_warehouse, system_clock
from etl.warehouse.checksum import warehouse_checksum
from etl.watch import current_statuses, strict_exit

_SNAPSHOTS = """
SELECT s.source, s.province_code, s.period_id, s.period_start || ' to ' || s.period_end,
       CASE WHEN s.complete THEN 'complete' ELSE 'partial: no ' || array_to_string(s.missing_groups, ', ') END
           || CASE WHEN s.provisional THEN ', provisional' ELSE '' END,
       s.units, s.captured_at, (SELECT max(k.last_checked_at) FROM core.snapshot_capture c
                                JOIN ops.capture_check k USING (capture_id) WHERE c.snapshot_id = s.snapshot_id)
FROM mart.snapshots s WHERE s.is_current
ORDER BY s.period_start IS NOT NULL, s.province_code, s.period_id, s.period_start, s.source
"""
_RUNS = """
SELECT started_at, stage, source, province_code, period_id, state, message, remedy
FROM ops.run ORDER BY started_at DESC LIMIT 12
"""
# Of published readings and of those that were refused whole; the newest capture's rows first.
_REFUSED = """
SELECT q.province_code, q.period_id, q.locator, q.column_name, q.value, q.message_vi
FROM quarantine.rejected_row q
ORDER BY (SELECT max(c.captured_at) FROM ops.capture c WHERE c.sha256 = q.capture_sha256) DESC,
         length(q.locator), q.locator, q.rule
LIMIT 12
"""
# What is owed next, and what is late: a quarter's worth is a screen.
_DEADLINES = """
SELECT province_code, period_id, string_agg(duty, ' ' ORDER BY duty), to_char(target_date, 'Dy YYYY-MM-DD'), due_at,
       state, max(released_at), array_to_string(min(missing_vi), ' ')
FROM mart.deadlines WHERE released_at IS NULL OR due_at > %s
GROUP BY province_code, period_id, release_set, target_date, due_at, state ORDER BY due_at, period_id LIMIT 16
"""
_RECEIPTS = 8


def show_status(settings: Settings, err: Console, *, checksum: bool) -> None:
    """Print the current snapshots, what the inbox answered and the last runs; or only the warehouse's checksum."""
    warehouse = ready_warehouse(settings)
    if checksum:
        sys.stdout.write(warehouse_checksum(warehouse) + "\n")
        return
    with warehouse.connect() as connection:
        snapshots = connection.execute(_SNAPSHOTS).fetchall()
        runs = connection.execute(_RUNS).fetchall()
        refused = connection.execute(_REFUSED).fetchall()
        deadlines = connection.execute(_DEADLINES, (system_clock() - timedelta(days=31),)).fetchall()
    console = Console(highlight=False, width=150 if not sys.stdout.isatty() else None)
    console.print(f"warehouse {warehouse.display_url}, home {settings.home}", soft_wrap=True)
    if not snapshots:
        console.print("nothing has been published yet")
        _hint(settings, err)
    else:
        console.print(
            _table(
                ("source", "province", "period", "days", "reading", "units", "captured", "last checked"),
                snapshots,
            )
        )
    if deadlines:
        console.print("\nwhat is owed", style="bold")
        headings = ("province", "report", "duties", "target day", "due", "state", "released", "missing")
        console.print(_table(headings, deadlines))
    _show_inbox(settings, console)
    if refused:
        console.print(
            "\nrefused values, newest reading first (quarantine.rejected_row has all)", style="bold"
        )
        console.print(_table(("province", "period", "place", "field", "value", "what to mend"), refused))
    if runs:
        console.print("\nlast runs, newest first", style="bold")
        console.print(
            _table(("started", "stage", "of", "province", "period", "state", "message", "what to do"), runs)
        )


def _show_inbox(settings: Settings, console: Console) -> None:
    """What waits, and the newest answers, from the receipts that stand beside the files."""
    folder = settings.inbox_dir
    if not folder.is_dir():
        return
    waiting = Inbox(folder, frozenset(load_provinces(settings.provinces_dir))).waiting(
        system_clock().timestamp(), 0.0
    )
    in_hand = sum(1 for _ in unanswered(settings.work_dir))
    console.print(
        f"\ninbox {folder}: {len(waiting)} waiting, {in_hand} in hand", style="bold", soft_wrap=True
    )
    pattern = f"*{RECEIPT_SUFFIXES[1]}"
    paths = [path for verdict in (ACCEPTED, REFUSED) for path in (folder / verdict).glob(pattern)]
    newest = sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name), reverse=True)
    if newest:
        headings = ("answer", "file", "period", "read", "taken", "held back", "why refused")
        console.print(_table(headings, [_answer(path) for path in newest[:_RECEIPTS]]))


def _answer(path: Path) -> tuple[Any, ...]:
    name = path.name.removesuffix(RECEIPT_SUFFIXES[1])
    try:
        said = json.loads(path.read_bytes())
        reason = (said["refusal"] or {}).get("message_vi", "")
        rows = [said[f"rows_{what}"] for what in ("read", "published", "quarantined")]
        return said["state"], name, said["period_id"], *rows, reason
    except (ValueError, LookupError, TypeError, AttributeError):  # the folder is open to the staff
        return "unreadable", name, None, None, None, None, f"{path.name} is no receipt of ours"


def strict_status(settings: Settings, out: Console) -> int:
    """Print what is owed and needs a person, one line a matter; returns the exit code of ``etl.watch.strict_exit``."""
    now = system_clock()
    code, lines = strict_exit(current_statuses(settings, lambda: now), now, load_calendar_overrides())
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)
    return code


def run_query(settings: Settings, query: str, err: Console) -> None:
    """Run one statement as the analyst, in a read-only transaction; CSV on standard output.

    Raises UnknownName with the server's words when the statement is refused.
    """
    warehouse = ready_warehouse(settings)
    with warehouse.connect("analyst") as connection:
        connection.read_only = True
        try:
            # binary: the extended protocol takes exactly one statement, so nothing can be smuggled behind it
            cursor = connection.execute(query, binary=True)
        except psycopg.Error as error:
            raise UnknownName(
                f"the warehouse refuses the query: {str(error).strip()}",
                "ask one SELECT over the views of schema mart; "
                "`select table_name from information_schema.views` lists them",
            ) from error
        if cursor.description is None:
            raise UnknownName("the statement gives no rows", "ask one SELECT over the views of schema mart")
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow([column.name for column in cursor.description])
        rows = 0
        for row in cursor:
            writer.writerow([_cell(value) for value in row])
            rows += 1
        if not rows:
            published = connection.execute("SELECT EXISTS (SELECT FROM mart.snapshots)").fetchone()
            if published and not published[0]:
                err.print(f"nothing has been published in {settings.home}")
                _hint(settings, err)


def _hint(settings: Settings, err: Console) -> None:
    demo = settings.home / "demo"
    if demo.is_dir():
        err.print(f"the demonstration has a home of its own: BOCHISO_HOME={demo}", soft_wrap=True)


def _table(headings: tuple[str, ...], rows: list[Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*[_cell(value).replace("[", "\\[") for value in row])
    return table


def _cell(value: Any) -> str:
    """A value as CSV wants it: missing empty, times in Vietnam's zone, booleans in SQL's words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(VIETNAM).isoformat(timespec="seconds")
    return str(value)
