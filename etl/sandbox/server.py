"""A portal of one's own on 127.0.0.1, over real HTTP.

It answers as the national portal's current API does: POST with a JSON body, success is
201, JSON in the envelope ``{"code", "data", "message"}`` (``docs/portal.md``). What
it says comes from a data source; how it fails comes from a Fault.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from etl.errors import EnvironmentUnfit
from etl.sandbox.contract import ENDPOINTS, BadRequest, Question
from etl.sandbox.misbehaviour import Fault, Reply, envelope

BASE_PATH = "/api/v1/reporting"

# A day of the largest run is 612 calls (34 provinces × 6 groups × 3 open periods).
_REQUESTS_KEPT = 5_000
# The longest real request has about 200 bytes.
_LARGEST_REQUEST = 64 * 1024
# SO_LINGER on with zero seconds: close() sends RST instead of FIN.
_ABORT = struct.pack("ii", 1, 0)


class DataSource(Protocol):
    """Where the answers come from."""

    def answer(self, endpoint: str, request: dict[str, object]) -> bytes | None:
        """The body for a request to ``evaluation/…`` or ``formalities``; None = no such data."""
        ...


class ReceivedRequest(NamedTuple):
    """One POST as it arrived; ``at`` is ``time.monotonic()`` seconds."""

    endpoint: str
    request: dict[str, object]
    user_agent: str
    at: float


class SandboxServer:
    """The sandbox as a context manager. ``url`` is the base a client is given.

    >>> with SandboxServer(SamplePortal()) as server:
    ...     httpx.post(f"{server.url}/evaluation/transparency", json={...})

    ``port`` 0 takes a free one. Raises EnvironmentUnfit when the port is taken.
    """

    def __init__(self, source: DataSource, fault: Fault | None = None, port: int = 0) -> None:
        self._source = source
        self._fault = fault
        self._requests: deque[ReceivedRequest] = deque(maxlen=_REQUESTS_KEPT)
        self._stopping = Event()
        try:
            self._http = _Listener(self, port)
        except (OSError, OverflowError) as error:
            raise EnvironmentUnfit(
                f"port {port} of 127.0.0.1 cannot be used: {error}", "choose another port, or 0 for any"
            ) from error
        self.port: int = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}{BASE_PATH}"
        self._thread = Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, name="sandbox", daemon=True
        )

    @property
    def requests(self) -> list[ReceivedRequest]:
        """The POSTs received, oldest first; the last 5,000 are kept."""
        return list(self._requests)

    def misbehave(self, fault: Fault | None) -> None:
        """Change how it misbehaves from the next request on; None = behave."""
        self._fault = fault

    def start(self) -> Self:
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening and cut every open connection, waiting ones too."""
        self._stopping.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()
        self._http.cut_connections()

    def wait(self) -> None:
        """Block until ``stop`` is called from elsewhere (or Ctrl+C)."""
        while not self._stopping.wait(0.5):
            pass

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def pause(self, seconds: float) -> bool:
        """Wait, but no longer than the server lives. True when the wait was cut short."""
        return self._stopping.wait(seconds)

    def reply_to(self, path: str, body: bytes, user_agent: str) -> Reply:
        """What a POST gets. The fault, if any, has the last word on a well-formed request."""
        endpoint = path.partition("?")[0].removeprefix(BASE_PATH).strip("/")
        if not path.startswith(BASE_PATH + "/") or endpoint not in ENDPOINTS:
            return envelope(404, "NOT_FOUND", f"Cannot POST {path}")
        try:
            request = json.loads(body)
        except ValueError:
            return envelope(400, "BAD_REQUEST", "the body is not JSON")
        if not isinstance(request, dict):
            return envelope(400, "BAD_REQUEST", "the body is not a JSON object")
        self._requests.append(ReceivedRequest(endpoint, request, user_agent, time.monotonic()))
        try:
            Question.read(endpoint, request)
            found = self._source.answer(endpoint, request)
        except BadRequest as error:
            return envelope(400, "BAD_REQUEST", error.message)
        reply = envelope(404, "NOT_FOUND", "Không tìm thấy dữ liệu") if found is None else Reply(201, found)
        fault = self._fault
        return reply if fault is None else fault.apply(endpoint, request, reply)


class _Listener(ThreadingHTTPServer):
    """Keeps count of open connections, so that stopping ends them: a kept-alive client
    would otherwise go on being served by a server that has been shut down."""

    daemon_threads = True

    def __init__(self, sandbox: SandboxServer, port: int) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._lock = Lock()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._open.discard(request)
        # shutdown() before close() would say FIN, and a reset must not.
        if request.fileno() == -1 or request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == _ABORT:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def cut_connections(self) -> None:
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is its own business; the sandbox stays quiet."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "bochiso-sandbox"
    sys_version = ""
    disable_nagle_algorithm = True
    server: _Listener

    def do_POST(self) -> None:
        body = self._body()
        if body is None:
            self.close_connection = True
            self._send(envelope(400, "BAD_REQUEST", f"a body of at most {_LARGEST_REQUEST} bytes is needed"))
            return
        sandbox = self.server.sandbox
        reply = sandbox.reply_to(self.path, body, self.headers.get("User-Agent", ""))
        if reply.wait_seconds and sandbox.pause(reply.wait_seconds):
            self.close_connection = True
            return
        self._send(reply)

    def _refuse_method(self) -> None:
        self.close_connection = True  # a body, if there is one, was not read
        reply = envelope(405, "METHOD_NOT_ALLOWED", f"{self.command} is not allowed")
        self._send(Reply(405, reply.body, headers=(("Allow", "POST"),)))

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _refuse_method

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _LARGEST_REQUEST:
            return None
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        self.send_header("content-type", reply.content_type)
        self.send_header("content-length", str(len(reply.body)))
        for name, value in reply.headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if reply.reset:
            self.wfile.write(reply.body[: len(reply.body) // 2])
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
            self.close_connection = True
            return
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: ``SandboxServer.requests`` is the record."""
