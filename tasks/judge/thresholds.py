"""The gates' thresholds: those of the recipe, else the calibrated ones beside the encoder's weights."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests.recipe import Recipe
from manifests.words import VIEWS, PalmforgeError, View
from palm_models.measure.encoder import weights_digest
from palm_models.measure.quality import BOUNDS, Limit

CALIBRATION = "gates.json"  # beside the weights of the encoder it was measured with
RECALIBRATE = "run `python -m bench.gates.gates calibrate`"


class GateError(PalmforgeError):
    """The gates cannot judge; the message says what to do."""


@dataclass(frozen=True)
class Thresholds:
    """What pictures and identities must reach; similarities are cosines of embeddings, -1 to 1.

    identity: least similarity of a picture to its identity, by view; twins, leakage: similarity from which
    two identities, a picture and a photograph, count as the same; hand: palm widths; quality: least score 0-1
    beyond the limits, by view; duplicates: bits of 256; note: what a reader must know of the calibration.
    """

    identity: Mapping[View, float]
    twins: float
    leakage: float
    hand: float
    quality: float
    limits: Mapping[View, tuple[Limit, ...]]
    duplicates: int
    note: str = ""


def thresholds(recipe: Recipe, weights: Path) -> Thresholds:
    """The recipe's thresholds; where it gives none, the calibrated ones of `weights`.

    Raises GateError when they were never calibrated.
    """
    stored = calibration(weights)
    own, encoder = recipe.gates, weights_digest(weights)
    other = f"{CALIBRATION} was measured with another encoder: {RECALIBRATE}"
    return Thresholds(
        identity={v: own.identity or stored["identity"][v]["threshold"] for v in VIEWS},
        twins=own.twins or stored["twins"]["threshold"],
        leakage=own.leakage or stored["leakage"]["threshold"],
        hand=own.hand or stored["hand"]["threshold"],
        quality=own.quality,
        limits={v: limits(stored["quality"][v]) for v in VIEWS},
        duplicates=own.duplicates,
        note="" if stored["encoder"] == encoder else other,
    )


def calibration(weights: Path) -> dict[str, Any]:
    """What `bench.gates.gates calibrate` wrote down. Raises GateError when there is nothing."""
    try:
        stored: dict[str, Any] = json.loads((weights / CALIBRATION).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        raise GateError(f"{weights / CALIBRATION}: missing or damaged: {RECALIBRATE}") from None
    return stored


def limits(stored: Mapping[str, Mapping[str, Mapping[str, float]]]) -> tuple[Limit, ...]:
    """The bounds of picture quality as they were calibrated: {measure: {"low"/"high": {worst, good}}}."""
    bounds = [(measure, stored[measure][side], reason) for measure, side, reason in BOUNDS]
    return tuple(Limit(measure, b["worst"], b["good"], reason) for measure, b, reason in bounds)
