"""A bounded sample of the palms of a published version, and of aligned photographs beside them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.files.advice import reading
from manifests.files.layout import MANIFEST
from manifests.read.open import Version
from manifests.words import VIEWS, View
from palm_models.hand.frame import frame_matrix
from palm_models.photo.pyramid import Pyramid

SIDE = 128  # px, side of the palms that are measured
IMAGES, CAPTURES, REAL = 800, 8, 300  # at most: images, of one identity, aligned photographs

Pictures = NDArray[np.uint8]


@dataclass(frozen=True)
class Sampled:
    """Palms with their manifest rows, identities standing together."""

    pictures: Pictures  # (n, SIDE, SIDE, 3)
    rows: Sequence[Mapping[str, Any]]

    @property
    def labels(self) -> NDArray[np.int64]:
        """The identity of each palm."""
        return np.array([row["label"] for row in self.rows], np.int64)


def sample(version: Version, seed: int, images: int = IMAGES) -> Sampled:
    """The first captures of identities drawn by seed: none augmented, of view palm where there is one."""
    total = version.identity_count
    views = counts(version, "view")
    view = next(view for view in VIEWS if view in views)  # the palm, where there is one
    plain = counts(version, "augmented")["False"] / (total * len(views))
    per_identity = max(2, min(CAPTURES, round(plain)))
    chosen = np.random.default_rng(seed).permutation(total)[: max(2, images // per_identity)]
    tables, seen = [], Counter[int]()
    with reading(version.path / MANIFEST), pq.ParquetFile(version.path / MANIFEST) as file:
        for batch in file.iter_batches(8192):
            table = pa.table(batch)
            wanted = np.isin(table["label"].to_numpy(), chosen) & (table["view"].to_numpy() == view)
            wanted &= ~table["augmented"].to_numpy()
            places = []
            for place in np.flatnonzero(wanted):
                label = table["label"][int(place)].as_py()
                seen[label] += 1
                places += [place] if seen[label] <= per_identity else []
            tables.append(table.take(pa.array(places, pa.int64())))
    rows = pa.concat_tables(tables)
    listed = rows.to_pylist()
    pictures = [
        palm(decode(data), view, np.reshape(row["landmarks"], (21, 2)))
        for data, row in zip(version.images(rows), listed, strict=True)
    ]
    return Sampled(np.stack(pictures), [{k: v for k, v in r.items() if k != "landmarks"} for r in listed])


def palm(picture: Pictures, view: View, landmarks: NDArray[np.floating]) -> Pictures:
    """The palm (SIDE, SIDE, 3) of a picture of any view; landmarks (21, 2) in its pixels."""
    if view != "palm":
        return Pyramid(picture).warp(frame_matrix(landmarks, "palm", SIDE), SIDE)
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def aligned(palms: Path | None) -> tuple[Pictures, list[str]]:
    """Aligned photographs (n, SIDE, SIDE, 3) of view palm, spread over the table, with their photo ids."""
    nothing = np.empty((0, SIDE, SIDE, 3), np.uint8)
    if palms is None:
        return nothing, []
    listed = pq.read_table(palms, columns=["view", "photo_id"]).to_pylist()
    places = [i for i, row in enumerate(listed) if row["view"] == "palm"]
    places = places[:: max(1, -(-len(places) // REAL))]
    pictures, start, wanted = [], 0, set(places)
    with pq.ParquetFile(palms) as file:
        for batch in file.iter_batches(64, columns=["image"]):
            held = [i for i in range(batch.num_rows) if start + i in wanted]
            cells = batch.column("image").take(pa.array(held, pa.int64())).to_pylist()
            pictures += [palm(decode(cell["bytes"]), "palm", np.empty(0)) for cell in cells]
            start += batch.num_rows
    return np.stack(pictures) if pictures else nothing, [listed[i]["photo_id"] for i in places]


def counts(version: Version, column: str) -> Counter[str]:
    """How many images have each value of a column of the manifest."""
    found = Counter[str]()
    with reading(version.path / MANIFEST), pq.ParquetFile(version.path / MANIFEST) as file:
        for batch in file.iter_batches(65536, columns=[column]):
            for pair in batch.column(0).value_counts().to_pylist():
                found[str(pair["values"])] += pair["counts"]
    return found
