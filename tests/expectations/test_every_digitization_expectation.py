"""For every line of the digitization suites, one valid form or list broken in one place, and who notices.

A new expectation fails ``test_every_digitization_expectation_has_a_breaker`` until it has its breaker here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa
import pytest
from digitization_scenes import Row, Scene, form_scene, list_scene, totals_of

from etl.sources.digitization import MEASURES
from etl.validate.digitization import DigitizationVerdict
from etl.validate.suites import Expectation, Suite, load_suites

Key = tuple[str, str]
Broken = list[Row]

UNITS, BLOCKS, DOSSIERS = "digitization_units", "digitization_blocks", "dossiers"
# A unit whose row was refused is missing from its block: one of eight, which is tolerated and told.
LACKS_ONE = (BLOCKS, "every_unit_present")


@dataclass(frozen=True)
class Breaker:
    """How to break a rule: what is judged then, and the rules that must report too."""

    go: Callable[[Scene], Broken]
    of: Callable[[], Scene]
    also: frozenset[Key] = field(default_factory=frozenset)


BREAKERS: dict[Key, Breaker] = {}


def breaks(
    suite: str, rule: str, *, also: tuple[Key, ...] = ()
) -> Callable[[Callable[[Scene], Broken]], Callable[[Scene], Broken]]:
    def keep(go: Callable[[Scene], Broken]) -> Callable[[Scene], Broken]:
        assert (suite, rule) not in BREAKERS
        BREAKERS[(suite, rule)] = Breaker(
            go, list_scene if suite == DOSSIERS else form_scene, frozenset(also)
        )
        return go

    return keep


# --- units: one row each. Totals follow the change, so that only the row is at fault ------------------


@breaks(UNITS, "figures_stated", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    return [scene.change(scene.pick(), **dict.fromkeys(MEASURES))]


@breaks(UNITS, "counts_not_negative", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    return [scene.change(scene.pick(), reused_from_portal=-1)]


@breaks(UNITS, "components_add_up", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    row = scene.pick()
    return [scene.change(row, components_not_digitized=row["components_not_digitized"] + 1)]


@breaks(UNITS, "components_within_received", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    for row in scene.rows:  # a layout that states only one of the two
        row.update(components_not_digitized=None, attributes=None)
    for total in scene.totals:
        total["components_not_digitized"] = None
    row = scene.pick()
    return [scene.change(row, components_digitized=row["received"] + 1)]


@breaks(UNITS, "reused_within_digitized", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    row = scene.pick()
    return [scene.change(row, components_reused=row["components_digitized"] + 1)]


@breaks(UNITS, "portal_within_reused", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    row = scene.pick()
    return [scene.change(row, reused_from_portal=row["components_reused"] + 1)]


@breaks(UNITS, "results_add_up")
def _(scene: Scene) -> Broken:
    row = scene.pick()
    return [scene.change(row, results_not_digitized=row["results_not_digitized"] + 1)]


@breaks(UNITS, "no_measure_blank")
def _(scene: Scene) -> Broken:
    return [scene.change(scene.pick(), resolved=None)]


@breaks(UNITS, "stated_rates_agree")
def _(scene: Scene) -> Broken:
    row = scene.pick()
    exact = 100 * row["components_digitized"] / row["received"]
    row["attributes"] = json.dumps({"stated_rates": {"components_rate_pct": exact + 0.051}})
    return [row]


@breaks(UNITS, "name_as_known")
def _(scene: Scene) -> Broken:
    row = next(row for row in scene.rows if row["unit_code"])
    row["unit_name"] = "UBND xã Tên Cũ"
    return [row]


@breaks(UNITS, "no_jump")
def _(scene: Scene) -> Broken:
    ids = {unit.name: str(unit.unit_id) for unit in scene.directory}
    rows = [
        {"unit_id": ids[row["unit_name"]], "received": row["received"], "resolved": row["resolved"]}
        for row in scene.rows
    ]
    moved = scene.pick()
    rows[scene.rows.index(moved)]["received"] = 5 * moved["received"] + 5
    scene.previous = pa.Table.from_pylist(rows)
    return [moved]


# --- blocks -------------------------------------------------------------------------------------------


@breaks(BLOCKS, "block_totals_agree")
def _(scene: Scene) -> Broken:
    scene.total("commune")["received"] += 1
    return []


@breaks(BLOCKS, "grand_total_agrees")
def _(scene: Scene) -> Broken:
    scene.total(None)["results_digitized"] -= 1
    return []


@breaks(BLOCKS, "district_totals_agree")
def _(scene: Scene) -> Broken:
    below = [scene.pick(place=place) for place in (1, 2, 3)]
    for row in below:
        row["attributes"] = json.dumps({**json.loads(row["attributes"]), "parent": "Huyện Lâm Thao"})
    stated = {name: sum(row[name] for row in below) for name in MEASURES}
    scene.totals.append({**scene.total("commune"), "parent": "Huyện Lâm Thao", **stated})
    assert "district_totals_agree" not in {rule for _, rule in not_passed(scene.judge())}
    scene.totals[-1]["resolved"] += 1
    return []


@breaks(BLOCKS, "section_has_units")
def _(scene: Scene) -> Broken:
    scene.totals.append({**scene.total("commune"), "block": "district"} | dict.fromkeys(MEASURES, 0))
    return []


@breaks(BLOCKS, "every_unit_present")
def _(scene: Scene) -> Broken:
    scene.rows.remove(scene.pick())
    scene.totals = totals_of(scene.rows)
    return []


@breaks(BLOCKS, "block_complete", also=(LACKS_ONE,))
def _(scene: Scene) -> Broken:
    for _ in range(2):
        scene.rows.remove(scene.pick())
    scene.totals = totals_of(scene.rows)
    return []


# --- what the row rules of a list found -----------------------------------------------------------------


def found(scene: Scene, place: int, rows: int) -> Broken:
    assert scene.rules
    scene.rules[place]["rows"] = rows
    return []


@breaks(DOSSIERS, "no_rule_refuses_many")
def _(scene: Scene) -> Broken:
    return found(scene, 0, 101)


@breaks(DOSSIERS, "duplicates_few")
def _(scene: Scene) -> Broken:
    return found(scene, 1, 11)


@breaks(DOSSIERS, "no_rule_warns_of_many")
def _(scene: Scene) -> Broken:
    return found(scene, 2, 501)


# ------------------------------------------------------------------------------------------------------

EXPECTATIONS: dict[Key, tuple[Suite, Expectation]] = {
    (suite.name, item.rule): (suite, item)
    for suite in (*load_suites("digitization"), *load_suites("dossiers"))
    for item in suite.expectations
}


def not_passed(verdict: DigitizationVerdict) -> dict[Key, str]:
    lines = verdict.results.to_pylist()
    return {(line["suite"], line["rule"]): line["state"] for line in lines if line["state"] != "passed"}


def test_every_digitization_expectation_has_a_breaker() -> None:
    assert len(EXPECTATIONS) >= 20
    assert BREAKERS.keys() == EXPECTATIONS.keys()


def test_every_suite_of_the_folder_is_judged_by_someone() -> None:
    kinds = [load_suites(kind) for kind in ("indicators", "digitization", "dossiers")]
    assert sorted(suite.name for suites in kinds for suite in suites) == [
        suite.name for suite in load_suites()
    ]


def test_a_valid_form_passes_every_expectation() -> None:
    scene = form_scene()
    verdict = scene.judge()
    assert not_passed(verdict) == {}
    seen = {(line["suite"], line["rule"]) for line in verdict.results.to_pylist()}
    assert seen > {key for key in EXPECTATIONS if key[0] != DOSSIERS}
    assert verdict.state == "passed"
    assert (verdict.rows_good, verdict.rows_quarantined, verdict.rows_ignored) == (12, 0, 3)
    assert verdict.good["unit_code"].to_pylist() == [unit.unit_code for unit in scene.directory]
    assert verdict.good["unit_id"].to_pylist() == [str(unit.unit_id) for unit in scene.directory]


def test_a_valid_list_passes_every_expectation() -> None:
    verdict = list_scene().judge()
    assert not_passed(verdict) == {}
    assert EXPECTATIONS.keys() < {(line["suite"], line["rule"]) for line in verdict.results.to_pylist()}
    assert verdict.state == "warned"  # twenty dossiers were refused
    assert (verdict.rows_good, verdict.rows_quarantined, verdict.rows_ignored) == (9_500, 20, 480)
    assert (verdict.good.num_rows, verdict.rejected.num_rows) == (12, 20)


@pytest.mark.parametrize(
    ("suite_name", "rule"), [pytest.param(*key, id=".".join(key)) for key in EXPECTATIONS]
)
def test_one_broken_place_is_reported_by_its_rule_and_no_other(suite_name: str, rule: str) -> None:
    suite, item = EXPECTATIONS[(suite_name, rule)]
    breaker = BREAKERS[(suite_name, rule)]
    scene = breaker.of()
    at_fault = breaker.go(scene)

    verdict = scene.judge()

    state = "failed" if item.severity == "fail" and not suite.row_level else "warned"
    assert not_passed(verdict) == {(suite_name, rule): state} | dict.fromkeys(breaker.also, "warned")
    assert verdict.state == state
    line = next(
        line for line in verdict.results.to_pylist() if (line["suite"], line["rule"]) == (suite_name, rule)
    )
    assert (line["severity"], line["detail_vi"]) == (item.severity, item.title_vi)
    assert line["unexpected_count"] == 1
    assert "ví dụ: " in line["observed"]

    told = scene.rejected or []
    if suite.row_level and item.severity == "fail":
        (refused,) = verdict.rejected.to_pylist()
        (row,) = at_fault
        assert (refused["capture_sha256"], refused["locator"]) == (row["capture_sha256"], row["locator"])
        assert (refused["rule"], refused["severity"]) == (rule, "fail")
        assert row["unit_name"] in refused["message_vi"]
        assert not {"{", "nan", "None"} & set(refused["message_vi"].replace(";", " ").split())
        assert json.loads(refused["row_data"])["locator"] == row["locator"]
        assert refused["column_name"]
        assert row["locator"] not in verdict.good["locator"].to_pylist()
        assert verdict.rows_good == len(scene.rows) - 1
    else:
        assert verdict.rejected.num_rows == len(told)
        assert verdict.good.num_rows == len(scene.rows)
    assert verdict.rows_read == verdict.rows_good + verdict.rows_quarantined + verdict.rows_ignored
    assert bool(verdict.failures()) == (state == "failed")
    assert verdict.failures() or verdict.warnings()


def test_the_sentence_of_every_row_level_line_can_be_filled_in() -> None:
    lines = [item for suite, item in EXPECTATIONS.values() if suite.row_level]
    assert len(lines) >= 11
    for item in lines:
        assert item.column, item.rule
        assert item.sentence_vi, item.rule
        assert "{unit_name}" in item.sentence_vi
        item.sentence_vi.format(unit_name="u", value="v")
