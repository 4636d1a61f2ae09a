"""Picture quality: how sharp, well exposed and unclipped a palm is, and whether it shows skin at all."""

from dataclasses import asdict, dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE = 128  # px: larger palms are reduced to this side, so that the measures do not depend on the size
BLACK, WHITE = 8, 247  # grey levels beyond which a pixel holds no detail
FLAT = 1.0  # grey levels: less contrast than this counts as this, so that a flat picture is not sharp


@dataclass(frozen=True)
class Quality:
    """Measures of one palm.

    sharpness: what lies between Gaussians of 1 and 2 px over what the wider one leaves, as standard
    deviations (the narrower one takes away noise, which blurring leaves); contrast: standard deviation after
    a Gaussian of 1.5 px, grey levels; exposure: mean grey, 0 to 1; clipped: share of pixels near black or
    white; noise: standard deviation of white noise, grey levels (Immerkær 1996,
    https://doi.org/10.1006/cviu.1996.0060).
    """

    sharpness: float
    contrast: float
    exposure: float
    clipped: float
    noise: float


class Limit(NamedTuple):
    """What a measure may be: nothing at `worst` and beyond, faultless from `good` on."""

    measure: str
    worst: float
    good: float
    reason: str


# The bounds that a picture can break; of several the first is named: a black picture is dark, not blurred.
BOUNDS = (
    ("exposure", "low", "dark"),
    ("exposure", "high", "bright"),
    ("clipped", "high", "clipped"),
    ("contrast", "low", "flat"),
    ("noise", "high", "noise"),
    ("sharpness", "low", "blurred"),
)


def measure(palm: NDArray[np.uint8]) -> Quality:
    """Measures of a palm that fills its picture, uint8 RGB (h, w, 3)."""
    grey = cv2.cvtColor(palm, cv2.COLOR_RGB2GRAY)
    if max(grey.shape) > SIDE:
        grey = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    level = grey.astype(np.float32)
    coarse = cv2.GaussianBlur(level, (0, 0), 1.5)
    contrast = float(coarse.std())
    fine, soft = cv2.GaussianBlur(level, (0, 0), 1), cv2.GaussianBlur(level, (0, 0), 2)
    kernel = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    residue = float(np.abs(cv2.filter2D(level, -1, kernel)[1:-1, 1:-1]).mean())
    return Quality(
        sharpness=float((fine - soft).std()) / max(float(soft.std()), FLAT),
        contrast=contrast,
        exposure=float(level.mean()) / 255,
        clipped=float(((grey < BLACK) | (grey > WHITE)).mean()),
        noise=residue * float(np.sqrt(np.pi / 2)) / 6,
    )


def score(quality: Quality, limits: tuple[Limit, ...]) -> tuple[float, Limit]:
    """The worst of its aspects, 0 (a limit is reached) to 1 (all are faultless), and that limit.

    Of several that are as bad the first one counts. Raises ValueError without limits.
    """
    values = asdict(quality)
    marks = [(values[x.measure] - x.worst) / (x.good - x.worst) for x in limits]
    lowest = int(np.argmin(np.clip(marks, 0, 1)))
    return float(np.clip(marks[lowest], 0, 1)), limits[lowest]
