"""The tables that the digitization suites look at: units, blocks, and what the row rules of a list found.

pandas, because Great Expectations wants it and a form has some two hundred rows. A measure that
is null stays null (NaN): nothing is compared with it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from etl.reference.provinces import Province
from etl.reference.unit_names import BLOCK_NAMES_VI, names_agree
from etl.reference.units import KnownUnit
from etl.sources.digitization import BLOCKS, LIST_SOURCE, MEASURES, DigitizationReading, parent_over
from etl.sources.tidy import table_of

# What became of each block of a file: units that may be published, units the directory knows, names that lack.
BLOCK_ROWS = pa.schema(
    [
        ("block", pa.string()),
        ("units", pa.int64()),
        ("expected_units", pa.int64()),
        ("complete", pa.bool_()),
        ("missing_units", pa.list_(pa.string())),
    ]
)
MEASURE_NAMES_VI = {
    "received": "tiếp nhận",
    "components_not_digitized": "chưa số hóa thành phần",
    "components_digitized": "có số hóa thành phần",
    "components_reused": "tái sử dụng thành phần",
    "reused_from_portal": "tái sử dụng từ Cổng",
    "resolved": "đã giải quyết",
    "results_not_digitized": "chưa số hóa kết quả",
    "results_digitized": "đã số hóa kết quả",
}
# Rates a form may state, from the measures they follow from: 100 x numerator / sum of the denominators.
_RATES = {
    "components_rate_pct": ("components_digitized", ("received",)),
    "reuse_rate_pct": ("components_reused", ("received",)),
    "results_rate_pct": ("results_digitized", ("results_digitized", "results_not_digitized")),
}
# Fewer dossiers more or less are no jump: small communes have months of 3 and of 30.
_JUMP_FROM = 100
# Names told of a block that lacks many; the table of blocks has them all.
_NAMES_TOLD = 10


def build_unit_frame(
    matched: pa.Table, directory: Sequence[KnownUnit], province: Province, previous: pa.Table | None
) -> pd.DataFrame:
    """One row per matched unit (schema MATCHED_ROWS), with the gaps that digitization_units.yml bounds.

    ``previous``: the same units' figures of the window before (unit_id, received, resolved), or None.
    """
    names = ["unit_id", "unit_name", "unit_code", "block", "locator", "capture_sha256", "attributes"]
    frame: pd.DataFrame = matched.select(names).to_pandas()
    for name in MEASURES:
        frame[name] = matched[name].to_pandas().astype("float64")
    values = frame[list(MEASURES)]
    received, digitized = frame["received"], frame["components_digitized"]
    reused, resolved = frame["components_reused"], frame["resolved"]
    frame["measures_stated"] = values.notna().sum(axis=1)
    frame["negative_measures"] = _listed(values < 0)
    # A column that is empty for every unit is one that the layout does not have.
    frame["blank_measures"] = _listed(
        values.isna() & values.notna().any() & values.notna().any(axis=1).to_numpy()[:, None]
    )
    frame["components_gap"] = (digitized + frame["components_not_digitized"] - received).abs()
    single = frame["components_gap"].isna()  # where both are there, their sum says it
    largest = frame[["components_digitized", "components_not_digitized"]].max(axis=1)
    frame["components_excess"] = (largest - received).where(single)
    frame["reused_excess"] = reused - digitized
    frame["portal_excess"] = frame["reused_from_portal"] - reused.fillna(digitized)
    results = frame["results_digitized"] + frame["results_not_digitized"]
    frame["results_gap"] = (results - resolved).abs()
    frame["rate_gap"] = _rate_gaps(frame)
    frame["known_as"] = _known_names(frame, directory, province)
    frame["jump"] = _jumps(frame, previous)
    return frame


def build_block_rows(
    good: pa.Table, spoken_of: set[str], directory: Sequence[KnownUnit], max_missing_unit_share: float
) -> pa.Table:
    """Per block that the file speaks of: units, expected units, completeness, missing names (BLOCK_ROWS).

    A block is complete when it has units and lacks no more than the share of the known ones; a
    block of which nothing is known and nothing was found is left out.
    """
    present = set(good["unit_id"].to_pylist())
    counts = Counter(good["block"].to_pylist())
    shared = Counter(unit.name for unit in directory)
    rows = []
    for block in BLOCKS:
        known = [unit for unit in directory if unit.block == block]
        if block not in spoken_of or not (known or counts[block]):
            continue
        missing = [unit for unit in known if str(unit.unit_id) not in present]
        rows.append(
            {
                "block": block,
                "units": counts[block],
                "expected_units": len(known),
                "complete": counts[block] > 0 and len(missing) <= max_missing_unit_share * len(known),
                "missing_units": [
                    f"{unit.name} ({unit.parent or unit.unit_code})"
                    if shared[unit.name] > 1 and (unit.parent or unit.unit_code)
                    else unit.name
                    for unit in missing
                ],
            }
        )
    return table_of(rows, BLOCK_ROWS)


def build_block_frame(reading: DigitizationReading, blocks: pa.Table) -> pd.DataFrame:
    """One row per section or block, per sub-heading with figures, and ALL: totals against units, missing units.

    Sums are over the rows as read, so that a row refused for another reason does not make the
    totals wrong; a measure of which a cell could not be read is not compared, nor below a sub-heading
    one that none of its rows states.
    """
    sections = _Sections(reading)
    known = {row["block"]: row for row in blocks.to_pylist()}
    stated: dict[str | None, list[dict[str, Any]]] = defaultdict(list)
    partial: dict[_Subhead, list[dict[str, Any]]] = defaultdict(list)
    for total in reading.totals.to_pylist():
        if total["parent"] is None:
            stated[total["block"]].append(total)
        else:
            partial[(total["block"], total["parent"])].append(total)
    rows: list[dict[str, Any]] = []
    for block in (name for name in BLOCKS if name in known or name in sections.rows or name in stated):
        row: dict[str, Any] = {"block_vi": BLOCK_NAMES_VI[block]}
        if block in stated or block in sections.rows:
            row["rows_in_section"] = sections.rows[block]
        if sections.rows[block]:
            row["totals_disagree"] = _disagreements(stated[block], sections.sums(block), "các đơn vị")
        if block in known:
            missing, expected = known[block]["missing_units"], known[block]["expected_units"]
            row["missing_share"] = len(missing) / expected if expected else 0.0
            row["units_missing"] = told_names(missing, expected) if missing else None
        rows.append(row)
    for (of, parent), totals in partial.items():
        below = sections.sums_below((of, parent))
        rows.append(
            {
                "block_vi": ", ".join(filter(None, (BLOCK_NAMES_VI.get(of or ""), parent))),
                "subtotals_disagree": _disagreements(totals, below, "các đơn vị bên dưới"),
            }
        )
    if stated[None]:
        whole = sections.whole(stated)
        rows.append(
            {"block_vi": "toàn biểu", "grand_disagrees": _disagreements(stated[None], whole, "các khối")}
        )
    texts = ["block_vi", "totals_disagree", "subtotals_disagree", "grand_disagrees", "units_missing"]
    numbers = ["rows_in_section", "missing_share"]
    frame = pd.DataFrame(rows, columns=[*texts, *numbers])
    return frame.astype(dict.fromkeys(texts, object) | dict.fromkeys(numbers, "float64"))


def build_dossier_frame(reading: DigitizationReading) -> pd.DataFrame:
    """One row per row rule of a list, with the share of its records that broke it (dossiers.yml)."""
    frame: pd.DataFrame = reading.rule_counts.to_pandas()
    share = (frame["rows"] / reading.rows_read if reading.rows_read else frame["rows"] * 0.0).astype(
        "float64"
    )
    duplicate = frame["rule"].str.contains("duplicate")
    fails = frame["severity"] == "fail"
    frame["refused_share"] = share.where(fails & ~duplicate)
    frame["duplicate_share"] = share.where(fails & duplicate)
    frame["warned_share"] = share.where(~fails)
    return frame


def told_names(missing: Sequence[str], expected: int) -> str:
    """ "3/148 đơn vị: A; B; C", the first ten by name."""
    more = f"; và {len(missing) - _NAMES_TOLD} đơn vị khác" if len(missing) > _NAMES_TOLD else ""
    return f"thiếu {len(missing)}/{expected} đơn vị: {'; '.join(missing[:_NAMES_TOLD])}{more}"


# A section, and a sub-heading in it as written.
_Subhead = tuple[str | None, str]


class _Sections:
    """Rows and sums of a file's sections as it has them. A section is None where the form has no sections."""

    def __init__(self, reading: DigitizationReading) -> None:
        self.rows: Counter[str | None] = Counter()
        self.rows_below: Counter[_Subhead] = Counter()
        self._sums: dict[str | _Subhead | None, Counter[str]] = defaultdict(Counter)
        self._unsure: set[tuple[str | _Subhead | None, str]] = set()
        for row in reading.units.to_pylist():
            self._add(row["block"], parent_over(row["attributes"]), row, ())
        for block, data, faulty in _unread(reading):
            if block is None and len(self.rows) > 1:  # a row of who knows which section
                every = (*self.rows, *self.rows_below)
                self._unsure |= {(name, measure) for name in every for measure in MEASURES}
            self._add(block, data.get("parent"), data, faulty)

    def _add(
        self, block: str | None, parent: str | None, data: Mapping[str, Any], faulty: Sequence[str]
    ) -> None:
        self.rows[block] += 1
        places: list[str | _Subhead | None] = [block]
        if parent is not None:
            self.rows_below[(block, parent)] += 1
            places.append((block, parent))
        for measure in MEASURES:
            value = data.get(measure)
            if measure in faulty or not (value is None or isinstance(value, int)):
                self._unsure |= {(place, measure) for place in places}
            elif value is not None:
                for place in places:
                    self._sums[place][measure] += value

    def sums_below(self, subhead: _Subhead) -> dict[str, int]:
        """What the rows below a sub-heading add up to, for the measures that they state; of no rows it is 0."""
        if not self.rows_below[subhead]:
            return dict.fromkeys(MEASURES, 0)
        sums = self._sums[subhead]
        return {name: sums[name] for name in MEASURES if name in sums and (subhead, name) not in self._unsure}

    def sums(self, block: str | None) -> dict[str, int]:
        """What the rows of a section add up to, for the measures that can be told."""
        return {name: self._sums[block][name] for name in MEASURES if (block, name) not in self._unsure}

    def whole(self, stated: Mapping[str | None, Sequence[Mapping[str, Any]]]) -> dict[str, int]:
        """The sum over all sections; one that has no rows counts with the total it states."""
        whole: Counter[str] = Counter()
        unsure: set[str] = set()
        for block in dict.fromkeys([*self.rows, *(name for name in stated if name is not None)]):
            if self.rows[block]:
                sums: Mapping[str, int | None] = self.sums(block)
                unsure |= set(MEASURES) - sums.keys()
            else:
                sums = stated[block][0]
            for measure in MEASURES:
                whole[measure] += sums.get(measure) or 0
        return {name: whole[name] for name in MEASURES if name not in unsure}


