"""How generated figures depend on the period, the seed and the instant of asking."""

from __future__ import annotations

import csv
import json
import re
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pytest

from etl.errors import Terminal
from etl.periods import VIETNAM, Period
from etl.reference.provinces import load_provinces
from etl.sandbox import SamplePortal
from etl.sandbox.contract import GROUP_ENDPOINTS, SATISFACTION, SERVICE_RESULTS
from etl.sandbox.sample_noise import uniform
from etl.sandbox.sample_units import sample_units

AUGUST = Period.parse("2026-08")
SETTLED = AUGUST.ends_at + timedelta(days=10)

Ask = Callable[..., Any]


def received(data: dict[str, Any]) -> dict[str, tuple[int, int]]:
    return {
        child["departmentId"]: (child["totalReceived"], child["totalOnTime"]) for child in data["children"]
    }


@pytest.mark.parametrize("as_of", [None, datetime(2026, 9, 5, 4, tzinfo=VIETNAM)])
def test_two_portals_say_the_same_bytes(request_for: Callable[..., Any], as_of: datetime | None) -> None:
    first, second = SamplePortal(as_of=as_of), SamplePortal(as_of=as_of)
    # The second is asked the other way round: what was asked before must not matter.
    asked = [(e, request_for(e, p)) for e in (*GROUP_ENDPOINTS, SERVICE_RESULTS) for p in ("2026-08", "2026")]
    forward = [first.answer(*one) for one in asked]
    backward = [second.answer(*one) for one in reversed(asked)][::-1]
    assert None not in forward
    assert forward == backward


def test_noise_is_splitmix64_of_the_words() -> None:
    """Reckoned once more with Python's own integers: no machine and no numpy has a say in it."""

    def plain(state: int) -> float:
        mask = (1 << 64) - 1
        mixed = state & mask
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 & mask
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB & mask
        return ((mixed ^ (mixed >> 31)) >> 11) / 2**53

    start = int.from_bytes(blake2b(b"on_time|766|H44", digest_size=8).digest(), "big")
    drawn = uniform(500, "on_time", 766, "H44").tolist()
    assert drawn == [plain(start + place * 0x9E3779B97F4A7C15) for place in range(1, 501)]
    assert 0.45 < sum(drawn) / 500 < 0.55


def test_another_seed_is_another_year_of_the_same_units(ask: Ask) -> None:
    one, other = (ask(SamplePortal(seed), "dvc-progress-tree", "2026-08") for seed in (766, 767))
    names = [[(c["departmentId"], c["departmentName"]) for c in d["children"]] for d in (one, other)]
    assert names[0] == names[1]
    assert received(one) != received(other)


def test_a_longer_period_is_the_sum_of_its_months(sample: SamplePortal, ask: Ask) -> None:
    def counts(period: str) -> list[Counter[str]]:
        progress = ask(sample, "dvc-progress-tree", period)
        payment = ask(sample, "formality-online-payment-tree", period)
        satisfaction = ask(sample, "handling-satisfaction", period)
        digitized = ask(sample, "dossier-digitized", period)
        transparency = ask(sample, "transparency", period)
        rows = []
        for p, f, s, d, t in zip(
            [progress["parent"], *progress["children"]],
            [payment["parent"], *payment["children"]],
            *([g["overview"], *g["evaluation"]] for g in (satisfaction, digitized, transparency)),
            strict=True,
        ):
            row = Counter({key: p[key] for key in ("totalReceived", "totalOnTime")})
            row |= Counter(
                {key: f[key] for key in f if key.startswith("totalDossier") and "ality" not in key}
            )
            row["paid"] = f["totalDossierOnlinePaymentSuccess"]
            row["petitions"] = s["totalPetitions"]
            for metric in [*s["metrics"], *d["metrics"][:5], *t["metrics"][:2], t["metrics"][3]]:
                row[metric["code"] + " n"], row[metric["code"] + " d"] = (
                    metric["numerator"],
                    metric["denominator"],
                )
            rows.append(row)
        return rows

    def total(periods: list[Period]) -> list[Counter[str]]:
        return [sum(rows, Counter()) for rows in zip(*(counts(p.id) for p in periods), strict=True)]

    quarter, year = Period.parse("2026-Q3"), Period.parse("2026")
    assert total(quarter.months()) == [Counter() + row for row in counts(quarter.id)]
    assert total(year.months()) == [Counter() + row for row in counts(year.id)]


