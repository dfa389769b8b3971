"""Sweeping never reaches a file that is still to be answered."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from etl.housekeeping import sweep_work
from etl.inbox.claim import take
from etl.settings import Settings

AT = datetime(2026, 9, 15, 8, 0, tzinfo=UTC)


def test_a_stray_file_beside_it_does_not_take_an_unanswered_file_along(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    dropped = tmp_path / "a.csv"
    dropped.write_bytes(b"x")
    held = take(settings.work_dir, dropped, province="phu_tho", received_at=AT, from_inbox=True)
    for stray in (settings.work_dir / ".DS_Store", settings.work_dir / "inbox" / "Thumbs.db"):
        stray.write_bytes(b"x")
    old = settings.work_dir / "reading" / "run"
    old.mkdir(parents=True)
    (old / "bundle.json").write_text("{}", encoding="utf-8")
    long_ago = AT.timestamp() - 86_400 * 30
    for path in (*settings.work_dir.rglob("*"), settings.work_dir):
        os.utime(path, (long_ago, long_ago))
    assert sweep_work(settings, lambda: AT) == 1
    assert not old.exists()
    assert (held / "content.csv").read_bytes() == b"x"
