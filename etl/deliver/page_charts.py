"""The page's charts: what is drawn of which figures. Every chart's numbers stand in a table of the page as well.

Units of length are the drawing's own; the page scales a drawing to the room there is. Nothing is told by colour alone:
figures are written beside the marks, provisional periods are hollow and dashed, the own province is marked by a sign.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from markupsafe import Markup

from etl.deliver.digitization_data import BlockTotals, DigitizationData
from etl.deliver.digitization_notes import percent
from etl.deliver.digitization_words import block_vi
from etl.deliver.page_cells import share
from etl.deliver.page_digitization import shown_totals
from etl.deliver.page_drawing import (
    BLUE,
    EDGE,
    INK,
    MUTED,
    PALE,
    RED,
    TRACK,
    Layer,
    Records,
    boxes,
    dots,
    draw,
    lines,
    texts,
)
from etl.deliver.report import GroupResult
from etl.deliver.sheet_text import number_vi, points_vi
from etl.periods import Period

WIDTH = 360  # of a chart that takes half of a desktop's page, and all of a telephone's
_PANEL_WIDTH = 340  # of one of three columns
_LINE = 20  # of a ranking
_MOST_LINES = 30  # of one drawing: what a sheet of paper holds
_NAME_SHARE = 0.54  # of a ranking's width
_AXIS = 26  # where the lines of a trend's grid begin
_ALL_LABELLED = 13  # points: a year and a month fit without touching each other


@dataclass(frozen=True)
class Bar:
    """One line of a ranking. ``score`` None is not drawn; ``hollow``: its figure says nothing of its work."""

    name: str
    rank: int | None
    score: Decimal
    key: str | None = None
    own: bool = False
    hollow: bool = False


@dataclass(frozen=True)
class Point:
    """One period of a trend."""

    period: Period
    value: Decimal | None
    provisional: bool


def group_profile(groups: Sequence[GroupResult], subject: str) -> Markup:
    """Six bars, each group's score on the track of its maximum, points."""
    step, bar = 40, 13
    longest = float(max((g.max_score for g in groups if g.max_score), default=Decimal(1)))
    tracks: Records = []
    scores: Records = []
    names: Records = []
    figures: Records = []
    told = []
    for place, group in enumerate(groups):
        top = place * step + 18
        if group.max_score is not None:
            tracks.append(_box(0.5, top, float(group.max_score) / longest * (WIDTH - 1), bar))
        if group.score is not None:
            scores.append(_box(0.5, top, float(group.score) / longest * (WIDTH - 1), bar))
        names.append({"x": 0, "y": top - 5, "text": group.name})
        figure = _of_maximum(group)
        figures.append({"x": WIDTH, "y": top - 5, "text": figure})
        told.append(f"{group.name}: {figure}")
    return draw(
        [
            boxes(tracks, TRACK, EDGE),
            boxes(scores, BLUE),
            texts(names, size=12, limit=210),
            texts(figures, size=12, align="right", bold=True),
        ],
        WIDTH,
        len(groups) * step,
        "bd-nhom",
        f"Điểm sáu nhóm chỉ số so với điểm tối đa, {subject}",
        "; ".join(told) + ".",
    )


def _of_maximum(group: GroupResult) -> str:
    if group.score is None:
        return "chưa có số liệu"
    score = number_vi(group.score, 2)
    ratio = share(group.score, group.max_score)
    if group.max_score is None or ratio is None:
        return score
    return f"{score}/{number_vi(group.max_score)} ({number_vi(ratio, 1)}%)"


def total_trend(points: Sequence[Point], subject: str) -> Markup:
    """The province's total by period; the axis of points need not begin at 0 and says where it does."""
    low, high = axis_of([p.value for p in points])
    title = f"Tổng điểm qua các kỳ, {subject}"
    return _trend(points, low, high, WIDTH, 236, "bd-dien-bien", title, steps=_steps(low, high))


def group_trend(
    place: int, name: str, maximum: Decimal | None, points: Sequence[Point], subject: str
) -> Markup:
    """One group's score by period, the axis from 0 to the group's maximum."""
    top = maximum or max((p.value for p in points if p.value is not None), default=None) or Decimal(1)
    title = f"{name} qua các kỳ, {subject}"
    return _trend(points, 0, float(top), _PANEL_WIDTH, 132, f"bd-nhom-{place}", title, steps=2)


