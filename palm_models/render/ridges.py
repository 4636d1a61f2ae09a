"""Skin texture of one hand: friction ridges along a flow, criss-cross lines, grain, blotches and veins."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
ORIENTATIONS = 8


def ridges(
    rng: np.random.Generator, shape: tuple[int, int], period: float, angle: float, curl: float
) -> Float:
    """Oriented noise of unit variance along a flow.

    `period` in pixels, mean direction `angle` in degrees, turning by `curl` radians: white noise through a
    bank of Gabor filters, each where the flow runs its way.
    """
    noise = rng.standard_normal(shape, dtype=np.float32)
    flow = np.radians(angle) + upsample(rng.normal(0, curl, (4, 4)).astype(np.float32), shape)
    out = np.zeros(shape, np.float32)
    for k in range(ORIENTATIONS):
        along = np.pi * k / ORIENTATIONS
        weight = np.exp(4 * (np.cos(2 * (flow - along)) - 1))
        out += weight * cv2.filter2D(noise, -1, _gabor(period, along), borderType=cv2.BORDER_REFLECT)
    return standard(out)


def _gabor(period: float, along: float, reach: float = 0.45, stretch: float = 2.2) -> Float:
    half = int(np.ceil(min(period * 1.6, 8)))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    u, v = x * np.cos(along) + y * np.sin(along), -x * np.sin(along) + y * np.cos(along)
    sigma = reach * period
    kernel = np.exp(-(v**2 + (u / stretch) ** 2) / (2 * sigma**2)) * np.cos(2 * np.pi * v / period)
    kernel -= kernel.mean()
    return np.asarray(kernel / np.abs(kernel).sum(), np.float32)


def mesh(
    rng: np.random.Generator, shape: tuple[int, int], period: float, angles: tuple[float, float]
) -> Float:
    """Fine broken lines crossing in two directions, 0 to about 1: what covers the ball of the thumb."""
    out = np.zeros(shape, np.float32)
    for angle in angles:
        noise = rng.standard_normal(shape, dtype=np.float32)
        kernel = _gabor(period, np.radians(angle), reach=0.3, stretch=4.5)
        drawn = cv2.filter2D(noise, -1, kernel, borderType=cv2.BORDER_REFLECT)
        lines = standard(np.asarray(drawn, np.float32))
        out = np.maximum(out, np.clip((lines - 0.6) / 1.6, 0, 1.2))
    return out


def grain(rng: np.random.Generator, shape: tuple[int, int], period: float) -> Float:
    """Isotropic band-passed noise of unit variance: the leathery grain of skin."""
    noise = rng.standard_normal(shape, dtype=np.float32)
    fine, coarse = (
        cv2.GaussianBlur(noise, (0, 0), 0.28 * period),
        cv2.GaussianBlur(noise, (0, 0), 0.5 * period),
    )
    return standard(fine - coarse)


def blotches(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Float:
    """Smooth noise of unit variance over two octaves; `size` of the larger blotches in pixels."""
    out = np.zeros(shape, np.float32)
    for octave, weight in ((1.0, 1.0), (2.2, 0.55)):
        cells = tuple(max(4, int(np.ceil(n / size * octave))) for n in shape)
        out += weight * upsample(rng.standard_normal(cells, dtype=np.float32), shape)
    return standard(out)


def veins(rng: np.random.Generator, shape: tuple[int, int], size: float) -> Float:
    """A net of soft lines, 0 to 1: the zero crossings of smooth noise; `size` of its cells in pixels."""
    cells = tuple(max(4, int(np.ceil(n / size))) for n in shape)
    level = upsample(rng.standard_normal(cells, dtype=np.float32), shape)
    return np.asarray(np.exp(-((level / 0.16) ** 2)), np.float32)


def upsample(cells: Float, shape: tuple[int, int]) -> Float:
    """A coarse grid stretched smoothly over (h, w)."""
    return np.asarray(cv2.resize(cells, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def standard(values: Float) -> Float:
    """Zero mean, unit variance."""
    return np.asarray((values - values.mean()) / (values.std() + 1e-6), np.float32)
