"""All benchmarks, one after the other: ``python bench/run.py [--quick] [--rounds N] [--results DIR]``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import dossier_list
import dossier_reconcile
import month_of_the_country
import publish_a_million
import render_release
from contest import console


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a tenth of the size, one round (under a minute)"
    )
    parser.add_argument(
        "--rounds", type=int, help="rounds of each benchmark (default: 1 or 2, by its length)"
    )
    parser.add_argument("--results", type=Path, help="folder for one JSON file a benchmark")
    parser.add_argument("--folder", type=Path, help="where the temporary homes are made")
    args = parser.parse_args()
    started = time.monotonic()
    rounds = {} if args.rounds is None else {"rounds": args.rounds}
    for benchmark in (
        month_of_the_country,
        publish_a_million,
        dossier_list,
        dossier_reconcile,
        render_release,
    ):
        console.rule(benchmark.__name__.replace("_", " "))
        result = benchmark.run(quick=args.quick, folder=args.folder, **rounds)
        if args.results:
            args.results.mkdir(parents=True, exist_ok=True)
            text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
            (args.results / f"{benchmark.__name__}.json").write_text(text, encoding="utf-8")
    console.print(f"\nAll done in {time.monotonic() - started:.0f} s.")


if __name__ == "__main__":
    main()
