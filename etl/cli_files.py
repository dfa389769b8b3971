"""Files handed in by hand: check one, load some; the same receipts as the inbox gives."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from etl.cli_run import FilesRefused
from etl.errors import FileRefused, Terminal, UnknownName, ValidationFailed
from etl.file_stages import (
    answer,
    check_file,
    publish_file,
    receipt_of,
    receive,
    take_file,
    validate_file,
)
from etl.inbox.receipt import Receipt, receipt_json, receipt_text, write_receipt
from etl.settings import Settings
from etl.stages import system_clock


def check(
    settings: Settings,
    path: Path,
    province: str,
    *,
    period: str | None,
    calendar: str | None,
    receipt_folder: Path | None,
    as_json: bool,
) -> None:
    """Print the receipt a file would get; nothing is loaded.

    Raises FilesRefused where it would be refused, UnknownName where there is no such file.
    """
    handed = take_file(settings, path, system_clock, province=province, period=period, calendar=calendar)
    receipt = check_file(settings, handed)
    _tell(receipt, as_json)
    if receipt_folder is not None:
        receipt_folder.mkdir(parents=True, exist_ok=True)
        write_receipt(receipt, receipt_folder / path.name)
    if receipt.refusal is not None:
        code = (
            ValidationFailed.exit_code if receipt.refusal.rule == "checks.failed" else FileRefused.exit_code
        )
        raise FilesRefused(f"{path.name} would be refused", "the receipt says what to mend", code)


def ingest(
    settings: Settings,
    paths: Sequence[Path],
    province: str,
    *,
    period: str | None,
    calendar: str | None,
    portal_list: Path | None,
    err: Console,
) -> None:
    """Load files one after the other; each gets its receipt beside it, and a refused one stops no other.

    Raises FilesRefused after the last file where one was refused, UnknownName before the first where one
    does not exist.
    """
    if portal_list is not None and len(paths) != 1:
        raise UnknownName(
            "the portal's list is compared with one list of the province's",
            "name one file with --portal-list",
        )
    taken = [
        take_file(
            settings,
            path,
            system_clock,
            province=province,
            period=period,
            calendar=calendar,
            portal_list=portal_list,
        )
        for path in paths
    ]
    refused: list[tuple[Path, int]] = []
    for path, handed in zip(paths, taken, strict=True):
        try:
            receive(settings, handed, system_clock)
            validate_file(settings, handed, system_clock)
            publish_file(settings, handed, system_clock)
        except (FileRefused, ValidationFailed) as error:
            refused.append((path, error.exit_code))
        except Terminal:  # the reason is not in the file: the others would end the same way
            err.print(f"receipt  {answer(settings, handed, system_clock)}", soft_wrap=True, markup=False)
            raise
        _tell(receipt_of(settings, handed), as_json=False)
        err.print(f"receipt  {answer(settings, handed, system_clock)}", soft_wrap=True, markup=False)
    if refused:
        names = ", ".join(path.name for path, _ in refused)
        raise FilesRefused(
            f"{len(refused)} of {len(paths)} files refused: {names}",
            "the receipts beside them say what to mend",
            refused[-1][1],
        )


def _tell(receipt: Receipt, as_json: bool) -> None:
    sys.stdout.write(receipt_json(receipt).decode() if as_json else receipt_text(receipt))
    sys.stdout.flush()
