"""Releases by HTTP PUT: WebDAV (temporary name, then MOVE) or a plain server that takes PUT.

A redirect is never followed: the token or password would go to whoever is named there.
"""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote

import httpx
from pydantic import SecretStr

from etl import __version__
from etl.errors import Terminal, Transient
from etl.send.deposit import Held, Occupied, Place
from etl.send.outgoing import OutgoingFile
from etl.send.targets import HttpPutTarget
from etl.send.tls import certificate_problem, tls_context

_WORDS_BYTES = 2048
# Too early, too many requests, time-out, locked (WebDAV): the same call may work later.
_LATER = frozenset([408, 423, 425, 429])
# 507 Insufficient Storage is a 5xx, but only a person makes room.
_FULL = frozenset([413, 507])


@dataclass(frozen=True)
class _Answer:
    status: int
    headers: httpx.Headers
    digest: str
    size: int
    words: str

    @property
    def fine(self) -> bool:
        return 200 <= self.status < 300


class HttpStore:
    """``etl.send.deposit.Store`` over HTTP; a context manager."""

    def __init__(self, target: HttpPutTarget, token: SecretStr | None, password: SecretStr | None) -> None:
        self.renames = target.rename == "move"
        self._target = target
        self._made: set[Place] = set()
        self._said = "every file was there already"
        headers = {"User-Agent": f"bochiso/{__version__}", "Accept-Encoding": "identity", **target.headers}
        auth = None
        if token is not None:
            plain = token.get_secret_value()
            if not plain.isascii() or " " in plain:
                raise Terminal(
                    f"{target.name}: the token holds letters that no HTTP header can carry",
                    "copy the token again, without spaces",
                )
            headers["Authorization"] = f"Bearer {plain}"
        elif password is not None and target.user is not None:
            auth = httpx.BasicAuth(target.user, password.get_secret_value())
        self._http = httpx.Client(
            headers=headers,
            auth=auth,
            verify=_trust(target),
            timeout=httpx.Timeout(target.timeout_seconds),
            follow_redirects=False,
            trust_env=False,  # a ~/.netrc or proxy variable must not decide who gets the documents
            limits=httpx.Limits(max_connections=1),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def make_folder(self, place: Place) -> None:
        """MKCOL for each level below the base; servers without WebDAV make folders by themselves."""
        if not self.renames:
            return
        for depth in range(1, len(place) + 1):
            level = place[:depth]
            if level in self._made:
                continue
            answer = self._ask("MKCOL", level, folder=True)
            if not answer.fine and answer.status != 405:  # 405: it is there
                raise self._refusal(answer, f"MKCOL {'/'.join(level)}/")
            self._made.add(level)

    def compare(self, place: Place, file: OutgoingFile, *, content: bool) -> Held:
        name = "/".join(place)
        if not content or self._target.verify == "size":
            answer = self._ask("HEAD", place)
            if answer.status not in (405, 501):
                return self._by_size(answer, file, name)
            if self._target.verify == "size":
                raise self._refusal(answer, f"HEAD {name}")
        answer = self._ask("GET", place, at_most=file.size)
        if answer.status in (404, 410):
            return Held.NOTHING
        if answer.status != 200:
            raise self._refusal(answer, f"GET {name}")
        return Held.SAME if (answer.size, answer.digest) == (file.size, file.sha256) else Held.OTHER

    def _by_size(self, answer: _Answer, file: OutgoingFile, name: str) -> Held:
        if answer.status in (404, 410):
            return Held.NOTHING
        if answer.status != 200:
            raise self._refusal(answer, f"HEAD {name}")
        length = answer.headers.get("content-length", "")
        if not length.isdecimal():
            raise Terminal(
                f"{self._target.name}: the server does not tell the size of {name}",
                "set verify: content for this target, so that files are read back",
            )
        return Held.SAME if int(length) == file.size else Held.OTHER

    def upload(self, place: Place, file: OutgoingFile, data: bytes) -> None:
        headers = {"Content-Type": file.media_type}
        if not self.renames:
            headers["If-None-Match"] = "*"
        answer = self._ask("PUT", place, headers=headers, data=data)
        if answer.status == 412 and not self.renames:
            raise Occupied
        self._expect(answer, f"PUT {'/'.join(place)}")

    def rename(self, source: Place, target: Place) -> None:
        headers = {"Destination": self._url(target), "Overwrite": "F"}
        answer = self._ask("MOVE", source, headers=headers)
        if answer.status == 412:
            raise Occupied
        self._expect(answer, f"MOVE {'/'.join(source)}")

    def discard(self, place: Place) -> None:
        answer = self._ask("DELETE", place)
        if not answer.fine and answer.status not in (404, 410):
            raise self._refusal(answer, f"DELETE {'/'.join(place)}")

    def receipt(self) -> str:
        how = "SHA-256" if self._target.verify == "content" else "size"
        return f"{self._said}; asked back over HTTP, {how} of every file agrees"

    def _expect(self, answer: _Answer, doing: str) -> None:
        if not answer.fine:
            raise self._refusal(answer, doing)
        tag = answer.headers.get("etag")
        self._said = f"{doing}: HTTP {answer.status}" + (f", ETag {_plain(tag)}" if tag else "")

    def _url(self, place: Place, *, folder: bool = False) -> str:
        path = "/".join(quote(segment, safe="") for segment in place)
        return f"{self._target.url}/{path}{'/' if folder else ''}"

    def _ask(
        self,
        method: str,
        place: Place,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
        at_most: int = _WORDS_BYTES,
        folder: bool = False,
    ) -> _Answer:
        """One call. Of the body no more than ``at_most`` bytes and one piece are read. Raises on network and TLS."""
        name, doing = self._target.name, f"{method} {'/'.join(place)}"
        url = self._url(place, folder=folder)
        try:
            with self._http.stream(method, url, headers=dict(headers or {}), content=data) as response:
                digest, size, words = _read(response.iter_raw(), at_most)
                return _Answer(response.status_code, response.headers, digest, size, words)
        except httpx.TransportError as error:
            if problem := certificate_problem(error):
                raise Terminal(
                    f"{name}: the server's certificate is not accepted: {problem}",
                    "nothing was sent; check url with the receiver. A certificate of the receiver's own authority is"
                    " trusted by naming that authority's file in ca_file",
                ) from error
            raise Transient(
                f"{name}: no answer to {doing} ({type(error).__name__}: {error})",
                "the next try sends what is missing; check network and server if it stays so",
            ) from error

    def _refusal(self, answer: _Answer, doing: str) -> Terminal | Transient:
        status = answer.status
        what = f"{self._target.name}: {doing} was answered with HTTP {status} {_plain(answer.words)}".rstrip()
        if status in _FULL:
            return Terminal(
                what, "the server has no room for it: ask the receiver to make room, then send again"
            )
        if status == 501 or status == 405:
            return Terminal(
                what,
                "the server does not know this method: without MOVE set rename: none; without GET set verify: size",
            )
        if status >= 500 or status in _LATER:
            return Transient(
                what, "the server has a fault of its own or is busy; the next try sends what is missing"
            )
        if status in (401, 403, 407):
            return Terminal(
                what, "check token, user and password with the receiver, and the right to write there"
            )
        if 300 <= status < 400:
            return Terminal(
                what, "the server sends us elsewhere, where we do not follow: put the right address into url"
            )
        if status in (404, 409):
            return Terminal(
                what, "the folder in url is not there: correct url, or ask the receiver to make it"
            )
        return Terminal(what, "ask the receiver what the server expects; the answer's words are above")


def _trust(target: HttpPutTarget) -> ssl.SSLContext:
    if target.url.startswith("http://") and target.ca_file is None:
        return ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )  # never used, trusts nobody; saves reading 150 authorities
    return tls_context(target.name, target.ca_file)


def _read(pieces: Iterable[bytes], at_most: int) -> tuple[str, int, str]:
    """Hash, size and first words of a body; stops as soon as it is longer than it may be."""
    digest, size, words = hashlib.sha256(), 0, b""
    for piece in pieces:
        digest.update(piece)
        size += len(piece)
        words = (words + piece)[:_WORDS_BYTES]
        if size > at_most:
            break
    return digest.hexdigest(), size, words.decode("utf-8", "replace")


def _plain(text: str, longest: int = 160) -> str:
    """A server's words on one line, without control characters."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return shown[:longest]
