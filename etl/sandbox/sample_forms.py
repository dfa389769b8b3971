"""Digitization forms as an office sends them: right, or wrong in one way on order.

The figures are those of the sample dossiers (``sample_dossiers``): a form equals the list of
the same window to the digit and, over a calendar window, the sample portal's figures.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from etl.errors import Terminal
from etl.periods import Window, named_window, window_of
from etl.reference.provinces import Province
from etl.sandbox.sample_dossier_units import BLOCK_ORDER, default_blocks
from etl.sandbox.sample_dossiers import window_figures
from etl.sandbox.sample_form_layouts import IGATE, LAYOUTS, Column, Drift, Grouping, Value, columns_of
from etl.sandbox.sample_form_lines import (
    MARKER,
    FormUnit,
    Line,
    body,
    foot_lines,
    form_units,
    head_lines,
    title_lines,
    total_of,
)
from etl.sandbox.sample_form_workbook import FormSheet, form_workbook, header_grid

# What iGate calls the measures it has.
_IGATE_KEYS = {
    "totalReceiver": "received",
    "totalReceiverHavingFile": "components_digitized",
    "totalReceiverNopeFile": "components_not_digitized",
    "totalComplete": "resolved",
    "totalCompleteHavingFile": "results_digitized",
    "totalCompleteNopeFile": "results_not_digitized",
}
# Drifts that mean something without cells, totals and sections.
_JSON_DRIFTS = (
    Drift.RENAMED_HEADER,
    Drift.ADDED_COLUMN,
    Drift.MISSING_COLUMN,
    Drift.UNKNOWN_UNIT,
    Drift.AMBIGUOUS_UNIT,
    Drift.MISSING_UNITS,
    Drift.DUPLICATE_UNIT,
    Drift.TEXT_NUMBERS,
    Drift.DECOMPOSED_UNICODE,
    Drift.NEGATIVE,
    Drift.NO_WINDOW,
    Drift.OTHER_PROVINCE,
)


@dataclass(frozen=True)
class PlantedForm:
    """A form that was written, and what it says.

    ``units`` are its lines in order (a drift may have added, doubled or spoilt one);
    ``figures`` the true measures by unit code of every unit of its blocks; ``totals`` by block
    as they add up (also where ``wrong_total`` states another); ``rows`` counts the rows below the
    header that are not blank, by kind (numbering, section, subsection, unit, subtotal, total, note, foot, sign).
    """

    path: Path
    province: Province
    window: Window
    layout: str
    drift: Drift | None
    blocks: tuple[str, ...]
    units: tuple[FormUnit, ...]
    figures: Mapping[str, Mapping[str, int]]
    totals: Mapping[str, Mapping[str, int]]
    rows: Mapping[str, int]


def write_form(
    path: Path,
    province: Province,
    window: Window,
    *,
    layout: str = "so_hoa_10_cot",
    blocks: tuple[str, ...] | None = None,
    seed: int = 766,
    drift: Drift | None = None,
    grouped_by_district: Grouping | None = None,
) -> PlantedForm:
    """Write the digitization form of a province over a window to ``path``.

    ``layout`` so_hoa_10_cot, so_hoa_14_cot (a workbook, or CSV where ``path`` ends in .csv) or
    igate_json. ``blocks`` are its sections, by default all the province has; "land_office"
    takes the land registration office out of the departments. ``grouped_by_district`` puts each district's
    communes below a row of its name. Raises Terminal for other words, for a drift or a grouping the
    layout cannot have, and for a province without units.
    """
    if layout not in LAYOUTS:
        raise Terminal(f"there is no layout '{layout}'", f"use one of {', '.join(LAYOUTS)}")
    blocks = tuple(block for block in BLOCK_ORDER if block in (blocks or default_blocks(province)))
    figures = window_figures(province, window, seed=seed)
    units = form_units(province, window, blocks, figures, drift, grouped_by_district)
    if grouped_by_district and (layout == IGATE or not any(unit.parent for unit in units)):
        raise Terminal(
            f"{layout} of {province.name} cannot be grouped by district",
            "use a sheet's layout and a province of the past with communes (ba_ria_vung_tau)",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if layout == IGATE:
        rows = Counter(unit=len(units))
        path.write_bytes(_igate(province, window, units, drift))
    else:
        sheets = _sheets(province, window, layout, units, drift, grouped_by_district)
        if drift is Drift.SECOND_WINDOW_SHEET:
            sheets += _second_form(province, window, layout, blocks, seed)
        rows = _count(sheets)
        is_csv = path.suffix.lower() == ".csv"
        path.write_bytes(
            _csv(sheets) if is_csv else form_workbook(sheets, cached=drift is not Drift.UNCACHED_TOTALS)
        )
    held = {unit.code for unit in form_units(province, window, blocks, figures, None)}
    return PlantedForm(
        path=path,
        province=province,
        window=window,
        layout=layout,
        drift=drift,
        blocks=blocks,
        units=tuple(units),
        figures={code: values for code, values in figures.items() if code in held},
        totals={block: total_of([unit for unit in units if unit.block == block]) for block in blocks},
        rows=dict(rows),
    )


def _sheets(
    province: Province,
    window: Window,
    layout: str,
    units: Sequence[FormUnit],
    drift: Drift | None,
    grouping: Grouping | None = None,
) -> list[FormSheet]:
    columns = columns_of(layout, drift)
    parts = [("Biểu 1", list(units))]
    if drift is Drift.BLOCKS_ON_SHEETS:
        held = [block for block in BLOCK_ORDER if any(unit.block == block for unit in units)]
        parts = [
            (f"Biểu {number}", [unit for unit in units if unit.block == block])
            for number, block in enumerate(held, start=1)
        ]
    return [
        _worded(
            FormSheet(
                title=name,
                head=head_lines(province, window, drift),
                titles=title_lines(province, window, drift),
                columns=columns,
                lines=[*body(part, columns, drift, grouping), *foot_lines(columns, drift)],
                formulas=drift in (Drift.FORMULA_TOTALS, Drift.UNCACHED_TOTALS),
            ),
            drift,
        )
        for name, part in parts
    ]


def _second_form(
    province: Province, window: Window, layout: str, blocks: tuple[str, ...], seed: int
) -> list[FormSheet]:
    """The form of the period before, on a sheet of its own."""
    known = named_window(window.first, window.last) or window
    before = window_of(known.period.previous(), known.kind)
    units = form_units(province, before, blocks, window_figures(province, before, seed=seed), None)
    return [replace(sheet, title="Kỳ trước") for sheet in _sheets(province, before, layout, units, None)]


def _worded(sheet: FormSheet, drift: Drift | None) -> FormSheet:
    """Numbers as text with dots, or every text taken apart into letters and marks (as macOS does)."""
    if drift is Drift.TEXT_NUMBERS:
        return replace(
            sheet,
            lines=[
                replace(line, cells=(*line.cells[:1], *(_as_text(value) for value in line.cells[1:])))
                for line in sheet.lines
            ],
        )
    if drift is not Drift.DECOMPOSED_UNICODE:
        return sheet

    def apart(text: str) -> str:
        return unicodedata.normalize("NFD", text)

    def line_apart(line: Line) -> Line:
        return replace(
            line, cells=tuple(apart(value) if isinstance(value, str) else value for value in line.cells)
        )

    def column_apart(column: Column) -> Column:
        return replace(column, path=tuple(map(apart, column.path)))

    return replace(
        sheet,
        head=tuple((apart(left), apart(right)) for left, right in sheet.head),
        titles=tuple(map(apart, sheet.titles)),
        columns=tuple(map(column_apart, sheet.columns)),
        lines=list(map(line_apart, sheet.lines)),
    )


def _as_text(value: Value) -> Value:
    """1234 -> "1.234", 12.5 -> "12,50": Vietnamese grouping and decimals."""
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", ",")
    return f"{value:,}".replace(",", ".") if isinstance(value, int) else value


def _count(sheets: Sequence[FormSheet]) -> Counter[str]:
    rows: Counter[str] = Counter()
    for sheet in sheets:
        rows.update(line.kind for line in sheet.lines if line.kind != "blank")
        rows["numbering"] += any(column.number is not None for column in sheet.columns)
    return +rows


def _csv(sheets: Sequence[FormSheet]) -> bytes:
    """The first sheet as an office's program saves it: semicolons, UTF-8 with a mark."""
    if len(sheets) > 1:
        raise Terminal("a CSV has no second sheet", "write a workbook (.xlsx)")
    sheet = sheets[0]
    width = len(sheet.columns)
    middle = width // 2 - 1
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";", lineterminator="\r\n")
    for left, right in sheet.head:
        writer.writerow([left, *[None] * (middle - 1), right, *[None] * (width - middle - 1)])
    writer.writerow([None] * width)
    for title in sheet.titles:
        writer.writerow([title, *[None] * (width - 1)])
    writer.writerow([None] * width)
    writer.writerows(header_grid(sheet.columns))
    if any(column.number is not None for column in sheet.columns):
        writer.writerow([f"({column.number})" if column.number else None for column in sheet.columns])
    for line in sheet.lines:
        writer.writerow(
            [str(cell).replace(".", ",") if isinstance(cell, float) else cell for cell in line.cells]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def _igate(province: Province, window: Window, units: Sequence[FormUnit], drift: Drift | None) -> bytes:
    if drift is not None and drift not in _JSON_DRIFTS:
        raise Terminal(f"{IGATE} cannot have the drift '{drift}'", "use a sheet's layout")
    keys = dict(_IGATE_KEYS)
    if drift is Drift.RENAMED_HEADER:
        keys = {("totalFinished" if key == "totalComplete" else key): name for key, name in keys.items()}
    if drift is Drift.MISSING_COLUMN:
        del keys["totalCompleteHavingFile"]
    records: list[dict[str, Value]] = []
    for unit in units:
        record: dict[str, Value] = {"agencyName": unit.name}
        if drift is not Drift.AMBIGUOUS_UNIT:
            record["agencyCode"] = unit.code
        for key, name in keys.items():
            value = unit.figures[name]
            if drift is Drift.NEGATIVE and name == "resolved" and unit.figures["components_reused"] < 0:
                value = -3  # iGate counts no reuse
            record[key] = _as_text(value) if drift is Drift.TEXT_NUMBERS else value
        if drift is Drift.ADDED_COLUMN:
            record["totalOnline"] = unit.figures["received"] * 4 // 5
        records.append(record)
    named = head_lines(province, window, drift)[0][0].removeprefix("UBND ")
    document: dict[str, object] = {"title": f"{MARKER} – Thống kê số hóa hồ sơ {named}"}
    if drift is not Drift.NO_WINDOW:
        document |= {"fromDate": f"{window.first:%d/%m/%Y}", "toDate": f"{window.last:%d/%m/%Y}"}
    text = json.dumps(document | {"data": records}, ensure_ascii=False, indent=1)
    if drift is Drift.DECOMPOSED_UNICODE:
        text = unicodedata.normalize("NFD", text)
    return text.encode()
