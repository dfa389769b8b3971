"""The stages of one file that someone handed in: take, receive, validate, publish, answer.

As in ``etl.stages``, each is a transaction of its own that a scheduler may repeat. They hand
on the name of the file's work folder (``etl.inbox.claim``); whatever a stage has to tell the
office that sent the file is left there for ``answer``, which writes the receipt.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from etl.archive import Archive
from etl.errors import FileRefused, Transient, UnknownName, ValidationFailed
from etl.inbox.answer import Told, build_receipt, refusal_of
from etl.inbox.claim import Claim, load_claim, read_json, take, unanswered, write_json
from etl.inbox.compare import compare_with_portal, keep_columns, publish_with_portal, read_portal_list
from etl.inbox.examine import bundle_of, examine, first_received, judge_reading, window_read
from etl.inbox.folder import ACCEPTED, REFUSED, Inbox
from etl.inbox.receipt import Receipt, write_receipt
from etl.inbox.refusals import refusal
from etl.periods import Period
from etl.reference.provinces import Province, load_provinces
from etl.settings import Settings
from etl.sources.bundle import Bundle
from etl.sources.digitization import LIST_SOURCE, DigitizationReading
from etl.sources.dossier_list.read import COPY
from etl.stages import Clock, named_province, ready_warehouse
from etl.validate.digitization import DigitizationVerdict
from etl.warehouse.engine import open_warehouse
from etl.warehouse.known import refuse_mixed_origins
from etl.warehouse.ledger import record_captures, stage_run
from etl.warehouse.publish import publish, record_refusal
from etl.warehouse.staging import build_digitization_load

# Not the file's fault, and over when somebody has made room.
_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO)
_READING, _VERDICT = "reading", "verdict"
_BUNDLE, _REFUSAL, _PUBLISHED, _ANSWER = "bundle.json", "refusal.json", "published.json", "answer.json"
_PLACE = "place.json"
# A clock may stand still between two files; their hours must not.
_BETWEEN = timedelta(microseconds=1)


class FileSnapshot(TypedDict):
    """What publishing a file hands over. ``new`` is False where the same figures were there before."""

    snapshot_id: str
    province_code: str
    period_id: str
    calendar: str
    new: bool


def inbox_watch(settings: Settings, clock: Clock) -> tuple[str, list[str], float, float]:
    """What the waiting trigger needs: folder, province subfolders, seconds between looks, seconds to settle."""
    settings.inbox_dir.mkdir(parents=True, exist_ok=True)
    provinces = sorted(load_provinces(settings.provinces_dir))
    return str(settings.inbox_dir), provinces, settings.inbox_poll_seconds, settings.inbox_settle_seconds


def take_waiting(settings: Settings, clock: Clock) -> list[str]:
    """Take every settled file of the inbox in hand. Returns work folders, unanswered earlier ones first."""
    begun = list(unanswered(settings.work_dir))
    inbox = Inbox(settings.inbox_dir, frozenset(load_provinces(settings.provinces_dir)))
    taken: list[Path] = []
    # One after the other in the order they were changed, each with its own hour: of two files of one
    # window the later one speaks, also where a corrected "bieu (1).xlsx" sorts before "bieu.xlsx".
    waiting = inbox.waiting(clock().timestamp(), settings.inbox_settle_seconds)
    for place, item in enumerate(sorted(waiting, key=lambda item: item.changed_at)):
        with suppress(FileNotFoundError):  # taken back by whoever dropped it
            taken.append(
                take(
                    settings.work_dir,
                    item.path,
                    province=item.province or named_province(settings, settings.province).slug,
                    received_at=clock() + place * _BETWEEN,
                    from_inbox=True,
                )
            )
    # A file that is dropped again while it is in hand begins anew, once.
    return [_handed(settings, folder) for folder in dict.fromkeys((*begun, *taken))]


def take_file(
    settings: Settings,
    path: Path,
    clock: Clock,
    *,
    province: str,
    period: str | None = None,
    calendar: str | None = None,
    portal_list: Path | None = None,
) -> str:
    """Take a file that a person named; it stays where it is. Raises UnknownName where there is none."""
    for asked in filter(None, (path, portal_list)):
        if not asked.is_file():
            raise UnknownName(f"there is no file {asked}", "name a file that exists")
    folder = take(
        settings.work_dir,
        path.resolve(),  # a link that a person names is followed; one that lies in the inbox is not
        province=named_province(settings, province).slug,
        received_at=clock(),
        from_inbox=False,
        period=Period.parse(period).id if period else None,
        calendar=calendar,
        portal_list=portal_list.resolve() if portal_list else None,
    )
    return _handed(settings, folder)


def receive(settings: Settings, handed: str, clock: Clock) -> str:
    """Guard, recognise, read. Returns the work folder.

    Raises FileRefused; the refusal is in the work folder then, and in the logbook.
    """
    folder, claim, province = _opened(settings, handed)
    warehouse = ready_warehouse(settings)
    with (
        _remembered(folder),
        stage_run(warehouse, "receive", "inbox", province.code, claim.period or "-", clock) as run,
    ):
        run.message = f"{claim.file_name}, sha256 {claim.sha256[:12]}"
        reading = examine(settings, warehouse, claim, province, folder / _READING)
        run.rows_read = reading.rows_read
    return handed


def validate_file(settings: Settings, handed: str, clock: Clock) -> str:
    """Match the units, judge the figures, archive the bytes, record the capture. Returns the work folder.

    Raises FileRefused where its days are to come, no unit of the province is known or the file
    has changed, ValidationFailed when nothing
    may be published; verdict and refused rows are in the warehouse then.
    """
    folder, claim, province = _opened(settings, handed)
    reading = DigitizationReading.load(folder / _READING)
    period_id = window_read(reading).period.id
    warehouse = open_warehouse(settings)
    with (
        _remembered(folder),
        stage_run(warehouse, "validate", reading.source, province.code, period_id, clock) as run,
    ):
        docs = settings.data_docs_dir / province.code / period_id / reading.source
        archive = Archive(settings.archive_dir)
        received_at = first_received(archive, claim, reading, province)
        verdict = judge_reading(settings, warehouse, reading, province, received_at, docs)
        # Not before it is judged: bytes that no capture names would outlive their retention.
        if archive.put_file(claim.path) != claim.sha256:
            raise refusal("guard.changing")
        bundle = bundle_of(archive, claim, province, reading, verdict)
        verdict = verdict.of_capture(str(bundle.captures[0].capture_id))
        record_captures(warehouse, archive.recorded, clock())
        verdict.save(folder / _VERDICT)
        write_json(folder / _BUNDLE, str(bundle.save(settings.work_dir).relative_to(settings.work_dir)))
        run.snapshot_id = bundle.snapshot_id
        run.rows_read, run.rows_quarantined = verdict.rows_read, verdict.rows_quarantined
        run.message = f"verdict: {verdict.state}"
        if verdict.state == "failed":
            record_refusal(warehouse, build_digitization_load(bundle, verdict))
            raise ValidationFailed(
                f"{claim.file_name} failed {len(verdict.failures())} checks: "
                + "; ".join(verdict.failures()),
                "nothing was published; the receipt and quarantine.rejected_row say what to mend",
            )
    return handed


def publish_file(settings: Settings, handed: str, clock: Clock) -> FileSnapshot:
    """Make a judged file visible in the warehouse; compare it with the portal's list where one was given.

    Raises WarehouseRefused where sample figures would stand beside real ones.
    """
    folder, claim, province = _opened(settings, handed)
    verdict = DigitizationVerdict.load(folder / _VERDICT)
    bundle = Bundle.load(settings.work_dir / read_json(folder / _BUNDLE))
    warehouse = open_warehouse(settings)
    with (
        _remembered(folder),
        stage_run(warehouse, "publish", bundle.source, province.code, bundle.period_id, clock) as run,
    ):
        run.snapshot_id = bundle.snapshot_id
        refuse_mixed_origins(warehouse, bundle.captures[0].address or settings.portal_base)
        compared = None
        if claim.portal_list is not None and bundle.source == LIST_SOURCE:  # before anything becomes visible
            portal = read_portal_list(settings, warehouse, claim, claim.portal_list, province, verdict.window)
            compared = compare_with_portal(
                settings, verdict.window, (bundle.captures[0], folder / _READING / COPY), portal
            )
        result = publish(warehouse, build_digitization_load(bundle, verdict))
        run.rows_read, run.rows_quarantined = verdict.rows_read, verdict.rows_quarantined
        run.rows_published, run.rows_ignored = verdict.rows_good, verdict.rows_ignored
        run.message = "published" if result.new else "already there, or a whole one speaks: nothing changed"
        earlier: Told | None = read_json(folder / _PUBLISHED)  # a stage that is repeated changes nothing
        told: Told = {
            "snapshot_id": str(bundle.snapshot_id),
            "new": bool(result.new),
            "withheld": bool(result.withheld),
            "notes_vi": [],
        }
        if earlier is not None and earlier["snapshot_id"] == told["snapshot_id"]:
            told["new"] = told["new"] or earlier["new"]
        if bundle.source == LIST_SOURCE:
            keep_columns(Archive(settings.archive_dir), folder / _READING / COPY, claim.sha256)
            if compared is not None:
                told["notes_vi"] = publish_with_portal(warehouse, province, verdict.window, compared)
        elif claim.portal_list is not None:
            told["notes_vi"] = [
                "Tệp này là biểu tổng hợp, không đối chiếu được với danh sách hồ sơ của Cổng."
            ]
        write_json(folder / _PUBLISHED, told)
    return FileSnapshot(
        snapshot_id=str(bundle.snapshot_id),
        province_code=bundle.scope,
        period_id=bundle.period_id,
        calendar=verdict.window.kind,
        new=bool(result.new),
    )


def answer(settings: Settings, handed: str, clock: Clock) -> str:
    """Write the receipt and file the file away. Returns the receipt's path.

    Raises Transient where the file was neither refused nor published: it stays in hand and
    the next run takes it up again.
    """
    folder, claim, _ = _opened(settings, handed)
    done = read_json(folder / _ANSWER)
    if done is not None:  # repeated after everything was done
        return str(done)
    receipt = receipt_of(settings, handed)
    target = claim.path
    if claim.from_inbox:
        verdict = REFUSED if receipt.state == "refused" else ACCEPTED
        # By its bytes, and by name and province: two offices may send the same bytes under one name.
        mark = f"{claim.sha256[:8]}-{folder.name[-4:]}"
        placed = read_json(folder / _PLACE)  # by a try that died before it had ended
        target = (
            Path(placed) if placed else _free(Inbox(settings.inbox_dir).place(claim.file_name, verdict, mark))
        )
        write_json(folder / _PLACE, str(target))
    page, _ = write_receipt(receipt, target)
    if claim.from_inbox and claim.path.exists():  # else a try before this one has moved it
        # Its time counts from now, whenever the office last saved it (etl.housekeeping).
        answered_at = clock().timestamp()
        os.utime(claim.path, (answered_at, answered_at))
        shutil.move(claim.path, target)
    write_json(folder / _ANSWER, str(page))
    return str(page)


def check_file(settings: Settings, handed: str) -> Receipt:
    """Guard, read and judge a file without loading anything. Returns the receipt it would get."""
    folder, claim, province = _opened(settings, handed)
    warehouse = ready_warehouse(settings)
    with suppress(FileRefused), _remembered(folder):  # a refusal is what the receipt is about
        reading = examine(settings, warehouse, claim, province, folder / _READING)
        judge_reading(settings, warehouse, reading, province, claim.received_at).save(folder / _VERDICT)
    return receipt_of(settings, handed, checked=True)


def receipt_of(settings: Settings, handed: str, *, checked: bool = False) -> Receipt:
    """The receipt of what the stages have done so far. ``checked``: nothing was meant to be loaded.

    Raises Transient where no stage has come to an end yet.
    """
    folder, claim, province = _opened(settings, handed)
    refused, published = read_json(folder / _REFUSAL), read_json(folder / _PUBLISHED)
    if refused is None and published is None and not checked:
        raise Transient(
            f"{claim.file_name} was neither taken nor refused: a stage before this one did not end",
            "look at that stage's error; the file stays in hand and is taken up again by the next run",
        )
    reading = verdict = None
    if (folder / _READING / "reading.json").is_file():
        reading = DigitizationReading.load(folder / _READING)
    if (folder / _VERDICT / "verdict.json").is_file():
        verdict = DigitizationVerdict.load(folder / _VERDICT)
    return build_receipt(claim, province, reading, verdict, refused, published, checked=checked)


def _free(target: Path) -> Path:
    """The place itself, or one beside it where a file that was answered earlier already stands."""
    number, place = 1, target
    while place.exists():
        number += 1
        place = target.with_name(f"{target.stem} ({number}){target.suffix}")
    return place


def _handed(settings: Settings, folder: Path) -> str:
    return str(folder.relative_to(settings.work_dir))


def _opened(settings: Settings, handed: str) -> tuple[Path, Claim, Province]:
    folder = settings.work_dir / handed
    claim = load_claim(folder)
    return folder, claim, named_province(settings, claim.province)


@contextmanager
def _remembered(folder: Path) -> Iterator[None]:
    """Leave a failure's words in the work folder for the receipt. What may pass by itself is not one.

    Words that an earlier try of the same stage left are withdrawn: this one may succeed.
    """
    (folder / _REFUSAL).unlink(missing_ok=True)
    try:
        yield
    except Transient:
        raise
    except OSError as error:
        if error.errno in _PASSING:
            raise Transient(
                f"the machine cannot write: {error.strerror}",
                "make room; the file stays in hand and is tried again",
            ) from error
        write_json(folder / _REFUSAL, refusal_of(error))
        raise
    except Exception as error:
        write_json(folder / _REFUSAL, refusal_of(error))
        raise
