"""The appendix's sheets of blocks: units by rank, the block's mean, ratings and the line they are held against."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from etl.deliver.appendix_data import GROUP_CODES, AppendixData, Group, UnitRow
from etl.deliver.appendix_words import (
    COMPUTED_SUM,
    TEMPORARY_DENOMINATOR,
    band_of,
    change_label,
    comparison_notes,
    provisional_note,
    table_notes,
    temporary_codes,
    temporary_footnote,
    unit_note,
)
from etl.deliver.sheet_conventions import WorkbookStyle
from etl.deliver.sheet_marks import mark_ratings
from etl.deliver.sheet_style import (
    SIGNED_TWO_DECIMALS,
    SIGNED_WHOLE,
    TWO_DECIMALS,
    TWO_DECIMALS_MARKED,
    TWO_DECIMALS_UNMARKED,
    WHOLE,
    Column,
    Number,
    TableSheet,
)
from etl.deliver.sheet_text import number_vi, points_vi

_CENT = Decimal("0.01")

_NOTE_SIZE = 10
# Places of columns the marks and charts refer to, numbers from 1: see block_columns.
NAME_COLUMN, TOTAL_COLUMN, _RATING_COLUMN = 2, 9, 13
MEAN = "Trung bình khối (tính toán)"


@dataclass(frozen=True)
class BlockMeans:
    """Simple means over the same ``units`` units in every column, points to two decimals, half up.

    ``group_scores`` follows ``GROUP_CODES``; None where no unit of the block has the figure, or ``units`` is 0.
    """

    units: int
    group_scores: tuple[Decimal | None, ...]
    total: Decimal | None


def block_means(units: Sequence[UnitRow]) -> BlockMeans:
    """The means of a block, over the units that had dossiers and have every figure the block knows.

    A unit that lacks one group would lift or lower the others' means against the total's: it is left out of all.
    A column that is blank for everyone (an export without the split of CLGQ and TTTT) leaves nobody out.
    """
    active = [(*unit.group_scores, unit.total) for unit in units if not unit.no_dossiers]
    known = [any(value is not None for value in column) for column in zip(*active, strict=True)]
    whole = [
        row
        for row in active
        if any(known)
        and all(value is not None or not wanted for value, wanted in zip(row, known, strict=True))
    ]
    means = [_mean(column) for column in zip(*whole, strict=True)] or [None] * (len(GROUP_CODES) + 1)
    return BlockMeans(len(whole), tuple(means[:-1]), means[-1])


def _mean(values: Sequence[Decimal | None]) -> Decimal | None:
    present = [value for value in values if value is not None]
    if not present:
        return None
    return (sum(present, Decimal(0)) / len(present)).quantize(_CENT, ROUND_HALF_UP)


def by_rank(units: Sequence[UnitRow]) -> list[UnitRow]:
    """Units by rank, namesakes in rank by Vietnamese name, those without a rank last."""
    return sorted(units, key=_by_rank)


def block_columns(data: AppendixData, units: Sequence[UnitRow]) -> list[Column]:
    """The columns of a block's table; headings carry maxima and the period compared with."""
    compared = change_label(units)
    return [
        Column("STT", 5, "center"),
        Column("Đơn vị", 40),
        *(
            # "Dịch vụ công trực tuyến" is the longest: a wider column keeps it to two lines.
            Column(_group_heading(group), 12.4 if group.code == "CLGQ" else 10.3, "right")
            for group in data.groups
        ),
        Column("Tổng điểm\n(tối đa 100)", 10.5, "right"),
        Column("Xếp hạng trong khối", 7.5, "center"),
        Column(f"Tăng, giảm điểm so với {compared}", 11, "right"),
        Column(f"Tăng, giảm hạng so với {compared}", 11, "center"),
        Column("Xếp loại\n(quy ước)", 11, "center"),
        Column("Ghi chú", 21),
    ]


def _group_heading(group: Group) -> str:
    maximum = f"\n(tối đa {number_vi(group.max_score)})" if group.max_score is not None else ""
    return f"{group.code}\n{group.name}{maximum}"


def write_block(
    table: TableSheet, data: AppendixData, units: Sequence[UnitRow], style: WorkbookStyle
) -> tuple[int, int]:
    """Write the sheet below its banner. Returns the rows of the first and the last unit, in ``by_rank`` order."""
    table.header()
    ordered = by_rank(units)
    first = table.row + 1
    temporary = temporary_codes(ordered)
    group_of = {row.indicator_code: row.group_code for row in data.indicators}
    # Where the catalogue does not know the indicator, its number tells its group: 1.4 → first.
    marked_groups = {code: group_of.get(code) or _group_by_number(code) for code in temporary}

    def score_format(code: str, marked: bool) -> str:
        if code not in marked_groups.values():
            return TWO_DECIMALS
        return TWO_DECIMALS_MARKED if marked else TWO_DECIMALS_UNMARKED

    for number, unit in enumerate(ordered, start=1):
        marked = {marked_groups[code] for code, flag in unit.flags if flag == TEMPORARY_DENOMINATOR}
        table.line(
            [
                Number(number, WHOLE),
                unit.unit_name,
                *(
                    Number(score, score_format(code, code in marked))
                    for code, score in zip(GROUP_CODES, unit.group_scores, strict=True)
                ),
                Number(unit.total),
                Number(unit.rank_in_block, WHOLE),
                Number(unit.total_change, SIGNED_TWO_DECIMALS),
                Number(unit.rank_change, SIGNED_WHOLE),
                band_of(unit, style.bands),
                unit_note(unit, GROUP_CODES),
            ]
        )
    rows = first, table.row
    means = block_means(ordered)
    table.line(
        [
            None,
            MEAN,
            *(
                Number(mean, score_format(code, False))
                for code, mean in zip(GROUP_CODES, means.group_scores, strict=True)
            ),
            Number(means.total),
            *[None] * 5,
        ],
        strong=True,
    )
    mark_ratings(table.sheet, rows, total=TOTAL_COLUMN, rating=_RATING_COLUMN, style=style)
    reached = [place for place, unit in enumerate(ordered) if _reaches(unit, style)]
    if reached and reached[-1] < len(ordered) - 1:
        table.rule_off(first + reached[-1], style.colours.below)
    table.paragraph(table_notes(data, _block_notes(data, ordered, means, style)), size=_NOTE_SIZE)
    table.finish(frozen_columns=2)
    return rows


