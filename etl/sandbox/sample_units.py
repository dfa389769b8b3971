"""The invented organisations of a sample province.

Agencies carry the names such agencies have everywhere in the country; communes carry names
nobody gave to a commune (a fruit or a plant and a quality: "Sen Thắm"). Both wear the
spellings the portal really mixes: "UBND Phường/phường", "UBND xã/Xã", a suffix with the
province here and there (``docs/portal.md``).
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import date
from functools import cache

from etl.reference.provinces import Province
from etl.sandbox.sample_noise import key, uniform

# Ids are derived from it: changing it would make every sample unit a new unit.
_NAMESPACE = uuid.UUID("0766fa2e-5a4d-5b1c-9a01-766000000766")

# Number within the province, name, dossiers of an ordinary month. 0 = none, ever: the
# portal has such units, and an empty unit is not a bad unit. "{t}" is Tỉnh or Thành phố.
_AGENCIES = (
    ("01", "Văn phòng UBND {t}", 0),
    ("03", "Ban quản lý các khu công nghiệp", 590),
    ("04", "Sở Nội vụ", 1_900),
    ("05", "Sở Tư pháp", 9_200),
    ("06", "Sở Tài chính", 3_400),
    ("07", "Sở Công Thương", 480),
    ("08", "Sở Giáo dục và Đào tạo", 330),
    ("09", "Sở Khoa học và Công nghệ", 140),
    ("10", "Sở Y tế", 1_250),
    ("11", "Sở Xây dựng", 6_100),
    ("12", "Sở Văn hóa, Thể thao và Du lịch", 260),
    ("13", "Sở Ngoại vụ", 4),
    ("14", "Sở Dân Tộc và Tôn Giáo", 12),
    ("15", "Sở Nông Nghiệp và Môi Trường", 21_000),
    ("16", "Thanh tra {t}", 0),
    ("17", "Văn phòng Đăng ký đất đai", 12_500),
    ("18", "Trung tâm Phục vụ hành chính công", 210),
    ("19", "Sở Du lịch", 70),
    ("20", "Ban quản lý Khu kinh tế", 240),
    ("21", "Ban quản lý An toàn thực phẩm", 430),
    ("22", "Ban quản lý Khu công nghệ cao", 35),
)
# The last ones exist in some provinces only.
_AGENCIES_EVERYWHERE = 18

_PLANTS = "Bàng Bưởi Chàm Dừa Đước Gạo Hồi Hồng Khế Lạc Lau Mận Mía Ngô Ổi Sen Sim Thóc Trám Trúc Vải Xoài"
_QUALITIES = (
    "Biếc Chín Dịu Đượm Êm Giòn Hanh Lam Lặng Mẩy Mơ Ngát Ngọt Rạng Rộn Sáng Thắm Thơm Trĩu Trong Tươi"
)

_FIRST_COMMUNE = 100
_RENAMED, _NAMESAKE = 11, 7


@dataclass(frozen=True)
class SampleUnit:
    """One child unit. ``level`` is PROVINCE for an agency, COMMUNE for a commune.

    ``volume`` is the number of dossiers of an ordinary month. A renamed unit bears
    ``former_name`` in every period that ends before ``renamed_on``.
    """

    unit_id: str
    code: str
    name: str
    level: str
    volume: int
    former_name: str | None = None
    renamed_on: date | None = None

    @property
    def is_agency(self) -> bool:
        return self.level == "PROVINCE"

    def name_in(self, last_day: date) -> str:
        """The name it bears in a period that ends on ``last_day``."""
        if self.former_name is not None and self.renamed_on is not None and last_day < self.renamed_on:
            return self.former_name
        return self.name


def root_name(province: Province) -> str:
    """ "UBND tỉnh Phú Thọ", "UBND Thành phố Hà Nội": with the portal's own capitals."""
    return f"UBND {_capital(province.name) if province.name.startswith('thành phố') else province.name}"


@cache
def sample_units(province: Province) -> tuple[SampleUnit, ...]:
    """18–21 agencies and 80–150 communes, in the portal's order (code as text).

    They depend on the province only, never on the seed: another seed is another year of
    the same organisations. Two communes share one name; one is renamed in 2026.
    """
    units = [*_agencies(province), *_communes(province)]
    return tuple(sorted(units, key=lambda unit: unit.code))


def _agencies(province: Province) -> list[SampleUnit]:
    place = _capital(province.name)
    town = "Thành phố" if place.startswith("Thành phố") else "Tỉnh"
    draws = uniform(len(_AGENCIES), "agencies", province.code)
    found = []
    for number, (place_code, name, volume) in enumerate(_AGENCIES):
        if number >= _AGENCIES_EVERYWHERE and draws[number] < 0.5:
            continue
        size = 0 if volume == 0 else max(1, int(volume * (0.6 + 0.8 * draws[number])))
        full_name = f"{name.format(t=town)} - {place}"
        found.append(_unit(province, place_code, full_name, "PROVINCE", size))
    return found


def _communes(province: Province) -> list[SampleUnit]:
    count = 80 + key("communes", province.code) % 71
    names = _invented_names(province, count + 1)
    former = f"UBND xã {names[_RENAMED]}"
    names[_RENAMED] = names.pop()
    draws = uniform(4 * count, "commune", province.code)
    found = []
    for place, name in enumerate(names):
        kind, size, suffix, prefix = draws[4 * place : 4 * place + 4]
        title = ("Phường" if prefix < 0.5 else "phường") if kind < 0.12 else ("Xã" if prefix < 0.02 else "xã")
        full_name = f"UBND {title} {name}"
        if suffix < 0.03:
            full_name += f" - {_capital(province.name)}"
        if place in (_NAMESAKE, _RENAMED):
            full_name = f"UBND xã {name}"
        # Small communes are many, busy wards few: 250 to about 3,000 dossiers.
        volume = int(
            250 + 1_100 * size * size + (900 if kind < 0.12 else 0) + 700 * size * size * size * size
        )
        found.append(_unit(province, str(_FIRST_COMMUNE + place), full_name, "COMMUNE", volume))
    twin = found[_NAMESAKE]
    found[-3] = replace(found[-3], name=twin.name)
    renamed_on = date(2026, 3 + key("renamed", province.code) % 6, 1)
    found[_RENAMED] = replace(found[_RENAMED], former_name=former, renamed_on=renamed_on)
    return found


def _invented_names(province: Province, count: int) -> list[str]:
    every = [f"{plant} {quality}" for plant in _PLANTS.split() for quality in _QUALITIES.split()]
    order = uniform(len(every), "names", province.code).argsort(kind="stable")
    return [every[place] for place in order[:count]]


def _unit(province: Province, number: str, name: str, level: str, volume: int) -> SampleUnit:
    code = f"{province.code}.{number}"
    return SampleUnit(str(uuid.uuid5(_NAMESPACE, code)), code, name, level, volume)


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
