"""Draws our own hands as photographs, a source that needs no photographs of anybody."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from manifests.recipe import Recipe
from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity

SOURCE_SEED_SHIFT = 1_000_003  # its people are not those of the dataset that the same recipe makes
SIDE = 512  # px


def drawn_photographs(recipe: Recipe) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """(name, uint8 RGB picture) of `source.identities` whole hands × `source.captures`, in stable order."""
    engine, seed = RendererEngine(), recipe.seed + SOURCE_SEED_SHIFT
    for subject in range(recipe.source.identities):
        hand = recipe.dataset.hands[subject % len(recipe.dataset.hands)]
        identity = make_identity(seed, subject, hand)
        captures = [make_capture(seed, subject, hand, index) for index in range(recipe.source.captures)]
        for index, drawing in enumerate(engine.draw(identity, captures, "hand", SIDE)):
            yield f"drawn_{subject:05d}_{hand}_{index:03d}.png", drawing.image
