"""Two dossier lists compared: every finding by name, none by accident, whatever the fingerprint does."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import Terminal, UnknownName
from etl.periods import CALENDAR, Period, window_of
from etl.sources.dossier_list import reconcile_pairs
from etl.sources.dossier_list.reconcile import (
    COLUMNS,
    COMPARED,
    FINDINGS,
    Comparison,
    compare_apart,
    compare_lists,
)

DAY = datetime(2026, 8, 20, 8, 30)
AUGUST = window_of(Period.parse("2026-08"), CALENDAR)
PLAIN: dict[str, Any] = {
    "unit": "H44.100",
    "status": 10,
    "received": DAY,
    "due": DAY + timedelta(days=5),
    "finished": DAY + timedelta(days=3),
    "channel": 2,
    "components_digitized": True,
    "components_reused": False,
    "reused_from_portal": False,
    "result_digitized": True,
}


def dossier(number: int | None, **changed: Any) -> dict[str, Any]:
    code = None if number is None else f"H44.100-260820-{number:04d}"
    return {"code": code, **PLAIN, **changed}


def listed(*dossiers: dict[str, Any]) -> pl.LazyFrame:
    return pl.LazyFrame(list(dossiers), schema=dict(COLUMNS))


def rows(comparison: Comparison) -> list[tuple[str | None, ...]]:
    """Findings without the code's common start and without the unit."""
    return [
        (row["dossier_code"][-4:], row["finding"], row["field"], row["provincial_value"], row["portal_value"])
        for row in comparison.findings.to_pylist()
    ]


# Fingerprints that fail in every way one can: all alike, few kinds, alike across lists only, honest.
BAD_PRINTS: dict[str, Callable[[pl.Series], pl.Series]] = {
    "all alike": lambda codes: pl.Series([7] * len(codes), dtype=pl.UInt64),
    "three kinds": lambda codes: codes.hash() % 3 * 2**60,
    "by last letter": lambda codes: codes.str.slice(-1).hash(),
    "honest": reconcile_pairs.fingerprint_of,
}


def test_what_either_side_lacks_and_what_differs_is_named_in_order() -> None:
    comparison = compare_lists(
        listed(dossier(3, status=4, channel=1), dossier(1), dossier(5), dossier(4)),
        listed(dossier(2, unit="H44.200"), dossier(4), dossier(3)),
        window=None,
    )
    assert rows(comparison) == [
        ("0001", "missing_on_portal", None, None, None),
        ("0002", "missing_in_province", None, None, None),
        ("0003", "field_differs", "status", "4", "10"),
        ("0003", "field_differs", "channel", "1", "2"),
        ("0005", "missing_on_portal", None, None, None),
    ]
    assert comparison.findings.schema == FINDINGS
    assert comparison.findings["unit"].to_pylist() == ["H44.100", "H44.200", "H44.100", "H44.100", "H44.100"]
    assert (comparison.in_both, comparison.agreeing) == (2, 1)
    assert (comparison.only_provincial, comparison.only_portal) == (2, 1)
    assert comparison.differing == {**dict.fromkeys(COMPARED, 0), "status": 1, "channel": 1}
    assert (comparison.provincial_rows, comparison.portal_rows) == (4, 3)


@pytest.mark.parametrize("field", COMPARED)
def test_each_field_is_compared_and_shown_as_text(field: str) -> None:
    other: dict[str, tuple[Any, str, str]] = {
        "status": (9, "9", "10"),
        "received": (DAY + timedelta(milliseconds=500), "2026-08-20 08:30:00.500", "2026-08-20 08:30:00"),
        "due": (DAY, "2026-08-20 08:30:00", "2026-08-25 08:30:00"),
        "finished": (DAY, "2026-08-20 08:30:00", "2026-08-23 08:30:00"),
        "channel": (3, "3", "2"),
        "components_digitized": (False, "false", "true"),
        "components_reused": (True, "true", "false"),
        "reused_from_portal": (True, "true", "false"),
        "result_digitized": (False, "false", "true"),
    }
    value, shown, plain = other[field]
    comparison = compare_lists(listed(dossier(1, **{field: value})), listed(dossier(1)), window=None)
    assert rows(comparison) == [("0001", "field_differs", field, shown, plain)]


