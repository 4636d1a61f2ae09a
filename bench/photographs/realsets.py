"""Four test sets from real aligned palms, photographed again by operations that the engines do not use."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float32]
SIZE = 128


@dataclass(frozen=True)
class Condition:
    """How one test set sees a palm; lengths as shares of the side of view `palm`, angles in degrees."""

    side: float  # of the region of interest
    drop: float  # of its centre, downwards
    channels: tuple[float, float, float]  # weights of R, G, B: a spectral change
    turn: float  # sd of the crop's rotation
    move: float  # sd of the crop's shift
    zoom: float  # sd of the crop's scale
    bend: float  # sd of the thin-plate control points, px of SIZE
    light: float  # sd of the log of the light field
    small: tuple[float, float]  # px, side the picture is shrunk to and enlarged from
    noise: float  # sd, grey levels of 255
    shadow: float  # probability
    local: float  # probability of a capture whose contrast was equalised locally (retinex, CLAHE)


CONDITIONS = {
    "visible": Condition(1.00, 0.00, (0.3, 0.6, 0.1), 3.0, 0.02, 0.03, 1.0, 0.20, (80, 128), 3, 0.15, 0.2),
    "contact": Condition(0.80, 0.02, (0.0, 1.0, 0.0), 2.0, 0.02, 0.02, 1.3, 0.12, (64, 100), 5, 0.0, 0.4),
    "contactless": Condition(
        0.88, -0.04, (0.1, 0.4, 0.5), 4.0, 0.025, 0.04, 1.2, 0.25, (80, 120), 4, 0.3, 0.2
    ),
    "infrared": Condition(0.84, 0.05, (1.0, 0.0, 0.0), 3.0, 0.025, 0.03, 1.2, 0.22, (70, 110), 4, 0.2, 0.3),
}


def _plate() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thin-plate basis of a 5 x 5 grid of control points at every pixel: (SIZE*SIZE, 25) and the grid."""
    axis = np.linspace(0, SIZE - 1, 5)
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)

    def kernel(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
        r2 = ((a[:, None] - b[None]) ** 2).sum(-1) / SIZE**2
        return np.asarray(r2 * np.log(r2 + 1e-12))

    def tail(a: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.hstack([np.ones((len(a), 1)), a / SIZE])

    upper = np.hstack([kernel(grid, grid) + 1e-4 * np.eye(25), tail(grid)])
    system = np.vstack([upper, np.hstack([tail(grid).T, np.zeros((3, 3))])])
    pixels = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2).astype(float)
    basis = np.hstack([kernel(pixels, grid), tail(pixels)]) @ np.linalg.inv(system)[:, :25]
    return basis, grid


_BASIS, _GRID = _plate()


def _crop(
    palm: NDArray[np.uint8], c: Condition, margin: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Region of interest (SIZE, SIZE, 3) with the error of a second detection and a thin-plate bend."""
    unit = palm.shape[0] / margin  # px of the picture a side of view `palm` takes
    angle, zoom = np.deg2rad(rng.normal(0, c.turn)), np.exp(rng.normal(0, c.zoom))
    bend = _BASIS @ rng.normal(0, c.bend, _GRID.shape)
    p = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).reshape(-1, 2) + bend
    p = (p - (SIZE - 1) / 2) / SIZE * c.side * zoom
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    p = p @ turn.T + np.array([0, c.drop]) + rng.normal(0, c.move, 2)
    m = ((p * unit) + (palm.shape[0] - 1) / 2).reshape(SIZE, SIZE, 2).astype(np.float32)
    source = cv2.GaussianBlur(palm, (0, 0), max(0.01, 0.4 * c.side * unit / SIZE))
    warped = cv2.remap(source, m[..., 0], m[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


def _light(grey: Grey, c: Condition, rng: np.random.Generator) -> Grey:
    """Gamma, a low-order cosine light field, now and then a shadow with a soft straight edge."""
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    log = np.zeros((SIZE, SIZE))
    for i in range(3):
        for j in range(3 - i):
            log += rng.normal(0, c.light) / (1 + i + j) * np.cos(np.pi * i * x) * np.cos(np.pi * j * y)
    if rng.random() < c.shadow:
        a = rng.uniform(0, 2 * np.pi)
        edge = ((x - 0.5) * np.cos(a) + (y - 0.5) * np.sin(a) - rng.uniform(0.1, 0.5)) / rng.uniform(
            0.03, 0.15
        )
        log -= rng.uniform(0.2, 0.7) / (1 + np.exp(-edge))
    return np.asarray(np.clip(grey ** rng.uniform(0.7, 1.5) * np.exp(log), 0, 1.2), np.float32)


def _contrast(grey: Grey, rng: np.random.Generator) -> Grey:
    """Retinex (log minus its blur), CLAHE or an unsharp mask."""
    kind = rng.integers(3)
    if kind == 0:
        log = np.log(grey + 0.05)
        flat = log - cv2.GaussianBlur(log, (0, 0), rng.uniform(10, 25))
        return np.asarray(np.clip(0.5 + rng.uniform(0.4, 0.9) * flat, 0, 1), np.float32)
    if kind == 1:
        clahe = cv2.createCLAHE(rng.uniform(1.5, 4), (4, 4))
        equal = clahe.apply((np.clip(grey, 0, 1) * 255).astype(np.uint8))
        return np.asarray(np.asarray(equal, np.float32) / 255, np.float32)
    sharp = grey + rng.uniform(0.4, 1.2) * (grey - cv2.GaussianBlur(grey, (0, 0), 3))
    return np.asarray(np.clip(sharp, 0, 1), np.float32)


def capture(
    palm: NDArray[np.uint8], c: Condition, margin: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """One grey capture (SIZE, SIZE) of a palm (s, s, 3) RGB that shows `margin` times view `palm`."""
    grey = (_crop(palm, c, margin, rng) @ np.array(c.channels) / 255).astype(np.float32)
    grey = grey / max(0.05, float(grey.mean())) * rng.uniform(0.3, 0.65)
    grey = _light(np.clip(grey, 1e-3, 1), c, rng)
    if rng.random() < c.local:
        grey = _contrast(grey, rng)
    side = int(rng.uniform(*c.small))
    grey = cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA)
    grey = grey + rng.normal(0, c.noise * rng.uniform(0.3, 1) / 255, grey.shape)
    grey = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    flat = (np.clip(grey, 0, 1) * 255).astype(np.uint8)
    _, code = cv2.imencode(".jpg", flat, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 96))])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)


def build(
    palms: NDArray[np.uint8],
    margin: float = 1.0,
    captures: int = 4,
    seed: int = 0,
    change: Callable[[Condition], Condition] = lambda c: c,
) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.int64]]]:
    """Condition -> (pictures (n*captures, SIZE, SIZE), labels) of the palms (n, s, s, 3)."""
    out = {}
    for k, (name, condition) in enumerate(CONDITIONS.items()):
        c = change(condition)
        pictures = [
            capture(p, c, margin, np.random.default_rng([seed, k, i, j]))
            for i, p in enumerate(palms)
            for j in range(captures)
        ]
        out[name] = (np.stack(pictures), np.repeat(np.arange(len(palms)), captures))
    return out
