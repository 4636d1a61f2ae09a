"""The engine ddpm-tps: an individual is a recorded noise, its captures are warps of one picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from manifests.recipe.baseline_sections import Ddpm
from tasks.engines.baseline import Baseline
from tasks.engines.engine import Cost

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer
    from tasks.train.ddpm_tps import DdpmTraining


class DdpmTps(Baseline):
    """The second baseline."""

    name = "ddpm-tps"
    summary = "a baseline: a diffusion of the photographs, captures are thin-plate warps"
    section, options = "ddpm", Ddpm
    code, trainer = ("palm_models.engines.baselines.ddpm_engine",), "tasks.train.ddpm_tps"
    columns: ClassVar[Mapping[str, str]] = {
        "identity_noise_seed": "seed of the noise that the individual's picture was drawn from",
        "identity_control_points": "found by the landmarker in that picture, or a grid over it",
        "capture_move": "mean distance by which the control points were moved, px of its pictures",
        "capture_renoise": "share of the noise levels that the capture was drawn anew from",
    }

    def trained_by(self) -> type[DdpmTraining]:
        """Of the diffusion."""
        from tasks.train.ddpm_tps import DdpmTraining

        return DdpmTraining

    def cost(self, recipe: Recipe, photographs: int) -> Cost:
        """At 128 px and dim 64: 0.72 s a step of the sampler, 2.3 s a picture of a training step."""
        own = recipe.ddpm
        scale = (own.size / 128) ** 2 * (own.dim / 64) ** 2
        share = 1 / recipe.dataset.captures + own.renoise  # of the individual's picture, and a capture's own
        learned = 2.3 * scale * own.batch * own.accumulate * own.steps
        return Cost(0.02 + 0.72 * scale * own.sampling_steps * share, 1.1e9, learned)

    def reads(self, recipe: Recipe) -> tuple[Path, ...]:
        """The recipe's hand model, which finds the control points; the code names the other by its sha256."""
        return (Path(recipe.align.model),) if recipe.align.model else ()

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws, weights loaded. Raises CheckpointError for weights it cannot use."""
        from palm_models.engines.baselines.ddpm_engine import DdpmEngine, Variation

        assert checkpoint is not None  # check() refuses recipes without
        own = recipe.ddpm
        variation = Variation(own.jitter, own.bend, own.renoise)
        device, model = recipe.engine.device, recipe.align.model
        return DdpmEngine.load(checkpoint, own.sampling_steps, variation, device, model)


DDPM_TPS = DdpmTps()
