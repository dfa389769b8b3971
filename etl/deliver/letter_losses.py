"""Where the province loses points, which units hold it down, and what the catalogue's rule says would win them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from etl.deliver.appendix_data import IndicatorRow
from etl.deliver.letter_docx import plain_text
from etl.deliver.letter_words import cents, of_most, percent, points, short
from etl.deliver.report import GroupResult, Report, UnitComponent
from etl.deliver.sheet_text import number_vi
from etl.errors import UnknownName
from etl.reference.indicators import Indicator, load_catalogue, rule_score

# Lost points told, the largest first; a page holds about this many with their units.
_LOSSES_TOLD = 5
_UNITS_NAMED = 2
# The portal scores lateness twice: on-time dossiers, and satisfaction with how dossiers were handled.
ON_TIME, HANDLED_WELL = "2.1", "5.4"
# A rule that misses the published score by more is not the rule in force (domain brief, §8).
_RULE_TOLERANCE = Decimal("0.015")
# How the catalogue's formula begins tells what is counted.
_COUNTED = (("hồ sơ", "hồ sơ"), ("TTHC", "TTHC"), ("PAKN", "phản ánh, kiến nghị"), ("số xã", "xã"))


@dataclass(frozen=True)
class Loss:
    """Points not reached: of a component, or of a group whose components the portal does not score."""

    row: IndicatorRow | None
    group: GroupResult | None
    lost: Decimal


def losses(report: Report) -> list[Loss]:
    """Every loss of a cent or more, the largest first; components without a maximum or a score tell nothing."""
    components = [row for row in report.indicators.indicators if row.level == "component"]
    scored = [row for row in components if row.score is not None and row.max_score]
    found = [Loss(row, None, lost_points(row.score, row.max_score)) for row in scored]
    with_components = {row.group_code for row in scored}
    found += [
        Loss(None, group, lost_points(group.score, group.max_score))
        for group in report.groups
        if group.code not in with_components and group.score is not None and group.max_score is not None
    ]
    # Stable: of equal losses the catalogue's order stands.
    return sorted((one for one in found if one.lost > 0), key=lambda one: -one.lost)


def lost_points(score: Decimal | None, most: Decimal | None) -> Decimal:
    """Maximum less score, two decimals; 0 where either is unknown."""
    return Decimal(0) if score is None or most is None else cents(most - score)


def told_losses(report: Report) -> list[dict[str, str]]:
    """The largest losses as a heading and its sentences."""
    rules = catalogue_of(report)
    return [_told(report, loss, rules) for loss in losses(report)[:_LOSSES_TOLD]]


def catalogue_of(report: Report) -> Mapping[str, Indicator]:
    """The components of the edition in force in the portal's period, by code; empty where no edition covers it."""
    try:
        edition = load_catalogue(report.portal_period.first_day)
    except UnknownName:
        return {}
    return {one.code: one for group in edition.groups for one in group.indicators}


def _told(report: Report, loss: Loss, rules: Mapping[str, Indicator]) -> dict[str, str]:
    if loss.row is None or (row := loss.row) is None:
        return _told_group(report, loss)
    sentences = [_reached(row.score, row.max_score, row.ratio_pct, loss.lost)]
    indicator = rules.get(row.indicator_code)
    noun = counted_noun(indicator)
    if nobody_counts(report, row.indicator_code):
        sentences.append(f"Chưa đơn vị nào có {noun} được tính")
    elif held := holding_down(report, row.indicator_code, indicator):
        sentences.append(f"Kéo giảm nhiều nhất: {'; '.join(_holder(unit, n, noun) for unit, n in held)}")
    elif row.inherited:
        sentences.append("Giá trị chung của tỉnh, không tách theo đơn vị")
    if indicator is not None and (advice := _advice(row, indicator, noun)):
        sentences.append(advice)
    return {
        "ten": f"Chỉ số {plain_text(row.indicator_code)}, {plain_text(row.name)}",
        "noi_dung": ". ".join(sentences) + ".",
    }


