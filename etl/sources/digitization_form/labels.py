"""What the words of a row say it is: a section's heading, a total, a foot, a note."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property

from etl.sources.digitization_form.layouts import Template
from etl.sources.digitization_form.words import lower, plain

# "I.", "II)", "A -" before a heading; also without a mark where the numeral is Roman.
_NUMERAL = re.compile(
    r"(?:(?P<roman>[ivx]+)(?:\s*[.)\-–:/]\s*|\s+)|[a-zđ]\s*[.)\-–:/]\s*|\d{1,2}\s*[.)\-–:/]\s*)"
)
_HEADING_MARK = re.compile(r"[(]?\s*(?:[IVX]+|[A-ZĐ])\s*[.)]?", re.IGNORECASE)
# What stands before a sub-heading in its own cell: "a)", "1.1", "II.1.", "-".
_OUTLINE = re.compile(
    r"[(]?(?:[ivx]+|[a-zđ]|\d{1,3})(?:\.(?:[ivx]+|[a-zđ]|\d{1,3}))*(?:\s*[.)\-–:/]+\s*|\s+)|[+*•\-–]\s*",
    re.IGNORECASE,
)
_ROMAN = re.compile(r"[ivx]+")
_SERIAL = re.compile(r"[0-9]{1,4}(?:[.,]0+)?[.)]?")


class Labels:
    """The label words of one layout, folded once."""

    def __init__(self, template: Template) -> None:
        self.template = template
        self.footers = self._folded(template.footers)
        self.notes = self._folded(template.notes)
        self.block_totals = self._folded(template.totals.block)
        self.grand_totals = self._folded(template.totals.grand)
        self.subheads = {block: self._folded(words) for block, words in template.subheads.items()}

    @cached_property
    def sections(self) -> dict[str, str]:
        """Folded heading -> block."""
        fold = self.template.fold
        return {fold(name): block for block, names in self.template.sections.items() for name in names}

    def section(self, text: str) -> str | None:
        """The block a heading names, with or without its numeral; None for other words."""
        fold = self.template.fold
        return self.sections.get(fold(text)) or self.sections.get(fold(self.bare(text)))

    def bare(self, text: str) -> str:
        """A heading without its leading numeral."""
        return _NUMERAL.sub("", lower(text), count=1) if _NUMERAL.match(lower(text)) else lower(text)

    def numeral(self, stt: str, text: str) -> str | None:
        """The Roman numeral of a heading, from its own cell or the beginning of its text."""
        alone = self.template.fold(stt)
        if _ROMAN.fullmatch(alone):
            return alone
        match = _NUMERAL.match(lower(text))
        return match["roman"] if match and match["roman"] else None

    def is_heading_mark(self, stt: str) -> bool:
        """Whether a serial number's cell holds a heading's numeral or letter instead."""
        return bool(_HEADING_MARK.fullmatch(stt))

    def total(self, text: str, numerals: dict[str, str | None]) -> tuple[str, str | None] | None:
        """("grand" or "block", the block it names or None) for a total row's label; None for other words.

        ``numerals``: the sections seen so far by their Roman numeral ("Cộng II").
        """
        label = self.template.fold(self.bare(text))
        for kind, words in (("grand", self.grand_totals), ("block", self.block_totals)):
            for word in words:
                if label != word and not label.startswith(word + " "):
                    continue
                rest = label[len(word) :].strip()
                block = self.sections.get(rest) or numerals.get(rest)
                if kind == "grand" and rest and block is None and self._begins_block(label):
                    continue
                return ("block" if block else kind), block
        return None

    def subhead(self, text: str, block: str | None) -> str | None:
        """The unit above that a row inside a block names, less its numeral: "a) Huyện Long Điền" -> "Huyện Long Điền".

        None for other words, also for several kinds at once ("Huyện, thị xã": a section that no layout lists).
        """
        words = self.subheads.get(block or "", ())
        whole = plain(text)
        mark = _OUTLINE.match(whole)
        for name in (whole, whole[mark.end() :]) if mark else (whole,):
            folded = self.template.fold(name)
            for word in words:
                rest = folded.removeprefix(word + " ")
                if rest != folded:
                    several = any(rest == other or rest.startswith(other + " ") for other in ("và", *words))
                    return None if several else name.strip(" :;,.-–")
        return None

    def summed(self, text: str, block: str | None) -> tuple[str | None, bool]:
        """The unit above whose rows a total adds up: its name ("Cộng huyện Long Điền"), or whether only its kind stands
        there ("Cộng huyện")."""
        words = plain(text).split()
        for place in range(1, len(words)):
            if self.template.fold(" ".join(words[:place])) in (*self.block_totals, *self.grand_totals):
                rest = " ".join(words[place:])
                if name := self.subhead(rest, block):
                    return name, False
                if self.template.fold(rest) in self.subheads.get(block or "", ()):
                    return None, True
        return None, False

    def is_footer(self, texts: Iterable[str]) -> bool:
        """Whether one of a row's texts begins the foot."""
        return any(self._begins(text, self.footers) for text in texts)

    def is_note(self, text: str) -> bool:
        """Whether a label begins a note."""
        return plain(text)[:1] in ("*", "(") or self._begins(text, self.notes)

    def _begins_block(self, label: str) -> bool:
        """Whether a shorter word and the rest of the label name a block after all ("Tổng số, ngành")."""
        return any(
            label.startswith(word + " ") and label[len(word) + 1 :] in self.sections
            for word in self.block_totals
        )

    def _begins(self, text: str, phrases: Iterable[str]) -> bool:
        folded = self.template.fold(text)
        return any(folded == phrase or folded.startswith(phrase + " ") for phrase in phrases)

    def _folded(self, words: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({self.template.fold(word) for word in words}, key=len, reverse=True))


def is_serial(stt: str) -> bool:
    """Whether a serial number's cell numbers a unit: 1, 2., 03, 4.0."""
    return bool(_SERIAL.fullmatch(stt))
