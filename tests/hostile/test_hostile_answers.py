"""Answers nobody should send: each ends in a typed error, a refused row or a harmless text.

Never in an exception of another kind, never in a row lost without a word. Every reading is carried
to its verdict and into Parquet and back, because text that one stage tolerates may break the next.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl.errors import CaptureIncomplete, PortalAnswerUnreadable, PortalRefused
from etl.reference.units import name_key
from etl.sources.bundle import Bundle
from etl.sources.tidy import ReadResult

Fetch = Callable[..., Any]
Edit = Callable[..., Any]
Row = dict[str, Any]

PROGRESS, OPEN, NATIONAL = "dvc-progress-tree", "transparency", "service-results"
UNIT = 5


def everything_is_accounted_for(reading: Any, tmp_path: Path) -> None:
    """rows_read adds up, every text can be stored (UTF-8 without U+0000), every JSON text is JSON."""
    result = reading.result
    records = {(line["capture_sha256"], line["locator"]) for line in result.rejected.to_pylist()}
    assert result.rows_read == result.tidy.num_rows + len(records)
    result.save(tmp_path / "work")
    assert ReadResult.load(tmp_path / "work") == result
    folder = reading.bundle.save(tmp_path / "work")
    assert Bundle.load(folder) == reading.bundle
    texts = 0
    for row in [*result.tidy.to_pylist(), *result.rejected.to_pylist()]:
        for name, value in row.items():
            if not isinstance(value, str):
                continue
            value.encode("utf-8")
            assert "\x00" not in value
            texts += 1
            if name == "attributes" or (name == "row_data" and value[:1] in "{["):
                as_jsonb(value)
    assert texts > 10_000


def as_jsonb(text: str) -> Any:
    """What PostgreSQL's jsonb would make of it: it refuses U+0000 and lone surrogates."""
    value = json.loads(text)
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, dict):
            stack += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            stack += item
        elif isinstance(item, str):
            item.encode("utf-8")
            assert "\x00" not in item
    return value


def swap(old: str, new: str, count: int = 1) -> Callable[[bytes], bytes]:
    def change(body: bytes) -> bytes:
        assert old.encode() in body
        return body.replace(old.encode(), new.encode(), count)

    return change


# --- bodies that are not the envelope -------------------------------------------------------------

