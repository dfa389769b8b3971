"""What can be wrong with a dossier list, planted on order and known to the row.

Every fault spoils one ordinary dossier (received and resolved in the window) in one way, so
that each spoilt row breaks one rule and its number is known beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from etl.errors import Terminal
from etl.periods import Window
from etl.sandbox.sample_noise import uniform

# Fields in which the portal's list can be made to differ.
FIELDS = (
    "status",
    "received",
    "due",
    "finished",
    "channel",
    "components_digitized",
    "components_reused",
    "result_digitized",
)
# No province bears it, and no unit of any province.
_FOREIGN, _UNKNOWN_UNIT = "H98", "998"


@dataclass(frozen=True)
class Faults:
    """How many dossiers to spoil in which way.

    ``duplicate`` adds exact copies; ``conflicting_duplicate`` adds copies that say something else
    of the digitized components. The last three are of the portal's list only: dossiers it lacks,
    dossiers the province lacks, and by field how many differ (``FIELDS``).
    """

    bad_code: int = 0
    impossible_code_date: int = 0
    unknown_unit: int = 0
    other_province: int = 0
    unknown_status: int = 0
    unparsable_date: int = 0
    missing_received: int = 0
    missing_finished: int = 0
    finished_before_received: int = 0
    received_in_future: int = 0
    unknown_channel: int = 0
    unknown_flag: int = 0
    reused_not_digitized: int = 0
    duplicate: int = 0
    conflicting_duplicate: int = 0
    missing_on_portal: int = 0
    missing_in_province: int = 0
    differing: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.differing) - set(FIELDS))
        if unknown:
            raise Terminal(f"no field {', '.join(unknown)} can differ", f"use {', '.join(FIELDS)}")

    @classmethod
    def each(cls, rows: int) -> Faults:
        """Every fault of a row ``rows`` times; nothing of the portal's side."""
        counts: dict[str, Any] = dict.fromkeys(ROW_FAULTS, rows)
        return cls(**counts)

    def ordered(self) -> dict[str, int]:
        """How many of which, ``differing`` as ``differing.status`` and so on; zeros left out."""
        plain = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "differing"}
        spread = {f"differing.{name}": count for name, count in self.differing.items()}
        return {name: count for name, count in (plain | spread).items() if count}


ROW_FAULTS = tuple(f.name for f in fields(Faults))[:15]


@dataclass(frozen=True)
class PlantedFinding:
    """What a comparison of both lists must find, values as the lists write them (None = no such dossier)."""

    dossier_code: str
    unit_code: str
    finding: str
    field: str | None
    provincial_value: str | None
    portal_value: str | None


