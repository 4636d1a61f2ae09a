"""The gates' thresholds: those of the recipe, else the calibrated ones beside the encoder's weights."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from manifests.recipe import Recipe
from palm_models.measure.encoder import weights_digest
from tasks.judge.gate import Gate, GateError

CALIBRATION = "gates.json"  # beside the weights of the encoder it was measured with
RECALIBRATE = "run `python -m bench.gates.gates calibrate`"


class Thresholds(NamedTuple):
    """What pictures and identities must reach, by gate; note: what a reader must know of the calibration."""

    of: Mapping[str, Any]
    note: str = ""


def thresholds(recipe: Recipe, weights: Path, gates: Iterable[Gate]) -> Thresholds:
    """The recipe's thresholds; where it gives none, the calibrated ones of `weights`.

    Raises GateError when they were never calibrated.
    """
    stored, encoder = calibration(weights), weights_digest(weights)
    try:
        of = {gate.name: gate.threshold(recipe, stored) for gate in gates}
    except KeyError as error:
        raise GateError(f"{weights / CALIBRATION} lacks {error}: {RECALIBRATE}") from None
    other = f"{CALIBRATION} was measured with another encoder: {RECALIBRATE}"
    return Thresholds(of, "" if stored.get("encoder") == encoder else other)


def calibration(weights: Path) -> dict[str, Any]:
    """What `bench.gates.gates calibrate` wrote down. Raises GateError when there is nothing."""
    try:
        stored: dict[str, Any] = json.loads((weights / CALIBRATION).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        raise GateError(f"{weights / CALIBRATION}: missing or damaged: {RECALIBRATE}") from None
    return stored
