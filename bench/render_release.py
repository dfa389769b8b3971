"""Rendering the documents of a province's month and year, all formats, beside a plain pandas dump of the same figures.

python bench/render_release.py [--quick] [--rounds N] [--province SLUG] [--json FILE] [--folder DIR]
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import contest
from contest import Outcome, console, megabytes, times
from country import InProcessPortal

from etl import file_stages, report_stages
from etl.archive import Archive
from etl.periods import VIETNAM, Period, window_of
from etl.reference.provinces import Province, find_province
from etl.sandbox.sample_forms import write_form
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.national_portal.fetch import fetch_national, fetch_province
from etl.sources.national_portal.read import read_bundle
from etl.sources.tidy import REJECTED, table_of
from etl.validate.judge import RESULTS, Verdict
from etl.warehouse.engine import open_warehouse
from etl.warehouse.publish import publish
from etl.warehouse.staging import build_load

CONTESTANTS = {"product": "bochiso", "plain": "plain pandas"}
# Report period by kind, with the portal's periods its documents tell of.
REPORTS = {"month": ("2026-10", ("2026-08", "2026-09")), "year": ("2026", ("2026",))}
# What is promised: all formats on 2 cores, the reading of the warehouse included, in seconds.
MOST_SECONDS = {"month": 15.0, "year": 30.0}
PRODUCTS = {
    "read": "reading the warehouse",
    "form": "digitization form (xlsx)",
    "letter": "letter (docx)",
    "appendix": "appendix (xlsx)",
    "page": "public page (html)",
    "open_data": "open data (csv, json)",
    "quality": "quality sheet (html)",
}
NOW = datetime(2026, 12, 16, 4, 0, tzinfo=VIETNAM)

_AGREE = ("units", "sum_of_totals", "components", "sum_of_scores", "sum_of_received", "provinces")
_LESS = (
    "workbooks and letter: no layout, no charts, no numbers in the Vietnamese way, no notes, nothing escaped: a unit "
    "named '=1+1' is a formula.",
    "page: bare tables of every column; no charts, no search, no headings a screen reader can use, nothing on quality.",
    "open data: floats, no description, no checksums; formulas in names stay formulas.",
    "nothing is compared with the period before, checked, dated or sealed; the same figures give other bytes next time.",
)


def run(
    *, quick: bool = False, rounds: int = 2, folder: Path | None = None, province: str = "phu_tho"
) -> dict[str, Any]:
    """Prepare, let them compete, print the ratios. Returns the measurements."""
    rounds = 1 if quick else rounds
    kinds = ("month",) if quick else tuple(REPORTS)
    outcomes = {kind: {name: Outcome() for name in CONTESTANTS} for kind in kinds}
    with contest.temporary_home(folder) as (settings, server):
        about = contest.machine(settings)
        started = time.perf_counter()
        _prepare(settings, find_province(province), kinds)
        console.print(
            f"Inputs of {province} made ready in {time.perf_counter() - started:.0f} s, not timed",
            style="dim",
        )
        for number in range(rounds):
            for kind, contestants in outcomes.items():
                for name, outcome in contestants.items():
                    outcome.keep(contest.compete("render_contestants.py", f"{name}-{kind}", settings, server))
                    told = sum(values[-1] for phase, values in outcome.seconds.items() if phase in PRODUCTS)
                    console.print(
                        f"  round {number + 1}, {kind}: {CONTESTANTS[name]}: {told:.1f} s", style="dim"
                    )
                _require_same(contestants)
        about["load_average_after"] = contest.machine(settings)["load_average_before"]
    ratios = {kind: _ratios(contestants) for kind, contestants in outcomes.items()}
    for kind, contestants in outcomes.items():
        _print(kind, contestants, rounds)
    console.print("What the plain script leaves out:")
    for line in _LESS:
        console.print(f"  {line}")
    return {
        "benchmark": "render_release",
        "machine": about,
        "province": province,
        "rounds": rounds,
        "most_seconds": MOST_SECONDS,
        "contestants": {
            kind: {name: outcome.as_json() for name, outcome in contestants.items()}
            for kind, contestants in outcomes.items()
        },
        "ratios": ratios,
    }


def _prepare(settings: Settings, province: Province, kinds: tuple[str, ...]) -> None:
    """The portal's periods, published without their checks, and a digitization form of each report, handed in."""
    portal, archive = InProcessPortal(), Archive(settings.archive_dir)
    warehouse = open_warehouse(settings)
    (settings.home / "province").write_text(province.slug, encoding="utf-8")
    for kind in kinds:
        report, periods = REPORTS[kind]
        for period in map(Period.parse, periods):
            for bundle in (
                fetch_province(
                    portal,  # type: ignore[arg-type]
                    archive,
                    province,
                    period,
                    known_units=frozenset(),
                    max_missing_share=settings.max_missing_unit_share,
                    now=NOW,
                ),
                fetch_national(
                    portal,  # type: ignore[arg-type]
                    archive,
                    period,
                    known_provinces=frozenset(),
                    max_missing_share=settings.max_missing_unit_share,
                    now=NOW,
                ),
            ):
                publish(warehouse, build_load(bundle, _all_good(archive, bundle)))
        form = write_form(settings.home / f"form-{report}.xlsx", province, window_of(Period.parse(report)))
        handed = file_stages.take_file(settings, form.path, lambda: NOW, province=province.slug)
        for stage in (file_stages.receive, file_stages.validate_file, file_stages.publish_file):
            stage(settings, handed, lambda: NOW)
    own = settings.model_copy(update={"province": province.slug})
    report_stages.open_duties(own, lambda: NOW)


