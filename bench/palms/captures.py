"""How two captures of one hand differ: framing, deformation and what is left, real pairs beside ours.

The second is laid on the first by an affine fit (enhanced correlation, Evangelidis & Psarakis 2008), then by
dense flow (Kroeger et al. 2016). Correlations are by octave of detail, fine to coarse.
"""

import argparse
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.yardstick.real import real_sets
from bench.yardstick.sets import read_set
from palm_models.measure.encoder import to_grey

Float = NDArray[np.float32]
SIZE, RIM = 128, 16  # px; what the fit brings in from outside is not compared
EDGES = (0.6, 1.2, 2.4, 4.8, 9.6, 19.2)  # px, sd of the blurs between which a band lies
SMOOTH = 5.0  # px, sd: skin does not move in smaller patches
ORDERS = ("similarity", "affine", "quadratic", "cubic")  # maps fitted to the way from one palm to the other
ROBUST = 1.4826  # sd over median absolute deviation of normal values


@dataclass(frozen=True)
class Pair:
    """What one pair shows: `affine` (2, 3) in px; correlations by band after the affine fit, after flow."""

    affine: Float
    fitted: Float
    flowed: Float
    moved: Float  # px, root mean square of the way that is left after each of ORDERS


def pairs(x: NDArray[np.uint8], y: NDArray[Any], most: int) -> Iterator[Pair]:
    """About `most` genuine pairs, as many of every hand, without those that no affine fit is found for."""
    rng, hands = np.random.default_rng(0), np.unique(y)
    each = most // len(hands) + 1
    for hand in rng.permutation(hands)[:most]:
        own = np.flatnonzero(y == hand)
        first, second = np.triu_indices(len(own), 1)
        for k in rng.permutation(len(first))[:each]:
            found = compare(x[own[first[k]]], x[own[second[k]]])
            if found:
                yield found


def compare(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Pair | None:
    """Lay palm `b` (SIZE, SIZE) upon `a`; None where no affine fit is found."""
    start, none = np.eye(2, 3, dtype=np.float32), np.zeros((SIZE, SIZE, 2), np.float32)
    ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    try:
        fit = cv2.findTransformECC(lines(a), lines(b), start, cv2.MOTION_AFFINE, ends)[1]
    except cv2.error:  # it did not converge
        return None
    how = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    fitted = cv2.warpAffine(b.astype(np.float32), fit, (SIZE, SIZE), flags=how, borderMode=cv2.BORDER_REFLECT)
    dense = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dense.setFinestScale(0)
    dense.setPatchSize(12)
    flow = cv2.GaussianBlur(dense.calc(_even(a), _even(fitted), none), (0, 0), SMOOTH)
    at = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), -1).astype(np.float32) + flow
    flowed = cv2.remap(fitted, at[..., 0], at[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return Pair(np.asarray(fit, np.float32), _agreement(a, fitted), _agreement(a, flowed), _left(fit, at))


def _left(fit: NDArray[Any], at: Float) -> Float:
    """Of the way to the other palm, in px: what no map of each order explains, root mean squares (4,)."""
    inner = (slice(RIM, -RIM),) * 2
    there = (at @ fit[:, :2].T + fit[:, 2])[inner].reshape(-1, 2).astype(np.float64)
    y, x = np.mgrid[:SIZE, :SIZE][(slice(None), *inner)].reshape(2, -1) / SIZE - 0.5
    powers = [[x**i * y**j for i in range(4) for j in range(4) if i + j <= n] for n in (1, 2, 3)]
    plane, target = x + 1j * y, there @ (1, 1j)  # as complex numbers a similarity is one factor and one sum
    bases = [np.stack([np.ones_like(plane), plane], 1), *(np.stack(p, 1).astype(complex) for p in powers)]
    gaps = [target - base @ np.linalg.lstsq(base, target, rcond=None)[0] for base in bases]
    return np.array([np.sqrt((np.abs(gap) ** 2).mean()) for gap in gaps], np.float32)


def lines(grey: NDArray[Any]) -> Float:
    """What is finer than light and coarser than noise, in grey levels."""
    soft = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 2.0)
    return np.asarray(soft - cv2.GaussianBlur(soft, (0, 0), 12.0), np.float32)


def _even(grey: NDArray[Any]) -> NDArray[np.uint8]:
    """Local contrast made equal, for flow that light does not move."""
    detail = grey.astype(np.float32) - cv2.GaussianBlur(grey.astype(np.float32), (0, 0), 8.0)
    strength = np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 12.0)) + 2
    even = 128 + 40 * cv2.GaussianBlur(detail, (0, 0), 1.0) / strength
    return np.asarray(np.clip(even, 0, 255), np.uint8)


def _agreement(a: NDArray[Any], b: NDArray[Any]) -> Float:
    return np.array([np.corrcoef(p, q)[0, 1] for p, q in zip(_bands(a), _bands(b), strict=True)], np.float32)


def _bands(grey: NDArray[Any]) -> list[Float]:
    blurs = [grey.astype(np.float32)] + [cv2.GaussianBlur(grey.astype(np.float32), (0, 0), s) for s in EDGES]
    return [(a - b)[RIM:-RIM, RIM:-RIM].ravel() for a, b in itertools.pairwise(blurs)]


def describe(name: str, found: list[Pair]) -> str:
    """Framing, flow and agreement in five lines."""
    fits = np.stack([pair.affine for pair in found]).astype(float)
    turn = np.degrees(np.arctan2(fits[:, 1, 0] - fits[:, 0, 1], fits[:, 0, 0] + fits[:, 1, 1]))
    size = np.sqrt(np.abs(np.linalg.det(fits[:, :, :2])))
    middle = np.array([SIZE / 2, SIZE / 2, 1.0])
    shift = ((fits @ middle) - middle[:2]) / SIZE
    left = np.quantile([pair.moved for pair in found], (0.1, 0.5, 0.9), axis=0).T
    told = [
        f"{name}: {len(found)} pairs",
        f"  turn {robust(turn):.1f} degrees, scale {robust(size):.3f}, shift {robust(shift):.3f} of the side",
        "  left after a map of each order, px, at 10, 50 and 90 % of the pairs: "
        + ", ".join(f"{o} " + " ".join(f"{v:.2f}" for v in q) for o, q in zip(ORDERS, left, strict=True)),
    ]
    for what in ("fitted", "flowed"):
        bands = np.stack([getattr(pair, what) for pair in found])
        each = zip(bands.mean(axis=0), np.quantile(bands, 0.1, axis=0), strict=True)
        told.append(f"  agreement {what}, mean (10 %): " + " ".join(f"{m:.2f} ({q:.2f})" for m, q in each))
    return "\n".join(told)


def robust(values: NDArray[np.floating]) -> float:
    """Standard deviation of most values, whatever the few others are."""
    return ROBUST * float(np.median(np.abs(values - np.median(values))))


def main() -> None:
    """Describe real-dev and every set given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", type=Path, help="versions, or .npz with x and y")
    parser.add_argument("--real", type=Path, default=Path("../shared/data/real-dev"))
    parser.add_argument("--cache", type=Path, default=Path(".palmforge/yardstick"))
    parser.add_argument("--pairs", type=int, default=250, help="of each set, about")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    for real in real_sets(asked.real, asked.cache, SIZE):
        print(describe(real.name, list(pairs(to_grey(real.x, SIZE), real.y, asked.pairs))), flush=True)
    for path in asked.sets:
        taught = read_set(path, SIZE, 10**6, 10**6)
        print(describe(path.name, list(pairs(taught.x, taught.y, asked.pairs))), flush=True)


if __name__ == "__main__":
    main()
