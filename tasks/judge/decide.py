"""Decides from scores alone which pictures and identities pass, each by what comes before it in the plan."""

from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from palm_models.measure.quality import Quality, score
from tasks.judge.score import first_captures, unit
from tasks.judge.thresholds import Thresholds

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Fault:
    """Why a picture is rejected: the gate, its reason, what was measured and what it was compared with."""

    gate: str
    reason: str
    score: float | None = None
    threshold: float | None = None
    because: str = ""  # the sample that failed, when it is another view of the capture; or another identity


class Rows(Sequence[Mapping[str, Any]]):
    """Rows of a table, made when they are asked for: dictionaries would take five times the memory."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self.table.to_pylist())

    def __getitem__(self, place: Any) -> Any:
        return self.table.slice(range(len(self))[place], 1).to_pylist()[0]


@dataclass(frozen=True)
class Candidate:
    """One identity as drawn so far: a row of scores a picture, in the order of shards, and its template."""

    index: int
    identity_id: str
    rows: Sequence[Mapping[str, Any]]
    vectors: Vectors  # (rows, dim)
    template: Vectors  # (dim,)

    def likeness(self, parametric: bool) -> Vectors:
        """Similarity of each picture to its identity; one that is part of the template, to the rest of it."""
        own = np.asarray(self.vectors @ self.template, np.float32)
        first = first_captures(self.rows)
        if not parametric and len(first) > 1:
            total = self.vectors[first].sum(axis=0)
            for i in first:
                own[i] = self.vectors[i] @ unit(total - self.vectors[i])
        return own


@dataclass(frozen=True)
class Rules:
    """What is decided by: the gates that judge, thresholds, and how much is asked for."""

    use: Sequence[str]
    thresholds: Thresholds
    parametric: bool  # the engine's identities are parameters: templates are of references
    identities: int
    captures: int
    attempts: float

    @property
    def most_captures(self) -> int:
        """Captures of an identity drawn at most."""
        return int(np.ceil(self.captures * self.attempts))

    @property
    def most_identities(self) -> int:
        """Identities drawn at most."""
        return int(np.ceil(self.identities * self.attempts))


@dataclass(frozen=True)
class Verdict:
    """What became of one identity; faults: one a picture in the candidate's order, None where it passed."""

    candidate: Candidate
    faults: Sequence[Fault | None]
    quality: Sequence[float]
    likeness: Sequence[float]
    state: str  # "accepted", "pending" (needs more captures) or "rejected"
    wanted: Sequence[int] = ()  # numbers of the captures to draw next


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
    decided, kept, seen = Decided(), _Templates(), dict[str, str]()
    for candidate in candidates:
        verdict = _judge(candidate, rules, kept, seen)
        if verdict.state != "rejected":
            kept.add(candidate.template, candidate.identity_id)
            pairs = zip(candidate.rows, verdict.faults, strict=True)
            seen.update({row["sha256"]: row["sample_id"] for row, fault in pairs if fault is None})
        decided.verdicts.append(verdict)
    decided.verdicts = _name_twins(decided.verdicts, rules)
    _cut_surplus(decided, rules)
    alive = [v for v in decided.verdicts if v.state != "rejected"]
    decided.wanted = {v.candidate.index: v.wanted for v in alive if v.wanted}
    following = 1 + max((c.index for c in candidates), default=-1)
    for index in range(following, min(following + rules.identities - len(alive), rules.most_identities)):
        decided.wanted[index] = range(rules.captures)
    return decided


