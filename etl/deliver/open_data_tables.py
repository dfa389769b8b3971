"""The rows of the open-data tables, taken from a ``Report`` value by value; nothing is computed here.

Which columns a table has, and what they mean, is data: ``open_data/tables.yml``.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from etl.deliver.appendix_data import GROUP_CODES, PROVINCE_BLOCK, IndicatorRow, QualityRow, Restatement
from etl.deliver.digitization_data import RATES, BlockTotals, DigitizationData, UnitFigures
from etl.deliver.open_data_text import Row, Value
from etl.deliver.report import Report
from etl.deliver.restatement_words import DIGITIZATION_CODE
from etl.sources.digitization import MEASURES

INDEX, DIGITIZATION = "index", "digitization"
_FILE = "FILE"
_NATIONAL = "NATIONAL"
_APART = "; "


def table_rows(report: Report, table: str) -> list[Row]:
    """The rows of one table in the report's order. Raises KeyError for a table nobody fills."""
    return list(_TABLES[table](report))


def table_names() -> tuple[str, ...]:
    """The tables that are filled."""
    return tuple(_TABLES)


def _stated(report: Report, period_id: str) -> dict[str, Value]:
    """What every row begins with, so that files of many reports can be stacked."""
    return {
        "province_code": report.province_code,
        "report_period_id": report.period.id,
        "report_stage": report.stage,
        "period_id": period_id,
    }


def _units(report: Report) -> Iterator[Row]:
    codes = _codes(report)
    province = report.indicators.province
    for unit in (*((province,) if province else ()), *report.indicators.units):
        own = unit.block == PROVINCE_BLOCK
        yield {
            **_stated(report, report.portal_period.id),
            "block": unit.block,
            "unit_code": report.province_code
            if own
            else unit.unit_code or codes.get((unit.block, unit.unit_name)),
            "unit_name": unit.unit_name,
            **_groups(unit.group_scores),
            "total": unit.total,
            "rank_in_block": unit.rank_in_block,
            "total_change": unit.total_change,
            "rank_change": unit.rank_change,
            "compared_period_id": unit.compared_period_id,
            "no_dossiers": unit.no_dossiers,
            "quality_flags": _APART.join(f"{code} {flag}" for code, flag in unit.flags) or None,
        }


def _codes(report: Report) -> Mapping[tuple[str, str], str]:
    """(block, name) → unit code, where the name is one unit's only: the scorecard itself has no codes."""
    found: defaultdict[tuple[str, str], set[str | None]] = defaultdict(set)
    for part in report.components:
        found[part.block, part.unit_name].add(part.unit_code)
    lines = [(unit.block, unit.unit_name) for unit in report.indicators.units]
    return {
        key: code
        for key, codes in found.items()
        if len(codes) == 1 and lines.count(key) == 1 and (code := next(iter(codes))) is not None
    }


def _flags(report: Report) -> Mapping[tuple[str, str, str], str]:
    """(block, name, indicator) → the portal's flags; of namesakes each bears the flags of all: rather one too many."""
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for unit in report.indicators.units:
        for code, flag in unit.flags:
            found[unit.block, unit.unit_name, code].add(flag)
    return {key: _APART.join(sorted(flags)) for key, flags in found.items()}


