"""A whole report built by hand: month, quarter and year of one province, with ties, blanks, units without dossiers,
provisional figures and hostile names. All figures are invented; they agree with each other (groups add up to totals,
units to the province, scores to the catalogue's rules), so that products can be checked against one another.

``report(**changes)``: the month 2026-09, final, beside the portal's August. ``quarter_report``, ``year_report``,
``preliminary_report``, ``sample_report``, ``bare_report`` (no rank, no comparison, no digitization), ``hostile_report``
(``HOSTILE_NAMES`` where names stand: units best and worst, components, gaps). ``earlier_release`` for ``earlier=``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Any

from digitization_cases import TARGET, file, total
from digitization_cases import unit as digitized

from etl.deliver.appendix_data import (
    DECISION_GROUPS,
    AppendixData,
    Capture,
    IndicatorRow,
    NationalRank,
    QualityRow,
    Restatement,
    Snapshot,
    UnitRow,
)
from etl.deliver.appendix_words import TEMPORARY_DENOMINATOR, ProvinceNames
from etl.deliver.digitization_data import DigitizationData
from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.deliver.report import (
    FINAL,
    PRELIMINARY,
    EarlierRelease,
    GroupResult,
    RankedProvince,
    Report,
    TrendPoint,
    UnitComponent,
)
from etl.periods import Period, window_of
from etl.reference.indicators import Indicator, load_catalogue, rule_score
from etl.reference.provinces import load_provinces

NAMES = ProvinceNames("tỉnh Phú Thọ", "Văn phòng UBND tỉnh Phú Thọ")
READ_AT = datetime(2026, 9, 14, 21, 0, 7, tzinfo=UTC)  # 15/09/2026 04:00 in Vietnam
RECEIVED_AT = datetime(2026, 9, 16, 2, 14, 39, tzinfo=UTC)
LONG_NAME = "UBND xã " + " ".join(["Tên rất dài"] * 40)
HOSTILE_NAMES = (
    '=HYPERLINK("http://x.example/","bấm")',
    "{{ 7*7 }} {% for x in y %}{{ x }}{% endfor %} {# bỏ #}",
    "<w:p><w:r><w:t>chèn</w:t></w:r></w:p>",
    '<script>alert("1")</script><img src=x onerror=alert(1)>',
    '{ HYPERLINK "http://x.example/" } { INCLUDETEXT "C:\\\\a" }',
    "Xã \x00có\x0bký tự\x1f điều khiển \ud800",
    "UBND xã \u202eđảo ngược\u202c \u2066ẩn\u2069",
    "]]></w:t> &amp; </script><!-- ' \" \\ ${jndi:ldap://x}",
    "+1-2@SUM(A1)|' /C calc'!A0",
    "../../../../etc/passwd\u2028\r\nDòng hai\tcột",
    LONG_NAME,
)

# name, dossiers received, level in percent of what can be reached; two pairs share their figures: ties.
_DEPARTMENTS = (
    ("Sở Nội vụ", 1840, 97), ("Sở Tư pháp", 6120, 91), ("Sở Tài chính", 2204, 88), ("Sở Công Thương", 2204, 88),
    ("Sở Nông nghiệp và Môi trường", 18450, 46), ("Sở Xây dựng", 4012, 63), ("Sở Khoa học và Công nghệ", 412, 79),
    ("Sở Văn hóa, Thể thao và Du lịch", 655, 84), ("Sở Giáo dục và Đào tạo", 905, 72), ("Sở Y tế", 1530, 76),
    ("Sở Dân tộc và Tôn giáo", 48, 82), ("Ban Quản lý các khu công nghiệp", 380, 67), ("Sở Ngoại vụ", 61, 90),
    ("Thanh tra tỉnh", 0, 0),
)  # fmt: skip
_COMMUNES = (
    ("UBND phường Việt Trì", 5120, 74), ("UBND phường Nông Trang", 2810, 81), ("UBND phường Thanh Miếu", 2444, 86),
    ("UBND phường Vân Phú", 1990, 69), ("UBND xã Hy Cương", 2309, 58), ("UBND phường Phú Thọ", 2070, 92),
    ("UBND xã Đoan Hùng", 1490, 95), ("UBND xã Tây Cốc", 1490, 95), ("UBND xã Chân Mộng", 870, 71),
    ("UBND xã Hạ Hòa", 1205, 66), ("UBND xã Thanh Ba", 1340, 77), ("UBND xã Cẩm Khê", 1711, 41),
    ("UBND xã Phú Khê", 1711, 41), ("UBND xã Yên Lập", 1122, 53), ("UBND xã Thượng Long", 398, 49),
    ("UBND xã Phù Ninh", 1608, 83), ("UBND xã Lâm Thao", 1733, 89), ("UBND xã Tam Nông", 940, 62),
    ("UBND xã Thanh Sơn", 1288, 55), ("UBND xã Tân Sơn", 760, 47), ("UBND xã Thanh Thủy", 1015, 78),
    ("UBND xã Thu Cúc", 0, 0), ("UBND xã Lai Đồng", None, 0),
)  # fmt: skip
_COMPONENTS = ("1.4", "2.1", "3.1", "3.2", "3.3", "3.5", "3.5b", "3.6", "4.1", "4.2", "4.3", "4.4", "4.5a", "4.5b",
               "5.2", "5.3", "5.4")  # fmt: skip
# Where the level of a unit counts fully (2.1) or the component is weak everywhere (4.4: nobody shares data yet).
_EASE = {"1.4": 1000, "2.1": 104, "3.1": 98, "3.2": 70, "3.3": 72, "3.5": 85, "3.5b": 61, "3.6": 77, "4.1": 90, "4.2": 82,
         "4.3": 45, "4.4": 0, "4.5a": 66, "4.5b": 88, "5.2": 101, "5.3": 103, "5.4": 104}  # fmt: skip
# Of the six groups against the period before; together the province's change of total.
CHANGES = ("0.30", "-2.10", "0.45", "-0.12", "0.42", "-0.30")
# The province's own values, copied to every unit: publishing late costs points.
_INHERITED = {"1.1": (40, 50), "1.2": (87, 89), "1.3": (89, 89)}
_CENT = Decimal("0.01")


@cache
def _indicators() -> dict[str, tuple[str, Indicator]]:
    return {
        one.code: (group.code, one) for group in load_catalogue(date(2026, 8, 1)).groups for one in group.indicators
    }  # fmt: skip


def _score(code: str, ratio: Decimal | None) -> Decimal | None:
    return None if ratio is None else rule_score(_indicators()[code][1], ratio)


def _ratio(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return None if part is None or not whole else (100 * part / whole).quantize(_CENT, ROUND_HALF_UP)


def _component(block: str, name: str, code: str, received: int, level: int) -> UnitComponent:
    group, indicator = _indicators()[code]
    whole = {"5.2": 5, "5.3": 5, "3.1": 120, "3.2": 110, "3.5": 60, "3.5b": 60, "3.6": received * 2 // 5}.get(
        code, received
    )
    share = min(100, level * _EASE[code] // 100)
    ratio = _ratio(Decimal(whole * share // 100), Decimal(whole))
    return UnitComponent(
        block, name, None, code, group, indicator.name_vi, Decimal(whole * share // 100), Decimal(whole), ratio,
        _score(code, ratio), indicator.max_score,
    )  # fmt: skip


def _group_scores(rows: Sequence[UnitComponent]) -> tuple[Decimal, ...]:
    """CLGQ is scored as a group only: its 12 points follow the mean of its three ratios here."""
    scores = {
        group.code: sum((r.score for r in rows if r.group_code == group.code and r.score is not None), Decimal(0))
        for group in DECISION_GROUPS
    }  # fmt: skip
    online = [r.ratio_pct or Decimal(0) for r in rows if r.group_code == "CLGQ"]
    scores["CLGQ"] = (12 * sum(online) / (100 * max(1, len(online)))).quantize(_CENT, ROUND_HALF_UP)
    scores["CKMB"] += sum(
        (_score(code, _ratio(Decimal(n), Decimal(d))) or Decimal(0) for code, (n, d) in _INHERITED.items()),
        Decimal(0),
    )
    scores["MDSH"] += 2  # 4.x, a constant of the portal
    return tuple(scores.values())


@cache
def _built() -> tuple[tuple[UnitRow, ...], tuple[UnitComponent, ...]]:
    """Every unit's line and its own components."""
    units: list[UnitRow] = []
    parts: list[UnitComponent] = []
    flags = (("1.4", TEMPORARY_DENOMINATOR), ("TOTAL", "COMPUTED_SUM"))
    for block, rows in (("department", _DEPARTMENTS), ("commune", _COMMUNES)):
        for place, (name, received, level) in enumerate(rows):
            if received is None:
                units.append(UnitRow(block, name, (None,) * 6, None))
            elif received == 0:
                # What the portal gives an empty unit: 16 points that say nothing.
                scores = tuple(map(Decimal, ("1.96", "0", "0", "0", "2", "12.04")))
                units.append(UnitRow(block, name, scores, sum(scores, Decimal(0)), no_dossiers=True))
            else:
                own = [_component(block, name, code, received, level) for code in _COMPONENTS]
                parts += own
                scores = _group_scores(own)
                change = Decimal((place * 37) % 61 - 30) / 10
                units.append(
                    UnitRow(
                        block, name, scores, sum(scores, Decimal(0)), None, change, (place * 5) % 7 - 3, "2026-07",
                        flags=flags,
                    )
                )  # fmt: skip
    return tuple(_ranked(units)), tuple(parts)


