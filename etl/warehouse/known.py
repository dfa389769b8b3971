"""What the warehouse already knows, asked by the stages before they judge something new."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pyarrow as pa

from etl.errors import ReportNotReady, WarehouseRefused
from etl.periods import VIETNAM, Window, window_of
from etl.reference.unit_names import BLOCK_NAMES_VI
from etl.reference.units import LEGAL_LIST, OFFICE_LIST, KnownUnit, name_key
from etl.sources.digitization import MEASURES
from etl.warehouse.engine import Warehouse


def known_units(warehouse: Warehouse, source: str, province_code: str) -> frozenset[str]:
    """Portal ids of the units in the last complete snapshot of a province (empty: none yet)."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT k.key_value FROM core.indicator_score f "
            "JOIN core.unit_key k ON k.unit_id = f.unit_id AND k.key_type = 'portal_id' "
            "JOIN core.unit u ON u.unit_id = f.unit_id AND u.block <> 'province' "
            "WHERE f.snapshot_id = (SELECT snapshot_id FROM core.snapshot WHERE source = %s AND province_code = %s "
            "AND complete ORDER BY captured_at DESC, snapshot_id LIMIT 1)",
            (source, province_code),
        ).fetchall()
    return frozenset(str(row[0]) for row in rows)


def previous_scores(
    warehouse: Warehouse, source: str, province_code: str, period_id: str, before: datetime
) -> pa.Table | None:
    """Facts of the complete snapshot of the same period captured before an instant, or None.

    Columns portal_id, indicator_code, score (decimal).
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT k.key_value, f.indicator_code, f.score FROM core.indicator_score f "
            "JOIN core.unit_key k ON k.unit_id = f.unit_id AND k.key_type = 'portal_id' "
            "WHERE f.snapshot_id = (SELECT snapshot_id FROM core.snapshot WHERE source = %s AND province_code = %s "
            "AND period_id = %s AND complete AND captured_at < %s ORDER BY captured_at DESC, snapshot_id LIMIT 1)",
            (source, province_code, period_id, before),
        ).fetchall()
    if not rows:
        return None
    return pa.table(
        {
            "portal_id": pa.array([row[0] for row in rows], pa.string()),
            "indicator_code": pa.array([row[1] for row in rows], pa.string()),
            "score": pa.array([row[2] for row in rows], pa.decimal128(18, 6)),
        }
    )


def last_read_whole(warehouse: Warehouse, province_code: str, period_id: str) -> datetime | None:
    """When the portal was last seen to say all of a whole reading of a period; None where none is there.

    A portal that answers with the same bytes makes no new snapshot: its captures were checked, which counts.
    """
    with warehouse.connect() as connection:
        row = connection.execute(
            "SELECT max(seen) FROM (SELECT min(greatest(c.captured_at, k.last_checked_at)) AS seen FROM core.snapshot s"
            " JOIN core.snapshot_capture sc USING (snapshot_id) JOIN ops.capture c USING (capture_id)"
            " LEFT JOIN ops.capture_check k USING (capture_id)"
            " WHERE s.source = 'national_portal' AND s.province_code = %s AND s.period_id = %s AND s.complete"
            " AND sc.group_code <> 'MANIFEST' GROUP BY s.snapshot_id) readings",
            (province_code, period_id),
        ).fetchone()
    return row[0] if row else None


def require_complete(warehouse: Warehouse, province_code: str, period_id: str) -> None:
    """Raise ReportNotReady unless a complete snapshot speaks for the province and period."""
    with warehouse.connect() as connection:
        row = connection.execute(
            "SELECT complete, missing_groups FROM core.current_snapshot WHERE province_code = %s AND period_id = %s",
            (province_code, period_id),
        ).fetchone()
    if row is None:
        raise ReportNotReady(
            f"nothing has been published for {province_code} {period_id}",
            "read the period first: `bochiso run ingest --province … --period …`",
        )
    if not row[0]:
        raise ReportNotReady(
            f"{province_code} {period_id} is only partly there: {', '.join(row[1])} are missing",
            "fetch the period again; a report is made of a complete snapshot only",
        )


def unit_directory(warehouse: Warehouse, province_code: str, on: date) -> tuple[KnownUnit, ...]:
    """The units a province had on a day, in order of block, code and name (empty: none is known).

    Units of lists count strictly by their dates. A unit that the portal announced counts also
    before it was first seen (first seen is not born), but not before its province began. Where
    a list and the portal name one unit (same code, or same block and name and the list has no
    code), it is one: the portal's, in the block of the list.
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            "WITH there AS (SELECT DISTINCT ON (unit_id) * FROM core.unit_on_day WHERE province_code = %(province)s "
            "AND %(at)s >= there_from AND %(at)s < there_to ORDER BY unit_id, named_from DESC) "
            "SELECT u.unit_id, u.block, u.name, u.unit_code, parent.name, u.source FROM there u "
            "LEFT JOIN LATERAL (SELECT p.name FROM core.unit_key k JOIN there p ON p.unit_id = k.unit_id "
            "AND p.block <> 'province' WHERE k.key_type = 'gso_code' AND k.key_value = u.parent_key LIMIT 1) parent "
            "ON true WHERE u.block NOT IN ('country', 'province') ORDER BY u.unit_id",
            {"province": province_code, "at": datetime.combine(on, time(), VIETNAM)},
        ).fetchall()
    announced = [KnownUnit(*row[:5]) for row in rows if row[5] not in (LEGAL_LIST, OFFICE_LIST)]
    listed = [KnownUnit(*row[:5]) for row in rows if row[5] in (LEGAL_LIST, OFFICE_LIST)]
    return _one_entry_a_unit(announced, listed)


