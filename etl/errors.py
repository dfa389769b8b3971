"""Every failure the product knows, by what the caller may do about it.

``Terminal``: trying again changes nothing; a person must act.
``Transient``: the same call may work later; Airflow retries it.

Each error carries ``message`` (what happened, with names and numbers) and ``remedy``
(what the reader does next). ``exit_code`` is what the command line returns for it;
the table in the README lists them.
"""

from __future__ import annotations


class BochisoError(Exception):
    """Base of all expected failures. ``str()`` is message and remedy together."""

    exit_code = 3

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} -> {self.remedy}"

    @property
    def title(self) -> str:
        """The word a person sees before the message."""
        return type(self).__name__


class Terminal(BochisoError):
    """A person must act; a retry would fail the same way."""

    exit_code = 3


class Transient(BochisoError):
    """The same call may succeed later."""

    exit_code = 4


class PortalFault(Terminal):
    """The portal answered, but not with data. ``evidence`` is the answer, kept for its operators."""

    evidence: object = None


class PortalRefused(PortalFault):
    """401, 403, 406, 429 or the firewall's HTML page: stop and let a person talk to the portal."""


class PortalAnswerUnreadable(PortalFault):
    """The portal answered, but not with what its contract says (cut JSON, code other than OK)."""


class PortalHasNoSuchData(Terminal):
    """404: the portal does not publish this endpoint or period."""


class PortalUnreachable(Transient):
    """Network failure, time-out or 5xx that outlasted the retries."""


class CaptureIncomplete(Terminal):
    """One or more groups hold fewer units than they must; what is complete was kept."""

    exit_code = 5


class ValidationFailed(Terminal):
    """A check of severity *fail* did not hold; nothing was published."""

    exit_code = 6


class UnknownName(Terminal):
    """A province, period, unit or setting that nobody declared."""

    exit_code = 2


class WarehouseUnavailable(Transient):
    """PostgreSQL cannot be reached or cannot be started."""


class WarehouseRefused(Terminal):
    """The warehouse is there but the operation would break a promise (changed snapshot, old schema)."""


class EnvironmentUnfit(Terminal):
    """The machine or folder cannot serve as asked (permissions, ports, missing programs)."""


class ReportNotReady(Terminal):
    """A deliverable was asked for, but its inputs are not complete."""

    exit_code = 5


class FileRefused(Terminal):
    """A file someone handed in is not taken: dangerous, not recognised, or not what it says it is.

    ``rule`` names the reason (``guard.*``, ``layout.*``, ``period.*`` …); ``message_vi`` and
    ``remedy_vi`` are the same two sentences for the receipt of the office that sent it.
    """

    def __init__(
        self,
        message: str,
        remedy: str,
        *,
        rule: str,
        message_vi: str,
        remedy_vi: str,
        locator: str | None = None,
    ) -> None:
        super().__init__(message, remedy)
        self.rule = rule
        self.message_vi = message_vi
        self.remedy_vi = remedy_vi
        self.locator = locator

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions are pickled by their positional arguments; the named ones must come along.
        return _file_refused, (
            self.message,
            self.remedy,
            self.rule,
            self.message_vi,
            self.remedy_vi,
            self.locator,
        )


def _file_refused(
    message: str, remedy: str, rule: str, message_vi: str, remedy_vi: str, locator: str | None
) -> FileRefused:
    return FileRefused(
        message, remedy, rule=rule, message_vi=message_vi, remedy_vi=remedy_vi, locator=locator
    )
