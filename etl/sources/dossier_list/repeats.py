"""Dossiers that a list holds more than once, over the whole file.

While the list streams by, only a 64-bit fingerprint of each code and its row number are kept (12 bytes a
row). Fingerprints seen twice name the candidates; those few rows are read back from the columnar copy and
compared by their codes, so that two codes with one fingerprint are never taken for one dossier.

Of rows that agree in every field that counts, the first counts. Where they disagree nobody can say which
is right: none counts. Rows that a row rule has refused take no part.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from etl.sources.dossier_list.columns import FLAGS

_COUNTED = ("unit", "status", "received", "finished", *FLAGS)


class Repeats:
    """Fingerprints of the rows that hold. ``fingerprint`` may be replaced (tests force collisions)."""

    def __init__(self, fingerprint: Callable[[pl.Series], pl.Series] = pl.Series.hash) -> None:
        self._fingerprint = fingerprint
        self._prints: list[npt.NDArray[np.uint64]] = []
        self._rows: list[npt.NDArray[np.uint32]] = []

    def add(self, good: pl.DataFrame) -> None:
        """Keep the fingerprints of ``code`` with their ``row_no``."""
        self._prints.append(self._fingerprint(good["code"]).to_numpy())
        self._rows.append(good["row_no"].to_numpy())

    def candidates(self) -> npt.NDArray[np.uint32]:
        """Numbers of the rows whose fingerprint another row has too."""
        if not self._prints:
            return np.empty(0, np.uint32)
        # Sorting by polars takes both cores and half of numpy's time (2 M: 0.05 s against 0.12 s).
        prints = pl.Series(np.concatenate(self._prints))
        ordered = prints.sort()
        twice = ordered.filter(ordered == ordered.shift(1)).unique()
        if twice.is_empty():
            return np.empty(0, np.uint32)
        rows: npt.NDArray[np.uint32] = np.concatenate(self._rows)[prints.is_in(twice.implode()).to_numpy()]
        return rows

    def settle(self, copy: Path) -> pl.DataFrame:
        """Rows to take out: the copy's columns, ``first`` (row number of the code's first), ``conflict``.

        Reads only the candidates from the columnar copy.
        """
        rows = self.candidates()
        wanted = pl.Series("row_no", rows, dtype=pl.UInt32).implode()
        found = pl.scan_parquet(copy).filter(pl.col("row_no").is_in(wanted) & ~pl.col("quarantined"))
        frame = (found if rows.size else pl.LazyFrame(schema=found.collect_schema())).collect().sort("row_no")
        return (
            frame.with_columns(
                pl.col("row_no").min().over("code").alias("first"),
                pl.len().over("code").alias("times"),
                (pl.struct(_COUNTED).n_unique().over("code") > 1).alias("conflict"),
            )
            .filter((pl.col("times") > 1) & (pl.col("conflict") | (pl.col("row_no") != pl.col("first"))))
            .drop("times")
        )
