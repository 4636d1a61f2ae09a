"""The recipe: what a person asks for, section by section."""

from manifests.recipe.errors import RecipeError
from manifests.recipe.recipe import Leaf, Recipe, leaves, load, parse, recipe_type

__all__ = ["Leaf", "Recipe", "RecipeError", "leaves", "load", "parse", "recipe_type"]
