"""The identities that look most like a palm, by the palm encoder: a reference each, read as time goes."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from manifests.contract.images import decode
from palm_models.measure.encoder import Encoder
from palm_models.shipped import SHIPPED
from tasks.browse.catalogue import Catalogue, Row

MOST = 20_000  # references that are compared with: a sample, evenly spread, of a larger dataset
PATIENCE = 2.0  # seconds that the first question waits for references


@dataclass(frozen=True)
class Near:
    """What was found: rows with their cosine, best first, out of how many references, of how many."""

    rows: list[tuple[Row, float]]
    compared: int
    of: int


class Neighbours:
    """References of a version's identities; a thread embeds them after the first question."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        self.rows: list[Row] = []
        self.vectors: list[NDArray[np.float32]] = []
        self.started, self.ready, self.stop = threading.Lock(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        self.encoder: Encoder | None = None

    def near(self, row: Row, count: int = 12) -> Near:
        """The nearest other identities of a palm. Of a hand there are none: the encoder compares palms."""
        if row["view"] != "palm":
            return Near([], 0, 0)
        with self.started:
            if self.thread is None:
                self._start()
        assert self.encoder is not None
        vector = self._embed(self.encoder, row)
        self.ready.wait(PATIENCE)
        compared = len(self.vectors)  # appended last: there is a row for each
        if not compared:
            return Near([], 0, len(self.rows))
        scores = np.stack(self.vectors[:compared]) @ vector
        order = [int(i) for i in np.argsort(-scores) if self.rows[i]["label"] != row["label"]][:count]
        return Near([(self.rows[i], float(scores[i])) for i in order], compared, len(self.rows))

    def close(self) -> None:
        """Stop embedding."""
        self.stop.set()

    def _start(self) -> None:
        self.encoder = Encoder.load(SHIPPED)
        self.rows = self.catalogue.ask(
            "SELECT * FROM (SELECT arg_min(sample_id, capture) AS sample_id,"
            " arg_min(shard, capture) AS shard, arg_min(row, capture) AS row, label,"
            " any_value(identity_id) AS identity_id"
            " FROM manifest WHERE view = 'palm' AND NOT augmented GROUP BY label)"
            " QUALIFY label % greatest(1, count(*) OVER () // ?) = 0 ORDER BY label",
            [MOST],
        )
        self.thread = threading.Thread(target=self._embed_all, daemon=True)
        self.thread.start()

    def _embed_all(self) -> None:
        assert self.encoder is not None
        for number, row in enumerate(self.rows):
            if self.stop.is_set():
                return
            self.vectors.append(self._embed(self.encoder, row))
            if number + 1 == min(200, len(self.rows)):
                self.ready.set()

    def _embed(self, encoder: Encoder, row: Row) -> NDArray[np.float32]:
        picture = decode(self.catalogue.image(row))
        vector: NDArray[np.float32] = encoder.embed(picture[None])[0]
        return vector
