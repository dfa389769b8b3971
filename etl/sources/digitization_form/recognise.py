"""Which layout a file is, by header text and content: never by its name, never by a column's number alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from difflib import SequenceMatcher
from pathlib import Path

from etl.inbox.inspected import Inspected
from etl.sources.digitization_form.grid import Grid, cell_name, column_letters, read_grids
from etl.sources.digitization_form.headers import Header, HeaderCell, find_header
from etl.sources.digitization_form.igate import JsonForm, find_records
from etl.sources.digitization_form.layouts import Column, ForeignForm, Template, load_foreign_forms
from etl.sources.digitization_form.refusals import cut, refused
from etl.sources.digitization_form.telling import told_header
from etl.sources.digitization_form.titles import title_lines
from etl.sources.digitization_form.words import lower

# From this likeness on, an unknown header is told as a known one with other words.
_ALIKE = 0.6


@dataclass(frozen=True)
class SheetForm:
    """A sheet (or CSV) that is a form: which of its columns is which. ``unread`` have no place in the layout."""

    grid: Grid
    header: Header
    columns: dict[int, Column]
    unread: tuple[HeaderCell, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Recognised:
    """A form: its layout, and its sheets (one, or the parts of one form) or its JSON records."""

    template: Template
    parts: tuple[SheetForm, ...] = ()
    json: JsonForm | None = None
    notes_vi: tuple[str, ...] = ()


def recognise_form(
    path: Path, inspected: Inspected, templates: Sequence[Template], on: date | None = None
) -> Recognised | None:
    """The layout of a file that the guard let through; None when it is no form at all.

    ``on``: the last day of its figures, where it is known: only layouts in force then are looked at.
    Raises FileRefused: another office's national form (``layout.foreign_form``); a header that no layout
    knows in the place of one that is needed (``layout.unknown_header``); a column missing or standing
    twice (``layout.missing_column``, ``layout.repeated_header``); printed numbers that say other than the
    header text (``layout.columns_disagree``); sheets of different layouts (``layout.two_forms``).
    """
    standing = [item for item in templates if on is None or item.in_force(on)]
    if inspected.kind == "json":
        found = find_records(path, inspected, [item for item in standing if item.format == "json"])
        return None if found is None else Recognised(found.template, json=found, notes_vi=found.notes_vi)
    sheets = [item for item in standing if item.format == "sheet"]
    grids = read_grids(path, inspected)
    best = [(grid, _best(grid, sheets)) for grid in grids]
    for grid, hit in best:
        if grid.visible or len(grids) == 1:
            _refuse_foreign(grid, hit, templates)
    hits = [hit for _, hit in best if hit is not None]
    if not hits:
        return None
    shown = [hit for hit in hits if hit.form.grid.visible] or hits
    layouts = Counter(hit.template.layout for hit in shown)
    if len(layouts) > 1:
        raise refused(
            "layout.two_forms",
            f"the sheets are of different layouts: {', '.join(layouts)}",
            f"Các trang tính theo nhiều mẫu khác nhau: {', '.join(sorted(layouts))}.",
            "hand in one form a file",
            "Đề nghị gửi mỗi biểu trong một tệp riêng.",
        )
    notes: list[str] = []
    for hit in shown:
        notes += _checked(hit)
    taken = {id(hit.form.grid) for hit in shown}
    for grid, hit in best:
        if id(grid) not in taken and grid.height:
            why = "là trang tính ẩn" if hit else "không có dòng tiêu đề của biểu số hóa"
            notes.append(f"Trang tính “{grid.name}” không được đọc: {why}.")
    return Recognised(shown[0].template, tuple(hit.form for hit in shown), notes_vi=tuple(notes))


@dataclass(frozen=True)
class _Hit:
    template: Template
    form: SheetForm
    repeated: tuple[tuple[HeaderCell, HeaderCell, Column], ...]

    @property
    def missing(self) -> list[Column]:
        return [item for item in self.template.columns if item not in self.form.columns.values()]

    @property
    def rank(self) -> tuple[int, int, date, int]:
        """Most columns found, then fewest left over, then the newest layout."""
        found = len(self.template.columns) - len(self.missing)
        return found, -len(self.missing), self.template.valid_from, self.template.edition


def _best(grid: Grid, templates: Sequence[Template]) -> _Hit | None:
    hits = [hit for item in templates if (hit := _hit(grid, item)) is not None]
    return max(hits, key=lambda hit: hit.rank, default=None)


def _hit(grid: Grid, template: Template) -> _Hit | None:
    """How a grid fits a layout; None when fewer than half of its measures have their header."""
    header = find_header(grid, template.by_key, template.fold)
    if header is None:
        return None
    columns: dict[int, Column] = {}
    first: dict[int, HeaderCell] = {}
    unread, repeated = [], []
    for cell in header.cells:
        column = next((template.by_key[key] for key in cell.keys if key in template.by_key), None)
        if column is None:
            unread.append(cell)
        elif id(column) in first and column.role != "ignored":
            repeated.append((first[id(column)], cell, column))
        else:
            columns[cell.column] = column
            first[id(column)] = cell
    measures = sum(item.measure is not None for item in template.columns)
    if 2 * sum(item.measure is not None for item in columns.values()) < measures:
        return None
    form = SheetForm(grid, header, columns, tuple(unread), title_lines(grid, header.first))
    return _Hit(template, form, tuple(repeated))


def _refuse_foreign(grid: Grid, hit: _Hit | None, templates: Sequence[Template]) -> None:
    """Raise where a sheet is a national form of another kind, or has that form's words in our header."""
    fold = next((item.fold for item in templates if item.format == "sheet"), None)
    if fold is None or not grid.height:
        return
    for foreign in load_foreign_forms():
        keys = {
            " ".join(fold(part) for part in path): column
            for column in foreign.columns
            for path in column.headers
        }
        header = find_header(grid, keys, fold)
        if header is not None:
            matched = {
                keys[key].column_no: keys[key] for cell in header.cells for key in cell.keys if key in keys
            }
            named = any(
                re.search(sign, lower(line))
                for sign in foreign.signs
                for line in title_lines(grid, header.first)
            )
            decisive = [
                cell for cell in header.cells if any(k in keys and keys[k].decisive for k in cell.keys)
            ]
            enough = named or 2 * len(matched) >= len(foreign.columns)
            if decisive and enough and (hit is None or len(matched) > len(hit.form.columns)):
                raise _foreign(foreign, grid, decisive[0])
        if hit is None or not any(item.required for item in hit.missing):
            continue
        for cell in hit.form.unread:
            if any(keys[key].decisive for key in cell.keys if key in keys):
                raise _foreign(foreign, grid, cell)


