"""Charts, links and marks of both workbooks: what they point at, what they say, and that office programs draw them."""

from __future__ import annotations

import dataclasses
import io
import itertools
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import digitization_cases
import openpyxl
import pytest
from appendix_cases import (
    CASES,
    HOSTILE_NAMES,
    NAMES,
    appendix_data,
    commune_rows,
    department_rows,
    header_row,
    texts,
    unit,
    unit_rows,
)
from openpyxl.utils import range_boundaries
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.appendix import render_appendix
from etl.deliver.sheet_charts import pages_of
from etl.deliver.sheet_conventions import contrast, load_workbook_style
from etl.deliver.sheet_text import clean_text
from etl.deliver.workbook_bytes import workbook_bytes

DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
CHART = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
SOFFICE = shutil.which("soffice")
STYLE = load_workbook_style()
# A commune block larger than a page: what a province has today.
MANY = tuple(
    unit("commune", f"UBND xã {number:03d}", "7.96 16 6.2 5 6 14", number, flags=())
    for number in range(1, 149)
)
BOOKS = {
    "appendix": lambda: render_appendix(appendix_data(), NAMES),
    "many": lambda: render_appendix(appendix_data(units=(*department_rows(), *MANY)), NAMES),
    "digitization": digitization_cases.rendered,
    "digitization 14": lambda: digitization_cases.rendered("so_hoa_14_cot@1"),
}


@cache
def book_of(name: str) -> bytes:
    return BOOKS[name]()


