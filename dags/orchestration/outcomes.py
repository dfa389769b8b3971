"""Our errors in Airflow's words: Terminal never retries, Transient does, "no such data" may skip."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from etl.errors import BochisoError, Terminal

P = ParamSpec("P")
R = TypeVar("R")


class TerminalFailure(AirflowFailException):
    """Fails the task at once, whatever retries it declares. ``exit_code`` is the command line's."""

    def __init__(self, error: Terminal) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.exit_code = error.exit_code


def airflow_outcome(
    *, skip_on: tuple[type[BochisoError], ...] = ()
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a task's function so that its errors act by their type."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except skip_on as error:
                raise AirflowSkipException(str(error)) from error
            except Terminal as error:
                raise TerminalFailure(error) from error

        return wrapped

    return decorate
