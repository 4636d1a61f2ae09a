"""Keeps the page to who opened it: this machine's address, its own requests, no script but its own."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'self'; script-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}
OURS = ("same-origin", "none")  # Sec-Fetch-Site of our own pages, and of an address that was typed


class Guard:
    """Refuses requests that name another host (a rebound DNS name) or that another site's page makes."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        """`hosts`: what the Host header may say, with the port."""
        self.app, self.hosts = app, frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        if scope["type"] != "http":
            return None  # no websockets here
        refused = self._refused(Headers(scope=scope))
        app = PlainTextResponse(refused, 403) if refused else self.app

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await app(scope, receive, sealed)

    def _refused(self, headers: Headers) -> str:
        """Why a request is not answered; "" when it is."""
        if headers.get("host", "") not in self.hosts:
            return "this page answers to the address it was opened at, and to no other name"
        origin = headers.get("origin")
        if origin is not None and origin not in {f"http://{host}" for host in self.hosts}:
            return "another site's page may not ask here"
        if headers.get("sec-fetch-site", "none") not in OURS:
            return "another site's page may not ask here: type the address, or open it from the terminal"
        return ""
