"""Picture: one drawn picture as the gates see it when they score it, in a worker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from palm_models.measure.encoder import Encoder

Vectors = NDArray[np.float32]
Worked = TypeVar("Worked")


class Needed(Protocol):
    """A Need of a gate, as far as a worker opens it."""

    @property
    def name(self) -> str:
        """The key it was found under."""

    @property
    def open(self) -> Callable[[Path], Any]:
        """Opens what was found."""


class Kit:
    """What the gates of a worker need beside the pictures, each opened when it is first asked for."""

    def __init__(self, encoder: Encoder, found: Mapping[str, Path]) -> None:
        self.encoder, self.found, self.opened = encoder, found, dict[str, Any]()

    def get(self, need: Needed) -> Any:
        """What a gate needs; None when no gate that judges brought it."""
        if need.name not in self.found:
            return None
        if need.name not in self.opened:
            self.opened[need.name] = need.open(self.found[need.name])
        return self.opened[need.name]

    def embed(self, palms: list[NDArray[np.uint8]]) -> Vectors:
        """Unit vectors (n, dim) of palms of any sizes."""
        return embed(self.encoder, palms)


@dataclass(frozen=True)
class Picture:
    """One picture: what its row says, its pixels and what was asked for."""

    row: Mapping[str, Any]  # sample_id, identity_id, capture, view, augmented, sha256
    image: NDArray[np.uint8]  # (size, size, 3) RGB
    landmarks: Vectors  # (21, 2) px
    palm: NDArray[np.uint8]  # cut out by the landmarks, RGB
    embedding: Vectors  # (dim,), of the palm, a unit vector
    kit: Kit
    worked: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, key: str, work: Callable[[], Worked]) -> Worked:
        """What `work` returns, kept under `key`: several gates may ask for it."""
        if key not in self.worked:
            self.worked[key] = work()
        kept: Worked = self.worked[key]
        return kept


def embed(encoder: Encoder, palms: list[NDArray[np.uint8]]) -> Vectors:
    """Unit vectors (n, dim) of palms of any sizes, each embedded alone, so that no other changes its bits."""
    return np.concatenate([encoder.embed(palm[None]) for palm in palms])
