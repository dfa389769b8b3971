"""Reading a release back: the figures of its workbooks, letter, page and open data, each with its place in the file.

Written from what a reader sees (headings, names, cells), with none of the code that writes the documents.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import docx
import openpyxl
from deliverables.page_reading import Node, parsed, table
from openpyxl.worksheet.worksheet import Worksheet

from support.release_lines import Line, Tables, Value, figure, vietnamese

GROUPS = {
    "CKMB": "Công khai, minh bạch",
    "TDGQ": "Tiến độ giải quyết",
    "CLGQ": "Dịch vụ công trực tuyến",
    "TTTT": "Thanh toán trực tuyến",
    "MDSH": "Số hóa hồ sơ",
    "MDHL": "Mức độ hài lòng",
}
UNIT_FIELDS = (*map(str.lower, GROUPS), "total", "rank_in_block", "total_change", "rank_change")
COMPONENT_FIELDS = ("numerator", "denominator", "ratio_pct", "score", "max_score")
# The form's headings, top to bottom, and the page's with the form's number below.
FORM_HEADINGS = {
    ("Tiếp nhận",): "received",
    ("Chưa số hóa TPHS",): "components_not_digitized",
    ("Có số hóa TPHS",): "components_digitized",
    ("Có tái sử dụng TP",): "components_reused",
    ("Tái sử dụng từ cổng DVCQG",): "reused_from_portal",
    ("Đã giải quyết",): "resolved",
    ("Số hóa kết quả giải quyết", "Chưa số hóa"): "results_not_digitized",
    ("Số hóa kết quả giải quyết", "Đã số hóa"): "results_digitized",
}
MEASURES = tuple(FORM_HEADINGS.values())
RATES = ("components_rate_pct", "reuse_rate_pct", "results_rate_pct")
PAGE_HEADINGS = {
    "Hồ sơ tiếp nhận (3)": "received",
    "Chưa số hóa (4)": "components_not_digitized",
    "Có số hóa (5)": "components_digitized",
    "Có tái sử dụng (6)": "components_reused",
    "Từ Cổng DVCQG (7)": "reused_from_portal",
    "Hồ sơ đã giải quyết (8)": "resolved",
    "Chưa số hóa (9)": "results_not_digitized",
    "Đã số hóa (10)": "results_digitized",
    "Tỷ lệ số hóa kết quả (%)": "results_rate_pct",
}
COMPARED = {
    "Hồ sơ tiếp nhận": "received",
    "Có số hóa thành phần hồ sơ": "components_digitized",
    "Có tái sử dụng thành phần hồ sơ": "components_reused",
    "Đã số hóa kết quả giải quyết": "results_digitized",
}
SHEET_BLOCKS = {"Sở, ban, ngành": "department", "Cấp xã": "commune"}
FORM_BLOCKS = {"Sở, ban, ngành": "department", "UBND cấp xã": "commune", "Toàn tỉnh": "ALL"}


# --- workbooks --------------------------------------------------------------------------------------------------------


def read_appendix(path: Path) -> Tables:
    """Sheets of blocks, of the province and of its charts' numbers, and the sentences of the contents."""
    book = openpyxl.load_workbook(path)
    found: Tables = {"units": [], "indicators": [], "groups": []}
    for title, block in SHEET_BLOCKS.items():
        sheet = book[title]
        columns = _columns(sheet, _unit_field)
        for row in _body(sheet):
            if isinstance(sheet.cell(row, 1).value, int):
                name = str(sheet.cell(row, 2).value)
                found["units"].append(_sheet_line(path, sheet, row, (block, name), columns))
        assert set(columns) == set(UNIT_FIELDS), f"{title} has columns {columns}"
    province = book["Toàn tỉnh"]
    headings = dict(
        zip(("Tử số", "Mẫu số", "Tỷ lệ (%)", "Điểm đạt", "Điểm tối đa"), COMPONENT_FIELDS, strict=True)
    )
    columns = _columns(province, lambda path: headings.get(path[-1].replace("\n", " ")))
    for row in _body(province):
        code, name = (province.cell(row, place).value for place in (1, 2))
        group = re.search(r"\(([A-Z]{4})\)$", str(name))
        key = group[1] if group else "TOTAL" if name == "TỔNG ĐIỂM" else str(code)
        if name is not None:
            found["indicators"].append(_sheet_line(path, province, row, (key,), columns))
    charts = book["Biểu đồ"]
    headings = {"Điểm đạt": "score", "Điểm tối đa": "max_score"}
    columns = _columns(charts, lambda path: headings.get(path[-1]))
    for row in _body(charts):
        if charts.cell(row, 1).value in GROUPS:
            key = (str(charts.cell(row, 1).value),)
            found["groups"].append(_sheet_line(path, charts, row, key, columns))
    found["headline"] = [_headline(path.name, _words(book["Toàn tỉnh"]))]
    return found


