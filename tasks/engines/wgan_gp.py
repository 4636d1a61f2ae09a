"""The engine wgan-gp: an individual is a latent of a counter seed, its captures are latents near it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from manifests.recipe.baseline_sections import Wgan
from tasks.engines.baseline import Baseline
from tasks.engines.engine import Cost

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer
    from tasks.train.wgan_gp import WganTraining


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

    def trained_by(self) -> type[WganTraining]:
        """Of generator and critic."""
        from tasks.train.wgan_gp import WganTraining

        return WganTraining

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """At 256 px and width 64: 0.1 s a picture, 0.13 s a picture that one network learns from."""
        own = recipe.wgan
        scale = (own.size / 256) ** 2 * (own.width / 64) ** 2
        learned = 0.065 * scale * (own.critic_steps + 1) * own.epochs * photographs
        return Cost(0.02 + 0.1 * scale, 0.8e9, learned)

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.baselines.wgan_engine import WganEngine

        assert checkpoint is not None  # check() refuses recipes without
        return WganEngine.load(checkpoint, recipe.wgan.noise, recipe.wgan.angle, recipe.engine.device)


WGAN_GP = WganGp()
