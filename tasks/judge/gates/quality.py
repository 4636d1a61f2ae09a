"""Gate quality: a picture must be as sharp, well exposed and unclipped as clean pictures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from manifests.words import VIEWS, View
from palm_models.measure.quality import BOUNDS, Limit, Quality, measure, score
from tasks.judge.candidate import Case, Fault
from tasks.judge.gate import Gate

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.judge.picture import Picture

BLANK = ("dark", "bright", "flat")  # reasons of pictures that show no palm
Limits = tuple[tuple[View, tuple[Limit, ...]], ...]  # hashable: by view


@dataclass(frozen=True)
class Bounds:
    """least: quality 0 to 1 that a picture must exceed; limits: what each measure may be, by view."""

    least: float
    limits: Limits


class QualityGate(Gate):
    """Compares the measures of a palm with those of clean pictures."""

    name = "quality"
    summary = "beyond what clean pictures reach, or below gates.quality"
    reasons: ClassVar[Mapping[str, str]] = {
        "dark": "its mean is darker than that of any clean picture",
        "bright": "its mean is brighter",
        "clipped": "too much of it is black or white",
        "flat": "it has too little contrast",
        "noise": "it has too much noise",
        "blurred": "it has too little fine detail",
    }  # fmt: skip
    rank, always, column = 20, True, "quality"

    def score(self, picture: Picture) -> Mapping[str, Any]:
        """The measures of the palm."""
        return asdict(measure(picture.palm))

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> Bounds:
        """The least quality, and the calibrated limits."""
        return Bounds(recipe.gates.quality, limits(calibrated))

    def told(self, threshold: Bounds) -> float:
        """The least quality alone."""
        return threshold.least

    def values(self, case: Case, threshold: Bounds) -> Sequence[float]:
        """Quality of each picture, 0 to 1."""
        return [mark for mark, _ in marks(case, threshold.limits)]

    def fault(self, case: Case, place: int, threshold: Bounds) -> Fault | None:
        """The measure that is worst, where it is beyond its limit."""
        mark, limit = marks(case, threshold.limits)[place]
        if mark > threshold.least:
            return None
        measured = (case.rows[place][limit.measure], limit.worst) if mark == 0 else (mark, threshold.least)
        return Fault(self.name, limit.reason, *measured)


def marks(case: Case, limits: Limits) -> list[tuple[float, Limit]]:
    """Quality of each picture with the limit that decides it."""

    def work() -> list[tuple[float, Limit]]:
        of, names = dict(limits), tuple(Quality.__dataclass_fields__)
        return [score(Quality(**{n: row[n] for n in names}), of[row["view"]]) for row in case.rows]

    return case.once(("quality", limits), work)


def is_blank(case: Case, place: int, bounds: Bounds) -> bool:
    """True when the picture is rejected as showing nothing: it resembles nobody."""
    mark, limit = marks(case, bounds.limits)[place]
    return mark <= bounds.least and limit.reason in BLANK


def limits(calibrated: Mapping[str, Any]) -> Limits:
    """The calibrated bounds of every view: {view: {measure: {"low"/"high": {worst, good}}}}."""
    return tuple((view, _of_view(calibrated["quality"][view])) for view in VIEWS)


def _of_view(stored: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[Limit, ...]:
    bounds = [(measure, stored[measure][side], reason) for measure, side, reason in BOUNDS]
    return tuple(Limit(measure, b["worst"], b["good"], reason) for measure, b, reason in bounds)


QUALITY = QualityGate()