def _unread(reading: DigitizationReading) -> Iterator[tuple[str | None, Mapping[str, Any], Sequence[str]]]:
    """The rows that reading refused: section, the values kept of them, the measures that were at fault."""
    faulty: dict[tuple[str, str], set[str]] = defaultdict(set)
    lines = [] if reading.source == LIST_SOURCE else reading.rejected.to_pylist()  # a list has no sections
    for line in lines:
        row = line["row_data"] or line["locator"]
        faulty[(line["capture_sha256"], row)].add(line["column_name"] or "")
    for (_, text), columns in faulty.items():
        try:
            data = json.loads(text)
        except ValueError:
            data = None
        if not isinstance(data, dict):
            yield None, {}, MEASURES
        elif columns <= {*MEASURES, "unit_name", "unit_code"}:
            yield data.get("block"), data, tuple(columns)
        else:
            yield data.get("block"), data, MEASURES


def _disagreements(totals: Sequence[Mapping[str, Any]], sums: Mapping[str, int], of: str) -> str | None:
    """ "tiếp nhận: ghi 120, cộng các đơn vị được 118"; None where every stated total agrees."""
    found = [
        f"{MEASURE_NAMES_VI[name]}: ghi {_dotted(total[name])}, cộng {of} được {_dotted(value)}"
        for total in totals
        for name, value in sums.items()
        if total[name] is not None and total[name] != value
    ]
    return "; ".join(found) or None


