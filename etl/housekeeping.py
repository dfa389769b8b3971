"""Sweeping: personal data whose time is over, and work folders nobody needs any more."""

from __future__ import annotations

import shutil
from datetime import timedelta

from etl.archive import Archive
from etl.inbox.claim import stranded, unanswered
from etl.inbox.compare import PORTAL_LIST_SOURCE
from etl.inbox.folder import ACCEPTED, REFUSED
from etl.settings import Settings
from etl.sources.digitization import LIST_SOURCE
from etl.stages import Clock

# A run is looked into within days, and everything in a work folder can be made again from the archive.
_WORK_DAYS = 14


def expire_personal_data(settings: Settings, clock: Clock) -> list[str]:
    """Delete dossier lists older than the retention from the archive, and old files from the inbox.

    The manifests, the figures and the columnar copies (codes and flags only) stay. Returns
    the hashes and names of what was deleted.
    """
    before = clock() - timedelta(days=settings.retention_days)
    archive = Archive(settings.archive_dir)
    gone = [
        digest for source in (LIST_SOURCE, PORTAL_LIST_SOURCE) for digest in archive.expire(source, before)
    ]
    for folder in (settings.inbox_dir / ACCEPTED, settings.inbox_dir / REFUSED):
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            if path.is_file() and path.stat().st_mtime < before.timestamp():
                path.unlink()
                gone.append(f"{folder.name}/{path.name}")
    return gone


def sweep_work(settings: Settings, clock: Clock) -> int:
    """Remove work folders untouched for two weeks, but none whose file was never answered. Returns how many."""
    before = (clock() - timedelta(days=_WORK_DAYS)).timestamp()
    kept = {*unanswered(settings.work_dir), *(path.parent for path in stranded(settings.work_dir))}
    removed = 0
    folders = {path.parent for path in settings.work_dir.rglob("*") if path.is_file()}
    for folder in sorted(folders, key=lambda path: len(path.parts), reverse=True):
        # Neither what was never answered, nor what is in it, nor what it lies in.
        if any(folder == safe or safe in folder.parents or folder in safe.parents for safe in kept):
            continue
        newest = max((path.stat().st_mtime for path in folder.rglob("*")), default=0.0)
        if newest < before:
            shutil.rmtree(folder)
            removed += 1
    return removed
