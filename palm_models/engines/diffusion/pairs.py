"""Training pairs: an aligned photograph, moved and recoloured, with the condition extracted from it."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.words import View
from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.diffusion.condition import Condition, condition, ground, to_detail
from palm_models.hand.frame import transform

TURN = 10.0  # sd of the rotation, degrees
SHIFT = 0.05  # sd of the shift, share of the side
ZOOM = (0.92, 1.15)
GAIN = (0.45, 1.35)  # exposure: from deep brown to pale
SATURATION = (0.45, 1.15)  # pale and very dark palms are less saturated than the photographs' brown ones
TINT = 0.06  # sd of the gain of a colour channel
GAMMA = 0.25  # sd of log2 of the exponent


@dataclass(frozen=True)
class Photo:
    """One aligned photograph in memory."""

    photo_id: str
    view: View
    picture: NDArray[np.uint8]  # (size, size, 3) RGB
    landmarks: NDArray[np.float32]  # (21, 2) px


def read_photos(aligned: Path) -> list[Photo]:
    """The aligned photographs of a table written by the align task, in its order.

    Raises TrainingError when the table holds no photograph, or one that does not decode.
    """
    columns = ["photo_id", "view", "image", "landmarks"]
    batches = pq.ParquetFile(aligned).iter_batches(64, columns=columns)
    photos = []
    for row in (row for batch in batches for row in batch.to_pylist()):
        picture = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB)
        if picture is None:
            raise TrainingError(
                f"{aligned}: picture of photo {row['photo_id']} does not decode: "
                "delete the folder, it is made again"
            )
        marks = np.asarray(row["landmarks"], np.float32).reshape(21, 2)
        photos.append(Photo(row["photo_id"], row["view"], np.asarray(picture, np.uint8), marks))
    if not photos:
        raise TrainingError(
            f"{aligned} holds no aligned photograph, for in none was a hand found: "
            "align_rejects.parquet beside it has the reasons; give others, or a lower align.confidence"
        )
    return photos


def make_pair(
    photo: Photo, size: int, scale: NDArray[np.float32], rng: np.random.Generator | None
) -> tuple[NDArray[np.float32], Condition]:
    """Detail (3, size, size) and condition of a photograph, moved and recoloured by `rng` (None: as it is).

    Never mirrored: a flip would turn a right hand into a left one.
    """
    picture, marks = place(photo, size, rng)
    if rng is not None:
        picture = recolour(picture, rng)
    structure = condition(picture, marks, photo.view)
    return to_detail(picture, ground(structure.thumbnail, size), scale), structure


def place(
    photo: Photo, size: int, rng: np.random.Generator | None
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The photograph and its landmarks at `size` px, rotated, scaled and shifted a little by `rng`."""
    side = len(photo.picture)
    turn, zoom, shift = 0.0, 1.0, np.zeros(2, np.float64)
    if rng is not None:
        turn, zoom = rng.normal(0, TURN), rng.uniform(*ZOOM)
        shift = rng.normal(0, SHIFT * size, 2)
    centre = (side - 1) / 2
    matrix = np.asarray(cv2.getRotationMatrix2D((centre, centre), turn, zoom * size / side), np.float64)
    matrix[:, 2] += (size - 1) / 2 - centre + shift
    border = cv2.BORDER_REFLECT_101 if photo.view == "palm" else cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(photo.picture, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=border)
    return np.asarray(moved, np.uint8), transform(photo.landmarks, matrix)


def recolour(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The same hand with another skin tone and exposure: gain, tint and gamma, the whole picture alike."""
    gain = np.exp(rng.uniform(*np.log(GAIN))) * np.exp(rng.normal(0, TINT, 3))
    value = picture.astype(np.float32) / 255
    grey = value.mean(axis=2, keepdims=True)
    value = np.clip(
        (grey + (value - grey) * np.float32(rng.uniform(*SATURATION))) * gain.astype(np.float32), 0, None
    )
    value = value / (1 + np.maximum(value - 0.8, 0))  # soft shoulder: pale skin does not burn out
    value = np.clip(value, 0, 1) ** np.float32(2 ** rng.normal(0, GAMMA))
    return np.asarray(value * 255 + 0.5, np.uint8)


def detail_scale(photos: list[Photo], view: View, size: int) -> NDArray[np.float32]:
    """Spread (3,) of the detail of the photographs of a view, in opponent colours."""
    ones = np.ones(3, np.float32)
    details = [make_pair(p, size, ones, None)[0] for p in photos if p.view == view]
    return (
        np.asarray(np.sqrt(np.mean(np.square(details), axis=(0, 2, 3))) + 1e-3, np.float32)
        if details
        else ones
    )
