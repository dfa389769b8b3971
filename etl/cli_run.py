"""Running DAGs for a person who waits: progress while they run, a sentence for what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from etl.airflow_launch import DagRunRequest, DagRunResult, TaskResult, run_dags
from etl.cli_release import tell_draft
from etl.errors import BochisoError
from etl.inbox.folder import ACCEPTED, RECEIPT_SUFFIXES, REFUSED
from etl.periods import CALENDAR, Period, Window, window_of
from etl.settings import Settings
from etl.stages import named_province, ready_warehouse
from etl.warehouse.release_ledger import DRAFT, releases

# Tasks of the DAGs, for the progress bar; a test keeps the numbers true. Those of a mapped group count once.
TASKS = {
    "ingest_national_portal": 8,
    "monthly_report": 8,
    "quarterly_report": 8,
    "annual_report": 8,
    "ingest_inbox": 5,
    "provincial_digitization": 2,
    "read_portal_on_time": 2,
    "watch_deadlines": 1,
}
# The DAG that makes the deliverables of a kind of period.
REPORTS = {"month": "monthly_report", "quarter": "quarterly_report", "year": "annual_report"}
# A person signs a draft when the run is over: the task that waits for it in Airflow is passed, nothing is released.
SIGN_OFF = "report.sign_off"
# The inbox is looked into once: nobody is there to wait for the next file.
INBOX_ONCE = DagRunRequest("ingest_inbox", {"wait": False})


class JobFailed(BochisoError):
    """A task failed; title, message and exit code are those of its own error."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        self.exit_code = exit_code

    @property
    def title(self) -> str:
        return "failed"


class FilesRefused(BochisoError):
    """At least one file was refused; its receipt says why. The exit code is the last refusal's."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        self.exit_code = exit_code

    @property
    def title(self) -> str:
        return "refused"


def run_jobs(
    settings: Settings,
    province: str,
    period_ids: Sequence[str],
    *,
    report: bool,
    err: Console,
    out: Console,
) -> list[DagRunResult]:
    """Ingest each period, then report on the last one where asked, in one start of Airflow.

    Prints what was made. Raises UnknownName before anything starts, JobFailed with the
    error class, sentence and exit code of the first task that failed.
    """
    identity = named_province(settings, province)
    periods = [Period.parse(text) for text in period_ids]
    conf = [{"province": identity.slug, "period": period.id} for period in periods]
    requests = [DagRunRequest("ingest_national_portal", item) for item in conf]
    if report:
        requests.append(report_request(identity.slug, periods[-1]))
    results = _watched(settings, requests, err)
    if report and not results[-1].ok and _published(results[len(periods) - 1]):
        # The province is published; only the national page failed. The report does not need it.
        results[-1:] = _watched(settings, requests[-1:], err)
    for result in results:
        for task in result.tasks:
            if task.state == "skipped" and task.task_id == "fetch_country":
                err.print("the portal has no national page for this period: no ranking", soft_wrap=True)
    if report and results[-1].ok:
        out.print(f"workbook   {workbook_path(settings, identity.slug, periods[-1])}", soft_wrap=True)
        tell_drafts(settings, identity.code, periods[-1], out)
    docs = settings.data_docs_dir / identity.code / periods[-1].id / "index.html"
    if docs.is_file():
        out.print(f"data docs  {docs}", soft_wrap=True)
    _raise_first_failure(results, settings)
    return results


def run_digitization_form(
    settings: Settings, province: str, period_id: str, calendar: str | None, *, err: Console, out: Console
) -> Path:
    """Make the digitization form of a period through its DAG, and print where it is.

    Raises UnknownName before anything starts, JobFailed with the sentence of what is missing.
    """
    identity = named_province(settings, province)
    window = window_of(Period.parse(period_id), calendar or settings.digitization_calendar)
    _raise_first_failure(_watched(settings, [form_request(identity.slug, window)], err), settings)
    path = form_path(settings, identity.slug, window)
    out.print(f"form       {path}", soft_wrap=True)
    return path


def run_inbox(settings: Settings, *, err: Console, out: Console) -> None:
    """Take in what waits in the inbox through its DAG, and print where the receipts are.

    Raises FilesRefused where a file was refused, JobFailed where a task failed for another reason.
    """
    before = receipt_times(settings)
    [result] = _watched(settings, [INBOX_ONCE], err)
    answered = new_receipts(settings, before)
    for verdict, path in answered:
        out.print(f"{verdict:<10} {path}", soft_wrap=True, markup=False)
    if result.ok and not result.failed_tasks and not answered:
        err.print(f"nothing waits in {settings.inbox_dir}", soft_wrap=True)
    if not (result.ok and _answered(result)):
        _raise_first_failure([result], settings)
    if result.failed_tasks:
        raise FilesRefused(
            f"{len(result.failed_tasks)} of {len(answered)} files",
            "the receipts beside them say what to mend",
            result.failed_tasks[-1].exit_code or 1,
        )


def run_in_order(settings: Settings, requests: Sequence[DagRunRequest], err: Console) -> list[DagRunResult]:
    """Run DAGs one after the other in one start of Airflow; files that the inbox refuses are no failure.

    Raises JobFailed with the error class, sentence and exit code of the first task that failed.
    """
    results = _watched(settings, requests, err)
    _raise_first_failure([result for result in results if not (result.ok and _answered(result))], settings)
    return results


def _answered(result: DagRunResult) -> bool:
    """Whether what failed in a run are files only: each was refused with a receipt."""
    refused = all(task.exit_code is not None for task in result.failed_tasks)
    return result.dag_id == INBOX_ONCE.dag_id and refused


def receipt_times(settings: Settings) -> dict[Path, int]:
    """When each receipt in the inbox was written, in nanoseconds."""
    return {
        path: path.stat().st_mtime_ns
        for verdict in (ACCEPTED, REFUSED)
        for path in (settings.inbox_dir / verdict).glob(f"*{RECEIPT_SUFFIXES[0]}")
    }


def new_receipts(settings: Settings, before: Mapping[Path, int]) -> list[tuple[str, Path]]:
    """Verdict and path of the receipts written since ``before`` (``receipt_times``), by path."""
    now = receipt_times(settings)
    return [(path.parent.name, path) for path in sorted(now) if now[path] != before.get(path)]


def report_request(slug: str, portal_period: Period) -> DagRunRequest:
    """The run that makes the documents about a period of the portal: its workbook, and drafts of the reports it owes."""
    conf = {"province": slug, "period": portal_period.id, "wait": False}
    return DagRunRequest(REPORTS[portal_period.kind], conf, mark_success=(SIGN_OFF,))


def tell_drafts(settings: Settings, province_code: str, portal_period: Period, out: Console) -> None:
    """What waits for a signature of the reports about a period of the portal: its own, or the next month's."""
    periods = {portal_period.id, portal_period.next().id}
    with ready_warehouse(settings).connect() as connection:
        found = [
            one
            for one in releases(connection, province_code)
            if one.status == DRAFT and one.period_id in periods
        ]
    for one in found:
        tell_draft(settings, one.release_id, out)