def _trend(
    points: Sequence[Point],
    low: float,
    high: float,
    width: int,
    height: int,
    name: str,
    title: str,
    steps: int,
) -> Markup:
    left, right, top, bottom = 44, 16, 18, 34  # the first figure must not touch the axis' own
    room = width - left - right
    step = room / max(1, len(points) - 1)
    floor = height - bottom

    def x_of(place: int) -> float:
        return left + (place * step if len(points) > 1 else room / 2)

    def y_of(value: Decimal) -> float:
        return floor - (float(value) - low) / (high - low) * (floor - top)

    marks = [low + (high - low) * tick / steps for tick in range(steps + 1)]
    grid = [_rule(_AXIS, width, floor - (mark - low) / (high - low) * (floor - top)) for mark in marks]
    scale = [
        {
            "x": _AXIS - 5,
            "y": line["y"] + 4,
            "text": points_vi(Decimal(str(mark))),
        }
        for line, mark in zip(grid, marks, strict=True)
    ]
    known = [(place, p, y_of(p.value)) for place, p in enumerate(points) if p.value is not None]
    solid: Records = []
    dashed: Records = []
    for (place, before, y), (next_place, after, next_y) in itertools.pairwise(known):
        if next_place == place + 1:  # a gap stays a gap
            part = {"x": x_of(place), "x2": x_of(next_place), "y": y, "y2": next_y}
            (dashed if before.provisional or after.provisional else solid).append(part)
    labelled = _labelled(points)
    figures = [
        {"x": x_of(place), "y": y - 9, "text": number_vi(p.value or 0, 1)}
        for place, p, y in known
        if place in labelled
    ]
    return draw(
        [
            lines(grid, "#d5dce5"),
            texts(scale, size=10, color=MUTED, align="right"),
            lines(solid, BLUE, width=2.5),
            lines(dashed, BLUE, width=2, dash=(5, 4)),
            dots([{"x": x_of(place), "y": y} for place, p, y in known if not p.provisional], BLUE),
            dots([{"x": x_of(place), "y": y} for place, p, y in known if p.provisional], BLUE, hollow=True),
            texts(figures, size=10.5, align="center", bold=True),
            *_period_labels(points, [x_of(place) for place in range(len(points))], floor),
        ],
        width,
        height,
        name,
        title,
        "; ".join(f"{p.period.label_vi}: {_point_vi(p)}" for p in points) + ".",
    )


def _period_labels(points: Sequence[Point], places: Sequence[float], floor: float) -> list[Layer]:
    """The period's own part below each point, the year below it where it begins; "—" where nothing was read."""
    short: Records = []
    years: Records = []
    for place, (point, x) in enumerate(zip(points, places, strict=True)):
        short.append({"x": x, "y": floor + 16, "text": _short(point.period)})
        if point.period.kind != "year" and (place == 0 or point.period.year != points[place - 1].period.year):
            years.append({"x": x, "y": floor + 29, "text": str(point.period.year)})
    gaps = [
        {"x": x, "y": floor - 6, "text": "—"}
        for point, x in zip(points, places, strict=True)
        if point.value is None
    ]
    return [
        texts(short, size=10.5, align="center"),
        texts(years, size=10, color=MUTED, align="center"),
        texts(gaps, size=11, color=MUTED, align="center"),
    ]


def _short(period: Period) -> str:
    match period.kind:
        case "month":
            return f"T{period.number}"
        case "quarter":
            return f"Q.{('I', 'II', 'III', 'IV')[period.number - 1]}"
        case "half":
            return f"{period.number}/2"
        case _:
            return str(period.year)


def _point_vi(point: Point) -> str:
    if point.value is None:
        return "không có số liệu"
    return number_vi(point.value, 2) + (" (số liệu tạm)" if point.provisional else "")


def _labelled(points: Sequence[Point]) -> set[int]:
    """Which points have their figure written: all that fit, else the ends and the extremes."""
    known = [(place, p.value) for place, p in enumerate(points) if p.value is not None]
    if len(points) <= _ALL_LABELLED or not known:
        return {place for place, _ in known}
    low, high = min(known, key=lambda one: one[1]), max(known, key=lambda one: one[1])
    return {known[0][0], known[-1][0], low[0], high[0]}


def axis_of(values: Iterable[Decimal | None]) -> tuple[int, int]:
    """Bounds in steps of 10 points (within 0 to 100) around the figures: at least 20 apart."""
    known = [float(value) for value in values if value is not None]
    if not known:
        return 0, 100
    low = max(0, math.floor((min(known) - 3) / 10) * 10)
    high = min(100, math.ceil((max(known) + 3) / 10) * 10)
    while high - low < 20:
        low, high = low - 10 * (low > 0), high + 10 * (high < 100)
    return low, high


def _steps(low: float, high: float) -> int:
    """Lines of the grid: every 10 points, every 20 where those would be more than five steps."""
    tens = round((high - low) / 10)
    return tens if tens <= 5 else math.ceil(tens / 2)


def ranking(
    bars: Sequence[Bar], name: str, subject: str, *, columns: int | None = None, named: str = "đơn vị"
) -> tuple[Markup, ...]:
    """Horizontal bars from 0 to 100 points in the order given, in columns that are drawings of their own: up to
    three, more below those where one would be longer than a sheet of paper."""
    if not bars:
        return ()
    wanted = columns or (1 if len(bars) <= 6 else 2 if len(bars) <= 24 else 3)
    height = min(_MOST_LINES, math.ceil(len(bars) / wanted))
    chunks = [bars[start : start + height] for start in range(0, len(bars), height)]
    return tuple(
        _ranking_column(
            chunk,
            _PANEL_WIDTH if wanted == 3 else WIDTH,
            f"{name}-{place}",
            _column_title(bars, chunk, subject, named),
        )
        for place, chunk in enumerate(chunks, start=1)
    )


