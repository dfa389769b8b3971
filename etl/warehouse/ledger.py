"""The logbook: every stage that ran, every capture that was taken or seen again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from etl import __version__
from etl.archive import Capture
from etl.errors import BochisoError, WarehouseUnavailable
from etl.warehouse.engine import Warehouse


@dataclass
class Run:
    """A stage under way; what it learns is written when it ends."""

    run_id: uuid.UUID
    snapshot_id: uuid.UUID | None = None
    rows_read: int | None = None
    rows_published: int | None = None
    rows_quarantined: int | None = None
    rows_ignored: int | None = None
    message: str | None = None


@contextmanager
def stage_run(
    warehouse: Warehouse,
    stage: str,
    source: str,
    province_code: str,
    period_id: str,
    clock: Callable[[], datetime],
) -> Iterator[Run]:
    """Record a stage: running, then done, or failed with the error's words.

    A row left `running` by a process that died is marked interrupted by the next run of the
    same stage. Interrupts (Ctrl-C) count as failed and are passed on.
    """
    run = Run(uuid.uuid4())
    scope = (stage, source, province_code, period_id)
    with warehouse.connect(autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.run SET state = 'interrupted', finished_at = %s, message = 'the process died' "
            "WHERE (stage, source, province_code, period_id) = (%s, %s, %s, %s) AND state = 'running'",
            (clock(), *scope),
        )
        connection.execute(
            "INSERT INTO ops.run (run_id, stage, source, province_code, period_id, started_at, state, software_version) "
            "VALUES (%s, %s, %s, %s, %s, %s, 'running', %s)",
            (run.run_id, *scope, clock(), __version__),
        )
    try:
        yield run
    except psycopg.OperationalError as error:
        gone = WarehouseUnavailable(
            f"the warehouse went away during the stage ({type(error).__name__}, SQLSTATE {error.sqlstate})",
            "nothing was written by the statement that failed; the stage is tried again",
        )
        _finish(warehouse, run, clock(), gone)
        raise gone from error
    except BaseException as error:
        _finish(warehouse, run, clock(), error)
        raise
    _finish(warehouse, run, clock(), None)


def _finish(warehouse: Warehouse, run: Run, at: datetime, error: BaseException | None) -> None:
    message, remedy = run.message, None
    if isinstance(error, BochisoError):
        message, remedy = error.message, error.remedy
    elif error is not None:
        # A stranger's words may quote a value of a file; the log of the process has them.
        message = f"{type(error).__name__} (see the log of the run)"
    with warehouse.connect(autocommit=True) as connection:
        connection.execute(
            "UPDATE ops.run SET finished_at = %s, state = %s, snapshot_id = %s, rows_read = %s, rows_published = %s, "
            "rows_quarantined = %s, rows_ignored = %s, error_class = %s, message = %s, remedy = %s WHERE run_id = %s",
            (
                at,
                "failed" if error is not None else "done",
                run.snapshot_id,
                run.rows_read,
                run.rows_published,
                run.rows_quarantined,
                run.rows_ignored,
                type(error).__name__ if error is not None else None,
                message,
                remedy,
                run.run_id,
            ),
        )


def capture_row(capture: Capture) -> dict[str, Any]:
    """A capture as a row of ops.capture (ids and JSON as text)."""
    return {
        "capture_id": str(capture.capture_id),
        "source": capture.source,
        "province_code": capture.scope,
        "period_id": capture.period_id,
        "group_code": capture.group_code,
        "endpoint": capture.endpoint,
        "page": capture.page,
        "request": json.dumps(dict(capture.request), ensure_ascii=False, sort_keys=True),
        "http_status": capture.http_status,
        "captured_at": capture.captured_at,
        "sha256": capture.sha256,
        "size_bytes": capture.size_bytes,
        "complete": capture.complete,
        "expected_units": capture.expected_units,
        "seen_units": capture.seen_units,
        "note": capture.note,
        "address": capture.address,
    }


def record_captures(warehouse: Warehouse, captures: Sequence[Capture], checked_at: datetime) -> None:
    """Put captures in the logbook; one that is known already only moves its "last checked"."""
    with warehouse.connect() as connection:
        for item in captures:
            row = capture_row(item)
            insert = sql.SQL("INSERT INTO ops.capture ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
                sql.SQL(", ").join(map(sql.Identifier, row)), sql.SQL(", ").join(map(sql.Placeholder, row))
            )
            connection.execute(insert, row)
            connection.execute(
                "INSERT INTO ops.capture_check VALUES (%s, %s, 1) ON CONFLICT (capture_id) DO UPDATE "
                "SET last_checked_at = excluded.last_checked_at, times_checked = ops.capture_check.times_checked + 1",
                (item.capture_id, checked_at),
            )
