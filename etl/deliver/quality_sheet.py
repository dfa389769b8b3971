"""The quality sheet of one report period: a printable A4 page that tells how far the figures can be trusted.

What is told is gathered in ``quality_sheet_words``; the page is ``quality_sheet/quality_sheet.html.j2``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from etl.deliver.quality_sheet_words import tell
from etl.deliver.report import Report

if TYPE_CHECKING:
    from jinja2 import Template

_TEMPLATES = Path(__file__).parent / "quality_sheet"


def render_quality_sheet(report: Report) -> bytes:
    """The sheet as one HTML page that needs nothing else; the same report gives the same bytes.

    No script, no outside resource (a policy in the page forbids both). Verdicts are words, never colours
    alone; what does not fit on a few sheets of paper is counted, and the open data's table that holds it named.
    """
    return _page().render(told=tell(report)).encode("utf-8")


@cache
def _page() -> Template:
    # Here, not above: jinja2 takes about 60 ms to import, which a caller that renders nothing need not pay.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("quality_sheet.html.j2")
