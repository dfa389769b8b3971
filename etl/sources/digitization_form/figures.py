"""One cell to one figure: whole numbers however an office writes them, or the reason why not. Never a guess.

``1.234``, ``1,234`` and ``1 234`` are 1234 (both separators are in use); ``12,0`` is 12; ``1.23`` could be
meant in two ways and is refused, like every number that is not whole.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation

from etl.sources.digitization_form.words import plain

# The country receives about 5 million dossiers a month; no unit's cell holds ten digits.
LARGEST = 999_999_999
_LONGEST_TEXT = 40

_DASHES = frozenset("-–—−")
_WHOLE = re.compile(r"[0-9]+")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:(?P<mark>[., ])[0-9]{3})(?:(?P=mark)[0-9]{3})*")
_ZERO_TAIL = re.compile(r"(?P<whole>.*[0-9])(?P<point>[.,])0{1,2}")
_NUMBER = re.compile(r"[-−–]?[0-9]+(?:[.,][0-9]+)?")


@dataclass(frozen=True)
class NotAFigure:
    """Why a cell holds no figure: our rule, and the half of a sentence that follows "ô … ghi …"."""

    rule: str
    why_vi: str


NOT_WHOLE = "not_a_whole_number"


def is_blank(value: object) -> bool:
    """Whether a cell holds nothing at all (None, or text of spaces)."""
    return value is None or (isinstance(value, str) and not plain(value))


def parse_count(value: object, dash: str) -> int | NotAFigure | None:
    """A count of dossiers. Blank is None; ``dash`` says what "-" is (``nothing`` or ``zero``)."""
    if is_blank(value):
        return None
    if isinstance(value, bool):
        return NotAFigure(NOT_WHOLE, "là giá trị đúng/sai, không phải số")
    if isinstance(value, date | datetime | time | timedelta):
        return NotAFigure(NOT_WHOLE, "là ngày hoặc giờ, không phải số")
    if isinstance(value, int | float | Decimal):
        return _whole(value)
    return _text(plain(value).removeprefix("'").strip(), dash)


def parse_percent(value: object) -> Decimal | None:
    """A stated rate as it stands (``85,3``, ``85.3 %``, 0.853), or None for anything else.

    Whether a column is written in percent or as shares of one is for the reader of the column to find.
    """
    if isinstance(value, bool) or is_blank(value):
        return None
    if isinstance(value, int | float):
        number = Decimal(repr(value))
        return number if number.is_finite() else None
    text = plain(value).removesuffix("%").strip()
    if len(text) > _LONGEST_TEXT or not _NUMBER.fullmatch(text):
        return None
    try:
        return Decimal(text.replace(",", ".").replace("−", "-").replace("–", "-"))
    except InvalidOperation:
        return None


def looks_like_figure(value: object) -> bool:
    """Whether someone may have meant a figure here: a number, or text that has a digit and no letter."""
    if isinstance(value, bool) or is_blank(value):
        return False
    if isinstance(value, int | float | Decimal):
        return True
    if not isinstance(value, str):
        return False
    text = plain(value)
    return any(sign.isdigit() for sign in text) and not any(sign.isalpha() for sign in text)


def _whole(value: int | float | Decimal) -> int | NotAFigure:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or number != number.to_integral_value():
        return NotAFigure(NOT_WHOLE, "không phải số nguyên")
    return _in_range(int(number))


def _text(text: str, dash: str) -> int | NotAFigure | None:
    if text in _DASHES:
        return 0 if dash == "zero" else None
    if len(text) > _LONGEST_TEXT:
        return NotAFigure(NOT_WHOLE, "không phải số")
    if text[:1] in _DASHES and isinstance(_text(text[1:].strip(), dash), int):
        return NotAFigure("negative", "là số âm")
    if _WHOLE.fullmatch(text):
        return _in_range(int(text))
    if grouped := _GROUPED.fullmatch(text):
        return _in_range(int(text.replace(grouped["mark"], "")))
    if tail := _ZERO_TAIL.fullmatch(text):
        whole = tail["whole"]
        grouped = _GROUPED.fullmatch(whole)
        if _WHOLE.fullmatch(whole) or (grouped and grouped["mark"] != tail["point"]):
            return _in_range(int(re.sub(r"[., ]", "", whole)))
    if looks_like_figure(text):
        return NotAFigure(NOT_WHOLE, "không phải số nguyên, hoặc có thể hiểu theo nhiều cách")
    return NotAFigure(NOT_WHOLE, "không phải số")


def _in_range(number: int) -> int | NotAFigure:
    if number < 0:
        return NotAFigure("negative", "là số âm")
    if number > LARGEST:
        return NotAFigure("out_of_range", f"lớn quá mức có thể (trên {LARGEST:,} hồ sơ)".replace(",", "."))
    return number
