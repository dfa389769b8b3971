"""How the letter says figures: points, shares, changes, lists of units, changed values. Pure functions.

``None`` is said as "chưa có số liệu" in a sentence and shown as a dash in a table; it is never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_UP, Decimal

from etl.deliver.appendix_data import Group, Restatement, UnitRow
from etl.deliver.appendix_words import SHEET_NAMES, ProvinceNames
from etl.deliver.digitization_words import MEASURE_NAMES
from etl.deliver.letter_docx import plain_text
from etl.deliver.restatement_words import restated_field, restated_value
from etl.deliver.sheet_text import number_vi

UNKNOWN = "chưa có số liệu"
DASH = "—"
_CENT = Decimal("0.01")
_COUNTS = frozenset({"numerator", "denominator", *MEASURE_NAMES})


def cents(value: Decimal) -> Decimal:
    """Rounded half up to two decimals: what a reader sees, and what is compared."""
    return value.quantize(_CENT, ROUND_HALF_UP)


def points(value: Decimal | None) -> str:
    """ "66,53"; two decimals always."""
    return UNKNOWN if value is None else number_vi(value, 2)


def short(value: Decimal) -> str:
    """ "20", "0,2", "66,67": up to two decimals, none that are zero at the end."""
    shown = number_vi(value, 2)
    return shown.rstrip("0").rstrip(",")


def percent(value: Decimal | None) -> str:
    """ "46,99%"."""
    return UNKNOWN if value is None else f"{short(value)}%"


def of_most(score: Decimal | None, most: Decimal | None) -> str:
    """ "66,53/100 điểm"; without a maximum "66,53 điểm"; without a score "chưa có số liệu"."""
    if score is None:
        return UNKNOWN
    return f"{points(score)}{'' if most is None else '/' + short(most)} điểm"


def cell(value: Decimal | int | None, decimals: int = 0, *, signed: bool = False) -> str:
    """A figure of a table, a dash for none."""
    return DASH if value is None else number_vi(value, decimals, signed=signed)


def share_of(score: Decimal | None, most: Decimal | None) -> Decimal | None:
    """Percent of the maximum; None without either, or where nothing can be had."""
    return None if score is None or not most else cents(100 * score / most)


def change_vi(change: Decimal) -> str:
    """ "tăng 0,45 điểm", "giảm 2,10 điểm", "giữ nguyên điểm"."""
    seen = cents(change)
    if seen == 0:
        return "giữ nguyên điểm"
    return f"{'tăng' if seen > 0 else 'giảm'} {number_vi(abs(seen), 2)} điểm"


def capital(text: str) -> str:
    """The first letter in capitals, the rest as it is."""
    return text[:1].upper() + text[1:]


def block_title(block: str, names: ProvinceNames) -> str:
    """ "các sở, ban, ngành" as the province's documents call it; an unknown block is quoted."""
    return plain_text(names.block_titles.get(block) or SHEET_NAMES.get(block, block))


def joined(words: Sequence[str], *, most: int, noun: str = "đơn vị") -> str:
    """The first ``most`` of them, the rest counted: "A, B và 3 đơn vị khác"."""
    shown = ", ".join(words[:most])
    rest = len(words) - most
    return f"{shown} và {number_vi(rest)} {noun} khác" if rest > 0 else shown


def ranked_units(units: Sequence[UnitRow], *, most_names: int) -> str:
    """ "A (83,84 điểm, hạng 1); B, C (cùng 79,32 điểm, đồng hạng 4)": those of equal points stand together.

    ``units`` in the order they are to be told, each with a total.
    """
    return "; ".join(_tied(group, most_names) for group in tied(units))


def tied(units: Iterable[UnitRow]) -> list[list[UnitRow]]:
    """Neighbours of equal points (two decimals, as ranks are made) put together."""
    groups: list[list[UnitRow]] = []
    for unit in units:
        if groups and unit.total is not None and _seen(groups[-1][0]) == cents(unit.total):
            groups[-1].append(unit)
        else:
            groups.append([unit])
    return groups


def _seen(unit: UnitRow) -> Decimal | None:
    return None if unit.total is None else cents(unit.total)


def _tied(group: Sequence[UnitRow], most_names: int) -> str:
    first, several = group[0], len(group) > 1
    names = joined([plain_text(unit.unit_name) for unit in group], most=most_names)
    score = f"{'cùng ' if several else ''}{points(first.total)} điểm"
    if first.rank_in_block is None:
        return f"{names} ({score})"
    return f"{names} ({score}, {'đồng hạng' if several else 'hạng'} {first.rank_in_block})"


def indicator_vi(code: str, groups: Sequence[Group]) -> str:
    """ "tổng điểm", "nhóm Số hóa hồ sơ", "chỉ số 2.1"."""
    if code == "TOTAL":
        return "tổng điểm"
    if code == "DIGITIZATION":
        return "số liệu số hóa hồ sơ"
    found = next((group for group in groups if group.code == code), None)
    return f"nhóm {plain_text(found.name)}" if found else f"chỉ số {plain_text(code)}"


def changed_what(change: Restatement, groups: Sequence[Group]) -> str:
    """Which figure of a unit a source has changed: "chỉ số 4.1, tử số"."""
    of = indicator_vi(change.indicator_code, groups)
    field = plain_text(restated_field(change.field))
    field = field[:1].lower() + field[1:]
    return of if change.indicator_code == "TOTAL" and change.field == "score" else f"{of}, {field}"


def changed(change: Restatement, groups: Sequence[Group]) -> str:
    """ "Sở Y tế, chỉ số 4.1, tử số: từ 1.200 thành 1.205"; a unit that went: "… không còn trong số liệu"."""
    name = plain_text(change.unit_name)
    if change.field == "presence":
        gone = change.new_value == "absent"
        of = "" if change.indicator_code == "TOTAL" else f", {indicator_vi(change.indicator_code, groups)}"
        return f"{name}{of}: {'không còn' if gone else 'mới có'} trong số liệu"
    old, new = (changed_value(value, change.field) for value in (change.old_value, change.new_value))
    return f"{name}, {changed_what(change, groups)}: từ {old} thành {new}"


def changed_value(value: Decimal | str | None, field: str) -> str:
    """An old or new value of a changed figure, as its field is written."""
    value = restated_value(field, value)
    if value is None:
        return UNKNOWN
    if isinstance(value, str):
        return plain_text(value)
    whole = value == value.to_integral_value()
    if field in _COUNTS:
        return number_vi(value, 0 if whole else 2)
    return f"{number_vi(value, 2)}%" if field == "ratio_pct" else number_vi(value, 2)
