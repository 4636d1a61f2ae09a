"""The structure map that tells the diffusion model what to draw, and the detail space in which it works."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.engines.diffusion.extractor import line_maps

THUMBNAIL = 4  # side of the colour thumbnail that carries skin tone and light
BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16), (13, 17), (17, 18), (18, 19), (19, 20), (0, 17)),
)
# Orthonormal opponent colours: light, red-blue, green-magenta; skin varies most in light.
OPPONENT = np.array([[3**-0.5] * 3, [2**-0.5, 0, -(2**-0.5)], [6**-0.5, -2 * 6**-0.5, 6**-0.5]], np.float32)


@dataclass(frozen=True)
class Condition:
    """The structure map: all that the network sees besides the noisy picture; s = its side in pixels.

    One extractor makes it of photographs when training and of rendered captures when drawing.
    """

    lines: NDArray[np.float32]  # (2, s, s) crease maps, coarse and fine, [0, 1]
    bones: NDArray[np.float32]  # (1, s / 4, s / 4) the skeleton of the landmarks, [0, 1]
    thumbnail: NDArray[np.float32]  # (4, 4, 3) mean colours, RGB in [0, 1]
    view: View


def condition(picture: NDArray[np.uint8], landmarks: NDArray[np.floating], view: View) -> Condition:
    """Condition of a square RGB uint8 picture with landmarks (21, 2) in its pixels."""
    return Condition(line_maps(picture), bones(landmarks, len(picture)), thumbnail(picture), view)


def thumbnail(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean colours of 4 × 4 blocks, (4, 4, 3) in [0, 1]."""
    small = cv2.resize(picture.astype(np.float32) / 255, (THUMBNAIL, THUMBNAIL), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def ground(thumb: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """The thumbnail as a smooth picture, (size, size, 3) in [0, 1]: light and tone without any detail."""
    return np.asarray(cv2.resize(thumb, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def bones(landmarks: NDArray[np.floating], size: int) -> NDArray[np.float32]:
    """Skeleton drawn from landmarks (21, 2) px of a `size` view, (1, size / 4, size / 4) in [0, 1]."""
    side = size // 4
    points = np.clip((np.asarray(landmarks, np.float64) + 0.5) / 4 - 0.5, -4 * side, 5 * side)
    drawn = np.zeros((side, side), np.uint8)
    fixed = np.round(points * 16).astype(np.int32)
    for a, b in BONES:
        cv2.line(drawn, tuple(fixed[a].tolist()), tuple(fixed[b].tolist()), 255, 1, cv2.LINE_AA, 4)
    return np.asarray(drawn[None] / 255, np.float32)


def to_detail(
    picture: NDArray[np.uint8], base: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """What a picture (s, s, 3) adds to its ground, in opponent colours of about unit spread, (3, s, s).

    `scale` (3,) is the spread of each opponent colour over the training photographs.
    """
    difference = picture.astype(np.float32) / 255 - base
    return np.ascontiguousarray((difference @ OPPONENT.T / scale).transpose(2, 0, 1), np.float32)


def to_picture(
    detail: NDArray[np.float32], base: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Inverse of `to_detail`, clipped to uint8 (s, s, 3)."""
    difference = (detail.transpose(1, 2, 0) * scale) @ OPPONENT
    return np.asarray(np.clip((base + difference) * 255 + 0.5, 0, 255), np.uint8)
