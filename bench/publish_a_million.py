r"""Publishing a million facts: the product beside ``psql \copy`` and dlt's Arrow merge.

python bench/publish_a_million.py [--quick] [--rounds N] [--json FILE] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

import contest
import country
import pyarrow.csv as arrow_csv
from contest import Outcome, console, megabytes, times

from etl.settings import Settings
from etl.warehouse.engine import open_warehouse

CONTESTANTS = {
    "product": "bochiso publish",
    "copy": r"psql \copy, bare",
    "dlt": "dlt merge (defaults)",
    "dlt_parquet": "dlt merge (ADBC)",
}
# What is promised: a first load within four bare copies, and twice as fast as dlt as it comes.
MOST_COPIES, LEAST_DLT = 4.0, 2.0

_LESS = (
    r"\copy: no key, ids as text, no join to units, nothing checked, no history; its reload empties the table "
    "under whoever reads it.",
    "dlt: ids as text, no join to units, no key in the database, no snapshots and so no history; a changed or "
    "lost row is overwritten, not refused; its reload deletes and writes every row.",
)


def run(*, quick: bool = False, rounds: int = 2, folder: Path | None = None) -> dict[str, Any]:
    """Prepare, let them compete, print the ratios. Returns the measurements."""
    rounds = 1 if quick else rounds
    outcomes = {name: Outcome() for name in CONTESTANTS}
    with contest.temporary_home(folder) as (settings, server):
        about = contest.machine(settings)
        started = time.perf_counter()
        rows = _prepare(settings, quick)
        console.print(
            f"{rows:,} facts made ready in {time.perf_counter() - started:.0f} s, not timed", style="dim"
        )
        # The first to write on a new server also makes its log files, for all that come after: not counted.
        contest.compete("publish_contestants.py", "product", settings, server)
        for number in range(rounds):
            names = list(CONTESTANTS)
            for name in names[number:] + names[:number]:  # each round begins with another
                outcome = outcomes[name]
                _clear(settings)
                said = contest.compete("publish_contestants.py", name, settings, server)
                if said["rows"] != rows:
                    raise SystemExit(f"{name} holds {said['rows']:,} rows, {rows:,} were loaded")
                outcome.keep(said)
                last = ", ".join(f"{phase} {values[-1]:.1f} s" for phase, values in outcome.seconds.items())
                console.print(f"  round {number + 1}: {CONTESTANTS[name]}: {last}", style="dim")
    ratios = _ratios(outcomes)
    _print(outcomes, ratios, f"{rows:,} facts into PostgreSQL, median of {rounds} (least-most)", quick)
    return {
        "benchmark": "publish_a_million",
        "machine": about,
        "rows": rows,
        "rounds": rounds,
        "contestants": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "ratios": ratios,
    }


def _prepare(settings: Settings, quick: bool) -> int:
    load = country.million_load(settings, country.provinces(0.1 if quick else 1.0), country.MONTHS)
    country.save_load(load, settings.home / "load")
    facts = load.indicator_score
    arrow_csv.write_csv(facts, settings.home / "facts.csv", arrow_csv.WriteOptions(include_header=False))
    return int(facts.num_rows)


def _clear(settings: Settings) -> None:
    """Everyone starts on an empty server."""
    warehouse = open_warehouse(settings)
    contest.empty_warehouse(warehouse)
    with warehouse.connect("owner") as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench, bench_dlt, bench_dlt_staging CASCADE")
        connection.execute("CREATE SCHEMA bench")
        connection.execute("CREATE TABLE bench.plain (LIKE staging.indicator_score)")
    shutil.rmtree(settings.home / "dlt", ignore_errors=True)


def _ratios(outcomes: dict[str, Outcome]) -> dict[str, float]:
    product, copy, dlt, adbc = (outcomes[name] for name in CONTESTANTS)
    return {
        "product_first_to_copy": round(product.median("first") / copy.median("first"), 2),
        "product_again_to_copy": round(product.median("again") / copy.median("again"), 2),
        "dlt_first_to_product": round(dlt.median("first") / product.median("first"), 2),
        "dlt_again_to_product": round(dlt.median("again") / product.median("again"), 2),
        "dlt_adbc_first_to_product": round(adbc.median("first") / product.median("first"), 2),
        "dlt_adbc_again_to_product": round(adbc.median("again") / product.median("again"), 2),
        "product_peak_to_dlt": round(product.peak_mb / dlt.peak_mb, 2),
        "product_peak_to_dlt_adbc": round(product.peak_mb / adbc.peak_mb, 2),
    }


def _print(outcomes: dict[str, Outcome], ratios: dict[str, float], title: str, quick: bool) -> None:
    base = outcomes["copy"]
    lines = [
        (
            label,
            outcomes[name].shown("first"),
            times(outcomes[name].median("first"), base.median("first")),
            outcomes[name].shown("again"),
            times(outcomes[name].median("again"), base.median("again")),
            megabytes(outcomes[name].peak_mb),
            megabytes(outcomes[name].peak_server_mb),
        )
        for name, label in CONTESTANTS.items()
    ]
    contest.table(title, ("", "first load", r"÷ \copy", "same again", r"÷ \copy", "peak", "+ server"), lines)
    goals = (
        (r"first load ÷ \copy", "product_first_to_copy", f"at most {MOST_COPIES:g}", -MOST_COPIES),
        ("dlt ÷ first load", "dlt_first_to_product", f"at least {LEAST_DLT:g}", LEAST_DLT),
    )
    for words, key, goal, limit in goals:
        met = ratios[key] >= limit if limit > 0 else ratios[key] <= -limit
        verdict = "too small a run to judge" if quick else "kept" if met else "NOT KEPT"
        console.print(f"  {words} = {ratios[key]:.2f}, promised {goal}: {verdict}")
    console.print("What the others leave out:")
    for line in _LESS:
        console.print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the temporary home is made")
    args = parser.parse_args()
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
