"""Augments finished pictures with the recipe's albumentations, landmarks too, and records the parameters."""

import json
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.words import PalmforgeError

# A mirrored palm is another hand: these would turn left hands into right hands without their label.
MIRRORS = frozenset({"HorizontalFlip", "VerticalFlip", "Transpose", "D4", "SquareSymmetry", "TimeReverse"})


class AugmentError(PalmforgeError):
    """A transform of the recipe that does not exist, has a wrong parameter, or would mirror hands."""


class Augmenter:
    """The recipe's transforms, applied in order; a pure function of picture, landmarks and seed."""

    def __init__(self, transforms: Sequence[Mapping[str, Any]]) -> None:
        """`transforms`: {name, p, params} each, names as albumentations spells them.

        Raises AugmentError naming the transform.
        """
        os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
        import albumentations as A

        self._compose = A.Compose(
            [_transform(A, t) for t in transforms],
            keypoint_params=A.KeypointParams(format="xy", remove_invisible=False),
            save_applied_params=True,
        )

    def __call__(
        self, image: NDArray[np.uint8], landmarks: NDArray[np.float32], seed: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], str]:
        """Picture (h, w, 3), landmarks (21, 2) px -> both augmented, and JSON of what was applied."""
        self._compose.set_random_seed(seed % 2**32)
        done = self._compose(image=image, keypoints=landmarks)
        moved = np.asarray(done["keypoints"], np.float32)
        if _turn(moved) * _turn(landmarks) < 0:
            raise AugmentError("augment.transforms: the picture came out mirrored; check scales and shears")
        return done["image"], moved, json.dumps(done["applied_transforms"], default=_plain, sort_keys=True)


def _turn(landmarks: NDArray[np.float32]) -> float:
    """Sign of the way round wrist, index and little finger: it changes only when a hand is mirrored."""
    (ax, ay), (bx, by) = landmarks[5] - landmarks[0], landmarks[17] - landmarks[0]
    return float(ax * by - ay * bx)


def _transform(library: Any, spec: Mapping[str, Any]) -> Any:
    name = str(spec["name"])
    if name in MIRRORS:
        raise AugmentError(f"augment.transforms: {name} mirrors hands; remove it, left and right are labels")
    kind = getattr(library, name, None)
    if not isinstance(kind, type) or not issubclass(kind, library.BasicTransform):
        version = library.__version__
        raise AugmentError(f"augment.transforms: albumentations {version} has no transform {name!r}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the library only warns of an unknown argument, and then ignores it
        try:
            return kind(p=spec.get("p", 0.5), **dict(spec.get("params", {})))
        except (TypeError, ValueError, UserWarning) as error:
            raise AugmentError(f"augment.transforms: {name}: {error}") from error


def _plain(value: object) -> object:
    """Arrays become a note of their shape: a noise field is redrawn from the seed, never stored."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist() if value.size <= 16 else f"array{list(value.shape)}"
    return str(value)
