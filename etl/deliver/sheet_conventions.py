"""The office's conventions for workbooks: rating bands, the line totals are held against, colours.

Data, not code: ``workbook.yml`` beside this file, or a file of the same shape that an office keeps of its own.
None of it is a rule of law; what shows it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from etl.errors import Terminal

_SHIPPED = Path(__file__).parent / "workbook.yml"
# WCAG 2.2: text 4.5:1 (1.4.3), graphical objects 3:1 (1.4.11).
_TEXT_CONTRAST, _SHAPE_CONTRAST = 4.5, 3.0
_BLACK, _WHITE = "000000", "FFFFFF"

# "#C6E5CC" in the file (bare digits would be a number to YAML), C6E5CC inside.
Colour = Annotated[
    str, Field(pattern="^#?[0-9A-Fa-f]{6}$"), AfterValidator(lambda text: text.lstrip("#").upper())
]


class Band(BaseModel):
    """A rating from ``minimum`` points upwards; ``fill`` behind black text, ``bar`` in charts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minimum: Decimal = Field(ge=0, le=100)
    name: str = Field(min_length=1, max_length=40)
    fill: Colour = _WHITE
    bar: Colour = "757575"


class Colours(BaseModel):
    """What they mark is told in ``workbook.yml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    passed: Colour
    warned: Colour
    failed: Colour
    below: Colour
    achieved: Colour
    remaining: Colour
    unrated: Colour


class WorkbookStyle(BaseModel):
    """The conventions of one office. ``bands`` descend and end at 0; ``total_target`` in points, None: no line;
    ``chart_units`` is the most bars of one chart. Raises ValidationError on colours nobody could read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bands: tuple[Band, ...] = Field(min_length=1, max_length=10)
    total_target: Decimal | None = Field(ge=0, le=100)
    chart_units: int = Field(ge=5, le=40)
    colours: Colours

    @model_validator(mode="after")
    def _checked(self) -> WorkbookStyle:
        minima = [band.minimum for band in self.bands]
        if minima != sorted(set(minima), reverse=True) or minima[-1] != 0:
            raise ValueError("bands must descend, each from another minimum, and the last from 0")
        if len({band.name for band in self.bands}) < len(self.bands):
            raise ValueError("two bands bear one name")
        colours = self.colours
        fills = [band.fill for band in self.bands]
        _distinct(
            "black text", _BLACK, [*fills, colours.passed, colours.warned, colours.failed], _TEXT_CONTRAST
        )
        _distinct("colours.below", colours.below, [*fills, _WHITE], _TEXT_CONTRAST)
        bars = [band.bar for band in self.bands]
        _distinct("white paper", _WHITE, [*bars, colours.achieved, colours.unrated], _SHAPE_CONTRAST)
        _distinct("colours.remaining", colours.remaining, [colours.achieved], _SHAPE_CONTRAST)
        return self


def _distinct(what: str, colour: str, others: Sequence[str], least: float) -> None:
    for other in others:
        if contrast(colour, other) < least:
            raise ValueError(
                f"{what} cannot be told from {other} ({contrast(colour, other):.1f}:1, {least}:1 is needed)"
            )


def contrast(one: str, other: str) -> float:
    """The WCAG contrast ratio of two colours (1 to 21), each six hexadecimal digits."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = (int(colour[place : place + 2], 16) / 255 for place in (0, 2, 4))
    linear = (share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares)
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def load_workbook_style(own: Path | None = None) -> WorkbookStyle:
    """The conventions of ``own`` where that file exists, else the shipped ones.

    Raises Terminal where the file cannot be read or says what cannot hold.
    """
    return _read(own) if own is not None and own.is_file() else _shipped()


@cache
def _shipped() -> WorkbookStyle:
    return _read(_SHIPPED)


def _read(path: Path) -> WorkbookStyle:
    try:
        return WorkbookStyle.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise Terminal(
            f"the workbook conventions {path} cannot be used: {error}",
            "mend the file; it needs every key of etl/deliver/workbook.yml and no other; or take it away",
        ) from error
