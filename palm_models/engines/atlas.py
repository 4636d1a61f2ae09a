"""Atlas engine: an identity's skin is drawn once and photographed for every capture, without weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.atlas.atlas import Atlas, draw_atlas
from palm_models.atlas.camera import photograph
from palm_models.atlas.capture import Capture
from palm_models.atlas.identity import Identity
from palm_models.atlas.outline import REAL, cover, details, form
from palm_models.atlas.photo import Layers, LooseSkin, lay, shade
from palm_models.atlas.scenery import background, shadow
from palm_models.atlas.worn import wear
from palm_models.engines.base import Drawing
from palm_models.hand import capture as photo
from palm_models.hand import identity as hand
from palm_models.render.scene import fills
from palm_models.render.warp import Warp, warp

Float = NDArray[np.float32]
# Smaller views are drawn at 1.5 times their side, at most this.
FINEST: dict[View, int] = {"palm": 256, "hand": 384}
WIDTHS: dict[View, float] = {"palm": 1.046, "hand": 3.82}  # palm widths that a view shows


class AtlasEngine:
    """Draws palms and hands from their parameters alone."""

    name = "atlas"
    checkpoint = ""

    def draw(
        self, identity: hand.Identity, captures: Sequence[photo.Capture], view: View, size: int
    ) -> list[Drawing]:
        """One drawing a capture; the identity's atlas is drawn once for all of them.

        Raises TypeError for identities and captures that are not of this engine: they have no thin lines,
        no device.
        """
        if not isinstance(identity, Identity):
            raise TypeError("the atlas draws identities of palm_models.atlas")
        own = [capture for capture in captures if isinstance(capture, Capture)]
        if len(own) < len(captures):
            raise TypeError("the atlas draws captures of palm_models.atlas")
        side = working_side(view, size)
        atlas = self.atlas(identity, view, side / WIDTHS.get(view, WIDTHS["hand"]))
        return [render(atlas, identity, capture, view, size) for capture in own]

    def atlas(self, identity: Identity, view: View, density: float) -> Atlas:
        """The skin that captures of an identity are taken of, `density` pixels a palm width."""
        return draw_atlas(identity, view, density)


def working_side(view: View, size: int) -> int:
    """Pixels a side that a picture is drawn with before it is reduced to `size`."""
    return max(size, min(round(1.5 * size), FINEST.get(view, FINEST["hand"])))


def render(atlas: Atlas, identity: Identity, capture: Capture, view: View, size: int) -> Drawing:
    """One capture of an atlas already drawn."""
    side = working_side(view, size)
    seen = warp(identity, capture, view, side, REAL, LooseSkin(capture))
    light = scene(lay(atlas, seen, identity, capture), seen, identity, capture)
    if view != "palm":  # tones are made equal in regions of interest, nobody's camera does so
        capture = replace(capture, equalise=0.0)
    image = photograph(light, capture, seen.scale, cover(seen), size)
    return Drawing(image, np.asarray((seen.landmarks + 0.5) * (size / side) - 0.5, np.float32))


def scene(layers: Layers, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light of the whole picture: the hand before its background."""
    skin = shade(layers, form(seen, identity), seen, identity, capture)
    if fills(seen):
        return skin
    skin = details(skin, seen, identity, capture)
    share = cover(seen)[..., None]
    behind = background(capture, seen) * shadow(capture, seen)[..., None]
    return wear(share * skin + (1 - share) * behind, seen, identity, capture)
