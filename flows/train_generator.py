"""The flow `train-generator`: photographs to a checkpoint, for a recipe whose dataset is made elsewhere."""

from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.parameters import NO_CHANGES, Assignments, Changes, RecipePath, assignments
from flows.server.errors import quiet_errors
from flows.server.reconcile import alive
from flows.steps import align, ingest, train
from manifests.recipe import load
from tasks.draw.plan import check
from tasks.engines.registry import LEARNS, engine_of
from tasks.work.lock import lock
from tasks.work.logs import bound


@flow(name="train-generator")
def train_generator(
    recipe: RecipePath = "datasets/human_palms.toml",
    overrides: Assignments = [],  # noqa: B006  (read only)
    changes: Changes = NO_CHANGES,
) -> str:
    """Train the generator of `recipe` on its photographs and return the folder of the checkpoint.

    Parameters as of `build-dataset`. Raises RecipeError when the recipe has nothing to train.
    """
    quiet_errors()
    wanted = [*assignments(changes), *overrides, "train.checkpoint=train"]
    if not engine_of(load(recipe, wanted)).learned:
        wanted.append(f"engine.name={LEARNS}")
    plan = check(load(recipe, wanted))
    with alive(flow_run.id), bound(run=flow_run.name or ""), lock(Path(plan.work) / f"{plan.name}.lock"):
        photos = ingest(plan)
        palms = align(plan, photos)
        checkpoint = train(plan, palms)
    assert checkpoint is not None  # every engine that learns has one
    return str(checkpoint.path)
