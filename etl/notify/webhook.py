"""The webhook channel: one POST a message, in the shape the receiver wants.

The address may itself be a password (Slack, Teams, Zalo bots): no message, error or representation names more
of it than the host.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from etl import __version__
from etl.errors import BochisoError
from etl.notify.faults import ChannelUnclear, ChannelUnreachable, ChannelUnusable, MessageRefused
from etl.notify.message import Message, Receipt
from etl.notify.shapes import Shape

_LARGEST_ANSWER = 64 * 1024
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 1.0, 10.0
_BUSY = (408, 425, 429)
# What the receiver means by these is the address or the token, not this message.
_DEAD = (401, 403, 404, 405, 407, 410)
_LATER = "the receiver may be back soon; the next run tells it again"
_MEND = "check url, token and recipient of this channel in alerts.yml"


@dataclass(frozen=True)
class WebhookChannel:
    """``timeout_seconds`` bounds connecting and each silence; the whole answer may take twice as long."""

    url: SecretStr
    shape: Shape
    recipient: str | None = None
    token: SecretStr | None = None
    timeout_seconds: float = 15.0
    attempts: int = 3
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @property
    def host(self) -> str:
        return urlsplit(self.url.get_secret_value()).hostname or "?"

    def tell(self, message: Message) -> Receipt:
        """Post a message. The receipt is the answer's status.

        Raises ChannelUnreachable (no connection, 429, 5xx, after ``attempts`` tries), ChannelUnclear (the
        connection broke after the message was sent), ChannelUnusable or MessageRefused.
        """
        body = json.dumps(self.shape.filled(message, self.recipient), ensure_ascii=False).encode(
            "utf-8", "backslashreplace"
        )
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"bochiso/{__version__}",
            # The same event, the same key: a receiver of one's own can drop a repetition.
            "Idempotency-Key": message.key,
        }
        if self.token is not None and self.shape.token is not None:
            headers[self.shape.token.header] = self.shape.token.form.replace(
                "{token}", self.token.get_secret_value()
            )
        retrying = Retrying(
            retry=retry_if_exception_type(ChannelUnreachable),
            stop=stop_after_attempt(self.attempts),
            wait=_wait,
            sleep=self.sleep,
            reraise=True,
        )
        with _no_addresses_in_logs():
            answer: str = retrying(self._post, body, headers)
        return Receipt(answer)

    def _post(self, body: bytes, headers: dict[str, str]) -> str:
        answer = self._call(body, headers)
        if isinstance(answer, BochisoError):
            # Raised here, outside of any except: httpx's own errors know the address, which may be a password.
            raise answer
        self._judge(*answer)
        return f"HTTP {answer[0]}"

    def _call(self, body: bytes, headers: dict[str, str]) -> tuple[int, float | None, bytes] | BochisoError:
        """Status, seconds the receiver asks us to wait, and body; or why there is no answer."""
        try:
            with (
                httpx.Client(timeout=self.timeout_seconds, follow_redirects=False) as http,
                http.stream("POST", self.url.get_secret_value(), content=body, headers=headers) as response,
            ):
                wait = _seconds(response.headers.get("retry-after"))
                return response.status_code, wait, self._read(response)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                return ChannelUnusable(
                    f"the certificate of {self.host} is not trusted", "ask its owner for a valid certificate"
                )
            return ChannelUnreachable(f"{self.host} cannot be reached ({type(error).__name__})", _LATER)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            return ChannelUnusable("the address is no http(s) address", _MEND)
        except (httpx.TransportError, httpx.DecodingError) as error:
            return ChannelUnclear(
                f"{self.host} broke off after it had been sent the message ({type(error).__name__})",
                "it may have arrived; the next run tells it again",
            )

    def _read(self, response: httpx.Response) -> bytes:
        """The answer, as far as it is needed; a slow drip is not waited for."""
        until = time.monotonic() + 2 * self.timeout_seconds
        said = b""
        for chunk in response.iter_bytes():
            said += chunk
            if len(said) > _LARGEST_ANSWER or time.monotonic() > until:
                break
        return said[:_LARGEST_ANSWER]

    def _judge(self, status: int, wait: float | None, said: bytes) -> None:
        if status in _BUSY or status >= 500:
            error = ChannelUnreachable(f"{self.host} answers HTTP {status}", _LATER)
            error.wait_seconds = wait
            raise error
        if status in _DEAD or 300 <= status < 400:
            raise ChannelUnusable(f"{self.host} answers HTTP {status}", _MEND)
        if not 200 <= status < 300:
            raise MessageRefused(
                f"{self.host} does not take the message: HTTP {status}",
                "compare the channel's shape with what the receiver expects (etl/notify/shapes.yml)",
            )
        if self.shape.success is None:
            return
        code = _code(said, self.shape.success.field)
        # bool is an int in Python: True must not pass for 1, nor False for 0.
        if type(code) is type(self.shape.success.value) and code == self.shape.success.value:
            return
        what = f"{self.host} answers {self.shape.success.field} {json.dumps(code)[:40]}"
        if code in self.shape.busy:
            raise ChannelUnreachable(what, _LATER)
        if code in self.shape.dead:
            raise ChannelUnusable(what, "the token has expired or is wrong: renew it, then run again")
        raise MessageRefused(what, _MEND)


class _Dropped(logging.Filter):
    """httpx logs every address it calls, at level INFO: not ours. Other threads' records pass."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    def filter(self, record: logging.LogRecord) -> bool:
        return record.thread != self._thread


@contextmanager
def _no_addresses_in_logs() -> Iterator[None]:
    dropped = _Dropped()
    log = logging.getLogger("httpx")
    log.addFilter(dropped)
    try:
        yield
    finally:
        log.removeFilter(dropped)


def _code(said: bytes, name: str) -> Any:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        return None
    value = answer.get(name) if isinstance(answer, dict) else None
    return value if isinstance(value, (bool, int, str)) else None


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is not worth a clock."""
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.wait_seconds if isinstance(error, ChannelUnreachable) else None
    doubled = _FIRST_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1)
    return min(asked if asked is not None else doubled, _LONGEST_WAIT_SECONDS)
