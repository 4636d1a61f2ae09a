"""Faults to plant: photographs altered as somebody would who wants to hide where they come from."""

import io

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Picture = NDArray[np.uint8]


def altered(picture: Picture, rng: np.random.Generator) -> Picture:
    """A square picture turned by a multiple of 90 and up to 10 degrees, cut, recoloured, recompressed."""
    turned = np.ascontiguousarray(np.rot90(picture, int(rng.integers(4))))
    return recompressed(
        recoloured(cropped(tilted(turned, rng.uniform(-10, 10)), rng.uniform(0.85, 1), rng), rng), rng
    )


def tilted(picture: Picture, angle: float) -> Picture:
    """Turned by `angle` degrees about its centre, its border mirrored."""
    side = picture.shape[0]
    matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, 1.0)
    return np.asarray(cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT), np.uint8)


def cropped(picture: Picture, share: float, rng: np.random.Generator) -> Picture:
    """A window of `share` of the side, anywhere, enlarged to the whole."""
    side = picture.shape[0]
    edge = round(side * share)
    x, y = rng.integers(0, side - edge + 1, 2)
    return np.asarray(cv2.resize(picture[y : y + edge, x : x + edge], (side, side)), np.uint8)


def recoloured(picture: Picture, rng: np.random.Generator) -> Picture:
    """Other gains of the channels and another gamma."""
    level = np.clip(picture / 255 * rng.uniform(0.7, 1.25, 3), 0, 1) ** rng.uniform(0.75, 1.35)
    return np.asarray(np.round(255 * level), np.uint8)


def recompressed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Through a JPEG of quality 40-80."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "jpeg", quality=int(rng.integers(40, 81)))
    with Image.open(stream) as file:
        return np.asarray(file.convert("RGB"))
