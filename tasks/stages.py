"""Binds a recipe to the steps: each stage is named by a digest of all that determines it, and done once."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from manifests.files.layout import explain_write_errors
from manifests.recipe import Recipe
from palm_models.shipped import WEIGHTS
from tasks.draw import shards as generation
from tasks.photographs.sources.source import SourceSpec
from tasks.versions.unchanged import listing
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
    return SourceSpec(**recipe.source.model_dump(exclude={"identities", "captures"}))


def ingest(recipe: Recipe, progress: Progress) -> Done | None:
    """The source's photographs in the work folder; None when the recipe needs none."""
    if not needs_photographs(recipe):
        return None
    from tasks.photographs.ingest import ingest as step
    from tasks.photographs.sources.drawn import drawn_photographs

    source = source_of(recipe)
    drawn = [recipe.seed, code_digest("palm_models")] if source.kind == "renderer" else []
    digest = digest_of(recipe.source.model_dump(mode="json"), listing(source.path), drawn)
    stage = Work.of(recipe).stage("photos", digest)

    def run() -> Mapping[str, Any]:
        photographs = partial(drawn_photographs, recipe)
        return step(
            source, stage.path, workers=recipe.align.workers, photographs=photographs, progress=progress
        ).facts()

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
    if recipe.engine.name == "renderer":
        return None
    from palm_models.engines.checkpoint import checkpoint_digest

    if recipe.train.checkpoint != "train":
        shipped = recipe.train.checkpoint == "shipped"
        path = WEIGHTS if shipped else Path(recipe.train.checkpoint)
        learned = path / "source.json"  # what the weights were trained on, where they come with it
        credit = json.loads(learned.read_text()) if learned.is_file() else {}
        return Done(path, checkpoint_digest(path), {"checkpoint": recipe.train.checkpoint, **credit})
    assert palms is not None  # the recipe refuses training without photographs
    name, own, code = _trainer(recipe)
    stage = Work.of(recipe).stage("checkpoints", digest_of(own, recipe.seed, palms.digest, code))
    aligned = palms.path / "aligned.parquet"

    def run() -> Mapping[str, Any]:
        with explain_write_errors(stage.path):
            return _train_with(name, recipe, aligned, stage.path, progress)

    done = _once(stage, run, "model.safetensors", "config.json")
    return Done(done.path, checkpoint_digest(done.path), done.facts)


def _trainer(recipe: Recipe) -> tuple[str, Mapping[str, Any], str]:
    """Engine, and the options and code that determine what it learns, not what it draws."""
    name, view = recipe.engine.name, {"views": recipe.dataset.views, "hands": recipe.dataset.hands}
    if name == "wgan-gp":
        own = recipe.wgan.model_dump(mode="json", exclude={"noise", "angle"}) | view
        return name, own, code_digest("palm_models", "tasks/train/wgan_gp.py", "tasks/train/batches.py")
    if name == "ddpm-tps":
        own = recipe.ddpm.model_dump(mode="json", exclude={"jitter", "bend", "renoise"}) | view
        return name, own, code_digest("palm_models", "tasks/train/ddpm_tps.py", "tasks/train/batches.py")
    return name, recipe.train.model_dump(mode="json"), code_digest("palm_models", "tasks/train/diffusion.py")


def _train_with(name: str, recipe: Recipe, aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
    if name == "diffusion":
        from tasks.train.diffusion import TrainSettings, train
        from tasks.train.launch import launch

        settings = TrainSettings(**recipe.train.model_dump(exclude={"checkpoint"}), seed=recipe.seed)
        step = launch if settings.devices > 1 else train
        return step(aligned, out, settings=settings, progress=progress).facts()
    view, hands = recipe.dataset.views[0], recipe.dataset.hands
    if name == "wgan-gp":
        from tasks.train.wgan_gp import train_wgan

        return train_wgan(
            aligned, out, options=recipe.wgan, seed=recipe.seed, view=view, hands=hands, progress=progress
        )
    from tasks.train.ddpm_tps import train_ddpm

    return train_ddpm(
        aligned, out, options=recipe.ddpm, seed=recipe.seed, view=view, hands=hands, progress=progress
    )


def generate(recipe: Recipe, checkpoint: Done | None, progress: Progress) -> Generated:
    """The dataset's shards; those that are whole already are not drawn again."""
    began = time.monotonic()
    path, digest = (checkpoint.path, checkpoint.digest) if checkpoint else (None, "")
    shards = generation.generate(recipe, Work.of(recipe), path, digest, progress)
    folder = shards[0].parent.parent
    return Generated(shards, Done(folder, folder.name, {"seconds": round(time.monotonic() - began, 1)}))


def needs_photographs(recipe: Recipe) -> bool:
    """Photographs are fetched when there is a source: to train on, or to show beside what is made."""
    return recipe.source.kind != "none"


def _once(stage: Stage, run: Callable[[], Mapping[str, Any]], *files: str) -> Done:
    """Run a stage unless its marker says that it is whole; the marker is written last."""
    if not stage.is_whole():
        began = time.monotonic()
        facts = dict(run())
        stage.finish(
            [stage.path / name for name in files], {**facts, "seconds": round(time.monotonic() - began, 1)}
        )
    return Done(stage.path, stage.path.name, stage.facts())
