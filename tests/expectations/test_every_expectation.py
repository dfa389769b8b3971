"""For every line of ``expectations/``, one valid reading broken in one place, and who notices.

A new expectation fails ``test_every_expectation_has_a_breaker`` until it has its breaker here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from etl.sources.bundle import Bundle
from etl.sources.tidy import TIDY, ReadResult, table_of
from etl.validate.judge import Verdict
from etl.validate.suites import Expectation, Suite, load_suites

Row = dict[str, Any]
Broken = list[Row]
Key = tuple[str, str]


@dataclass
class Scene:
    """A valid reading, open to be broken. Breakers change ``rows`` in place and return the rows at fault."""

    rows: list[Row]
    bundle: Bundle
    previous: pa.Table | None = None

    def pick(self, code: str, block: str = "commune", where: Callable[[Row], bool] = lambda _: True) -> Row:
        """The first row of an indicator in a block for which ``where`` holds."""
        return next(
            row for row in self.rows if (row["indicator_code"], row["block"]) == (code, block) and where(row)
        )

    def of(self, unit: Row, code: str) -> Row:
        """The row of an indicator of the same unit."""
        return next(
            row for row in self.rows if (row["portal_id"], row["indicator_code"]) == (unit["portal_id"], code)
        )

    def as_previous(self, code: str, change: Callable[[Row], Decimal | None]) -> None:
        """Let this reading have a predecessor that differs in one indicator's scores."""
        facts = [
            {
                "portal_id": row["portal_id"],
                "indicator_code": row["indicator_code"],
                "score": change(row) if row["indicator_code"] == code else row["score"],
            }
            for row in self.rows
        ]
        self.previous = pa.Table.from_pylist(
            facts,
            schema=pa.schema(
                [
                    ("portal_id", pa.string()),
                    ("indicator_code", pa.string()),
                    ("score", pa.decimal128(18, 6)),
                ]
            ),
        )


@dataclass(frozen=True)
class Breaker:
    """How to break a rule. ``national``: on the national page; ``also``: rules that must report too."""

    go: Callable[[Scene], Broken]
    national: bool = False
    also: frozenset[Key] = field(default_factory=frozenset)


BREAKERS: dict[Key, Breaker] = {}


def breaks(
    suite: str, rule: str, *, national: bool = False, also: tuple[Key, ...] = ()
) -> Callable[[Callable[[Scene], Broken]], Callable[[Scene], Broken]]:
    def keep(go: Callable[[Scene], Broken]) -> Callable[[Scene], Broken]:
        assert (suite, rule) not in BREAKERS
        BREAKERS[(suite, rule)] = Breaker(go, national, frozenset(also))
        return go

    return keep


def exact_ratio(row: Row) -> Decimal:
    return Decimal(100 * row["numerator"]) / row["denominator"]


# --- scores: one row each. 2.2 (average days) is unscored, so that nothing else notices -----------


@breaks("scores", "unit_indicator_once")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    twin = dict(row)
    scene.rows.append(twin)
    return [row, twin]


@breaks("scores", "indicator_in_catalogue", also=(("units", "all_components_present"),))
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["indicator_code"] = "9.9"
    return [row]


@breaks("scores", "block_known")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["block"] = "hamlet"
    return [row]


@breaks("scores", "unit_named")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["unit_name"] = None
    return [row]


@breaks("scores", "unit_has_code")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["unit_code"] = None
    return [row]


@breaks("scores", "unit_code_form")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["unit_code"] = "000.00.00.H44"
    return [row]


@breaks("scores", "null_only_where_allowed")
def _(scene: Scene) -> Broken:
    row = scene.pick("2.2")
    row["value"] = None
    return [row]


# 3.5 has counts and neither ratio nor score


@breaks("scores", "counts_not_negative")
def _(scene: Scene) -> Broken:
    row = scene.pick("3.5")
    row["numerator"] = -1
    return [row]


@breaks("scores", "numerator_within_denominator")
def _(scene: Scene) -> Broken:
    row = scene.pick("3.5")
    row["numerator"] = row["denominator"] + 1
    return [row]


@breaks("scores", "ratio_within_0_100")
def _(scene: Scene) -> Broken:
    row = scene.pick("CKMB")
    row["ratio_pct"] = Decimal("100.01")
    return [row]


@breaks("scores", "ratio_agrees_with_counts")
def _(scene: Scene) -> Broken:
    row = scene.pick("5.1a", where=lambda row: row["denominator"] > 0 and row["ratio_pct"] < 99)
    row["ratio_pct"] = round(exact_ratio(row) + Decimal("0.011"), 6)
    return [row]


