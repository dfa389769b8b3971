"""What is done with a handed-in file in a process of its own: recognise it, read it, leave the reading behind.

Recognised by header and content alone. Everything that parses a stranger's bytes happens
here, under the limits of ``etl.inbox.apart``; the parent sees our own Parquet and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

from etl.errors import FileRefused
from etl.inbox.apart import run_apart
from etl.inbox.guard import Limits
from etl.inbox.inspected import Inspected
from etl.periods import Period, Window
from etl.reference.provinces import Province, find_province
from etl.sources.digitization import DigitizationReading

# Filled in once the capture has an id: the days a file is about are part of it, and are known after reading.
PENDING_CAPTURE = ""


def read_handed_in(
    path: Path,
    inspected: Inspected,
    limits: Limits,
    *,
    province: Province,
    provinces_dir: Path,
    forms_dir: Path,
    known_units: Mapping[str, tuple[str, str]],
    received_at: datetime,
    calendar: str,
    window: Window | None,
    out: Path,
) -> DigitizationReading:
    """Recognise and read a guarded file in a limited process; the reading is also saved in ``out``.

    ``known_units``: unit code -> (name, block), for dossier lists. ``window``: the days a
    person stated, or None. Raises FileRefused (not recognised, refused by its reader, too
    much memory or time).
    """
    argument = {
        "path": str(path),
        "inspected": inspected.to_plain(),
        "province": province.slug,
        "provinces_dir": str(provinces_dir),
        "forms_dir": str(forms_dir),
        "known_units": {code: list(names) for code, names in known_units.items()},
        "received_at": received_at.isoformat(),
        "calendar": calendar,
        "window": window
        and [window.first.isoformat(), window.last.isoformat(), window.kind, window.period.id],
        "out": str(out),
    }
    out.mkdir(parents=True, exist_ok=True)
    run_apart("etl.inbox.reading:recognise_and_read", argument, limits)
    return DigitizationReading.load(out)


def recognise_and_read(argument: Mapping[str, Any]) -> dict[str, Any]:
    """The child's part of ``read_handed_in``. Raises FileRefused."""
    from etl.sources.digitization_form.layouts import load_templates
    from etl.sources.digitization_form.read import read_form
    from etl.sources.digitization_form.recognise import recognise_form
    from etl.sources.dossier_list.read import read_list
    from etl.sources.dossier_list.recognise import recognise_list

    path, out = Path(argument["path"]), Path(argument["out"])
    inspected = Inspected.from_plain(argument["inspected"])
    province = find_province(argument["province"], Path(argument["provinces_dir"]))
    window = _window(argument["window"])
    templates = load_templates(Path(argument["forms_dir"]))
    # The list first: its header is found in the first rows, whatever the size of the file.
    if recognise_list(path, inspected) is not None:
        reading = read_list(
            path,
            inspected,
            province=province,
            known_units={code: (name, block) for code, (name, block) in argument["known_units"].items()},
            capture_id=PENDING_CAPTURE,
            capture_sha256=inspected.sha256,
            received_at=datetime.fromisoformat(argument["received_at"]),
            window=window,
            calendar=argument["calendar"],
            out=out,
            provinces_dir=Path(argument["provinces_dir"]),
        )
    elif recognise_form(path, inspected, templates) is not None:
        reading = read_form(
            path,
            inspected,
            province=province,
            capture_id=PENDING_CAPTURE,
            capture_sha256=inspected.sha256,
            templates=templates,
            calendar=argument["calendar"],
            window=window,
            provinces_dir=Path(argument["provinces_dir"]),
        )
    else:
        raise FileRefused(
            "neither a digitization form nor a dossier list",
            "compare its header with the layouts in etl/sources/digitization_form/templates, or add one",
            rule="layout.not_recognised",
            message_vi="Không nhận ra tệp này là biểu số hóa hay danh sách hồ sơ: dòng tiêu đề không khớp mẫu nào.",
            remedy_vi="Dùng đúng mẫu biểu đang áp dụng, giữ nguyên dòng tiêu đề cột, rồi gửi lại.",
        )
    reading.save(out)
    return {"source": reading.source}


def _window(stated: list[str] | None) -> Window | None:
    if stated is None:
        return None
    first, last, kind, period = stated
    return Window(date.fromisoformat(first), date.fromisoformat(last), kind, Period.parse(period))
