"""Renderer engine: identity and capture shaded straight to a picture, without learned weights."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.engines.base import Drawing
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.render.accessories import wear
from palm_models.render.camera import photograph
from palm_models.render.scenery import background
from palm_models.render.shade import Skin, lay, shade
from palm_models.render.surface import Surface, surface
from palm_models.render.warp import Warp, warp

Float = NDArray[np.float32]


class RendererEngine:
    """Draws palms and hands from their parameters alone."""

    name = "renderer"
    checkpoint = ""

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture; the identity's surface is drawn once for all of them."""
        drawn = surface(identity, view, size)
        return [render(drawn, identity, capture, view, size) for capture in captures]


def render(drawn: Surface, identity: Identity, capture: Capture, view: View, size: int) -> Drawing:
    """One capture of a surface already drawn."""
    seen = warp(identity, capture, view, size)
    skin = lay(drawn, seen, identity, capture)
    light = scene(skin, seen, identity, capture)
    return Drawing(photograph(light, capture, seen.scale, covered(seen)), seen.landmarks)


def scene(skin: Skin, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light of the whole picture: the hand before its background."""
    hand = shade(skin, identity, capture)
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


cv2.setNumThreads(1)  # workers are processes: OpenCV's own threads would only compete with them
