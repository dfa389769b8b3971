"""Official changes of working days: a file that outranks the holidays package."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from pathlib import Path

import yaml

from etl.errors import Terminal

_FILE = Path(__file__).parent / "calendar_overrides.yml"


@cache
def load_calendar_overrides(path: Path = _FILE) -> dict[date, str]:
    """Dates whose nature was announced otherwise: ``{date: "working" | "off"}``.

    Raises Terminal naming the entry when a line is not a date with working or off.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        entries = document.get("overrides") or []
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError) as error:
        raise Terminal(
            f"the calendar file {path} cannot be read: {error}",
            "mend the file: one list 'overrides', with one {date, nature, announcement} a day",
        ) from error
    result: dict[date, str] = {}
    for entry in entries:
        day, nature = (entry.get("date"), entry.get("nature")) if isinstance(entry, dict) else (None, None)
        nature = "off" if nature is False else nature  # what YAML makes of a bare off
        # a date with a time of day is a datetime: it would never equal a day
        if not isinstance(day, date) or isinstance(day, datetime) or nature not in ("working", "off"):
            raise Terminal(
                f"{path}: the entry {entry!r} is not a calendar override",
                "write {date: 2026-02-21, nature: working, announcement: '…'}; nature is working or off",
            )
        result[day] = nature
    return result
