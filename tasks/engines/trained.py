"""The third step of a recipe: the weights its engine draws with, shipped, given, or trained on its palms."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from manifests.effects import Effect, effects
from manifests.files.layout import atomic_write, explain_write_errors
from manifests.recipe import Recipe
from tasks.engines.engine import Training
from tasks.engines.registry import engine_of
from tasks.work.logs import log
from tasks.work.place import MARKER, OWNER, Place
from tasks.work.stage import Done, Stage, once

Progress = Callable[[int, int], None]
NOTE = "TRAINING.json"  # which training a folder belongs to, and how much of it was asked for
AMOUNT = "amount"


def train(recipe: Recipe, palms: Done | None, progress: Progress) -> Done | None:
    """The checkpoint the engine draws with: shipped, given, or trained here; None where nothing is learned.

    A training of which less was asked for before goes on from there. One of which more was asked for is not
    cut back: what was finished at this length is taken, else it starts from nothing in a folder of its own.
    """
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
    stage = training_stage(recipe, training, palms.digest)
    place, aligned = stage.place(), palms.path / "aligned.parquet"

    def run() -> Mapping[str, Any]:
        with explain_write_errors(place.path):
            _go_on(place, replace(stage, given={**stage.given, AMOUNT: None}).digest(), stage.given[AMOUNT])
            return training.run(aligned, place.path, progress)

    done = once(place, run, "model.safetensors", "config.json")
    return Done(done.path, checkpoint_digest(done.path), done.facts)


def training_stage(recipe: Recipe, training: Training, palms: str) -> Stage:
    """What is learned, and how much of it: `palms` is the digest of the aligned palms."""
    marks = dict(effects(type(recipe)))
    amount = {name: recipe.option(name) for name in training.continues if marks.get(name) is Effect.CONTINUES}
    given = {"engine": recipe.engine.name, "learns": training.determines, "palms": palms, AMOUNT: amount}
    return Stage("checkpoints", recipe, code=training.code, given=given)


def _go_on(place: Place, training: str, amount: Mapping[str, int]) -> None:
    """Let the training in `place` begin where the longest one that is no longer than `amount` has come to.

    The note is written last: a copy that was cut off is made again.
    """
    if (place.path / NOTE).exists():
        return
    shorter: list[tuple[list[int], Path]] = []
    for note in place.path.parent.glob(f"*/{NOTE}"):
        ran = json.loads(note.read_text())
        if ran["training"] == training and all(ran[AMOUNT][name] <= much for name, much in amount.items()):
            shorter.append((list(ran[AMOUNT].values()), note.parent))
    if shorter:
        _, before = max(shorter)
        log.info("training goes on from %s", before)
        for file in before.iterdir():
            if file.is_file() and file.name not in (MARKER, NOTE) and not file.name.startswith(OWNER):
                shutil.copyfile(file, place.path / file.name)
    ran = {"training": training, AMOUNT: dict(amount)}
    atomic_write(place.path / NOTE, json.dumps(ran, sort_keys=True).encode())