def _foreign(foreign: ForeignForm, grid: Grid, cell: HeaderCell) -> Exception:
    return refused(
        "layout.foreign_form",
        f"this is form {foreign.form}, not the digitization form (header '{cut(cell.text)}')",
        f"Đây là biểu {foreign.form} ({foreign.title_vi}): {foreign.reason_vi}. Ô "
        f"{grid.told(cell.row, cell.column)} ghi “{cut(cell.text)}”.",
        "hand in the digitization form (columns (9), (10): results not digitized, digitized)",
        "Đề nghị gửi biểu số hóa hồ sơ, kết quả giải quyết TTHC; biểu này không dùng cho số liệu số hóa.",
        grid.place(cell.row, cell.column),
    )


def _checked(hit: _Hit) -> list[str]:
    """Refuse a header that drifted from its layout; the notes on drift that does no harm."""
    form, template = hit.form, hit.template
    for one, other, column in hit.repeated:
        places = " và ".join(form.grid.told(cell.row, cell.column) for cell in (one, other))
        raise refused(
            "layout.repeated_header",
            f"two columns have the header '{column.header_text}' (columns {column_letters(one.column)}, "
            f"{column_letters(other.column)})",
            f"Hai cột cùng có tiêu đề “{column.header_text}”: ô {places}.",
            "leave one of them",
            locator=form.grid.place(other.row, other.column),
        )
    _refuse_missing(hit)
    _refuse_numbers(hit)
    notes = []
    numbered = [(item.column_no, place) for place, item in sorted(form.columns.items()) if item.column_no]
    if [number for number, _ in numbered] != sorted(number for number, _ in numbered):
        moved = _moved([number for number, _ in numbered])
        told = "; ".join(
            f"cột {column_letters(place)} “{form.columns[place].header_text}”"
            for number, place in numbered
            if number in moved
        )
        notes.append(f"Thứ tự cột khác mẫu ({told}): số liệu được đọc theo tiêu đề cột.")
    for cell in form.unread:
        told = told_header(cell.text, cell_name(cell.row, cell.column))
        notes.append(
            f"Cột {column_letters(cell.column)} {told} không có trong mẫu {template.layout}: không được đọc."
        )
    for column in hit.missing:
        if column.measure:
            notes.append(f"Biểu không có cột “{column.header_text}”: để trống, không tính là 0.")
    hidden = [
        f"{column_letters(place)} “{item.header_text}”"
        for place, item in sorted(form.columns.items())
        if place in form.grid.hidden_columns
    ]
    if hidden:
        notes.append(f"Cột bị ẩn vẫn được đọc: {'; '.join(hidden)}.")
    return notes


