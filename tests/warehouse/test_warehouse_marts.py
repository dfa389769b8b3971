"""What analysts are promised: exact values, ranks, changes, restatements, and the way back to the bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jsonpath_ng import parse
from support.readings import FIRST, edit_unit, later, load_of, national_bundle, province_bundle

from etl.archive import Archive
from etl.sandbox import CapturedPortal
from etl.settings import PROJECT_ROOT
from etl.warehouse.engine import Warehouse
from etl.warehouse.publish import publish

REAL = PROJECT_ROOT.parent / "shared" / "real"
ENDPOINTS = {
    "CKMB": "transparency",
    "TDGQ": "dvc-progress-tree",
    "CLGQ": "provide-online-tree",
    "TTTT": "formality-online-payment-tree",
    "MDSH": "dossier-digitized",
    "MDHL": "handling-satisfaction",
}
MONITORED = {"PETITION_CLASSIFICATION_TTHC", "PETITION_CLASSIFICATION_STAFF"}


def ask(warehouse: Warehouse, query: str, *values: Any) -> list[tuple[Any, ...]]:
    with warehouse.connect("analyst") as connection:
        return connection.execute(query, values or None).fetchall()


@pytest.fixture
def fourteen_units(warehouse: Warehouse, archive: Archive) -> Path:
    """The real 14-unit month, published; the folder of its captures."""
    folder = REAL / "derived-14-units"
    if not folder.is_dir():
        pytest.skip("the captured values of the real portal are not beside this checkout")
    bundle = province_bundle(archive, province="phu_tho", source=CapturedPortal(folder))
    assert bundle.complete
    publish(warehouse, load_of(archive, bundle))
    return folder


def bodies(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["captures"]:
        endpoint = entry["endpoint"].removeprefix("evaluation/")
        group = next(code for code, name in ENDPOINTS.items() if name == endpoint)
        yield (
            group,
            json.loads((folder / entry["file"]).read_text(encoding="utf-8"), parse_float=Decimal)["data"],
        )


def exact(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def test_every_real_score_is_in_the_mart_to_the_last_digit(
    fourteen_units: Path, warehouse: Warehouse
) -> None:
    rows = ask(
        warehouse,
        "SELECT i.unit_id::text, i.indicator_code, i.portal_code, i.numerator, i.denominator, i.ratio_pct, i.score, "
        "i.max_score, i.unit_code, i.block FROM mart.indicator_scores i WHERE level <> 'total'",
    )
    from etl.reference.units import portal_unit_id

    by_key = {(row[0], row[2] or row[1]): row[3:8] for row in rows}
    seen = 0
    for group, data in bodies(fourteen_units):
        root = data.get("overview") or data.get("parent")
        for entity in [root, *(data.get("evaluation") or data.get("children"))]:
            unit = str(portal_unit_id(entity["departmentId"]))
            score = entity["totalScore"] if "totalScore" in entity else entity["score"]
            top = entity["totalMaxScore"] if "totalMaxScore" in entity else entity["maxScore"]
            stored = by_key[(unit, group)]
            assert (stored[3], stored[4], stored[2]) == (exact(score), exact(top), exact(entity["ratio"]))
            seen += 1
            for metric in entity.get("metrics", []):
                expected = tuple(
                    exact(metric[name]) for name in ("numerator", "denominator", "ratio", "score", "maxScore")
                )
                found = by_key[(unit, metric["code"])]
                assert tuple(map(exact, found)) == expected
                seen += 1
    assert seen == 15 * (6 + 4 + 7 + 5)
    units = ask(
        warehouse,
        "SELECT count(DISTINCT unit_id) FILTER (WHERE block <> 'province'), count(DISTINCT unit_id) FROM mart.indicator_scores",
    )
    assert units == [(14, 15)]
    groups = ask(warehouse, "SELECT count(*), count(score) FROM mart.indicator_scores WHERE level = 'group'")
    assert groups == [(90, 90)]


def test_nulls_of_the_real_month_are_kept(fourteen_units: Path, warehouse: Warehouse) -> None:
    rows = ask(
        warehouse,
        "SELECT portal_code, numerator, denominator, score FROM mart.indicator_scores WHERE unit_code = 'H44.01' "
        "AND portal_code IS NOT NULL",
    )
    found = {code: rest for code, *rest in rows}
    assert found["ELECTRONIC_CERTIFIED_COPY"] == [None, None, Decimal(2)]
    assert found["DOSSIER_SYNC"] == [0, 0, None]
    assert found["PUBLISH_ON_TIME"] == [0, 0, None]
    assert found["DOSSIER_RECEIVING_SATISFACTION"] == [0, 0, Decimal(0)]
    assert found["PETITION_PROCESSING_ON_TIME"] == [0, 0, Decimal(6)]
    monitored = [rest[2] for code, rest in found.items() if code in MONITORED]
    assert monitored == [None, None]


def test_numbers_are_written_as_the_portal_writes_them(fourteen_units: Path, warehouse: Warehouse) -> None:
    [(score, top)] = ask(
        warehouse,
        "SELECT score::text, max_score::text FROM mart.indicator_scores WHERE unit_code = 'H44' AND indicator_code = 'CLGQ'",
    )
    assert (score, top) == ("8.83", "12")


def test_every_row_resolves_to_archived_bytes_and_a_place_in_them(
    fourteen_units: Path, warehouse: Warehouse, archive: Archive
) -> None:
    rows = ask(
        warehouse,
        "SELECT capture_sha256, locator, level, indicator_code, portal_code, score, max_score, unit_code, unit_id::text "
        "FROM mart.indicator_scores",
    )
    assert len(rows) > 400
    from etl.reference.units import portal_unit_id

    documents: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for sha256, locator, level, code, portal_code, score, top, _, unit_id in rows:
        document = documents.setdefault(sha256, json.loads(archive.get(sha256), parse_float=Decimal))
        path = paths.setdefault(locator, parse(locator))
        [place] = [match.value for match in path.find(document)]
        if level == "total":
            assert len(place) == 6
            assert {item["group"] for item in place} == set(ENDPOINTS)
        elif portal_code is not None:
            assert (place["code"], exact(place["score"])) == (portal_code, score)
        else:
            assert str(portal_unit_id(place["departmentId"])) == unit_id
            if score is not None:
                assert exact(place.get("totalScore", place.get("score"))) == score
                assert exact(place.get("totalMaxScore", place.get("maxScore"))) == top
        assert code


def test_the_total_is_the_sum_of_six_groups_and_says_so(fourteen_units: Path, warehouse: Warehouse) -> None:
    rows = ask(
        warehouse,
        "SELECT t.score, t.quality_flag, (SELECT sum(g.score) FROM mart.indicator_scores g WHERE g.unit_id = t.unit_id "
        "AND g.level = 'group') FROM mart.indicator_scores t WHERE t.level = 'total'",
    )
    assert len(rows) == 15
    assert all(score == total and flag == "COMPUTED_SUM" for score, flag, total in rows)


def test_ranks_are_competition_ranks_within_the_block(warehouse: Warehouse, archive: Archive) -> None:
    from etl.reference.provinces import find_province
    from etl.sandbox.sample_units import sample_units

    communes = [unit.unit_id for unit in sample_units(find_province("gia_lai")) if unit.level == "COMMUNE"][
        :4
    ]
    scores = dict(zip(communes, (20, 19, 19, 18), strict=True))

    def edit(endpoint: str, data: dict[str, Any]) -> None:
        for unit in (data.get("evaluation") or []) + (data.get("children") or []):
            for name in ("totalScore", "score"):
                if name in unit:
                    # six equal groups, two tied communes far above all others
                    unit[name] = scores.get(unit["departmentId"], 1) / 2

    publish(warehouse, load_of(archive, province_bundle(archive, edit=edit)))
    rows = ask(
        warehouse,
        "SELECT total, rank_in_block FROM mart.unit_scorecard WHERE block = 'commune' ORDER BY rank_in_block LIMIT 5",
    )
    assert rows[:4] == [(Decimal(60), 1), (Decimal(57), 2), (Decimal(57), 2), (Decimal(54), 4)]
    assert rows[4][1] == 5
    departments = ask(
        warehouse, "SELECT DISTINCT rank_in_block FROM mart.unit_scorecard WHERE block = 'department'"
    )
    assert departments == [(1,)]
    assert ask(warehouse, "SELECT rank_in_block FROM mart.unit_scorecard WHERE block = 'province'") == [
        (None,)
    ]


def test_change_is_against_the_previous_like_period(warehouse: Warehouse, archive: Archive) -> None:
    for period in ("2026-06", "2026-07", "2026-08", "2026-Q2", "2026-Q3"):
        publish(warehouse, load_of(archive, province_bundle(archive, period=period, at=later(24 * 30))))
    compared = dict(
        ask(
            warehouse,
            "SELECT DISTINCT period_id, compared_period_id FROM mart.unit_scorecard WHERE block = 'province'",
        )
    )
    assert compared == {
        "2026-06": None,
        "2026-07": "2026-06",
        "2026-08": "2026-07",
        "2026-Q2": None,
        "2026-Q3": "2026-Q2",
    }
    rows = ask(
        warehouse,
        "SELECT a.total_change, a.total - b.total, a.rank_change, b.rank_in_block - a.rank_in_block "
        "FROM mart.unit_scorecard a JOIN mart.unit_scorecard b ON b.unit_id = a.unit_id AND b.period_id = '2026-07' "
        "WHERE a.period_id = '2026-08'",
    )
    assert len(rows) > 100
    assert all(change == expected and rank == by_hand for change, expected, rank, by_hand in rows)
    assert any(rank for _, _, rank, _ in rows)


def test_nothing_is_compared_across_the_series_break(warehouse: Warehouse, archive: Archive) -> None:
    old = replace(province_bundle(archive, period="2026-07"), series="dvcqg-2022-2025")
    publish(warehouse, load_of(archive, old))
    publish(warehouse, load_of(archive, province_bundle(archive, period="2026-08")))
    rows = ask(
        warehouse,
        "SELECT count(*), count(total_change), count(rank_change), count(compared_period_id) FROM mart.unit_scorecard "
        "WHERE period_id = '2026-08'",
    )
    assert rows[0][0] > 100
    assert rows[0][1:] == (0, 0, 0)


def test_the_national_page_ranks_the_provinces(warehouse: Warehouse, archive: Archive) -> None:
    for period in ("2026-07", "2026-08"):
        publish(warehouse, load_of(archive, national_bundle(archive, period=period)))
    rows = ask(
        warehouse,
        "SELECT rank, total, ckmb + tdgq + clgq + tttt + mdsh + mdhl, total_change, rank_change, capture_sha256, locator "
        "FROM mart.province_ranking WHERE period_id = '2026-08' ORDER BY rank",
    )
    assert len(rows) == 34
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert rows[0][0] == 1
    assert all(abs(total - groups) <= Decimal("0.02") for _, total, groups, *_ in rows)
    assert all(change is not None and rank is not None for *_, change, rank, _, _ in rows)
    document = json.loads(archive.get(rows[0][5]), parse_float=Decimal)
    [place] = [match.value for match in parse(rows[0][6]).find(document)]
    assert exact(place["totalScore"]) == rows[0][1]


def test_a_province_without_one_group_keeps_it_blank(warehouse: Warehouse, archive: Archive) -> None:
    def edit(endpoint: str, data: dict[str, Any]) -> None:
        del data["evaluation"][0]["groupScores"]["MDSH"]

    publish(warehouse, load_of(archive, national_bundle(archive, edit=edit)))
    assert ask(warehouse, "SELECT count(*), count(mdsh), count(total) FROM mart.province_ranking") == [
        (34, 33, 34)
    ]


def test_units_that_came_and_went_are_told(warehouse: Warehouse, archive: Archive) -> None:
    from etl.reference.provinces import find_province
    from etl.sandbox.sample_units import sample_units

    unit = sample_units(find_province("gia_lai"))[-1]
    newcomer = "019dffff-0000-7000-8000-000000000001"

    def swap(changed: dict[str, Any]) -> None:
        changed["departmentId"] = newcomer
        changed["departmentName"] = "UBND xã Vừa Lập"
        if "departmentCode" in changed:
            changed["departmentCode"] = "H21.999"

    publish(warehouse, load_of(archive, province_bundle(archive, period="2026-07")))
    publish(
        warehouse, load_of(archive, province_bundle(archive, at=later(1), edit=edit_unit(unit.unit_id, swap)))
    )
    rows = ask(
        warehouse,
        "SELECT kind, subject FROM mart.data_quality WHERE period_id = '2026-08' AND kind IN ('missing_unit', 'new_unit') "
        "ORDER BY kind",
    )
    assert rows == [("missing_unit", unit.code), ("new_unit", "H21.999")]
    assert ask(warehouse, "SELECT unit_name FROM mart.unit_scorecard WHERE unit_code = 'H21.999'") == [
        ("UBND xã Vừa Lập",)
    ]


def test_flags_and_openness_are_told(warehouse: Warehouse, archive: Archive) -> None:
    publish(warehouse, load_of(archive, province_bundle(archive, at=FIRST, period="2026-Q3")))
    kinds = dict(ask(warehouse, "SELECT kind, count(*) FROM mart.data_quality GROUP BY kind"))
    assert kinds["provisional"] == 1
    assert kinds["flag"] == 2
    assert ask(warehouse, "SELECT DISTINCT provisional FROM mart.indicator_scores") == [(True,)]
    flags = ask(
        warehouse,
        "SELECT DISTINCT quality_flag FROM mart.indicator_scores WHERE indicator_code = '1.4' ORDER BY 1",
    )
    assert flags == [("NO_NATIONAL_REPORT_DATA",), ("TEMP_NATIONAL_REPORT_DENOMINATOR",)]


def test_a_unit_without_dossiers_is_marked(fourteen_units: Path, warehouse: Warehouse) -> None:
    rows = ask(warehouse, "SELECT unit_code, total FROM mart.unit_scorecard WHERE no_dossiers")
    assert rows == [("H44.01", Decimal("15.96"))]
