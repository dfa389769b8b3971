"""How many dossiers, petitions and procedures a sample province has in a month.

Counts of dossiers and petitions add up: a quarter is the sum of its months. Counts of
procedures (TTHC) do not, on the portal either: a procedure used in two months is one
procedure, so a longer period grows by a share (real: 297 in August, 342 in the quarter,
396 in the year to date).

A unit's performance is its own level, held for good, plus a drift that moves over
quarters, plus a small monthly jitter; so ranks stay recognisable from month to month.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

import numpy as np
from numpy.typing import NDArray

from etl.sandbox.sample_noise import Floats, bell, uniform
from etl.sandbox.sample_scores import Share
from etl.sandbox.sample_units import SampleUnit

Counts = NDArray[np.int64]


class Count(IntEnum):
    """Rows of a count matrix; its columns are the units, and last the province."""

    RECEIVED = 0
    ON_TIME = auto()
    SATISFIED = auto()
    COMPLETED = auto()
    CENTIDAYS = auto()  # hundredths of a day spent on the completed
    SYNCED = auto()
    RESULT = auto()
    DIGITIZED = auto()
    REUSED = auto()
    STORED = auto()
    CITIZEN = auto()
    FEE_DUE = auto()
    FEE_PAID = auto()
    PETITIONS = auto()
    PETITIONS_TTHC = auto()
    PETITIONS_STAFF = auto()
    PETITIONS_ON_TIME = auto()
    PETITIONS_SATISFIED = auto()
    ONLINE_ON_TIME = auto()
    ONLINE_OVERDUE = auto()
    DIRECT = auto()
    POSTAL = auto()


class Procedures(IntEnum):
    """Rows of a procedure matrix: distinct TTHC, never additive."""

    CITIZEN_ALL = 0
    CITIZEN_CONNECTED = auto()
    FEE_ALL = auto()
    FEE_SYNCED = auto()
    FEE_PAID = auto()
    USED_ONLINE = auto()  # hundredths of the 4 points of 3.2


@dataclass(frozen=True)
class ProvinceMonth:
    """What only the province has: procedures published and updated on time, in one month."""

    publish: Share
    update: Share


# Tết empties February; otherwise the year is flat.
_SEASON = (0.98, 0.70, 1.05, 1.02, 1.04, 1.08, 1.06, 1.03, 1.0, 1.02, 1.0, 0.94)
# The portal counted nothing for personal storage until September 2026.
_STORAGE_SINCE = (2026, 10)
# Communes of one province all answer for the same procedures (real: 385).
_COMMUNE_CITIZEN_TTHC = 385
_GROWTH = 0.35
# What trouble costs a unit's share on time.
_TROUBLE = 0.22


@dataclass(frozen=True)
class _Level:
    """A rate in 0..1: centre for agencies and communes, spread over units, gain over time."""

    agency: float
    commune: float
    spread: float
    gain: float = 0.0


_RATES = {
    "on_time": _Level(0.75, 0.79, 0.20, 0.14),
    "completed": _Level(0.78, 0.82, 0.08),
    "synced": _Level(0.74, 0.76, 0.12, 0.04),
    "result": _Level(0.62, 0.70, 0.28, 0.08),
    "digitized": _Level(0.36, 0.10, 0.26, 0.16),
    "reused": _Level(0.03, 0.03, 0.10, 0.20),
    "stored": _Level(0.015, 0.012, 0.02, 0.02),
    "citizen": _Level(1.6, 0.40, 0.40, 0.10),
    "fee_due": _Level(0.45, 0.58, 0.18),
    "fee_paid": _Level(0.84, 0.85, 0.16, 0.05),
    "petition_on_time": _Level(0.74, 0.80, 0.40),
    "petition_satisfied": _Level(0.58, 0.70, 0.50),
    "online": _Level(0.97, 0.985, 0.03),
    "citizen_tthc": _Level(0.24, 0.10, 0.14, 0.04),
    "fee_tthc": _Level(0.15, 0.18, 0.10),
    "paid_tthc": _Level(0.45, 0.33, 0.28, 0.05),
    "used_online": _Level(0.20, 0.07, 0.06, 0.02),
}


class ProvinceSample:
    """Draws the numbers of one province. ``seed`` changes every figure, no organisation."""

    def __init__(self, code: str, units: tuple[SampleUnit, ...], seed: int) -> None:
        self.units = units
        self._words = (seed, code)
        self._size = len(units)
        self._agency = np.array([unit.is_agency for unit in units])
        self._volume = np.array([unit.volume for unit in units], dtype=np.float64)
        self._anchors: dict[tuple[str, int], Floats] = {}
        self._levels = {name: self._level(name) for name in _RATES}

    def month(self, year: int, month: int) -> Counts:
        """The counts of a month, one column a unit and the province's sum last."""
        when = (year, month)
        swing = 0.88 + 0.24 * self._draw("received", *when)
        received = self._part(self._volume, _SEASON[month - 1] * swing, "received", when)
        rows = np.zeros((len(Count), self._size), dtype=np.int64)
        on_time_rate = self._rate("on_time", year, month)
        on_time = self._part(received, on_time_rate, "on_time", when)
        completed = self._part(received, self._rate("completed", year, month), "completed", when)
        days = 150 + (2_400 * (1 - on_time_rate) * (0.7 + 0.6 * self._draw("days", *when))).astype(np.int64)
        rows[Count.RECEIVED] = received
        rows[Count.ON_TIME] = on_time
        # A dislike takes a dossier that was on time: 51 of 144,625 in the real month.
        rows[Count.SATISFIED] = on_time - self._part(on_time, np.full(self._size, 0.0006), "dislike", when)
        rows[Count.COMPLETED] = completed
        rows[Count.CENTIDAYS] = days * completed
        synced = self._part(received, self._rate("synced", year, month), "synced", when)
        rows[Count.SYNCED] = np.maximum(synced, np.minimum(received, 1))
        for row, name in (
            (Count.RESULT, "result"),
            (Count.DIGITIZED, "digitized"),
            (Count.REUSED, "reused"),
            (Count.CITIZEN, "citizen"),
            (Count.FEE_DUE, "fee_due"),
        ):
            rows[row] = self._part(received, self._rate(name, year, month), name, when)
        if when >= _STORAGE_SINCE:
            rows[Count.STORED] = self._part(received, self._rate("stored", year, month), "stored", when)
        rows[Count.FEE_PAID] = self._part(
            rows[Count.FEE_DUE], self._rate("fee_paid", year, month), "fee_paid", when
        )
        self._petitions(rows, when)
        self._channels(rows, on_time_rate, when)
        return np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)

    def procedures(self, counts: Counts, year: int, last_month: int, months: int) -> Counts:
        """Distinct procedures of a period of ``months`` months with these counts; province last."""
        growth = 1 + _GROWTH * (1 - 1 / months)
        draw = self._draw("procedures")
        province = uniform(8, "province procedures", *self._words)
        citizen_all = np.where(self._agency, 2 + 250 * draw * draw * draw, _COMMUNE_CITIZEN_TTHC)
        fee_all = np.where(self._agency, 1 + 60 * draw * draw, 30 + 9 * draw)
        rows = np.zeros((len(Procedures), self._size + 1), dtype=np.int64)
        rows[Procedures.CITIZEN_ALL] = np.append(citizen_all, 1_240 + 120 * province[0])
        rows[Procedures.FEE_ALL] = np.append(fee_all, 285 + 50 * province[1])
        # The last column bounds a count: a procedure was paid only if one of its dossiers was.
        for row, whole, name, own, bound in (
            (
                Procedures.CITIZEN_CONNECTED,
                Procedures.CITIZEN_ALL,
                "citizen_tthc",
                0.17 + 0.12 * province[2],
                Count.RECEIVED,
            ),
            (Procedures.FEE_SYNCED, Procedures.FEE_ALL, "fee_tthc", 0.14 + 0.10 * province[3], Count.FEE_DUE),
            (Procedures.FEE_PAID, Procedures.FEE_ALL, "paid_tthc", 0.25 + 0.15 * province[4], Count.FEE_PAID),
        ):
            rate = np.append(self._rate(name, year, last_month), own)
            used = (rows[whole] * rate * growth).astype(np.int64)
            rows[row] = np.minimum(np.minimum(rows[whole], used), counts[bound])
        # … and where a dossier was paid, so was one procedure.
        rows[Procedures.FEE_PAID] = np.maximum(rows[Procedures.FEE_PAID], counts[Count.FEE_PAID] > 0)
        # The province has at least what any of its units has.
        rows[:, -1] = rows.max(axis=1)
        active = counts[Count.RECEIVED] > 0
        online = np.append(self._rate("used_online", year, last_month), 0.16 + 0.12 * province[5])
        rows[Procedures.USED_ONLINE] = (400 * np.minimum(1, online * growth)).astype(np.int64) * active
        return rows

    def province_month(self, year: int, month: int) -> ProvinceMonth:
        """Procedures published (1.1) and updated (1.2) on time. Months without any are common."""
        steady = uniform(4, "publishing", *self._words)
        draw = uniform(6, "publishing", *self._words, year, month)
        publish_all = 0 if draw[0] < 0.4 else 1 + int(18 * draw[1])
        update_all = 0 if draw[2] < 0.3 else 1 + int(24 * draw[3])
        # Four provinces in ten publish nothing on time at all.
        publish_rate = 0.0 if steady[0] < 0.4 else 0.9 * steady[1]
        update_rate = 0.0 if steady[2] < 0.3 else 0.5 + 0.5 * steady[3]
        return ProvinceMonth(
            (int(publish_all * publish_rate + draw[4]) if publish_rate else 0, publish_all),
            (int(update_all * update_rate + draw[5]) if update_rate else 0, update_all),
        )

    def content(self) -> Share:
        """Procedures with complete content (1.3): a snapshot, the same for every period."""
        draw = uniform(2, "content", *self._words)
        published = 60 + int(60 * draw[0])
        return published - int(6 * draw[1]), published

    def provision(self, months: int) -> tuple[int, int, int, int]:
        """Online provision: authority, partial, full and service total (really 56, 31, 21, 1,968)."""
        draw = uniform(4, "provision", *self._words)
        authority = int((50 + 25 * draw[0]) * (1 + 0.65 * (1 - 1 / months)))
        provided = int(authority * (0.35 + 0.63 * draw[1]))
        full = int(provided * (0.25 + 0.35 * draw[2]))
        return authority, provided - full, full, 1_500 + int(700 * draw[3])

    def draw(self, what: str, size: int) -> Floats:
        """Numbers in [0, 1) that belong to this province and this purpose."""
        return uniform(size, what, *self._words)

    def _petitions(self, rows: Counts, when: tuple[int, int]) -> None:
        # Six units in ten get none in a month; a busy one gets a handful.
        luck = np.maximum(0, self._draw("petitions", *when) - 0.6) / 0.4
        petitions = (luck * (1.2 + np.sqrt(self._volume) / 9) + 0.3 * (luck > 0)).astype(np.int64)
        petitions *= rows[Count.RECEIVED] > 0
        about_rules = self._part(petitions, 0.3 + 0.5 * self._draw("about rules", *when), "rules", when)
        half = np.full(self._size, 0.5)
        rows[Count.PETITIONS] = petitions
        rows[Count.PETITIONS_TTHC] = about_rules
        rows[Count.PETITIONS_STAFF] = self._part(petitions - about_rules, half, "staff", when)
        for row, name in (
            (Count.PETITIONS_ON_TIME, "petition_on_time"),
            (Count.PETITIONS_SATISFIED, "petition_satisfied"),
        ):
            rows[row] = self._part(petitions, self._rate(name, *when), name, when)

    def _channels(self, rows: Counts, on_time_rate: Floats, when: tuple[int, int]) -> None:
        # The channels count another population than "received": 152,595 of 184,513.
        counted = self._part(rows[Count.RECEIVED], np.full(self._size, 0.83), "channels", when)
        online = self._part(counted, self._rate("online", *when), "online", when)
        online_on_time = self._part(online, np.minimum(1.0, on_time_rate + 0.03), "online on time", when)
        postal = self._part(counted - online, np.full(self._size, 0.04), "postal", when)
        rows[Count.ONLINE_ON_TIME] = online_on_time
        rows[Count.ONLINE_OVERDUE] = online - online_on_time
        rows[Count.POSTAL] = postal
        rows[Count.DIRECT] = counted - online - postal

    def _level(self, name: str) -> Floats:
        level = _RATES[name]
        own = np.where(self._agency, level.agency, level.commune)
        together = 0.7 * level.spread * bell(1, "together", name, *self._words)
        own = own + together + level.spread * bell(self._size, "level", name, *self._words)
        if name == "on_time":
            # Every province has a few units in trouble, and the land office's ministry is
            # one of them everywhere (real: 50.61 % on time, 15 % of all dossiers).
            land = np.array([unit.code.endswith(".15") for unit in self.units])
            own = own - _TROUBLE * (land | (self._draw("trouble") < 0.06))
        return np.asarray(own)

    def _rate(self, name: str, year: int, month: int) -> Floats:
        """The rate of a month: level, gain since 2026, drift between quarters, jitter."""
        level = _RATES[name]
        age = max(0, 12 * (year - 2026) + month - 1)
        quarter, step = divmod(age, 3)
        drift = (1 - step / 3) * self._anchor(name, quarter) + step / 3 * self._anchor(name, quarter + 1)
        jitter = self._draw("jitter", name, year, month)
        moved = (
            self._levels[name]
            + level.gain * (age / (age + 9))
            + level.spread * (0.30 * (drift - 0.5) + 0.10 * (jitter - 0.5))
        )
        return np.asarray(np.clip(moved, 0.005, 1.0))

    def _anchor(self, name: str, quarter: int) -> Floats:
        """Where the drift stands at the start of a quarter; every month of two quarters needs it."""
        if (name, quarter) not in self._anchors:
            self._anchors[name, quarter] = self._draw("drift", name, quarter)
        return self._anchors[name, quarter]

    def _part(self, whole: Counts | Floats, rate: Floats, what: str, when: tuple[int, int]) -> Counts:
        """A share of whole numbers, rounded up or down by chance: never more than the whole at rate 1."""
        return np.floor(whole * rate + self._draw("part", what, *when)).astype(np.int64)

    def _draw(self, *words: object) -> Floats:
        return uniform(self._size, *words, *self._words)