def _dotted(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def _listed(marks: pd.DataFrame) -> pd.Series:
    """Per row what offices call the marked measures, comma separated; None where there is none."""
    names = np.array([MEASURE_NAMES_VI[name] for name in marks.columns], dtype=object)
    found = [", ".join(names[line]) or None for line in marks.to_numpy(dtype=bool)]
    return pd.Series(found, index=marks.index, dtype=object)


def _rate_gaps(frame: pd.DataFrame) -> pd.Series:
    """The largest |stated - computed| in percentage points over the rates a row states."""
    gaps = []
    for (_, row), text in zip(frame.iterrows(), frame["attributes"], strict=True):
        stated = json.loads(text).get("stated_rates") if isinstance(text, str) else None
        found = [abs(value - computed) for value, computed in _stated_rates(stated or {}, row)]
        gaps.append(max(found, default=np.nan))
    return pd.Series(gaps, index=frame.index, dtype="float64").round(6)


def _stated_rates(stated: Mapping[str, Any], row: pd.Series) -> Iterator[tuple[float, float]]:
    for name, body in stated.items():
        told = body if isinstance(body, Mapping) else {"stated": body}
        value, computed = told.get("stated"), told.get("computed")
        if computed is None and name in _RATES:
            numerator, denominators = _RATES[name]
            below = float(row[list(denominators)].sum(skipna=False))
            computed = 100 * float(row[numerator]) / below if below else None
        if value is not None and computed is not None and not np.isnan(float(computed)):
            yield float(value), float(computed)


def _known_names(frame: pd.DataFrame, directory: Sequence[KnownUnit], province: Province) -> pd.Series:
    """The name in the directory where the row's differs beyond spelling (its code decided); else None."""
    names = {str(unit.unit_id): unit.name for unit in directory}
    found = [
        None if names_agree(written or "", names[unit_id], province) else names[unit_id]
        for unit_id, written in zip(frame["unit_id"], frame["unit_name"], strict=True)
    ]
    return pd.Series(found, index=frame.index, dtype=object)


def _jumps(frame: pd.DataFrame, previous: pa.Table | None) -> pd.Series:
    """How many times more (or fewer) dossiers than in the window before; 1 for small changes."""
    jumps = pd.Series(np.nan, index=frame.index, dtype="float64")
    if previous is None:
        return jumps
    before = previous.to_pandas().drop_duplicates("unit_id").set_index("unit_id")
    for name in ("received", "resolved"):
        pair = pd.DataFrame({"old": frame["unit_id"].map(before[name].astype("float64")), "new": frame[name]})
        ratio = pair.max(axis=1, skipna=False) / pair.min(axis=1, skipna=False).clip(lower=1)
        large = (pair["old"] - pair["new"]).abs() >= _JUMP_FROM
        jumps = jumps.combine(ratio.where(large | ratio.isna(), 1.0), np.fmax)
    return jumps.round(2)
