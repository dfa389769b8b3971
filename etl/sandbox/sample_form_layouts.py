"""The columns of the sample forms, as offices print them, and the ways in which a form drifts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from etl.errors import Terminal

Value = str | int | float | None

TEN, FOURTEEN, IGATE, VPCP = "so_hoa_10_cot", "so_hoa_14_cot", "igate_json", "06_vpcp"
LAYOUTS = (TEN, FOURTEEN, IGATE)
# From this share of digitized results the 14-column form says "Đạt".
_TARGET = 80


class Drift(StrEnum):
    """One thing that is other than it should be. Forms meet all of them in practice."""

    # columns
    RENAMED_HEADER = "renamed_header"
    MOVED_COLUMN = "moved_column"  # with its own number
    MOVED_UNNUMBERED = "moved_unnumbered"  # and no row of numbers at all
    MOVED_RENUMBERED = "moved_renumbered"  # numbers run on over the new order
    ADDED_COLUMN = "added_column"
    MISSING_COLUMN = "missing_column"
    SWAPPED_9_10 = "swapped_9_10"  # header texts swapped under unchanged numbers
    FORM_06_VPCP = "form_06_vpcp"  # another form altogether
    UNIT_CODES = "unit_codes"  # with a column "Mã đơn vị"
    # rows
    EXTRA_FOOTER = "extra_footer"
    NUMBERS_IN_FOOTER = "numbers_in_footer"
    HIDDEN_ROWS = "hidden_rows"
    UNKNOWN_UNIT = "unknown_unit"
    AMBIGUOUS_UNIT = "ambiguous_unit"  # namesakes without their codes
    MISSING_UNITS = "missing_units"
    DUPLICATE_UNIT = "duplicate_unit"
    # values
    TEXT_NUMBERS = "text_numbers"
    DECOMPOSED_UNICODE = "decomposed_unicode"
    FORMULA_TOTALS = "formula_totals"  # as Excel saves them, with their values
    UNCACHED_TOTALS = "uncached_totals"  # as a program saves them, without
    WRONG_TOTAL = "wrong_total"
    NEGATIVE = "negative"
    # what the form is about
    NO_WINDOW = "no_window"
    TWO_WINDOWS = "two_windows"  # the title says two
    OTHER_PROVINCE = "other_province"
    # sheets
    BLOCKS_ON_SHEETS = "blocks_on_sheets"  # one form, a sheet for each block
    SECOND_WINDOW_SHEET = "second_window_sheet"  # a second form, of the month before


class Grouping(StrEnum):
    """How a form of a province with districts may group the communes inside their section."""

    NAMES = "names"  # a row with the district's name and nothing else
    SUMS = "sums"  # lettered, with the sum of its communes


@dataclass(frozen=True)
class Column:
    """``path`` is the header from the top cell to the bottom one; ``value`` makes a cell of figures."""

    number: int | None
    path: tuple[str, ...]
    value: Callable[[Mapping[str, int]], Value] | None
    width: float
    measure: str | None = None


def columns_of(layout: str, drift: Drift | None) -> tuple[Column, ...]:
    """The columns of a layout after a drift. The first two are STT and unit. Raises Terminal."""
    if drift is Drift.FORM_06_VPCP:
        return _VPCP
    if layout not in (TEN, FOURTEEN):
        raise Terminal(f"'{layout}' is no sheet's layout", f"use one of {', '.join(LAYOUTS)}")
    columns = list(_TEN if layout == TEN else _FOURTEEN)
    place = {column.measure: at for at, column in enumerate(columns) if column.measure}
    resolved, not_done, done = (
        place[name] for name in ("resolved", "results_not_digitized", "results_digitized")
    )
    match drift:
        case Drift.RENAMED_HEADER:
            columns[resolved] = replace(columns[resolved], path=("Hoàn thành trong kỳ",))
        case Drift.MOVED_COLUMN | Drift.MOVED_UNNUMBERED | Drift.MOVED_RENUMBERED:
            columns.insert(2, columns.pop(resolved))
        case Drift.ADDED_COLUMN:
            last = max(column.number or 0 for column in columns)
            columns.append(Column(last + 1, ("Hồ sơ nộp trực tuyến",), lambda f: f["received"] * 4 // 5, 10))
        case Drift.MISSING_COLUMN:
            del columns[done]
        case Drift.SWAPPED_9_10:
            one, other = columns[not_done], columns[done]
            columns[not_done], columns[done] = replace(one, path=other.path), replace(other, path=one.path)
        case Drift.UNIT_CODES:
            columns.append(Column(None, ("Mã đơn vị",), None, 11))
        case _:
            pass
    if drift is Drift.MOVED_UNNUMBERED:
        columns = [replace(column, number=None) for column in columns]
    if drift is Drift.MOVED_RENUMBERED:
        columns = [replace(column, number=at) for at, column in enumerate(columns, start=1)]
    return tuple(columns)


def _measure(number: int, name: str, *path: str) -> Column:
    return Column(number, path, lambda figures: figures[name], 10.5, name)


def _rate(number: int, part: str, whole: tuple[str, ...], header: str) -> Column:
    def value(figures: Mapping[str, int]) -> Value:
        return rate(figures[part], sum(figures[name] for name in whole))

    return Column(number, (header,), value, 10.5)


def rate(part: int, whole: int) -> float | None:
    """Percent with two decimals, halves up; None of nothing."""
    return (20_000 * part + whole) // (2 * whole) / 100 if whole else None


def _verdict(figures: Mapping[str, int]) -> Value:
    whole = figures["results_digitized"] + figures["results_not_digitized"]
    if not whole:
        return None
    return "Đạt" if 100 * figures["results_digitized"] >= _TARGET * whole else "Không đạt"


_STT = Column(1, ("STT",), None, 5)
_UNIT = Column(2, ("Đơn vị",), None, 42)
_GROUP = "Số hóa kết quả giải quyết"
_TEN = (
    _STT,
    _UNIT,
    _measure(3, "received", "Tiếp nhận"),
    _measure(4, "components_not_digitized", "Chưa số hóa TPHS"),
    _measure(5, "components_digitized", "Có số hóa TPHS"),
    _measure(6, "components_reused", "Có tái sử dụng TP"),
    _measure(7, "reused_from_portal", "Tái sử dụng từ cổng DVCQG"),
    _measure(8, "resolved", "Đã giải quyết"),
    _measure(9, "results_not_digitized", _GROUP, "Chưa số hóa"),
    _measure(10, "results_digitized", _GROUP, "Đã số hóa"),
)
_FOURTEEN = (
    _STT,
    _UNIT,
    _measure(3, "received", "Tiếp nhận"),
    _measure(4, "components_not_digitized", "Chưa số hóa TPHS"),
    _measure(5, "components_digitized", "Có số hóa TPHS"),
    _rate(6, "components_digitized", ("received",), "Tỷ lệ số hóa TPHS (%)"),
    _measure(7, "components_reused", "Có tái sử dụng TP"),
    _measure(8, "reused_from_portal", "Tái sử dụng từ cổng DVCQG"),
    _rate(9, "components_reused", ("received",), "Tỷ lệ tái sử dụng (%)"),
    _measure(10, "resolved", "Đã giải quyết"),
    _measure(11, "results_not_digitized", "Chưa số hóa KQ"),
    _measure(12, "results_digitized", "Đã số hóa KQ"),
    _rate(13, "results_digitized", ("results_not_digitized", "results_digitized"), "Tỷ lệ số hóa KQ (%)"),
    Column(14, ("Đánh giá Đạt/Không đạt",), _verdict, 10.5),
)


def _vpcp(number: int, value: Callable[[Mapping[str, int]], Value], *path: str) -> Column:
    return Column(number, path, value, 9.5)


_IN, _DONE, _LEFT = (
    "Số lượng hồ sơ tiếp nhận",
    "Số lượng hồ sơ đã giải quyết",
    "Số lượng hồ sơ đang giải quyết",
)


def _left(figures: Mapping[str, int]) -> int:
    """Still open; a short window may finish more than it receives."""
    return max(0, figures["received"] - figures["resolved"])


# Circular 01/2020/TT-VPCP, form II.06: (9), (10) are on time and overdue.
_VPCP = (
    _STT,
    Column(2, ("Lĩnh vực giải quyết",), None, 36),
    _vpcp(3, lambda f: f["received"], _IN, "Tổng số"),
    _vpcp(4, lambda f: f["received"] * 4 // 5, _IN, "Trong kỳ", "Trực tuyến"),
    _vpcp(
        5, lambda f: f["received"] - f["received"] * 4 // 5, _IN, "Trong kỳ", "Trực tiếp, dịch vụ bưu chính"
    ),
    _vpcp(6, lambda _: 0, _IN, "Từ kỳ trước"),
    _vpcp(7, lambda f: f["resolved"], _DONE, "Tổng số"),
    _vpcp(8, lambda f: f["resolved"] * 2 // 3, _DONE, "Trước hạn"),
    _vpcp(9, lambda f: f["resolved"] - f["resolved"] * 2 // 3 - f["resolved"] // 12, _DONE, "Đúng hạn"),
    _vpcp(10, lambda f: f["resolved"] // 12, _DONE, "Quá hạn"),
    _vpcp(11, _left, _LEFT, "Tổng số"),
    _vpcp(12, lambda f: _left(f) * 3 // 4, _LEFT, "Trong hạn"),
    _vpcp(
        13,
        lambda f: _left(f) - _left(f) * 3 // 4,
        _LEFT,
        "Quá hạn",
    ),
)
