"""One period through the stages, over real HTTP: what goes in, what is refused, what is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl import stages
from etl.errors import (
    BochisoError,
    CaptureIncomplete,
    PortalAnswerUnreadable,
    PortalHasNoSuchData,
    PortalRefused,
    PortalUnreachable,
    ReportNotReady,
    Terminal,
    Transient,
    UnknownName,
    ValidationFailed,
    WarehouseRefused,
)
from etl.sandbox import CapturedPortal, Fault, Misbehaviour, SamplePortal, SandboxServer
from etl.settings import PROJECT_ROOT, Settings
from etl.warehouse.checksum import warehouse_checksum
from etl.warehouse.engine import Warehouse

REAL = PROJECT_ROOT.parent / "shared" / "real"
NOW = datetime(2026, 11, 2, 4, 0, tzinfo=UTC)


def clock() -> datetime:
    return NOW


@pytest.fixture(scope="module")
def sample() -> SamplePortal:
    return SamplePortal()


@contextmanager
def portal(
    settings: Settings, source: Any, fault: Fault | None = None, **changes: Any
) -> Iterator[tuple[Settings, SandboxServer]]:
    with SandboxServer(source, fault) as server:
        yield (
            Settings.model_validate(
                settings.model_dump()
                | {
                    "portal_url": server.url,
                    "portal_pause_seconds": 0.0,
                    "portal_retry_wait_seconds": 0.0,
                    "portal_read_timeout_seconds": 20.0,
                }
                | changes
            ),
            server,
        )


def ingest(settings: Settings, period: str = "2026-08", province: str = "phu_tho") -> stages.Snapshot:
    handed = stages.fetch(settings, province, period, clock)
    return stages.publish_reading(
        settings, stages.validate(settings, stages.read(settings, handed, clock), clock), clock
    )


def rows(warehouse: Warehouse, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with warehouse.connect("etl") as connection:
        return connection.execute(query, values or None).fetchall()


def real(name: str) -> Path:
    folder = REAL / name
    if not folder.is_dir():
        pytest.skip("the captured values of the real portal are not beside this checkout")
    return folder


def test_a_month_goes_from_the_portal_to_the_workbook(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    with portal(settings, sample) as (mine, server):
        snapshot = ingest(mine)
        assert [call.request.get("rootDepartmentId") is not None for call in server.requests] == [True] * 6
    assert snapshot["new"]
    path = stages.deliver_appendix(mine, "phu_tho", "2026-08", clock)
    assert path.read_bytes()[:2] == b"PK"
    assert path.parent.name == "2026-08"
    states = rows(warehouse, "SELECT stage, state FROM ops.run ORDER BY started_at, stage")
    assert sorted(states) == [(name, "done") for name in ("deliver", "fetch", "publish", "read", "validate")]
    assert (mine.data_docs_dir / "H44" / "2026-08" / "index.html").is_file()


def test_the_same_month_twice_changes_nothing(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    with portal(settings, sample) as (mine, _):
        first = ingest(mine)
        book = stages.deliver_appendix(mine, "phu_tho", "2026-08", clock).read_bytes()
        files = sorted(path for path in mine.archive_dir.rglob("*") if path.is_file())
        checksum = warehouse_checksum(warehouse)
        captures = rows(warehouse, "SELECT count(*) FROM ops.capture")
        again = ingest(mine)
    assert (again["snapshot_id"], again["new"]) == (first["snapshot_id"], False)
    assert warehouse_checksum(warehouse) == checksum
    assert rows(warehouse, "SELECT count(*) FROM ops.capture") == captures == [(7,)]
    assert sorted(path for path in mine.archive_dir.rglob("*") if path.is_file()) == files
    assert stages.deliver_appendix(mine, "phu_tho", "2026-08", clock).read_bytes() == book
    assert rows(warehouse, "SELECT DISTINCT times_checked FROM ops.capture_check") == [(2,)]


def test_real_partial_captures_are_refused_by_group_and_the_whole_ones_load(
    settings: Settings, warehouse: Warehouse
) -> None:
    with portal(settings, CapturedPortal(real("."))) as (mine, _), pytest.raises(CaptureIncomplete) as caught:
        ingest(mine)
    for words in (
        "CKMB: expected 163 units, saw 16",
        "MDSH: expected 163 units, saw 18",
        "MDHL: expected 163 units, saw 12",
    ):
        assert words in caught.value.message
    found = rows(
        warehouse,
        "SELECT indicator_code, count(*) FILTER (WHERE block <> 'province'), count(*) FILTER (WHERE block = 'province') "
        "FROM mart.indicator_scores WHERE level <> 'component' GROUP BY 1 ORDER BY 1",
    )
    assert found == [("CLGQ", 163, 1), ("TDGQ", 163, 1), ("TTTT", 163, 1)]
    assert rows(warehouse, "SELECT complete, missing_groups FROM core.snapshot") == [
        (False, ["CKMB", "MDHL", "MDSH"])
    ]
    assert rows(
        warehouse,
        "SELECT complete, count(*) FROM ops.capture WHERE group_code <> 'MANIFEST' GROUP BY 1 ORDER BY 1",
    ) == [(False, 3), (True, 3)]
    with pytest.raises(ReportNotReady, match="CKMB"):
        stages.deliver_appendix(mine, "phu_tho", "2026-08", clock)


def test_a_partial_reading_after_a_complete_one_changes_nothing(
    settings: Settings, warehouse: Warehouse
) -> None:
    with portal(settings, CapturedPortal(real("derived-14-units"))) as (mine, _):
        ingest(mine)
        checksum = warehouse_checksum(warehouse)
    with portal(settings, CapturedPortal(real("."))) as (mine, _), pytest.raises(CaptureIncomplete):
        ingest(mine)
    assert warehouse_checksum(warehouse) == checksum
    assert rows(warehouse, "SELECT complete FROM core.current_snapshot") == [(True,)]


EXPECTED: dict[Misbehaviour, tuple[type[BochisoError], type[BochisoError], str]] = {
    Misbehaviour.FORBIDDEN: (PortalRefused, Terminal, "HTTP 403"),
    Misbehaviour.TOO_MANY_REQUESTS: (PortalRefused, Terminal, "HTTP 429"),
    Misbehaviour.HTML: (PortalRefused, Terminal, "Support ID"),
    Misbehaviour.RESET: (PortalUnreachable, Transient, "after 3 tries"),
    Misbehaviour.SLOW: (PortalUnreachable, Transient, "after 3 tries"),
    Misbehaviour.SERVER_ERROR: (PortalUnreachable, Transient, "HTTP 500"),
    Misbehaviour.TRUNCATED: (PortalAnswerUnreadable, Terminal, "not whole JSON"),
    Misbehaviour.CODE_NOT_OK: (PortalAnswerUnreadable, Terminal, "instead of 'OK'"),
    Misbehaviour.GROUP_MISSING: (PortalHasNoSuchData, Terminal, "dossier-digitized"),
    Misbehaviour.UNITS_MISSING: (CaptureIncomplete, Terminal, "6 groups are partial"),
}


def test_every_misbehaviour_has_an_expectation() -> None:
    assert set(EXPECTED) | {Misbehaviour.FLAKY} == set(Misbehaviour)


@pytest.mark.parametrize("known", [False, True], ids=["an empty warehouse", "a complete month there"])
@pytest.mark.parametrize("kind", list(EXPECTED), ids=lambda kind: kind.value)
def test_a_misbehaving_portal_is_named_and_changes_nothing(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal, kind: Misbehaviour, known: bool
) -> None:
    error_class, family, words = EXPECTED[kind]
    if known:
        with portal(settings, sample) as (mine, _):
            ingest(mine)
    checksum = warehouse_checksum(warehouse)
    patience = 0.3 if kind is Misbehaviour.SLOW else 20.0
    with (
        portal(settings, sample, Fault(kind), portal_read_timeout_seconds=patience) as (mine, server),
        pytest.raises(error_class) as caught,
    ):
        ingest(mine)
    assert type(caught.value) is error_class
    assert isinstance(caught.value, family)
    assert words in caught.value.message
    assert len(caught.value.remedy) > 20
    assert warehouse_checksum(warehouse) == checksum
    if error_class is PortalRefused:
        assert len(server.requests) == 1
    [(state, name, remedy)] = rows(
        warehouse, "SELECT state, error_class, remedy FROM ops.run WHERE state = 'failed'"
    )
    assert (state, name, remedy) == ("failed", error_class.__name__, caught.value.remedy)
    with portal(settings, sample) as (mine, _):  # once the portal behaves, the month goes through
        assert ingest(mine)["new"] is not known


def test_a_flaky_portal_is_read_all_the_same(settings: Settings, sample: SamplePortal) -> None:
    with portal(settings, sample, Fault(Misbehaviour.FLAKY)) as (mine, server):
        assert ingest(mine)["new"]
        assert len(server.requests) == 12


def test_units_lost_against_the_last_complete_snapshot_refuse_the_reading(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    class Shrunk:
        """Consistent with itself, but a fifth of the units is gone from every group."""

        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            import json

            body = sample.answer(endpoint, request)
            assert body is not None
            envelope = json.loads(body)
            for place in ("evaluation", "children"):
                if place in envelope["data"]:
                    units = envelope["data"][place]
                    del units[len(units) * 4 // 5 :]
                    if "pagination" in envelope["data"]:
                        envelope["data"]["pagination"]["total"] = len(units)
            return json.dumps(envelope).encode()

    with portal(settings, sample) as (mine, _):
        ingest(mine, "2026-07")
    with (
        portal(settings, Shrunk()) as (mine, _),
        pytest.raises(CaptureIncomplete, match="the last complete snapshot held"),
    ):
        ingest(mine, "2026-08")
    with portal(settings, Shrunk(), max_missing_unit_share=0.5) as (mine, _):
        assert ingest(mine, "2026-08")["new"]


def test_failed_checks_publish_nothing_and_leave_the_rows_in_quarantine(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    class Overfull:
        """The province's own digitization score exceeds its maximum."""

        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            import json

            body = sample.answer(endpoint, request)
            assert body is not None
            envelope = json.loads(body)
            if endpoint.endswith("dossier-digitized"):
                envelope["data"]["overview"]["totalScore"] = 23
            return json.dumps(envelope).encode()

    with (
        portal(settings, Overfull()) as (mine, _),
        pytest.raises(ValidationFailed, match="province_figures_good"),
    ):
        ingest(mine)
    assert rows(warehouse, "SELECT count(*) FROM core.snapshot") == [(0,)]
    [(column, value, rule, message, locator)] = rows(
        warehouse, "SELECT column_name, value, rule, message_vi, locator FROM quarantine.rejected_row"
    )
    assert (column, value, rule, locator) == ("score", "23", "score_within_maximum", "$.data.overview")
    assert "UBND tỉnh Phú Thọ" in message
    assert rows(warehouse, "SELECT count(*) FROM ops.validation_result WHERE state = 'failed'") == [(1,)]


