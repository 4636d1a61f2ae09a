"""Renderer engine: identity and capture shaded straight to a picture, without learned weights."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.accessories import wear
from palm_models.camera import photograph
from palm_models.capture import Capture
from palm_models.engine import Drawing
from palm_models.frame import View
from palm_models.identity import Identity
from palm_models.scenery import background
from palm_models.shade import Skin, lay, shade
from palm_models.surface import Surface, surface
from palm_models.warp import Warp, warp

Float = NDArray[np.float32]
MIDDLE_GREY = 0.27  # linear light of skin in a well exposed photograph


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
    return Drawing(photograph(scene(skin, seen, identity, capture), capture, seen.scale), seen.landmarks)


def scene(skin: Skin, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light of the whole picture: the hand before its background."""
    hand = shade(skin, identity, capture)
    if float(seen.distance.max()) < -0.02:
        return hand * metered(hand, None, capture)
    cover = np.clip(0.5 - seen.distance * seen.scale, 0, 1)[..., None]
    rim = 0.72 + 0.28 * np.sqrt(seen.crest)[..., None]
    whole = cover * rim * hand + (1 - cover) * background(capture, seen)
    whole = wear(whole, seen, identity, capture)
    return np.asarray(whole * metered(hand, cover[..., 0], capture), np.float32)


def metered(hand: Float, cover: Float | None, capture: Capture) -> np.float32:
    """Gain of the camera's automatic exposure, which brings the hand's mean light towards a middle grey."""
    mean = float(np.average(hand.mean(axis=2), weights=cover))
    return np.float32((MIDDLE_GREY / max(mean, 1e-3)) ** capture.metering)


cv2.setNumThreads(1)  # workers are processes: OpenCV's own threads would only compete with them
