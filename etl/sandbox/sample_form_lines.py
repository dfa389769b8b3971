"""The lines of a sample form: heading, sections with their units, totals, foot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from etl.periods import Window
from etl.reference.provinces import Province, load_provinces
from etl.sandbox.sample_dossier_units import (
    BLOCK_ORDER,
    COMMUNE,
    bare_name,
    block_of,
    kindless,
    parents_of,
    repeated_names,
    reporting_units,
)
from etl.sandbox.sample_dossiers import MEASURES
from etl.sandbox.sample_form_layouts import Column, Drift, Grouping, Value

MARKER = "SỐ LIỆU MẪU"
SECTIONS = {
    "department": "Sở, ban, ngành",
    "land_office": "Văn phòng đăng ký đất đai",
    "district": "UBND cấp huyện",
    "commune": "UBND cấp xã",
}
_ROMAN = ("I", "II", "III", "IV")
# A unit nobody has, with figures of its own.
STRANGER = "Sở Hàng không vũ trụ"
_STRANGERS_FIGURES = dict(zip(MEASURES, (40, 30, 10, 4, 2, 32, 12, 20), strict=True))
# One unit in so many is left out of a form with missing units.
_LEFT_OUT = 4
_HIDDEN = 2


@dataclass(frozen=True)
class FormUnit:
    """One unit's line: ``code`` is None for a unit that does not exist; ``parent`` names the district it stands under."""

    code: str | None
    name: str
    block: str
    figures: Mapping[str, int]
    parent: str | None = None


@dataclass(frozen=True)
class Line:
    """One row below the header. ``kind``: section, subsection, unit, subtotal, total, note, foot or blank.

    ``cells`` from the first column; ``summed`` are the places (among the lines) a total adds up.
    """

    kind: str
    cells: tuple[Value, ...]
    hidden: bool = False
    summed: tuple[int, ...] = ()


def form_units(
    province: Province,
    window: Window,
    blocks: tuple[str, ...],
    figures: Mapping[str, Mapping[str, int]],
    drift: Drift | None,
    grouping: Grouping | None = None,
) -> list[FormUnit]:
    """The units in the order of the form's sections, named as the office names them."""
    shown = [unit for unit in reporting_units(province) if block_of(unit, blocks) in blocks]
    parents, doubled = parents_of(province), repeated_names([unit for unit in shown if not unit.is_agency])
    units = []
    for unit in shown:
        name = bare_name(unit.name_in(window.last))
        if not unit.is_agency and kindless(unit.name) in doubled and drift is not Drift.AMBIGUOUS_UNIT:
            # An office that has two of one name says which it means.
            parent = parents.get(unit.code)
            if parent is None:
                name = f"{name} ({unit.code})"
            elif grouping is None:
                name = f"{name} - {parent.removeprefix('UBND ')}"
        district = parents.get(unit.code) if grouping and block_of(unit, blocks) == COMMUNE else None
        units.append(
            FormUnit(unit.code, name, block_of(unit, blocks), dict(figures[unit.code]), _headed(district))
        )
    order = list(dict.fromkeys(unit.parent for unit in units))
    units.sort(key=lambda unit: (BLOCK_ORDER.index(unit.block), order.index(unit.parent)))
    return _drifted(units, drift)


def _headed(district: str | None) -> str | None:
    """ "UBND huyện Long Điền" heads its communes as "Huyện Long Điền"."""
    if district is None:
        return None
    name = district.removeprefix("UBND ")
    return name[:1].upper() + name[1:]


