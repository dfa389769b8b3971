"""The page's tables of the index: groups, trend, provinces, units of each block, the province's components.

Each function turns a part of the ``Report`` into a ``Table``; every figure keeps its exact value. What is computed
here (a share of the maximum, a block's mean) is labelled so.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from decimal import Decimal

from etl.deliver.appendix_blocks import MEAN, block_means, by_rank
from etl.deliver.appendix_data import DECISION_GROUPS, GROUP_CODES, Group, IndicatorRow, UnitRow
from etl.deliver.appendix_words import (
    BLOCK_ORDER,
    COMPUTED_SUM,
    SHEET_NAMES,
    TEMPORARY_DENOMINATOR,
    band_of,
    change_label,
    indicator_note,
    temporary_codes,
    temporary_footnote,
    unit_note,
)
from etl.deliver.page_cells import (
    Cell,
    Column,
    Row,
    Table,
    number,
    quantity,
    share,
    unit_key,
    words,
)
from etl.deliver.report import RankedProvince, Report, TrendPoint
from etl.deliver.sheet_conventions import Band
from etl.deliver.sheet_text import number_vi, points_vi

_HUNDRED = Decimal(100)
OWN_PROVINCE = "tỉnh, thành phố lập báo cáo"


def block_name(block: str) -> str:
    """The name of a block of units; an unknown one is quoted."""
    return SHEET_NAMES.get(block, block)


def blocks_of(units: Sequence[UnitRow]) -> list[str]:
    """The blocks that have units, in the order of the documents."""
    return sorted(
        {unit.block for unit in units},
        key=lambda block: (BLOCK_ORDER.index(block) if block in BLOCK_ORDER else len(BLOCK_ORDER), block),
    )


def letters(name: str) -> str:
    """What sorts names the Vietnamese way without a collation library: base letters first, đ after d."""
    base = unicodedata.normalize("NFD", name.casefold().replace("đ", "d\uffff"))
    return "".join(character for character in base if not unicodedata.combining(character))


def groups_table(report: Report) -> Table:
    """The six groups of the province: maximum, score, share of the maximum, change."""
    compared = report.compared_period.label_vi if report.compared_period else "kỳ trước"
    own = report.indicators.province
    total = own.total if own else None
    whole = next((row.max_score for row in report.indicators.indicators if row.level == "total"), None)
    return Table(
        name="bang-nhom",
        caption=f"Điểm sáu nhóm chỉ số của {report.names.province}, {report.portal_period.label_vi}",
        columns=(
            Column("Nhóm chỉ số"),
            Column("Mã"),
            Column("Điểm tối đa", numeric=True),
            Column("Điểm đạt", numeric=True),
            Column("Tỷ lệ so với tối đa (%)", numeric=True),
            Column(f"Tăng, giảm so với {compared}", "điểm", numeric=True),
        ),
        rows=tuple(
            Row(
                (
                    words(group.name),
                    words(group.code),
                    quantity(group.max_score),
                    number(group.score),
                    number(share(group.score, group.max_score)),
                    number(group.change, signed=True),
                )
            )
            for group in report.groups
        ),
        foot=(
            Row(
                (
                    words("Tổng điểm"),
                    words(None),
                    quantity(whole or _HUNDRED),
                    number(total),
                    number(share(total, whole or _HUNDRED)),
                    number(own.total_change if own else None, signed=True),
                ),
                kind="strong",
            ),
        ),
        sortable=False,
    )


def trend_table(report: Report, points: Sequence[TrendPoint]) -> Table:
    """The same numbers as the trend's charts, a line a period; ``points`` with the periods nobody read."""
    names = group_names(report.indicators.groups)
    return Table(
        name="bang-dien-bien",
        caption=f"Diễn biến điểm của {report.names.province} qua các kỳ (cùng một cách tính)",
        columns=(
            Column("Kỳ"),
            Column("Tổng điểm", "tối đa 100", numeric=True),
            *(Column(names[code].name, code, numeric=True) for code in GROUP_CODES),
            Column("Ghi chú"),
        ),
        rows=tuple(
            Row(
                (
                    words(_capital(point.period.label_vi)),
                    number(point.total),
                    *(number(score) for score in point.groups),
                    words(_trend_note(point)),
                )
            )
            for point in points
        ),
        sortable=False,
    )


def _trend_note(point: TrendPoint) -> str | None:
    if point.total is None and all(score is None for score in point.groups):
        return "Không có số liệu"
    return "Số liệu tạm: kỳ chưa kết thúc" if point.provisional else None


def every_period(trend: Sequence[TrendPoint]) -> tuple[TrendPoint, ...]:
    """The trend with the periods in between that nobody read, without figures: a gap stays a gap."""
    if not trend:
        return ()
    known = {point.period: point for point in trend}
    first, period = trend[0].period, trend[-1].period
    points = []
    while not period < first:
        points.append(known.get(period) or TrendPoint(period, None, (None,) * len(GROUP_CODES), False))
        period = period.previous()
    return tuple(reversed(points))


