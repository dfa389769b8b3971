"""The public page as people use it: with mouse and keyboard, on a telephone, on paper, without scripts."""

from __future__ import annotations

import http.server
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

DEPARTMENTS, COMMUNES = "bang-khoi-1", "bang-khoi-2"
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}


def numbers(values: list[str | None]) -> list[float]:
    """The figures of a column; the missing ones must come last."""
    known = [value for value in values if value]
    assert values[: len(known)] == known
    return [float(value) for value in known]


def test_a_click_sorts_up_then_down_then_as_it_was(opened: Callable[..., Any]) -> None:
    one = opened()
    before = one.rows(COMMUNES)
    heading = one.page.locator(f"#{COMMUNES} thead th[data-col='8']")
    button = heading.get_by_role("button")
    assert heading.get_attribute("aria-sort") is None
    button.click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = numbers(one.values(COMMUNES, 8))
    assert rising == sorted(rising)
    assert len(set(rising)) > 10
    button.click()
    assert heading.get_attribute("aria-sort") == "descending"
    falling = numbers(one.values(COMMUNES, 8))
    assert falling == sorted(falling, reverse=True)
    assert one.values(COMMUNES, 8)[-1] == "", "missing figures come last either way"
    button.click()
    assert heading.get_attribute("aria-sort") is None
    assert one.rows(COMMUNES) == before


def test_the_keyboard_sorts_names_the_vietnamese_way(opened: Callable[..., Any]) -> None:
    one = opened()
    other = one.page.locator(f"#{DEPARTMENTS} thead th[data-col='8']")
    other.get_by_role("button").click()
    heading = one.page.locator(f"#{DEPARTMENTS} thead th[data-col='1']")
    heading.get_by_role("button").focus()
    one.page.keyboard.press("Enter")
    assert heading.get_attribute("aria-sort") == "ascending"
    assert other.get_attribute("aria-sort") is None
    names = one.rows(DEPARTMENTS)
    assert names[0] == "Ban Quản lý các khu công nghiệp"
    assert (
        names.index("Sở Công Thương")
        < names.index("Sở Dân tộc và Tôn giáo")
        < names.index("Sở Giáo dục và Đào tạo")
    )
    one.page.keyboard.press("Space")
    assert heading.get_attribute("aria-sort") == "descending"
    assert one.rows(DEPARTMENTS) == names[::-1]


def test_bands_sort_by_points_and_digitization_by_its_figures(opened: Callable[..., Any]) -> None:
    one = opened()
    one.page.locator(f"#{COMMUNES} thead th[data-col='11'] button").click()
    bands = one.page.locator(f"#{COMMUNES} tbody td:nth-child(12)").all_inner_texts()
    told = [band for band in bands if band]
    assert bands[: len(told)] == told
    order = ["Yếu", "Trung bình", "Khá", "Tốt", "Xuất sắc"]
    assert [order.index(band) for band in told] == sorted(order.index(band) for band in told)
    assert len(set(told)) >= 3
    one.page.locator(
        "#bang-so-hoa-2 thead th[data-col='9'] button"
    ).click()  # second row of the heading: column (10)
    digitized = numbers(one.values("bang-so-hoa-2", 9))
    assert digitized == sorted(digitized)


def test_search_finds_without_diacritics_and_counts(opened: Callable[..., Any]) -> None:
    one = opened()
    every = len(one.rows(COMMUNES))
    status = one.page.get_by_role("status")
    one.page.get_by_label("Tìm đơn vị", exact=True).press_sequentially("doan hung")
    assert one.rows(COMMUNES) == ["UBND xã Đoan Hùng"]
    assert not one.page.locator(f"#{DEPARTMENTS}").is_visible()
    assert status.inner_text() == "Có 2 dòng khớp (Cấp xã: 1; Số hóa, UBND cấp xã: 1)."
    one.page.get_by_label("Tìm đơn vị", exact=True).fill("không có ở đâu")
    assert status.inner_text() == "Không có đơn vị nào khớp."
    one.page.get_by_label("Tìm đơn vị", exact=True).fill("")
    assert len(one.rows(COMMUNES)) == every > 20
    assert status.inner_text() == ""
    assert one.page.locator("#khoi-1 svg").first.is_visible()


