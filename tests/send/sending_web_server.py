"""A small web server on 127.0.0.1 that takes PUT and, as WebDAV, MOVE and MKCOL; it misbehaves on demand."""

from __future__ import annotations

import base64
import ssl
import threading
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit


class WebReceiver:
    """``webdav`` false: no MOVE and MKCOL, and a PUT is kept only when it is whole. ``faults`` answers the next calls
    of a method: {"PUT": [503, 503]}; "drop" cuts the connection in the middle of the body, "lost" does the work and
    cuts before the answer, "garble" keeps another byte, "beaten"
    lets another file stand under the final name a moment before. ``calls`` are (method, path) as they came in."""

    def __init__(
        self,
        root: Path,
        *,
        token: str | None = None,
        login: tuple[str, str] | None = None,
        webdav: bool = True,
    ) -> None:
        self.root = root
        self.authorization = None
        if token is not None:
            self.authorization = f"Bearer {token}"
        elif login is not None:
            self.authorization = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        self.webdav = webdav
        self.faults: dict[str, list[Any]] = {}
        self.echo_authorization = False
        self.calls: list[tuple[str, str]] = []
        self.media_types: dict[str, str] = {}
        self.final: list[str] = []
        self.stall = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": self}))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.scheme = "http"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def with_tls(self, context: ssl.SSLContext) -> Self:
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.scheme = "https"
        return self

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/kho"

    def __enter__(self) -> Self:
        (self.root / "kho").mkdir(parents=True, exist_ok=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stall.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    receiver: WebReceiver
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the calls are kept."""

    def _path(self, address: str) -> Path:
        return self.receiver.root / unquote(urlsplit(address).path).strip("/")

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _begin(self) -> Any:
        """The fault ordered for this call, or None; False where it has been answered already."""
        receiver = self.receiver
        receiver.calls.append((self.command, unquote(self.path)))
        ordered = receiver.faults.get(self.command) or [None]
        fault = ordered.pop(0)
        length = int(self.headers.get("Content-Length") or 0)
        if fault == "stall":
            receiver.stall.wait(10)
        if fault == "drop":
            self._keep_half(self.rfile.read(length // 2))
            self.close_connection = True
            return False
        self.body = self.rfile.read(length)
        if fault == "garble":
            self.body = b"?" + self.body[1:]
        if receiver.authorization not in (None, self.headers.get("Authorization")):
            self._answer(401, b"who are you")
            return False
        if isinstance(fault, int):
            said = b"no: " + (
                self.headers.get("Authorization", "").encode() if receiver.echo_authorization else b""
            )
            extra = {"Location": "https://elsewhere.example.gov.vn/"} if 300 <= fault < 400 else {}
            self._answer(fault, said, **extra)
            return False
        return fault

    def _keep_half(self, half: bytes) -> None:
        if self.receiver.webdav and self.command == "PUT":
            self._path(self.path).write_bytes(half)

    def do_GET(self) -> None:
        if self._begin() is False:
            return
        path = self._path(self.path)
        if path.is_file():
            content = path.read_bytes()
            self._answer(200, content, ETag=f'"{sha256(content).hexdigest()[:8]}"')
        elif path.is_dir():
            self._answer(301, Location=f"{self.path}/")  # as Apache and nginx do
        else:
            self._answer(404, b"nothing here")

    do_HEAD = do_GET

    def do_PUT(self) -> None:
        fault = self._begin()
        if fault is False:
            return
        path = self._path(self.path)
        self._beaten(fault, path)
        if self.headers.get("If-None-Match") == "*" and path.exists():
            return self._answer(412)
        if not self.receiver.webdav:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.parent.is_dir():
            return self._answer(409, b"no such collection")
        path.write_bytes(self.body)
        self.receiver.media_types[path.name] = self.headers["Content-Type"]
        if not path.name.endswith(".part"):
            self._stands(path)
        if fault == "lost":
            self.close_connection = True
            return None
        return self._answer(201, ETag=f'"{sha256(self.body).hexdigest()[:8]}"')

    def do_MOVE(self) -> None:
        fault = self._begin()
        if fault is False:
            return
        if not self.receiver.webdav:
            return self._answer(501)
        new = self._path(self.headers["Destination"])
        self._beaten(fault, new)
        if self.headers["Overwrite"] == "F" and new.exists():
            return self._answer(412)
        self._path(self.path).rename(new)
        self._stands(new)
        if fault == "lost":
            self.close_connection = True
            return None
        return self._answer(201, ETag='"moved"')

    def do_MKCOL(self) -> None:
        if self._begin() is False:
            return
        path = self._path(self.path)
        if path.exists():
            return self._answer(405)
        if not path.parent.is_dir():
            return self._answer(409)
        path.mkdir()
        return self._answer(201)

    def do_DELETE(self) -> None:
        if self._begin() is False:
            return
        self._path(self.path).unlink(missing_ok=True)
        self._answer(204)

    def _beaten(self, fault: object, path: Path) -> None:
        if fault == "beaten":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"theirs")

    def _stands(self, path: Path) -> None:
        self.receiver.final.append(path.relative_to(self.receiver.root).as_posix())