@pytest.mark.parametrize("field", COMPARED)
def test_null_differs_from_a_value_and_not_from_null(field: str) -> None:
    comparison = compare_lists(
        listed(dossier(1, **{field: None}), dossier(2, **{field: None}), dossier(3)),
        listed(dossier(1, **{field: None}), dossier(2), dossier(3, **{field: None})),
        window=None,
    )
    assert [(row[0], row[2], row[3] is None, row[4] is None) for row in rows(comparison)] == [
        ("0002", field, True, False),
        ("0003", field, False, True),
    ]
    assert comparison.differing[field] == 2


def test_false_is_not_null() -> None:
    one, other = dossier(1, result_digitized=False), dossier(1, result_digitized=None)
    comparison = compare_lists(listed(one), listed(other), window=None)
    assert rows(comparison) == [("0001", "field_differs", "result_digitized", "false", None)]


@pytest.mark.parametrize("fingerprint", BAD_PRINTS.values(), ids=BAD_PRINTS)
def test_a_repeated_code_is_reported_and_compared_once_by_its_first_row(
    fingerprint: Callable[[pl.Series], pl.Series],
) -> None:
    comparison = compare_lists(
        listed(dossier(1, status=9), dossier(1), dossier(2), dossier(1, status=4), dossier(3), dossier(3)),
        listed(dossier(2), dossier(2, status=1), dossier(1), dossier(4), dossier(4)),
        window=None,
        fingerprint=fingerprint,
    )
    assert rows(comparison) == [
        ("0001", "field_differs", "status", "9", "10"),
        ("0001", "repeated_in_province", None, "3", None),
        ("0002", "repeated_on_portal", None, None, "2"),
        ("0003", "missing_on_portal", None, None, None),
        ("0003", "repeated_in_province", None, "2", None),
        ("0004", "missing_in_province", None, None, None),
        ("0004", "repeated_on_portal", None, None, "2"),
    ]
    assert (comparison.in_both, comparison.only_provincial, comparison.only_portal) == (2, 1, 1)
    assert (comparison.provincial_repeated, comparison.portal_repeated) == (2, 2)


