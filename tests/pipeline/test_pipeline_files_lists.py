"""The way of a dossier list: faults found to the row, agreement with form and portal, the portal's own list."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from support.files import PHU_THO, Figures, Handled, Office, adds_up, month, written

from etl.errors import FileRefused
from etl.periods import Window
from etl.sandbox.sample_dossiers import window_figures
from etl.sandbox.sample_forms import PlantedForm, write_form
from etl.sandbox.sample_list_faults import ROW_FAULTS, Faults, PlantedFinding
from etl.sandbox.sample_lists import PORTAL_SIDE, PlantedList, write_dossier_list
from etl.sources.digitization import MEASURES
from etl.warehouse.checksum import warehouse_checksum

AUGUST = month("2026-08")
CALENDAR_AUGUST = month("2026-08", "calendar")
# Which rule each planted fault breaks, as the receipt and the quarantine name it.
RULES = {
    "bad_code": "code_format",
    "impossible_code_date": "code_format",
    "unknown_unit": "unit_unknown",
    "other_province": "code_province",
    "unknown_status": "status_unknown",
    "unparsable_date": "received_unreadable",
    "missing_received": "received_missing",
    "missing_finished": "finished_missing",
    "finished_before_received": "finished_before_received",
    "received_in_future": "received_in_future",
    "unknown_channel": "channel_unknown",
    "unknown_flag": "components_digitized_unknown",
    "reused_not_digitized": "reused_implies_digitized",
    "duplicate": "duplicate_code",
    "conflicting_duplicate": "duplicate_conflict",
}


def told(planted: PlantedList) -> Figures:
    """Units that the list names; one without any dossier cannot be in it."""
    return {code: dict(own) for code, own in planted.expected.items() if any(own.values())}


# --- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_every_planted_fault_is_found_to_the_row_and_the_rest_counted(
    office: Office, tmp_path: Path, kind: str
) -> None:
    planted = write_dossier_list(
        tmp_path / f"ds.{kind}", PHU_THO, AUGUST, scale=0.03, faults=Faults.each(3), format=kind
    )
    assert set(planted.faults) == set(ROW_FAULTS) == set(RULES)
    handled = office.hand_in(planted.path)
    assert (handled.error, handled.state) == (None, "accepted")
    assert handled.rows == (planted.rows, planted.counted, planted.quarantined, planted.not_received)
    assert adds_up(handled)

    expected = Counter[str]()
    for fault, rows in planted.faults.items():
        expected[RULES[fault]] += rows
    held = office.quarantined(handled)
    assert Counter(rule for rule, *_ in held) == expected
    assert len({locator for _, locator, *_ in held}) == planted.quarantined
    assert Counter(one["rule"] for one in handled.receipt["refusals"]) == expected
    assert all(one["row"] and one["message_vi"] for one in handled.receipt["refusals"])
    shown = {
        value
        for rule, _, _, value in held
        if rule in ("unit_unknown", "duplicate_conflict", "duplicate_code")
    }
    assert shown == {
        code
        for fault in ("unknown_unit", "duplicate", "conflicting_duplicate")
        for code in planted.fault_codes[fault]
    }

    assert office.figures(AUGUST) == told(planted)
    assert {basis for (basis,) in office.ask("SELECT DISTINCT basis FROM mart.digitization")} == {"list"}
    assert office.runs(handled)[-1] == (
        "publish", "done", planted.rows, planted.counted, planted.quarantined, planted.not_received
    )  # fmt: skip
    assert office.archive.columnar_path(handled.receipt["sha256"]).is_file()


def test_a_list_with_too_many_faults_is_refused_and_its_rows_stay_named(
    office: Office, tmp_path: Path
) -> None:
    planted = write_dossier_list(tmp_path / "ds.csv", PHU_THO, AUGUST, scale=0.01, faults=Faults.each(9))
    assert planted.quarantined > 0.05 * planted.rows
    handled = office.hand_in(planted.path)
    assert (handled.state, handled.rule) == ("refused", "checks.failed")
    assert office.figures(AUGUST) == {}
    read, published, held, ignored = handled.rows
    assert (read, published, ignored) == (planted.rows, 0, planted.not_received)
    assert held == planted.quarantined + planted.counted
    assert len(office.quarantined(handled)) == planted.quarantined


# --- form, list and portal of one province ----------------------------------------------------------------


@pytest.fixture(scope="module")
def month_of_papers(
    shared_office: Office, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Office, PlantedForm, PlantedForm, Handled]:
    """An office that was handed a list and a form of calendar August, and a form from 15 July to 14 August."""
    office, folder = shared_office, tmp_path_factory.mktemp("papers")
    listed = write_dossier_list(folder / "ds.csv", PHU_THO, CALENDAR_AUGUST)
    from_list = office.hand_in(listed.path)
    assert from_list.rows == (listed.rows, listed.counted, 0, listed.not_received)
    assert office.figures(CALENDAR_AUGUST) == told(listed)
    by_calendar = write_form(folder / "b1.xlsx", PHU_THO, CALENDAR_AUGUST)
    administrative = write_form(folder / "b2.xlsx", PHU_THO, AUGUST)
    for form in (by_calendar, administrative):
        assert office.hand_in(form.path).state == "accepted"
    return office, by_calendar, administrative, from_list


def test_form_and_full_list_of_a_window_agree_to_the_digit(
    month_of_papers: tuple[Office, PlantedForm, PlantedForm, Handled],
) -> None:
    office, form, _, from_list = month_of_papers
    assert office.ask("SELECT * FROM mart.digitization_form_vs_list") == []
    # Not because there was nothing to compare: both are there, unit by unit, and the form speaks.
    counted = office.ask(
        "SELECT s.source, count(*) FROM core.digitization JOIN core.snapshot s USING (snapshot_id) "
        "WHERE s.period_start = %s GROUP BY 1 ORDER BY 1",
        CALENDAR_AUGUST.first,
    )
    named = sum(any(own.values()) for own in form.figures.values())
    assert counted == [("digitization_form", 127), ("dossier_list", named)]
    assert from_list.snapshot is not None
    assert office.figures(CALENDAR_AUGUST) == written(form)
    assert office.ask("SELECT DISTINCT basis FROM mart.digitization") == [("form",)]


def test_a_list_that_differs_from_the_form_is_told_unit_by_unit(office: Office, tmp_path: Path) -> None:
    form = write_form(tmp_path / "b.xlsx", PHU_THO, AUGUST)
    listed = write_dossier_list(tmp_path / "ds.csv", PHU_THO, AUGUST, scale=0.02)
    for path in (form.path, listed.path):
        assert office.hand_in(path).state == "accepted"
    found = office.ask(
        "SELECT unit_code, measure, form_value, list_value FROM mart.digitization_form_vs_list"
    )
    assert sorted(found) == sorted(
        (code, name, form.figures[code][name], own[name])
        for code, own in told(listed).items()
        for name in MEASURES
        if form.figures[code][name] != own[name]
    )
    assert office.figures(AUGUST) == written(form)


INDICATORS = {
    "received": ("2.1", "denominator"),
    "results_digitized": ("4.1", "numerator"),
    "components_digitized": ("4.2", "numerator"),
    "components_reused": ("4.3", "numerator"),
}


def portal_says(office: Office, period: str) -> dict[tuple[str, str], int | None]:
    """(unit code, measure) -> the portal's value, from the facts as they were published."""
    found: dict[tuple[str, str], int | None] = {}
    for measure, (indicator, side) in INDICATORS.items():
        rows = office.ask(
            f"SELECT k.key_value, f.{side} FROM core.indicator_score f JOIN core.snapshot s USING (snapshot_id) "
            "JOIN core.unit_key k ON k.unit_id = f.unit_id AND k.key_type = 'h_code' "
            "WHERE s.source = 'national_portal' AND s.period_id = %s AND f.indicator_code = %s",
            period,
            indicator,
        )
        found |= {(code, measure): value for code, value in rows}
    return found


