from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from support.forms import inspected, read_file, received, rules

from etl.errors import FileRefused
from etl.sources.digitization import DigitizationReading
from etl.sources.digitization_form.layouts import load_templates
from etl.sources.digitization_form.recognise import recognise_form

KEYS = (
    "totalReceiver",
    "totalReceiverHavingFile",
    "totalReceiverNopeFile",
    "totalComplete",
    "totalCompleteHavingFile",
    "totalCompleteNopeFile",
)
DAYS = {"fromDate": "15/08/2026", "toDate": "14/09/2026"}


def _record(name: Any = "Sở Tài chính", *figures: Any, **more: Any) -> dict[str, Any]:
    return {"agencyName": name, **dict(zip(KEYS, figures or (100, 60, 40, 90, 70, 20), strict=False)), **more}


def _read(folder: Path, document: Any, **options: Any) -> DigitizationReading:
    path = folder / "igate.json"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    return read_file(path, **options)


def test_the_six_totals_are_the_forms_measures(tmp_path: Path) -> None:
    reading = _read(tmp_path, {**DAYS, "data": [_record(agencyCode="H44.1"), _record("Sở Y tế")]})
    unit = reading.units.to_pylist()[0]
    assert (unit["received"], unit["components_digitized"], unit["components_not_digitized"]) == (100, 60, 40)
    assert (unit["resolved"], unit["results_digitized"], unit["results_not_digitized"]) == (90, 70, 20)
    assert (unit["components_reused"], unit["reused_from_portal"], unit["block"]) == (None, None, None)
    assert (unit["unit_code"], unit["locator"]) == ("H44.1", "$.data[0]")
    assert (reading.layout, reading.last) == ("igate_json@1", date(2026, 9, 14))


@pytest.mark.parametrize(
    ("document", "locator"),
    [
        ({**DAYS, "content": [_record()]}, "$.content[0]"),
        ({**DAYS, "data": {"content": [_record()]}}, "$.data.content[0]"),
        ([_record(**DAYS)], "$[0]"),
        ({"tuNgay": "2026-08-15", "denNgay": "2026-09-14", "result": [_record()]}, "$.result[0]"),
        (
            {"fromDate": "2026-08-14T17:00:00Z", "toDate": "2026-09-14T16:59:59Z", "data": [_record()]},
            "$.data[0]",
        ),
        ({"title": "Thống kê từ 15/8/2026 đến 14/9/2026", "data": [_record()]}, "$.data[0]"),
        ({**DAYS, "data": [{**_record(), "agencyName": None, "agency": {"name": "Sở A"}}]}, None),
    ],
)
def test_envelopes_and_days_in_their_variants(tmp_path: Path, document: Any, locator: str | None) -> None:
    reading = _read(tmp_path, document)
    assert (reading.first, reading.last) == (date(2026, 8, 15), date(2026, 9, 14))
    if locator is None:  # the key that is there wins, and is empty
        assert rules(reading) == [("$.data[0]", "unit_name", "missing_value")]
    else:
        assert reading.units["locator"].to_pylist() == [locator]


def test_bad_records_are_refused_one_by_one(tmp_path: Path) -> None:
    records: list[Any] = [
        _record("A"),
        _record("B", 1.5, 60, 40, 90, 70, 20),
        _record("C", -1, 60, 40, 90, 70, 20),
        _record("D", 1),
        _record("E", *[None] * 6),
        _record(None),
        "không phải bản ghi",
        _record("F", None, 1, 2, 3, 4, 5),
        _record("Tổng cộng", 9, 9, 9, 9, 9, 9),
    ]
    reading = _read(tmp_path, {**DAYS, "data": records})
    assert received(reading) == {"A": 100, "F": None}
    assert [(locator, rule) for locator, _, rule in rules(reading)] == [
        ("$.data[1]", "not_a_whole_number"),
        ("$.data[2]", "negative"),
        *[("$.data[3]", "missing_value")] * 5,
        ("$.data[4]", "missing_value"),
        ("$.data[5]", "missing_value"),
        ("$.data[6]", "not_a_record"),
    ]
    assert dict(reading.ignored) == {"total": 1}
    assert reading.totals.to_pylist()[0]["locator"] == "$.data[8]"
    assert (reading.rows_read, reading.rows_quarantined) == (9, 6)


def test_unknown_fields_are_named_and_not_read(tmp_path: Path) -> None:
    reading = _read(tmp_path, {**DAYS, "data": [_record(totalOnline=3)]})
    assert ["“totalOnline”" in note for note in reading.notes_vi] == [True]


@pytest.mark.parametrize(
    ("renamed", "rule"),
    [("totalCompletes", "layout.unknown_header"), ("daXong", "layout.missing_column")],
)
def test_a_renamed_field_is_refused_by_name(tmp_path: Path, renamed: str, rule: str) -> None:
    record = {renamed if key == "totalComplete" else key: value for key, value in _record().items()}
    with pytest.raises(FileRefused) as caught:
        _read(tmp_path, {**DAYS, "data": [record]})
    assert caught.value.rule == rule
    assert renamed in caught.value.message_vi
    assert "totalComplete" in caught.value.message_vi


@pytest.mark.parametrize(
    ("document", "rule"),
    [
        ({"data": [_record()]}, "period.unknown"),
        ({"fromDate": "hôm qua", "toDate": "14/09/2026", "data": [_record()]}, "period.unknown"),
        ([_record(**DAYS), _record(fromDate="15/07/2026", toDate="14/09/2026")], "period.ambiguous"),
        ({**DAYS, "toDate": "10/09/2026", "data": [_record()]}, "period.not_standard"),
        ({**DAYS, "title": "tỉnh Lào Cai", "data": [_record()]}, "layout.other_province"),
        ({"data": []}, "layout.not_recognised"),
        ({"data": [{"agencyName": "A", "x": 1}]}, "layout.not_recognised"),
        ([1, 2], "layout.not_recognised"),
    ],
)
def test_doubtful_documents_are_refused(tmp_path: Path, document: Any, rule: str) -> None:
    with pytest.raises(FileRefused) as caught:
        _read(tmp_path, document)
    assert caught.value.rule == rule


def test_sample_figures_are_known_by_the_title(tmp_path: Path) -> None:
    assert _read(tmp_path, {**DAYS, "title": "SỐ LIỆU MẪU", "data": [_record()]}).is_sample


def test_a_portal_answer_is_no_form(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(
        '{"code": "OK", "data": {"units": [{"departmentName": "Sở A", "ratio": 1}]}}', encoding="utf-8"
    )
    assert recognise_form(path, inspected(path), load_templates()) is None
