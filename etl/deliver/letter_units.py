"""What the letter says of the province's result, its six groups and its units."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from etl.deliver.appendix_data import UnitRow
from etl.deliver.appendix_words import (
    BLOCK_ORDER,
    band_of,
    no_comparison,
    rank_change_vi,
)
from etl.deliver.letter_docx import plain_text
from etl.deliver.letter_words import (
    UNKNOWN,
    block_title,
    capital,
    cell,
    cents,
    change_vi,
    joined,
    of_most,
    percent,
    points,
    ranked_units,
    share_of,
    short,
    tied,
)
from etl.deliver.report import GroupResult, Report
from etl.deliver.sheet_conventions import Band
from etl.deliver.sheet_text import number_vi, time_vi

# Named on each side of a block; more only where they are tied with the last one named.
_NAMED = 3
_TIED_NAMES = 4
# The lists users of the portal ask for: from 80 points upwards, and below 50.
_GOOD, _POOR = Decimal(80), Decimal(50)


def overall(report: Report, bands: Sequence[Band]) -> list[str]:
    """The province's total, rank and change; and the conventional rating, said to be one."""
    line = report.indicators.province
    total = line.total if line else None
    where = f"{plain_text(report.names.province)} trong {report.portal_period.label_vi}"
    if total is None:
        first = f"Tổng điểm của {where}: {UNKNOWN} (chưa đủ sáu nhóm chỉ số)"
    else:
        first = f"Tổng điểm của {where} đạt {of_most(total, most_points(report))}"
    sentences = [f"{first}; {_rank(report)}. {_comparison(report)}."]
    if line is not None and (band := band_of(line, bands)):
        sentences.append(f"Xếp loại theo quy ước, để tham khảo (không phải quy định của pháp luật): {band}.")
    national = report.indicators.national
    if (
        total is not None
        and national
        and national.total is not None
        and cents(national.total) != cents(total)
    ):
        sentences.append(
            f"Bảng xếp hạng toàn quốc, đọc lúc {time_vi(national.captured_at)}, ghi tổng điểm của tỉnh là "
            f"{points(national.total)}."
        )
    return [" ".join(sentences)]


def most_points(report: Report) -> Decimal | None:
    """The most points a total can reach; None where the portal and the groups do not say."""
    told = next((row.max_score for row in report.indicators.indicators if row.level == "total"), None)
    if told is not None:
        return told
    most = [group.max_score for group in report.groups]
    return sum((one for one in most if one is not None), Decimal(0)) if most and None not in most else None


def _rank(report: Report) -> str:
    national = report.indicators.national
    if national is None:
        return "chưa có số liệu xếp hạng toàn quốc của kỳ này"
    ranked = f"{number_vi(national.ranked_provinces)} tỉnh, thành phố có xếp hạng"
    if national.rank is None:
        return f"chưa được xếp hạng ({ranked})"
    beside = sum(one.rank == national.rank and not one.own for one in report.ranking)
    with_others = f", đồng hạng với {number_vi(beside)} tỉnh, thành phố khác" if beside else ""
    return f"xếp thứ {national.rank}/{ranked}{with_others}"


def _comparison(report: Report) -> str:
    compared = report.compared_period
    if compared is None:
        return no_comparison(report.portal_period)
    line, national = report.indicators.province, report.indicators.national
    found = []
    if line is not None and line.total_change is not None and line.compared_period_id == compared.id:
        found.append(change_vi(line.total_change))
    if (
        national is not None
        and national.rank_change is not None
        and national.compared_period_id == compared.id
    ):
        found.append(rank_change_vi(national.rank_change))
    if not found:
        return f"Chưa có số liệu để so sánh tổng điểm với {compared.label_vi}"
    running = ""
    if report.indicators.snapshot.provisional and not report.indicators.compared_provisional:
        running = " (kỳ này chưa kết thúc, chỉ so sánh để theo dõi)"
    return f"So với {compared.label_vi}: {', '.join(found)}{running}"


def group_rows(report: Report) -> list[dict[str, str]]:
    """The table of six groups: cells as text."""
    return [
        {
            "stt": str(number),
            "ten": plain_text(group.name),
            "toi_da": "—" if group.max_score is None else short(group.max_score),
            "dat": cell(group.score, 2),
            "ty_le": cell(share_of(group.score, group.max_score), 2),
            "tang_giam": cell(group.change, 2, signed=True),
        }
        for number, group in enumerate(report.groups, 1)
    ]


def group_total(report: Report) -> dict[str, str]:
    """The total row of the table of groups: the province's own total as the portal or the warehouse gives it."""
    line = report.indicators.province
    total, most = (line.total if line else None), most_points(report)
    compared = report.compared_period
    change = line.total_change if line and compared and line.compared_period_id == compared.id else None
    return {
        "toi_da": "—" if most is None else short(most),
        "dat": cell(total, 2),
        "ty_le": cell(share_of(total, most), 2),
        "tang_giam": cell(change, 2, signed=True),
    }