def test_the_own_unit_is_marked_everywhere_and_kept_in_the_fragment_only(opened: Callable[..., Any]) -> None:
    one = opened()
    one.page.get_by_label("Đơn vị của tôi").select_option(label="UBND xã Đoan Hùng")
    marked = one.page.locator("tr[aria-current='true']")
    assert [row.locator("th").inner_text() for row in marked.all()] == ["UBND xã Đoan Hùng"] * 2
    assert one.page.locator("svg path.own").count() == 1
    assert "UBND xã Đoan Hùng" in one.page.get_by_role("status").inner_text()
    address = one.page.url
    assert "#don-vi=" in address
    assert one.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    one.page.locator("nav").get_by_role("link", name="Nguồn").click()
    assert one.page.url == address, "a link of the contents does not lose the unit"
    one.page.goto("about:blank")
    one.requests[:] = [one.requests[0]]
    one.page.goto(address)
    assert marked.count() == 2
    assert one.page.get_by_label("Đơn vị của tôi").input_value() == "commune|UBND xã Đoan Hùng"
    one.page.get_by_label("Đơn vị của tôi").select_option(value="")
    assert marked.count() == 0
    assert "#" not in one.page.url


def test_the_own_unit_can_be_chosen_by_keyboard(opened: Callable[..., Any]) -> None:
    one = opened()
    one.page.get_by_label("Tìm đơn vị", exact=True).focus()
    one.page.keyboard.press("Tab")
    one.page.keyboard.press("ArrowDown")
    assert (
        one.page.get_by_label("Đơn vị của tôi").input_value() == "department|Ban Quản lý các khu công nghiệp"
    )
    assert one.page.locator("tr[aria-current='true']").count() == 2


@pytest.mark.parametrize(
    "fragment",
    [
        "#don-vi=%E0%A4%A",
        "#don-vi=<img src=x onerror=alert(1)>",
        "#don-vi=",
        "#don-vi=commune|không có",
        "#nguon",
    ],
)
def test_a_strange_fragment_marks_nothing(opened: Callable[..., Any], fragment: str) -> None:
    one = opened(fragment=fragment)
    assert one.page.locator("tr[aria-current='true']").count() == 0
    assert one.page.locator("img").count() == 0


def test_hostile_names_do_nothing_but_stand_there(opened: Callable[..., Any]) -> None:
    one = opened("hostile")
    assert one.page.locator("main img, main script, main iframe").count() == 0
    box = one.page.get_by_label("Tìm đơn vị", exact=True)
    box.fill('<script>alert("1")</script>')
    assert one.page.locator(f"#{DEPARTMENTS} tbody tr:visible").count() == 1
    box.fill("")
    options = one.page.locator("#don-vi-toi option").all()
    hostile = [
        o.get_attribute("value") or ""
        for o in options
        if "onerror" in o.inner_text() or "${jndi" in o.inner_text()
    ]
    assert len(hostile) >= 2
    for value in hostile[:2]:
        one.page.get_by_label("Đơn vị của tôi").select_option(value=value)
        assert one.page.locator("tr[aria-current='true']").count() >= 1
        one.page.reload()
        assert one.page.locator("tr[aria-current='true']").count() >= 1
    one.page.locator(f"#{DEPARTMENTS} thead th[data-col='1'] button").click()


def test_everything_is_there_without_scripts(opened: Callable[..., Any]) -> None:
    with_scripts, without = opened(), opened(scripts=False)
    assert without.rows(COMMUNES) == with_scripts.rows(COMMUNES)
    assert (
        without.page.locator("table:visible").count()
        == with_scripts.page.locator("table:visible").count()
        > 8
    )
    assert (
        without.page.locator("svg:visible").count() == with_scripts.page.locator("svg:visible").count() > 10
    )
    assert without.page.locator("button").count() == 0, "no button that does nothing"
    assert not without.page.get_by_label("Tìm đơn vị", exact=True).is_visible()


