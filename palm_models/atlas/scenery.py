"""What lies behind a hand (table, cloth, box, wall, a room out of focus) and its shadow there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.capture import Capture
from palm_models.render.ridges import upsample
from palm_models.render.shade import light_colour
from palm_models.render.warp import Warp
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
ROOM = (  # linear sRGB of what stands in rooms and streets: walls, wood, cloth, leaves, sky
    (0.55, 0.52, 0.47), (0.30, 0.19, 0.11), (0.10, 0.11, 0.13), (0.14, 0.20, 0.08), (0.35, 0.45, 0.60),
    (0.70, 0.70, 0.68), (0.22, 0.10, 0.08), (0.05, 0.05, 0.05), (0.40, 0.33, 0.24),
)  # fmt: skip
COARSE = 96  # pixels a side that blurred things are drawn with
LIES = ("plain", "cloth")  # backgrounds that a hand lies on, or close above
SHADOWED = 128  # pixels a side that a soft shadow needs
HEIGHT = 0.16  # of the hand's rim above what it lies on, palm widths


def background(capture: Capture, seen: Warp) -> Float:
    """Linear light (size, size, 3) behind the hand in the colour of the light, without its shadow."""
    size = seen.distance.shape[0]
    rng = generator(capture.scene_seed, Draw.ATLAS_SCENE)
    scene = KINDS.get(capture.background, _plain)(capture, rng, size)
    if capture.grey:
        return np.asarray(scene.mean(axis=-1, keepdims=True).repeat(3, -1), np.float32)
    return np.asarray(scene * light_colour(capture), np.float32)


def _tint(rng: np.random.Generator, tone: float, spread: float) -> Float:
    """A colour (3,) of this lightness, 0 to 1 as the eye sees it, near grey."""
    return np.asarray(np.clip(tone**2.2 * np.exp(rng.normal(0, spread, 3)), 0.004, 0.95), np.float32)


def _field(rng: np.random.Generator, size: int, cells: int) -> Float:
    """Smooth noise (size, size) of about unit variance with so many cells a side."""
    return upsample(rng.standard_normal((cells, cells), np.float32), (size, size))


def _plain(capture: Capture, rng: np.random.Generator, size: int) -> Float:
    """Paper or a table: even, with the grain of its material and the light falling off."""
    base = _tint(rng, capture.background_tone, 0.05)
    fibre = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), 0.8)
    light = np.exp(np.float32(0.5 * capture.unevenness) * _field(rng, size, 3) + np.float32(0.012) * fibre)
    return np.asarray(base * light[..., None], np.float32)


def _gradient(capture: Capture, rng: np.random.Generator, size: int) -> Float:
    """A wall some way off, lit from one side."""
    base = _tint(rng, capture.background_tone, 0.10)
    return np.asarray(base * np.exp(np.float32(0.45) * _field(rng, size, 2))[..., None], np.float32)


def _cloth(capture: Capture, rng: np.random.Generator, size: int) -> Float:
    """Woven cloth with soft folds."""
    base = _tint(rng, capture.background_tone, 0.25)
    folds = _field(rng, size, 4) + 0.5 * _field(rng, size, 8)
    slope = cv2.Sobel(folds, -1, 1, 0) * np.float32(size / 50)
    y, x = np.mgrid[0:size, 0:size].astype(np.float32)
    turn, step = rng.uniform(0, np.pi), np.float32(rng.uniform(1.7, 2.4))
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    weave = np.sin((x * c + y * s) * step) * np.sin((y * c - x * s) * step)
    worn = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), 1.0)
    light = np.exp(0.12 * np.tanh(slope) + 0.05 * weave + 0.05 * worn)
    return np.asarray(base * light[..., None], np.float32)


def _dark(capture: Capture, rng: np.random.Generator, size: int) -> Float:
    """The inside of a box, or a scanner's open lid: nearly black."""
    base = _tint(rng, rng.uniform(0.05, 0.22), 0.06)
    folds = np.exp(np.float32(0.35) * _field(rng, size, 3) + np.float32(0.15) * _field(rng, size, 9))
    return np.asarray(base * folds[..., None], np.float32)


def _clutter(capture: Capture, rng: np.random.Generator, size: int) -> Float:
    """A room or a street out of focus: things of natural colours, blurred to patches and discs of light."""
    n = COARSE
    wall = np.array(ROOM[rng.integers(len(ROOM))], np.float32)
    scene = wall * np.exp(np.float32(0.35) * _field(rng, n, 3))[..., None]
    for _ in range(int(rng.integers(5, 12))):
        colour = np.array(ROOM[rng.integers(len(ROOM))]) * np.exp(rng.normal(0, 0.25))
        x, y, w, h = rng.uniform(0, n), rng.uniform(0, n), *(n * np.exp(rng.normal(-1.3, 0.5, 2)))
        corners = cv2.boxPoints(((x, y), (w, h), float(rng.normal(0, 6))))
        cv2.fillPoly(scene, [corners.astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    scene = cv2.GaussianBlur(scene, (0, 0), n * float(rng.uniform(0.02, 0.06)))
    for _ in range(int(rng.integers(0, 4))):  # lamps and windows
        at = (int(rng.integers(n)), int(rng.integers(n)))
        disc = np.zeros((n, n), np.float32)
        cv2.circle(disc, at, int(rng.uniform(2, 7)), 1.0, -1, cv2.LINE_AA)
        scene = scene + np.float32(rng.uniform(0.1, 0.6)) * cv2.GaussianBlur(disc, (0, 0), 0.8)[..., None]
    wide = cv2.resize(scene, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(wide * (0.5 + capture.background_tone), 0.003, 1.0), np.float32)


KINDS = {"plain": _plain, "gradient": _gradient, "cloth": _cloth, "dark": _dark, "clutter": _clutter}


def shadow(capture: Capture, seen: Warp) -> Float:
    """Share (size, size) of the light that reaches the background, 0 to 1."""
    size = seen.distance.shape[0]
    if capture.background not in LIES:
        return np.ones((size, size), np.float32)
    n = min(size, SHADOWED)
    hand = (cv2.resize(seen.distance, (n, n), interpolation=cv2.INTER_AREA) < 0).astype(np.float32)
    unit = seen.scale * n / size  # coarse pixels a palm width
    azimuth, elevation = np.radians(capture.light_azimuth), np.radians(max(capture.light_elevation, 28.0))
    reach = HEIGHT * unit / np.tan(elevation)
    move = np.array([[1, 0, -np.sin(azimuth) * reach], [0, 1, np.cos(azimuth) * reach]])
    thrown = cv2.warpAffine(hand, move, (n, n), borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(thrown, (0, 0), max(0.05 * unit, 0.6))  # a lamp is no point
    close = cv2.GaussianBlur(hand, (0, 0), max(0.10 * unit, 0.6))  # the hand hides a part of the room's light
    sun = (1 - capture.ambient) * min(1.0, 0.4 + capture.shadow)
    dark = (1 - sun * soft) * (1 - 0.15 * capture.ambient * close)
    return np.asarray(cv2.resize(np.asarray(dark, np.float32), (size, size), interpolation=cv2.INTER_CUBIC))
