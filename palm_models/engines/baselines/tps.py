"""Thin-plate splines: a picture bent so that its control points come to lie elsewhere."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator  # type: ignore[import-untyped]


def bend(
    picture: NDArray[np.uint8], before: NDArray[np.floating], after: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """`picture` (h, w, 3) with its points `before` (n, 2) px moved to `after`; the border repeats.

    The spline of least bending (Bookstein 1989, https://doi.org/10.1109/34.24792) from where a pixel lands to
    where it comes from. Raises ValueError when the points lie on one line.
    """
    height, width = picture.shape[:2]
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).reshape(-1, 2)
    source = spline(after, before, pixels).reshape(height, width, 2).astype(np.float32)
    bent = cv2.remap(
        picture, source[..., 0], source[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(bent, np.uint8)


def spline(
    before: NDArray[np.floating], after: NDArray[np.floating], points: NDArray[np.floating | np.integer]
) -> NDArray[np.float64]:
    """Where `points` (m, 2) go when `before` (n, 2) go to `after`. Raises ValueError as `bend` does."""
    try:
        plate = RBFInterpolator(before, after, kernel="thin_plate_spline", degree=1)
        return np.asarray(plate(points), np.float64)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"control points determine no thin-plate spline: {error}") from None