def _column_title(bars: Sequence[Bar], chunk: Sequence[Bar], subject: str, named: str) -> str:
    if len(chunk) == len(bars):
        return subject
    first = bars.index(chunk[0]) + 1
    return f"{subject}: {named} thứ {first} đến {first + len(chunk) - 1} trong {len(bars)}"


def _ranking_column(bars: Sequence[Bar], width: int, name: str, title: str) -> Markup:
    name_width = round(width * _NAME_SHARE)
    left, room = name_width + 6, width - name_width - 6 - 44
    plain: Records = []
    hollow: Records = []
    own: Records = []
    names: Records = []
    own_names: Records = []
    figures: Records = []
    for place, bar in enumerate(bars):
        top = place * _LINE + 4
        length = float(bar.score) / 100 * room
        box = _box(left, top, length, 12) | {"key": f"unit:{place}"}
        (own if bar.own else hollow if bar.hollow else plain).append(box)
        rank = f"{bar.rank}. " if bar.rank is not None else ""
        line = {"x": 0, "y": top + 10, "text": f"{'► ' if bar.own else ''}{rank}{bar.name}"}
        (own_names if bar.own else names).append(line)
        figures.append({"x": left + length + 4, "y": top + 10, "text": number_vi(bar.score, 2)})
    height = len(bars) * _LINE + 4
    keyed = all(bar.key is not None for bar in bars)
    base = [{"x": left, "x2": left, "y": 0, "y2": height}]
    return draw(
        [
            boxes(plain, BLUE, keyed=keyed),
            boxes(hollow, "#ffffff", EDGE, keyed=keyed),
            boxes(own, RED, keyed=keyed),
            lines(base, EDGE),
            texts(names, limit=name_width),
            texts(own_names, limit=name_width, bold=True, color=RED),
            texts(figures, size=10.5, color=INK),
        ],
        width,
        height,
        name,
        title,
        "; ".join(f"{bar.name}: {number_vi(bar.score, 2)}" for bar in bars[:3])
        + ("; …" if len(bars) > 3 else "")
        + ". Đủ số liệu ở bảng liền dưới.",
        [bar.key or "" for bar in bars],
    )


def results_by_block(data: DigitizationData, subject: str) -> Markup:
    """Columns (9) and (10) of each block as shares of their sum, counts written; the target as an upright line."""
    step, bar = 46, 15
    totals = shown_totals(data)
    height = len(totals) * step + 4
    done: Records = []
    open_: Records = []
    names: Records = []
    figures: Records = []
    told = []
    target: Records = []
    for place, total in enumerate(totals):
        top = place * step + 20
        figure, rate = _results_vi(total)
        if rate is not None:
            middle = float(rate) / 100 * (WIDTH - 1)
            done.append(_box(0.5, top, middle, bar))
            open_.append({"x": 0.5 + middle, "x2": WIDTH - 0.5, "y": top, "y2": top + bar})
            if data.target_pct is not None:
                x = float(data.target_pct) / 100 * (WIDTH - 1) + 0.5
                target.append({"x": x, "x2": x, "y": top - 3, "y2": top + bar + 3})
        names.append({"x": 0, "y": top - 6, "text": block_vi(total.block)})
        figures.append({"x": WIDTH, "y": top - 6, "text": figure})
        told.append(f"{block_vi(total.block)}: {figure}")
    return draw(
        [
            boxes(open_, PALE, "#8a5a00"),
            boxes(done, BLUE),
            lines(target, INK, width=2, dash=(3, 2)),
            texts(names, size=12, bold=True, limit=150),
            texts(figures, size=11, align="right"),
        ],
        WIDTH,
        height,
        "bd-so-hoa",
        f"Kết quả đã số hóa, cột (10), và chưa số hóa, cột (9), theo khối, {subject}",
        "; ".join(told) + ".",
    )


def _results_vi(total: BlockTotals) -> tuple[str, Decimal | None]:
    nine, ten = total.measures.get("results_not_digitized"), total.measures.get("results_digitized")
    if nine is None or ten is None:
        return "chưa đủ số liệu", None
    rate = total.rates.get("results_rate_pct")
    if rate is None:
        return "không phát sinh kết quả", None
    return f"(10) {number_vi(ten)} ({percent(rate)}); (9) {number_vi(nine)}", rate


def _box(x: float, y: float, width: float, height: float) -> dict[str, float]:
    return {"x": x, "x2": x + width, "y": y, "y2": y + height}


def _rule(x: float, x2: float, y: float) -> dict[str, float]:
    return {"x": x, "x2": x2, "y": y, "y2": y}
