"""The steps, each lifted to a Prefect task once, with its progress shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.progress import progress
from manifests.recipe import Recipe
from tasks import stages
from tasks.judge import rounds as judging
from tasks.judge.rounds import Judged
from tasks.stages import Done, Generated
from tasks.versions import publish as publishing
from tasks.versions import tidy as tidying

# Our markers and digests decide what is done; Prefect's cache includes the run id and would never resume.
# No retries here: network and dead workers are retried inside the steps, where the reason is known.


@task(cache_policy=NO_CACHE, task_run_name="ingest")
def ingest(recipe: Recipe) -> Done | None:
    """Photographs into the work folder."""
    with progress("ingest") as report:
        return stages.ingest(recipe, report)


@task(cache_policy=NO_CACHE, task_run_name="align")
def align(recipe: Recipe, photos: Done | None) -> Done | None:
    """Photographs to aligned palms."""
    with progress("align") as report:
        return stages.align(recipe, photos, report)


@task(cache_policy=NO_CACHE, task_run_name="train")
def train(recipe: Recipe, palms: Done | None) -> Done | None:
    """Aligned palms to a checkpoint."""
    with progress("train") as report:
        return stages.train(recipe, palms, report)


@task(cache_policy=NO_CACHE, task_run_name="generate")
def generate(recipe: Recipe, checkpoint: Done | None) -> Generated:
    """Identities and captures to shards."""
    with progress("generate") as report:
        return stages.generate(recipe, checkpoint, report)


@task(cache_policy=NO_CACHE, task_run_name="judge")
def judge(recipe: Recipe, palms: Done | None, checkpoint: Done | None) -> Judged:
    """What was drawn to what may be published; rejects are replaced."""
    with progress("judge") as report:
        return judging.judge(recipe, checkpoint, palms, report)


@task(cache_policy=NO_CACHE, task_run_name="publish")
def publish(
    recipe: Recipe, judged: Judged, stages: Mapping[str, Done | None], keeps: Path | None = None
) -> Path:
    """What passed to a version that readers see, unless the release gate refuses it."""
    with progress("publish") as report:
        return publishing.publish_dataset(recipe, judged, stages, report, keeps)


@task(cache_policy=NO_CACHE, task_run_name="tidy")
def tidy(recipe: Recipe, version: Path, used: Sequence[Path]) -> None:
    """Old versions and old work deleted."""
    tidying.tidy(recipe, version, used)
