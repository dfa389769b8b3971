"""The open-data package of one report period: every table as CSV and JSON, described, licensed and checksummed.

A Frictionless Data Package (https://specs.frictionlessdata.io/data-package/). The numbers are those of the
``Report``, digit by digit; texts, licence and sources are in ``open_data/package.yml``, columns in
``open_data/tables.yml``, the read-me in ``open_data/doc-toi.txt``.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from typing import Any

import yaml

from etl.deliver.appendix_words import is_trial
from etl.deliver.digitization_words import days_vi
from etl.deliver.open_data_tables import table_names, table_rows
from etl.deliver.open_data_text import Row, csv_bytes, document_bytes, json_bytes, time_text, visible
from etl.deliver.report import PRELIMINARY, Report
from etl.deliver.sheet_text import number_vi, time_vi
from etl.errors import Terminal

DESCRIPTOR, CHECKSUMS, READ_ME = "datapackage.json", "SHA256SUMS", "DOC-TOI.txt"
_TEXTS = Path(__file__).parent / "open_data"
_BYTE_ORDER_MARK = "\ufeff"  # old Notepads take a text file without it for the machine's code page
_LINE = 100
_TYPES = frozenset(("string", "number", "integer", "boolean", "date", "datetime"))


@dataclass(frozen=True)
class Table:
    """One table as described in ``tables.yml``; ``fields`` are Table Schema field descriptors in column order."""

    name: str
    title: str
    description: str
    fields: tuple[Mapping[str, Any], ...]
    primary_key: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(field["name"] for field in self.fields)


def render_open_data(report: Report) -> dict[str, bytes]:
    """File name → content of the whole package; the same report gives the same bytes.

    Two files a table (``<name>.csv``, ``<name>.json``), ``datapackage.json``, ``DOC-TOI.txt`` (read me) and
    ``SHA256SUMS`` over all the others. A table without rows is there with its header, so that packages of many
    periods can be stacked. Raises Terminal where a description and its table do not fit each other.
    """
    package = _package()
    rows = {table.name: _checked(table, table_rows(report, table.name)) for table in load_tables()}
    files: dict[str, bytes] = {}
    resources: list[dict[str, Any]] = []
    for table in load_tables():
        as_csv, as_json = (make(table.columns, rows[table.name]) for make in (csv_bytes, json_bytes))
        files |= {f"{table.name}.csv": as_csv, f"{table.name}.json": as_json}
        resources += [_csv_resource(table, as_csv), _json_resource(table, as_json)]
    files[DESCRIPTOR] = document_bytes(_descriptor(report, package, resources))
    files[READ_ME] = _read_me(report, package, {name: len(found) for name, found in rows.items()})
    files[CHECKSUMS] = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(files.items())
    ).encode("ascii")
    return files


@cache
def load_tables() -> tuple[Table, ...]:
    """The tables as ``tables.yml`` describes them. Raises Terminal where it describes a column or table badly."""
    told = _read_yaml("tables.yml")
    tables = tuple(_table(one, told["fields"]) for one in told["tables"])
    if {table.name for table in tables} != set(table_names()):
        raise Terminal(
            f"tables.yml describes {sorted(t.name for t in tables)}, but the tables are {sorted(table_names())}",
            f"describe each table once in {_TEXTS / 'tables.yml'}",
        )
    return tables


def _read_yaml(name: str) -> dict[str, Any]:
    path = _TEXTS / name
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Terminal(f"{path} cannot be read: {error}", "mend the file or restore it") from error
    if not isinstance(told, dict):
        raise Terminal(f"{path} holds no mapping", "mend the file or restore it")
    return told


@cache
def _package() -> dict[str, Any]:
    return _read_yaml("package.yml")


def _table(told: Mapping[str, Any], shared: Mapping[str, Any]) -> Table:
    fields = tuple(_field(one, shared) for one in told["fields"])
    key = tuple(told.get("primaryKey", ()))
    names = [field["name"] for field in fields]
    if lost := sorted(set(key) - set(names)) or sorted({name for name in names if names.count(name) > 1}):
        raise Terminal(
            f"table {told['name']} of tables.yml names {', '.join(lost)} wrongly",
            "a column stands once in its table, and a primary key is made of its columns",
        )
    return Table(told["name"], told["title"], told["description"], fields, key)


def _field(told: str | Mapping[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    name = told if isinstance(told, str) else told["name"]
    merged = {**shared.get(name, {}), **({} if isinstance(told, str) else told), "name": name}
    if merged.get("type") not in _TYPES or not merged.get("title") or not merged.get("description"):
        raise Terminal(
            f"tables.yml does not say title, description and a known type of the column {name}",
            f"describe it under fields in {_TEXTS / 'tables.yml'}; types: {', '.join(sorted(_TYPES))}",
        )
    required = merged.pop("required", False)
    escaping = f" {_package()['escaping_of_column']}" if merged["type"] == "string" else ""
    field = {key: merged[key] for key in ("name", "type", "title")}
    field["description"] = merged["description"] + escaping
    if unit := merged.get("unit"):
        field["unit"] = unit
    if required:
        field["constraints"] = {"required": True}
    return field


def _checked(table: Table, rows: Sequence[Row]) -> Sequence[Row]:
    for row in rows:
        if differ := row.keys() ^ set(table.columns):
            raise Terminal(
                f"table {table.name} and its description differ in {', '.join(sorted(differ))}",
                f"columns of {_TEXTS / 'tables.yml'} are those etl/deliver/open_data_tables.py fills",
            )
    return rows


def _resource(name: str, path: str, content: bytes) -> dict[str, Any]:
    return {
        "name": name,
        "path": path,
        "encoding": "utf-8",
        "bytes": len(content),
        "hash": f"sha256:{hashlib.sha256(content).hexdigest()}",
    }


def _csv_resource(table: Table, content: bytes) -> dict[str, Any]:
    schema: dict[str, Any] = {"fields": list(table.fields), "missingValues": [""]}
    if table.primary_key:
        schema["primaryKey"] = list(table.primary_key)
    return _resource(table.name, f"{table.name}.csv", content) | {
        "profile": "tabular-data-resource",
        "format": "csv",
        "mediatype": "text/csv",
        "title": table.title,
        "description": table.description,
        "dialect": {
            "delimiter": ",",
            "lineTerminator": "\r\n",
            "quoteChar": '"',
            "doubleQuote": True,
            "header": True,
        },
        "schema": schema,
    }


def _json_resource(table: Table, content: bytes) -> dict[str, Any]:
    """The same table for programs; its schema is the CSV's, which validators read without a further module."""
    return _resource(f"{table.name}-json", f"{table.name}.json", content) | {
        "profile": "data-resource",
        "format": "json",
        "mediatype": "application/json",
        "title": f"{table.title} (JSON)",
        "description": f"{table.description} Cùng nội dung, cùng cột với {table.name}.csv; văn bản giữ nguyên văn.",
    }


