"""Cuts the palm out of a picture by its landmarks, so that views `palm` and `hand` are judged alike."""

import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.hand.frame import frame_matrix
from palm_models.photo.pyramid import Pyramid

LEAST_SIDE = 16  # px: a smaller palm is enlarged to this side


def palm_of(picture: NDArray[np.uint8], view: View, landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """The palm, square RGB at the picture's own scale; a picture of view `palm` is one already.

    picture: uint8 (h, w, 3); landmarks: (21, 2) px of it. Raises ValueError when they span no palm.
    """
    if view == "palm":
        return picture
    scale = float(np.sqrt(np.linalg.det(frame_matrix(landmarks, "palm", 1)[:, :2])))
    side = max(LEAST_SIDE, min(round(1 / scale), *picture.shape[:2]))
    return Pyramid(picture).warp(frame_matrix(landmarks, "palm", side), side)
