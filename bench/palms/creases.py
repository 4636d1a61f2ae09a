"""The two published kinds of crease drawings, rewritten from their descriptions: Bézier and polynomial."""

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 128
Curve = NDArray[np.float64]  # (n, 2) points, shares of the side


def bezier_identity(rng: np.random.Generator) -> list[tuple[Curve, float]]:
    """Control points and widths (px) of 3 principal and 5-15 secondary ones (BezierPalm 2022)."""
    starts = np.array([[0.95, 0.35], [0.05, 0.35], [0.05, 0.38]])
    ends = np.array([[0.35, 0.12], [0.85, 0.65], [0.40, 0.98]])
    out = []
    for a, b in zip(starts, ends, strict=True):
        p, q = a + rng.uniform(-0.1, 0.1, 2), b + rng.uniform(-0.12, 0.12, 2)
        out.append((np.stack([p, (p + q) / 2 + rng.uniform(-0.22, 0.22, 2), q]), rng.uniform(2, 4)))
    for _ in range(int(rng.integers(5, 16))):
        p = rng.uniform(0, 1, 2)
        q = p + rng.uniform(-0.35, 0.35, 2)
        out.append((np.stack([p, (p + q) / 2 + rng.uniform(-0.1, 0.1, 2), q]), rng.uniform(0.8, 1.8)))
    return out


def bezier_capture(identity: list[tuple[Curve, float]], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Control points jittered, the drawing turned and scaled: (SIZE, SIZE) grey."""
    t = np.linspace(0, 1, 24)[:, None]
    curves = []
    for points, width in identity:
        a, b, c = points + rng.normal(0, 0.012, points.shape)
        curves.append(((1 - t) ** 2 * a + 2 * t * (1 - t) * b + t**2 * c, width))
    return draw(curves, rng)


def polynomial_identity(rng: np.random.Generator) -> list[tuple[Curve, float]]:
    """Degree-4 polynomials around a mean palm, Gaussian coefficients; 8-20 short ones (Diff-Palm 2025)."""
    t = np.linspace(0, 1, 5)
    means = [
        ([0.97, 0.80, 0.62, 0.45, 0.32], [0.38, 0.36, 0.32, 0.24, 0.12]),
        ([0.04, 0.25, 0.45, 0.66, 0.86], [0.34, 0.40, 0.46, 0.54, 0.66]),
        ([0.05, 0.24, 0.36, 0.42, 0.40], [0.36, 0.46, 0.62, 0.80, 1.00]),
    ]
    out = []
    for x, y in means:
        knots = np.stack([x, y], 1) + rng.normal(0, 0.05, 2) + rng.normal(0, 0.025, (5, 2))
        out.append((np.polyfit(t, knots, 4), rng.uniform(2, 3.5)))
    for _ in range(int(rng.integers(8, 21))):
        start, step = rng.uniform(0, 1, 2), rng.normal(0, 0.16, 2)
        knots = start + t[:, None] * step + rng.normal(0, 0.012, (5, 2))
        out.append((np.polyfit(t, knots, 4), rng.uniform(0.8, 1.6)))
    return out


def polynomial_capture(identity: list[tuple[Curve, float]], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Polynomials evaluated, shifted a little each, turned and scaled together: (SIZE, SIZE) grey."""
    powers = np.linspace(0, 1, 24)[:, None] ** np.arange(4, -1, -1)
    return draw([(powers @ c + rng.normal(0, 0.006, 2), w) for c, w in identity], rng)


def draw(curves: list[tuple[Curve, float]], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Dark lines on a pale ground under one rotation, scale and shift."""
    angle, scale = rng.normal(0, 0.05), np.exp(rng.normal(0, 0.04))
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = rng.normal(0, 0.02, 2)
    out = np.full((SIZE, SIZE), int(rng.uniform(170, 255)), np.uint8)
    dark = int(rng.uniform(0, 90))
    for curve, width in curves:
        p = ((curve - 0.5) @ turn.T + 0.5 + shift) * SIZE
        pixels = np.round(p * 16).astype(np.int32)
        cv2.polylines(
            out, [pixels], False, dark, max(1, round(width * rng.uniform(0.8, 1.2))), cv2.LINE_AA, 4
        )
    return out


KINDS = {
    "bezier": (bezier_identity, bezier_capture),
    "polynomial": (polynomial_identity, polynomial_capture),
}


def build(
    kind: str, identities: int, captures: int, seed: int = 0
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Pictures (identities * captures, SIZE, SIZE) grey and labels."""
    make, shoot = KINDS[kind]
    pictures = []
    for i in range(identities):
        identity = make(np.random.default_rng([seed, i]))
        pictures += [shoot(identity, np.random.default_rng([seed, i, j])) for j in range(captures)]
    return np.stack(pictures), np.repeat(np.arange(identities), captures)
