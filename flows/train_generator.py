"""The flow `train-generator`: photographs to a checkpoint, for a recipe whose dataset is made elsewhere."""

from pathlib import Path

from prefect import flow

from flows.steps import align, ingest, train
from manifests.recipe import load
from tasks.lock import lock
from tasks.plan import check


@flow(name="train-generator")
def train_generator(recipe: str, overrides: list[str] | None = None) -> str:
    """Train the generator of `recipe` on its photographs and return the folder of the checkpoint.

    Raises RecipeError when the recipe has nothing to train.
    """
    wanted = [*(overrides or []), "train.checkpoint=train", "engine.name=diffusion"]
    plan = check(load(recipe, wanted))
    with lock(Path(plan.work) / f"{plan.name}.lock"):
        photos = ingest(plan)
        palms = align(plan, photos)
        checkpoint = train(plan, palms)
    assert checkpoint is not None  # the diffusion engine always has one
    return str(checkpoint.path)