def groups_remark(report: Report) -> str:
    """Which group reached least, which lost and won most since the period compared with, which have no figure."""
    shares = [(share, group) for group in report.groups if (share := _share(group)) is not None]
    sentences = []
    if shares:
        low, high = min(one for one, _ in shares), max(one for one, _ in shares)
        if low == high:
            sentences.append(f"Các nhóm có số liệu cùng đạt {percent(low)} điểm tối đa")
        else:
            sentences.append(
                f"Tỷ lệ đạt cao nhất: {_named(shares, high)} ({percent(high)}); "
                f"thấp nhất: {_named(shares, low)} ({percent(low)})"
            )
    if report.compared_period is not None:
        sentences += _group_changes(report)
    if missing := [plain_text(group.name) for group in report.groups if group.score is None]:
        sentences.append(f"Nhóm {', '.join(missing)}: {UNKNOWN}")
    return "".join(f"{sentence}. " for sentence in sentences).strip()


def _share(group: GroupResult) -> Decimal | None:
    return share_of(group.score, group.max_score)


def _named(shares: Sequence[tuple[Decimal, GroupResult]], wanted: Decimal) -> str:
    return ", ".join(f"nhóm {plain_text(group.name)}" for share, group in shares if share == wanted)


def _group_changes(report: Report) -> list[str]:
    moved = [
        (cents(group.change), plain_text(group.name)) for group in report.groups if group.change is not None
    ]
    told = []
    for word, pick, sign in (("tăng", max, 1), ("giảm", min, -1)):
        edge = pick((change for change, _ in moved), default=Decimal(0))
        if edge * sign > 0:
            names = ", ".join(f"nhóm {name}" for change, name in moved if change == edge)
            told.append(f"{word} nhiều nhất: {names} ({number_vi(edge, 2, signed=True)} điểm)")
    compared = report.compared_period.label_vi if report.compared_period else ""
    return [f"So với {compared}, {'; '.join(told)}"] if told else []


def unit_blocks(report: Report) -> list[dict[str, str]]:
    """One paragraph a block: its title and what is told of its strongest and weakest units."""
    found = {unit.block for unit in report.indicators.units}
    blocks = [block for block in BLOCK_ORDER if block in found] + sorted(found - set(BLOCK_ORDER))
    return [
        {
            "chu": "abcdefghijklmnopqrstuvwxyz"[number % 26],
            "ten": capital(block_title(block, report.names)),
            "noi_dung": _block(report, [unit for unit in report.indicators.units if unit.block == block]),
        }
        for number, block in enumerate(blocks)
    ]


def rated(units: Sequence[UnitRow]) -> list[UnitRow]:
    """Units whose total says something, best first: with a total, and with dossiers behind it (the portal's floor
    of 16 points for an empty unit is not "the worst")."""
    found = [unit for unit in units if unit.total is not None and not unit.no_dossiers]
    return sorted(found, key=lambda unit: -cents(unit.total or Decimal(0)))


def _block(report: Report, units: Sequence[UnitRow]) -> str:
    counted = rated(units)
    sentences = [
        f"{number_vi(len(units))} đơn vị, trong đó {number_vi(len(counted))} đơn vị có phát sinh hồ sơ và có tổng điểm"
    ]
    sentences += _edges(counted)
    if len(counted) > 1:
        good = sum((unit.total or 0) >= _GOOD for unit in counted)
        poor = sum((unit.total or 0) < _POOR for unit in counted)
        sentences.append(
            f"Từ {short(_GOOD)} điểm trở lên: {number_vi(good)} đơn vị; dưới {short(_POOR)} điểm: "
            f"{number_vi(poor)} đơn vị"
        )
    sentences += _biggest_loss(report, counted)
    for words, left_out in (
        ("Không phát sinh hồ sơ, không đánh giá", [unit for unit in units if unit.no_dossiers]),
        ("Chưa có tổng điểm", [unit for unit in units if unit.total is None and not unit.no_dossiers]),
    ):
        if left_out:
            names = joined([plain_text(unit.unit_name) for unit in left_out], most=_NAMED)
            sentences.append(f"{words}: {names}")
    return "".join(f"{sentence}. " for sentence in sentences).strip()


def _edges(counted: Sequence[UnitRow]) -> list[str]:
    """The strongest and the weakest; those tied with the last one named come with it, and no unit is on both sides."""
    groups = tied(counted)
    if not groups:
        return ["Chưa có đơn vị nào có số liệu để đánh giá"]
    if len(groups) == 1:
        if len(counted) == 1:
            return [f"Kết quả: {ranked_units(counted, most_names=_TIED_NAMES)}"]
        return [f"Tất cả cùng đạt {points(counted[0].total)} điểm"]
    each = min(_NAMED, max(1, len(counted) // 2))
    best: list[UnitRow] = []
    while groups and len(best) < each:
        best += groups.pop(0)
    worst: list[UnitRow] = []
    while groups and len(worst) < each:
        worst += groups.pop()
    told = [f"Cao nhất: {ranked_units(best, most_names=_TIED_NAMES)}"]
    if worst:
        told.append(f"Thấp nhất: {ranked_units(worst, most_names=_TIED_NAMES)}")
    return told


def _biggest_loss(report: Report, counted: Sequence[UnitRow]) -> list[str]:
    compared = report.compared_period
    if compared is None:
        return []
    changes = [
        (cents(unit.total_change), plain_text(unit.unit_name))
        for unit in counted
        if unit.total_change is not None and unit.compared_period_id == compared.id
    ]
    least = min((change for change, _ in changes), default=Decimal(0))
    if least >= 0:
        return []
    names = joined([name for change, name in changes if change == least], most=_NAMED)
    return [f"Giảm nhiều nhất so với {compared.label_vi}: {names} ({number_vi(least, 2, signed=True)} điểm)"]
