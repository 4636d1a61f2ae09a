"""Rows: which recogniser learns what, in which order, and what of it the curves leave out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from tasks.evaluate.labelled import Labelled
from tasks.evaluate.question import Question
from tasks.evaluate.recognisers.registry import Chosen, parse_recogniser
from tasks.evaluate.runs import Run, folder_of

OVER = ("identities", "captures")  # what a curve counts


@dataclass(frozen=True)
class Taught:
    """What a row learns: `palms`, after `first` where it is tuned; `over`: whose curve it is a point of."""

    name: str
    palms: Labelled
    first: Labelled | None = None
    over: str = ""

    def about(self) -> dict[str, Any]:
        """Name, counts and what was left out, JSON-able."""
        learned = [p for p in (self.first, self.palms) if p]
        return {
            "name": self.name, "identities": sum(p.identities for p in learned),
            "captures": max(p.captures for p in learned), "images": sum(len(p.grey) for p in learned),
            "note": self.palms.note,
        }  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One recogniser and what it learns; None: it does not learn."""

    chosen: Chosen
    taught: Taught | None

    def about(self) -> dict[str, Any]:
        """What the row is called and what it learned, JSON-able."""
        nothing = {"name": "nothing", "identities": 0, "captures": 0, "images": 0, "note": ""}
        return {**(self.taught.about() if self.taught else nothing), "recogniser": self.chosen.text}

    def runs(self, tests: Sequence[Labelled], q: Question) -> list[Run]:
        """A run for each seed; one that does not learn has one."""
        seeds = range(q.budget.seed, q.budget.seed + q.budget.seeds)
        return [self._run(tests, seed, q) for seed in (seeds if self.taught else seeds[:1])]

    def _run(self, tests: Sequence[Labelled], seed: int, q: Question) -> Run:
        pictures, work = tuple(test.grey for test in tests), Path(q.work)
        if self.taught is None:
            return Run(self.chosen, None, pictures, seed, work)
        first, palms = self.taught.first, self.taught.palms
        start = folder_of(self.chosen, first, seed, work) if first else None
        folder = folder_of(self.chosen, palms, seed, work, start)
        return Run(self.chosen, palms, pictures, seed, folder, start)


def chosen_of(q: Question) -> list[Chosen]:
    """The recognisers of a question, with and without augmentation where both are asked for."""
    found = []
    for text in q.recognisers:
        asked = parse_recogniser(text, q.budget.size, q.budget.steps)
        plain = f"{text},augment=false"
        if not asked.kind.learns or "augment=" in text or q.budget.augment == "with":
            found.append(asked)
        else:
            both = [asked] if q.budget.augment == "both" else []
            found += [*both, parse_recogniser(plain, q.budget.size, q.budget.steps)]
    return found


def taught_by(sets: Sequence[Labelled], halves: Sequence[Labelled], q: Question) -> list[Taught]:
    """What is learned: each set; each half alone, with the first set, after it; the points of the curves."""
    first = sets[0]
    found = [Taught(palms.name, palms) for palms in sets]
    for half in halves:
        both = joined(first, half)
        found += [Taught(half.name, half), Taught(both.name, both)]
        found.append(Taught(f"{first.name}, then {half.name}", half, first))
    for n in sorted({n for n in q.curve if 2 <= n <= first.identities}):
        found.append(Taught(first.name, first.first(n), over=OVER[0]))
    for n in sorted({n for n in q.curve_captures if 2 <= n <= first.captures}):
        found.append(Taught(first.name, first.first(0, n), over=OVER[1]))
    return found


def rows_of(chosen: Chosen, taught: Sequence[Taught]) -> list[Row]:
    """The rows of one recogniser; what cannot be tuned is not."""
    if not chosen.kind.learns:
        return [Row(chosen, None)]
    return [Row(chosen, t) for t in taught if t.first is None or chosen.kind.tunes]


def joined(one: Labelled, two: Labelled) -> Labelled:
    """Two sets as one; identities are told apart by their set."""
    labels = [f"{k}: {label}" for k, s in enumerate((one, two)) for label in s.labels.tolist()]
    grey = np.concatenate([one.grey, two.grey])
    return replace(Labelled(f"{one.name} + {two.name}", grey, np.array(labels, np.str_)), note=two.note)
