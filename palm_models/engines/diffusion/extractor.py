"""The crease extractor: the same lines from photographs, to train on, and from renderings, to draw from."""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

REFERENCE = 128  # the lengths below are pixels of a view of this side
COARSE, FINE = 7.0, 4.0  # wavelengths of principal creases and of wrinkles
ORIENTATIONS = 8
NEIGHBOURHOOD = 8.0  # sd of the window in which contrast is made equal
CONTRAST_FLOOR = 0.01  # share of full range below which contrast is noise, not creases
KEPT = 0.20  # share of a picture that may be called a line
FULL = 0.005  # share of a picture that counts as full strength


def crease_map(picture: NDArray[np.uint8], wavelength: float = COARSE) -> NDArray[np.float32]:
    """Strength of dark lines of one width, float32 (h, w) in [0, 1], of a uint8 picture, grey or RGB.

    `wavelength` is in pixels of a view of side 128. Local contrast normalisation, oriented line filters,
    strongest response, the top fifth kept: shading, skin tone and exposure drop out, lines stay.
    """
    return np.asarray(_lines(_flatten(_grey(picture)), wavelength), np.float32)


def line_maps(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The conditions of the diffusion model: `crease_map` at both wavelengths, (2, h, w) in [0, 1]."""
    flat = _flatten(_grey(picture))
    return np.stack([_lines(flat, COARSE), _lines(flat, FINE)])


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or min(picture.shape[:2]) < 16:
        raise ValueError(
            f"crease extraction needs uint8 (h, w) or (h, w, 3) of 16 px or more, got {picture.shape}"
        )
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _flatten(grey: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Zero mean and unit spread in every neighbourhood."""
    scale = grey.shape[1] / REFERENCE
    blur = NEIGHBOURHOOD * scale
    value = grey.astype(np.float32) / 255
    value = np.asarray(value - cv2.GaussianBlur(value, (0, 0), blur), np.float32)
    spread = np.sqrt(cv2.GaussianBlur(value * value, (0, 0), blur)) + CONTRAST_FLOOR
    return np.asarray(value / spread, np.float32)


def _lines(flat: NDArray[np.float32], wavelength: float) -> NDArray[np.float32]:
    response = np.max(
        [cv2.filter2D(flat, -1, k) for k in _kernels(wavelength * flat.shape[1] / REFERENCE)], axis=0
    )
    low, high = np.quantile(response, [1 - KEPT, 1 - FULL])
    return np.asarray(np.clip((response - low) / max(high - low, 1e-3), 0, 1), np.float32)


@cache
def _kernels(wavelength: float) -> tuple[NDArray[np.float32], ...]:
    """Zero-mean Gabor filters that answer to a dark line, one an orientation (Daugman 1985)."""
    half = round(0.9 * wavelength)
    kernels = []
    for k in range(ORIENTATIONS):
        size = (2 * half + 1, 2 * half + 1)
        kernel = cv2.getGaborKernel(size, wavelength / 3.2, np.pi * k / ORIENTATIONS, wavelength, 0.45, 0)
        kernel = kernel - kernel.mean()
        kernels.append((-kernel / np.abs(kernel).sum()).astype(np.float32))
    return tuple(kernels)
