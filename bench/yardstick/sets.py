"""The palms that a recogniser learns from: of a published version, or of an .npz with x and y."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.read.open import open_dataset
from palm_models.measure.encoder import to_grey


@dataclass(frozen=True)
class Taught:
    """Grey palms (n, size, size) and labels 0 … identities - 1, by identity."""

    name: str
    x: NDArray[np.uint8]
    y: NDArray[np.int64]

    def part(self, identities: NDArray[np.int64]) -> "Taught":
        """Only these identities, labelled anew from 0."""
        keep = np.isin(self.y, identities)
        return Taught(self.name, self.x[keep], np.unique(self.y[keep], return_inverse=True)[1])


def read_set(path: Path, size: int, identities: int, captures: int) -> Taught:
    """At most the first `identities` and of each the first `captures`, so that sets compare at one budget."""
    x, labels = _npz(path) if path.suffix == ".npz" else _version(path)
    y = np.unique(labels, return_inverse=True)[1]
    order = np.argsort(y, kind="stable")
    rank = np.empty(len(y), np.int64)
    starts = np.searchsorted(y[order], y[order])
    rank[order] = np.arange(len(y)) - starts
    keep = order[(y[order] < identities) & (rank[order] < captures)]
    return Taught(path.name, to_grey(x[keep], size), y[keep].astype(np.int64))


def _npz(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    stored = np.load(path)
    return stored["x"], stored["y"]


def _version(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.generic]]:
    dataset = open_dataset(path)
    rows = dataset.rows(["sample_id", "shard", "row", "view", "label"])
    rows = rows.filter(pc.equal(rows["view"], "palm"))
    if not len(rows):
        raise SystemExit(f"{path} holds no view `palm`: build it with --dataset.views '[\"palm\"]'")
    return np.stack([decode(image) for image in dataset.images(rows)]), rows["label"].to_numpy()