def _reached(score: Decimal | None, most: Decimal | None, ratio: Decimal | None, lost: Decimal) -> str:
    share = "" if ratio is None else f" (tỷ lệ {percent(ratio)})"
    return f"đạt {of_most(score, most)}{share}, mất {points(lost)} điểm"


def _told_group(report: Report, loss: Loss) -> dict[str, str]:
    group = loss.group
    if group is None:
        return {"ten": "", "noi_dung": ""}
    sentences = [f"{_reached(group.score, group.max_score, None, loss.lost)}"]
    parts = [
        f"chỉ số {plain_text(row.indicator_code)} đạt {percent(row.ratio_pct)}"
        for row in report.indicators.indicators
        if row.level == "component" and row.group_code == group.code and row.ratio_pct is not None
    ]
    if parts:
        sentences.append(f"Cổng không công bố điểm của từng chỉ số thành phần; tỷ lệ: {', '.join(parts)}")
    return {"ten": f"Nhóm {plain_text(group.name)}", "noi_dung": ". ".join(sentences) + "."}


def counted_noun(indicator: Indicator | None) -> str:
    """What numerator and denominator count: "hồ sơ", "TTHC", "phản ánh, kiến nghị"; "trường hợp" where unknown."""
    for text in (indicator.denominator_vi, indicator.numerator_vi) if indicator else ():
        start = (text or "").removeprefix("tổng ").removeprefix("số ")
        for begins, noun in _COUNTED:
            if start.startswith(begins):
                return noun
    return "trường hợp"


def holding_down(
    report: Report, code: str, indicator: Indicator | None
) -> list[tuple[UnitComponent, Decimal | None]]:
    """The units that hold a component down most, each with how many cases it lacks to full points (None: unknown,
    then by lost points). Units without dossiers have no cases and are never among them."""
    idle = {(unit.block, unit.unit_name) for unit in report.indicators.units if unit.no_dossiers}
    units = [
        one
        for one in report.components
        if one.indicator_code == code and (one.block, one.unit_name) not in idle
    ]
    lacking = [(one, short_of(one.numerator, one.denominator, indicator)) for one in units]
    by_cases: list[tuple[UnitComponent, Decimal | None]] = [
        (one, n) for one, n in lacking if n is not None and n > 0
    ]
    if by_cases:
        return sorted(by_cases, key=lambda pair: -(pair[1] or Decimal(0)))[:_UNITS_NAMED]
    by_points: list[tuple[UnitComponent, Decimal | None]] = [
        (one, None) for one, n in lacking if n is None and lost_points(one.score, one.max_score) > 0
    ]
    return sorted(by_points, key=lambda pair: -lost_points(pair[0].score, pair[0].max_score))[:_UNITS_NAMED]


def nobody_counts(report: Report, code: str) -> bool:
    """Whether no unit has a single case that counts: then nobody holds the others down."""
    units = [one for one in report.components if one.indicator_code == code and one.denominator]
    return len(units) > 1 and all(one.numerator == 0 for one in units)


def short_of(part: Decimal | None, whole: Decimal | None, indicator: Indicator | None) -> Decimal | None:
    """Cases that lack to full points: to all of them, or to the rule's threshold. None without both numbers."""
    if part is None or not whole:
        return None
    wanted = whole * _full_at(indicator) / 100
    return max(Decimal(0), (wanted - part).to_integral_value(ROUND_CEILING))


def _full_at(indicator: Indicator | None) -> Decimal:
    """The ratio in percent that gives full points."""
    if indicator is not None and indicator.rule == "threshold" and indicator.threshold is not None:
        return indicator.threshold
    return Decimal(100)


