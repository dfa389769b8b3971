"""The tables that the expectations look at, made from the tidy table and what is known besides.

pandas, because Great Expectations wants it and a province's month is about 4,700 rows.
Numbers become float64 here (missing = NaN) for judging only; what is published keeps its
exact decimals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl.reference.indicators import TOTAL_CODE, Catalogue
from etl.sources.national_portal.read import load_columns

_NUMBERS = ("numerator", "denominator", "ratio_pct", "score", "max_score", "value")
# Where nine units in ten (and at least five) move by the same amount, a rule has changed, not the work.
_ALIKE_SHARE, _ALIKE_UNITS = 0.9, 5


def build_frames(
    tidy: pa.Table,
    catalogue: Catalogue,
    *,
    missing_shares: Mapping[str, float],
    closed: bool,
    previous: pa.Table | None = None,
) -> dict[str, pd.DataFrame]:
    """Every table a suite asks for, by name: scores, groups, units, balances, movements.

    ``previous`` holds the facts of the previous complete snapshot of the same period
    (portal_id, indicator_code, score, numerator, denominator), or None.
    """
    scores = _scores(tidy, catalogue)
    return {
        "scores": scores,
        "groups": _groups(scores, catalogue, missing_shares),
        "units": _units(scores, catalogue),
        "balances": _balances(scores),
        "movements": _movements(scores, catalogue, previous, closed),
    }


def _scores(tidy: pa.Table, catalogue: Catalogue) -> pd.DataFrame:
    columns = [name for name in tidy.column_names if name not in _NUMBERS]
    frame: pd.DataFrame = tidy.select(columns).to_pandas()
    for name in _NUMBERS:
        # Through Python's Decimal: Arrow's own cast makes 18.009999999999998 of 18.01.
        frame[name] = tidy[name].to_pandas().astype("float64")
    known = {item.code: item for group in catalogue.groups for item in group.indicators}
    maxima = {code: _float(item.max_score) for code, item in known.items()} | {
        group.code: float(group.max_score) for group in catalogue.groups
    }
    counted = frame["denominator"] > 0
    exact = 100 * frame["numerator"] / frame["denominator"].where(counted)
    frame["ratio_gap"] = (frame["ratio_pct"] - exact).abs().round(6)
    frame["numerator_excess"] = (frame["numerator"] - frame["denominator"]).where(
        frame["level"] == "component"
    )
    frame["smallest_count"] = frame[["numerator", "denominator"]].min(axis=1)
    frame["score_excess"] = (frame["score"] - frame["max_score"]).round(6)
    frame["max_gap"] = (frame["max_score"] - _looked_up(frame, maxima)).abs().round(6)
    frame["rule_gap"] = (frame["score"] - _rule_scores(frame, known)).abs().round(6).where(counted)
    frame["null_misplaced"] = _misplaced_nulls(frame, known)
    frame["overdue_gap"] = _overdue_gaps(frame)
    return frame


def _looked_up(frame: pd.DataFrame, values: Mapping[str, float]) -> pd.Series:
    """Each row's value by its indicator. A float column also where there is no row at all."""
    return frame["indicator_code"].map(values).astype("float64")


def _rule_scores(frame: pd.DataFrame, known: Mapping[str, Any]) -> pd.Series:
    """The score each row's ratio earns by the dated rule, unrounded; NaN where there is no rule."""
    maximum = _looked_up(
        frame,
        {
            code: _float(item.max_score)
            for code, item in known.items()
            if item.rule in ("linear", "threshold")
        },
    )
    full = _looked_up(
        frame,
        {
            code: float(item.threshold) if item.rule == "threshold" and item.threshold else 100.0
            for code, item in known.items()
        },
    )
    return (maximum * frame["ratio_pct"] / full).clip(upper=maximum)


@cache
def _required() -> dict[tuple[str, str], tuple[str, ...]]:
    """Measures that columns.csv promises, by (indicator, entity): root, unit, province or country."""
    required: dict[tuple[str, str], tuple[str, ...]] = {}
    for (_, entity), mappings in load_columns().items():
        for mapping in mappings:
            names = tuple("ratio_pct" if name == "ratio" else name for name in mapping.fields)
            for kind in ("root", "unit") if entity == "metric" else (entity,):
                required[(mapping.indicator, kind)] = names
    return required


