"""Form layouts as versioned data: the shipped templates, a province's own, and which is in force when.

A layout says which header text stands over which measure; a column's number alone says nothing
(docs/decisions/0002-columns-9-and-10.md). The keys are explained in ``templates/so_hoa_10_cot.yml``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from etl.errors import Terminal, UnknownName
from etl.sources.digitization import BLOCKS, MEASURES
from etl.sources.digitization_form.words import fold

_SHIPPED = Path(__file__).parent / "templates"
_COMMON = _SHIPPED / "common.yml"
_FOREIGN = _SHIPPED / "foreign"

_Model = TypeVar("_Model", bound=BaseModel)
Role = Literal["stt", "unit", "unit_code", "rate", "verdict", "ignored"]
WindowKind = Literal["days", "month", "quarter", "half", "year"]
_GROUPS: dict[str, set[str]] = {
    "days": {"d1", "m1", "d2", "m2", "y2"},
    "month": {"month", "year"},
    "quarter": {"quarter", "year"},
    "half": {"half", "year"},
    "year": {"year"},
}


def _paths(value: Any) -> Any:
    """One text is a header of one cell; a list is a header from the top cell to the bottom one."""
    if isinstance(value, list | tuple):
        return tuple((item,) if isinstance(item, str) else tuple(item) for item in value)
    return value


HeaderPath = Annotated[tuple[str, ...], Field(min_length=1)]
Headers = Annotated[tuple[HeaderPath, ...], BeforeValidator(_paths), Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Rate(_Strict):
    """What a stated rate should be: 100 x numerator / (sum of the denominator's measures)."""

    name: str
    numerator: str
    denominator: tuple[str, ...]

    @model_validator(mode="after")
    def _of_measures(self) -> Rate:
        for name in (self.numerator, *self.denominator):
            if name not in MEASURES:
                raise ValueError(f"'{name}' is no measure; measures are {', '.join(MEASURES)}")
        return self


class Column(_Strict):
    """One column: its printed number, every header it is known by (top to bottom), and what it holds."""

    column_no: int | None = Field(default=None, ge=1, le=99)
    headers: Headers
    measure: str | None = None
    role: Role | None = None
    rate: Rate | None = None
    unit: Literal["count", "percent"] | None = None
    required: bool = True

    @model_validator(mode="after")
    def _says_what_it_holds(self) -> Column:
        if (self.measure is None) == (self.role is None):
            raise ValueError("a column has either a measure or a role")
        if self.measure is not None and self.measure not in MEASURES:
            raise ValueError(f"'{self.measure}' is no measure; measures are {', '.join(MEASURES)}")
        if (self.role == "rate") != (self.rate is not None):
            raise ValueError("a column of role rate says `rate:`, and no other does")
        if self.measure is not None and self.unit == "percent":
            raise ValueError("measures are counts; a percentage is a column of role rate")
        return self

    @property
    def header(self) -> tuple[str, ...]:
        """The header as we print it, top to bottom."""
        return self.headers[0]

    @property
    def header_text(self) -> str:
        """The header on one line: ``Số hóa kết quả giải quyết: Chưa số hóa``."""
        return ": ".join(self.header)

    @property
    def kind(self) -> str | None:
        """``count`` for a measure, ``percent`` for a rate, None for words."""
        return self.unit or ("count" if self.measure else "percent" if self.role == "rate" else None)

    @property
    def label(self) -> str:
        """How messages name it: ``(9) Số hóa kết quả giải quyết: Chưa số hóa``."""
        return self.header_text if self.column_no is None else f"({self.column_no}) {self.header_text}"


class Totals(_Strict):
    """The words that begin a block's total row, and the whole form's."""

    block: tuple[str, ...]
    grand: tuple[str, ...]


class WindowPattern(_Strict):
    """One way a title says its period: a regular expression with the groups its kind needs."""

    kind: WindowKind
    pattern: str

    @model_validator(mode="after")
    def _has_its_groups(self) -> WindowPattern:
        try:
            groups = set(re.compile(self.pattern).groupindex)
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from error
        if missing := _GROUPS[self.kind] - groups:
            raise ValueError(f"the pattern lacks the groups {', '.join(sorted(missing))}")
        return self


class JsonShape(_Strict):
    """Where a JSON layout keeps its records, days and titles (dotted paths; the first that is there)."""

    records: tuple[str, ...]
    first_day: tuple[str, ...]
    last_day: tuple[str, ...]
    day_formats: tuple[str, ...]
    title: tuple[str, ...]


class Template(_Strict):
    """One edition of one layout, in force from ``valid_from`` to ``valid_to`` (inclusive; the figures' last day)."""

    form_id: str = Field(pattern=r"^[a-z0-9_]+$")
    edition: int = Field(ge=1)
    title_vi: str
    valid_from: date
    valid_to: date | None = None
    default: bool = False
    format: Literal["sheet", "json"]
    target_pct: Decimal | None = Field(default=None, ge=0, le=100)
    columns: tuple[Column, ...] = Field(min_length=1)
    sections: dict[str, tuple[str, ...]]
    subheads: dict[str, tuple[str, ...]]
    totals: Totals
    footers: tuple[str, ...]
    notes: tuple[str, ...]
    abbreviations: dict[str, str]
    dash: Literal["nothing", "zero"]
    windows: tuple[WindowPattern, ...]
    json_shape: JsonShape | None = None

    @model_validator(mode="after")
    def _is_one_layout(self) -> Template:
        if self.valid_to is not None and self.valid_to < self.valid_from:
            raise ValueError("valid_to is before valid_from")
        if (self.format == "json") != (self.json_shape is not None):
            raise ValueError("json_shape belongs to format json, and only to it")
        for key, named in (("sections", self.sections), ("subheads", self.subheads)):
            if strange := set(named) - set(BLOCKS):
                raise ValueError(f"{key}: {', '.join(sorted(strange))} is no block; use {', '.join(BLOCKS)}")
        self._refuse_twice("column_no", (item.column_no for item in self.columns if item.column_no))
        self._refuse_twice("measure", (item.measure for item in self.columns if item.measure))
        keys = (key for item in self.columns for key in {self.key(path) for path in item.headers})
        self._refuse_twice("headers", keys)
        titles = (title for names in self.sections.values() for title in {self.fold(name) for name in names})
        self._refuse_twice("sections", titles)
        if sum(item.role == "unit" for item in self.columns) != 1:
            raise ValueError("columns: exactly one has the role unit")
        if not any(item.measure for item in self.columns):
            raise ValueError("columns: at least one has a measure")
        return self

    @staticmethod
    def _refuse_twice(what: str, values: Iterator[Any]) -> None:
        twice = [value for value, times in Counter(values).items() if times > 1]
        if twice:
            raise ValueError(f"{what}: '{twice[0]}' stands twice")

    @property
    def layout(self) -> str:
        """``form_id@edition``: what snapshots and receipts name."""
        return f"{self.form_id}@{self.edition}"

    @cached_property
    def _folded_abbreviations(self) -> dict[str, str]:
        return {fold(short): fold(long) for short, long in self.abbreviations.items()}

    def fold(self, text: object) -> str:
        """Text as this layout compares it: short forms written out."""
        return fold(text, self._folded_abbreviations)

    def key(self, path: Sequence[str]) -> str:
        """A header, whichever way it is broken over cells, as it is compared."""
        return self.fold(" ".join(path))

    @cached_property
    def by_key(self) -> dict[str, Column]:
        """Every known header text (folded) and its column."""
        return {self.key(path): column for column in self.columns for path in column.headers}

    def numbered(self, number: int) -> Column | None:
        """The column that is printed under that number."""
        return next((column for column in self.columns if column.column_no == number), None)

    def in_force(self, on: date) -> bool:
        return self.valid_from <= on and (self.valid_to is None or on <= self.valid_to)


class ForeignColumn(_Strict):
    """A header of a form that is not ours; ``decisive`` ones betray it wherever they stand."""

    column_no: int
    headers: Headers
    decisive: bool = False


class ForeignForm(_Strict):
    """A national form that is sent by mistake: known only to be refused by name. ``signs``: in its title."""

    form: str
    title_vi: str
    reason_vi: str
    signs: tuple[str, ...]
    columns: tuple[ForeignColumn, ...]


def template_files(extra_dir: Path | None = None) -> tuple[Path, ...]:
    """Every file that says something about layouts: the shipped ones, then the province's."""
    extra = sorted(extra_dir.glob("*.yml")) if extra_dir and extra_dir.is_dir() else []
    return (_COMMON, *_shipped_files(), *sorted(_FOREIGN.glob("*.yml")), *extra)


def load_templates(extra_dir: Path | None = None) -> tuple[Template, ...]:
    """All layouts: the shipped ones, then those of ``extra_dir``, in order of file names.

    One of ``extra_dir`` with the ``form_id`` and ``edition`` of a shipped one stands in its place.
    Raises Terminal, naming file and key, for a file that is no layout, for an edition written twice in
    one folder, and for two defaults that begin on the same day.
    """
    raw: dict[str, dict[str, Any]] = {}
    templates: dict[str, Template] = {}
    extra = sorted(extra_dir.glob("*.yml")) if extra_dir and extra_dir.is_dir() else []
    for files in (_shipped_files(), extra):
        here: dict[str, Path] = {}
        for path in files:
            body = _completed(path, raw)
            template = _validated(path, Template, body)
            if template.layout in here:
                raise Terminal(
                    f"{path}: form_id, edition: {template.layout} is also written in {here[template.layout].name}",
                    "give one of them another edition",
                )
            here[template.layout] = path
            raw[template.layout], templates[template.layout] = body, template
    found = tuple(templates.values())
    starts = Counter(item.valid_from for item in found if item.default)
    for day, times in starts.items():
        if times > 1:
            names = ", ".join(item.layout for item in found if item.default and item.valid_from == day)
            raise Terminal(
                f"default: {names} are all the default from {day:%d/%m/%Y}",
                "leave `default: true` on one of them, or give the newer one a later valid_from",
            )
    return found


def template_in_force(on: date, templates: Sequence[Template], form_id: str | None = None) -> Template:
    """The layout in force on a day: of a form, or (without one) the default.

    Where several are, the one with the latest ``valid_from``, then the highest edition.
    Raises UnknownName when none is.
    """
    standing = [
        item
        for item in templates
        if item.in_force(on) and (item.default if form_id is None else item.form_id == form_id)
    ]
    if not standing:
        what = "default layout" if form_id is None else f"layout '{form_id}'"
        raise UnknownName(
            f"no {what} is in force on {on:%d/%m/%Y}",
            f"known are {', '.join(item.layout for item in templates)}; add an edition with its dates",
        )
    return max(standing, key=lambda item: (item.valid_from, item.edition))


def form_columns(templates: Sequence[Template]) -> list[dict[str, Any]]:
    """The numbered columns of all layouts, one row each, as the warehouse keeps them.

    Keys: form_id, edition, valid_from, valid_to, column_no, header (on one line), measure (None for
    words and rates), unit (``count``, ``percent`` or None), is_default, target_pct (Decimal or None).
    Which default is in force on a day: the latest valid_from, then the highest edition.
    """
    return [
        {
            "form_id": item.form_id,
            "edition": item.edition,
            "valid_from": item.valid_from,
            "valid_to": item.valid_to,
            "column_no": column.column_no,
            "header": column.header_text,
            "measure": column.measure,
            "unit": column.kind,
            "is_default": item.default,
            "target_pct": item.target_pct,
        }
        for item in templates
        for column in item.columns
        if column.column_no is not None
    ]


@cache
def load_foreign_forms() -> tuple[ForeignForm, ...]:
    """The national forms that are refused by name."""
    return tuple(_validated(path, ForeignForm, _yaml(path)) for path in sorted(_FOREIGN.glob("*.yml")))


def _shipped_files() -> list[Path]:
    return [path for path in sorted(_SHIPPED.glob("*.yml")) if path != _COMMON]


def _completed(path: Path, known: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """A layout's keys over those it extends, or over the common words."""
    body = _yaml(path)
    parent = body.pop("extends", None)
    more_headers, more_sections = body.pop("more_headers", {}), body.pop("more_sections", {})
    if parent is None:
        if more_headers or more_sections:
            raise _bad(path, "more_headers, more_sections", "they belong to a layout that `extends` another")
        return {**_yaml(_COMMON), **body}
    if parent not in known:
        raise _bad(path, "extends", f"no layout {parent}; known before this file are {', '.join(known)}")
    merged = {**known[parent], **body}
    merged["columns"] = [
        {**column, "headers": [*column["headers"], *_listed(path, more_headers, column.get("column_no"))]}
        for column in merged["columns"]
    ]
    if strange := set(_mapping(path, "more_headers", more_headers)) - {
        column.get("column_no") for column in merged["columns"]
    }:
        raise _bad(path, "more_headers", f"{parent} has no column numbered {', '.join(map(str, strange))}")
    sections = _mapping(path, "more_sections", more_sections)
    merged["sections"] = {
        block: [*merged["sections"].get(block, []), *_listed(path, sections, block)]
        for block in {**merged["sections"], **sections}
    }
    return merged


def _mapping(path: Path, key: str, value: Any) -> dict[Any, Any]:
    if not isinstance(value, dict):
        raise _bad(path, key, "must be a mapping")
    return value


def _listed(path: Path, value: Any, key: Any) -> list[Any]:
    found = _mapping(path, "more_headers, more_sections", value).get(key, [])
    if not isinstance(found, list):
        raise _bad(path, f"more_headers, more_sections: {key}", "must be a list")
    return found


def _yaml(path: Path) -> dict[str, Any]:
    try:
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Terminal(
            f"the layout {path} cannot be read: {error}", "mend the file; it is YAML in UTF-8"
        ) from error
    if not isinstance(body, dict):
        raise _bad(path, "(whole file)", "is no mapping of keys")
    return body


def _validated(path: Path, model: type[_Model], body: Any) -> _Model:
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in problem["loc"]) or "(whole file)"
        raise _bad(path, key, problem["msg"]) from error


def _bad(path: Path, key: str, why: str) -> Terminal:
    return Terminal(
        f"the layout {path}: {key}: {why}",
        "mend that key; the comments of etl/sources/digitization_form/templates/so_hoa_10_cot.yml explain all",
    )