def _block_notes(
    data: AppendixData, units: Sequence[UnitRow], means: BlockMeans, style: WorkbookStyle
) -> list[str | None]:
    bands = style.bands
    inherited = ", ".join(row.indicator_code for row in data.indicators if row.inherited)
    ratings = [band_of(unit, bands) for unit in units]
    compared = any(unit.compared_period_id for unit in units)
    summed = any(flag == COMPUTED_SUM for unit in units for _, flag in unit.flags)
    named = ", ".join(
        f"{code} ({count}/{len(units)} đơn vị)" for code, count in temporary_codes(units).items()
    )
    limits = "; ".join(f"{band.name} từ {points_vi(band.minimum)} điểm" for band in bands[:-1])
    return [
        temporary_footnote(named),
        "Ô trống: Cổng không có số liệu; không phải điểm 0.",
        *(comparison_notes(data, compared=compared)),
        "Xếp hạng trong khối theo tổng điểm"
        + (" (tổng sáu nhóm, do phần mềm cộng)" if summed else "")
        + " làm tròn 2 chữ số thập phân, bằng điểm thì đồng hạng (1, 2, 2, 4); dấu + ở cột tăng, giảm hạng "
        "là tăng bậc.",
        f"Chỉ số {inherited} là giá trị chung của tỉnh, lặp lại ở mọi đơn vị: không so sánh đơn vị theo các "
        "chỉ số này."
        if inherited
        else None,
        _mean_note(units, means),
        f"Màu và xếp loại là quy ước, không phải quy định: {limits}; còn lại {bands[-1].name}. Trong khối: "
        + ", ".join(f"{band.name} {ratings.count(band.name)}" for band in bands)
        + (f", không xếp loại {ratings.count(None)}." if None in ratings else "."),
        _target_note(units, style),
        provisional_note(data),
    ]


def _mean_note(units: Sequence[UnitRow], means: BlockMeans) -> str:
    idle = sum(unit.no_dossiers for unit in units)
    lacking = len(units) - idle - means.units
    left_out = [
        f"{count} đơn vị {why}"
        for count, why in ((idle, "không phát sinh hồ sơ"), (lacking, "thiếu số liệu của một hay nhiều nhóm"))
        if count
    ]
    if not means.units:
        return "Trung bình khối để trống: không có đơn vị nào đủ số liệu ở mọi cột."
    return (
        f"Trung bình khối: bình quân giản đơn của {means.units} đơn vị có đủ số liệu, như nhau ở mọi cột"
        + (f"; không gồm {' và '.join(left_out)}" if left_out else "")
        + "; làm tròn 2 chữ số thập phân."
    )


def _target_note(units: Sequence[UnitRow], style: WorkbookStyle) -> str | None:
    target = style.total_target
    if target is None:
        return None
    reached = sum(_reaches(unit, style) for unit in units)
    rated = sum(unit.total is not None and not unit.no_dossiers for unit in units)
    return (
        f"Ngưỡng theo dõi {points_vi(target)} điểm (quy ước): điểm dưới ngưỡng in đậm màu đỏ sẫm, đường kẻ cùng "
        f"màu ngăn đơn vị đạt và chưa đạt ngưỡng; đạt ngưỡng {reached}/{rated} đơn vị được xếp loại."
    )


def _reaches(unit: UnitRow, style: WorkbookStyle) -> bool:
    """Whether a rated unit reaches the target."""
    target = style.total_target
    return target is not None and unit.total is not None and unit.total >= target and not unit.no_dossiers


def _by_rank(unit: UnitRow) -> tuple[bool, int, str, str]:
    rank = unit.rank_in_block
    # Vietnamese order without a collation library: base letters first, đ after d.
    base = unicodedata.normalize("NFD", unit.unit_name.casefold().replace("đ", "d\uffff"))
    letters = "".join(character for character in base if not unicodedata.combining(character))
    return (rank is None, rank or 0, letters, unit.unit_name)


def _group_by_number(indicator_code: str) -> str | None:
    """The group of an indicator from its number where only the number is known: 1 → CKMB,
    2 → TDGQ, 4 → MDSH, 5 → MDHL; 3 is shared by CLGQ and TTTT and stays unknown."""
    return {"1": "CKMB", "2": "TDGQ", "4": "MDSH", "5": "MDHL"}.get(indicator_code.split(".")[0])
