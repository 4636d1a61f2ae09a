"""Plans a dataset: which identities, in which shards, from which engine; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from manifests.contract.split import split_of
from manifests.words import Hand
from tasks.work.digest import digest_of

if TYPE_CHECKING:
    from manifests.recipe import Recipe


@dataclass(frozen=True)
class PlannedIdentity:
    """Number `index` of the plan: hand `hand` of subject number `subject`, with the split of that subject."""

    index: int
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
    """Identities with the numbers of the captures to draw of each: the unit of work and of resume."""

    identities: tuple[PlannedIdentity, ...]
    captures: tuple[tuple[int, ...], ...]
    more: bool = False  # True when these replace rejected ones

    @property
    def name(self) -> str:
        """Names what it holds, so that a larger dataset finds the shards of a smaller one."""
        first, last = self.identities[0].index, self.identities[-1].index + 1
        span = f"identities-{first:07d}-{last:07d}"
        held = [(i.index, c) for i, c in zip(self.identities, self.captures, strict=True)]
        return f"{span}-more-{digest_of(held)}" if self.more else span


def planned_identity(recipe: Recipe, index: int) -> PlannedIdentity:
    """Identity number `index`: hands of one subject stand together; independent of how many are asked for."""
    hands: tuple[Hand, ...] = tuple(recipe.dataset.hands)
    subject, which = divmod(index, len(hands))
    split = split_of(f"s{subject:06d}", recipe.dataset.splits, recipe.seed)
    return PlannedIdentity(index, subject, hands[which], split)


def shards(recipe: Recipe) -> Iterator[PlannedShard]:
    """The dataset in runs of `dataset.shard_identities` identities."""
    total, step = recipe.dataset.identities, recipe.dataset.shard_identities
    captures = tuple(range(recipe.dataset.captures))
    for first in range(0, total, step):
        identities = tuple(planned_identity(recipe, i) for i in range(first, min(first + step, total)))
        yield PlannedShard(identities, (captures,) * len(identities))


def further_shards(recipe: Recipe, wanted: Mapping[int, Sequence[int]]) -> Iterator[PlannedShard]:
    """Further captures by the identity's index, ascending: those that replace what the gates rejected."""
    step, indices = recipe.dataset.shard_identities, sorted(wanted)
    for first in range(0, len(indices), step):
        some = indices[first : first + step]
        identities = tuple(planned_identity(recipe, i) for i in some)
        yield PlannedShard(identities, tuple(tuple(wanted[i]) for i in some), more=True)
