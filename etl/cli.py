"""The `bochiso` command: the edge where time, the environment and a person's words come in."""

from __future__ import annotations

import signal
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.console import Console

from etl import __version__
from etl.cli_options import PeriodOption, PortalOption, ProvinceOption, err, out
from etl.cli_release_commands import release_app
from etl.errors import BochisoError, UnknownName
from etl.periods import ADMINISTRATIVE, CALENDAR, VIETNAM, Period
from etl.reference.provinces import Province
from etl.settings import Settings, get_settings

app = typer.Typer(
    name="bochiso",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help=(
        "**bochiso** reads the national portal's public-service index (Decision 766/QĐ-TTg) into a warehouse "
        "and makes the documents an office sends.\n\n"
        "A first look, with invented figures: `bochiso demo`. For real: name a contact in "
        "`BOCHISO_PORTAL_CONTACT`, then `bochiso run monthly --province phu_tho --period 2026-08`.\n\n"
        "Exit codes: **0** done · **1** a fault of the program · **2** wrong words or an unknown name · "
        "**3** refused, a person must act · **4** not now, try again later · **5** incomplete input · "
        "**6** failed checks, nothing published · **130** interrupted."
    ),
)
_INTERRUPTED = 130
StatedPeriodOption = Annotated[
    str | None,
    typer.Option("--period", "-p", help="the period the file is about, where it does not say so itself"),
]


class Calendar(StrEnum):
    """Which days a digitization period has."""

    ADMINISTRATIVE = ADMINISTRATIVE
    CALENDAR = CALENDAR


CalendarOption = Annotated[
    Calendar | None,
    typer.Option(help="15th to 14th, or calendar months; default: BOCHISO_DIGITIZATION_CALENDAR"),
]


@app.command()
def demo() -> None:
    """Run the main jobs once on invented figures: portal and inbox, checks, warehouse, workbook, form, receipts.

    Starts a sandbox portal and an embedded PostgreSQL, drops sample files into an inbox, runs the real
    DAGs in process for two months of one province, and prints where everything is. It keeps to a home folder of
    its own (`<home>/demo`), so that invented figures never stand beside real ones.
    """
    from etl.cli_demo import run_demo

    run_demo(get_settings(), err, out)


run_app = typer.Typer(no_args_is_help=True, help="Run a job now, in this process, through the real DAGs.")
app.add_typer(run_app, name="run")


@run_app.command("monthly")
def run_monthly(period: PeriodOption, province: ProvinceOption = None, portal: PortalOption = None) -> None:
    """Read the portal for a month and make the month's appendix workbook.

    Example: `bochiso run monthly --province phu_tho --period 2026-08`
    """
    _run_report("month", "2026-08", period, province, portal)


@run_app.command("quarterly")
def run_quarterly(period: PeriodOption, province: ProvinceOption = None, portal: PortalOption = None) -> None:
    """Read the portal for a quarter and make the quarter's appendix workbook.

    A quarter that still runs is marked as provisional. Example: `bochiso run quarterly --province phu_tho
    --period 2026-Q3`
    """
    _run_report("quarter", "2026-Q3", period, province, portal)


@run_app.command("annual")
def run_annual(period: PeriodOption, province: ProvinceOption = None, portal: PortalOption = None) -> None:
    """Read the portal for a year and make the year's appendix workbook.

    A year that still runs is marked as provisional. Example: `bochiso run annual --province phu_tho --period 2026`
    """
    _run_report("year", "2026", period, province, portal)


@run_app.command("ingest")
def run_ingest(period: PeriodOption, province: ProvinceOption = None, portal: PortalOption = None) -> None:
    """Read the portal for a month, quarter or year into the warehouse, without a report."""
    from etl.cli_run import run_jobs

    settings = _settings(portal)
    run_jobs(settings, province or settings.province, [period], report=False, err=err, out=out)


