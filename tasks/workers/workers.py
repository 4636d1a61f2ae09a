"""Workers: who does the work of a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tasks.workers.parallel import available_cores

if TYPE_CHECKING:
    from manifests.recipe import Recipe


@dataclass(frozen=True)
class Workers:
    """Who works: `count` processes of this machine (0 = one a core), or those of a Dask scheduler.

    With runner "dask" an empty address starts a local cluster of `count` processes.
    """

    runner: Literal["local", "dask"] = "local"
    count: int = 0
    address: str = ""

    @classmethod
    def of(cls, recipe: Recipe) -> Workers:
        """The workers that the recipe's section engine asks for."""
        engine = recipe.engine
        return cls(engine.runner, engine.workers, engine.dask_address)

    @property
    def processes(self) -> int:
        """Processes on this machine."""
        return self.count or available_cores()
