"""Decides from scores alone which pictures and identities pass, each by what comes before it in the plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tasks.judge.candidate import Candidate, Case, Fault, Verdict
from tasks.judge.gate import Gate, Sitting


@dataclass(frozen=True)
class Rules:
    """What is decided by: the gates that judge, the most serious first, and how much is asked for."""

    gates: Sequence[Gate]
    thresholds: Mapping[str, Any]  # by the names of these gates, and of those that measure
    identities: int
    captures: int
    attempts: float
    measuring: Sequence[Gate] = ()  # gates whose columns are filled

    @property
    def most_captures(self) -> int:
        """Captures of an identity drawn at most."""
        return int(np.ceil(self.captures * self.attempts))

    @property
    def most_identities(self) -> int:
        """Identities drawn at most."""
        return int(np.ceil(self.identities * self.attempts))


@dataclass
class Decided:
    """The verdicts in plan order, and what must still be drawn."""

    verdicts: list[Verdict] = field(default_factory=list)
    wanted: dict[int, Sequence[int]] = field(default_factory=dict)  # identity's index -> numbers of captures


def decide(candidates: Sequence[Candidate], rules: Rules) -> Decided:
    """Judge all candidates, ascending by index. The same candidates and rules give the same verdicts.

    A capture is judged by its own pictures and those of lower number of its identity, an identity by those of
    lower index; none by what comes after it.
    """
    decided = Decided()
    sittings = [gate.sitting(rules.thresholds[gate.name]) for gate in rules.gates]
    for candidate in candidates:
        verdict = _judge(candidate, rules, sittings)
        if verdict.state != "rejected":
            for sitting in sittings:
                sitting.keep(verdict)
        decided.verdicts.append(verdict)
    for sitting in sittings:
        decided.verdicts = sitting.revise(decided.verdicts, rules.captures)
    _cut_surplus(decided, rules)
    alive = [v for v in decided.verdicts if v.state != "rejected"]
    decided.wanted = {v.candidate.index: v.wanted for v in alive if v.wanted}
    following = 1 + max((c.index for c in candidates), default=-1)
    for index in range(following, min(following + rules.identities - len(alive), rules.most_identities)):
        decided.wanted[index] = range(rules.captures)
    return decided


def _judge(candidate: Candidate, rules: Rules, sittings: Sequence[Sitting]) -> Verdict:
    case, faults = Case(candidate, list(candidate.rows)), list[Fault | None]([None] * len(candidate.rows))
    for sitting in sittings:
        faults = sitting.pictures(case, faults)
    faults = _whole_captures(case.rows, faults)
    scores = {gate.column: gate.values(case, rules.thresholds[gate.name]) for gate in rules.measuring}
    verdict = Verdict(candidate, faults, scores, "accepted")
    for sitting in sittings:
        if fault := sitting.identity(case):
            return _reject(verdict, fault)
    return _complete(verdict, rules)


def _whole_captures(rows: Sequence[Mapping[str, Any]], faults: list[Fault | None]) -> list[Fault | None]:
    """A capture falls as a whole: its other pictures take over the fault of the first that has one."""
    first: dict[int, Fault] = {}
    for row, fault in zip(rows, faults, strict=True):
        if fault:
            first.setdefault(row["capture"], replace(fault, because=row["sample_id"]))
    return [fault or first.get(row["capture"]) for row, fault in zip(rows, faults, strict=True)]


def _complete(verdict: Verdict, rules: Rules) -> Verdict:
    """Whether the identity has its captures; if not, which to draw next, or its end."""
    rows = verdict.candidate.rows
    good = _accepted(verdict)
    if len(good) > rules.captures:
        surplus = set(good[rules.captures :])
        faults = [
            Fault("surplus", "capture_not_needed") if row["capture"] in surplus else fault
            for row, fault in zip(rows, verdict.faults, strict=True)
        ]
        return replace(verdict, faults=faults)
    if len(good) == rules.captures:
        return verdict
    following = 1 + max((int(row["capture"]) for row in rows), default=-1)
    numbers = range(following, min(following + rules.captures - len(good), rules.most_captures))
    if numbers:
        return replace(verdict, state="pending", wanted=numbers)
    return _reject(verdict, Fault("attempts", "too_few_captures", len(good), rules.captures))


def _accepted(verdict: Verdict) -> list[int]:
    pairs = zip(verdict.candidate.rows, verdict.faults, strict=True)
    return sorted({int(row["capture"]) for row, fault in pairs if fault is None})


def _reject(verdict: Verdict, fault: Fault) -> Verdict:
    """The identity falls as a whole; pictures with a fault of their own keep it."""
    return replace(verdict, state="rejected", wanted=(), faults=[f or fault for f in verdict.faults])


def _cut_surplus(decided: Decided, rules: Rules) -> None:
    """Identities beyond the number asked for, which replaced one that came back, are not needed."""
    count = 0
    for i, verdict in enumerate(decided.verdicts):
        count += verdict.state != "rejected"
        if verdict.state != "rejected" and count > rules.identities:
            decided.verdicts[i] = _reject(verdict, Fault("surplus", "identity_not_needed"))
