"""The quality sheet: what it tells of checks, gaps, restatements and bytes; that it prints; that nothing in it acts."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from datetime import date
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import report_cases as cases

from etl.deliver.appendix_data import QualityRow
from etl.deliver.digitization_data import Compared, DigitizationData
from etl.deliver.quality_sheet import render_quality_sheet
from etl.deliver.quality_sheet_sources import DIFFERENCES_SHOWN
from etl.deliver.quality_sheet_table import figure
from etl.deliver.quality_sheet_words import RESTATEMENTS_SHOWN, tell
from etl.deliver.report import Report
from etl.validate.suites import load_suites

WARNED = "score_agrees_with_rule"


def checks(judges: str) -> tuple[QualityRow, ...]:
    """One line a check declared under ``expectations/``, as ``ops.validation_result`` keeps them; one of them warned."""
    found = []
    for suite in load_suites():
        for item in suite.expectations:
            if suite.judges != judges:
                continue
            warned = item.rule == WARNED
            seen = "3/640, ví dụ: UBND xã Cẩm Khê 2.1 0,02" if warned else "0/640"
            found.append(
                QualityRow("check", item.rule, item.severity, "warned" if warned else "passed", seen, "≤ 0,015",
                           item.title_vi)
            )  # fmt: skip
    return tuple(found)


def compared(form: DigitizationData) -> tuple[Compared, ...]:
    """Every unit's four measures beside the portal's: equal, a little off, far off, and without a portal's figure."""
    found = []
    for place, unit in enumerate(form.units):
        for measure in ("received", "components_digitized", "components_reused", "results_digitized"):
            own = unit.measures[measure]
            portal = (own, own and own + 3, own and own * 2 + 7, None)[place % 4]
            difference = None if own is None or portal is None else own - portal
            verdict = (
                "not_comparable" if difference is None else "agrees" if difference == 0
                else "explained_by_windows" if abs(difference) < 10 else "disagrees"
            )  # fmt: skip
            found.append(
                Compared(
                    unit.block, unit.unit_name, measure, own, portal, difference,
                    Decimal(100 * difference / portal).quantize(Decimal("0.01")) if difference and portal else None,
                    verdict, (form.window.first, form.window.last), "2026-08", (date(2026, 8, 1), date(2026, 8, 31)),
                    unit_id=str(place),
                )
            )  # fmt: skip
    return tuple(found)


def full_report(**changes: Any) -> Report:
    """``report()`` with all of it."""
    plain = cases.report(earlier=cases.earlier_release(30))
    form = plain.digitization
    held = QualityRow("quarantine", "unit_unknown", "fail", "failed", "2", "0",
                      "2 giá trị bị giữ lại, không đưa vào kho: UBND xã Lạ không có trong danh mục.")  # fmt: skip
    block = QualityRow("block", "commune", "warn", "warned", "22", "23",
                       "Khối cấp xã chưa đủ đơn vị; còn thiếu: UBND xã Lai Đồng.")  # fmt: skip
    provisional = QualityRow(
        "provisional", "2026-08", "warn", "warned", None, None, "Số liệu tạm: đọc khi kỳ chưa kết thúc."
    )
    known = tuple(row for row in plain.indicators.quality if row.kind != "check")
    indicators = dataclasses.replace(
        plain.indicators,
        quality=(*checks("indicators"), *known, provisional),
        restatements=cases.restatements(45),
    )
    digitization = dataclasses.replace(
        form, quality=(*checks("digitization"), held, block), compared=compared(form),
        files=tuple(dataclasses.replace(one, rows_quarantined=2) for one in form.files),
    )  # fmt: skip
    return dataclasses.replace(plain, **{"indicators": indicators, "digitization": digitization} | changes)


CHROMIUM = shutil.which("chromium")
# What the largest sheet may take: every declared check, changes, disagreements, hashes.
MOST_PAGES = 6
REPORTS = {
    "month": full_report,
    "quarter": cases.quarter_report,
    "year": cases.year_report,
    "preliminary": cases.preliminary_report,
    "sample": cases.sample_report,
    "bare": cases.bare_report,
    "hostile": cases.hostile_report,
}


