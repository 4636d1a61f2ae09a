"""The steps of the stories, each with its progress shown."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import tasks.draw.shards
import tasks.photographs.steps
from flows.progress import progress, rejected
from flows.tracking import step
from manifests.recipe import Recipe
from tasks.draw.shards import Generated, draw_more
from tasks.engines import trained
from tasks.work.stage import Done

if TYPE_CHECKING:
    from tasks.judge.rounds import Judged


@step
def ingest(recipe: Recipe) -> Done | None:
    """Photographs into the work folder."""
    with progress("ingest", "files") as report:
        done = tasks.photographs.steps.ingest(recipe, report)
        report.words = _sums(done, "files", "photos")
    return done


@step
def align(recipe: Recipe, photos: Done | None) -> Done | None:
    """Photographs to aligned palms."""
    with progress("align", "photos") as report:
        done = tasks.photographs.steps.align(recipe, photos, report)
        report.words = _sums(done, "photos", "palms")
    return done


@step
def train(recipe: Recipe, palms: Done | None) -> Done | None:
    """Aligned palms to a checkpoint."""
    with progress("train", "steps") as report:
        return trained.train(recipe, palms, report)


@step
def generate(recipe: Recipe, checkpoint: Done | None) -> Generated:
    """Identities and captures to shards."""
    with progress("generate", "images", *_images(recipe)) as report:
        return tasks.draw.shards.generate(recipe, checkpoint, report)


@step
def judge(recipe: Recipe, drawn: Generated, palms: Done | None, checkpoint: Done | None) -> "Judged":
    """What was drawn to what may be published; rejects are replaced."""
    import tasks.judge.rounds  # it loads the networks, which aligning does not need

    with progress("judge", "images", *_images(recipe)) as report:
        more = partial(draw_more, recipe, checkpoint)
        judged = tasks.judge.rounds.judge(recipe, drawn, palms, report, more)
        facts = judged.done.facts
        report.words = f"{facts.get('images', 0)} images{rejected(facts)}"
    return judged


@step
def publish(
    recipe: Recipe,
    judged: "Judged",
    stages: Mapping[str, Done | None],
    keeps: Path | None = None,
    republish: bool = False,
) -> Path:
    """What passed to a version that readers see, unless the release gate refuses it."""
    from tasks.versions.publish import publish_dataset

    with progress("publish") as report:
        return publish_dataset(recipe, judged, stages, report, keeps, republish=republish)


def _images(recipe: Recipe) -> tuple[int, int]:
    """Images in one shard and in all."""
    made = recipe.dataset
    each = made.captures * len(made.views) * (1 + recipe.augment.copies)
    return made.shard_identities * each, made.identities * each


def _sums(done: Done | None, taken: str, made: str) -> str:
    facts = done.facts if done else {}
    return f"{facts.get(taken, 0)} {taken}, {facts.get(made, 0)} {made}{rejected(facts)}"


@step
def tidy(recipe: Recipe, version: Path, used: Sequence[Path]) -> None:
    """Old versions and old work deleted."""
    import tasks.versions.tidy

    tasks.versions.tidy.tidy(recipe, version, used)
