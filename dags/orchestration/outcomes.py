"""Calling a stage from a task: our errors in Airflow's words.

Terminal never retries, Transient does as the task declares, "no such data" may skip.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from etl.errors import BochisoError, Terminal

log = logging.getLogger(__name__)


class TerminalFailure(AirflowFailException):
    """Fails the task at once, whatever retries it declares. ``exit_code`` is the command line's."""

    def __init__(self, error: Terminal) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.exit_code = error.exit_code


def run_stage(
    name: str, *arguments: Any, module: str = "etl.stages", skip_on: tuple[type[BochisoError], ...] = ()
) -> Any:
    """Run a stage (a function of ``module``) with this installation's settings and the system's clock."""
    # Imported here: parsing a DAG file must not load pandas, Arrow and the database drivers (1 s).
    from etl.settings import get_settings
    from etl.stages import system_clock

    try:
        return getattr(import_module(module), name)(get_settings(), *arguments, system_clock)
    except skip_on as error:
        log.warning("skipped: %s", error)  # the task's own log on Airflow's page says why
        raise AirflowSkipException(str(error)) from error
    except Terminal as error:
        raise TerminalFailure(error) from error
