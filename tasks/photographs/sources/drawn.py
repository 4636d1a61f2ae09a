"""The source renderer: our own hands drawn as photographs, none of them of anybody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks.photographs.sources.found import Found, Listing, SourceError
from tasks.photographs.sources.kind import SourceKind, SourceSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from manifests.recipe import Recipe

SOURCE_SEED_SHIFT = 1_000_003  # its people are not those of the dataset that the same recipe makes
SIDE = 512  # px


class DrawnSource(SourceKind):
    """`source.identities` whole hands × `source.captures`."""

    name = "renderer"
    summary = "drawn palms"
    people = False
    code = ("tasks.photographs.sources.drawn",)

    def listing(self, recipe: Recipe) -> list[Any]:
        """What they are drawn from."""
        return [recipe.seed, list(recipe.dataset.hands)]

    def spec(self, recipe: Recipe) -> SourceSpec:
        """With what draws."""
        return replace(super().spec(recipe), drawn=partial(drawn_photographs, recipe))

    def files(self, source: SourceSpec, scratch: Path) -> Listing:
        """One picture at a time, as PNG."""
        if source.drawn is None:
            raise SourceError("no_renderer", "kind = renderer needs what draws; give SourceSpec.drawn")
        return Listing(_drawn(source, scratch))


def _drawn(source: SourceSpec, scratch: Path) -> Iterator[Found]:
    from PIL import Image

    for index, (name, rgb) in enumerate(source.drawn() if source.drawn else ()):
        path = scratch / f"drawn-{index:08d}.png"
        Image.fromarray(rgb).save(path, compress_level=1)
        yield Found(name, path, temporary=True)


def drawn_photographs(recipe: Recipe) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """(name, uint8 RGB picture) of each hand and capture, in stable order."""
    from palm_models.engines.renderer import RendererEngine
    from palm_models.hand.capture import make_capture
    from palm_models.hand.identity import make_identity

    engine, seed = RendererEngine(), recipe.seed + SOURCE_SEED_SHIFT
    for subject in range(recipe.source.identities):
        hand = recipe.dataset.hands[subject % len(recipe.dataset.hands)]
        identity = make_identity(seed, subject, hand)
        captures = [make_capture(seed, subject, hand, index) for index in range(recipe.source.captures)]
        for index, drawing in enumerate(engine.draw(identity, captures, "hand", SIDE)):
            yield f"drawn_{subject:05d}_{hand}_{index:03d}.png", drawing.image


DRAWN = DrawnSource()
