"""What the warehouse holds, for a person at a terminal: status and queries."""

from __future__ import annotations

import csv
import sys
from datetime import datetime
from typing import Any

import psycopg
from rich.console import Console
from rich.table import Table

from etl.errors import UnknownName
from etl.periods import VIETNAM
from etl.settings import Settings
from etl.stages import ready_warehouse
from etl.warehouse.checksum import warehouse_checksum

_SNAPSHOTS = """
SELECT s.province_code, s.period_id, CASE WHEN s.complete THEN 'complete' ELSE 'partial: no ' ||
       array_to_string(s.missing_groups, ', ') END || CASE WHEN s.provisional THEN ', provisional' ELSE '' END,
       s.units, s.captured_at, (SELECT max(k.last_checked_at) FROM core.snapshot_capture c
                                JOIN ops.capture_check k USING (capture_id) WHERE c.snapshot_id = s.snapshot_id)
FROM mart.snapshots s WHERE s.is_current ORDER BY s.province_code, s.period_id
"""
_RUNS = """
SELECT started_at, stage, source, province_code, period_id, state, message, remedy
FROM ops.run ORDER BY started_at DESC LIMIT 12
"""
# Of published readings and of those that were refused whole; the newest capture's rows first.
_REFUSED = """
SELECT q.province_code, q.period_id, q.locator, q.column_name, q.value, q.message_vi
FROM quarantine.rejected_row q
ORDER BY (SELECT max(c.captured_at) FROM ops.capture c WHERE c.sha256 = q.capture_sha256) DESC, q.locator, q.rule
LIMIT 12
"""


def show_status(settings: Settings, err: Console, *, checksum: bool) -> None:
    """Print the current snapshots and the last runs; or only the warehouse's checksum."""
    warehouse = ready_warehouse(settings)
    if checksum:
        sys.stdout.write(warehouse_checksum(warehouse) + "\n")
        return
    with warehouse.connect() as connection:
        snapshots = connection.execute(_SNAPSHOTS).fetchall()
        runs = connection.execute(_RUNS).fetchall()
        refused = connection.execute(_REFUSED).fetchall()
    console = Console(highlight=False, width=150 if not sys.stdout.isatty() else None)
    console.print(f"warehouse {warehouse.display_url}, home {settings.home}", soft_wrap=True)
    if not snapshots:
        console.print("nothing has been published yet")
        _hint(settings, err)
    else:
        console.print(
            _table(("province", "period", "reading", "units", "captured", "last checked"), snapshots)
        )
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