class _Templates:
    """Templates of the identities that were not rejected, in one matrix that grows."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.matrix = np.zeros((0, 0), np.float32)

    def add(self, template: Vectors, name: str) -> None:
        if len(self.names) == len(self.matrix):
            grown = np.zeros((max(256, 2 * len(self.matrix)), len(template)), np.float32)
            if self.names:
                grown[: len(self.names)] = self.matrix
            self.matrix = grown
        self.matrix[len(self.names)] = template
        self.names.append(name)

    def nearest(self, template: Vectors) -> tuple[float, str]:
        """Similarity and name of the nearest one; -1 when there is none."""
        if not self.names:
            return -1.0, ""
        near = self.matrix[: len(self.names)] @ template
        place = int(near.argmax())
        return float(near[place]), self.names[place]


def _judge(candidate: Candidate, rules: Rules, kept: _Templates, seen: dict[str, str]) -> Verdict:
    own, rows = candidate.likeness(rules.parametric), list(candidate.rows)
    marks = [_quality(row, rules.thresholds) for row in rows]
    faults = [_fault(row, float(s), q[1], rules) for row, s, q in zip(rows, own, marks, strict=True)]
    if "duplicates" in rules.use:
        faults = _duplicates(rows, faults, rules.thresholds.duplicates, seen)
    faults = _whole_captures(rows, faults)
    verdict = Verdict(candidate, faults, [q[0] for q in marks], own.tolist(), "accepted")
    near, other = kept.nearest(candidate.template)
    if "twins" in rules.use and near >= rules.thresholds.twins:
        return _reject(verdict, Fault("twins", "twin", near, rules.thresholds.twins, other))
    return _complete(verdict, rules)


def _quality(row: Mapping[str, Any], limits: Thresholds) -> tuple[float, Fault | None]:
    values = Quality(**{name: row[name] for name in Quality.__dataclass_fields__})
    mark, limit = score(values, limits.limits[row["view"]])
    if mark > limits.quality:
        return mark, None
    measured = (getattr(values, limit.measure), limit.worst) if mark == 0 else (mark, limits.quality)
    return mark, Fault("quality", limit.reason, *measured)


def _fault(row: Mapping[str, Any], likeness: float, poor: Fault | None, rules: Rules) -> Fault | None:
    """The first gate that the picture fails, most serious first; an augmented one can only be a leak."""
    limits, leak, hand = rules.thresholds, row["leak_score"], row["hand_error"]
    textured = poor is None or poor.reason not in (
        "dark",
        "bright",
        "flat",
    )
    if "leakage" in rules.use and leak is not None and leak >= limits.leakage and textured:
        return Fault("leakage", "training_photo", leak, limits.leakage, str(row["leak_photo"]))
    if row["augmented"]:
        return None
    if "quality" in rules.use and poor:
        return poor
    if "identity" in rules.use and likeness < limits.identity[row["view"]]:
        return Fault("identity", "not_its_identity", likeness, limits.identity[row["view"]])
    if "hand" in rules.use and hand is not None and hand > limits.hand:
        return Fault("hand", "hand_not_found" if np.isinf(hand) else "hand_misplaced", hand, limits.hand)
    return None


def _duplicates(
    rows: Sequence[Mapping[str, Any]], faults: list[Fault | None], bits: int, seen: dict[str, str]
) -> list[Fault | None]:
    """Faults with those of pictures there already: the same file, or nearly the same within the identity."""
    found, files = list(faults), ChainMap(dict[str, str](), seen)  # never a copy: it holds every picture
    hashes: dict[str, list[tuple[NDArray[np.uint64], str]]] = {}
    for i in sorted(range(len(rows)), key=lambda k: (rows[k]["capture"], k)):
        row = rows[i]
        words, before = np.frombuffer(row["phash"], np.uint64), hashes.setdefault(row["view"], [])
        if row["sha256"] in files:
            found[i] = found[i] or Fault("duplicates", "duplicate_file", 0.0, 0.0, files[row["sha256"]])
        elif before and not row["augmented"]:
            apart = np.bitwise_count(np.stack([w for w, _ in before]) ^ words).sum(axis=1, dtype=np.int64)
            if (near := int(apart.min())) <= bits:
                other = before[int(apart.argmin())][1]
                found[i] = found[i] or Fault("duplicates", "duplicate_picture", near, bits, other)
        if found[i] is None:
            files[row["sha256"]] = row["sample_id"]
            if not row["augmented"]:
                before.append((words, row["sample_id"]))
    return found


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


def _name_twins(verdicts: list[Verdict], rules: Rules) -> list[Verdict]:
    """Where most captures of an identity show one other identity, it was copied under a new name: a twin."""
    if "twins" not in rules.use or not verdicts:
        return verdicts
    templates = np.stack([v.candidate.template for v in verdicts])
    return [_as_twin(v, place, verdicts, templates, rules) for place, v in enumerate(verdicts)]


def _as_twin(
    verdict: Verdict, place: int, verdicts: list[Verdict], templates: Vectors, rules: Rules
) -> Verdict:
    rows, faults = verdict.candidate.rows, verdict.faults
    strange = [i for i, f in enumerate(faults) if f and f.gate == "identity" and not f.because]
    captures = {rows[i]["capture"] for i in strange}
    if 2 * len(captures) < rules.captures or len(captures) < 2:
        return verdict
    near = verdict.candidate.vectors[strange] @ templates.T
    near[:, place] = -1
    (other, count), *_ = Counter(near.argmax(axis=1).tolist()).most_common(1)
    alike = float(np.median(near[:, other]))
    least = min(rules.thresholds.identity[rows[i]["view"]] for i in strange)
    if 2 * count < len(strange) or alike < least:
        return verdict
    name = verdicts[other].candidate.identity_id
    twin = Fault("twins", "twin", alike, least, name)
    return replace(verdict, faults=[twin if f and f.gate != "leakage" else f for f in faults])


def _cut_surplus(decided: Decided, rules: Rules) -> None:
    """Identities beyond the number asked for, which replaced one that came back, are not needed."""
    count = 0
    for i, verdict in enumerate(decided.verdicts):
        count += verdict.state != "rejected"
        if verdict.state != "rejected" and count > rules.identities:
            decided.verdicts[i] = _reject(verdict, Fault("surplus", "identity_not_needed"))
