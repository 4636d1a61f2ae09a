"""Photographs of hands for tests: drawn, so that no real palm is needed, with the true landmarks."""

from functools import lru_cache

import cv2
import numpy as np

from palm_models.engines.renderer import RendererEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity

SIZE = 256


@lru_cache(maxsize=2)
def drawn_hand(hand):
    """A whole hand, SIZE px a side, and its landmarks (21, 2) px; not to be changed."""
    if hand == "left":  # drawing takes seconds, and a mirrored right hand is a left one
        rgb, landmarks = drawn_hand("right")
        return np.ascontiguousarray(rgb[:, ::-1]), landmarks * [-1, 1] + [SIZE - 1, 0]
    identity, capture = make_identity(21, 1, hand), make_capture(21, 1, hand, 0)
    (drawing,) = RendererEngine().draw(identity, [capture], "hand", SIZE)
    return drawing.image, drawing.landmarks


def moved(rgb, matrix, size):
    """`rgb` through the affine `matrix` (2, 3) into a picture of `size` (width, height)."""
    return cv2.warpAffine(rgb, np.asarray(matrix, float), size, borderMode=cv2.BORDER_REPLICATE)


def noise(size=240):
    """A picture without a hand."""
    coarse = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    return cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