@pytest.mark.parametrize("name", ["month", "quarter", "year", "hostile", "bare"])
def test_only_tables_scroll_sideways(opened: Callable[..., Any], name: str) -> None:
    one = opened(name, width=1440)
    for width in (1440, 768, 360):
        one.page.set_viewport_size({"width": width, "height": 900})
        assert one.page.evaluate("document.documentElement.scrollWidth") <= width
        wide = one.page.evaluate(
            "[...document.querySelectorAll('main *')].filter(e => !e.closest('.scroll, svg, .vh') "
            "&& e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
        )
        assert wide == []
    scrolling = one.page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth).length"
    )
    assert scrolling >= 3, "wide tables scroll inside"


def test_a_table_is_scrolled_by_keyboard(opened: Callable[..., Any]) -> None:
    one = opened(width=360)
    region = one.page.get_by_role("region", name="Kết quả các sở, ban, ngành")
    region.focus()
    one.page.keyboard.press("ArrowRight")
    one.page.wait_for_function("e => e.scrollLeft > 0", arg=region.element_handle())


@pytest.mark.parametrize(
    ("name", "width"), [("month", 1280), ("month", 360), ("hostile", 1280), ("bare", 360)]
)
def test_axe_finds_no_fault(opened: Callable[..., Any], name: str, width: int) -> None:
    one = opened(name, width=width)
    if name == "month":
        one.page.get_by_label("Đơn vị của tôi").select_option(index=1)
        one.page.locator(f"#{DEPARTMENTS} thead th[data-col='8'] button").click()
    found = Axe().run(one.page, options=AXE)
    assert found.response["testEngine"]["name"] == "axe-core"
    assert [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found.response["violations"]] == []


def test_axe_would_find_a_fault(opened: Callable[..., Any]) -> None:
    one = opened()
    one.page.evaluate(
        "document.querySelector('label[for=tim]').remove(); document.querySelector('#tim').placeholder = ''"
    )
    assert "label" in [
        v["id"] for v in Axe().run(one.page, options={"runOnly": ["label"]}).response["violations"]
    ]


def test_it_prints_with_headings_on_every_sheet(opened: Callable[..., Any], tmp_path: Path) -> None:
    if which("pdftotext") is None:
        pytest.skip("no pdftotext to read the print with")
    one = opened()
    path = tmp_path / "page.pdf"
    one.page.pdf(path=str(path), prefer_css_page_size=True, print_background=True)
    text = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    sheets = text.split("\f")
    assert 5 < len(sheets) < 25
    for words in ("66,53", "UBND xã Đoan Hùng", "Nguồn số liệu", "Kết quả kiểm tra số liệu"):
        assert words in text
    assert "Tìm đơn vị" not in text, "tools stay off the paper"
    followed = [sheet for sheet in sheets if "UBND xã Tân Sơn" in sheet and "16,71*" in sheet]
    assert followed
    assert all("Đơn vị" in sheet for sheet in followed), "a table that goes on repeats its heading"


class Silent(http.server.SimpleHTTPRequestHandler):
    asked: list[str] = []  # noqa: RUF012 — one server a test

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    Silent.asked = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Silent, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_on_a_portal_the_server_is_asked_for_the_one_file(
    browser: Browser, files: Callable[[str], Path]
) -> None:
    path = files("month")
    with served(path.parent) as address:
        context = browser.new_context()
        page = context.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(f"{address}/{path.name}")
        page.get_by_label("Đơn vị của tôi").select_option(index=1)
        assert "#don-vi=" in page.url
        page.wait_for_timeout(300)  # a browser asks for an icon a little later
        refused = page.evaluate("fetch('/x').then(() => 'answered', () => 'refused')")
        context.close()
    assert refused == "refused"
    assert Silent.asked == [f"/{path.name}"]
    assert complaints
    assert all("Content Security Policy" in said for said in complaints), (
        "only the fetch of this test was refused"
    )