@run_app.command("digitization")
def run_digitization(
    period: PeriodOption, province: ProvinceOption = None, calendar: CalendarOption = None
) -> None:
    """Make the digitization form (D1) of a month, quarter or year from what was handed in.

    Example: `bochiso run digitization --province phu_tho --period 2026-09`
    """
    from etl.cli_run import run_digitization_form

    settings = get_settings()
    days = calendar.value if calendar else None
    run_digitization_form(settings, province or settings.province, period, days, err=err, out=out)


@run_app.command("inbox")
def run_inbox_now() -> None:
    """Take what waits in the inbox now, once, without `bochiso up`; the receipts stand beside the files.

    Example: `bochiso run inbox`
    """
    from etl.cli_run import run_inbox

    run_inbox(get_settings(), err=err, out=out)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="a digitization form or a dossier list")],
    province: ProvinceOption = None,
    period: StatedPeriodOption = None,
    calendar: CalendarOption = None,
    receipt: Annotated[
        Path | None, typer.Option(help="also write the receipt (HTML and JSON) into this folder")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the receipt as JSON")] = False,
) -> None:
    """Tell what would become of a file that was handed in: the receipt, without loading anything.

    Example: `bochiso check bieu-so-hoa-thang-9.xlsx`
    """
    from etl.cli_files import check as check_one

    settings = get_settings()
    check_one(
        settings,
        file,
        province or settings.province,
        period=period,
        calendar=calendar.value if calendar else None,
        receipt_folder=receipt,
        as_json=as_json,
    )


@app.command()
def ingest(
    files: Annotated[list[Path], typer.Argument(help="digitization forms or dossier lists")],
    province: ProvinceOption = None,
    period: StatedPeriodOption = None,
    calendar: CalendarOption = None,
    portal_list: Annotated[
        Path | None,
        typer.Option("--portal-list", help="the portal's dossier list to compare the one file with"),
    ] = None,
) -> None:
    """Load files by hand, as the inbox does; the receipt of each stands beside it.

    Example: `bochiso ingest danh-sach.csv --portal-list cong.csv`
    """
    from etl.cli_files import ingest as ingest_all

    settings = get_settings()
    ingest_all(
        settings,
        files,
        province or settings.province,
        period=period,
        calendar=calendar.value if calendar else None,
        portal_list=portal_list,
        err=err,
    )


@app.command()
def up() -> None:
    """Start Airflow (scheduler, DAG processor, API server, triggerer) and watch it at a local address.

    Runs until Ctrl-C. The user is `admin`; the password stands in the file that is printed.
    """
    from etl.airflow_launch import AirflowAddress
    from etl.airflow_launch import up as start_airflow
    from etl.stages import ready_warehouse

    settings = get_settings()
    ready_warehouse(settings)

    def ready(address: AirflowAddress) -> None:
        out.print(f"Airflow is ready: [link={address.url}]{address.url}[/link]", soft_wrap=True)
        out.print(f"user {address.user}, password in {address.password_file}", soft_wrap=True)
        out.print("Ctrl-C stops it.")

    start_airflow(settings, on_ready=ready)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="port on 127.0.0.1; 0 takes any free one")] = 8766,
    captures: Annotated[
        Path | None,
        typer.Option(help="serve the captures of this folder (manifest.json) instead of invented figures"),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="answer as the portal did at this time, e.g. 2026-09-27T00:00+07:00 or 2026-09-27"),
    ] = None,
    seed: Annotated[int, typer.Option(help="another seed, other invented figures")] = 766,
    misbehave: Annotated[
        str | None,
        typer.Option(
            help="forbidden, too_many_requests, html, reset, slow, truncated, server_error, code_not_ok, "
            "group_missing, units_missing or flaky"
        ),
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option(help="misbehave on this endpoint only, e.g. transparency; repeatable")
    ] = None,
    times: Annotated[int | None, typer.Option(help="misbehave so many times, then behave")] = None,
    seconds: Annotated[float, typer.Option(help="how long `slow` waits")] = 90.0,
    write_samples: Annotated[
        Path | None,
        typer.Option(help="write sample forms and dossier lists into this folder instead, and end"),
    ] = None,
    province: ProvinceOption = None,
    period: Annotated[str, typer.Option("--period", "-p", help="month of the sample files")] = "2026-08",
) -> None:
    """Serve the portal's current API on 127.0.0.1, with invented figures or from captures.

    Runs until Ctrl-C. Point the program at it with `--portal` or `BOCHISO_PORTAL_URL`. With
    `--write-samples FOLDER` it writes files to try `bochiso check` and `bochiso ingest` with, and ends.
    """
    from etl.cli_sandbox import fault_of, serve, write_sample_files

    if write_samples is not None:
        write_sample_files(write_samples, _province(province), period, seed, out)
        return
    fault = fault_of(misbehave, only, times, seconds)
    serve(captures, seed, _instant(as_of) if as_of else None, fault, port, err)


