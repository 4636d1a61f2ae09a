"""Two versions side by side: which images are the same, changed, new or gone, by identity."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from manifests.files.layout import MANIFEST
from manifests.read.open import Version
from manifests.tools.sql import tables
from tasks.browse.catalogue import ORDER, Row, rows_of

PAGE, CAPTURES = 20, 12
STATES = ("changed", "new", "gone", "same")
PAIRS = (
    "SELECT coalesce(a.identity_id, b.identity_id) AS identity_id, sample_id,"
    " coalesce(b.label, a.label) AS label, a.label AS older, coalesce(b.view, a.view) AS view,"
    " coalesce(b.capture, a.capture) AS capture,"
    " a.sha256 IS NOT NULL AS before, b.sha256 IS NOT NULL AS after,"
    " CASE WHEN a.sha256 IS NULL THEN 'new' WHEN b.sha256 IS NULL THEN 'gone'"
    " WHEN a.sha256 = b.sha256 THEN 'same' ELSE 'changed' END AS state"
    " FROM before a FULL JOIN after b USING (sample_id)"
)


@dataclass(frozen=True)
class Compared:
    """A page of identities with their pairs of images."""

    identities: list[Row]  # identity_id, changed, new, gone, same, `captures`
    total: int
    counts: dict[str, int]  # images by state, in both versions whole


class Comparison:
    """An older and a newer version."""

    def __init__(self, before: Version, after: Version) -> None:
        self.lock, self.stack = threading.Lock(), ExitStack()
        files = {"before": before.path / MANIFEST, "after": after.path / MANIFEST}
        self.connection = self.stack.enter_context(tables(files))

    def close(self) -> None:
        """Let go of its files."""
        self.stack.close()

    def ask(self, query: str, values: list[Any]) -> list[Row]:
        """The rows that a query of ours answers."""
        with self.lock:
            return rows_of(self.connection, query, values)

    def page(self, state: str, page: int) -> Compared:
        """A page of the identities with an image in this state, of all when it is none of STATES."""
        counts = ", ".join(f"count(*) FILTER (state = '{name}') AS {name}" for name in STATES)
        having = f"HAVING {state} > 0" if state in STATES else ""
        grouped = (
            f"SELECT identity_id, min(label) AS label, {counts} FROM ({PAIRS}) GROUP BY identity_id {having}"
        )
        whole = self.ask(f"SELECT {counts} FROM ({PAIRS})", [])[0]
        total = self.ask(f"SELECT count(*) AS n FROM ({grouped})", [])[0]["n"]
        shown = self.ask(
            f"SELECT * FROM ({grouped}) ORDER BY same = 0 DESC, label, identity_id LIMIT {PAGE} OFFSET ?",
            [PAGE * (page - 1)],
        )
        for one in shown:
            one["captures"] = self.ask(
                f"SELECT * FROM ({PAIRS}) WHERE identity_id = ? ORDER BY {ORDER} LIMIT ?",
                [one["identity_id"], CAPTURES],
            )
        return Compared(shown, total, {name: whole[name] for name in STATES})