def _drifted(units: list[FormUnit], drift: Drift | None) -> list[FormUnit]:
    busy = [place for place, unit in enumerate(units) if unit.figures["components_reused"] > 0]
    chosen = busy[len(busy) // 2]
    match drift:
        case Drift.UNKNOWN_UNIT:
            stranger = FormUnit(None, STRANGER, units[0].block, _STRANGERS_FIGURES)
            return [*units[:2], stranger, *units[2:]]
        case Drift.MISSING_UNITS:
            last = units[-1].block
            return [unit for at, unit in enumerate(units) if unit.block != last or at % _LEFT_OUT]
        case Drift.DUPLICATE_UNIT:
            return [*units[: chosen + 1], units[chosen], *units[chosen + 1 :]]
        case Drift.NEGATIVE:
            spoilt = {**units[chosen].figures, "components_reused": -3}
            return [*units[:chosen], replace(units[chosen], figures=spoilt), *units[chosen + 1 :]]
        case _:
            return units


def total_of(units: Sequence[FormUnit]) -> dict[str, int]:
    """The measures of these lines added up, as a spreadsheet would."""
    return {name: sum(unit.figures[name] for unit in units) for name in MEASURES}


def body(
    units: Sequence[FormUnit],
    columns: Sequence[Column],
    drift: Drift | None,
    grouping: Grouping | None = None,
) -> list[Line]:
    """Sections with units and totals, and the grand total. ``grouping``: communes below rows of their districts."""
    lines: list[Line] = []
    every: list[int] = []
    blocks = [block for block in BLOCK_ORDER if any(unit.block == block for unit in units)]
    for number, block in enumerate(blocks):
        own = [unit for unit in units if unit.block == block]
        lines.append(Line("section", _row(columns, _ROMAN[number], SECTIONS[block], None, None)))
        places: list[int] = []
        for letter, (parent, below) in enumerate(_by_parent(own).items()):
            if parent is not None and grouping is not None:
                lines.append(_subsection(columns, letter, parent, below, grouping, len(lines) + 1))
            for at, unit in enumerate(below, start=1):
                hidden = drift is Drift.HIDDEN_ROWS and number == 0 and at <= _HIDDEN
                places.append(len(lines))
                lines.append(Line("unit", _row(columns, at, unit.name, unit.figures, unit.code), hidden))
        every += places
        total = total_of(own)
        if drift is Drift.WRONG_TOTAL and number == 0:
            total["received"] += 10
        label = SECTIONS[block][0].lower() + SECTIONS[block][1:] if block == "department" else SECTIONS[block]
        lines.append(
            Line("subtotal", _row(columns, None, f"Cộng {label}", total, None), summed=tuple(places))
        )
    if len(blocks) > 1:
        total = total_of(units)
        lines.append(Line("total", _row(columns, None, "Tổng cộng", total, None), summed=tuple(every)))
    return lines


def _by_parent(units: Sequence[FormUnit]) -> dict[str | None, list[FormUnit]]:
    found: dict[str | None, list[FormUnit]] = {}
    for unit in units:
        found.setdefault(unit.parent, []).append(unit)
    return found


def _subsection(
    columns: Sequence[Column],
    number: int,
    parent: str,
    below: Sequence[FormUnit],
    grouping: Grouping,
    first: int,
) -> Line:
    """The row of a district; its communes begin at the place ``first`` among the lines."""
    if grouping is Grouping.NAMES:
        return Line("subsection", _row(columns, None, parent, None, None))
    cells = _row(columns, f"{chr(ord('a') + number)})", parent, total_of(below), None)
    return Line("subsection", cells, summed=tuple(range(first, first + len(below))))


def _row(
    columns: Sequence[Column],
    stt: Value,
    name: str,
    figures: Mapping[str, int] | None,
    code: str | None,
) -> tuple[Value, ...]:
    cells: list[Value] = []
    for column in columns:
        if column.path == ("STT",):
            cells.append(stt)
        elif column.number == 2 or column.path == ("Đơn vị",):
            cells.append(name)
        elif column.path == ("Mã đơn vị",):
            cells.append(code)
        else:
            cells.append(column.value(figures) if column.value and figures is not None else None)
    return tuple(cells)


def head_lines(province: Province, window: Window, drift: Drift | None) -> tuple[tuple[str, str], ...]:
    """The two columns of words above the title, left and right."""
    named = _neighbour(province) if drift is Drift.OTHER_PROVINCE else province
    vpcp = drift is Drift.FORM_06_VPCP
    return (
        (f"UBND {named.name}".upper(), "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM"),
        ("VĂN PHÒNG" if not vpcp else "Biểu số II.06b/VPCP/KSTT", "Độc lập - Tự do - Hạnh phúc"),
    )


def title_lines(province: Province, window: Window, drift: Drift | None) -> tuple[str, ...]:
    """Title, window and the mark of sample data."""
    named = _neighbour(province) if drift is Drift.OTHER_PROVINCE else province
    title = "BIỂU TỔNG HỢP KẾT QUẢ SỐ HÓA HỒ SƠ, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
    if drift is Drift.FORM_06_VPCP:
        title = "TÌNH HÌNH, KẾT QUẢ GIẢI QUYẾT THỦ TỤC HÀNH CHÍNH"
    lines = [title, f"của {named.name}"]
    if drift is not Drift.NO_WINDOW:
        lines.append(f"(Từ ngày {window.first:%d/%m/%Y} đến ngày {window.last:%d/%m/%Y})")
    if drift is Drift.TWO_WINDOWS:
        month = window.first.replace(day=1)
        lines.append(f"(Từ ngày {month:%d/%m/%Y} đến ngày {window.first.replace(day=28):%d/%m/%Y})")
    return (*lines, f"{MARKER} – dùng để thử phần mềm, không phải số liệu thật")


def foot_lines(columns: Sequence[Column], drift: Drift | None) -> list[Line]:
    """What stands below the table; nothing of it is a unit."""
    width = len(columns)

    def line(kind: str, *cells: tuple[int, Value]) -> Line:
        row: list[Value] = [None] * width
        for place, value in cells:
            row[place] = value
        return Line(kind, tuple(row))

    lines = [line("blank")]
    if drift is Drift.EXTRA_FOOTER:
        lines += [
            line("note", (0, "Ghi chú: số liệu trích xuất từ Hệ thống thông tin giải quyết TTHC của tỉnh.")),
            line("note", (0, "Nguồn: Hệ thống thông tin giải quyết TTHC; không gồm hồ sơ liên thông.")),
            line("blank"),
        ]
    if drift is Drift.NUMBERS_IN_FOOTER:
        lines.append(Line("note", (None, "Ghi chú: kỳ trước", *(100 + place for place in range(width - 2)))))
    right = width - 4
    return [
        *lines,
        line("foot", (0, "Người lập biểu"), (right, "Thủ trưởng đơn vị")),
        line("sign", (0, "(Ký, ghi rõ họ tên)"), (right, "(Ký, đóng dấu)")),
    ]


def _neighbour(province: Province) -> Province:
    """Another province, always the same for one."""
    known = [other for other in load_provinces().values() if other.portal_id and other.code != province.code]
    return min(known, key=lambda other: other.code)