def charts(content: bytes) -> list[ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        names = [name for name in package.namelist() if name.startswith("xl/charts/chart")]
        names.sort(key=lambda name: int(re.findall(r"\d+", name)[0]))
        return [ElementTree.fromstring(package.read(name)) for name in names]


def points(chart: ElementTree.Element, kind: str) -> Iterator[tuple[str, list[str | None]]]:
    """Address and cached values of each series' names (``cat``) or figures (``val``)."""
    for found in chart.iter(f"{CHART}{kind}"):
        address = found.findtext(f".//{CHART}f")
        assert address is not None
        count = int(next(found.iter(f"{CHART}ptCount")).attrib["val"])
        values: list[str | None] = [None] * count
        for point in found.iter(f"{CHART}pt"):
            values[int(point.attrib["idx"])] = point.findtext(f"{CHART}v")
        yield address, values


def cells(book: openpyxl.Workbook, address: str) -> list[object]:
    sheet, area = address.rsplit("!", 1)
    column, first, same, last = range_boundaries(area)
    assert column == same
    title = sheet[1:-1].replace("''", "'") if sheet.startswith("'") else sheet
    return [book[title].cell(row, column).value for row in range(first, last + 1)]


# ------------------------------------------------------------------ charts


@pytest.mark.parametrize("name", BOOKS)
def test_charts_show_what_the_cells_hold_and_nothing_else(name: str) -> None:
    content = book_of(name)
    book = openpyxl.load_workbook(io.BytesIO(content))
    seen = 0
    for chart in charts(content):
        for address, values in points(chart, "cat"):
            assert values == cells(book, address)
            seen += len(values)
        for address, values in points(chart, "val"):
            assert [None if v is None else float(v) for v in values] == cells(book, address)
    assert seen > 10
    assert book.sheetnames.count("Biểu đồ") == 1


def test_the_provinces_chart_sets_scores_against_maxima() -> None:
    (_, maxima), (_, scores) = points(charts(book_of("appendix"))[0], "val")
    assert [float(value or -1) for value in maxima] == [18, 20, 12, 10, 22, 18]
    assert [float(value or -1) for value in scores] == [7.96, 15.68, 8.83, 6.53, 9.3, 12.97]


def test_a_blocks_bars_follow_its_table_and_leave_out_whoever_has_no_total() -> None:
    content = book_of("appendix")
    book = openpyxl.load_workbook(io.BytesIO(content))
    table = [row for row in unit_rows(book["Sở, ban, ngành"])[:-1] if row[8] is not None]
    ((_, names),) = points(charts(content)[1], "cat")
    ((_, totals),) = points(charts(content)[1], "val")
    assert [(n, float(t or -1)) for n, t in zip(names, totals, strict=True)] == [(r[1], r[8]) for r in table]
    assert "Sở Công Thương" not in names
    assert any("Không vẽ 1 đơn vị không có tổng điểm." in text for text in texts(book["Biểu đồ"]))


def test_bars_bear_the_colour_of_their_rating_and_grey_without_one() -> None:
    series = next(charts(book_of("appendix"))[1].iter(f"{CHART}ser"))
    colours = {
        int(next(point.iter(f"{CHART}idx")).attrib["val"]): next(
            node.attrib["val"] for node in point.iter() if node.tag.endswith("srgbClr")
        )
        for point in series.iter(f"{CHART}dPt")
    }
    excellent, good = STYLE.bands[0].bar, STYLE.bands[1].bar
    assert colours == {0: excellent, 1: good, 2: good}, (
        "Thanh tra tỉnh, without dossiers, keeps the grey of none"
    )
    fill = next(node.attrib["val"] for node in series.iter() if node.tag.endswith("srgbClr"))
    assert fill == STYLE.colours.unrated


def test_a_large_block_gets_charts_of_one_size_with_every_unit_once() -> None:
    found = charts(book_of("many"))[2:]
    sizes = [len(values) for chart in found for _, values in points(chart, "cat")]
    assert sizes == [37, 37, 37, 37]
    names = [name for chart in found for _, values in points(chart, "cat") for name in values]
    assert names == [one.unit_name for one in MANY]
    titles = ["".join(chart.itertext()) for chart in found]
    assert "(số thứ tự 38–74)" in titles[1]


def test_names_of_several_lines_get_room_and_fewer_to_a_page() -> None:
    assert pages_of(["UBND xã"] * 74, 40, above=84) == [37, 37]
    assert pages_of(["UBND xã"] * 75, 40, above=84) == [25, 25, 25]
    assert pages_of(["UBND xã"] * 21, 10, above=60) == [7, 7, 7]
    assert pages_of([], 40, above=60) == []
    long = "Trung tâm Phục vụ hành chính công " * 6
    sizes = pages_of([long] * 30, 40, above=60)
    assert sum(sizes) == 30
    assert max(sizes) < 20
    assert pages_of(["W" * 700] * 2, 40, above=60) == [1, 1], "a name as high as a page still gets its chart"


def test_the_line_of_the_target_is_drawn_where_there_is_one() -> None:
    def units(content: bytes) -> list[str]:
        return [
            node.attrib["val"] for chart in charts(content)[1:] for node in chart.iter(f"{CHART}majorUnit")
        ]

    assert set(units(book_of("appendix"))) == {"80"}
    none = STYLE.model_copy(update={"total_target": None})
    assert set(units(render_appendix(appendix_data(), NAMES, style=none))) == {"20"}
    low = STYLE.model_copy(update={"total_target": Decimal(40)})
    assert set(units(render_appendix(appendix_data(), NAMES, style=low))) == {"20"}, (
        "40 would be drawn at 80, too"
    )
    assert set(units(digitization_cases.rendered())) == {"0.8"}
    assert set(units(digitization_cases.rendered(target_pct=None))) == {"0.2"}


def test_digitization_charts_are_shares_of_the_forms_two_columns() -> None:
    content = digitization_cases.rendered()
    book = openpyxl.load_workbook(io.BytesIO(content))
    blocks, departments, communes = charts(content)
    assert {node.attrib["val"] for node in departments.iter(f"{CHART}grouping")} == {"percentStacked"}
    (done_at, done), (without_at, without) = points(departments, "val")
    assert done_at.startswith("'Biểu số hóa'!$J$")
    assert without_at.startswith("'Biểu số hóa'!$I$")
    assert done == ["1050", "520", "0", "4"]
    assert without == ["50", "270", "0", "1"]
    ((_, names), _) = points(communes, "cat")
    assert clean_text("UBND xã \u202eđảo\x00") in names
    ((_, shown), _) = points(blocks, "cat")
    assert shown == ["Sở, ban, ngành", "UBND cấp xã", "Toàn tỉnh"]
    sheet = book["Biểu đồ"]
    row = header_row(sheet)
    assert [cell.value for cell in sheet[row + 3]] == [3, "Toàn tỉnh", 2078, 8017, 79.42]


@pytest.mark.parametrize("name", BOOKS)
def test_every_chart_has_words_for_who_cannot_see_it(name: str) -> None:
    content = book_of(name)
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        drawings = [part for part in package.namelist() if re.fullmatch(r"xl/drawings/drawing\d+\.xml", part)]
        frames = [
            node
            for part in drawings
            for node in ElementTree.fromstring(package.read(part)).iter(f"{DRAWING}cNvPr")
        ]
    assert len(frames) == len(charts(content)) > 2
    for frame, chart in zip(frames, charts(content), strict=True):
        title, told = frame.attrib["title"], frame.attrib["descr"]
        assert title in "".join(chart.itertext()), "what is seen and what is heard bear one title"
        assert told.startswith("Biểu đồ thanh ngang")
        assert re.search(r"\d", told)
        assert not re.search("[\x00-\x1f\u202e]", told)
    assert [frame.attrib["name"] for frame in frames] == [f"Biểu đồ {n}" for n in range(1, len(frames) + 1)]


def test_a_chart_without_words_is_refused() -> None:
    book = openpyxl.Workbook()
    book.active.add_chart(openpyxl.chart.BarChart(), "A1")
    with pytest.raises(ValueError, match="1 charts, but words for 0"):
        workbook_bytes(book, title="x", creator="y", at=appendix_data().snapshot.captured_at)


def test_a_block_without_any_total_says_so_instead_of_an_empty_chart() -> None:
    rows = (unit("commune", "UBND xã A", "1 1 1 1 1 -", None), *department_rows())
    content = render_appendix(appendix_data(units=rows), NAMES)
    assert len(charts(content)) == 2
    told = texts(openpyxl.load_workbook(io.BytesIO(content))["Biểu đồ"])
    assert "UBND cấp xã tỉnh Phú Thọ: chưa có đơn vị nào có tổng điểm để vẽ." in told


def test_a_province_without_figures_has_a_chart_without_bars() -> None:
    content = render_appendix(appendix_data(indicators=(), province=None), NAMES)
    (_, maxima), (_, scores) = points(charts(content)[0], "val")
    assert scores == [None] * 6
    assert None not in maxima


def test_parts_stand_in_the_order_excel_reads_them() -> None:
    for name in BOOKS:
        with zipfile.ZipFile(io.BytesIO(book_of(name))) as package:
            sheets = [
                package.read(part).decode() for part in package.namelist() if "worksheets/sheet" in part
            ]
            for part in package.namelist():
                if part.endswith((".xml", ".rels")):
                    ElementTree.fromstring(package.read(part))
        drawn = [xml for xml in sheets if "<drawing " in xml]
        assert len(drawn) == 1
        for xml in sheets:
            tags = [child.tag.removeprefix(MAIN) for child in ElementTree.fromstring(xml)]
            order = ["conditionalFormatting", "hyperlinks", "printOptions", "pageMargins", "pageSetup",
                     "headerFooter", "rowBreaks", "ignoredErrors", "drawing"]  # fmt: skip
            found = [tag for tag in dict.fromkeys(tags) if tag in order]
            assert found == sorted(found, key=order.index)
            assert tags.count("ignoredErrors") == 1


# ------------------------------------------------------------------ links


@pytest.mark.parametrize("name", BOOKS)
def test_links_lead_from_the_contents_to_every_other_sheet_and_nowhere_else(name: str) -> None:
    content = book_of(name)
    book = openpyxl.load_workbook(io.BytesIO(content))
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        relations = b"".join(package.read(part) for part in package.namelist() if part.endswith(".rels"))
        links = {
            part: list(ElementTree.fromstring(package.read(part)).iter(f"{MAIN}hyperlink"))
            for part in package.namelist()
            if "worksheets/sheet" in part
        }
    assert b"hyperlink" not in relations
    assert [part for part, found in links.items() if found] == ["xl/worksheets/sheet1.xml"]
    found = links["xl/worksheets/sheet1.xml"]
    assert all(RELATION not in link.attrib for link in found)
    assert [link.attrib["location"] for link in found] == [f"'{title}'!A1" for title in book.sheetnames[1:]]
    contents = book["Mục lục"]
    assert [contents[link.attrib["ref"]].value for link in found] == book.sheetnames[1:]


def test_a_sheet_named_by_data_is_linked_by_its_clean_name() -> None:
    rows = (*commune_rows(), unit("=HYPERLINK('http://x')!", "Đơn vị", "8 20 12 10 22 18", 1))
    book = openpyxl.load_workbook(io.BytesIO(render_appendix(appendix_data(units=rows), NAMES)))
    strange = book.sheetnames[3]
    links = [cell.hyperlink for row in book["Mục lục"].iter_rows() for cell in row if cell.hyperlink]
    assert f"'{strange.replace(chr(39), chr(39) * 2)}'!A1" in [link.location for link in links]
    assert not any(link.target for link in links)


def test_the_contents_tell_results_notices_and_source() -> None:
    for period_id, case in CASES.items():
        data = case()
        told = texts(openpyxl.load_workbook(io.BytesIO(render_appendix(data, NAMES)))["Mục lục"])
        assert any(text.startswith("Tổng điểm tỉnh Phú Thọ: 61,27/100 điểm") for text in told)
        assert any("Kiểm tra: 1 đạt, 1 cảnh báo, 1 không đạt." in text for text in told)
        assert any("là quy ước để theo dõi, không phải quy định" in text for text in told)
        assert told[-1].startswith("Nguồn: Cổng Dịch vụ công quốc gia")
        provisional = any(text.startswith("– Số liệu tạm thời") for text in told)
        assert provisional is (period_id != "2026-08")
    captures = tuple(
        dataclasses.replace(one, address="http://127.0.0.1:1/x") for one in appendix_data().snapshot.captures
    )
    trial = appendix_data(snapshot=dataclasses.replace(appendix_data().snapshot, captures=captures))
    told = texts(openpyxl.load_workbook(io.BytesIO(render_appendix(trial, NAMES)))["Mục lục"])
    assert any("không dùng để báo cáo" in text for text in told)


def test_the_forms_contents_tell_rate_gaps_and_files() -> None:
    told = texts(digitization_cases.opened()["Mục lục"])
    assert "Tỷ lệ số hóa kết quả giải quyết của tỉnh Phú Thọ: 79,42% (8.017/10.095 kết quả)." in told
    assert "– Khối UBND cấp xã: có 6/7 đơn vị. Còn thiếu: UBND xã Văn Lang." in told
    assert any("chưa đạt: 3/9 đơn vị có phát sinh." in text for text in told)
    assert "– Không khớp với Cổng: 1 giá trị (xem trang Đối chiếu với Cổng)." in told
    assert told[-1].startswith("Nguồn: biểu số hóa tháng 9/2026, nhận lúc 16/09/2026 09:14")
    many = digitization_cases.opened(files=tuple(digitization_cases.file() for _ in range(12)))["Mục lục"]
    assert texts(many)[-1].startswith("Nguồn: 12 tệp, nhận đến 16/09/2026 09:14")
    none = digitization_cases.opened(totals=())["Mục lục"]
    assert any("chưa tính được vì số liệu chưa đủ" in text for text in texts(none))


# ------------------------------------------------------------------ marks


def formats(sheet: Worksheet) -> list[tuple[str, str, str | None, bool]]:
    """Range, formula, fill and whether bold, of every rule."""
    return [
        (
            str(area.sqref),
            rule.formula[0],
            rule.dxf.fill.bgColor.rgb if rule.dxf.fill else None,
            bool(rule.dxf.font and rule.dxf.font.b),
        )
        for area in sheet.conditional_formatting
        for rule in area.rules
    ]


def test_ratings_are_conditional_formats_on_total_and_rating() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(book_of("appendix")))["Sở, ban, ngành"]
    first = header_row(sheet) + 1
    area = f"{first}:{{}}{first + 4}"
    rules = formats(sheet)
    total = [rule for rule in rules if rule[0] == f"I{area.format('I')}"]
    rating = [rule for rule in rules if rule[0] == f"M{area.format('M')}"]
    assert len(total) + len(rating) == len(rules)
    assert [rule[2] for rule in rating] == [f"FF{band.fill}" for band in STYLE.bands]
    assert [rule[3] for rule in total] == [False, False, True, True, True], "below 80 in bold"
    rated = f'$M{first}<>"",ISNUMBER($I{first})'
    assert rating[0][1] == f"AND({rated},$I{first}>=90)"
    assert rating[2][1] == f"AND({rated},$I{first}>=70,$I{first}<80)"


