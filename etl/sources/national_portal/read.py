"""From archived bytes to the tidy table. No network, no clock, no warehouse.

The map from a reply's fields to indicators is ``columns.csv``; the shapes are
``contract.py``. What does not fit becomes a refused cell with its place, its value and a
sentence for the person who must mend it; the rest of the reply goes on.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from etl.archive import Archive, Capture
from etl.reference.units import COUNTRY_PORTAL_ID
from etl.sources.bundle import Bundle
from etl.sources.national_portal.client import parse_json
from etl.sources.national_portal.contract import SHAPES, Metric, MetricEntity
from etl.sources.national_portal.room import COUNTRY
from etl.sources.tidy import REJECTED, TIDY, ReadResult, table_of

# Raise it whenever the same bytes would give other rows: it is part of the snapshot's id.
READER = "national_portal/1"

_IDENTITY = {"departmentId", "departmentName", "departmentCode"}
_METRIC_FIELDS = {
    "code",
    "name",
    "numerator",
    "denominator",
    "ratio",
    "score",
    "maxScore",
    "dataQualityStatus",
}
_MEASURES = ("numerator", "denominator", "ratio", "score", "max_score", "value")

# A power of ten that int() may still write out; far beyond what any field of the portal holds.
_LONGEST_NUMBER = 30

_BLOCKS = {
    "PROVINCE": "province",
    "PROVINCIAL_DEPARTMENT": "department",
    "COMMUNE_PEOPLE_COMMITTEE": "commune",
}
_BLOCK_OF_LEVEL = {"PROVINCE": "department", "COMMUNE": "commune"}


@dataclass(frozen=True)
class _Mapping:
    """One line of columns.csv: where the measures of an indicator stand in an entity."""

    indicator: str
    level: str
    portal_code: str | None
    fields: Mapping[str, tuple[str, ...]]


@cache
def load_columns() -> dict[tuple[str, str], tuple[_Mapping, ...]]:
    """``columns.csv`` by (group, entity); an ``any`` line serves root and unit alike."""
    table: dict[tuple[str, str], list[_Mapping]] = {}
    path = Path(__file__).parent / "columns.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        for line in csv.DictReader(handle):
            indicator = line["indicator"]
            mapping = _Mapping(
                indicator=indicator,
                level="total" if indicator == "TOTAL" else ("group" if indicator in SHAPES else "component"),
                portal_code=line["portal_code"] or None,
                fields={name: tuple(line[name].split("+")) for name in _MEASURES if line[name]},
            )
            entities = ("root", "unit") if line["entity"] == "any" else (line["entity"],)
            for entity in entities:
                table.setdefault((line["group"], entity), []).append(mapping)
    return {key: tuple(value) for key, value in table.items()}


def read_bundle(archive: Archive, bundle: Bundle) -> ReadResult:
    """Every accepted capture of a bundle as one tidy table, rows in the order of the replies.

    Raises Terminal when the archive has lost bytes; everything inside them that does not
    fit the contract is a refused row, never an exception.
    """
    collector = _Collector()
    for capture in bundle.captures:
        data = parse_json(archive.get(capture.sha256))["data"]
        if capture.scope == COUNTRY:
            _read_national(collector, capture, data)
        else:
            _read_group(collector, capture, data)
    collector.name_units()
    return collector.result()


class _Collector:
    """Rows and refusals as they come, and what is known of each unit across the groups."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []
        self.records_refused: set[tuple[str, str]] = set()
        self.units: dict[str, dict[str, Any]] = {}

    def refuse(
        self, capture: Capture, locator: str, column: str, value: Any, rule: str, message_vi: str, record: Any
    ) -> None:
        self.records_refused.add((capture.sha256, locator))
        self.rejected.append(
            {
                "capture_sha256": capture.sha256,
                "locator": locator,
                "column_name": _text(column),
                "value": None if value is None else _text(value),
                "rule": rule,
                "severity": "fail",
                "message_vi": _text(message_vi),
                "row_data": _text(record),
            }
        )

    def refuse_invalid(self, capture: Capture, locator: str, error: ValidationError, record: Any) -> None:
        for problem in error.errors(include_url=False):
            column = ".".join(str(part) for part in problem["loc"]) or "(record)"
            value = problem.get("input")
            shown = "thiếu" if problem["type"] == "missing" else f"là {_text(value)[:80]}"
            self.refuse(
                capture,
                locator,
                column,
                None if problem["type"] == "missing" else value,
                "contract",
                f"Trường {column} {shown}, không đúng dạng Cổng đã công bố ({problem['msg']}). "
                "Đề nghị đối chiếu trên Cổng và báo đơn vị vận hành Cổng; hệ thống không tự sửa.",
                record,
            )

    def see_unit(self, capture: Capture, entity: Mapping[str, Any], block: str) -> str:
        portal_id = str(entity["departmentId"]).lower()
        known = self.units.setdefault(
            portal_id, {"unit_name": entity["departmentName"], "unit_code": None, "block": block}
        )
        known["unit_code"] = known["unit_code"] or entity.get("departmentCode")
        return portal_id

    def add(self, capture: Capture, group: str, portal_id: str, row: dict[str, Any]) -> None:
        self.rows.append(
            row
            | {
                "row_no": len(self.rows),
                "group_code": group,
                "portal_id": portal_id,
                "capture_id": str(capture.capture_id),
                "capture_sha256": capture.sha256,
            }
        )

    def name_units(self) -> None:
        """Give every row its unit's name (first group that has it) and code (only trees and digitization have one)."""
        for row in self.rows:
            row |= self.units[row["portal_id"]]

    def result(self) -> ReadResult:
        return ReadResult(
            tidy=table_of(self.rows, TIDY),
            rejected=table_of(self.rejected, REJECTED),
            rows_read=len(self.rows) + len(self.records_refused),
        )


