"""Publishing a million facts: the product against ``psql \\copy`` and dlt's Arrow merge.

Run it as ``python bench/publish_a_million.py [--quick] [--rounds N] [--json FILE]``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import contest
import country
from contest import Outcome, Stopwatch, console, megabytes, times

from etl.settings import Settings
from etl.warehouse import postmaster
from etl.warehouse.embedded import OWNER, WAREHOUSE_DATABASE, EmbeddedServer, ensure_running
from etl.warehouse.engine import open_warehouse

CONTESTANTS = {
    "product": "bochiso publish",
    "copy": r"psql \copy, no index",
    "dlt": "dlt, Arrow merge",
}
# The promise (README, "Speed"): a first load within four bare copies, and twice as fast as dlt.
MOST_COPIES, LEAST_DLT = 4.0, 2.0

_KEY = ("snapshot_id", "portal_id", "indicator_code")
_NOT_DONE = {
    "copy": "no key, no types beyond text and numbers, no join to units, no history, no check that anything "
    "arrived or changed; a reload empties the table first",
    "dlt": "a key on merge, but text ids, no join to units, no history of snapshots, no refusal of losses or "
    "changes: a reload deletes and writes every row again",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size, one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the temporary home is made")
    parser.add_argument("--as", dest="contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.contestant:
        compete(args.contestant, contest.settings_of(args.home))
        return
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


# --- the contestants ------------------------------------------------------------------


def compete(name: str, settings: Settings) -> None:
    """One contestant, first load and identical reload, in this process."""
    {"product": _product, "copy": _copy, "dlt": _dlt}[name](settings)


def _product(settings: Settings) -> None:
    from etl.warehouse.publish import publish

    load = country.open_load(settings.home / "load")
    warehouse = open_warehouse(settings)
    watch = Stopwatch()
    with watch.phase("first"):
        first = publish(warehouse, load)
    with watch.phase("again"):
        again = publish(warehouse, load)
    if len(first.new) != load.snapshot.num_rows or len(again.unchanged) != load.snapshot.num_rows:
        raise SystemExit("the product did not publish every snapshot once")
    with warehouse.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM core.indicator_score WHERE quality_flag IS DISTINCT FROM 'COMPUTED_SUM'"
        ).fetchone()
    contest.report(watch, rows=row[0] if row else 0, arrow_mb=round(load.indicator_score.nbytes / 1024**2))


def _copy(settings: Settings) -> None:
    server = ensure_running(settings.home)
    # The wheel's own client: the same version as the server, as an analyst of the house would use.
    psql = postmaster._binaries() / "psql"
    address = server.url(WAREHOUSE_DATABASE, OWNER)
    csv = settings.home / "facts.csv"
    copy = rf"\copy bench.plain from '{csv}' with (format csv)"
    watch = Stopwatch()
    peaks: list[float | None] = []
    for phase in ("first", "again"):
        # TRUNCATE in the same transaction: a reload that leaves the table as it was.
        steps = ["-c", copy] if phase == "first" else ["-1", "-c", "TRUNCATE bench.plain", "-c", copy]
        with watch.phase(phase):
            peaks.append(contest.run_watched([psql, "-X", "-q", "-v", "ON_ERROR_STOP=1", *steps, address], {}))
    with open_warehouse(settings).connect("owner") as connection:
        row = connection.execute("SELECT count(*) FROM bench.plain").fetchone()
    contest.report(watch, rows=row[0] if row else 0, peak_mb=max(peak or 0.0 for peak in peaks))


def _dlt(settings: Settings) -> None:
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    import dlt
    import pyarrow.parquet as pq

    facts = pq.read_table(settings.home / "load" / "indicator_score.parquet")
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=str(settings.home / "dlt"),
        destination=dlt.destinations.postgres(_dlt_address(ensure_running(settings.home))),
        dataset_name="bench_dlt",
    )
    watch = Stopwatch()
    for phase in ("first", "again"):
        with watch.phase(phase):
            pipeline.run(facts, table_name="facts", write_disposition="merge", primary_key=_KEY).raise_on_failed_jobs()
    with open_warehouse(settings).connect("owner") as connection:
        row = connection.execute("SELECT count(*) FROM bench_dlt.facts").fetchone()
    contest.report(watch, rows=row[0] if row else 0, arrow_mb=round(facts.nbytes / 1024**2))


def _dlt_address(server: EmbeddedServer) -> str:
    return f"postgresql://{OWNER}:{server.password(OWNER)}@127.0.0.1:{server.port}/{WAREHOUSE_DATABASE}"


# --- the contest ----------------------------------------------------------------------


def run(*, quick: bool = False, rounds: int = 3, folder: Path | None = None) -> dict[str, Any]:
    """Prepare, let them compete, print the ratios. Returns the measurements."""
    rounds = 1 if quick else rounds
    outcomes = {name: Outcome() for name in CONTESTANTS}
    with contest.temporary_home(folder) as (settings, _):
        about = contest.machine(settings)
        started = time.perf_counter()
        rows = _prepare(settings, quick)
        console.print(f"{rows:,} facts made ready in {time.perf_counter() - started:.0f} s (not timed below)")
        for number in range(rounds):
            for name in CONTESTANTS:
                _clear(settings)
                said = contest.run_contestant(__file__, name, settings)
                if said["rows"] != rows:
                    raise SystemExit(f"{name} holds {said['rows']:,} rows, {rows:,} were loaded")
                contest.keep(outcomes[name], said)
                phases = ", ".join(f"{phase} {values[-1]:.1f} s" for phase, values in outcomes[name].seconds.items())
                console.print(f"  round {number + 1} {CONTESTANTS[name]}: {phases}", style="dim", highlight=False)
    _print(outcomes, rows, rounds)
    return {
        "benchmark": "publish_a_million",
        "machine": about,
        "rows": rows,
        "rounds": rounds,
        "contestants": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "ratios": _ratios(outcomes),
    }


def _prepare(settings: Settings, quick: bool) -> int:
    import pyarrow.csv as arrow_csv

    load = country.million_load(settings, country.provinces(0.1 if quick else 1.0), country.MONTHS)
    country.save_load(load, settings.home / "load")
    options = arrow_csv.WriteOptions(include_header=False)
    arrow_csv.write_csv(load.indicator_score, settings.home / "facts.csv", options)
    return int(load.indicator_score.num_rows)


def _clear(settings: Settings) -> None:
    """Every contestant starts on an empty server."""
    warehouse = open_warehouse(settings)
    contest.empty_warehouse(warehouse)
    with warehouse.connect("owner") as connection:
        connection.execute("DROP SCHEMA IF EXISTS bench, bench_dlt, bench_dlt_staging CASCADE")
        connection.execute("CREATE SCHEMA bench")
        connection.execute("CREATE TABLE bench.plain (LIKE staging.indicator_score)")
    dlt_state = settings.home / "dlt"
    if dlt_state.exists():
        import shutil

        shutil.rmtree(dlt_state)


def _ratios(outcomes: dict[str, Outcome]) -> dict[str, float]:
    product, copy, dlt = (outcomes[name] for name in CONTESTANTS)
    return {
        "first_load_to_copy": round(product.median("first") / copy.median("first"), 2),
        "reload_to_copy": round(product.median("again") / copy.median("again"), 2),
        "dlt_first_load_to_product": round(dlt.median("first") / product.median("first"), 2),
        "dlt_reload_to_product": round(dlt.median("again") / product.median("again"), 2),
        "peak_memory_to_dlt": round(product.peak_mb / dlt.peak_mb, 2),
    }


def _print(outcomes: dict[str, Outcome], rows: int, rounds: int) -> None:
    base = outcomes["copy"]
    lines = [
        (
            label,
            outcomes[name].spread("first"),
            times(outcomes[name].median("first"), base.median("first")),
            outcomes[name].spread("again"),
            times(outcomes[name].median("again"), base.median("again")),
            megabytes(outcomes[name].peak_mb),
            megabytes(outcomes[name].peak_server_mb),
        )
        for name, label in CONTESTANTS.items()
    ]
    columns = ("contestant", "first load", r"÷ \copy", "same again", r"÷ \copy", "peak", "server's")
    contest.table(f"{rows:,} facts, median of {rounds} (least-most)", columns, lines)
    found = _ratios(outcomes)
    for text, value, goal, met in (
        (r"first load ÷ \copy", found["first_load_to_copy"], f"≤ {MOST_COPIES:g}", found["first_load_to_copy"] <= MOST_COPIES),
        ("dlt ÷ first load", found["dlt_first_load_to_product"], f"≥ {LEAST_DLT:g}", found["dlt_first_load_to_product"] >= LEAST_DLT),
    ):
        console.print(f"  {text}: {value:.2f} (goal {goal}: {'met' if met else 'MISSED'})", highlight=False)
    for name, words in _NOT_DONE.items():
        console.print(f"  {CONTESTANTS[name]} does less: {words}.", highlight=False)


if __name__ == "__main__":
    main()