def test_a_target_inside_a_band_cuts_it_in_two() -> None:
    style = STYLE.model_copy(update={"total_target": Decimal("72.5")})
    sheet = openpyxl.load_workbook(io.BytesIO(render_appendix(appendix_data(), NAMES, style=style)))["Cấp xã"]
    khá = [
        rule for rule in formats(sheet) if rule[0].startswith("I") and rule[2] == f"FF{STYLE.bands[2].fill}"
    ]
    assert [(re.findall(r"[<>]=?([\d.]+)", rule[1]), rule[3]) for rule in khá] == [
        (["72.5", "80"], False),
        (["70", "72.5"], True),
    ]


def test_a_line_parts_who_reaches_the_target_from_who_does_not() -> None:
    def ruled(sheet: Worksheet) -> list[int]:
        return [
            row for row in range(1, sheet.max_row + 1) if sheet.cell(row, 2).border.bottom.style == "medium"
        ]

    book = openpyxl.load_workbook(io.BytesIO(book_of("appendix")))
    sheet = book["Sở, ban, ngành"]
    assert ruled(sheet) == [header_row(sheet) + 3], "under Sở Y tế, 80 points"
    assert ruled(book["Cấp xã"]) == [], "nobody reaches it"
    assert "đạt ngưỡng 3/3 đơn vị được xếp loại" in texts(sheet)[-1]
    none = STYLE.model_copy(update={"total_target": None})
    plain = openpyxl.load_workbook(io.BytesIO(render_appendix(appendix_data(), NAMES, style=none)))
    assert ruled(plain["Sở, ban, ngành"]) == []
    assert "Ngưỡng" not in texts(plain["Sở, ban, ngành"])[-1]