def _components(report: Report) -> Iterator[Row]:
    province, flags = report.indicators.province, _flags(report)
    for row in report.indicators.indicators:
        change, against = _change(report, row)
        yield {
            **_stated(report, report.portal_period.id),
            "block": PROVINCE_BLOCK,
            "unit_code": report.province_code,
            "unit_name": province.unit_name if province else report.names.province,
            "level": row.level,
            "indicator_code": row.indicator_code,
            "group_code": row.group_code,
            "indicator_name": row.name,
            "numerator": row.numerator,
            "denominator": row.denominator,
            "ratio_pct": row.ratio_pct,
            "score": row.score,
            "max_score": row.max_score,
            "score_change": change,
            "compared_period_id": against,
            "value": row.value,
            "value_unit": row.value_unit,
            "quality_flag": row.quality_flag,
            "inherited": row.inherited,
        }
    for part in report.components:
        yield {
            **_stated(report, report.portal_period.id),
            "block": part.block,
            "unit_code": part.unit_code,
            "unit_name": part.unit_name,
            "level": "component",
            "indicator_code": part.indicator_code,
            "group_code": part.group_code,
            "indicator_name": part.name,
            "numerator": part.numerator,
            "denominator": part.denominator,
            "ratio_pct": part.ratio_pct,
            "score": part.score,
            "max_score": part.max_score,
            "score_change": None,
            "compared_period_id": None,
            "value": None,
            "value_unit": None,
            "quality_flag": flags.get((part.block, part.unit_name, part.indicator_code)),
            "inherited": False,
        }


def _change(report: Report, row: IndicatorRow) -> tuple[Decimal | None, str | None]:
    """Change of the province's total or group, and the period it is against."""
    line = report.indicators.province
    if row.level == "total" and line is not None:
        return line.total_change, line.compared_period_id
    if row.level == "group" and report.compared_period is not None:
        change = next((one.change for one in report.groups if one.code == row.indicator_code), None)
        return change, None if change is None else report.compared_period.id
    return None, None


def _ranking(report: Report) -> Iterator[Row]:
    national = report.indicators.national
    for line in report.ranking:
        stated = _stated(report, report.portal_period.id)
        yield {
            "reporting_province_code": stated.pop("province_code"),
            **stated,
            "province_code": line.province_code,
            "province_name": line.province_name,
            "total": line.total,
            "rank": line.rank,
            "rank_change": national.rank_change if national and line.own else None,
            "compared_period_id": national.compared_period_id if national and line.own else None,
            "own": line.own,
            "captured_at": national.captured_at if national else None,
        }


def _window(report: Report, data: DigitizationData) -> dict[str, Value]:
    return {
        **_stated(report, data.window.period.id),
        "period_start": data.window.first,
        "period_end": data.window.last,
        "window_kind": data.window.kind,
    }


def _figures(row: UnitFigures | BlockTotals) -> dict[str, Value]:
    return {
        **{name: row.measures.get(name) for name in MEASURES},
        **{name: row.rates.get(name) for name in RATES},
        "met_target": row.met_target,
    }


def _digitization(report: Report) -> Iterator[Row]:
    data = report.digitization
    if data is None:
        return
    for unit in data.units:
        yield {
            **_window(report, data),
            "block": unit.block,
            "unit_code": unit.unit_code,
            "unit_name": unit.unit_name,
            **_figures(unit),
            "target_pct": data.target_pct,
            "basis": unit.basis,
            "provisional": unit.provisional,
        }


def _digitization_totals(report: Report) -> Iterator[Row]:
    data = report.digitization
    if data is None:
        return
    for total in data.totals:
        yield {
            **_window(report, data),
            "block": total.block,
            **_figures(total),
            "target_pct": data.target_pct,
            "units": total.units,
            "expected_units": total.expected_units,
            "complete": total.complete,
            "missing_units": _APART.join(total.missing_units) or None,
            "missing_blocks": _APART.join(total.missing_blocks) or None,
        }


def _trend(report: Report) -> Iterator[Row]:
    for point in report.trend:
        yield {
            **_stated(report, point.period.id),
            "total": point.total,
            **_groups(point.groups),
            "provisional": point.provisional,
        }


def _groups(scores: tuple[Decimal | None, ...]) -> dict[str, Value]:
    return {code.lower(): score for code, score in zip(GROUP_CODES, scores, strict=True)}


def _quality(report: Report) -> Iterator[Row]:
    for row in report.indicators.quality:
        yield _matter(_stated(report, report.portal_period.id), INDEX, row)
    if report.digitization is not None:
        for row in report.digitization.quality:
            yield _matter(_stated(report, report.digitization.window.period.id), DIGITIZATION, row)


