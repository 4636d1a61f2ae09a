"""The story `train-generator`: photographs to a checkpoint, for a recipe whose dataset is made elsewhere."""

from pathlib import Path

from flows.parameters import NO_CHANGES, Assignments, Changes, RecipePath, assignments
from flows.steps import align, ingest, train
from manifests.recipe import load
from tasks.engines.registry import LEARNS, engine_of
from tasks.versions.ready import ready
from tasks.work.lock import lock


def train_generator(
    recipe: RecipePath = "datasets/human_palms.toml",
    overrides: Assignments = [],  # noqa: B006  (read only)
    changes: Changes = NO_CHANGES,
) -> str:
    """Train the generator of `recipe` on its photographs and return the folder of the checkpoint.

    Parameters as of `build-dataset`. Raises RecipeError when the recipe has nothing to train.
    """
    wanted = [*assignments(changes), *overrides, "train.checkpoint=train"]
    if not engine_of(load(recipe, wanted)).learned:
        wanted.append(f"engine.name={LEARNS}")
    plan = ready(load(recipe, wanted))
    with lock(Path(plan.work) / f"{plan.name}.lock"):
        photos = ingest(plan)
        palms = align(plan, photos)
        checkpoint = train(plan, palms)
    assert checkpoint is not None  # every engine that learns has one
    return str(checkpoint.path)