def _one_entry_a_unit(announced: list[KnownUnit], listed: list[KnownUnit]) -> tuple[KnownUnit, ...]:
    by_code = {unit.unit_code: place for place, unit in enumerate(announced) if unit.unit_code}
    by_name: dict[tuple[str, str], list[int]] = {}
    for place, unit in enumerate(announced):
        by_name.setdefault((unit.block, name_key(unit.name)), []).append(place)
    known = list(announced)
    for unit in listed:
        namesakes = by_name.get((unit.block, name_key(unit.name)), [])
        if unit.unit_code in by_code:
            same = by_code[unit.unit_code]
        elif unit.unit_code is None and len(namesakes) == 1:
            same = namesakes[0]
        else:
            known.append(unit)
            continue
        known[same] = replace(known[same], block=unit.block, parent=unit.parent or known[same].parent)
    return tuple(sorted(known, key=lambda unit: (unit.block, unit.unit_code or "~", unit.name, unit.unit_id)))


def previous_digitization(warehouse: Warehouse, province_code: str, window: Window) -> pa.Table | None:
    """Figures in force of the window before (same calendar, same kind of period), or None where nothing was told.

    Columns unit_id, block (strings) and the measures.
    """
    before = window_of(window.period.previous(), window.kind)
    with warehouse.connect() as connection:
        rows = connection.execute(
            f"SELECT unit_id::text, block, {', '.join(MEASURES)} FROM core.digitization_figures "  # noqa: S608
            "WHERE province_code = %s AND period_id = %s AND period_start = %s AND period_end = %s ORDER BY 2, 1",
            (province_code, before.period.id, before.first, before.last),
        ).fetchall()
    if not rows:
        return None
    columns = zip(*rows, strict=True)
    kinds = (pa.string(), pa.string(), *(pa.int64() for _ in MEASURES))
    names = ("unit_id", "block", *MEASURES)
    return pa.table(
        {name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)}
    )


@dataclass(frozen=True)
class MissingInput:
    """A block of a window that is not whole. ``units`` names what lacks; empty where nothing was told at all.

    ``month`` is set where a longer window is to be summed and this is one of its months.
    """

    block: str
    window: Window
    told: bool
    units: tuple[str, ...] = ()
    month: str | None = None

    @property
    def sentence(self) -> str:
        days = f"{self.window.first.isoformat()} to {self.window.last.isoformat()}"
        where = f"{self.block}, {self.window.period.id} ({days})"
        if not self.told:
            return f"{where}: no form and no dossier list"
        return f"{where}: units missing: {', '.join(self.units) or 'more than tolerated'}"

    @property
    def sentence_vi(self) -> str:
        days = f"từ {self.window.first:%d/%m/%Y} đến {self.window.last:%d/%m/%Y}"
        where = f"Khối {BLOCK_NAMES_VI[self.block]}, {self.window.period.label_vi} ({days})"
        if not self.told:
            return f"{where}: chưa có biểu số hóa và chưa có danh sách hồ sơ."
        return f"{where}: còn thiếu {'; '.join(self.units) or 'đơn vị quá mức cho phép'}."


def missing_inputs(warehouse: Warehouse, province_code: str, window: Window) -> tuple[MissingInput, ...]:
    """What lacks for whole figures of a window: blocks the province has (or told) that are not whole.

    A quarter, half or year is whole also where each of its months is on whose last day the
    province had units of the block; where it is not, the months that lack are named. Unless
    all that was told of it is from its own files (which tell of its last day), blocks that the
    province had in some months only count, too. A province of which no unit is known lacks every block it told
    nothing of; with nothing told either, the block is named ``commune``, which every province has.
    """
    known = _blocks_on(warehouse, province_code, window.last)
    with warehouse.connect() as connection:
        told = _told(connection, province_code, window)
        due: dict[Window, set[str]] = {}
        if window.period.kind != "month":
            months = [window_of(period, window.kind) for period in window.period.months()]
            due = {month: _blocks_on(warehouse, province_code, month.last) for month in months}
        if not told or any(one.basis == "sum" for one in told.values()):
            known = known.union(*due.values())
        missing: list[MissingInput] = []
        for block in sorted(known | set(told) or {"commune"}, key=list(BLOCK_NAMES_VI).index):
            said = told.get(block)
            if said is not None and said.complete:
                continue
            lacking = [MissingInput(block, window, said is not None, said.missing if said else ())]
            if due and said is None:
                lacking = _missing_months(connection, province_code, block, due) or lacking
            missing += lacking
    return tuple(missing)


