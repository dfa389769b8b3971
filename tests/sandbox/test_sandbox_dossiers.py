from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from python_calamine import CalamineWorkbook

from etl.errors import Terminal
from etl.periods import ADMINISTRATIVE, CALENDAR, VIETNAM, Period, Window, window_of
from etl.reference.provinces import Province, load_provinces
from etl.sandbox import SamplePortal
from etl.sandbox.sample_dossier_units import reporting_units
from etl.sandbox.sample_dossiers import MEASURES, layers_of, month_dossiers, window_figures
from etl.sandbox.sample_list_faults import FIELDS, ROW_FAULTS, Faults
from etl.sandbox.sample_list_text import CANARIES, HEADERS, PAPER_HEADER, PERSONAL
from etl.sandbox.sample_lists import MARKER, PlantedList, write_dossier_list

PHU_THO = load_provinces()["phu_tho"]
SEPTEMBER = window_of(Period.parse("2026-09"))
RECEIVED = (2, 4, 5, 6, 7, 8, 9, 10)
RESOLVED = (7, 9, 10)
Figures = dict[str, dict[str, int]]


def rows_of(path: Path, separator: str = ",", encoding: str = "utf-8") -> pl.DataFrame:
    """The list's records as text by field, read by nobody's reader."""
    text = path.read_bytes().decode(encoding)
    first, _, table = text.partition("\r\n")
    assert first.startswith(MARKER)
    frame = pl.read_csv(table.encode(), separator=separator, infer_schema=False)
    names = {header: field for field, header in HEADERS.items()} | {PAPER_HEADER: "paper_result"}
    return frame.rename(names, strict=False)


def counted(rows: pl.DataFrame, window: Window) -> Figures:
    """The form's measures from a list's text, by the rules of the domain brief."""
    paper = pl.col("paper_result") == "0" if "paper_result" in rows.columns else pl.lit(value=False)
    day = {
        name: pl.col(name)
        .str.to_datetime("%d/%m/%Y %H:%M:%S")
        .dt.date()
        .is_between(window.first, window.last)
        for name in ("received", "finished")
    }
    received = day["received"] & pl.col("status").cast(pl.Int64).is_in(RECEIVED)
    resolved = day["finished"] & pl.col("status").cast(pl.Int64).is_in(RESOLVED)
    table = (
        rows.with_columns(pl.col("code").str.extract(r"^(H\d+\.\d+)").alias("unit"))
        .group_by("unit")
        .agg(
            received.sum().alias("received"),
            (received & (pl.col("components_digitized") == "0")).sum().alias("components_not_digitized"),
            (received & (pl.col("components_digitized") == "1")).sum().alias("components_digitized"),
            (received & (pl.col("components_reused") == "1")).sum().alias("components_reused"),
            (received & (pl.col("reused_from_portal") == "1")).sum().alias("reused_from_portal"),
            resolved.sum().alias("resolved"),
            (resolved & ~((pl.col("result_digitized") == "1") | paper)).sum().alias("results_not_digitized"),
            (resolved & ((pl.col("result_digitized") == "1") | paper)).sum().alias("results_digitized"),
        )
    )
    return {row["unit"]: {name: row[name] for name in MEASURES} for row in table.to_dicts()}


def with_any(figures: Figures) -> Figures:
    """Without units that had nothing at all: no list can name them."""
    return {code: values for code, values in figures.items() if any(values.values())}


def added(*parts: Figures) -> Figures:
    return {code: {name: sum(p[code][name] for p in parts) for name in MEASURES} for code in parts[0]}


@pytest.mark.parametrize("slug", ["phu_tho", "ha_noi", "cao_bang"])
def test_a_calendar_month_is_what_the_portal_shows(slug: str, ask: Callable[..., Any]) -> None:
    province = load_provinces()[slug]
    figures = window_figures(province, window_of(Period.parse("2026-08"), CALENDAR))
    portal = SamplePortal()
    progress = ask(portal, "dvc-progress-tree", "2026-08", root=province.portal_id)
    digitized = ask(portal, "dossier-digitized", "2026-08", root=province.portal_id)
    metrics = {
        unit["departmentCode"]: [metric["numerator"] for metric in unit["metrics"][:3]]
        for unit in digitized["evaluation"]
    }
    assert len(progress["children"]) == len(figures) > 90
    seen = Counter[str]()
    for child in progress["children"]:
        own = figures[child["departmentCode"]]
        results, components, reused = (number or 0 for number in metrics[child["departmentCode"]])
        assert own["received"] == child["totalReceived"]
        assert own["components_digitized"] == components
        assert own["components_reused"] == min(reused, components)
        assert own["results_digitized"] == min(results, own["resolved"])
        seen["equal results"] += own["results_digitized"] == results
        seen["fewer results"] += own["results_digitized"] < results
    assert sum(own["resolved"] for own in figures.values()) == progress["parent"]["totalCompleted"]
    assert min(seen.values()) >= 2