def test_distinct_procedures_grow_but_do_not_add_up(sample: SamplePortal, ask: Ask) -> None:
    def connected(period: str) -> int:
        overview = ask(sample, "dossier-digitized", period)["overview"]
        return int(overview["metrics"][5]["numerator"])

    assert connected("2026-09") < connected("2026-Q3") < 3 * connected("2026-09")
    content = [
        ask(sample, "transparency", p)["overview"]["metrics"][2] for p in ("2026-08", "2026-Q3", "2026")
    ]
    assert content[0] == content[1] == content[2]


def test_satisfaction_takes_any_stretch_of_months(sample: SamplePortal, ask: Ask) -> None:
    def total(first: str, last: str) -> int:
        request: dict[str, object] = {"fromDate": first, "toDate": last, "rootDepartmentId": ROOT}
        found = sample.answer(SATISFACTION, request)
        assert found is not None
        return int(json.loads(found)["data"]["overview"]["totalDossiers"])

    months = [
        total(p.first_day.isoformat(), p.last_day.isoformat()) for p in Period.parse("2026-Q1").months()
    ]
    assert total("2026-01-01", "2026-03-31") == sum(months)
    assert total("2026-01-15", "2026-02-14") == sum(months[:2])
    both_years: dict[str, object] = {"fromDate": "2026-12-15", "toDate": "2027-01-14"}
    both_years["rootDepartmentId"] = ROOT
    assert sample.answer(SATISFACTION, both_years) is None


ROOT = str(load_provinces()["phu_tho"].portal_id)


def test_a_closed_month_moves_once(ask: Ask) -> None:
    def august(as_of: datetime | None) -> dict[str, Any]:
        return dict(ask(SamplePortal(as_of=as_of), "dvc-progress-tree", "2026-08"))

    first = august(AUGUST.ends_at)
    assert august(SETTLED - timedelta(seconds=1)) == first
    final = august(SETTLED)
    assert final == august(SETTLED + timedelta(days=100)) == august(None)
    before, after = received(first), received(final)
    moved = [unit for unit in before if before[unit] != after[unit]]
    assert 3 <= len(moved) <= 6
    assert first["parent"]["totalReceived"] > final["parent"]["totalReceived"]
    assert first["parent"]["totalReceived"] == sum(count for count, _ in before.values())


def test_the_first_figures_are_consistent_between_groups(ask: Ask) -> None:
    moved_in: dict[str, int] = {}
    for slug in ("phu_tho", "ha_noi", "ca_mau"):
        root = load_provinces()[slug].portal_id
        first, final = SamplePortal(as_of=AUGUST.ends_at), SamplePortal()
        for group in ("dossier-digitized", "handling-satisfaction"):
            old, new = (ask(portal, group, "2026-08", root=root) for portal in (first, final))
            changed = [a["stt"] for a, b in zip(old["evaluation"], new["evaluation"], strict=True) if a != b]
            assert 3 <= len(changed) <= 6
            assert old["overview"] != new["overview"]
            moved_in[group] = len(changed)
        progress = ask(first, "dvc-progress-tree", "2026-08", root=root)
        dossiers = ask(first, "handling-satisfaction", "2026-08", root=root)
        assert progress["parent"]["totalReceived"] == dossiers["overview"]["totalDossiers"]
        satisfied = [unit["metrics"][1]["numerator"] for unit in dossiers["evaluation"]]
        on_time = [child["totalOnTime"] for child in progress["children"]]
        assert all(one <= most for one, most in zip(satisfied, on_time, strict=True))
    assert len(moved_in) == 2


def test_the_running_quarter_holds_the_first_figures_too(ask: Ask) -> None:
    as_of = datetime(2026, 9, 5, 4, tzinfo=VIETNAM)
    portal = SamplePortal(as_of=as_of)
    totals = [
        ask(portal, "dvc-progress-tree", period)["parent"]["totalReceived"]
        for period in ("2026-07", "2026-08", "2026-09", "2026-Q3")
    ]
    assert sum(totals[:3]) == totals[3]


def test_a_running_month_grows_and_a_future_one_does_not_exist(ask: Ask) -> None:
    def september(day: int, hour: int = 12) -> int:
        portal = SamplePortal(as_of=datetime(2026, 9, day, hour, tzinfo=VIETNAM))
        return int(ask(portal, "dvc-progress-tree", "2026-09")["parent"]["totalReceived"])

    assert 0 < september(1) < september(10) < september(30)
    portal = SamplePortal(as_of=datetime(2026, 9, 17, 4, tzinfo=VIETNAM))
    for future in ("2026-10", "2026-Q4", "2027"):
        assert ask(portal, "dvc-progress-tree", future) is None
        assert ask(portal, "service-results", future) is None
    chart = ask(portal, "service-results", "2026")["monthlyChart"]
    assert [row["averageScore"] is None for row in chart] == [False] * 9 + [True] * 3
    tree = ask(portal, "dvc-progress-tree", "2026")["monthlyChart"]
    assert [row["onTimePct"] == 0 for row in tree] == [False] * 9 + [True] * 3


