"""Recommendations: every shipped rule fires where it must and not where it must not; a broken file is told."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from digitization_cases import compared
from report_cases import bare_report, digitization_data, hostile_report, indicators_data, report
from test_letter import words

from etl.deliver.letter import FOLDER, RULES, render_letter
from etl.deliver.letter_rules import (
    COMMON,
    ComponentBelow,
    DigitizationBelow,
    Disagreement,
    Gaps,
    GroupBelow,
    Rule,
    UnitsBelow,
    load_rules,
    recommendations,
)
from etl.deliver.report import Report
from etl.errors import Terminal

SHIPPED = load_rules(RULES)
CENT = Decimal("0.01")


def with_component(code: str, **changes: object) -> Report:
    rows = tuple(
        dataclasses.replace(row, **changes) if row.indicator_code == code else row
        for row in report().indicators.indicators
    )
    return report(indicators=indicators_data(indicators=rows))


def with_group(code: str, share: Decimal) -> Report:
    groups = tuple(
        dataclasses.replace(one, score=one.max_score * share / 100) if one.code == code else one
        for one in report().groups
    )
    return report(groups=groups)


def with_totals(below: int, above: int, bound: Decimal) -> Report:
    plain = next(unit for unit in report().indicators.units if unit.rank_in_block)
    totals = [bound - 1] * below + [bound] * above
    units = tuple(dataclasses.replace(plain, unit_name=f"Xã {n}", total=t) for n, t in enumerate(totals))
    return report(indicators=indicators_data(units=units), components=())


def with_rate(rate: Decimal | None) -> Report:
    data = digitization_data()
    totals = tuple(
        dataclasses.replace(t, rates=dict(t.rates) | {"results_rate_pct": rate}) if t.block == "ALL" else t
        for t in data.totals
    )
    return report(digitization=dataclasses.replace(data, totals=totals))


def whole() -> Report:
    data = digitization_data()
    totals = tuple(dataclasses.replace(t, missing_blocks=()) for t in data.totals)
    return report(digitization=dataclasses.replace(data, totals=totals))


def with_verdict(verdict: str) -> Report:
    one = compared("commune", "UBND xã Hy Cương", "received", 2309, 1100, verdict)
    return report(digitization=digitization_data(compared=(one,)))


def cases(rule: Rule) -> tuple[list[Report], list[Report]]:
    """Reports that must fire the rule and that must not: just below its bound, and at it; and without the figure."""
    when = rule.when
    match when:
        case ComponentBelow(ratio_below=Decimal() as bound):
            none = with_component(when.code, ratio_pct=None, numerator=None, denominator=None, score=None)
            idle = with_component(
                when.code, ratio_pct=Decimal(0), numerator=Decimal(0), denominator=Decimal(0)
            )
            return (
                [with_component(when.code, ratio_pct=bound - CENT)],
                [with_component(when.code, ratio_pct=bound), none, idle],
            )
        case GroupBelow(share_below=Decimal() as bound):
            gone = report(groups=tuple(dataclasses.replace(g, score=None) for g in report().groups))
            return [with_group(when.code, bound - 1)], [with_group(when.code, bound), gone]
        case UnitsBelow(share_at_least=Decimal() as bound):
            share = int(bound)
            return (
                [with_totals(share, 100 - share, when.total_below)],
                [with_totals(share - 1, 101 - share, when.total_below), with_totals(0, 3, when.total_below)],
            )
        case DigitizationBelow(missing=True):
            return [report(digitization=None), report()], [whole()]
        case DigitizationBelow(results_rate_below=Decimal() as bound):
            return [with_rate(bound - CENT)], [with_rate(bound), with_rate(None), report(digitization=None)]
        case Disagreement():
            return [with_verdict("disagrees")], [
                with_verdict("explained_by_windows"),
                report(digitization=None),
            ]
        case Gaps():
            return [report(gaps=("a.",) * when.at_least)], [report(gaps=("a.",) * (when.at_least - 1))]
    raise AssertionError(f"no case for {rule.id}: write one")


@pytest.mark.parametrize("rule", SHIPPED.rules, ids=lambda rule: rule.id)
def test_each_shipped_rule_fires_and_does_not(rule: Rule) -> None:
    firing, silent = cases(rule)
    only = SHIPPED.model_copy(update={"rules": (rule,)})
    otherwise = recommendations(report(), SHIPPED.model_copy(update={"rules": ()}))
    start = rule.text.split("{")[0].strip()
    for of in firing:
        (told,) = recommendations(of, only)
        assert told.startswith(start)
        assert [told] != otherwise
        assert not re.search(r"[{}]|None", told)
    for of in silent:
        (told,) = recommendations(of, only)
        assert "tiếp tục duy trì" in told


def test_the_shipped_file_has_every_kind() -> None:
    kinds = {type(rule.when) for rule in SHIPPED.rules}
    assert kinds == {ComponentBelow, GroupBelow, UnitsBelow, DigitizationBelow, Disagreement, Gaps}


def test_at_most_so_many_are_told_in_the_files_order() -> None:
    told = recommendations(report(), SHIPPED)
    assert len(told) == SHIPPED.at_most
    assert told[0].startswith(
        "Đề nghị các sở, ban, ngành, UBND cấp xã, trước hết là Sở Nông nghiệp và Môi trường"
    )
    assert "70,58%" in told[0]
    assert "5,88 điểm" in told[0]


def test_recommendations_read_well_without_units_and_figures() -> None:
    for told in recommendations(bare_report(), SHIPPED):
        assert not re.search(r"[{}]|None|\(\s*\)|  |, ,", told)


def test_a_value_is_never_read_as_a_name() -> None:
    told = " ".join(recommendations(hostile_report(), SHIPPED.model_copy(update={"at_most": 20})))
    assert "{{ 7*7 }}" in told or "calc'!A0" in told


GOOD = {"at_most": 3, "otherwise": "Tốt.", "rules": [
    {"id": "mot", "when": {"kind": "component", "code": "2.1", "lost_at_least": 5}, "text": "Mất {mat_diem}."},
    {"id": "hai", "when": {"kind": "group", "code": "TDGQ", "change_below": -2}, "text": "Giảm {thay_doi}."},
    {"id": "ba", "when": {"kind": "units", "block": "commune", "total_below": 50, "at_least": 2}, "text": "{so_don_vi}."},
    {"id": "bon", "when": {"kind": "digitization", "not_digitized_at_least": 20000}, "text": "{chua_so_hoa}."},
]}  # fmt: skip


def written(folder: Path, document: object) -> Path:
    path = folder / "kien-nghi.yml"
    text = document if isinstance(document, str) else yaml.safe_dump(document, allow_unicode=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_an_edited_file_is_used(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert recommendations(report(), load_rules(path)) == ["Mất 5,88.", "Giảm −2,10.", "2."]
    path = written(tmp_path, GOOD | {"at_most": 9})
    assert recommendations(report(), load_rules(path))[-1] == "20.115."
    assert "Giảm −2,10." in words(render_letter(report(), rules=path))


def changed(change: Callable[[dict], None]) -> dict:
    document = yaml.safe_load(yaml.safe_dump(GOOD))
    change(document)
    return document


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["rules"][0].update(text="Mất {mat_diemm}."), "mat_diemm"),
        (lambda d: d["rules"][0]["when"].update(kind="chi_so"), "mot"),
        (lambda d: d["rules"][0]["when"].update(ratio_below=90), "exactly one of ratio_below, lost_at_least"),
        (lambda d: d["rules"][0]["when"].pop("lost_at_least"), "exactly one of"),
        (lambda d: d["rules"][1]["when"].update(code="XXXX"), "no group 'XXXX'"),
        (lambda d: d["rules"][2].update(id="mot"), "two rules have the id mot"),
        (lambda d: d["rules"][3]["when"].update(not_digitized_at_least="nhiều"), "bon"),
        (lambda d: d["rules"][3].update(them="x"), "them"),
        (lambda d: d.update(otherwise="{don_vi}"), "don_vi"),
        (lambda d: d.pop("rules"), "rules"),
    ],
)
def test_a_wrong_rule_is_named(tmp_path: Path, change: Callable[[dict], None], told: str) -> None:
    with pytest.raises(Terminal) as found:
        load_rules(written(tmp_path, changed(change)))
    assert told in found.value.message
    assert "kien-nghi.yml" in found.value.remedy


@pytest.mark.parametrize(
    "text", ["rules: [", "!!python/object/apply:os.system ['true']", "- 1", "", "\ttab: 1", "x" * 200_001]
)
def test_a_file_that_is_no_file_of_rules_is_told(tmp_path: Path, text: str) -> None:
    with pytest.raises(Terminal, match=r"kien-nghi\.yml"):
        load_rules(written(tmp_path, text))
    with pytest.raises(Terminal, match="cannot be read"):
        load_rules(tmp_path / "nowhere.yml")


def test_the_readme_lists_every_name_of_a_rule() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for kind in (ComponentBelow, GroupBelow, UnitsBelow, DigitizationBelow, Disagreement, Gaps):
        row = next(
            line
            for line in readme.splitlines()
            if line.startswith(f"| `{kind.model_fields['kind'].annotation.__args__[0]}`")
        )
        assert set(re.findall(r"`\{(\w+)\}`", row)) == kind.NAMES
        for bound in kind.BOUNDS:
            assert f"`{bound}" in row
    assert all(f"`{{{name}}}`" in readme for name in COMMON)
