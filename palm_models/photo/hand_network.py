"""MediaPipe's landmark network on an upright crop of one hand: its answer turns and scales with the photo."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.hand.frame import (
    INDEX_MCP,
    MIDDLE_MCP,
    PALM_POINTS,
    PINKY_MCP,
    RING_MCP,
    WRIST,
    looks_left,
    transform,
)
from palm_models.photo.litert import Network
from palm_models.photo.pyramid import Pyramid

INPUT = 224  # side of the network's input in pixels
KNUCKLES = [INDEX_MCP, MIDDLE_MCP, RING_MCP, PINKY_MCP]
CROP_SIDE = 6.1  # side of the crop in radii of the palm points, as MediaPipe's own crops on average
CROP_RISE = 0.42  # its centre above theirs, in radii


@dataclass(frozen=True)
class Reading:
    """One answer of the network. landmarks: float32 (21, 2) px of the photo; presence, palm: 0-1."""

    landmarks: NDArray[np.float32]
    presence: float  # that there is a hand in the crop
    palm: float  # that its palm, not its back, is seen


class HandNetwork:
    """One of MediaPipe's two landmark networks: full, lite."""

    def __init__(self, model: bytes) -> None:
        self.network = Network(model, INPUT)

    def read(self, picture: Pyramid, landmarks: NDArray[np.floating]) -> Reading:
        """Landmarks anew, from the crop that the palm's points of the given ones (21, 2) px span.

        The network always sees the palm of a right hand: what looks like a left one is mirrored before and
        back after, so both hands are read alike; and a hand that then still looks like a left one shows its
        back.
        """
        matrix = crop_matrix(landmarks, mirror=looks_left(landmarks))
        points, presence, right, *_ = self.network.answer(picture.warp(matrix, INPUT))
        back = np.asarray(cv2.invertAffineTransform(matrix), np.float64)
        return Reading(transform(points.reshape(21, 3)[:, :2], back), float(presence[0]), float(right[0]))


def crop_matrix(landmarks: NDArray[np.floating], mirror: bool) -> NDArray[np.float64]:
    """Similarity (2, 3) from the photo to the network's input: wrist below knuckles, mirrored if asked.

    Built from the palm's points alone, so that the crop does not depend on how the fingers are held.
    """
    p = np.asarray(landmarks, np.float64)
    palm = p[list(PALM_POINTS)]
    centre = palm.mean(axis=0)
    radius = np.sqrt(((palm - centre) ** 2).sum(axis=1).mean())
    up = p[KNUCKLES].mean(axis=0) - p[WRIST]
    up /= np.linalg.norm(up)
    right = np.array([-up[1], up[0]]) * (-1 if mirror else 1)
    linear = INPUT / (CROP_SIDE * radius) * np.stack([right, -up])
    shift = np.full(2, (INPUT - 1) / 2) - linear @ (centre + CROP_RISE * radius * up)
    return np.hstack([linear, shift[:, None]])
