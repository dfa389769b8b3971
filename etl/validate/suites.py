"""Expectation files and what they become in Great Expectations.

A file of ``expectations/`` names a table and lists expectations, each with a rule name, a
severity (``fail`` or ``warn``) and a sentence in Vietnamese.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from etl.errors import Terminal
from etl.settings import PROJECT_ROOT

EXPECTATIONS_DIR = PROJECT_ROOT / "expectations"
# Great Expectations' own words for our two severities.
_GX_SEVERITY = {"fail": "critical", "warn": "warning"}


class Expectation(BaseModel):
    """One line of a suite. ``title_vi`` says what must hold; ``sentence_vi`` what one bad row is told
    ({unit_name}, {indicator_code}, {value} are filled in), ``column`` which field it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    rule: str
    severity: Literal["fail", "warn"]
    kwargs: dict[str, Any]
    title_vi: str
    sentence_vi: str | None = None
    column: str | None = None


class Suite(BaseModel):
    """One file. ``row_level``: rows that break a `fail` line go to quarantine one by one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    table: str
    row_level: bool
    expectations: tuple[Expectation, ...]

    @field_validator("expectations")
    @classmethod
    def _rules_differ(cls, lines: tuple[Expectation, ...]) -> tuple[Expectation, ...]:
        """Results are known by their rule: a second line of the same name would hide the first."""
        rules = [line.rule for line in lines]
        if len(set(rules)) < len(rules):
            raise ValueError(f"two lines share the rule {next(r for r in rules if rules.count(r) > 1)}")
        return lines

    def as_gx(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of ``gx.ExpectationSuite``; ``$name`` is replaced from ``values``."""
        return {
            "name": self.name,
            "expectations": [
                {
                    "type": item.type,
                    "kwargs": {key: _filled(value, values, self.name) for key, value in item.kwargs.items()},
                    "severity": _GX_SEVERITY[item.severity],
                    "meta": {"rule": item.rule},
                    "description": item.title_vi,
                }
                for item in self.expectations
            ],
        }


@cache
def load_suites(folder: Path = EXPECTATIONS_DIR) -> tuple[Suite, ...]:
    """Every suite of the folder, by file name. Raises Terminal naming the file that cannot be read."""
    suites: list[Suite] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            suites.append(
                Suite.model_validate({"name": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))})
            )
        except (yaml.YAMLError, ValidationError, TypeError) as error:
            raise Terminal(f"the suite {path} cannot be read: {error}", "mend the file") from error
    if not suites:
        raise Terminal(f"no suite in {folder}", "the program's files are incomplete; install it again")
    return tuple(suites)


def _filled(value: Any, values: Mapping[str, Any], suite: str) -> Any:
    if isinstance(value, str) and value.startswith("$"):
        try:
            return values[value[1:]]
        except KeyError as error:
            raise Terminal(
                f"suite {suite} asks for {value}, which nobody hands in",
                f"use one of {', '.join('$' + name for name in values)}",
            ) from error
    return value