def test_windows_add_up_in_both_calendars() -> None:
    for kind in (CALENDAR, ADMINISTRATIVE):
        quarter = window_figures(PHU_THO, window_of(Period.parse("2026-Q3"), kind))
        months = [window_figures(PHU_THO, window_of(Period.parse(f"2026-0{n}"), kind)) for n in (7, 8, 9)]
        assert quarter == added(*months)
    calendar = window_figures(PHU_THO, window_of(Period.parse("2026-09"), CALENDAR))
    assert calendar != window_figures(PHU_THO, SEPTEMBER)


def test_a_window_may_begin_before_the_portal_does() -> None:
    figures = window_figures(PHU_THO, window_of(Period.parse("2026-01")))
    assert sum(own["received"] for own in figures.values()) > 100_000


def test_measures_hold_what_the_form_demands() -> None:
    figures = window_figures(PHU_THO, window_of(Period.parse("2026-08"), CALENDAR), seed=5)
    assert figures != window_figures(PHU_THO, window_of(Period.parse("2026-08"), CALENDAR))
    for own in figures.values():
        assert list(own) == list(MEASURES)
        assert own["components_not_digitized"] + own["components_digitized"] == own["received"]
        assert own["reused_from_portal"] <= own["components_reused"] <= own["components_digitized"]
        assert own["results_not_digitized"] + own["results_digitized"] == own["resolved"]
        assert min(own.values()) >= 0
    portal_reuse = sum(own["reused_from_portal"] for own in figures.values())
    assert 0 < portal_reuse < sum(own["components_reused"] for own in figures.values())


def test_a_dossier_has_a_plausible_life() -> None:
    month = month_dossiers(PHU_THO, 2026, 8)
    received, finished = month["received"], month["finished"]
    assert month.height > 150_000
    never = month.filter(pl.col("received").is_null())
    assert set(never["status"]) == {1, 3}
    assert never["finished"].null_count() == never.height > 1_000
    done = month.filter(pl.col("finished").is_not_null())
    assert set(done["status"]) == set(RESOLVED)
    assert (done["finished"] > done["received"]).all()
    assert (
        (month.filter(pl.col("received").is_not_null()).select(pl.col("due") > pl.col("received")))
        .to_series()
        .all()
    )
    assert set(month.filter(pl.col("received").is_not_null() & pl.col("finished").is_null())["status"]) == {
        2,
        4,
        5,
        6,
        8,
    }
    for moments in (received, finished):
        assert moments.min() >= datetime(2026, 8, 1)
        assert moments.max() < datetime(2026, 9, 1)
    assert not done.filter(pl.col("result_digitized") & (pl.col("status") == 7)).height
    assert set(month["channel"]) == {1, 2, 3}
    by_weekday = (
        month.group_by(pl.col("received").dt.weekday()).len().drop_nulls().sort("received")["len"].to_list()
    )
    assert max(by_weekday[5:]) < 0.4 * min(by_weekday[:5])


def test_the_same_words_give_the_same_dossiers() -> None:
    one = month_dossiers(PHU_THO, 2026, 8, scale=0.05)
    assert one.equals(month_dossiers(PHU_THO, 2026, 8, scale=0.05))
    assert not one.equals(month_dossiers(PHU_THO, 2026, 8, scale=0.05, seed=5))
    assert not one.equals(month_dossiers(load_provinces()["ha_noi"], 2026, 8, scale=0.05))


def test_layers_reach_any_size_with_codes_of_their_own() -> None:
    whole = month_dossiers(PHU_THO, 2026, 8).height
    scale = 2.3
    assert layers_of(scale) == 3
    layers = [month_dossiers(PHU_THO, 2026, 8, scale=scale, layer=layer) for layer in range(3)]
    assert [layer.height for layer in layers[:2]] == [whole, whole]
    together = pl.concat(layers)
    assert together.height == pytest.approx(scale * whole, rel=0.01)
    assert together.select("unit", "day", "number").is_duplicated().sum() == 0