def _holder(unit: UnitComponent, cases: Decimal | None, noun: str) -> str:
    name = plain_text(unit.unit_name)
    if cases is None:
        return f"{name} (đạt {of_most(unit.score, unit.max_score)})"
    ratio = "" if unit.ratio_pct is None else f", đạt {percent(unit.ratio_pct)}"
    return f"{name} (còn {number_vi(cases)} {noun}{ratio})"


def rule_holds(row: IndicatorRow, indicator: Indicator | None) -> bool:
    """Whether the catalogue's rule gives the score the portal published: only then may it advise."""
    if (
        indicator is None
        or row.ratio_pct is None
        or row.score is None
        or row.max_score != indicator.max_score
    ):
        return False
    score = rule_score(indicator, row.ratio_pct)
    return score is not None and abs(score - row.score) <= _RULE_TOLERANCE


def _advice(row: IndicatorRow, indicator: Indicator, noun: str) -> str | None:
    """What would win the points back; None where the rule is unknown or is not the one in force."""
    if not rule_holds(row, indicator) or row.ratio_pct is None or row.max_score is None:
        return None
    full_at = _full_at(indicator)
    if row.ratio_pct >= full_at:
        return None
    if indicator.rule == "threshold":
        lacks = short_of(row.numerator, row.denominator, indicator)
        about = f", khoảng {number_vi(lacks)} {noun}" if lacks else ""
        return (
            f"Đạt từ {percent(full_at)} là được trọn {short(row.max_score)} điểm, còn thiếu "
            f"{short(full_at - row.ratio_pct)} điểm phần trăm{about}"
        )
    return f"Thêm 1 điểm phần trăm{_one_percent(row, noun)}: cộng {short(row.max_score / 100)} điểm"


def _one_percent(row: IndicatorRow, noun: str) -> str:
    """ " (khoảng 743 hồ sơ)"; nothing where a percent is less than one case."""
    if row.denominator is None or row.denominator < 100:
        return ""
    return f" (khoảng {number_vi((row.denominator / 100).to_integral_value(ROUND_CEILING))} {noun})"


def lateness(report: Report) -> str | None:
    """Late dossiers cost twice, in 2.1 and in 5.4: both losses, and what one percent of them wins back in both."""
    rows = {
        row.indicator_code: row
        for row in report.indicators.indicators
        if row.level == "component" and row.indicator_code in (ON_TIME, HANDLED_WELL)
    }
    if len(rows) < 2 or any(row.score is None or row.max_score is None for row in rows.values()):
        return None
    first, second = rows[ON_TIME], rows[HANDLED_WELL]
    lost = [lost_points(row.score, row.max_score) for row in (first, second)]
    if lost[0] <= 0:
        return None
    told = (
        f"Hồ sơ quá hạn bị trừ điểm hai lần: ở chỉ số {ON_TIME} (mất {points(lost[0])} điểm) và chỉ số "
        f"{HANDLED_WELL} (mất {points(lost[1])} điểm)."
    )
    rules = catalogue_of(report)
    won = _won_by_one_percent([first, second], rules)
    if won is None:
        return told
    both = "ở cả hai chỉ số" if lost[1] > 0 else f"ở chỉ số {ON_TIME}"
    return (
        f"{told} Thêm 1 điểm phần trăm hồ sơ đúng hạn{_one_percent(first, counted_noun(rules.get(ON_TIME)))}: cộng "
        f"khoảng {number_vi(won, 2)} điểm {both}."
    )


def _won_by_one_percent(rows: Sequence[IndicatorRow], rules: Mapping[str, Indicator]) -> Decimal | None:
    """Points that one more percent is worth in all rows together; None unless every rule is the one in force."""
    won = Decimal(0)
    for row in rows:
        indicator = rules.get(row.indicator_code)
        if (
            indicator is None
            or row.max_score is None
            or row.ratio_pct is None
            or not rule_holds(row, indicator)
        ):
            return None
        full_at = _full_at(indicator)
        if row.ratio_pct < full_at:
            won += row.max_score / full_at
    return won
