"""Gate identity: a picture must be similar to its identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.words import VIEWS, View
from tasks.judge.candidate import Case, Fault
from tasks.judge.gate import Gate

if TYPE_CHECKING:
    from manifests.recipe import Recipe


class IdentityGate(Gate):
    """Compares each picture with references of its identity, or with its first captures."""

    name = "identity"
    summary = "not similar to four reference pictures of its identity, which are never published"
    reasons: ClassVar[Mapping[str, str]] = {
        "not_its_identity": "it is less similar to its identity than clean pictures are"
    }
    rank, always, column = 30, True, "identity_score"

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> Mapping[View, float]:
        """The least similarity by view, cosines."""
        return {v: recipe.gates.identity or calibrated["identity"][v]["threshold"] for v in VIEWS}

    def values(self, case: Case, threshold: Mapping[View, float]) -> Sequence[float]:
        """Similarity of each picture to its identity, -1 to 1."""
        likeness: list[float] = case.likeness.tolist()
        return likeness

    def fault(self, case: Case, place: int, threshold: Mapping[View, float]) -> Fault | None:
        """A picture that shows somebody else, or nobody."""
        likeness, least = float(case.likeness[place]), threshold[case.rows[place]["view"]]
        return Fault(self.name, "not_its_identity", likeness, least) if likeness < least else None


IDENTITY = IdentityGate()
