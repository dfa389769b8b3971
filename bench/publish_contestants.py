"""The contestants of ``publish_a_million.py``, run as ``publish_contestants.py NAME HOME``.

Each does a first load and an identical reload of ``HOME/load``. Imports stand inside, so
that each pays for its own only.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from child import Stopwatch, report, run_watched

_KEY = ("snapshot_id", "portal_id", "indicator_code")


def product(home: Path) -> None:
    """Arrow to staging, set-based SQL into core: what every published number goes through."""
    from contest import settings_of
    from country import open_load

    from etl.warehouse.engine import open_warehouse
    from etl.warehouse.publish import publish

    load = open_load(home / "load")
    warehouse = open_warehouse(settings_of(home))
    watch = Stopwatch()
    with watch.phase("first"):
        first = publish(warehouse, load)
    with watch.phase("again"):
        again = publish(warehouse, load)
    if not len(first.new) == len(again.unchanged) == load.snapshot.num_rows:
        raise SystemExit("the product did not publish every snapshot once")
    # Totals it has summed itself were not among the rows it was given.
    rows = _count("core.indicator_score WHERE quality_flag IS DISTINCT FROM 'COMPUTED_SUM'")
    report(watch, rows=rows, input_mb=round(load.indicator_score.nbytes / 1024**2))


def copy(home: Path) -> None:
    r"""psql's \copy of the same rows into a table without keys; the reload empties the table first."""
    from etl.warehouse.postmaster import _binaries

    statement = rf"\copy bench.plain from '{home / 'facts.csv'}' with (format csv)"
    reload = ["--single-transaction", "-c", "TRUNCATE bench.plain", "-c", statement]
    watch = Stopwatch()
    peak = 0.0
    for phase, steps in (("first", ["-c", statement]), ("again", reload)):
        psql = [_binaries() / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *steps, os.environ["BENCH_URL"]]
        with watch.phase(phase):
            peak = max(peak, run_watched(psql))
    size = round((home / "facts.csv").stat().st_size / 1024**2)
    report(watch, rows=_count("bench.plain"), peak_mb=peak, input_mb=size)


def dlt(home: Path) -> None:
    """dlt's merge of the Arrow table with its defaults: rewritten as CSV, then COPY, DELETE, INSERT."""
    _dlt(home, None)


def dlt_parquet(home: Path) -> None:
    """The same with dlt's faster, optional way: Parquet through ADBC."""
    _dlt(home, "parquet")


def _dlt(home: Path, file_format: str | None) -> None:
    os.environ |= {"RUNTIME__DLTHUB_TELEMETRY": "false", "RUNTIME__LOG_LEVEL": "ERROR"}
    import dlt as library
    import pyarrow.parquet as pq

    facts = pq.read_table(home / "load" / "indicator_score.parquet")
    pipeline = library.pipeline(
        "bench",
        pipelines_dir=str(home / "dlt"),
        destination=library.destinations.postgres(os.environ["BENCH_URL"]),
        dataset_name="bench_dlt",
    )
    watch = Stopwatch()
    for phase in ("first", "again"):
        with watch.phase(phase):
            pipeline.run(
                facts,
                table_name="facts",
                write_disposition="merge",
                primary_key=_KEY,
                loader_file_format=file_format,
            ).raise_on_failed_jobs()
    report(watch, rows=_count("bench_dlt.facts"), input_mb=round(facts.nbytes / 1024**2))


def _count(what: str) -> int:
    import psycopg

    with psycopg.connect(os.environ["BENCH_URL"]) as connection:
        row = connection.execute(f"SELECT count(*) FROM {what}").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    {"product": product, "copy": copy, "dlt": dlt, "dlt_parquet": dlt_parquet}[sys.argv[1]](Path(sys.argv[2]))