def _ranked(units: Sequence[UnitRow]) -> list[UnitRow]:
    """Competition ranking within the block on two decimals, as mart.unit_scorecard does it."""
    return [
        unit
        if unit.total is None
        else dataclasses.replace(
            unit,
            rank_in_block=1
            + sum(
                round(other.total, 2) > round(unit.total, 2)
                for other in units
                if other.block == unit.block and other.total is not None
            ),
        )
        for unit in units
    ]


@cache
def _province() -> tuple[UnitRow, tuple[IndicatorRow, ...]]:
    """The province's line and its table of indicators: the units' dossiers added up."""
    parts = _built()[1]
    added: list[UnitComponent] = []
    for code in _COMPONENTS:
        rows = [row for row in parts if row.indicator_code == code]
        part = sum((r.numerator for r in rows if r.numerator is not None), Decimal(0))
        whole = sum((r.denominator for r in rows if r.denominator is not None), Decimal(0))
        ratio = _ratio(part, whole)
        added.append(
            dataclasses.replace(
                rows[0], numerator=part, denominator=whole, ratio_pct=ratio, score=_score(code, ratio)
            )
        )
    scores = _group_scores(added)
    whole_score = sum(scores, Decimal(0))
    table = [IndicatorRow("total", "TOTAL", None, "Tổng", None, None, None, whole_score, Decimal(100),
                          quality_flag="COMPUTED_SUM")]  # fmt: skip
    for group, score in zip(DECISION_GROUPS, scores, strict=True):
        table.append(
            IndicatorRow(
                "group", group.code, group.code, group.name, None, None, None, score, group.max_score
            )
        )
        for code, (group_code, indicator) in _indicators().items():
            if group_code == group.code and (row := _indicator_row(code, indicator, added)) is not None:
                table.append(row)
    line = UnitRow(
        "province", "UBND tỉnh Phú Thọ", scores, whole_score, None, Decimal("-1.35"), None, "2026-07"
    )
    return line, tuple(table)