def verdict(window: Window, ours: int, first: Any, last: Any, theirs: int | None) -> str:
    """The rule of the issue, in fractions."""
    if theirs is None:
        return "not_comparable"
    if ours == theirs:
        return "agrees"
    if (window.first, window.last) == (first, last):
        return "disagrees"
    shared = max(0, (min(window.last, last) - max(window.first, first)).days + 1)
    outside = max(
        ours * Fraction(window.days - shared, window.days),
        theirs * Fraction((last - first).days + 1 - shared, (last - first).days + 1),
    )
    return "explained_by_windows" if abs(ours - theirs) <= outside else "disagrees"


@pytest.mark.parametrize(
    ("window", "paired"), [(CALENDAR_AUGUST, "2026-08"), (AUGUST, "2026-07")], ids=["calendar", "15 to 14"]
)
def test_every_unit_is_laid_beside_the_portal_with_its_verdict(
    month_of_papers: tuple[Office, PlantedForm, PlantedForm, Handled], window: Window, paired: str
) -> None:
    office = month_of_papers[0]
    theirs, days = portal_says(office, paired), month(paired, "calendar")
    ours = window_figures(PHU_THO, window)
    rows = office.ask(
        "SELECT unit_code, measure, provincial_value, portal_value, verdict, portal_period_id, portal_start, portal_end "
        "FROM mart.digitization_reconciliation WHERE province_code = 'H44' AND provincial_start = %s AND provincial_end = %s",
        window.first,
        window.last,
    )
    assert {(code, measure) for code, measure, *_ in rows} == {
        (code, name) for code in ours for name in INDICATORS
    }
    assert len(rows) == 4 * len(ours) == 508
    seen = Counter[tuple[str, str]]()
    for code, measure, provincial, portal, said, period, first, last in rows:
        assert (period, first, last) == (paired, days.first, days.last)
        assert provincial == ours[code][measure]
        assert portal == theirs.get((code, measure))
        assert said == verdict(window, provincial, first, last, portal)
        seen[measure, said] += 1
    if window == CALENDAR_AUGUST:
        # The sample's dossiers are the portal's; only results of dossiers not yet resolved tell them apart.
        assert seen["received", "agrees"] == seen["components_digitized", "agrees"] == 127
        assert seen["results_digitized", "agrees"] > 0 < seen["results_digitized", "disagrees"]
        assert not [key for key in seen if key[1] == "explained_by_windows"]
    else:
        assert seen["received", "explained_by_windows"] > 60


