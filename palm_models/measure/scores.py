"""Comparison scores and the error rates of ISO/IEC 19795-1 that they support, with their uncertainty."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)  # false match rates that are asked for
RULE_OF = 30  # errors that must be expected: within ±30 % with 90 % confidence (ISO/IEC 19795-1, B.1)
PAIRS = 500_000  # impostor pairs compared at most; drawn by seed where there are more
REPLICATES, CONFIDENCE = 200, 0.95  # of the bootstrap
GROUPS, EDGES = 100, 128  # of identities, and of the thresholds of either kind, in which it counts
DET_POINTS = 64

Vectors = NDArray[np.float32]
Statistic = Callable[[NDArray[np.float64], NDArray[np.float64]], float]  # FMR and FNMR by rising threshold


@dataclass(frozen=True)
class Scores:
    """Similarities (cosines, -1 to 1) of pairs, and whose they are: identities are 0 … `identities` - 1."""

    genuine: Vectors  # (g,)
    impostor: Vectors  # (m,)
    genuine_of: NDArray[np.int64]  # (g,) identity
    impostor_of: NDArray[np.int64]  # (m, 2) identities
    identities: int
    images: int


def compare(vectors: Vectors, labels: NDArray[Any], seed: int = 0, pairs: int = PAIRS) -> Scores:
    """Scores of unit vectors (n, d) of identities `labels` (n,); at most `pairs` of the impostor pairs.

    Raises ValueError when there is no genuine or no impostor pair.
    """
    known, index = np.unique(labels, return_inverse=True)
    a, b = np.triu_indices(len(index), 1)
    same = index[a] == index[b]
    others = np.flatnonzero(~same)
    if not same.any() or not len(others):
        raise ValueError("comparing needs two identities, and two pictures of at least one of them")
    if len(others) > pairs:
        others = np.sort(np.random.default_rng(seed).choice(others, pairs, replace=False))
    cosine = vectors @ vectors.T
    return Scores(
        cosine[a[same], b[same]],
        cosine[a[others], b[others]],
        index[a[same]],
        np.stack([index[a[others]], index[b[others]]], 1),
        len(known),
        len(index),
    )


def supported(pairs: int) -> dict[float, bool]:
    """Each asked FMR, and whether `pairs` impostor comparisons can measure it (the rule of 30)."""
    return {fmr: pairs * fmr >= RULE_OF for fmr in FMRS}


def d_prime(scores: Scores) -> float:
    """Distance of the two means in units of the root mean square of the two standard deviations."""
    apart = float(scores.genuine.mean() - scores.impostor.mean())
    return apart / float(np.sqrt((scores.genuine.var() + scores.impostor.var()) / 2))


def curve(scores: Scores) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """FMR, FNMR and threshold of every operating point, by rising threshold; the last accepts nobody.

    From the strictest threshold that refuses no genuine pair to the most lenient that accepts no impostor.
    """
    threshold = np.append(np.unique(np.concatenate([scores.genuine, scores.impostor])), np.inf)
    refused = np.searchsorted(np.sort(scores.genuine), threshold)
    accepted = len(scores.impostor) - np.searchsorted(np.sort(scores.impostor), threshold)
    first, last = np.flatnonzero(refused == 0)[-1], np.flatnonzero(accepted == 0)[0]
    kept = slice(first, last + 1)
    return (
        accepted[kept] / len(scores.impostor), refused[kept] / len(scores.genuine),
        threshold[kept].astype(np.float64),
    )  # fmt: skip


def eer(fmr: NDArray[np.float64], fnmr: NDArray[np.float64]) -> float:
    """Equal error rate: the mean of FMR and FNMR where they are nearest to each other."""
    k = int(np.argmin(np.abs(fmr - fnmr)))
    return float(fmr[k] + fnmr[k]) / 2


def fnmr_at(limit: float) -> Statistic:
    """The FNMR at the least strict threshold whose FMR is at most `limit`."""

    def at(fmr: NDArray[np.float64], fnmr: NDArray[np.float64]) -> float:
        return float(fnmr[fmr <= limit].min(initial=1.0))

    return at


def error_rates(runs: Sequence[Scores], seed: int = 0) -> dict[str, Any]:
    """What one or several recognisers achieve on the same pictures, JSON-able; rates are shares, 0 to 1.

    Each rate is the mean over the runs with a 95 % interval: percentiles of a bootstrap that draws identities
    (of all runs alike) and runs. FMRs that the pairs do not support are named under `refused` with the pairs
    they would need.
    """
    first, curves = runs[0], [curve(run) for run in runs]
    fmrs = supported(len(first.impostor))
    wanted: dict[str, Statistic] = {"eer": eer}
    wanted |= {f"fnmr@{fmr:g}": fnmr_at(fmr) for fmr, able in fmrs.items() if able}
    intervals = _bootstrap(runs, wanted, seed)
    for name, rate in wanted.items():  # no error seen is not none: the rule of 3, an identity a trial
        if not any(rate(*c[:2]) for c in curves):
            intervals[name]["high"] = max(intervals[name]["high"], min(1.0, 3 / first.identities))
    rates = {
        name: {"value": float(np.mean([rate(*c[:2]) for c in curves])), **intervals[name]}
        for name, rate in wanted.items()
    }
    at = [int(np.argmin(np.abs(fmr - fnmr))) for fmr, fnmr, _ in curves]
    return {
        "identities": first.identities,
        "images": first.images,
        "genuine_pairs": len(first.genuine),
        "impostor_pairs": len(first.impostor),
        "runs": len(runs),
        "d_prime": float(np.mean([d_prime(run) for run in runs])),
        "eer": rates.pop("eer"),
        "eer_threshold": float(np.mean([c[2][k] for c, k in zip(curves, at, strict=True)])),
        "fnmr": {name.removeprefix("fnmr@"): value for name, value in rates.items()},
        "refused": {f"{fmr:g}": round(RULE_OF / fmr) for fmr, able in fmrs.items() if not able},
        "det": det_points(curves),
    }


def det_points(curves: Sequence[tuple[NDArray[np.float64], ...]]) -> list[tuple[float, float]]:
    """(FMR, FNMR) of the mean curve at FMRs evenly spread on a logarithmic scale."""
    least = max(min(float(c[0][c[0] > 0].min(initial=1.0)) for c in curves), 1e-7)
    grid = np.geomspace(least, 1.0, DET_POINTS)
    return [(float(x), float(np.mean([fnmr_at(x)(*c[:2]) for c in curves]))) for x in grid]


def _bootstrap(
    runs: Sequence[Scores], wanted: Mapping[str, Statistic], seed: int
) -> dict[str, dict[str, float]]:
    """Percentile intervals; identities are drawn in at most GROUPS groups (subsets bootstrap, Bolle 2004)."""
    rng, count = np.random.default_rng(seed), min(runs[0].identities, GROUPS)
    weights = rng.multinomial(count, np.full(count, 1 / count), REPLICATES).astype(np.float32)
    drawn = rng.integers(0, len(runs), (REPLICATES, len(runs)))
    curves = [_replicates(run, weights) for run in runs]
    # of very few identities a draw may hold one alone: there is nothing to tell apart then
    usable = [r for r in range(REPLICATES) if (weights[r] > 0).sum() > 1 and _whole(curves, r)]
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    found = {}
    for name, rate in wanted.items():
        per_run = np.array([[rate(fmr[r], fnmr[r]) for fmr, fnmr in curves] for r in usable])
        means = [per_run[k, drawn[r]].mean() for k, r in enumerate(usable)] or [np.nan]
        low, high = np.quantile(means, tails)
        found[name] = {"low": float(low), "high": float(high)}
    return found


def _whole(curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], replicate: int) -> bool:
    return all(np.isfinite(rates[replicate]).all() for curve in curves for rates in curve)


def _replicates(run: Scores, weights: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FMR and FNMR (replicates, thresholds) when group g is there weights[r, g] times."""
    count, edges = weights.shape[1], _edges(run)
    bins = len(edges) + 1
    genuine = np.searchsorted(edges, run.genuine, "right") + bins * (run.genuine_of % count)
    g, h = (run.impostor_of % count).T
    impostor = np.searchsorted(edges, run.impostor, "right") + bins * (g * count + h)
    one = np.bincount(genuine, minlength=bins * count).reshape(count, bins)
    two = np.bincount(impostor, minlength=bins * count**2).reshape(count, count, bins).astype(np.float32)
    own = np.einsum("ggk->gk", two).copy()  # a group drawn twice does not meet its copy
    two[np.arange(count), np.arange(count)] = 0
    met = (weights @ two.reshape(count, -1)).reshape(len(weights), count, bins)
    refused = np.cumsum(weights @ one, axis=1)
    below = np.cumsum(np.einsum("rhk,rh->rk", met, weights) + weights @ own, axis=1, dtype=float)
    with np.errstate(invalid="ignore"):
        return 1 - below[:, :-1] / below[:, -1:], refused[:, :-1] / refused[:, -1:]


def _edges(run: Scores) -> NDArray[np.float64]:
    """Thresholds, rising: quantiles of both kinds, close together in the impostors' upper tail."""
    tail = 1 - np.geomspace(1 / len(run.impostor), 1, EDGES)
    return np.unique(np.concatenate([
        np.quantile(run.impostor, tail), np.quantile(run.genuine, np.linspace(0, 1, EDGES))
    ]))  # fmt: skip
