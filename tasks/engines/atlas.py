"""The engine atlas: an identity's skin is drawn once and photographed by devices, without learned weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import palm_models.atlas.capture
import palm_models.atlas.identity
import palm_models.hand.identity
from manifests.words import Hand
from palm_models.atlas.capture import Capture
from palm_models.atlas.identity import Identity
from tasks.engines.engine import FIRST_REFERENCE, REFERENCE_SIDE, STRAIGHT, Cost, Engine
from tasks.engines.renderer import rendering

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


STILL = {
    **STRAIGHT, "device": "contactless_box", "grey": False, "deformation": 0.0, "strain": 0.0, "thumb": 0.0,
}  # fmt: skip


class Atlas(Engine):
    """Draws from parameters alone; captures have a device and belong to a session."""

    name = "atlas"
    summary = "no weights: the skin drawn once, photographed by six kinds of devices"
    code = ("palm_models.engines.atlas",)
    identity_controls = palm_models.atlas.identity.CONTROLS
    capture_controls = palm_models.atlas.capture.CONTROLS
    columns = MappingProxyType({"capture_session": "number of the identity's session that it belongs to"})

    def identity(self, seed: int, subject: int, hand: Hand, controls: Mapping[str, Any]) -> Identity:
        """The identity at its counter. Raises ValueError for an impossible control."""
        return palm_models.atlas.identity.make_identity(seed, subject, hand, controls)

    def capture(
        self, seed: int, subject: int, hand: Hand, capture: int, controls: Mapping[str, Any]
    ) -> Capture:
        """The capture at its counter. Raises ValueError for an impossible control."""
        return palm_models.atlas.capture.make_capture(seed, subject, hand, capture, controls)

    def identity_from(self, recorded: Mapping[str, Any]) -> Identity:
        """The identity whose `to_dict` was recorded. Raises KeyError or TypeError for another's."""
        return Identity.from_dict(recorded)

    def references(
        self, identity: palm_models.hand.identity.Identity, count: int, first: int = FIRST_REFERENCE
    ) -> NDArray[np.uint8]:
        """Pictures (count, 128, 128, 3) of an identity by one device, straight on, of no dataset."""
        from palm_models.engines.atlas import AtlasEngine

        at = (identity.seed, identity.subject, identity.hand)
        shots = [self.capture(*at, number, STILL) for number in range(first, first + count)]
        drawn = AtlasEngine().draw(identity, shots, "palm", REFERENCE_SIDE)
        return np.stack([drawing.image for drawing in drawn])

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """Near the renderer's: 0.032 s a palm at 128 px, 0.052 s at 256."""
        return Cost(rendering(recipe), 0.2e9)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws."""
        from palm_models.engines.atlas import AtlasEngine

        return AtlasEngine()


ATLAS = Atlas()
