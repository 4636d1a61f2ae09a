"""A version as the page asks for it: identities by filter, their captures, one image, rejects."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from manifests.contract.schema import PARAMETER_PREFIXES
from manifests.files.layout import IDENTITIES, MANIFEST, REJECTS
from manifests.files.remote import is_remote
from manifests.read.open import DatasetError, Version, data_root
from manifests.read.shards import Shards
from manifests.tools.sql import tables
from palm_models.render.skin import BANDS
from tasks.browse.filters import EXACT, ORDERS, TONE, Filters
from tasks.report.shown import small

PAGE, CAPTURES, ALL = 20, 12, 400  # identities on a page; captures of each, and of one that is alone
REJECTS_PAGE = 120
CHOICES = 50  # values of a filter to choose from
ORDER = "view DESC, capture, sample_id"  # of captures: palms before hands
THUMBNAIL = 160  # px, longest side
CACHE = 128 << 20  # bytes of encoded images held

Row = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A page of identities, each with its captures."""

    identities: list[Row]  # identity_id, label, split, hand, images, and `captures`
    total: int  # identities that pass the filters
    images: int


class Catalogue:
    """One open version; every method may be called from any thread."""

    def __init__(self, version: Version) -> None:
        """Raises DatasetError for a version on a remote store."""
        if is_remote(version.path):
            raise DatasetError(f"{version.path}: copy it to this machine to browse it")
        self.version = version
        self.columns = pq.read_schema(version.path / MANIFEST).names
        self.shards = Shards(data_root(version.path), CACHE)
        self.lock, self.stack = threading.Lock(), ExitStack()
        files = {"manifest": version.path / MANIFEST, "identities": version.path / IDENTITIES}
        if (version.path / REJECTS).is_file():
            files["rejects"] = version.path / REJECTS
        self.connection = self.stack.enter_context(tables(files))
        self.has_rejects = "rejects" in files

    def close(self) -> None:
        """Let go of its files."""
        self.stack.close()

    @property
    def name(self) -> str:
        """Its dataset and version."""
        return f"{self.version.metadata['dataset']} {self.version.metadata['version']}"

    def ask(self, query: str, values: Sequence[Any] = ()) -> list[Row]:
        """The rows that a query of ours answers."""
        with self.lock:
            return rows_of(self.connection, query, values)

    @cached_property
    def choices(self) -> dict[str, list[str]]:
        """The values that each filter may have here."""
        there = {key: column for key, column in EXACT.items() if column in self.columns}
        found = {}
        for key, column in there.items():
            query = (
                f"SELECT DISTINCT {column} AS v FROM manifest WHERE v IS NOT NULL ORDER BY v LIMIT {CHOICES}"
            )
            found[key] = [str(row["v"]) for row in self.ask(query)]
        if TONE in self.columns:
            found["tone"] = list(BANDS)
        return {key: values for key, values in found.items() if len(values) > 1}

    def page(self, filters: Filters) -> Page:
        """The identities of a page, with the captures that pass the filters."""
        where, values = filters.where()
        counted = self.ask(
            f"SELECT count(DISTINCT label) AS identities, count(*) AS images FROM manifest WHERE {where}",
            values,
        )[0]
        identities = self.ask(
            "SELECT any_value(identity_id) AS identity_id, label, any_value(split) AS split,"
            " any_value(hand) AS hand, count(*) AS images"
            f" FROM manifest WHERE {where} GROUP BY label"
            f" ORDER BY {ORDERS[filters.order][1]} NULLS LAST, label"
            f" LIMIT {PAGE} OFFSET {PAGE * (filters.page - 1)}",
            values,
        )
        most = ALL if len(identities) == 1 else CAPTURES
        captures = self.captures([one["label"] for one in identities], filters, most)
        for one in identities:
            one["captures"] = captures.get(one["label"], [])
        return Page(identities, counted["identities"], counted["images"])

    def captures(self, labels: Sequence[int], filters: Filters, most: int) -> dict[int, list[Row]]:
        """Captures of identities by label, at most so many of each."""
        where, values = filters.where()
        wanted = ["sample_id", "label", "view", "capture", "augmented", "shard", "row", "sha256"]
        wanted += [c for c in ("quality", "identity_score") if c in self.columns]
        rows = self.ask(
            f"SELECT {', '.join(wanted)} FROM manifest WHERE label IN ({_marks(labels)}) AND {where}"
            f" QUALIFY row_number() OVER (PARTITION BY label ORDER BY {ORDER}) <= {most}"
            f" ORDER BY label, {ORDER}",
            [*labels, *values],
        )
        found: dict[int, list[Row]] = {}
        for row in rows:
            found.setdefault(row["label"], []).append(row)
        return found

    def row(self, sample: str, label: int | None = None) -> Row | None:
        """All columns of one image; None when there is none; with its label it is found at once."""
        at = "" if label is None else " AND label = ?"
        values = [sample] if label is None else [sample, label]
        found = self.ask(f"SELECT * FROM manifest WHERE sample_id = ?{at}", values)
        return found[0] if found else None

    def beside(self, row: Row) -> tuple[str, str]:
        """The samples before and after one, in its identity."""
        ids = [
            r["sample_id"]
            for r in self.ask(
                f"SELECT sample_id FROM manifest WHERE label = ? ORDER BY {ORDER}",
                [row["label"]],
            )
        ]
        at = ids.index(row["sample_id"])
        return (ids[at - 1] if at else "", ids[at + 1] if at + 1 < len(ids) else "")

    def image(self, row: Row) -> bytes:
        """The encoded image of a row. Raises DatasetError when it cannot be read."""
        with self.lock:
            return self.shards.image(row["shard"], row["row"]).tobytes()

    def thumbnail(self, row: Row) -> bytes:
        """A small WebP of the image of a row."""
        return small(self.image(row), THUMBNAIL)

    def parameters(self, row: Row) -> dict[str, dict[str, Any]]:
        """What a row says, in parts: the image, its capture, its identity."""
        parts: dict[str, dict[str, Any]] = {"Image": {}, "Capture": {}, "Identity": {}}
        for name, value in row.items():
            prefix = next((p for p in PARAMETER_PREFIXES if name.startswith(p)), "")
            part = {"capture_": "Capture", "identity_": "Identity"}.get(prefix, "Image")
            bare = name in ("identity_id", "identity_seed", "identity_score", "capture_seed")
            parts["Image" if bare else part][name if bare else name.removeprefix(prefix)] = _shown(value)
        return {title: facts for title, facts in parts.items() if facts}

    def reasons(self) -> list[Row]:
        """How many images each gate rejected for which reason."""
        if not self.has_rejects:
            return []
        counted = "SELECT gate, reason, count(*) AS images FROM rejects GROUP BY ALL"
        return self.ask(f"{counted} ORDER BY images DESC, gate, reason")

    def rejects(self, gate: str, reason: str, page: int) -> list[Row]:
        """A page of rejects, of one gate and reason or of all; each with its number in the file."""
        if not self.has_rejects:
            return []
        return self.ask(
            "SELECT * EXCLUDE (thumbnail), thumbnail IS NOT NULL AS shown FROM"
            " (SELECT *, row_number() OVER () - 1 AS number FROM rejects)"
            " WHERE (? = '' OR gate = ?) AND (? = '' OR reason = ?)"
            f" ORDER BY number LIMIT {REJECTS_PAGE} OFFSET {REJECTS_PAGE * (page - 1)}",
            [gate, gate, reason, reason],
        )

    def reject_thumbnail(self, number: int) -> bytes | None:
        """The small picture of a reject, where one may be shown."""
        if not self.has_rejects:
            return None
        rows = self.ask("SELECT thumbnail FROM rejects LIMIT 1 OFFSET ?", [number])
        thumbnail: bytes | None = rows[0]["thumbnail"] if rows else None
        return thumbnail


def rows_of(connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[Any]) -> list[Row]:
    """The rows that a query of ours answers; `values` stand where it says ?."""
    found = connection.execute(query, list(values))
    names = [str(column[0]) for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values)) or "NULL"


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(f"{v:.1f}" if isinstance(v, float) else str(v) for v in value)
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.dumps(json.loads(value), indent=1)
        except ValueError:
            return value
    return str(value)


@contextmanager
def opened(*versions: Version) -> Iterator[list[Catalogue]]:
    """The versions as catalogues, closed at the end."""
    with ExitStack() as stack:
        found = [Catalogue(version) for version in versions]
        for one in found:
            stack.callback(one.close)
        yield found


def folder_of(name: str) -> Path:
    """A folder beside this file."""
    return Path(__file__).parent / name
