"""Run the suites, split the rows, give the verdict."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import Terminal
from etl.reference.indicators import TOTAL_CODE, Catalogue
from etl.sources.bundle import Bundle
from etl.sources.tidy import REJECTED, TIDY, ReadResult, table_of, write_table
from etl.validate.frames import build_frames
from etl.validate.great_expectations import run_suites
from etl.validate.suites import Expectation, Suite, load_suites

State = Literal["passed", "warned", "failed"]

RESULTS = pa.schema(
    [
        ("suite", pa.string()),
        ("rule", pa.string()),
        ("severity", pa.string()),
        ("state", pa.string()),
        ("element_count", pa.int64()),
        ("unexpected_count", pa.int64()),
        ("observed", pa.string()),
        ("expected", pa.string()),
        ("detail_vi", pa.string()),
    ]
)


@dataclass(frozen=True)
class Verdict:
    """What validation hands on: ``good`` (schema TIDY), ``rejected`` (REJECTED), ``results`` (RESULTS).

    ``state`` is failed when nothing may be published, warned when something must be told.
    rows_read = rows_good + rows_quarantined, always.
    """

    state: State
    good: pa.Table
    rejected: pa.Table
    results: pa.Table
    rows_read: int
    rows_quarantined: int

    @property
    def rows_good(self) -> int:
        return int(self.good.num_rows)

    def failures(self) -> list[str]:
        """The sentences of the checks that failed, with what was seen."""
        return [
            f"{line['suite']}.{line['rule']}: {line['detail_vi']} ({line['observed']})"
            for line in self.results.to_pylist()
            if line["state"] == "failed"
        ]

    def save(self, folder: Path) -> None:
        for name in ("good", "rejected", "results"):
            write_table(getattr(self, name), folder / f"{name}.parquet")
        counts = {
            "state": self.state,
            "rows_read": self.rows_read,
            "rows_quarantined": self.rows_quarantined,
        }
        temporary = folder / ".verdict.json"
        temporary.write_text(json.dumps(counts), encoding="utf-8")
        temporary.replace(folder / "verdict.json")

    @classmethod
    def load(cls, folder: Path) -> Verdict:
        try:
            counts = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise Terminal(
                f"{folder} holds no verdict: {error}", "run the period again from the start"
            ) from error
        tables = {name: pq.read_table(folder / f"{name}.parquet") for name in ("good", "rejected", "results")}
        return cls(**counts, **tables)


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
    suites = suites or load_suites()
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

    results: list[dict[str, Any]] = []
    refused: dict[int, list[tuple[Expectation, Any]]] = {}
    for suite in suites:
        for item in suite.expectations:
            outcome = outcomes[(suite.name, item.rule)]
            results.append(_result_line(suite, item, outcome))
            if suite.row_level and item.severity == "fail":
                for position in outcome.positions:
                    refused.setdefault(position, []).append((item, outcome))
    bad_rows = sorted(refused)
    frame = frames["scores"]
    rejected = read.rejected.to_pylist()
    for position in bad_rows:
        for item, _ in refused[position]:
            exact = read.tidy.slice(position, 1).to_pylist()[0]
            rejected.append(_refusal(frame.iloc[position], exact, item))
    keep = pa.array([position not in refused for position in range(read.tidy.num_rows)], pa.bool_())
    unreadable = read.rows_read - read.tidy.num_rows
    quarantined = unreadable + len(bad_rows)
    results += _overall(read, frame.iloc[bad_rows], quarantined, max_quarantined_share)
    states = {line["state"] for line in results}
    return Verdict(
        state="failed"
        if "failed" in states
        else ("warned" if "warned" in states or quarantined else "passed"),
        good=read.tidy.filter(keep),
        rejected=table_of(rejected, REJECTED),
        results=table_of(results, RESULTS),
        rows_read=read.rows_read,
        rows_quarantined=quarantined,
    )


def rejected_id(snapshot_id: uuid.UUID, line: Mapping[str, Any]) -> uuid.UUID:
    """The id the same refusal of the same snapshot always has."""
    parts = (line["capture_sha256"], line["locator"], line["column_name"], line["rule"])
    return uuid.uuid5(snapshot_id, "\n".join(parts))


def _result_line(suite: Suite, item: Expectation, outcome: Any) -> dict[str, Any]:
    if outcome.success:
        state: State = "passed"
    elif item.severity == "warn" or suite.row_level:
        state = "warned"  # the rows are taken out one by one; _overall decides about the whole
    else:
        state = "failed"
    examples = f", ví dụ: {outcome.examples}" if outcome.examples else ""
    return {
        "suite": suite.name,
        "rule": item.rule,
        "severity": item.severity,
        "state": state,
        "element_count": outcome.element_count,
        "unexpected_count": outcome.unexpected_count,
        "observed": f"{outcome.unexpected_count}/{outcome.element_count}{examples}",
        "expected": _bounds(item.kwargs),
        "detail_vi": item.title_vi,
    }


def _bounds(kwargs: Mapping[str, Any]) -> str | None:
    """What a check asks for, as a person writes it: "≤ 0,02", "0 đến 100", a list; None: the title says it."""
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None:
        return f"= {_limit(low)}" if low == high else f"{_limit(low)} đến {_limit(high)}"
    if high is not None:
        return f"≤ {_limit(high)}"
    if low is not None:
        return f"≥ {_limit(low)}"
    if isinstance(kwargs.get("value_set"), list):
        return ", ".join(map(str, kwargs["value_set"]))
    return None


def _limit(value: float) -> str:
    """A limit without the hair's breadth that floating point needs (0.020001 is 0,02)."""
    return _shown(round(float(value), 4))