@app.command()
def periods(
    year: Annotated[int | None, typer.Option(help="calendar year; default: the current one")] = None,
    province: Annotated[
        str | None,
        typer.Option("--province", "-P", help="only what this province owes; default: any province"),
    ] = None,
) -> None:
    """What a year owes: reports with their windows, target day, due instant and runs; and the duties they are made of.

    Example: `bochiso periods --year 2025 --province ba_ria_vung_tau`
    """
    from etl.cli_periods import show_periods

    console = Console(highlight=False, width=160)
    show_periods(get_settings(), year or datetime.now(VIETNAM).year, province, console)


@app.command()
def status(
    checksum: Annotated[
        bool, typer.Option("--checksum", help="print one hash of all the warehouse says")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="only what is owed; the exit code says whether a person must act")
    ] = False,
) -> None:
    """What is in the warehouse, what is owed and how far it is, how the last runs ended and what to do.

    `bochiso status --strict` is for cron, beside Airflow: exit code 0 where nothing is urgent.
    """
    from etl.cli_status import show_status, strict_status

    if strict:
        sys.exit(strict_status(get_settings(), out))
    show_status(get_settings(), err, checksum=checksum)


app.add_typer(release_app, name="release")


@app.command()
def sql(query: Annotated[str, typer.Argument(help="one SELECT over the views of schema mart")]) -> None:
    """Ask the warehouse as an analyst: read-only, schema `mart`, CSV on standard output.

    Example: `bochiso sql "select * from mart.unit_scorecard where block = 'commune'"`.
    A missing value is an empty field.
    """
    from etl.cli_status import run_query

    run_query(get_settings(), query, err)


@app.command()
def version() -> None:
    """The version of the program."""
    out.print(f"bochiso {__version__}")


def _run_report(kind: str, example: str, period: str, province: str | None, portal: str | None) -> None:
    from etl.cli_run import run_jobs

    settings = _settings(portal)
    if Period.parse(period).kind != kind:
        raise UnknownName(f"{period} is not a {kind}", f"name a {kind} such as {example}")
    run_jobs(settings, province or settings.province, [period], report=True, err=err, out=out)


def _settings(portal: str | None) -> Settings:
    settings = get_settings()
    if portal is None:
        return settings
    try:
        return Settings.model_validate(settings.model_dump() | {"portal_url": portal})
    except ValidationError as error:
        raise UnknownName(
            f"'{portal}' is not an address", "write it like http://127.0.0.1:8766/api/v1/reporting"
        ) from error


def _province(name: str | None) -> Province:
    from etl.stages import named_province

    settings = get_settings()
    return named_province(settings, name or settings.province)


def _instant(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UnknownName(f"'{text}' is not a time", "write it like 2026-09-27T00:00+07:00") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _terminated(number: int, frame: object) -> None:
    """SIGTERM ends a command as Ctrl-C does, so that the embedded server is stopped too."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command; expected errors become a sentence on standard error and an exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(standalone_mode=True)
    except BochisoError as error:
        err.print(f"[red]{error.title}[/red]: {_plain(error.message)}", soft_wrap=True)
        err.print(f"what to do: {_plain(error.remedy)}", soft_wrap=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer has turned the interrupt into this
            err.print("interrupted; nothing is half-written, run the command again")
        raise


def _plain(text: str) -> str:
    """Square brackets in data are not markup."""
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()
