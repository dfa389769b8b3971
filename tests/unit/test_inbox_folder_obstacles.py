"""What lies in the inbox and must not keep other files waiting, or lead the program elsewhere."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from etl.inbox.folder import ACCEPTED, RECEIPT_SUFFIXES, Inbox

PROVINCES = frozenset({"phu_tho", "ha_noi"})


def drop(path: Path, changed: float | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    changed = time.time() - 60 if changed is None else changed
    os.utime(path, (changed, changed))
    return path


def waiting(folder: Path, settle_seconds: float = 0.0) -> list[tuple[str, str | None]]:
    found = Inbox(folder, PROVINCES).waiting(time.time(), settle_seconds)
    return [(item.path.name, item.province) for item in found]


def test_a_file_called_as_a_province_is_a_file_and_stops_no_other(tmp_path: Path) -> None:
    drop(tmp_path / "a.csv")
    drop(tmp_path / "phu_tho")
    drop(tmp_path / "ha_noi" / "b.csv")
    assert waiting(tmp_path) == [("a.csv", None), ("phu_tho", None), ("b.csv", "ha_noi")]


def test_a_province_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    drop(tmp_path / "elsewhere" / "secret.csv")
    drop(tmp_path / "inbox" / "a.csv")
    (tmp_path / "inbox" / "phu_tho").symlink_to(tmp_path / "elsewhere")
    assert waiting(tmp_path / "inbox") == [("a.csv", None)]


def test_what_may_not_be_read_is_left_and_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(tmp_path / "a.csv")
    locked = {str(drop(tmp_path / "locked.csv")), str(drop(tmp_path / "phu_tho" / "b.csv").parent)}
    allowed = os.access
    # Not by chmod: the tests may run as root, who may read everything.
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in locked and allowed(path, mode))
    assert waiting(tmp_path) == [("a.csv", None)]


def test_a_time_in_the_future_does_not_keep_a_file_waiting(tmp_path: Path) -> None:
    drop(tmp_path / "a.csv", changed=time.time() + 86_400)
    assert waiting(tmp_path) == [("a.csv", None)]
    assert waiting(tmp_path, settle_seconds=3_600) == []  # it was changed just now


@pytest.mark.parametrize("name", ["\u1ebf" * 83 + ".csv", "\U00020000" * 62 + ".csv", "a" * 251 + ".csv"])
def test_an_answered_file_and_its_receipts_have_names_that_a_file_system_takes(
    tmp_path: Path, name: str
) -> None:
    assert len(os.fsencode(name)) <= 255
    place = Inbox(tmp_path).place(name, ACCEPTED, "abababab-cdef")
    assert place.name.endswith(".abababab-cdef.csv")
    for ending in ("", *RECEIPT_SUFFIXES):
        place.with_name(place.name + ending).write_bytes(b"x")
