"""The archive: content-addressed, immutable, whole or not there."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from etl.archive import Archive, Capture
from etl.archive.store import canonical_json, judged
from etl.errors import Terminal
from etl.periods import VIETNAM

A, B = b'{"code":"OK","data":1}', b'{"code":"OK","data":2}'
FIRST = datetime(2026, 9, 26, 18, 14, 41, 123456, tzinfo=VIETNAM)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archive")


def capture(archive: Archive, content: bytes, hours: int = 0, **others: Any) -> Capture:
    values: dict[str, Any] = {
        "source": "national_portal",
        "scope": "H44",
        "period_id": "2026-08",
        "group_code": "CKMB",
        "endpoint": "evaluation/transparency",
        "page": 1,
        "request": {"timeType": "month", "year": 2026, "month": 8},
        "http_status": 201,
        "captured_at": FIRST + timedelta(hours=hours),
        "sha256": archive.put(content),
        "size_bytes": len(content),
        "address": "http://127.0.0.1:1/api/v1/reporting",
        "complete": True,
    }
    return Capture(**(values | others))


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_bytes_lie_under_their_own_hash(archive: Archive) -> None:
    digest = archive.put(A)
    assert digest == hashlib.sha256(A).hexdigest()
    assert files(archive.folder) == [archive.folder / "objects" / digest[:2] / digest]
    assert archive.get(digest) == A


def test_the_same_bytes_are_kept_once(archive: Archive) -> None:
    digest = archive.put(A)
    before = archive.object_path(digest).stat()
    assert archive.put(A) == digest
    after = archive.object_path(digest).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(files(archive.folder)) == 1


def test_reading_the_same_again_writes_neither_object_nor_manifest(archive: Archive) -> None:
    first = archive.record(capture(archive, A))
    before = files(archive.folder)
    again = archive.record(capture(archive, A, hours=24))
    assert again == first
    assert files(archive.folder) == before
    assert len(before) == 2


def test_going_back_to_earlier_bytes_is_a_third_capture(archive: Archive) -> None:
    for hours, content in enumerate((A, B, A)):
        archive.record(capture(archive, content, hours=hours))
    kept = archive.captures("national_portal", "H44", "2026-08")
    assert [archive.get(item.sha256) for item in kept] == [A, B, A]
    assert len({item.capture_id for item in kept}) == 3
    assert len(files(archive.folder / "objects")) == 2


def test_another_judgement_of_the_same_bytes_is_another_capture(archive: Archive) -> None:
    first = archive.record(capture(archive, A, complete=None))
    verdict = judged(first, complete=False, expected=163, seen=16, note="cut")
    second = archive.record(verdict)
    assert second.capture_id != first.capture_id
    assert (second.complete, second.expected_units, second.seen_units, second.note) == (False, 163, 16, "cut")


def test_another_request_never_stands_for_this_one(archive: Archive) -> None:
    first = archive.record(capture(archive, A))
    other = archive.record(capture(archive, A, hours=1, request={**first.request, "currentPage": 2}))
    assert other.capture_id != first.capture_id
    assert len(archive.captures("national_portal", "H44", "2026-08")) == 2


def test_the_order_of_request_keys_does_not_make_another_capture(archive: Archive) -> None:
    one = capture(archive, A, request={"a": 1, "b": "ệ"})
    two = capture(archive, A, request={"b": "ệ", "a": 1})
    assert one.capture_id == two.capture_id
    assert canonical_json({"b": 1, "a": "ệ"}) == '{"a":"ệ","b":1}'


def test_every_file_is_read_only(archive: Archive) -> None:
    archive.record(capture(archive, A))
    modes = {path.stat().st_mode & 0o777 for path in files(archive.folder)}
    assert len(files(archive.folder)) == 2
    assert modes == {0o440}


def test_a_changed_object_is_detected_and_named(archive: Archive) -> None:
    digest = archive.put(A)
    path = archive.object_path(digest)
    path.chmod(0o640)
    path.write_bytes(A + b" ")
    with pytest.raises(Terminal, match="no longer has the hash") as caught:
        archive.get(digest)
    assert str(path) in caught.value.message
    assert "backup" in caught.value.remedy


def test_a_missing_object_says_where_it_belongs(archive: Archive) -> None:
    digest = hashlib.sha256(A).hexdigest()
    with pytest.raises(Terminal, match=f"no object {digest}") as caught:
        archive.get(digest)
    assert str(archive.object_path(digest)) in caught.value.remedy


def test_a_manifest_reads_back_as_it_was_written(archive: Archive) -> None:
    written = archive.record(
        capture(archive, A, complete=False, expected_units=163, seen_units=16, note="thiếu 147 đơn vị")
    )
    read = Archive(archive.folder).load("national_portal", "H44", "2026-08", written.capture_id)
    assert read == written
    assert read.capture_id == written.capture_id
    assert read.captured_at.microsecond == 123456
    assert Archive(archive.folder).captures("national_portal", "H44", "2026-08") == [written]


def test_a_missing_manifest_is_named(archive: Archive) -> None:
    never_recorded = capture(archive, A)
    with pytest.raises(Terminal, match="no manifest") as caught:
        archive.load("national_portal", "H44", "2026-08", never_recorded.capture_id)
    assert str(never_recorded.capture_id) in caught.value.message


@pytest.mark.parametrize("content", ["", "null", "[]", "{}", '{"capture_id": 1}', "{", "\ud800"])
def test_a_manifest_that_cannot_be_read_is_named(archive: Archive, content: str) -> None:
    written = archive.record(capture(archive, A))
    path = archive.folder / "captures" / "national_portal" / "H44" / "2026-08" / f"{written.capture_id}.json"
    path.chmod(0o640)
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(Terminal, match=str(written.capture_id)):
        archive.captures("national_portal", "H44", "2026-08")


@pytest.mark.parametrize("dies_in", ["fsync", "replace"])
@pytest.mark.parametrize("what", ["object", "manifest"])
def test_a_crash_leaves_a_whole_file_or_none(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, dies_in: str, what: str
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise OSError("the power is gone")

    known = capture(archive, A)
    before = files(archive.folder)
    with monkeypatch.context() as broken:
        if dies_in == "fsync":
            broken.setattr(os, "fsync", die)
        else:
            broken.setattr(Path, "replace", die)
        with pytest.raises(OSError, match="the power is gone"):
            archive.put(B) if what == "object" else archive.record(known)
    assert files(archive.folder) == before
    assert archive.captures("national_portal", "H44", "2026-08") == []
    assert archive.recorded == []
    # and the next attempt succeeds
    assert archive.get(archive.put(B)) == B
    assert archive.record(known) == known


def test_what_was_recorded_is_listed_for_the_logbook(archive: Archive) -> None:
    first = archive.record(capture(archive, A))
    archive.record(capture(archive, A, hours=1))
    last = archive.record(capture(archive, B, hours=2))
    assert archive.recorded == [first, first, last]


def test_the_manifest_holds_the_request_and_the_capture_id_in_plain_json(archive: Archive) -> None:
    written = archive.record(capture(archive, A))
    (path,) = (archive.folder / "captures").rglob("*.json")
    body = json.loads(path.read_text(encoding="utf-8"))
    assert body["request"] == {"timeType": "month", "year": 2026, "month": 8}
    assert body["capture_id"] == path.stem == str(written.capture_id)
    assert body["captured_at"] == "2026-09-26T18:14:41.123456+07:00"
