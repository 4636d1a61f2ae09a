"""A loopback stand-in for Kaggle and its storage, reached as an HTTP proxy so that any free port will do.

KAGGLE_API_ENVIRONMENT=TEST would send the client to the fixed port 7777 and make it print whole answers,
so that nothing is streamed; LOCALHOST sends it to http://localhost, and http_proxy brings that here.
"""

import base64
import contextlib
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

API = "/api/v1/datasets.DatasetApiService/DownloadDataset"
SIGNED = "http://storage.test/archive.zip?X-Goog-Signature=signed-secret"


@dataclass
class Kaggle:
    """What the server does, and what it saw.

    payload: the archive; statuses: HTTP statuses of the next API calls, then 200; cuts: how many downloads
    break off half-way; silent: how many API calls get no answer; md5: what the hash header says, None = the
    truth; retry_after: seconds.
    """

    payload: bytes
    statuses: list[int] = field(default_factory=list)
    storage_statuses: list[int] = field(default_factory=list)
    cuts: int = 0
    silent: int = 0
    md5: str | None = None
    hashed: bool = True
    retry_after: int | None = None
    coded_body: bool = False
    calls: list[tuple[str, str]] = field(default_factory=list)
    ranges: list[str] = field(default_factory=list)
    authorised: list[str] = field(default_factory=list)
    bodies: list[dict[str, object]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> "Kaggle":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()

    @property
    def address(self) -> str:
        """The proxy address to give to the client."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def hash_header(self) -> str:
        """x-goog-hash as Google's storage writes it."""
        true = base64.b64encode(hashlib.md5(self.payload).digest()).decode()
        return f"crc32c=AAAAAA==,md5={self.md5 or true}"


def _handler(kaggle: Kaggle) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        cut = False

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            kaggle.bodies.append(json.loads(self.rfile.read(length) or b"{}"))
            kaggle.calls.append(("POST", urlsplit(self.path).path))
            kaggle.authorised.append(self.headers.get("Authorization", ""))
            if kaggle.silent:
                kaggle.silent -= 1
                kaggle.ended.wait(30)
                self.close_connection = True
                return
            status = kaggle.statuses.pop(0) if kaggle.statuses else 302
            if status == 302:
                self._answer(302, b"", {"Location": SIGNED})
            elif kaggle.coded_body:
                self._answer(200, json.dumps({"code": status, "message": f"code {status}"}).encode())
            else:
                extra = {"Retry-After": str(kaggle.retry_after)} if kaggle.retry_after is not None else {}
                self._answer(status, json.dumps({"message": f"status {status}"}).encode(), extra)

        def do_GET(self) -> None:
            kaggle.calls.append(("GET", self.path))
            kaggle.authorised.append(self.headers.get("Authorization", ""))
            wanted = self.headers.get("Range", "")
            self.cut = kaggle.cuts > 0 and bool(
                wanted or not kaggle.ranges
            )  # else the client drops it unread
            kaggle.ranges.append(wanted)
            if kaggle.storage_statuses:
                self._answer(kaggle.storage_statuses.pop(0), b"<Error/>", {"Content-Type": "application/xml"})
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            body = kaggle.payload[start:]
            headers = {"Accept-Ranges": "bytes", "Content-Type": "application/zip"}
            if kaggle.hashed:
                headers["x-goog-hash"] = kaggle.hash_header()
            self._answer(206 if wanted else 200, body, headers)

        def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body[: len(body) // 2] if self.cut else body)
            if self.cut:
                kaggle.cuts -= 1
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Quiet."""

    return Handler
