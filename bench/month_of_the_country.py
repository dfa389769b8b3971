"""A month of all 34 provinces through read, validate and publish, beside a plain pandas script.

python bench/month_of_the_country.py [--quick] [--rounds N] [--json FILE] [--folder DIR]
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
from contest import Outcome, console, megabytes, times

from etl.archive import Archive
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal import read
from etl.warehouse.engine import open_warehouse

CONTESTANTS = {"product": "bochiso", "pandas": "pandas script"}
PHASES = ("read", "validate", "publish")

_AGREE = ("rows", "sum_of_scores", "sum_of_denominators")
_LESS = (
    "reads: floats for exact decimals; no contract, so a text where a number belongs stops it or passes; no "
    "place (capture hash, JSON path) beside a number; every other field of the answer is dropped.",
    "checks: 11 conditions for 30; counts what is wrong, but sets no row aside, writes no sentence for the "
    "person who must mend it, keeps no verdict and no report; knows no dated rules and nothing of last time.",
    "publishes: no key, no units, no snapshots, no totals, no logbook, no restatements, not one transaction "
    "with its checks; the same run again doubles every row.",
)


def run(*, quick: bool = False, rounds: int = 1, folder: Path | None = None) -> dict[str, Any]:
    """Prepare, let them compete, print the ratios. Returns the measurements."""
    rounds = 1 if quick else rounds
    outcomes = {name: Outcome() for name in CONTESTANTS}
    with contest.temporary_home(folder) as (settings, server):
        about = contest.machine(settings)
        started = time.perf_counter()
        count, size_mb = _prepare(settings, quick)
        console.print(
            f"{count} provinces, {size_mb:.1f} MB of answers made ready in {time.perf_counter() - started:.0f} s, "
            "not timed",
            style="dim",
        )
        for number in range(rounds):
            for name, outcome in outcomes.items():
                _clear(settings)
                outcome.keep(contest.compete("month_contestants.py", name, settings, server))
                last = ", ".join(f"{phase} {values[-1]:.1f} s" for phase, values in outcome.seconds.items())
                console.print(f"  round {number + 1}: {CONTESTANTS[name]}: {last}", style="dim")
            _require_same(outcomes)
    ratios = _ratios(outcomes)
    _print(outcomes, count, rounds)
    return {
        "benchmark": "month_of_the_country",
        "machine": about,
        "provinces": count,
        "answers_mb": round(size_mb, 1),
        "rounds": rounds,
        "contestants": {name: outcome.as_json() for name, outcome in outcomes.items()},
        "ratios": ratios,
    }


def _prepare(settings: Settings, quick: bool) -> tuple[int, float]:
    """Archive and work folders for the product, loose files for the script: the same bytes."""
    chosen = country.provinces(0.1 if quick else 1.0)
    folders = country.fill_archive(settings, chosen)
    (settings.home / "folders.json").write_text(json.dumps(folders), encoding="utf-8")
    bodies = settings.home / "bodies"
    bodies.mkdir()
    archive = Archive(settings.archive_dir)
    size = 0
    for folder in folders:
        for capture in Bundle.load(settings.work_dir / folder).captures:
            body = archive.get(capture.sha256)
            size += len(body)
            (bodies / f"{capture.scope}-{capture.group_code}.json").write_bytes(body)
    shutil.copy(Path(read.__file__).with_name("columns.csv"), settings.home / "columns.csv")
    return len(chosen), size / 1024**2


def _clear(settings: Settings) -> None:
    warehouse = open_warehouse(settings)
    contest.empty_warehouse(warehouse)
    with warehouse.connect("owner") as connection:
        connection.execute("DROP SCHEMA IF EXISTS baseline CASCADE")
        connection.execute("CREATE SCHEMA baseline")


def _require_same(outcomes: dict[str, Outcome]) -> None:
    """Two contestants that did different jobs are no comparison."""
    seen = {name: tuple(outcome.facts[key] for key in _AGREE) for name, outcome in outcomes.items()}
    if len(set(seen.values())) != 1:
        raise SystemExit(f"the contestants did not do the same job: {_AGREE} are {seen}")


def _ratios(outcomes: dict[str, Outcome]) -> dict[str, float]:
    product, script = (outcomes[name] for name in CONTESTANTS)
    ratios = {phase: round(product.median(phase) / script.median(phase), 2) for phase in PHASES}
    ratios["all"] = round(product.median(*PHASES) / script.median(*PHASES), 2)
    ratios["peak_memory"] = round(product.peak_mb / script.peak_mb, 2)
    return ratios


def _print(outcomes: dict[str, Outcome], count: int, rounds: int) -> None:
    product, script = (outcomes[name] for name in CONTESTANTS)
    lines = [
        (phase, product.shown(phase), script.shown(phase), times(product.median(phase), script.median(phase)))
        for phase in ("import", *PHASES)
    ]
    whole = (product.median(*PHASES), script.median(*PHASES))
    lines += [
        ("read to publish", *(f"{value:.1f} s" for value in whole), times(*whole)),
        ("a province", *(f"{value / count:.2f} s" for value in whole), ""),
        (
            "peak memory",
            megabytes(product.peak_mb),
            megabytes(script.peak_mb),
            times(product.peak_mb, script.peak_mb),
        ),
        ("+ server's own", megabytes(product.peak_server_mb), megabytes(script.peak_server_mb), ""),
    ]
    title = f"A month of {count} provinces, {product.facts['rows']:,} facts, median of {rounds}"
    contest.table(title, ("", *CONTESTANTS.values(), "ratio"), lines)
    console.print("What the script leaves out:")
    for line in _LESS:
        console.print(f"  {line}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the provinces, one round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the temporary home is made")
    args = parser.parse_args()
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
