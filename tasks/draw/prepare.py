"""Before the drawing: whether a recipe's controls are possible, and its engine with its weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from manifests.recipe import Recipe
from manifests.recipe.errors import RecipeError
from tasks.draw.augment import Augmenter
from tasks.engines.registry import engine_of

if TYPE_CHECKING:
    from palm_models.engines.base import Drawer


def check(recipe: Recipe) -> Recipe:
    """The recipe, once its controls and transforms are known to be possible: before any heavy work.

    Raises RecipeError naming the control and the valid ones, or AugmentError naming the transform.
    """
    hand, engine = recipe.dataset.hands[0], engine_of(recipe)
    for section, draw in (
        ("identity", lambda: engine.identity(recipe.seed, 0, hand, recipe.identity)),
        ("capture", lambda: engine.capture(recipe.seed, 0, hand, 0, recipe.capture)),
    ):
        try:
            draw()
        except ValueError as error:
            raise RecipeError(f"[{section}] {error}") from None
    if recipe.augment.transforms:
        Augmenter([t.model_dump() for t in recipe.augment.transforms])
    return recipe


def make_engine(recipe: Recipe, checkpoint: Path | None) -> Drawer:
    """The engine of the recipe, weights loaded; `checkpoint` is the folder of a trained one."""
    return engine_of(recipe).load(recipe, checkpoint)