def _indicator_row(code: str, indicator: Indicator, added: Sequence[UnitComponent]) -> IndicatorRow | None:
    group = _indicators()[code][0]
    if code in _INHERITED:
        part, whole = map(Decimal, _INHERITED[code])
        figures = (part, whole, _ratio(part, whole), _score(code, _ratio(part, whole)))
    elif code == "4.x":
        figures = (None, None, Decimal(100), Decimal(2))
    elif code == "2.2":
        return IndicatorRow("component", code, group, indicator.name_vi, None, None, None, None, None,
                            value=Decimal("7.05"), value_unit="ngày")  # fmt: skip
    elif row := next((one for one in added if one.indicator_code == code), None):
        figures = (row.numerator, row.denominator, row.ratio_pct, row.score)
    else:
        return None
    return IndicatorRow(
        "component", code, group, indicator.name_vi, *figures, indicator.max_score,
        quality_flag=TEMPORARY_DENOMINATOR if code == "1.4" else None, inherited=indicator.inherited,
    )  # fmt: skip


def indicators_data(**changes: Any) -> AppendixData:
    """August 2026 of the portal, read after it had ended, compared with July."""
    line, table = _province()
    captures = tuple(
        Capture(
            group.code,
            1,
            READ_AT + timedelta(seconds=40 * place),
            f"{place:x}bc0123456789def" * 4,
            35590,
            None,
        )
        for place, group in enumerate(DECISION_GROUPS)
    )
    data = AppendixData(
        province_code="H44",
        period=Period.parse("2026-08"),
        snapshot=Snapshot("0b8f7c52-6a88-5c0e-8a76-6b0c50c51766", "national_portal", READ_AT, False, 37, 640, captures),
        groups=DECISION_GROUPS,
        province=line,
        indicators=table,
        units=_built()[0],
        national=NationalRank(19, 34, line.total, -2, "2026-07", READ_AT),
        quality=(
            QualityRow("check", "ratio_agrees", "warn", "passed", "0", "0", "Tỷ lệ khớp tử số/mẫu số."),
            QualityRow("check", "groups_sum", "warn", "warned", Decimal("0.03"), Decimal("0.02"), "Tổng sáu nhóm lệch 0,03."),
            QualityRow("flag", "1.4", "info", "warned", Decimal(35), None, "Cờ mẫu số tạm ở 35 đơn vị."),
            QualityRow("missing_unit", "H44.09", "warn", "warned", "không có", "2026-07", "Sở A không có trong kỳ này."),
        ),
        restatements=restatements(3),
    )  # fmt: skip
    return dataclasses.replace(data, **changes)


