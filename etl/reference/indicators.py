"""The dated indicator catalogue of Decision 766/QĐ-TTg and the recomputation rules it declares."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from etl.errors import UnknownName

_FILE = Path(__file__).parent / "indicators.yml"
TOTAL_CODE = "TOTAL"
_CENT = Decimal("0.01")


class Indicator(BaseModel):
    """One component. ``max_score`` null means undetermined; ``inherited``: a province-wide value;
    ``always_null``: measures that the portal leaves null for every unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    portal_code: str | None
    name_vi: str
    max_score: Decimal | None
    rule: str | None = None
    threshold: Decimal | None = None
    inherited: bool = False
    always_null: tuple[str, ...] = ()
    published: bool = True
    confidence: str
    null_rule: str | None = None
    numerator_vi: str | None = None
    denominator_vi: str | None = None
    value_unit: str | None = None


class Group(BaseModel):
    """One of the six portal columns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: str
    name_vi: str
    max_score: Decimal
    order: int
    endpoint: str | None
    indicators: tuple[Indicator, ...]


class Catalogue(BaseModel):
    """One dated edition. Scores of different ``series`` must never be compared (series break)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    series: str
    valid_from: date
    valid_to: date | None
    source: str
    total_max: Decimal
    groups: tuple[Group, ...]

    @property
    def group_codes(self) -> tuple[str, ...]:
        return tuple(group.code for group in self.groups)

    def group(self, code: str) -> Group:
        for group in self.groups:
            if group.code == code:
                return group
        raise UnknownName(f"no indicator group '{code}'", f"use one of {', '.join(self.group_codes)}")


@cache
def load_editions() -> tuple[Catalogue, ...]:
    """Every dated edition, newest first."""
    document = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    editions = [Catalogue.model_validate(entry) for entry in document["editions"]]
    return tuple(sorted(editions, key=lambda edition: edition.valid_from, reverse=True))


def load_catalogue(on: date = date(2026, 1, 1)) -> Catalogue:
    """The edition in force on a day (default: the current one). Raises UnknownName before the first."""
    for edition in load_editions():
        if edition.valid_from <= on and (edition.valid_to is None or on <= edition.valid_to):
            return edition
    raise UnknownName(
        f"no edition of the indicator catalogue covers {on:%d/%m/%Y}",
        "add one to etl/reference/indicators.yml with its dates and source",
    )


def rule_score(indicator: Indicator, ratio_pct: Decimal) -> Decimal | None:
    """The score the dated rule gives for a ratio in percent, rounded half up to 2 decimals.

    None where the catalogue holds no rule or no maximum. A check, never a replacement
    of the portal's score.
    """
    if indicator.max_score is None or indicator.rule not in ("linear", "threshold"):
        return None
    full = indicator.threshold if indicator.rule == "threshold" else Decimal(100)
    if full is None:
        return None
    score = min(indicator.max_score, indicator.max_score * ratio_pct / full)
    return score.quantize(_CENT, rounding=ROUND_HALF_UP)