def test_two_codes_with_one_fingerprint_are_two_dossiers() -> None:
    """A lone collision across the lists: proposed as a pair, and not one."""
    alike = {f"H44.100-260820-000{number}": number // 3 << 60 for number in (1, 2, 3)}

    def fingerprint(codes: pl.Series) -> pl.Series:
        return codes.replace_strict(alike, return_dtype=pl.UInt64)

    comparison = compare_lists(
        listed(dossier(1), dossier(3)),
        listed(dossier(3), dossier(2)),
        window=None,
        fingerprint=fingerprint,
    )
    assert rows(comparison) == [
        ("0001", "missing_on_portal", None, None, None),
        ("0002", "missing_in_province", None, None, None),
    ]
    assert comparison.in_both == 1


# --- against the slow and obvious way -------------------------------------------------

_CODES = st.one_of(st.none(), st.integers(1, 12))
_LIST = st.lists(st.tuples(_CODES, st.sampled_from((None, 4, 9, 10)), st.sampled_from((None, True, False))))


@settings(max_examples=150, deadline=None)
@given(_LIST, _LIST, st.sampled_from(sorted(BAD_PRINTS)), st.integers(1, 3))
def test_every_fingerprint_gives_what_a_dictionary_gives(
    left: list[tuple[Any, ...]], right: list[tuple[Any, ...]], name: str, length: int
) -> None:
    lists = [
        [dossier(code, status=status, result_digitized=flag) for code, status, flag in side]
        for side in (left, right)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconcile_pairs, "_SLICE", length)
        comparison = compare_lists(
            listed(*lists[0]), listed(*lists[1]), window=None, fingerprint=BAD_PRINTS[name]
        )
    firsts: list[dict[str, dict[str, Any]]] = [{}, {}]
    times: list[dict[str, int]] = [{}, {}]
    for side in (0, 1):
        for row in lists[side]:
            if row["code"] is not None:
                firsts[side].setdefault(row["code"], row)
                times[side][row["code"]] = times[side].get(row["code"], 0) + 1
    mine, theirs = firsts
    expected = {(code, "missing_on_portal", None) for code in mine.keys() - theirs.keys()}
    expected |= {(code, "missing_in_province", None) for code in theirs.keys() - mine.keys()}
    expected |= {(code, "repeated_in_province", None) for code, count in times[0].items() if count > 1}
    expected |= {(code, "repeated_on_portal", None) for code, count in times[1].items() if count > 1}
    both = mine.keys() & theirs.keys()
    unlike = {
        (code, field) for code in both for field in COMPARED if mine[code][field] != theirs[code][field]
    }
    expected |= {(code, "field_differs", field) for code, field in unlike}
    found = [(row["dossier_code"], row["finding"], row["field"]) for row in comparison.findings.to_pylist()]
    assert len(found) == len(set(found))
    assert set(found) == expected
    assert [row[:2] for row in found] == sorted(row[:2] for row in found)
    assert comparison.in_both == len(both)
    assert comparison.agreeing == len(both) - len({code for code, _ in unlike})
    assert comparison.provincial_uncoded == sum(row["code"] is None for row in lists[0])
    assert comparison.portal_uncoded == sum(row["code"] is None for row in lists[1])


# --- the window -----------------------------------------------------------------------


def test_a_dossier_counts_when_either_list_says_it_was_received_in_the_window() -> None:
    before, after = datetime(2026, 7, 31, 23, 59, 59), datetime(2026, 9, 1)
    first, last = datetime(2026, 8, 1), datetime(2026, 8, 31, 23, 59, 59)
    comparison = compare_lists(
        listed(
            dossier(1, received=before),  # outside on both: not compared
            dossier(2, received=before),  # inside for the portal: a wrong date, not a missing dossier
            dossier(3, received=first),
            dossier(4, received=after),  # outside, and nowhere else
            dossier(5, received=None),
            dossier(6, received=last),
            dossier(7, received=None),
            dossier(7),  # the first row speaks, and it has no date
        ),
        listed(
            dossier(1, received=before, status=1),
            dossier(2, received=first),
            dossier(3, received=first),
            dossier(5),
            dossier(8, received=last),
            dossier(8, received=after),
            dossier(9, received=after),
        ),
        window=AUGUST,
    )
    assert rows(comparison) == [
        ("0002", "field_differs", "received", "2026-07-31 23:59:59", "2026-08-01 00:00:00"),
        ("0005", "field_differs", "received", None, "2026-08-20 08:30:00"),
        ("0006", "missing_on_portal", None, None, None),
        ("0008", "missing_in_province", None, None, None),
        ("0008", "repeated_on_portal", None, None, "2"),
    ]
    assert (comparison.in_both, comparison.agreeing) == (3, 1)
    assert (comparison.provincial_repeated, comparison.portal_repeated) == (0, 1)
    assert (comparison.provincial_rows, comparison.portal_rows) == (8, 7)


# --- what comes in --------------------------------------------------------------------


def test_only_the_fields_asked_for_are_compared_in_their_order() -> None:
    comparison = compare_lists(
        listed(dossier(1, status=9, channel=1, unit="H44.100", due=None)),
        listed(dossier(1, unit="H44.200")),
        window=None,
        fields=("unit", "channel", "finished"),
    )
    assert rows(comparison) == [
        ("0001", "field_differs", "unit", "H44.100", "H44.200"),
        ("0001", "field_differs", "channel", "1", "2"),
    ]
    assert comparison.fields == ("unit", "channel", "finished")


@pytest.mark.parametrize("name", ["code", "applicant"])
def test_a_field_that_lists_do_not_have_is_refused(name: str) -> None:
    with pytest.raises(UnknownName, match=name):
        compare_lists(listed(dossier(1)), listed(dossier(1)), window=None, fields=("status", name))


@pytest.mark.parametrize(
    "broken",
    [
        lambda frame: frame.drop("due"),
        lambda frame: frame.with_columns(pl.col("due").dt.to_string("iso")),
        lambda frame: frame.with_columns(pl.col("due").dt.replace_time_zone("Asia/Ho_Chi_Minh")),
    ],
)
def test_a_list_without_a_column_or_with_another_type_is_refused(broken: Any) -> None:
    with pytest.raises(Terminal, match=r"portal list lacks due"):
        compare_lists(listed(dossier(1)), broken(listed(dossier(1))), window=None)


def test_a_file_that_is_no_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"not Parquet")
    with pytest.raises(Terminal, match="provincial list cannot be opened"):
        compare_lists(tmp_path / "a.parquet", listed(dossier(1)), window=None)


def test_a_finding_names_the_other_lists_unit_where_the_province_has_none() -> None:
    comparison = compare_lists(
        listed(dossier(1, unit=None, status=4), dossier(2, unit=None)),
        listed(dossier(1, unit="H44.300")),
        window=None,
    )
    assert comparison.findings["unit"].to_pylist() == ["H44.300", None]


