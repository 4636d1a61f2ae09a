"""The engine renderer: identity and capture shaded straight to a picture, without learned weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.engines.engine import Cost, Engine

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


def rendering(recipe: Recipe) -> float:
    """Seconds of one core that a picture of the recipe takes to render."""
    made = recipe.dataset
    each = {view: 0.01 + 0.015 * (made.side(view) / 128) ** 2 for view in made.views}
    return sum(seconds * (1 if view == "palm" else 2) for view, seconds in each.items()) / len(each)


class Renderer(Engine):
    """Draws from parameters alone."""

    name = "renderer"
    summary = "no weights: shaded straight from the parameters"
    code = ("palm_models.engines.renderer",)

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """0.025 s a palm at 128 px, 0.07 s at 256; a whole hand twice that."""
        return Cost(rendering(recipe), 0.2e9)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws."""
        from palm_models.engines.renderer import RendererEngine

        return RendererEngine()


RENDERER = Renderer()
