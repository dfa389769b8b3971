"""The ledger of duties: what is owed, in which state it stands, and what a watcher must know of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.rows import dict_row

from etl.duties import DutyDue
from etl.errors import WarehouseUnavailable
from etl.warehouse.engine import Warehouse

AWAITING_INPUT, BUILDING, AWAITING_SIGN_OFF = "awaiting_input", "building", "awaiting_sign_off"
RELEASED, RELEASED_LATE, MISSED = "released", "released_late", "missed"
STATES = (AWAITING_INPUT, BUILDING, AWAITING_SIGN_OFF, RELEASED, RELEASED_LATE, MISSED)
OPEN_STATES = (AWAITING_INPUT, BUILDING, AWAITING_SIGN_OFF, MISSED)


@dataclass(frozen=True)
class DutyStatus:
    """One duty of one period as the ledger has it.

    ``missing``: Vietnamese sentences on inputs that are not there or not whole (empty: nothing lacks).
    ``failure``: what the last attempt to build or send it said, None where it went well or none was made.
    ``release_no``/``built_at``: of the draft that waits for a signature, or of the newest release.
    ``refused_by``/``refusal``: who refused the last draft, and the comment; None where nobody did since.
    ``waits``: the newest release is a draft that nobody has decided, also where an earlier one stands (a correction).
    ``restated``: how many values of the released documents the sources have changed since; 0: none.
    All instants are aware.
    """

    province_code: str
    province_name: str
    period_id: str
    duty: str
    release_set: str
    name_vi: str
    state: str
    target_day: date
    due_at: datetime
    preliminary_at: datetime | None
    final_at: datetime
    missing: tuple[str, ...] = ()
    failure: str | None = None
    failed_at: datetime | None = None
    release_no: int | None = None
    built_at: datetime | None = None
    refused_by: str | None = None
    refusal: str | None = None
    refused_at: datetime | None = None
    released_at: datetime | None = None
    restated: int = 0
    waits: bool = False


@contextmanager
def in_one_transaction(warehouse: Warehouse) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the ``etl`` role whose work is committed at the end, or not at all.

    Raises WarehouseUnavailable (Transient) also where the server goes away in between: whoever asked may ask again.
    """
    try:
        with warehouse.connect() as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise WarehouseUnavailable(
            f"the warehouse went away ({type(error).__name__}, SQLSTATE {error.sqlstate})",
            "nothing was changed; look at the server, then try it again",
        ) from error


