"""The contestants of ``dossier_reconcile.py``, run as ``dossier_reconcile_contestants.py NAME HOME``.

Imports stand inside, so that each pays for its own only.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from child import Stopwatch, report

_MOMENTS = ("received", "due", "finished")
_NUMBERS = ("status", "channel")
_FLAGS = ("components_digitized", "components_reused", "reused_from_portal", "result_digitized")
_FIELDS = ("status", "received", "due", "finished", "channel", *_FLAGS)
# As dossier_reconcile.HEADERS, which a contestant does not import: psutil and the rest would count as its memory.
_HEADERS = {
    "Mã hồ sơ": "code",
    "Trạng thái": "status",
    "Ngày tiếp nhận": "received",
    "Ngày hẹn trả": "due",
    "Ngày kết thúc xử lý": "finished",
    "Kênh thực hiện": "channel",
    "Số hóa TPHS": "components_digitized",
    "Tái sử dụng TPHS": "components_reused",
    "Tái sử dụng từ cổng DVCQG": "reused_from_portal",
    "Số hóa kết quả": "result_digitized",
}
_MOMENT = "%d/%m/%Y %H:%M:%S"


def product(home: Path, name: str) -> None:
    """The product's comparison; from CSV its lists are scanned with types first."""
    watch = Stopwatch()
    with watch.phase("import"):
        from etl.sources.dossier_list.reconcile import compare_lists, open_parquet
    kind, opener = ("csv", _scan) if name.endswith("csv") else ("parquet", open_parquet)
    with watch.phase("compare"):
        comparison = compare_lists(
            home / f"provincial.{kind}",
            home / f"portal.{kind}",
            window=None,
            open_list=opener,
            work=home / "work",
        )
    report(
        watch,
        cpu_seconds=round(time.process_time(), 2),
        findings=comparison.findings.num_rows,
        in_both=comparison.in_both,
    )
    _keep(comparison.findings, home, name)


def _scan(path: Path) -> Any:
    import polars as pl

    named = pl.scan_csv(path, infer_schema=False).select(**{ours: pl.col(h) for h, ours in _HEADERS.items()})
    code = pl.col("code")
    return named.with_columns(
        code.str.head(code.str.find("-", literal=True)).alias("unit"),
        pl.col(_MOMENTS).str.to_datetime(_MOMENT, time_unit="us", cache=False),
        pl.col(_NUMBERS).cast(pl.Int8),
        *(
            pl.when(pl.col(flag) == "1").then(True).when(pl.col(flag) == "0").then(False).alias(flag)
            for flag in _FLAGS
        ),
    )


def pandas(home: Path, name: str) -> None:
    """What an analyst writes: two frames of the needed columns, one outer merge, a comparison per field.

    ``pandas_text_csv`` compares the cells as they are written, the quickest way there is from CSV.
    """
    watch = Stopwatch()
    with watch.phase("import"):
        import pandas as pd
    with watch.phase("compare"):
        mine, theirs = (_load(pd, home / side, name) for side in ("provincial", "portal"))
        parts = []
        for frame, kind, column in (
            (mine, "repeated_in_province", "provincial_value"),
            (theirs, "repeated_on_portal", "portal_value"),
        ):
            repeated = frame.loc[frame["code"].duplicated(keep=False), "code"].value_counts(sort=False)
            parts.append(
                pd.DataFrame(
                    {"dossier_code": repeated.index, "finding": kind, column: repeated.astype(str).values}
                )
            )
        merged = mine.drop_duplicates("code").merge(
            theirs.drop_duplicates("code"), on="code", how="outer", suffixes=("", "_portal"), indicator=True
        )
        for side, kind in (("left_only", "missing_on_portal"), ("right_only", "missing_in_province")):
            codes = merged.loc[merged["_merge"] == side, "code"]
            parts.append(pd.DataFrame({"dossier_code": codes, "finding": kind}))
        both = merged[merged["_merge"] == "both"]
        for field in _FIELDS:
            left, right = both[field], both[f"{field}_portal"]
            unlike = ((left != right).fillna(True) & ~(left.isna() & right.isna())).astype(bool)
            parts.append(
                pd.DataFrame(
                    {
                        "dossier_code": both.loc[unlike, "code"],
                        "finding": "field_differs",
                        "field": field,
                        "provincial_value": _text(pd, left[unlike], field, name),
                        "portal_value": _text(pd, right[unlike], field, name),
                    }
                )
            )
        findings = pd.concat(parts)
        findings.insert(1, "unit", findings["dossier_code"].str.split("-").str[0])
        order = list(_FIELDS)
        findings["place"] = findings["field"].map({field: order.index(field) for field in order})
        findings = findings.sort_values(["dossier_code", "finding", "place"]).drop(columns="place")
    report(watch, cpu_seconds=round(time.process_time(), 2), findings=len(findings), in_both=len(both))
    import pyarrow as pa

    columns = ("dossier_code", "unit", "finding", "field", "provincial_value", "portal_value")
    _keep(pa.table({c: pa.array(findings[c], pa.string(), from_pandas=True) for c in columns}), home, name)


def _load(pd: Any, path: Path, name: str) -> Any:
    if name.endswith("parquet"):
        frame = pd.read_parquet(path.with_suffix(".parquet"), columns=["code", *_FIELDS])
        return frame.astype(dict.fromkeys(_NUMBERS, "Int8") | dict.fromkeys(_FLAGS, "boolean"))
    frame = pd.read_csv(path.with_suffix(".csv"), dtype=str, usecols=list(_HEADERS)).rename(columns=_HEADERS)
    if name == "pandas_csv":
        for field in _MOMENTS:
            frame[field] = pd.to_datetime(frame[field], format=_MOMENT)
        for field in _NUMBERS:
            frame[field] = frame[field].astype("Int8")
        for field in _FLAGS:
            frame[field] = frame[field].map({"1": True, "0": False}).astype("boolean")
    return frame


def _text(pd: Any, values: Any, field: str, name: str) -> Any:
    """Values of a finding, as the product writes them."""
    if field in _MOMENTS:
        moments = pd.to_datetime(values, format=_MOMENT) if name == "pandas_text_csv" else values
        return moments.dt.strftime("%Y-%m-%d %H:%M:%S")
    if field in _FLAGS:
        names = {"1": "true", "0": "false", True: "true", False: "false"}
        return values.astype(object).map(names, na_action="ignore")
    return values.astype("string")


def _keep(findings: Any, home: Path, name: str) -> None:
    import pyarrow.parquet as pq

    pq.write_table(findings, home / f"{name}.findings.parquet")


if __name__ == "__main__":
    chosen = sys.argv[1]
    {"product": product, "pandas": pandas}[chosen.split("_")[0]](Path(sys.argv[2]), chosen)
