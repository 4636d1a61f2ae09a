"""The release gate: refuses a dataset of which a gate rejected too much, or that falls short."""

from collections import Counter
from collections.abc import Iterator, Sequence

from manifests.files.layout import REJECTS, atomic_write
from manifests.recipe import Recipe
from manifests.words import PalmforgeError
from tasks.draw.plan import planned_identity
from tasks.judge.candidate import Verdict
from tasks.judge.gate import Breach
from tasks.judge.gates.registry import gates_of
from tasks.judge.rejects import sheet
from tasks.judge.rounds import Judged

REFUSED, SHEET = "refused.md", "rejects.png"  # in the judged stage of the work folder


class ReleaseError(PalmforgeError):
    """The dataset must not be published; the message says which gate, by how much, and what to change."""

    exit_code = 3  # of the command line: 1 is any other error


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
    """Every limit that the verdicts break: of each gate, and of all together."""
    for gate in gates_of(recipe):
        yield from gate.breaches(recipe, verdicts)
    faults = [f for v in verdicts for f in v.faults]
    gate_of = Counter(f.gate for f in faults if f)
    rejected = sum(n for gate, n in gate_of.items() if gate != "surplus") / max(1, len(faults))
    if rejected > recipe.gates.max_rejected:
        worst = ", ".join(f"{gate} {n}" for gate, n in gate_of.most_common(3))
        advice = f"Mostly {worst}. Milder values in [capture], or gates.max_rejected"
        yield Breach("rejects", "share of pictures rejected", rejected, recipe.gates.max_rejected, advice)
    accepted = [v for v in verdicts if v.state == "accepted"]
    if len(accepted) < recipe.dataset.identities:
        advice = "More gates.attempts, milder values in [capture], or fewer dataset.identities"
        yield Breach("attempts", "identities that passed", len(accepted), recipe.dataset.identities, advice)
    yield from _balance(recipe, accepted)
    yield from _splits(recipe, accepted)


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
