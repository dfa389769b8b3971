"""The page's digitization tables: a line a block, then the form's columns (1) to (10) of every unit.

Columns are numbered as the default form prints them (docs/decisions/0002-columns-9-and-10.md); their headings say
what they measure, because a number alone identifies nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from etl.deliver.digitization_data import BlockTotals, DigitizationData
from etl.deliver.digitization_notes import percent
from etl.deliver.digitization_words import WHOLE_PROVINCE, basis_vi, block_vi, days_vi, period_vi
from etl.deliver.page_cells import Cell, Column, Row, Table, number, quantity, unit_key, words
from etl.deliver.report import Report
from etl.deliver.sheet_text import number_vi
from etl.periods import ADMINISTRATIVE
from etl.sources.digitization import MEASURES

MET, NOT_MET = "Đạt", "Không đạt"
_COMPONENTS, _REUSE, _RESULTS = "Thành phần hồ sơ", "Tái sử dụng thành phần hồ sơ", "Kết quả giải quyết"
# The default form's columns 3 to 10, spelt out: heading and the group above it.
_HEADINGS: Mapping[str, tuple[str, str | None]] = {
    "received": ("Hồ sơ tiếp nhận", None),
    "components_not_digitized": ("Chưa số hóa", _COMPONENTS),
    "components_digitized": ("Có số hóa", _COMPONENTS),
    "components_reused": ("Có tái sử dụng", _REUSE),
    "reused_from_portal": ("Từ Cổng DVCQG", _REUSE),
    "resolved": ("Hồ sơ đã giải quyết", None),
    "results_not_digitized": ("Chưa số hóa", _RESULTS),
    "results_digitized": ("Đã số hóa", _RESULTS),
}
_FIRST_MEASURE = 3  # columns (1) and (2) are the line's number and the unit


def totals_table(report: Report, data: DigitizationData) -> Table:
    """A line a block and the whole province's below: the numbers of the chart."""
    rows = tuple(_total_row(total) for total in shown_totals(data) if total.block != WHOLE_PROVINCE)
    province = data.total(WHOLE_PROVINCE)
    return Table(
        name="bang-so-hoa-khoi",
        caption=f"Số hóa hồ sơ theo khối, {report.names.province}, {days_vi(data.window.first, data.window.last)}",
        columns=(
            Column("Khối"),
            Column("Số đơn vị có số liệu", numeric=True),
            *_measure_columns(),
            Column("Tỷ lệ số hóa kết quả (%)", numeric=True),
        ),
        rows=rows,
        foot=() if province is None else (_total_row(province, strong=True),),
        sortable=False,
    )


def block_digitization(report: Report, data: DigitizationData, block: str, place: int) -> Table:
    """The form's lines of one block, its total below."""
    units = [unit for unit in data.units if unit.block == block]
    total = data.total(block)
    target = () if data.target_pct is None else (Column("Chỉ tiêu", f"từ {percent(data.target_pct)}"),)
    return Table(
        name=f"bang-so-hoa-{place}",
        caption=f"Biểu số hóa hồ sơ, {block_vi(block)}, {days_vi(data.window.first, data.window.last)}",
        label=f"Số hóa, {block_vi(block)}",
        columns=(
            Column("STT", "(1)", numeric=True),
            Column("Đơn vị", "(2)"),
            *_measure_columns(),
            Column("Tỷ lệ số hóa kết quả (%)", numeric=True),
            *target,
        ),
        rows=tuple(
            Row(
                (
                    quantity(place),
                    words(unit.unit_name),
                    *_measures(unit.measures),
                    number(unit.rates.get("results_rate_pct")),
                    *((words(met_vi(unit.met_target)),) if target else ()),
                ),
                unit=unit_key(block, unit.unit_name),
            )
            for place, unit in enumerate(units, start=1)
        ),
        foot=()
        if total is None
        else (
            Row(
                (
                    words(None),
                    words("Tổng cộng"),
                    *_measures(total.measures),
                    number(total.rates.get("results_rate_pct")),
                    *((words(met_vi(total.met_target)),) if target else ()),
                ),
                kind="strong",
            ),
        ),
        head=1,
    )


