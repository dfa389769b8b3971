"""The one-page correction ("đính chính"): what the sources have changed since an earlier release of the same report."""

from __future__ import annotations

import math
from itertools import accumulate
from pathlib import Path

from etl.deliver.appendix_data import Restatement
from etl.deliver.letter import FOLDER, letter_head, properties
from etl.deliver.letter_docx import plain_text, render_docx
from etl.deliver.letter_words import changed_value, changed_what
from etl.deliver.report import Report
from etl.deliver.sheet_text import number_vi, text_points, time_vi
from etl.errors import ReportNotReady

CORRECTION_TEMPLATE = FOLDER / "mau-dinh-chinh.docx"
# The page holds 14 lines of the table below head and text and above the signature; the open data have all changes.
_LINES = 14
_LONGEST_NAME = 60
# Widths of the template's columns in points less the cells' margins, and the size of their letters.
_COLUMNS = {"don_vi": 139.0, "noi_dung": 122.0, "cu": 62.0, "moi": 62.0}
_LETTERS = 12


def render_correction(report: Report, *, number: int, template: Path | None = None) -> bytes:
    """The correction that goes out with release ``number`` of a report, beside ``report.earlier``, as .docx.

    One row a changed value, as many as fit one page, the rest counted. The same report gives the same bytes. Raises
    ReportNotReady where there is no earlier release or it is not before ``number``, Terminal where the template is
    broken.
    """
    earlier = report.earlier
    if earlier is None or earlier.number >= number:
        before = "none" if earlier is None else f"number {earlier.number}"
        raise ReportNotReady(
            f"release {number} of {report.period.id} for {report.province_code} corrects nothing: the release before "
            f"it is {before}",
            "release the report first; a correction goes out with the release after it",
        )
    rows = [_row(report, place, change) for place, change in enumerate(earlier.changes[:_LINES], 1)]
    shown = [row for row, used in zip(rows, accumulate(map(_lines, rows)), strict=True) if used <= _LINES]
    rest = len(earlier.changes) - len(shown)
    units = len({change.unit_name for change in earlier.changes})
    values = letter_head(report) | {
        "lan_moi": str(number),
        "lan_cu": str(earlier.number),
        "phat_hanh_luc": time_vi(earlier.released_at),
        "doc_luc": time_vi(report.stated_at),
        "so_gia_tri": number_vi(len(earlier.changes)),
        "so_don_vi": number_vi(units),
        "dinh_chinh": shown,
        "con_lai": number_vi(rest) if rest > 0 else "",
        "bo_sung": [plain_text(gap) for gap in earlier.gaps if gap not in report.gaps],
    }
    title = f"Đính chính báo cáo {report.period.label_vi}, {report.names.province}, lần phát hành {number}"
    return render_docx(template or CORRECTION_TEMPLATE, values, properties(report, title))


def _row(report: Report, place: int, change: Restatement) -> dict[str, str]:
    what = changed_what(change, report.indicators.groups)
    return {
        "stt": str(place),
        "don_vi": plain_text(change.unit_name, longest=_LONGEST_NAME),
        "noi_dung": plain_text(what[:1].upper() + what[1:], longest=_LONGEST_NAME),
        "cu": plain_text(changed_value(change.old_value, change.field), longest=_LONGEST_NAME),
        "moi": plain_text(changed_value(change.new_value, change.field), longest=_LONGEST_NAME),
    }


def _lines(row: dict[str, str]) -> int:
    """Lines a row takes; a line is seldom filled to its end, so one is counted as four fifths of it."""
    return max(
        math.ceil(text_points(row[name], _LETTERS) / (0.8 * width)) for name, width in _COLUMNS.items()
    )