def _all_good(archive: Archive, bundle: Bundle) -> Verdict:
    tidy = read_bundle(archive, bundle).tidy
    return Verdict("passed", tidy, table_of([], REJECTED), table_of([], RESULTS), len(tidy), 0)


def _require_same(contestants: dict[str, Outcome]) -> None:
    """Two contestants that told of different figures are no comparison."""
    seen = {name: tuple(outcome.facts[key] for key in _AGREE) for name, outcome in contestants.items()}
    if len(set(seen.values())) != 1:
        raise SystemExit(f"the contestants did not do the same job: {_AGREE} are {seen}")


def _ratios(contestants: dict[str, Outcome]) -> dict[str, float]:
    product, plain = (contestants[name] for name in CONTESTANTS)
    ratios = {name: round(product.median(name) / plain.median(name), 2) for name in PRODUCTS}
    ratios["all"] = round(product.median(*PRODUCTS) / plain.median(*PRODUCTS), 2)
    ratios["peak_memory"] = round(product.peak_mb / plain.peak_mb, 2)
    return ratios


def _print(kind: str, contestants: dict[str, Outcome], rounds: int) -> None:
    product, plain = (contestants[name] for name in CONTESTANTS)
    whole = (product.median(*PRODUCTS), plain.median(*PRODUCTS))
    lines: list[tuple[str, ...]] = [("import", product.shown("import"), plain.shown("import"), "")]
    lines += [
        (shown, _fine(product, name), _fine(plain, name), times(product.median(name), plain.median(name)))
        for name, shown in PRODUCTS.items()
    ]
    lines += [
        ("all formats", *(f"{value:.2f} s" for value in whole), times(*whole)),
        ("built as two drafts", product.shown("build"), "", ""),
        (
            "peak memory",
            megabytes(product.peak_mb),
            megabytes(plain.peak_mb),
            times(product.peak_mb, plain.peak_mb),
        ),
        ("+ server's own", megabytes(product.peak_server_mb), megabytes(plain.peak_server_mb), ""),
    ]
    facts = product.facts
    title = f"The documents of a {kind}: {facts['units']} units, {facts['components']:,} components, median of {rounds}"
    contest.table(title, ("", *CONTESTANTS.values(), "ratio"), lines)
    kept = "kept" if whole[0] < MOST_SECONDS[kind] else "NOT kept"
    console.print(f"Under {MOST_SECONDS[kind]:.0f} s: {kept} ({whole[0]:.1f} s).")


def _fine(outcome: Outcome, phase: str) -> str:
    """Hundredths: a letter takes less than a tenth of a second."""
    return f"{outcome.median(phase):.2f} s"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the month alone, one round")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--province", default="phu_tho", help="whose documents (slug)")
    parser.add_argument("--json", type=Path, help="write the measurements here")
    parser.add_argument("--folder", type=Path, help="where the temporary home is made")
    args = parser.parse_args()
    result = run(quick=args.quick, rounds=args.rounds, folder=args.folder, province=args.province)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
