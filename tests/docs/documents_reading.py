"""Reading our own documents: pages, tables, boxes."""

from __future__ import annotations

import re
from pathlib import Path

from etl.settings import PROJECT_ROOT

ELSEWHERE = {".venv", "var", ".git", "node_modules", ".pytest_cache", ".mypy_cache", ".ruff_cache"}
PAGES = sorted(
    page
    for page in PROJECT_ROOT.rglob("*.md")
    if not ELSEWHERE.intersection(page.relative_to(PROJECT_ROOT).parts)
)
FENCE = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)


def text_of(*parts: str) -> str:
    return PROJECT_ROOT.joinpath(*parts).read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """The cells of every table row of a page, without heads and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT_ROOT).as_posix()


def flat(*parts: str) -> str:
    return " ".join(text_of(*parts).split())
