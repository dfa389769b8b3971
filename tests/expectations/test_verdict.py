"""What a reading as a whole is told: tolerances, shares, lost groups, crashed checks, Data Docs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from etl.errors import Terminal
from etl.periods import VIETNAM
from etl.reference.indicators import Catalogue
from etl.sandbox import CapturedPortal, SamplePortal
from etl.sources.tidy import REJECTED, TIDY, ReadResult, table_of
from etl.validate.judge import Verdict, rejected_id
from etl.validate.suites import EXPECTATIONS_DIR, Expectation, Suite, load_suites

Row = dict[str, Any]
Pronounce = Callable[..., Verdict]
ReadOnce = Callable[..., Any]


def changed(result: ReadResult, change: Callable[[Row], None]) -> ReadResult:
    rows = result.tidy.to_pylist()
    for row in rows:
        change(row)
    return ReadResult(table_of(rows, TIDY), result.rejected, len(rows))


def states(verdict: Verdict) -> dict[str, str]:
    return {f"{line['suite']}.{line['rule']}": line["state"] for line in verdict.results.to_pylist()}


def not_passed(verdict: Verdict) -> dict[str, str]:
    return {name: state for name, state in states(verdict).items() if state != "passed"}


def observed(verdict: Verdict, rule: str) -> str:
    return next(line["observed"] for line in verdict.results.to_pylist() if line["rule"] == rule)


# --- tolerances: what is just inside is not reported -------------------------------------------


def nudge(code: str, block: str, **values: Any) -> Callable[[Row], None]:
    """Change one row; a value may be a function of the row."""
    done: list[bool] = []

    def change(row: Row) -> None:
        if done or (row["indicator_code"], row["block"]) != (code, block):
            return
        done.append(True)
        row.update({name: value(row) if callable(value) else value for name, value in values.items()})

    return change


def plus(text: str) -> Callable[[Row], Decimal]:
    return lambda row: row["score"] + Decimal(text)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(nudge("CLGQ", "commune", score=Decimal(12)), id="score at its maximum"),
        pytest.param(nudge("CLGQ", "commune", score=Decimal(0)), id="score zero"),
        pytest.param(nudge("CKMB", "commune", ratio_pct=Decimal(100)), id="ratio of 100"),
        pytest.param(nudge("CKMB", "commune", score=plus("0.02")), id="group 0.02 above components"),
        pytest.param(nudge("CKMB", "commune", score=plus("-0.02")), id="group 0.02 below components"),
        pytest.param(nudge("3.5", "commune", numerator=lambda row: row["denominator"]), id="all of all"),
        pytest.param(nudge("3.5", "commune", numerator=0, denominator=0), id="nothing of nothing"),
        pytest.param(nudge("2.2", "commune", value=Decimal(0)), id="zero days"),
        pytest.param(nudge("2.2", "commune", unit_code="H44.100.07"), id="a code of three parts"),
        pytest.param(nudge("2.2", "commune", unit_name="=cmd()"), id="a name like a formula"),
    ],
)
def test_what_is_just_inside_a_tolerance_is_not_reported(
    valid: Any, pronounce: Pronounce, change: Callable[[Row], None]
) -> None:
    result = changed(valid.result, change)
    assert result.tidy != valid.result.tidy
    assert not_passed(pronounce(result, valid.bundle)) == {}


def test_the_national_sum_may_be_off_by_two_hundredths(valid_national: Any, pronounce: Pronounce) -> None:
    result = changed(
        valid_national.result, nudge("TOTAL", "province", score=lambda row: row["score"] + Decimal("0.02"))
    )
    assert result.tidy != valid_national.result.tidy
    assert not_passed(pronounce(result, valid_national.bundle)) == {}


# --- the whole -----------------------------------------------------------------------------------


def test_a_few_refused_rows_are_taken_out_and_the_rest_goes_on(valid: Any, pronounce: Pronounce) -> None:
    rows = valid.result.tidy.num_rows
    allowed = int(rows * 0.05)
    bad = count_bad(allowed)
    verdict = pronounce(changed(valid.result, bad), valid.bundle)
    assert verdict.rows_quarantined == allowed
    assert states(verdict)["verdict.quarantine_is_small"] == "passed"
    assert verdict.state == "warned"
    assert verdict.rows_good == rows - allowed


def test_too_many_refused_rows_condemn_the_reading(valid: Any, pronounce: Pronounce) -> None:
    rows = valid.result.tidy.num_rows
    too_many = int(rows * 0.05) + 1
    verdict = pronounce(changed(valid.result, count_bad(too_many)), valid.bundle)
    assert verdict.state == "failed"
    assert states(verdict)["verdict.quarantine_is_small"] == "failed"
    assert observed(verdict, "quarantine_is_small") == f"{too_many}/{rows}"
    assert any("quarantine_is_small" in sentence for sentence in verdict.failures())


def count_bad(count: int) -> Callable[[Row], None]:
    """Break the first ``count`` rows of units: a code that no catalogue holds."""
    left = [count]

    def change(row: Row) -> None:
        if left[0] and row["block"] != "province" and row["level"] == "component":
            left[0] -= 1
            row["ratio_pct"] = Decimal(101)

    return change


def test_the_allowed_share_is_the_one_given(valid: Any, pronounce: Pronounce) -> None:
    result = changed(valid.result, count_bad(1))
    assert pronounce(result, valid.bundle, max_quarantined_share=0).state == "failed"
    assert pronounce(result, valid.bundle, max_quarantined_share=0.001).state == "warned"


@pytest.mark.parametrize("code", ["CKMB", "TDGQ", "MDHL"])
def test_a_refused_figure_of_the_province_condemns_the_reading(
    valid: Any, pronounce: Pronounce, code: str
) -> None:
    verdict = pronounce(changed(valid.result, nudge(code, "province", score=Decimal(-1))), valid.bundle)
    assert verdict.rows_quarantined == 1
    assert states(verdict)["verdict.province_figures_good"] == "failed"
    assert verdict.state == "failed"


def test_a_refused_component_of_the_province_does_not(valid: Any, pronounce: Pronounce) -> None:
    verdict = pronounce(changed(valid.result, nudge("3.5", "province", numerator=-1)), valid.bundle)
    assert verdict.rows_quarantined == 1
    assert verdict.state == "warned"


def test_a_refused_figure_of_the_country_condemns_the_reading(
    valid_national: Any, pronounce: Pronounce
) -> None:
    result = changed(valid_national.result, nudge("TOTAL", "country", ratio_pct=Decimal(101)))
    assert states(pronounce(result, valid_national.bundle))["verdict.province_figures_good"] == "failed"


def test_unreadable_records_count_as_quarantined(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce
) -> None:
    def change(data: Row) -> None:
        for place in range(3):
            data["children"][place]["totalOnTime"] = "x"

    reading = read_once(edited("dvc-progress-tree", change))
    verdict = pronounce(reading.result, reading.bundle)
    assert verdict.rows_quarantined == verdict.rejected.num_rows == 3
    assert verdict.rows_read == verdict.rows_good + 3
    assert verdict.good == reading.result.tidy
    assert set(verdict.rejected["rule"].to_pylist()) == {"contract"}
    assert verdict.state == "warned"
    # those units have no progress group any more, and children no longer add up to the province
    assert set(not_passed(verdict)) == {"units.all_groups_present", "balances.units_sum_to_province"}


def test_unreadable_and_refused_rows_are_told_together(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce
) -> None:
    def change(data: Row) -> None:
        data["children"][0]["totalOnTime"] = "x"
        data["children"][1]["score"] = -1

    reading = read_once(edited("dvc-progress-tree", change))
    verdict = pronounce(reading.result, reading.bundle)
    refused = verdict.rejected.to_pylist()
    assert [line["rule"] for line in refused] == ["contract", "score_not_negative", "score_not_negative"]
    assert verdict.rows_read == verdict.rows_good + verdict.rows_quarantined
    assert verdict.rows_quarantined == 3
    # two rows of one entity: group and component, both told, and told apart
    assert len({rejected_id(reading.bundle.snapshot_id, line) for line in refused}) >= 2


@pytest.mark.parametrize(
    ("endpoint", "place"), [("formality-online-payment-tree", "children"), ("transparency", "evaluation")]
)
def test_a_group_of_which_nothing_could_be_read_condemns_the_reading(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce, endpoint: str, place: str
) -> None:
    """The portal renames one field: 4 % of the records, so the share alone would let it pass."""

    def rename(data: Row) -> None:
        for entity in [data.get("parent") or data["overview"], *data[place]]:
            entity["maxScoreOfAll"] = entity.pop("totalMaxScore")

    reading = read_once(edited(endpoint, rename))
    assert reading.bundle.complete
    lost = reading.result.rejected.num_rows
    assert lost / reading.result.rows_read < 0.05
    verdict = pronounce(reading.result, reading.bundle)
    assert states(verdict)["verdict.quarantine_is_small"] == "passed"
    assert states(verdict)["groups.province_row_present"] == "failed"
    assert verdict.state == "failed"
    assert verdict.rows_read == verdict.rows_good + lost


def test_a_refused_root_of_one_group_condemns_the_reading(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce
) -> None:
    reading = read_once(edited("dvc-progress-tree", lambda data: data["parent"].pop("totalReceived")))
    verdict = pronounce(reading.result, reading.bundle)
    assert states(verdict)["groups.province_row_present"] == "failed"
    assert verdict.state == "failed"


def test_a_national_page_without_its_country_condemns_the_reading(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce
) -> None:
    reading = read_once(edited("service-results", lambda data: data.pop("overview")), national=True)
    verdict = pronounce(reading.result, reading.bundle)
    assert verdict.state == "failed"
    assert verdict.rows_read == verdict.rows_good + verdict.rows_quarantined == 34 * 7 + 1


def test_a_reading_of_which_nothing_is_left_fails_and_does_not_crash(
    read_once: ReadOnce, edited: Callable[..., Any], pronounce: Pronounce
) -> None:
    def spoil(data: Row) -> None:
        root = "parent" if "parent" in data else "overview"
        for entity in [data[root], *data["children" if root == "parent" else "evaluation"]]:
            del entity["ratio"]

    reading = read_once(edited(None, spoil))
    assert reading.result.tidy.num_rows == 0
    assert reading.result.rows_read > 600
    verdict = pronounce(reading.result, reading.bundle)
    assert verdict.state == "failed"
    assert verdict.rows_good == 0
    assert verdict.rows_read == verdict.rows_quarantined == reading.result.rows_read


def test_an_empty_reading_fails(valid: Any, pronounce: Pronounce) -> None:
    nothing = ReadResult(table_of([], TIDY), table_of([], REJECTED), 0)
    verdict = pronounce(nothing, valid.bundle)
    assert verdict.state == "failed"
    assert states(verdict)["verdict.quarantine_is_small"] == "failed"


def test_one_row_may_break_several_rules_and_is_taken_out_once(valid: Any, pronounce: Pronounce) -> None:
    spoil = nudge("4.2", "commune", numerator=-5, ratio_pct=Decimal(-1), score=Decimal(-1))
    verdict = pronounce(changed(valid.result, spoil), valid.bundle)
    assert verdict.rows_quarantined == 1
    assert verdict.rows_good == verdict.rows_read - 1
    rules = verdict.rejected["rule"].to_pylist()
    assert {"counts_not_negative", "ratio_within_0_100", "score_not_negative"} <= set(rules)
    assert len(set(verdict.rejected["locator"].to_pylist())) == 1


def test_the_sentence_names_unit_indicator_and_value_in_vietnamese_numbers(
    valid: Any, pronounce: Pronounce
) -> None:
    result = changed(valid.result, nudge("CLGQ", "commune", score=Decimal("-0.25")))
    verdict = pronounce(result, valid.bundle)
    (line,) = verdict.rejected.to_pylist()
    unit = next(row["unit_name"] for row in result.tidy.to_pylist() if row["score"] == Decimal("-0.25"))
    assert line["message_vi"] == f"{unit}, chỉ số CLGQ: điểm âm (-0,25)."
    assert (line["column_name"], line["value"]) == ("score", "-0,25")
    assert json.loads(line["row_data"])["score"] == "-0.250000"


def test_braces_in_a_name_stay_braces(valid: Any, pronounce: Pronounce) -> None:
    spoil = nudge("CLGQ", "commune", score=Decimal(-1), unit_name="UBND xã {value} {0}")
    verdict = pronounce(changed(valid.result, spoil), valid.bundle)
    (line,) = verdict.rejected.to_pylist()
    assert line["message_vi"].startswith("UBND xã {value} {0}, chỉ số CLGQ: điểm âm")


# --- restatements and warnings ------------------------------------------------------------------


def facts(result: ReadResult) -> pa.Table:
    return result.tidy.select(["portal_id", "indicator_code", "score"])


def test_an_unchanged_closed_period_is_not_reported(valid: Any, pronounce: Pronounce) -> None:
    assert not_passed(pronounce(valid.result, valid.bundle, previous=facts(valid.result))) == {}


def test_a_score_that_appears_or_vanishes_has_moved(valid: Any, pronounce: Pronounce) -> None:
    before = changed(valid.result, nudge("CLGQ", "commune", score=None))
    verdict = pronounce(valid.result, valid.bundle, previous=facts(before))
    assert not_passed(verdict) == {"movements.closed_period_unchanged": "warned"}


def test_figures_of_an_open_period_may_move(valid: Any, pronounce: Pronounce) -> None:
    before = changed(valid.result, nudge("CLGQ", "commune", score=Decimal(1)))
    bundle = replace(valid.bundle, provisional=True)
    assert not_passed(pronounce(valid.result, bundle, previous=facts(before))) == {}


def test_a_restated_sample_month_is_published_with_a_warning(
    read_once: ReadOnce, pronounce: Pronounce
) -> None:
    early = read_once(SamplePortal(as_of=datetime(2026, 9, 3, 4, tzinfo=VIETNAM)))
    late = read_once(SamplePortal(as_of=datetime(2026, 9, 20, 4, tzinfo=VIETNAM)))
    verdict = pronounce(late.result, late.bundle, previous=facts(early.result))
    assert not_passed(verdict) == {"movements.closed_period_unchanged": "warned"}
    assert verdict.rows_good == verdict.rows_read


# --- the machinery ------------------------------------------------------------------------------


def suite_of(table: str, **line: Any) -> tuple[Suite, ...]:
    item = {"rule": "r", "severity": "fail", "title_vi": "Phải đúng.", **line}
    return (
        Suite(
            name="made_up",
            judges="indicators",
            table=table,
            row_level=table == "scores",
            expectations=(Expectation(**item),),
        ),
    )


@pytest.mark.parametrize(
    "line",
    [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "nowhere", "min_value": 0},
        },
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "nowhere"}},
        {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "unit_code", "regex": "("}},
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "unit_name", "min_value": 0}},
    ],
    ids=["between", "not null", "bad regex", "text against a number"],
)
@pytest.mark.parametrize("severity", ["fail", "warn"])
def test_a_check_that_crashes_has_not_passed(
    valid: Any, pronounce: Pronounce, line: Row, severity: str
) -> None:
    suites = suite_of("scores", severity=severity, **line)
    with pytest.raises(Terminal, match=r"made_up\.r could not be computed") as caught:
        pronounce(valid.result, valid.bundle, suites=suites)
    assert "has not passed" in caught.value.remedy


def test_a_suite_for_a_table_nobody_made_is_refused(valid: Any, pronounce: Pronounce) -> None:
    suites = suite_of("weather", type="expect_column_to_exist", kwargs={"column": "x"})
    with pytest.raises(Terminal, match="asks for the table weather") as caught:
        pronounce(valid.result, valid.bundle, suites=suites)
    assert "scores" in caught.value.remedy


def test_a_value_nobody_hands_in_is_refused(valid: Any, pronounce: Pronounce) -> None:
    kwargs = {"column": "indicator_code", "value_set": "$planets"}
    suites = suite_of("scores", type="expect_column_values_to_be_in_set", kwargs=kwargs)
    with pytest.raises(Terminal, match=r"\$planets") as caught:
        pronounce(valid.result, valid.bundle, suites=suites)
    assert "$indicator_codes" in caught.value.remedy


def test_two_lines_of_one_name_are_refused(tmp_path: Path) -> None:
    text = (EXPECTATIONS_DIR / "balances.yml").read_text(encoding="utf-8")
    line = text[text.index("  - {") :]
    (tmp_path / "twice.yml").write_text(text + line, encoding="utf-8")
    with pytest.raises(Terminal, match=r"(?s)twice\.yml.*two lines share the rule units_sum_to_province"):
        load_suites(folder=tmp_path)


def test_data_docs_are_written_where_asked(valid: Any, pronounce: Pronounce, docs_folder: Path) -> None:
    quiet = pronounce(valid.result, valid.bundle)
    assert not docs_folder.exists()
    told = pronounce(valid.result, valid.bundle, data_docs_dir=docs_folder)
    assert (docs_folder / "index.html").is_file()
    pages = list(docs_folder.rglob("validations/**/*.html"))
    assert len(pages) >= 4
    assert any("Mỗi chỉ số của mỗi đơn vị" in page.read_text(encoding="utf-8") for page in pages)
    assert told.results == quiet.results


def test_the_same_reading_gets_the_same_verdict(valid: Any, pronounce: Pronounce) -> None:
    result = changed(valid.result, count_bad(3))
    first, again = (pronounce(result, valid.bundle) for _ in range(2))
    assert first == again
    ids = [rejected_id(valid.bundle.snapshot_id, line) for line in first.rejected.to_pylist()]
    assert len(set(ids)) == len(ids) >= 3


def test_a_verdict_reads_back_from_its_folder(valid: Any, pronounce: Pronounce, tmp_path: Path) -> None:
    verdict = pronounce(changed(valid.result, count_bad(3)), valid.bundle)
    verdict.save(tmp_path)
    assert Verdict.load(tmp_path) == verdict
    (tmp_path / "verdict.json").write_text("{", encoding="utf-8")
    with pytest.raises(Terminal, match="holds no verdict"):
        Verdict.load(tmp_path)


def test_suites_are_read_from_files_and_a_broken_one_is_named(tmp_path: Path) -> None:
    assert [suite.name for suite in load_suites()] == [
        path.stem for path in sorted(EXPECTATIONS_DIR.glob("*.yml"))
    ]
    for place, content in enumerate(
        ("", "[", "table: x", "table: x\njudges: indicators\nrow_level: 1\nexpectations: {}", "- 1")
    ):
        folder = tmp_path / str(place)
        folder.mkdir()
        (folder / "broken.yml").write_text(content, encoding="utf-8")
        with pytest.raises(Terminal, match=r"broken\.yml cannot be read"):
            load_suites(folder=folder)
    (tmp_path / "empty").mkdir()
    with pytest.raises(Terminal, match="no suite in"):
        load_suites(folder=tmp_path / "empty")


def test_every_row_level_line_tells_a_person_which_field_and_what() -> None:
    lines = [item for suite in load_suites("indicators") if suite.row_level for item in suite.expectations]
    assert len(lines) >= 16
    for item in lines:
        # null_misplaced is derived: it holds the names of the fields that are missing
        assert item.column in (*TIDY.names, "null_misplaced"), item.rule
        assert item.sentence_vi, item.rule
        item.sentence_vi.format(unit_name="u", indicator_code="i", value="v")


# --- the real portal ----------------------------------------------------------------------------


def test_the_small_real_set_passes(read_once: ReadOnce, real_captures: Path, pronounce: Pronounce) -> None:
    reading = read_once(CapturedPortal(real_captures / "derived-14-units"))
    verdict = pronounce(reading.result, reading.bundle)
    assert not_passed(verdict) == {}
    assert verdict.rows_good == verdict.rows_read > 400


def test_the_real_national_page_passes(
    read_once: ReadOnce, real_captures: Path, pronounce: Pronounce
) -> None:
    reading = read_once(CapturedPortal(real_captures), "2026", national=True)
    assert not_passed(pronounce(reading.result, reading.bundle)) == {}


def test_the_whole_real_trees_pass(
    read_once: ReadOnce, real_captures: Path, pronounce: Pronounce, catalogue: Catalogue
) -> None:
    reading = read_once(CapturedPortal(real_captures))
    verdict = pronounce(reading.result, reading.bundle)
    assert not_passed(verdict) == {}
    assert verdict.rows_good == verdict.rows_read > 1_000
    assert len(catalogue.group_codes) == 6
