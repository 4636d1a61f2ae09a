"""The release gate: refuses a dataset that leaks, whose identities overlap, or that falls short."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from manifests.files.layout import REJECTS, atomic_write
from manifests.recipe import Recipe
from manifests.words import PalmforgeError
from tasks.draw.plan import planned_identity
from tasks.judge.decide import Verdict
from tasks.judge.rejects import sheet
from tasks.judge.rounds import Judged
from tasks.judge.score import unit

BLOCK = 2048  # identities that are compared with all others at once
REFUSED, SHEET = "refused.md", "rejects.png"  # in the judged stage of the work folder


class ReleaseError(PalmforgeError):
    """The dataset must not be published; the message says which gate, by how much, and what to change."""

    exit_code = 3  # of the command line: 1 is any other error


@dataclass(frozen=True)
class Breach:
    """One reason not to publish. measured, limit: in the unit that `what` names."""

    gate: str
    what: str
    measured: float
    limit: float
    advice: str

    def __str__(self) -> str:
        return f"{self.gate}: {self.what}: {self.measured:.4g}, allowed {self.limit:.4g}. {self.advice}"


def check_release(recipe: Recipe, judged: Judged) -> None:
    """Raise ReleaseError when the dataset breaks a limit of the recipe, and write why into the work folder.

    Without gates (gates.use empty) nothing was judged, so nothing is refused.
    """
    if not judged.verdicts:
        return
    breaches = list(breaches_of(recipe, judged.verdicts))
    if not breaches:
        return
    lines = [f"- {breach}" for breach in breaches]
    folder = judged.done.path
    text = f"# {recipe.name} is not published\n\n" + "\n".join(lines)
    text += f"\n\nRejected pictures: {folder / SHEET}, one by one in {folder / REJECTS}.\n"
    atomic_write(folder / SHEET, sheet(folder / REJECTS))
    atomic_write(folder / REFUSED, text.encode())
    raise ReleaseError(
        f"{recipe.name} is not published, LATEST stays as it is:\n"
        + "\n".join(lines)
        + f"\nWhat was rejected: {folder / REFUSED} and {SHEET} beside it"
    )


def breaches_of(recipe: Recipe, verdicts: Sequence[Verdict]) -> Iterator[Breach]:
    """Every limit that the verdicts break."""
    gates, faults = recipe.gates, [f for v in verdicts for f in v.faults]
    gate_of = Counter(f.gate for f in faults if f)
    total = max(1, len(faults))
    if (leaks := gate_of["leakage"] / total) > gates.max_leaks:
        advice = "Train on more photographs or for fewer steps; gates.max_leaks allows more"
        yield Breach(
            "leakage", "share of pictures that resemble a photograph", leaks, gates.max_leaks, advice
        )
    twins = sum(any(f and f.gate == "twins" for f in v.faults) for v in verdicts) / max(1, len(verdicts))
    if twins > gates.max_twins:
        advice = "Widen the distributions in [identity]; gates.max_twins allows more"
        yield Breach("twins", "share of identities that resemble another", twins, gates.max_twins, advice)
    rejected = sum(n for gate, n in gate_of.items() if gate != "surplus") / total
    if rejected > gates.max_rejected:
        worst = ", ".join(f"{gate} {n}" for gate, n in gate_of.most_common(3))
        advice = f"Mostly {worst}. Milder values in [capture], or gates.max_rejected"
        yield Breach("rejects", "share of pictures rejected", rejected, gates.max_rejected, advice)
    accepted = [v for v in verdicts if v.state == "accepted"]
    if len(accepted) < recipe.dataset.identities:
        advice = "More gates.attempts, milder values in [capture], or fewer dataset.identities"
        yield Breach("attempts", "identities that passed", len(accepted), recipe.dataset.identities, advice)
    yield from _balance(recipe, accepted)
    yield from _splits(recipe, accepted)
    if "twins" in gates.use and len(accepted) > 1:
        yield from _overlap(recipe, accepted)


def _balance(recipe: Recipe, accepted: Sequence[Verdict]) -> Iterator[Breach]:
    data = recipe.dataset
    asked = data.captures * len(data.views) * (1 + recipe.augment.copies)
    odd = sum(sum(f is None for f in v.faults) != asked for v in accepted)
    if odd:
        yield Breach("balance", f"identities without {asked} pictures", odd, 0, "Draw the shards again")


def _splits(recipe: Recipe, accepted: Sequence[Verdict]) -> Iterator[Breach]:
    splits: dict[str, set[str]] = {}
    for verdict in accepted:
        planned = planned_identity(recipe, verdict.candidate.index)
        splits.setdefault(planned.subject_id, set()).add(planned.split)
    shared = sum(len(names) > 1 for names in splits.values())
    if shared:
        yield Breach("splits", "subjects in more than one split", shared, 0, "Draw the shards again")


def _overlap(recipe: Recipe, accepted: Sequence[Verdict]) -> Iterator[Breach]:
    """Identities whose published pictures lie, on average, as near to another identity as to their own."""
    centres = np.stack([_centre(v) for v in accepted])
    own = np.array(
        [np.mean([s for s, f in zip(v.likeness, v.faults, strict=True) if f is None]) for v in accepted]
    )
    overlapping = 0
    for start in range(0, len(centres), BLOCK):
        near = centres[start : start + BLOCK] @ centres.T
        near[np.arange(len(near)), start + np.arange(len(near))] = -1
        overlapping += int((near.max(axis=1) > own[start : start + BLOCK]).sum())
    share = overlapping / len(accepted)
    if share > recipe.gates.max_twins:
        advice = (
            "Widen the distributions in [identity] or narrow those in [capture]; gates.max_twins allows more"
        )
        yield Breach(
            "overlap", "share of identities nearer to another one", share, recipe.gates.max_twins, advice
        )


def _centre(verdict: Verdict) -> np.ndarray:
    passed = [i for i, fault in enumerate(verdict.faults) if fault is None]
    return unit(verdict.candidate.vectors[passed].sum(axis=0))
