"""The appendix workbook (duty D3): contents, the province's component table, one sheet per block, charts, quality.

``render_appendix`` turns ``AppendixData`` into the bytes of an XLSX file. The same data
give the same bytes; no cell is a formula; a figure the portal does not have is a blank
cell. What is computed here (the block's mean) is labelled so; everything else is the
portal's own value.
"""

from __future__ import annotations

from collections.abc import Sequence

from etl.deliver.appendix_blocks import block_columns, write_block
from etl.deliver.appendix_charts import DrawnBlock, chart_columns, write_charts
from etl.deliver.appendix_data import AppendixData
from etl.deliver.appendix_province import province_columns, province_summary, write_province
from etl.deliver.appendix_quality import quality_summary, write_quality, write_restatements
from etl.deliver.appendix_words import (
    BLOCK_ORDER,
    INDEX_TITLE,
    ROMAN,
    SHEET_NAMES,
    ProvinceNames,
    comparison_notes,
    is_trial,
    period_title,
    provisional_note,
    source_line,
    temporary_codes,
    temporary_footnote,
)
from etl.deliver.sheet_charts import ChartSheet
from etl.deliver.sheet_contents import CONTENTS_SHEET, Entry, contents_columns, write_contents
from etl.deliver.sheet_conventions import WorkbookStyle, load_workbook_style
from etl.deliver.sheet_style import Column, TableSheet, new_workbook
from etl.deliver.sheet_text import number_vi, sheet_title
from etl.deliver.workbook_bytes import workbook_bytes

CHART_SHEET = "Biểu đồ"


def render_appendix(data: AppendixData, names: ProvinceNames, *, style: WorkbookStyle | None = None) -> bytes:
    """The workbook as XLSX bytes: "Mục lục", "Toàn tỉnh", one sheet for each block that has units, "Biểu đồ",
    "Chất lượng số liệu", and "Điều chỉnh số liệu" when the portal restated something.

    ``style`` is the office's convention of ratings, target and colours; None: the shipped one. Raises
    ValueError on a capture time without a time zone.
    """
    return _Appendix(data, names, style or load_workbook_style()).render()


class _Appendix:
    """One workbook while it is written."""

    def __init__(self, data: AppendixData, names: ProvinceNames, style: WorkbookStyle) -> None:
        self.data, self.names, self.style = data, names, style
        self.workbook = new_workbook()
        self.entries: list[Entry] = []

    def render(self) -> bytes:
        data, names = self.data, self.names
        contents = TableSheet(self.workbook.create_sheet(CONTENTS_SHEET), contents_columns("Phụ lục"))
        province = self.sheet(
            SHEET_NAMES["province"],
            province_columns(),
            names.province,
            f"Điểm của sáu nhóm và các chỉ số thành phần, {names.province}",
        )
        write_province(province, data, names)
        drawn = [self._block(block) for block in _blocks(data)]
        charts = ChartSheet(self.workbook.create_sheet(CHART_SHEET), chart_columns())
        self._banner(
            charts, f"biểu đồ, {names.province}", "Biểu đồ sáu nhóm chỉ số và tổng điểm của từng khối đơn vị"
        )
        write_charts(charts, data, names, drawn, self.style)
        write_quality(self.sheet, data, names, self.style)
        if data.restatements:
            write_restatements(self.sheet, data, names)
        self._contents(contents)
        return workbook_bytes(
            self.workbook,
            title=f"Phụ lục kết quả thực hiện Bộ chỉ số 766, {names.province}, {data.period.label_vi}",
            creator=names.office,
            at=data.snapshot.captured_at,
            described={CHART_SHEET: charts.described},
        )

    def sheet(
        self, name: str, columns: Sequence[Column], subject: str, told: str, title: str = INDEX_TITLE
    ) -> TableSheet:
        """The next appendix sheet with its banner; ``subject`` and the period stand in its third line, ``told``
        in the contents."""
        table = TableSheet(self.workbook.create_sheet(name), columns)
        self._banner(table, subject, told, title)
        return table

    def _banner(self, table: TableSheet, subject: str, told: str, title: str = INDEX_TITLE) -> None:
        number = f"Phụ lục {ROMAN[len(self.entries)]}"
        self.entries.append(Entry(number, table.sheet, told))
        if isinstance(table, ChartSheet):
            title = title.replace("\n", " ")  # an upright page is too narrow for its lines
        table.banner(number.upper(), title, self._subject(subject), self._enclosure())

    def _subject(self, subject: str) -> str:
        return f"{subject} \u2013 {period_title(self.data)}".upper()

    def _enclosure(self) -> str:
        # Number and date stay blank: a person issues the report.
        return (
            f"(Kèm theo Báo cáo số          /{self.names.report_symbol} ngày      tháng      năm          "
            f"của {self.names.office})"
        )

    def _block(self, block: str) -> DrawnBlock:
        units = [unit for unit in self.data.units if unit.block == block]
        title = f"{self.names.block_titles.get(block, block)} {self.names.province}"
        table = self.sheet(
            sheet_title(SHEET_NAMES.get(block, block)),
            block_columns(self.data, units),
            title,
            f"Điểm, xếp hạng, xếp loại {title}: {number_vi(len(units))} đơn vị",
        )
        return DrawnBlock(title, units, table, write_block(table, self.data, units, self.style))

    def _contents(self, table: TableSheet) -> None:
        data, names = self.data, self.names
        table.banner("MỤC LỤC CÁC PHỤ LỤC", INDEX_TITLE, self._subject(names.province), self._enclosure())
        write_contents(
            table,
            self.entries,
            facts=province_summary(data, names),
            notices=_notices(data),
            source=source_line(data),
        )


def _blocks(data: AppendixData) -> list[str]:
    """The blocks that have units, in the order documents list them; what is no block of ours comes last."""
    return sorted(
        {unit.block for unit in data.units},
        key=lambda block: (BLOCK_ORDER.index(block) if block in BLOCK_ORDER else len(BLOCK_ORDER), block),
    )


def _notices(data: AppendixData) -> list[str]:
    """What a reader must know before using any figure."""
    compared = bool(data.province and data.province.compared_period_id) or any(
        unit.compared_period_id for unit in data.units
    )
    units = ", ".join(f"{code} ({count} đơn vị)" for code, count in temporary_codes(data.units).items())
    temporary = temporary_footnote(units)
    notices = [
        "Số liệu thử nghiệm, đọc từ cổng thử nghiệm trên máy này: không dùng để báo cáo." if is_trial(data) else None,
        provisional_note(data),
        *comparison_notes(data, compared=compared),
        temporary.removeprefix("* ") if temporary else None,
        quality_summary(data),
        "Ô trống là không có số liệu, không phải điểm 0.",
        "Xếp loại, ngưỡng theo dõi và màu tô là quy ước để theo dõi, không phải quy định của pháp luật."
    ]  # fmt: skip
    return [notice for notice in notices if notice]
