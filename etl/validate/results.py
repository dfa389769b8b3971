"""What every judge shares: result lines, refused rows, the quarantine's share, the verdict on disk."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from etl.errors import Terminal
from etl.sources.tidy import write_table
from etl.validate.great_expectations import Outcome
from etl.validate.suites import Expectation, Severity, Suite

State = Literal["passed", "warned", "failed"]
Outcomes = Mapping[tuple[str, str], Outcome]

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
class Judged:
    """A verdict: ``good`` rows, ``rejected`` ones (schema REJECTED), ``results`` of all checks (RESULTS).

    ``state`` is failed when nothing may be published, warned when something must be told.
    """

    # Tables are kept as <prefix><field>.parquet, the rest in verdict.json, written last.
    file_prefix: ClassVar[str] = ""

    state: State
    good: pa.Table
    rejected: pa.Table
    results: pa.Table
    rows_read: int
    rows_quarantined: int

    def failures(self) -> list[str]:
        """The sentences of the checks that failed, with what was seen."""
        return self._sentences("failed")

    def warnings(self) -> list[str]:
        """The sentences of the checks that warned, with what was seen."""
        return self._sentences("warned")

    def _sentences(self, state: State) -> list[str]:
        return [
            f"{line['suite']}.{line['rule']}: {line['detail_vi']} ({line['observed']})"
            for line in self.results.to_pylist()
            if line["state"] == state
        ]

    def save(self, folder: Path) -> None:
        """Write it to a work folder: one Parquet file a table, then verdict.json."""
        plain: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, pa.Table):
                write_table(value, folder / f"{self.file_prefix}{item.name}.parquet")
            else:
                plain[item.name] = self._to_plain(item.name, value)
        temporary = folder / ".verdict.json"
        temporary.write_text(json.dumps(plain, ensure_ascii=False), encoding="utf-8")
        temporary.replace(folder / "verdict.json")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read it back. Raises Terminal when the folder holds none."""
        try:
            plain = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
            values = {name: cls._from_plain(name, value) for name, value in plain.items()}
            names = [item.name for item in fields(cls) if item.name not in values]
            tables = {name: pq.read_table(folder / f"{cls.file_prefix}{name}.parquet") for name in names}
            return cls(**values, **tables)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Terminal(
                f"{folder} holds no verdict: {error}", "run the period again from the start"
            ) from error

    @classmethod
    def _to_plain(cls, name: str, value: Any) -> Any:
        return value

    @classmethod
    def _from_plain(cls, name: str, value: Any) -> Any:
        return value


def rejected_id(snapshot_id: uuid.UUID, line: Mapping[str, Any]) -> uuid.UUID:
    """The id the same refusal of the same snapshot always has."""
    parts = (line["capture_sha256"], line["locator"], line["column_name"], line["rule"])
    return uuid.uuid5(snapshot_id, "\n".join(parts))


def result_lines(
    suites: Iterable[Suite], outcomes: Outcomes, limits: Mapping[str, float] | None = None
) -> list[dict[str, Any]]:
    """One line of RESULTS for every expectation, in the suites' order. ``limits``: what "$name" bounds stand for."""
    return [
        _result_line(suite, item, outcomes[(suite.name, item.rule)], limits or {})
        for suite in suites
        for item in suite.expectations
    ]


def refused_positions(suites: Iterable[Suite], outcomes: Outcomes) -> dict[int, list[Expectation]]:
    """The rows that row-level lines of severity `fail` refuse: 0-based position -> the lines it breaks."""
    refused: dict[int, list[Expectation]] = {}
    for suite in suites:
        for item in suite.expectations:
            if suite.row_level and item.severity == "fail":
                for position in outcomes[(suite.name, item.rule)].positions:
                    refused.setdefault(position, []).append(item)
    return refused


def count_line(
    suite: str, rule: str, state: State, seen: int, among: int, expected: str, detail_vi: str, **other: Any
) -> dict[str, Any]:
    """A line of RESULTS for a check that is a count. ``severity`` and ``observed`` may be given."""
    severity: Severity = other.get("severity", "fail")
    return {
        "suite": suite,
        "rule": rule,
        "severity": severity,
        "state": state,
        "element_count": among,
        "unexpected_count": seen,
        "observed": other.get("observed", f"{seen}/{among}"),
        "expected": expected,
        "detail_vi": detail_vi,
    }


def quarantine_line(quarantined: int, among: int, max_share: float, *, spare: int = 0) -> dict[str, Any]:
    """Whether few enough rows were refused: at most ``max_share`` of ``among``.

    ``spare`` rows never condemn a reading of which something is left (unless the share is 0): of
    eight districts one refused is an eighth.
    """
    share = quarantined / among if among else 1.0
    spared = max_share > 0 and quarantined <= spare and quarantined < among
    return count_line(
        "verdict",
        "quarantine_is_small",
        "passed" if share <= max_share or spared else "failed",
        quarantined,
        among,
        f"≤ {max_share:.0%}",
        "Số dòng bị giữ lại không vượt mức cho phép; nếu vượt thì không dùng cả lần đọc.",
    )


def state_of(results: Iterable[Mapping[str, Any]], quarantined: int) -> State:
    """The state of a whole reading: the worst of its checks; refused rows warn."""
    states = {line["state"] for line in results}
    if "failed" in states:
        return "failed"
    return "warned" if "warned" in states or quarantined else "passed"


def refusal(
    row: pd.Series, exact: Mapping[str, Any], item: Expectation, words: Mapping[str, Any]
) -> dict[str, Any]:
    """One line of REJECTED: ``row`` is what was judged (with derived columns), ``exact`` the row as read.

    ``words`` fill the sentence's braces beside {value}.
    """
    checked = str(item.kwargs.get("column", item.column))
    seen = row[checked] if checked in row.index else None
    field = item.column or checked
    if field in exact:
        column, value = field, exact[field]
    else:  # a derived column that names the fields at fault
        column, value = str(seen), None
    data = {name: value for name, value in exact.items() if value is not None}
    return {
        "capture_sha256": exact["capture_sha256"],
        "locator": exact["locator"],
        "column_name": column,
        "value": None if value is None else shown(value),
        "rule": item.rule,
        "severity": item.severity,
        "message_vi": (item.sentence_vi or item.title_vi).format_map({**words, "value": shown(seen)}),
        "row_data": json.dumps(data, ensure_ascii=False, default=str),
    }


def shown(value: Any) -> str:
    """A value as a person in the office writes it: decimal comma, no trailing zeros."""
    if isinstance(value, float | Decimal):
        return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", ",")
    return str(value)


def _result_line(
    suite: Suite, item: Expectation, outcome: Outcome, limits: Mapping[str, float]
) -> dict[str, Any]:
    if outcome.success:
        state: State = "passed"
    elif item.severity == "warn" or suite.row_level:
        state = "warned"  # the rows are taken out one by one; the quarantine's share decides about the whole
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
        "expected": _bounds(item.kwargs, limits),
        "detail_vi": item.title_vi,
    }


def _bounds(kwargs: Mapping[str, Any], limits: Mapping[str, float]) -> str | None:
    """What a check asks for, as a person writes it: "≤ 0,02", "0 đến 100", a list; None: the title says it."""
    low, high = (
        limits.get(str(value).removeprefix("$"), value)
        for value in (kwargs.get("min_value"), kwargs.get("max_value"))
    )
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
    return shown(round(float(value), 4))
