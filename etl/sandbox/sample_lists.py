"""Dossier lists as a province's one-stop system and the portal would export them, faults on order.

At ``scale`` 1 and without faults a list adds up to the form of the same window
(``sample_forms``) and, over a calendar window, to the sample portal's figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from etl.errors import Terminal
from etl.periods import VIETNAM, Window
from etl.reference.provinces import Province
from etl.sandbox.sample_dossier_units import reporting_units
from etl.sandbox.sample_dossiers import (
    complete,
    count_measures,
    in_window,
    layers_of,
    month_dossiers,
    open_again,
    touched_months,
)
from etl.sandbox.sample_list_faults import (
    ROW_FAULTS,
    Faults,
    PlantedFinding,
    allotted,
    choose,
    differ,
    known_findings,
    spoil_moments,
    spoil_text,
)
from etl.sandbox.sample_list_text import HEADERS, PAPER_HEADER, CsvList, XlsxList, to_text

MARKER = "SỐ LIỆU MẪU"
PROVINCE_SIDE, PORTAL_SIDE = "province", "portal"


@dataclass(frozen=True)
class PlantedList:
    """A list that was written, and what must be found in it.

    ``rows`` are its records (marker and header lines not counted) = ``counted`` + ``quarantined``
    + ``not_received``. ``faults`` says how many rows break which rule: exact copies count once
    each (the first of them is good), conflicting ones twice (nobody knows which is right).
    ``fault_codes`` are their codes as written. ``expected`` holds the measures by unit code
    after quarantine; ``findings`` what a comparison with the faultless provincial list finds.
    """

    path: Path
    province: Province
    window: Window
    rows: int
    faults: dict[str, int]
    fault_codes: dict[str, tuple[str, ...]]
    not_received: int
    expected: dict[str, dict[str, int]]
    findings: tuple[PlantedFinding, ...] = ()

    @property
    def quarantined(self) -> int:
        return sum(self.faults.values())

    @property
    def counted(self) -> int:
        return self.rows - self.quarantined - self.not_received


def write_dossier_list(
    path: Path,
    province: Province,
    window: Window,
    *,
    seed: int = 766,
    scale: float = 1.0,
    side: str = PROVINCE_SIDE,
    faults: Faults | None = None,
    format: str = "csv",
    as_of: datetime | None = None,
    delimiter: str = ",",
    encoding: str = "utf-8",
    paper_column: bool = False,
) -> PlantedList:
    """Write the dossiers received or finished in a window (and those never received) to ``path``.

    ``side`` "portal" writes the national portal's list of the same dossiers. ``as_of`` (aware) is
    when the list was exported; None = long after. ``format`` csv or xlsx; ``encoding`` (utf-8,
    utf-8-sig, utf-16) and ``delimiter`` are a CSV's. ``paper_column`` adds a sixteenth
    column: then procedures without a paper result bear no result file and yet count.
    Raises Terminal for words it does not know and for more faults than there are dossiers.
    """
    writer = _open(path, province, window, format, delimiter, encoding, paper_column)
    units = reporting_units(province)
    planted = _Planting(province, window, side, paper_column, len(units))
    wanted = (faults or Faults()).ordered()
    parts = [(month, layer) for month in touched_months(window) for layer in range(layers_of(scale))]
    fields = [*HEADERS, *(["paper_result"] if paper_column else [])]
    try:
        for place, ((year, month), layer) in enumerate(parts):
            dossiers = month_dossiers(province, year, month, seed=seed, scale=scale, layer=layer)
            if as_of is not None:
                dossiers = open_again(dossiers, _local(as_of))
            dossiers = dossiers.filter(in_window(window))
            share = allotted(wanted, place, len(parts))
            words = (seed, province.code, year, month, layer)
            for text in planted.lines(dossiers, share, layers_of(scale), *words):
                writer.add(text.select(fields))
    finally:
        writer.close()
    return planted.told(path)


class _Planting:
    """Makes the lines of a list and keeps the account of what is wrong with them."""

    def __init__(self, province: Province, window: Window, side: str, paper: bool, size: int) -> None:
        if side not in (PROVINCE_SIDE, PORTAL_SIDE):
            raise Terminal(f"'{side}' is no side", f"use {PROVINCE_SIDE} or {PORTAL_SIDE}")
        self._province, self._window, self._side, self._paper = province, window, side, paper
        units = reporting_units(province)
        self._codes = [unit.code for unit in units]
        self._agencies = [unit.is_agency for unit in units]
        self._counted: dict[str, list[int]] = {}
        self._size = size
        self._rows = self._never = 0
        self._faults: dict[str, int] = {}
        self._fault_codes: dict[str, list[str]] = {}
        self._findings: list[PlantedFinding] = []

    def lines(
        self, dossiers: pl.DataFrame, wanted: dict[str, int], layers: int, *words: object
    ) -> Iterator[pl.DataFrame]:
        """The text of one part of the list."""
        dossiers = dossiers.with_columns(choose(dossiers, wanted, self._window, *words))
        if self._side == PORTAL_SIDE:
            before = self._text(dossiers.filter(pl.col("fault").is_not_null()))
            dossiers = differ(dossiers, layers)
            after = self._text(dossiers.filter(pl.col("fault").is_not_null()))
            self._findings += known_findings(before, after)
        self._count(dossiers)
        text = spoil_text(self._text(spoil_moments(dossiers)), self._province.code)
        self._rows += text.height
        self._never += int(dossiers["status"].is_in([1, 3]).sum())
        for name in (name for name in ROW_FAULTS if name in wanted):
            spoilt = text.filter(pl.col("fault") == name)
            # A copy and its original share the mark; of exact copies the first is good.
            self._faults[name] = self._faults.get(name, 0) + spoilt.height // (
                2 if name == "duplicate" else 1
            )
            self._fault_codes.setdefault(name, []).extend(spoilt["code"].unique(maintain_order=True))
        yield text

    def told(self, path: Path) -> PlantedList:
        expected = {
            code: complete({name: values[place] for name, values in self._counted.items()})
            for place, code in enumerate(self._codes)
        }
        return PlantedList(
            path=path,
            province=self._province,
            window=self._window,
            rows=self._rows,
            faults=self._faults,
            fault_codes={name: tuple(codes) for name, codes in self._fault_codes.items()},
            not_received=self._never,
            expected=expected,
            findings=tuple(self._findings),
        )

    def _text(self, dossiers: pl.DataFrame) -> pl.DataFrame:
        return to_text(dossiers, self._codes, self._agencies, paper=self._paper)

    def _count(self, dossiers: pl.DataFrame) -> None:
        """Add what is left when every spoilt row is out."""
        spoilt = pl.col("fault").is_in([name for name in ROW_FAULTS if name != "duplicate"])
        good = dossiers.filter(~spoilt.fill_null(value=False))
        for name, values in count_measures(good, self._window, self._size).items():
            have = self._counted.setdefault(name, [0] * self._size)
            self._counted[name] = [a + b for a, b in zip(have, values, strict=True)]


def _open(
    path: Path, province: Province, window: Window, form: str, delimiter: str, encoding: str, paper: bool
) -> CsvList | XlsxList:
    first_line = (
        f"{MARKER} – danh sách hồ sơ thủ tục hành chính {province.name}; "
        f"Từ ngày {window.first:%d/%m/%Y} đến ngày {window.last:%d/%m/%Y}"
    )
    headers = [*HEADERS.values(), *([PAPER_HEADER] if paper else [])]
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        return CsvList(path, first_line, headers, delimiter, encoding)
    if form == "xlsx":
        return XlsxList(path, first_line, headers)
    raise Terminal(f"a list is not written as '{form}'", "use csv or xlsx")


def _local(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise Terminal(f"as_of {moment} has no time zone", "write it like 2026-09-17T16:00+07:00")
    return moment.astimezone(VIETNAM).replace(tzinfo=None)
