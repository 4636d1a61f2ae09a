"""Gate twins: no identity may be as similar to another as an identity is to itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from manifests.words import View
from tasks.judge.candidate import Case, Fault, Vectors, Verdict, unit
from tasks.judge.gate import Allowed, Breach, Gate, Sitting
from tasks.judge.gates.identity import IDENTITY
from tasks.judge.gates.leakage import LEAKAGE

if TYPE_CHECKING:
    from manifests.recipe import Recipe

BLOCK = 2048  # identities that are compared with all others at once


@dataclass(frozen=True)
class Alike:
    """Cosines: from which two templates are one identity, and below which a picture shows somebody else."""

    most: float
    identity: Mapping[View, float]


class TwinsGate(Gate):
    """Compares the templates of identities, and the strange captures of one with all templates."""

    name = "twins"
    summary = "as similar to an earlier one as to itself, or most of its captures show one other identity"
    reasons: ClassVar[Mapping[str, str]] = {"twin": "the identity is another one under a new name"}
    rejects = "identity"
    rank = 60

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> Alike:
        """The recipe's similarity, else the calibrated one."""
        most = recipe.gates.twins or calibrated["twins"]["threshold"]
        return Alike(most, IDENTITY.threshold(recipe, calibrated))

    def told(self, threshold: Alike) -> float:
        """The similarity of templates alone."""
        return threshold.most

    def sitting(self, threshold: Alike) -> Sitting:
        """Remembers the templates of earlier identities."""
        return _Templates(self, threshold)

    def allowed(self, recipe: Recipe) -> Allowed:
        """gates.max_twins of the identities."""
        advice = "Widen the distributions in [identity]; gates.max_twins allows more"
        return Allowed("share of identities that resemble another", recipe.gates.max_twins, advice)

    def breaches(self, recipe: Recipe, verdicts: Sequence[Verdict]) -> Iterator[Breach]:
        """Too many twins, or too many of those that passed overlap."""
        yield from super().breaches(recipe, verdicts)
        accepted = [v for v in verdicts if v.state == "accepted"]
        share = overlap(accepted) if len(accepted) > 1 else 0.0
        if share > recipe.gates.max_twins:
            advice = "Widen the distributions in [identity] or narrow those in [capture]; "
            advice += "gates.max_twins allows more"
            what = "share of identities nearer to another one"
            yield Breach("overlap", what, share, recipe.gates.max_twins, advice)


class _Templates(Sitting):
    """Templates of the identities that were not rejected, in one matrix that grows."""

    def __init__(self, gate: Gate, threshold: Alike) -> None:
        super().__init__(gate, threshold)
        self.names: list[str] = []
        self.matrix = np.zeros((0, 0), np.float32)

    def identity(self, case: Case) -> Fault | None:
        """An identity whose template is as near to an earlier one as its own references are."""
        near, other = self._nearest(case.candidate.template)
        if near < self.threshold.most:
            return None
        return Fault(self.gate.name, "twin", near, self.threshold.most, other)

    def keep(self, verdict: Verdict) -> None:
        """Its template, for those that follow."""
        template = verdict.candidate.template
        if len(self.names) == len(self.matrix):
            grown = np.zeros((max(256, 2 * len(self.matrix)), len(template)), np.float32)
            if self.names:
                grown[: len(self.names)] = self.matrix
            self.matrix = grown
        self.matrix[len(self.names)] = template
        self.names.append(verdict.candidate.identity_id)

    def _nearest(self, template: Vectors) -> tuple[float, str]:
        """Similarity and name of the nearest one; -1 when there is none."""
        if not self.names:
            return -1.0, ""
        near = self.matrix[: len(self.names)] @ template
        place = int(near.argmax())
        return float(near[place]), self.names[place]

    def revise(self, verdicts: list[Verdict], captures: int) -> list[Verdict]:
        """Where most captures of an identity show one other identity, it was copied under a new name."""
        if not verdicts:
            return verdicts
        templates = np.stack([v.candidate.template for v in verdicts])
        return [self._as_twin(v, place, verdicts, templates, captures) for place, v in enumerate(verdicts)]

    def _as_twin(
        self, verdict: Verdict, place: int, verdicts: list[Verdict], templates: Vectors, asked: int
    ) -> Verdict:
        rows, faults = verdict.candidate.rows, verdict.faults
        strange = [i for i, f in enumerate(faults) if f and f.gate == IDENTITY.name and not f.because]
        captures = {rows[i]["capture"] for i in strange}
        if 2 * len(captures) < asked or len(captures) < 2:
            return verdict
        near = verdict.candidate.vectors[strange] @ templates.T
        near[:, place] = -1
        (other, count), *_ = Counter(near.argmax(axis=1).tolist()).most_common(1)
        alike = float(np.median(near[:, other]))
        least = min(self.threshold.identity[rows[i]["view"]] for i in strange)
        if 2 * count < len(strange) or alike < least:
            return verdict
        name = verdicts[other].candidate.identity_id
        twin = Fault(self.gate.name, "twin", alike, least, name)
        return replace(verdict, faults=[twin if f and f.gate != LEAKAGE.name else f for f in faults])


def overlap(accepted: Sequence[Verdict]) -> float:
    """Share of identities whose published pictures lie nearer, on average, to another one."""
    centres = np.stack([_centre(v) for v in accepted])
    own = np.array([_own(v) for v in accepted])
    overlapping = 0
    for start in range(0, len(centres), BLOCK):
        near = centres[start : start + BLOCK] @ centres.T
        near[np.arange(len(near)), start + np.arange(len(near))] = -1
        overlapping += int((near.max(axis=1) > own[start : start + BLOCK]).sum())
    return overlapping / len(accepted)


def _own(verdict: Verdict) -> float:
    pairs = zip(verdict.scores[IDENTITY.column], verdict.faults, strict=True)
    return float(np.mean([score for score, fault in pairs if fault is None and score is not None]))


def _centre(verdict: Verdict) -> Vectors:
    passed = [i for i, fault in enumerate(verdict.faults) if fault is None]
    return unit(verdict.candidate.vectors[passed].sum(axis=0))


TWINS = TwinsGate()
