"""The room's own description (``source.yml``), read once."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

SOURCE = "national_portal"
NATIONAL = "NATIONAL"
COUNTRY = "VN"


class Room(BaseModel):
    """What ``source.yml`` says of the source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    owner: str
    legal_basis: str
    cadence: str
    manners: str
    contract: str
    first_period: str
    page_size: int
    endpoints: dict[str, str]


@cache
def load_room() -> Room:
    """The description of this source."""
    path = Path(__file__).parent / "source.yml"
    return Room.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
