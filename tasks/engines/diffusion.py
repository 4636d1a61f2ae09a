"""The engine diffusion: the rendered picture, noised half way and drawn anew as real skin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.effects import continued, learned
from palm_models.shipped import SHIPPED
from tasks.engines.engine import Engine, Progress, Training

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


class Diffusion(Engine):
    """Draws from parameters with a network that learned from photographs."""

    name = "diffusion"
    summary = "real skin on the rendered hand; weights are shipped, or trained"
    learned = True
    shipped = SHIPPED
    code = ("palm_models.engines.diffusion.engine",)

    def training(self, recipe: Recipe) -> Training:
        """On one device, or a process on each of several."""

        def run(aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
            from tasks.train.diffusion import TrainSettings, train
            from tasks.train.launch import launch

            chosen = TrainSettings(**recipe.train.model_dump(exclude={"checkpoint"}), seed=recipe.seed)
            step = launch if chosen.devices > 1 else train
            return step(aligned, out, settings=chosen, progress=progress).facts()

        return Training(
            determines={**learned(recipe.train), "seed": recipe.seed},
            continues=tuple(f"train.{name}" for name in continued(type(recipe.train))),
            code=("tasks.train.diffusion",),
            run=run,
        )

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.diffusion.engine import DiffusionEngine

        return DiffusionEngine(checkpoint or SHIPPED, **self.settings(recipe))


DIFFUSION = Diffusion()
