"""Tonight's recipe: what the recipe asks for, grown from the version that was published last."""

import tomllib

from manifests.files.layout import RECIPE
from manifests.files.remote import Location
from manifests.read.open import open_dataset
from manifests.recipe import Recipe, parse
from manifests.words import PalmforgeError


def tonight(recipe: Recipe, night: str) -> Recipe:
    """The recipe as it is to be built in the night named `night` (for example 2026-11-23).

    A function of what is published and of the night's name alone, so that a run that was cut off and started
    again, at whatever time, asks for the same version: that of the night before with `add_identities` more,
    or, when the newest version was made this very night, the same once more. A recipe of which nothing is
    published, or that was edited since, starts at its own size.
    """
    step = recipe.nightly.add_identities
    if not step:
        return recipe
    newest = _newest(recipe.remote_home or recipe.home)
    size = recipe.dataset.identities
    if newest is not None:
        made, made_in = newest
        before = made.dataset.identities
        if _of_size(made, size).digest() == recipe.digest() and before >= size:
            size = before if made_in == night else before + step
    grown = _of_size(recipe, size)
    return grown.model_copy(update={"nightly": recipe.nightly.model_copy(update={"night": night})})


def _of_size(recipe: Recipe, identities: int) -> Recipe:
    dataset = recipe.dataset.model_copy(update={"identities": identities})
    return recipe.model_copy(update={"dataset": dataset})


def _newest(home: Location) -> tuple[Recipe, str] | None:
    """The recipe of the version that LATEST names and its night; None when there is none to be read."""
    try:
        version = open_dataset(home)
        made = parse(tomllib.loads((version.path / RECIPE).read_text(encoding="utf-8")))
        return made, str(version.metadata.get("night", ""))
    except (PalmforgeError, OSError, ValueError):
        return None