def restatements(count: int) -> tuple[Restatement, ...]:
    """The province's own total first, one that had no figure, then units."""
    later = READ_AT + timedelta(days=2)
    total_now = sum(_province()[0].group_scores, Decimal(0))
    own = (
        Restatement(
            "UBND tỉnh Phú Thọ", "TOTAL", "score", total_now - Decimal("0.32"), total_now, READ_AT, later
        ),
        Restatement("UBND xã Thu Cúc", "2.1", "score", None, Decimal("0"), READ_AT, later),
        Restatement("UBND xã Lai Đồng", "TOTAL", "presence", "present", "absent", READ_AT, later),
    )
    more = (
        Restatement(
            "UBND xã Cẩm Khê", "4.1", "numerator", Decimal(1200 + n), Decimal(1205 + n), READ_AT, later
        )
        for n in range(max(0, count - len(own)))
    )
    return (*own, *more)[:count]


def digitization_data(period_id: str = "2026-09", **changes: Any) -> DigitizationData:
    """The form of the window: a land office without figures, a commune that did not hand in."""
    figures = {
        block: [
            (name, _form(received, level)) for name, received, level in rows if received is not None
        ]
        for block, rows in (("department", _DEPARTMENTS), ("commune", _COMMUNES))
    }  # fmt: skip
    every = [values for rows in figures.values() for _, values in rows]
    data = DigitizationData(
        province_code="H44",
        window=window_of(Period.parse(period_id)),
        units=tuple(
            digitized(block, name, values) for block, rows in figures.items() for name, values in rows
        ),
        totals=(
            total(WHOLE_PROVINCE, every, 37, complete=False, missing_blocks=("land_office",)),
            total(
                "commune",
                [v for _, v in figures["commune"]],
                23,
                complete=False,
                missing_units=("UBND xã Lai Đồng",),
            ),
            total("department", [v for _, v in figures["department"]], 14),
        ),
        target_pct=TARGET,
        compared=(),
        quality=(
            QualityRow("check", "units_whole", "fail", "passed", "0", "0", "Mọi số đều nguyên, không âm."),
        ),
        files=(file(received_at=RECEIVED_AT, period_id=period_id),),
    )
    return dataclasses.replace(data, **changes)


def _form(received: int, level: int) -> tuple[int, ...]:
    digitized_parts, resolved = received * level // 100, received * 95 // 100
    with_result = resolved * min(100, level + 3) // 100
    return (received, received - digitized_parts, digitized_parts, digitized_parts * 6 // 10, digitized_parts // 4,
            resolved, resolved - with_result, with_result)  # fmt: skip


def group_results(data: AppendixData, changes: Sequence[str | None]) -> tuple[GroupResult, ...]:
    scores = data.province.group_scores if data.province else (None,) * 6
    return tuple(
        GroupResult(
            group.code, group.name, group.max_score, score, None if change is None else Decimal(change)
        )
        for group, score, change in zip(data.groups, scores, changes, strict=True)
    )


def trend(last: Period, total_now: Decimal | None, groups: Sequence[Decimal | None], points: int,
          *, provisional: bool = False) -> tuple[TrendPoint, ...]:  # fmt: skip
    """``points`` like periods ending with ``last``; the third one back was never read."""
    found = [TrendPoint(last, total_now, tuple(groups), provisional)]
    for step in range(1, points):
        lower = tuple(Decimal(one) + (step - 1) * Decimal("0.35") for one in CHANGES)
        period = found[-1].period.previous()
        parts = tuple(
            None if one is None or step == 3 else one - less for one, less in zip(groups, lower, strict=True)
        )
        whole = None if None in parts else sum((one for one in parts if one is not None), Decimal(0))
        found.append(TrendPoint(period, whole, parts, False))
    return tuple(reversed(found))


