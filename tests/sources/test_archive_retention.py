"""Files in the archive: kept in pieces, deleted when their time is over, and only those."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.archive import Archive, Capture
from etl.errors import Terminal

OLD = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = datetime(2026, 6, 1, tzinfo=UTC)


def keep(archive: Archive, folder: Path, content: bytes, at: datetime, *, source: str = "dossier_list", period: str = "2026-01") -> Capture:  # fmt: skip
    path = folder / "in.csv"
    path.write_bytes(content)
    digest = archive.put_file(path)
    return archive.record(
        Capture(
            source=source,
            scope="H44",
            period_id=period,
            group_code="FILE",
            endpoint="inbox",
            page=1,
            request={"first": "2025-12-15"},
            http_status=None,
            captured_at=at,
            sha256=digest,
            size_bytes=len(content),
        )
    )


def test_a_file_is_kept_under_its_hash_whatever_its_size(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    path = tmp_path / "list.csv"
    content = b"0123456789abcdef" * 700_000  # 11 MB: several pieces
    path.write_bytes(content)
    digest = archive.put_file(path)
    assert digest == hashlib.sha256(content).hexdigest()
    assert archive.get(digest) == content
    assert archive.put_file(path) == digest
    assert archive.object_path(digest).stat().st_mode & 0o777 == 0o440


def test_only_lists_whose_time_is_over_are_deleted(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    old = keep(archive, tmp_path, b"old", OLD)
    young = keep(archive, tmp_path, b"young", BEFORE + timedelta(days=1))
    form = keep(archive, tmp_path, b"form", OLD, source="digitization_form")
    assert archive.expire("dossier_list", BEFORE) == [old.sha256]
    assert archive.get(young.sha256) == b"young"
    assert archive.get(form.sha256) == b"form"
    with pytest.raises(Terminal, match="held personal data and was deleted"):
        archive.get(old.sha256)
    assert archive.load("dossier_list", "H44", "2026-01", old.capture_id) == old  # the manifest stays
    assert archive.expire("dossier_list", BEFORE) == []


def test_bytes_that_came_again_since_stay(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    keep(archive, tmp_path, b"same", OLD)
    again = keep(archive, tmp_path, b"same", BEFORE + timedelta(days=1), period="2026-06")
    assert archive.expire("dossier_list", BEFORE) == []
    assert archive.get(again.sha256) == b"same"


def test_a_deleted_file_that_is_handed_in_again_is_there_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    old = keep(archive, tmp_path, b"old", OLD)
    archive.expire("dossier_list", BEFORE)
    keep(archive, tmp_path, b"old", BEFORE + timedelta(days=9), period="2026-06")
    assert archive.get(old.sha256) == b"old"


def test_the_archive_is_made_for_its_owner_only(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "home" / "archive")
    keep(archive, tmp_path, b"list", OLD)
    assert archive.folder.stat().st_mode & 0o777 == 0o700


def test_an_archive_that_others_could_read_is_closed(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.folder.mkdir(mode=0o755)
    keep(archive, tmp_path, b"list", OLD)
    assert archive.folder.stat().st_mode & 0o777 == 0o700
