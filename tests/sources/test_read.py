"""From archived bytes to the tidy table: every figure, every null, every refusal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonpath_ng import parse as json_path

from etl.archive import Archive
from etl.errors import PortalAnswerUnreadable, Terminal
from etl.reference.units import COUNTRY_PORTAL_ID
from etl.sandbox import CapturedPortal, SamplePortal
from etl.sources.national_portal.read import load_columns, read_bundle
from etl.sources.tidy import REJECTED, TIDY, ReadResult

# Fixtures of tests/conftest.py: fetch_reading gives a Reading, edited a portal.
Reading = Any
Fetch = Callable[..., Reading]
Edit = Callable[..., Any]
Row = dict[str, Any]

MEASURES = ("numerator", "denominator", "ratio_pct", "score", "max_score", "value")

# Portal code → indicator, written down here a second time (shared/domain/catalogue.yaml).
METRICS = {
    "PUBLISH_ON_TIME": "1.1",
    "PUBLIC_UPDATE_ON_TIME": "1.2",
    "PUBLIC_CONTENT_FULL": "1.3",
    "DOSSIER_SYNC": "1.4",
    "ORIGINAL_RESULT_AVAILABLE": "4.1",
    "SO_HOA_GIAY_TO_GIAI_QUYET": "4.2",
    "REUSED_DIGITIZED_DATA": "4.3",
    "SYNCED_WITH_DVCQG_PERSONAL_STORAGE": "4.4",
    "CITIZEN_DATA_CONNECTED_FORMALITY": "4.5a",
    "CITIZEN_DATA_CONNECTED_DOSSIER": "4.5b",
    "ELECTRONIC_CERTIFIED_COPY": "4.x",
    "PETITION_CLASSIFICATION_TTHC": "5.1a",
    "PETITION_CLASSIFICATION_STAFF": "5.1b",
    "PETITION_PROCESSING_ON_TIME": "5.2",
    "PETITION_HANDLING_SATISFACTION": "5.3",
    "DOSSIER_RECEIVING_SATISFACTION": "5.4",
}


def measures(**given: Any) -> Row:
    return dict.fromkeys(MEASURES) | given


def walk(group: str, data: Row) -> Iterator[tuple[str, str, str, Row]]:
    """(unit, indicator, locator, measures) of a group's answer: the contract, read without ``etl``."""
    if "parent" in data:
        entities = [("$.data.parent", data["parent"], True)]
        entities += [(f"$.data.children[{n}]", child, False) for n, child in enumerate(data["children"])]
    else:
        entities = [("$.data.overview", data["overview"], True)]
        entities += [(f"$.data.evaluation[{n}]", unit, False) for n, unit in enumerate(data["evaluation"])]
    for place, entity, root in entities:
        unit = entity["departmentId"]
        score = "score" if group == "TDGQ" and not root else "totalScore"
        most = "maxScore" if group == "TDGQ" and not root else "totalMaxScore"
        scored = measures(ratio_pct=entity["ratio"], score=entity[score], max_score=entity[most])
        if group == "TDGQ":
            scored |= {"numerator": entity["totalOnTime"], "denominator": entity["totalReceived"]}
            yield unit, "2.1", place, scored
            yield unit, "2.2", place, measures(value=entity["avgProcessingDays"])
        yield unit, group, place, scored
        for number, metric in enumerate(entity.get("metrics", ())):
            yield (
                unit,
                METRICS[metric["code"]],
                f"{place}.metrics[{number}]",
                measures(
                    numerator=metric["numerator"],
                    denominator=metric["denominator"],
                    ratio_pct=metric["ratio"],
                    score=metric["score"],
                    max_score=metric["maxScore"],
                ),
            )
        if group == "TTTT":
            for code, numerator, denominator in (
                ("3.5", "totalFeeDossierFormality", "totalFeeFormality"),
                ("3.5b", "totalDossierOnlineFormalityPaymentSuccess", "totalFeeDossierFormalityDistinct"),
                ("3.6", "totalDossierOnlinePaymentSuccess", "totalDossierFinancialObligation"),
            ):
                yield (
                    unit,
                    code,
                    place,
                    measures(numerator=entity[numerator], denominator=entity[denominator]),
                )
        if group == "CLGQ" and root:
            offered = entity["partialCount"] + entity["fullCount"]
            yield unit, "3.1", place, measures(numerator=offered, denominator=entity["authorityCount"])
            yield (
                unit,
                "3.2",
                place,
                measures(numerator=entity["onlineDossierCount"], denominator=entity["onlineServiceTotal"]),
            )
            yield (
                unit,
                "3.3",
                place,
                measures(numerator=entity["channelOnlineSum"], denominator=entity["channelTotalSum"]),
            )


