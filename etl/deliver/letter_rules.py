"""Recommendations by rule: conditions on the report's figures and the sentences they bring, from a file the office edits.

``kien-nghi.yml`` holds them. A condition is one ``kind`` with one bound; a sentence may hold names in braces, each
kind its own (``NAMES`` below, listed in the README beside the file). A rule whose figure is missing does not fire.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from etl.deliver.appendix_data import GROUP_CODES
from etl.deliver.digitization_notes import not_met
from etl.deliver.digitization_words import WHOLE_PROVINCE
from etl.deliver.letter_digitization import DIGITIZED, NOT_DIGITIZED, results_rate
from etl.deliver.letter_docx import plain_text
from etl.deliver.letter_losses import catalogue_of, holding_down, lost_points
from etl.deliver.letter_units import rated
from etl.deliver.letter_words import (
    UNKNOWN,
    block_title,
    cell,
    joined,
    percent,
    points,
    share_of,
    short,
)
from etl.deliver.report import Report
from etl.deliver.sheet_text import number_vi
from etl.errors import Terminal

Values = dict[str, str]
COMMON = frozenset({"tinh", "ky_bao_cao", "ky_so_lieu", "cac_khoi"})
# A file of rules is a few pages; more is some other file.
_LARGEST_BYTES = 200_000
_NAME = re.compile(r"\{([^{}]*)\}")
_NAMED = 3
_DISAGREES = "disagrees"


class _Condition(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    NAMES: ClassVar[frozenset[str]] = frozenset()
    BOUNDS: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="after")
    def _one_bound(self) -> _Condition:
        if self.BOUNDS and sum(getattr(self, name) is not None for name in self.BOUNDS) != 1:
            raise ValueError(f"give exactly one of {', '.join(self.BOUNDS)}")
        return self

    def values(self, report: Report) -> Values | None:
        """What the sentence may name where the condition holds; None where it does not."""
        raise NotImplementedError


class ComponentBelow(_Condition):
    """A component of the province: its ratio (percent) below, or the points it loses at least."""

    NAMES = frozenset(
        {"chi_so", "ten", "ty_le", "diem", "diem_toi_da", "mat_diem", "don_vi", "tu_so", "mau_so"}
    )
    BOUNDS = ("ratio_below", "lost_at_least")
    kind: Literal["component"]
    code: str
    ratio_below: Decimal | None = None
    lost_at_least: Decimal | None = None

    def values(self, report: Report) -> Values | None:
        rows = report.indicators.indicators
        row = next((r for r in rows if r.level == "component" and r.indicator_code == self.code), None)
        # Without a case in the period a ratio of 0 says nothing (5.2 and 5.3 even score full marks).
        if row is None or row.denominator == 0:
            return None
        lost = lost_points(row.score, row.max_score)
        if self.ratio_below is not None:
            holds = row.ratio_pct is not None and row.ratio_pct < self.ratio_below
        else:
            holds = row.score is not None and lost >= (self.lost_at_least or 0)
        if not holds:
            return None
        units = holding_down(report, self.code, catalogue_of(report).get(self.code))
        return {
            "chi_so": plain_text(row.indicator_code),
            "ten": plain_text(row.name),
            "ty_le": percent(row.ratio_pct),
            "diem": points(row.score),
            "diem_toi_da": UNKNOWN if row.max_score is None else short(row.max_score),
            "mat_diem": points(lost),
            "tu_so": cell(row.numerator),
            "mau_so": cell(row.denominator),
            "don_vi": ", ".join(plain_text(unit.unit_name) for unit, _ in units)
            or "các đơn vị có tỷ lệ thấp",
        }


class GroupBelow(_Condition):
    """A group of the province: its share of the maximum (percent) below, or its change (points) below."""

    NAMES = frozenset({"nhom", "diem", "diem_toi_da", "ty_le", "thay_doi"})
    BOUNDS = ("share_below", "change_below")
    kind: Literal["group"]
    code: str
    share_below: Decimal | None = None
    change_below: Decimal | None = None

    @field_validator("code")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in GROUP_CODES:
            raise ValueError(f"no group '{code}'; use one of {', '.join(GROUP_CODES)}")
        return code

    def values(self, report: Report) -> Values | None:
        group = next((one for one in report.groups if one.code == self.code), None)
        share = share_of(group.score, group.max_score) if group else None
        figure, bound = (
            (share, self.share_below)
            if self.share_below is not None
            else (group.change if group else None, self.change_below)
        )
        if group is None or figure is None or bound is None or figure >= bound:
            return None
        return {
            "nhom": plain_text(group.name),
            "diem": points(group.score),
            "diem_toi_da": UNKNOWN if group.max_score is None else short(group.max_score),
            "ty_le": percent(share),
            "thay_doi": UNKNOWN if group.change is None else number_vi(group.change, 2, signed=True),
        }


class UnitsBelow(_Condition):
    """Units with a total below so many points: how many at least, or what percent of those rated. ``block`` (absent:
    every block). Units without dossiers do not count."""

    NAMES = frozenset({"so_don_vi", "tong_so", "ty_le", "nguong", "don_vi"})
    BOUNDS = ("at_least", "share_at_least")
    kind: Literal["units"]
    total_below: Decimal
    block: str | None = None
    at_least: int | None = None
    share_at_least: Decimal | None = None

    def values(self, report: Report) -> Values | None:
        counted = rated([u for u in report.indicators.units if self.block in (None, u.block)])
        low = [unit for unit in counted if unit.total is not None and unit.total < self.total_below]
        if not low:
            return None
        share = Decimal(100 * len(low)) / len(counted)
        if len(low) < (self.at_least or 0) or share < (self.share_at_least or 0):
            return None
        return {
            "so_don_vi": number_vi(len(low)),
            "tong_so": number_vi(len(counted)),
            "ty_le": percent(share),
            "nguong": short(self.total_below),
            "don_vi": joined([plain_text(unit.unit_name) for unit in reversed(low)], most=_NAMED),
        }


class DigitizationBelow(_Condition):
    """Column (10) as percent of (9) and (10) together below; or column (9) at least so many dossiers; or
    ``missing: true``: no figures at all, or none of a block."""

    NAMES = frozenset({"chua_so_hoa", "da_so_hoa", "ty_le", "don_vi"})
    BOUNDS = ("results_rate_below", "not_digitized_at_least", "missing")
    kind: Literal["digitization"]
    results_rate_below: Decimal | None = None
    not_digitized_at_least: int | None = None
    missing: Literal[True] | None = None

    def values(self, report: Report) -> Values | None:
        data = report.digitization
        whole = data.total(WHOLE_PROVINCE) if data else None
        rate = results_rate(data) if data else None
        not_yet = whole.measures.get(NOT_DIGITIZED) if whole else None
        if self.missing:
            holds = data is None or whole is None or bool(whole.missing_blocks)
        elif self.results_rate_below is not None:
            holds = rate is not None and rate < self.results_rate_below
        else:
            holds = not_yet is not None and not_yet >= (self.not_digitized_at_least or 0)
        if not holds:
            return None
        names = [plain_text(unit.unit_name) for unit in not_met(data)] if data else []
        return {
            "chua_so_hoa": UNKNOWN if not_yet is None else number_vi(not_yet),
            "da_so_hoa": cell(whole.measures.get(DIGITIZED)) if whole else UNKNOWN,
            "ty_le": percent(rate),
            "don_vi": joined(names, most=_NAMED) or "các đơn vị có tỷ lệ thấp",
        }


class Disagreement(_Condition):
    """Figures of the provincial system that disagree with the portal's (not explained by different days)."""

    NAMES = frozenset({"so_gia_tri", "don_vi"})
    kind: Literal["disagreement"]
    at_least: int = Field(ge=1)

    def values(self, report: Report) -> Values | None:
        compared = report.digitization.compared if report.digitization else ()
        found = [one for one in compared if one.verdict == _DISAGREES]
        if len(found) < self.at_least:
            return None
        units = list(dict.fromkeys(plain_text(one.unit_name) for one in found))
        return {"so_gia_tri": number_vi(len(found)), "don_vi": joined(units, most=_NAMED)}


