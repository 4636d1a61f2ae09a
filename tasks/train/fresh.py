"""Baselines with fresh weights: what one costs is known before it is trained."""

import time
from pathlib import Path

from manifests.recipe import Recipe
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.ddpm import DdpmSpec, build, sample
from palm_models.engines.baselines.wgan import Generator, WganSpec
from palm_models.engines.threads import one_thread

PROBE = 2  # steps of the sampler that are timed


@one_thread()
def fresh_baseline(recipe: Recipe, folder: Path) -> tuple[Recipe, float]:
    """Write an untrained checkpoint of the recipe's baseline into `folder`.

    Returns the recipe with the sampler cut to PROBE steps, and the seconds an image that this leaves out.
    """
    view, own = recipe.dataset.views[0], recipe.ddpm
    if recipe.engine.name == "wgan-gp":
        shape = {"size": recipe.wgan.size, "latent": recipe.wgan.latent, "width": recipe.wgan.width}
        save_baseline(folder, "wgan-gp", Generator(WganSpec(**shape)), shape, view, {})
        return recipe, 0.0
    spec = DdpmSpec(own.size, own.dim, own.mults, own.timesteps)
    diffusion = build(spec, PROBE)
    network = {"size": own.size, "dim": own.dim, "mults": list(own.mults), "timesteps": own.timesteps}
    save_baseline(folder, "ddpm-tps", diffusion.model, network, view, {})
    began = time.perf_counter()
    sample(diffusion, 0)
    step = (time.perf_counter() - began) / PROBE
    share = (
        1 / recipe.dataset.captures + own.renoise
    )  # a capture's share of the individual's picture, and its own
    quick = own.model_copy(update={"sampling_steps": PROBE, "renoise": 0.0})
    return recipe.model_copy(update={"ddpm": quick}), step * own.sampling_steps * share
