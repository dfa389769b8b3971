"""When a reading is whole: the judgement alone, on made-up unit lists."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from etl.sources.national_portal.completeness import GroupReading, judge

ALL = tuple(f"u{number}" for number in range(100))
NOBODY = frozenset[str]()


def reading(group: str, units: tuple[str, ...], stated: int | None = None) -> GroupReading:
    return GroupReading(group, units, stated)


@dataclass(frozen=True)
class Case:
    """Two groups and what is known, and what must be said of the second ("B")."""

    name: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    complete: bool
    expected: int
    seen: int
    missing_share: float
    words: str | None
    a_stated: int | None = None
    b_stated: int | None = None
    known: frozenset[str] = NOBODY


CASES = (
    Case("all there", ALL, ALL, True, 100, 100, 0, None, 100, 100, frozenset(ALL)),
    Case("a tree without pagination", ALL, ALL, True, 100, 100, 0, None, 100, None),
    Case(
        "own pagination states more",
        ALL,
        ALL[:16],
        False,
        100,
        16,
        0.84,
        "its own pagination states 100 units, 16",
        100,
        100,
    ),
    Case(
        "own pagination states one more",
        ALL,
        ALL[:99],
        False,
        100,
        99,
        0.01,
        "states 100 units, 99 were",
        100,
        100,
    ),
    Case(
        "own pagination states fewer", ALL, ALL, False, 90, 100, 0, "states 90 units, 100 were sent", 100, 90
    ),
    Case("own pagination states none", ALL, ALL, False, 0, 100, 1, "states 0 units, 100 were sent", 100, 0),
    Case(
        "lacks what other groups hold",
        ALL,
        ALL[:90],
        False,
        100,
        90,
        0.1,
        "groups of this run together hold 100 units, 10 are missing here",
    ),
    Case(
        "lacks a few of the other groups",
        ALL,
        ALL[:95],
        True,
        100,
        95,
        0.05,
        "together hold 100 units, 5 are missing",
    ),
    Case(
        "both groups hold what the other lacks",
        ALL[:98],
        ALL[2:],
        True,
        100,
        98,
        0.02,
        "together hold 100 units, 2 are missing",
    ),
    Case(
        "other groups' pagination states more",
        ALL[:50],
        ALL[:50],
        False,
        100,
        50,
        0.5,
        "pagination of this run states 100 units, 50 are missing",
        100,
    ),
    Case(
        "known units are gone",
        ALL[:80],
        ALL[:80],
        False,
        100,
        80,
        0.2,
        "last complete snapshot held 100 units, 20 are missing",
        None,
        None,
        frozenset(ALL),
    ),
    Case(
        "few known units are gone",
        ALL[:97],
        ALL[:97],
        True,
        100,
        97,
        0.03,
        "last complete snapshot held 100 units, 3 are missing",
        None,
        None,
        frozenset(ALL),
    ),
    Case("more units than are known", ALL, ALL, True, 100, 100, 0, None, None, None, frozenset(ALL[:90])),
    Case("seen for the first time", ALL, ALL, True, 100, 100, 0, None),
    Case("twice the same unit", ALL, (*ALL, ALL[0]), True, 100, 100, 0, "1 units were sent twice"),
    Case(
        "twice a unit instead of another",
        ALL,
        (*ALL[:99], ALL[0]),
        False,
        100,
        99,
        0.01,
        "states 100 units, 99",
        100,
        100,
    ),
    Case("no unit at all", ALL, (), False, 100, 0, 1, "no unit was sent"),
    Case(
        "other units altogether",
        ALL,
        tuple(f"x{n}" for n in range(100)),
        False,
        200,
        100,
        0.5,
        "together hold 200",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_group_is_judged_on_the_strongest_evidence(case: Case) -> None:
    groups = {"A": reading("A", case.a, case.a_stated), "B": reading("B", case.b, case.b_stated)}
    verdict = judge(groups, case.known, 0.05)["B"]
    assert verdict.complete is case.complete
    assert (verdict.expected, verdict.seen) == (case.expected, case.seen)
    assert verdict.missing_share == pytest.approx(case.missing_share)
    if case.words is None:
        assert verdict.note is None
    else:
        assert case.words in (verdict.note or "")


def test_one_partial_group_does_not_condemn_the_others() -> None:
    groups = {"A": reading("A", ALL, 100), "B": reading("B", ALL[:16], 100), "C": reading("C", ALL)}
    verdicts = judge(groups, NOBODY, 0.05)
    assert {code: verdict.complete for code, verdict in verdicts.items()} == {
        "A": True,
        "B": False,
        "C": True,
    }


def test_the_share_that_may_be_missing_is_the_one_given() -> None:
    groups = {"A": reading("A", ALL), "B": reading("B", ALL[:80])}
    assert judge(groups, NOBODY, 0.2)["B"].complete
    assert not judge(groups, NOBODY, 0.199)["B"].complete
    assert not judge({"A": reading("A", ALL), "B": reading("B", ALL[:99])}, NOBODY, 0)["B"].complete


def test_two_empty_groups_are_not_whole_although_nothing_else_is_known() -> None:
    verdicts = judge({"A": reading("A", ()), "B": reading("B", (), 0)}, NOBODY, 0.05)
    assert not any(verdict.complete for verdict in verdicts.values())
    assert len(verdicts) == 2


def test_the_order_of_groups_does_not_matter() -> None:
    groups = {"A": reading("A", ALL, 100), "B": reading("B", ALL[:16], 100), "C": reading("C", ALL[3:])}
    turned = dict(reversed(groups.items()))
    assert list(turned) != list(groups)
    assert judge(groups, frozenset(ALL[1:]), 0.05) == judge(turned, frozenset(ALL[1:]), 0.05)
