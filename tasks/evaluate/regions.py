"""Reads pictures that are regions of interest already: grey or colour, 8 or 16 bit, of any size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from palm_models.measure.encoder import to_grey
from palm_models.photo.picture import PictureError, decode

LEAST = 32  # px, shorter side: less shows no lines
ASPECT = 1.5  # longer side over the shorter: beyond, it is no region but a photograph
LARGE = 512  # px: regions of interest are distributed at 128 to 400
DEEP = (b"\x89PNG", b"II*\0", b"MM\0*")  # beginnings of files that may hold 16 bits a channel
TURNS = (0, 90, 180, 270)


@dataclass(frozen=True)
class Region:
    """One region: grey (size, size), and what its file holds, in words: `150x150`, `128x128 16 bit`."""

    grey: NDArray[np.uint8]
    shape: str


def read_region(path: Path, size: int, turn: int = 0) -> Region:
    """The region at `path` as a grey square, turned clockwise by `turn` degrees.

    Of 16 bits the lowest power of two above the brightest pixel counts as white: many sensors fill 10 or 12.
    Raises PictureError as `decode` does, and not_a_region or too_small.
    """
    deep = _sixteen_bit(path)
    picture = decode(path).rgb if deep is None else deep
    height, width = picture.shape[:2]
    if max(height, width) > ASPECT * min(height, width):
        raise PictureError(
            "not_a_region",
            f"{path.name}: {width} x {height} px; a region of interest is about square. If these are "
            "photographs of hands, give --no-roi",
        )
    if min(height, width) < LEAST:
        raise PictureError("too_small", f"{path.name}: {width} x {height} px, fewer than {LEAST}")
    grey = np.rot90(to_grey(picture[None], size)[0], -TURNS.index(turn))
    return Region(np.ascontiguousarray(grey), f"{width}x{height}" + (" 16 bit" if deep is not None else ""))


def _sixteen_bit(path: Path) -> NDArray[np.uint8] | None:
    """RGB or grey as 8 bits, when the file holds 16; otherwise None, and the safe decoder reads it."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    if not data.startswith(DEEP):
        return None
    raw = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR)
    if raw is None or raw.dtype != np.uint16:
        return None
    white = 2 ** int(raw.max()).bit_length() - 1
    eight = np.asarray(raw.astype(np.float32) * (255 / max(white, 255)) + 0.5, np.uint8)
    return eight if eight.ndim == 2 else np.asarray(eight[..., ::-1])


def sides(path: Path) -> tuple[int, int]:
    """Width and height in pixels by the file's header; (1, 1) when it has none that can be read."""
    try:
        with Image.open(path) as image:
            return image.size
    except Exception:  # hostile bytes make readers raise anything; the aligner says what is wrong
        return 1, 1


def are_regions(paths: Sequence[Path]) -> bool:
    """Whether most of a sample of these pictures have the size and shape of regions of interest."""
    sample = [sides(p) for p in paths[:: max(1, len(paths) // 16)]]
    like = [LEAST <= min(s) <= max(s) <= min(LARGE, 1.25 * min(s)) for s in sample if s != (1, 1)]
    return sum(like) > len(like) / 2
