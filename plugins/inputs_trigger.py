"""Waiting for a report's inputs without holding a worker: the triggerer asks the warehouse now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from etl.errors import Terminal, Transient

log = logging.getLogger(__name__)


class InputsTrigger(BaseTrigger):
    """Fires once when the inputs of a job are there, or when asking cannot succeed without a person.

    It never gives up: the ledger says who is late. A warehouse that cannot be reached is asked again.
    """

    def __init__(self, job: dict[str, str], poll_seconds: float) -> None:
        super().__init__()
        self.job = job
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class by its import name and its arguments: how Airflow hands it to the triggerer."""
        return (
            "plugins.inputs_trigger.InputsTrigger",
            {"job": self.job, "poll_seconds": self.poll_seconds},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep, ask, sleep again; in a thread, because the warehouse is asked in the ordinary way.

        The task has just asked by itself, and one that comes back too soon confuses Airflow's scheduler.
        """
        told: list[str] | None = None
        while True:
            await asyncio.sleep(self.poll_seconds)
            try:
                state = await asyncio.to_thread(_look, self.job)
            except Terminal as error:  # the task asks once more, and fails with it
                log.warning("%s: %s", self.job, error)
                yield TriggerEvent({"ready": False})
                return
            except Transient as error:
                log.warning("asked again in %.0f s: %s: %s", self.poll_seconds, self.job, error)
            else:
                if state["ready"]:
                    yield TriggerEvent({"ready": True})
                    return
                if state["waiting_for"] != told:
                    told = state["waiting_for"]
                    log.info("%s waits for: %s", self.job, " ".join(told))


def _look(job: dict[str, str]) -> dict[str, Any]:
    from etl.report_stages import inputs_ready
    from etl.settings import get_settings
    from etl.stages import system_clock

    return dict(inputs_ready(get_settings(), job, system_clock))
