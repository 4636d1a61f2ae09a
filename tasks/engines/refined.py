"""The engine refined: an atlas on whose palm a network that learned from photographs has drawn the skin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.effects import continued, learned
from palm_models.shipped import SHIPPED
from tasks.engines.atlas import Atlas
from tasks.engines.engine import Cost, Progress, Training

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer

ONCE = 0.14  # seconds of one core an evaluation of the network at dim 32 takes, once an identity


class Refined(Atlas):
    """The atlas's identities, captures and columns; its palms' skin is a network's."""

    name = "refined"
    summary = "the atlas, its palm's skin drawn once by a network; weights are shipped, or trained"
    learned = True
    requires = ("torch", "denoising_diffusion_pytorch")
    referenced = False
    shipped = SHIPPED / "skin"
    code = ("palm_models.engines.refined.engine",)

    def training(self, recipe: Recipe) -> Training:
        """On one device."""

        def run(aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
            from tasks.train.diffusion import TrainSettings
            from tasks.train.refined import train_skin

            chosen = TrainSettings(**recipe.train.model_dump(exclude={"checkpoint"}), seed=recipe.seed)
            return train_skin(aligned, out, settings=chosen, device=recipe.engine.device, progress=progress)

        return Training(
            determines={**learned(recipe.train), "seed": recipe.seed},
            continues=tuple(f"train.{name}" for name in continued(type(recipe.train))),
            code=("tasks.train.refined",),
            run=run,
        )

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """The atlas's, and the network's once an identity; 0.5 s a part of 256 px and step of training."""
        plain, own = super().cost(recipe, photographs), recipe.train
        drawn = ONCE * recipe.engine.steps / max(1, recipe.dataset.captures)
        learning = 0.5 * (own.size / 256) ** 2 * (own.dim / 32) ** 2 * own.batch * own.steps
        return replace(plain, image=plain.image + drawn, memory=0.9e9, training=learning)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.refined.engine import RefinedEngine

        return RefinedEngine(checkpoint or self.shipped, recipe.engine.steps, recipe.engine.device or "cpu")


REFINED = Refined()
