"""Entries for the child process that parses a stranger's file: JSON-able in, JSON-able out, work files between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from etl.inbox.inspected import Inspected
from etl.periods import Window, named_window
from etl.reference.provinces import find_province
from etl.sources.digitization_form.layouts import load_templates
from etl.sources.digitization_form.read import read_form
from etl.sources.digitization_form.recognise import recognise_form
from etl.sources.digitization_form.refusals import refused


def recognise_apart(argument: Mapping[str, Any]) -> dict[str, Any]:
    """Which form a file is. Argument: ``path``, ``inspected`` (``Inspected.to_plain``), ``forms_dir`` (or None).

    Returns ``recognised`` (bool) and, where true, ``layout``, ``title_vi``, ``sheets`` and ``notes_vi``.
    Raises FileRefused as ``recognise_form`` does.
    """
    found = recognise_form(
        Path(argument["path"]),
        Inspected.from_plain(argument["inspected"]),
        load_templates(_folder(argument.get("forms_dir"))),
    )
    if found is None:
        return {"recognised": False}
    return {
        "recognised": True,
        "layout": found.template.layout,
        "title_vi": found.template.title_vi,
        "sheets": [part.grid.name for part in found.parts],
        "notes_vi": list(found.notes_vi),
    }


def read_form_apart(argument: Mapping[str, Any]) -> dict[str, Any]:
    """Read a form and save the reading in ``out``; returns ``{"folder": …}``.

    Argument: ``path``, ``inspected``, ``province`` (slug or code), ``provinces_dir``, ``forms_dir`` (each or
    None), ``capture_id``, ``capture_sha256``, ``calendar``, ``window`` (first and last day as ISO text, or
    None), ``out``. Raises FileRefused as ``read_form`` does.
    """
    provinces_dir, out = _folder(argument.get("provinces_dir")), Path(argument["out"])
    reading = read_form(
        Path(argument["path"]),
        Inspected.from_plain(argument["inspected"]),
        province=find_province(argument["province"], provinces_dir),
        capture_id=argument["capture_id"],
        capture_sha256=argument["capture_sha256"],
        templates=load_templates(_folder(argument.get("forms_dir"))),
        calendar=argument["calendar"],
        window=_window(argument.get("window")),
        provinces_dir=provinces_dir,
    )
    reading.save(out)
    return {"folder": str(out)}


def _folder(text: str | None) -> Path | None:
    return Path(text) if text else None


def _window(days: list[str] | None) -> Window | None:
    if not days:
        return None
    first, last = (date.fromisoformat(text) for text in days)
    window = named_window(first, last)
    if window is None:
        raise refused(
            "period.not_standard",
            f"{first} to {last} are the days of no period",
            f"Từ {first:%d/%m/%Y} đến {last:%d/%m/%Y} không phải là một kỳ báo cáo.",
            "state a month, quarter, half or year of either calendar",
            "Đề nghị chỉ định một tháng, quý, 6 tháng hoặc năm.",
        )
    return window
