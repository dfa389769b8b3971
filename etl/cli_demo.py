"""The demonstration: the main job on invented figures, in a home folder of its own."""

from __future__ import annotations

import time

from rich.console import Console

from etl.cli_run import run_jobs, workbook_path
from etl.periods import Period
from etl.sandbox import SamplePortal, SandboxServer
from etl.settings import Settings
from etl.stages import ready_warehouse

_QUESTION = (
    '"select unit_name, total, rank_in_block from mart.unit_scorecard '
    "where block = 'department' and period_id = '2026-08' order by rank_in_block\""
)
_PROVINCE = "phu_tho"
_MONTHS = ("2026-07", "2026-08")  # two, so that the workbook has something to compare with


def run_demo(settings: Settings, err: Console, out: Console) -> None:
    """Two months of one province from a sandbox portal to the workbook; prints where things are."""
    home = settings.home / "demo"
    started = time.monotonic()
    with SandboxServer(SamplePortal()) as portal:
        mine = Settings.model_validate(
            settings.model_dump()
            | {
                "home": home,
                "warehouse_url": None,
                "analyst_url": None,
                "portal_url": portal.url,
                "portal_pause_seconds": 0.0,  # our own server on this machine needs no manners
                "inbox": None,
                "deliverables": None,
            }
        )
        warehouse = ready_warehouse(mine)
        run_jobs(mine, _PROVINCE, _MONTHS, report=True, err=err, out=err)
    workbook = workbook_path(mine, _PROVINCE, Period.parse(_MONTHS[-1]))
    docs = mine.data_docs_dir / "H44" / _MONTHS[-1] / "index.html"
    out.print(
        f"\nDone in {time.monotonic() - started:.0f} s, with invented figures for tỉnh Phú Thọ, August 2026:\n"
    )
    for name, value in (
        ("workbook", workbook),
        ("data docs", docs),
        ("archive", mine.archive_dir),
        ("warehouse", f"{warehouse.display_url} (embedded, files in {home / 'postgres'})"),
    ):
        out.print(f"  {name:<10} {value}", soft_wrap=True)
    out.print("\nAsk the warehouse:", soft_wrap=True)
    out.print(f"  BOCHISO_HOME={home} .venv/bin/bochiso sql {_QUESTION}", soft_wrap=True, markup=False)