def provinces_table(report: Report) -> Table:
    """The national page: rank, province, total; the own province is said in words too."""
    return Table(
        name="bang-tinh",
        caption=f"Xếp hạng các tỉnh, thành phố, {report.portal_period.label_vi}",
        columns=(
            Column("Hạng", numeric=True),
            Column("Tỉnh, thành phố"),
            Column("Tổng điểm", "tối đa 100", numeric=True),
            Column("Ghi chú"),
        ),
        rows=tuple(
            Row(
                (
                    quantity(province.rank),
                    words(province.province_name),
                    number(province.total),
                    words(_capital(OWN_PROVINCE) if province.own else None),
                ),
                kind="own" if province.own else "plain",
            )
            for province in ranked_provinces(report.ranking)
        ),
        head=1,
    )


def ranked_provinces(ranking: Sequence[RankedProvince]) -> list[RankedProvince]:
    """Provinces by rank; those without one last."""
    return sorted(ranking, key=lambda one: (one.rank is None, one.rank or 0, letters(one.province_name)))


def block_table(report: Report, block: str, place: int, bands: Sequence[Band]) -> Table:
    """The units of one block as ranked: six groups, total, change, band by convention, notes."""
    units = by_rank([unit for unit in report.indicators.units if unit.block == block])
    names = group_names(report.indicators.groups)
    compared = change_label(units)
    starred = _starred_groups(report.indicators.indicators, units)
    means = block_means(units)
    return Table(
        name=f"bang-khoi-{place}",
        caption=f"Kết quả {report.names.block_titles.get(block, block)} {report.names.province}, "
        f"{report.portal_period.label_vi}",
        label=block_name(block),
        columns=(
            Column("Hạng", "trong khối", numeric=True),
            Column("Đơn vị"),
            *(Column(names[code].name, _below(names[code]), numeric=True) for code in GROUP_CODES),
            Column("Tổng điểm", "tối đa 100", numeric=True),
            Column("Tăng, giảm điểm", f"so với {compared}", numeric=True),
            Column("Tăng, giảm hạng", f"so với {compared}", numeric=True),
            Column("Xếp loại", "theo quy ước"),
            Column("Ghi chú"),
        ),
        rows=tuple(_unit_row(unit, starred, bands) for unit in units),
        foot=(
            Row(
                (
                    words(None),
                    words(MEAN),
                    *(number(mean) for mean in means.group_scores),
                    number(means.total),
                    *[words(None)] * 4,
                ),
                kind="strong",
            ),
        ),
        head=1,
        notes=tuple(_block_notes(report, units, means.units, bands)),
    )


def _unit_row(unit: UnitRow, starred: dict[str, str | None], bands: Sequence[Band]) -> Row:
    band = band_of(unit, bands)
    stars = {starred[code] for code, flag in unit.flags if flag == TEMPORARY_DENOMINATOR}
    minimum = next((one.minimum for one in bands if one.name == band), None)
    return Row(
        (
            quantity(unit.rank_in_block),
            words(unit.unit_name),
            *(
                number(score, marked=code in stars and score is not None)
                for code, score in zip(GROUP_CODES, unit.group_scores, strict=True)
            ),
            number(unit.total),
            number(unit.total_change, signed=True),
            number(unit.rank_change, 0, signed=True),
            words(band, sort=minimum),
            words(unit_note(unit, GROUP_CODES)),
        ),
        unit=unit_key(unit.block, unit.unit_name),
    )


def _starred_groups(rows: Sequence[IndicatorRow], units: Sequence[UnitRow]) -> dict[str, str | None]:
    """Indicator code on the portal's stand-in denominator → the group whose score rests on it."""
    group_of = {row.indicator_code: row.group_code for row in rows}
    return {code: group_of.get(code) for code in temporary_codes(units)}


def _block_notes(report: Report, units: Sequence[UnitRow], averaged: int, bands: Sequence[Band]) -> list[str]:
    idle = sum(unit.no_dossiers for unit in units)
    named = ", ".join(
        f"{code} ({count}/{len(units)} đơn vị)" for code, count in temporary_codes(units).items()
    )
    inherited = ", ".join(row.indicator_code for row in report.indicators.indicators if row.inherited)
    summed = any(flag == COMPUTED_SUM for unit in units for _, flag in unit.flags)
    limits = "; ".join(f"{band.name} từ {points_vi(band.minimum)} điểm" for band in bands[:-1])
    notes = [
        temporary_footnote(named),
        "Xếp hạng trong khối theo tổng điểm"
        + (" (tổng sáu nhóm, do phần mềm cộng)" if summed else "")
        + " làm tròn 2 chữ số thập phân; bằng điểm thì đồng hạng (1, 2, 2, 4). Dấu + ở cột tăng, giảm hạng là tăng bậc.",
        f"Chỉ số {inherited} là giá trị chung của tỉnh, lặp lại ở mọi đơn vị: không so sánh đơn vị theo các chỉ số này."
        if inherited
        else None,
        _mean_note(len(units) - idle, idle, averaged),
        f"Xếp loại là quy ước, không phải quy định: {limits}; còn lại {bands[-1].name}.",
    ]
    return [note for note in notes if note]


