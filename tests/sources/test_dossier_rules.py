"""Every row rule of a dossier list has a row that breaks it, and none else; the sound row breaks none."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from support.dossiers import CANARY, HEADERS, HOME, broken, csv_bytes, dossier, form, read

from etl.errors import Terminal
from etl.sources.digitization import LIST_SOURCE
from etl.validate.rows import RowJudge, load_row_rules

# rule -> what to change in a sound dossier so that exactly this rule is broken
BREAKS: dict[str, dict[str, str]] = {
    "code_missing": {"code": ""},
    "code_format": {"code": f"{HOME}.100/260820/0001"},
    "code_province": {"code": "H15.100-260820-0001"},
    "code_day_in_future": {"code": f"{HOME}.100-260918-0001"},
    "unit_unknown": {"code": f"{HOME}.999-260820-0001"},
    "status_missing": {"status": ""},
    "status_unknown": {"status": "11"},
    "received_unreadable": {"received": "31/08/26 08:00:00", "status": "1", "finished": ""},
    "received_missing": {"received": ""},
    "received_in_future": {"received": "18/09/2026 08:00:00", "status": "2", "finished": ""},
    "due_unreadable": {"due": "31/02/2026 08:00:00"},
    "finished_unreadable": {"finished": "tuần sau", "status": "4"},
    "finished_missing": {"finished": ""},
    "finished_before_received": {"finished": "20/08/2026 08:29:59"},
    "finished_in_future": {"finished": "17/09/2026 08:00:01"},
    "channel_unknown": {"channel": "4"},
    "components_digitized_unknown": {"components_digitized": "2", "status": "1"},
    "components_digitized_missing": {"components_digitized": ""},
    "components_reused_unknown": {"components_reused": "?", "status": "1"},
    "components_reused_missing": {"components_reused": ""},
    "reused_from_portal_unknown": {"reused_from_portal": "y e s s", "status": "1"},
    "reused_from_portal_missing": {"reused_from_portal": ""},
    "result_digitized_unknown": {"result_digitized": "2", "status": "4"},
    "result_digitized_missing": {"result_digitized": ""},
    "has_paper_result_unknown": {"has_paper_result": "hai bản"},
    "reused_implies_digitized": {"components_reused": "1", "components_digitized": "0"},
    "portal_reuse_implies_reuse": {"reused_from_portal": "1"},
    "code_day_differs": {"code": f"{HOME}.100-260819-0001"},
    "due_missing": {"due": ""},
    "due_before_received": {"due": "20/08/2026 08:29:59"},
    "channel_missing": {"channel": ""},
    "unit_column_agrees": {"unit_code": f"{HOME}.101"},
}
_MORE = HEADERS | {"has_paper_result": "Có kết quả giấy", "unit_code": "Mã đơn vị"}


def _sound(**changes: str) -> dict[str, str]:
    return dossier(**({"has_paper_result": "1", "unit_code": f"{HOME}.100"} | changes))  # type: ignore[arg-type]


def test_sound_row_breaks_no_rule(tmp_path: Path) -> None:
    reading = read(tmp_path, [_sound()], headers=_MORE)
    assert broken(reading) == {}
    assert reading.dossiers == 1
    asked = set(reading.rule_counts["rule"].to_pylist())
    assert asked == {rule.rule for rule in load_row_rules(LIST_SOURCE).rules}


def test_every_rule_has_a_breaking_row() -> None:
    elsewhere = {"extra_fields", "duplicate_code", "duplicate_conflict"}  # below, and in test_dossier_repeats
    assert set(BREAKS) | elsewhere == {rule.rule for rule in load_row_rules(LIST_SOURCE).rules}


@pytest.mark.parametrize("rule", BREAKS)
def test_rule_is_broken_by_its_row_alone(tmp_path: Path, rule: str) -> None:
    rows = [_sound(code=f"{HOME}.100-260820-0777"), _sound(**BREAKS[rule])]
    reading = read(tmp_path, rows, headers=_MORE)
    assert broken(reading) == {rule: 1}
    severity = load_row_rules(LIST_SOURCE).named(rule).severity
    refused = reading.rejected.to_pylist()
    if severity == "warn":
        assert (refused, reading.dossiers) == ([], 2)
        return
    assert reading.rows_quarantined == 1
    [cell] = refused
    assert (cell["locator"], cell["rule"], cell["severity"]) == ("row 5", rule, "fail")
    assert cell["column_name"] in _MORE.values()
    assert cell["message_vi"]
    assert cell["capture_sha256"]
    assert CANARY not in json.dumps(cell, ensure_ascii=False)


def test_row_with_too_many_fields_is_refused(tmp_path: Path) -> None:
    # Two surplus fields: what stands beside them is not the header's any more, whatever is not read.
    body = csv_bytes([dossier(1), dossier(2)]).replace(b'Qxzcanary"\n', b'Qxzcanary",Qxzcanary,1\n', 1)
    reading = read(tmp_path, body)
    assert broken(reading) == {"extra_fields": 1}
    assert reading.dossiers == 1
    [cell] = reading.rejected.to_pylist()
    assert CANARY not in json.dumps(cell, ensure_ascii=False)


def test_refused_cell_shows_no_name_and_no_number_of_a_person(tmp_path: Path) -> None:
    shifted = dossier(
        2, code=f"Nguyễn {CANARY}", status="099012345678", received="0909 123 456", channel=CANARY
    )
    reading = read(tmp_path, [dossier(1), shifted])
    text = json.dumps(reading.rejected.to_pylist(), ensure_ascii=False)
    assert reading.rows_quarantined == 1
    assert broken(reading).keys() >= {
        "code_format",
        "status_unknown",
        "received_unreadable",
        "channel_unknown",
    }
    for secret in (CANARY, "Nguyễn", "099012345678", "0909", "123 456"):
        assert secret not in text
    values = {cell["rule"]: cell["value"] for cell in reading.rejected.to_pylist()}
    assert values["code_format"] == "xxxxxx xxxxxxxxx"
    assert values["status_unknown"] == "999999999999"


def test_refused_cell_shows_codes_and_days(tmp_path: Path) -> None:
    reading = read(tmp_path, [dossier(1), dossier(2, due="31/02/2026 08:00:00")])
    [cell] = reading.rejected.to_pylist()
    assert cell["value"] == "31/02/2026 08:00:00"
    assert json.loads(cell["row_data"])["code"] == f"{HOME}.100-260820-0002"
    assert set(json.loads(cell["row_data"])) <= set(HEADERS) - {"name", "id", "address", "stt"}


def test_rule_about_an_absent_column_is_not_asked(tmp_path: Path) -> None:
    headers = {key: value for key, value in HEADERS.items() if key != "components_reused"}
    reading = read(tmp_path, [dossier()], headers=headers)
    assert "components_reused_missing" not in reading.rule_counts["rule"].to_pylist()
    assert "reused_implies_digitized" not in reading.rule_counts["rule"].to_pylist()
    assert form(reading)[f"{HOME}.100"]["components_reused"] is None


def test_blank_flag_means_nothing_where_zeros_are_written(tmp_path: Path) -> None:
    reading = read(
        tmp_path, [dossier(1), dossier(2, components_digitized="0"), dossier(3, components_digitized="")]
    )
    assert broken(reading) == {"components_digitized_missing": 1}


def test_blank_flag_means_no_in_a_column_of_marks(tmp_path: Path) -> None:
    reading = read(tmp_path, [dossier(1, components_digitized="x"), dossier(2, components_digitized="")])
    assert broken(reading) == {}
    assert form(reading)[f"{HOME}.100"]["components_digitized"] == 1
    assert form(reading)[f"{HOME}.100"]["components_not_digitized"] == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            "table: t\nrules: [{rule: a, field: f, kind: guess, severity: fail, title_vi: t, sentence_vi: s}]",
            "kind",
        ),
        ("table: t\nrules: [{rule: a, field: f, kind: present, severity: fail, title_vi: t}]", "sentence_vi"),
        ("table: t\nrules: [{rule: a, field: f, kind: not_before, severity: warn, title_vi: t}]", "other"),
        (
            "table: t\nrules: [{rule: a, field: f, kind: present, value: v, severity: warn, title_vi: t}]",
            "value",
        ),
        (
            "table: t\nrules: [{rule: a, field: f, kind: present, severity: warn, title_vi: t},"
            " {rule: a, field: g, kind: present, severity: warn, title_vi: t}]",
            "two rules",
        ),
        ("table: [", "expected"),
    ],
)
def test_rules_that_cannot_be_meant_are_named(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "bad.yml").write_text(text, encoding="utf-8")
    with pytest.raises(Terminal, match=why) as caught:
        load_row_rules("bad", tmp_path)
    assert "bad.yml" in str(caught.value)


def test_judge_keeps_order_and_says_which_rules_a_row_breaks() -> None:
    rules = load_row_rules(LIST_SOURCE)
    columns = {"status": pl.Int8, "received": pl.Datetime("us")}
    frame = pl.DataFrame({"status": [2, None, 2], "received": [None, None, None]}, schema=columns)
    judged = RowJudge(rules, columns, {"received_at": None}).judge(frame)
    assert {name: rows for name, rows in judged.counts.items() if rows} == {
        "received_missing": 2,
        "status_missing": 1,
    }
    assert judged.good.is_empty()
    assert judged.refused["holds:status_missing"].to_list() == [True, False, True]
    assert judged.refused["holds:received_missing"].to_list() == [False, True, False]