def test_empty_lists_are_lists() -> None:
    nothing = compare_lists(listed(), listed(), window=AUGUST)
    assert nothing.findings.num_rows == 0
    assert nothing.findings.schema == FINDINGS
    comparison = compare_lists(listed(), listed(dossier(1)), window=AUGUST)
    assert rows(comparison) == [("0001", "missing_in_province", None, None, None)]


def test_parquet_a_frame_and_another_format_give_the_same(tmp_path: Path) -> None:
    lists = (
        listed(*(dossier(n, status=n % 7 + 4) for n in range(1, 60))),
        listed(*(dossier(n, status=n % 5 + 4) for n in range(80, 20, -1))),
    )
    parquet, ipc = ([tmp_path / f"{n}.{kind}" for n in (0, 1)] for kind in ("parquet", "arrow"))
    for number, frame in enumerate(lists):
        # A list may hold more than is compared; other time units and wider numbers are the same values.
        more = frame.with_columns(applicant=pl.lit("Kanary"), due=pl.col("due").cast(pl.Datetime("ms")))
        more.with_columns(pl.col("status").cast(pl.Int64)).sink_parquet(parquet[number])
        more.sink_ipc(ipc[number])
    held = compare_lists(*lists, window=AUGUST)
    copied = compare_lists(*parquet, window=AUGUST)
    opened = compare_lists(*ipc, window=AUGUST, open_list=pl.scan_ipc)
    (tmp_path / "work").mkdir()
    spilled = compare_lists(*ipc, window=AUGUST, open_list=pl.scan_ipc, work=tmp_path / "work")
    assert "applicant" not in pl.read_parquet_schema(tmp_path / "work" / "compared_portal.parquet")
    assert held.findings.num_rows > 50
    assert copied.counts() == opened.counts() == spilled.counts() == held.counts()
    assert spilled.findings.equals(held.findings)
    assert copied.findings.equals(held.findings)
    assert opened.findings.equals(held.findings)
    assert "Kanary" not in str(copied.findings.to_pylist())


def test_a_child_process_gets_and_gives_json(tmp_path: Path) -> None:
    lists = (
        listed(dossier(1), dossier(2, status=4), dossier(3, received=datetime(2026, 1, 1))),
        listed(dossier(2)),
    )
    for name, frame in zip(("mine", "theirs"), lists, strict=True):
        frame.sink_parquet(tmp_path / f"{name}.parquet")
    argument = {
        "provincial": str(tmp_path / "mine.parquet"),
        "portal": str(tmp_path / "theirs.parquet"),
        "window": ["2026-08-01", "2026-08-31", "calendar", "2026-08"],
        "out": str(tmp_path),
    }
    said = json.loads(json.dumps(compare_apart(json.loads(json.dumps(argument)))))
    direct = compare_lists(*lists, window=AUGUST)
    more = {"not_compared": [], "findings_file": str(tmp_path / "findings.parquet")}
    assert said == direct.counts() | more
    assert said["findings"] == 2
    assert pq.read_table(tmp_path / "findings.parquet").equals(direct.findings)

    without = compare_apart(argument | {"window": None, "fields": ["channel"]})
    assert (without["only_provincial"], without["differing"]) == (2, {"channel": 0})


def test_a_field_that_a_list_never_tells_is_left_out_and_named(tmp_path: Path) -> None:
    silent = listed(*(dossier(n, channel=None, due=None) for n in (1, 2)))
    telling = listed(dossier(1, due=None), dossier(2))
    silent.sink_parquet(tmp_path / "mine.parquet")
    telling.sink_parquet(tmp_path / "theirs.parquet")
    argument = {
        "provincial": str(tmp_path / "mine.parquet"),
        "portal": str(tmp_path / "theirs.parquet"),
        "window": None,
        "out": str(tmp_path),
    }
    said = compare_apart(argument)
    assert said["not_compared"] == ["due", "channel"]
    assert said["fields"] == [name for name in COMPARED if name not in ("due", "channel")]
    assert said["findings"] == 0
    asked = compare_apart(argument | {"fields": ["channel"]})
    assert (asked["not_compared"], asked["differing"]) == ([], {"channel": 2})

    with pytest.raises(Terminal, match="provincial list cannot be opened"):
        compare_apart(argument | {"provincial": str(tmp_path / "gone.parquet")})
