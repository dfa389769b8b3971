"""A digitization form to a reading: units, stated totals, refused cells, and the days it is about.

No network, no clock, no warehouse. Which units these are, and whether the figures hold, others judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from etl.inbox.inspected import Inspected
from etl.periods import Window
from etl.reference.provinces import Province
from etl.sources.digitization import FORM_SOURCE, MEASURES, STATED_TOTALS, UNIT_ROWS, DigitizationReading
from etl.sources.digitization_form.collect import Collected, Refusal, row_data
from etl.sources.digitization_form.figures import NotAFigure, is_blank, parse_count
from etl.sources.digitization_form.igate import JsonForm, dotted, has, stated_days
from etl.sources.digitization_form.labels import Labels
from etl.sources.digitization_form.layouts import Template
from etl.sources.digitization_form.recognise import Recognised, SheetForm, recognise_form
from etl.sources.digitization_form.refusals import cut, refused
from etl.sources.digitization_form.rows import SheetReader, blocks_named
from etl.sources.digitization_form.telling import told_code, told_figure, told_value
from etl.sources.digitization_form.titles import (
    agreed_window,
    is_sample,
    refuse_other_province,
    stated_window,
)
from etl.sources.tidy import REJECTED, table_of

# Raise it whenever the same bytes would give other rows: it is part of the snapshot's id.
READER = "digitization_form/3"


def read_form(
    path: Path,
    inspected: Inspected,
    *,
    province: Province,
    capture_id: str,
    capture_sha256: str,
    templates: Sequence[Template],
    calendar: str,
    window: Window | None = None,
    provinces_dir: Path | None = None,
) -> DigitizationReading:
    """Read a form that the guard let through.

    ``calendar`` (``administrative`` or ``calendar``) decides what "Tháng 9/2026" means where no days are
    written; ``window`` are the days a person stated, or None. ``provinces_dir``: settings of further provinces,
    whose names a title may hold.
    Raises FileRefused: not recognised or drifted (``layout.*``, see ``recognise_form``), of another province,
    days unknown, doubtful or other than stated (``period.*``), a section nobody knows.
    """
    found = _recognised(path, inspected, templates)
    stated = _stated(found, calendar)
    days = agreed_window(stated[0] if stated else None, window)
    if not found.template.in_force(days.last):
        found = _in_force(path, inspected, templates, days.last, found.template)
    collected = Collected(capture_id, capture_sha256, notes_vi=list(found.notes_vi))
    if stated and stated[1] and window is None:
        collected.notes_vi.append(stated[1])
    lines = found.json.lines if found.json else tuple(line for part in found.parts for line in part.lines)
    refuse_other_province(lines, province, provinces_dir)
    if found.json:
        _read_records(found.json, collected)
    else:
        _read_sheets(found, collected, inspected)
    collected.settle_rates(found.template)
    return DigitizationReading(
        source=FORM_SOURCE,
        layout=found.template.layout,
        first=days.first,
        last=days.last,
        units=table_of(collected.units, UNIT_ROWS),
        totals=table_of(collected.totals, STATED_TOTALS),
        rejected=table_of(collected.rejected, REJECTED),
        rows_read=collected.rows_read,
        rows_quarantined=collected.rows_quarantined,
        ignored=dict(sorted(collected.ignored.items())),
        notes_vi=tuple(collected.notes_vi),
        is_sample=is_sample(lines),
    )


def _recognised(
    path: Path, inspected: Inspected, templates: Sequence[Template], on: date | None = None
) -> Recognised:
    found = recognise_form(path, inspected, templates, on)
    if found is None:
        raise refused(
            "layout.not_recognised",
            "no layout's header was found in the file",
            "Không nhận ra tệp này là biểu số hóa: không có dòng tiêu đề cột của mẫu nào.",
            "compare its header with the layouts in etl/sources/digitization_form/templates, or add one",
            "Đề nghị dùng đúng mẫu biểu đang áp dụng, giữ nguyên dòng tiêu đề cột, rồi gửi lại.",
        )
    return found


def _in_force(
    path: Path, inspected: Inspected, templates: Sequence[Template], on: date, closest: Template
) -> Recognised:
    """The form by a layout that was in force on its last day; the closest one was not."""
    found = recognise_form(path, inspected, templates, on)
    if found is not None:
        return found
    raise refused(
        "layout.not_in_force",
        f"the form is by {closest.layout}, which is not in force on {on}",
        f"Biểu theo mẫu {closest.layout} ({closest.title_vi}), nhưng mẫu này không có hiệu lực vào ngày {on:%d/%m/%Y}.",
        "hand in the form by the layout in force, or mend the dates of the layout",
        "Đề nghị dùng mẫu đang có hiệu lực, hoặc báo người vận hành kiểm tra ngày hiệu lực của mẫu.",
    )


def _stated(found: Recognised, calendar: str) -> tuple[Window, str | None] | None:
    """The window the file states; sheets that state different ones are different forms."""
    if found.json:
        return stated_days(found.json, calendar)
    stated = [
        (part, window)
        for part in found.parts
        if (window := stated_window(part.lines, found.template.windows, calendar)) is not None
    ]
    days = {(window.first, window.last) for _, (window, _) in stated}
    if len(days) > 1:
        told = "; ".join(
            f"trang tính “{part.grid.name}”: {window.first:%d/%m/%Y} - {window.last:%d/%m/%Y}"
            for part, (window, _) in stated
        )
        raise refused(
            "layout.two_forms",
            "the sheets are forms of different periods",
            f"Các trang tính là biểu của nhiều kỳ khác nhau ({told}).",
            "hand in one form a file",
            "Đề nghị gửi mỗi kỳ trong một tệp riêng.",
        )
    return stated[0][1] if stated else None


def _read_sheets(found: Recognised, collected: Collected, inspected: Inspected) -> None:
    several = len(found.parts) > 1
    labels = Labels(found.template)
    places: dict[tuple[str | None, ...], SheetForm] = {}
    for part in found.parts:
        block = blocks_named([part.grid.name or "", *part.lines], labels)
        before = len(collected.units)
        SheetReader(part, found.template, collected, block, several).read()
        if several:
            _refuse_copies(collected.units[before:], part, places, found.template)
    names = {part.grid.name for part in found.parts}
    if inspected.recalculates and any(item.formulas for item in inspected.sheets if item.name in names):
        collected.notes_vi.append(
            "Sổ tính yêu cầu Excel tính lại công thức khi mở: giá trị đã lưu cạnh công thức có thể chưa đúng. "
            "Nên mở bằng Excel, lưu lại rồi gửi."
        )


def _refuse_copies(
    units: Sequence[Mapping[str, Any]],
    part: SheetForm,
    places: dict[tuple[str | None, ...], SheetForm],
    template: Template,
) -> None:
    """Sheets that hold the same unit are two copies of a form, not two parts of one."""
    for unit in units:
        key = (
            unit["block"],
            unit["attributes"].get("parent"),
            unit["unit_code"] or template.fold(unit["unit_name"]),
        )
        other = places.setdefault(key, part)
        if other is not part:
            raise refused(
                "layout.two_forms",
                f"sheets '{other.grid.name}' and '{part.grid.name}' hold the same unit",
                f"Trang tính “{other.grid.name}” và “{part.grid.name}” cùng có đơn vị “{cut(unit['unit_name'])}”: "
                "không rõ dùng số liệu ở trang nào.",
                "leave one of the two sheets",
                "Đề nghị chỉ để lại một trang tính cho mỗi khối đơn vị rồi gửi lại.",
                unit["locator"],
            )


def _read_records(form: JsonForm, collected: Collected) -> None:
    labels = Labels(form.template)
    for index, record in enumerate(form.records):
        _read_record(form, labels, collected, form.locator(index), record)


def _read_record(form: JsonForm, labels: Labels, collected: Collected, locator: str, record: Any) -> None:
    if not isinstance(record, Mapping):
        refusal = Refusal(
            locator,
            "unit_name",
            None,
            "not_a_record",
            f"Bản ghi {locator} không phải là một đơn vị (không có trường).",
        )
        collected.refuse([refusal], row_data(None, None, None, {}))
        return
    figures: dict[str, int | None] = dict.fromkeys(MEASURES)
    refusals: list[Refusal] = []
    words: dict[str, str | None] = {"unit": None, "unit_code": None}
    for key, column in form.keys.items():
        value = dotted(record, key)
        if column.role in words:
            told = told_code if column.role == "unit_code" else told_value
            words[column.role] = None if is_blank(value) else told(value)
        elif column.measure:
            name = column.measure
            if not has(record, key):
                why = f"Bản ghi {locator} thiếu trường {key}, các bản ghi khác có."
                refusals.append(Refusal(locator, name, None, "missing_value", why))
                continue
            count = parse_count(value, form.template.dash)
            if isinstance(count, NotAFigure):
                why = f"Bản ghi {locator}, trường {key}: “{told_figure(value)}” {count.why_vi}."
                refusals.append(Refusal(locator, name, value, count.rule, why))
            else:
                figures[name] = count
    unit, code = words["unit"], words["unit_code"]
    total = labels.total(unit, {}) if unit and not code else None
    if unit is None:
        refusals.append(
            Refusal(locator, "unit_name", None, "missing_value", f"Bản ghi {locator} không ghi tên đơn vị.")
        )
    elif not refusals and not total and all(value is None for value in figures.values()):
        why = f"Bản ghi {locator} (“{cut(unit)}”) không có số liệu nào. Nếu đơn vị không có hồ sơ, ghi số 0."
        refusals.append(Refusal(locator, "received", None, "missing_value", why))
    if refusals:
        collected.refuse(refusals, row_data(None, unit, code, figures))
    elif total:
        collected.ignore("total")
        collected.totals.append({"block": total[1], "label": cut(unit or ""), "locator": locator, **figures})
    else:
        collected.add(locator, None, unit or "", code, figures, {})