def ranking(total_now: Decimal | None) -> tuple[RankedProvince, ...]:
    """34 provinces of today, own on place 19; places 5 and 6 share their total: 5, 5, 7."""
    others = [one for one in load_provinces().values() if one.valid_to is None and one.code != "H44"]
    own = total_now or Decimal(60)
    totals = [own + Decimal(place) * Decimal("0.8") for place in range(18, 0, -1)]
    totals[5] = totals[4]
    totals += [own - Decimal(place) * Decimal("0.9") for place in range(1, 16)]
    lines = [
        RankedProvince(one.code, one.name, score, 1 + sum(other > score for other in (*totals, own)), False)
        for one, score in zip(others, totals, strict=True)
    ]
    lines.insert(18, RankedProvince("H44", "tỉnh Phú Thọ", own, 19, True))
    return tuple(lines)


# What inputs lacked when the draft was made, as etl.readiness says it; flags and running periods are in the figures.
GAPS = ("Khối Văn phòng đăng ký đất đai: chưa có số liệu số hóa hồ sơ của khối này.",)


def report(**changes: Any) -> Report:
    """September 2026, final: the portal's August beside digitization of 15/08 to 14/09."""
    data: AppendixData = changes.pop("indicators", None) or indicators_data()
    scores = data.province.group_scores if data.province else (None,) * 6
    total_now = data.province.total if data.province else None
    built = Report(
        names=NAMES,
        province_code="H44",
        period=Period.parse("2026-09"),
        stage=FINAL,
        window=window_of(Period.parse("2026-09")),
        due_on=date(2026, 9, 17),
        indicators=data,
        digitization=digitization_data(),
        groups=group_results(data, CHANGES),
        compared_period=Period.parse("2026-07"),
        trend=trend(data.period, total_now, scores, 8),
        components=_built()[1],
        ranking=ranking(total_now),
        gaps=GAPS,
    )
    return dataclasses.replace(built, **changes)


def earlier_release(count: int = 6, number: int = 1) -> EarlierRelease:
    """What went out before, and ``count`` values that the sources have changed since."""
    return EarlierRelease(number, datetime(2026, 9, 17, 8, 30, tzinfo=UTC), restatements(count))


def _running(period_id: str, compared: str | None, read_at: datetime) -> AppendixData:
    month = indicators_data()
    return dataclasses.replace(
        month,
        period=Period.parse(period_id),
        snapshot=dataclasses.replace(
            month.snapshot,
            provisional=True,
            captured_at=read_at,
            captures=tuple(dataclasses.replace(one, captured_at=read_at) for one in month.snapshot.captures),
        ),
        province=None if month.province is None else _against(month.province, compared),
        units=tuple(_against(one, compared) for one in month.units),
        national=NationalRank(19, 34, month.province.total if month.province else None,
                              None if compared is None else 1, compared, read_at),
        quality=tuple(row for row in month.quality if row.kind != "missing_unit"),
        restatements=(),
        moved_while_running=4210,
    )  # fmt: skip


def _against(row: UnitRow, compared: str | None) -> UnitRow:
    if compared is None or row.compared_period_id is None:
        return dataclasses.replace(row, total_change=None, rank_change=None, compared_period_id=None)
    return dataclasses.replace(row, compared_period_id=compared)


def quarter_report(**changes: Any) -> Report:
    """Quarter III/2026, read while the portal's quarter runs, compared with quarter II."""
    data = _running("2026-Q3", "2026-Q2", READ_AT)
    scores, whole = data.province.group_scores, data.province.total
    plain: dict[str, Any] = {
        "period": data.period, "window": window_of(data.period), "indicators": data,
        "digitization": digitization_data("2026-Q3"), "compared_period": Period.parse("2026-Q2"),
        "trend": trend(data.period, whole, scores, 3, provisional=True),
    }  # fmt: skip
    return report(**plain | changes)


