"""Each kind of event: a status that raises it and a twin that does not; nothing twice, nothing lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from notify_cases import MISSING, at, draft, status

from etl.duties import owed
from etl.periods import VIETNAM
from etl.warehouse.duty_ledger import DutyStatus
from etl.watch_events import Event, events, matters_of, warning_day


def kinds(found: tuple[Event, ...]) -> list[str]:
    return [event.kind for event in found]


LACKS = status(missing=(MISSING,))
FAILED = status(failure="ReportNotReady: waits", failed_at=at("2026-10-12 05:00"))
REFUSED = status(refused_by="Nguyễn Văn A", refusal="Sai tổng", refused_at=at("2026-10-12 10:00"))
LATE = status(state="released_late", release_no=2, released_at=at("2026-10-18 09:00"))
RESTATED = status(state="released", release_no=1, released_at=at("2026-10-16 09:00"), restated=4)

CASES = [
    # kind, raises it, when, and a twin that does not at the same instant
    ("inputs_missing", LACKS, "2026-10-13 07:10", status()),
    ("inputs_missing", LACKS, "2026-10-15 07:10", draft()),
    ("inputs_missing", replace(LACKS, state="building"), "2026-10-15 07:10", status(state="building")),
    ("build_failed", FAILED, "2026-10-12 07:10", status()),
    (
        "build_failed",
        replace(RESTATED, restated=0, failure="SFTP: no"),
        "2026-10-16 10:10",
        replace(RESTATED, restated=0),
    ),
    ("not_built", status(), "2026-10-16 15:30", draft()),
    ("not_built", status(state="building"), "2026-10-16 20:10", replace(LACKS, state="building")),
    ("awaits_sign_off", draft(), "2026-10-15 05:10", status(state="building")),
    ("refused", REFUSED, "2026-10-12 10:10", status()),
    ("due_today", status(), "2026-10-17 00:10", status(state="released", released_at=at("2026-10-16 09:00"))),
    (
        "missed",
        status(state="missed"),
        "2026-10-18 00:10",
        status(state="released", released_at=at("2026-10-16 09:00")),
    ),
    ("missed", status(), "2026-10-18 00:00", status(state="released", released_at=at("2026-10-17 23:59"))),
    ("released_late", LATE, "2026-10-18 09:10", replace(LATE, state="released")),
    ("restated", RESTATED, "2026-10-20 07:10", replace(RESTATED, restated=0)),
]


@pytest.mark.parametrize(
    ("kind", "raises", "when", "twin"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_each_kind_is_raised_by_its_status_and_not_by_its_twin(
    kind: str, raises: DutyStatus, when: str, twin: DutyStatus
) -> None:
    (event,) = events([raises], at(when))
    assert event.kind == kind
    assert (event.province_code, event.period_id, event.duties) == ("H44", "2026-10", ("D1",))
    assert kind not in kinds(events([twin], at(when)))


def test_every_kind_has_a_case() -> None:
    assert {case[0] for case in CASES} == {
        "missed", "due_today", "refused", "build_failed", "not_built", "awaits_sign_off", "inputs_missing", "released_late",
        "restated",
    }  # fmt: skip


@pytest.mark.parametrize("when", ["2026-09-30 07:10", "2026-10-12 23:59"])
def test_nothing_is_said_before_the_warning_days(when: str) -> None:
    assert events([LACKS], at(when)) == ()


def test_the_due_instant_itself_is_still_in_time() -> None:
    assert kinds(events([status()], at("2026-10-17 23:59:59"))) == ["due_today"]
    assert kinds(events([status()], at("2026-10-17 23:59:59") + timedelta(microseconds=1))) == ["missed"]


def test_days_are_vietnams_wherever_the_instant_comes_from() -> None:
    utc = datetime.fromisoformat("2026-10-16T17:00:00+00:00")  # midnight of the 17th in Vietnam
    assert kinds(events([status()], utc)) == ["due_today"]
    assert kinds(events([status()], utc - timedelta(seconds=1))) == ["not_built"]
    assert events([status()], utc - timedelta(hours=9)) == ()


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        events([status()], datetime(2026, 10, 17, 7))


# --- Tết, and announced working days ------------------------------------------------------------

TET = {"period_id": "2026-02", "target_day": date(2026, 2, 13), "due_at": at("2026-02-17 23:59:59")}


def test_the_warning_days_of_february_2026() -> None:
    (due, *_) = [one for one in owed(None, 2026) if one.period.id == "2026-02"]
    assert due.target_day == date(2026, 2, 13)
    lacks = status(missing=(MISSING,), preliminary_at=due.preliminary_at, **TET)
    assert events([lacks], at("2026-02-09 23:59")) == ()
    (first,) = events([lacks], at("2026-02-10 00:10"))
    (second,) = events([lacks], at("2026-02-12 07:10"), told=first.told)
    assert [first.key, second.key] == [
        "inputs_missing/H44/2026-02/D1:t-3",
        "inputs_missing/H44/2026-02/D1:t-1",
    ]
    assert (first.facts.working_days_to_target, second.facts.working_days_to_target) == (3, 1)
    # Tết begins on Monday the 16th; from the target day on no working day is left, and the 17th is the due day.
    (today,) = events([lacks], at("2026-02-17 07:10"), told=first.told | second.told)
    assert (today.kind, today.facts.working_days_to_target, today.facts.days_to_due) == ("due_today", 0, 0)


def test_announced_working_days_move_the_warning() -> None:
    swapped = {date(2026, 10, 13): "off", date(2026, 10, 14): "off", date(2026, 10, 10): "working"}
    assert warning_day(date(2026, 10, 16), 3) == date(2026, 10, 13)
    assert warning_day(date(2026, 10, 16), 3, swapped) == date(2026, 10, 10)
    assert events([LACKS], at("2026-10-10 08:00")) == ()
    assert events([LACKS], at("2026-10-09 08:00"), swapped) == ()
    (event,) = events([LACKS], at("2026-10-10 08:00"), swapped)
    assert (event.kind, event.facts.working_days_to_target) == ("inputs_missing", 3)


# --- grouping -----------------------------------------------------------------------------------


def test_all_duties_of_a_period_with_the_same_event_make_one() -> None:
    all_four = [status(duty, missing=(MISSING,)) for duty in ("D4", "D2", "D1", "D3")]
    (event,) = events(all_four, at("2026-10-13 07:10"))
    assert event.duties == ("D1", "D2", "D3", "D4")
    assert event.key == "inputs_missing/H44/2026-10/D1:t-3+D2:t-3+D3:t-3+D4:t-3"
    assert matters_of(event.key) == event.told
    assert [one.duty for one in event.facts.statuses] == ["D1", "D2", "D3", "D4"]


def test_other_provinces_and_periods_are_told_apart() -> None:
    many = [
        status("D1"), status("D1", province_code="H06"), status("D1", period_id="2026-Q3"), status("D2"),
    ]  # fmt: skip
    found = events(many, at("2026-10-17 07:10"))
    assert [(one.province_code, one.period_id, one.duties) for one in found] == [
        ("H06", "2026-10", ("D1",)),
        ("H44", "2026-10", ("D1", "D2")),
        ("H44", "2026-Q3", ("D1",)),
    ]


def test_drafts_of_two_releases_make_one_message_with_the_greater_severity() -> None:
    early = draft("D1", built="2026-10-15 04:40", number=1)
    later = draft("D2", built="2026-10-16 08:00", number=2)
    (event,) = events([early, later], at("2026-10-16 09:10"))
    assert event.key == "awaits_sign_off/H44/2026-10/D1:r1.target+D2:r2.built"
    assert event.severity == "warning"


def test_a_duty_that_joins_later_does_not_repeat_the_others() -> None:
    (first,) = events([draft("D1")], at("2026-10-15 05:10"))
    (second,) = events([draft("D1"), draft("D2", number=2)], at("2026-10-15 06:10"), told=first.told)
    assert second.duties == ("D2",)


# --- superseding, and a watcher that was off ------------------------------------------------------


def test_a_watcher_that_was_off_says_only_what_stands_now() -> None:
    (before,) = events([LACKS], at("2026-10-13 07:10"))
    assert before.facts.working_days_to_target == 3
    # off from the 13th to the 16th: one message, about today, and neither of the two it missed
    (now,) = events([LACKS], at("2026-10-16 07:10"))
    assert (now.key, now.facts.working_days_to_target) == ("inputs_missing/H44/2026-10/D1:t-1", 0)
    # off over the due day: missed, nothing else, with the draft that was never announced told along
    (late,) = events([draft(state="missed")], at("2026-10-20 07:10"))
    assert late.kind == "missed"
    assert {matter.kind for matter in late.also} == {"awaits_sign_off"}
    assert events([draft(state="missed")], at("2026-10-20 08:10"), told=late.told) == ()


def test_what_is_due_today_tells_draft_failure_and_refusal_along() -> None:
    everything = draft(
        failure="no", failed_at=at("2026-10-16 04:40"), refused_by="A", refused_at=at("2026-10-16 05:00")
    )
    (event,) = events([everything], at("2026-10-17 07:10"))
    assert event.kind == "due_today"
    assert [matter.kind for matter in event.also] == ["refused", "build_failed", "awaits_sign_off"]


def test_a_draft_that_comes_after_the_morning_of_the_due_day_is_told_for_itself() -> None:
    (morning,) = events([LACKS], at("2026-10-17 07:10"))
    (noon,) = events([draft(built="2026-10-17 11:00")], at("2026-10-17 11:10"), told=morning.told)
    assert noon.key == "awaits_sign_off/H44/2026-10/D1:r1.built"


def test_a_signature_is_asked_for_when_built_on_the_target_day_and_on_the_due_day() -> None:
    told: frozenset[str] = frozenset()
    said = []
    hour = at("2026-10-15 05:10")
    while hour < at("2026-10-18 00:00"):
        for event in events([draft()], hour, told=told):
            said.append((event.kind, hour.strftime("%d %H"), event.severity))
            told |= event.told
        hour += timedelta(hours=1)
    assert said == [
        ("awaits_sign_off", "15 05", "info"),
        ("awaits_sign_off", "16 00", "warning"),
        ("due_today", "17 00", "urgent"),
    ]


def test_a_draft_built_on_the_target_day_is_told_once_that_day() -> None:
    (event,) = events([draft(built="2026-10-16 04:40")], at("2026-10-16 05:10"))
    assert events([draft(built="2026-10-16 04:40")], at("2026-10-16 20:10"), told=event.told) == ()


def test_a_missed_duty_with_a_refused_draft_does_not_wait_for_a_signature() -> None:
    refused = status(state="missed", refused_by="A", refused_at=at("2026-10-17 10:00"))
    (event,) = events([refused], at("2026-10-18 07:10"))
    assert [matter.kind for matter in event.also] == ["refused"]


# --- failures, restatements ---------------------------------------------------------------------


def test_the_same_failure_is_told_once_a_day_and_another_one_at_once() -> None:
    def fails(words: str, when: str) -> DutyStatus:
        return status(failure=words, failed_at=at(when))

    (first,) = events(
        [fails("run 1a2b3c4d5e timed out after 31 s", "2026-10-12 05:00")], at("2026-10-12 05:10")
    )
    again = fails("run 9f8e7d6c5b timed out after 7 s", "2026-10-12 06:00")
    assert events([again], at("2026-10-12 06:10"), told=first.told) == ()
    other = fails("the disk is full", "2026-10-12 07:00")
    assert kinds(events([other], at("2026-10-12 07:10"), told=first.told)) == ["build_failed"]
    tomorrow = fails("run 1a2b3c4d5e timed out after 31 s", "2026-10-13 05:00")
    assert kinds(events([tomorrow], at("2026-10-13 05:10"), told=first.told)) == ["build_failed"]


def test_restatements_are_told_once_a_day_and_only_when_there_are_more() -> None:
    told: frozenset[str] = frozenset()
    said = []
    for when, count in [
        ("2026-10-20 07:10", 4), ("2026-10-20 08:10", 4), ("2026-10-20 12:10", 9), ("2026-10-21 07:10", 9),
        ("2026-10-22 07:10", 9), ("2026-10-23 07:10", 9), ("2026-10-24 07:10", 11),
    ]:  # fmt: skip
        for event in events([replace(RESTATED, restated=count)], at(when), told=told):
            said.append((when[8:10], count))
            told |= event.told
    assert said == [("20", 4), ("21", 9), ("24", 11)]
    newer = replace(RESTATED, release_no=2, restated=11)
    assert kinds(events([newer], at("2026-10-25 07:10"), told=told)) == ["restated"]


def test_a_late_release_is_news_for_six_weeks() -> None:
    assert kinds(events([LATE], at("2026-12-02 07:10"))) == ["released_late"]
    assert events([LATE], at("2026-12-03 07:10")) == ()


# --- a month, hour by hour ----------------------------------------------------------------------


def month(watcher_is_up: Callable[[datetime], bool]) -> tuple[list[tuple[str, str, str]], Counter[str]]:
    """October 2026 of two provinces: one late in everything, one in time. Returns what was said, and how often."""

    def late(duty: str, now: datetime) -> DutyStatus:
        if now < at("2026-10-15 04:30"):
            return status(duty, missing=(MISSING,))
        if now < at("2026-10-15 14:00"):
            return status(duty, missing=(MISSING,), failure=f"no {now:%H}", failed_at=now.replace(minute=0))
        if now < at("2026-10-16 10:00"):
            return draft(duty, built="2026-10-15 14:00")
        if now < at("2026-10-17 15:00"):
            return status(duty, refused_by="B", refusal="sai", refused_at=at("2026-10-16 10:00"))
        if now < at("2026-10-19 09:00"):
            state = "awaiting_sign_off" if now <= at("2026-10-17 23:59:59") else "missed"
            return draft(duty, built="2026-10-17 15:00", number=2, state=state)
        changed = 3 if now >= at("2026-10-25 04:30") else 0
        released = at("2026-10-19 09:00")
        return status(duty, state="released_late", release_no=2, released_at=released, restated=changed)

    def prompt(duty: str, now: datetime) -> DutyStatus:
        code = {"province_code": "H06", "province_name": "tỉnh Bà Rịa - Vũng Tàu"}
        if now < at("2026-10-13 15:00"):
            return status(duty, missing=(), **code)
        if now < at("2026-10-15 04:30"):
            return status(duty, **code)
        if now < at("2026-10-15 09:30"):
            return draft(duty, built="2026-10-15 04:30", **code)
        return status(duty, state="released", release_no=1, released_at=at("2026-10-15 09:30"), **code)

    said: list[tuple[str, str, str]] = []
    counts: Counter[str] = Counter()
    told: set[str] = set()
    now = at("2026-10-01 00:10")
    while now < at("2026-11-01 00:00"):
        if watcher_is_up(now):
            every = [late(duty, now) for duty in ("D1", "D2", "D3")] + [
                prompt(duty, now) for duty in ("D1", "D2")
            ]
            for event in events(every, now, told=told):
                said.append((event.province_code, event.kind, now.strftime("%d %H:%M")))
                counts.update(event.told)
                told |= event.told
        now += timedelta(hours=1)
    return said, counts


def test_a_month_hour_by_hour_says_each_thing_once_and_on_its_day() -> None:
    said, counts = month(lambda now: True)
    assert said == [
        ("H44", "inputs_missing", "13 00:10"),
        ("H44", "inputs_missing", "15 00:10"),
        ("H44", "build_failed", "15 05:10"),
        ("H06", "awaits_sign_off", "15 05:10"),
        ("H44", "awaits_sign_off", "15 14:10"),
        ("H44", "awaits_sign_off", "16 00:10"),
        ("H44", "refused", "16 10:10"),
        ("H44", "due_today", "17 00:10"),
        ("H44", "awaits_sign_off", "17 15:10"),
        ("H44", "missed", "18 00:10"),
        ("H44", "released_late", "19 09:10"),
        ("H44", "restated", "25 05:10"),
    ]
    assert max(counts.values()) == 1
    assert {kind for _, kind, _ in said} == {case[0] for case in CASES} - {"not_built"}


def test_a_month_with_the_watcher_off_for_three_days_loses_nothing_that_still_stands() -> None:
    said, counts = month(lambda now: not at("2026-10-14 12:00") <= now < at("2026-10-17 12:00"))
    assert [(kind, when) for code, kind, when in said if code == "H44"] == [
        ("inputs_missing", "13 00:10"),
        ("due_today", "17 12:10"),
        ("awaits_sign_off", "17 15:10"),
        ("missed", "18 00:10"),
        ("released_late", "19 09:10"),
        ("restated", "25 05:10"),
    ]
    assert [one for one in said if one[0] == "H06"] == []
    assert max(counts.values()) == 1


def test_the_order_of_the_statuses_changes_nothing() -> None:
    many = [
        draft("D1"),
        status("D2", missing=(MISSING,)),
        LATE,
        status("D3"),
        status("D4", province_code="H06"),
    ]
    now = at("2026-10-17 07:10").astimezone(VIETNAM)
    assert [one.key for one in events(many, now)] == [one.key for one in events(reversed(many), now)]
