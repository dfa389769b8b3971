"""The stages of a release: build a draft, decide about it, let it go out, send it, render it again.

A draft waits in ``<home>/drafts``; only what the ledger calls approved (or what needs no signature) is put into the
deliverables folder, and only from there it is sent. Every stage may be repeated and changes nothing then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg

from etl import __version__
from etl.deliver.appendix_words import ProvinceNames
from etl.deliver.release import (
    MANIFEST,
    Materials,
    Rendered,
    manifest,
    render_set,
    write_folder,
)
from etl.deliver.report_load import Wanted, as_known, current_publication
from etl.deliver.sheet_text import time_vi
from etl.duties import DutyDue
from etl.errors import ReportNotReady, Terminal
from etl.periods import VIETNAM, Period, window_of
from etl.readiness import FINAL, assess
from etl.reference.provinces import Province
from etl.report_stages import Clock, Job, set_of
from etl.settings import Settings
from etl.stages import named_province, ready_warehouse
from etl.warehouse import duty_ledger, release_ledger
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.ledger import stage_run
from etl.warehouse.release_ledger import APPROVED, DRAFT, REJECTED, RELEASED, Release, ReleasedFile

_NOTHING = {"release_id": None, "needs_sign_off": False, "subject": "", "body": ""}
_STAGE_NAMES = {"preliminary": "SỐ LIỆU TẠM, kỳ số liệu chưa kết thúc", "final": "bản chính thức"}


def build_release(settings: Settings, job: Job, clock: Clock) -> dict[str, Any]:
    """Render a set of documents from the warehouse as it stands, as a draft that awaits its signature.

    Returns ``release_id``, ``needs_sign_off``, and subject and body (Vietnamese, Markdown) for the person who signs.
    The same numbers as the newest draft give that draft again; the same as the release that stands, release_id None;
    so does a preliminary report whose window has closed while it waited: nothing takes the final one's place.
    Raises ReportNotReady where an input is not there, where exactly these documents have been refused, or where a
    final report is asked for before its window has closed.
    """
    province = named_province(settings, job["province"])
    period = Period.parse(job["period"])
    dues = set_of(settings, province, period, job["set"])
    if not _in_its_time(dues[0], job, clock()):
        return _NOTHING.copy()
    warehouse = ready_warehouse(settings)
    with stage_run(warehouse, "build", job["set"], province.code, period.id, clock) as run:
        found = assess(warehouse, dues, job["stage"], clock())
        if not found.possible:
            raise ReportNotReady(
                f"{province.code} {period.id} ({job['set']}) lacks inputs: {' '.join(found.lacking)}",
                "read the portal, or hand in the form or the dossier list, then build it again",
            )
        release = _draft(settings, warehouse, province, dues, job, found.lacking, clock)
        run.message = release.name if release else "the numbers of the release that stands"
    if release is None:
        return _NOTHING.copy()
    return {
        "release_id": release.release_id,
        "needs_sign_off": release.needs_sign_off,
        "subject": _subject(province, release),
        "body": _body(settings, province, dues, release),
    }


def _in_its_time(due: DutyDue, job: Job, now: datetime) -> bool:
    """Whether a report of this stage can be made now. Raises ReportNotReady where a person asked for what cannot."""
    if job["stage"] == FINAL and now < due.cut_off:
        raise ReportNotReady(
            f"the final report of {due.period.id} cannot be made before {due.cut_off.isoformat()}: its days are not over",
            "build the preliminary one, or wait until then",
        )
    if job["stage"] == FINAL or now < due.cut_off:
        return True
    if job.get("asked"):
        raise ReportNotReady(
            f"the days of {due.period.id} are over: a preliminary report has no place any more",
            "build the final one",
        )
    return False


def _draft(
    settings: Settings,
    warehouse: Warehouse,
    province: Province,
    dues: Sequence[DutyDue],
    job: Job,
    gaps: tuple[str, ...],
    clock: Clock,
) -> Release | None:
    period, products = dues[0].period, {due.duty.id: due.duty.product for due in dues}
    with warehouse.connect() as connection:
        release_ledger.lock(connection, province.code, period.id)
        earlier = release_ledger.releases(connection, province.code, period.id)
        of_set = [one for one in earlier if one.release_set == job["set"]]
        standing = next((one for one in reversed(of_set) if one.status == RELEASED), None)
        corrected = standing if standing and standing.stage == job["stage"] == FINAL else None
        publication_no = current_publication(warehouse)
        wanted = _wanted(province, dues, job["stage"], gaps, corrected)
        materials = _materials(settings)
        with as_known(warehouse, publication_no) as mart:
            # As if nothing had been released before: references to an earlier release would hide equal numbers.
            rendered = render_set(mart, replace(wanted, earlier=None), products, materials)
        content_sha256 = rendered.content_sha256
        known = _same(of_set, standing, content_sha256, job)
        duty_ledger.clear_failure(connection, province.code, period.id, job["set"], clock())
        if known is not None and (known.released_at is not None or _is_whole(settings, connection, known)):
            if known.status == DRAFT:
                state = duty_ledger.AWAITING_SIGN_OFF
                duty_ledger.set_state(connection, province.code, period.id, job["set"], state, clock(), gaps)
            return None if known.status == RELEASED else known
        number = max((one.release_no for one in earlier), default=0) + 1
        if wanted.earlier is not None:
            with as_known(warehouse, publication_no) as mart:
                rendered = render_set(mart, wanted, products, materials, number=number)
        document = manifest(wanted, number, job["set"], list(products), rendered, publication_no)
        release = _new_release(
            province, dues, job, wanted, number, content_sha256, document, publication_no, corrected, clock()
        )
        # The number is the ledger's to give and under its lock: a folder of it that is there is a dead builder's.
        write_folder(
            _folder(settings.drafts_dir, province, release), _contents(rendered, document), replace=True
        )
        files = [
            ReleasedFile(one.path, one.duty, one.media_type, one.sha256, len(one.content))
            for one in rendered.files
        ]
        release_ledger.add_draft(connection, release, files, rendered.snapshots, __version__)
        state = duty_ledger.AWAITING_SIGN_OFF if release.needs_sign_off else duty_ledger.BUILDING
        duty_ledger.set_state(connection, province.code, period.id, job["set"], state, clock(), gaps)
    return release


def _same(
    of_set: Sequence[Release], standing: Release | None, content_sha256: str, job: Job
) -> Release | None:
    """The release that already says exactly this, if one does: an open draft, or what stands."""
    newest = of_set[-1] if of_set else None
    if newest and newest.content_sha256 == content_sha256 and newest.stage == job["stage"]:
        if newest.status in (DRAFT, APPROVED, RELEASED):
            return newest
        if newest.status == REJECTED and not job.get("asked"):
            raise ReportNotReady(
                f"exactly these documents were refused by {newest.decided_by}: {newest.decision_comment or 'no comment'}",
                "change what was refused (figures, template, recommendations), or build it by hand: "
                f"`bochiso release build --period {newest.period_id}`",
            )
    if standing and standing.content_sha256 == content_sha256 and standing.stage == job["stage"]:
        return standing
    return None


def _wanted(
    province: Province, dues: Sequence[DutyDue], stage: str, gaps: tuple[str, ...], corrected: Release | None
) -> Wanted:
    windows = [one.window for due in dues for one in due.inputs if one.source == "digitization"]
    return Wanted(
        province_code=province.code,
        names=ProvinceNames(province=province.name, office=province.office),
        period=dues[0].period,
        portal_period=next((due.portal_period for due in dues if due.portal_period is not None), None),
        window=windows[0] if windows else dues[0].window,
        stage=stage,
        due_at=dues[0].due_at,
        gaps=gaps,
        earlier=_earlier(corrected),
    )


def _earlier(corrected: Release | None) -> tuple[int, datetime, int, tuple[str, ...]] | None:
    """What ``Wanted.earlier`` says of the release that is corrected."""
    if corrected is None or corrected.released_at is None:
        return None
    return corrected.release_no, corrected.released_at, corrected.publication_no, tuple(corrected.gaps_vi)


def _new_release(
    province: Province,
    dues: Sequence[DutyDue],
    job: Job,
    wanted: Wanted,
    number: int,
    content_sha256: str,
    document: bytes,
    publication_no: int,
    corrected: Release | None,
    now: datetime,
) -> Release:
    needs_sign_off = any(due.duty.sign_off for due in dues)
    period_id = dues[0].period.id
    return Release(
        release_id=release_ledger.release_id(province.code, period_id, number),
        province_code=province.code,
        period_id=period_id,
        release_no=number,
        release_set=job["set"],
        duties=[due.duty.id for due in dues],
        products=[due.duty.product for due in dues],
        stage=job["stage"],
        status=DRAFT if needs_sign_off else APPROVED,
        needs_sign_off=needs_sign_off,
        publication_no=publication_no,
        calendar=wanted.window.kind,
        window_period_id=wanted.window.period.id,
        portal_period_id=wanted.portal_period.id if wanted.portal_period else None,
        due_at=wanted.due_at,
        gaps_vi=list(wanted.gaps),
        content_sha256=content_sha256,
        manifest_sha256=hashlib.sha256(document).hexdigest(),
        corrects=corrected.release_id if corrected else None,
        built_at=now,
        decided_by=None,
        decided_at=None if needs_sign_off else now,
        decision_comment=None,
        released_at=None,
    )


def _materials(settings: Settings) -> Materials:
    return Materials.of_home(settings.home, settings.forms_dir, settings.letter_dir)


def _folder(root: Path, province: Province, release: Release) -> Path:
    return root / province.slug / release.period_id / str(release.release_no)


def folder_of(settings: Settings, release: Release) -> Path:
    """Where a release's files are: among the deliverables once it has gone out, before that among the drafts."""
    root = settings.deliverables_dir if release.released_at is not None else settings.drafts_dir
    return _folder(root, named_province(settings, release.province_code), release)


