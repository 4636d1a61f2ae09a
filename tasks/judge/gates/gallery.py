"""The gallery of the leakage gate: every photograph embedded, turned and mirrored; it is never published."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from manifests.contract.images import decode
from manifests.files.layout import atomic_write
from manifests.recipe import Recipe
from palm_models.measure.encoder import Encoder
from palm_models.shipped import SHIPPED
from tasks.judge.gate import Found, GateError
from tasks.work.place import Place
from tasks.work.stage import Done, Stage

ENCODER = tuple(f"palm_models/weights/encoder.{kind}" for kind in ("json", "safetensors"))
BLOCK = 65536  # gallery rows that are compared at once
TURN = 10.0  # degrees that a variant is turned to either side; the encoder bridges 5 more
CROPS = (0.88, 0.78)  # share of the side that a variant shows, in the middle and at each corner
VARIANTS = 8 * (1 + 2 + 5 * len(CROPS))


@dataclass(frozen=True)
class Gallery:
    """Unit vectors (n, dim) of all variants of the photographs, with the photo_id of each."""

    vectors: NDArray[np.float32]
    photos: list[str]

    def nearest(self, embeddings: NDArray[np.float32]) -> tuple[NDArray[np.float32], list[str]]:
        """Similarity (m,) of the nearest photograph of each embedding (m, dim), and its photo_id."""
        best = np.full(len(embeddings), -1, np.float32)
        place = np.zeros(len(embeddings), np.int64)
        for start in range(0, len(self.vectors), BLOCK):
            near = embeddings @ self.vectors[start : start + BLOCK].T
            top = near.argmax(axis=1)
            value = near[np.arange(len(near)), top]
            place = np.where(value > best, start + top, place)
            best = np.maximum(best, value)
        return best, [self.photos[i] for i in place]


def gallery_of(recipe: Recipe, palms: Done) -> Found:
    """The gallery of aligned photographs in the work folder, made when it is not there."""
    place = stage(recipe, palms.digest).place()
    if not place.is_done():
        build(palms.path / "aligned.parquet", Encoder.load(SHIPPED), place)
    facts = {"photographs": place.facts()["photographs"]}
    return Found(place.path, place.path.name, used=(place.path,), facts=facts)


def stage(recipe: Recipe, palms: str) -> Stage:
    """What a gallery is made of; `palms` is the digest of the aligned photographs."""
    return Stage("gallery", recipe, code=("tasks.judge.gates.gallery",), data=ENCODER, given={"palms": palms})


def build(aligned: Path, encoder: Encoder, place: Place) -> None:
    """Embed every aligned palm of `aligned` (Parquet) in all its variants into `place`.

    Raises GateError when there is none: align.views must have palm for the leakage gate.
    """
    vectors, photos = [], list[str]()
    with pq.ParquetFile(aligned) as file:
        for batch in file.iter_batches(32, columns=["photo_id", "view", "image"]):
            for row in batch.to_pylist():
                if row["view"] == "palm":
                    pictures = variants(decode(row["image"]["bytes"]), encoder.config.size)
                    vectors.append(encoder.embed(np.stack(pictures)))
                    photos += [row["photo_id"]] * VARIANTS
    if not photos:
        raise GateError(f'{aligned}: no palms to compare with: set align.views = ["palm", "hand"]')
    arrays = io.BytesIO()  # on a full disk NumPy's own file names no reason
    np.save(arrays, np.concatenate(vectors))
    atomic_write(place.path / "vectors.npy", arrays.getvalue())
    atomic_write(place.path / "photos.txt", "\n".join(photos).encode())
    files = [place.path / "vectors.npy", place.path / "photos.txt"]
    place.finish(files, {"photographs": len(set(photos)), "vectors": len(photos)})


def load(folder: Path) -> Gallery:
    """The gallery that `build` left in `folder`."""
    photos = (folder / "photos.txt").read_text().split("\n")
    return Gallery(np.load(folder / "vectors.npy", mmap_mode="r"), photos)


def variants(picture: NDArray[np.uint8], size: int) -> list[NDArray[np.uint8]]:
    """VARIANTS pictures of `size` px: whole, slightly turned, cut out; each in quarter turns and mirrored."""
    out = []
    for window in _windows(picture):
        small = cv2.resize(window, (size, size), interpolation=cv2.INTER_AREA)
        for flipped in (small, small[:, ::-1]):
            out += [np.ascontiguousarray(np.rot90(flipped, turn)).astype(np.uint8) for turn in range(4)]
    return out


def _windows(picture: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    side = picture.shape[0]
    yield picture
    for angle in (-TURN, TURN):
        matrix = cv2.getRotationMatrix2D(((side - 1) / 2, (side - 1) / 2), angle, 1.0)
        yield cv2.warpAffine(picture, matrix, (side, side), borderMode=cv2.BORDER_REFLECT).astype(np.uint8)
    for crop in CROPS:
        edge, free = round(side * crop), side - round(side * crop)
        for x, y in ((free // 2, free // 2), (0, 0), (free, 0), (0, free), (free, free)):
            yield picture[y : y + edge, x : x + edge]
