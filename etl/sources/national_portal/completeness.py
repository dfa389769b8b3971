"""Whether a reading of the portal is whole: group by group, on three kinds of evidence.

1. ``pagination.total`` where the reply has one (transparency, digitization, satisfaction).
2. The other groups of the same run: the trees have no pagination object, and inventories
   differ a little between groups (Quảng Ninh: union 71, in all groups 68).
3. The units known from the last complete snapshot of the province: lists move by a few
   units within days (520 + 3,322 on 1 October, 517 + 3,321 four days later).

Losing more than the set share refuses the group; losing fewer is a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass


@dataclass(frozen=True)
class GroupReading:
    """What one group answered: portal ids of its units, and the total its pagination states."""

    group: str
    unit_ids: tuple[str, ...]
    stated_total: int | None


@dataclass(frozen=True)
class Verdict:
    """Judgement of one group. ``missing_share`` is 0 to 1 against the strongest evidence."""

    group: str
    complete: bool
    expected: int
    seen: int
    missing_share: float
    note: str | None


def judge(
    readings: Mapping[str, GroupReading], known_units: Set[str], max_missing_share: float
) -> dict[str, Verdict]:
    """A verdict for every group that answered. Pure; the order of groups does not matter."""
    present = {group: frozenset(reading.unit_ids) for group, reading in readings.items()}
    stated = [reading.stated_total for reading in readings.values() if reading.stated_total is not None]
    most_stated = max(stated, default=0)
    union = frozenset[str]().union(*present.values()) if present else frozenset[str]()
    verdicts: dict[str, Verdict] = {}
    for group, reading in readings.items():
        seen = len(present[group])
        # (expected count, missing count, words), each judged by the same share
        evidence: list[tuple[int, int, str]] = [
            (len(union), len(union - present[group]), "the groups of this run together hold {expected}"),
            (most_stated, max(0, most_stated - seen), "the pagination of this run states {expected}"),
            (
                len(known_units),
                len(known_units - present[group]),
                "the last complete snapshot held {expected}",
            ),
        ]
        expected, missing, words = max(
            evidence, key=lambda item: (item[1] / item[0] if item[0] else 0, item[0])
        )
        share = missing / expected if expected else 0.0
        own_total_disagrees = reading.stated_total is not None and reading.stated_total != seen
        repeated = len(reading.unit_ids) - seen
        complete = share <= max_missing_share and not own_total_disagrees and seen > 0
        notes: list[str] = []
        if own_total_disagrees:
            expected = reading.stated_total or 0
            share = max(share, 1 - seen / expected if expected else 1.0)
            notes.append(f"its own pagination states {expected} units, {seen} were sent")
        elif seen == 0:
            notes.append("no unit was sent")
        elif missing:
            notes.append(words.format(expected=expected) + f" units, {missing} are missing here")
        if repeated:
            notes.append(f"{repeated} units were sent twice")
        verdicts[group] = Verdict(
            group=group,
            complete=complete,
            expected=max(expected, seen) if complete else expected,
            seen=seen,
            missing_share=round(share, 6),
            note="; ".join(notes) or None,
        )
    return verdicts
