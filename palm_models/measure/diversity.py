"""Diversity: how many different palms a set is worth, and how much of the real ones it covers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5  # k of coverage and density, as Naeem et al. chose

Vectors = NDArray[np.floating[Any]]


def vendi(vectors: Vectors) -> float:
    """Vendi score of unit vectors (n, d) under the cosine kernel: 1 (all alike) to min(n, d).

    The exponential of the entropy of the eigenvalues of K/n (Friedman & Dieng 2023, eq. 2); those of
    X'X/n are the same and fewer.
    """
    values = np.linalg.eigvalsh(np.asarray(vectors, np.float64).T @ vectors / len(vectors))
    positive = values[values > 1e-12]
    return float(np.exp(-(positive * np.log(positive)).sum()))


def coverage(real: Vectors, made: Vectors, k: int = NEIGHBOURS) -> dict[str, float]:
    """Coverage (0 to 1) and density of `made` (m, d) over `real` (n, d); Naeem et al. 2020, eqs. 4 and 5.

    Coverage is the share of real palms with a made one nearer than their k-th real neighbour; density, how
    many such neighbourhoods a made palm lies in over k. Raises ValueError when there are not more than k.
    """
    if len(real) <= k:
        raise ValueError(f"coverage needs more than {k} real palms, there are {len(real)}")
    radius = np.partition(_distances(real, real), k, axis=1)[:, k]  # itself is the first
    inside = _distances(real, made) < radius[:, None]
    return {"coverage": float(inside.any(1).mean()), "density": float(inside.sum(0).mean() / k)}


def capacity(vectors: Vectors, labels: NDArray[np.integer[Any]], threshold: float) -> dict[str, float]:
    """How many of the identities of unit vectors (n, d) can be told apart at a similarity of `threshold`.

    Their centres lie at least arccos(threshold) and twice the spread within an identity from each other:
    counted in the order of the labels, each that is far enough from all counted before. Returns `identities`,
    how many there are (`of`), and that `angle` and the `spread` (sd of captures about their centre), degrees.
    """
    known, index = np.unique(labels, return_inverse=True)
    centres = np.stack([vectors[index == k].mean(axis=0) for k in range(len(known))]).astype(np.float64)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    away = np.arccos(np.clip((vectors * centres[index]).sum(axis=1), -1, 1))
    spread = float(away.std())
    least = float(np.arccos(np.clip(threshold, -1, 1))) + 2 * spread
    apart = np.arccos(np.clip(centres @ centres.T, -1, 1)) >= least
    counted: list[int] = []
    for k in range(len(known)):
        if apart[k, counted].all():
            counted.append(k)
    return {
        "identities": len(counted),
        "of": len(known),
        "angle": np.degrees(least),
        "spread": np.degrees(spread),
    }


def _distances(a: Vectors, b: Vectors) -> NDArray[np.float64]:
    """Euclidean, (n, d) and (m, d) -> (n, m)."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    squared = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
    apart: NDArray[np.float64] = np.sqrt(np.maximum(squared, 0))
    return apart