def bodies(reading: Reading) -> dict[str, Row]:
    """The answers of a reading by group, parsed with exact decimals."""
    return {
        item.group_code: json.loads(reading.archive.get(item.sha256), parse_float=Decimal)
        for item in reading.bundle.captures
    }


def rows(reading: Reading) -> dict[tuple[str, str], Row]:
    found = {(row["portal_id"], row["indicator_code"]): row for row in reading.result.tidy.to_pylist()}
    assert len(found) == reading.result.tidy.num_rows
    return found


def assert_tells_every_figure(reading: Reading) -> int:
    """Compare the tidy table with an independent walk over the bytes; how many figures were compared."""
    seen = rows(reading)
    expected: dict[tuple[str, str], tuple[str, Row]] = {}
    for group, body in bodies(reading).items():
        for unit, code, place, values in walk(group, body["data"]):
            expected[(unit, code)] = (place, values)
    assert seen.keys() == expected.keys()
    figures = 0
    for key, (place, values) in expected.items():
        assert seen[key]["locator"] == place
        for name, value in values.items():
            assert seen[key][name] == value, (key, name)
            assert (seen[key][name] is None) == (value is None), (key, name)
            figures += value is not None
    return figures


def test_every_figure_of_the_real_set_is_read_to_the_last_digit(
    fetch_reading: Fetch, real_captures: Path
) -> None:
    reading = fetch_reading(CapturedPortal(real_captures / "derived-14-units"))
    assert reading.result.rejected.num_rows == 0
    assert reading.result.rows_read == reading.result.tidy.num_rows
    assert assert_tells_every_figure(reading) > 1_500
    codes = set(reading.result.tidy["indicator_code"].to_pylist())
    assert len(codes) == 6 + 16 + 2 + 3 + 3


def test_every_figure_of_the_sample_is_read_to_the_last_digit(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal)
    assert reading.result.rejected.num_rows == 0
    assert assert_tells_every_figure(reading) > 10_000


def test_the_byte_exact_real_trees_are_read_to_the_last_digit(
    fetch_reading: Fetch, real_captures: Path
) -> None:
    reading = fetch_reading(CapturedPortal(real_captures))
    assert set(reading.result.tidy["group_code"].to_pylist()) == {"TDGQ", "CLGQ", "TTTT"}
    assert len(set(reading.result.tidy["portal_id"].to_pylist())) == 164
    assert assert_tells_every_figure(reading) > 3_500


def test_the_map_of_fields_agrees_with_the_domain_catalogue(shared_folder: Path) -> None:
    catalogue = yaml.safe_load((shared_folder / "domain" / "catalogue.yaml").read_text(encoding="utf-8"))
    known = {
        line["portal_code"]: (group["code"], line["id"])
        for group in catalogue["groups"]
        for line in group["indicators"]
        if line.get("portal_code")
    }
    mapped = {
        mapping.portal_code: (group, mapping.indicator)
        for (group, entity), mappings in load_columns().items()
        for mapping in mappings
        if entity == "metric"
    }
    assert mapped == known
    assert len(mapped) == 16


