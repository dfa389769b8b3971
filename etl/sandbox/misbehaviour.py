"""The ways the real portal fails, on order.

Every kind was met by someone (``docs/portal.md``) except ``flaky``, which is the
mild form of ``reset`` that a retry must get over. A kind changes the *reply*, so it works
the same over generated data and over captures.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock

from etl.sandbox.contract import DIGITIZED, GROUP_ENDPOINTS, full_endpoint

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"

# Every fifth unit is lost: 33 of 163 in the real province, far above any tolerance.
_LOSE_EVERY = 5


class Misbehaviour(StrEnum):
    """What goes wrong. The value is the word used on the command line."""

    FORBIDDEN = "forbidden"
    TOO_MANY_REQUESTS = "too_many_requests"
    HTML = "html"
    RESET = "reset"
    SLOW = "slow"
    TRUNCATED = "truncated"
    SERVER_ERROR = "server_error"
    CODE_NOT_OK = "code_not_ok"
    GROUP_MISSING = "group_missing"
    UNITS_MISSING = "units_missing"
    FLAKY = "flaky"


@dataclass(frozen=True)
class Reply:
    """What goes over the wire: ``wait_seconds`` first, then the answer.

    ``reset`` cuts the connection with a TCP RST after half the body.
    """

    status: int
    body: bytes
    content_type: str = JSON_TYPE
    headers: tuple[tuple[str, str], ...] = ()
    wait_seconds: float = 0.0
    reset: bool = False


def envelope(status: int, code: str, message: str) -> Reply:
    """An answer without data, in the portal's envelope."""
    return Reply(status, to_json({"code": code, "data": None, "message": message}))


def to_json(answer: object) -> bytes:
    """Bytes as the portal writes them: UTF-8, no spaces."""
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Fault:
    """One ordered misbehaviour.

    ``only`` restricts it to endpoints ("transparency" or "evaluation/transparency"; None = all,
    for ``group_missing`` dossier-digitized). ``times`` limits how many answers misbehave
    (None = every one). ``seconds`` is how long ``slow`` waits: 90 outlasts the 60 s read
    time-out of a patient client.
    """

    kind: Misbehaviour
    only: frozenset[str] | None = None
    times: int | None = None
    seconds: float = 90.0
    _done: int = field(default=0, init=False, repr=False)
    _seen: set[str] = field(default_factory=set, init=False, repr=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self.kind = Misbehaviour(self.kind)
        if self.only is not None:
            self.only = frozenset(full_endpoint(name) for name in self.only)
        elif self.kind is Misbehaviour.GROUP_MISSING:
            self.only = frozenset({DIGITIZED})

    @property
    def done(self) -> int:
        """How many answers have misbehaved so far."""
        return self._done

    def apply(self, endpoint: str, request: Mapping[str, object], reply: Reply) -> Reply:
        """The reply as the misbehaving portal gives it; unchanged when it is not its turn."""
        with self._lock:
            if self.only is not None and endpoint not in self.only:
                return reply
            if self.times is not None and self._done >= self.times:
                return reply
            if self.kind is Misbehaviour.FLAKY:
                key = f"{endpoint} {json.dumps(request, sort_keys=True)}"
                if key in self._seen:
                    return reply
                self._seen.add(key)
            changed = self._spoil(endpoint, reply)
            if changed is not reply:
                self._done += 1
            return changed

    def _spoil(self, endpoint: str, reply: Reply) -> Reply:
        match self.kind:
            case Misbehaviour.SLOW:
                return replace(reply, wait_seconds=self.seconds)
            case Misbehaviour.RESET | Misbehaviour.FLAKY:
                return replace(reply, reset=True)
            case Misbehaviour.TRUNCATED if reply.status == 201:
                return replace(reply, body=reply.body[: len(reply.body) // 2])
            case Misbehaviour.UNITS_MISSING if reply.status == 201 and endpoint in GROUP_ENDPOINTS:
                return replace(reply, body=_without_every_fifth_unit(reply.body))
            case Misbehaviour.CODE_NOT_OK if reply.status == 201:
                return envelope(201, "ERROR", "Hệ thống đang bận, vui lòng thử lại sau.")
            case kind if kind in _WHOLE_REPLIES:
                return _WHOLE_REPLIES[kind]()
        return reply


def _without_every_fifth_unit(body: bytes) -> bytes:
    """Drop units from the list but leave ``pagination.total`` as the portal counted it."""
    answer = json.loads(body)
    for key in ("evaluation", "children"):
        units = answer["data"].get(key)
        if units:
            kept = [unit for place, unit in enumerate(units) if place % _LOSE_EVERY != _LOSE_EVERY - 1]
            answer["data"][key] = kept if len(kept) < len(units) else units[:-1]
    return to_json(answer)


def _forbidden() -> Reply:
    return Reply(403, b"<html><head><title>403 Forbidden</title></head></html>", HTML_TYPE)


def _too_many_requests() -> Reply:
    return envelope(429, "TOO_MANY_REQUESTS", "Too many requests")


def _request_rejected() -> Reply:
    # The firewall's page, word for word as peers report it; the support id is made up.
    page = (
        "<html><head><title>Request Rejected</title></head><body>The requested URL was rejected. "
        "Please consult with your administrator.<br><br>Your support ID is: 7660000000000000766"
        "<br><br><a href='javascript:history.back();'>[Go Back]</a></body></html>"
    )
    return Reply(200, page.encode(), HTML_TYPE)


def _server_error() -> Reply:
    return envelope(500, "INTERNAL_SERVER_ERROR", "Internal server error")


def _group_missing() -> Reply:
    return envelope(404, "NOT_FOUND", "Không tìm thấy dữ liệu")


_WHOLE_REPLIES: dict[Misbehaviour, Callable[[], Reply]] = {
    Misbehaviour.FORBIDDEN: _forbidden,
    Misbehaviour.TOO_MANY_REQUESTS: _too_many_requests,
    Misbehaviour.HTML: _request_rejected,
    Misbehaviour.SERVER_ERROR: _server_error,
    Misbehaviour.GROUP_MISSING: _group_missing,
}
