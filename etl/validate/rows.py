"""Row rules for lists of millions: declared in YAML, run column-wise by dataframely.

A file of ``expectations/rows/`` lists rules (name, field, severity, kind and its parameters, the
sentences for people). They become a dataframely schema once for each layout; ``RowJudge.judge`` splits
a batch into the rows that hold and the refused ones, and says which rule each refused row breaks.
Great Expectations judges the counts afterwards; a million rows take it 8 to 13 s, this 0.2 s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import dataframely as dy
import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from etl.errors import Terminal
from etl.settings import PROJECT_ROOT

ROW_RULES_DIR = PROJECT_ROOT / "expectations" / "rows"

Kind = Literal[
    "present",
    "blank",
    "readable",
    "is_true",
    "not_before",
    "not_after",
    "same_day",
    "implies",
    "unique",
    "agrees_with_repeat",
]
# Not a matter of one row: the reader's pass over the whole file answers them.
WHOLE_FILE_KINDS = ("unique", "agrees_with_repeat")
_TAKES = {"other": ("not_before", "same_day", "implies"), "value": ("not_after",)}

# Beside a field that had to be read from text: true where there was text and it could not be read.
UNREADABLE = "{}_unreadable"


class RowRule(BaseModel):
    """One rule. ``field`` is what it is about, ``column`` what it looks at (default: the field),
    ``shown`` the column of the file whose value the refusal shows (default: the field)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rule: str
    field: str
    kind: Kind
    severity: Literal["fail", "warn"]
    title_vi: str
    sentence_vi: str | None = None
    column: str | None = None
    shown: str | None = None
    other: str | None = None
    value: str | None = None
    when: dict[str, list[int]] = {}

    @model_validator(mode="after")
    def _parameters_fit(self) -> RowRule:
        for name, kinds in _TAKES.items():
            if (getattr(self, name) is not None) != (self.kind in kinds):
                raise ValueError(f"rule {self.rule}: '{name}' goes with the kinds {', '.join(kinds)} only")
        if self.severity == "fail" and not self.sentence_vi:
            raise ValueError(f"rule {self.rule}: a refused row needs a sentence_vi")
        return self

    @property
    def looks_at(self) -> str:
        """The column of the batch that the rule reads."""
        if self.kind == "readable":
            return UNREADABLE.format(self.field)
        return self.column or self.field

    @property
    def shows(self) -> str:
        return self.shown or self.field

    def needs(self) -> set[str]:
        """Columns a batch must have for the rule to be asked."""
        return {self.looks_at, *self.when} | ({self.other} if self.other else set())

    def expression(self, values: Mapping[str, Any], columns: Collection[str]) -> pl.Expr:
        """True (or null) where the row holds. Raises KeyError for a value nobody gave."""
        holds = _KINDS[self.kind](self, pl.col(self.looks_at), values)
        unreadable = UNREADABLE.format(self.shows)
        if self.kind == "present" and unreadable in columns:
            holds = holds | pl.col(unreadable)  # something stands there: `readable` speaks of it
        for column, among in self.when.items():
            # Spelt out: is_in builds a hash set for every batch, a handful of comparisons costs less.
            concerned = pl.any_horizontal(*(pl.col(column) == each for each in among))
            holds = holds | ~concerned.fill_null(False)
        return holds


_KINDS: Mapping[str, Callable[[RowRule, pl.Expr, Mapping[str, Any]], pl.Expr]] = {
    "present": lambda rule, field, values: field.is_not_null(),
    "blank": lambda rule, field, values: field.is_null(),
    "readable": lambda rule, field, values: ~field,
    "is_true": lambda rule, field, values: field,
    "not_before": lambda rule, field, values: field >= pl.col(str(rule.other)),
    "not_after": lambda rule, field, values: field <= pl.lit(values[str(rule.value)]),
    "same_day": lambda rule, field, values: field.dt.date() == pl.col(str(rule.other)).dt.date(),
    "implies": lambda rule, field, values: ~field | pl.col(str(rule.other)),
}