def _moved(numbers: Sequence[int]) -> set[int]:
    """The numbers that must be taken out for the rest to rise: what moved, as few as can be."""
    rising: list[list[int]] = []
    for number in numbers:
        best: list[int] = []
        for run in rising:
            if run[-1] < number and len(run) > len(best):
                best = run
        rising.append([*best, number])
    rising.sort(key=len)
    return set(numbers) - set(rising[-1] if rising else ())


def _refuse_missing(hit: _Hit) -> None:
    """A needed column that is not there: renamed (an unknown header stands for it), or left out."""
    form, template, grid = hit.form, hit.template, hit.form.grid
    needed = [item for item in hit.missing if item.required]
    pairs = [
        (stands, likeness, item, cell)
        for item in hit.missing
        if item.required or item.measure
        for cell in form.unread
        for stands, likeness in [(_stands_for(hit, item, cell), _likeness(template, item, cell))]
        if stands or likeness >= _ALIKE
    ]
    if pairs:
        _, _, item, cell = max(pairs, key=lambda pair: pair[:2])
        told = told_header(cell.text, cell_name(cell.row, cell.column))
        raise refused(
            "layout.unknown_header",
            f"cell {cell_name(cell.row, cell.column)}: no layout knows the header {told}; the closest "
            f"is '{item.label}' of {template.layout}",
            f"Ô {grid.told(cell.row, cell.column)}: tiêu đề cột {told} không có trong mẫu "
            f"{template.layout}; gần nhất là “{item.label}”.",
            f"if both mean the same, add the text to a layout of your own: in <home>/forms/<name>.yml write "
            f"`extends: {template.layout}`, a new edition, and under more_headers the text for column "
            f"{item.column_no if item.column_no is not None else item.header_text}",
            f"Đề nghị ghi lại tiêu đề đúng mẫu (“{item.header_text}”) rồi gửi lại. Nếu mẫu của tỉnh đã đổi, báo "
            f"người vận hành thêm cách ghi mới cho cột này (tệp forms/*.yml, mục more_headers).",
            grid.place(cell.row, cell.column),
        )
    if needed:
        lacking = ", ".join(f"“{item.label}”" for item in needed)
        raise refused(
            "layout.missing_column",
            f"the form lacks {', '.join(item.label for item in needed)} of {template.layout}",
            f"Biểu thiếu cột {lacking} của mẫu {template.layout}.",
            "hand in the form with all its columns",
            "Đề nghị bổ sung đủ các cột theo mẫu rồi gửi lại.",
            grid.place(form.header.last),
        )


def _likeness(template: Template, item: Column, cell: HeaderCell) -> float:
    """How much an unknown header is like a column's known ones (1: the same)."""
    return max(
        SequenceMatcher(None, key, template.key(path)).ratio() for key in cell.keys for path in item.headers
    )


def _stands_for(hit: _Hit, item: Column, cell: HeaderCell) -> bool:
    """Whether an unknown header stands where a missing column should: its number, or its neighbours."""
    if cell.number is not None:
        return cell.number == item.column_no
    if not item.required:
        return False
    order = [column.label for column in hit.template.columns]
    at = order.index(item.label)
    before = {order[at - 1]} if at else set()
    after = {order[at + 1]} if at + 1 < len(order) else set()
    beside = {
        hit.form.columns[place].label
        for place in (cell.column - 1, cell.column + 1)
        if place in hit.form.columns
    }
    return bool(beside & (before | after))


def _refuse_numbers(hit: _Hit) -> None:
    """Printed numbers must say what the header text says: one of the two is wrong, and we cannot know which."""
    form, template = hit.form, hit.template
    wrong = []
    for cell in form.header.cells:
        column = form.columns.get(cell.column)
        if column is None or cell.number is None or column.column_no in (None, cell.number):
            continue
        meant = template.numbered(cell.number)
        theirs = f"“{meant.header_text}”" if meant else "không có trong mẫu"
        wrong.append(
            (
                cell,
                f"cột {column_letters(cell.column)} có tiêu đề của cột ({column.column_no}) “{column.header_text}” "
                f"nhưng mang số ({cell.number}), theo mẫu là {theirs}",
                f"column {column_letters(cell.column)} has the header of ({column.column_no}) "
                f"'{column.header_text}' and the number ({cell.number})"
                + (f" of '{meant.header_text}'" if meant else ""),
            )
        )
    if wrong:
        raise refused(
            "layout.columns_disagree",
            f"numbers and headers disagree: {'; '.join(english for _, _, english in wrong)}",
            f"Số cột và tiêu đề cột không khớp nhau theo mẫu {template.layout}: "
            f"{'; '.join(told for _, told, _ in wrong)}.",
            "give every column the number its header has in the layout, or the header its number has",
            "Đề nghị kiểm tra lại tiêu đề và số thứ tự cột (nhất là cột (9), (10)) theo đúng mẫu rồi gửi lại.",
            form.grid.place(wrong[0][0].row, wrong[0][0].column),
        )
