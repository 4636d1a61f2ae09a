"""The engine wgan-gp: an individual is a latent of a counter seed, its captures are latents near it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.files.layout import atomic_write
from manifests.recipe.baselines import Wgan
from tasks.engines.baseline import Baseline
from tasks.engines.engine import Progress, Untrained

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer


class WganGp(Baseline):
    """The first baseline."""

    name = "wgan-gp"
    summary = "a baseline: a GAN of the photographs, an individual is a latent"
    section, options = "wgan", Wgan
    code, trainer = ("palm_models.engines.baselines.wgan_engine",), "tasks.train.wgan_gp"
    columns: ClassVar[Mapping[str, str]] = {
        "identity_latent_norm": "length of the individual's latent, which identity_parameters holds",
        "capture_angle": "degrees between the latents of capture and individual",
    }

    def train(self, recipe: Recipe, aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
        """Train generator and critic."""
        from tasks.train.wgan_gp import train_wgan

        view, hands = recipe.dataset.views[0], recipe.dataset.hands
        return train_wgan(
            aligned, out, options=recipe.wgan, seed=recipe.seed, view=view, hands=hands, progress=progress
        )

    def untrained(self, recipe: Recipe, folder: Path) -> Untrained:
        """Fresh weights of the recipe's shape."""
        from palm_models.engines.baselines.common import save_baseline
        from palm_models.engines.baselines.wgan import Generator, WganSpec

        shape = {"size": recipe.wgan.size, "latent": recipe.wgan.latent, "width": recipe.wgan.width}
        view = recipe.dataset.views[0]
        save_baseline(folder, self.name, Generator(WganSpec(**shape)), shape, view, {}, atomic_write)
        return Untrained(recipe, folder)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.baselines.wgan_engine import WganEngine

        assert checkpoint is not None  # check() refuses recipes without
        return WganEngine.load(checkpoint, recipe.wgan.noise, recipe.wgan.angle, recipe.engine.device)


WGAN_GP = WganGp()
