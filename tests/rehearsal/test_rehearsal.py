"""A whole year of duties, day by day, through the real DAGs with a clock of its own (``support.rehearsal``).

2026 as a province of today lives it, with what goes wrong in it; the first months under the letter as Bà Rịa - Vũng Tàu lived them in 2023. The portal's
months before 2026 have today's shape here: what is rehearsed of them are the dates.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
import yaml
from support.rehearsing import Year, rehearse, todays_catalogue_since

from etl.settings import PROJECT_ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

SINCE = "2022-06-23"
# Duties do not depend on how many units there are; a whole province takes three times as long.
UNITS = {"PROVINCE": 4, "DISTRICT": 2, "COMMUNE": 8}
REFUSAL = "Bảng 2 ghi sai tên đơn vị, đề nghị sửa."


@pytest.fixture(scope="module")
def year_2026(tmp_path_factory: pytest.TempPathFactory) -> Year:
    root = tmp_path_factory.mktemp("rehearsal-2026")
    return rehearse(
        root / "home",
        {
            "year": 2026,
            "province": "phu_tho",
            "first": "2026-01-01",
            "last": "2026-12-31",
            "catalogue": todays_catalogue_since(root, SINCE),
            "units": UNITS,
            "early_forms": {"2026-02": "2026-02-12"},  # for the preliminary report: the window still runs
            "outage": ["2026-05-10", "2026-05-16"],
            "late_forms": {"2026-08": "2026-08-19"},
            "refused": {"2026-03/bao-cao": REFUSAL},
            "built_again": {"2026-03/bao-cao": "2026-03-17"},
        },
    )


def test_every_duty_of_2026_leaves_in_time_but_the_one_whose_form_came_late(year_2026: Year) -> None:
    owed = [one for one in year_2026.deadlines if one.due_at.year == 2026]
    assert Counter(one.duty for one in owed) == {"D1": 17, "D2": 17, "D3": 17, "D4": 17}
    late = [(one.period, one.duty) for one in owed if one.state != "released"]
    assert late == [("2026-08", "D1")]
    for one in owed:
        assert one.released_at is not None
        assert (one.released_at <= one.due_at) == (one.state == "released")
    assert year_2026.failed == []
    assert set(year_2026.sent) == {"sent"}
    # What comes is in the ledger ahead of time.
    assert {one.period for one in year_2026.deadlines if one.due_at.year == 2027} == {
        "2027-01", "2027-02", "2027-03", "2027-Q1"
    }  # fmt: skip
    december = {one.period: one.released_at for one in owed if one.due_at.month == 12 and one.duty == "D2"}
    assert set(december) == {"2026-12", "2026-Q4", "2026"}


def test_an_outage_of_the_portal_is_told_and_the_report_leaves_on_the_last_day(year_2026: Year) -> None:
    may = {one.duty: one for one in year_2026.of("2026-05")}
    assert may["D1"].released_at is not None
    assert (
        may["D1"].released_at.date() == may["D1"].target == date(2026, 5, 15)
    )  # goes ahead without the comparison
    assert {may[duty].released_at.date() for duty in ("D2", "D3", "D4")} == {date(2026, 5, 17)}  # type: ignore[union-attr]
    # 12 and 14 May are three and one working days before Friday the 15th.
    assert year_2026.days_told("inputs_missing", "2026-05") >= {"2026-05-12", "2026-05-14"}
    assert year_2026.days_told("due_today", "2026-05") == {"2026-05-17"}
    assert year_2026.days_told("missed", "2026-05") == set()
    told = [one.text for one in year_2026.told if (one.kind, one.period) == ("inputs_missing", "2026-05")]
    assert any("chưa có số liệu tháng 4/2026" in text for text in told)


def test_a_late_form_is_late_and_said_to_be(year_2026: Year) -> None:
    august = {one.duty: one for one in year_2026.of("2026-08")}
    assert august["D1"].state == "released_late"
    assert august["D1"].released_at is not None
    assert august["D1"].released_at.date() == date(2026, 8, 19)
    assert year_2026.days_told("due_today", "2026-08") == {"2026-08-17"}
    assert {one.duties for one in year_2026.told if one.kind == "missed"} == {"D1"}
    assert year_2026.days_told("missed", "2026-08") == {"2026-08-18"}
    assert "2026-08-20" in year_2026.days_told("released_late", "2026-08")
    # The letter left in time and named what it lacked; once the form was there it was corrected.
    letters = [one for one in year_2026.releases if (one[0], one[2]) == ("2026-08", "bao-cao")]
    assert any("chưa có biểu số hóa" in gap for gap in letters[0][5])
    assert [(one[4], bool(one[5])) for one in letters] == [("superseded", True), ("released", False)]
    assert year_2026.days_told("build_failed", "2026-08") == set()


def test_a_refused_draft_is_told_and_its_successor_leaves_in_time(year_2026: Year) -> None:
    letters = [one for one in year_2026.releases if (one[0], one[2]) == ("2026-03", "bao-cao")]
    assert [one[4] for one in letters] == ["rejected", "released"]
    (refused,) = [one for one in year_2026.told if one.kind == "refused"]
    assert (refused.period, refused.duties, refused.day) == ("2026-03", "D2, D3, D4", date(2026, 3, 16))
    assert REFUSAL in refused.text


def test_in_the_february_of_tet_a_preliminary_report_leaves_before_the_holidays(year_2026: Year) -> None:
    """Target Friday the 13th, before the window closes on the 14th; Tết from the 16th on."""
    february = [one for one in year_2026.releases if one[0] == "2026-02"]
    assert [(one[2], one[3], one[4]) for one in sorted(february, key=lambda one: (one[3], one[2]))] == [
        ("bao-cao", "final", "released"),
        ("so-hoa", "final", "released"),
        ("bao-cao", "preliminary", "superseded"),
        ("so-hoa", "preliminary", "superseded"),
    ]
    built = {one[3]: one[6][:10] for one in february}
    assert built == {"preliminary": "2026-02-13", "final": "2026-02-15"}
    assert {one.released_at.date() for one in year_2026.of("2026-02") if one.released_at} == {
        date(2026, 2, 15)
    }
    # Three working days before Friday the 13th is Tuesday the 10th.
    assert "2026-02-10" in year_2026.days_told("inputs_missing", "2026-02")
    assert [one[3] for one in year_2026.releases if one[0] != "2026-02" and one[3] == "preliminary"] == []


def test_nothing_is_told_twice_and_nothing_without_need(year_2026: Year) -> None:
    told = [(one.kind, one.period, one.duties, one.day) for one in year_2026.told]
    assert len(told) == len(set(told))
    assert {one.period for one in year_2026.told if one.kind == "due_today"} == {
        "2026-03",
        "2026-05",
        "2026-08",
    }
    assert {one.kind for one in year_2026.told} == {
        "inputs_missing", "awaits_sign_off", "refused", "due_today", "missed", "released_late"
    }  # fmt: skip


def test_the_first_duties_of_bà_rịa_vũng_tàu_under_its_letter_leave_in_time(tmp_path: Path) -> None:
    """The first two months and the first quarter under the letter ("kể từ kỳ báo cáo tháng 5/2023")."""
    home = tmp_path / "home"
    (home / "provinces").mkdir(parents=True)
    shipped = PROJECT_ROOT / "etl/reference/provinces/ba_ria_vung_tau.yml"
    province = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    province["portal_id"] = (
        "11111111-2222-4333-8444-555555555555"  # the sandbox's: today's portal does not know it
    )
    (home / "provinces" / "ba_ria_vung_tau.yml").write_text(
        yaml.safe_dump(province, allow_unicode=True), encoding="utf-8"
    )
    year = rehearse(
        home,
        {
            "year": 2023,
            "province": "ba_ria_vung_tau",
            "past": True,
            "read_from_day": 15,  # an office's own duties.yml: one reading a period, on the morning of the report
            "quiet": True,
            "first": "2023-05-01",
            # The quarter adds up its months: the one before the letter is handed in with its first.
            "early_forms": {"2023-04": "2023-05-15"},
            "last": "2023-06-30",
            "catalogue": todays_catalogue_since(tmp_path, SINCE),
            "units": UNITS,
        },
    )
    owed = [one for one in year.deadlines if one.period in ("2023-05", "2023-06", "2023-Q2")]
    assert Counter(one.duty for one in owed) == {"D1": 3, "D2": 3, "D3": 3, "D4": 3}
    assert {one.state for one in owed} == {"released"}
    assert year.failed == []
    assert all(one.released_at and one.released_at <= one.due_at for one in owed)
    assert {one.kind for one in year.told} <= {"inputs_missing", "awaits_sign_off"}
