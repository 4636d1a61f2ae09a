"""Competitive code (Kong & Zhang, ICPR 2004): the direction of the palm's lines, compared without training.

Six real Gabor filters of no mean; at each point the one that answers most negatively wins: the direction of
a dark line. Directions are compared by the angular distance of their 3-bit codes, over small translations.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

DIRECTIONS = 6
BITS = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 0], [1, 0, 0]], np.uint8)  # their table 1


@dataclass(frozen=True)
class CodeSettings:
    """How a palm is coded and compared; the defaults are the paper's sizes."""

    size: int = 128  # px, side of the palm
    kernel: int = 35  # px, side of a filter
    frequency: float = 0.5755  # radians a pixel: a wavelength of 11 px
    bandwidth: float = 1.1  # octaves, half amplitude
    step: int = 4  # px between points of the code: 32 × 32 of them
    reach: int = 2  # points of translation tried to each side


def gabor(settings: CodeSettings, direction: int) -> NDArray[np.float32]:
    """Their eq. 1, the real part; x' runs across the line."""
    half, w = settings.kernel // 2, settings.frequency
    spread = 2.0**settings.bandwidth
    kappa = np.sqrt(2 * np.log(2)) * (spread + 1) / (spread - 1)
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(float)
    angle = np.pi * direction / DIRECTIONS
    u, v = x * np.cos(angle) + y * np.sin(angle), -x * np.sin(angle) + y * np.cos(angle)
    envelope = w / (np.sqrt(2 * np.pi) * kappa) * np.exp(-(w**2) / (8 * kappa**2) * (4 * u**2 + v**2))
    wave = envelope * (np.cos(w * u) - np.exp(-(kappa**2) / 2))
    return np.asarray(wave - wave.mean(), np.float32)  # the cut window leaves a mean


def codes(grey: NDArray[np.uint8], settings: CodeSettings = CodeSettings()) -> NDArray[np.uint8]:
    """Palms (n, size, size) grey -> the winning direction (n, points, points), 0 to 5."""
    bank = [gabor(settings, k) for k in range(DIRECTIONS)]
    points = slice(settings.step // 2, None, settings.step)
    out = []
    for palm in grey.astype(np.float32):
        answers = [cv2.filter2D(palm, -1, f, borderType=cv2.BORDER_REFLECT)[points, points] for f in bank]
        out.append(np.argmin(answers, axis=0).astype(np.uint8))
    return np.stack(out)


def similarities(found: NDArray[np.uint8], settings: CodeSettings = CodeSettings()) -> NDArray[np.float32]:
    """1 - angular distance (0 to 1) of all pairs (n, n), the best of the translations."""
    signs = (2.0 * BITS[found] - 1).astype(np.float32)  # agreement of bits is a product of signs
    side, best = signs.shape[1], np.zeros((len(found),) * 2, np.float32)
    for dy in range(-settings.reach, settings.reach + 1):
        for dx in range(-settings.reach, settings.reach + 1):
            here = signs[:, max(0, dy) : side + min(0, dy), max(0, dx) : side + min(0, dx)]
            there = signs[:, max(0, -dy) : side + min(0, -dy), max(0, -dx) : side + min(0, -dx)]
            a, b = here.reshape(len(found), -1), there.reshape(len(found), -1)
            best = np.maximum(best, (a @ b.T / a.shape[1] + 1) / 2)
    return best
