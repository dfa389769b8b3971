"""The quality sheet of one report period: a printable A4 page that tells how far the figures can be trusted.

What is told is gathered in ``quality_sheet_words``; the page is ``quality_sheet/quality_sheet.html.j2``.
"""

from __future__ import annotations

from pathlib import Path

from etl.deliver.quality_sheet_words import tell
from etl.deliver.report import Report
from etl.html_template import html_template

_TEMPLATE = Path(__file__).parent / "quality_sheet" / "quality_sheet.html.j2"


def render_quality_sheet(report: Report) -> bytes:
    """The sheet as one HTML page that needs nothing else; the same report gives the same bytes.

    No script, no outside resource (a policy in the page forbids both). Verdicts are words, never colours
    alone; what does not fit on a few sheets of paper is counted, and the open data's table that holds it named.
    """
    return html_template(_TEMPLATE).render(told=tell(report)).encode("utf-8")
