"""Renderer engine: identity and capture shaded straight to a picture, without learned weights."""

from __future__ import annotations

from collections.abc import Sequence

from manifests.words import View
from palm_models.engines.base import Drawing
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.render.scene import render
from palm_models.render.surface import surface


class RendererEngine:
    """Draws palms and hands from their parameters alone."""

    name = "renderer"
    checkpoint = ""

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture; the identity's surface is drawn once for all of them."""
        drawn = surface(identity, view, size)
        return [Drawing(*render(drawn, identity, capture, view, size)) for capture in captures]
