"""The scene: one capture of a hand, shaded before its background, and photographed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.render.accessories import wear
from palm_models.render.camera import photograph
from palm_models.render.scenery import background
from palm_models.render.shade import lay, shade
from palm_models.render.surface import Surface
from palm_models.render.warp import Warp, warp

Float = NDArray[np.float32]


def render(
    drawn: Surface, identity: Identity, capture: Capture, view: View, size: int
) -> tuple[NDArray[np.uint8], Float]:
    """One capture of a surface already drawn: RGB (size, size, 3), landmarks (21, 2) in its pixels."""
    seen = warp(identity, capture, view, size)
    light = scene(drawn, seen, identity, capture)
    return photograph(light, capture, seen.scale, covered(seen)), seen.landmarks


def scene(drawn: Surface, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light (size, size, 3) of the whole picture: the hand before its background."""
    hand = shade(lay(drawn, seen, identity, capture), identity, capture)
    if fills(seen):
        return hand
    cover = covered(seen)[..., None]
    rim = 0.72 + 0.28 * np.sqrt(seen.crest)[..., None]
    whole = cover * rim * hand + (1 - cover) * background(capture, seen)
    return np.asarray(wear(whole, seen, identity, capture), np.float32)


def fills(seen: Warp) -> bool:
    """True when nothing but the hand is in the picture."""
    return float(seen.distance.max()) < -0.02


def covered(seen: Warp) -> Float:
    """Share of each pixel (size, size) that the hand covers, 0 to 1."""
    return np.asarray(np.clip(0.5 - seen.distance * seen.scale, 0, 1), np.float32)
