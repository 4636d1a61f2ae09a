"""The flow `build-dataset`: photographs to a published, labelled dataset, each step done once."""

import logging
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from flows.progress import progress
from manifests.recipe import Recipe, load
from tasks import publish as publishing
from tasks import stages
from tasks.lock import lock
from tasks.plan import check

logger = logging.getLogger("palmforge")


@flow(name="build-dataset")
def build_dataset(recipe: str = "datasets/quickstart.toml", overrides: list[str] | None = None) -> str:
    """Build the dataset of `recipe` and return the folder of the published version.

    `overrides` are assignments such as "dataset.identities=400". The same call resumes what was cut off.
    """
    plan = check(load(recipe, overrides or []))
    with lock(Path(plan.work) / f"{plan.name}.lock"):
        photos = ingest(plan)
        palms = align(plan, photos)
        checkpoint = train(plan, palms)
        shards = generate(plan, checkpoint)
        version = publish(plan, shards, photos, palms, checkpoint)
    return str(version)


# Our markers and digests decide what is done; Prefect's cache includes the run id and would never resume.
@task(cache_policy=NO_CACHE, task_run_name="ingest")
def ingest(recipe: Recipe) -> stages.Done | None:
    """Photographs into the work folder."""
    with progress("ingest") as report:
        return stages.ingest(recipe, report)


@task(cache_policy=NO_CACHE, task_run_name="align")
def align(recipe: Recipe, photos: stages.Done | None) -> stages.Done | None:
    """Photographs to aligned palms."""
    with progress("align") as report:
        return stages.align(recipe, photos, report)


@task(cache_policy=NO_CACHE, task_run_name="train")
def train(recipe: Recipe, palms: stages.Done | None) -> stages.Done | None:
    """Aligned palms to a checkpoint."""
    with progress("train") as report:
        return stages.train(recipe, palms, report)


@task(cache_policy=NO_CACHE, task_run_name="generate")
def generate(recipe: Recipe, checkpoint: stages.Done | None) -> list[Path]:
    """Identities and captures to shards."""
    with progress("generate") as report:
        return stages.generate(recipe, checkpoint, report)


@task(cache_policy=NO_CACHE, task_run_name="publish")
def publish(
    recipe: Recipe,
    shards: list[Path],
    photos: stages.Done | None,
    palms: stages.Done | None,
    checkpoint: stages.Done | None,
) -> Path:
    """Shards to a version that readers see."""
    return publishing.publish_dataset(recipe, shards, photos, palms, checkpoint)
