"""`bochiso status --strict`: the exit code for cron, and English lines for a terminal."""

from __future__ import annotations

import pytest
from notify_cases import HOSTILE, MISSING, at, draft, status

from etl.warehouse.duty_ledger import DutyStatus
from etl.watch_strict import strict_exit

RELEASED = status(state="released", release_no=1, released_at=at("2026-10-16 09:00"))

CODES = [
    (0, status(missing=(MISSING,)), "2026-10-12 23:59"),
    (0, RELEASED, "2026-10-17 08:00"),
    (0, status(state="released_late", released_at=at("2026-10-18 09:00")), "2026-10-19 08:00"),
    (
        0,
        status(state="released", restated=3, release_no=1, released_at=at("2026-10-16 09:00")),
        "2026-10-19 08:00",
    ),
    (5, status(missing=(MISSING,)), "2026-10-13 00:00"),
    (5, status(), "2026-10-13 00:00"),  # nothing lacks, and nothing was built
    (5, draft(), "2026-10-15 08:00"),
    (3, status(), "2026-10-17 00:00"),
    (3, draft(), "2026-10-17 08:00"),
    (3, status(state="missed"), "2026-10-18 08:00"),
    (3, status(failure="no", failed_at=at("2026-10-10 05:00")), "2026-10-10 08:00"),
    (3, status(refused_by="A", refused_at=at("2026-10-10 05:00")), "2026-10-10 08:00"),
]


@pytest.mark.parametrize(("code", "one", "now"), CODES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CODES)])
def test_the_exit_code(code: int, one: DutyStatus, now: str) -> None:
    found, lines = strict_exit([one], at(now))
    assert found == code
    assert bool(lines) or code == 0
    assert all(line.isascii() or MISSING in line for line in lines)


def test_the_gravest_decides_and_stands_first() -> None:
    code, lines = strict_exit(
        [RELEASED, draft("D2"), status("D3", failure="disk full"), status("D1", missing=(MISSING,))],
        at("2026-10-15 08:00"),
    )
    assert code == 3
    assert [line.partition(":")[0] for line in lines] == ["act", "waits", "waits"]
    assert lines[0] == "act: H44 2026-10 D3: the last attempt failed: disk full"
    assert lines[1].startswith(
        "waits: H44 2026-10 D1: 1 inputs missing; due 2026-10-17 23:59:59 Vietnam time"
    )
    assert MISSING in lines[1]


def test_nothing_owed_is_well() -> None:
    assert strict_exit([], at("2026-10-15 08:00")) == (0, [])


def test_a_hostile_comment_stays_on_its_line() -> None:
    one = status(refused_by=HOSTILE, refusal=HOSTILE, refused_at=at("2026-10-10 05:00"))
    _, lines = strict_exit([one], at("2026-10-10 08:00"))
    assert len(lines) == 1
    assert lines[0].isprintable()
    assert "\u202e" not in lines[0]
