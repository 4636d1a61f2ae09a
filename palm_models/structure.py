"""Structure maps: what conditions a generator, drawn from one identity under one capture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palm_models.camera import photograph
from palm_models.capture import Capture
from palm_models.frame import View
from palm_models.identity import Identity
from palm_models.renderer import covered, scene
from palm_models.shade import Skin, lambert, lay
from palm_models.surface import Surface, surface
from palm_models.warp import warp

NEUTRAL = (0.0, -0.5, 0.866)  # light from the finger tips, 60 degrees high: every view is lit the same way
SKIN_GREY = 165.0


@dataclass(frozen=True)
class StructureMap:
    """relief: uint8 grey (size, size), creases in neutral light without noise, what the extractor is run on;
    picture: uint8 RGB as rendered, its thumbnail tells skin colour and light; mask: bool, where the hand is;
    landmarks: float32 (21, 2) pixels."""

    relief: NDArray[np.uint8]
    picture: NDArray[np.uint8]
    mask: NDArray[np.bool_]
    landmarks: NDArray[np.float32]


def structure(
    identity: Identity, capture: Capture, view: View, size: int, drawn: Surface | None = None
) -> StructureMap:
    """The structure map of one capture; `drawn` saves drawing the identity's surface again."""
    seen = warp(identity, capture, view, size)
    skin = lay(drawn or surface(identity, view, size), seen, identity, capture)
    mask = seen.distance < 0
    return StructureMap(
        relief=np.where(mask, _relief(skin), 255).astype(np.uint8),
        picture=photograph(scene(skin, seen, identity, capture), capture, seen.scale, covered(seen)),
        mask=mask,
        landmarks=seen.landmarks,
    )


def structures(identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[StructureMap]:
    """The structure maps of several captures of one identity, whose surface is drawn once."""
    drawn = surface(identity, view, size)
    return [structure(identity, capture, view, size, drawn) for capture in captures]


def _relief(skin: Skin) -> NDArray[np.float32]:
    hollow = np.exp(-0.45 * (skin.creases + 0.8 * skin.wrinkles))
    lit = 0.6 + 0.4 * lambert(skin.height, NEUTRAL)
    return np.asarray(np.clip(SKIN_GREY * hollow * lit, 0, 254), np.float32)
