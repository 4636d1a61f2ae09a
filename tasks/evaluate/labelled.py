"""Labelled palms for a recogniser: grey, each with its identity; of a version or of the renderer."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.read.open import open_dataset
from manifests.words import HANDS, VIEWS
from palm_models.measure.encoder import to_grey
from tasks.photographs.sources.found import SourceError
from tasks.report.sampled import palm

DRAWN = 128  # px, side at which the renderer draws at least
MOST = 20_000  # pictures held in memory; of larger sets identities are drawn by seed
Words = NDArray[np.str_]


@dataclass(frozen=True)
class Labelled:
    """Grey palms (n, size, size) with the identity of each; an identity is one hand.

    sessions, devices: of each picture, empty words where they are not known; note: where they come from and
    what was left out; rejects: (picture, reason, detail) of those that could not be used.
    """

    name: str
    grey: NDArray[np.uint8]
    labels: Words
    note: str = ""
    sessions: Words = field(default_factory=lambda: np.empty(0, np.str_))
    devices: Words = field(default_factory=lambda: np.empty(0, np.str_))
    rejects: Sequence[tuple[str, str, str]] = ()

    def __post_init__(self) -> None:
        for name in ("sessions", "devices"):
            if len(getattr(self, name)) != len(self.labels):
                object.__setattr__(self, name, np.full(len(self.labels), "", np.str_))

    def part(self, keep: NDArray[Any]) -> "Labelled":
        """The pictures that `keep`, places or truths (n,), names."""
        kept = {name: getattr(self, name)[keep] for name in ("grey", "labels", "sessions", "devices")}
        return replace(self, **kept)

    def first(self, identities: int, captures: int = 0) -> "Labelled":
        """Only the first identities, and of each the first captures; 0 = all."""
        known = set(list(dict.fromkeys(self.labels.tolist()))[: identities or None])
        seen, keep = Counter[str](), []
        for place, label in enumerate(self.labels.tolist()):
            seen[label] += 1
            if label in known and (not captures or seen[label] <= captures):
                keep.append(place)
        return self.part(np.array(keep, np.int64))

    def halves(self) -> tuple["Labelled", "Labelled"]:
        """Two halves that share no person: every second one of those in the order of their hashed names."""
        people = [person_of(label) for label in self.labels.tolist()]
        order = sorted(set(people), key=lambda who: hashlib.sha256(who.encode()).digest())
        mine = np.isin(np.array(people), order[::2])
        one, two = self.part(mine), self.part(~mine)
        return replace(one, name=f"{self.name}, half"), replace(two, name=f"{self.name}, other half")

    @property
    def identities(self) -> int:
        """How many there are."""
        return len(set(self.labels.tolist()))

    @property
    def captures(self) -> int:
        """Of the identity that has most."""
        return max(Counter(self.labels.tolist()).values())

    def digest(self) -> str:
        """Names the pictures, their order and whose they are."""
        found = hashlib.sha256(repr((self.grey.shape, self.labels.tolist())).encode())
        found.update(np.ascontiguousarray(self.grey).tobytes())
        return found.hexdigest()


def person_of(label: str) -> str:
    """Whose hand it is: the label without its hand."""
    who, _, hand = label.rpartition(" ")
    return who if hand in HANDS else label


def of_version(path: Path, size: int, split: str = "train", seed: int = 0) -> Labelled:
    """The palms of one split of a published version, of view palm where there is one, in label order.

    Raises DatasetError when there is no version, SourceError when its split is empty.
    """
    version = open_dataset(path)
    light = version.rows(["split", "view", "label"])
    views = set(light["view"].to_pylist())
    view = next(view for view in VIEWS if view in views)  # the palm, where there is one
    wanted = (light["split"].to_numpy() == split) & (light["view"].to_numpy() == view)
    counts = Counter(light["label"].to_numpy()[wanted].tolist())
    if not counts:
        raise SourceError(
            "split_empty", f"{version.path} has no images in split {split}: build more identities"
        )
    order = np.random.default_rng(seed).permutation(sorted(counts))
    held = order[np.cumsum([counts[int(label)] for label in order]) <= MOST]
    wanted &= np.isin(light["label"].to_numpy(), held)
    columns = ["sample_id", "shard", "row", "identity_id", "landmarks"]
    rows = version.rows(columns).filter(pa.array(wanted))
    pictures = [
        to_grey(palm(decode(data), view, np.reshape(marks, (21, 2)))[None], size)[0]
        for data, marks in zip(version.images(rows), rows["landmarks"].to_pylist(), strict=True)
    ]
    name = f"{version.metadata['dataset']} {version.metadata['version']}"
    return Labelled(name, np.stack(pictures), np.array(rows["identity_id"].to_pylist()), f"split {split}")


def of_renderer(purpose: str, seed: int, identities: int, captures: int, size: int) -> Labelled:
    """Palms that the renderer draws of other people than any recipe's or purpose's: the seed is hashed."""
    own = int.from_bytes(hashlib.sha256(f"palmforge-evaluate-{purpose}-{seed}".encode()).digest()[:7], "big")
    grey, labels = _drawn(own, identities, captures, max(DRAWN, size))
    return Labelled("renderer", to_grey(grey, size), labels, f"drawn with seed {own}")


@lru_cache(maxsize=4)
def _drawn(seed: int, identities: int, captures: int, side: int) -> tuple[NDArray[np.uint8], Words]:
    """Drawn once for all sizes up to DRAWN: recognisers of several sizes see the same palms."""
    from tasks.judge.encoder import palms

    grey, labels = palms("renderer", seed, 0, identities, captures, side)
    return grey, labels.astype(np.str_)