def _contents(rendered: Rendered, document: bytes) -> dict[str, bytes]:
    return {file.path: file.content for file in rendered.files} | {MANIFEST: document}


def _subject(province: Province, release: Release) -> str:
    label = Period.parse(release.period_id).label_vi
    what = f"Ký duyệt {', '.join(release.duties)}: báo cáo {label}, {province.name}"
    return f"{what} (bản {release.release_no}, {release.release_id})"


def _body(settings: Settings, province: Province, dues: Sequence[DutyDue], release: Release) -> str:
    lines = [f"**{_STAGE_NAMES[release.stage]}**. Hạn: {time_vi(dues[0].due_at)}.", ""]
    lines += [f"- {due.duty.id}: {due.duty.name_vi} (gửi {due.duty.to_vi})" for due in dues]
    if release.gaps_vi:
        lines += ["", "Còn thiếu hoặc tạm tính:", *[f"- {sentence}" for sentence in release.gaps_vi]]
    if release.corrects:
        lines += ["", "Bản này đính chính bản đã phát hành; xem tệp đính chính."]
    lines += ["", f"Hồ sơ dự thảo: `{_folder(settings.drafts_dir, province, release)}`"]
    return "\n".join(lines)


def release_status(settings: Settings, release_id: str, clock: Clock) -> str:
    """draft, approved, rejected, released or superseded. Raises UnknownName."""
    with open_warehouse(settings).connect() as connection:
        return release_ledger.find(connection, release_id).status


