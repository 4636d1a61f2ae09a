"""The flow `build-dataset`: photographs to a published, labelled dataset, each step done once."""

from pathlib import Path

from prefect import flow

from flows.steps import align, generate, ingest, publish, train
from manifests.layout import check_writable
from manifests.recipe import load
from tasks.lock import lock
from tasks.plan import check


@flow(name="build-dataset")
def build_dataset(recipe: str = "datasets/quickstart.toml", overrides: list[str] | None = None) -> str:
    """Build the dataset of `recipe` and return the folder of the published version.

    `overrides` are assignments such as "dataset.identities=400". The same call resumes what was cut off.
    """
    plan = check(load(recipe, overrides or []))
    check_writable(Path(plan.out) / plan.name)
    with lock(Path(plan.work) / f"{plan.name}.lock"):
        photos = ingest(plan)
        palms = align(plan, photos)
        checkpoint = train(plan, palms)
        drawn = generate(plan, checkpoint)
        version = publish(plan, drawn, photos, palms, checkpoint)
    return str(version)