def _unit_field(path: Sequence[str]) -> str | None:
    heading = path[-1].split("\n")[0]
    if heading in GROUPS:
        return heading.lower()
    for begins, name in (
        ("Tổng điểm", "total"),
        ("Xếp hạng", "rank_in_block"),
        ("Tăng, giảm điểm", "total_change"),
        ("Tăng, giảm hạng", "rank_change"),
    ):
        if heading.startswith(begins):
            return name
    return None


def read_form(path: Path) -> Tables:
    """The digitization form: its lines, sums of blocks and of all; its charts' numbers; and the portal's beside them."""
    book = openpyxl.load_workbook(path)
    form = book["Biểu số hóa"]
    columns = _columns(form, lambda path: FORM_HEADINGS.get(tuple(path)))
    assert set(columns) == set(MEASURES), f"the form has columns {columns}"
    found: Tables = {"digitization": [], "digitization_totals": [], "chart_totals": [], "reconciliation": []}
    block = ""
    for row in _body(form):
        number, name = (form.cell(row, place).value for place in (1, 2))
        if name in FORM_BLOCKS and not isinstance(number, int):
            block = FORM_BLOCKS[name]
        elif isinstance(number, int):
            found["digitization"].append(_sheet_line(path, form, row, (block, str(name)), columns))
        elif name is not None:
            key = "ALL" if name == "Tổng cộng" else block
            found["digitization_totals"].append(_sheet_line(path, form, row, (key,), columns))
    charts = book["Biểu đồ"]
    headings = {
        "Chưa số hóa kết quả giải quyết": "results_not_digitized",
        "Đã số hóa kết quả giải quyết": "results_digitized",
        "Tỷ lệ đã số hóa (%)": "results_rate_pct",
    }
    columns = _columns(charts, lambda path: headings.get(path[-1]))
    for row in _body(charts):
        if charts.cell(row, 2).value in FORM_BLOCKS:
            key = (FORM_BLOCKS[str(charts.cell(row, 2).value)],)
            found["chart_totals"].append(_sheet_line(path, charts, row, key, columns))
    beside = book["Đối chiếu với Cổng"]
    headings = {
        "Số liệu của tỉnh": "provincial_value",
        "Số liệu của Cổng": "portal_value",
        "Chênh lệch": "difference",
        "Chênh lệch (%)": "difference_pct",
    }
    columns = _columns(beside, lambda path: headings.get(path[-1].replace("\n", " ")))
    for row in _body(beside):
        if beside.cell(row, 3).value in COMPARED:
            name, measure = (str(beside.cell(row, place).value) for place in (2, 3))
            key = (name, COMPARED[measure])
            found["reconciliation"].append(_sheet_line(path, beside, row, key, columns))
    return found


def _numbered(sheet: Worksheet) -> int:
    """The row that numbers the columns (1), (2), …: headings stand above it, lines below."""
    return next(row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 1).value == "(1)")


def _body(sheet: Worksheet) -> Iterator[int]:
    yield from range(_numbered(sheet) + 1, sheet.max_row + 1)


def _columns(sheet: Worksheet, named: Callable[[Sequence[str]], str | None]) -> dict[str, int]:
    """Field → column, by the heading's words from top to bottom (merged headings are their cells' too)."""
    numbers = _numbered(sheet)
    areas = [area for area in sheet.merged_cells.ranges if area.max_row < numbers]
    columns: dict[str, int] = {}
    for column in range(1, sheet.max_column + 1):
        path: list[str] = []
        for row in range(numbers - 1, 0, -1):
            area = next((one for one in areas if f"{sheet.cell(row, column).coordinate}" in one), None)
            head = sheet.cell(area.min_row, area.min_col) if area else sheet.cell(row, column)
            if head.value is None or (area and area.max_col - area.min_col == sheet.max_column - 1):
                break
            if not path or path[0] != head.value:
                path.insert(0, str(head.value))
        if path and (name := named(path)) is not None:
            assert name not in columns, f"two columns of '{sheet.title}' are {name}"
            columns[name] = column
    return columns


def _sheet_line(
    path: Path, sheet: Worksheet, row: int, key: tuple[str, ...], columns: Mapping[str, int]
) -> Line:
    cells = {name: sheet.cell(row, column) for name, column in columns.items()}
    return Line(
        key,
        {name: figure(cell.value) for name, cell in cells.items()},
        {name: f"{path.name} '{sheet.title}'!{cell.coordinate}" for name, cell in cells.items()},
    )