def _matter(stated: dict[str, Value], part: str, row: QualityRow) -> Row:
    return {
        **stated,
        "data_part": part,
        "kind": row.kind,
        "subject": row.subject or None,
        "severity": row.severity,
        "state": row.state,
        "observed": _text(row.observed),
        "expected": _text(row.expected),
        "detail_vi": row.detail or None,
    }


def _text(value: Decimal | str | None) -> str | None:
    return format(value, "f") if isinstance(value, Decimal) else value


def restated_besides(report: Report) -> tuple[Restatement, ...]:
    """Restatements in all less those since the earlier release; of lines alike (namesakes) as many as there are."""
    recent = Counter(report.earlier.changes if report.earlier else ())
    others = []
    for row in report.indicators.restatements:
        if recent[row] > 0:
            recent[row] -= 1
        else:
            others.append(row)
    return tuple(others)


def _restated(report: Report) -> Iterator[Row]:
    """Changes since the earlier release first, then what else was restated; each once."""
    recent, number = (report.earlier.changes, report.earlier.number) if report.earlier else ((), None)
    for place, row in enumerate((*recent, *restated_besides(report))):
        yield {
            **_stated(report, _period_of(report, row)),
            "unit_code": row.unit_code,
            "unit_name": row.unit_name,
            "indicator_code": row.indicator_code,
            "field": row.field,
            "old_value": _text(row.old_value),
            "new_value": _text(row.new_value),
            "old_captured_at": row.old_captured_at,
            "new_captured_at": row.new_captured_at,
            "since_release": number if place < len(recent) else None,
        }


def _period_of(report: Report, row: Restatement) -> str:
    of_report = report.window.period if row.indicator_code == DIGITIZATION_CODE else report.portal_period
    return row.period_id or of_report.id


def _sources(report: Report) -> Iterator[Row]:
    snapshot = report.indicators.snapshot
    for capture in snapshot.captures:
        yield {
            **_stated(report, report.portal_period.id),
            "data_part": INDEX,
            "snapshot_id": snapshot.snapshot_id,
            "source": snapshot.source,
            "provisional": snapshot.provisional,
            "rows": snapshot.rows,
            "rows_quarantined": None,
            "group_code": capture.group_code,
            "page": capture.page,
            "endpoint": capture.endpoint,
            "captured_at": capture.captured_at,
            "sha256": capture.sha256,
            "size_bytes": capture.size_bytes,
        }
    national = report.indicators.national
    if national is not None and national.capture_sha256 is not None:
        yield {
            **_stated(report, report.portal_period.id),
            "data_part": INDEX,
            "snapshot_id": national.snapshot_id,
            "source": snapshot.source,
            "provisional": None,
            "rows": None,
            "rows_quarantined": None,
            "group_code": _NATIONAL,
            "page": None,
            "endpoint": None,
            "captured_at": national.captured_at,
            "sha256": national.capture_sha256,
            "size_bytes": None,
        }
    for file in report.digitization.files if report.digitization else ():
        yield {
            **_stated(report, file.period_id),
            "data_part": DIGITIZATION,
            "snapshot_id": file.snapshot_id,
            "source": file.source,
            "provisional": file.provisional,
            "rows": file.rows_published,
            "rows_quarantined": file.rows_quarantined,
            "group_code": _FILE,
            "page": None,
            "endpoint": None,
            "captured_at": file.received_at,
            "sha256": file.sha256,
            "size_bytes": file.size_bytes,
        }


_TABLES: Mapping[str, Callable[[Report], Iterator[Row]]] = {
    "chi_so_don_vi": _units,
    "chi_so_thanh_phan": _components,
    "xep_hang_tinh": _ranking,
    "so_hoa": _digitization,
    "so_hoa_khoi": _digitization_totals,
    "xu_huong": _trend,
    "chat_luong": _quality,
    "dinh_chinh": _restated,
    "nguon": _sources,
}
