"""The appendix's sheet of the province: groups, components, total, and its place in the country."""

from __future__ import annotations

from decimal import Decimal

from etl.deliver.appendix_data import AppendixData, IndicatorRow
from etl.deliver.appendix_words import (
    COMPUTED_SUM,
    ROMAN,
    TEMPORARY_DENOMINATOR,
    ProvinceNames,
    comparison_notes,
    indicator_note,
    no_comparison,
    period_label,
    provisional_note,
    rank_change_vi,
    table_notes,
    temporary_footnote,
)
from etl.deliver.sheet_style import (
    TWO_DECIMALS_MARKED,
    TWO_DECIMALS_UNMARKED,
    WHOLE,
    Column,
    Number,
    TableSheet,
)
from etl.deliver.sheet_text import number_vi, time_vi

_NOTE_SIZE = 10


def province_columns() -> list[Column]:
    """The columns of the province's table."""
    return [
        Column("Mã", 7, "center"),
        Column("Nhóm chỉ số, chỉ số thành phần", 66),
        Column("Tử số", 11, "right"),
        Column("Mẫu số", 11, "right"),
        Column("Tỷ lệ (%)", 10, "right"),
        Column("Điểm đạt", 10, "right"),
        Column("Điểm\ntối đa", 9, "center"),
        Column("Ghi chú", 36),
    ]


def write_province(table: TableSheet, data: AppendixData, names: ProvinceNames) -> None:
    """Write the sheet below its banner; an indicator of no known group is shown at the end, never dropped."""
    for sentence in province_summary(data, names):
        table.paragraph(sentence, size=12)
    table.header()
    by_group: dict[str | None, list[IndicatorRow]] = {}
    for row in data.indicators:
        if row.level == "component":
            by_group.setdefault(row.group_code, []).append(row)
    published = {row.indicator_code: row for row in data.indicators if row.level != "component"}
    for number, group in enumerate(data.groups):
        own = published.get(group.code)
        table.line(
            [
                ROMAN[number],
                f"{group.name} ({group.code})",
                # The portal counts cases for a group of one scored component only.
                Number(own.numerator if own else None, WHOLE),
                Number(own.denominator if own else None, WHOLE),
                Number(own.ratio_pct if own else None, TWO_DECIMALS_UNMARKED),
                Number(own.score if own else None, TWO_DECIMALS_UNMARKED),
                _maximum(group.max_score),
                None if own and own.score is not None else "Không có số liệu",
            ],
            strong=True,
        )
        for component in by_group.pop(group.code, []):
            _write_component(table, component)
    for rest in by_group.values():  # a group nobody declared: shown, never dropped
        for component in rest:
            _write_component(table, component)
    total = published.get("TOTAL")
    table.line(
        [
            None,
            "TỔNG ĐIỂM",
            None,
            None,
            Number(total.ratio_pct if total else None, TWO_DECIMALS_UNMARKED),
            Number(total.score if total else None, TWO_DECIMALS_UNMARKED),
            _maximum(total.max_score if total and total.max_score is not None else Decimal(100)),
            "Cộng sáu nhóm (tính toán)" if total and total.quality_flag == COMPUTED_SUM else None,
        ],
        strong=True,
    )
    flagged = [row for row in data.indicators if row.quality_flag == TEMPORARY_DENOMINATOR]
    notes = [
        "Ô trống: Cổng không có số liệu; không phải điểm 0. Tỷ lệ của chỉ số thành phần = tử số/mẫu số; "
        "tỷ lệ ở dòng nhóm và dòng tổng (nếu có) = điểm đạt/điểm tối đa.",
        temporary_footnote(", ".join(row.indicator_code for row in flagged)),
        None
        if any(row.level == "component" for row in data.indicators)
        else "Nguồn của kỳ này chỉ công bố điểm các nhóm, không công bố chỉ số thành phần.",
        provisional_note(data),
        *(
            comparison_notes(data, compared=True)
            if data.province and data.province.compared_period_id
            else ()
        ),
    ]
    table.paragraph(table_notes(data, notes), size=_NOTE_SIZE)
    table.finish(frozen_columns=2)


def _write_component(table: TableSheet, row: IndicatorRow) -> None:
    temporary = row.quality_flag == TEMPORARY_DENOMINATOR
    table.line(
        [
            row.indicator_code,
            row.name,
            Number(row.numerator, WHOLE),
            Number(row.denominator, WHOLE),
            Number(row.ratio_pct, TWO_DECIMALS_MARKED if temporary else TWO_DECIMALS_UNMARKED),
            Number(row.score, TWO_DECIMALS_MARKED if temporary else TWO_DECIMALS_UNMARKED),
            _maximum(row.max_score),
            indicator_note(row),
        ]
    )


def province_summary(data: AppendixData, names: ProvinceNames) -> list[str]:
    """Two sentences: the total with its change, and the rank among the provinces; or why there is none."""
    own, national = data.province, data.national
    if own is None or own.total is None:
        score = f"Tổng điểm {names.province}: chưa có số liệu."
    else:
        score = f"Tổng điểm {names.province}: {number_vi(own.total, 2)}/100 điểm"
        if own.compared_period_id and own.total_change is not None:
            change = number_vi(own.total_change, 2, signed=True)
            score += f"; thay đổi so với {period_label(own.compared_period_id)}: {change} điểm."
        else:
            reason = no_comparison(data.period)
            score += f"; {reason[:1].lower()}{reason[1:]}."
    if national is None:
        return [score, "Xếp hạng toàn quốc: chưa có bảng xếp hạng các tỉnh, thành phố của kỳ này."]
    read_at = f"theo bảng toàn quốc chụp lúc {time_vi(national.captured_at)}"
    if national.rank is None:
        return [score, f"Xếp hạng toàn quốc: {names.province} không có hạng {read_at}."]
    rank = f"Xếp hạng toàn quốc: {national.rank}/{national.ranked_provinces} tỉnh, thành phố"
    if national.compared_period_id and national.rank_change is not None:
        rank += f", {rank_change_vi(national.rank_change)} so với {period_label(national.compared_period_id)}"
    rank += f", {read_at}"
    if national.total is not None and (own is None or national.total != own.total):
        # The national page and the six groups are read apart and need not agree.
        rank += f" (bảng này ghi {number_vi(national.total, 2)} điểm)"
    return [score, f"{rank}."]


def _maximum(value: Decimal | None) -> Number:
    whole = value is None or value == value.to_integral_value()
    return Number(value, WHOLE) if whole else Number(value)