def year_report(**changes: Any) -> Report:
    """The year 2026, read in December while it runs; 2025 is another series: nothing is compared."""
    read_at = datetime(2026, 12, 14, 21, 0, tzinfo=UTC)
    data = _running("2026", None, read_at)
    scores, whole = data.province.group_scores, data.province.total
    plain: dict[str, Any] = {
        "period": data.period, "window": window_of(data.period), "due_on": date(2026, 12, 17), "indicators": data,
        "digitization": digitization_data("2026", files=(file(received_at=read_at, period_id="2026"),)),
        "groups": group_results(data, (None,) * 6), "compared_period": None,
        "trend": trend(data.period, whole, scores, 1, provisional=True),
    }  # fmt: skip
    return report(**plain | changes)


def preliminary_report(**changes: Any) -> Report:
    """The target day fell before the window's cut-off: the letter goes out marked as preliminary."""
    return report(**{"stage": PRELIMINARY, "gaps": (*GAPS, "Kỳ số liệu số hóa chưa kết thúc.")} | changes)


def sample_report(**changes: Any) -> Report:
    """Read from the sandbox on this machine."""
    data = indicators_data()
    captures = tuple(
        dataclasses.replace(one, address="http://127.0.0.1:8000/evaluation") for one in data.snapshot.captures
    )
    snapshot = dataclasses.replace(data.snapshot, captures=captures)
    return report(**{"indicators": dataclasses.replace(data, snapshot=snapshot)} | changes)


def bare_report(**changes: Any) -> Report:
    """The least that can be reported: no rank, no comparison, no digitization, one group without a figure."""
    data = indicators_data(national=None, restatements=(), quality=())
    line = _against(data.province, None)
    line = dataclasses.replace(line, group_scores=(*line.group_scores[:5], None), total=None)
    data = dataclasses.replace(data, province=line, units=tuple(_against(one, None) for one in data.units))
    plain: dict[str, Any] = {
        "indicators": data, "digitization": None, "compared_period": None,
        "groups": group_results(data, (None,) * 6), "trend": trend(data.period, None, line.group_scores, 1),
        "ranking": (), "components": (), "gaps": (),
    }  # fmt: skip
    return report(**plain | changes)


def hostile_report(**changes: Any) -> Report:
    """``report()`` with hostile names on the best and worst units of each block, on components, gaps and changes."""
    plain = report(earlier=earlier_release(6))
    renamed: dict[tuple[str, str], str] = {}
    for block in ("department", "commune"):
        ranked = sorted(
            (one for one in plain.indicators.units if one.block == block and one.rank_in_block),
            key=lambda one: one.rank_in_block or 0,
        )
        edges = [*ranked[:6], *ranked[-5:]]
        renamed |= {(block, one.unit_name): name for one, name in zip(edges, HOSTILE_NAMES, strict=True)}

    def rename(block: str, name: str) -> str:
        return renamed.get((block, name), name)

    units = tuple(
        dataclasses.replace(u, unit_name=rename(u.block, u.unit_name)) for u in plain.indicators.units
    )
    table = tuple(
        dataclasses.replace(row, name=HOSTILE_NAMES[place % len(HOSTILE_NAMES)])
        if row.level == "component"
        else row
        for place, row in enumerate(plain.indicators.indicators)
    )
    moved = tuple(
        dataclasses.replace(one, unit_name=HOSTILE_NAMES[place % len(HOSTILE_NAMES)])
        for place, one in enumerate(plain.indicators.restatements)
    )
    form = plain.digitization
    built = dataclasses.replace(
        plain,
        names=dataclasses.replace(NAMES, office="Văn phòng <b>{{ office }}</b> & \x07 cộng sự"),
        indicators=dataclasses.replace(plain.indicators, units=units, indicators=table, restatements=moved),
        digitization=dataclasses.replace(
            form,
            units=tuple(dataclasses.replace(u, unit_name=rename(u.block, u.unit_name)) for u in form.units),
            totals=tuple(dataclasses.replace(t, missing_units=HOSTILE_NAMES[:3]) for t in form.totals),
        ),
        components=tuple(
            dataclasses.replace(c, unit_name=rename(c.block, c.unit_name)) for c in plain.components
        ),
        gaps=HOSTILE_NAMES,
        earlier=dataclasses.replace(
            plain.earlier,
            changes=tuple(
                dataclasses.replace(one, unit_name=name)
                for one, name in zip(restatements(len(HOSTILE_NAMES)), HOSTILE_NAMES, strict=True)
            ),
        ),
    )  # fmt: skip
    return dataclasses.replace(built, **changes)
