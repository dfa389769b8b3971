"""Lines of figures, and the comparison that names every cell which differs: for tests of what a release says."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

Value = Decimal | str | None
Tables = dict[str, list["Line"]]


@dataclass(frozen=True)
class Line:
    """One line of a table: its name, its figures by field, and where each stands (empty for the mart's own)."""

    key: tuple[str, ...]
    values: Mapping[str, Value]
    places: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """A cell that does not say what it should; a whole line that lacks or nobody told of has "a line"."""

    place: str
    expected: Value
    found: Value


@dataclass
class Walk:
    """How many figures were compared, how many of them were blank on both sides, and what differs."""

    compared: int = 0
    blank: int = 0
    differences: list[Difference] = field(default_factory=list)

    def __iadd__(self, other: Walk) -> Walk:
        self.compared += other.compared
        self.blank += other.blank
        self.differences += other.differences
        return self


def compare(name: str, expected: Sequence[Line], found: Sequence[Line]) -> Walk:
    """Hold the lines found against those expected, every figure the document shows.

    Several lines of one name (two communes bear it) are paired so that the fewest figures differ.
    """
    walk, theirs = Walk(), defaultdict(list)
    for line in found:
        theirs[line.key].append(line)
    ours = defaultdict(list)
    for line in expected:
        ours[line.key].append(line)
    for key in dict.fromkeys((*ours, *theirs)):
        rest = list(theirs[key])
        for line in ours[key]:
            if not rest:
                walk.differences.append(Difference(f"{name} {'/'.join(key)}", "a line", None))
                continue
            best = min((_pair(line, one) for one in rest), key=lambda pair: len(pair[0].differences))
            walk += best[0]
            rest.remove(best[1])
        walk.differences += [Difference(f"{name} {'/'.join(key)}", None, "a line") for _ in rest]
    return walk


def _pair(expected: Line, found: Line) -> tuple[Walk, Line]:
    walk = Walk()
    for name, value in found.values.items():
        walk.compared += 1
        walk.blank += value in (None, "—") and value == expected.values[name]
        # "0" and a blank are never the same; 8.4 and 8.40 are.
        if value != expected.values[name]:
            walk.differences.append(Difference(found.places[name], expected.values[name], value))
    return walk, found


def figure(value: object) -> Value:
    """What a cell holds as an exact number; blank is None, and words stay words."""
    if value is None or value == "":
        return None
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


def vietnamese(value: Decimal | int, decimals: int = 2, *, signed: bool = False) -> str:
    """1234.5 as "1.234,50", with a minus sign that is none of the keyboard's, half up."""
    rounded = Decimal(value).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    whole, _, part = f"{abs(rounded):f}".partition(".")
    grouped = re.sub(r"(?<=\d)(?=(\d{3})+$)", ".", whole)
    sign = "\u2212" if rounded < 0 else "+" if signed and rounded > 0 else ""
    return sign + grouped + ("," + part if part else "")