def decide(
    settings: Settings, release_id: str, approved: bool, who: str, comment: str | None, clock: Clock
) -> str:
    """Write down a person's decision about a draft; a refusal sends its duties back. Returns the status.

    Raises Terminal where it was decided otherwise or is no longer the newest draft, or where nobody is named.
    """
    if not who.strip():
        raise Terminal("a decision needs a name", "say who decides (--by)")
    now = clock()
    with duty_ledger.in_one_transaction(open_warehouse(settings)) as connection:
        release = release_ledger.find(connection, release_id)
        release_ledger.lock(connection, release.province_code, release.period_id)
        release = release_ledger.find(connection, release_id)
        status = release_ledger.write_decision(
            connection, release, approved, who.strip(), comment or None, now
        )
        if status == REJECTED:
            duty_ledger.set_state(
                connection,
                release.province_code,
                release.period_id,
                release.release_set,
                duty_ledger.AWAITING_INPUT,
                now,
            )
    return status


def publish_release(settings: Settings, release_id: str, clock: Clock) -> dict[str, Any]:
    """Let an approved release go out: into the deliverables folder, and into the ledger with its moment.

    Returns ``released`` and the files. A draft that nobody has approved is left where it is (released False).
    Raises Terminal where the draft's files are not what was approved.
    """
    warehouse = open_warehouse(settings)
    with duty_ledger.in_one_transaction(warehouse) as connection:
        release = release_ledger.find(connection, release_id)
        release_ledger.lock(connection, release.province_code, release.period_id)
        release = release_ledger.find(connection, release_id)
        province = named_province(settings, release.province_code)
        folder = _folder(settings.deliverables_dir, province, release)
        files = release_ledger.files_of(connection, release_id)
        if release.released_at is not None:
            return {"released": True, "folder": str(folder), "files": [one.path for one in files]}
        if release.status != APPROVED:
            return {"released": False, "folder": "", "files": []}
        contents = _approved(_folder(settings.drafts_dir, province, release), release, files)
        write_folder(folder, contents)
        now = clock()
        release_ledger.write_released(connection, release, now)
        if release.stage == FINAL:
            duty_ledger.fulfil(
                connection, release.province_code, release.period_id, release.duties, release_id, now
            )
        else:  # it fulfils nothing: the final one is still owed
            duty_ledger.set_state(
                connection,
                release.province_code,
                release.period_id,
                release.release_set,
                duty_ledger.AWAITING_INPUT,
                now,
            )
    return {"released": True, "folder": str(folder), "files": [one.path for one in files]}


