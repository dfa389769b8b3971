"""The public page (duty D4): one HTML file that needs nothing else, made from a ``Report``.

``render_page`` returns UTF-8 HTML. Everything is in it: style, script and charts; its content security policy forbids
whatever it does not hold, so that it never asks a server for anything and no name can become code. Charts are
static SVG drawn from Vega-Lite when the page is made (``etl.deliver.page_drawing`` says why). Without scripts all
tables and charts are there; the script adds sorting, a search and the reader's own unit, kept in the address's
fragment alone. Components of single units are not on the page: they are in the open data.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from etl.deliver import page_charts, page_digitization, page_quality, page_tables, page_words
from etl.deliver.appendix_blocks import by_rank
from etl.deliver.appendix_data import GROUP_CODES
from etl.deliver.appendix_words import detail_vi, source_line
from etl.deliver.digitization_notes import percent
from etl.deliver.digitization_words import block_vi
from etl.deliver.page_cells import Table, unit_key
from etl.deliver.page_charts import Bar, Point
from etl.deliver.report import Report, TrendPoint
from etl.deliver.sheet_conventions import Band, WorkbookStyle, load_workbook_style
from etl.deliver.sheet_text import clean_text, number_vi, time_vi

_ROOM = Path(__file__).parent / "page"
# Longer than any name, shorter than what would fill a screen: the rest is counted, never silently dropped.
_LONGEST = 4000


@dataclass(frozen=True)
class Figure:
    """Drawings that belong together, what stands below them, and how many stand side by side."""

    drawings: tuple[Markup, ...]
    caption: str
    table: str
    columns: int = 1


@dataclass(frozen=True)
class Block:
    """One block of units: its heading, id, chart (None: nobody has a score) and table."""

    name: str
    anchor: str
    figure: Figure | None
    table: Table


def render_page(report: Report, *, style: WorkbookStyle | None = None) -> bytes:
    """The page of the report; the same report gives the same bytes.

    ``style``: the office's conventions (rating bands); the shipped ones if None.

    Raises ValueError on a capture time without a time zone.
    """
    bands = (style or load_workbook_style()).bands
    css, script = _asset("page.css"), _asset("page.js")
    text = (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            title=page_words.TITLE,
            full_title=page_words.FULL_TITLE,
            style=Markup(css),  # noqa: S704 — our own file
            script=Markup(script),  # noqa: S704 — our own file
            policy=_policy(css, script),
            banners=page_words.banners(report),
            notices=page_words.notices(report),
            facts=page_words.facts(report),
            key_figures=page_words.key_figures(report, bands),
            stated_at=time_vi(report.stated_at),
            source=source_line(report.indicators),
            units=_unit_choice(report),
            **_index_parts(report, bands),
            **_digitization_parts(report),
            **_quality_parts(report),
        )
    )
    return text.encode("utf-8")


def _subject(report: Report) -> str:
    return f"{report.names.province}, {report.portal_period.label_vi}"


def _index_parts(report: Report, bands: Sequence[Band]) -> dict[str, object]:
    points = page_tables.every_period(report.trend)
    return {
        "profile": Figure(
            (page_charts.group_profile(report.groups, _subject(report)),),
            "Điểm đạt (phần đậm) so với điểm tối đa (khung) của từng nhóm chỉ số.",
            "bang-nhom",
        )
        if report.groups
        else None,
        "groups_table": page_tables.groups_table(report),
        **_trend_parts(report, points),
        "provinces": _provinces(report),
        "provinces_table": page_tables.provinces_table(report) if report.ranking else None,
        "blocks": _blocks(report, bands),
        "components_table": page_tables.components_table(report),
    }


def _trend_parts(report: Report, points: Sequence[TrendPoint]) -> dict[str, object]:
    if not points:
        return {"trend": None, "group_trends": None, "trend_table": None}
    subject = report.names.province
    names = page_tables.group_names(report.indicators.groups)
    provisional = (
        " Điểm rỗng, nét đứt: số liệu tạm, kỳ chưa kết thúc." if any(p.provisional for p in points) else ""
    )
    gaps = " Dấu —: kỳ không có số liệu." if any(p.total is None for p in points) else ""
    totals = [Point(point.period, point.total, point.provisional) for point in points]
    trends = tuple(
        page_charts.group_trend(
            place + 1,
            names[code].name,
            names[code].max_score,
            [Point(point.period, point.groups[place], point.provisional) for point in points],
            subject,
        )
        for place, code in enumerate(GROUP_CODES)
    )
    table = page_tables.trend_table(report, points)
    low, high = page_charts.axis_of(point.value for point in totals)
    return {
        "trend": Figure(
            (page_charts.total_trend(totals, subject),),
            f"Tổng điểm qua các kỳ; trục điểm từ {low} đến {high}.{provisional}{gaps}",
            table.name,
        )
        if any(point.value is not None for point in totals)
        else None,
        "group_trends": Figure(
            trends,
            f"Điểm từng nhóm qua các kỳ; trục từ 0 đến điểm tối đa của nhóm.{provisional}{gaps}",
            table.name,
            columns=3,
        )
        if len(points) > 1
        else None,
        "group_names": [names[code].name for code in GROUP_CODES],
        "trend_table": table,
    }


def _provinces(report: Report) -> Figure | None:
    bars = [
        Bar(one.province_name, one.rank, one.total, own=one.own)
        for one in page_tables.ranked_provinces(report.ranking)
        if one.total is not None
    ]
    if not bars:
        return None
    drawings = page_charts.ranking(
        bars, "bd-tinh", f"Tổng điểm các tỉnh, thành phố, {report.portal_period.label_vi}", named="tỉnh"
    )
    caption = "Tổng điểm (tối đa 100) theo thứ hạng; dấu ► và màu đỏ: " + page_tables.OWN_PROVINCE + "."
    return Figure(drawings, caption, "bang-tinh", min(3, len(drawings)))


def _blocks(report: Report, bands: Sequence[Band]) -> list[Block]:
    blocks = []
    for place, code in enumerate(page_tables.blocks_of(report.indicators.units), start=1):
        table = page_tables.block_table(report, code, place, bands)
        name = page_tables.block_name(code)
        units = by_rank([unit for unit in report.indicators.units if unit.block == code])
        bars = [
            Bar(
                unit.unit_name,
                unit.rank_in_block,
                unit.total,
                key=unit_key(unit.block, unit.unit_name),
                hollow=unit.no_dossiers,
            )
            for unit in units
            if unit.total is not None
        ]
        subject = f"Tổng điểm các đơn vị khối {name}, {_subject(report)}"
        drawings = page_charts.ranking(bars, f"bd-khoi-{place}", subject)
        hollow = " Thanh rỗng: đơn vị không phát sinh hồ sơ." if any(bar.hollow for bar in bars) else ""
        absent = len(units) - len(bars)
        left_out = f" {number_vi(absent)} đơn vị chưa có tổng điểm không có trong biểu đồ." if absent else ""
        figure = Figure(
            drawings,
            f"Tổng điểm (tối đa 100) theo thứ hạng trong khối.{hollow}{left_out}",
            table.name,
            min(3, len(drawings)),
        )
        blocks.append(Block(name, f"khoi-{place}", figure if drawings else None, table))
    return blocks


def _digitization_parts(report: Report) -> dict[str, object]:
    data = report.digitization
    if data is None:
        return {
            "digitization": None,
            "digitization_totals": None,
            "digitization_notes": [],
            "digitization_tables": [],
        }
    totals = page_digitization.totals_table(report, data)
    target = "; vạch đứng: chỉ tiêu " + percent(data.target_pct) if data.target_pct is not None else ""
    figure = None
    if page_digitization.shown_totals(data):
        figure = Figure(
            (page_charts.results_by_block(data, f"{report.names.province}, {report.period.label_vi}"),),
            f"Kết quả giải quyết: phần đậm là đã số hóa, cột (10); phần nhạt là chưa số hóa, cột (9){target}.",
            totals.name,
        )
    return {
        "digitization": figure,
        "digitization_totals": totals,
        "digitization_notes": page_digitization.digitization_notes(data),
        "digitization_tables": [
            (block_vi(block), page_digitization.block_digitization(report, data, block, place))
            for place, block in enumerate(data.blocks, start=1)
        ],
    }


def _quality_parts(report: Report) -> dict[str, object]:
    missing = [] if report.digitization is None else page_digitization.not_whole(report.digitization)
    missing += [
        detail_vi(row) or row.subject for row in report.indicators.quality if row.kind == "missing_unit"
    ]
    changed = None
    if report.earlier is not None:
        changed = page_quality.restatements_table(
            "bang-dinh-chinh",
            f"Thay đổi so với bản phát hành số {report.earlier.number} ngày {time_vi(report.earlier.released_at)}",
            report.earlier.changes,
        )
    return {
        "quality_counts": page_quality.quality_counts(report),
        "quality_table": page_quality.quality_table(report),
        "missing": missing,
        "changed_table": changed,
        "restatements_table": page_quality.restatements_table(
            "bang-dieu-chinh", "Giá trị Cổng đã điều chỉnh sau lần đọc trước", report.indicators.restatements
        ),
        "moved": number_vi(report.indicators.moved_while_running)
        if report.indicators.moved_while_running
        else None,
        "sources_table": page_quality.sources_table(report),
    }


def _unit_choice(report: Report) -> list[tuple[str, list[tuple[str, str]]]]:
    """The choice of the reader's own unit: (block's name, (key, unit's name) …), each unit once."""
    named = [(unit.block, unit.unit_name) for unit in report.indicators.units]
    if report.digitization is not None:
        named += [(unit.block, unit.unit_name) for unit in report.digitization.units]
    blocks: dict[str, dict[str, str]] = {}
    for block, name in named:
        blocks.setdefault(block, {})[unit_key(block, name)] = name
    return [
        (block_vi(block), sorted(keys.items(), key=lambda one: page_tables.letters(one[1])))
        for block, keys in blocks.items()
    ]


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(_ROOM, encoding="utf-8"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """What every expression of the template passes: control characters and direction marks become visible text."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return clean_text(value, longest=_LONGEST)
    return value


@cache
def _asset(name: str) -> str:
    return (_ROOM / name).read_text(encoding="utf-8").strip()


def _policy(style: str, script: str) -> str:
    """Nothing but what the file holds: its one style and its one script by hash, images as data (the icon)."""
    return (
        "default-src 'none'; img-src data:; "
        f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
