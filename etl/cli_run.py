"""Running DAGs for a person who waits: progress while they run, a sentence for what failed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from etl.airflow_launch import DagRunRequest, DagRunResult, TaskResult, run_dags
from etl.errors import BochisoError
from etl.periods import Period
from etl.settings import Settings
from etl.stages import named_province

# Tasks of the two DAGs, for the progress bar; a test keeps the numbers true.
INGEST_TASKS, REPORT_TASKS = 8, 2


class JobFailed(BochisoError):
    """A task failed; title, message and exit code are those of its own error."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        self.exit_code = exit_code

    @property
    def title(self) -> str:
        return "failed"


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
        requests.append(DagRunRequest("monthly_report", conf[-1]))
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
    docs = settings.data_docs_dir / identity.code / periods[-1].id / "index.html"
    if docs.is_file():
        out.print(f"data docs  {docs}", soft_wrap=True)
    failed = [(result, task) for result in results for task in result.failed_tasks]
    broken = [result for result in results if not result.ok and result.error]
    if failed or broken:
        raise _failure(failed, broken, settings)
    return results


def run_digitization_form(
    settings: Settings, province: str, period_id: str, calendar: str | None, *, err: Console, out: Console
) -> Path:
    """Make the digitization form of a period through its DAG, and print where it is.

    Raises JobFailed with the sentence of what is missing.
    """
    identity = named_province(settings, province)
    period = Period.parse(period_id)
    conf = {"province": identity.slug, "period": period.id, "calendar": calendar}
    results = _watched(settings, [DagRunRequest("provincial_digitization", conf)], err)
    failed = [(result, task) for result in results for task in result.failed_tasks]
    broken = [result for result in results if not result.ok and result.error]
    if failed or broken:
        raise _failure(failed, broken, settings)
    path = form_path(settings, identity.slug, period)
    out.print(f"form       {path}", soft_wrap=True)
    return path


def form_path(settings: Settings, slug: str, period: Period) -> Path:
    """Where the digitization form of a period stands."""
    return settings.deliverables_dir / slug / period.id / f"bieu-so-hoa-{period.id}.xlsx"


def workbook_path(settings: Settings, slug: str, period: Period) -> Path:
    """Where the appendix workbook of a period stands."""
    return settings.deliverables_dir / slug / period.id / f"phu-luc-bo-chi-so-{period.id}.xlsx"


def _published(result: DagRunResult) -> bool:
    return any(task.task_id == "publish" and task.state == "success" for task in result.tasks)


def _watched(settings: Settings, requests: Sequence[DagRunRequest], err: Console) -> list[DagRunResult]:
    total = sum(
        INGEST_TASKS if request.dag_id == "ingest_national_portal" else REPORT_TASKS for request in requests
    )
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
                shown = text.partition(": ")[0]  # the reason is told once, at the end
                progress.console.print(f"  {shown}", style="dim", markup=False, soft_wrap=True)

        return list(run_dags(settings, requests, on_line=line))


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