def test_null_stays_null_and_zero_stays_zero(fetch_reading: Fetch, real_captures: Path) -> None:
    reading = fetch_reading(CapturedPortal(real_captures / "derived-14-units"))
    table = reading.result.tidy.to_pylist()
    copies = [row for row in table if row["indicator_code"] == "4.x"]
    assert len(copies) == 15
    for row in copies:
        assert (row["numerator"], row["denominator"], row["score"]) == (None, None, 2)
    office = [row for row in table if row["unit_code"] == "H44.01"]
    assert next(row for row in office if row["indicator_code"] == "4.1")["score"] is None
    assert next(row for row in office if row["indicator_code"] == "TDGQ")["score"] == 0
    assert next(row for row in office if row["indicator_code"] == "5.4")["score"] == 0
    assert next(row for row in office if row["indicator_code"] == "5.2")["score"] == 6


def test_units_of_the_online_group_have_no_component_rows(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    table = fetch_reading(sample_portal).result.tidy.to_pylist()
    online = [row for row in table if row["group_code"] == "CLGQ"]
    assert {row["block"] for row in online if row["level"] == "component"} == {"province"}
    assert {row["block"] for row in online if row["level"] == "group"} == {
        "province",
        "department",
        "commune",
    }


def test_every_locator_leads_to_the_very_values(fetch_reading: Fetch, real_captures: Path) -> None:
    reading = fetch_reading(CapturedPortal(real_captures / "derived-14-units"))
    by_hash = {
        item.sha256: json.loads(reading.archive.get(item.sha256), parse_float=Decimal)
        for item in reading.bundle.captures
    }
    checked = 0
    for row in reading.result.tidy.to_pylist():
        (match,) = json_path(row["locator"]).find(by_hash[row["capture_sha256"]])
        entity = match.value
        if row["portal_code"]:
            assert entity["code"] == row["portal_code"]
            assert (entity["numerator"], entity["score"]) == (row["numerator"], row["score"])
        else:
            assert entity["departmentId"] == row["portal_id"]
            if row["level"] == "group":
                assert row["score"] in (entity.get("totalScore"), entity.get("score"))
            if row["indicator_code"] == "2.2":
                assert row["value"] == entity["avgProcessingDays"]
        checked += 1
    assert checked == reading.result.tidy.num_rows > 400


def test_unit_names_and_codes_are_brought_together_from_all_groups(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal)
    tree = bodies(reading)["TDGQ"]["data"]
    codes = {unit["departmentId"]: unit["departmentCode"] for unit in [tree["parent"], *tree["children"]]}
    for row in reading.result.tidy.to_pylist():
        assert row["unit_code"] == codes[row["portal_id"]]
    # transparency, read first, names no code
    assert all("departmentCode" not in unit for unit in bodies(reading)["CKMB"]["data"]["evaluation"])


def test_data_quality_flags_are_carried(fetch_reading: Fetch, sample_portal: SamplePortal) -> None:
    table = fetch_reading(sample_portal).result.tidy.to_pylist()
    flags = {(row["indicator_code"], row["quality_flag"]) for row in table if row["quality_flag"]}
    assert flags == {("1.4", "TEMP_NATIONAL_REPORT_DENOMINATOR"), ("1.4", "NO_NATIONAL_REPORT_DATA")}
    message = next(row for row in table if row["indicator_code"] == "1.4")["attributes"]
    assert "dataQualityMessage" in json.loads(message)


def test_fields_nobody_knows_are_kept_as_attributes(fetch_reading: Fetch, edited: Edit) -> None:
    strange = {"a": [1, None, "ệ"], "b": 0.5}

    def grow(data: Row) -> None:
        data["news"] = strange
        data["overview"]["rootNews"] = strange
        data["evaluation"][2]["unitNews"] = strange
        data["evaluation"][2]["metrics"][0]["metricNews"] = strange

    table = fetch_reading(edited("transparency", grow)).result.tidy.to_pylist()
    kept = {
        row["locator"]: json.loads(row["attributes"])
        for row in table
        if row["group_code"] == "CKMB" and row["attributes"]
    }
    assert kept["$.data.overview"]["rootNews"] == strange
    assert kept["$.data.overview"]["news"] == strange
    assert kept["$.data.evaluation[2]"]["unitNews"] == strange
    assert kept["$.data.evaluation[2].metrics[0]"]["metricNews"] == strange


def test_every_field_of_an_entity_is_a_column_or_an_attribute(
    fetch_reading: Fetch, real_captures: Path
) -> None:
    reading = fetch_reading(CapturedPortal(real_captures / "derived-14-units"))
    groups = {
        (row["group_code"], row["locator"]): json.loads(row["attributes"])
        for row in reading.result.tidy.to_pylist()
        if row["level"] == "group" and row["attributes"]
    }
    columns = {"departmentId", "departmentName", "departmentCode", "metrics", "ratio", "totalScore"}
    columns |= {"totalMaxScore", "score", "maxScore", "totalOnTime", "totalReceived"}
    checked = 0
    for group, body in bodies(reading).items():
        for place, entity in (
            ("$.data.parent", body["data"].get("parent")),
            ("$.data.children[0]", (body["data"].get("children") or [None])[0]),
            ("$.data.overview", body["data"].get("overview")),
            ("$.data.evaluation[0]", (body["data"].get("evaluation") or [None])[0]),
        ):
            for name, value in (entity or {}).items():
                if name not in columns:
                    assert str(groups[(group, place)][name]) == str(value), (group, name)
                    checked += 1
    assert checked > 50


# --- what does not fit the contract ---------------------------------------------------------


def without_place(reading: Reading, but: Callable[[Row], bool]) -> list[Row]:
    names = [name for name in TIDY.names if name not in ("row_no", "capture_id", "capture_sha256")]
    return [{n: row[n] for n in names} for row in reading.result.tidy.to_pylist() if not but(row)]


UNIT = 5
Spoil = Callable[[Row], Any]
PROGRESS, ONLINE, OPEN = "dvc-progress-tree", "provide-online-tree", "transparency"
DIGITIZED, SATISFACTION = "dossier-digitized", "handling-satisfaction"


def put(field: str, value: Any) -> Spoil:
    return lambda unit: unit.update({field: value})


def drop(field: str) -> Spoil:
    return lambda unit: unit.pop(field)


def put_metric(number: int, field: str, value: Any) -> Spoil:
    return lambda unit: unit["metrics"][number].update({field: value})


# What is wrong: (endpoint, what is done to the unit, column, value shown, place below the unit).
BREAKS: dict[str, tuple[str, Spoil, str, str | None, str]] = {
    "a number as text": (PROGRESS, put("score", "17.5"), "score", "17.5", ""),
    "a number with a comma": (PROGRESS, put("score", "17,5"), "score", "17,5", ""),
    "an empty text for a number": (PROGRESS, put("ratio", ""), "ratio", "", ""),
    "a boolean for a number": (PROGRESS, put("score", True), "score", "true", ""),
    "a boolean for a count": (PROGRESS, put("totalOnTime", False), "totalOnTime", "false", ""),
    "a list for a number": (PROGRESS, put("score", [1]), "score", "[1]", ""),
    "a fraction for a count": (PROGRESS, put("totalOnTime", 3.5), "totalOnTime", "3.5", ""),
    "too many decimals": (ONLINE, put("totalScore", 9.1234567), "totalScore", "9.1234567", ""),
    "too many digits": (ONLINE, put("totalScore", 10**12), "totalScore", "1000000000000", ""),
    "a missing field": (PROGRESS, drop("totalOverdue"), "totalOverdue", None, ""),
    "a renamed field": (PROGRESS, lambda unit: unit.update(total=unit.pop("score")), "score", None, ""),
    "a missing id": (PROGRESS, drop("departmentId"), "departmentId", None, ""),
    "an id that is none": (PROGRESS, put("departmentId", "H44.05"), "departmentId", "H44.05", ""),
    "an id that is a number": (PROGRESS, put("departmentId", 7), "departmentId", "7", ""),
    "no name": (PROGRESS, put("departmentName", ""), "departmentName", "", ""),
    "a name that is null": (PROGRESS, put("departmentName", None), "departmentName", None, ""),
    "a level nobody knows": (PROGRESS, put("level", "HAMLET"), "level", "HAMLET", ""),
    "a type nobody knows": (OPEN, put("departmentType", "MINISTRY"), "departmentType", "MINISTRY", ""),
    "a child said to be the province": (
        OPEN,
        put("departmentType", "PROVINCE"),
        "departmentType",
        "PROVINCE",
        "",
    ),
    "metrics that are no list": (OPEN, put("metrics", None), "metrics", None, ""),
    "a score as text": (OPEN, put_metric(1, "score", "3"), "score", "3", ".metrics[1]"),
    "a fraction for a numerator": (
        DIGITIZED,
        put_metric(2, "numerator", 0.5),
        "numerator",
        "0.5",
        ".metrics[2]",
    ),
    "a metric without its ratio": (
        DIGITIZED,
        lambda unit: unit["metrics"][0].pop("ratio"),
        "ratio",
        None,
        ".metrics[0]",
    ),
    "a metric nobody knows": (
        SATISFACTION,
        put_metric(0, "code", "NEW_METRIC"),
        "code",
        "NEW_METRIC",
        ".metrics[0]",
    ),
    "a metric that is no object": (
        SATISFACTION,
        lambda unit: unit["metrics"].__setitem__(3, 17),
        "(record)",
        "17",
        ".metrics[3]",
    ),
}


@pytest.mark.parametrize("name", list(BREAKS))
def test_what_does_not_fit_is_refused_alone_and_explained(
    fetch_reading: Fetch, edited: Edit, plain_reading: Reading, name: str
) -> None:
    endpoint, spoil, column, value, below = BREAKS[name]

    def change(data: Row) -> None:
        spoil(data["children" if "children" in data else "evaluation"][UNIT])

    reading = fetch_reading(edited(endpoint, change))
    group = next(item for item in reading.requests if item.endpoint.endswith(endpoint)).endpoint
    code = next(item.group_code for item in reading.bundle.captures if item.endpoint == group)
    place = f"$.data.{'children' if 'tree' in endpoint else 'evaluation'}[{UNIT}]{below}"

    (refused,) = reading.result.rejected.to_pylist()
    assert (refused["locator"], refused["column_name"]) == (place, column)
    assert refused["value"] == value
    assert refused["severity"] == "fail"
    assert "đề nghị" in refused["message_vi"].lower()
    capture = next(item for item in reading.bundle.captures if item.group_code == code)
    assert refused["capture_sha256"] == capture.sha256
    record = json_path(place).find(json.loads(reading.archive.get(capture.sha256)))[0].value
    assert json.loads(refused["row_data"]) == record

    def lost(row: Row) -> bool:
        return bool(row["group_code"] == code and (row["locator"] + ".").startswith(place + "."))

    assert without_place(reading, lambda _: False) == without_place(plain_reading, lost)
    assert len(without_place(reading, lambda _: False)) < plain_reading.result.tidy.num_rows
    assert reading.result.rows_read == reading.result.tidy.num_rows + 1


def test_every_fault_of_one_record_is_named_but_the_record_counts_once(
    fetch_reading: Fetch, edited: Edit
) -> None:
    def change(data: Row) -> None:
        data["children"][UNIT].update(score="1", ratio="2", departmentName="")

    result = fetch_reading(edited("dvc-progress-tree", change)).result
    assert sorted(line["column_name"] for line in result.rejected.to_pylist()) == [
        "departmentName",
        "ratio",
        "score",
    ]
    assert result.rows_read == result.tidy.num_rows + 1


@pytest.mark.parametrize("respelt", [str, str.upper])
def test_a_unit_sent_twice_is_used_once(
    fetch_reading: Fetch, edited: Edit, plain_reading: Reading, respelt: Callable[[str], str]
) -> None:
    def change(data: Row) -> None:
        again = dict(data["children"][3])
        again["departmentId"] = respelt(again["departmentId"])
        data["children"].append(again | {"score": 0})

    reading = fetch_reading(edited("dvc-progress-tree", change))
    (refused,) = reading.result.rejected.to_pylist()
    last = len(bodies(reading)["TDGQ"]["data"]["children"]) - 1
    assert (refused["rule"], refused["locator"]) == ("unit_once", f"$.data.children[{last}]")
    assert "chỉ lần đầu được dùng" in refused["message_vi"]
    assert without_place(reading, lambda _: False) == without_place(plain_reading, lambda _: False)
    assert reading.bundle.warnings == ("TDGQ: 1 units were sent twice",)


def test_not_a_number_makes_the_whole_answer_unreadable(
    fetch_reading: Fetch, edited_bytes: Callable[..., Any]
) -> None:
    portal = edited_bytes("dvc-progress-tree", lambda body: body.replace(b'"score":', b'"score":NaN,"x":', 1))
    with pytest.raises(PortalAnswerUnreadable, match="NaN is not a JSON number"):
        fetch_reading(portal)


def test_numbers_written_in_other_ways_are_the_same_numbers(
    fetch_reading: Fetch, edited_bytes: Callable[..., Any], plain_reading: Reading
) -> None:
    portal = edited_bytes(
        "dvc-progress-tree", lambda body: body.replace(b'"maxScore":20', b'"maxScore":2.0000000000e1')
    )
    reading = fetch_reading(portal)
    assert b"2.0000000000e1" in reading.archive.get(reading.bundle.captures[1].sha256)
    assert without_place(reading, lambda _: False) == without_place(plain_reading, lambda _: False)


def test_a_refused_province_row_leaves_the_units(fetch_reading: Fetch, edited: Edit) -> None:
    reading = fetch_reading(edited("dvc-progress-tree", lambda data: data["parent"].pop("totalReceived")))
    (refused,) = reading.result.rejected.to_pylist()
    assert (refused["locator"], refused["column_name"]) == ("$.data.parent", "totalReceived")
    progress = [row for row in reading.result.tidy.to_pylist() if row["group_code"] == "TDGQ"]
    assert {row["block"] for row in progress} == {"department", "commune"}


# --- the national page ------------------------------------------------------------------------


def test_the_national_page_has_seven_rows_a_province_and_one_for_the_country(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    result = fetch_reading(sample_portal, national=True).result
    assert result.tidy.num_rows == result.rows_read == 34 * 7 + 1
    assert result.rejected.num_rows == 0
    country = [row for row in result.tidy.to_pylist() if row["block"] == "country"]
    assert [(row["portal_id"], row["unit_code"], row["level"]) for row in country] == [
        (COUNTRY_PORTAL_ID, "VN", "total")
    ]


def test_the_real_national_page_is_read_to_the_last_digit(fetch_reading: Fetch, real_captures: Path) -> None:
    reading = fetch_reading(CapturedPortal(real_captures), "2026", national=True)
    body = bodies(reading)["NATIONAL"]
    seen = rows(reading)
    assert len(seen) == 34 * 7 + 1
    for place, province in enumerate(body["data"]["evaluation"]):
        unit = province["departmentId"]
        total = seen[(unit, "TOTAL")]
        assert (total["score"], total["ratio_pct"]) == (province["totalScore"], province["ratio"])
        assert json.loads(total["attributes"])["scoreDelta"] == pytest.approx(float(province["scoreDelta"]))
        assert total["locator"] == f"$.data.evaluation[{place}]"
        for code, score in province["groupScores"].items():
            row = seen[(unit, code)]
            assert row["score"] == score
            assert json_path(row["locator"]).find(body)[0].value == score
    overview = body["data"]["overview"]
    assert seen[(COUNTRY_PORTAL_ID, "TOTAL")]["score"] == overview["totalScore"]
    charts = json.loads(seen[(COUNTRY_PORTAL_ID, "TOTAL")]["attributes"])
    assert {"radar", "donuts", "monthlyChart", "growthPercent"} <= charts.keys()


def test_a_group_a_province_does_not_have_is_no_row_and_no_zero(fetch_reading: Fetch, edited: Edit) -> None:
    def change(data: Row) -> None:
        del data["evaluation"][0]["groupScores"]["MDHL"]
        data["evaluation"][1]["groupScores"]["MDHL"] = None

    result = fetch_reading(edited("service-results", change), national=True).result
    assert result.tidy.num_rows == result.rows_read == 34 * 7 + 1 - 2


def test_what_the_national_page_adds_is_kept(fetch_reading: Fetch, edited: Edit) -> None:
    def change(data: Row) -> None:
        data["evaluation"][0]["groupScores"]["NEWG"] = 3.5
        data["evaluation"][0]["unitNews"] = "x"
        data["overview"]["overviewNews"] = "y"

    table = fetch_reading(edited("service-results", change), national=True).result.tidy.to_pylist()
    total = next(row for row in table if row["locator"] == "$.data.evaluation[0]")
    attributes = json.loads(total["attributes"])
    assert attributes["groupScores"] == {"NEWG": 3.5}
    assert attributes["unitNews"] == "x"
    country = next(row for row in table if row["block"] == "country")
    assert json.loads(country["attributes"])["overviewNews"] == "y"


@pytest.mark.parametrize(
    ("spoil", "place", "column", "rows_left"),
    [
        (lambda data: data.pop("overview"), "$.data.overview", "(record)", 34 * 7),
        (lambda data: data["overview"].update(totalScore="61"), "$.data.overview", "totalScore", 34 * 7),
        (lambda data: data["evaluation"][9].pop("ratio"), "$.data.evaluation[9]", "ratio", 33 * 7 + 1),
        (
            lambda data: data["evaluation"][9].pop("groupScores"),
            "$.data.evaluation[9]",
            "groupScores",
            33 * 7 + 1,
        ),
        (
            lambda data: data["evaluation"][9]["groupScores"].update(MDHL="9"),
            "$.data.evaluation[9]",
            "groupScores.MDHL",
            33 * 7 + 1,
        ),
    ],
)
def test_a_broken_line_of_the_national_page_is_refused_alone(
    fetch_reading: Fetch,
    edited: Edit,
    spoil: Callable[[Row], Any],
    place: str,
    column: str,
    rows_left: int,
) -> None:
    result = fetch_reading(edited("service-results", spoil), national=True).result
    (refused,) = result.rejected.to_pylist()
    assert (refused["locator"], refused["column_name"]) == (place, column)
    assert (result.tidy.num_rows, result.rows_read) == (rows_left, rows_left + 1)


# --- what is handed on ------------------------------------------------------------------------


def test_reading_the_same_bundle_again_gives_the_same_tables(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal)
    again = read_bundle(Archive(reading.archive.folder), reading.bundle)
    assert again == reading.result
    assert again.tidy.schema == TIDY
    assert again.rejected.schema == REJECTED
    assert again.tidy["row_no"].to_pylist() == list(range(again.tidy.num_rows))


def test_a_result_reads_back_from_its_folder(fetch_reading: Fetch, edited: Edit, tmp_path: Path) -> None:
    def change(data: Row) -> None:
        data["children"][3].update(score="1", ratio="2")
        data["children"][4].update(score="1")

    result = fetch_reading(edited("dvc-progress-tree", change)).result
    assert result.rejected.num_rows == 3
    result.save(tmp_path / "work")
    assert ReadResult.load(tmp_path / "work") == result


def test_lost_bytes_are_an_error_not_an_empty_table(
    fetch_reading: Fetch, sample_portal: SamplePortal
) -> None:
    reading = fetch_reading(sample_portal)
    path = reading.archive.object_path(reading.bundle.captures[2].sha256)
    path.unlink()
    with pytest.raises(Terminal, match="the archive has no object"):
        read_bundle(reading.archive, reading.bundle)