def _entity_kinds(frame: pd.DataFrame) -> pd.Series:
    """What each row speaks of: a province is the root of its own reading, but one of many on the national page."""
    national = bool((frame["block"] == "country").any())
    kinds = {"country": "country", "province": "province" if national else "root"}
    return frame["block"].map(lambda block: kinds.get(block, "unit"))


def _misplaced_nulls(frame: pd.DataFrame, known: Mapping[str, Any]) -> pd.Series:
    """Per row, the measures that are null although the contract promises a number; None where all is well.

    Allowed nulls: ratio and score of a zero denominator; what the catalogue lists as
    ``always_null`` (certified copy's counts, the score of monitored lines).
    """
    found = pd.Series([None] * len(frame), index=frame.index, dtype=object)
    required = _required()
    nulls = frame[list(_NUMBERS)].isna()
    groups: Mapping[Any, pd.Index] = frame.groupby(["indicator_code", _entity_kinds(frame)]).groups
    for (code, kind), rows in groups.items():
        allowed = set(known[code].always_null) if code in known else set()
        for name in required.get((str(code), str(kind)), ()):
            if name in allowed:
                continue
            bad = nulls.loc[rows, name]
            if name in ("ratio_pct", "score"):
                bad &= frame.loc[rows, "denominator"] != 0
            for index in rows[bad.to_numpy()]:
                found[index] = name if found[index] is None else f"{found[index]}, {name}"
    return found


def _overdue_gaps(frame: pd.DataFrame) -> pd.Series:
    """received - on time - overdue, on the progress group's row of each unit (the parent has no overdue)."""
    progress = frame[(frame["indicator_code"] == "TDGQ") & frame["attributes"].notna()]
    overdue = progress["attributes"].map(lambda text: json.loads(text).get("totalOverdue")).astype("float64")
    return (progress["denominator"] - progress["numerator"] - overdue).abs().reindex(frame.index)


def _groups(frame: pd.DataFrame, catalogue: Catalogue, missing: Mapping[str, float]) -> pd.DataFrame:
    inherited = {item.code for group in catalogue.groups for item in group.indicators if item.inherited}
    rows: list[dict[str, Any]] = []
    parts = {str(code): part for code, part in frame.groupby("group_code")}
    # An accepted group of which every row was refused has no rows here: it is judged all the same.
    for code in sorted({*parts, *missing}):
        part = parts.get(code, frame.iloc[:0])
        roots = part[part["block"].isin(["province", "country"]) & (part["indicator_code"] == code)]
        shared = part[part["indicator_code"].isin(inherited)]
        variants = [
            len(lines[["numerator", "denominator", "ratio_pct", "score"]].drop_duplicates())
            for _, lines in shared.groupby("indicator_code")
        ]
        rows.append(
            {
                "group_code": code,
                "roots": roots["portal_id"].nunique(),
                "missing_share": missing.get(code, 0.0),
                "inherited_variants": max(variants, default=1),
            }
        )
    national = bool((frame["block"] == "country").any())
    if national:  # the national page has many provinces and one country, in one table
        share = missing.get("NATIONAL", 0.0)
        rows = [{"group_code": "NATIONAL", "roots": 1, "missing_share": share, "inherited_variants": 1}]
    return pd.DataFrame(rows, columns=["group_code", "roots", "missing_share", "inherited_variants"])