def _words(sheet: Worksheet) -> str:
    return "\n".join(
        str(cell.value) for row in sheet.iter_rows() for cell in row if isinstance(cell.value, str)
    )


def _headline(name: str, text: str) -> Line:
    """Total and rank as sentences tell them; what is not told is None."""
    sought = {
        "total": r"(?:Tổng điểm [^:\n]*: |đạt )([\d.,]+)/100 điểm",
        "rank": r"(?:Xếp hạng toàn quốc: |xếp thứ )(\d+)/\d+ tỉnh",
        "ranked": r"(?:Xếp hạng toàn quốc: |xếp thứ )\d+/(\d+) tỉnh",
    }
    hits = {field: re.search(pattern, text) for field, pattern in sought.items()}
    return Line(
        (),
        {field: hit[1] if hit else None for field, hit in hits.items()},
        {field: f"{name}, the sentence with {field}" for field in sought},
    )


# --- letter -----------------------------------------------------------------------------------------------------------


def read_letter(path: Path) -> Tables:
    """The letter's two tables as text, cell by cell, and its sentence of total and rank."""
    document = docx.Document(str(path))
    found: Tables = {}
    wanted = {
        "groups": {
            "Điểm tối đa": "max_score",
            "Điểm đạt": "score",
            "Tỷ lệ (%)": "share",
            "Tăng, giảm": "change",
        },
        "digitization_totals": {
            "Đơn vị có số liệu": "units",
            "Hồ sơ đã giải quyết": "resolved",
            "Chưa số hóa (9)": "results_not_digitized",
            "Đã số hóa (10)": "results_digitized",
            "Tỷ lệ (%)": "results_rate_pct",
        },
    }
    for number, one in enumerate(document.tables, start=1):
        rows = [[cell.text.strip() for cell in row.cells] for row in one.rows]
        name = {"Nhóm chỉ số": "groups", "Khối": "digitization_totals"}.get(
            rows[0][1] if len(rows[0]) > 1 else ""
        )
        if name is None:
            continue
        columns = {
            field: next(place for place, head in enumerate(rows[0]) if head.startswith(begins))
            for begins, field in wanted[name].items()
        }
        found[name] = [
            Line(
                (row[1],),
                {field: row[place] for field, place in columns.items()},
                {f: f"{path.name} table {number} row {at} column {p + 1}" for f, p in columns.items()},
            )
            for at, row in enumerate(rows[1:], start=2)
        ]
    found["headline"] = [_headline(path.name, "\n".join(one.text for one in document.paragraphs))]
    return found


# --- page -------------------------------------------------------------------------------------------------------------


def read_page(path: Path) -> Tables:
    """Every table of figures by the exact value of its cells; a cell that shows something else has its text instead."""
    root = parsed(path.read_text(encoding="utf-8"))
    score = {"Điểm tối đa": "max_score", "Điểm đạt": "score"}
    found: Tables = {"units": [], "digitization": [], "digitization_sums": []}
    found["groups"] = list(
        _page_lines(path, table(root, "bang-nhom"), score | {"Tăng, giảm so với": "change"}, name=0)
    )
    found["trend"] = list(
        _page_lines(path, table(root, "bang-dien-bien"), _titles() | {"Tổng điểm": "total"}, name=0)
    )
    found["ranking"] = list(
        _page_lines(path, table(root, "bang-tinh"), {"Hạng": "rank", "Tổng điểm": "total"}, name=1)
    )
    parts = {"Tử số": "numerator", "Mẫu số": "denominator", "Tỷ lệ (%)": "ratio_pct"}
    lines = _page_lines(path, table(root, "bang-chi-so"), parts | score, name=0)
    # The total has no code of the catalogue: its line is the one without.
    found["indicators"] = [Line((one.key[0] or "TOTAL",), one.values, one.places) for one in lines]
    units = _titles() | {
        "Hạng": "rank_in_block",
        "Tổng điểm": "total",
        "Tăng, giảm điểm": "total_change",
        "Tăng, giảm hạng": "rank_change",
    }
    for one in root.all("table"):
        name = one.attributes.get("id", "")
        if re.fullmatch(r"bang-khoi-\d+", name):
            found["units"] += _page_lines(path, one, units, unit=True)
        elif re.fullmatch(r"bang-so-hoa-\d+", name):
            found["digitization"] += _page_lines(path, one, PAGE_HEADINGS, unit=True)
            (foot,) = one.all("tfoot")
            block = FORM_BLOCKS[one.attributes["data-label"].removeprefix("Số hóa, ")]
            found["digitization_sums"] += _page_lines(path, one, PAGE_HEADINGS, body=foot, key=(block,))
    headings = PAGE_HEADINGS | {"Số đơn vị có số liệu": "units"}
    totals = _page_lines(path, table(root, "bang-so-hoa-khoi"), headings, name=0)
    found["digitization_totals"] = [
        Line((FORM_BLOCKS[one.key[0]],), one.values, one.places) for one in totals
    ]
    labels = ("total", "rank", "total_change", "results_rate_pct")
    cards = [node for node in root.all("data")]
    assert len(cards) == len(labels), "the page's overview has other figures"
    found["headline"] = [
        Line(
            (),
            {name: _shown(card.attributes["value"], card) for name, card in zip(labels, cards, strict=True)},
            {name: f"{path.name} overview, {name}" for name in labels},
        )
    ]
    return found