def _descriptor(
    report: Report, package: Mapping[str, Any], resources: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    licence = package["licence"]
    return {
        "profile": "data-package",
        "name": f"bo-chi-so-{report.province_code}-{report.period.id}".lower(),
        "title": _title(report, package),
        "description": _filled(package["description"], report),
        "created": time_text(report.stated_at),
        "keywords": list(package["keywords"]),
        "licenses": [{key: licence[key] for key in ("name", "title", "path") if licence.get(key)}],
        "sources": _sources(report, package),
        "contributors": [{"title": report.names.office, "role": "publisher"}],
        "province_code": report.province_code,
        "report_period_id": report.period.id,
        "report_stage": report.stage,
        "index_period_id": report.portal_period.id,
        "digitization_window": {
            "kind": report.window.kind,
            "first_day": report.window.first.isoformat(),
            "last_day": report.window.last.isoformat(),
        },
        "sample": report.is_sample,
        "csv_escaping": package["escaping"],
        "notes": list(report.gaps),
        "resources": list(resources),
    }


def _filled(text: str, report: Report) -> str:
    """Placeholders replaced one by one: braces in a name stay what they are."""
    for key, value in (
        ("{portal_period}", report.portal_period.label_vi),
        ("{period}", report.period.label_vi),
        ("{province}", report.names.province),
    ):
        text = text.replace(key, value)
    return text


def _title(report: Report, package: Mapping[str, Any]) -> str:
    title = _filled(package["title"], report)
    if report.stage == PRELIMINARY:
        title += " (số liệu sơ bộ)"
    return f"SỐ LIỆU MẪU, không phải số liệu chính thức: {title}" if report.is_sample else title


def _sources(report: Report, package: Mapping[str, Any]) -> list[dict[str, str]]:
    form = report.digitization
    used = {report.indicators.snapshot.source: is_trial(report.indicators)}
    used |= {file.source: form.is_sample for file in form.files} if form else {}
    told = package["sources"]
    named = [
        package["sample_source"] if sample else told.get(source, {"title": source})
        for source, sample in used.items()
    ]
    return [dict(one) for place, one in enumerate(named) if one not in named[:place]]


def _read_me(report: Report, package: Mapping[str, Any], counts: Mapping[str, int]) -> bytes:
    licence = package["licence"]
    title = visible(_title(report, package))
    files = [f"{one.name:<20} {one.title} ({number_vi(counts[one.name])} dòng)" for one in load_tables()]
    sources = [
        f"{one['title']} ({one['path']})" if "path" in one else one["title"]
        for one in _sources(report, package)
    ]
    early = "SỐ LIỆU SƠ BỘ: kỳ số liệu chưa kết thúc, số liệu còn thay đổi.\n\n"
    text = Template((_TEXTS / "doc-toi.txt").read_text(encoding="utf-8")).substitute(
        title=title,
        rule="=" * min(len(title), _LINE),
        warnings=early if report.stage == PRELIMINARY else "",
        description=f"{_wrapped(_filled(package['description'], report))}\n{_days(report)}",
        tables="\n".join(files),
        escaping=_wrapped(package["escaping"], "- "),
        notes="\nNHỮNG ĐIỀU CẦN BIẾT VỀ SỐ LIỆU KỲ NÀY\n"
        + "".join(f"{_wrapped(gap, '- ')}\n" for gap in report.gaps)
        if report.gaps
        else "",
        sources="\n".join(_wrapped(one, "- ") for one in sources),
        stated_at=time_vi(report.stated_at),
        licence=f"{licence['title']} ({licence['name']})"
        + (f": {licence['path']}" if licence.get("path") else ""),
        office=visible(report.names.office),
    )
    return (_BYTE_ORDER_MARK + text).replace("\n", "\r\n").encode("utf-8")


def _days(report: Report) -> str:
    """Which days the two parts of the figures are about."""
    form = days_vi(report.window.first, report.window.last) if report.digitization else "chưa có số liệu"
    return f"Kỳ số liệu Bộ chỉ số: {report.portal_period.label_vi}. Kỳ số liệu số hóa hồ sơ: {form}."


def _wrapped(text: str, bullet: str = "") -> str:
    """One paragraph of the read-me in lines of at most 100 characters; words are never broken."""
    return textwrap.fill(
        visible(text), _LINE, initial_indent=bullet, subsequent_indent=" " * len(bullet),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
