"""Serves the page on the loopback until it is stopped."""

import errno
import socket
from collections.abc import Callable
from contextlib import closing

import uvicorn

from manifests.read.open import Version
from manifests.words import PalmforgeError
from tasks.browse.app import Browser, application, hosts_of
from tasks.browse.catalogue import opened

LOOPBACK = "127.0.0.1"


class ServeError(PalmforgeError):
    """The page cannot be served; the message says what to do."""


def serve(version: Version, older: Version | None, port: int, say: Callable[[str], None]) -> None:
    """Serve `version`, beside it `older`, on this port (0 = any) of the loopback; `say` is told the address.

    Raises ServeError when the port is taken.
    """
    listener = _listen(port)
    port = listener.getsockname()[1]
    with opened(version, *([older] if older else [])) as catalogues, closing(Browser(*catalogues)) as browser:
        app = application(browser, hosts_of(port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        say(f"http://{LOOPBACK}:{port}/")
        server.run(sockets=[listener])


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()  # who comes before the server has started waits, and is not refused
    except OSError as error:
        listener.close()
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise ServeError(
            f"port {port} cannot be had ({error.strerror}): --port 0 takes any that is free"
        ) from None
    return listener
