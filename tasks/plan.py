"""Plans a dataset: which identities, in which shards, from which engine; nothing is drawn here."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from manifests.recipe import Recipe
from manifests.recipe_errors import RecipeError
from manifests.split import split_of
from palm_models.capture import make_capture
from palm_models.frame import Hand
from palm_models.identity import make_identity
from tasks.augment import Augmenter
from tasks.work import code_digest, digest_of

if TYPE_CHECKING:
    from palm_models.engine import Engine


@dataclass(frozen=True)
class PlannedIdentity:
    """One identity of the plan: hand `hand` of subject number `subject`, with the split of that subject."""

    subject: int
    hand: Hand
    split: str

    @property
    def subject_id(self) -> str:
        """As in the manifest, e.g. s000012."""
        return f"s{self.subject:06d}"

    @property
    def identity_id(self) -> str:
        """As in the manifest, e.g. s000012_left."""
        return f"{self.subject_id}_{self.hand}"


@dataclass(frozen=True)
class PlannedShard:
    """A run of whole identities, the unit of work and of resume."""

    first: int
    identities: tuple[PlannedIdentity, ...]

    @property
    def name(self) -> str:
        """Names the range, so that a larger dataset finds the shards of a smaller one."""
        return f"identities-{self.first:07d}-{self.first + len(self.identities):07d}"


def planned_identity(recipe: Recipe, index: int) -> PlannedIdentity:
    """Identity number `index`: hands of one subject stand together; independent of how many are asked for."""
    hands: tuple[Hand, ...] = tuple(recipe.dataset.hands)
    subject, which = divmod(index, len(hands))
    return PlannedIdentity(
        subject, hands[which], split_of(f"s{subject:06d}", recipe.dataset.splits, recipe.seed)
    )


def shards(recipe: Recipe) -> Iterator[PlannedShard]:
    """The dataset in runs of `dataset.shard_identities` identities."""
    total, step = recipe.dataset.identities, recipe.dataset.shard_identities
    for first in range(0, total, step):
        indices = range(first, min(first + step, total))
        yield PlannedShard(first, tuple(planned_identity(recipe, i) for i in indices))


def check(recipe: Recipe) -> Recipe:
    """The recipe, once its controls and transforms are known to be possible: before any heavy work.

    Raises RecipeError naming the control and the valid ones, or AugmentError naming the transform.
    """
    hand: Hand = recipe.dataset.hands[0]
    for section, draw in (
        ("identity", lambda: make_identity(recipe.seed, 0, hand, recipe.identity)),
        ("capture", lambda: make_capture(recipe.seed, 0, hand, 0, recipe.capture)),
    ):
        try:
            draw()
        except ValueError as error:
            raise RecipeError(f"[{section}] {error}") from None
    if recipe.augment.transforms:
        Augmenter([t.model_dump() for t in recipe.augment.transforms])
    return recipe


def make_engine(recipe: Recipe, checkpoint: Path | None) -> "Engine":
    """The engine of the recipe, weights loaded; `checkpoint` is the folder of a trained one."""
    if recipe.engine.name == "renderer":
        from palm_models.renderer import RendererEngine

        return RendererEngine()
    from palm_models.diffusion import DiffusionEngine

    assert checkpoint is not None  # stages.train leaves one for every engine that learns
    return DiffusionEngine(checkpoint, **engine_options(recipe))


def engine_options(recipe: Recipe) -> dict[str, Any]:
    """The recipe's engine fields as the engine takes them."""
    return recipe.engine.model_dump(exclude={"name", "workers"})


def generation_digest(recipe: Recipe, checkpoint_digest: str) -> str:
    """Names everything that determines the pictures of one identity, so not how many there are."""
    dataset = recipe.dataset.model_dump(mode="json", exclude={"identities", "version"})
    return digest_of(
        recipe.seed, dataset, recipe.engine.model_dump(mode="json", exclude={"workers"}), recipe.identity,
        recipe.capture, recipe.augment.model_dump(mode="json"), checkpoint_digest,
        code_digest("palm_models", "tasks/samples.py", "tasks/augment.py", "tasks/plan.py"),
    )  # fmt: skip
