"""Gate: all that the house must know of a gate in one object, so that nobody asks for its name."""

from __future__ import annotations

from abc import ABC
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from manifests.registry import Part
from manifests.words import PalmforgeError
from tasks.judge.candidate import Case, Fault, Verdict

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.judge.picture import Picture
    from tasks.work.stage import Done


class GateError(PalmforgeError):
    """The gates cannot judge; the message says what to do."""


class MissingError(GateError):
    """What a gate needs is not at hand: it is skipped, and the report says why."""


@dataclass(frozen=True)
class Found:
    """What a gate needs, made or found: where, and all that determines it."""

    path: Path
    digest: str = ""  # names it, where its files do not
    files: tuple[Path, ...] = ()  # whose bytes determine it
    used: tuple[Path, ...] = ()  # stages of the work folder that it lies in
    facts: Mapping[str, Any] = field(default_factory=dict)  # for the report


@dataclass(frozen=True)
class Need:
    """Something a gate needs beside the pictures: made or found once, and opened by every worker.

    find(recipe, aligned photographs or None) raises MissingError when it is not at hand.
    """

    name: str
    find: Callable[[Recipe, Done | None], Found]
    open: Callable[[Path], Any]


@dataclass(frozen=True)
class Allowed:
    """How much a gate may reject before the dataset is not released."""

    what: str  # as the message names it: "share of pictures that resemble a photograph"
    most: float  # share, 0 to 1
    advice: str


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


class Gate(Part, ABC):
    """One kind of gate, stateless; plug-ins subclass it (entry point palmforge.gates).

    A gate that looks at pictures one by one needs `score`, `threshold` and `fault`.
    """

    reasons: ClassVar[Mapping[str, str]]  # the words in rejects.parquet: when a picture or identity falls
    rejects: ClassVar[Literal["picture", "identity"]] = "picture"
    rank: ClassVar[int] = 50  # of the gates that a picture fails, the lowest names the reason
    copies: ClassVar[bool] = False  # judges augmented copies too
    always: ClassVar[bool] = False  # scores also where it does not judge
    hides: ClassVar[bool] = False  # what it rejects is shown in no version
    column: ClassVar[str] = ""  # of the manifest, that `values` fills
    needs: ClassVar[tuple[Need, ...]] = ()

    def own(self, recipe: Recipe) -> Any:
        """The recipe's section of this gate's options."""
        return getattr(recipe, self.own_section)

    def skipped(self, recipe: Recipe) -> str:
        """Why it has nothing to judge under this recipe; "" when it has."""
        return ""

    def score(self, picture: Picture) -> Mapping[str, Any]:
        """What it measures of a picture, by column of scores.parquet; called in the workers."""
        return {}

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> Any:
        """What pictures are compared with: the recipe's, else of the calibration (gates.json)."""
        return None

    def told(self, threshold: Any) -> Any:
        """The threshold as the report shows it, JSON-able."""
        return threshold

    def fault(self, case: Case, place: int, threshold: Any) -> Fault | None:
        """Why picture number `place` of an identity is rejected; decided from its scores alone."""
        return None

    def values(self, case: Case, threshold: Any) -> Sequence[float | None]:
        """The manifest's `column`, a value a picture."""
        return [None] * len(case.rows)

    def sitting(self, threshold: Any) -> Sitting:
        """The gate over all identities of one decision."""
        return Sitting(self, threshold)

    def allowed(self, recipe: Recipe) -> Allowed | None:
        """How much of a dataset it may reject; None: as much as gates.max_rejected allows all gates."""
        return None

    def breaches(self, recipe: Recipe, verdicts: Sequence[Verdict]) -> Iterator[Breach]:
        """Why the dataset must not be published as far as this gate is concerned."""
        if allowed := self.allowed(recipe):
            mine = [sum(f is not None and f.gate == self.name for f in v.faults) for v in verdicts]
            of = sum(len(v.faults) for v in verdicts) if self.rejects == "picture" else len(verdicts)
            count = sum(mine) if self.rejects == "picture" else sum(map(bool, mine))
            if count / max(1, of) > allowed.most:
                share = count / max(1, of)
                yield Breach(self.name, allowed.what, share, allowed.most, allowed.advice)

    def modules(self) -> tuple[str, ...]:
        """Modules whose import closure determines its scores and its verdicts."""
        return (type(self).__module__,)


class Sitting:
    """One gate over the identities of a decision in plan order; it remembers nothing but earlier ones."""

    def __init__(self, gate: Gate, threshold: Any) -> None:
        self.gate, self.threshold = gate, threshold

    def pictures(self, case: Case, faults: Sequence[Fault | None]) -> list[Fault | None]:
        """`faults` of the gates before, a picture each, with this gate's."""
        return [
            fault or (None if row["augmented"] and not self.gate.copies else self._fault(case, place))
            for place, (row, fault) in enumerate(zip(case.rows, faults, strict=True))
        ]

    def _fault(self, case: Case, place: int) -> Fault | None:
        return self.gate.fault(case, place, self.threshold)

    def identity(self, case: Case) -> Fault | None:
        """Why the identity falls as a whole."""
        return None

    def keep(self, verdict: Verdict) -> None:
        """Hears of every identity that was not rejected."""

    def revise(self, verdicts: list[Verdict], captures: int) -> list[Verdict]:
        """The verdicts once all are there; `captures` are asked for of each identity."""
        return verdicts