@pytest.mark.parametrize(
    ("template", "columns"), [("so_hoa_10_cot@1", "I J"), ("so_hoa_14_cot@1", "K L M N")]
)
def test_the_forms_target_is_a_conditional_format_of_the_results(template: str, columns: str) -> None:
    sheet = digitization_cases.opened(template)["Biểu số hóa"]
    ((area, formula, fill, _),) = formats(sheet)
    assert [part[0] for part in area.split()] == columns.split()
    assert fill == f"FF{STYLE.colours.failed}"
    assert re.search(r"ROUND\(100\*\$(\w)\d+/\(\$\1\d+\+\$\w\d+\),2\)<80", formula)
    assert formats(digitization_cases.opened(template, target_pct=None)["Biểu số hóa"]) == []


def test_no_text_of_the_data_stands_in_a_formula_of_a_mark() -> None:
    seen = 0
    for name in ("appendix", "digitization", "digitization 14"):
        for sheet in openpyxl.load_workbook(io.BytesIO(book_of(name))):
            for _, formula, _, _ in formats(sheet):
                seen += 1
                words = set(re.findall(r'"([^"]*)"', formula))
                assert words <= {"", "Đạt", "Cảnh báo", "Không đạt", "Thiếu", "Chưa đạt", "Không khớp",
                                 "Lệch do khác kỳ"}  # fmt: skip
                assert not any(name in formula for name in HOSTILE_NAMES)
                assert "HYPERLINK" not in formula
    assert seen > 30


