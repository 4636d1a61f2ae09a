"""The engine renderer: identity and capture shaded straight to a picture, without learned weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks.engines.engine import Engine

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


class Renderer(Engine):
    """Draws from parameters alone."""

    name = "renderer"
    summary = "no weights: shaded straight from the parameters"
    code = ("palm_models.engines.renderer",)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws."""
        from palm_models.engines.renderer import RendererEngine

        return RendererEngine()


RENDERER = Renderer()
