"""Identity of the atlas engine: a hand as before, and its thin lines, edges, fans and folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from manifests.words import Hand
from palm_models.atlas.priors import IDENTITY, admitting
from palm_models.hand import identity, priors
from palm_models.hand.controls import Value, draw
from palm_models.hand.identity import draws
from palm_models.seeds import Draw

CONTROLS: dict[str, str] = {name: prior.help for name, prior in IDENTITY.items()}


@dataclass(frozen=True)
class Identity(identity.Identity):
    """One hand of one subject. What each trait means and its unit: `CONTROLS`.

    Principal creases and wrinkles are the curves of `creases`; the hundreds of thin lines follow from
    `texture_seed` and the traits, as the grain of the skin does.
    """

    fine_lines: float
    fine_depth: float
    fine_length: float
    soft_lines: float
    soft_depth: float
    flow: float
    edges: float
    fray: float
    fans: float
    thumb_folds: float
    rim_pigment: float

    def scalars(self) -> dict[str, Value]:
        """The traits that are one value each, for columns of a manifest."""
        return {name: getattr(self, name) for name in IDENTITY}


def make_identity(seed: int, subject: int, hand: Hand, controls: Mapping[str, Any] | None = None) -> Identity:
    """The identity at counter (seed, subject, hand); what both hands share comes from (seed, subject) alone.

    Raises ValueError for a control that does not exist or a value it cannot have.
    """
    random = draws(Draw.ATLAS_IDENTITY, IDENTITY, seed, subject, hand)
    admitted = admitting(IDENTITY, controls or {}, [priors.IDENTITY])
    traits: dict[str, Any] = draw(admitted, random.z, controls or {})
    if "redness" not in (controls or {}):  # melanin hides blood
        traits["redness"] = float(traits["redness"]) * (
            0.80 + 0.20 * np.tanh(float(traits["skin_tone"]) / 30)
        )
    return Identity(seed=seed, subject=subject, hand=hand, **traits, **random.rest(traits))
