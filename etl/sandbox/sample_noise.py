"""Repeatable chance for the sample data.

Numbers come from splitmix64 over a keyed hash: integer arithmetic only, so the same words
give the same numbers on every machine and numpy release (numpy's own generators promise
neither), and any number can be drawn without drawing those before it.
"""

from __future__ import annotations

from functools import cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = (np.uint64(bits) for bits in (30, 27, 31, 11))
_TO_UNIT = 2.0**-53


def key(*words: object) -> int:
    """A 64-bit number that stands for these words."""
    return int.from_bytes(blake2b("|".join(map(str, words)).encode(), digest_size=8).digest(), "big")


@cache
def _steps(size: int) -> NDArray[np.uint64]:
    steps = np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN
    steps.flags.writeable = False
    return steps


def uniform(size: int, *words: object) -> Floats:
    """``size`` numbers in [0, 1), always the same for the same words."""
    mixed = _steps(size) + np.uint64(key(*words))
    mixed ^= mixed >> _30
    mixed *= _MIX_1
    mixed ^= mixed >> _27
    mixed *= _MIX_2
    mixed ^= mixed >> _31
    return np.asarray((mixed >> _11).astype(np.float64) * _TO_UNIT)


def bell(size: int, *words: object) -> Floats:
    """``size`` numbers in (-1, 1) heaped around 0: the mean of three draws."""
    return (uniform(size, "a", *words) + uniform(size, "b", *words) + uniform(size, "c", *words)) / 1.5 - 1
