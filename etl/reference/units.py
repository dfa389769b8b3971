"""Units that are known from legal lists rather than from the portal, with their dates.

Units of today's provinces are not shipped: the portal announces them, and the warehouse
adds them with the date they were first seen. A province that no longer exists (BR-VT)
has no portal to announce its units, so its list is a dated file.
"""

from __future__ import annotations

import csv
import unicodedata
import uuid
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent

# Fixed for ever: unit ids are derived from it, so that two warehouses agree on them.
UNIT_NAMESPACE = uuid.UUID("7660766b-0c51-5c0e-8a76-6b0c50c51766")

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


@cache
def load_listed_units() -> tuple[ListedUnit, ...]:
    """All units of the shipped lists, in file order."""
    units: list[ListedUnit] = []
    for path in sorted(_FOLDER.glob("units_*.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                key = row["gso_code"] or f"{row['block']}:{name_key(row['name'])}"
                units.append(
                    ListedUnit(
                        unit_id=uuid.uuid5(UNIT_NAMESPACE, f"list:{row['province_code']}:{key}"),
                        province_code=row["province_code"],
                        block=row["block"],
                        name=unicodedata.normalize("NFC", row["name"]),
                        gso_code=row["gso_code"] or None,
                        parent_gso_code=row["parent_gso_code"] or None,
                        valid_from=date.fromisoformat(row["valid_from"]),
                        valid_to=date.fromisoformat(row["valid_to"]) if row["valid_to"] else None,
                    )
                )
    return tuple(units)
