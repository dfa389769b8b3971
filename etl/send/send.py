"""Send one release to one target. No clock, no environment: instant, secrets and waiting come from the caller."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from etl.errors import BochisoError, Transient
from etl.send.credentials import hide, secret_of, without_secrets
from etl.send.deposit import Deposited, deposit
from etl.send.folder import FolderStore
from etl.send.http_put import HttpStore
from etl.send.mail import send_mail
from etl.send.names import safe_path
from etl.send.outgoing import Acknowledgement, Message, OutgoingFile, in_sending_order
from etl.send.sftp import SftpStore
from etl.send.targets import EmailTarget, FolderTarget, HttpPutTarget, SftpTarget, Target

_LOG = logging.getLogger(__name__)
_LONGEST_WAIT_SECONDS = 300


def send(
    target: Target,
    files: Sequence[OutgoingFile],
    *,
    folder: str,
    secrets: Mapping[str, str],
    message: Message,
    at: datetime,
    sleep: Callable[[float], None] = time.sleep,
) -> Acknowledgement:
    """Bring a release to a target and return its acknowledgement, stamped ``at`` (aware).

    Files lie at ``<the target's folder>/<folder>/<name>``, the manifest (``manifest.json``) last; what is there
    already with the same content is not sent again, so that the call may be repeated at any time. An e-mail leaves
    no trace that could be looked at: it goes out at every call, so the caller must not call again once acknowledged.
    ``secrets`` resolves ``password_env`` and ``token_env``. Transient failures are tried ``target.attempts`` times,
    ``target.wait_seconds`` apart and doubling, at most 5 minutes; ``sleep`` waits.

    Raises Terminal (a person must act; nothing under a final name was changed) or Transient (the tries are used up).
    No message, and no cause of one, holds a secret.
    """
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone")
    password: SecretStr | None = None
    token: SecretStr | None = None
    tries = 0
    failure: BochisoError | None

    def known() -> list[SecretStr]:
        return [secret for secret in (password, token) if secret is not None]

    def once() -> Deposited:
        nonlocal tries
        tries += 1
        return _bring(target, ordered, folder, message, at, password, token)

    def waiting(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _LOG.warning(
            "release %s to %s: try %d of %d failed, next in %.0f s: %s",
            message.release_id,
            target.name,
            state.attempt_number,
            target.attempts,
            state.upcoming_sleep,
            hide(str(error), known()),
        )

    try:
        safe_path(folder, "release folder")
        ordered = in_sending_order(files)
        if not isinstance(target, FolderTarget):
            password = secret_of(target.password_file, target.password_env, secrets, "password")
        if isinstance(target, HttpPutTarget):
            token = secret_of(target.token_file, target.token_env, secrets, "token")
        retrying = Retrying(
            retry=retry_if_exception_type(Transient),
            stop=stop_after_attempt(target.attempts),
            wait=wait_exponential(multiplier=target.wait_seconds, max=_LONGEST_WAIT_SECONDS),
            sleep=sleep,
            before_sleep=waiting,
            reraise=True,
        )
        done = retrying(once)
    except BochisoError as error:
        failure = without_secrets(_after(error, tries), known())
    else:
        failure = None
    if failure is not None:  # outside the except clause: what is left behind there must not ride along
        raise failure
    receipt = hide(done.receipt, known())
    _LOG.info(
        "release %s to %s: %d of %d files sent: %s",
        message.release_id,
        target.name,
        done.sent,
        len(files),
        receipt,
    )
    return Acknowledgement(
        target=target.name,
        kind=target.kind,
        files=len(files),
        bytes=sum(file.size for file in files),
        sent=done.sent,
        attempts=tries,
        receipt=receipt,
        at=at,
    )


def _bring(
    target: Target,
    files: Sequence[OutgoingFile],
    folder: str,
    message: Message,
    at: datetime,
    password: SecretStr | None,
    token: SecretStr | None,
) -> Deposited:
    match target:
        case FolderTarget():
            return deposit(FolderStore(target), files, folder)
        case SftpTarget():
            with SftpStore(target, password) as sftp:
                return deposit(sftp, files, folder)
        case HttpPutTarget():
            with HttpStore(target, token, password) as http:
                return deposit(http, files, folder)
        case EmailTarget():
            return send_mail(target, files, message, at, password)


def _after(error: BochisoError, tries: int) -> BochisoError:
    """The error, with the number of tries where there was more than one."""
    if not isinstance(error, Transient) or tries < 2:
        return error
    told = Transient(f"{error.message} (after {tries} tries)", error.remedy)
    told.__cause__ = error.__cause__
    return told