def test_months_begin_at_midnight_in_vietnam(ask: Ask) -> None:
    midnight = datetime.fromisoformat("2026-08-31T17:00:00+00:00")
    assert ask(SamplePortal(as_of=midnight), "dvc-progress-tree", "2026-09") is not None
    before = SamplePortal(as_of=midnight - timedelta(seconds=1))
    assert ask(before, "dvc-progress-tree", "2026-09") is None


def test_as_of_needs_a_time_zone() -> None:
    with pytest.raises(Terminal, match="time zone"):
        SamplePortal(as_of=datetime(2026, 9, 1))


def test_performance_persists_from_month_to_month(sample: SamplePortal, ask: Ask) -> None:
    def ratios(period: str) -> dict[str, float]:
        children = ask(sample, "dvc-progress-tree", period)["children"]
        return {child["departmentId"]: child["ratio"] for child in children if child["totalReceived"] > 100}

    july, august = ratios("2026-07"), ratios("2026-08")
    steps = [abs(august[unit] - july[unit]) for unit in july.keys() & august.keys()]
    assert len(steps) > 80
    assert sum(steps) / len(steps) < 4
    assert any(step > 0.5 for step in steps)
    assert max(august.values()) - min(august.values()) > 25


def test_units_are_those_of_a_province() -> None:
    provinces = [p for p in load_provinces().values() if p.portal_id]
    assert len(provinces) == 34
    ids = []
    for province in provinces:
        units = sample_units(province)
        agencies = [unit for unit in units if unit.is_agency]
        communes = [unit for unit in units if not unit.is_agency]
        assert 18 <= len(agencies) <= 21
        assert 80 <= len(communes) <= 150
        assert all(re.fullmatch(province.code + r"\.\d\d", unit.code) for unit in agencies)
        assert all(re.fullmatch(province.code + r"\.[12]\d\d", unit.code) for unit in communes)
        assert all(
            unit.name.endswith(" - " + province.name[0].upper() + province.name[1:]) for unit in agencies
        )
        twins = [name for name, count in Counter(unit.name for unit in units).items() if count > 1]
        assert len(twins) == 1
        renamed = [unit for unit in units if unit.former_name]
        assert len(renamed) == 1
        ids += [unit.unit_id for unit in units]
    assert len(set(ids)) == len(ids)


def test_the_portals_spellings_are_mixed() -> None:
    names = [unit.name for province in load_provinces().values() for unit in sample_units(province)]
    for start in ("UBND xã ", "UBND Xã ", "UBND phường ", "UBND Phường "):
        assert sum(name.startswith(start) for name in names) > 10, start
    assert any(re.match(r"UBND xã .* - (Tỉnh|Thành phố) ", name) for name in names)


def test_communes_are_invented(real: Path) -> None:
    def bare(name: str) -> str:
        return re.sub(r"^(ubnd )?(xã|phường|thị trấn) | - (tỉnh|thành phố).*$", "", name.casefold())

    known = json.loads((real / "phutho-unit-catalogue.json").read_text())["units"]
    taken = {bare(unit["departmentName"]) for unit in known}
    with (real.parent / "domain" / "brvt_units_gso_pre2025.csv").open(encoding="utf-8") as lines:
        taken |= {bare(cell) for row in csv.reader(lines) for cell in row}
    assert len(taken) > 220
    invented = {
        bare(unit.name)
        for province in load_provinces().values()
        for unit in sample_units(province)
        if not unit.is_agency
    }
    assert len(invented) > 200
    assert not invented & taken


def test_a_unit_bears_its_old_name_until_it_is_renamed(sample: SamplePortal, ask: Ask) -> None:
    (unit,) = [unit for unit in sample_units(load_provinces()["phu_tho"]) if unit.former_name]
    assert unit.renamed_on is not None
    new = Period("month", unit.renamed_on.year, unit.renamed_on.month)

    def name(period: str) -> str:
        children = ask(sample, "dvc-progress-tree", period)["children"]
        return str(next(c["departmentName"] for c in children if c["departmentId"] == unit.unit_id))

    assert name(new.previous().id) == unit.former_name != unit.name
    assert name(new.id) == name("2026") == unit.name


def test_a_month_of_the_country_is_quick(ask: Ask) -> None:
    started = time.process_time()
    assert len(ask(SamplePortal(), "service-results", "2026-08")["evaluation"]) == 34
    # Processor time: a busy neighbour must not fail it.
    assert time.process_time() - started < 2