DEEP = 100_000
BODIES: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \r\n",
    "null": b"null",
    "true": b"true",
    "a number": b"17",
    "a text": b'"OK"',
    "a list": b'[{"code":"OK"}]',
    "an empty object": b"{}",
    "code null": b'{"code":null,"data":{}}',
    "code OK in a list": b'{"code":["OK"],"data":{}}',
    "code in small letters": b'{"code":"ok","data":{}}',
    "code with a lone surrogate": b'{"code":"\\ud800","data":{},"message":"\\udfff"}',
    "no data": b'{"code":"OK"}',
    "data null": b'{"code":"OK","data":null}',
    "data list": b'{"code":"OK","data":[]}',
    "data empty": b'{"code":"OK","data":{}}',
    "UTF-8 with a byte-order mark": b'\xef\xbb\xbf{"code":"OK","data":{}}',
    "UTF-16": '{"code":"OK","data":{}}'.encode("utf-16"),
    "UTF-16 without a mark": '{"code":"OK","data":{}}'.encode("utf-16-le"),
    "UTF-32": '{"code":"OK","data":{}}'.encode("utf-32"),
    "Latin-1": '{"code":"OK","data":{"x":"é"}}'.encode("latin-1"),
    "an encoded surrogate": b'{"code":"OK","data":{"x":"\xed\xa0\x80"}}',
    "overlong UTF-8": b'{"code":"OK","data":{"x":"\xc0\x80"}}',
    "NUL bytes": b"\x00" * 1000,
    "random bytes": bytes(range(256)) * 8,
    "two answers": b'{"code":"OK","data":{}}{"code":"OK","data":{}}',
    "a tail": b'{"code":"OK","data":{}}<!-- cached -->',
    "a comment": b'/* OK */{"code":"OK","data":{}}',
    "single quotes": b"{'code':'OK','data':{}}",
    "a raw newline in a text": b'{"code":"OK\n","data":{}}',
    "deep lists": b"[" * DEEP + b"]" * DEEP,
    "deep lists, open": b"[" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "deep inside data": b'{"code":"OK","data":{"parent":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "65 deep": b'{"code":"OK","data":' + b'{"a":' * 64 + b"1" + b"}" * 64 + b"}",
    "a number of 5,000 digits": b'{"code":"OK","data":{"a":' + b"9" * 5_000 + b"}}",
    "Infinity": b'{"code":"OK","data":{"a":Infinity}}',
    "NaN": b'{"code":"OK","data":{"a":NaN}}',
    "the same key twice": b'{"code":"OK","data":{"a":1,"a":2}}',
    "code twice": b'{"code":"ERROR","data":{},"code":"OK"}',
}


@pytest.mark.parametrize("national", [False, True], ids=["province", "national"])
@pytest.mark.parametrize("name", list(BODIES))
def test_a_body_that_is_no_answer_is_unreadable(
    fetch_reading: Fetch, edited_bytes: Edit, name: str, national: bool
) -> None:
    portal = edited_bytes(NATIONAL if national else OPEN, lambda _: BODIES[name])
    with pytest.raises(PortalAnswerUnreadable) as caught:
        fetch_reading(portal, national=national)
    assert len(str(caught.value)) < 1_000
    str(caught.value).encode("utf-8")
    assert caught.value.remedy


@pytest.mark.parametrize(
    "body", [b"<", b"\n<html>", b"<?xml version='1.0'?><code>OK</code>", b"<!doctype html>"]
)
def test_anything_in_angle_brackets_is_the_firewall(
    fetch_reading: Fetch, edited_bytes: Edit, body: bytes
) -> None:
    with pytest.raises(PortalRefused):
        fetch_reading(edited_bytes(OPEN, lambda _: body))


@pytest.mark.parametrize("root", [None, [], "x", 7, {}, {"departmentId": None}, {"departmentId": "\ud800"}])
@pytest.mark.parametrize("endpoint", [PROGRESS, OPEN])
def test_a_root_that_is_no_entity_is_unreadable(
    fetch_reading: Fetch, edited_bytes: Edit, endpoint: str, root: Any
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["parent" if "parent" in answer["data"] else "overview"] = root
        return json.dumps(answer).encode()

    with pytest.raises(PortalAnswerUnreadable, match="answered for") as caught:
        fetch_reading(edited_bytes(endpoint, change))
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize("overview", [None, [], "x", 7, {}, {"departmentName": "\x00"}])
def test_a_national_overview_that_is_none_is_a_refused_row(
    fetch_reading: Fetch, edited: Edit, tmp_path: Path, overview: Any
) -> None:
    reading = fetch_reading(edited(NATIONAL, lambda data: data.update(overview=overview)), national=True)
    assert {line["locator"] for line in reading.result.rejected.to_pylist()} == {"$.data.overview"}
    assert reading.result.tidy.num_rows == 34 * 7


def test_units_without_any_identity_are_refused_one_by_one(
    fetch_reading: Fetch, edited: Edit, tmp_path: Path
) -> None:
    def change(data: Row) -> None:
        data["children"][UNIT] = {}

    reading = fetch_reading(edited(PROGRESS, change))
    places = {line["locator"] for line in reading.result.rejected.to_pylist()}
    assert places == {f"$.data.children[{UNIT}]"}
    everything_is_accounted_for(reading, tmp_path)


def test_a_group_of_empty_units_is_incomplete(fetch_reading: Fetch, edited: Edit) -> None:
    def change(data: Row) -> None:
        place = "children" if "children" in data else "evaluation"
        data[place] = [{}] * len(data[place])

    with pytest.raises(CaptureIncomplete):
        fetch_reading(edited(None, change))


# --- numbers ----------------------------------------------------------------------------------------

NUMBERS = {
    "10^400": "1" + "0" * 400,
    "1e400": "1e400",
    "1e5000": "1e5000",
    "1e999999999": "1e999999999",
    "-1e999999999": "-1e999999999",
    "1e-9999999": "1e-9999999",
    "forty decimals": "20." + "0" * 40 + "1",
    "10^12": "1000000000000",
    "minus 10^12": "-1000000000000.5",
}


@pytest.mark.parametrize("name", list(NUMBERS))
@pytest.mark.parametrize("field", ["maxScore", "totalReceived", "ratio"])
def test_a_number_no_column_can_hold_is_one_refused_row(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, name: str, field: str
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["children"][UNIT][field] = "HERE"
        return json.dumps(answer, ensure_ascii=False).encode().replace(b'"HERE"', NUMBERS[name].encode())

    reading = fetch_reading(edited_bytes(PROGRESS, change))
    (refused,) = reading.result.rejected.to_pylist()
    assert (refused["locator"], refused["column_name"]) == (f"$.data.children[{UNIT}]", field)
    assert len(refused["message_vi"]) < 500
    everything_is_accounted_for(reading, tmp_path)


@pytest.mark.parametrize("name", list(NUMBERS))
def test_a_strange_number_in_a_field_nobody_reads_does_no_harm(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, name: str
) -> None:
    portal = edited_bytes(PROGRESS, swap('"scoreDelta":null', f'"scoreDelta":{NUMBERS[name]}'))
    reading = fetch_reading(portal)
    assert reading.result.rejected.num_rows == 0
    everything_is_accounted_for(reading, tmp_path)
    first = next(row for row in reading.result.tidy.to_pylist() if row["locator"] == "$.data.children[0]")
    assert json.loads(first["attributes"])["scoreDelta"] is not None


@pytest.mark.parametrize("written", ["20.000000", "2e1", "2.0E+1", "20.00000000000000000000000000000000000"])
def test_an_ordinary_number_in_strange_clothes_is_that_number(
    fetch_reading: Fetch, edited_bytes: Edit, plain_reading: Any, tmp_path: Path, written: str
) -> None:
    reading = fetch_reading(edited_bytes(PROGRESS, swap('"maxScore":20', f'"maxScore":{written}', 500)))
    assert reading.result.tidy["max_score"] == plain_reading.result.tidy["max_score"]
    assert reading.result.rejected.num_rows == 0


@pytest.mark.parametrize("written", ["0", "-0", "0.0", "-0.0", "0e400", "0e-400", "0E+999999999"])
def test_every_zero_is_zero(fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, written: str) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["children"][UNIT].update(score="HERE", avgProcessingDays="HERE")
        return json.dumps(answer, ensure_ascii=False).encode().replace(b'"HERE"', written.encode())

    reading = fetch_reading(edited_bytes(PROGRESS, change))
    assert reading.result.rejected.num_rows == 0
    place = f"$.data.children[{UNIT}]"
    rows = [row for row in reading.result.tidy.to_pylist() if row["locator"] == place]
    values = {row["indicator_code"]: row for row in rows if row["group_code"] == "TDGQ"}
    assert (values["TDGQ"]["score"], values["2.2"]["value"]) == (0, 0)


# --- texts ------------------------------------------------------------------------------------------

HARMLESS = {
    "a formula": "=cmd|'/C calc'!A0",
    "a formula with plus": "+1+1",
    "an at sign": "@SUM(1)",
    "a script": "<script>alert(1)</script>",
    "an SQL injection": "'; DROP TABLE core.unit; --",
    "a format string": "{unit_name} {0} %s %(x)s ${x} $indicator_codes",
    "a path": "../../../etc/passwd",
    "right to left": "UBND \u202exã Thắm\u202c",
    "zero width": "UBND\u200b xã\ufeff",
    "decomposed": "UBND xa\u0303 Thắ́m",
    "an emoji": "UBND xã 🏛️👩‍👩‍👧",
    "control characters": "UBND\x01xã\x1b[31m\x7f\x85",
    "line breaks": "UBND\r\nxã\tThắm\u2028",
    "the unit separator of our ids": "a\nb",
    "the longest name": "x" * 500,
    "only blanks": "   ",
    "a noncharacter": "\uffff\ufdd0",
    "quotes": "\"'`\\",
    "null as text": "null",
    "NaN as text": "NaN",
}


@pytest.mark.parametrize("name", list(HARMLESS))
def test_a_strange_name_is_a_text_like_any_other(
    fetch_reading: Fetch, edited: Edit, plain_reading: Any, tmp_path: Path, name: str
) -> None:
    text = HARMLESS[name]

    def rename(data: Row) -> None:
        data["evaluation"][UNIT]["departmentName"] = text
        data["evaluation"][UNIT]["news"] = {text: [text]}
        data["evaluation"][UNIT]["metrics"][0]["name"] = text

    reading = fetch_reading(edited(OPEN, rename))
    assert reading.result.rejected.num_rows == 0
    rows = [row for row in reading.result.tidy.to_pylist() if row["unit_name"] == text]
    assert {row["group_code"] for row in rows} == {"CKMB", "TDGQ", "CLGQ", "TTTT", "MDSH", "MDHL"}
    group = next(row for row in rows if row["indicator_code"] == "CKMB")
    assert json.loads(group["attributes"])["news"] == {text: [text]}
    assert reading.result.tidy.num_rows == plain_reading.result.tidy.num_rows
    everything_is_accounted_for(reading, tmp_path)
    assert name_key(text) == name_key(name_key(text))


REFUSED = {
    "too long by one": "x" * 501,
    "a million letters": "ệ" * 1_000_000,
    "empty": "",
    "U+0000": "UBND\x00xã",
    "a lone high surrogate": "UBND \ud800",
    "a lone low surrogate": "\udfff UBND",
    "two surrogates the wrong way round": "\udc00\ud800",
}


@pytest.mark.parametrize("name", list(REFUSED))
@pytest.mark.parametrize("field", ["departmentName", "level"])
def test_a_text_no_column_can_hold_is_one_refused_row(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, name: str, field: str
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["children"][UNIT][field] = REFUSED[name]
        return json.dumps(answer).encode()

    reading = fetch_reading(edited_bytes(PROGRESS, change))
    (refused,) = reading.result.rejected.to_pylist()
    assert (refused["locator"], refused["column_name"]) == (f"$.data.children[{UNIT}]", field)
    assert len(refused["message_vi"]) < 1_000
    everything_is_accounted_for(reading, tmp_path)


@pytest.mark.parametrize("text", ["\x00", "\ud800", "a\udfffb\x00", "\\u0000", "\\ud800"])
def test_such_text_in_fields_nobody_reads_is_kept_as_its_escape(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, text: str
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        answer["data"]["children"][UNIT]["news"] = [text, {"deep": text}]
        answer["data"]["aside"] = text
        return json.dumps(answer).encode()

    reading = fetch_reading(edited_bytes(PROGRESS, change))
    assert reading.result.rejected.num_rows == 0
    place = f"$.data.children[{UNIT}]"
    row = next(
        row
        for row in reading.result.tidy.to_pylist()
        if (row["locator"], row["indicator_code"]) == (place, "TDGQ")
    )
    kept = json.loads(row["attributes"])["news"]
    assert kept[0] == kept[1]["deep"]
    assert kept[0].lower().replace("\\", "").startswith(("u0000", "ud800", "au"))
    everything_is_accounted_for(reading, tmp_path)


@pytest.mark.parametrize(
    "key", ["\ud800", "\x00", "", "=cmd()", "x" * 10_000, "__class__", "model_config", "metrics"]
)
@pytest.mark.parametrize("endpoint", [PROGRESS, NATIONAL])
def test_strange_keys_do_no_harm(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, key: str, endpoint: str
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        units = answer["data"].get("children") or answer["data"]["evaluation"]
        units[UNIT][key] = "strange"
        answer["data"][key] = "strange"
        return json.dumps(answer).encode()

    reading = fetch_reading(edited_bytes(endpoint, change), national=endpoint == NATIONAL)
    result = reading.result
    records = {(line["capture_sha256"], line["locator"]) for line in result.rejected.to_pylist()}
    assert len(records) <= 1
    assert result.rows_read == result.tidy.num_rows + len(records)
    for row in [*result.tidy.to_pylist(), *result.rejected.to_pylist()]:
        for text in (row.get("attributes"), row.get("row_data")):
            if text:
                as_jsonb(text)


@pytest.mark.parametrize("field", ["departmentCode", "dataQualityStatus", "dataQualityMessage"])
@pytest.mark.parametrize("value", ["\x00", "\ud800", 7, ["x"], True])
def test_optional_texts_are_refused_when_they_cannot_be_kept(
    fetch_reading: Fetch, edited_bytes: Edit, tmp_path: Path, field: str, value: Any
) -> None:
    def change(body: bytes) -> bytes:
        answer = json.loads(body)
        unit = answer["data"]["evaluation"][UNIT]
        (unit if field == "departmentCode" else unit["metrics"][3])[field] = value
        return json.dumps(answer).encode()

    reading = fetch_reading(edited_bytes(OPEN, change))
    (refused,) = reading.result.rejected.to_pylist()
    assert refused["column_name"] == field
    everything_is_accounted_for(reading, tmp_path)


def test_a_unit_that_takes_the_provinces_id_does_not_become_the_province(
    fetch_reading: Fetch, edited: Edit, phu_tho: Any, tmp_path: Path
) -> None:
    def change(data: Row) -> None:
        data["children"][UNIT]["departmentId"] = phu_tho.portal_id

    reading = fetch_reading(edited(PROGRESS, change))
    rows = [row for row in reading.result.tidy.to_pylist() if row["portal_id"] == phu_tho.portal_id]
    progress = [row for row in rows if row["indicator_code"] == "TDGQ"]
    # two rows claim one place: the check "unit_indicator_once" takes both out and the reading fails
    assert len(progress) == 2
    everything_is_accounted_for(reading, tmp_path)


def test_the_same_name_for_every_unit_keeps_them_apart(
    fetch_reading: Fetch, edited: Edit, plain_reading: Any, tmp_path: Path
) -> None:
    def change(data: Row) -> None:
        for unit in data.get("children") or data["evaluation"]:
            unit["departmentName"] = "UBND xã Phước Hưng"

    reading = fetch_reading(edited(None, change))
    assert reading.result.tidy["portal_id"] == plain_reading.result.tidy["portal_id"]
    assert len(set(reading.result.tidy["unit_name"].to_pylist())) == 2