def _refusal(row: pd.Series, exact: Mapping[str, Any], item: Expectation) -> dict[str, Any]:
    """``row`` is what was judged (with derived columns), ``exact`` the tidy row with its decimals."""
    checked = str(item.kwargs.get("column", item.column))
    seen = row[checked] if checked in row.index else None
    shown = item.column or checked
    if shown in TIDY.names:
        column, value = shown, exact[shown]
    else:  # a derived column that names the fields at fault
        column, value = str(seen), None
    words = {
        "unit_name": row["unit_name"] or "đơn vị chưa rõ tên",
        "indicator_code": row["indicator_code"],
        "value": _shown(seen),
    }
    data = {name: value for name, value in exact.items() if value is not None}
    return {
        "capture_sha256": row["capture_sha256"],
        "locator": row["locator"],
        "column_name": column,
        "value": None if value is None else _shown(value),
        "rule": item.rule,
        "severity": item.severity,
        "message_vi": (item.sentence_vi or item.title_vi).format_map(words),
        "row_data": json.dumps(data, ensure_ascii=False, default=str),
    }


def _shown(value: Any) -> str:
    """A value as a person in the office writes it: decimal comma, no trailing zeros."""
    if isinstance(value, float | Decimal):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", ",")
    return str(value)


def _overall(read: ReadResult, bad: pd.DataFrame, quarantined: int, max_share: float) -> list[dict[str, Any]]:
    """The two checks on the whole: not too much refused, and no figure of the province itself."""
    share = quarantined / read.rows_read if read.rows_read else 1.0
    province = int((bad["block"].isin(["province", "country"]) & (bad["level"] != "component")).sum())
    return [
        {
            "suite": "verdict",
            "rule": "quarantine_is_small",
            "severity": "fail",
            "state": "passed" if share <= max_share else "failed",
            "element_count": read.rows_read,
            "unexpected_count": quarantined,
            "observed": f"{quarantined}/{read.rows_read}",
            "expected": f"≤ {max_share:.0%}",
            "detail_vi": "Số dòng bị giữ lại không vượt mức cho phép; nếu vượt thì không dùng cả lần đọc.",
        },
        {
            "suite": "verdict",
            "rule": "province_figures_good",
            "severity": "fail",
            "state": "failed" if province else "passed",
            "element_count": read.rows_read,
            "unexpected_count": province,
            "observed": str(province),
            "expected": "0",
            "detail_vi": "Điểm của toàn tỉnh (tổng và sáu nhóm) không bị giữ lại.",
        },
    ]