def _blocks_on(warehouse: Warehouse, province_code: str, on: date) -> set[str]:
    return {unit.block for unit in unit_directory(warehouse, province_code, on)}


def _missing_months(
    connection: psycopg.Connection[Any], province_code: str, block: str, due: dict[Window, set[str]]
) -> list[MissingInput]:
    """The months of a longer window that are due for a block and not whole; of a block nobody knows all are due.

    Empty where the block is due in every month and none of them has been told: then the window lacks.
    """
    own = [month for month, blocks in due.items() if block in blocks] or list(due)
    told = {month: _told(connection, province_code, month).get(block) for month in own}
    if len(own) == len(due) and not any(told.values()):
        return []
    return [
        MissingInput(block, month, said is not None, said.missing if said else (), month.period.id)
        for month, said in told.items()
        if said is None or not said.complete
    ]


@dataclass(frozen=True)
class _Told:
    basis: str
    complete: bool
    missing: tuple[str, ...]


def _told(connection: psycopg.Connection[Any], province_code: str, window: Window) -> dict[str, _Told]:
    """Of each block told in a window: on what it stands, whether it is whole, and the units that lack."""
    rows = connection.execute(
        "SELECT block, basis, complete, missing_units FROM core.digitization_basis "
        "WHERE province_code = %s AND period_id = %s AND period_start = %s AND period_end = %s",
        (province_code, window.period.id, window.first, window.last),
    ).fetchall()
    return {block: _Told(basis, complete, tuple(units)) for block, basis, complete, units in rows}


def require_digitization(warehouse: Warehouse, province_code: str, window: Window) -> None:
    """Raise ReportNotReady unless every block of the province is whole in the window; the message names what lacks.

    The same sentences in Vietnamese are ``missing_inputs(...)[n].sentence_vi``.
    """
    missing = missing_inputs(warehouse, province_code, window)
    if missing:
        raise ReportNotReady(
            f"digitization figures of {province_code} are not complete: "
            + "; ".join(item.sentence for item in missing),
            "hand in the missing forms or dossier lists (drop them in the inbox, or `bochiso ingest FILE`)",
        )


def missing_inputs_vi(warehouse: Warehouse, province_code: str, window: Window) -> tuple[str, ...]:
    """The Vietnamese sentences on what lacks for whole figures of a window; empty: nothing does."""
    return tuple(item.sentence_vi for item in missing_inputs(warehouse, province_code, window))


_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def refuse_mixed_origins(warehouse: Warehouse, address: str) -> None:
    """Raise WarehouseRefused where figures of a local sandbox would stand beside the portal's, or the reverse."""
    earlier = foreign_origin(warehouse, address)
    if earlier is not None:
        raise WarehouseRefused(
            f"this warehouse holds captures from {earlier}; {address} is "
            + ("a local sandbox" if _is_local(address) else "a real portal"),
            "keep invented and real figures apart: name another BOCHISO_HOME (and warehouse) for one of them",
        )


def foreign_origin(warehouse: Warehouse, address: str) -> str | None:
    """An address of captures here that is local where ``address`` is not, or the reverse; None: there is none."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT address FROM ops.capture WHERE address IS NOT NULL ORDER BY 1"
        ).fetchall()
    return next((str(row[0]) for row in rows if _is_local(row[0]) != _is_local(address)), None)


def _is_local(address: str) -> bool:
    return urlsplit(address).hostname in _LOOPBACK


def idle_units(warehouse: Warehouse, province_code: str, window: Window) -> frozenset[uuid.UUID]:
    """Units for which the portal counts no dossier in any month that the window touches.

    A dossier list names only units with dossiers; these are not missing from it. Months the
    portal has not been read for say nothing; where none has been read, no unit is idle.
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT f.unit_id FROM core.current_snapshot s JOIN core.period p USING (period_id) "
            "JOIN core.indicator_score f USING (snapshot_id) "
            "WHERE s.source = 'national_portal' AND s.province_code = %s AND p.kind = 'month' "
            "AND p.first_day <= %s AND p.last_day >= %s AND f.indicator_code = '2.1' "
            "GROUP BY f.unit_id HAVING bool_and(f.denominator = 0)",
            (province_code, window.last, window.first),
        ).fetchall()
    return frozenset(row[0] for row in rows)


def all_codes(warehouse: Warehouse, province_code: str) -> dict[str, tuple[str, str]]:
    """Unit code -> (name, block) of every unit the province ever had, as last named."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT ON (unit_code) unit_code, name, block FROM core.unit "
            "WHERE province_code = %s AND unit_code IS NOT NULL AND block NOT IN ('province', 'country') "
            "ORDER BY unit_code, valid_from DESC, unit_id",
            (province_code,),
        ).fetchall()
    return {code: (name, block) for code, name, block in rows}
