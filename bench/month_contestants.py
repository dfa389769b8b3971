"""The contestants of ``month_of_the_country.py``, run as ``month_contestants.py NAME HOME``.

Imports stand inside, so that each pays for its own only.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from child import Stopwatch, report


def product(home: Path) -> None:
    """The product's own stages, province by province, as its DAG runs them."""
    watch = Stopwatch()
    with watch.phase("import"):
        import great_expectations  # noqa: F401 - a scheduler loads it once and forks; here it is told apart
        from contest import settings_of
        from country import NOW

        from etl import stages
    settings = settings_of(home)
    folders = json.loads((home / "folders.json").read_text(encoding="utf-8"))
    for phase, stage in (
        ("read", stages.read),
        ("validate", stages.validate),
        ("publish", stages.publish_reading),
    ):
        with watch.phase(phase):
            for folder in folders:
                stage(settings, folder, lambda: NOW)
    facts = "core.indicator_score WHERE quality_flag IS DISTINCT FROM 'COMPUTED_SUM'"
    report(watch, **_sums(facts, "denominator"), checks=_one("SELECT count(*) FROM ops.validation_result"))


def pandas(home: Path) -> None:
    """One script: json_normalize, a dozen conditions, to_sql. All provinces at once, the kindest way to it."""
    watch = Stopwatch()
    with watch.phase("import"):
        import pandas as pd
        from sqlalchemy import create_engine
    with watch.phase("read"):
        columns = pd.read_csv(home / "columns.csv")
        frame = pd.concat(
            [_read_body(path, columns) for path in sorted((home / "bodies").glob("*.json"))],
            ignore_index=True,
        )
    with watch.phase("validate"):
        broken = _broken(frame, set(columns["indicator"]))
    with watch.phase("publish"):
        engine = create_engine(os.environ["BENCH_URL"].replace("postgresql://", "postgresql+psycopg://"))
        frame.to_sql("indicator_score", engine, schema="baseline", if_exists="append", index=False)
    report(watch, **_sums("baseline.indicator_score", "denominator"), checks=len(broken), broken=broken)


# --- the plain script -----------------------------------------------------------------


def _read_body(path: Path, columns: Any) -> Any:
    """One answer of the portal as rows of unit × indicator, floats throughout."""
    import pandas as pd

    province, group = path.stem.split("-")
    data = json.loads(path.read_bytes())["data"]
    root, units = ("overview", "evaluation") if "overview" in data else ("parent", "children")
    parts = []
    for entity, records in (("root", [data[root]]), ("unit", data[units])):
        wide = pd.json_normalize(records, max_level=0)
        lines = columns[(columns["group"] == group) & columns["entity"].isin([entity, "any"])]
        for line in lines.to_dict("records"):
            part = wide[["departmentId", "departmentName"]].copy()
            part["indicator"] = line["indicator"]
            for measure in ("numerator", "denominator", "ratio", "score", "max_score", "value"):
                fields = line[measure].split("+") if isinstance(line[measure], str) else []
                part[measure] = (
                    wide[fields].sum(axis=1, skipna=False).astype(float) if fields else float("nan")
                )
            parts.append(part)
        if "metrics" in wide:
            metrics = pd.json_normalize(
                records, record_path="metrics", meta=["departmentId", "departmentName"]
            )
            codes = columns[(columns["group"] == group) & (columns["entity"] == "metric")]
            metrics["indicator"] = metrics["code"].map(codes.set_index("portal_code")["indicator"])
            metrics["value"] = float("nan")
            metrics = metrics.rename(columns={"maxScore": "max_score"})
            for measure in ("numerator", "denominator", "ratio", "score", "max_score"):
                metrics[measure] = metrics[measure].astype(float)
            parts.append(metrics[parts[0].columns])
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "province", province)
    frame.insert(1, "group", group)
    return frame


def _broken(frame: Any, known: set[str]) -> dict[str, int]:
    """How many rows break each condition a careful script would write down."""
    exact = 100 * frame["numerator"] / frame["denominator"].where(frame["denominator"] > 0)
    groups = frame[frame["indicator"] == frame["group"]]
    components = frame[frame["indicator"] != frame["group"]]
    summed = components.groupby(["departmentId", "group"])["score"].sum(min_count=1)
    stated = groups.set_index(["departmentId", "group"])["score"].reindex(summed.index)
    conditions = {
        "repeated": frame.duplicated(["departmentId", "indicator"]),
        "unknown_indicator": ~frame["indicator"].isin(known),
        "unnamed": frame["departmentName"].isna(),
        "negative_count": frame[["numerator", "denominator"]].min(axis=1) < 0,
        "numerator_above_denominator": components["numerator"] > components["denominator"],
        "ratio_outside": ~frame["ratio"].between(0, 100) & frame["ratio"].notna(),
        "ratio_disagrees": (frame["ratio"] - exact).abs() > 0.010001,
        "negative_score": frame["score"] < 0,
        "score_above_maximum": frame["score"] > frame["max_score"],
        "group_missing": groups.groupby("departmentId")["group"].nunique() < 6,
        "components_do_not_sum": (summed - stated).abs() > 0.015,
    }
    return {name: int(rows.sum()) for name, rows in conditions.items()}


# --- what both must agree on ----------------------------------------------------------


def _sums(table: str, count: str) -> dict[str, Any]:
    """Rows, points and dossiers that arrived: both contestants must have done the same job."""
    rows, score, total = _row(
        f"SELECT count(*), round(sum(score)::numeric, 2)::text, sum({count})::bigint FROM {table}"
    )
    return {"rows": rows, "sum_of_scores": score, "sum_of_denominators": total}


def _one(statement: str) -> int:
    return int(_row(statement)[0])


def _row(statement: str) -> Any:
    import psycopg

    with psycopg.connect(os.environ["BENCH_URL"]) as connection:
        return connection.execute(statement).fetchone()


if __name__ == "__main__":
    {"product": product, "pandas": pandas}[sys.argv[1]](Path(sys.argv[2]))
