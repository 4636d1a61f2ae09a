"""Gate leakage: no picture may resemble a photograph, however that was turned, mirrored or cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from palm_models.photo.views import palm_of
from tasks.judge.candidate import Case, Fault
from tasks.judge.gate import Allowed, Found, Gate, MissingError, Need
from tasks.judge.gates.hand import read_again
from tasks.judge.gates.quality import QUALITY, Bounds, is_blank

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from tasks.judge.gates.gallery import Gallery
    from tasks.judge.picture import Picture
    from tasks.work.stage import Done

NONE_AT_HAND = (
    "no photographs are at hand to compare with (source.kind is none); what is known of the shipped weights' "
    "leakage stands in palm_models/weights/MODEL_CARD.md"
)


def _find(recipe: Recipe, palms: Done | None) -> Found:
    from tasks.judge.gates.gallery import gallery_of

    if palms is None:
        raise MissingError(NONE_AT_HAND)
    return gallery_of(recipe, palms)


def _open(folder: Path) -> Gallery:
    from tasks.judge.gates.gallery import load

    return load(folder)


PHOTOGRAPHS = Need("gallery", _find, _open)


@dataclass(frozen=True)
class Likeness:
    """most: cosine from which a picture is a photograph's copy; quality: which are too blank to be one."""

    most: float
    quality: Bounds


class LeakageGate(Gate):
    """Compares the palms of a picture with every photograph in all its variants."""

    name = "leakage"
    summary = (
        "as similar to a photograph, in any quarter turn, mirrored or cut, as hardly any palm is to another"
    )
    reasons: ClassVar[Mapping[str, str]] = {"training_photo": "it is a photograph's copy, or near it"}
    rank, copies, hides, column = 10, True, True, "leak_score"
    needs = (PHOTOGRAPHS,)

    def score(self, picture: Picture) -> Mapping[str, Any]:
        """Similarity and photo_id of the photograph nearest to any of the picture's palms."""
        elsewhere = read_again(picture)[1]
        vectors = picture.embedding[None]
        if elsewhere is not None:
            vectors = np.concatenate(
                [vectors, picture.kit.embed([palm_of(picture.image, "hand", elsewhere)])]
            )
        gallery: Gallery = picture.kit.get(PHOTOGRAPHS)
        near, photo = gallery.nearest(vectors)
        best = int(near.argmax())
        return {"leak_score": float(near[best]), "leak_photo": photo[best]}

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> Likeness:
        """The recipe's similarity, else the calibrated one."""
        most = recipe.gates.leakage or calibrated["leakage"]["threshold"]
        return Likeness(most, QUALITY.threshold(recipe, calibrated))

    def told(self, threshold: Likeness) -> float:
        """The similarity alone."""
        return threshold.most

    def values(self, case: Case, threshold: Likeness) -> Sequence[float | None]:
        """Similarity of each picture to the nearest photograph, -1 to 1."""
        return [row["leak_score"] for row in case.rows]

    def fault(self, case: Case, place: int, threshold: Likeness) -> Fault | None:
        """A picture that resembles a photograph; a blank one resembles nobody, however near its vector."""
        row = case.rows[place]
        score = row["leak_score"]
        if score is None or score < threshold.most or is_blank(case, place, threshold.quality):
            return None
        return Fault(self.name, "training_photo", score, threshold.most, str(row["leak_photo"]))

    def allowed(self, recipe: Recipe) -> Allowed:
        """gates.max_leaks of the pictures."""
        advice = "Train on more photographs or for fewer steps; gates.max_leaks allows more"
        what = "share of pictures that resemble a photograph"
        return Allowed(what, recipe.gates.max_leaks, advice)


LEAKAGE = LeakageGate()
