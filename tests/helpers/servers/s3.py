"""A real S3 server (moto), and a proxy before it that cuts connections and answers with errors."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

CUT_AFTER = 60_000  # bytes of a request that pass before its connection is cut
ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextlib.contextmanager
def served() -> Iterator[int]:
    """The port of a server in a process of its own, so that coverage does not slow it down."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
                break
            assert server.poll() is None, "the S3 server ended"
            time.sleep(0.05)
        yield port
    finally:
        server.kill()
        server.wait()


class Proxy:
    """Passes connections on to `port`; the next ones suffer `faults`: "cut" in mid-request, or "500"."""

    def __init__(self, port: int) -> None:
        self.port, self.faults, self.suffered = port, list[str](), list[str]()
        self.down = False  # True: every connection is cut
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self.port))
        threading.Thread(target=self._pump, args=(server, client, lambda n: None), daemon=True).start()
        self._pump(client, server, lambda passed: self._suffer(client, passed))

    def _suffer(self, client: socket.socket, passed: int) -> None:
        """Raises OSError when this connection is to end after `passed` bytes."""
        if self.down and passed > CUT_AFTER:
            raise OSError("cut")
        if passed > CUT_AFTER and self.faults:
            fault = self.faults.pop(0)
            self.suffered.append(fault)
            if fault == "500":
                client.sendall(ERROR)
            raise OSError(fault)

    @staticmethod
    def _pump(source: socket.socket, target: socket.socket, look: Callable[[int], None]) -> None:
        passed = 0
        try:
            while data := source.recv(16_384):
                passed += len(data)
                look(passed)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Accept no more connections."""
        self.listener.close()


def environment(url: str, secret: str = "very-secret-key") -> dict[str, str]:
    """What a client's environment says."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "planted-access-key",
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        "NO_PROXY": "127.0.0.1," + os.environ.get("NO_PROXY", ""),
    }
