"""The engines by name: ours below, those of other packages through the entry point palmforge.engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifests.registry import Registry

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.engines.engine import Engine

ENGINES: Registry[Engine] = Registry(
    "palmforge.engines",
    "engine",
    {
        "atlas": "tasks.engines.atlas:ATLAS",
        "refined": "tasks.engines.refined:REFINED",
        "renderer": "tasks.engines.renderer:RENDERER",
        "diffusion": "tasks.engines.diffusion:DIFFUSION",
        "wgan-gp": "tasks.engines.wgan_gp:WGAN_GP",
        "ddpm-tps": "tasks.engines.ddpm_tps:DDPM_TPS",
    },
    "tasks.engines.engine:Engine",
)
DRAWS = "atlas"  # where none is named
LEARNS = "diffusion"  # trained where a recipe's own engine has nothing to learn


def engine_of(recipe: Recipe) -> Engine:
    """The engine of a recipe."""
    return ENGINES.get(recipe.engine.name)
