"""One well-mannered HTTP client for the portal's current API.

Sequential, paced, honest about who it is. It retries network failures and 5xx only; on
anything that says "go away" it stops and asks for a person (``source.yml``, manners).
"""

from __future__ import annotations

import json
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from etl import __version__
from etl.errors import (
    PortalAnswerUnreadable,
    PortalFault,
    PortalHasNoSuchData,
    PortalRefused,
    PortalUnreachable,
)
from etl.settings import Settings

_GO_AWAY = (401, 403, 406, 429)
# The largest real answer seen is 0.3 MB; ten times a national page is still far below this.
_LARGEST_ANSWER = 64 * 1024 * 1024
# Real answers nest six deep; what is far beyond would exhaust whoever walks it.
_DEEPEST_NESTING = 64
_SUPPORT_ID = re.compile(rb"[Ss]upport ID[^0-9]{0,20}(\d{4,30})")


@dataclass(frozen=True)
class Reply:
    """One successful answer: the bytes as received and their parsed ``data`` (numbers as Decimal)."""

    endpoint: str
    address: str
    request: Mapping[str, Any]
    status: int
    body: bytes
    data: Mapping[str, Any]
    received_at: datetime


class PortalClient:
    """Context manager around one connection. ``clock`` gives aware datetimes; ``sleep`` waits seconds."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._last_call: float | None = None
        self._http = httpx.Client(
            headers={
                "User-Agent": f"bochiso/{__version__} (public index statistics; contact: "
                + _plain_letters(settings.portal_contact)
                + ")",
                "Accept": "application/json",
            },
            timeout=httpx.Timeout(
                settings.portal_read_timeout_seconds, connect=settings.portal_connect_timeout_seconds
            ),
            follow_redirects=False,
            limits=httpx.Limits(max_connections=1),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ask(self, endpoint: str, request: Mapping[str, Any]) -> Reply:
        """POST one question and return the answer.

        Raises PortalRefused (401, 403, 406, 429, firewall page), PortalHasNoSuchData (404),
        PortalAnswerUnreadable (not the contract) or PortalUnreachable (network, 5xx, after
        ``portal_attempts`` tries).
        """
        retrying = Retrying(
            retry=retry_if_exception_type(PortalUnreachable),
            stop=stop_after_attempt(self._settings.portal_attempts),
            wait=wait_exponential(multiplier=self._settings.portal_retry_wait_seconds, max=60),
            sleep=self._sleep,
            retry_error_callback=_give_up,
            reraise=False,
        )
        reply: Reply = retrying(self._ask_once, endpoint, request)
        return reply

    def _ask_once(self, endpoint: str, request: Mapping[str, Any]) -> Reply:
        self._pace()
        url = f"{self._settings.portal_base}/{endpoint}"
        try:
            with self._http.stream("POST", url, json=dict(request)) as response:
                body = _read_bounded(response, endpoint)
        except httpx.TransportError as error:
            raise PortalUnreachable(
                f"{endpoint}: no answer from the portal ({type(error).__name__}: {error})",
                "check the network and the portal's page in a browser; the next run tries again",
            ) from error
        except httpx.DecodingError as error:
            raise PortalAnswerUnreadable(
                f"{endpoint}: the answer's compression is damaged ({error})",
                "run again later; if it stays so, compare with the contract in docs/portal.md",
            ) from error
        finally:
            self._last_call = time.monotonic()
        reply = Reply(
            endpoint=endpoint,
            address=self._settings.portal_base,
            request=dict(request),
            status=response.status_code,
            body=body,
            data={},
            received_at=self._clock(),
        )
        try:
            _check_status(endpoint, response, body)
            return replace(reply, data=_open_envelope(endpoint, body))
        except PortalFault as error:
            error.evidence = reply
            raise

    def _pace(self) -> None:
        """Leave ``portal_pause_seconds`` between the end of one call and the start of the next."""
        if self._last_call is not None:
            wait = self._settings.portal_pause_seconds - (time.monotonic() - self._last_call)
            if wait > 0:
                self._sleep(wait)


def _plain_letters(text: str) -> str:
    """A header holds plain letters only: "Văn phòng" becomes "Van phong", not "V?n ph?ng"."""
    bare = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    return bare.encode("ascii", "ignore").decode()


def _give_up(state: RetryCallState) -> Any:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, PortalUnreachable):
        raise PortalUnreachable(
            f"{error.message}, after {state.attempt_number} tries", error.remedy
        ) from error
    raise RuntimeError("a retry ended without an outcome")


def _read_bounded(response: httpx.Response, endpoint: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > _LARGEST_ANSWER:
            raise PortalAnswerUnreadable(
                f"{endpoint}: the answer is larger than {_LARGEST_ANSWER:,} bytes",
                "look at the address in BOCHISO_PORTAL_URL: this is not the portal's answer",
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _check_status(endpoint: str, response: httpx.Response, body: bytes) -> None:
    status = response.status_code
    html = "html" in response.headers.get("content-type", "").lower() or body.lstrip()[:1] == b"<"
    support = _SUPPORT_ID.search(body) if html else None
    if status in _GO_AWAY or (html and status < 500):
        what = f"HTTP {status}" + (" with the firewall's HTML page" if html else "")
        if support:
            what += f" (Support ID {support.group(1).decode()})"
        raise PortalRefused(
            f"{endpoint}: the portal refuses this client: {what}",
            "do not run again at once, and never change the program's name or address to get through; look at the "
            "portal in a browser and write to its operators with the time and the Support ID (docs/runbooks)",
        )
    if status >= 500:
        raise PortalUnreachable(
            f"{endpoint}: the portal answers HTTP {status}",
            "the portal has a fault of its own; the next run tries again",
        )
    if status == 404:
        raise PortalHasNoSuchData(
            f"{endpoint}: the portal has no such data (HTTP 404)",
            "check the period and the province; if both are right, the portal has moved this address "
            "and etl/sources/national_portal/source.yml must follow",
        )
    if status not in (200, 201):
        raise PortalAnswerUnreadable(
            f"{endpoint}: unexpected HTTP {status}: {body[:120].decode('utf-8', 'replace')!r}",
            "compare with the contract in docs/portal.md; the portal may have changed",
        )


def _open_envelope(endpoint: str, body: bytes) -> Mapping[str, Any]:
    """``data`` of ``{"code": "OK", "data": {…}}``; decimals stay exact."""
    try:
        envelope = parse_json(body)
    except ValueError as error:
        raise PortalAnswerUnreadable(
            f"{endpoint}: the answer is not whole JSON ({len(body):,} bytes): {error}",
            "run again later; if it stays so, compare with the contract in docs/portal.md",
        ) from error
    if not isinstance(envelope, dict) or envelope.get("code") != "OK":
        code = envelope.get("code") if isinstance(envelope, dict) else type(envelope).__name__
        said = envelope.get("message") if isinstance(envelope, dict) else None
        raise PortalAnswerUnreadable(
            f"{endpoint}: the portal answers code {code!r} instead of 'OK' (message: {said!r})",
            "the portal did not accept the request: check period and province, then compare with docs/portal.md",
        )
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise PortalAnswerUnreadable(
            f"{endpoint}: the answer's data is {type(data).__name__}, not an object",
            "compare with the contract in docs/portal.md; the portal may have changed",
        )
    return data


def parse_json(body: bytes) -> Any:
    """JSON with exact decimals. Raises ValueError, also on NaN and Infinity, on a key written
    twice in one object (one of its values would be lost unseen) and on nesting beyond reason."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_no_constant,
            object_pairs_hook=_no_second_key,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    _refuse_deep(value)
    return value


def _no_second_key(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return record


def _refuse_deep(value: Any) -> None:
    level: list[Any] = [value]
    for _ in range(_DEEPEST_NESTING):
        level = [child for box in level for child in _children(box)]
        if not level:
            return
    raise ValueError(f"it is nested more than {_DEEPEST_NESTING} deep")


def _children(box: Any) -> Iterable[Any]:
    if isinstance(box, dict):
        return box.values()
    return box if isinstance(box, list) else ()


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
