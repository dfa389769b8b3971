"""From the portal into the archive: six groups of a province, or the national page.

Bytes are kept as received before anything looks at them; the request is kept beside them,
since the reply never echoes its period. A group that is not whole is kept and marked, and
left out of what goes on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.archive import Archive, Capture
from etl.archive.store import judged
from etl.errors import CaptureIncomplete, PortalAnswerUnreadable, PortalFault, UnknownName
from etl.periods import VIETNAM, Period
from etl.reference.indicators import load_catalogue
from etl.reference.provinces import Province
from etl.sources.bundle import Bundle, Refused, manifest_bytes, snapshot_id
from etl.sources.national_portal.client import PortalClient, Reply
from etl.sources.national_portal.completeness import GroupReading, judge
from etl.sources.national_portal.contract import SHAPES
from etl.sources.national_portal.read import READER
from etl.sources.national_portal.room import COUNTRY, NATIONAL, SOURCE, load_room

# A province has at most a few hundred units and we ask for 300 a page.
_MOST_PAGES = 50


@dataclass(frozen=True)
class _Group:
    code: str
    replies: list[Reply]
    reading: GroupReading


def fetch_province(
    client: PortalClient,
    archive: Archive,
    province: Province,
    period: Period,
    *,
    known_units: Set[str],
    max_missing_share: float,
    now: datetime,
) -> Bundle:
    """Read the six groups of a province and period, one after the other.

    ``known_units`` are the portal ids of the last complete snapshot (empty: a province seen
    for the first time defines its own units). ``now`` decides whether the period is open.

    Raises UnknownName (a province or period the portal cannot have), CaptureIncomplete
    (no group is whole), and whatever ``PortalClient.ask`` raises. What was received before
    an error is in the archive.
    """
    portal_id = _require_portal_id(province)
    catalogue = _require_period(period, now)
    room = load_room()
    groups: dict[str, _Group] = {}
    kept: dict[str, list[Capture]] = {}
    try:
        for code in catalogue.group_codes:
            request = _period_keys(code, period) | {"rootDepartmentId": portal_id}
            replies: list[Reply] = []
            kept[code] = []
            for reply in _ask_pages(client, code, request, room.page_size):
                replies.append(reply)
                kept[code].append(_keep(archive, reply, province.code, period, code))
            groups[code] = _Group(code, replies, _reading(code, replies, portal_id, province))
    except BaseException as error:
        for captures in kept.values():  # received, but never judged: kept as such
            for capture in captures:
                archive.record(capture)
        _keep_evidence(archive, error, province.code, period, code)
        raise

    verdicts = judge({code: group.reading for code, group in groups.items()}, known_units, max_missing_share)
    accepted: list[Capture] = []
    refused: list[Refused] = []
    warnings: list[str] = []
    for code, verdict in verdicts.items():
        recorded = [
            archive.record(
                judged(
                    capture,
                    complete=verdict.complete,
                    expected=verdict.expected,
                    seen=verdict.seen,
                    note=verdict.note,
                )
            )
            for capture in kept[code]
        ]
        if verdict.complete:
            accepted += recorded
            if verdict.note:
                warnings.append(f"{code}: {verdict.note}")
        else:
            refused.append(Refused(code, verdict.expected, verdict.seen, verdict.note or "not whole"))
    if not accepted:
        raise incomplete(province.code, period.id, refused)
    return _bundle(
        archive,
        province.code,
        period,
        catalogue.series,
        accepted,
        provisional=_provisional(accepted, period),
        refused=tuple(refused),
        warnings=tuple(warnings),
        missing_shares={
            code: verdict.missing_share for code, verdict in verdicts.items() if verdict.complete
        },
    )


def fetch_national(
    client: PortalClient,
    archive: Archive,
    period: Period,
    *,
    known_provinces: Set[str],
    max_missing_share: float,
    now: datetime,
) -> Bundle:
    """Read the national page of a period: every province's total and six groups.

    ``known_provinces`` are the portal ids of the provinces that exist; losing more than the
    share of them refuses the page, losing fewer is a warning.

    Raises as ``fetch_province``; PortalHasNoSuchData when the portal has no such page.
    """
    catalogue = _require_period(period, now)
    request = _period_keys(NATIONAL, period) | {"departmentType": "ADMINISTRATIVE_UNIT"}
    try:
        reply = client.ask(load_room().endpoints[NATIONAL], request)
    except PortalFault as error:
        _keep_evidence(archive, error, COUNTRY, period, NATIONAL)
        raise
    capture = _keep(archive, reply, COUNTRY, period, NATIONAL)
    try:
        listed = [str(unit.get("departmentId")).lower() for unit in _units_of(NATIONAL, reply)]
    except PortalAnswerUnreadable:
        archive.record(capture)  # received, but never judged: kept as such
        raise
    reading = GroupReading(NATIONAL, tuple(listed), None)
    verdict = judge({NATIONAL: reading}, known_provinces, max_missing_share)[NATIONAL]
    recorded = archive.record(
        judged(
            capture,
            complete=verdict.complete,
            expected=verdict.expected,
            seen=verdict.seen,
            note=verdict.note,
        )
    )
    if not verdict.complete:
        lost = Refused(NATIONAL, verdict.expected, verdict.seen, verdict.note or "not whole")
        raise incomplete(COUNTRY, period.id, [lost])
    return _bundle(
        archive,
        COUNTRY,
        period,
        catalogue.series,
        [recorded],
        provisional=_provisional([recorded], period),
        warnings=(f"{NATIONAL}: {verdict.note}",) if verdict.note else (),
        missing_shares={NATIONAL: verdict.missing_share},
    )


def incomplete(scope: str, period_id: str, refused: list[Refused] | tuple[Refused, ...]) -> CaptureIncomplete:
    """The error for a reading that is not whole: every group with expected and seen counts."""
    return CaptureIncomplete(
        f"{scope} {period_id}: {len(refused)} groups are partial and were not loaded: "
        + "; ".join(str(item) for item in refused),
        "fetch again later; only if the pagination agrees and units really left the list, allow the loss once "
        "with BOCHISO_MAX_MISSING_UNIT_SHARE and say so in the report (docs/runbooks/partial-reading.md)",
    )


def _require_portal_id(province: Province) -> str:
    if province.portal_id is None:
        raise UnknownName(
            f"{province.name} ({province.code}) is not on today's portal",
            f"its own series ends {province.valid_to:%d/%m/%Y}; this version reads today's portal only"
            if province.valid_to
            else "add portal_id to its settings file",
        )
    return province.portal_id


def _require_period(period: Period, now: datetime) -> Any:
    if period.kind == "half":
        raise UnknownName(
            "the portal's current API has no half years", "ask for the two quarters, or for the year"
        )
    today = now.astimezone(VIETNAM).date()
    if period.first_day > today:
        raise UnknownName(f"{period.id} has not begun on {today:%d/%m/%Y}", "name a period that has begun")
    first = Period.parse(load_room().first_period)
    if period.first_day < first.first_day:
        raise UnknownName(
            f"the portal's current API holds nothing before {first.id}",
            "earlier periods belong to the legacy portal, which this version does not read; never compare the two series",
        )
    return load_catalogue(period.first_day)


def _period_keys(group: str, period: Period) -> dict[str, Any]:
    """The period as the endpoint wants it: satisfaction takes inclusive dates, the others a type."""
    if group == "MDHL":
        return {"fromDate": period.first_day.isoformat(), "toDate": period.last_day.isoformat()}
    keys: dict[str, Any] = {"timeType": period.kind, "year": period.year}
    if period.kind != "year":
        keys[period.kind] = period.number
    return keys


def _ask_pages(client: PortalClient, group: str, request: dict[str, Any], page_size: int) -> Iterator[Reply]:
    """The pages of a group as they arrive, so that each is kept before the next is asked for."""
    page = 1
    while True:
        reply = client.ask(
            load_room().endpoints[group], request | {"currentPage": page, "pageSize": page_size}
        )
        yield reply
        pagination = reply.data.get("pagination")
        total_pages = pagination.get("totalPages", 1) if isinstance(pagination, dict) else 1
        if not isinstance(total_pages, int) or page >= total_pages:
            return
        if page >= _MOST_PAGES:
            raise PortalAnswerUnreadable(
                f"{group}: the portal states {total_pages} pages of {page_size} units",
                "no province has that many; compare with the contract in docs/portal.md",
            )
        page += 1


def _reading(group: str, replies: list[Reply], portal_id: str, province: Province) -> GroupReading:
    unit_ids: list[str] = []
    stated: int | None = None
    for reply in replies:
        root = reply.data.get(SHAPES[group][2])
        answered_for = root.get("departmentId") if isinstance(root, dict) else None
        if answered_for != portal_id:
            raise PortalAnswerUnreadable(
                f"{group}: asked for {province.name} ({portal_id}), answered for {answered_for!r}",
                "the portal's ids have moved: correct portal_id in the province's settings file",
            )
        pagination = reply.data.get("pagination")
        if isinstance(pagination, dict) and isinstance(pagination.get("total"), int):
            stated = pagination["total"]
        unit_ids += [str(unit.get("departmentId")).lower() for unit in _units_of(group, reply)]
    return GroupReading(group, tuple(unit_ids), stated)


def _units_of(group: str, reply: Reply) -> list[Mapping[str, Any]]:
    place = SHAPES[group][3]
    units = reply.data.get(place)
    if not isinstance(units, list) or not all(isinstance(unit, dict) for unit in units):
        raise PortalAnswerUnreadable(
            f"{reply.endpoint}: data.{place} is not a list of objects",
            "compare with the contract in docs/portal.md; the portal may have changed",
        )
    return units


def _keep(archive: Archive, reply: Reply, scope: str, period: Period, group: str) -> Capture:
    return Capture(
        source=SOURCE,
        scope=scope,
        period_id=period.id,
        group_code=group,
        endpoint=reply.endpoint,
        page=int(reply.request.get("currentPage", 1)),
        request=reply.request,
        http_status=reply.status,
        captured_at=reply.received_at,
        sha256=archive.put(reply.body),
        size_bytes=len(reply.body),
        address=reply.address,
    )


def _keep_evidence(archive: Archive, error: BaseException, scope: str, period: Period, group: str) -> None:
    """Keep an answer that is no data (a firewall's page, a cut reply): the portal's operators will ask for it."""
    evidence = getattr(error, "evidence", None)
    if isinstance(error, PortalFault) and isinstance(evidence, Reply):
        capture = _keep(archive, evidence, scope, period, group)
        archive.record(judged(capture, complete=False, expected=None, seen=None, note=error.message[:500]))


def _provisional(captures: list[Capture], period: Period) -> bool:
    return any(not period.has_ended(capture.captured_at) for capture in captures)


def _bundle(
    archive: Archive, scope: str, period: Period, series: str, captures: list[Capture], **rest: Any
) -> Bundle:
    identity = snapshot_id(SOURCE, scope, period.id, READER, captures)
    listing = manifest_bytes(identity, captures)
    captured_at = max(capture.captured_at for capture in captures)
    manifest = archive.record(
        Capture(
            source=SOURCE,
            scope=scope,
            period_id=period.id,
            group_code="MANIFEST",
            endpoint="snapshot",
            page=1,
            request={"snapshot_id": str(identity)},
            http_status=None,
            captured_at=captured_at,
            sha256=archive.put(listing),
            size_bytes=len(listing),
            complete=not rest.get("refused"),
        )
    )
    return Bundle(
        source=SOURCE,
        scope=scope,
        period_id=period.id,
        series=series,
        reader=READER,
        complete=not rest.get("refused"),
        captured_at=captured_at,
        captures=tuple(captures),
        manifest=manifest,
        **rest,
    )
