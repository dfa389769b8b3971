"""Provinces as settings files: identity on the portal, and the words documents use.

One YAML file per province under ``etl/reference/provinces``. A file under
``<BOCHISO_HOME>/provinces`` of the same shape adds or replaces one.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from etl.errors import Terminal, UnknownName

_SHIPPED = Path(__file__).parent / "provinces"


class Province(BaseModel):
    """One province. ``code`` is the H-code; ``portal_id`` the portal's UUID (null: not on today's portal).

    ``valid_from``/``valid_to`` bound the province's own series (inclusive days);
    ``successor`` is the H-code of the province it merged into.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slug: str
    code: str
    name: str
    committee: str
    office: str
    portal_id: str | None
    legacy_id: str | None
    gso_code: str | None
    valid_from: date
    valid_to: date | None
    successor: str | None
    levels: tuple[str, ...]


def _read(path: Path) -> Province:
    try:
        return Province.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise Terminal(
            f"the province file {path} cannot be read: {error}",
            "mend the file; it needs every key of etl/reference/provinces/phu_tho.yml and no other",
        ) from error


@cache
def load_provinces(extra_dir: Path | None = None) -> dict[str, Province]:
    """All provinces by slug, the shipped ones first, then those of ``extra_dir``.

    Raises Terminal where a file cannot be read or two files claim one code.
    """
    provinces: dict[str, Province] = {}
    folders = [_SHIPPED] + ([extra_dir] if extra_dir and extra_dir.is_dir() else [])
    for folder in folders:
        for path in sorted(folder.glob("*.yml")):
            province = _read(path)
            provinces[province.slug] = province
    by_code: dict[str, str] = {}
    for province in provinces.values():
        if province.code in by_code:
            raise Terminal(
                f"two province files claim the code {province.code}: "
                f"{by_code[province.code]} and {province.slug}",
                "give each province its own code",
            )
        by_code[province.code] = province.slug
    return provinces


def find_province(name: str, extra_dir: Path | None = None) -> Province:
    """The province of a slug (``phu_tho``) or an H-code (``H44``). Raises UnknownName."""
    provinces = load_provinces(extra_dir)
    wanted = name.strip()
    for province in provinces.values():
        if wanted in (province.slug, province.code):
            return province
    raise UnknownName(
        f"no province is called '{name}'",
        f"use one of: {', '.join(sorted(provinces))}; or add a file beside them",
    )
