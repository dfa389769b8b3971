"""The demonstration: the main jobs on invented figures, in a home folder of its own."""

from __future__ import annotations

import time
from pathlib import Path

from rich.console import Console

from etl.airflow_launch import DagRunRequest
from etl.cli_run import (
    INBOX_ONCE,
    form_path,
    form_request,
    new_receipts,
    receipt_times,
    report_request,
    run_in_order,
    tell_drafts,
    workbook_path,
)
from etl.inbox.folder import ACCEPTED, REFUSED
from etl.periods import ADMINISTRATIVE, CALENDAR, Period, window_of
from etl.reference.provinces import Province
from etl.sandbox import SamplePortal, SandboxServer
from etl.sandbox.sample_form_layouts import Drift
from etl.sandbox.sample_forms import write_form
from etl.sandbox.sample_list_faults import Faults
from etl.sandbox.sample_lists import write_dossier_list
from etl.settings import Settings
from etl.stages import named_province, ready_warehouse

_QUESTION = (
    '"select unit_name, results_digitized, results_rate_pct, met_target from mart.digitization '
    "where block = 'department' and period_id = '2026-09' order by results_rate_pct\""
)
_PROVINCE = "phu_tho"
_MONTHS = ("2026-07", "2026-08")  # two, so that the workbook has something to compare with
# 15 August to 14 September: the month that is reported beside the portal's August.
_FORM = window_of(Period.parse("2026-09"), ADMINISTRATIVE)
# The portal's own days, so that the two agree dossier by dossier but for what the list's faults hold back.
_LIST = window_of(Period.parse("2026-08"), CALENDAR)
_FAULTS = Faults(bad_code=3, unknown_status=2, unparsable_date=2, finished_before_received=1, duplicate=4)


def run_demo(settings: Settings, err: Console, out: Console) -> None:
    """From a sandbox portal and files in the inbox to workbook, form and receipts; prints where things are."""
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
                "inbox_settle_seconds": 0.0,  # nobody is still writing these files
                "deliverables": None,
                "province": _PROVINCE,
                "report_provinces": "",
            }
        )
        warehouse = ready_warehouse(mine)
        province = named_province(mine, _PROVINCE)
        _drop(mine.inbox_dir, province)
        earlier = receipt_times(mine)
        run_in_order(mine, _runs(), err)
    month = Period.parse(_MONTHS[-1])
    out.print(f"\nDone in {time.monotonic() - started:.0f} s, with invented figures for {province.name}:\n")
    receipts = [(f"{verdict} file", path) for verdict, path in new_receipts(mine, earlier)]
    for name, value in (
        ("workbook", workbook_path(mine, _PROVINCE, month)),
        ("digitization form", form_path(mine, _PROVINCE, _FORM)),
        *receipts,
        ("data docs", mine.data_docs_dir / province.code / month.id / "index.html"),
        ("archive", mine.archive_dir),
        ("warehouse", f"{warehouse.display_url} (embedded, files in {home / 'postgres'})"),
    ):
        out.print(f"  {name:<18} {value}", soft_wrap=True, markup=False)
    out.print("\nDrafts that wait for a signature, and where to see what has gone out:", soft_wrap=True)
    tell_drafts(mine, province.code, month, out)
    out.print(f"  BOCHISO_HOME={home} .venv/bin/bochiso release list", soft_wrap=True, markup=False)
    out.print("\nAsk the warehouse:", soft_wrap=True)
    out.print(f"  BOCHISO_HOME={home} .venv/bin/bochiso sql {_QUESTION}", soft_wrap=True, markup=False)


def _runs() -> list[DagRunRequest]:
    """The portal's months, what waits in the inbox, the form, and the report of it all."""
    months = [{"province": _PROVINCE, "period": month} for month in _MONTHS]
    return [
        *(DagRunRequest("ingest_national_portal", month) for month in months),
        INBOX_ONCE,
        form_request(_PROVINCE, _FORM),
        report_request(_PROVINCE, Period.parse(_MONTHS[-1])),
    ]


def _drop(inbox: Path, province: Province) -> None:
    """What offices hand in: a form, a dossier list with faults, and a form of another kind by mistake.

    The copies and receipts of an earlier demonstration go: the inbox keeps every answer beside the last one.
    """
    form = f"bieu-so-hoa-{_FORM.period.id}"
    foreign = f"bieu-06-vpcp-gui-nham-{_FORM.period.id}"
    dossiers = f"danh-sach-ho-so-{_LIST.period.id}"
    for stem in (form, foreign, dossiers):
        for verdict in (ACCEPTED, REFUSED):
            for path in (inbox / verdict).glob(f"{stem}.*"):
                path.unlink()
    write_form(inbox / f"{form}.xlsx", province, _FORM)
    write_form(inbox / f"{foreign}.xlsx", province, _FORM, drift=Drift.FORM_06_VPCP)
    write_dossier_list(inbox / f"{dossiers}.csv", province, _LIST, faults=_FAULTS, encoding="utf-8-sig")
