"""Engine: what turns identities and captures into pictures, whatever draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from palm_models.capture import Capture
from palm_models.frame import View
from palm_models.identity import Identity


@dataclass(frozen=True)
class Drawing:
    """One picture: RGB uint8 (size, size, 3), and its landmarks float32 (21, 2) in its own pixels."""

    image: NDArray[np.uint8]
    landmarks: NDArray[np.float32]


class Engine(Protocol):
    """Draws captures of one identity; a result depends on identity, capture, view and size alone."""

    name: str
    checkpoint: str  # "" or the sha256 of the weights

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture, in their order."""
        ...
