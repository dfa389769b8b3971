"""Judge a digitization form, or a dossier list reduced to one: find the units, run the suites, give the verdict."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pyarrow as pa

from etl.errors import Terminal
from etl.periods import VIETNAM, Period, Window
from etl.reference.provinces import Province
from etl.reference.unit_names import BLOCK_NAMES_VI, MATCH_RULES, Matched, match_units
from etl.reference.units import KnownUnit
from etl.sources.digitization import BLOCKS, LIST_SOURCE, MEASURES, DigitizationReading
from etl.sources.tidy import REJECTED, table_of
from etl.validate.digitization_frames import (
    build_block_frame,
    build_block_rows,
    build_dossier_frame,
    build_unit_frame,
    told_names,
)
from etl.validate.great_expectations import Frame, run_suites
from etl.validate.results import (
    RESULTS,
    Judged,
    Outcomes,
    count_line,
    quarantine_line,
    refusal,
    refused_positions,
    result_lines,
    state_of,
)
from etl.validate.suites import Expectation, Suite, load_suites


@dataclass(frozen=True)
class DigitizationVerdict(Judged):
    """What validation of one file hands on.

    ``good`` has the schema MATCHED_ROWS (UNIT_ROWS, block filled, and unit_id), ``blocks`` BLOCK_ROWS.
    rows_read = rows_good + rows_quarantined + rows_ignored, always; for a list rows are dossiers,
    so ``rows_good`` is not the number of units.
    """

    file_prefix: ClassVar[str] = "verdict_"

    window: Window
    layout: str
    blocks: pa.Table
    rows_good: int
    rows_ignored: int
    notes_vi: tuple[str, ...] = ()
    is_sample: bool = False

    def of_capture(self, capture_id: str) -> DigitizationVerdict:
        """The same verdict, its rows pointing to a capture that was recorded after they were read."""
        place = self.good.schema.get_field_index("capture_id")
        ids = pa.array([capture_id] * self.good.num_rows, pa.string())
        return replace(self, good=self.good.set_column(place, "capture_id", ids))

    @classmethod
    def _to_plain(cls, name: str, value: Any) -> Any:
        if name == "window":
            days = {"first": value.first.isoformat(), "last": value.last.isoformat()}
            return {**days, "kind": value.kind, "period": value.period.id}
        return value

    @classmethod
    def _from_plain(cls, name: str, value: Any) -> Any:
        if name == "window":
            first, last = date.fromisoformat(value["first"]), date.fromisoformat(value["last"])
            return Window(first, last, value["kind"], Period.parse(value["period"]))
        return tuple(value) if name == "notes_vi" else value


def judge_digitization(
    reading: DigitizationReading,
    *,
    province: Province,
    directory: Sequence[KnownUnit],
    window: Window,
    captured_at: datetime,
    max_missing_unit_share: float,
    max_quarantined_share: float,
    previous: pa.Table | None = None,
    idle_units: Collection[uuid.UUID] = (),
    data_docs_dir: Path | None = None,
    suites: tuple[Suite, ...] | None = None,
) -> DigitizationVerdict:
    """Judge one reading. Pure but for the Data Docs it writes where asked.

    ``directory``: the province's units on the window's last day. ``previous``: figures of the window
    before (unit_id as text, received, resolved), for the warning about jumps. ``idle_units``: units
    that had no dossier by another source; a list names no unit without dossiers, so there their
    absence is no lack (a form names every unit). ``captured_at`` tells whether the window had ended
    when the file came.

    Raises FileRefused (``units.none_known``) where the directory is empty; Terminal when a check
    could not be computed, the window is not the reading's, or a list names units that the
    directory does not have (it was read against another one).
    """
    if (window.first, window.last) != (reading.first, reading.last):
        raise Terminal(
            f"the figures are about {reading.first} to {reading.last}, not {window.first} to {window.last}",
            "judge a reading for its own window",
        )
    is_list = reading.source == LIST_SOURCE
    suites = suites or _suites_for(is_list)
    matched = _matched(reading, directory, province)
    units = build_unit_frame(matched.rows, directory, province, previous)
    spoken_of = _blocks_of(reading) | set(matched.rows["block"].to_pylist())

    present = set(matched.rows["unit_id"].to_pylist())
    # Units that the file must name to be whole.
    idle = set(idle_units) if is_list else set()
    due = [unit for unit in directory if unit.unit_id not in idle or str(unit.unit_id) in present]

    def refused(outcomes: Outcomes) -> Mapping[int, list[Expectation]]:
        return {} if is_list else refused_positions(suites, outcomes)

    def good(outcomes: Outcomes) -> pa.Table:
        bad = refused(outcomes)
        return matched.rows.filter(pa.array([place not in bad for place in range(len(units))], pa.bool_()))

    def blocks(outcomes: Outcomes) -> pa.Table:
        return build_block_rows(good(outcomes), spoken_of, due, max_missing_unit_share)

    frames: dict[str, Frame] = {
        "digitization_units": units,
        "digitization_blocks": lambda outcomes: build_block_frame(reading, blocks(outcomes)),
        "dossiers": build_dossier_frame(reading),
    }
    limits = {"max_missing_unit_share": max_missing_unit_share}
    outcomes = run_suites(suites, frames, limits, data_docs_dir)

    bad = refused(outcomes)
    judged_bad = [
        _refusal(units.iloc[position], matched.rows.slice(position, 1).to_pylist()[0], item)
        for position in sorted(bad)
        for item in bad[position]
    ]
    quarantined = reading.rows_quarantined + matched.rejected.num_rows + len(bad)
    rows_good = reading.rows_good if is_list else matched.rows.num_rows - len(bad)
    results = [
        *_suite_lines(suites, outcomes, limits, is_list),
        *_match_lines(matched.rejected, reading.units.num_rows),
        quarantine_line(
            quarantined, rows_good + quarantined, max_quarantined_share, spare=0 if is_list else 1
        ),
        _sum_line(reading, rows_good, quarantined),
        _end_line(window, captured_at),
    ]
    kept = blocks(outcomes)
    return DigitizationVerdict(
        state=state_of(results, quarantined),
        good=good(outcomes),
        rejected=pa.concat_tables([reading.rejected, matched.rejected, table_of(judged_bad, REJECTED)]),
        results=table_of(results, RESULTS),
        rows_read=reading.rows_read,
        rows_quarantined=quarantined,
        window=window,
        layout=reading.layout,
        blocks=kept,
        rows_good=rows_good,
        rows_ignored=reading.rows_ignored,
        notes_vi=(*reading.notes_vi, *_block_notes(kept, directory)),
        is_sample=reading.is_sample,
    )


def _matched(reading: DigitizationReading, directory: Sequence[KnownUnit], province: Province) -> Matched:
    """The reading's units found. A list carries the codes it was given: there nothing may be left over."""
    matched = match_units(reading.units, directory, province)
    if reading.source != LIST_SOURCE:
        return matched
    if matched.rejected.num_rows:
        raise Terminal(
            f"{matched.rejected.num_rows} units of the list are not in the directory: "
            + ", ".join(str(value) for value in matched.rejected["value"].to_pylist()[:5]),
            "the list was read against other units than it is judged with; hand it in again",
        )
    if not reading.rule_counts.num_rows:
        raise Terminal(
            "the list's row rules left no counts", "read the list again; unchecked rows are not used"
        )
    return matched


