"""A dossier list of millions reduced to the form: the product beside pandas, openpyxl and a bare read.

python bench/dossier_list.py [--quick] [--rounds N] [--rows N] [--many N] [--workbook N] [--json FILE] [--folder DIR]
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import contest
import dossier_list_data
import psutil
from child import MARK
from contest import Outcome, console, megabytes, times

ROWS, MANY, WORKBOOK = 2_000_000, 10_000_000, 300_000
# What is promised.
LEAST_PANDAS, MOST_BARE, MOST_MB, MOST_MB_MANY = 8.0, 3.0, 1_500, 2_000
LEAST_OPENPYXL, MOST_MB_WORKBOOK = 10.0, 500
# Five times the rows may take so much more than five times the time.
MOST_GROWTH = 1.25
_MUST_AGREE = ("rows", "dossiers", "quarantined", "rules", "refused", "form")


@dataclass(frozen=True)
class Sizes:
    """Rows of the three files."""

    rows: int = ROWS
    many: int = MANY
    workbook: int = WORKBOOK


def run(
    *, quick: bool = False, rounds: int = 2, folder: Path | None = None, sizes: Sizes | None = None
) -> dict[str, Any]:
    """Make the lists, let them compete, print the ratios. Returns the measurements."""
    sizes = sizes or (Sizes(ROWS // 10, MANY // 10, WORKBOOK // 10) if quick else Sizes())
    rounds = 1 if quick else rounds
    with tempfile.TemporaryDirectory(prefix="bochiso-bench-", dir=folder) as work:
        home = Path(work)
        started = time.perf_counter()
        dossier_list_data.write_csv(home / "list.csv", sizes.rows)
        dossier_list_data.write_csv(home / "many.csv", sizes.many)
        dossier_list_data.write_workbook(home / "list.xlsx", sizes.workbook)
        console.print(f"lists made ready in {time.perf_counter() - started:.0f} s, not timed", style="dim")
        load = os.getloadavg()
        csv = _compete(home / "list.csv", ("product", "pandas", "polars", "polars_text"), rounds)
        many = _compete(home / "many.csv", ("product", "polars"), rounds)
        book = _compete(home / "list.xlsx", ("product", "openpyxl"), 1)
    ratios = _ratios(csv, many, book, sizes)
    _print(csv, many, book, ratios, sizes)
    return {
        "benchmark": "dossier_list",
        "machine": {
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1024**3),
            "system": f"{platform.system()} {platform.machine()}",
            "python": platform.python_version(),
            "load_average_before": [round(value, 1) for value in load],
        },
        "rows": {"csv": sizes.rows, "many": sizes.many, "workbook": sizes.workbook},
        "rounds": rounds,
        "csv": {name: outcome.as_json() for name, outcome in csv.items()},
        "many": {name: outcome.as_json() for name, outcome in many.items()},
        "workbook": {name: outcome.as_json() for name, outcome in book.items()},
        "ratios": ratios,
    }


def _compete(path: Path, names: tuple[str, ...], rounds: int) -> dict[str, Outcome]:
    outcomes = {name: Outcome() for name in names}
    path.read_bytes()  # so that nobody pays for the disk
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:  # each round begins with another
            outcomes[name].keep(_one(name, path))
            last = ", ".join(
                f"{phase} {values[-1]:.1f} s" for phase, values in outcomes[name].seconds.items()
            )
            console.print(f"  {path.name}, round {number + 1}: {name}: {last}", style="dim")
    for name in names[1:]:
        for fact in _MUST_AGREE:
            mine, theirs = outcomes[names[0]].facts[fact], outcomes[name].facts.get(fact)
            if theirs is not None and mine != theirs:
                raise SystemExit(f"{path.name}: {fact} differ: {names[0]} {mine}, {name} {theirs}")
    return outcomes


def _one(name: str, path: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(dir=path.parent) as out:
        root = Path(__file__).parents[1]
        started = time.perf_counter()
        done = subprocess.run(
            [
                sys.executable,
                str(Path(__file__).parent / "dossier_list_contestants.py"),
                name,
                str(path),
                out,
            ],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        whole = time.perf_counter() - started
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if done.returncode or not lines:
        raise SystemExit(f"{name} ended with {done.returncode} and said:\n{done.stdout[-2000:]}")
    said: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    said["seconds"]["process"] = whole
    return said | {"server_mb": None}


def _ratios(
    csv: dict[str, Outcome], many: dict[str, Outcome], book: dict[str, Outcome], sizes: Sizes
) -> dict[str, float]:
    def work(outcome: Outcome) -> float:
        phases = [name for name in ("read", "publish") if name in outcome.seconds]
        return outcome.median(*phases)

    growth = work(many["product"]) / work(csv["product"]) / (sizes.many / sizes.rows)
    return {
        "pandas_to_product": round(work(csv["pandas"]) / work(csv["product"]), 2),
        "pandas_to_product_whole_process": round(
            csv["pandas"].median("process") / csv["product"].median("process"), 2
        ),
        "product_to_bare_polars": round(work(csv["product"]) / work(csv["polars"]), 2),
        "product_to_bare_polars_text": round(work(csv["product"]) / work(csv["polars_text"]), 2),
        "growth": round(growth, 2),
        "openpyxl_to_product": round(work(book["openpyxl"]) / work(book["product"]), 2),
        "openpyxl_to_product_whole_process": round(
            book["openpyxl"].median("process") / book["product"].median("process"), 2
        ),
    }


def _print(
    csv: dict[str, Outcome],
    many: dict[str, Outcome],
    book: dict[str, Outcome],
    ratios: dict[str, float],
    sizes: Sizes,
) -> None:
    for title, base, outcomes in (
        (f"CSV, {sizes.rows:,} rows", "polars", csv),
        (f"CSV, {sizes.many:,} rows", "polars", many),
        (f"XLSX, {sizes.workbook:,} rows", "product", book),
    ):
        lines = [
            (
                name,
                outcome.shown("read"),
                outcome.shown("publish") if "publish" in outcome.seconds else "",
                times(outcome.median("read"), outcomes[base].median("read")),
                outcome.shown("process"),
                megabytes(outcome.peak_mb),
            )
            for name, outcome in outcomes.items()
        ]
        contest.table(title, ("", "read", "publish", f"read ÷ {base}", "whole process", "peak"), lines)
    goals = (
        ("pandas ÷ product", ratios["pandas_to_product"], LEAST_PANDAS),
        ("product ÷ bare polars", ratios["product_to_bare_polars"], -MOST_BARE),
        ("peak, MB", csv["product"].peak_mb, -MOST_MB),
        ("peak of the large list, MB", many["product"].peak_mb, -MOST_MB_MANY),
        ("time of the large list ÷ its share", ratios["growth"], -MOST_GROWTH),
        ("openpyxl ÷ product", ratios["openpyxl_to_product"], LEAST_OPENPYXL),
        ("peak of the workbook, MB", book["product"].peak_mb, -MOST_MB_WORKBOOK),
    )
    for words, value, limit in goals:
        met = value >= limit if limit > 0 else value <= -limit
        goal = f"at least {limit:g}" if limit > 0 else f"at most {-limit:g}"
        verdict = "too small a run to judge" if sizes != Sizes() else "kept" if met else "NOT KEPT"
        console.print(f"  {words} = {value:.2f}, promised {goal}: {verdict}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--rows", type=int, default=ROWS, help="rows of the list")
    parser.add_argument("--many", type=int, default=MANY, help="rows of the large list")
    parser.add_argument("--workbook", type=int, default=WORKBOOK, help="rows of the workbook")
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the temporary files are made")
    args = parser.parse_args()
    sizes = None if args.quick else Sizes(args.rows, args.many, args.workbook)
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder, sizes=sizes)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