def _titles() -> dict[str, str]:
    return {title: code.lower() for code, title in GROUPS.items()}


def _page_lines(
    path: Path,
    node: Node,
    headings: Mapping[str, str],
    *,
    name: int = 0,
    unit: bool = False,
    body: Node | None = None,
    key: tuple[str, ...] | None = None,
) -> Iterator[Line]:
    columns: dict[str, int] = {}
    for head in node.all("th"):
        if "data-col" in head.attributes:
            said = next((field for begins, field in headings.items() if head.text.startswith(begins)), None)
            if said is not None:
                columns[said] = int(head.attributes["data-col"])
    assert set(columns) == set(headings.values()), f"{node.attributes['id']} has columns {columns}"
    for row in (body or node).all("tr"):
        cells = [child for child in row.children if isinstance(child, Node)]
        if (
            "data-col" in cells[0].attributes
            or (unit and "data-unit" not in row.attributes)
            or len(cells) < len(columns)
        ):
            continue
        of = key or (tuple(row.attributes["data-unit"].split("|", 1)) if unit else (cells[name].seen,))
        where = f"{path.name} #{node.attributes['id']} {'/'.join(of)}"
        yield Line(
            of,
            {field: _page_figure(cells[place]) for field, place in columns.items()},
            {field: f"{where}, {field}" for field in columns},
        )


def _page_figure(cell: Node) -> Value:
    value = cell.attributes.get("data-value")
    return figure(cell.seen) if value is None else _shown(value, cell)


def _shown(value: str, cell: Node) -> Value:
    """The exact value of a cell, or its text where that says something else ("—" says blank)."""
    exact, text = figure(value), cell.seen.removesuffix("*")
    if exact is None:
        return None if text == "—" else text
    decimals = len(text.partition(",")[2])
    if isinstance(exact, Decimal) and text in (
        vietnamese(exact, decimals),
        vietnamese(exact, decimals, signed=True),
    ):
        return exact
    return text


# --- open data --------------------------------------------------------------------------------------------------------

# File → the columns that name a line; every other column that is a figure is compared.
OPEN_DATA: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "chi_so_don_vi": (("block", "unit_name"), ("unit_code", *UNIT_FIELDS)),
    "chi_so_thanh_phan": (
        ("block", "unit_name", "indicator_code"),
        ("unit_code", *COMPONENT_FIELDS, "score_change"),
    ),
    "xep_hang_tinh": (("province_name",), ("province_code", "total", "rank")),
    "so_hoa": (("block", "unit_name"), ("unit_code", *MEASURES, *RATES, "target_pct")),
    "so_hoa_khoi": (("block",), (*MEASURES, *RATES, "target_pct", "units", "expected_units")),
    "xu_huong": (("period_id",), (*map(str.lower, GROUPS), "total")),
}


def read_csv_table(path: Path) -> list[Line]:
    """The lines of a CSV table of the package, as a program without our code reads them."""
    rows = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
    return list(_records(path, rows, "line", 2))


def read_json_table(path: Path) -> list[Line]:
    """The lines of a JSON table of the package; null is None, and an empty text stays one."""
    rows = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    assert not any(value == "" for row in rows for value in row.values()), (
        f"{path.name} says nothing with a text"
    )
    return list(_records(path, rows, "record", 0))


def _records(path: Path, rows: Iterable[Mapping[str, Any]], word: str, first: int) -> Iterator[Line]:
    names, fields = OPEN_DATA[path.stem]
    for place, row in enumerate(rows, start=first):
        yield Line(
            tuple(str(row[name]) for name in names),
            {name: figure(row[name]) for name in fields},
            {name: f"{path.name} {word} {place}, {name}" for name in fields},
        )