class _Page(HTMLParser):
    """Elements, their attributes, and the text a reader sees."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._hidden = False
        self.feed(content.decode("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden = False
        self.text += " "

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.text += data


def seen(report: Report) -> str:
    return re.sub(r"\s+", " ", _Page(render_quality_sheet(report)).text)


def section(report: Report, title: str) -> str:
    """All that one section tells, as one text."""
    (found,) = (one for one in tell(report).sections if title in one.title)
    cells = [cell for table in found.tables for row in table.rows for cell in row]
    return "\n".join(
        [*found.sentences, *cells, *(table.more for table in found.tables), *found.notes, *found.steps]
    )


@pytest.mark.parametrize("name", REPORTS)
def test_the_same_report_gives_the_same_bytes_and_everything_told_is_on_the_page(name: str) -> None:
    report = REPORTS[name]()
    assert render_quality_sheet(report) == render_quality_sheet(REPORTS[name]())
    page, told = seen(report), tell(report)
    texts = [told.title, told.subtitle, told.verdict, told.summary, *told.gaps, *told.banner]
    for part in told.sections:
        texts += [part.title, *part.sentences, *part.notes, *part.steps]
        texts += [cell for table in part.tables for row in table.rows for cell in row]
        assert all(len(row) == len(table.columns) for table in part.tables for row in table.rows)
    assert len(texts) > 30
    for text in texts:
        assert re.sub(r"\s+", " ", text) in page


def test_every_check_stands_with_its_verdict_in_words() -> None:
    report = full_report()
    declared = [*checks("indicators"), *checks("digitization")]
    assert len(declared) > 40
    (found,) = (one for one in tell(report).sections if one.title == "Kiểm tra số liệu")
    rows = [row for table in found.tables for row in table.rows]
    assert len(rows) == len(declared)
    for check in declared:
        (row,) = (row for row in rows if f"[{check.subject}]" in row[1] and check.detail in row[1])
        assert row[-1] == ("Cảnh báo" if check.subject == WARNED else "Đạt")
        assert row[2] == {"fail": "Bắt buộc", "warn": "Cảnh báo"}[check.severity]
        assert row[3] == "≤ 0,015"
    assert WARNED in rows[0][1]  # what asks for attention first


def _with_checks(*rows: QualityRow, **changes: object) -> Report:
    indicators = cases.indicators_data(quality=rows, restatements=())
    form = cases.digitization_data(quality=())
    return cases.report(indicators=indicators, digitization=form, gaps=(), **changes)


def test_the_verdict_is_never_better_than_the_worst_check() -> None:
    passed = QualityRow("check", "a", "fail", "passed", "0/9", None, "A.")
    warned = QualityRow("check", "b", "warn", "warned", "1/9", None, "B.")
    failed = QualityRow("check", "c", "fail", "failed", "1/9", None, "C.")
    group = QualityRow("group", "MDHL", "fail", "failed", "thiếu", "đủ", "Nhóm MDHL thiếu.")
    held = QualityRow("quarantine", "q", "fail", "failed", "1", "0", "1 giá trị bị giữ lại.")
    verdicts = {
        (passed,): "MỌI KIỂM TRA ĐỀU ĐẠT",
        (passed, warned): "ĐẠT, CÓ ĐIỂM CẦN LƯU Ý",
        (passed, held): "ĐẠT, CÓ ĐIỂM CẦN LƯU Ý",
        (passed, warned, failed): "CÓ NỘI DUNG KHÔNG ĐẠT",
        (passed, group): "CÓ NỘI DUNG KHÔNG ĐẠT",
        (): "CHƯA CÓ KIỂM TRA NÀO ĐƯỢC GHI NHẬN",
    }
    for rows, verdict in verdicts.items():
        assert tell(_with_checks(*rows)).verdict == verdict
    assert tell(_with_checks(passed, stage="preliminary")).verdict == "ĐẠT, CÓ ĐIỂM CẦN LƯU Ý"
    assert "1 đạt, 1 cảnh báo, 1 không đạt" in tell(_with_checks(passed, warned, failed)).summary


def test_what_is_missing_temporary_or_held_back_is_named() -> None:
    report = full_report()
    missing = section(report, "Đơn vị và khối thiếu")
    assert "Văn phòng đăng ký đất đai: chưa có số liệu" in missing
    assert "1 đơn vị không có tổng điểm trên Cổng: UBND xã Lai Đồng" in missing
    assert "Thanh tra tỉnh; UBND xã Thu Cúc" in missing
    assert "Sở A không có trong kỳ này." in missing
    temporary = section(report, "Số liệu tạm")
    assert "Số liệu tạm: đọc khi kỳ chưa kết thúc." in temporary
    assert "chỉ số 1.4 được Cổng tính theo mẫu số tạm" in temporary
    held = section(report, "bị giữ lại")
    assert "UBND xã Lạ không có trong danh mục" in held
    assert "giữ lại 2 dòng" in held
    assert "Giữ lại" in held.splitlines()
    assert "Không có giá trị nào bị giữ lại." in section(cases.bare_report(), "bị giữ lại")


def test_a_running_period_says_so_and_its_movement_is_no_restatement() -> None:
    told = section(cases.quarter_report(), "Số liệu tạm")
    assert "quý III/2026 chưa kết thúc" in told
    assert "4.210 giá trị thay đổi" in told
    assert "chưa kết thúc khi đọc" in section(cases.quarter_report(), "Điều chỉnh")
    assert "vì Cổng đổi cách tính" in section(cases.year_report(), "Số liệu tạm")


def test_restatements_since_the_earlier_release_and_in_all() -> None:
    told = section(full_report(), "Điều chỉnh")
    assert "lần 1, lúc 17/09/2026 15:30): 30 giá trị" in told
    assert "điều chỉnh 45 giá trị của tháng 8/2026" in told
    assert f"Còn {30 - RESTATEMENTS_SHOWN} dòng không in ở đây; đủ 30 dòng: bảng dinh_chinh" in told
    assert {"66,21", "66,53", "Tổng điểm", "có", "không có"} <= set(told.splitlines())
    assert "chưa phát hành lần nào" in section(cases.report(), "Điều chỉnh")


def test_a_corrected_form_is_told_in_words() -> None:
    row = dataclasses.replace(
        cases.restatements(1)[0], indicator_code="DIGITIZATION", field="results_digitized"
    )
    moved = dataclasses.replace(row, field="block", old_value="district", new_value="commune")
    earlier = dataclasses.replace(cases.earlier_release(0), changes=(row, moved))
    lines = section(cases.report(earlier=earlier), "Điều chỉnh").splitlines()
    assert {"Số hóa hồ sơ", "Đã số hóa kết quả giải quyết", "Khối", "UBND cấp huyện", "UBND cấp xã"} <= set(
        lines
    )


def test_agreement_with_the_portal_counts_every_pair_and_shows_the_worst_first() -> None:
    report = full_report()
    (found,) = (one for one in tell(report).sections if one.title.startswith("Đối soát"))
    measures, worst = found.tables
    pairs = report.digitization.compared
    assert sum(int(cell.replace(".", "")) for row in measures.rows for cell in row[1:5]) == len(pairs)
    received = next(row for row in measures.rows if row[0].startswith("Hồ sơ tiếp nhận"))
    both = [row for row in pairs if row.measure == "received" and row.difference is not None]
    assert received[5] == figure(sum(row.provincial for row in both))
    assert received[6] == figure(sum(row.portal for row in both))
    differences = sorted((abs(r.difference) for r in pairs if r.verdict == "disagrees"), reverse=True)
    shown = [abs(int(row[5].replace(".", "").replace("\u2212", "-"))) for row in worst.rows]
    assert shown == differences[:DIFFERENCES_SHOWN]
    assert "Còn" in worst.more
    assert "(khác kỳ)" in found.sentences[0]
    assert "Chưa có số liệu của cả hai bên" in section(cases.report(), "Đối soát")


def test_a_sum_over_units_without_figures_of_both_sides_is_blank_and_not_zero() -> None:
    report = full_report()
    lone = tuple(row for row in report.digitization.compared if row.verdict == "not_comparable")
    assert lone
    form = dataclasses.replace(report.digitization, compared=lone)
    (found,) = (
        o
        for o in tell(dataclasses.replace(report, digitization=form)).sections
        if o.title.startswith("Đối soát")
    )
    assert {cell for row in found.tables[0].rows for cell in row[5:]} == {"—"}


def test_every_hash_is_whole_and_the_way_to_the_bytes_is_told() -> None:
    report = full_report()
    page = seen(report)
    hashes = [one.sha256 for one in (*report.indicators.snapshot.captures, *report.digitization.files)]
    assert len(hashes) == 7
    assert all(len(one) == 64 and one in page for one in hashes)
    assert report.indicators.snapshot.snapshot_id in page
    way = section(report, "Cách lần")
    assert all(word in way for word in ("archive/objects/", "capture_sha256", "locator", "nguon"))


def test_figures_are_written_the_vietnamese_way_and_none_is_a_dash() -> None:
    assert figure("1234.5") == "1.234,5"
    assert figure("0.005") == "0,005"
    assert figure("-0.30") == "\u22120,30"
    assert figure(None) == figure("") == "—"
    assert figure(0) == "0"
    assert figure("0/398, ví dụ: A") == "0/398, ví dụ: A"
    assert figure("\u202e9") == "[U+202E]9"


def test_sample_and_preliminary_figures_are_bannered() -> None:
    assert "SỐ LIỆU MẪU, không phải số liệu chính thức" in seen(cases.sample_report())
    assert "127.0.0.1" not in seen(cases.sample_report())
    assert "BÁO CÁO SƠ BỘ" in seen(cases.preliminary_report())
    assert tell(cases.report()).banner == ()


# ------------------------------------------------------------------ the page


@pytest.mark.parametrize("name", REPORTS)
def test_the_page_needs_nothing_and_nothing_in_it_acts(name: str) -> None:
    content = render_quality_sheet(REPORTS[name]())
    page = _Page(content)
    tags = {tag for tag, _ in page.tags}
    assert tags <= set(
        [
            "html",
            "head",
            "meta",
            "title",
            "style",
            "body",
            "main",
            "header",
            "div",
            "p",
            "h1",
            "h2",
            "dl",
            "dt",
            "dd",
            "section",
            "ul",
            "ol",
            "li",
            "table",
            "caption",
            "thead",
            "tbody",
            "tr",
            "th",
            "td",
            "footer",
        ]
    )
    attributes = {name for _, attrs in page.tags for name in attrs}
    assert attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "scope"}
    policy = next(attrs["content"] for tag, attrs in page.tags if attrs.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert b"url(" not in content
    assert ("html", {"lang": "vi"}) in page.tags
    text = content.decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]", text)


def test_hostile_names_are_text_and_stay_readable() -> None:
    page = seen(cases.hostile_report())
    assert "<script>alert(" in page
    assert "{{ 7*7 }}" in page
    assert "[U+202E]" in page
    assert "[U+0000]" in page


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: the sheet is not printed")
@pytest.mark.parametrize(("name", "most"), [("month", MOST_PAGES), ("year", 3), ("hostile", 4)])
def test_it_prints_on_a_few_sheets_of_a4_with_everything_on_paper(
    name: str, most: int, tmp_path: Path
) -> None:
    page, paper = tmp_path / "phieu.html", tmp_path / "phieu.pdf"
    page.write_bytes(render_quality_sheet(REPORTS[name]()))
    subprocess.run(
        [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer",
         f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={paper}", page.as_uri()],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    if shutil.which("pdfinfo") is None or shutil.which("pdftotext") is None:
        pytest.skip("poppler is not installed: the paper is not measured")
    told = subprocess.run(["pdfinfo", paper], check=True, capture_output=True, text=True).stdout
    pages = int(re.search(r"Pages:\s+(\d+)", told)[1])
    assert 1 < pages <= most
    assert re.search(r"Page size:\s+59[45][.\d]* x 84[12]", told)
    text = subprocess.run(
        ["pdftotext", "-layout", paper, "-"], check=True, capture_output=True, text=True
    ).stdout
    for one in REPORTS[name]().indicators.snapshot.captures:
        assert one.sha256 in text  # whole, on one line, not cut at the edge
    assert f"{pages}/{pages}" in text
