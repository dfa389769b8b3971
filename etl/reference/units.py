"""Units that are known from legal lists rather than from the portal, with their dates.

Units of today's provinces are not shipped: the portal announces them, and the warehouse
adds them with the date they were first seen. A province that no longer exists (BR-VT)
has no portal to announce its units, so its list is a dated file.
"""

from __future__ import annotations

import csv
import unicodedata
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from etl.errors import Terminal

_FOLDER = Path(__file__).parent

# Fixed for ever: unit ids are derived from it, so that two warehouses agree on them.
UNIT_NAMESPACE = uuid.UUID("7660766b-0c51-5c0e-8a76-6b0c50c51766")

# Blocks that a list of units may name.
BLOCKS = ("department", "land_office", "district", "commune")

# The country has no id on the portal; this one stands for it in our tables.
COUNTRY_PORTAL_ID = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class ListedUnit:
    """A unit of a legal list. Keys that are unknown are None, never guessed."""

    unit_id: uuid.UUID
    province_code: str
    block: str
    name: str
    gso_code: str | None
    parent_gso_code: str | None
    valid_from: date
    valid_to: date | None
    unit_code: str | None = None
    source: str = "legal list"


@dataclass(frozen=True)
class KnownUnit:
    """A unit of the dimension on one day: what a form or list is matched against.

    ``name`` as announced; ``parent`` is the name of the unit above where the list gives one
    (two communes of different districts may share a name).
    """

    unit_id: uuid.UUID
    block: str
    name: str
    unit_code: str | None
    parent: str | None = None


def portal_unit_id(portal_id: str) -> uuid.UUID:
    """The durable id of a unit that the portal announces under ``portal_id``."""
    return uuid.uuid5(UNIT_NAMESPACE, f"portal:{portal_id.lower()}")


def name_key(name: str) -> str:
    """A name folded for comparison: composed Unicode, one case, single spaces.

    Only for telling a respelling from a renaming; never to match units across provinces.
    """
    return " ".join(unicodedata.normalize("NFC", name).casefold().split())


# What the dimension's column ``source`` says of units of the shipped lists, and of an office's own.
LEGAL_LIST, OFFICE_LIST = "legal list", "office list"

_COLUMNS = ("province_code", "block", "name", "gso_code", "parent_gso_code", "valid_from", "valid_to")
_OPTIONAL = ("unit_code",)


def load_listed_units(extra_dir: Path | None = None) -> tuple[ListedUnit, ...]:
    """All units of the shipped lists, then those of ``extra_dir`` (``units_*.csv`` of the same columns), in file order.

    An optional column ``unit_code`` holds H-codes. Rows of one unit (same GSO code, or without
    one same H-code, or same block and name) with different ``valid_from`` are its versions.
    Raises Terminal naming file and line where a row cannot be read.
    """
    own = sorted(extra_dir.glob("units_*.csv")) if extra_dir else []
    return _shipped() + tuple(unit for path in own for unit in _read_list(path, OFFICE_LIST))


@cache
def _shipped() -> tuple[ListedUnit, ...]:
    return tuple(
        unit for path in sorted(_FOLDER.glob("units_*.csv")) for unit in _read_list(path, LEGAL_LIST)
    )


def _read_list(path: Path, source: str) -> list[ListedUnit]:
    units: list[ListedUnit] = []
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            rows = csv.DictReader(handle, strict=True)
            for row in rows:
                line = rows.line_num
                units.append(_listed(row, source))
    except (OSError, UnicodeDecodeError, ValueError, TypeError, AttributeError, csv.Error) as error:
        raise Terminal(
            f"the list of units {path} cannot be read, line {line}: {error}",
            f"mend the file; it needs the columns {', '.join(_COLUMNS)} (and may have unit_code), "
            f"dates as 2025-07-01, a block of {', '.join(BLOCKS)}",
        ) from error
    return units


def _listed(row: Mapping[str, str], source: str) -> ListedUnit:
    if set(row) - set(_OPTIONAL) != set(_COLUMNS):
        raise ValueError(f"its columns are {', '.join(map(str, row))}")
    text = {
        name: unicodedata.normalize("NFC", (row.get(name) or "").strip()) for name in (*_COLUMNS, *_OPTIONAL)
    }
    for name in ("province_code", "name"):
        if not text[name]:
            raise ValueError(f"{name} is empty")
    if text["block"] not in BLOCKS:
        raise ValueError(f"'{text['block']}' is no block of units")
    code = text["unit_code"] or None
    key = text["gso_code"] or (f"h_code:{code}" if code else f"{text['block']}:{name_key(text['name'])}")
    begin = date.fromisoformat(text["valid_from"])
    end = date.fromisoformat(text["valid_to"]) if text["valid_to"] else None
    if end is not None and end < begin:
        raise ValueError(f"valid_to {end} is before valid_from {begin}")
    return ListedUnit(
        unit_id=uuid.uuid5(UNIT_NAMESPACE, f"list:{text['province_code']}:{key}"),
        province_code=text["province_code"],
        block=text["block"],
        name=text["name"],
        gso_code=text["gso_code"] or None,
        parent_gso_code=text["parent_gso_code"] or None,
        valid_from=begin,
        valid_to=end,
        unit_code=code,
        source=source,
    )