def _is_whole(settings: Settings, connection: psycopg.Connection[Any], release: Release) -> bool:
    """Whether a draft's folder still holds what was built."""
    drafts = _folder(settings.drafts_dir, named_province(settings, release.province_code), release)
    try:
        _approved(drafts, release, release_ledger.files_of(connection, release.release_id))
    except Terminal:
        return False
    return True


def _approved(drafts: Path, release: Release, files: Sequence[ReleasedFile]) -> dict[str, bytes]:
    """The files of a draft, each compared with the hash that was written down when it was built."""
    expected = {one.path: one.sha256 for one in files} | {MANIFEST: release.manifest_sha256}
    contents: dict[str, bytes] = {}
    for name, sha256 in expected.items():
        path = drafts / name
        content = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Terminal(
                f"{path} is not what was built and approved: it was changed or is gone",
                "nothing went out; build it again for a new draft to sign: "
                f"`bochiso release build --period {release.period_id}`",
            )
        contents[name] = content
    return contents


def render_again(settings: Settings, release_id: str, clock: Clock) -> dict[str, str]:
    """Render a release again from the snapshots it was made of; returns path -> what differs (empty: not a byte).

    Raises UnknownName, or ReportNotReady where the warehouse no longer holds what it was made of.
    """
    warehouse = ready_warehouse(settings)
    with warehouse.connect() as connection:
        release = release_ledger.find(connection, release_id)
        files = release_ledger.files_of(connection, release_id)
        corrected = release_ledger.find(connection, release.corrects) if release.corrects else None
    province = named_province(settings, release.province_code)
    wanted = Wanted(
        province_code=province.code,
        names=ProvinceNames(province=province.name, office=province.office),
        period=Period.parse(release.period_id),
        portal_period=Period.parse(release.portal_period_id) if release.portal_period_id else None,
        window=window_of(Period.parse(release.window_period_id), release.calendar),
        stage=release.stage,
        due_at=release.due_at.astimezone(VIETNAM),
        gaps=tuple(release.gaps_vi),
        earlier=_earlier(corrected),
    )
    products = dict(zip(release.duties, release.products, strict=True))
    with as_known(warehouse, release.publication_no) as mart:
        rendered = render_set(mart, wanted, products, _materials(settings), number=release.release_no)
    again = {file.path: file.sha256 for file in rendered.files}
    stated = {one.path: one.sha256 for one in files}
    return {
        path: f"{stated.get(path, 'not there')} -> {again.get(path, 'not there')}"
        for path in sorted(stated.keys() | again.keys())
        if stated.get(path) != again.get(path)
    }
