"""The last stage of a release: bring it to every target of ``targets.yml`` that takes it; the answers are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from etl.deliver.release import MANIFEST, MEDIA_TYPES
from etl.errors import BochisoError, Terminal, Transient
from etl.periods import Period
from etl.reference.provinces import Province
from etl.release_stages import folder_of
from etl.report_stages import Clock
from etl.send.outgoing import Message, OutgoingFile
from etl.send.send import send
from etl.send.targets import Target, load_targets
from etl.settings import Settings, environment_secrets
from etl.stages import named_province
from etl.warehouse import duty_ledger, release_ledger
from etl.warehouse.engine import Warehouse, open_warehouse
from etl.warehouse.release_ledger import RELEASED, Release, ReleasedFile


def send_release(settings: Settings, release_id: str, clock: Clock) -> list[dict[str, str]]:
    """Send a release to each target that takes its duties and has not acknowledged it yet. Returns target, state, text.

    Every target is tried, whatever the others say; each answer is in ops.delivery. A release that does not stand
    (not out yet, or superseded) is sent nowhere. Raises Transient where some target may take it later, else Terminal
    where a person must act; what was sent stays sent.
    """
    warehouse = open_warehouse(settings)
    # Held while sending: an e-mail leaves no trace by which a second sender could know that it went out.
    with warehouse.connect() as held:
        release = release_ledger.find(held, release_id)
        release_ledger.lock(held, release.province_code, release.period_id)
        return _to_all(settings, warehouse, release_ledger.find(held, release_id), clock)


def _to_all(settings: Settings, warehouse: Warehouse, release: Release, clock: Clock) -> list[dict[str, str]]:
    if release.status != RELEASED:
        return []
    with warehouse.connect() as connection:
        files = release_ledger.files_of(connection, release.release_id)
        earlier = release_ledger.deliveries(connection, release.release_id)
    province = named_province(settings, release.province_code)
    results: list[dict[str, str]] = []
    faults: list[BochisoError] = []
    for target in load_targets(settings.targets_file):
        wanted = [duty for duty in release.duties if target.takes(duty, release.province_code)]
        done = earlier.get(target.name)
        if not wanted or (done is not None and done["state"] == "sent"):
            continue
        state, text, fault = _bring(
            settings, release, files, target, wanted, province, clock, environment_secrets()
        )
        with warehouse.connect() as connection:
            release_ledger.write_delivery(
                connection,
                release.release_id,
                target.name,
                target.kind,
                state,
                clock(),
                receipt=text if fault is None else None,
                message=text if fault is not None else None,
            )
        results.append({"target": target.name, "state": state, "text": text})
        if fault is not None:
            faults.append(fault)
    message = "; ".join(f"{one['target']}: {one['text']}" for one in results if one["state"] != "sent")
    with warehouse.connect() as connection:
        duty_ledger.set_failure(
            connection,
            release.province_code,
            release.period_id,
            release.release_set,
            message or None,
            clock(),
        )
    if faults:
        kind = Transient if any(isinstance(fault, Transient) for fault in faults) else Terminal
        raise kind(
            f"release {release.name} is not everywhere: {message}",
            f"mend what is named, then `bochiso release send {release.release_id}`",
        )
    return results


def _bring(
    settings: Settings,
    release: Release,
    files: Sequence[ReleasedFile],
    target: Target,
    duties: Sequence[str],
    province: Province,
    clock: Clock,
    secrets: Mapping[str, str],
) -> tuple[str, str, BochisoError | None]:
    """State, text and fault of one target."""
    message = Message(
        release_id=release.release_id,
        release_no=release.release_no,
        province_vi=province.name,
        period_vi=Period.parse(release.period_id).label_vi,
        office_vi=province.office,
        notes_vi=tuple(release.gaps_vi),
    )
    try:
        got = send(
            target,
            outgoing(settings, target, release, files, duties),
            folder=f"{province.slug}/{release.period_id}/{release.release_no}",
            secrets=secrets,
            message=message,
            at=clock(),
        )
    except Transient as error:
        return "pending", str(error), error
    except Terminal as error:
        return "failed", str(error), error
    return "sent", got.receipt, None


def outgoing(
    settings: Settings,
    target: Target,
    release: Release,
    files: Sequence[ReleasedFile],
    duties: Sequence[str],
) -> list[OutgoingFile]:
    """The files a target gets: those of its duties, those of the whole set, and a manifest that names just these.

    Raises Terminal where the release's folder is gone.
    """
    folder = folder_of(settings, release)
    if not (folder / MANIFEST).is_file():
        raise Terminal(
            f"release {release.name} is not in {folder}: the folder was moved or emptied",
            f"bring the folder back, then `bochiso release send {release.release_id}`",
        )
    chosen = [one for one in files if one.duty is None or one.duty in duties]
    manifest = folder / MANIFEST
    if len(chosen) < len(files):
        document = json.loads(manifest.read_text(encoding="utf-8"))
        names = {one.path for one in chosen}
        document["files"] = [one for one in document["files"] if one["path"] in names]
        document["part_of_manifest_sha256"] = release.manifest_sha256
        manifest = settings.work_dir / "sending" / release.release_id / target.name / MANIFEST
        manifest.parent.mkdir(parents=True, exist_ok=True)
        manifest.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    content = manifest.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return [
        *(
            OutgoingFile(one.path, folder / one.path, one.sha256, one.size_bytes, one.media_type)
            for one in chosen
        ),
        OutgoingFile(MANIFEST, manifest, digest, len(content), MEDIA_TYPES[".json"]),
    ]
