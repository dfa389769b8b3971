"""A real Chromium, offline: every request but the page's own file and every complaint of the console is kept."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "deliverables"))  # report_cases and what it is made of

import report_cases as cases
from playwright.sync_api import Browser, Page, sync_playwright

from etl.deliver.page import render_page

REPORTS: dict[str, Callable[[], Any]] = {
    "month": lambda: cases.report(earlier=cases.earlier_release(6)),
    "quarter": cases.quarter_report,
    "year": cases.year_report,
    "hostile": cases.hostile_report,
    "sample": cases.sample_report,
    "bare": cases.bare_report,
}


@dataclass
class Opened:
    """A page in a browser, what it asked for beside itself, and what the console said."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def rows(self, table: str) -> list[str]:
        """The names of the lines that are shown, in order."""
        return self.page.locator(f"#{table} tbody tr:visible th").all_inner_texts()

    def values(self, table: str, column: int) -> list[str | None]:
        """``data-value`` of a column in the order of the lines."""
        read = "cells => cells.map(cell => cell.getAttribute('data-value'))"
        found: list[str | None] = self.page.locator(
            f"#{table} tbody tr > :nth-child({column + 1})"
        ).evaluate_all(read)
        return found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("no Chromium on this machine")
    with sync_playwright() as playwright:
        # No sandbox: a test may run as root, where Chromium refuses to start with one; the pages are our own.
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``files(name)``: the rendered page of one of ``REPORTS``, rendered once."""
    folder = tmp_path_factory.mktemp("pages")

    def written(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_bytes(render_page(REPORTS[name]()))
        return path

    return written


@pytest.fixture
def opened(browser: Browser, files: Callable[[str], Path]) -> Iterator[Callable[..., Opened]]:
    """``opened(name, width=1280, scripts=True, fragment="")``: the page from its file. At the end of the test no page
    may have asked for anything, and no console may have complained."""
    contexts = []
    pages: list[Opened] = []

    def open_page(
        name: str = "month", *, width: int = 1280, scripts: bool = True, fragment: str = ""
    ) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts, locale="vi-VN"
        )
        contexts.append(context)
        one = Opened(context.new_page())
        pages.append(one)
        address = files(name).as_uri()
        one.page.on("request", lambda request: one.requests.append(request.url))
        one.page.on("console", lambda said: one.complaints.append(f"{said.type}: {said.text}"))
        one.page.on("pageerror", lambda error: one.complaints.append(str(error)))
        one.page.on(
            "dialog", lambda dialog: (one.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss())
        )
        one.page.goto(address + fragment)
        assert one.requests[0].split("#")[0] == address, "the guard sees requests"
        return one

    yield open_page
    for one in pages:
        own = one.requests[0].split("#")[0]
        assert [url for url in one.requests if url.split("#")[0] != own] == []
        assert one.complaints == []
    for context in contexts:
        context.close()
