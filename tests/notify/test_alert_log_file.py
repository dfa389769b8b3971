"""The log file: one JSON object a line for programs, paragraphs for people; nothing is lost to a torn line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from notify_cases import hostile, sample

from etl.errors import EnvironmentUnfit
from etl.notify.log_file import LogFileChannel


def test_messages_are_appended_for_programs_and_for_people(tmp_path: Path) -> None:
    channel = LogFileChannel(tmp_path / "logs")
    first, second = sample(), sample(hostile(), "2026-10-15 10:10")
    channel.tell(first)
    channel.tell(second)
    records = [
        json.loads(line) for line in (tmp_path / "logs" / "alerts.jsonl").read_text("utf-8").splitlines()
    ]
    assert records == [first.record(), second.record()]
    text = (tmp_path / "logs" / "alerts.log").read_text("utf-8")
    assert f"2026-10-17 07:10:00 URGENT {first.subject}\n" in text
    assert text.index(first.subject) < text.index(second.subject)


def test_a_torn_line_does_not_swallow_the_next_message(tmp_path: Path) -> None:
    (tmp_path / "alerts.jsonl").write_text('{"key": "cut o')
    LogFileChannel(tmp_path).tell(sample())
    torn, whole = (tmp_path / "alerts.jsonl").read_text("utf-8").splitlines()
    assert torn == '{"key": "cut o'
    assert json.loads(whole)["kind"] == "due_today"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("a file stands in the way")
    with pytest.raises(EnvironmentUnfit, match="cannot be written") as caught:
        LogFileChannel(tmp_path / "logs").tell(sample())
    assert "next run" in caught.value.remedy
