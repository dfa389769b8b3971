"""Text for spreadsheet cells: made safe, written the Vietnamese way, measured for wrapping.

Pure functions. Widths are those of Times New Roman (the AFM table of Times, thousandths
of the font size), because rows of wrapped text need their height written into the file:
Excel does not fit merged rows by itself and LibreOffice fits only rows without a height.
"""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from etl.periods import VIETNAM

# Excel refuses more than 32,767 characters in a cell; a row shows at most 409 points
# (about 27 lines), so anything longer than this would be cut on paper without a word.
LONGEST_TEXT = 700
# One unit of column width is one digit of the workbook's base font: 7 pixels at 11 points.
POINTS_PER_WIDTH_UNIT = 5.25
_CELL_PADDING_POINTS = 5.0
# Bold Times is about 7 % wider; renderers differ by a few per cent from the AFM table.
_BOLD_FACTOR = 1.07
_SAFETY_FACTOR = 1.04

_TIMES_WIDTHS = dict(
    zip(
        map(chr, range(32, 127)),
        [250, 333, 408, 500, 500, 833, 778, 180, 333, 333, 500, 564, 250, 333, 250, 278]
        + [500] * 10
        + [278, 278, 564, 564, 564, 444, 921]
        + [722, 667, 667, 722, 611, 556, 722, 722, 333, 389, 722, 611, 889]
        + [722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722, 722, 611]
        + [333, 278, 333, 469, 500, 333]
        + [444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500, 278, 778]
        + [500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444]
        + [480, 200, 480, 541],
        strict=True,
    )
)
_WIDE_CHARACTER = 1000  # control pictures, CJK and anything else the table does not know

_VIETNAMESE_MARKS = {ord(","): ".", ord("."): ","}
# Control characters but the line end, bidirectional overrides (they can make a name read
# backwards), byte order marks, lone surrogates and the two non-characters: XML forbids
# most of them, and none may stand in a cell unseen.
_NEVER_SHOWN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)

_NO_SHEET_TITLE = re.compile(r"[\[\]:*?/\\\n]")


def clean_text(text: str, *, longest: int = LONGEST_TEXT) -> str:
    """``text`` fit for a cell: control characters made visible, never silently dropped.

    NUL becomes ``[U+0000]`` and so on, in letters every font has; the same for direction
    overrides and characters XML forbids. Tabs become spaces; line ends become one kind.
    Longer than ``longest`` characters is cut, and says so.
    """
    text = text.replace("\r\n", "\n").replace("\t", " ")
    text = _NEVER_SHOWN.sub(lambda found: f"[U+{ord(found[0]):04X}]", text)
    if len(text) > longest:
        return f"{text[:longest]}… (còn {number_vi(len(text) - longest)} ký tự)"
    return text


def sheet_title(text: str) -> str:
    """``text`` fit for a sheet's name: 31 characters at most, without those that addresses are made of."""
    shown = _NO_SHEET_TITLE.sub("-", clean_text(text)).strip("' ")[:31].rstrip("' ")
    return shown or "-"


def number_vi(value: Decimal | int, decimals: int = 0, *, signed: bool = False) -> str:
    """``1234.5`` as ``1.234,50``: decimal comma, thousands dot, rounded half up."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    shown = f"{abs(rounded):,.{decimals}f}".translate(_VIETNAMESE_MARKS)
    if rounded < 0:
        return f"\u2212{shown}"
    return f"+{shown}" if signed and rounded else shown


def points_vi(value: Decimal) -> str:
    """``80`` or ``79,5``: two decimals at most, none that are zero at the end."""
    return number_vi(value, 2).rstrip("0").rstrip(",")


def time_vi(at: datetime) -> str:
    """``dd/MM/yyyy HH:mm`` in Vietnam's time. Raises ValueError without a time zone:
    the machine's own zone must never decide what a document says."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    return at.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")


def _character_width(character: str) -> int:
    base = unicodedata.normalize("NFD", character.replace("đ", "d").replace("Đ", "D"))[0]
    if unicodedata.combining(base):
        return 0
    return _TIMES_WIDTHS.get(base, _WIDE_CHARACTER)


def text_points(text: str, size: float, *, bold: bool = False) -> float:
    """Width of one line of ``text`` in points at font size ``size``."""
    thousandths = sum(map(_character_width, text))
    return thousandths / 1000 * size * (_BOLD_FACTOR if bold else 1) * _SAFETY_FACTOR


def line_count(text: str, width: float, size: float, *, bold: bool = False) -> int:
    """Lines ``text`` takes when wrapped in a column ``width`` units wide (at least 1)."""
    room = width * POINTS_PER_WIDTH_UNIT - _CELL_PADDING_POINTS
    space = text_points(" ", size, bold=bold)
    lines = 0
    for paragraph in text.split("\n"):
        used, lines = 0.0, lines + 1
        for word in paragraph.split(" "):
            length = text_points(word, size, bold=bold)
            if used and used + space + length > room:
                used, lines = 0.0, lines + 1
            elif used:
                used += space
            if length > room:  # a word wider than the column is broken anywhere
                lines += math.ceil(length / room) - 1
                length %= room
            used += length
    return lines
