"""Closed-set and open-set identification rates of ISO/IEC 19795-1: who is it, and is he enrolled at all."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palm_models.measure.scores import CONFIDENCE, FMRS, REPLICATES, RULE_OF, Vectors

Matrix = Callable[[NDArray[Any], NDArray[Any]], Vectors]  # similarities (n, m)


def cosines(first: Vectors, second: Vectors) -> Vectors:
    """Similarity (n, m) of unit vectors."""
    return np.asarray(first @ second.T)


def identification(
    runs: Sequence[NDArray[Any]], labels: NDArray[Any], seed: int = 0, matrix: Matrix = cosines
) -> dict[str, Any]:
    """Closed-set and open-set identification with unit vectors (n, d), a run each; JSON-able shares.

    matrix: how templates that are no vectors are compared, each of n with each of m.

    In turn each picture of an identity is its only reference; the others search the gallery. `rank_one`: the
    own identity comes first. `fnir`: by FPIR (searches of people who are not enrolled that find somebody),
    the searches whose own identity stays below the threshold; FPIRs that are not supported are left out.
    Intervals as in `error_rates`, the gallery kept.
    """
    _, index = np.unique(labels, return_inverse=True)
    own, best, whose = zip(*(_searches(run, index, matrix) for run in runs), strict=True)
    count, probes = int(index.max()) + 1, len(whose[0])
    fpirs = [fpir for fpir in FMRS if probes * fpir >= RULE_OF]
    rng = np.random.default_rng(seed)
    draws = [(np.ones(count), np.arange(len(runs)))]
    draws += [
        (
            rng.multinomial(count, np.full(count, 1 / count)).astype(float),
            rng.integers(0, len(runs), len(runs)),
        )
        for _ in range(REPLICATES)
    ]
    table = np.array([
        np.mean([_identified(own[k], best[k], people[whose[k]], fpirs) for k in chosen], axis=0)
        for people, chosen in draws if people[whose[0]].any()
    ])  # fmt: skip
    low, high = np.quantile(table[1:], [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    rates = [
        {"value": float(v), "low": float(a), "high": float(b)}
        for v, a, b in zip(table[0], low, high, strict=True)
    ]
    fnir = {f"{fpir:g}": rate for fpir, rate in zip(fpirs, rates[1:], strict=True)}
    return {"gallery": count, "searches": probes, "rank_one": rates[0], "fnir": fnir}


def _searches(
    templates: NDArray[Any], index: NDArray[np.int64], matrix: Matrix
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Of every search: similarity to the own reference, to the best other one, and who searches."""
    place = np.array([int((index[:k] == index[k]).sum()) for k in range(len(index))])
    times = np.bincount(index)
    own, best, whose = [], [], []
    for turn in range(int(times.max())):
        gallery = np.flatnonzero(place == turn % times[index])
        gallery = gallery[np.argsort(index[gallery])]  # reference k is identity k
        probes = np.setdiff1d(np.arange(len(index)), gallery)
        similarity = matrix(templates[probes], templates[gallery])
        mates = (np.arange(len(probes)), index[probes])
        own.append(similarity[mates])
        similarity[mates] = -np.inf
        best.append(similarity.max(axis=1))
        whose.append(index[probes])
    return np.concatenate(own), np.concatenate(best), np.concatenate(whose)


def _identified(
    own: NDArray[np.float64], best: NDArray[np.float64], weights: NDArray[np.float64], fpirs: Sequence[float]
) -> list[float]:
    """Rank-1 rate, then FNIR at each FPIR, of weighted searches."""
    total = weights.sum()
    order = np.argsort(-best)
    reached = np.cumsum(weights[order]) / total  # FPIR when the threshold is this one's score
    rates = [float(weights[own > best].sum() / total)]
    for fpir in fpirs:
        allowed = int(np.searchsorted(reached, fpir, "right"))  # searches that may find somebody
        threshold = best[order[min(allowed, len(order) - 1)]]
        rates.append(float(weights[own <= threshold].sum() / total))
    return rates
