"""Expectation files and what they become in Great Expectations.

A file of ``expectations/`` names a table and lists expectations, each with a rule name, a
severity (``fail`` or ``warn``) and a sentence in Vietnamese. ``judges`` says which kind of
reading it looks at.
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


Severity = Literal["fail", "warn"]
# indicators: the portal's index; digitization: a form's or list's units; dossiers: the rows behind a list.
Kind = Literal["indicators", "digitization", "dossiers"]


class Expectation(BaseModel):
    """One line of a suite. ``title_vi`` says what must hold; ``sentence_vi`` what one bad row is told
    ({unit_name}, {value} are filled in, {indicator_code} for indicators), ``column`` which field it is about."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    rule: str
    severity: Severity
    kwargs: dict[str, Any]
    title_vi: str
    sentence_vi: str | None = None
    column: str | None = None


class Suite(BaseModel):
    """One file. ``row_level``: rows that break a `fail` line go to quarantine one by one.

    ``label`` is the column whose value names a row among a result's examples.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    judges: Kind
    table: str
    row_level: bool
    label: str | None = None
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
def load_suites(judges: Kind | None = None, folder: Path = EXPECTATIONS_DIR) -> tuple[Suite, ...]:
    """The suites that judge a kind of reading (None: all), by file name.

    Raises Terminal naming the file that cannot be read, or where the kind has no suite.
    """
    suites: list[Suite] = []
    for path in sorted(folder.glob("*.yml")):
        try:
            suites.append(
                Suite.model_validate({"name": path.stem, **yaml.safe_load(path.read_text(encoding="utf-8"))})
            )
        except (yaml.YAMLError, ValidationError, TypeError) as error:
            raise Terminal(f"the suite {path} cannot be read: {error}", "mend the file") from error
    wanted = tuple(suite for suite in suites if judges in (None, suite.judges))
    if not wanted:
        kind = f" for {judges}" if judges else ""
        raise Terminal(f"no suite in {folder}{kind}", "the program's files are incomplete; install it again")
    return wanted


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
