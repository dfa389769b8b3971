"""Run the suites over a reading of indicators, split the rows, give the verdict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from etl.reference.indicators import TOTAL_CODE, Catalogue
from etl.sources.bundle import Bundle
from etl.sources.tidy import REJECTED, ReadResult, table_of
from etl.validate.frames import build_frames
from etl.validate.great_expectations import run_suites
from etl.validate.results import (
    RESULTS,
    Judged,
    State,
    count_line,
    quarantine_line,
    refusal,
    refused_positions,
    rejected_id,
    result_lines,
    state_of,
)
from etl.validate.suites import Suite, load_suites

__all__ = ["RESULTS", "State", "Verdict", "judge", "rejected_id"]


@dataclass(frozen=True)
class Verdict(Judged):
    """What validation of indicators hands on; ``good`` has the schema TIDY.

    rows_read = rows_good + rows_quarantined, always.
    """

    @property
    def rows_good(self) -> int:
        return int(self.good.num_rows)


def judge(
    read: ReadResult,
    bundle: Bundle,
    catalogue: Catalogue,
    *,
    max_quarantined_share: float,
    previous: pa.Table | None = None,
    data_docs_dir: Path | None = None,
    suites: tuple[Suite, ...] | None = None,
) -> Verdict:
    """Judge one reading. Pure but for the Data Docs it writes where asked.

    Raises Terminal when a check could not be computed: a check that crashed has not passed.
    """
    suites = suites or load_suites("indicators")
    frames = build_frames(
        read.tidy,
        catalogue,
        missing_shares=bundle.missing_shares,
        closed=not bundle.provisional,
        previous=previous,
    )
    codes = [*catalogue.group_codes, TOTAL_CODE]
    codes += [item.code for group in catalogue.groups for item in group.indicators if item.published]
    outcomes = run_suites(suites, frames, {"indicator_codes": codes}, data_docs_dir)

    refused = refused_positions(suites, outcomes)
    bad_rows = sorted(refused)
    frame = frames["scores"]
    rejected = read.rejected.to_pylist()
    for position in bad_rows:
        exact = read.tidy.slice(position, 1).to_pylist()[0]
        words = {
            "unit_name": exact["unit_name"] or "đơn vị chưa rõ tên",
            "indicator_code": exact["indicator_code"],
        }
        rejected += [refusal(frame.iloc[position], exact, item, words) for item in refused[position]]
    keep = pa.array([position not in refused for position in range(read.tidy.num_rows)], pa.bool_())
    quarantined = read.rows_read - read.tidy.num_rows + len(bad_rows)
    results = [
        *result_lines(suites, outcomes),
        quarantine_line(quarantined, read.rows_read, max_quarantined_share),
        _province_line(read, frame.iloc[bad_rows]),
    ]
    return Verdict(
        state=state_of(results, quarantined),
        good=read.tidy.filter(keep),
        rejected=table_of(rejected, REJECTED),
        results=table_of(results, RESULTS),
        rows_read=read.rows_read,
        rows_quarantined=quarantined,
    )


def _province_line(read: ReadResult, bad: pd.DataFrame) -> dict[str, Any]:
    """No figure of the province itself may be refused."""
    province = int((bad["block"].isin(["province", "country"]) & (bad["level"] != "component")).sum())
    return count_line(
        "verdict",
        "province_figures_good",
        "failed" if province else "passed",
        province,
        read.rows_read,
        "0",
        "Điểm của toàn tỉnh (tổng và sáu nhóm) không bị giữ lại.",
        observed=str(province),
    )
