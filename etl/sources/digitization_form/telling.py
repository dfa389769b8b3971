"""What of a form's cells may be told in receipts and kept with refused rows.

A shifted or stray cell may hold a name or a number of a person, whatever its column is called. A unit's name is
told without long numbers; a cell that should hold a figure or a verdict only where it could be one, else its
shape: letters become x, digits become 9.
"""

from __future__ import annotations

import re
from datetime import date, datetime

from etl.sources.digitization_form.refusals import cut
from etl.sources.digitization_form.words import lower, plain

_LONGEST_VALUE, _LONGEST_FIGURE, _LONGEST_SHAPE = 200, 24, 40
# Identity numbers have 9 or 12 digits, telephones 10; spaces, points and hyphens between them are no disguise.
_NUMBER = r"\d(?:[ .\-]?\d)"
_LONG_NUMBER = re.compile(_NUMBER + "{8,}")
_TOO_LONG_FIGURE = re.compile(_NUMBER + "{9,}")
# A day of another century is a birthday, not a slip of the one who filled in the form.
_DAY = re.compile(r"\d{1,4}[/.\-]\d{1,2}[/.\-]\d{1,4}")
_OF_THIS_CENTURY = re.compile(r"(?:\d{1,2}[/.\-]\d{1,2}[/.\-]20\d\d|20\d\d[/.\-]\d{1,2}[/.\-]\d{1,2})")
# Whole phrases: "Hồ", "Thành" or "Bình" alone may be a name.
_FIGURE_WORDS = frozenset(
    ("", "x", "không", "không có", "không rõ", "chưa có", "hồ sơ", "hs", "không có hồ sơ", "không có số liệu",
     "chưa có số liệu", "true", "false")
)  # fmt: skip
_VERDICT_WORDS = frozenset(
    ("", "x", "đạt", "không đạt", "chưa đạt", "vượt", "hoàn thành", "không hoàn thành", "chưa hoàn thành")
)
_HEADER_DATA = re.compile(
    r"\d(?:[ .\-]?\d){6}|\b\d{1,2}[/.\-]\d{1,2}[/.\-]\d{4}\b|\b[A-Z]\d{2}(?:\.\d+)*-\d", re.IGNORECASE
)


def told_value(value: object) -> str:
    """A cell as text: dates by day, whole floats without a point, long text cut, long numbers masked."""
    if isinstance(value, datetime | date):
        return value.strftime("%d/%m/%Y")
    return masked(cut(plain(_whole(value)), _LONGEST_VALUE))


def _whole(value: object) -> object:
    """A whole number without the point that spreadsheets keep it with (-3.0 is -3)."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def masked(text: str) -> str:
    """The text with every run of nine digits or more as nines."""
    return _LONG_NUMBER.sub(lambda match: re.sub(r"\d", "9", match[0]), text)


def told_code(value: object) -> str:
    """A unit's code: points part its levels, so only nine digits side by side are a person's number."""
    return re.sub(r"\d{9,}", lambda match: "9" * len(match[0]), cut(plain(value), _LONGEST_VALUE))


def told_figure(value: object) -> str:
    """What stands where a figure should: short, of digits and the few words offices write there; else its shape."""
    text = plain(told_day(value) if isinstance(value, date) else _whole(value))
    words = " ".join(re.findall(r"[^\W\d_]+", lower(text)))
    is_day = _DAY.search(text) is not None
    tellable = (
        len(text) <= _LONGEST_FIGURE
        and words in _FIGURE_WORDS
        and not _TOO_LONG_FIGURE.search(text)
        and (not is_day or _OF_THIS_CENTURY.fullmatch(text) is not None)
    )
    return text if tellable else shape(text)


def told_verdict(text: str) -> str:
    """A stated verdict ("Đạt", "Không đạt") as it stands; of anything else the shape."""
    words = " ".join(re.findall(r"[^\W_]+", lower(text)))
    return text if words in _VERDICT_WORDS else shape(text)


def told_header(text: str, place: str) -> str:
    """A header that no layout knows, quoted; only where it stands if a row's data got into it."""
    return f"ở ô {place}" if _HEADER_DATA.search(text) else f"“{cut(text)}”"


def told_day(value: date) -> str:
    """A cell's day (or moment) by its day."""
    return value.strftime("%d/%m/%Y")


def shape(text: str) -> str:
    """Only what kind of signs a text has: "Lê A 0912" is "xx x 9999"."""
    signs = ("9" if sign.isdigit() else "x" if sign.isalpha() else sign for sign in text[:_LONGEST_SHAPE])
    return "".join(signs)
