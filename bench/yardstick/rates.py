"""Error rates over all pairs with intervals over hands; two recognisers compared on equal draws of hands.

Two weightings. `pairs`: every pair counts alike, as in ISO/IEC 19795-1; a hand of 32 pictures then has 496 of
11k's 792 genuine pairs. `hands`: every hand counts alike in FNMR, every pair of hands alike in FMR.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from palm_models.measure.scores import RULE_OF

Weighting = Literal["pairs", "hands"]
WEIGHTINGS: tuple[Weighting, Weighting] = ("hands", "pairs")
FMRS = (1e-2, 1e-3)
MISSES = np.geomspace(1e-3, 1e-1, 9)
REPLICATES, TAILS = 1000, (0.025, 0.975)
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Table:
    """Refused and accepted pairs at rising thresholds, by hand: what a bootstrap over hands adds up."""

    refused: Float  # (hands, thresholds), genuine
    genuine: Float  # (hands,)
    accepted: Float  # (hands * hands, thresholds), impostor; each pair of hands once
    impostor: Float  # (hands * hands,)

    @property
    def hands(self) -> int:
        """How many there are."""
        return len(self.genuine)


def table(similarity: NDArray[np.float32], y: NDArray[Any], weighting: Weighting = "pairs") -> Table:
    """The table of all pairs of n pictures with similarities (n, n); every genuine score is a threshold."""
    known, index = np.unique(y, return_inverse=True)
    hands = len(known)
    a, b = np.triu_indices(len(index), 1)
    score, first, second = similarity[a, b], index[a], index[b]
    same = first == second
    rare = np.quantile(score[~same], 1 - np.geomspace(1e-5, 1, 400))
    thresholds = np.unique(np.concatenate([score[same], rare, [np.inf]]))
    bins = len(thresholds)

    def below(of: NDArray[np.intp], values: NDArray[np.float32], groups: int) -> Float:
        """Pairs whose score is below each threshold, by group (groups, bins)."""
        place = np.searchsorted(thresholds, values, "right")  # score < thresholds[place]
        counts = np.bincount(of * bins + place, minlength=groups * bins).reshape(groups, bins)
        return np.cumsum(counts, axis=1).astype(float)

    refused = below(first[same], score[same], hands)
    low, high = np.minimum(first, second)[~same], np.maximum(first, second)[~same]
    denied = below(low * hands + high, score[~same], hands * hands)
    genuine, impostor = refused[:, -1].copy(), denied[:, -1].copy()
    accepted = impostor[:, None] - denied
    if weighting == "hands":
        refused, genuine = refused / np.maximum(genuine, 1)[:, None], np.minimum(genuine, 1)
        accepted, impostor = accepted / np.maximum(impostor, 1)[:, None], np.minimum(impostor, 1)
    return Table(refused, genuine, accepted, impostor)


def curves(found: Table, times: Float) -> tuple[Float, Float]:
    """FMR and FNMR (replicates, thresholds) when hand h is there times[r, h] times."""
    a, b = np.divmod(np.arange(found.hands**2), found.hands)
    pairs = times[:, a] * times[:, b]  # a hand drawn twice does not meet its copy: a < b
    fmr = (pairs @ found.accepted) / np.maximum(pairs @ found.impostor, 1e-12)[:, None]
    return fmr, (times @ found.refused) / np.maximum(times @ found.genuine, 1e-12)[:, None]


def measures(found: Table, times: Float) -> dict[str, Float]:
    """EER, FNMR at FMRS and `miss`, the mean FNMR over FMR 1e-3 to 1e-1: the steadiest; one figure a draw."""
    fmr, fnmr = curves(found, times)
    at = np.argmin(np.abs(fmr - fnmr), axis=1)[:, None]
    nearest = np.take_along_axis(fmr, at, 1) + np.take_along_axis(fnmr, at, 1)
    out = {"eer": nearest[:, 0] / 2}
    for limit in FMRS:
        out[f"fnmr@{limit:g}"] = np.where(fmr <= limit, fnmr, 1.0).min(axis=1)
    grid = [np.where(fmr <= limit, fnmr, 1.0).min(axis=1) for limit in MISSES]
    return {**out, "miss": np.mean(grid, axis=0)}


def draws(hands: int, seed: int = 0) -> Float:
    """How often each hand is drawn; the first row is the set itself."""
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(hands, np.full(hands, 1 / hands), REPLICATES)
    return np.vstack([np.ones(hands), drawn]).astype(float)


def sampled(runs: Sequence[Table]) -> dict[str, Float]:
    """Mean over the runs of every measure, one figure a draw of hands; the first is the set itself."""
    times = draws(runs[0].hands)
    each = [measures(run, times) for run in runs]
    return {name: np.mean([m[name] for m in each], axis=0) for name in each[0]}


def summary(figures: dict[str, Float], impostors: int) -> dict[str, dict[str, Any]]:
    """Value with its 95 % interval, as shares; TAR instead of FNMR.

    `supported` is False where fewer than 30 false matches are expected (ISO/IEC 19795-1, B.1).
    """
    out: dict[str, dict[str, Any]] = {}
    for name, draw in figures.items():
        kind, _, limit = name.partition("@")
        rate = 1 - draw if kind == "fnmr" else draw
        low, high = np.quantile(rate[1:], TAILS)
        enough = not limit or impostors * float(limit) >= RULE_OF
        cell = {"value": float(rate[0]), "low": float(low), "high": float(high), "supported": enough}
        out[name.replace("fnmr", "tar")] = cell
    return out


def ratio(mine: dict[str, Float], theirs: dict[str, Float], name: str) -> dict[str, float]:
    """How many times their error mine is, on the same draws of hands; half a pair stands in for no error."""
    least = 1e-4
    quotient = np.maximum(mine[name], least) / np.maximum(theirs[name], least)
    low, high = np.quantile(quotient[1:], TAILS)
    return {"value": float(quotient[0]), "low": float(low), "high": float(high)}