def _read_group(collector: _Collector, capture: Capture, data: Mapping[str, Any]) -> None:
    group = capture.group_code
    root_shape, unit_shape, root_place, unit_place = SHAPES[group]
    beside = {key: value for key, value in data.items() if key not in (root_place, unit_place, "pagination")}
    if capture.page == 1:  # every page repeats the root; once is enough
        _read_entity(collector, capture, f"$.data.{root_place}", data[root_place], root_shape, "root", beside)
    ids = Counter(str(unit.get("departmentId")).lower() for unit in data[unit_place])
    seen: set[str] = set()
    for index, unit in enumerate(data[unit_place]):
        locator = f"$.data.{unit_place}[{index}]"
        identity = str(unit.get("departmentId")).lower()
        if ids[identity] > 1 and identity in seen:
            collector.refuse(
                capture,
                locator,
                "departmentId",
                identity,
                "unit_once",
                f"Đơn vị {unit.get('departmentName')} xuất hiện nhiều lần trong nhóm {group}; chỉ lần đầu được dùng.",
                unit,
            )
            continue
        seen.add(identity)
        _read_entity(collector, capture, locator, unit, unit_shape, "unit", {})


def _read_entity(
    collector: _Collector,
    capture: Capture,
    locator: str,
    raw: Any,
    shape: type[BaseModel],
    entity_kind: str,
    beside: Mapping[str, Any],
) -> None:
    group = capture.group_code
    try:
        entity = shape.model_validate(raw).model_dump()
    except ValidationError as error:
        collector.refuse_invalid(capture, locator, error, raw)
        return
    block = "province" if entity_kind == "root" else _block_of(entity)
    if block is None:
        place = "departmentType" if "departmentType" in entity else "level"
        collector.refuse(
            capture,
            locator,
            place,
            entity.get(place),
            "block_known",
            f"Cấp đơn vị {entity.get(place)} của {entity['departmentName']} chưa có trong danh mục; "
            "đề nghị bổ sung danh mục rồi nạp lại.",
            raw,
        )
        return
    portal_id = collector.see_unit(capture, entity, block)
    for mapping in load_columns()[(group, entity_kind)]:
        row = _measures(entity, mapping) | {"locator": locator}
        if mapping.level == "group":
            used = {field for fields in mapping.fields.values() for field in fields}
            known = _IDENTITY | used | ({"metrics"} if shape is MetricEntity else set())
            rest = {key: value for key, value in entity.items() if key not in known}
            row["attributes"] = _text(rest | dict(beside)) if rest or beside else None
        collector.add(capture, group, portal_id, row)
    for index, metric in enumerate(entity["metrics"] if shape is MetricEntity else ()):
        _read_metric(collector, capture, f"{locator}.metrics[{index}]", portal_id, metric)


def _read_metric(collector: _Collector, capture: Capture, locator: str, portal_id: str, raw: Any) -> None:
    group = capture.group_code
    try:
        metric = Metric.model_validate(raw).model_dump()
    except ValidationError as error:
        collector.refuse_invalid(capture, locator, error, raw)
        return
    mapping = next(
        (item for item in load_columns()[(group, "metric")] if item.portal_code == metric["code"]), None
    )
    if mapping is None:
        collector.refuse(
            capture,
            locator,
            "code",
            metric["code"],
            "indicator_known",
            f"Cổng công bố chỉ số {metric['code']} ({metric['name']}) chưa có trong danh mục; "
            "đề nghị cập nhật etl/reference/indicators.yml và columns.csv rồi nạp lại.",
            raw,
        )
        return
    rest = {key: value for key, value in metric.items() if key not in _METRIC_FIELDS and value is not None}
    row = _measures(metric, mapping) | {
        "locator": locator,
        "quality_flag": metric["dataQualityStatus"],
        "attributes": _text(rest) if rest else None,
    }
    collector.add(capture, group, portal_id, row)


