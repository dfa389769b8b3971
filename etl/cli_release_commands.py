"""The group `bochiso release`: its words and options; the work is in ``etl/cli_release.py``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from etl.cli_options import err, out
from etl.settings import get_settings

release_app = typer.Typer(
    no_args_is_help=True,
    help="Documents that wait for a signature or went out: look, approve, refuse, send, render again.",
)
ReleaseArgument = Annotated[
    str, typer.Argument(help="release id, or its first digits (`bochiso release list`)")
]
ByOption = Annotated[str, typer.Option("--by", help="who decides; kept in the ledger")]


@release_app.command("list")
def release_list(
    province: Annotated[
        str | None, typer.Option("--province", "-P", help="only this one; default: every province")
    ] = None,
    period: Annotated[
        str | None, typer.Option("--period", "-p", help="report period 2026-09, 2026-Q3 or 2026")
    ] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="only what waits for a signature")] = False,
) -> None:
    """Every release with its status; the id is what the other commands take."""
    from etl.cli_release import list_releases

    console = Console(highlight=False, width=170)
    list_releases(get_settings(), province, period, waiting=waiting, out=console)


@release_app.command("show")
def release_show(release: ReleaseArgument) -> None:
    """One release: its folder, its files with their hashes, what is missing in it, where it was sent."""
    from etl.cli_release import show_release

    show_release(get_settings(), release, out)


@release_app.command("build")
def release_build(
    period: Annotated[str, typer.Option("--period", "-p", help="report period 2026-09, 2026-Q3 or 2026")],
    province: Annotated[
        str | None,
        typer.Option(
            "--province", "-P", help="default: the first of BOCHISO_REPORT_PROVINCES, or BOCHISO_PROVINCE"
        ),
    ] = None,
    preliminary: Annotated[bool, typer.Option("--preliminary", help="mark it as provisional")] = False,
) -> None:
    """Build the drafts of a report period of what is in the warehouse now, without reading the portal.

    The report of September (2026-09) stands on the portal's August. Example: `bochiso release build --period 2026-09`
    """
    from etl.cli_release import build

    build(get_settings(), province, period, preliminary=preliminary, out=out, err=err)


@release_app.command("approve")
def release_approve(
    release: ReleaseArgument,
    by: ByOption,
    comment: Annotated[str | None, typer.Option("--comment", help="kept beside the name")] = None,
) -> None:
    """Approve a draft: it goes into the deliverables folder and to its targets.

    Example: `bochiso release approve 3f2a --by "Nguyễn Văn A"`
    """
    from etl.cli_release import decide

    decide(get_settings(), release, approved=True, who=by, comment=comment, out=out, err=err)


@release_app.command("reject")
def release_reject(
    release: ReleaseArgument,
    by: ByOption,
    comment: Annotated[str, typer.Option("--comment", help="why; the office reads it")],
) -> None:
    """Refuse a draft: it goes back to the office with the comment."""
    from etl.cli_release import decide

    decide(get_settings(), release, approved=False, who=by, comment=comment, out=out, err=err)


@release_app.command("send")
def release_send(release: ReleaseArgument) -> None:
    """Send a release to every target of targets.yml that has not acknowledged it yet."""
    from etl.cli_release import send

    send(get_settings(), release, out)


@release_app.command("verify")
def release_verify(release: ReleaseArgument) -> None:
    """Render a release again from its snapshots and compare every byte, whatever was restated since."""
    from etl.cli_release import verify

    verify(get_settings(), release, out)
