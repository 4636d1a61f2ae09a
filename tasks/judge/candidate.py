"""One identity as drawn so far, with the scores of its pictures, and what was decided about them."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

REFERENCES = 4  # pictures of an identity that its captures are compared with
Vectors = NDArray[np.float32]
Worked = TypeVar("Worked")


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
    referenced: bool = True  # the template is of rendered references; False: of its own first captures


@dataclass
class Case:
    """A candidate before the gates: its rows as dictionaries, and what follows from them worked out once."""

    candidate: Candidate
    rows: Sequence[Mapping[str, Any]]
    worked: dict[Hashable, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def likeness(self) -> Vectors:
        """Similarity of each picture to its identity; one that is part of the template, to the rest of it."""
        vectors, first = self.candidate.vectors, first_captures(self.rows)
        own = np.asarray(vectors @ self.candidate.template, np.float32)
        if not self.candidate.referenced and len(first) > 1:
            total = vectors[first].sum(axis=0)
            for i in first:
                own[i] = vectors[i] @ unit(total - vectors[i])
        return own

    def once(self, key: Hashable, work: Callable[[], Worked]) -> Worked:
        """What `work` returns, kept under `key`: several gates may ask for it."""
        if key not in self.worked:
            self.worked[key] = work()
        kept: Worked = self.worked[key]
        return kept


@dataclass(frozen=True)
class Verdict:
    """What became of one identity; faults: one a picture in the candidate's order, None where it passed."""

    candidate: Candidate
    faults: Sequence[Fault | None]
    scores: Mapping[str, Sequence[float | None]]  # a value a picture, by the manifest's column
    state: str  # "accepted", "pending" (needs more captures) or "rejected"
    wanted: Sequence[int] = ()  # numbers of the captures to draw next


def first_captures(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Places of the pictures that stand for an identity whose references cannot be rendered."""
    return [i for i, row in enumerate(rows) if row["capture"] < REFERENCES and not row["augmented"]]


def unit(vector: Vectors) -> Vectors:
    """The vector at length one."""
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), np.float32)