def _read_national(collector: _Collector, capture: Capture, data: Mapping[str, Any]) -> None:
    overview_shape, province_shape, overview_place, list_place = SHAPES[capture.group_code]
    locator = f"$.data.{overview_place}"
    beside = {key: value for key, value in data.items() if key not in (overview_place, list_place)}
    try:
        overview = overview_shape.model_validate(data.get(overview_place)).model_dump()
    except ValidationError as error:
        collector.refuse_invalid(capture, locator, error, data.get(overview_place))
    else:
        mappings = load_columns()[(capture.group_code, "country")]
        used = {field for item in mappings for fields in item.fields.values() for field in fields}
        rest = {key: value for key, value in overview.items() if key not in _IDENTITY | used}
        country = overview | {"departmentId": COUNTRY_PORTAL_ID, "departmentCode": COUNTRY}
        portal_id = collector.see_unit(capture, country, "country")
        for mapping in mappings:
            collector.add(
                capture,
                mapping.indicator,
                portal_id,
                _measures(overview, mapping) | {"locator": locator, "attributes": _text(rest | beside)},
            )
    for index, raw in enumerate(data[list_place]):
        locator = f"$.data.{list_place}[{index}]"
        try:
            province = province_shape.model_validate(raw).model_dump()
        except ValidationError as error:
            collector.refuse_invalid(capture, locator, error, raw)
            continue
        portal_id = collector.see_unit(capture, province, "province")
        for mapping in load_columns()[(capture.group_code, "province")]:
            row = _measures(province, mapping) | {"locator": locator}
            if mapping.level == "group":
                if row["score"] is None:  # a group code the reply does not have is no row, not a zero
                    continue
                row["locator"] = f"{locator}.groupScores.{mapping.indicator}"
            else:
                row["attributes"] = _text(_national_rest(province))
            collector.add(capture, mapping.indicator, portal_id, row)


def _national_rest(province: Mapping[str, Any]) -> dict[str, Any]:
    """What a province's entry holds besides the columns, group codes nobody knows included."""
    known = {"ratio", "totalScore", "groupScores"} | _IDENTITY
    rest = {"scoreDelta": None} | {key: value for key, value in province.items() if key not in known}
    strange = {key: value for key, value in province["groupScores"].items() if key not in SHAPES}
    return rest | ({"groupScores": strange} if strange else {})


def _block_of(entity: Mapping[str, Any]) -> str | None:
    if "departmentType" in entity:
        block = _BLOCKS.get(entity["departmentType"])
        return block if block != "province" else None
    return _BLOCK_OF_LEVEL.get(entity["level"])


def _measures(entity: Mapping[str, Any], mapping: _Mapping) -> dict[str, Any]:
    """The measures of one indicator; a sum with a missing part is missing."""
    row: dict[str, Any] = {
        "indicator_code": mapping.indicator,
        "level": mapping.level,
        "portal_code": mapping.portal_code,
    }
    for measure, fields in mapping.fields.items():
        parts = [_dig(entity, field) for field in fields]
        total = None if any(part is None for part in parts) else sum(parts[1:], start=parts[0])
        row["ratio_pct" if measure == "ratio" else measure] = total
    return row


def _dig(entity: Mapping[str, Any], path: str) -> Any:
    value: Any = entity
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str:
    """A value as JSON text; a string as itself. What no database can keep is written as its escape."""
    if isinstance(value, str | Decimal):
        return _storable(str(value))
    text = json.dumps(value, ensure_ascii=False, default=_json_number)
    if _storable(text) != text or "\\u0000" in text:
        text = json.dumps(_storable_parts(value), ensure_ascii=False, default=_json_number)
    return text


def _storable(text: str) -> str:
    """Lone surrogates and U+0000 as the six characters of their JSON escape; all else unchanged."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\x00", "\\u0000")


def _storable_parts(value: Any) -> Any:
    if isinstance(value, str):
        return _storable(value)
    if isinstance(value, dict):
        return {_storable_parts(key): _storable_parts(item) for key, item in value.items()}
    return [_storable_parts(item) for item in value] if isinstance(value, list) else value


def _json_number(value: Any) -> Any:
    if isinstance(value, Decimal):
        if abs(value.adjusted()) > _LONGEST_NUMBER:  # 1e999999999 must not be written out
            return str(value)
        if value == value.to_integral_value():
            return int(value)
        near = float(value)
        return near if Decimal(repr(near)) == value else str(value)
    return str(value)
