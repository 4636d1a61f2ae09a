"""Identities differ and keep their creases inside the palm; usage: python -m bench.palms.distinct [N]."""

import sys

import numpy as np

from palm_models.hand.creases import trace
from palm_models.hand.identity import Identity, make_identity
from palm_models.hand.skeleton import palm_distance, rest


def principal_points(identity: Identity) -> np.ndarray:
    """Eight points on each of heart and life crease, palm widths: what the eye tells hands apart by."""
    lines = {crease.kind: crease for crease in identity.creases}
    chosen = [lines[kind] for kind in ("heart", "life") if kind in lines]
    points = trace(chosen, 8).ravel() if chosen else np.zeros(0)
    return np.pad(points, (0, 32 - len(points)))


def main(n: int = 10_000) -> None:
    """Draws n identities and prints how near the nearest are."""
    points, outside, worst, sets = np.zeros((n, 32)), 0, -1.0, set()
    for k in range(n):
        identity = make_identity(0, k // 2, ("left", "right")[k % 2])
        reach = float(palm_distance(rest(identity.scalars()), trace(identity.creases, 16)).max())
        outside, worst = outside + (reach > 0), max(worst, reach)
        points[k] = principal_points(identity)
        sets.add(hash(identity.creases))
    square = (points**2).sum(axis=1)
    nearest = np.full(n, np.inf)
    for start in range(0, n, 500):
        part = points[start : start + 500]
        gap = square[start : start + 500, None] + square - 2 * part @ points.T
        gap[np.arange(len(part)), start + np.arange(len(part))] = np.inf
        nearest[start : start + 500] = np.sqrt(np.maximum(gap.min(axis=1), 0) / 16)
    print(f"{n} identities: {len(sets)} different crease sets, {outside} with a crease outside the palm "
          f"(nearest to the outline: {worst:.3f} palm widths)")  # fmt: skip
    print("distance of heart and life crease to the nearest other identity, palm widths (rms):")
    for q in (0, 1, 50, 99):
        print(
            f"  {q:3d} %  {np.percentile(nearest, q):.4f}  = {130 * np.percentile(nearest, q):.1f} px at 128"
        )
    counts, edges = np.histogram(nearest, bins=10)
    for count, low in zip(counts, edges, strict=False):
        print(f"  {low:.3f} {'#' * int(60 * count / counts.max())} {count}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
