"""A vendor's JSON as a form: where its records, days and titles stand is data (``json_shape`` of the layout)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from etl.inbox.inspected import Inspected
from etl.periods import VIETNAM, Window
from etl.sources.digitization_form.grid import MOST_ROWS, MOST_TEXT_BYTES
from etl.sources.digitization_form.layouts import Column, JsonShape, Template
from etl.sources.digitization_form.refusals import cut, refused
from etl.sources.digitization_form.titles import stated_window
from etl.sources.digitization_form.words import plain

_REMEDY = "export it again from the one-stop system"
_REMEDY_VI = (
    "Đề nghị xuất lại từ hệ thống một cửa rồi gửi lại; nếu hệ thống đã đổi định dạng, báo người vận hành."
)


@dataclass(frozen=True)
class JsonForm:
    """A JSON document that is a form. ``keys``: which key of a record holds which column."""

    template: Template
    document: Any
    where: str
    records: Sequence[Any]
    keys: dict[str, Column]
    notes_vi: tuple[str, ...]

    def locator(self, index: int) -> str:
        """``$.data[3]``."""
        return f"$.{self.where}[{index}]" if self.where else f"$[{index}]"

    @property
    def lines(self) -> tuple[str, ...]:
        """Free text of the document that may name days, province, or mark sample figures."""
        return tuple(
            plain(value)
            for path in _shape(self.template).title
            if isinstance(value := dotted(self.document, path), str) and plain(value)
        )


def find_records(path: Path, inspected: Inspected, templates: Sequence[Template]) -> JsonForm | None:
    """The layout of a JSON file, or None. Raises FileRefused where a key the layout needs is missing."""
    if inspected.size_bytes > MOST_TEXT_BYTES:
        return None
    try:
        document = json.loads(
            path.read_bytes().decode(inspected.encoding or "utf-8-sig").removeprefix("\ufeff")
        )
    except ValueError as error:
        raise refused(
            "layout.unreadable",
            f"the JSON cannot be read: {type(error).__name__}",
            "Không đọc được tệp JSON này: nội dung không đúng cú pháp.",
            _REMEDY,
            _REMEDY_VI,
        ) from error
    for template in templates:
        found = _fits(document, template)
        if found is not None:
            return found
    return None


def dotted(value: Any, path: str) -> Any:
    """What stands at ``agency.name`` of an object; None where nothing does. ``""`` is the object itself."""
    for part in path.split(".") if path else ():
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def has(value: Any, path: str) -> bool:
    """Whether a record has a key at all (a null counts)."""
    *lead, last = path.split(".")
    holder = dotted(value, ".".join(lead))
    return isinstance(holder, Mapping) and last in holder


def stated_days(form: JsonForm, calendar: str) -> tuple[Window, str | None] | None:
    """The window a document states by its day keys (its own, or the same in every record), or in a title.

    Raises FileRefused for days that cannot be read, differ, or are no period.
    """
    shape = _shape(form.template)
    first, last = (_day(form, paths, shape) for paths in (shape.first_day, shape.last_day))
    lines = form.lines
    if first and last:
        lines = (*lines, f"từ ngày {first:%d/%m/%Y} đến ngày {last:%d/%m/%Y}")
    return stated_window(lines, form.template.windows, calendar)


def _shape(template: Template) -> JsonShape:
    if template.json_shape is None:  # the model holds that a JSON layout has one
        raise TypeError(f"{template.layout} is no JSON layout")
    return template.json_shape


def _fits(document: Any, template: Template) -> JsonForm | None:
    for where in _shape(template).records:
        records = dotted(document, where)
        if not isinstance(records, list) or not any(isinstance(item, Mapping) for item in records):
            continue
        if len(records) > MOST_ROWS:
            return None
        objects = [item for item in records if isinstance(item, Mapping)]
        keys: dict[str, Column] = {}
        for column in template.columns:
            for (path,) in (item[:1] for item in column.headers):
                if any(has(item, path) for item in objects):
                    keys[path] = column
                    break
        measures = [column for column in template.columns if column.measure]
        if 2 * sum(column.measure is not None for column in keys.values()) < len(measures):
            return None
        used = {path.split(".")[0] for path in keys}
        spare = sorted({str(key) for item in objects for key in item} - used)
        _refuse_missing(template, keys, spare, where)
        notes = tuple(
            f"Trường “{cut(name)}” không có trong mẫu {template.layout}: không được đọc."
            for name in spare
            if name not in {path.split(".")[0] for path in _known(template)}
        )
        return JsonForm(template, document, where, records, keys, notes)
    return None


def _known(template: Template) -> set[str]:
    shape = _shape(template)
    return {path[0] for column in template.columns for path in column.headers} | {
        *shape.first_day,
        *shape.last_day,
        *shape.title,
    }


def _refuse_missing(template: Template, keys: Mapping[str, Column], spare: Sequence[str], where: str) -> None:
    missing = [column for column in template.columns if column.required and column not in keys.values()]
    if not missing:
        return
    name = missing[0].header[0]
    close = get_close_matches(name.casefold(), [item.casefold() for item in spare], n=1, cutoff=0.6)
    if close:
        found = next(item for item in spare if item.casefold() == close[0])
        raise refused(
            "layout.unknown_header",
            f"no layout knows the field '{cut(found)}'; the closest is '{name}' of {template.layout}",
            f"Trường “{cut(found)}” không có trong mẫu {template.layout}; gần nhất là “{name}”.",
            "if both mean the same, add its name to a layout of your own (<home>/forms/*.yml) as a header of the column",
            _REMEDY_VI,
            f"$.{where}" if where else "$",
        )
    told = ", ".join(column.header[0] for column in missing)
    others = sorted(set(spare) - {path.split(".")[0] for path in _known(template)})
    unknown = f" Trường chưa rõ: {cut(', '.join(others))}." if others else ""
    raise refused(
        "layout.missing_column",
        f"the records lack {told} of {template.layout}; fields not known: {cut(', '.join(others)) or 'none'}",
        f"Các bản ghi thiếu trường {told} của mẫu {template.layout}.{unknown}",
        _REMEDY,
        _REMEDY_VI,
        f"$.{where}" if where else "$",
    )


def _day(form: JsonForm, paths: Sequence[str], shape: JsonShape) -> date | None:
    for path in paths:
        holders = [form.document, *(item for item in form.records if isinstance(item, Mapping))]
        texts = {str(value) for item in holders if (value := dotted(item, path)) not in (None, "")}
        if len(texts) > 1:
            raise refused(
                "period.ambiguous",
                f"the records say different days under '{path}'",
                f"Trường “{path}” ghi nhiều ngày khác nhau trong cùng một tệp.",
                _REMEDY,
                _REMEDY_VI,
            )
        if texts:
            return _parsed(texts.pop(), path, shape)
    return None


def _parsed(text: str, path: str, shape: JsonShape) -> date:
    for written in shape.day_formats:
        try:
            return datetime.strptime(text, written).replace(tzinfo=VIETNAM).date()
        except ValueError:
            continue
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise refused(
            "period.unknown",
            f"'{cut(text)}' under '{path}' is no day in a form that {form_words(shape)}",
            f"Trường “{path}” ghi “{cut(text)}”, không đọc được là ngày.",
            _REMEDY,
            _REMEDY_VI,
        ) from error
    return (instant.astimezone(VIETNAM) if instant.tzinfo else instant).date()


def form_words(shape: JsonShape) -> str:
    """The forms of days a layout knows, for a message."""
    return f"the layout knows ({', '.join(shape.day_formats)})"
