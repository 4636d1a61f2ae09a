"""The gates by name: ours below, those of other packages through the entry point palmforge.gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from manifests.registry import Registry

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.judge.gate import Gate

GATES: Registry[Gate] = Registry(
    "palmforge.gates",
    "gate",
    {
        "quality": "tasks.judge.gates.quality:QUALITY",
        "hand": "tasks.judge.gates.hand:HAND",
        "identity": "tasks.judge.gates.identity:IDENTITY",
        "twins": "tasks.judge.gates.twins:TWINS",
        "leakage": "tasks.judge.gates.leakage:LEAKAGE",
        "duplicates": "tasks.judge.gates.duplicates:DUPLICATES",
    },
    "tasks.judge.gate:Gate",
)


def gates_of(recipe: Recipe) -> list[Gate]:
    """The gates that a recipe uses, the most serious first. Raises PluginError for one nobody brings."""
    return sorted((GATES.get(name) for name in recipe.gates.use), key=lambda gate: gate.rank)


def measuring() -> list[Gate]:
    """The gates that score every picture, whether they judge or not."""
    return [gate for gate in map(GATES.get, GATES.ours) if gate.always]


def hides(name: str) -> bool:
    """Whether what is rejected under this name is shown in no version; not all names are of gates."""
    return name in GATES and GATES.get(name).hides
