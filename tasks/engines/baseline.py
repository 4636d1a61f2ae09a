"""What the two baselines share: their options tell what they learn, and they know no traits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.effects import continued, drawn, learned
from tasks.engines.engine import Engine, Progress, Training

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.train.resumable import Resumable


class Baseline(Engine):
    """An engine of the hackathon this grew from."""

    one_view = True
    parametric = False
    learned = True
    requires = ("torch", "denoising_diffusion_pytorch", "scipy")
    trains_with = ("ema_pytorch",)
    trainer: ClassVar[str]  # the module that trains

    @abstractmethod
    def trained_by(self) -> type[Resumable[Any]]:
        """What does a step of its training."""

    def train(self, recipe: Recipe, aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
        """Train on the recipe's one view into `out`, or go on there; facts for the report."""
        from tasks.train.resumable import train_baseline

        return train_baseline(
            self.trained_by(), aligned, out, options=self.own(recipe), seed=recipe.seed,
            view=recipe.dataset.views[0], hands=recipe.dataset.hands, progress=progress,
        )  # fmt: skip

    def training(self, recipe: Recipe) -> Training:
        """On the photographs of the view and the hands that are drawn."""
        shown = {"views": list(recipe.dataset.views), "hands": list(recipe.dataset.hands)}
        return Training(
            determines={**learned(self.own(recipe)), **shown, "seed": recipe.seed},
            continues=tuple(f"{self.own_section}.{name}" for name in continued(type(self.own(recipe)))),
            code=(self.trainer,),
            run=partial(self.train, recipe),
        )

    def drawn_with(self, recipe: Recipe) -> dict[str, Any]:
        """As rows record it since 0.1.0, less what only its training knew."""
        return {"engine": self.settings(recipe), "baseline": [drawn(self.own(recipe))]}
