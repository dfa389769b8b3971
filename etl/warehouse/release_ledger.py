"""The ledger of releases: drafts, who decided what about them, what went out, where it was sent.

Every function takes an open connection of the ``etl`` role and leaves committing to its caller: a stage changes
releases and duties in one transaction, under ``lock``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from etl.errors import Terminal, UnknownName

DRAFT, APPROVED, REJECTED, RELEASED, SUPERSEDED = "draft", "approved", "rejected", "released", "superseded"
_NAMESPACE = uuid.UUID("0a2b9f52-6f3c-5d53-9d55-766000000003")
_COLUMNS = (
    "release_id::text, province_code, period_id, release_no, release_set, duties, products, stage, status,"
    " needs_sign_off, publication_no, calendar, window_period_id, portal_period_id, due_at, gaps_vi, content_sha256,"
    " manifest_sha256, corrects::text, built_at, decided_by, decided_at, decision_comment, released_at"
)


@dataclass(frozen=True)
class Release:
    """One row of ops.release: all that it was rendered by, so that later settings do not change it."""

    release_id: str
    province_code: str
    period_id: str
    release_no: int
    release_set: str
    duties: list[str]
    products: list[str]
    stage: str
    status: str
    needs_sign_off: bool
    publication_no: int
    calendar: str
    window_period_id: str
    portal_period_id: str | None
    due_at: datetime
    gaps_vi: list[str]
    content_sha256: str
    manifest_sha256: str
    corrects: str | None
    built_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision_comment: str | None
    released_at: datetime | None

    @property
    def name(self) -> str:
        """ "H44/2026-09/2 (bao-cao)": how messages name it."""
        return f"{self.province_code}/{self.period_id}/{self.release_no} ({self.release_set})"


@dataclass(frozen=True)
class ReleasedFile:
    """One row of ops.release_file."""

    path: str
    duty: str | None
    media_type: str
    sha256: str
    size_bytes: int


def release_id(province_code: str, period_id: str, number: int) -> str:
    """The id of a release: the same in every warehouse."""
    return str(uuid.uuid5(_NAMESPACE, f"{province_code}/{period_id}/{number}"))


def lock(connection: psycopg.Connection[Any], province_code: str, period_id: str) -> None:
    """One builder or decider per province and period, until the transaction ends."""
    connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 766))", (f"release/{province_code}/{period_id}",)
    )


def releases(
    connection: psycopg.Connection[Any],
    province_code: str | None = None,
    period_id: str | None = None,
    release_set: str | None = None,
) -> list[Release]:
    """Releases by province, period and number; each condition only where it is given."""
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM ops.release WHERE province_code = coalesce(%s, province_code)"  # noqa: S608
            " AND period_id = coalesce(%s, period_id) AND release_set = coalesce(%s, release_set)"
            " ORDER BY province_code, period_id, release_no",
            (province_code, period_id, release_set),
        ).fetchall()


def find(connection: psycopg.Connection[Any], wanted: str) -> Release:
    """The release of an id. Raises UnknownName."""
    try:
        key = uuid.UUID(wanted)
    except ValueError:
        key = uuid.UUID(int=0)
    with connection.cursor(row_factory=class_row(Release)) as cursor:
        found = cursor.execute(
            f"SELECT {_COLUMNS} FROM ops.release WHERE release_id = %s",  # noqa: S608
            (key,),
        ).fetchone()
    if found is None:
        raise UnknownName(f"there is no release {wanted}", "`bochiso release list` names them")
    return found


def files_of(connection: psycopg.Connection[Any], wanted: str) -> list[ReleasedFile]:
    """The files of a release, by path; ``manifest.json`` is not among them."""
    with connection.cursor(row_factory=class_row(ReleasedFile)) as cursor:
        return cursor.execute(
            "SELECT path, duty, media_type, sha256, size_bytes FROM ops.release_file WHERE release_id = %s ORDER BY path",
            (wanted,),
        ).fetchall()


def add_draft(
    connection: psycopg.Connection[Any],
    release: Release,
    files: Sequence[ReleasedFile],
    snapshots: Sequence[str],
    software_version: str,
) -> None:
    """Write a new draft with its files and snapshots; drafts of the same set that nobody has decided are superseded."""
    connection.execute(
        "UPDATE ops.release SET status = 'superseded' WHERE province_code = %s AND period_id = %s"
        " AND release_set = %s AND status IN ('draft', 'approved')",
        (release.province_code, release.period_id, release.release_set),
    )
    values = {name: getattr(release, name) for name in Release.__dataclass_fields__}
    values |= {"software_version": software_version}
    columns = ", ".join(values)
    marks = ", ".join(f"%({name})s" for name in values)
    connection.execute(f"INSERT INTO ops.release ({columns}) VALUES ({marks})", values)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ops.release_file (release_id, path, duty, media_type, sha256, size_bytes)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (release.release_id, one.path, one.duty, one.media_type, one.sha256, one.size_bytes)
                for one in files
            ],
        )
        cursor.executemany(
            "INSERT INTO ops.release_snapshot (release_id, snapshot_id) VALUES (%s, %s)",
            [(release.release_id, snapshot) for snapshot in snapshots],
        )


def write_decision(
    connection: psycopg.Connection[Any],
    release: Release,
    approved: bool,
    who: str,
    comment: str | None,
    at: datetime,
) -> str:
    """Write down who decided what; deciding the same again changes nothing. Returns the status.

    Raises Terminal where the release was decided otherwise, went out, or is no longer the newest draft.
    """
    wanted = APPROVED if approved else REJECTED
    if release.status == wanted or (approved and release.status == RELEASED):
        return release.status
    if release.status != DRAFT:
        told = f" by {release.decided_by}" if release.decided_by else ""
        raise Terminal(
            f"release {release.name} is {release.status}{told} and cannot be {wanted}",
            "a decision stands; build the report again for a new draft, or decide on the newest one "
            "(`bochiso release list`)",
        )
    connection.execute(
        "UPDATE ops.release SET status = %s, decided_by = %s, decided_at = %s, decision_comment = %s"
        " WHERE release_id = %s",
        (wanted, who, at, comment, release.release_id),
    )
    return wanted


def write_released(connection: psycopg.Connection[Any], release: Release, at: datetime) -> None:
    """A release stands from now on; what stood before it is superseded. The duties follow in ``duty_ledger``."""
    connection.execute(
        "UPDATE ops.release SET status = 'superseded' WHERE province_code = %s AND period_id = %s"
        " AND release_set = %s AND status = 'released'",
        (release.province_code, release.period_id, release.release_set),
    )
    connection.execute(
        "UPDATE ops.release SET status = 'released', released_at = %s WHERE release_id = %s",
        (at, release.release_id),
    )


def deliveries(connection: psycopg.Connection[Any], wanted: str) -> dict[str, Mapping[str, Any]]:
    """What became of sending a release, by target."""
    with connection.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute("SELECT * FROM ops.delivery WHERE release_id = %s", (wanted,)).fetchall()
    return {row["target"]: row for row in found}


def write_delivery(
    connection: psycopg.Connection[Any],
    wanted: str,
    target: str,
    kind: str,
    state: str,
    at: datetime,
    *,
    receipt: str | None = None,
    message: str | None = None,
) -> None:
    """Note one try of sending a release to a target; ``state`` is pending, sent or failed."""
    connection.execute(
        "INSERT INTO ops.delivery (release_id, target, kind, state, attempts, first_tried_at, sent_at, receipt, message)"
        " VALUES (%(id)s, %(target)s, %(kind)s, %(state)s, 1, %(at)s, %(sent)s, %(receipt)s, %(message)s)"
        " ON CONFLICT (release_id, target) DO UPDATE SET state = excluded.state, attempts = ops.delivery.attempts + 1,"
        " sent_at = excluded.sent_at, receipt = excluded.receipt, message = excluded.message",
        {
            "id": wanted,
            "target": target,
            "kind": kind,
            "state": state,
            "at": at,
            "sent": at if state == "sent" else None,
            "receipt": receipt,
            "message": message,
        },
    )
