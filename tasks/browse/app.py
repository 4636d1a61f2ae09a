"""The page's addresses: what each answers, from a version and, where one is given, an older one."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from manifests.read.open import DatasetError
from manifests.words import PalmforgeError
from tasks.browse.catalogue import PAGE, REJECTS_PAGE, Catalogue, Row, folder_of
from tasks.browse.compare import STATES, Comparison
from tasks.browse.filters import ORDERS, Filters
from tasks.browse.guard import Guard
from tasks.browse.neighbours import Neighbours
from tasks.draw.regenerate import regenerate

KEPT = 4096  # thumbnails in memory, some 5 KB each
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}  # a version never changes
MAGIC = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"RIFF": "image/webp"}


class Browser:
    """What the page shows: a version, and an older one to compare it with."""

    def __init__(self, catalogue: Catalogue, older: Catalogue | None = None) -> None:
        self.catalogue, self.older = catalogue, older
        self.neighbours = Neighbours(catalogue)
        self.comparison = Comparison(older.version, catalogue.version) if older else None
        self.pages = Environment(
            loader=FileSystemLoader(folder_of("templates")),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._thumbnail = lru_cache(KEPT)(self._draw_thumbnail)

    def close(self) -> None:
        """Stop what runs and let go of files."""
        self.neighbours.close()
        if self.comparison:
            self.comparison.close()

    def identities(self, query: Mapping[str, str]) -> Response:
        """The first page: identities as rows."""
        filters = Filters.of(query, self.catalogue.columns)
        page = self.catalogue.page(filters)
        orders = {key: said for key, (column, _, said) in ORDERS.items() if column in self.catalogue.columns}
        pages = max(1, -(-page.total // PAGE))
        return self._html(
            "identities.html", "identities", page=page, filters=filters, orders=orders, pages=pages
        )

    def capture(self, query: Mapping[str, str], again: Mapping[str, Any] | None = None) -> Response:
        """One image with all that is known of it."""
        row = self._row(query)
        before, after = self.catalogue.beside(row)
        return self._html(
            "capture.html",
            "",
            row=row,
            parts=self.catalogue.parameters(row),
            before=before,
            after=after,
            again=again,
        )

    def regenerate(self, query: Mapping[str, str]) -> Response:
        """The image drawn again, beside the published one."""
        row = self._row(query)
        try:
            (made,) = regenerate(self.catalogue.version, [row["sample_id"]])
        except PalmforgeError as error:
            return self.capture(query, {"error": str(error), "same": False, "image": ""})
        kind = _kind(made.image)
        image = f"data:{kind};base64,{base64.b64encode(made.image).decode()}" if kind else ""
        return self.capture(query, {"error": "", "same": made.same, "image": image})

    def near(self, query: Mapping[str, str]) -> Response:
        """The identities that look most like one palm."""
        row = self._row(query)
        return self._html("near.html", "", row=row, near=self.neighbours.near(row))

    def rejects(self, query: Mapping[str, str]) -> Response:
        """What the gates kept out."""
        gate, reason, page = query.get("gate", ""), query.get("reason", ""), _page(query)
        reasons = self.catalogue.reasons()
        chosen = [r for r in reasons if gate in ("", r["gate"]) and reason in ("", r["reason"])]
        return self._html(
            "rejects.html",
            "rejects",
            reasons=reasons,
            rows=self.catalogue.rejects(gate, reason, page),
            gate=gate,
            reason=reason,
            number=page,
            pages=max(1, -(-sum(r["images"] for r in chosen) // REJECTS_PAGE)),
        )

    def compare(self, query: Mapping[str, str]) -> Response:
        """Two versions side by side."""
        if self.comparison is None or self.older is None:
            return self.missing("No second version was named: palmforge browse DATASET --with OLDER")
        state, page = query.get("state", ""), _page(query)
        found = self.comparison.page(state, page)
        pages = max(1, -(-found.total // PAGE))
        return self._html(
            "compare.html", "compare", found=found, state=state, states=STATES, number=page, pages=pages
        )

    def thumbnail(self, query: Mapping[str, str]) -> Response:
        """A small picture of an image, or of a reject."""
        if "reject" in query:
            data = self.catalogue.reject_thumbnail(_whole(query["reject"])) or b""
        else:
            data = self._thumbnail(query.get("id", ""), query.get("at", ""), "older" in query)
        return self._picture(data, "image/webp")

    def image(self, query: Mapping[str, str]) -> Response:
        """The published file of an image."""
        data = self.catalogue.image(self._row(query))
        return self._picture(data, _kind(data))

    def _picture(self, data: bytes, kind: str) -> Response:
        if not data or not kind:
            raise DatasetError("there is no picture")
        return Response(data, media_type=kind, headers=FOREVER)

    def _draw_thumbnail(self, sample: str, label: str, older: bool) -> bytes:
        catalogue = self.older if older and self.older else self.catalogue
        return catalogue.thumbnail(self._row({"id": sample, "at": label}, catalogue))

    def _row(self, query: Mapping[str, str], catalogue: Catalogue | None = None) -> Row:
        label = _whole(query["at"]) if query.get("at") else None
        row = (catalogue or self.catalogue).row(query.get("id", ""), label)
        if row is None:
            raise DatasetError("there is no such image")
        return row

    def _html(self, template: str, here: str, **values: Any) -> Response:
        text = self.pages.get_template(template).render(
            catalogue=self.catalogue, older=self.older, here=here, **values
        )
        return HTMLResponse(text, headers={"cache-control": "no-store"})

    def missing(self, said: str) -> Response:
        """What is said of something that is not there."""
        page = self._html("missing.html", "", said=said)
        page.status_code = 404
        return page


def application(browser: Browser, hosts: tuple[str, ...]) -> Guard:
    """The page as an ASGI application that answers to these hosts alone."""

    def answer(method: Callable[[Mapping[str, str]], Response]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            try:
                return await run_in_threadpool(method, dict(request.query_params))
            except (PalmforgeError, OSError) as error:
                return browser.missing(str(error))

        return endpoint

    shown = {
        "/": browser.identities,
        "/capture": browser.capture,
        "/near": browser.near,
        "/rejects": browser.rejects,
        "/compare": browser.compare,
        "/thumbnail": browser.thumbnail,
        "/image": browser.image,
    }
    routes: list[Route | Mount] = [Route(path, answer(method)) for path, method in shown.items()]
    routes.append(Route("/regenerate", answer(browser.regenerate), methods=["POST"]))
    routes.append(Mount("/static", StaticFiles(directory=folder_of("static"))))
    return Guard(Starlette(routes=routes), hosts)


def _page(query: Mapping[str, str]) -> int:
    return max(1, _whole(query.get("page", "1")))


def _whole(text: str) -> int:
    """A whole number that somebody may have typed; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _kind(data: bytes) -> str:
    """The media type of an image by its first bytes, "" when it is none that we publish."""
    return next((kind for magic, kind in MAGIC.items() if data.startswith(magic)), "")


def hosts_of(port: int) -> tuple[str, ...]:
    """What the Host header of a request to this machine may say."""
    return tuple(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
