"""What stands below the digitization form: how to read it, what is missing, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.digitization_data import BlockTotals, DigitizationData, HandedIn, UnitFigures
from etl.deliver.digitization_words import WHOLE_PROVINCE, basis_vi, block_vi, days_vi, measure_vi, period_vi
from etl.deliver.sheet_text import number_vi, time_vi
from etl.periods import ADMINISTRATIVE
from etl.sources.digitization import FORM_SOURCE, LIST_SOURCE, MEASURES
from etl.sources.digitization_form.layouts import Template

HASH_DIGITS = 12
_NAMED = 12
_FILES_NAMED = 3
_SOURCES = {FORM_SOURCE: "biểu số hóa", LIST_SOURCE: "danh sách hồ sơ"}


def form_notes(data: DigitizationData, template: Template) -> Iterator[str]:
    """The notes, one sentence or two each, without dashes or numbers before them."""
    yield "Ghi chú: ô trống là chưa có số liệu, không phải số 0; tổng để trống khi có đơn vị chưa có số liệu."
    if data.window.kind == ADMINISTRATIVE:
        yield (
            "Kỳ số liệu theo kỳ báo cáo hành chính (Nghị định số 09/2019/NĐ-CP): "
            f"{days_vi(data.window.first, data.window.last)}."
        )
    if target := _target(data, template):
        yield target
    if data.provisional:
        yield "Số liệu tạm: được gửi khi kỳ chưa kết thúc, còn thay đổi đến hết kỳ."
    yield from lacking(data)
    yield from _bases(data)
    for file in data.files:
        yield f"Nguồn: {file_line(file)}."


def _target(data: DigitizationData, template: Template) -> str | None:
    if data.target_pct is None:
        return None
    below = not_met(data)
    rated = sum(unit.met_target is not None for unit in data.units)
    numbers = {column.measure: column.column_no for column in template.columns if column.measure}
    nine, ten = numbers.get("results_not_digitized"), numbers.get("results_digitized")
    formula = f" = cột ({ten}) / (cột ({nine}) + cột ({ten}))" if nine and ten else ""
    sentence = (
        f"Chỉ tiêu: tỷ lệ số hóa kết quả giải quyết{formula} từ {percent(data.target_pct)} trở lên. "
        f"Chưa đạt: {number_vi(len(below))}/{number_vi(rated)} đơn vị có phát sinh"
    )
    if not below:
        return f"{sentence}."
    named = "; ".join(
        f"{unit.unit_name} ({percent(unit.rates['results_rate_pct'])})" for unit in below[:_NAMED]
    )
    more = f" và {number_vi(len(below) - _NAMED)} đơn vị khác" if len(below) > _NAMED else ""
    coloured = f"tô màu ở cột ({nine}), ({ten}); " if formula else ""
    return f"{sentence}: {named}{more} ({coloured}đủ danh sách ở trang Chất lượng số liệu)."


def not_met(data: DigitizationData) -> list[UnitFigures]:
    """Units below the target, the lowest rate first."""
    below = [unit for unit in data.units if unit.met_target is False]
    return sorted(below, key=lambda unit: (unit.rates["results_rate_pct"] or Decimal(0), unit.unit_name))


def lacking(data: DigitizationData) -> Iterator[str]:
    """Blocks without figures, blocks that are not whole, and the units they lack by name.

    Of a sum: in which of its months they lack; the units are there, and the total is the other months'.
    """
    province = data.total(WHOLE_PROVINCE)
    for block in province.missing_blocks if province else ():
        yield f"Khối {block_vi(block)}: chưa có số liệu của khối này."
    for block in data.blocks:
        total = data.total(block)
        if total is None or (total.complete and not total.missing_units):
            continue
        if total.missing_in:
            yield _lacking_months(total)
            continue
        of = f"/{number_vi(total.expected_units)}" if total.expected_units is not None else ""
        state = "" if total.complete else ", chưa đủ để coi là số liệu của cả khối"
        rest = len(total.missing_units) - _NAMED
        named = "; ".join(total.missing_units[:_NAMED]) + (
            f" và {number_vi(rest)} đơn vị khác" if rest > 0 else ""
        )
        missing = f". Còn thiếu: {named}" if named else ""
        yield f"Khối {block_vi(block)}: có {number_vi(total.units)}{of} đơn vị{state}{missing}."


def _lacking_months(total: BlockTotals) -> str:
    named = [f"thiếu {name} ở {period_vi(month)}" for month, name in total.missing_in]
    rest = len(named) - _NAMED
    more = (
        f" và {number_vi(rest)} trường hợp khác (đủ danh sách ở trang Chất lượng số liệu)" if rest > 0 else ""
    )
    return (
        f"Khối {block_vi(total.block)}: cộng từ các tháng, {'; '.join(named[:_NAMED])}{more}. Ô của đơn vị đó "
        "để trống; tổng của khối gồm các tháng có số liệu."
    )


def _bases(data: DigitizationData) -> Iterator[str]:
    bases = {block: sorted({u.basis for u in data.units if u.block == block}) for block in data.blocks}
    yield (
        "Cách lập: "
        + "; ".join(
            f"{block_vi(block)}: {', '.join(map(basis_vi, found))}" for block, found in bases.items() if found
        )
        + "."
    )
    summed = {total.block: total.months for total in data.totals if total.months}
    if not summed:
        return
    months = sorted({month for told in summed.values() for month in told})
    yield f"Số liệu cộng từ các tháng: {', '.join(map(period_vi, months))}."
    for block in data.blocks:
        if block in summed and len(summed[block]) < len(months):
            own = ", ".join(map(period_vi, summed[block]))
            yield f"Khối {block_vi(block)} chỉ có đơn vị, và chỉ được cộng, ở: {own}."


def file_line(file: HandedIn) -> str:
    """Which file, of which period, received when, with which hash."""
    return (
        f"{_SOURCES.get(file.source, file.source)} {period_vi(file.period_id)}, nhận lúc "
        f"{time_vi(file.received_at)} (giờ Việt Nam), SHA-256 {file.sha256[:HASH_DIGITS]}"
    )


def percent(value: Decimal | None) -> str:
    """ "72,1%" : up to two decimals, none that are zero at the end."""
    if value is None:
        return ""
    shown = number_vi(value, 2).rstrip("0").rstrip(",")
    return f"{shown}%"


def blank_measures(data: DigitizationData) -> list[str]:
    """Measures no unit has a figure for, by name: the layout of the files has no such column."""
    return [
        measure_vi(measure)
        for measure in MEASURES
        if all(unit.measures.get(measure) is None for unit in data.units)
    ]


def province_sentence(data: DigitizationData, names: ProvinceNames) -> str:
    """The province's share of digitized results in one sentence; or that it cannot be told, or is not yet whole."""
    total = data.total(WHOLE_PROVINCE)
    rate = total.rates.get("results_rate_pct") if total else None
    if total is None or rate is None:
        return f"Tỷ lệ số hóa kết quả giải quyết của {names.province}: chưa tính được vì số liệu chưa đủ."
    done, without = total.measures.get("results_digitized"), total.measures.get("results_not_digitized")
    figures = ""
    if done is not None and without is not None:
        figures = f" ({number_vi(done)}/{number_vi(done + without)} kết quả)"
    whole = "" if total.complete else "; số liệu chưa đủ các khối hoặc đơn vị"
    return f"Tỷ lệ số hóa kết quả giải quyết của {names.province}: {percent(rate)}{figures}{whole}."


