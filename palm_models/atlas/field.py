"""Noise fixed to the skin: the same value at the same place at whatever resolution it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.render.surface import Canvas
from palm_models.seeds import Draw, generator

Array = NDArray[np.float64]
Float = NDArray[np.float32]
TILE = 256  # cells after which a field repeats
THUMB = (0.80, 0.62)  # where the thumb leaves the palm: centre of the arcs along which skin gathers
ARC, DRAWN_OUT = 0.7, 1.6  # reach from there at which a swept field is so many times longer than wide
COARSE = 40  # nodes a palm width at which swept fields are computed: they hold nothing finer


class Field:
    """Values of unit variance at the nodes of a grid in resting coordinates, `cell` palm widths apart."""

    def __init__(self, seed: int, key: tuple[int, ...], cell: float, tile: int = TILE) -> None:
        rng = generator(seed, Draw(key[0]), *key[1:])
        self.cell, self.tile = cell, tile
        self.values = rng.standard_normal((tile, tile), np.float32)

    def on(self, canvas: Canvas) -> Float:
        """The field at every pixel of a canvas, float32 (h, w), Catmull-Rom between the nodes."""
        down, rows = _weights(canvas.shape[0], canvas.origin[1], canvas.density, self.cell)
        along, columns = _weights(canvas.shape[1], canvas.origin[0], canvas.density, self.cell)
        cells = self.values[np.ix_(rows % self.tile, columns % self.tile)]
        return np.asarray(down @ cells @ along.T * np.float32(1.35), np.float32)

    def at(self, points: Array) -> Array:
        """The field at points (..., 2) in palm widths, linear between the nodes."""
        place = points / self.cell
        low = np.floor(place).astype(int)
        t = place - low
        x, y = low[..., 0], low[..., 1]
        n, v = self.tile, self.values
        top = v[y % n, x % n] * (1 - t[..., 0]) + v[y % n, (x + 1) % n] * t[..., 0]
        bottom = v[(y + 1) % n, x % n] * (1 - t[..., 0]) + v[(y + 1) % n, (x + 1) % n] * t[..., 0]
        return np.asarray(1.35 * (top * (1 - t[..., 1]) + bottom * t[..., 1]))


def swept(fields: Sequence[tuple[float, Field]], canvas: Canvas) -> Float:
    """Sum of weighted fields, float32 (h, w), drawn out along arcs about the thumb as folds of skin are."""
    h, w = canvas.shape
    n = 2 + int(np.ceil(max(h, w) / canvas.density * COARSE))
    x = canvas.origin[0] - THUMB[0] + np.arange(n) / COARSE
    y = canvas.origin[1] - THUMB[1] + np.arange(n)[:, None] / COARSE
    along = np.arctan2(y - x, -x - y) * (ARC / DRAWN_OUT)  # it jumps below the thumb, where no skin is
    place = np.stack([np.hypot(x, y), along], axis=2)
    coarse = np.asarray(sum(weight * field.at(place) for weight, field in fields), np.float32)
    across, down = np.meshgrid(*(np.arange(k, dtype=np.float32) * (COARSE / canvas.density) for k in (w, h)))
    at = np.dstack([across, down]).astype(np.float32)
    return np.asarray(cv2.remap(coarse, at, None, cv2.INTER_CUBIC), np.float32)  # type: ignore[call-overload]


@lru_cache(maxsize=64)
def _weights(n: int, origin: float, density: float, cell: float) -> tuple[Float, NDArray[np.intp]]:
    """Catmull-Rom weights (n, m) of m nodes for n pixels, and the numbers of these nodes."""
    at = (origin + np.arange(n) / density) / cell
    low = np.floor(at).astype(int)
    t = at - low
    parts = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    nodes = np.arange(low[0] - 1, low[-1] + 3)
    weights = np.zeros((n, len(nodes)), np.float32)
    for k, part in enumerate(parts):
        weights[np.arange(n), low - low[0] + k] = part / 2
    return weights, nodes
