"""From the portal into the archive: what is asked, what is kept, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.archive import Archive
from etl.errors import (
    CaptureIncomplete,
    PortalAnswerUnreadable,
    PortalHasNoSuchData,
    PortalRefused,
    Terminal,
    UnknownName,
)
from etl.periods import VIETNAM, Period
from etl.reference.provinces import Province, find_province
from etl.sandbox import CapturedPortal, Fault, SamplePortal, SandboxServer
from etl.sandbox.misbehaviour import Misbehaviour
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal import fetch as fetch_module
from etl.sources.national_portal.client import PortalClient
from etl.sources.national_portal.fetch import fetch_province
from etl.sources.national_portal.room import load_room

# Fixtures of tests/conftest.py: fetch_reading gives a Reading, edited a portal.
Reading = Any
Fetch = Callable[..., Reading]
Edit = Callable[..., Any]

ENDPOINTS = {
    "CKMB": "evaluation/transparency",
    "TDGQ": "evaluation/dvc-progress-tree",
    "CLGQ": "evaluation/provide-online-tree",
    "TTTT": "evaluation/formality-online-payment-tree",
    "MDSH": "evaluation/dossier-digitized",
    "MDHL": "evaluation/handling-satisfaction",
}


@pytest.fixture
def kept(make_settings: Callable[..., Settings]) -> Callable[..., list[Any]]:
    """Captures in the test's archive, the lists of snapshots left out."""

    def captures(period: str = "2026-08", scope: str = "H44") -> list[Any]:
        found = Archive(make_settings().archive_dir).captures("national_portal", scope, period)
        return [item for item in found if item.group_code != "MANIFEST"]

    return captures


def asked_for(reading: Reading) -> dict[str, dict[str, Any]]:
    return {item.endpoint: dict(item.request) for item in reading.requests}


@pytest.mark.parametrize(
    ("period", "keys", "days"),
    [
        ("2026-08", {"timeType": "month", "year": 2026, "month": 8}, ("2026-08-01", "2026-08-31")),
        ("2026-02", {"timeType": "month", "year": 2026, "month": 2}, ("2026-02-01", "2026-02-28")),
        ("2026-Q3", {"timeType": "quarter", "year": 2026, "quarter": 3}, ("2026-07-01", "2026-09-30")),
        ("2026", {"timeType": "year", "year": 2026}, ("2026-01-01", "2026-12-31")),
    ],
)
def test_each_group_is_asked_in_its_own_words(
    fetch_reading: Fetch,
    sample_portal: SamplePortal,
    phu_tho: Province,
    period: str,
    keys: dict[str, Any],
    days: tuple[str, str],
) -> None:
    reading = fetch_reading(sample_portal, period)
    place = {"rootDepartmentId": phu_tho.portal_id, "currentPage": 1, "pageSize": 300}
    assert [item.endpoint for item in reading.requests] == list(ENDPOINTS.values())
    for endpoint, request in asked_for(reading).items():
        if endpoint == ENDPOINTS["MDHL"]:
            assert request == {"fromDate": days[0], "toDate": days[1], **place}
        else:
            assert request == {**keys, **place}


def test_the_national_page_is_asked_without_a_province(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal, "2026-08", national=True)
    assert asked_for(reading) == {
        "evaluation/service-results": {
            "timeType": "month",
            "year": 2026,
            "month": 8,
            "departmentType": "ADMINISTRATIVE_UNIT",
        }
    }
    assert (reading.bundle.scope, reading.bundle.complete) == ("VN", True)


@pytest.mark.parametrize(
    ("period", "words"),
    [
        ("2026-H1", "no half years"),
        ("2026-11", "2026-11 has not begun on 01/10/2026"),
        ("2026-Q4", None),
        ("2027", "2027 has not begun"),
        ("2025-12", "nothing before 2026"),
        ("2025", "nothing before 2026"),
    ],
)
def test_periods_the_portal_cannot_have_are_refused_before_anything_is_asked(
    fetch_reading: Fetch, edited: Edit, period: str, words: str | None
) -> None:
    asked: list[int] = []
    portal = edited(None, lambda data: asked.append(len(data)))
    if words is None:
        fetch_reading(portal, period)
        assert len(asked) == 6
        return
    for national in (False, True):
        with pytest.raises(UnknownName, match=words) as caught:
            fetch_reading(portal, period, national=national)
        assert caught.value.remedy
    assert asked == []


