r"""Two lists of 2 M dossiers compared: the product beside ``pandas.merge``, from CSV and from the columnar copies.

python bench/dossier_reconcile.py [--quick] [--rounds N] [--rows N] [--json FILE] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import psutil
from child import MARK
from contest import Outcome, console, megabytes, table, times

ROWS = 2_000_000
CONTESTANTS = {
    "product_csv": "bochiso, from CSV",
    "pandas_text_csv": "pandas.merge, CSV as text",
    "pandas_csv": "pandas.merge, CSV with types",
    "product_parquet": "bochiso, from Parquet",
    "pandas_parquet": "pandas.merge, from Parquet",
}
# What is promised: so many times faster than pandas, and so many MB at most.
LEAST_CSV, LEAST_PARQUET, MOST_MB = 6.0, 10.0, 1000.0

# How an office's list names the columns that are compared, and the personal ones beside them.
HEADERS = {
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
MOMENT = "%d/%m/%Y %H:%M:%S"

_LESS = (
    "pandas as text: 1/9/2026 and 01/09/2026, or 1 and 'có', would differ; it needs both lists in one hand.",
    "pandas with types: one date format only; otherwise the same comparison.",
)


def run(
    *, quick: bool = False, rounds: int = 2, folder: Path | None = None, rows: int | None = None
) -> dict[str, Any]:
    """Prepare, let them compete, hold the findings against one another, print the ratios."""
    rounds = 1 if quick else rounds
    rows = rows or (ROWS // 10 if quick else ROWS)
    outcomes = {name: Outcome() for name in CONTESTANTS}
    with tempfile.TemporaryDirectory(prefix="bochiso-bench-", dir=folder) as home:
        started = time.perf_counter()
        make_lists(Path(home), rows)
        (Path(home) / "work").mkdir()
        console.print(
            f"2 × {rows:,} dossiers made in {time.perf_counter() - started:.0f} s, not timed", style="dim"
        )
        for number in range(rounds):
            names = list(CONTESTANTS)
            for name in names[number:] + names[:number]:  # each round begins with another
                outcomes[name].keep(_compete(name, Path(home)))
                spent = outcomes[name].seconds["compare"][-1]
                console.print(f"  round {number + 1}: {CONTESTANTS[name]}: {spent:.1f} s", style="dim")
        found = _agreed(Path(home))
    ratios = _ratios(outcomes)
    _print(outcomes, ratios, f"{rows:,} × {rows:,} dossiers, median of {rounds} (least-most)", quick)
    return {
        "benchmark": "dossier_reconcile",
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1024**3),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "load_average_before": [round(value, 1) for value in os.getloadavg()],
        },
        "rows": rows,
        "findings": found,
        "rounds": rounds,
        "contestants": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "ratios": ratios,
    }


# --- the lists ------------------------------------------------------------------------


def make_lists(home: Path, rows: int) -> None:
    """``provincial`` and ``portal``, each as CSV of 15 columns and as the columnar copy.

    One dossier in 500 is missing on either side, one in 200 differs in a field, one in 2,000
    stands twice; the portal's list is in random order, the worst for whoever must look rows up.
    """
    random = np.random.default_rng(2026)
    dossiers = _dossiers(rows, random)
    lost = pl.Series(random.random(rows))
    kind = pl.Series(random.integers(0, 1000, rows))
    flag = pl.col("components_digitized")
    portal = dossiers.with_columns(
        status=pl.when(kind == 0).then(pl.lit(4, pl.Int8)).otherwise("status"),
        finished=pl.when(kind == 1)
        .then(pl.col("finished") + pl.duration(hours=1))
        .when(kind != 2)
        .then("finished"),
        components_digitized=pl.when(kind == 3).then(~flag).otherwise(flag),
        result_digitized=pl.when(kind == 4).then(pl.lit(False)).otherwise("result_digitized"),
    ).filter(lost >= 0.002)
    provincial = dossiers.filter(lost < 0.998)
    _write(pl.concat([provincial, provincial.sample(fraction=0.0005, seed=1)]), home / "provincial")
    portal = pl.concat([portal, portal.sample(fraction=0.0005, seed=2)])
    _write(portal.sample(fraction=1, shuffle=True, seed=3), home / "portal")


def _dossiers(rows: int, random: np.random.Generator) -> pl.DataFrame:
    def after(start: np.ndarray[Any, Any], least: int, most: int) -> np.ndarray[Any, Any]:
        seconds = random.integers(least, most, rows).astype("timedelta64[s]")
        return (start + seconds).astype("datetime64[us]")

    day = 86_400
    received = after(np.full(rows, np.datetime64("2026-08-15T00:00:00")), 0, 31 * day)
    status = random.choice([2, 4, 5, 6, 7, 8, 9, 10], rows, p=[0.05, 0.15, 0.03, 0.02, 0.02, 0.01, 0.22, 0.5])
    digitized, reused = random.random(rows) < 0.8, random.random(rows) < 0.5
    plain = pl.DataFrame(
        {
            "unit": random.integers(0, 168, rows),
            "number": np.arange(rows),
            "status": status.astype(np.int8),
            "received": received,
            "due": after(received, day, 20 * day),
            "finished": after(received, 3600, 15 * day),
            "channel": random.integers(1, 4, rows).astype(np.int8),
            "components_digitized": digitized,
            "components_reused": digitized & reused,
            "reused_from_portal": digitized & reused & (random.random(rows) < 0.4),
            "result_digitized": random.random(rows) < 0.7,
            "unknown": random.random(rows) < 0.01,
        }
    )
    unit = pl.format("H44.{}", pl.col("unit").cast(pl.String).str.zfill(3))
    resolved = pl.col("status").is_in([7, 9, 10])
    number = pl.col("number").cast(pl.String).str.zfill(7)
    return plain.select(
        code=pl.format("{}-{}-{}", unit, pl.col("received").dt.strftime("%y%m%d"), number),
        unit=unit,
        status="status",
        received="received",
        due="due",
        finished=pl.when(resolved).then("finished"),
        channel="channel",
        components_digitized=pl.when(~pl.col("unknown")).then("components_digitized"),
        components_reused="components_reused",
        reused_from_portal="reused_from_portal",
        result_digitized=pl.when(resolved).then("result_digitized"),
    )


def _write(dossiers: pl.DataFrame, path: Path) -> None:
    dossiers.write_parquet(path.with_suffix(".parquet"))
    person = pl.col("code").hash(seed=5)
    text = {
        header: (
            pl.col(name).dt.strftime(MOMENT)
            if dossiers.schema[name] == pl.Datetime
            else pl.col(name).cast(pl.Int8)
            if dossiers.schema[name] == pl.Boolean
            else pl.col(name)
        )
        for header, name in HEADERS.items()
    }
    personal = {
        "Mã TTHC": pl.format("1.{}", (person % 3000).cast(pl.String).str.zfill(6)),
        "Họ và tên": pl.format("Nguyễn Văn {}", person % 9973),
        "Số CCCD": (person % 10**12).cast(pl.String).str.zfill(12),
        "Địa chỉ": pl.format("Thôn {}, xã {}, tỉnh Phú Thọ", person % 50, pl.col("unit")),
        "Số điện thoại": (person // 7 % 10**9).cast(pl.String).str.zfill(10),
    }
    code = text.pop("Mã hồ sơ")
    dossiers.select(**{"Mã hồ sơ": code}, **personal, **text).write_csv(path.with_suffix(".csv"))


# --- the contest ----------------------------------------------------------------------


def _compete(name: str, home: Path) -> dict[str, Any]:
    script = Path(__file__).parent / "dossier_reconcile_contestants.py"
    done = subprocess.run(
        [sys.executable, str(script), name, str(home)], stdout=subprocess.PIPE, text=True, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"{name} ended with {done.returncode} and said:\n{done.stdout[-2000:]}")
    said: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    return said | {"server_mb": None}


def _agreed(home: Path) -> int:
    """How many findings all contestants named, the same ones to the letter. Raises SystemExit otherwise."""
    order = ["dossier_code", "finding", "field"]
    first, *others = (pl.read_parquet(home / f"{name}.findings.parquet").sort(order) for name in CONTESTANTS)
    for name, other in zip(list(CONTESTANTS)[1:], others, strict=True):
        if not other.equals(first):
            raise SystemExit(f"{name} found something else: {other.height:,} findings, not {first.height:,}")
    kinds = set(first["finding"])
    if len(kinds) != 5:
        raise SystemExit(f"the lists hold only {sorted(kinds)}: nothing to compare by")
    return first.height


def _ratios(outcomes: dict[str, Outcome]) -> dict[str, float]:
    seconds = {name: outcome.median("compare") for name, outcome in outcomes.items()}
    return {
        "pandas_text_csv_to_product": round(seconds["pandas_text_csv"] / seconds["product_csv"], 2),
        "pandas_csv_to_product": round(seconds["pandas_csv"] / seconds["product_csv"], 2),
        "pandas_parquet_to_product": round(seconds["pandas_parquet"] / seconds["product_parquet"], 2),
        "product_csv_peak_mb": round(outcomes["product_csv"].peak_mb),
        "product_parquet_peak_mb": round(outcomes["product_parquet"].peak_mb),
    }


def _print(outcomes: dict[str, Outcome], ratios: dict[str, float], title: str, quick: bool) -> None:
    lines = []
    for name, label in CONTESTANTS.items():
        base = outcomes["product_parquet" if name.endswith("parquet") else "product_csv"]
        outcome = outcomes[name]
        ratio = times(outcome.median("compare"), base.median("compare"))
        lines.append(
            (
                label,
                outcome.shown("compare"),
                ratio,
                f"{outcome.facts['cpu_seconds']:.1f} s",
                megabytes(outcome.peak_mb),
            )
        )
    table(title, ("", "compare", "÷ bochiso", "CPU, last round", "peak"), lines)
    goals = (
        ("pandas as text ÷ bochiso, CSV", "pandas_text_csv_to_product", LEAST_CSV),
        ("pandas ÷ bochiso, Parquet", "pandas_parquet_to_product", LEAST_PARQUET),
        ("peak from CSV, MB", "product_csv_peak_mb", -MOST_MB),
        ("peak from Parquet, MB", "product_parquet_peak_mb", -MOST_MB),
    )
    for words, key, limit in goals:
        met = ratios[key] >= limit if limit > 0 else ratios[key] <= -limit
        verdict = "too small a run to judge" if quick else "kept" if met else "NOT KEPT"
        bound = f"at least {limit:g}" if limit > 0 else f"at most {-limit:g}"
        console.print(f"  {words} = {ratios[key]:g}, promised {bound}: {verdict}")
    for line in _LESS:
        console.print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=int, help=f"dossiers a list (default {ROWS:,})")
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the lists are made")
    args = parser.parse_args()
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder, rows=args.rows)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