class Gaps(_Condition):
    """What the report says is missing or provisional: so many sentences at least."""

    NAMES = frozenset({"so_noi_dung"})
    kind: Literal["gaps"]
    at_least: int = Field(ge=1)

    def values(self, report: Report) -> Values | None:
        return {"so_noi_dung": number_vi(len(report.gaps))} if len(report.gaps) >= self.at_least else None


Condition = Annotated[
    ComponentBelow | GroupBelow | UnitsBelow | DigitizationBelow | Disagreement | Gaps,
    Field(discriminator="kind"),
]


class Rule(BaseModel):
    """One recommendation: ``text`` is told when ``when`` holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    when: Condition
    text: str = Field(min_length=1, max_length=1500)

    @model_validator(mode="after")
    def _names_exist(self) -> Rule:
        allowed = COMMON | self.when.NAMES
        if unknown := sorted(set(_NAME.findall(self.text)) - allowed):
            raise ValueError(
                f"rule '{self.id}': its text names {{{'}, {'.join(unknown)}}}; this kind knows "
                f"{', '.join(sorted(allowed))}"
            )
        return self


class Rules(BaseModel):
    """The whole file: at most ``at_most`` recommendations are told, in the file's order; ``otherwise`` when no rule
    fires."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at_most: int = Field(ge=1, le=30)
    otherwise: str = Field(min_length=1, max_length=1500)
    rules: tuple[Rule, ...]

    @model_validator(mode="after")
    def _whole(self) -> Rules:
        ids = [rule.id for rule in self.rules]
        if twice := sorted({one for one in ids if ids.count(one) > 1}):
            raise ValueError(f"two rules have the id {', '.join(twice)}")
        if unknown := sorted(set(_NAME.findall(self.otherwise)) - COMMON):
            raise ValueError(f"otherwise: names {', '.join(unknown)}; it knows {', '.join(sorted(COMMON))}")
        return self