def test_a_month_has_begun_when_it_has_begun_in_vietnam(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    midnight = datetime(2026, 9, 1, 0, 0, tzinfo=VIETNAM)
    reading = fetch_reading(sample_portal, "2026-09", at=midnight.astimezone(UTC))
    assert reading.bundle.provisional
    with pytest.raises(UnknownName, match="has not begun on 31/08/2026"):
        fetch_reading(sample_portal, "2026-09", at=(midnight - timedelta(seconds=1)).astimezone(UTC))


def test_a_province_without_a_place_on_the_portal_is_refused(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    with pytest.raises(UnknownName, match=r"H06.*not on today's portal") as caught:
        fetch_reading(sample_portal, "2026-08", province=find_province("ba_ria_vung_tau"))
    assert "30/06/2025" in caught.value.remedy


@pytest.mark.parametrize(
    ("at", "provisional"),
    [
        (datetime(2026, 8, 31, 23, 59, 59, tzinfo=VIETNAM), True),
        (datetime(2026, 9, 1, 0, 0, tzinfo=VIETNAM), False),
        (datetime(2026, 8, 31, 17, 0, tzinfo=UTC), False),
    ],
)
def test_a_period_is_provisional_until_it_has_ended_in_vietnam(
    fetch_reading: Fetch, sample_portal: SamplePortal, at: datetime, provisional: bool
) -> None:
    assert fetch_reading(sample_portal, "2026-08", at=at).bundle.provisional is provisional


def test_a_whole_reading_is_kept_byte_for_byte_beside_its_request(
    fetch_reading: Fetch, sample_portal: SamplePortal, kept: Callable[..., list[Any]], now: datetime
) -> None:
    reading = fetch_reading(sample_portal)
    captures = kept()
    assert [item.group_code for item in reading.bundle.captures] == list(ENDPOINTS)
    assert {item.capture_id for item in captures} == {item.capture_id for item in reading.bundle.captures}
    for item in captures:
        sent = sample_portal.answer(item.endpoint, dict(item.request))
        assert reading.archive.get(item.sha256) == sent
        assert item.size_bytes == len(sent or b"")
        assert (item.http_status, item.complete, item.captured_at) == (201, True, now)
        assert item.expected_units == item.seen_units
        assert (item.address or "").startswith("http://127.0.0.1:")
    assert reading.bundle.complete
    assert reading.bundle.refused == ()
    assert reading.bundle.warnings == ()


def test_the_list_of_captures_is_archived_with_them(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal)
    listing = json.loads(reading.archive.get(reading.bundle.manifest.sha256))
    assert listing["snapshot_id"] == str(reading.bundle.snapshot_id)
    named = {item["capture_id"]: item["sha256"] for item in listing["captures"]}
    assert named == {str(item.capture_id): item.sha256 for item in reading.bundle.captures}
    assert len(named) == 6


def test_the_same_bytes_make_the_same_snapshot_whenever_they_are_read(
    fetch_reading: Fetch, sample_portal: SamplePortal, kept: Callable[..., list[Any]], now: datetime
) -> None:
    first = fetch_reading(sample_portal)
    again = fetch_reading(sample_portal, at=now + timedelta(days=1))
    # a sandbox has another port each time: only the address of the first reading is kept
    assert again.bundle.snapshot_id == first.bundle.snapshot_id
    assert again.bundle.captures == first.bundle.captures
    assert again.bundle.captured_at == now
    assert len(kept()) == 6


def test_other_bytes_make_another_snapshot(
    fetch_reading: Fetch, sample_portal: SamplePortal, kept: Callable[..., list[Any]], now: datetime
) -> None:
    first = fetch_reading(sample_portal)
    other = fetch_reading(SamplePortal(seed=767), at=now + timedelta(days=1))
    back = fetch_reading(sample_portal, at=now + timedelta(days=2))
    snapshots = [reading.bundle.snapshot_id for reading in (first, other, back)]
    assert len(set(snapshots)) == 3
    assert len({item.sha256 for item in kept()}) < len(kept()) == 18


@pytest.mark.parametrize("size", [1, 50, 121])
def test_pages_are_followed_to_the_last_and_read_as_one(
    fetch_reading: Fetch,
    sample_portal: SamplePortal,
    monkeypatch: pytest.MonkeyPatch,
    size: int,
    now: datetime,
) -> None:
    whole = fetch_reading(sample_portal)
    units = json.loads(whole.archive.get(whole.bundle.captures[0].sha256))["data"]["pagination"]["total"]
    size = max(size, units // 40)  # a province of more than 50 pages is no province
    room = load_room().model_copy(update={"page_size": size})
    monkeypatch.setattr(fetch_module, "load_room", lambda: room)
    paged = fetch_reading(sample_portal, at=now + timedelta(days=1))
    pages = -(-units // size)
    assert pages > 1
    for group in ("CKMB", "MDSH", "MDHL"):
        assert [c.page for c in paged.bundle.captures if c.group_code == group] == list(range(1, pages + 1))
    for group in ("TDGQ", "CLGQ", "TTTT"):
        assert [c.page for c in paged.bundle.captures if c.group_code == group] == [1]
    assert paged.bundle.complete
    places = ["capture_id", "capture_sha256", "locator"]
    assert paged.result.tidy.drop_columns(places) == whole.result.tidy.drop_columns(places)


def test_a_portal_that_states_endless_pages_is_stopped(fetch_reading: Fetch, edited: Edit) -> None:
    def endless(data: dict[str, Any]) -> None:
        data["pagination"]["totalPages"] = 10**9

    portal = edited("transparency", endless)
    with pytest.raises(PortalAnswerUnreadable, match="1000000000 pages"):
        fetch_reading(portal)


@pytest.mark.parametrize(
    "pagination", [None, [], "x", {}, {"total": "163", "totalPages": "x"}, {"totalPages": None}]
)
def test_a_group_without_usable_pagination_is_judged_by_the_others(
    fetch_reading: Fetch, edited: Edit, pagination: Any
) -> None:
    portal = edited("transparency", lambda data: data.update(pagination=pagination))
    assert fetch_reading(portal).bundle.complete

    def cut(data: dict[str, Any]) -> None:
        data.update(pagination=pagination)
        del data["evaluation"][10:]

    reading = fetch_reading(edited("transparency", cut))
    assert reading.bundle.missing_groups == ("CKMB",)


@pytest.mark.parametrize("group", list(ENDPOINTS))
def test_an_answer_for_another_province_is_refused(
    fetch_reading: Fetch, edited: Edit, kept: Callable[..., list[Any]], phu_tho: Province, group: str
) -> None:
    other = find_province("gia_lai").portal_id

    def elsewhere(data: dict[str, Any]) -> None:
        data["overview" if "overview" in data else "parent"]["departmentId"] = other

    with pytest.raises(PortalAnswerUnreadable, match=f"answered for '{other}'") as caught:
        fetch_reading(edited(ENDPOINTS[group], elsewhere))
    assert str(phu_tho.portal_id) in caught.value.message
    # kept, this answer too, but not judged
    asked = list(ENDPOINTS)[: list(ENDPOINTS).index(group) + 1]
    assert {item.group_code for item in kept()} == set(asked)
    assert {item.complete for item in kept()} == {None}


@pytest.mark.parametrize("broken", [None, [], "units", {"0": {}}, [1], [None], [{}, "x"]])
def test_units_that_are_not_a_list_of_objects_are_unreadable(
    fetch_reading: Fetch, edited: Edit, broken: Any
) -> None:
    portal = edited("dvc-progress-tree", lambda data: data.update(children=broken))
    if broken == []:
        assert fetch_reading(portal).bundle.missing_groups == ("TDGQ",)
        return
    with pytest.raises(PortalAnswerUnreadable, match=r"data\.children is not a list of objects"):
        fetch_reading(portal)


def test_a_portal_that_loses_units_is_refused_group_by_group_with_counts(
    fetch_reading: Fetch, sample_portal: SamplePortal, kept: Callable[..., list[Any]]
) -> None:
    whole = fetch_reading(sample_portal)
    units = whole.bundle.captures[0].seen_units
    lost = units // 5
    with pytest.raises(CaptureIncomplete) as caught:
        fetch_reading(
            sample_portal,
            fault=Fault(Misbehaviour.UNITS_MISSING),
            known=frozenset(u["departmentId"] for u in children(whole)),
        )
    message = caught.value.message
    assert message.startswith("H44 2026-08: 6 groups are partial and were not loaded: ")
    for group in ENDPOINTS:
        assert f"{group}: expected {units} units, saw {units - lost} (" in message
    assert "BOCHISO_MAX_MISSING_UNIT_SHARE" in caught.value.remedy
    assert caught.value.exit_code == 5
    refused = [item for item in kept() if item.complete is False]
    assert [(item.expected_units, item.seen_units) for item in refused] == [(units, units - lost)] * 6


def children(reading: Reading) -> list[dict[str, Any]]:
    tree = next(item for item in reading.bundle.captures if item.group_code == "TDGQ")
    return list(json.loads(reading.archive.get(tree.sha256))["data"]["children"])


def test_trees_that_lose_the_same_units_are_caught_by_the_pagination_of_the_others(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    trees = frozenset(ENDPOINTS[group] for group in ("TDGQ", "CLGQ", "TTTT"))
    reading = fetch_reading(sample_portal, fault=Fault(Misbehaviour.UNITS_MISSING, only=trees))
    assert reading.bundle.missing_groups == ("TDGQ", "CLGQ", "TTTT")
    assert not reading.bundle.complete
    assert {item.group_code for item in reading.bundle.captures} == {"CKMB", "MDSH", "MDHL"}
    assert set(reading.result.tidy["group_code"].to_pylist()) == {"CKMB", "MDSH", "MDHL"}


@pytest.mark.parametrize(("lost", "refused"), [(5, False), (20, True)])
def test_units_known_from_before_are_missed(
    fetch_reading: Fetch, sample_portal: SamplePortal, lost: int, refused: bool
) -> None:
    before = {unit["departmentId"] for unit in children(fetch_reading(sample_portal))}
    known = frozenset(before | {f"00000000-0000-0000-0000-{number:012d}" for number in range(lost)})
    if refused:
        with pytest.raises(
            CaptureIncomplete, match=f"last complete snapshot held {len(known)} units, {lost}"
        ):
            fetch_reading(sample_portal, known=known)
        return
    bundle = fetch_reading(sample_portal, known=known).bundle
    assert bundle.complete
    assert len(bundle.warnings) == 6
    assert all(f"{lost} are missing here" in warning for warning in bundle.warnings)
    assert set(bundle.missing_shares.values()) == {round(lost / len(known), 6)}


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("group_missing", PortalHasNoSuchData),
        ("forbidden", PortalRefused),
        ("truncated", PortalAnswerUnreadable),
    ],
)
def test_what_arrived_before_an_error_is_in_the_archive_unjudged(
    fetch_reading: Fetch,
    sample_portal: SamplePortal,
    kept: Callable[..., list[Any]],
    kind: str,
    error: type[Exception],
) -> None:
    fault = Fault(Misbehaviour(kind), only=frozenset({ENDPOINTS["MDSH"]}))
    with pytest.raises(error):
        fetch_reading(sample_portal, fault=fault)
    verdicts = {item.group_code: item.complete for item in kept()}
    evidence = {} if error is PortalHasNoSuchData else {"MDSH": False}  # the answer that was no data
    assert verdicts == dict.fromkeys(("CKMB", "TDGQ", "CLGQ", "TTTT")) | evidence


def test_the_first_pages_of_a_group_that_breaks_off_are_in_the_archive(
    fetch_reading: Fetch,
    sample_portal: SamplePortal,
    kept: Callable[..., list[Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    room = load_room().model_copy(update={"page_size": 40})
    monkeypatch.setattr(fetch_module, "load_room", lambda: room)

    class Gone:
        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            return None if request.get("currentPage") == 3 else sample_portal.answer(endpoint, request)

    with pytest.raises(PortalHasNoSuchData):
        fetch_reading(Gone())
    assert sorted((item.group_code, item.page) for item in kept()) == [("CKMB", 1), ("CKMB", 2)]


def test_an_interrupted_reading_keeps_what_it_has(
    sample_portal: SamplePortal,
    start_sandbox: Callable[..., SandboxServer],
    make_settings: Callable[..., Settings],
    kept: Callable[..., list[Any]],
    phu_tho: Province,
    now: datetime,
) -> None:
    server = start_sandbox(sample_portal)
    settings = make_settings(server.url, portal_pause_seconds=60)
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise KeyboardInterrupt

    with PortalClient(settings, lambda: now, sleep) as client, pytest.raises(KeyboardInterrupt):
        fetch_province(
            client,
            Archive(settings.archive_dir),
            phu_tho,
            Period.parse("2026-08"),
            known_units=frozenset(),
            max_missing_share=0.05,
            now=now,
        )
    assert {item.group_code for item in kept()} == {"CKMB", "TDGQ", "CLGQ"}


def test_a_national_page_without_provinces_is_incomplete_and_kept(
    fetch_reading: Fetch, edited: Edit, kept: Callable[..., list[Any]]
) -> None:
    with pytest.raises(CaptureIncomplete, match=r"VN 2026-08.*NATIONAL: .*saw 0 \(no unit was sent\)"):
        fetch_reading(edited("service-results", lambda data: data.update(evaluation=[])), national=True)
    assert [(item.group_code, item.complete, item.seen_units) for item in kept(scope="VN")] == [
        ("NATIONAL", False, 0)
    ]


def test_a_national_page_of_another_shape_is_unreadable_and_kept(
    fetch_reading: Fetch, edited: Edit, kept: Callable[..., list[Any]]
) -> None:
    with pytest.raises(PortalAnswerUnreadable, match=r"data\.evaluation is not a list"):
        fetch_reading(edited("service-results", lambda data: data.pop("evaluation")), national=True)
    assert [(item.group_code, item.complete) for item in kept(scope="VN")] == [("NATIONAL", None)]


def test_a_bundle_reads_back_from_its_work_folder(
    fetch_reading: Fetch, sample_portal: SamplePortal, tmp_path: Path
) -> None:
    trees = frozenset({ENDPOINTS["TDGQ"]})
    bundle = fetch_reading(sample_portal, fault=Fault(Misbehaviour.UNITS_MISSING, only=trees)).bundle
    assert bundle.refused
    folder = bundle.save(tmp_path / "work")
    assert folder.relative_to(tmp_path / "work").parts == (
        "national_portal",
        "H44",
        "2026-08",
        str(bundle.snapshot_id),
    )
    assert Bundle.load(folder) == bundle
    assert [path.name for path in folder.iterdir()] == ["bundle.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"null", b"[]", b"{}", b'{"captured_at": 1}', b"\xff"])
def test_a_work_folder_without_a_readable_bundle_says_what_to_do(
    tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "bundle.json").write_bytes(content)
    with pytest.raises(Terminal, match=r"bundle\.json cannot be read") as caught:
        Bundle.load(tmp_path)
    assert "run the period again" in caught.value.remedy


# --- the real portal's bodies -------------------------------------------------------------


def test_partial_real_captures_are_refused_with_the_real_counts(
    fetch_reading: Fetch, real_captures: Path, kept: Callable[..., list[Any]]
) -> None:
    reading = fetch_reading(CapturedPortal(real_captures))
    words = [str(item).partition(" (")[0] for item in reading.bundle.refused]
    assert words == [
        "CKMB: expected 163 units, saw 16",
        "MDSH: expected 163 units, saw 18",
        "MDHL: expected 163 units, saw 12",
    ]
    assert not reading.bundle.complete
    assert [item.group_code for item in reading.bundle.captures] == ["TDGQ", "CLGQ", "TTTT"]
    judged = {item.group_code: (item.complete, item.expected_units, item.seen_units) for item in kept()}
    assert judged == {
        "CKMB": (False, 163, 16),
        "TDGQ": (True, 163, 163),
        "CLGQ": (True, 163, 163),
        "TTTT": (True, 163, 163),
        "MDSH": (False, 163, 18),
        "MDHL": (False, 163, 12),
    }


def test_partial_real_captures_of_two_days_earlier_differ(fetch_reading: Fetch, real_captures: Path) -> None:
    portal = CapturedPortal(real_captures, as_of=datetime(2026, 9, 27, tzinfo=UTC))
    bundle = fetch_reading(portal).bundle
    assert {item.group_code: (item.expected, item.seen) for item in bundle.refused} == {
        "CKMB": (163, 16),
        "MDSH": (163, 20),
        "MDHL": (163, 14),
    }


def test_the_real_national_page_has_34_provinces(fetch_reading: Fetch, real_captures: Path) -> None:
    reading = fetch_reading(CapturedPortal(real_captures), "2026", national=True)
    assert reading.bundle.complete
    assert reading.bundle.provisional
    assert reading.bundle.captures[0].seen_units == 34


def test_the_small_real_set_is_whole(fetch_reading: Fetch, real_captures: Path) -> None:
    bundle = fetch_reading(CapturedPortal(real_captures / "derived-14-units")).bundle
    assert bundle.complete
    assert bundle.warnings == ()
    assert {item.seen_units for item in bundle.captures} == {14}
    assert len(bundle.captures) == 6
