"""Which units of a sample province keep dossiers, and how their province's form names them.

Today's provinces have the sample portal's units. A province of the past (BR-VT 2023) has the
units of its legal list; their codes and volumes are invented, for the list has none.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from etl.errors import Terminal
from etl.reference.provinces import Province
from etl.reference.units import load_listed_units
from etl.sandbox.sample_noise import uniform
from etl.sandbox.sample_units import SampleUnit, sample_units

DEPARTMENT, LAND_OFFICE, DISTRICT, COMMUNE = "department", "land_office", "district", "commune"
# In the order of a form's sections.
BLOCK_ORDER = (DEPARTMENT, LAND_OFFICE, DISTRICT, COMMUNE)

_BLOCK_OF_LEVEL = {"PROVINCE": DEPARTMENT, "DISTRICT": DISTRICT, "COMMUNE": COMMUNE}
_LEVEL_OF_BLOCK = {block: level for level, block in _BLOCK_OF_LEVEL.items()}
# Least dossiers of an ordinary month, and how many more a busy unit has.
_VOLUMES = {DEPARTMENT: (20, 2_400), DISTRICT: (600, 3_200), COMMUNE: (90, 620)}
_FIRST_NUMBER = {DEPARTMENT: 1, DISTRICT: 31, COMMUNE: 100}
_SUFFIX = re.compile(r" - (Tỉnh|Thành phố) .*$")


@cache
def reporting_units(province: Province) -> tuple[SampleUnit, ...]:
    """The units whose dossiers are counted, in the order of their codes.

    Raises Terminal for a province that neither the portal nor a list knows.
    """
    listed = [unit for unit in load_listed_units() if unit.province_code == province.code]
    if not listed and province.portal_id is not None:
        return sample_units(province)
    if not listed:
        raise Terminal(
            f"{province.name} has no units to make sample figures for",
            "name a province of today's portal, or one with a list in etl/reference/units_*.csv",
        )
    draws = uniform(len(listed), "listed", province.code)
    numbers = dict(_FIRST_NUMBER)
    units = []
    for unit, draw in zip(listed, draws, strict=True):
        least, more = _VOLUMES[unit.block]
        number, numbers[unit.block] = numbers[unit.block], numbers[unit.block] + 1
        units.append(
            SampleUnit(
                str(unit.unit_id),
                f"{province.code}.{number:02d}",
                unit.name,
                _LEVEL_OF_BLOCK[unit.block],
                int(least + more * draw * draw),
            )
        )
    return tuple(sorted(units, key=lambda unit: unit.code))


@cache
def portal_units(province: Province) -> tuple[SampleUnit, ...]:
    """The units the sample portal names: those that keep dossiers, without districts, which its replies do not have."""
    return tuple(unit for unit in reporting_units(province) if _BLOCK_OF_LEVEL[unit.level] != DISTRICT)


def block_of(unit: SampleUnit, blocks: tuple[str, ...]) -> str:
    """The section a unit stands in. The land office has one of its own only where ``blocks`` has it."""
    if LAND_OFFICE in blocks and "đăng ký đất đai" in unit.name.casefold():
        return LAND_OFFICE
    return _BLOCK_OF_LEVEL[unit.level]


def default_blocks(province: Province) -> tuple[str, ...]:
    """The sections a province's form has: those of its units, in order."""
    held = {block_of(unit, ()) for unit in reporting_units(province)}
    return tuple(block for block in BLOCK_ORDER if block in held)


def bare_name(name: str) -> str:
    """The name without the province that the portal hangs on it."""
    return _SUFFIX.sub("", name)


@cache
def parents_of(province: Province) -> dict[str, str]:
    """Unit code -> name of the unit above, for communes of a list that says so."""
    listed = [unit for unit in load_listed_units() if unit.province_code == province.code]
    above = {unit.gso_code: unit.name for unit in listed if unit.gso_code}
    parent = {str(unit.unit_id): above.get(unit.parent_gso_code or "") for unit in listed}
    found = ((unit.code, parent.get(unit.unit_id)) for unit in reporting_units(province))
    return {code: name for code, name in found if name is not None}


def repeated_names(units: list[SampleUnit]) -> set[str]:
    """Names, less their kind, that more than one of these units bears ("Phước Hưng")."""
    return {
        name for name, times in Counter(map(kindless, (unit.name for unit in units))).items() if times > 1
    }


def kindless(name: str) -> str:
    """ "UBND xã Phước Hưng" and "UBND phường Phước Hưng" are both "phước hưng"."""
    return re.sub(r"^(ubnd )?(xã|phường|thị trấn) ", "", bare_name(name).casefold())