def load_rules(path: Path) -> Rules:
    """Read a file of rules. Raises Terminal that names the rule and what to mend."""
    remedy = f"mend {path} (kinds and names are listed in etl/deliver/letter/README.md), or take the shipped file again"
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise Terminal(
                f"the file of recommendations {path.name} is larger than {_LARGEST_BYTES:,} bytes", remedy
            )
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Rules.model_validate(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Terminal(f"the file of recommendations {path.name} cannot be read: {error}", remedy) from error
    except ValidationError as error:
        raise Terminal(
            f"the file of recommendations {path.name} is not right: {_said(error, document)}", remedy
        ) from error


def _said(error: ValidationError, document: object) -> str:
    """The first of what is wrong, with the id of its rule instead of its place in the list."""
    first = error.errors(include_url=False)[0]
    where = [str(part) for part in first["loc"]]
    rules = document.get("rules") if isinstance(document, Mapping) else None
    if len(where) > 1 and where[0] == "rules" and where[1].isdigit() and isinstance(rules, list):
        rule = rules[int(where[1])]
        where[:2] = [
            f"rule '{rule.get('id', where[1])}'" if isinstance(rule, Mapping) else f"rule {where[1]}"
        ]
    return f"{' › '.join(where)}{': ' if where else ''}{first['msg']}"


def recommendations(report: Report, rules: Rules) -> list[str]:
    """The sentences of the rules that fire, in the file's order; ``otherwise`` alone when none does."""
    found = [
        _filled(rule.text, _common(report) | values)
        for rule in rules.rules
        if (values := rule.when.values(report)) is not None
    ]
    return found[: rules.at_most] or [_filled(rules.otherwise, _common(report))]


def _common(report: Report) -> Values:
    blocks = {unit.block for unit in report.indicators.units}
    titles = [block_title(block, report.names) for block in report.names.block_titles if block in blocks]
    return {
        "tinh": plain_text(report.names.province),
        "ky_bao_cao": report.period.label_vi,
        "ky_so_lieu": report.portal_period.label_vi,
        "cac_khoi": ", ".join(titles) or "các cơ quan, đơn vị, địa phương",
    }


def _filled(text: str, values: Values) -> str:
    """Names replaced in one pass: braces inside a value stay text."""
    filled = _NAME.sub(lambda found: values[found[1]], " ".join(text.split()))
    return plain_text(filled, longest=2500)