def test_a_province_month_is_quick() -> None:
    started = time.process_time()
    month = month_dossiers(PHU_THO, 2026, 11)
    assert month.height > 100_000
    # Processor time over two cores; about 0.15 s alone.
    assert time.process_time() - started < 3


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> PlantedList:
    return write_dossier_list(tmp_path_factory.mktemp("list") / "ds.csv", PHU_THO, SEPTEMBER)


def test_a_full_list_is_the_form_to_the_digit(full: PlantedList) -> None:
    rows = rows_of(full.path)
    figures = window_figures(PHU_THO, SEPTEMBER)
    assert full.expected == figures
    assert counted(rows, SEPTEMBER) == with_any(figures)
    assert rows.height == full.rows == full.counted + full.not_received
    assert full.not_received == rows["status"].is_in(["1", "3"]).sum() > 1_000
    assert (full.faults, full.quarantined, full.findings) == ({}, 0, ())
    assert rows["code"].is_unique().all()
    assert rows["code"].str.contains(r"^H44\.\d{2,3}(\.02)?-\d{6}-\d{4,}$").all()
    # Some codes are deeper than any unit's, as real ones are.
    assert 100 < rows["code"].str.contains(r"^H44\.\d\d\.02-").sum() < 10_000


def test_a_list_has_fifteen_office_columns_and_its_days_above(full: PlantedList) -> None:
    with full.path.open(encoding="utf-8") as lines:
        first, header = (next(lines).strip() for _ in range(2))
    assert first.startswith("SỐ LIỆU MẪU")
    assert first.endswith("; Từ ngày 15/08/2026 đến ngày 14/09/2026")
    assert header.split(",") == list(HEADERS.values())
    assert len(HEADERS) == 15


def test_every_person_bears_a_mark_and_nothing_else_does(full: PlantedList) -> None:
    rows = rows_of(full.path)
    name, digits = CANARIES
    assert rows["name"].str.contains(name).all()
    assert rows["address"].str.contains(name).all()
    assert rows["id_number"].str.contains(f"^{digits}\\d{{5}}$").all()
    assert rows["phone"].str.contains(f"^{digits}\\d{{3}}$").all()
    assert rows["name"].n_unique() > 100
    rest = rows.drop(PERSONAL)
    assert len(rest.columns) == 11
    for column in rest.columns:
        for mark in CANARIES:
            assert not rest[column].fill_null("").str.contains(mark, literal=True).any(), column


BROKEN: dict[str, Callable[[pl.DataFrame], pl.Series]] = {
    "bad_code": lambda r: r["code"].str.contains("/"),
    "impossible_code_date": lambda r: r["code"].str.contains("-269932-"),
    "unknown_unit": lambda r: r["code"].str.starts_with("H44.998-"),
    "other_province": lambda r: r["code"].str.starts_with("H98."),
    "unknown_status": lambda r: r["status"] == "77",
    "unparsable_date": lambda r: r["received"].str.starts_with("32/13/"),
    "missing_received": lambda r: r["received"].is_null() & ~r["status"].is_in(["1", "3"]),
    "missing_finished": lambda r: r["finished"].is_null() & r["status"].is_in(["9", "10"]),
    "finished_before_received": lambda r: moment(r["finished"]) < moment(r["received"]),
    "received_in_future": lambda r: r["received"].str.contains("/2036 "),
    "unknown_channel": lambda r: r["channel"] == "9",
    "unknown_flag": lambda r: r["components_digitized"] == "chưa rõ",
    "reused_not_digitized": lambda r: (r["components_reused"] == "1") & (r["components_digitized"] == "0"),
    "duplicate": lambda r: r.select(pl.struct(pl.all()).is_duplicated()).to_series(),
    "conflicting_duplicate": lambda r: (
        r["code"].is_duplicated() & ~r.select(pl.struct(pl.all()).is_duplicated()).to_series()
    ),
}


def moment(text: pl.Series) -> pl.Series:
    return text.str.to_datetime("%d/%m/%Y %H:%M:%S", strict=False)


def test_every_fault_has_a_row_that_shows_it() -> None:
    assert set(BROKEN) == set(ROW_FAULTS)