def allotted(wanted: Mapping[str, int], part: int, parts: int) -> dict[str, int]:
    """A part's share of the faults; the shares of all parts add up."""
    shares = {name: n * (part + 1) // parts - n * part // parts for name, n in wanted.items()}
    return {name: n for name, n in shares.items() if n}


def choose(dossiers: pl.DataFrame, wanted: Mapping[str, int], window: Window, *words: object) -> pl.Series:
    """A column ``fault`` beside the dossiers: the fault each one gets, or null.

    Raises Terminal where the list is too small for what was ordered.
    """
    digitized = dossiers["components_digitized"]
    ordinary = dossiers.select(
        pl.col("status").is_in([9, 10])
        & pl.col("received").dt.date().is_between(window.first, window.last).fill_null(value=False)
        & pl.col("finished").dt.date().is_between(window.first, window.last).fill_null(value=False)
    ).to_series()
    open_ones = dossiers.select(
        pl.col("finished").is_null()
        & pl.col("received").dt.date().is_between(window.first, window.last).fill_null(value=False)
    ).to_series()
    may = {
        "received_in_future": open_ones,
        "reused_not_digitized": ordinary & ~digitized,
        "conflicting_duplicate": ordinary & ~digitized,
        "differing.status": ordinary & (dossiers["status"] == 10),
        "differing.components_digitized": ordinary & ~digitized,
        "differing.components_reused": ordinary & digitized & ~dossiers["components_reused"],
        "differing.result_digitized": ordinary & dossiers["result_digitized"] & ~dossiers["paperless"],
    }
    free = np.ones(dossiers.height, dtype=bool)
    order = uniform(dossiers.height, "faults", *words).argsort(kind="stable")
    names = np.full(dossiers.height, -1, dtype=np.int64)
    # The choosiest first, so that the others do not take what only they can use.
    ranked = sorted(wanted, key=lambda name: (int(may.get(name, ordinary).sum()), name))
    for place, name in enumerate(ranked):
        fits = may.get(name, ordinary).to_numpy() & free
        taken = order[fits[order]][: wanted[name]]
        if len(taken) < wanted[name]:
            raise Terminal(
                f"the list has {len(taken)} dossiers fit for '{name}', {wanted[name]} were ordered",
                "order fewer faults or a larger scale",
            )
        free[taken] = False
        names[taken] = place
    return pl.Series("fault", names).replace_strict(
        list(range(len(ranked))), ranked, default=None, return_dtype=pl.String
    )


def spoil_moments(dossiers: pl.DataFrame) -> pl.DataFrame:
    """Faults that are wrong times, written into the typed columns."""
    return dossiers.with_columns(
        pl.when(pl.col("fault") == "finished_before_received")
        .then(pl.col("received") - timedelta(days=3))
        .otherwise("finished")
        .alias("finished"),
        pl.when(pl.col("fault") == "received_in_future")
        .then(pl.col("received") + timedelta(days=3_653))
        .when(pl.col("fault") == "missing_received")
        .then(None)
        .otherwise("received")
        .alias("received"),
    ).with_columns(
        pl.when(pl.col("fault") == "missing_finished").then(None).otherwise("finished").alias("finished")
    )


def spoil_text(text: pl.DataFrame, province_code: str) -> pl.DataFrame:
    """Faults that are wrong words; exact and conflicting copies are added at the end."""

    def where(fault: str, then: pl.Expr, column: str) -> pl.Expr:
        return pl.when(pl.col("fault") == fault).then(then).otherwise(column).alias(column)

    code = pl.col("code")
    text = text.with_columns(
        pl.when(pl.col("fault") == "bad_code")
        .then(code.str.replace_all("-", "/", literal=True))
        .when(pl.col("fault") == "impossible_code_date")
        .then(code.str.replace(r"-\d{6}-", "-269932-"))
        .when(pl.col("fault") == "unknown_unit")
        .then(code.str.replace(r"^[^-]+", f"{province_code}.{_UNKNOWN_UNIT}"))
        .when(pl.col("fault") == "other_province")
        .then(code.str.replace(province_code, _FOREIGN, literal=True))
        .otherwise("code")
        .alias("code"),
        where("unknown_status", pl.lit("77"), "status"),
        where("unparsable_date", pl.lit("32/13/2026 08:00:00"), "received"),
        where("unknown_channel", pl.lit("9"), "channel"),
        where("unknown_flag", pl.lit("chưa rõ"), "components_digitized"),
        where("reused_not_digitized", pl.lit("1"), "components_reused"),
    )
    copies = text.filter(pl.col("fault").is_in(["duplicate", "conflicting_duplicate"])).with_columns(
        where("conflicting_duplicate", pl.lit("1"), "components_digitized")
    )
    return pl.concat([text, copies]) if copies.height else text


def differ(dossiers: pl.DataFrame, layers: int) -> pl.DataFrame:
    """The portal's dossiers: some lacking, some of its own, some that say something else.

    Those of its own take the place of an ordinary dossier's twin with a number the province
    does not use (its busiest unit writes about 1,300 numbers a day, a layer).
    """

    def where(field_name: str, then: pl.Expr) -> pl.Expr:
        return (
            pl.when(pl.col("fault") == f"differing.{field_name}")
            .then(then)
            .otherwise(field_name)
            .alias(field_name)
        )

    minute = timedelta(minutes=1)
    changed = dossiers.filter(pl.col("fault").ne_missing("missing_on_portal")).with_columns(
        where("status", pl.lit(9, pl.Int8)),
        where("received", pl.col("received") - minute),
        where("due", pl.col("due") + timedelta(days=1)),
        where("finished", pl.col("finished") + minute),
        where("channel", pl.when(pl.col("channel") == 1).then(2).otherwise(1).cast(pl.Int8)),
        *(
            where(name, ~pl.col(name))
            for name in ("components_digitized", "components_reused", "result_digitized")
        ),
    )
    own = changed.filter(pl.col("fault") == "missing_in_province").with_columns(
        (pl.col("number") + 5_000 * layers).alias("number"),
        pl.lit("own").alias("fault"),
    )
    return pl.concat([changed, own]) if own.height else changed


def known_findings(province: pl.DataFrame, portal: pl.DataFrame) -> list[PlantedFinding]:
    """What tells the two sides apart, from their text with its ``fault`` column.

    ``province`` are the rows before ``differ``, ``portal`` those after it.
    """
    found = [
        PlantedFinding(code, unit, "missing_on_portal", None, None, None)
        for code, unit in province.filter(pl.col("fault") == "missing_on_portal")
        .select("code", "unit_code")
        .iter_rows()
    ]
    found += [
        PlantedFinding(code, unit, "missing_in_province", None, None, None)
        for code, unit in portal.filter(pl.col("fault") == "own").select("code", "unit_code").iter_rows()
    ]
    for name in FIELDS:
        here, there = (
            side.filter(pl.col("fault") == f"differing.{name}").select("code", "unit_code", name)
            for side in (province, portal)
        )
        found += [
            PlantedFinding(code, unit, "field_differs", name, before, after)
            for (code, unit, before), after in zip(here.iter_rows(), there[name], strict=True)
        ]
    return found