def form_request(slug: str, window: Window) -> DagRunRequest:
    """The run that makes the digitization form of a window."""
    conf = {"province": slug, "period": window.period.id, "calendar": window.kind}
    return DagRunRequest("provincial_digitization", conf)


def form_path(settings: Settings, slug: str, window: Window) -> Path:
    """Where the digitization form of a window stands (``etl.deliver.digitization_file``)."""
    ending = "-duong-lich" if window.kind == CALENDAR else ""
    name = f"bieu-so-hoa-{window.period.id}{ending}.xlsx"
    return settings.deliverables_dir / slug / window.period.id / name


def workbook_path(settings: Settings, slug: str, period: Period) -> Path:
    """Where the appendix workbook of a period stands."""
    return settings.deliverables_dir / slug / period.id / f"phu-luc-bo-chi-so-{period.id}.xlsx"


def _published(result: DagRunResult) -> bool:
    return any(task.task_id == "publish" and task.state == "success" for task in result.tasks)


def _watched(settings: Settings, requests: Sequence[DagRunRequest], err: Console) -> list[DagRunResult]:
    total = sum(TASKS[request.dag_id] for request in requests)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.completed}/{task.total} tasks"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as progress:
        bar = progress.add_task("starting Airflow", total=total)

        def line(text: str) -> None:
            name, _, rest = text.partition(" ")
            if rest == "starts":
                progress.update(bar, description=name)
            elif rest.startswith(("succeeded", "failed", "skipped")):
                progress.advance(bar)
                task = progress.tasks[0]
                progress.update(bar, total=max(task.total or 0, task.completed))  # mapped tasks are many
                shown = text.partition(": ")[0]  # the reason is told once, at the end
                progress.console.print(f"  {shown}", style="dim", markup=False, soft_wrap=True)

        return list(run_dags(settings, requests, on_line=line))


def _raise_first_failure(results: Sequence[DagRunResult], settings: Settings) -> None:
    failed = [(result, task) for result in results for task in result.failed_tasks]
    broken = [result for result in results if not result.ok and result.error]
    if failed or broken:
        raise _failure(failed, broken, settings)


def _failure(
    failed: Sequence[tuple[DagRunResult, TaskResult]], broken: Sequence[DagRunResult], settings: Settings
) -> JobFailed:
    if not failed:
        return JobFailed(
            f"{broken[0].dag_id}: {broken[0].error}", f"look at the logs under {settings.home / 'logs'}", 1
        )
    result, task = failed[0]
    message, _, remedy = (task.error or "no message").partition(" -> ")
    return JobFailed(
        f"{result.dag_id}.{task.task_id}: {message}",
        remedy or f"look at the logs under {settings.home / 'logs'}",
        task.exit_code or 1,
    )
