"""Native charts: horizontal bars drawn from cells of the workbook, described for those who cannot see them.

A chart holds the cells' addresses and, beside them, the values last seen there, so that viewers that do not
calculate (mail, telephones) draw it too. Text of the data stands in it as text, escaped by the file format.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from openpyxl.chart import BarChart
from openpyxl.chart.axis import ChartLines
from openpyxl.chart.data_source import (
    AxDataSource,
    NumData,
    NumDataSource,
    NumRef,
    NumVal,
    StrData,
    StrRef,
    StrVal,
)
from openpyxl.chart.label import DataLabel, DataLabelList
from openpyxl.chart.layout import Layout, ManualLayout
from openpyxl.chart.marker import DataPoint
from openpyxl.chart.series import Series, SeriesLabel
from openpyxl.chart.shapes import GraphicalProperties
from openpyxl.chart.text import RichText, Text
from openpyxl.chart.title import Title
from openpyxl.drawing.line import LineProperties
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, TwoCellAnchor
from openpyxl.drawing.text import (
    CharacterProperties,
    Font,
    Paragraph,
    ParagraphProperties,
    RegularTextRun,
    RichTextProperties,
)
from openpyxl.utils import get_column_letter, quote_sheetname
from openpyxl.worksheet.pagebreak import Break
from openpyxl.worksheet.worksheet import Worksheet

from etl.deliver.sheet_style import FONT_NAME, Column, TableSheet, paper
from etl.deliver.sheet_text import line_count

PERCENT = "0%"
_SHOWN = dict.fromkeys(
    ("showSerName", "showCatName", "showLegendKey", "showPercent", "showBubbleSize"), False
)
_INK, _GRID = "000000", "D0D0D0"
_LEAST_BAR_POINTS = 15.0  # one bar with its gap
_TITLE_POINTS, _AXIS_POINTS, _LEGEND_POINTS = 46.0, 26.0, 24.0
_LABEL_SIZE = 9.0
_NAMES_SHARE = 0.34  # of a chart's width is for names
_ROW_POINTS = 15.0
# A4 upright less 20 mm above and below is 728 points; printers and programs differ by some.
_PAGE_POINTS = 712.0
# 180 mm between the margins are 97 digits; room is left for the same reason.
PAGE_WIDTH = 92.0


@dataclass(frozen=True)
class Cells:
    """A column of cells, rows ``first`` to ``last``, of a sheet whose values are all written."""

    sheet: Worksheet
    column: int
    first: int
    last: int

    @property
    def address(self) -> str:
        letter = get_column_letter(self.column)
        return f"{quote_sheetname(self.sheet.title)}!${letter}${self.first}:${letter}${self.last}"

    @property
    def values(self) -> list[object]:
        return [self.sheet.cell(row, self.column).value for row in range(self.first, self.last + 1)]

    def part(self, first: int, last: int) -> Cells:
        return Cells(self.sheet, self.column, first, last)


@dataclass(frozen=True)
class Bars:
    """One series: its name in the legend, its figures, its colour, and ``colours`` of single bars if they differ.

    ``label`` is the number format of the figures written at the bars, None: none are.
    """

    name: str
    figures: Cells
    colour: str
    colours: Sequence[str] = ()
    label: str | None = None
    label_at: str = "outEnd"
    label_ink: str = _INK


@dataclass(frozen=True)
class Scale:
    """The axis of figures: from 0 to ``maximum``, gridlines every ``step``; ``line``: one value drawn in ``colour``."""

    maximum: float
    step: float
    number_format: str = "General"
    line: float | None = None
    colour: str = _INK


@dataclass(frozen=True)
class DescribedChart:
    """A chart with the words for those who cannot see it, and its number of bars."""

    chart: BarChart
    heading: str
    description: str
    points: float


def bar_chart(
    heading: str,
    description: str,
    names: Cells,
    series: Sequence[Bars],
    scale: Scale,
    *,
    grouping: Literal["clustered", "percentStacked"] = "clustered",
) -> DescribedChart:
    """Horizontal bars, the first name on top. ``grouping``: clustered (series drawn over one another, the last
    in front) or percentStacked (shares of their sum, scale from 0 to 1)."""
    chart = BarChart(gapWidth=50)
    chart.type, chart.grouping, chart.overlap = "bar", grouping, 100
    chart.roundedCorners = chart.varyColors = False
    chart.title = Title(tx=Text(rich=_rich(heading, 11, bold=True)), overlay=False)
    chart.graphical_properties = GraphicalProperties(ln=LineProperties(solidFill=_GRID))
    for place, bars in enumerate(series):
        chart.series.append(_series(place, names, bars))
    _axes(chart, scale)
    legend = len(series) > 1
    if legend:
        chart.legend.position = "b"
        chart.legend.overlay = False
        chart.legend.txPr = _text(10)
    else:
        chart.legend = None
    shown = [str(value or "") for value in names.values]
    points = chart_points(shown, legend=legend)
    plot = max(len(shown), 3) * bar_points(shown)
    # Names are wrapped in their share, so that none takes the whole picture, however long it is.
    chart.layout = Layout(
        ManualLayout(
            layoutTarget="inner",
            xMode="edge",
            yMode="edge",
            x=_NAMES_SHARE,
            y=round(_TITLE_POINTS / points, 4),
            w=0.59,
            h=round(plot / points, 4),
        )
    )
    return DescribedChart(chart, heading, description, points)


def bar_points(names: Sequence[str]) -> float:
    """Height of each bar of a chart, in points: as high as the most lines one of the names takes."""
    width = PAGE_WIDTH * _NAMES_SHARE * 0.95
    lines = max((line_count(name, width, _LABEL_SIZE) for name in names), default=1)
    return max(_LEAST_BAR_POINTS, lines * _LABEL_SIZE * 1.25 + 3)


def chart_points(names: Sequence[str], *, legend: bool = False) -> float:
    """Height of a chart of bars with these names, in points."""
    bars = max(len(names), 3) * bar_points(names)
    return _TITLE_POINTS + bars + _AXIS_POINTS + (_LEGEND_POINTS if legend else 0)


def pages_of(names: Sequence[str], most: int, *, above: float, legend: bool = False) -> list[int]:
    """How many bars each chart gets, at most ``most`` and no more than a page holds below ``above`` points."""
    if not names:
        return []
    room = _PAGE_POINTS - above - chart_points([], legend=legend) + 3 * _LEAST_BAR_POINTS
    limit = max(1, min(most, int(room // _LEAST_BAR_POINTS)))
    size = -(-len(names) // -(-len(names) // limit))  # charts of one size, not a last one of two bars
    pages: list[int] = []
    start = 0
    while start < len(names):
        count = 1
        while (
            count < size
            and start + count < len(names)
            and above + chart_points(names[start : start + count + 1], legend=legend) <= _PAGE_POINTS
        ):
            count += 1
        pages.append(count)
        start += count
    return pages


def _series(place: int, names: Cells, bars: Bars) -> Series:
    series = Series(idx=place, order=place)
    series.tx = SeriesLabel(v=bars.name)
    series.cat = AxDataSource(
        strRef=StrRef(
            names.address,
            StrData(
                len(names.values),
                [StrVal(at, str(value)) for at, value in enumerate(names.values) if value is not None],
            ),
        )
    )
    figures = bars.figures.values
    series.val = NumDataSource(
        NumRef(
            bars.figures.address,
            NumData(
                "General",
                len(figures),
                [NumVal(at, None, _number(value)) for at, value in enumerate(figures) if value is not None],
            ),
        )
    )
    series.graphicalProperties = GraphicalProperties(solidFill=bars.colour, ln=LineProperties(noFill=True))
    series.invertIfNegative = False
    series.dPt = [
        DataPoint(
            idx=at,
            invertIfNegative=False,
            spPr=GraphicalProperties(solidFill=colour, ln=LineProperties(noFill=True)),
        )
        for at, colour in enumerate(bars.colours)
        if colour != bars.colour
    ]
    # A bar of nothing has no room for its figure; the table has it.
    nothing = [DataLabel(at, **_SHOWN, showVal=False) for at, value in enumerate(figures) if value == 0]
    series.dLbls = DataLabelList(
        dLbl=nothing if bars.label and bars.label_at != "outEnd" else [],
        **_SHOWN,
        showVal=bars.label is not None,
    )
    if bars.label is not None:
        series.dLbls.numFmt = bars.label
        series.dLbls.position = bars.label_at
        # On its own ground: a line, or the end of another bar, may lie behind it.
        ground = "FFFFFF" if bars.label_at == "outEnd" else bars.colour
        series.dLbls.spPr = GraphicalProperties(solidFill=ground, ln=LineProperties(noFill=True))
        series.dLbls.txPr = _text(_LABEL_SIZE, colour=bars.label_ink)
    return series


def _axes(chart: BarChart, scale: Scale) -> None:
    names, figures = chart.x_axis, chart.y_axis
    for axis in (names, figures):
        axis.delete = False  # openpyxl leaves it out, which programs read as "delete"
        axis.majorTickMark = axis.minorTickMark = None
        axis.txPr = _text(_LABEL_SIZE)
    names.scaling.orientation = "maxMin"  # the first row on top
    names.crosses = "autoZero"
    names.spPr = GraphicalProperties(ln=LineProperties(solidFill=_INK, w=9525))
    names.tickLblSkip = 1  # every name, however many
    figures.axPos = "b"
    figures.crossBetween = "between"
    figures.crosses = "max"  # below, though the names run downwards
    figures.scaling.min, figures.scaling.max = 0, scale.maximum
    figures.number_format = scale.number_format
    figures.spPr = GraphicalProperties(ln=LineProperties(noFill=True))
    figures.majorUnit = scale.step
    figures.majorGridlines = ChartLines(spPr=GraphicalProperties(ln=LineProperties(solidFill=_GRID, w=6350)))
    if scale.line is not None and 2 * scale.line > scale.maximum and math.isfinite(scale.line):
        # The only gridline between the ends is the line itself: no other native way draws it across bars.
        figures.majorUnit = scale.line
        # Not dashed: only what shows between bars is seen.
        figures.majorGridlines = ChartLines(
            spPr=GraphicalProperties(ln=LineProperties(solidFill=scale.colour, w=19050))
        )


def _number(value: object) -> float:
    if isinstance(value, int | float | Decimal):
        return float(value)
    raise ValueError(f"{value!r} is no figure a chart can draw")


def _characters(size: float, *, bold: bool = False, colour: str = _INK) -> CharacterProperties:
    return CharacterProperties(
        lang="vi-VN", sz=round(size * 100), b=bold, solidFill=colour, latin=Font(typeface=FONT_NAME)
    )


def _text(size: float, *, colour: str = _INK) -> RichText:
    """How the labels of an axis, a legend or bars are written."""
    return RichText(
        bodyPr=RichTextProperties(),
        p=[
            Paragraph(
                pPr=ParagraphProperties(defRPr=_characters(size, colour=colour)),
                r=(),
                endParaRPr=_characters(size),
            )
        ],
    )


def _rich(text: str, size: float, *, bold: bool = False) -> RichText:
    return RichText(
        bodyPr=RichTextProperties(),
        p=[
            Paragraph(
                pPr=ParagraphProperties(defRPr=_characters(size, bold=bold)),
                r=[RegularTextRun(rPr=_characters(size, bold=bold), t=text)],
            )
        ],
    )


class ChartSheet(TableSheet):
    """A sheet of charts below a table: A4 upright at its true size, so that page breaks hold and no chart is cut."""

    def __init__(self, sheet: Worksheet, columns: Sequence[Column]) -> None:
        super().__init__(sheet, columns)
        self.described: list[tuple[str, str]] = []
        self._used = 0.0  # of the page, in points

    def chart(self, drawn: DescribedChart) -> None:
        """Draw a chart across the sheet below what is written; on a new page where it does not fit."""
        self.keep(drawn.points)
        rows = math.ceil(drawn.points / _ROW_POINTS)
        start = self.row
        for _ in range(rows):
            self.row += 1
            self._set_height(_ROW_POINTS)
        drawn.chart.anchor = TwoCellAnchor(  # type: ignore[assignment]
            editAs="oneCell",
            _from=AnchorMarker(col=0, row=start, colOff=0, rowOff=0),
            to=AnchorMarker(col=len(self.columns), row=start + rows, colOff=0, rowOff=0),
        )
        self.sheet.add_chart(drawn.chart)
        self.described.append((drawn.heading, drawn.description))

    def keep(self, points: float) -> None:
        """Begin a new page where so many points do not fit on this one."""
        if self._used and self._used + points > _PAGE_POINTS:
            self.sheet.row_breaks.append(Break(id=self.row))
            self._used = 0.0

    def finish_charts(self) -> None:
        """Page set-up, once everything is written."""
        paper(self.sheet, len(self.columns), self.row, orientation="portrait")
        self.sheet.page_setup.scale = 100
        self.name_table()

    def _set_height(self, points: float) -> None:
        super()._set_height(points)
        self._used += points