def _suites_for(is_list: bool) -> tuple[Suite, ...]:
    """Suites in the order they run: what is refused of the units decides what their blocks lack."""
    own = sorted(load_suites("digitization"), key=lambda suite: not suite.row_level)
    return (*own, *load_suites("dossiers")) if is_list else tuple(own)


def _blocks_of(reading: DigitizationReading) -> set[str]:
    """Blocks that the file itself names, in a section or a total."""
    named = [*reading.units["block"].to_pylist(), *reading.totals["block"].to_pylist()]
    return {block for block in named if block is not None}


def _refusal(row: pd.Series, exact: Mapping[str, Any], item: Expectation) -> dict[str, Any]:
    """One refusal; where the judged column names several measures, the first negative one is the cell to mend."""
    line = refusal(row, exact, item, {"unit_name": exact["unit_name"] or "đơn vị chưa rõ tên"})
    if item.column == "negative_measures":
        column = next(name for name in MEASURES if exact[name] is not None and exact[name] < 0)
        line |= {"column_name": column, "value": str(exact[column])}
    return line


def _suite_lines(
    suites: Sequence[Suite], outcomes: Outcomes, limits: Mapping[str, float], is_list: bool
) -> list[dict[str, Any]]:
    """The expectations' lines. A list's units are our own sums: one that breaks a rule condemns the list."""
    lines = result_lines(suites, outcomes, limits)
    row_level = {suite.name for suite in suites if suite.row_level}
    for line in lines:
        if (
            is_list
            and line["suite"] in row_level
            and line["severity"] == "fail"
            and line["state"] == "warned"
        ):
            line["state"] = "failed"
    return lines


def _match_lines(rejected: pa.Table, rows: int) -> list[dict[str, Any]]:
    """A line for each way in which a unit was not found; the rows are taken out one by one."""
    counts = Counter(rejected["rule"].to_pylist())
    return [
        count_line("units", rule, "warned" if counts[rule] else "passed", counts[rule], rows, "0", title)
        for rule, title in MATCH_RULES.items()
    ]


def _sum_line(reading: DigitizationReading, good: int, quarantined: int) -> dict[str, Any]:
    """Nothing disappears: what was read is published, quarantined or ignored."""
    lost = abs(reading.rows_read - good - quarantined - reading.rows_ignored)
    return count_line(
        "verdict",
        "rows_add_up",
        "failed" if lost else "passed",
        lost,
        reading.rows_read,
        f"{reading.rows_read}",
        "Số dòng đọc được = số dòng nhận + số dòng giữ lại + số dòng không tính.",
        observed=f"{good} + {quarantined} + {reading.rows_ignored}",
    )


def _end_line(window: Window, captured_at: datetime) -> dict[str, Any]:
    """Figures that came before the last day was over are preliminary."""
    ended = window.has_ended(captured_at)
    return count_line(
        "verdict",
        "window_has_ended",
        "passed" if ended else "warned",
        0 if ended else 1,
        1,
        f"sau ngày {window.last:%d/%m/%Y}",
        "Số liệu được nộp sau khi kỳ số liệu kết thúc; nộp trước thì là số liệu tạm.",
        severity="warn",
        observed=f"{captured_at.astimezone(VIETNAM):%d/%m/%Y %H:%M}",
    )


def _block_notes(blocks: pa.Table, directory: Sequence[KnownUnit]) -> list[str]:
    """Sentences for the receipt: who is missing of each block, and blocks the file does not speak of."""
    notes = []
    for row in blocks.to_pylist():
        if row["missing_units"]:
            told = told_names(row["missing_units"], row["expected_units"])
            whole = "" if row["complete"] else " Khối này chưa đủ để thay số liệu đã có."
            notes.append(f"Khối {BLOCK_NAMES_VI[row['block']]}: {told}.{whole}")
    spoken_of = set(blocks["block"].to_pylist())
    for block in BLOCKS:
        known = sum(unit.block == block for unit in directory)
        if known and block not in spoken_of:
            notes.append(f"Tệp không có khối {BLOCK_NAMES_VI[block]} ({known} đơn vị trong danh mục).")
    return notes
