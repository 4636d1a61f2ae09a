"""Gate hand: in view `hand` the landmark network must read the hand where it was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from palm_models.hand.frame import palm_width
from palm_models.photo.litert import FINDING
from tasks.judge.candidate import Case, Fault
from tasks.judge.gate import Found, Gate, MissingError, Need

if TYPE_CHECKING:
    from manifests.recipe import Recipe
    from palm_models.photo.landmarks import HandFinder
    from tasks.judge.picture import Picture
    from tasks.work.stage import Done

ATTEMPTS = 3  # tries to find a hand that is not where it was asked for
CLOSE = 0.2  # palm widths: a hand read this near to where it was asked for is there
Reading = tuple[float | None, NDArray[np.float32] | None]


def _find(recipe: Recipe, palms: Done | None) -> Found:
    from palm_models.photo.hand_model import HandModelError, hand_model

    try:
        model = hand_model(recipe.align.model)
    except HandModelError as error:
        raise MissingError(str(error)) from None
    return Found(model, files=(model,))


def _open(model: Path) -> HandFinder:
    from palm_models.photo.landmarks import HandFinder

    return HandFinder(model, max_hands=1, attempts=ATTEMPTS, passes=1)


HAND_MODEL = Need("hand_model", _find, _open)


class HandGate(Gate):
    """Reads the hand again and compares its landmarks with those that were asked for."""

    name = "hand"
    summary = "no hand where one was asked for, as the landmark network reads it (view hand)"
    reasons: ClassVar[Mapping[str, str]] = {
        "hand_not_found": "no hand is found in it",
        "hand_misplaced": "the hand's landmarks are farther away than those of clean pictures",
    }
    rank, needs, requires = 40, (HAND_MODEL,), FINDING

    def skipped(self, recipe: Recipe) -> str:
        """A dataset without view hand shows no hand to be found."""
        return "" if "hand" in recipe.dataset.views else "no pictures of view hand"

    def score(self, picture: Picture) -> Mapping[str, Any]:
        """How far from the landmarks asked for a hand is found again, mean in palm widths."""
        return {"hand_error": read_again(picture)[0]}

    def threshold(self, recipe: Recipe, calibrated: Mapping[str, Any]) -> float:
        """Palm widths."""
        return float(recipe.gates.hand or calibrated["hand"]["threshold"])

    def fault(self, case: Case, place: int, threshold: float) -> Fault | None:
        """A hand that is not there, or elsewhere."""
        error = case.rows[place]["hand_error"]
        if error is None or error <= threshold:
            return None
        return Fault(self.name, "hand_not_found" if np.isinf(error) else "hand_misplaced", error, threshold)


def read_again(picture: Picture) -> Reading:
    """How far off, in palm widths, a hand is found again, and where if elsewhere than it was asked for.

    Infinite when there is none; None when none is looked for: in other views, and in augmented copies.
    """
    return picture.once("read_again", lambda: _read(picture))


def _read(picture: Picture) -> Reading:
    finder: HandFinder | None = picture.kit.get(HAND_MODEL)
    if picture.row["view"] != "hand" or picture.row["augmented"] or finder is None:
        return None, None
    from palm_models.photo.landmarks import LEAST_PRESENCE
    from palm_models.photo.pyramid import Pyramid

    asked = picture.landmarks
    pyramid, unit_length = Pyramid(picture.image), max(palm_width(asked), 1e-6)
    there = finder.readers[-1].read(pyramid, asked)
    error = float(np.linalg.norm(there.landmarks - asked, axis=1).mean()) / unit_length
    if there.presence >= LEAST_PRESENCE and error < CLOSE:
        return error, None
    hands = finder.find_in(pyramid)
    apart = [float(np.linalg.norm(hand.landmarks - asked, axis=1).mean()) for hand in hands]
    if not apart:
        return float("inf"), None
    nearest = int(np.argmin(apart))
    return apart[nearest] / unit_length, hands[nearest].landmarks


HAND = HandGate()
