"""Waiting for a file without holding a worker: the triggerer looks into the inbox now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from etl.inbox.folder import Inbox


class InboxTrigger(BaseTrigger):
    """Fires once when at least one file in the inbox has settled. The folder may appear later."""

    def __init__(self, folder: str, provinces: list[str], poll_seconds: float, settle_seconds: float) -> None:
        super().__init__()
        self.folder = folder
        self.provinces = provinces
        self.poll_seconds = poll_seconds
        self.settle_seconds = settle_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class by its import name and its arguments: how Airflow hands it to the triggerer."""
        return (
            "plugins.inbox_trigger.InboxTrigger",
            {
                "folder": self.folder,
                "provinces": self.provinces,
                "poll_seconds": self.poll_seconds,
                "settle_seconds": self.settle_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, sleep, look again; listing a folder on a share may block, so it runs in a thread."""
        inbox = Inbox(Path(self.folder), frozenset(self.provinces))
        while True:
            waiting = await asyncio.to_thread(inbox.waiting, time.time(), self.settle_seconds)
            if waiting:
                yield TriggerEvent({"files": len(waiting)})
                return
            await asyncio.sleep(self.poll_seconds)
