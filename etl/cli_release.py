"""Releases at a terminal: what waits, what it holds, approving and refusing it, sending it, rendering it again."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from etl import release_stages
from etl.airflow_sign_off import answer_in_airflow
from etl.errors import ReportNotReady, Terminal, UnknownName
from etl.periods import Period
from etl.readiness import FINAL, PRELIMINARY
from etl.release_sending import send_release
from etl.report_stages import owed_by, own_provinces, require_inputs
from etl.settings import Settings
from etl.stages import named_province, ready_warehouse, system_clock
from etl.warehouse import release_ledger
from etl.warehouse.duty_ledger import open_duties
from etl.warehouse.release_ledger import APPROVED, DRAFT, Release


def list_releases(
    settings: Settings, province: str | None, period: str | None, *, waiting: bool, out: Console
) -> None:
    """One line a release, the newest last; ``waiting``: only drafts that nobody has decided."""
    found = [one for one in _found(settings, province, period) if not waiting or one.status == DRAFT]
    if not found:
        out.print("no draft waits for a signature" if waiting else "nothing has been built yet")
        return
    table = Table(box=None, pad_edge=False)
    for heading in (
        "province",
        "period",
        "no",
        "set",
        "duties",
        "stage",
        "status",
        "decided by",
        "release id",
    ):
        table.add_column(heading, no_wrap=True)
    for one in found:
        table.add_row(
            one.province_code,
            one.period_id,
            str(one.release_no),
            one.release_set,
            " ".join(one.duties),
            one.stage,
            one.status,
            (one.decided_by or "").replace("[", "\\["),
            one.release_id,
        )
    out.print(table)


def show_release(settings: Settings, release_id: str, out: Console) -> None:
    """What a release is, its files with their hashes, and where it was sent."""
    release_id = _one(settings, release_id).release_id
    with ready_warehouse(settings).connect() as connection:
        one = release_ledger.find(connection, release_id)
        files = release_ledger.files_of(connection, release_id)
        sent = release_ledger.deliveries(connection, release_id)
    lines = [
        f"{one.name} · {one.stage} · {one.status} · built {one.built_at.isoformat(timespec='seconds')}",
        *([f"decided by {one.decided_by}: {one.decision_comment or 'no comment'}"] if one.decided_by else []),
        f"folder  {release_stages.folder_of(settings, one)}",
        *[f"missing {sentence}" for sentence in one.gaps_vi],
        *[f"{file.sha256}  {file.path}" for file in files],
        *[
            f"sent to {name}: {row['state']} {row['receipt'] or row['message'] or ''}"
            for name, row in sent.items()
        ],
    ]
    for line in lines:
        out.print(line, soft_wrap=True, markup=False)


def build(
    settings: Settings, province: str | None, period: str, *, preliminary: bool, out: Console, err: Console
) -> None:
    """Build the drafts of a report period (2026-09 is the report of September) of what is in the warehouse now.

    Raises UnknownName where nothing is owed, ReportNotReady where no set could be built.
    """
    wanted = Period.parse(period)
    identity = named_province(settings, province) if province else own_provinces(settings)[0]
    dues = [due for due in owed_by(settings, identity, [wanted.year]) if due.period == wanted]
    sets = list(dict.fromkeys(due.duty.release_set for due in dues))
    if not sets:
        raise UnknownName(
            f"{identity.name} owes nothing for {period}",
            f"`bochiso periods --year {wanted.year} --province {identity.slug}` says what is owed",
        )
    with ready_warehouse(settings).connect() as connection:
        open_duties(connection, dues, system_clock())
    refused: list[ReportNotReady] = []
    for name in sets:
        job = {
            "province": identity.slug,
            "period": wanted.id,
            "set": name,
            "stage": PRELIMINARY if preliminary else FINAL,
            "asked": True,
        }
        try:
            require_inputs(settings, job, system_clock)
            built = release_stages.build_release(settings, job, system_clock)
        except ReportNotReady as error:
            err.print(f"{name}: {error.message}", soft_wrap=True, markup=False)
            refused.append(error)
            continue
        if built["release_id"] is None:
            out.print(f"{name}: the release that stands says the same", soft_wrap=True)
            continue
        tell_draft(settings, built["release_id"], out)
    if len(refused) == len(sets):
        raise refused[0]


def tell_draft(settings: Settings, release_id: str, out: Console) -> None:
    """Print where a draft stands and how it is approved."""
    with ready_warehouse(settings).connect() as connection:
        one = release_ledger.find(connection, release_id)
    out.print(f"{one.status:<10} {release_stages.folder_of(settings, one)}", soft_wrap=True, markup=False)
    if one.status == DRAFT:
        out.print(
            f"           approve it: bochiso release approve {one.release_id} --by NAME",
            soft_wrap=True,
            markup=False,
        )


def decide(
    settings: Settings,
    release_id: str,
    *,
    approved: bool,
    who: str,
    comment: str | None,
    out: Console,
    err: Console,
) -> None:
    """Approve (and let go out, and send) or refuse a draft; a task that waits in Airflow goes on.

    Raises what ``release_stages.decide`` and sending raise. A refusal needs a comment.
    """
    if not approved and not (comment or "").strip():
        raise UnknownName("a refusal needs a reason", "say it with --comment, so that the office can mend it")
    release_id = _one(settings, release_id).release_id
    status = release_stages.decide(settings, release_id, approved, who, comment, system_clock)
    if status == APPROVED:
        gone = release_stages.publish_release(settings, release_id, system_clock)
        if not gone["released"]:
            raise Terminal(
                "the draft was approved, but a newer one has taken its place: nothing went out",
                "look at the newest draft and decide on it: `bochiso release list --waiting`",
            )
        out.print(f"released   {gone['folder']}", soft_wrap=True, markup=False)
    else:
        out.print(status if not approved else f"{status} already")
    if not answer_in_airflow(settings, release_id, approved=approved, comment=comment):
        err.print("Airflow does not wait for this decision here", style="dim")
    if approved:
        tell_sent(send_release(settings, release_id, system_clock), out)


def send(settings: Settings, release_id: str, out: Console) -> None:
    """Send a release to every target that has not had it yet."""
    tell_sent(send_release(settings, _one(settings, release_id).release_id, system_clock), out)


def tell_sent(sent: list[dict[str, str]], out: Console) -> None:
    """One line a target."""
    for one in sent:
        out.print(f"{one['state']:<10} {one['target']}: {one['text']}", soft_wrap=True, markup=False)


def verify(settings: Settings, release_id: str, out: Console) -> None:
    """Render a release again and compare every byte. Raises Terminal naming the files that differ."""
    one = _one(settings, release_id)
    differing = release_stages.render_again(settings, one.release_id, system_clock)
    if differing:
        raise Terminal(
            f"{one.name} renders differently today: "
            + "; ".join(f"{path} {how}" for path, how in differing.items()),
            "the released files stand; see whether the program, a template or the duties changed since "
            f"({one.built_at:%Y-%m-%d})",
        )
    out.print(f"{one.name}: every file renders to the same bytes")


def _found(settings: Settings, province: str | None, period: str | None) -> list[Release]:
    code = named_province(settings, province).code if province else None
    wanted = Period.parse(period).id if period else None
    with ready_warehouse(settings).connect() as connection:
        return release_ledger.releases(connection, code, wanted)


def _one(settings: Settings, wanted: str) -> Release:
    """The release of an id, or of the first digits of one. Raises UnknownName."""
    found = [one for one in _found(settings, None, None) if one.release_id.startswith(wanted.strip().lower())]
    if len(found) != 1 or not wanted.strip():
        raise UnknownName(
            f"{len(found)} releases have the id '{wanted}'",
            "`bochiso release list` names them; give more of the id",
        )
    return found[0]
