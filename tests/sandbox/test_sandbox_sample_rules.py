"""The invariants of portal-contract.md §5 and the rules of catalogue.yaml, over generated data.

Scores are recomputed here from the published numbers in decimal arithmetic and, for maxima
and thresholds, from ``etl.reference``: nothing of the generator's own scoring is used.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, NamedTuple

import pytest

from etl.periods import Period
from etl.reference.indicators import load_catalogue
from etl.reference.provinces import load_provinces
from etl.sandbox import SamplePortal

METRIC_GROUPS = ("transparency", "dossier-digitized", "handling-satisfaction")
TREES = ("dvc-progress-tree", "provide-online-tree", "formality-online-payment-tree")
# One province of each kind: the default, the largest city, one in the far north; closed
# months of both seasons, an ordinary quarter, the running year.
CASES = [("phu_tho", "2026-08"), ("phu_tho", "2026-10"), ("ha_noi", "2026-02"), ("lai_chau", "2026-Q3")]
CASES += [("phu_tho", "2026"), ("ho_chi_minh", "2027-01")]


class Case(NamedTuple):
    period: str
    groups: dict[str, dict[str, Any]]

    def entities(self, group: str) -> list[dict[str, Any]]:
        data = self.groups[group]
        if "overview" in data:
            return [data["overview"], *data["evaluation"]]
        return [data["parent"], *data["children"]]


@pytest.fixture(scope="module", params=CASES, ids=lambda case: "-".join(case))
def case(request: pytest.FixtureRequest, ask: Callable[..., Any]) -> Case:
    slug, period = request.param
    root = load_provinces()[slug].portal_id
    portal = SamplePortal()
    return Case(period, {name: ask(portal, name, period, root=root) for name in METRIC_GROUPS + TREES})


def rounded(value: Fraction | Decimal) -> Decimal:
    """Two decimals, half up, from an exact value (decimal division would miss some halves)."""
    return Decimal(floor(Fraction(value) * 100 + Fraction(1, 2))) / 100


def dec(value: float) -> Decimal:
    return Decimal(str(value))


def metrics(entity: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {metric["code"]: metric for metric in entity["metrics"]}


def indicators() -> dict[str, Any]:
    groups = load_catalogue().groups
    return {one.portal_code: one for group in groups for one in group.indicators if one.portal_code}


def test_the_same_units_in_all_six_groups(case: Case) -> None:
    ids = {group: [entity["departmentId"] for entity in case.entities(group)] for group in case.groups}
    assert len(set(map(tuple, ids.values()))) == 1
    every = ids["transparency"]
    assert len(set(every)) == len(every)
    assert 98 <= len(every) - 1 <= 171


def test_trees_are_ordered_by_code_as_text(case: Case) -> None:
    for tree in TREES:
        codes = [child["departmentCode"] for child in case.groups[tree]["children"]]
        assert codes == sorted(codes)
        assert len(set(codes)) == len(codes)


def test_levels_and_types_agree(case: Case) -> None:
    levels = {c["departmentId"]: c["level"] for c in case.groups["dvc-progress-tree"]["children"]}
    for group in METRIC_GROUPS:
        root, *units = case.entities(group)
        assert (root["departmentType"], root["departmentLevel"]) == ("PROVINCE", "PROVINCE")
        assert (root["agencyLevel"], root["stt"]) == ("level_1", 1)
        for unit in units:
            agency = levels[unit["departmentId"]] == "PROVINCE"
            wanted = "PROVINCIAL_DEPARTMENT" if agency else "COMMUNE_PEOPLE_COMMITTEE"
            assert (unit["departmentType"], unit["departmentLevel"]) == (
                wanted,
                levels[unit["departmentId"]],
            )
            assert unit["agencyLevel"] == "level_2"
    assert set(levels.values()) == {"PROVINCE", "COMMUNE"}


def test_children_add_up_to_the_parent(case: Case) -> None:
    progress, payment = case.groups["dvc-progress-tree"], case.groups["formality-online-payment-tree"]
    for tree, fields in (
        (progress, ("totalReceived", "totalOnTime")),
        (payment, ("totalDossierOnlinePaymentSuccess", "totalDossierFinancialObligation")),
    ):
        for field in fields:
            assert tree["parent"][field] == sum(child[field] for child in tree["children"]) > 0, field
    distinct = ("totalFeeFormality", "totalFeeDossierFormality", "totalDossierOnlineFormalityPaymentSuccess")
    for field in distinct:
        summed = sum(child[field] for child in payment["children"])
        assert max(child[field] for child in payment["children"]) <= payment["parent"][field] < summed


def test_one_number_of_dossiers_everywhere(case: Case) -> None:
    received = [entity["totalReceived"] for entity in case.entities("dvc-progress-tree")]
    digitized = [
        {
            metric["denominator"]
            for metric in entity["metrics"]
            if metric["code"] not in ("CITIZEN_DATA_CONNECTED_FORMALITY", "ELECTRONIC_CERTIFIED_COPY")
        }
        for entity in case.entities("dossier-digitized")
    ]
    assert digitized == [{count} for count in received]
    satisfaction = case.entities("handling-satisfaction")
    assert [entity["totalDossiers"] for entity in satisfaction] == received
    measured = [metrics(entity)["DOSSIER_RECEIVING_SATISFACTION"]["denominator"] for entity in satisfaction]
    assert measured == received


def test_satisfied_is_at_most_on_time_and_nearly_equal(case: Case) -> None:
    on_time = [entity["totalOnTime"] for entity in case.entities("dvc-progress-tree")]
    satisfied = [
        metrics(entity)["DOSSIER_RECEIVING_SATISFACTION"]["numerator"]
        for entity in case.entities("handling-satisfaction")
    ]
    assert all(one <= most for one, most in zip(satisfied, on_time, strict=True))
    assert 0.998 < satisfied[0] / on_time[0] < 1


def test_progress_follows_its_rule(case: Case) -> None:
    parent, *children = case.entities("dvc-progress-tree")
    assert "score" not in parent
    for entity in [parent, *children]:
        received, on_time = entity["totalReceived"], entity["totalOnTime"]
        assert 0 <= on_time <= received
        share = Fraction(on_time, received) if received else Fraction(0)
        score = entity["totalScore"] if entity is parent else entity["score"]
        assert dec(score) == rounded(20 * share)
        assert dec(entity["ratio"]) == rounded(100 * share)
    for child in children:
        assert child["totalReceived"] == child["totalOnTime"] + child["totalOverdue"]
        assert "totalScore" not in child


def test_payment_follows_its_rule(case: Case) -> None:
    def part(top: int, bottom: int) -> Fraction:
        return Fraction(top, bottom) if bottom else Fraction(0)

    for entity in case.entities("formality-online-payment-tree"):
        every = entity["totalFeeFormality"]
        assert entity["totalFeeDossierFormalityDistinct"] == every
        paid = entity["totalDossierOnlinePaymentSuccess"]
        assert paid <= entity["totalDossierFinancialObligation"]
        b = part(entity["totalFeeDossierFormality"], every)
        c = part(entity["totalDossierOnlineFormalityPaymentSuccess"], every)
        assert max(b, c) <= 1
        a = part(paid, entity["totalDossierFinancialObligation"])
        score = rounded(min(Fraction(2), Fraction(5, 2) * b) + min(Fraction(2), Fraction(5, 2) * c) + 6 * a)
        assert dec(entity["totalScore"]) == score
        assert dec(entity["ratio"]) == score * 10


def test_online_follows_the_hypothesis_and_units_publish_no_parameters(case: Case) -> None:
    parent, *children = case.entities("provide-online-tree")
    assert parent["channelOnlineSum"] == parent["onlineOnTimeSum"] + parent["onlineOverdueSum"]
    channels = [parent[f"channel{name}Sum"] for name in ("Online", "Direct", "Postal")]
    assert sum(channels) == parent["channelTotalSum"]
    assert parent["channelTotalSum"] < case.groups["dvc-progress-tree"]["parent"]["totalReceived"]
    r1 = Fraction(parent["partialCount"] + parent["fullCount"], parent["authorityCount"])
    r2 = Fraction(parent["onlineDossierCount"], parent["onlineServiceTotal"])
    r3 = Fraction(parent["channelOnlineSum"], parent["channelTotalSum"])
    assert max(r1, r2, r3) <= 1
    score = min(Fraction(2), r1 * 5 / 2) + 4 * r2 + min(Fraction(6), 12 * r3)
    assert dec(parent["totalScore"]) == rounded(score)
    received = [child["totalReceived"] for child in case.groups["dvc-progress-tree"]["children"]]
    for child, count in zip(children, received, strict=True):
        assert child["totalScore"] == 0 if count == 0 else 6 <= child["totalScore"] <= 10
        assert dec(child["ratio"]) == rounded(Fraction(dec(child["totalScore"])) / 12 * 100)


def test_metrics_follow_the_catalogue(case: Case) -> None:
    rules, scored = indicators(), 0
    for group in METRIC_GROUPS:
        for entity in case.entities(group):
            for metric in entity["metrics"]:
                rule = rules[metric["code"]]
                assert metric["maxScore"] == rule.max_score
                numerator, denominator = metric["numerator"], metric["denominator"]
                if not denominator:
                    continue
                assert 0 <= numerator <= denominator
                ratio = Fraction(100 * numerator, denominator)
                assert dec(metric["ratio"]) == rounded(ratio)
                if rule.rule == "monitored":
                    assert metric["score"] is None
                    continue
                full = Fraction(rule.threshold) if rule.rule == "threshold" else Fraction(100)
                most = Fraction(rule.max_score)
                assert dec(metric["score"]) == rounded(min(most, most * ratio / full)), metric
                scored += 1
    assert scored > 500


def test_totals_are_the_sum_of_the_scores(case: Case) -> None:
    for group in METRIC_GROUPS:
        for entity in case.entities(group):
            total = sum(dec(metric["score"]) for metric in entity["metrics"] if metric["score"] is not None)
            assert dec(entity["totalScore"]) == total
            assert dec(entity["ratio"]) == rounded(Fraction(total) * 100 / entity["totalMaxScore"])
            assert total <= entity["totalMaxScore"]
            assert entity["scoreDelta"] is None


def test_no_data_is_null_or_zero_or_full_marks_by_metric(case: Case) -> None:
    nulls = zeros = full = 0
    for group in METRIC_GROUPS:
        for entity in case.entities(group):
            for code, metric in metrics(entity).items():
                if code == "ELECTRONIC_CERTIFIED_COPY":
                    assert (metric["numerator"], metric["denominator"]) == (None, None)
                    assert (metric["ratio"], metric["score"]) == (100, 2)
                elif metric["denominator"] != 0:
                    continue
                elif code in ("PETITION_PROCESSING_ON_TIME", "PETITION_HANDLING_SATISFACTION"):
                    assert (metric["ratio"], metric["score"]) == (0, 6)
                    full += 1
                elif code == "DOSSIER_RECEIVING_SATISFACTION":
                    assert (metric["ratio"], metric["score"]) == (0, 0)
                    zeros += 1
                elif metric["maxScore"] == 0:
                    assert (metric["ratio"], metric["score"]) == (0, None)
                else:
                    assert (metric["ratio"], metric["score"]) == (None, None)
                    nulls += 1
    assert nulls >= 12  # two empty units, six metrics each
    assert zeros >= 2
    assert full >= 4


def test_a_couple_of_units_are_empty_and_keep_the_floor(case: Case) -> None:
    progress = case.groups["dvc-progress-tree"]["children"]
    empty = [child["departmentId"] for child in progress if child["totalReceived"] == 0]
    assert 2 <= len(empty) <= 4
    for unit_id in empty:
        by_group = {
            group: next(e for e in case.entities(group) if e["departmentId"] == unit_id)
            for group in case.groups
        }
        content = metrics(by_group["transparency"])["PUBLIC_CONTENT_FULL"]["score"]
        publishing = [metrics(by_group["transparency"])[code]["score"] or 0 for code in metrics_of_province()]
        assert by_group["transparency"]["totalScore"] == pytest.approx(content + sum(publishing))
        assert by_group["dossier-digitized"]["totalScore"] == 2
        assert by_group["handling-satisfaction"]["totalScore"] == 12
        assert by_group["dvc-progress-tree"]["score"] == 0
        assert by_group["provide-online-tree"]["totalScore"] == 0
        assert by_group["formality-online-payment-tree"]["totalScore"] == 0


def metrics_of_province() -> tuple[str, str]:
    return ("PUBLISH_ON_TIME", "PUBLIC_UPDATE_ON_TIME")


def test_publishing_is_the_provinces_copied_to_every_unit(case: Case) -> None:
    root, *units = case.entities("transparency")
    for code in (*metrics_of_province(), "PUBLIC_CONTENT_FULL"):
        assert all(metrics(unit)[code] == metrics(root)[code] for unit in units), code
    synced = [metrics(unit)["DOSSIER_SYNC"] for unit in units]
    assert metrics(root)["DOSSIER_SYNC"]["numerator"] == sum(metric["numerator"] for metric in synced)
    flags = {
        (metric["dataQualityStatus"], metric["denominator"] > 0, metric["score"], metric["ratio"])
        for metric in synced
    }
    assert flags == {
        ("TEMP_NATIONAL_REPORT_DENOMINATOR", True, 6, 100),
        ("NO_NATIONAL_REPORT_DATA", False, None, None),
    }
    assert dec(root["averageScore"]) == rounded(
        Fraction(sum(dec(u["totalScore"]) for u in units)) / len(units)
    )


def test_petitions_add_up_and_classes_do_not_overlap(case: Case) -> None:
    root, *units = case.entities("handling-satisfaction")
    assert root["totalPetitions"] == sum(unit["totalPetitions"] for unit in units) > 0
    for entity in [root, *units]:
        found = metrics(entity)
        assert entity["averageScore"] is None
        assert entity["classifiedPetitions"] == entity["totalPetitions"]
        classes = [f"PETITION_CLASSIFICATION_{name}" for name in ("TTHC", "STAFF")]
        assert sum(found[code]["numerator"] for code in classes) <= entity["totalPetitions"]
        assert {m["denominator"] for c, m in found.items() if c.startswith("PETITION")} == {
            entity["totalPetitions"]
        }


def test_personal_storage_counts_from_october_2026(case: Case) -> None:
    counted = metrics(case.groups["dossier-digitized"]["overview"])["SYNCED_WITH_DVCQG_PERSONAL_STORAGE"]
    assert (counted["numerator"] > 0) == (
        Period.parse(case.period).last_day >= Period.parse("2026-10").last_day
    )


def test_a_citizens_procedures_have_their_own_denominator(case: Case) -> None:
    levels = [child["level"] for child in case.groups["dvc-progress-tree"]["children"]]
    root, *units = case.entities("dossier-digitized")
    denominators = [metrics(unit)["CITIZEN_DATA_CONNECTED_FORMALITY"]["denominator"] for unit in units]
    communes = {d for d, level in zip(denominators, levels, strict=True) if level == "COMMUNE"}
    assert communes == {385}
    assert metrics(root)["CITIZEN_DATA_CONNECTED_FORMALITY"]["denominator"] > 1_000


def test_every_province_is_plausible_and_agrees_with_its_own_groups(
    sample: SamplePortal, ask: Callable[..., Any]
) -> None:
    endpoints = {
        "CKMB": "transparency",
        "TDGQ": "dvc-progress-tree",
        "CLGQ": "provide-online-tree",
        "TTTT": "formality-online-payment-tree",
        "MDHL": "handling-satisfaction",
        "MDSH": "dossier-digitized",
    }
    for period, checked in (("2026-08", 34), ("2026-Q1", 4), ("2026", 4)):
        national = ask(sample, "service-results", period)
        evaluation = national["evaluation"]
        assert len(evaluation) == 34
        totals = [province["totalScore"] for province in evaluation]
        assert totals == sorted(totals, reverse=True)
        assert 50 < totals[-1] < totals[0] < 80
        assert totals[0] - totals[-1] > 5
        for province in evaluation[:checked]:
            scores = province["groupScores"]
            assert list(scores) == ["CKMB", "TDGQ", "CLGQ", "TTTT", "MDHL", "MDSH"]
            assert sum(map(dec, scores.values())) == dec(province["totalScore"]) == dec(province["ratio"])
            for group, endpoint in endpoints.items():
                data = ask(sample, endpoint, period, root=province["departmentId"])
                own = data.get("parent") or data["overview"]
                assert own["totalScore"] == scores[group], (province["departmentCode"], group)
                assert own["departmentName"] == province["departmentName"]


def test_the_national_summary_is_that_of_the_provinces(sample: SamplePortal, ask: Callable[..., Any]) -> None:
    august, july = (ask(sample, "service-results", period) for period in ("2026-08", "2026-07"))
    axes = {"CKMB": ("CKMB",), "TDGQ": ("TDGQ",), "ONLINE_SERVICE": ("CLGQ", "TTTT")}
    axes |= {"MDHL": ("MDHL",), "MDSH": ("MDSH",)}
    assert [axis["code"] for axis in august["radar"]] == list(axes)
    for axis in august["radar"]:
        groups = axes[axis["code"]]
        summed = sum(dec(p["groupScores"][group]) for p in august["evaluation"] for group in groups)
        assert dec(axis["score"]) == rounded(Fraction(summed) / 34)
    assert dec(august["overview"]["totalScore"]) == sum(dec(axis["score"]) for axis in august["radar"])
    before = {province["departmentCode"]: dec(province["totalScore"]) for province in july["evaluation"]}
    for province in august["evaluation"]:
        delta = dec(province["totalScore"]) - before[province["departmentCode"]]
        assert dec(province["scoreDelta"]) == delta
    assert any(province["scoreDelta"] < 0 for province in august["evaluation"])
    first = ask(sample, "service-results", "2026")["evaluation"]
    assert {dec(p["totalScore"]) - dec(p["scoreDelta"]) for p in first} == {Decimal(16)}
    for slices in august["donuts"].values():
        assert abs(sum(one["percent"] for one in slices) - 100) < 0.03
    filled = [row["averageScore"] is not None for row in august["monthlyChart"]]
    assert filled == [True] * 8 + [False] * 4
    assert [row["onTimePct"] is not None for row in august["dossierChart"]] == filled