def _units(frame: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    codes = [code for code in catalogue.group_codes if (frame["indicator_code"] == code).any()]
    groups = frame[frame["level"] == "group"].pivot_table(
        index="portal_id", columns="indicator_code", values="score", aggfunc="first"
    )
    groups = groups.reindex(columns=codes)
    units = pd.DataFrame({"portal_id": groups.index})
    units["groups_absent"] = groups.isna().sum(axis=1).to_numpy()
    whole = len(codes) == len(catalogue.group_codes)
    summed = groups.sum(axis=1, skipna=False).round(6) if whole else groups.sum(axis=1) * np.nan
    stated = frame[frame["indicator_code"] == TOTAL_CODE].set_index("portal_id")["score"]
    units["total"] = groups.sum(axis=1).round(6).to_numpy()
    units["total_gap"] = (summed - stated.reindex(groups.index)).abs().round(6).to_numpy()
    units["components_absent"] = _components_absent(frame).reindex(groups.index).to_numpy()
    units["component_sum_gap"] = _component_gaps(frame).reindex(groups.index).to_numpy()
    pick = _picker(frame, groups.index)
    received, on_time = pick("2.1", "denominator"), pick("2.1", "numerator")
    others = pd.concat([pick("4.2", "denominator"), pick("5.4", "denominator")], axis=1)
    units["received_gap"] = others.sub(received, axis=0).abs().max(axis=1).to_numpy()
    units["satisfied_excess"] = (pick("5.4", "numerator") - on_time).to_numpy()
    return units


def _picker(frame: pd.DataFrame, index: pd.Index) -> Any:
    def pick(code: str, column: str) -> pd.Series:
        lines = frame[frame["indicator_code"] == code].drop_duplicates("portal_id").set_index("portal_id")
        return lines[column].reindex(index)

    return pick


def _components_absent(frame: pd.DataFrame) -> pd.Series:
    """Per unit, how many components of its groups are not there (0 on the national page, which has none)."""
    kinds = _entity_kinds(frame)
    promised: dict[tuple[str, str], set[str]] = {}
    for (group, entity), mappings in load_columns().items():
        codes = {mapping.indicator for mapping in mappings if mapping.level == "component"}
        for kind in ("root", "unit") if entity == "metric" else (entity,):
            promised.setdefault((group, kind), set()).update(codes)
    there = frame[frame["level"] == "component"].groupby("portal_id")["indicator_code"].agg(set)
    absent: dict[str, int] = {}
    for portal_id, group, kind in zip(frame["portal_id"], frame["indicator_code"], kinds, strict=True):
        expected = promised.get((group, kind))
        if expected is not None:  # a group's own row
            absent[portal_id] = absent.get(portal_id, 0) + len(expected - there.get(portal_id, set()))
    return pd.Series(absent, dtype="float64")


def _component_gaps(frame: pd.DataFrame) -> pd.Series:
    """Per unit, the largest |sum of component scores - group score| over the groups that publish components."""
    components = frame[(frame["level"] == "component") & frame["score"].notna()]
    sums = components.groupby(["portal_id", "group_code"])["score"].sum()
    groups = frame[frame["level"] == "group"].set_index(["portal_id", "group_code"])["score"]
    gaps = (sums - groups[~groups.index.duplicated()].reindex(sums.index)).abs().round(6)
    return gaps.groupby(level="portal_id").max()


def _balances(frame: pd.DataFrame) -> pd.DataFrame:
    """Parent against the sum of its children, for the counts that add up (not for counts of procedures)."""
    rows: list[dict[str, Any]] = []
    for code in ("2.1", "3.6"):
        lines = frame[frame["indicator_code"] == code]
        for column in ("numerator", "denominator"):
            parent = lines.loc[lines["block"] == "province", column]
            children = lines.loc[lines["block"] != "province", column]
            if len(parent) == 1 and len(children):
                rows.append({"measure": f"{code} {column}", "gap": abs(parent.iloc[0] - children.sum())})
    return pd.DataFrame(rows, columns=["measure", "gap"])


def _movements(
    frame: pd.DataFrame, catalogue: Catalogue, previous: pa.Table | None, closed: bool
) -> pd.DataFrame:
    columns = ["indicator_code", "moved_closed", "moved_alike"]
    if previous is None:
        return pd.DataFrame(columns=columns)
    before = previous.to_pandas()
    before["score"] = before["score"].astype("float64")
    both = frame[["portal_id", "indicator_code", "block", "score"]].merge(
        before[["portal_id", "indicator_code", "score"]],
        on=["portal_id", "indicator_code"],
        suffixes=("", "_before"),
    )
    inherited = {item.code for group in catalogue.groups for item in group.indicators if item.inherited}
    rows: list[dict[str, Any]] = []
    for code, part in both.groupby("indicator_code", sort=True):
        delta = (part["score"] - part["score_before"]).round(4)
        changed = part["score"].isna() != part["score_before"].isna()
        moved = changed | (delta.fillna(0) != 0)
        units = part[part["block"] != "province"].index
        moves = delta[units][moved[units]]
        alike = (
            code not in inherited
            and len(moves) >= _ALIKE_UNITS
            and len(moves) >= _ALIKE_SHARE * len(units)
            and moves.nunique(dropna=False) == 1
        )
        rows.append(
            {
                "indicator_code": code,
                "moved_closed": int(moved.sum()) if closed else 0,
                "moved_alike": int(alike),
            }
        )
    return pd.DataFrame(rows, columns=columns)


def _float(value: Decimal | None) -> float:
    return float("nan") if value is None else float(value)