def contents_notices(data: DigitizationData) -> list[str]:
    """What a reader must know before using any figure."""
    notices = ["Ô trống là chưa có số liệu, không phải số 0."]
    if data.provisional:
        notices.insert(0, "Số liệu tạm: được gửi khi kỳ chưa kết thúc, còn thay đổi đến hết kỳ.")
    notices += lacking(data)
    if data.target_pct is not None:
        rated = sum(unit.met_target is not None for unit in data.units)
        notices.append(
            f"Chỉ tiêu của biểu: tỷ lệ số hóa kết quả giải quyết từ {percent(data.target_pct)} trở lên; chưa đạt: "
            f"{number_vi(len(not_met(data)))}/{number_vi(rated)} đơn vị có phát sinh."
        )
    disagree = sum(row.verdict == "disagrees" for row in data.compared)
    if disagree:
        notices.append(f"Không khớp với Cổng: {number_vi(disagree)} giá trị (xem trang Đối chiếu với Cổng).")
    return notices


def source_sentence(data: DigitizationData) -> str:
    """The files behind the figures: each where there are few, else how many."""
    if len(data.files) <= _FILES_NAMED:
        return f"Nguồn: {'; '.join(map(file_line, data.files))}."
    return (
        f"Nguồn: {number_vi(len(data.files))} tệp, nhận đến {time_vi(data.stated_at)} (giờ Việt Nam); đủ danh sách ở "
        "trang Chất lượng số liệu."
    )
