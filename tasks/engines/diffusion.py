"""The engine diffusion: the rendered picture, noised half way and drawn anew as real skin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.effects import continued, learned
from palm_models.shipped import SHIPPED
from tasks.engines.engine import Cost, Engine, Progress, Training
from tasks.engines.renderer import rendering

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


class Diffusion(Engine):
    """Draws from parameters with a network that learned from photographs."""

    name = "diffusion"
    summary = "real skin on the rendered hand; weights are shipped, or trained"
    learned = True
    views = ("palm", "hand")  # its network tells these two apart
    requires = ("torch", "denoising_diffusion_pytorch")
    trains_with = ("accelerate",)
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

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """The network at 128 px and dim 64: 0.036 s an evaluation, 0.12 s a picture of a training step."""
        scale = (recipe.dataset.size / 128) ** 2
        own = recipe.train
        learned = 0.12 * (own.size / 128) ** 2 * (own.dim / 64) ** 2 * own.batch * own.steps
        return Cost(rendering(recipe) + 0.036 * scale * recipe.engine.steps, 0.9e9, learned)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.diffusion.engine import DiffusionEngine

        return DiffusionEngine(checkpoint or SHIPPED, **self.settings(recipe))


DIFFUSION = Diffusion()
