"""Lines of skin as curves with a width and a depth, drawn thin and softened to their width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.hand.creases import Crease, profile, trace
from palm_models.render.surface import Canvas

Array = NDArray[np.float64]
Float = NDArray[np.float32]
DRAWN = 0.6  # standard deviation in pixels of what OpenCV's antialiased line leaves
SOFTER = (0.0, 0.55, 1.0, 1.7, 2.8, 4.6, 7.5)  # blurs that lines are softened by, pixels
LEVEL = 90  # grey level of depth 1 while lines are drawn in 8 bits
VISIBLE = 0.42  # standard deviation of a line's profile as a share of its visible width


@dataclass(frozen=True)
class Curves:
    """n lines of m points: `points` (n, m, 2) palm widths, `depth` (n, m), `sigma` (n,) palm widths."""

    points: Array
    depth: Array
    sigma: Array

    def __len__(self) -> int:
        return len(self.points)

    def pick(self, which: NDArray[np.bool_]) -> Curves:
        """Some of the lines."""
        return Curves(self.points[which], self.depth[which], self.sigma[which])

    def headings(self) -> Array:
        """Direction (n,) from the first to the last point, degrees in [0, 180)."""
        along = self.points[:, -1] - self.points[:, 0]
        return np.asarray(np.degrees(np.arctan2(along[:, 1], along[:, 0])) % 180)


def curves(creases: Sequence[Crease], points: int) -> Curves:
    """Creases as drawn: their course, and their depth along it."""
    if not creases:
        return Curves(np.zeros((0, points, 2)), np.zeros((0, points)), np.zeros(0))
    sigma = np.array([VISIBLE * crease.width for crease in creases])
    return Curves(trace(creases, points), profile(creases, points), sigma)


def joined(parts: Sequence[Curves]) -> Curves:
    """Lines of the same number of points, together."""
    return Curves(
        *(np.concatenate([getattr(p, name) for p in parts]) for name in ("points", "depth", "sigma"))
    )


def drawn(lines: Curves, canvas: Canvas) -> Float:
    """Depth (h, w) of the deepest lines at each pixel; a line narrower than a pixel is fainter instead."""
    out = canvas.blank()
    if not len(lines):
        return out
    wide = lines.sigma * canvas.density
    extra = np.sqrt(np.clip(wide**2 - DRAWN**2, 0, None))
    which = np.abs(extra[:, None] - np.array(SOFTER)).argmin(axis=1)
    level = np.clip(lines.depth * (LEVEL * np.minimum(1, wide / DRAWN))[:, None], 0, 255)
    fixed = np.round(canvas.pixels(lines.points) * 16).astype(np.int32)
    order = np.argsort(lines.depth.max(axis=1), kind="stable")
    for k in np.unique(which):
        layer = np.zeros(canvas.shape, np.uint8)
        for i in order[which[order] == k]:
            _stroke(layer, fixed[i].tolist(), level[i])
        soft, blur = layer.astype(np.float32), SOFTER[k]
        if blur:
            soft = cv2.GaussianBlur(soft, (0, 0), blur) * np.float32(np.hypot(1, blur / DRAWN))
        out = np.maximum(out, soft / LEVEL)
    return out


def _stroke(layer: NDArray[np.uint8], path: list[list[int]], level: Array) -> None:
    grey = ((level[1:] + level[:-1]) / 2).astype(int).tolist()
    for a, b, shade in zip(path, path[1:], grey, strict=False):
        if shade > 2:
            cv2.line(layer, a, b, shade, 1, cv2.LINE_AA, 4)