# The units of the online group publish a score without components


@breaks("scores", "score_not_negative")
def _(scene: Scene) -> Broken:
    row = scene.pick("CLGQ")
    row["score"] = Decimal("-0.01")
    return [row]


@breaks("scores", "score_within_maximum")
def _(scene: Scene) -> Broken:
    row = scene.pick("CLGQ")
    row["score"] = Decimal("12.01")
    return [row]


@breaks("scores", "maximum_as_in_catalogue")
def _(scene: Scene) -> Broken:
    row = scene.pick("CLGQ")
    row["max_score"] = Decimal(13)
    return [row]


@breaks("scores", "score_agrees_with_rule")
def _(scene: Scene) -> Broken:
    # 0.02 off the rule is too much, 0.02 off the group is not
    def rule_error(row: Row) -> Decimal:
        return abs(row["score"] - row["ratio_pct"] / 5)

    row = scene.pick("2.1", where=lambda row: 1 < row["score"] < 19 and rule_error(row) < Decimal("0.002"))
    row["score"] += Decimal("0.02")
    return [row]


@breaks("scores", "received_is_on_time_plus_overdue")
def _(scene: Scene) -> Broken:
    row = scene.pick("TDGQ")
    attributes = json.loads(row["attributes"])
    attributes["totalOverdue"] += 1
    row["attributes"] = json.dumps(attributes)
    return [row]


# --- groups -------------------------------------------------------------------------------------------


@breaks("groups", "province_row_present")
def _(scene: Scene) -> Broken:
    row = scene.pick("CKMB")
    row["block"] = "province"
    return [row]


@breaks("groups", "no_unit_lost")
def _(scene: Scene) -> Broken:
    scene.bundle = replace(scene.bundle, missing_shares={**scene.bundle.missing_shares, "CKMB": 0.008})
    return []


@breaks("groups", "inherited_values_identical")
def _(scene: Scene) -> Broken:
    row = scene.pick("1.3")
    step = Decimal("0.01") if exact_ratio(row) >= row["ratio_pct"] else Decimal("-0.01")
    row["ratio_pct"] += step
    return [row]


# --- units --------------------------------------------------------------------------------------------


@breaks("units", "total_within_100", also=(("scores", "maximum_as_in_catalogue"),))
def _(scene: Scene) -> Broken:
    # six groups within their maxima cannot exceed 100: a maximum has to move too
    row = scene.pick("CLGQ")
    row["score"] = row["max_score"] = Decimal(101)
    return [row]


@breaks("units", "all_groups_present")
def _(scene: Scene) -> Broken:
    row = scene.pick("CLGQ")
    scene.rows.remove(row)
    return [row]


@breaks("units", "all_components_present")
def _(scene: Scene) -> Broken:
    row = scene.pick("4.4", where=lambda row: row["score"] == 0)  # its absence moves no sum
    scene.rows.remove(row)
    return [row]


@breaks("units", "components_sum_to_group")
def _(scene: Scene) -> Broken:
    row = scene.pick("CKMB")
    row["score"] += Decimal("0.03")
    return [row]


@breaks("units", "groups_sum_to_total", national=True)
def _(scene: Scene) -> Broken:
    row = scene.pick("TOTAL", "province")
    row["score"] += Decimal("0.03")
    return [row]


@breaks("units", "one_dossier_count")
def _(scene: Scene) -> Broken:
    row = scene.pick("4.2", "department", lambda row: row["denominator"] > 10_000)
    row["denominator"] += 1
    row["ratio_pct"] = round(exact_ratio(row), 2)
    return [row]


@breaks("units", "satisfied_within_on_time")
def _(scene: Scene) -> Broken:
    # one unit where the two counts are close: the score then stays within its rule
    def room(row: Row) -> int:
        return int(scene.of(row, "2.1")["numerator"]) + 1 - int(row["numerator"])

    row = scene.pick(
        "5.4",
        where=lambda row: (
            row["denominator"] > 500
            and room(row) <= 1
            and row["numerator"] < row["denominator"]
            and row["ratio_pct"] > 91
        ),
    )
    row["numerator"] += room(row)
    row["ratio_pct"] = round(exact_ratio(row), 2)
    return [row]


# --- balances -----------------------------------------------------------------------------------------


@breaks("balances", "units_sum_to_province")
def _(scene: Scene) -> Broken:
    row = scene.pick("3.6", "province")
    row["denominator"] += 1
    return [row]


# --- movements ----------------------------------------------------------------------------------------