def shown_totals(data: DigitizationData) -> list[BlockTotals]:
    """Blocks in the form's order, the whole province last."""
    found = [data.total(block) for block in (*data.blocks, WHOLE_PROVINCE)]
    return [total for total in found if total is not None]


def met_vi(met: bool | None) -> str | None:
    """The target in words; None where there is no rate to judge."""
    return None if met is None else MET if met else NOT_MET


def _total_row(total: BlockTotals, *, strong: bool = False) -> Row:
    return Row(
        (
            words(block_vi(total.block)),
            quantity(total.units),
            *_measures(total.measures),
            number(total.rates.get("results_rate_pct")),
        ),
        kind="strong" if strong else "plain",
    )


def _measure_columns() -> tuple[Column, ...]:
    return tuple(
        Column(_HEADINGS[measure][0], f"({number})", numeric=True, group=_HEADINGS[measure][1])
        for number, measure in enumerate(MEASURES, start=_FIRST_MEASURE)
    )


def _measures(measures: Mapping[str, int | None]) -> tuple[Cell, ...]:
    return tuple(quantity(measures.get(measure)) for measure in MEASURES)


def digitization_notes(data: DigitizationData) -> list[str]:
    """How to read the form: days, target, what is provisional, how the figures came to be."""
    notes = [
        "Tỷ lệ số hóa kết quả = cột (10) / (cột (9) + cột (10)). Tổng để trống khi có đơn vị chưa có số liệu."
    ]
    if data.window.kind == ADMINISTRATIVE:
        notes.append(
            "Kỳ số liệu theo kỳ báo cáo hành chính (Nghị định số 09/2019/NĐ-CP): "
            f"{days_vi(data.window.first, data.window.last)}."
        )
    if data.target_pct is not None:
        rated = sum(unit.met_target is not None for unit in data.units)
        below = sum(unit.met_target is False for unit in data.units)
        notes.append(
            f"Chỉ tiêu: tỷ lệ số hóa kết quả từ {percent(data.target_pct)} trở lên; chưa đạt "
            f"{number_vi(below)}/{number_vi(rated)} đơn vị có phát sinh."
        )
    if data.provisional:
        notes.append("Số liệu tạm: được gửi khi kỳ chưa kết thúc, còn thay đổi đến hết kỳ.")
    bases = {block: sorted({u.basis for u in data.units if u.block == block}) for block in data.blocks}
    told = "; ".join(
        f"{block_vi(block)}: {', '.join(map(basis_vi, found))}" for block, found in bases.items() if found
    )
    if told:
        notes.append(f"Cách lập: {told}.")
    return notes


def not_whole(data: DigitizationData) -> list[str]:
    """A sentence for each block that is not there or lacks units; every unit is named."""
    province = data.total(WHOLE_PROVINCE)
    sentences = [
        f"Khối {block_vi(block)}: chưa có số liệu của khối này."
        for block in (province.missing_blocks if province else ())
    ]
    for total in shown_totals(data):
        if total.block == WHOLE_PROVINCE or (total.complete and not total.missing_units):
            continue
        of = f"/{number_vi(total.expected_units)}" if total.expected_units is not None else ""
        sentence = f"Khối {block_vi(total.block)}: có {number_vi(total.units)}{of} đơn vị"
        if not total.complete:
            sentence += ", chưa đủ để coi là số liệu của cả khối"
        if total.missing_in:
            months = "; ".join(f"{name} ({period_vi(month)})" for month, name in total.missing_in)
            sentence += f". Cộng từ các tháng, còn thiếu: {months}"
        elif total.missing_units:
            sentence += f". Còn thiếu: {'; '.join(total.missing_units)}"
        sentences.append(f"{sentence}.")
    return sentences


def results_share(data: DigitizationData) -> Decimal | None:
    """The whole province's share of digitized results, percent."""
    province = data.total(WHOLE_PROVINCE)
    return province.rates.get("results_rate_pct") if province else None