def open_duties(
    connection: psycopg.Connection[Any],
    dues: Iterable[DutyDue],
    now: datetime,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> None:
    """Make the rows of what is owed; ``since`` and ``until`` (inclusive) bound it by when it falls due.

    Dates of a duty that has not been released follow duties.yml and the announced working days; one that was missed
    by an earlier instant and is not yet due by the new one is open again.
    """
    for due in dues:
        if (since is not None and due.due_at < since) or (until is not None and due.due_at > until):
            continue
        connection.execute(
            "INSERT INTO ops.duty AS d (province_code, period_id, duty, release_set, product, name_vi, window_first,"
            " window_last, portal_period_id, target_date, preliminary_at, final_at, due_at, needs_sign_off, state,"
            " opened_at, updated_at) VALUES (%(province)s, %(period)s, %(duty)s, %(set)s, %(product)s, %(name)s,"
            " %(first)s, %(last)s, %(portal)s, %(target)s, %(preliminary)s, %(final)s, %(due)s, %(sign_off)s,"
            " 'awaiting_input', %(now)s, %(now)s) ON CONFLICT (province_code, period_id, duty) DO UPDATE SET"
            " release_set = excluded.release_set, product = excluded.product, name_vi = excluded.name_vi,"
            " portal_period_id = excluded.portal_period_id, target_date = excluded.target_date,"
            " preliminary_at = excluded.preliminary_at, final_at = excluded.final_at, due_at = excluded.due_at,"
            " needs_sign_off = excluded.needs_sign_off, owed = true, state = CASE"
            " WHEN d.state = 'missed' AND excluded.due_at >= %(now)s THEN 'awaiting_input' ELSE d.state END"
            " WHERE d.released_at IS NULL AND (NOT d.owed OR (d.release_set, d.product, d.name_vi, d.portal_period_id,"
            " d.target_date, d.preliminary_at, d.final_at, d.due_at, d.needs_sign_off) IS DISTINCT FROM"
            " (excluded.release_set, excluded.product, excluded.name_vi, excluded.portal_period_id, excluded.target_date,"
            " excluded.preliminary_at, excluded.final_at, excluded.due_at, excluded.needs_sign_off))",
            {
                "province": due.province_code,
                "period": due.period.id,
                "duty": due.duty.id,
                "set": due.duty.release_set,
                "product": due.duty.product,
                "name": due.duty.name_vi,
                "first": due.window.first,
                "last": due.window.last,
                "portal": due.portal_period.id if due.portal_period else None,
                "target": due.target_day,
                "preliminary": due.preliminary_at,
                "final": due.final_at,
                "due": due.due_at,
                "sign_off": due.duty.sign_off,
                "now": now,
            },
        )


def withdraw_duties(
    connection: psycopg.Connection[Any], province_code: str, dues: Iterable[DutyDue], now: datetime
) -> None:
    """Take back what is not due yet and no longer among ``dues`` (all that the province owes from now on).

    What fell due stays as it is: the ledger is no place to tidy up a missed duty.
    """
    owed = [(due.period.id, due.duty.id) for due in dues]
    connection.execute(
        "UPDATE ops.duty SET owed = false, updated_at = %(now)s WHERE province_code = %(province)s AND owed"
        " AND released_at IS NULL AND due_at >= %(now)s"
        " AND (period_id, duty) NOT IN (SELECT * FROM unnest(%(periods)s::text[], %(duties)s::text[]))",
        {
            "province": province_code,
            "now": now,
            "periods": [period for period, _ in owed],
            "duties": [duty for _, duty in owed],
        },
    )


def opened_until(connection: psycopg.Connection[Any], province_code: str) -> datetime | None:
    """The last due instant for which rows were made ahead of time; None where none ever was (a new installation)."""
    row = connection.execute(
        "SELECT max(due_at) FROM ops.duty WHERE province_code = %s AND opened_at <= due_at", (province_code,)
    ).fetchone()
    return row[0] if row else None


def mark_missed(connection: psycopg.Connection[Any], now: datetime) -> None:
    """What is past its instant and not released is missed, whatever stands half-ready."""
    connection.execute(
        "UPDATE ops.duty SET state = 'missed', updated_at = %(now)s"
        " WHERE released_at IS NULL AND owed AND state <> 'missed' AND due_at < %(now)s",
        {"now": now},
    )


def set_state(
    connection: psycopg.Connection[Any],
    province_code: str,
    period_id: str,
    release_set: str,
    state: str,
    now: datetime,
    missing: Iterable[str] | None = None,
    *,
    undecided: bool = True,
) -> None:
    """Move the duties of a set that have not been released; what is missed stays missed until it is released.

    ``missing`` replaces what the ledger says is missing; None leaves it. A draft clears an earlier failure.
    Without ``undecided`` duties that await a signature stay as they are: looking at inputs takes no draft back.
    """
    connection.execute(
        "UPDATE ops.duty SET state = CASE WHEN state = 'missed' THEN state ELSE %(state)s END, updated_at = %(now)s,"
        " failure = CASE WHEN %(state)s = 'awaiting_sign_off' THEN NULL ELSE failure END,"
        " failed_at = CASE WHEN %(state)s = 'awaiting_sign_off' THEN NULL ELSE failed_at END,"
        " missing_vi = coalesce(%(missing)s, missing_vi)"
        " WHERE province_code = %(province)s AND period_id = %(period)s AND release_set = %(set)s"
        " AND released_at IS NULL AND (%(undecided)s OR state <> 'awaiting_sign_off')",
        {
            "undecided": undecided,
            "state": state,
            "now": now,
            "missing": list(missing) if missing is not None else None,
            "province": province_code,
            "period": period_id,
            "set": release_set,
        },
    )


def set_failure(
    connection: psycopg.Connection[Any],
    province_code: str,
    period_id: str,
    release_set: str,
    failure: str | None,
    now: datetime,
) -> None:
    """Write down what an attempt to build or send said; None: it went well."""
    connection.execute(
        "UPDATE ops.duty SET failure = %s, failed_at = %s, updated_at = %s"
        " WHERE province_code = %s AND period_id = %s AND release_set = %s",
        (failure, now if failure else None, now, province_code, period_id, release_set),
    )


def clear_failure(
    connection: psycopg.Connection[Any], province_code: str, period_id: str, release_set: str, now: datetime
) -> None:
    """Building went well: what an earlier attempt said no longer holds, unless a release is still not everywhere."""
    connection.execute(
        "UPDATE ops.duty d SET failure = NULL, failed_at = NULL, updated_at = %(now)s"
        " WHERE province_code = %(province)s AND period_id = %(period)s AND release_set = %(set)s"
        " AND failure IS NOT NULL AND NOT EXISTS (SELECT FROM ops.release r JOIN ops.delivery v USING (release_id)"
        "  WHERE r.province_code = d.province_code AND r.period_id = d.period_id AND r.release_set = d.release_set"
        "  AND r.status = 'released' AND v.state <> 'sent')",
        {"province": province_code, "period": period_id, "set": release_set, "now": now},
    )


def fulfil(
    connection: psycopg.Connection[Any],
    province_code: str,
    period_id: str,
    duties: Iterable[str],
    release_id: str,
    at: datetime,
) -> None:
    """A final release has gone out: its duties are released, late where their instant had passed.

    The first release decides; a later one (a correction) changes nothing here.
    """
    connection.execute(
        "UPDATE ops.duty SET state = CASE WHEN %(at)s <= due_at THEN 'released' ELSE 'released_late' END,"
        " released_at = %(at)s, release_id = %(release)s, failure = NULL, failed_at = NULL, updated_at = %(at)s"
        " WHERE province_code = %(province)s AND period_id = %(period)s AND duty = ANY(%(duties)s)"
        " AND released_at IS NULL",
        {
            "at": at,
            "release": release_id,
            "province": province_code,
            "period": period_id,
            "duties": list(duties),
        },
    )


def duty_statuses(
    warehouse: Warehouse, names: Mapping[str, str], around: datetime, *, days_back: int = 62
) -> list[DutyStatus]:
    """Every duty of the provinces (code -> name) that is open, or fell due or was released in the last days.

    By due instant, then period and duty. What the sources have changed since a release is counted as of now.
    Run the stage ``etl.report_stages.open_duties`` first: it makes rows that lack and marks what is missed.
    """
    with warehouse.connect() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(
            "SELECT d.*, r.release_no, r.built_at, r.stage, r.status, r.decided_by, r.decided_at, r.decision_comment,"
            " CASE WHEN s.publication_no IS NULL THEN 0 ELSE (SELECT count(*) FROM mart.restatements c"
            "  WHERE c.province_code = d.province_code AND c.new_publication_no > s.publication_no"
            "  AND (c.period_start IS NULL AND c.period_id = d.portal_period_id AND NOT c.old_provisional"
            "       OR c.period_start >= d.window_first AND c.period_end <= d.window_last)) END::int AS restated"
            " FROM ops.duty d"
            " LEFT JOIN LATERAL (SELECT * FROM ops.release n WHERE n.province_code = d.province_code"
            "  AND n.period_id = d.period_id AND n.release_set = d.release_set AND d.duty = ANY (n.duties)"
            "  ORDER BY n.release_no DESC LIMIT 1) r ON true"
            " LEFT JOIN LATERAL (SELECT n.publication_no FROM ops.release n WHERE n.province_code = d.province_code"
            "  AND n.period_id = d.period_id AND n.release_set = d.release_set AND n.status = 'released'"
            "  AND n.stage = 'final' ORDER BY n.release_no DESC LIMIT 1) s ON true"
            " WHERE d.province_code = ANY(%(codes)s) AND d.owed"
            " AND (d.released_at IS NULL OR greatest(d.due_at, d.released_at) >= %(since)s)"
            " ORDER BY d.due_at, d.period_id, d.duty",
            {"codes": list(names), "since": around - timedelta(days=days_back)},
        ).fetchall()
    return [_status(row, names[row["province_code"]]) for row in found]


def _status(row: Mapping[str, Any], province_name: str) -> DutyStatus:
    refused = row["status"] == "rejected"
    waits = row["status"] in ("draft", "approved") or row["released_at"] is not None
    return DutyStatus(
        province_code=row["province_code"],
        province_name=province_name,
        period_id=row["period_id"],
        duty=row["duty"],
        release_set=row["release_set"],
        name_vi=row["name_vi"],
        state=row["state"],
        target_day=row["target_date"],
        due_at=row["due_at"],
        preliminary_at=row["preliminary_at"],
        final_at=row["final_at"],
        missing=tuple(row["missing_vi"]),
        failure=row["failure"],
        failed_at=row["failed_at"],
        release_no=row["release_no"] if waits else None,
        built_at=row["built_at"] if waits else None,
        refused_by=row["decided_by"] if refused else None,
        refusal=row["decision_comment"] if refused else None,
        refused_at=row["decided_at"] if refused else None,
        released_at=row["released_at"],
        restated=row["restated"],
        waits=row["status"] == "draft",
    )