@pytest.mark.parametrize("fault", ROW_FAULTS)
def test_a_planted_fault_is_the_only_one_of_its_row(fault: str, tmp_path: Path) -> None:
    planted = write_dossier_list(
        tmp_path / "ds.csv", PHU_THO, SEPTEMBER, scale=0.05, faults=Faults(**{fault: 7})
    )
    rows = rows_of(planted.path)
    found = {name: int(test(rows).fill_null(value=False).sum()) for name, test in BROKEN.items()}
    # Copies: seven pairs, of which exact ones leave the first in.
    in_file = {fault: 14 if "duplicate" in fault else 7}
    assert {name: count for name, count in found.items() if count} == in_file
    assert planted.faults == {fault: 14 if fault == "conflicting_duplicate" else 7}
    assert len(planted.fault_codes[fault]) == 7
    assert set(planted.fault_codes[fault]) == set(
        rows.filter(BROKEN[fault](rows).fill_null(value=False))["code"]
    )
    assert planted.rows == rows.height
    assert planted.counted == planted.rows - planted.quarantined - planted.not_received


def test_what_is_expected_is_what_is_left(tmp_path: Path) -> None:
    faults = Faults.each(11)
    planted = write_dossier_list(tmp_path / "ds.csv", PHU_THO, SEPTEMBER, scale=0.1, faults=faults)
    rows = rows_of(planted.path)
    assert planted.quarantined == 11 * (len(ROW_FAULTS) + 1)
    spoilt = pl.Series([False] * rows.height)
    for name, test in BROKEN.items():
        if name != "duplicate":
            spoilt |= test(rows).fill_null(value=False)
    good = rows.filter(~spoilt).unique(subset="code")
    assert good.height == planted.counted + planted.not_received
    assert counted(good, SEPTEMBER) == with_any(planted.expected)
    untouched = write_dossier_list(tmp_path / "clean.csv", PHU_THO, SEPTEMBER, scale=0.1)
    assert untouched.expected != planted.expected
    assert untouched.rows == planted.rows - 2 * 11


def test_more_faults_than_dossiers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Terminal, match="'bad_code'"):
        write_dossier_list(
            tmp_path / "ds.csv", PHU_THO, SEPTEMBER, scale=0.001, faults=Faults(bad_code=10_000)
        )


@pytest.mark.parametrize(
    "words",
    [{"side": "both"}, {"format": "ods"}, {"as_of": datetime(2026, 9, 17)}],
)
def test_unknown_words_are_refused(tmp_path: Path, words: dict[str, Any]) -> None:
    with pytest.raises(Terminal):
        write_dossier_list(tmp_path / "ds.csv", PHU_THO, SEPTEMBER, scale=0.01, **words)
    with pytest.raises(Terminal, match="colour"):
        Faults(differing={"colour": 1})


def test_the_portals_list_differs_where_it_was_told_to(tmp_path: Path) -> None:
    mine = write_dossier_list(tmp_path / "province.csv", PHU_THO, SEPTEMBER, scale=0.1)
    told = Faults(missing_on_portal=6, missing_in_province=5, differing=dict.fromkeys(FIELDS, 4))
    theirs = write_dossier_list(
        tmp_path / "portal.csv", PHU_THO, SEPTEMBER, scale=0.1, side="portal", faults=told
    )
    here, there = rows_of(mine.path), rows_of(theirs.path)
    assert theirs.rows == there.height == here.height - 6 + 5
    assert counted(there, SEPTEMBER) == with_any(theirs.expected)
    found = {
        *((code, "missing_on_portal", None, None, None) for code in set(here["code"]) - set(there["code"])),
        *((code, "missing_in_province", None, None, None) for code in set(there["code"]) - set(here["code"])),
    }
    both = here.join(there, on="code", suffix="_portal")
    for name in here.columns[1:]:
        for row in both.filter(pl.col(name).ne_missing(pl.col(f"{name}_portal"))).to_dicts():
            found.add((row["code"], "field_differs", name, row[name], row[f"{name}_portal"]))
    planted = {
        (f.dossier_code, f.finding, f.field, f.provincial_value, f.portal_value) for f in theirs.findings
    }
    assert found == planted
    assert len(planted) == len(theirs.findings) == 6 + 5 + 4 * len(FIELDS)
    units = {unit.code for unit in reporting_units(PHU_THO)}
    assert {finding.unit_code for finding in theirs.findings} <= units


def test_without_orders_both_sides_write_the_same_list(tmp_path: Path) -> None:
    for side in ("province", "portal"):
        write_dossier_list(tmp_path / f"{side}.csv", PHU_THO, SEPTEMBER, scale=0.02, side=side)
    assert (tmp_path / "province.csv").read_bytes() == (tmp_path / "portal.csv").read_bytes()


