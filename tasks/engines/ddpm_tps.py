"""The engine ddpm-tps: an individual is a recorded noise, its captures are warps of one picture."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.files.layout import atomic_write
from manifests.recipe.baselines import Ddpm
from tasks.engines.baseline import Baseline
from tasks.engines.engine import Progress, Untrained

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.engines.base import Drawer

PROBE = 2  # steps of the sampler that are timed


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

    def train(self, recipe: Recipe, aligned: Path, out: Path, progress: Progress) -> Mapping[str, Any]:
        """Train the diffusion."""
        from tasks.train.ddpm_tps import train_ddpm

        view, hands = recipe.dataset.views[0], recipe.dataset.hands
        return train_ddpm(
            aligned, out, options=recipe.ddpm, seed=recipe.seed, view=view, hands=hands, progress=progress
        )

    def untrained(self, recipe: Recipe, folder: Path) -> Untrained:
        """Fresh weights of the recipe's shape, with a sampler cut to PROBE steps."""
        from palm_models.engines.baselines.common import save_baseline
        from palm_models.engines.baselines.ddpm import DdpmSpec, build, sample
        from palm_models.engines.threads import one_thread

        own = recipe.ddpm
        diffusion = build(DdpmSpec(own.size, own.dim, own.mults, own.timesteps), PROBE)
        network = {"size": own.size, "dim": own.dim, "mults": list(own.mults), "timesteps": own.timesteps}
        view = recipe.dataset.views[0]
        save_baseline(folder, self.name, diffusion.model, network, view, {}, atomic_write)
        began = time.perf_counter()
        with one_thread():
            sample(diffusion, 0)
        step = (time.perf_counter() - began) / PROBE
        share = 1 / recipe.dataset.captures + own.renoise  # of the individual's picture, and a capture's own
        quick = own.model_copy(update={"sampling_steps": PROBE, "renoise": 0.0})
        told = recipe.model_copy(update={"ddpm": quick})
        return Untrained(told, folder, step * own.sampling_steps * share)

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
