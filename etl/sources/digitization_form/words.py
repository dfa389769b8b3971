"""Folding of Vietnamese header and label text, so that two spellings of one phrase compare equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Two places of the tone mark are both right (hoá/hóa); the newer one is taken. Old -> new.
_TONES = {
    old: new
    for old_set, new_set in (
        ("oà oá oả oã oạ", "òa óa ỏa õa ọa"),
        ("oè oé oẻ oẽ oẹ", "òe óe ỏe õe ọe"),
        ("uỳ uý uỷ uỹ uỵ", "ùy úy ủy ũy ụy"),
    )
    for old, new in zip(old_set.split(), new_set.split(), strict=True)
}
_TONE = re.compile("|".join(_TONES))
_NOT_WORD = re.compile(r"[^\w%]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def without_controls(text: str) -> str:
    """Control characters as U+FFFD; tabs and line ends stay."""
    return _CONTROLS.sub("\ufffd", text)


def plain(text: object) -> str:
    """Composed Unicode on one line: line breaks, no-break and double spaces become one space."""
    return " ".join(unicodedata.normalize("NFC", str(text)).replace("\u200b", "").split())


def lower(text: object) -> str:
    """``plain``, in one case and with one place of the tone mark; punctuation stays."""
    return _TONE.sub(lambda match: _TONES[match[0]], plain(text).casefold())


def fold(text: object, abbreviations: Mapping[str, str] | None = None) -> str:
    """``lower`` without punctuation; whole words that are ``abbreviations`` (folded) are written out."""
    words = _NOT_WORD.sub(" ", lower(text)).split()
    return " ".join((abbreviations or {}).get(word, word) for word in words)
