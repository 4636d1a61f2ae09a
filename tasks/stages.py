"""Binds a recipe to the steps: each stage is named by a digest of all that determines it, and done once."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.files.layout import explain_write_errors
from manifests.recipe import Recipe
from tasks.draw import shards as generation
from tasks.engines.registry import engine_of
from tasks.photographs.sources.kind import SourceSpec
from tasks.photographs.sources.registry import source_kind
from tasks.work.stage import Stage, Work, code_digest, digest_of
from tasks.workers.runner import Workers

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Done:
    """What a stage leaves behind: where, named by which digest, with which facts for the report."""

    path: Path
    digest: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Generated:
    """The drawn shards, each a Parquet file of whole identities, in plan order."""

    shards: list[Path]
    done: Done


def source_of(recipe: Recipe) -> SourceSpec:
    """The recipe's source as the ingest step takes it."""
    return source_kind(recipe).spec(recipe)


def ingest(recipe: Recipe, progress: Progress) -> Done | None:
    """The source's photographs in the work folder; None when the recipe needs none."""
    if not needs_photographs(recipe):
        return None
    from tasks.photographs.ingest import ingest as step

    source, kind = source_of(recipe), source_kind(recipe)
    made = [code_digest("palm_models")] if kind.code else []
    own = source.own.model_dump(mode="json") if source.own else {}
    digest = digest_of(recipe.source.model_dump(mode="json"), own, kind.listing(recipe), made)
    stage = Work.of(recipe).stage("photos", digest)

    def run() -> Mapping[str, Any]:
        return step(source, stage.path, workers=recipe.align.workers, progress=progress).facts()

    return _once(stage, run, "photos.parquet")


def align(recipe: Recipe, photos: Done | None, progress: Progress) -> Done | None:
    """Aligned palms of the photographs; None when there are none."""
    if photos is None:
        return None
    from tasks.photographs.align import align_photos

    table = photos.path / "photos.parquet"
    ids = sorted(pq.read_table(table, columns=["photo_id"])["photo_id"].to_pylist())
    names = (
        "photo/landmarks",
        "photo/palm_detector",
        "photo/litert",
        "photo/hand_network",
        "photo/hand_model",
        "photo/pyramid",
        "hand/frame",
        "photo/picture",
    )
    code = code_digest("tasks/photographs/align.py", *(f"palm_models/{name}.py" for name in names))
    digest = digest_of(recipe.align.model_dump(mode="json", exclude={"workers"}), ids, code)
    stage = Work.of(recipe).stage("aligned", digest)
    options = recipe.align.model_dump(exclude={"workers"})
    workers = replace(Workers.of(recipe), count=recipe.align.workers)

    def run() -> Mapping[str, Any]:
        return align_photos(table, stage.path, workers=workers, progress=progress, **options).facts()

    return _once(stage, run, "aligned.parquet", "align_rejects.parquet")


def train(recipe: Recipe, palms: Done | None, progress: Progress) -> Done | None:
    """The checkpoint the engine draws with: shipped, given, or trained here; None for the renderer."""
    engine = engine_of(recipe)
    if not engine.learned:
        return None
    from palm_models.engines.checkpoint import checkpoint_digest

    if path := engine.weights(recipe):
        learned = path / "source.json"  # what the weights were trained on, where they come with it
        credit = json.loads(learned.read_text()) if learned.is_file() else {}
        return Done(path, checkpoint_digest(path), {"checkpoint": recipe.train.checkpoint, **credit})
    training = engine.training(recipe)
    assert palms is not None and training is not None  # the recipe refuses training without photographs
    code = code_digest("palm_models", *(f"{module.replace('.', '/')}.py" for module in training.code))
    stage = Work.of(recipe).stage("checkpoints", digest_of(training.determines, palms.digest, code))
    aligned = palms.path / "aligned.parquet"

    def run() -> Mapping[str, Any]:
        with explain_write_errors(stage.path):
            return training.run(aligned, stage.path, progress)

    done = _once(stage, run, "model.safetensors", "config.json")
    return Done(done.path, checkpoint_digest(done.path), done.facts)


def generate(recipe: Recipe, checkpoint: Done | None, progress: Progress) -> Generated:
    """The dataset's shards; those that are whole already are not drawn again."""
    began = time.monotonic()
    path, digest = (checkpoint.path, checkpoint.digest) if checkpoint else (None, "")
    shards = generation.generate(recipe, Work.of(recipe), path, digest, progress)
    folder = shards[0].parent.parent
    return Generated(shards, Done(folder, folder.name, {"seconds": round(time.monotonic() - began, 1)}))


def needs_photographs(recipe: Recipe) -> bool:
    """Photographs are fetched when there is a source: to train on, or to show beside what is made."""
    return source_kind(recipe).gives


def _once(stage: Stage, run: Callable[[], Mapping[str, Any]], *files: str) -> Done:
    """Run a stage unless its marker says that it is whole; the marker is written last."""
    if not stage.is_whole():
        began = time.monotonic()
        facts = dict(run())
        stage.finish(
            [stage.path / name for name in files], {**facts, "seconds": round(time.monotonic() - began, 1)}
        )
    return Done(stage.path, stage.path.name, stage.facts())