def test_marked_figures_can_be_read_on_their_fills() -> None:
    for band in STYLE.bands:
        assert contrast(STYLE.colours.below, band.fill) >= 4.5
        assert contrast("000000", band.fill) >= 4.5


# ------------------------------------------------------------------ office programs


@pytest.mark.skipif(
    SOFFICE is None or shutil.which("pdftotext") is None, reason="needs LibreOffice and poppler"
)
@pytest.mark.parametrize("name", ["many", "digitization"])
def test_libreoffice_opens_draws_and_pages_it(name: str, tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    content = book_of(name)
    path.write_bytes(content)
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    for target in ("pdf", "ods"):
        subprocess.run(
            [str(SOFFICE), f"-env:UserInstallation=file://{tmp_path}/office", "--headless", "--convert-to",
             target, "--outdir", str(tmp_path), str(path)],
            check=True, capture_output=True, timeout=120, env=environment,
        )  # fmt: skip
    with zipfile.ZipFile(tmp_path / "book.ods") as package:
        objects = [part for part in package.namelist() if re.fullmatch(r"Object \d+/content\.xml", part)]
        spoken = package.read("content.xml").decode()
    drawn = charts(content)
    assert len(objects) == len(drawn)
    assert spoken.count("<svg:desc>Biểu đồ thanh ngang") == len(drawn), "the descriptions arrive"
    printed = subprocess.run(
        ["pdftotext", "-layout", str(tmp_path / "book.pdf"), "-"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    pages = ["".join(page.split()) for page in printed.split("\f")]  # kerning passes for spaces
    for chart in drawn:
        ((_, names), *_) = points(chart, "cat")
        # A title that is printed only in the chart, and its first and last bar on one page: nothing is cut.
        title, *bars = (
            "".join(text.split())
            for text in (
                "".join(node.text or "" for node in chart.iter() if node.tag.endswith("}t")),
                str(names[0]),
                str(names[-1]),
            )
        )
        assert any(title in page and all(bar in page for bar in bars) for page in pages), title


def test_the_same_figures_give_the_same_charts_after_another_workbook() -> None:
    once = book_of("appendix")
    BOOKS["many"]()
    assert BOOKS["appendix"]() == once


@pytest.mark.parametrize("name", BOOKS)
def test_no_page_ends_between_a_blocks_words_and_its_chart(name: str) -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(book_of(name)))["Biểu đồ"]
    breaks = [one.id for one in sheet.row_breaks.brk]
    assert breaks or name.startswith("digitization")
    assert [sheet.cell(row, 1).value for row in breaks] == [None] * len(breaks)
    edges = [0, *breaks, sheet.max_row]
    for first, last in itertools.pairwise(edges):
        assert sum(sheet.row_dimensions[row].height for row in range(first + 1, last + 1)) <= 728, (
            "an A4 page"
        )
