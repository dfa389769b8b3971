"""The public page as bytes: every figure of the report in its tables, nothing from outside, names stay text."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from page_reading import Node, assert_figure, lines, parsed, table, unit_lines
from report_cases import (
    HOSTILE_NAMES,
    bare_report,
    earlier_release,
    hostile_report,
    indicators_data,
    preliminary_report,
    quarter_report,
    report,
    restatements,
    sample_report,
    year_report,
)

from etl.deliver.appendix_data import QualityRow, UnitRow
from etl.deliver.page import render_page
from etl.deliver.report import Report
from etl.deliver.sheet_conventions import load_workbook_style
from etl.deliver.sheet_text import clean_text, number_vi
from etl.sources.digitization import MEASURES

CASES: dict[str, Callable[[], Report]] = {
    "month": lambda: report(earlier=earlier_release(6)),
    "quarter": quarter_report,
    "year": year_report,
    "bare": bare_report,
    "hostile": hostile_report,
}
# Every element the template, the drawings and nothing else may bring.
ELEMENTS = {
    "html", "head", "meta", "title", "link", "style", "body", "a", "header", "div", "p", "h1", "span", "dl",
    "dt", "dd", "nav", "ul", "li", "main", "section", "h2", "h3", "strong", "data", "figure", "svg", "desc",
    "g", "path", "line", "text", "rect", "defs", "figcaption", "table", "caption", "thead", "tbody", "tfoot",
    "tr", "th", "td", "details", "summary", "code", "label", "input", "select", "optgroup", "option",
    "footer", "script",
}  # fmt: skip


@cache
def page_of(case: str) -> str:
    return render_page(CASES[case]()).decode("utf-8")


@cache
def tree_of(case: str) -> Node:
    return parsed(page_of(case))


@pytest.mark.parametrize("case", ["month", "quarter", "year", "bare"])
def test_every_score_of_the_report_is_in_the_tables(case: str) -> None:
    root, told = tree_of(case), CASES[case]()
    groups = lines(table(root, "bang-nhom"))
    for group in told.groups:
        cells = groups[group.name]
        assert_figure(cells[2], group.max_score, 0)
        assert_figure(cells[3], group.score)
        assert_figure(cells[5], group.change, signed=True)
    trend = lines(table(root, "bang-dien-bien"))
    for point in told.trend:
        label = point.period.label_vi
        cells = trend[label[:1].upper() + label[1:]]
        for cell, value in zip(cells[1:], (point.total, *point.groups), strict=False):
            assert_figure(cell, value)
    if told.ranking:
        provinces = lines(table(root, "bang-tinh"))
        assert len(provinces) == len(told.ranking)
        for one in told.ranking:
            assert_figure(provinces[one.province_name][0], one.rank, 0)
            assert_figure(provinces[one.province_name][2], one.total)
    components = lines(table(root, "bang-chi-so"))
    rows = [row for row in told.indicators.indicators if row.level == "component"]
    assert rows
    for row in rows:
        cells = components[row.name]
        assert_figure(cells[2], row.numerator, None)
        assert_figure(cells[3], row.denominator, None)
        assert_figure(cells[4], row.ratio_pct)
        assert_figure(cells[5], row.score)
        assert_figure(cells[6], row.max_score, None)


@pytest.mark.parametrize("case", list(CASES))
def test_every_unit_has_its_line(case: str) -> None:
    units = CASES[case]().indicators.units
    found = unit_lines(tree_of(case))
    assert len(found) == len(units) > 30
    for unit in units:
        name = clean_text(unit.unit_name, longest=4000)
        cells = found[clean_text(f"{unit.block}|{unit.unit_name}", longest=4000)]
        assert_figure(cells[0], unit.rank_in_block, 0)
        assert cells[1].text == name
        for cell, score in zip(cells[2:], unit.group_scores, strict=False):
            assert_figure(cell, score)
        assert_figure(cells[8], unit.total)
        assert_figure(cells[9], unit.total_change, signed=True)
        assert_figure(cells[10], unit.rank_change, 0, signed=True)


@pytest.mark.parametrize("case", ["month", "quarter", "year", "hostile"])
def test_every_digitization_figure_is_there(case: str) -> None:
    root, data = tree_of(case), CASES[case]().digitization
    assert data is not None
    totals = list(lines(table(root, "bang-so-hoa-khoi")).values())
    assert len(totals) == len(data.totals) == 3
    for block, cells in zip(("department", "commune", "ALL"), totals, strict=True):
        total = data.total(block)
        for cell, measure in zip(cells[2:], MEASURES, strict=False):
            assert_figure(cell, total.measures[measure], 0)
        assert_figure(cells[10], total.rates["results_rate_pct"])
    seen = 0
    for place, block in enumerate(data.blocks, start=1):
        shown = table(root, f"bang-so-hoa-{place}")
        found = {
            row.attributes["data-unit"]: [c for c in row.children if isinstance(c, Node)]
            for row in shown.all("tr")
            if "data-unit" in row.attributes
        }
        for unit in (one for one in data.units if one.block == block):
            cells = found[clean_text(f"{block}|{unit.unit_name}", longest=4000)]
            for cell, measure in zip(cells[2:], MEASURES, strict=False):
                assert_figure(cell, unit.measures[measure], 0)
            assert_figure(cells[10], unit.rates["results_rate_pct"])
            seen += 1
    assert seen == len(data.units)


def test_digitization_columns_are_numbered_one_to_ten() -> None:
    heads = table(tree_of("month"), "bang-so-hoa-1").all("thead")[0].all("th")
    numbered = sorted(
        (h for h in heads if "data-col" in h.attributes), key=lambda h: int(h.attributes["data-col"])
    )
    assert [re.findall(r"\((\d+)\)", h.text) for h in numbered[:10]] == [[str(n)] for n in range(1, 11)]
    assert "Chưa số hóa" in numbered[8].text
    assert "Đã số hóa" in numbered[9].text


def test_restated_values_and_checks_are_told() -> None:
    root, told = tree_of("month"), CASES["month"]()
    for name, changes in (
        ("bang-dinh-chinh", told.earlier.changes),
        ("bang-dieu-chinh", told.indicators.restatements),
    ):
        body = table(root, name).all("tbody")[0].all("tr")
        assert len(body) == len(changes) > 0
        for row, change in zip(body, changes, strict=True):
            cells = [c for c in row.children if isinstance(c, Node)]
            assert cells[0].text == change.unit_name
            for cell, value in ((cells[3], change.old_value), (cells[4], change.new_value)):
                if value is None or isinstance(value, Decimal):
                    assert_figure(cell, value, None)
                else:
                    assert cell.text in ("có", "không có")
    checks = table(root, "bang-kiem-tra").text
    for row in (*told.indicators.quality, *told.digitization.quality):
        assert row.detail in checks


def test_what_a_source_changed_is_told_in_words_also_where_it_is_no_figure_of_the_portal() -> None:
    one = restatements(1)[0]
    changes = tuple(
        dataclasses.replace(one, indicator_code=code, field=field, old_value=old, new_value=new)
        for code, field, old, new in (
            ("DIGITIZATION", "results_digitized", Decimal(1205), Decimal(1210)),
            ("DIGITIZATION", "block", "district", "commune"),
            ("DIGITIZATION", "presence", "absent", "present"),
            ("1.4", "quality_flag", "TEMP_NATIONAL_REPORT_DENOMINATOR", None),
        )
    )
    earlier = dataclasses.replace(earlier_release(0), changes=changes)
    body = table(parsed(render_page(report(earlier=earlier)).decode()), "bang-dinh-chinh").all("tbody")[0]
    rows = [[cell.text for cell in row.children if isinstance(cell, Node)] for row in body.all("tr")]
    assert [row[1:5] for row in rows] == [
        ["Số hóa hồ sơ", "Đã số hóa kết quả giải quyết", "1.205", "1.210"],
        ["Số hóa hồ sơ", "Khối", "UBND cấp huyện", "UBND cấp xã"],
        ["Số hóa hồ sơ", "Có trong số liệu", "không có", "có"],
        ["1.4", "Cờ chất lượng", "Cổng tính theo mẫu số tạm", "không có"],
    ]


def test_a_matter_of_quality_is_told_without_codes() -> None:
    rows = (
        QualityRow("check", "block_known", "fail", "passed", "0/38", "country, province, commune", "Cấp đã biết."),
        QualityRow(
            "missing_unit", "H44.09", "warn", "warned", "không có", "2026-07",
            "Sở A có trong kỳ 2026-07 nhưng không có trong kỳ này.",
        ),
    )  # fmt: skip
    captures = indicators_data().snapshot.captures
    listed = dataclasses.replace(captures[0], group_code="MANIFEST", sha256="f" * 64)
    snapshot = dataclasses.replace(indicators_data().snapshot, captures=(*captures, listed))
    root = parsed(render_page(report(indicators=indicators_data(quality=rows, snapshot=snapshot))).decode())
    checks, sources = table(root, "bang-kiem-tra").text, table(root, "bang-nguon").text
    assert "cả nước; toàn tỉnh; cấp xã" in checks
    assert "Sở A có trong tháng 7/2026 nhưng không có trong kỳ này." in checks
    assert "2026-07" not in checks
    assert "danh mục các câu trả lời của lần chụp" in sources
    assert "MANIFEST" not in sources


def test_figure_and_unit_of_the_overview_are_two_words() -> None:
    """A screen reader says what stands together as one word, and a narrow screen breaks it anywhere."""
    root = tree_of("month")
    told = [node.text for node in root.all("p") if node.attributes.get("class") == "figure"]
    assert "66,53 /100 điểm" in told
    assert "\u22121,35 điểm" in told


def test_what_was_read_is_told_with_its_whole_hash() -> None:
    root, told = tree_of("month"), CASES["month"]()
    sources = table(root, "bang-nguon").text
    hashes = [one.sha256 for one in (*told.indicators.snapshot.captures, *told.digitization.files)]
    assert len(hashes) == 7
    for sha256 in hashes:
        assert sha256 in sources
    assert "15/09/2026 04:00" in sources
    assert told.indicators.snapshot.snapshot_id in sources


def test_a_period_nobody_read_stays_a_gap() -> None:
    told = CASES["month"]()
    known = tuple(point for point in told.trend if point.total is not None)
    assert "2026-05" not in {point.period.id for point in known}
    assert render_page(dataclasses.replace(told, trend=known)) == page_of("month").encode()
    assert all(
        cell.attributes["data-value"] == ""
        for cell in lines(table(tree_of("month"), "bang-dien-bien"))["Tháng 5/2026"][1:8]
    )
    drawing = next(
        s for s in tree_of("month").all("svg") if "bd-dien-bien" in s.attributes["aria-labelledby"]
    )
    blue = [line for line in drawing.all("line") if line.attributes.get("stroke-width") == "2.5"]
    assert len(blue) == 5  # January to April, June to August
    assert "—" in [text.text for text in drawing.all("text")]


def test_every_total_is_written_beside_its_bar() -> None:
    root, told = tree_of("month"), CASES["month"]()
    for place, block in ((1, "department"), (2, "commune")):
        drawings = [
            s for s in root.all("svg") if s.attributes["aria-labelledby"].startswith(f"bd-khoi-{place}-")
        ]
        written = Counter(text.text for drawing in drawings for text in drawing.all("text"))
        totals = [
            unit.total for unit in told.indicators.units if unit.block == block and unit.total is not None
        ]
        assert Counter(number_vi(total, 2) for total in totals) <= written
        assert sum(
            path.attributes.get("data-unit", "").startswith(block) for d in drawings for path in d.all("path")
        ) == len(totals)


def test_provisional_periods_are_hollow_and_said() -> None:
    root = tree_of("quarter")
    drawing = next(s for s in root.all("svg") if "bd-dien-bien" in s.attributes["aria-labelledby"])
    assert any("stroke-dasharray" in line.attributes for line in drawing.all("line"))
    assert "(số liệu tạm)" in drawing.all("desc")[0].text
    assert "Số liệu tạm" in table(root, "bang-dien-bien").text


@pytest.mark.parametrize("case", list(CASES))
def test_drawings_are_named_and_no_id_is_used_twice(case: str) -> None:
    root = tree_of(case)
    ids = Counter(node.attributes["id"] for node in root.every() if "id" in node.attributes)
    assert [name for name, count in ids.items() if count > 1] == []
    drawings = root.all("svg")
    assert len(drawings) >= 4
    for drawing in drawings:
        title, description = drawing.attributes["aria-labelledby"].split()
        assert drawing.attributes["role"] == "img"
        assert ids[title] == ids[description] == 1
        assert drawing.all("title")[0].text
        assert drawing.all("desc")[0].text
    for node in root.every():
        for name in ("aria-labelledby", "for"):
            assert all(target in ids for target in node.attributes.get(name, "").split())
    links = [node.attributes["href"] for node in root.all("a")]
    assert len(links) > 8
    assert all(link.startswith("#") and link[1:] in ids for link in links)


@pytest.mark.parametrize("case", list(CASES))
def test_the_page_holds_everything_it_needs(case: str) -> None:
    html, root = page_of(case), tree_of(case)
    assert [node.attributes["href"] for node in root.all("link")] == ["data:,"]
    assert not any("src" in n.attributes or "xlink:href" in n.attributes for n in root.every())
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    policy = next(n.attributes["content"] for n in root.all("meta") if "http-equiv" in n.attributes)
    assert policy.startswith("default-src 'none'; img-src data:;")
    for tag in ("style", "script"):
        (node,) = root.all(tag)
        digest = base64.b64encode(hashlib.sha256(node.text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not any("style" in node.attributes for node in root.every()), "an inline style would be refused"
    if case != "hostile":
        assert "http:" not in html
        assert "https:" not in html


def test_hostile_names_stay_text() -> None:
    root, html = tree_of("hostile"), page_of("hostile")
    assert {node.tag for node in root.every()} - {""} <= ELEMENTS
    assert not [name for node in root.every() for name in node.attributes if name.startswith("on")]
    assert len(root.all("script")) == len(root.all("style")) == 1
    names = {clean_text(name, longest=4000) for name in HOSTILE_NAMES}
    assert names <= {node.text for node in root.all("th")}
    assert names <= {node.text for node in root.all("li")}, "the gaps"
    assert names <= {node.text for node in root.all("option")}
    chosen = {node.attributes["value"] for node in root.all("option")}
    drawn = {
        n.attributes["data-unit"] for n in root.every() if n.tag == "path" and "data-unit" in n.attributes
    }
    assert drawn <= chosen
    assert len(drawn) > 30
    assert "{{ 7*7 }}" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", html)
    assert tree_of("month").all("script")[0].text == root.all("script")[0].text


def test_missing_is_never_zero() -> None:
    data = indicators_data()
    units = (*data.units, UnitRow("commune", "UBND xã Trống", (None,) * 6, None))
    told = report(indicators=dataclasses.replace(data, units=units))
    cells = unit_lines(parsed(render_page(told).decode()))["commune|UBND xã Trống"]
    figures = [cell for cell in cells if "data-value" in cell.attributes]
    assert len(figures) == 10
    for cell in figures:
        assert_figure(cell, None)


def test_temporary_figures_bear_an_asterisk_and_its_reason() -> None:
    cells = unit_lines(tree_of("month"))["department|Sở Nội vụ"]
    assert cells[2].seen.endswith("*")
    assert "tạm tính" in cells[2].text
    assert not cells[3].seen.endswith("*")
    assert "Tạm tính: chỉ số 1.4" in tree_of("month").text


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (sample_report, "Số liệu mẫu"),
        (preliminary_report, "Số liệu tạm"),
        (quarter_report, "Số liệu tạm"),
        (year_report, "Số liệu tạm"),
    ],
)
def test_what_nobody_may_overlook_stands_first(case: Callable[[], Report], words: str) -> None:
    root = parsed(render_page(case()).decode())
    notices = next(s for s in root.all("section") if s.attributes.get("class") == "notices")
    assert words in [strong.text for strong in notices.all("strong")]
    for gap in case().gaps:
        assert gap in notices.text


def test_a_final_report_of_the_portal_bears_no_such_banner() -> None:
    assert not [p for p in tree_of("month").all("p") if p.attributes.get("class") == "banner"]


def test_a_report_without_rank_comparison_and_form_says_so() -> None:
    text = tree_of("bare").text
    for sentence in (
        "Chưa có tổng điểm của kỳ này",
        "Chưa có bảng xếp hạng",
        "Không có kỳ trước cùng loại để so sánh",
        "Chưa có số liệu số hóa",
    ):
        assert sentence in text
    assert all(figure.attributes["value"] == "" for figure in tree_of("bare").all("data"))


@pytest.mark.parametrize(
    ("case", "period", "portal"),
    [
        ("month", "Tháng 9/2026", "Tháng 8/2026"),
        ("quarter", "Quý III/2026", "Quý III/2026"),
        ("year", "Năm 2026", "Năm 2026"),
    ],
)
def test_both_periods_are_said(case: str, period: str, portal: str) -> None:
    facts = tree_of(case).all("dd")
    assert facts[0].text == period
    assert facts[1].text.startswith(portal)


def test_an_office_may_have_its_own_bands() -> None:
    plain = load_workbook_style()
    own = plain.model_copy(
        update={"bands": (plain.bands[0].model_copy(update={"name": "Cả tỉnh giỏi", "minimum": Decimal(0)}),)}
    )
    assert "Cả tỉnh giỏi" in render_page(report(), style=own).decode()
    assert "Cả tỉnh giỏi" not in page_of("month")


def test_the_same_report_gives_the_same_bytes_also_in_another_process() -> None:
    program = (
        "import hashlib, report_cases; from etl.deliver.page import render_page;"
        "render_page(report_cases.bare_report());"  # another page first: counters of the drawing must not show
        "print(hashlib.sha256(render_page(report_cases.report(earlier=report_cases.earlier_release(6)))).hexdigest())"
    )
    here = Path(__file__).parent
    ran = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={
            **os.environ,
            "PYTHONHASHSEED": "7",
            "PYTHONPATH": f"{here}{os.pathsep}{here.parents[1]}",
            "TZ": "America/New_York",
        },
    )
    assert ran.stdout.strip() == hashlib.sha256(page_of("month").encode()).hexdigest()


def big_report() -> Report:
    """170 units: the 37 of the case and copies of its communes under names of their own."""
    plain = report()
    data, form = plain.indicators, plain.digitization
    communes = [unit for unit in data.units if unit.block == "commune" and unit.total is not None]
    lines_of = {unit.unit_name: unit for unit in form.units}
    units, figures = list(data.units), list(form.units)
    while len(units) < 170:
        one, name = communes[len(units) % len(communes)], f"UBND xã Thứ {len(units)}"
        units.append(dataclasses.replace(one, unit_name=name))
        figures.append(dataclasses.replace(lines_of[one.unit_name], unit_name=name))
    return dataclasses.replace(
        plain,
        indicators=dataclasses.replace(data, units=tuple(units)),
        digitization=dataclasses.replace(form, units=tuple(figures)),
    )


def test_a_province_of_170_units_stays_small() -> None:
    html = render_page(big_report())
    root = parsed(html.decode())
    assert len(unit_lines(root)) == 170
    heights = [int(s.attributes["height"]) for s in root.all("svg")]
    assert max(heights) < 700, "no drawing is longer than a sheet of paper"
    assert len(html) < 1_500_000
