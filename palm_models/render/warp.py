"""The way from a pixel to the resting hand: placement, tilt, skin deformation and pose undone in turn."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.hand.capture import Capture
from palm_models.hand.frame import frame_matrix, transform
from palm_models.hand.identity import Identity
from palm_models.hand.skeleton import PLAIN, Body, Build, Skeleton, body, landmarks, pose, rest

Array = NDArray[np.float64]
Float = NDArray[np.float32]
CAMERA = 5.0  # distance of the camera, palm widths
PALM_STEPS = 24  # cells a side in which the way back is computed exactly; between them it is smooth
LEAST_STEPS = 96  # of views with fingers
SOFT_SPOTS = ((0.42, 0.55, 1.0), (0.0, -0.15, 0.5), (-0.45, 0.6, 0.4))  # x, y, extra mobility of skin


@dataclass(frozen=True)
class Warp:
    """The geometry of one capture in one view.

    Per pixel (size, size): resting coordinates (…, 2), signed distance to the outline (palm widths, negative
    inside), finger number, roundness. Landmarks (21, 2) in pixels; `scale` in pixels a palm width; `mirror`
    for a left hand.
    """

    resting: Float
    distance: Float
    finger: NDArray[np.uint8]
    crest: Float
    landmarks: Float
    scale: float
    mirror: bool
    matrix: Array  # (3, 3) from the deformed plane of a right hand to pixels
    posed: Skeleton


def warp(
    identity: Identity,
    capture: Capture,
    view: View,
    size: int,
    build: Build = PLAIN,
    skin: Skin | None = None,
) -> Warp:
    """The geometry of one capture of one identity in one view; `skin`: how it moves, else `Skin`."""
    skeleton = rest(identity.scalars(), build)
    posed = pose(skeleton, capture)
    skin = skin or Skin(capture)
    flat = _deform(landmarks(posed), skin)
    tilt = _tilt(capture, identity.hand == "left")
    seen = _project(tilt, flat)
    frame = _misplace(frame_matrix(seen, view, size), capture, size, 1.0 if view == "palm" else 0.4)
    matrix = np.vstack([frame, [0, 0, 1]]) @ tilt
    steps = PALM_STEPS if view == "palm" else max(LEAST_STEPS, size // 2)
    ticks = np.linspace(0, size - 1, steps + 1)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    plane = _project(np.asarray(np.linalg.inv(matrix), np.float64), grid)
    plane = plane - skin.shift(plane)
    parts = body(posed, skeleton, plane, build)
    return _assemble(parts, transform(seen, frame), matrix, size, identity.hand == "left", posed)


def _assemble(parts: Body, points: Float, matrix: Array, size: int, mirror: bool, posed: Skeleton) -> Warp:
    fine = _refine(np.dstack([parts.resting, parts.distance, parts.crest]).astype(np.float32), size)
    nearest = np.round(np.linspace(0, parts.finger.shape[0] - 1, size)).astype(int)
    finger = parts.finger[np.ix_(nearest, nearest)]
    scale = float(np.linalg.norm(points[5] - points[17]))
    return Warp(
        resting=fine[..., :2],
        distance=fine[..., 2],
        finger=finger.astype(np.uint8),
        crest=np.clip(fine[..., 3], 0, 1),
        landmarks=points,
        scale=scale,
        mirror=mirror,
        matrix=matrix,
        posed=posed,
    )


def _refine(coarse: Float, size: int) -> Float:
    """A grid (n, n, c) stretched over (size, size), smooth to its first derivative.

    Exact, because OpenCV's warps round positions to 1/32, which shows as a net in shading.
    """
    weights = _catmull_rom(coarse.shape[0], size)
    return np.asarray(
        np.einsum("ab,bdc->adc", weights, np.einsum("ef,bfc->bec", weights, coarse)), np.float32
    )


@cache
def _catmull_rom(n: int, size: int) -> Float:
    """Weights (size, n) of Catmull-Rom interpolation between n values at equal distances, ends held."""
    at = np.linspace(0, n - 1, size)
    cell = np.minimum(at.astype(int), n - 2)
    t = at - cell
    parts = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, t**3 - t**2)
    weights = np.zeros((size, n))
    for k, part in enumerate(parts):
        np.add.at(weights, (np.arange(size), np.clip(cell + k - 1, 0, n - 1)), part / 2)
    return np.asarray(weights, np.float32)


class Skin:
    """The smooth displacement of skin in one capture: Gaussian bumps, larger where skin is loose."""

    def __init__(self, capture: Capture) -> None:
        rng = np.random.default_rng(capture.skin_seed)
        wide, fine = 14, 26
        self.at = np.stack(
            [rng.uniform(-0.75, 0.85, wide + fine), rng.uniform(-0.45, 1.25, wide + fine)], axis=1
        )
        self.reach = np.concatenate([np.full(wide, 0.36), np.full(fine, 0.16)])
        push = rng.standard_normal((wide + fine, 2)) * np.where(self.reach > 0.2, 1.0, 0.5)[:, None]
        loose = np.ones(wide + fine)
        for x, y, more in SOFT_SPOTS:
            loose += more * np.exp(-((self.at - (x, y)) ** 2).sum(axis=1) / (2 * 0.3**2))
        self.push = push * loose[:, None] * capture.deformation

    def shift(self, points: Array) -> Array:
        """Displacement (..., 2) of the skin seen at points (..., 2), in palm widths."""
        flat = points.reshape(-1, 2)
        square = (flat**2).sum(axis=1)[:, None] + (self.at**2).sum(axis=1) - 2 * flat @ self.at.T
        return np.asarray((np.exp(-square / (2 * self.reach**2)) @ self.push).reshape(points.shape))


def _deform(points: Array, skin: Skin) -> Array:
    out = points
    for _ in range(6):  # fixed point of out = points + shift(out)
        out = points + skin.shift(out)
    return out


def _tilt(capture: Capture, mirror: bool) -> Array:
    """Homography of the palm's plane, turned about both axes and seen by a pinhole; mirrors a left hand."""
    a, b = np.radians(capture.tilt_x), np.radians(capture.tilt_y)
    turn_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn_y = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    turn = turn_y @ turn_x
    plane = turn[:, :2] * (-1.0 if mirror else 1.0, 1.0) / np.array([[1.0], [1.0], [CAMERA]])
    return np.hstack([plane, [[0.0], [0.0], [1.0]]])


def _project(matrix: Array, points: Array) -> Array:
    out = points @ matrix[:, :2].T + matrix[:, 2]
    return np.asarray(out[..., :2] / out[..., 2:])


def _misplace(frame: Array, capture: Capture, size: int, share: float) -> Array:
    """The frame as a detector would have placed it: turned, scaled and shifted about the view's centre."""
    angle = np.radians(capture.rotation * share)
    factor = 1 + (capture.scale - 1) * share
    c, s = factor * np.cos(angle), factor * np.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    middle = np.full(2, (size - 1) / 2)
    move = size * share * np.array([capture.shift_x, capture.shift_y])
    shift = middle + move - linear @ middle
    return np.hstack([linear @ frame[:, :2], (linear @ frame[:, 2] + shift)[:, None]])