# --- the portal's list ---------------------------------------------------------------------------------

DIFFERENCES = Faults(
    missing_on_portal=5,
    missing_in_province=4,
    differing={
        "status": 3,
        "received": 2,
        "due": 2,
        "finished": 3,
        "channel": 2,
        "components_digitized": 4,
        "components_reused": 2,
        "result_digitized": 3,
    },
)


def as_told(finding: PlantedFinding) -> tuple[str | None, ...]:
    """A planted finding in the warehouse's words: days turned round, flags spelt out."""

    def value(text: str | None) -> str | None:
        if text is None or finding.field is None:
            return None
        if finding.field in ("received", "due", "finished"):
            day, _, hour = text.partition(" ")
            return "-".join(reversed(day.split("/"))) + f" {hour}"
        if finding.field in ("status", "channel"):
            return text
        return {"1": "true", "0": "false"}[text]

    return (
        finding.dossier_code,
        finding.unit_code,
        finding.finding,
        finding.field,
        value(finding.provincial_value),
        value(finding.portal_value),
    )


def findings(office: Office) -> list[tuple[Any, ...]]:
    return office.ask(
        "SELECT dossier_code, unit_code, finding, field, provincial_value, portal_value FROM mart.dossier_findings"
    )


def sorted_all(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted(rows, key=repr)


def test_the_portals_list_is_compared_by_code_and_twice_is_once(office: Office, tmp_path: Path) -> None:
    ours = write_dossier_list(tmp_path / "tinh.csv", PHU_THO, AUGUST, scale=0.02)
    theirs = write_dossier_list(
        tmp_path / "cong.csv", PHU_THO, AUGUST, scale=0.02, side=PORTAL_SIDE, faults=DIFFERENCES
    )
    assert len(theirs.findings) == 30
    handled = office.load(ours.path, portal_list=theirs.path)
    assert (handled.error, handled.state) == (None, "accepted")
    assert ours.path.is_file()
    planted = sorted_all([as_told(finding) for finding in theirs.findings])
    assert sorted_all(findings(office)) == planted
    (note,) = [note for note in handled.receipt["notes_vi"] if "Đối chiếu với danh sách của Cổng" in note]
    assert "5 hồ sơ không có trên Cổng; 4 hồ sơ không có ở tỉnh" in note
    assert "21 lệch ít nhất một trường" in note
    # The portal's list never becomes the province's figures.
    assert office.figures(AUGUST) == told(ours)

    before = warehouse_checksum(office.warehouse)
    again = office.load(ours.path, portal_list=theirs.path)
    assert again.state == "already_known"
    assert sorted_all(findings(office)) == planted
    assert warehouse_checksum(office.warehouse) == before


def test_a_form_in_place_of_the_portals_list_is_refused_before_anything_is_visible(
    office: Office, tmp_path: Path
) -> None:
    ours = write_dossier_list(tmp_path / "tinh.csv", PHU_THO, AUGUST, scale=0.01)
    form = write_form(tmp_path / "b.xlsx", PHU_THO, AUGUST)
    before = warehouse_checksum(office.warehouse)
    handled = office.load(ours.path, portal_list=form.path)
    assert isinstance(handled.error, FileRefused)
    assert (handled.state, handled.rule) == ("refused", "compare.not_a_list")
    assert warehouse_checksum(office.warehouse) == before


def test_a_comparison_that_fails_leaves_no_half_told_list(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the receipt calls refused must not be visible: the lists are compared before the list is published."""
    ours = write_dossier_list(tmp_path / "tinh.csv", PHU_THO, AUGUST, scale=0.01)
    theirs = write_dossier_list(tmp_path / "cong.csv", PHU_THO, AUGUST, scale=0.01, side=PORTAL_SIDE)

    def too_big(entry: str, *_: object) -> dict[str, Any]:
        assert entry.endswith(":compare_apart")
        raise FileRefused(
            "too much", "less", rule="apart.memory", message_vi="Quá lớn.", remedy_vi="Chia nhỏ."
        )

    monkeypatch.setattr("etl.inbox.compare.run_apart", too_big)
    before = warehouse_checksum(office.warehouse)
    handled = office.load(ours.path, portal_list=theirs.path)
    assert (handled.state, handled.rule) == ("refused", "apart.memory")
    assert warehouse_checksum(office.warehouse) == before
    assert office.figures(AUGUST) == {}
