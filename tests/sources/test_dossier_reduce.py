"""A list becomes the form: which dossiers count, in which window, by which day, for which unit."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from support.dossiers import (
    HOME,
    PROVINCE,
    RECEIVED_AT,
    TITLE,
    UNITS,
    broken,
    copy,
    csv_bytes,
    dossier,
    form,
    inspected,
    read,
)

from etl.errors import FileRefused
from etl.periods import CALENDAR, Period, Window, window_of
from etl.sources.digitization import MEASURES, UNIT_ROWS, DigitizationReading
from etl.sources.dossier_list import read as reader
from etl.sources.dossier_list import refusals
from etl.sources.dossier_list.read import open_list, read_list_apart
from etl.sources.dossier_list.reduce import measures_for
from etl.sources.dossier_list.repeats import Repeats
from etl.sources.tidy import REJECTED

UNIT = f"{HOME}.100"
SEPTEMBER = window_of(Period.parse("2026-09"))


def _measures(reading: DigitizationReading, unit: str = UNIT) -> list[int | None]:
    return [form(reading)[unit][name] for name in MEASURES]


@pytest.mark.parametrize("status", range(1, 11))
def test_statuses_count_as_the_brief_says(tmp_path: Path, status: int) -> None:
    reading = read(tmp_path, [dossier(1, code=f"{HOME}.101-260820-1"), dossier(2, status=str(status))])
    if status in (1, 3):
        assert reading.ignored == {"not_received": 1}
        assert UNIT not in form(reading)
    elif status in (7, 9, 10):
        assert _measures(reading) == [1, 0, 1, 0, 0, 1, 0, 1]
    else:
        assert _measures(reading) == [1, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("Mới đăng ký", 1),
        ("ĐƯỢC TIẾP NHẬN", 2),
        ("không được tiếp nhận", 3),
        ("Đang xử lý", 4),
        ("Yêu cầu bổ sung", 5),
        ("Yêu cầu thực hiện nghĩa vụ tài chính", 6),
        ("Công dân rút", 7),
        ("Dừng xử lý", 8),
        ("Đã xử lý xong", 9),
        ("đã trả kết quả ", 10),
    ],
)
def test_statuses_may_be_names(tmp_path: Path, name: str, status: int) -> None:
    read(tmp_path, [dossier(1), dossier(2, status=name)])
    assert copy(tmp_path)["status"].to_list() == [10, status]


@pytest.mark.parametrize("yes", ["1", "true", "TRUE", "có", "Có", "x", "X", "✓", "1.0"])
@pytest.mark.parametrize("no", ["0", "false", "không", "Không", "0.0"])
def test_flags_may_be_words(tmp_path: Path, yes: str, no: str) -> None:
    rows = [dossier(1), dossier(2, components_digitized=yes, components_reused=no, reused_from_portal=no)]
    reading = read(tmp_path, rows)
    assert broken(reading) == {}
    assert _measures(reading)[:5] == [2, 0, 2, 0, 0]


@pytest.mark.parametrize(
    "text",
    [
        "20/08/2026 08:30:05",
        "20/8/2026 8:30:5",
        "2026-08-20 08:30:05",
        "2026-08-20T08:30:05",
        "2026-08-20T08:30:05.000",
        "2026-08-20T08:30:05+07:00",
        "2026-08-20T01:30:05Z",
        " 20/08/2026 08:30:05 ",
        "08:30:05 20/08/2026",
    ],
)
def test_days_may_be_written_in_several_ways(tmp_path: Path, text: str) -> None:
    from datetime import datetime

    reading = read(tmp_path, [dossier(1), dossier(2), dossier(3, received=text)])
    assert broken(reading) == {}
    assert copy(tmp_path)["received"].to_list()[2] == datetime(2026, 8, 20, 8, 30, 5)


@pytest.mark.parametrize("text", ["20/08/26 08:30:05", "08/20/2026 08:30:05", "46254", "20.08", "30/02/2026"])
def test_days_are_never_guessed(tmp_path: Path, text: str) -> None:
    reading = read(tmp_path, [dossier(1), dossier(2, received=text)])
    assert broken(reading) == {"received_unreadable": 1}


def test_empty_words_of_databases_are_empty(tmp_path: Path) -> None:
    reading = read(tmp_path, [dossier(1), dossier(2, status="4", finished="NULL", due="null")])
    assert broken(reading) == {"due_missing": 1}
    assert _measures(reading)[0] == 2


def test_codes_are_tidied_and_belong_to_the_longest_known_unit(tmp_path: Path) -> None:
    codes = {
        f" {HOME.lower()}.100-260820-0001": UNIT,
        f"{HOME}.50.05.13-260820-0001": f"{HOME}.50.05",
        f"{HOME}.50.07-260820-0001": f"{HOME}.50",
    }
    reading = read(tmp_path, [dossier(code=code) for code in codes])
    assert broken(reading) == {}
    assert {unit: row["received"] for unit, row in form(reading).items()} == dict.fromkeys(codes.values(), 1)
    assert form(reading)[f"{HOME}.50.05"]["unit_name"] == "UBND xã Mẫu Hoà"
    assert form(reading)[f"{HOME}.50.05"]["block"] == "commune"
    assert copy(tmp_path)["code"].to_list()[0] == f"{HOME}.100-260820-0001"


def test_received_counts_by_its_day_and_resolved_by_its_own(tmp_path: Path) -> None:
    rows = [
        dossier(
            1, code=f"{HOME}.100-260814-1", received="14/08/2026 23:59:59", finished="15/08/2026 00:00:00"
        ),
        dossier(
            2, code=f"{HOME}.100-260815-2", received="15/08/2026 00:00:00", finished="15/09/2026 00:00:00"
        ),
        dossier(3, code=f"{HOME}.100-260914-3", received="14/09/2026 23:59:59", status="4", finished=""),
        dossier(
            4, code=f"{HOME}.100-260801-4", received="01/08/2026 08:00:00", finished="02/08/2026 00:00:00"
        ),
        dossier(5, code=f"{HOME}.100-260915-5", received="15/09/2026 00:00:00", status="4", finished=""),
    ]
    reading = read(tmp_path, rows)
    assert _measures(reading) == [2, 0, 2, 0, 0, 1, 0, 1]
    assert (reading.dossiers, dict(reading.ignored)) == (3, {"outside_window": 2})


def test_any_window_can_be_computed_from_the_daily_counts(tmp_path: Path) -> None:
    rows = [
        dossier(
            1, code=f"{HOME}.100-260801-1", received="01/08/2026 08:00:00", finished="20/08/2026 08:00:00"
        ),
        dossier(2),
    ]
    read(tmp_path, rows)
    daily = pl.read_parquet(tmp_path / "out" / "daily.parquet")
    august = measures_for(daily, window_of(Period.parse("2026-08"), CALENDAR), UNITS)
    assert august.schema == UNIT_ROWS
    assert [august[name].to_pylist() for name in ("received", "resolved")] == [[2], [2]]
    administrative = measures_for(daily, SEPTEMBER)
    assert [administrative[name].to_pylist() for name in ("received", "resolved")] == [[1], [2]]
    assert measures_for(daily, window_of(Period.parse("2025"), CALENDAR)).num_rows == 0


def test_procedure_without_paper_result_counts_as_digitized(tmp_path: Path) -> None:
    from support.dossiers import HEADERS

    rows = [
        dossier(1, result_digitized="0", paper="0"),
        dossier(2, result_digitized="", paper="0"),
        dossier(3, result_digitized="0", paper="1"),
        dossier(4, result_digitized="0", paper=""),
    ]
    reading = read(tmp_path, rows, headers=HEADERS | {"paper": "Có kết quả giấy"})
    assert broken(reading) == {}
    assert _measures(reading)[5:] == [4, 2, 2]


def test_measures_of_absent_columns_are_null_and_not_zero(tmp_path: Path) -> None:
    from support.dossiers import HEADERS

    few = {name: HEADERS[name] for name in ("code", "status", "received", "finished")}
    reading = read(tmp_path, [dossier()], headers=few)
    assert _measures(reading) == [1, None, None, None, None, 1, None, None]
    assert any("không tính là 0" in note for note in reading.notes_vi)


def test_blank_lines_are_counted_and_ignored(tmp_path: Path) -> None:
    body = csv_bytes([dossier(1), dossier(2)]).replace(b"\n2,", b"\n\n,,,,,,,,,,,,,\n2,") + b"\n"
    reading = read(tmp_path, body)
    assert dict(reading.ignored) == {"blank": 3}
    assert (reading.rows_read, reading.dossiers) == (5, 2)


# --- the window -------------------------------------------------------------------------


def _dated(*days: str) -> list[dict[str, str]]:
    rows = []
    for number, day in enumerate(days, 1):
        when = date.fromisoformat(day)
        code = f"{HOME}.100-{when:%y%m%d}-{number}"
        rows.append(dossier(number, code=code, received=f"{when:%d/%m/%Y} 08:00:00", status="4", finished=""))
    return rows


@pytest.mark.parametrize(
    ("days", "period", "kind"),
    [
        (("2026-08-15", "2026-09-14"), "2026-09", "administrative"),
        (("2026-08-19", "2026-09-10"), "2026-09", "administrative"),
        (("2026-08-01", "2026-08-31"), "2026-08", "calendar"),
        (("2026-04-02", "2026-06-30"), "2026-Q2", "calendar"),
        (("2026-01-01", "2026-06-28"), "2026-H1", "calendar"),
        (("2024-12-15", "2025-12-13"), "2025", "administrative"),
    ],
)
def test_window_follows_from_the_received_days(
    tmp_path: Path, days: tuple[str, str], period: str, kind: str
) -> None:
    reading = read(tmp_path, _dated(*days), title=[])
    window = window_of(Period.parse(period), kind)
    assert (reading.first, reading.last) == (window.first, window.last)
    assert "suy từ ngày tiếp nhận" in reading.notes_vi[0]
    assert not reading.is_sample


@pytest.mark.parametrize(
    "days", [("2026-08-20", "2026-09-14"), ("2026-08-15", "2026-09-09"), ("2026-07-20", "2026-09-14")]
)
def test_window_is_never_guessed(tmp_path: Path, days: tuple[str, str]) -> None:
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, _dated(*days), title=[])
    assert caught.value.rule == "period.unknown"
    assert "bochiso ingest --period" in caught.value.remedy
    assert read(tmp_path, _dated(*days), title=[], window=SEPTEMBER).dossiers


def test_no_received_dossier_has_no_window(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, [dossier(status="1", received="", finished="")], title=[])
    assert caught.value.rule == "period.unknown"


def test_window_named_and_window_stated_must_agree(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, [dossier()], window=window_of(Period.parse("2026-08"), CALENDAR))
    assert caught.value.rule == "period.disagrees"
    assert read(tmp_path, [dossier()], window=SEPTEMBER).dossiers == 1


# --- dossiers listed twice --------------------------------------------------------------


def test_of_equal_rows_the_first_counts(tmp_path: Path) -> None:
    rows = [dossier(1), dossier(2), dossier(1), dossier(1, stt="9", name="Người khác", channel="1")]
    reading = read(tmp_path, rows)
    assert broken(reading) == {"duplicate_code": 2}
    assert (reading.dossiers, reading.rows_quarantined) == (2, 2)
    assert _measures(reading) == [2, 0, 2, 0, 0, 2, 0, 2]
    cells = reading.rejected.to_pylist()
    assert [cell["locator"] for cell in cells] == ["row 6", "row 7"]
    assert all("dòng 4" in cell["message_vi"] for cell in cells)
    assert json.loads(cells[0]["row_data"])["status"] == 10


@pytest.mark.parametrize(
    "change",
    [
        {"status": "9"},
        {"result_digitized": "0"},
        {"finished": "22/08/2026 10:00:00"},
        {"components_digitized": "0"},
    ],
)
def test_of_rows_that_disagree_none_counts(tmp_path: Path, change: dict[str, str]) -> None:
    reading = read(tmp_path, [dossier(1), dossier(2), dossier(1, **change)])  # type: ignore[arg-type]
    assert broken(reading) == {"duplicate_conflict": 2}
    assert (reading.dossiers, reading.rows_quarantined) == (1, 2)
    assert _measures(reading) == [1, 0, 1, 0, 0, 1, 0, 1]
    assert reading.rejected["locator"].to_pylist() == ["row 4", "row 6"]


def test_refused_row_is_no_repeat_of_the_sound_one(tmp_path: Path) -> None:
    reading = read(tmp_path, [dossier(1, status="99"), dossier(1)])
    assert broken(reading) == {"status_unknown": 1}
    assert reading.dossiers == 1


def test_repeated_dossiers_not_received_are_refused_too(tmp_path: Path) -> None:
    reading = read(tmp_path, [dossier(1), dossier(2, status="1"), dossier(2, status="1")])
    assert broken(reading) == {"duplicate_code": 1}
    assert dict(reading.ignored) == {"not_received": 1}


def test_equal_fingerprints_of_different_codes_are_no_repeat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clash = Repeats(lambda codes: pl.repeat(7, codes.len(), dtype=pl.UInt64, eager=True))
    monkeypatch.setattr(reader, "Repeats", lambda: clash)
    reading = read(tmp_path, [dossier(1), dossier(2), dossier(3), dossier(2)])
    assert broken(reading) == {"duplicate_code": 1}
    assert reading.dossiers == 3
    assert clash.candidates().size == 4


# --- whole files ------------------------------------------------------------------------


def test_batches_do_not_change_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [dossier(number % 90, status="10" if number % 7 else "bad") for number in range(1, 200)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    whole = read(tmp_path / "a", rows)
    monkeypatch.setattr(reader, "_BATCH_ROWS", 16)
    pieces = read(tmp_path / "b", rows)
    assert whole.rejected == pieces.rejected
    assert whole.units == pieces.units
    assert whole.rule_counts == pieces.rule_counts
    assert copy(tmp_path / "a").sort("row_no").equals(copy(tmp_path / "b").sort("row_no"))
    assert broken(whole)["status_unknown"] == 28


def test_columnar_copy_holds_every_readable_code_and_no_person(tmp_path: Path) -> None:
    read(tmp_path, [dossier(1), dossier(2, status="99"), dossier(3, code="?")])
    kept = copy(tmp_path)
    assert kept.columns == list(reader.COPY_SCHEMA)
    assert kept.select("row_no", "code", "unit", "quarantined").rows() == [
        (4, f"{HOME}.100-260820-0001", UNIT, False),
        (5, f"{HOME}.100-260820-0002", UNIT, True),
    ]


def test_list_opened_for_comparison_has_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(csv_bytes([dossier(1), dossier(2, status="Đang xử lý", finished="")]))
    frame = open_list(path, inspected(path), tmp_path).collect()
    assert frame["code"].to_list() == [f"{HOME}.100-260820-0001", f"{HOME}.100-260820-0002"]
    assert frame["unit"].to_list() == [UNIT, UNIT]
    assert frame["status"].to_list() == [10, 4]
    assert frame["finished"].null_count() == 1
    assert dict(frame.schema).items() <= dict(reader.COPY_SCHEMA).items()


def test_list_that_is_wrong_as_a_whole_is_refused_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_REFUSED", 5)
    with pytest.raises(FileRefused) as caught:
        read(tmp_path, [dossier(number, status="?") for number in range(1, 8)])
    assert caught.value.rule == "list.too_many_refused"
    assert "status_unknown" in caught.value.message


def test_reading_survives_its_folder_and_the_child_process(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(csv_bytes([dossier(1), dossier(2, status="99")], title=TITLE))
    seen = inspected(path)
    window: Window = SEPTEMBER
    argument = {
        "path": str(path),
        "inspected": asdict(seen),
        "province": PROVINCE.slug,
        "provinces_dir": None,
        "known_units": {code: list(names) for code, names in UNITS.items()},
        "capture_id": "c-1",
        "capture_sha256": seen.sha256,
        "received_at": RECEIVED_AT.isoformat(),
        "window": [window.first.isoformat(), window.last.isoformat(), window.kind, window.period.id],
        "calendar": "administrative",
        "out": str(tmp_path / "out"),
    }
    answer = read_list_apart(json.loads(json.dumps(argument)))
    loaded = DigitizationReading.load(Path(answer["folder"]))
    assert loaded == read(tmp_path, path.read_bytes(), window=window)
    assert loaded.rejected.schema == REJECTED
    assert (loaded.layout, loaded.source) == ("dossier_list@1", "dossier_list")
