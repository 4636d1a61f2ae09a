"""Drawer: what turns identities and captures into pictures, with its weights loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from manifests.words import PalmforgeError, View
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity


class CheckpointError(PalmforgeError):
    """A checkpoint that cannot be used; the message names the file and what to do."""


@dataclass(frozen=True)
class Drawing:
    """One picture: RGB uint8 (size, size, 3), and its landmarks float32 (21, 2) in its own pixels."""

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    identity: Mapping[str, Any] | None = None  # what drew it instead of the identity's traits, JSON-able
    capture: Mapping[str, Any] | None = None  # what drew it instead of the capture's circumstances


class Drawer(Protocol):
    """Draws captures of one identity; a result depends on identity, capture, view and size alone."""

    name: str
    checkpoint: str  # "" or the sha256 of the weights

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture, in their order."""
        ...