def test_a_workbook_holds_the_same_rows(tmp_path: Path) -> None:
    faults = Faults.each(2)
    planted = [
        write_dossier_list(
            tmp_path / f"ds.{kind}", PHU_THO, SEPTEMBER, scale=0.02, faults=faults, format=kind
        )
        for kind in ("csv", "xlsx")
    ]
    assert planted[0].expected == planted[1].expected
    sheet = CalamineWorkbook.from_path(tmp_path / "ds.xlsx").get_sheet_by_index(0).to_python()
    text = rows_of(tmp_path / "ds.csv")
    assert sheet[0][0].startswith(MARKER)
    assert sheet[1] == list(HEADERS.values())

    def plain(value: object) -> str:
        return f"{value:.0f}" if isinstance(value, float) else str(value)

    assert [[plain(cell) for cell in row] for row in sheet[2:]] == [
        ["" if cell is None else cell for cell in row] for row in text.iter_rows()
    ]
    flags = [row[11] for row in sheet[2:]]
    assert any(isinstance(flag, float) for flag in flags)
    again = write_dossier_list(
        tmp_path / "again.xlsx", PHU_THO, SEPTEMBER, scale=0.02, faults=faults, format="xlsx"
    )
    assert again.path.read_bytes() == (tmp_path / "ds.xlsx").read_bytes()


@pytest.mark.parametrize(("encoding", "delimiter"), [("utf-8-sig", ";"), ("utf-16", "\t")])
def test_offices_write_other_dialects(tmp_path: Path, encoding: str, delimiter: str) -> None:
    plain = write_dossier_list(tmp_path / "plain.csv", PHU_THO, SEPTEMBER, scale=0.02)
    other = write_dossier_list(
        tmp_path / "other.csv", PHU_THO, SEPTEMBER, scale=0.02, encoding=encoding, delimiter=delimiter
    )
    assert rows_of(other.path, delimiter, encoding).equals(rows_of(plain.path))
    assert other.path.read_bytes()[:2] in (b"\xef\xbb", b"\xff\xfe")


def test_paperless_results_count_without_a_file(tmp_path: Path) -> None:
    plain = write_dossier_list(tmp_path / "plain.csv", PHU_THO, SEPTEMBER, scale=0.05)
    paper = write_dossier_list(tmp_path / "paper.csv", PHU_THO, SEPTEMBER, scale=0.05, paper_column=True)
    rows = rows_of(paper.path)
    assert list(rows.columns) == [*HEADERS, "paper_result"]
    paperless = rows.filter(pl.col("paper_result") == "0")
    assert set(paperless["result_digitized"]) == {"0"}
    assert paperless.height > 100
    assert set(paperless["procedure"]).isdisjoint(rows.filter(pl.col("paper_result") == "1")["procedure"])
    assert counted(rows, SEPTEMBER) == with_any(paper.expected) == with_any(plain.expected)


def test_a_list_knows_nothing_after_its_day(tmp_path: Path) -> None:
    as_of = datetime(2026, 9, 10, 12, tzinfo=VIETNAM)
    early = write_dossier_list(tmp_path / "early.csv", PHU_THO, SEPTEMBER, scale=0.05, as_of=as_of)
    late = write_dossier_list(tmp_path / "late.csv", PHU_THO, SEPTEMBER, scale=0.05)
    rows, naive = rows_of(early.path), as_of.replace(tzinfo=None)
    assert early.rows < late.rows
    for name in ("received", "finished"):
        assert naive - timedelta(days=1) < moment(rows[name]).max() <= naive
    assert counted(rows, SEPTEMBER) == with_any(early.expected)
    resolved = [sum(own["resolved"] for own in planted.expected.values()) for planted in (early, late)]
    assert resolved[0] < resolved[1]


def test_a_list_of_several_layers_adds_up(tmp_path: Path) -> None:
    window = window_of(Period.parse("2026-08"), CALENDAR)
    planted = write_dossier_list(
        tmp_path / "big.csv", PHU_THO, window, scale=1.2, faults=Faults(bad_code=9, duplicate=5)
    )
    rows = rows_of(planted.path)
    assert rows.height == planted.rows > 1.15 * month_dossiers(PHU_THO, 2026, 8).height
    assert rows["code"].is_duplicated().sum() == 10
    good = rows.filter(~rows["code"].str.contains("/")).unique(subset="code")
    assert counted(good, window) == with_any(planted.expected)


def test_a_province_without_units_is_refused(tmp_path: Path) -> None:
    nowhere: Province = PHU_THO.model_copy(update={"portal_id": None, "code": "H97"})
    with pytest.raises(Terminal, match="no units"):
        write_dossier_list(tmp_path / "ds.csv", nowhere, SEPTEMBER)