def _mean_note(active: int, idle: int, averaged: int) -> str:
    if not averaged:
        return "Trung bình khối không tính được: không có đơn vị nào đủ số liệu ở mọi cột."
    left_out = [
        f"{count} đơn vị {why}"
        for count, why in (
            (idle, "không phát sinh hồ sơ"),
            (active - averaged, "thiếu số liệu của một hay nhiều nhóm"),
        )
        if count
    ]
    return f"Trung bình khối: bình quân giản đơn của {averaged} đơn vị có đủ số liệu, như nhau ở mọi cột" + (
        f"; không gồm {' và '.join(left_out)}." if left_out else "."
    )


def components_table(report: Report) -> Table:
    """The province's components below their groups: numerator, denominator, ratio, score, maximum, notes."""
    data = report.indicators
    published = {row.indicator_code: row for row in data.indicators if row.level != "component"}
    rest = [row for row in data.indicators if row.level == "component"]
    rows: list[Row] = []
    for group in data.groups:
        own = published.get(group.code)
        rows.append(
            _component_row(
                own
                or IndicatorRow(
                    "group", group.code, group.code, group.name, None, None, None, None, group.max_score
                ),
                maximum=group.max_score,
                strong=True,
            )
        )
        rows += [_component_row(row) for row in rest if row.group_code == group.code]
    known = {group.code for group in data.groups}
    rows += [_component_row(row) for row in rest if row.group_code not in known]
    total = published.get("TOTAL")
    foot = () if total is None else (_component_row(total, maximum=total.max_score or _HUNDRED, strong=True),)
    flagged = ", ".join(
        row.indicator_code for row in data.indicators if row.quality_flag == TEMPORARY_DENOMINATOR
    )
    notes = (
        temporary_footnote(flagged),
        "Tỷ lệ của chỉ số thành phần = tử số/mẫu số; tỷ lệ ở dòng nhóm và dòng tổng (nếu có) = điểm đạt/điểm tối đa.",
        None if rest else "Nguồn của kỳ này chỉ công bố điểm các nhóm, không công bố chỉ số thành phần.",
    )
    return Table(
        name="bang-chi-so",
        caption=f"Chỉ số thành phần của {report.names.province}, {report.portal_period.label_vi}",
        columns=(
            Column("Mã"),
            Column("Nhóm chỉ số, chỉ số thành phần"),
            Column("Tử số", numeric=True),
            Column("Mẫu số", numeric=True),
            Column("Tỷ lệ (%)", numeric=True),
            Column("Điểm đạt", numeric=True),
            Column("Điểm tối đa", numeric=True),
            Column("Ghi chú"),
        ),
        rows=tuple(rows),
        foot=foot,
        head=1,
        sortable=False,
        notes=tuple(note for note in notes if note),
    )


def _component_row(row: IndicatorRow, *, maximum: Decimal | None = None, strong: bool = False) -> Row:
    marked = row.quality_flag == TEMPORARY_DENOMINATOR
    missing = row.score is None and row.level == "group"
    summed = "Cộng sáu nhóm (tính toán)" if row.quality_flag == COMPUTED_SUM else None
    # A group has no numerator: those cells are empty, not missing. A component's are missing.
    counts = (
        (words(None), words(None))
        if strong and row.numerator is None and row.denominator is None
        else (quantity(row.numerator), quantity(row.denominator))
    )
    ratio = words(None) if strong and row.ratio_pct is None else _marked(row.ratio_pct, marked)
    return Row(
        (
            words(row.indicator_code),
            words("Tổng điểm" if row.level == "total" else row.name),
            *counts,
            ratio,
            _marked(row.score, marked),
            quantity(maximum if strong else row.max_score),
            words("Không có số liệu" if missing else summed if strong else indicator_note(row)),
        ),
        kind="strong" if strong else "plain",
    )


def _marked(value: Decimal | None, marked: bool) -> Cell:
    return number(value, marked=marked and value is not None)


def group_names(groups: Sequence[Group]) -> dict[str, Group]:
    """Each of the six codes → its group; the decision's where the snapshot has none."""
    return {group.code: group for group in (*DECISION_GROUPS, *groups)}


def _below(group: Group) -> str:
    return group.code if group.max_score is None else f"{group.code}, tối đa {number_vi(group.max_score)}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