class RowRules(BaseModel):
    """One file of rules, in the order a person reads their refusals."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    table: str
    rules: tuple[RowRule, ...]

    @field_validator("rules")
    @classmethod
    def _names_differ(cls, rules: tuple[RowRule, ...]) -> tuple[RowRule, ...]:
        names = [rule.rule for rule in rules]
        if len(set(names)) < len(names):
            raise ValueError(f"two rules are called {next(n for n in names if names.count(n) > 1)}")
        return rules

    def named(self, name: str) -> RowRule:
        """Raises Terminal for a rule the file does not declare."""
        for rule in self.rules:
            if rule.rule == name:
                return rule
        raise Terminal(f"{self.table}: no row rule '{name}'", f"declare it in {ROW_RULES_DIR}")


@cache
def load_row_rules(name: str, folder: Path = ROW_RULES_DIR) -> RowRules:
    """The rules of ``<folder>/<name>.yml``. Raises Terminal naming the file that cannot be read."""
    path = folder / f"{name}.yml"
    try:
        return RowRules.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
    except (OSError, ValueError, yaml.YAMLError, ValidationError) as error:
        raise Terminal(f"{path} cannot be read as row rules: {error}", f"mend {path}") from error


@dataclass(frozen=True)
class Judged:
    """A batch, judged: the rows that hold; the refused ones with a boolean column ``holds:<rule>`` for every
    `fail` rule; and how many rows break each rule asked (zeros included)."""

    good: pl.DataFrame
    refused: pl.DataFrame
    counts: Mapping[str, int]


HOLDS = "holds:{}"


class RowJudge:
    """The rules that a batch of these columns can be asked, as dataframely schemas.

    ``columns``: names and types of a batch; ``values``: what `not_after` compares with.
    """

    def __init__(self, rules: RowRules, columns: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        known = set(columns)
        self.asked = tuple(
            rule for rule in rules.rules if rule.kind not in WHOLE_FILE_KINDS and rule.needs() <= known
        )
        self._strict = self._schema("strict", "fail", columns, values)
        self._advisory = self._schema("advisory", "warn", columns, values)

    def judge(self, batch: pl.DataFrame) -> Judged:
        """Split a batch; row order is kept. Raises dataframely's SchemaError for other columns."""
        good, failure = self._strict.filter(batch)
        refused = failure.details().with_columns(pl.col(f"^{HOLDS.format('.*')}$") == "valid")
        found = {**failure.counts(), **self._advisory.filter(good)[1].counts()}
        counts = {rule.rule: int(found.get(HOLDS.format(rule.rule), 0)) for rule in self.asked}
        return Judged(good, refused, counts)

    def _schema(
        self, name: str, severity: str, columns: Mapping[str, Any], values: Mapping[str, Any]
    ) -> type[dy.Schema]:
        body: dict[str, Any] = {column: _column(kind) for column, kind in columns.items()}
        body |= {
            # Prefixed: a rule may be called as the column it looks at.
            HOLDS.format(rule.rule): dy.rule()(_constant(rule.expression(values, columns)))
            for rule in self.asked
            if rule.severity == severity
        }
        return type(f"_{name}", (dy.Schema,), body)


def _constant(expression: pl.Expr) -> Callable[[Any], pl.Expr]:
    return lambda schema: expression


def _column(kind: Any) -> dy.Column:
    if isinstance(kind, pl.Enum):
        return dy.Enum(kind.categories, nullable=True)
    if isinstance(kind, pl.Datetime):
        return dy.Datetime(nullable=True, time_unit=kind.time_unit)
    return _PLAIN[kind](nullable=True)


_PLAIN: Mapping[Any, Callable[..., dy.Column]] = {
    pl.String: dy.String,
    pl.Boolean: dy.Bool,
    pl.Int8: dy.Int8,
    pl.Int64: dy.Int64,
    pl.UInt32: dy.UInt32,
    pl.UInt64: dy.UInt64,
    pl.Date: dy.Date,
}
