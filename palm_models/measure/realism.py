"""Realism of palms: their distance to real ones, over that between random halves of the real ones."""

import cv2
import numpy as np
from numpy.typing import NDArray

LEVELS, PATCH, PATCHES, DIRECTIONS = 4, 7, 128, 256
Pictures = NDArray[np.uint8]


def descriptors(pictures: Pictures, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Random patches (n, 147) of each level of the Laplacian pyramid (Karras et al. 2018, section 5)."""
    levels: list[list[NDArray[np.float32]]] = [[] for _ in range(LEVELS)]
    for picture in pictures:
        fine = picture.astype(np.float32)
        for level in levels:
            coarse = cv2.pyrDown(fine)
            band = fine - cv2.pyrUp(coarse, dstsize=fine.shape[1::-1])
            at = rng.integers(0, len(band) - PATCH + 1, (PATCHES, 2))
            level.append(np.stack([band[y : y + PATCH, x : x + PATCH].ravel() for y, x in at]))
            fine = coarse
    return [np.concatenate(level) for level in levels]


def sliced_wasserstein(a: Pictures, b: Pictures, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distance of two sets of as many pictures at each level, in 8-bit units; contrast and colour count."""
    out = []
    for one, two in zip(descriptors(a, rng), descriptors(b, rng), strict=True):
        along = rng.standard_normal((one.shape[1], DIRECTIONS)).astype(np.float32)
        along /= np.linalg.norm(along, axis=0)
        out.append(np.abs(np.sort(one @ along, axis=0) - np.sort(two @ along, axis=0)).mean())
    return np.array(out)


def kernel_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Unbiased squared MMD with the cubic kernel of KID (Binkowski et al. 2018) between features (n, d)."""

    def kernel(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray((x @ y.T + 1.0) ** 3, np.float64)

    n, m = len(a), len(b)
    own = (kernel(a, a).sum() - np.trace(kernel(a, a))) / (n * (n - 1))
    other = (kernel(b, b).sum() - np.trace(kernel(b, b))) / (m * (m - 1))
    return float(own + other - 2 * kernel(a, b).mean())


def halves(count: int, splits: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Random halves of `count` pictures."""
    orders = [np.random.default_rng(k).permutation(count) for k in range(splits)]
    return [(o[: count // 2], o[count // 2 : count // 2 * 2]) for o in orders]


def swd_ratio(real: Pictures, made: Pictures, splits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean distance made-real and real-real over the same halves, at each level."""
    apart, within = [], []
    for k, (one, two) in enumerate(halves(len(real), splits)):
        within.append(sliced_wasserstein(real[one], real[two], np.random.default_rng(k)))
        chosen = np.random.default_rng(k).permutation(len(made))[: len(two)]
        apart.append(sliced_wasserstein(real[one], made[chosen], np.random.default_rng(k)))
    return np.mean(apart, axis=0), np.mean(within, axis=0)


def spread_of_mmd(features: NDArray[np.float32], splits: int) -> float:
    """Root mean square of the kernel distance between halves: what chance alone makes of it."""
    pairs = halves(len(features), splits)
    return float(np.sqrt(np.mean([kernel_distance(features[a], features[b]) ** 2 for a, b in pairs])))


def kernel_ratio(real: NDArray[np.float32], made: NDArray[np.float32], splits: int) -> float:
    """Root of the kernel distance made-real over the root of what chance makes of two real halves."""
    apart = max(kernel_distance(real, made), 0.0)
    return float(np.sqrt(apart / spread_of_mmd(real, splits)))