@breaks("movements", "closed_period_unchanged")
def _(scene: Scene) -> Broken:
    moved = scene.pick("4.2", where=lambda row: row["score"] is not None)
    scene.as_previous(
        "4.2",
        lambda row: row["score"] + Decimal("0.01") if row is moved else row["score"],
    )
    return []


@breaks("movements", "no_suspected_rule_change")
def _(scene: Scene) -> Broken:
    # while the period is open figures may move, but not all by the same amount
    scene.bundle = replace(scene.bundle, provisional=True)
    scene.as_previous("4.2", lambda row: None if row["score"] is None else row["score"] + Decimal("0.5"))
    return []


# ------------------------------------------------------------------------------------------------------

EXPECTATIONS: dict[Key, tuple[Suite, Expectation]] = {
    (suite.name, item.rule): (suite, item)
    for suite in load_suites("indicators")
    for item in suite.expectations
}
VERDICT_RULES = {("verdict", "quarantine_is_small"), ("verdict", "province_figures_good")}


def states(verdict: Verdict) -> dict[Key, str]:
    return {(line["suite"], line["rule"]): line["state"] for line in verdict.results.to_pylist()}


def place_of(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["capture_sha256"], row["locator"], row["indicator_code"]


def test_every_expectation_has_a_breaker() -> None:
    assert len(EXPECTATIONS) >= 28
    assert sum(len(suite.expectations) for suite in load_suites("indicators")) == len(EXPECTATIONS)
    assert BREAKERS.keys() == EXPECTATIONS.keys()


@pytest.mark.parametrize("which", ["valid", "valid_national"])
def test_a_valid_reading_passes_every_expectation(
    which: str, request: pytest.FixtureRequest, pronounce: Callable[..., Verdict]
) -> None:
    reading = request.getfixturevalue(which)
    verdict = pronounce(reading.result, reading.bundle)
    assert states(verdict) == dict.fromkeys([*EXPECTATIONS, *VERDICT_RULES], "passed")
    assert verdict.state == "passed"
    assert (verdict.rows_quarantined, verdict.rejected.num_rows, verdict.failures()) == (0, 0, [])
    assert verdict.good == reading.result.tidy
    assert verdict.rows_good == verdict.rows_read > 200


@pytest.mark.parametrize(
    ("suite_name", "rule"), [pytest.param(*key, id=".".join(key)) for key in EXPECTATIONS]
)
def test_one_broken_row_is_reported_by_its_rule_and_no_other(
    suite_name: str,
    rule: str,
    valid: Any,
    valid_national: Any,
    pronounce: Callable[..., Verdict],
) -> None:
    suite, item = EXPECTATIONS[(suite_name, rule)]
    breaker = BREAKERS[(suite_name, rule)]
    reading = valid_national if breaker.national else valid
    scene = Scene(reading.result.tidy.to_pylist(), reading.bundle)
    at_fault = breaker.go(scene)
    result = ReadResult(table_of(scene.rows, TIDY), reading.result.rejected, len(scene.rows))

    verdict = pronounce(result, scene.bundle, previous=scene.previous)

    state = "failed" if item.severity == "fail" and not suite.row_level else "warned"
    reported = {key: value for key, value in states(verdict).items() if value != "passed"}
    assert reported == {(suite_name, rule): state} | dict.fromkeys(breaker.also, "warned")
    assert verdict.state == state
    line = next(
        line for line in verdict.results.to_pylist() if (line["suite"], line["rule"]) == (suite_name, rule)
    )
    assert line["severity"] == item.severity
    assert line["detail_vi"] == item.title_vi
    expected_count = len(at_fault) if suite.row_level else 1
    assert line["unexpected_count"] == expected_count

    if suite.row_level and item.severity == "fail":
        refused = verdict.rejected.to_pylist()
        assert len(refused) == len(at_fault) == verdict.rows_quarantined
        for line, row in zip(refused, at_fault, strict=True):
            assert (line["capture_sha256"], line["locator"]) == (row["capture_sha256"], row["locator"])
            assert (line["rule"], line["severity"]) == (rule, "fail")
            assert line["message_vi"]
            assert "{" not in line["message_vi"]
            assert "nan" not in line["message_vi"].lower().split()
            assert json.loads(line["row_data"])["locator"] == row["locator"]
            assert line["column_name"]
        kept = [row for row in scene.rows if not any(row is bad for bad in at_fault)]
        assert verdict.good == table_of(kept, TIDY)
    else:
        assert verdict.rejected.num_rows == 0
        assert verdict.good == result.tidy
    assert verdict.rows_read == verdict.rows_good + verdict.rows_quarantined
    assert bool(verdict.failures()) == (state == "failed")
