"""The rows below a form's header: units, sections, totals, notes, foot. Every one that is not blank is counted.

Nothing disappears: a row becomes a unit, is refused with its reason, or is ignored by kind (section,
total, numbering, title, footer, note). A figure below the table, where no unit stands, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from etl.sources.digitization import MEASURES
from etl.sources.digitization_form.collect import (
    MENDED_VI,
    Collected,
    Refusal,
    computed_rate,
    row_data,
)
from etl.sources.digitization_form.figures import (
    NotAFigure,
    looks_like_figure,
    parse_count,
    parse_percent,
)
from etl.sources.digitization_form.grid import ERROR, NO_VALUE, cell_name
from etl.sources.digitization_form.headers import is_numbering, number_token
from etl.sources.digitization_form.labels import Labels, is_serial
from etl.sources.digitization_form.layouts import Column, Template
from etl.sources.digitization_form.outline import Outline, Row
from etl.sources.digitization_form.recognise import SheetForm
from etl.sources.digitization_form.refusals import cut, refused
from etl.sources.digitization_form.telling import told_code, told_figure, told_value, told_verdict
from etl.sources.digitization_form.totals import StatedTotal, settle_totals
from etl.sources.digitization_form.words import plain

_MERGED = "merged_cells"
_WHY_VI = {
    NO_VALUE: "là công thức chưa được tính, tệp không chứa giá trị. Đề nghị mở tệp bằng Excel, lưu lại rồi gửi lại.",
    ERROR: f"là giá trị lỗi của bảng tính (ví dụ #REF!). {MENDED_VI}",
    _MERGED: "bị gộp qua nhiều dòng nên không rõ số liệu thuộc đơn vị nào. Đề nghị bỏ gộp ô, ghi số cho từng dòng.",
}


class SheetReader:
    """Reads one sheet of a form into ``collected``. ``block``: what units stand in before any section."""

    def __init__(
        self, form: SheetForm, template: Template, collected: Collected, block: str | None, is_part: bool
    ) -> None:
        self.form, self.grid, self.template = form, form.grid, template
        self.collected, self.block, self.is_part = collected, block, is_part
        self.labels = Labels(template)
        by_role = {column.role: place for place, column in form.columns.items() if column.role}
        self.stt, self.unit, self.code = (by_role.get(role) for role in ("stt", "unit", "unit_code"))
        self.verdict = by_role.get("verdict")
        self.measures = {
            place: column.measure for place, column in sorted(form.columns.items()) if column.measure
        }
        self.unreadable = dict(self.grid.unreadable)
        for first, left, last, right in self.grid.merged:
            if first >= form.header.body and last > first:
                for row in range(first, last + 1):
                    self.unreadable.update(
                        ((row, place), _MERGED) for place in range(left, right + 1) if place in self.measures
                    )
        self.numerals: dict[str, str | None] = {}
        self.totals: list[StatedTotal] = []
        self.blocks: list[str | None] = []
        # The unit above, as the last sub-heading names it; all of this sheet by folded name; the last of each section.
        self.parent: str | None = None
        self.parents: dict[str, str] = {}
        self.last_subheads: dict[str | None, str] = {}

    def read(self) -> None:
        """Raises FileRefused for a heading no layout knows (its units would land in another's block)."""
        self._refuse_unlisted()
        indexes = [
            row for row in range(self.form.header.last + 1, self.grid.height) if not self.grid.is_empty(row)
        ]
        rows = [self._row(index) for index in indexes]
        header = {
            self._header_row(index) for index in range(self.form.header.first, self.form.header.last + 1)
        }
        outline = Outline(rows, [self._header_row(row.index) in header for row in rows], self.labels)
        numbered = sum(is_serial(row.stt) for row in rows if row.has_figures) * 2 >= sum(
            row.has_figures for row in rows
        )
        in_foot = False
        for at, row in enumerate(rows):
            above = outline.above(at, self.block)
            kind = self._kind(
                row, header, above=above, after=outline.after_table(at), in_foot=in_foot, numbered=numbered
            )
            in_foot = kind == "footer" or (in_foot and kind != "title")
            match kind:
                case "unit":
                    if above:  # nobody stands below it: a row of its own, whoever's rows came before
                        self.parent = None
                    self._unit(row)
                case "subhead":
                    self._subhead(row)
                case "section":
                    self._section(row)
                case "total":
                    self._total(row)
                case "stray":
                    self._stray(row)
                case "heading":
                    raise self._unknown_section(row)
                case _:
                    self.collected.ignore(kind)
        told, notes = settle_totals(
            self.totals, self.blocks, self.grid.name if self.is_part else None, self.last_subheads
        )
        self.collected.totals += told
        self.collected.notes_vi += notes
        hidden = [str(index + 1) for index in indexes if index in self.grid.hidden_rows]
        if hidden:
            where = f" ở trang tính “{self.grid.name}”" if self.grid.name else ""
            self.collected.notes_vi.append(
                f"{len(hidden)} dòng bị ẩn{where} (dòng {', '.join(hidden)}) vẫn được đọc, tính như các dòng khác."
            )

    # ------------------------------------------------------------------ what a row is

    def _kind(
        self,
        row: Row,
        header: set[tuple[str, ...]],
        *,
        above: str | None,
        after: bool,
        in_foot: bool,
        numbered: bool,
    ) -> str:
        """``above``: what ``Outline.above`` says of it."""
        cells = list(self.grid.cells[row.index])
        named = row.name and number_token(row.name) is None and len(row.name) > 3
        if not named and is_numbering(cells):
            return "numbering"
        if len([text for text in row.texts if text]) > 1 and self._header_row(row.index) in header:
            return "title"
        if in_foot:
            return "stray" if row.has_figures else "footer"
        if not row.has_figures:
            return self._kind_of_words(row, above=above, after=after, numbered=numbered)
        if self.labels.is_note(row.label) and not is_serial(row.stt):
            return "stray"
        if self.labels.total(row.label, self.numerals) and not is_serial(row.stt):
            return "total"
        if above:
            return above
        if not is_serial(row.stt):
            if self.labels.section(row.label):
                return "section"
            if row.stt and row.name and self.labels.is_heading_mark(row.stt):
                return "heading"
        return "stray" if after and not row.label else "unit"

    def _kind_of_words(self, row: Row, *, above: str | None, after: bool, numbered: bool) -> str:
        """A row without any figure."""
        if self.labels.is_footer(row.texts):
            return "footer"
        if self.labels.section(row.label):
            return "section"
        if self.labels.total(row.label, self.numerals):
            return "total"
        if self.labels.is_note(row.label):
            return "note"
        if above and not after:
            return above
        if is_serial(row.stt):
            return "unit" if row.name or row.has_words else "note"
        if after:
            return "footer"
        if not row.label:
            return "unit" if row.has_words else "note"
        if not row.is_named:
            return "unit" if row.has_words else "heading"
        if row.stt and row.name and not self.labels.is_heading_mark(row.stt):
            return "unit"
        return "unit" if row.has_words and numbered and row.name and not row.stt else "heading"

    def _row(self, index: int) -> Row:
        def text(place: int | None) -> str:
            value = None if place is None else self.grid.at(index, place)
            return "" if value is None else told_value(value)

        stt, name = text(self.stt), text(self.unit)
        if self.unit is not None and (index, self.unit) in self.unreadable and not name:
            name = "?"
        # Beside the table, to its right, anything may stand: remarks, who is in charge. It says nothing of the row.
        elsewhere = [text(place) for place in range(max(self.form.columns)) if place not in self.form.columns]
        label = name or ("" if is_serial(stt) else stt) or next(filter(None, elsewhere), "")
        values = [self.grid.at(index, place) for place in self.measures]
        return Row(
            index=index,
            stt=stt,
            name=name,
            label=label,
            texts=tuple(text(place) for place in range(self.grid.width)),
            has_figures=any(looks_like_figure(value) for value in values)
            or any((index, place) in self.unreadable for place in self.measures),
            has_words=any(value is not None and not looks_like_figure(value) for value in values),
            all_zero=all(parse_count(value, self.template.dash) in (0, None) for value in values),
        )

    def _header_row(self, index: int) -> tuple[str, ...]:
        return tuple(
            self.template.fold("" if (value := self.grid.at(index, place)) is None else value)
            for place in range(self.grid.width)
        )

    # ------------------------------------------------------------------ what becomes of it

    def _unit(self, row: Row) -> None:
        figures, refusals = self._figures(row)
        code = None if (value := self._at(row, self.code)) is None else told_code(value)
        name: str | None = row.name or None
        if name is None:
            refusals.append(
                self._refusal(
                    row, self.unit, "unit_name", "missing_value", "không ghi tên đơn vị. " + MENDED_VI
                )
            )
        elif self.unit is not None and (row.index, self.unit) in self.unreadable:
            name = None
            reason = self.unreadable[row.index, self.unit]
            refusals.append(self._refusal(row, self.unit, "unit_name", reason, _WHY_VI[reason]))
        elif not refusals and all(value is None for value in figures.values()):
            first, measure = next(iter(self.measures.items()))
            refusals.append(
                self._refusal(
                    row,
                    first,
                    measure,
                    "missing_value",
                    f"để trống, và cả dòng “{cut(name)}” không có số liệu nào. Nếu đơn vị không có hồ sơ, ghi số 0.",
                )
            )
        if refusals:
            self.collected.refuse(refusals, row_data(self.block, name, code, figures, self.parent))
            return
        self._see(self.block)
        self.collected.add(
            self.grid.place(row.index), self.block, name or "", code, figures, self._attributes(row, figures)
        )

    def _section(self, row: Row) -> None:
        self.block, self.parent = self.labels.section(row.label), None
        numeral = self.labels.numeral(row.stt, row.label)
        if numeral:
            self.numerals[numeral] = self.block
        self._see(self.block)
        if row.has_figures:
            self._stated(row, "block", self.block, "section")
        else:
            self.collected.ignore("section")

    def _total(self, row: Row) -> None:
        kind, named = self.labels.total(row.label, self.numerals) or ("block", None)
        above, of_last = self.labels.summed(row.label, self.block)
        # Only one that was met: a province that is a city is no sub-heading ("Tổng thành phố Huế").
        parent = self.parent if of_last else self.parents.get(self.template.fold(above or ""))
        self._stated(row, "block" if parent else kind, named, "total", parent)

    def _subhead(self, row: Row) -> None:
        """The rows that follow are of this unit above; figures beside its name are their sum."""
        name = cut(self.labels.subhead(row.label, self.block) or row.label)
        self.parent = self.parents.setdefault(self.template.fold(name), name)
        self.last_subheads[self.block] = self.parent
        self._stated(row, "block", self.block, "total" if row.has_figures else "section", self.parent)

    def _stated(
        self, row: Row, kind: str, named: str | None, counted_as: str, parent: str | None = None
    ) -> None:
        """Totals as the form states them; one with a cell that holds no figure is refused as a row."""
        figures, refusals = self._figures(row)
        if refusals:
            self.collected.refuse(refusals, row_data(named or self.block, None, None, {}, parent))
            return
        self.collected.ignore(counted_as)
        if row.has_figures:
            self.totals.append(
                StatedTotal(
                    row.label if row.is_named else f"dòng {row.index + 1}",
                    kind,
                    named,
                    self.block,
                    figures,
                    self.grid.place(row.index),
                    parent,
                    None if parent else self.parent,
                )
            )

    def _stray(self, row: Row) -> None:
        """A figure where no unit stands: it may be one that was left out, so it is never ignored."""
        cells = ", ".join(
            cell_name(row.index, place)
            for place in self.measures
            if looks_like_figure(self.grid.at(row.index, place)) or (row.index, place) in self.unreadable
        )
        refusal = Refusal(
            self.grid.place(row.index),
            "unit_name",
            None,
            "figure_outside_table",
            f"Dòng {row.index + 1} nằm ngoài phần số liệu của các đơn vị nhưng có số ở ô {cells}. Nếu là số liệu của "
            "đơn vị, đề nghị đưa vào trong bảng và ghi tên đơn vị; nếu không, xóa các số này.",
        )
        self.collected.refuse([refusal], row_data(self.block, None, None, {}))

    def _unknown_section(self, row: Row) -> Exception:
        told = cut(f"{row.stt} {row.name}".strip())
        place = self.unit if row.name and self.unit is not None else self.stt or 0
        if not row.is_named:  # a cell beside the layout's columns: anybody's, so only its place is told
            place = next(at for at, text in enumerate(row.texts) if text and at not in self.form.columns)
        quoted, quoted_vi = (f"'{told}'", f"“{told}”") if told else ("its text", "nội dung ô này")
        above_vi = ", ".join(f"“{word} …”" for word in self.template.subheads.get(self.block or "", ())[:4])
        above_vi = (
            f"nếu là tên đơn vị cấp trên của các dòng bên dưới, ghi đủ {above_vi}; " if above_vi else ""
        )
        return refused(
            "layout.unknown_section",
            f"row {row.index + 1}: {quoted} is no section that layout {self.template.layout} knows",
            f"Ô {self.grid.told(row.index, place)}: {quoted_vi} không phải tên khối đơn vị trong mẫu "
            f"{self.template.layout}, nên không rõ các đơn vị bên dưới thuộc khối nào.",
            "write a known section's name, or add this one under more_sections of a layout of your own "
            f"(<home>/forms/*.yml, extends: {self.template.layout}); a unit needs its serial number",
            "Đề nghị ghi tên khối theo mẫu (Sở, ban, ngành; Văn phòng đăng ký đất đai; UBND cấp huyện; UBND cấp xã); "
            f"{above_vi}nếu đây là một đơn vị, ghi số thứ tự cho đơn vị đó.",
            self.grid.place(row.index, place),
        )

    # ------------------------------------------------------------------ cells

    def _figures(self, row: Row) -> tuple[dict[str, int | None], list[Refusal]]:
        figures: dict[str, int | None] = {}
        refusals: list[Refusal] = []
        for place, measure in self.measures.items():
            reason = self.unreadable.get((row.index, place))
            if reason:
                refusals.append(self._refusal(row, place, measure, reason, _WHY_VI[reason]))
                continue
            found = parse_count(self.grid.at(row.index, place), self.template.dash)
            if isinstance(found, NotAFigure):
                shown = told_figure(self.grid.at(row.index, place))
                why = f"ghi “{shown}” {found.why_vi}. Đề nghị ghi số nguyên không âm, ví dụ 1234."
                refusals.append(self._refusal(row, place, measure, found.rule, why))
            else:
                figures[measure] = found
        return {name: figures.get(name) for name in MEASURES}, refusals

    def _refusal(self, row: Row, place: int | None, column: str, rule: str, why_vi: str) -> Refusal:
        at = 0 if place is None else place
        known: Column | None = self.form.columns.get(at)
        header = f", cột “{known.label}”" if known else ""
        return Refusal(
            self.grid.place(row.index, at),
            column,
            self._at(row, place),
            rule,
            f"Ô {cell_name(row.index, at)}{header}: {why_vi}",
        )

    def _at(self, row: Row, place: int | None) -> Any:
        return None if place is None else self.grid.at(row.index, place)

    def _attributes(self, row: Row, figures: Mapping[str, int | None]) -> dict[str, Any]:
        body: dict[str, Any] = {"parent": self.parent} if self.parent else {}
        rates: dict[str, Decimal] = {}
        for place, column in self.form.columns.items():
            if column.rate is not None:
                stated = parse_percent(self.grid.at(row.index, place))
                if stated is not None:
                    rates[column.rate.name] = stated
        if rates:
            body["stated_rates"] = rates
        verdict = None if (value := self._at(row, self.verdict)) is None else told_verdict(told_value(value))
        if verdict:
            body["stated_verdict"] = verdict
            rate = computed_rate(figures, "results_digitized", ("results_digitized", "results_not_digitized"))
            if rate is not None and self.template.target_pct is not None:
                met = rate >= self.template.target_pct
                body["verdict_differs"] = met != (self.template.fold(verdict) == "đạt")
        return body

    def _see(self, block: str | None) -> None:
        if block not in self.blocks:
            self.blocks.append(block)

    def _refuse_unlisted(self) -> None:
        """So many formulas were never calculated that the guard stopped listing them: the others would pass for blank."""
        if not self.grid.unlisted:
            return
        places = sorted(place for place, reason in self.grid.unreadable.items() if reason == NO_VALUE)
        raise refused(
            "layout.formulas_without_values",
            f"{len(places)} or more formulas of sheet '{self.grid.name}' hold no value",
            f"Trang tính “{self.grid.name}” có từ {len(places)} ô công thức chưa được tính, bắt đầu từ ô "
            f"{cell_name(*places[0])}: tệp không chứa giá trị.",
            "open the workbook in a spreadsheet program, let it calculate, and save it",
            "Đề nghị mở tệp bằng Excel hoặc LibreOffice, chờ tính xong, lưu lại rồi gửi lại.",
            self.grid.place(*places[0]),
        )


def blocks_named(texts: Sequence[str], labels: Labels) -> str | None:
    """The one block that a sheet's own name or title lines name as a heading would; None for none or several."""
    found = {block for text in texts if (block := labels.section(plain(text)))}
    return found.pop() if len(found) == 1 else None