def test_a_bad_row_goes_to_quarantine_and_the_rest_is_published(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    class OneBadUnit:
        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            import json

            body = sample.answer(endpoint, request)
            assert body is not None
            envelope = json.loads(body)
            if endpoint.endswith("dvc-progress-tree"):
                envelope["data"]["children"][4]["score"] = "16,53"
            return json.dumps(envelope).encode()

    with portal(settings, OneBadUnit()) as (mine, _):
        ingest(mine)
    assert rows(
        warehouse, "SELECT rows_read = rows_published + rows_quarantined, rows_quarantined FROM core.snapshot"
    ) == [(True, 1)]
    [(column, value, place)] = rows(
        warehouse, "SELECT column_name, value, locator FROM quarantine.rejected_row"
    )
    assert (column, value, place) == ("score", "16,53", "$.data.children[4]")
    assert rows(
        warehouse,
        "SELECT count(*) FROM mart.unit_scorecard WHERE total IS NULL AND tdgq IS NULL AND mdsh IS NOT NULL",
    ) == [(1,)]
    kinds = dict(rows(warehouse, "SELECT kind, max(observed) FROM mart.data_quality GROUP BY kind"))
    assert kinds["quarantine"] == "1"


def test_a_restatement_is_captured_published_and_told(settings: Settings, warehouse: Warehouse) -> None:
    early, late = datetime(2026, 9, 5, tzinfo=UTC), datetime(2026, 10, 5, tzinfo=UTC)
    moments = iter((early, late))
    for moment in moments:
        with portal(settings, SamplePortal(as_of=moment)) as (mine, _):
            handed = stages.fetch(mine, "phu_tho", "2026-08", lambda moment=moment: moment)
            stages.publish_reading(
                mine, stages.validate(mine, stages.read(mine, handed, clock), clock), clock
            )
    found = rows(
        warehouse,
        "SELECT count(*), count(DISTINCT unit_code), min(old_captured_at), max(new_captured_at) FROM mart.restatements",
    )
    assert found[0][0] > 10
    assert 4 <= found[0][1] <= 7
    assert found[0][2:] == (early, late)
    assert rows(warehouse, "SELECT count(*) FROM core.snapshot WHERE complete") == [(2,)]
    warned = rows(
        warehouse,
        "SELECT state FROM mart.data_quality WHERE subject = 'closed_period_unchanged' AND period_id = '2026-08'",
    )
    assert warned == [("warned",)]


def test_the_national_page_gives_the_ranking_or_says_there_is_none(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    with portal(settings, sample) as (mine, _):
        handed = stages.fetch_country(mine, "2026-08", clock)
        stages.publish_reading(mine, stages.validate(mine, stages.read(mine, handed, clock), clock), clock)
    assert rows(
        warehouse, "SELECT count(*), min(rank), count(DISTINCT province_code) FROM mart.province_ranking"
    ) == [(34, 1, 34)]
    with (
        portal(settings, CapturedPortal(real("derived-14-units"))) as (mine, _),
        pytest.raises(PortalHasNoSuchData),
    ):
        stages.fetch_country(mine, "2026-07", clock)


def test_real_and_invented_figures_never_share_a_warehouse(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    with portal(settings, sample) as (mine, _):
        ingest(mine)
    with warehouse.connect("owner") as connection:
        connection.execute(
            "UPDATE ops.capture SET address = 'https://portal.example/api' WHERE address IS NOT NULL"
        )
    with portal(settings, sample) as (mine, server), pytest.raises(WarehouseRefused, match="sandbox"):
        ingest(mine)
    assert server.requests == []


def test_a_report_needs_a_complete_snapshot(settings: Settings) -> None:
    stages.ready_warehouse(settings)
    with pytest.raises(ReportNotReady, match="nothing has been published"):
        stages.deliver_appendix(settings, "phu_tho", "2026-08", clock)


def test_a_run_that_died_is_marked_interrupted_by_the_next(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    from etl.warehouse.ledger import stage_run

    dead = stage_run(warehouse, "fetch", "national_portal", "H44", "2026-08", clock)
    dead.__enter__()
    with portal(settings, sample) as (mine, _):
        stages.fetch(mine, "phu_tho", "2026-08", clock)
    assert rows(warehouse, "SELECT state FROM ops.run ORDER BY state") == [("done",), ("interrupted",)]


@pytest.mark.parametrize(
    ("params", "events", "expected"),
    [
        ({"province": "phu_tho", "period": "2026-08"}, [], [{"province": "phu_tho", "period": "2026-08"}]),
        (
            {"province": None, "period": None},
            [
                {"province": "H44", "period": "2026-08"},
                {"province": "H44", "period": "2026-08"},
                {"province": "H21", "period": "2026-08"},
                {"province": "H21", "period": "2026-Q3"},
            ],
            [{"province": "H21", "period": "2026-08"}, {"province": "H44", "period": "2026-08"}],
        ),
        ({}, [{"province": "H21", "period": "2026-Q3"}], []),
    ],
)
def test_a_report_run_knows_what_it_is_about(
    params: dict[str, Any], events: list[dict[str, Any]], expected: list[dict[str, str]]
) -> None:
    assert stages.report_targets("month", params, events) == expected


def test_a_report_run_about_nothing_or_another_kind_is_refused() -> None:
    with pytest.raises(UnknownName):
        stages.report_targets("month", {}, [])
    with pytest.raises(UnknownName, match="2026-Q3"):
        stages.report_targets("month", {"province": "phu_tho", "period": "2026-Q3"}, [])


def test_a_failure_in_between_does_not_make_old_bytes_a_new_snapshot(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    """Same bytes, one snapshot: also after a run that broke off and one that was partial."""
    ticks = iter(range(10_000))

    def moving() -> datetime:
        return NOW + timedelta(seconds=next(ticks))

    with portal(settings, sample) as (mine, _):
        first = stages.fetch(mine, "phu_tho", "2026-08", moving)
        stages.publish_reading(mine, stages.validate(mine, stages.read(mine, first, clock), clock), clock)
    for kind in (Misbehaviour.GROUP_MISSING, Misbehaviour.UNITS_MISSING, Misbehaviour.HTML):
        with portal(settings, sample, Fault(kind)) as (mine, _), pytest.raises(BochisoError):
            stages.fetch(mine, "phu_tho", "2026-08", moving)
    with portal(settings, sample) as (mine, _):
        assert stages.fetch(mine, "phu_tho", "2026-08", moving) == first


def test_an_answer_that_is_no_data_is_kept_as_evidence(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    from etl.archive import Archive

    with portal(settings, sample, Fault(Misbehaviour.HTML)) as (mine, _), pytest.raises(PortalRefused):
        ingest(mine)
    [(sha256, complete, status, note)] = rows(
        warehouse, "SELECT sha256, complete, http_status, note FROM ops.capture"
    )
    assert (complete, status) == (False, 200)
    assert "Support ID" in note
    assert b"Request Rejected" in Archive(mine.archive_dir).get(sha256)


def test_a_national_page_without_many_provinces_is_refused(
    settings: Settings, warehouse: Warehouse, sample: SamplePortal
) -> None:
    import json

    class Short:
        def __init__(self, left_out: int) -> None:
            self.left_out = left_out

        def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
            envelope = json.loads(sample.answer(endpoint, request) or b"")
            del envelope["data"]["evaluation"][: self.left_out]
            return json.dumps(envelope).encode()

    with (
        portal(settings, Short(7)) as (mine, _),
        pytest.raises(CaptureIncomplete, match="NATIONAL: expected 34 units, saw 27"),
    ):
        stages.fetch_country(mine, "2026-08", clock)
    with portal(settings, Short(1)) as (mine, _):
        handed = stages.fetch_country(mine, "2026-08", clock)
        stages.publish_reading(mine, stages.validate(mine, stages.read(mine, handed, clock), clock), clock)
    assert rows(warehouse, "SELECT count(*) FROM mart.province_ranking") == [(33,)]
    told = rows(warehouse, "SELECT state FROM mart.data_quality WHERE subject = 'no_unit_lost'")
    assert told == [("warned",)]
