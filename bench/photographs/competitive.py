"""Competitive code beside another implementation of it, from the paper with scipy, on known people."""

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve  # type: ignore[import-untyped]
from sklearn.metrics import roc_curve

from palm_models.measure.scores import error_rates
from tasks.evaluate.known import Reading, of_known
from tasks.evaluate.protocols import PROTOCOLS, pairs_of, score
from tasks.evaluate.recognisers.competitive import CodeMatcher

HALF, OMEGA, OCTAVES, REACH = 17, 0.5755, 1.1, 2  # as CodeSettings has them
DISTANCE = np.array([[min(abs(a - b), 6 - abs(a - b)) for b in range(6)] for a in range(6)], np.uint8)


def plain_codes(palm: NDArray[np.uint8]) -> NDArray[np.int64]:
    """(128, 128) grey -> (32, 32) winning directions: eq. 1 and 2 of Kong & Zhang 2004, by FFT in float64."""
    spread = 2.0**OCTAVES
    kappa = np.sqrt(2 * np.log(2)) * (spread + 1) / (spread - 1)
    y, x = np.mgrid[-HALF : HALF + 1, -HALF : HALF + 1]
    padded, answers = np.pad(palm.astype(float), HALF, mode="symmetric"), []
    for k in range(6):
        across = x * np.cos(k * np.pi / 6) + y * np.sin(k * np.pi / 6)
        along = -x * np.sin(k * np.pi / 6) + y * np.cos(k * np.pi / 6)
        bell = np.exp(-(OMEGA**2) / (8 * kappa**2) * (4 * across**2 + along**2))
        wave = bell * (np.cos(OMEGA * across) - np.exp(-(kappa**2) / 2))
        wave -= wave.mean()
        answers.append(fftconvolve(padded, wave[::-1, ::-1], mode="valid"))
    return np.asarray(np.argmin(answers, axis=0)[2::4, 2::4])


def plain_distance(a: NDArray[np.int64], b: NDArray[np.int64]) -> float:
    """Angular distance, 0 to 1: the least of the translations; a bit differs for each step of direction."""
    found = []
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            mine = a[max(0, dy) : 32 + min(0, dy), max(0, dx) : 32 + min(0, dx)]
            other = b[max(0, -dy) : 32 + min(0, -dy), max(0, -dx) : 32 + min(0, -dx)]
            found.append(DISTANCE[mine, other].mean() / 3)
    return float(min(found))


def plain_eer(grey: NDArray[np.uint8], labels: NDArray[np.str_]) -> float:
    """Equal error rate over all pairs, by scikit-learn's ROC."""
    codes = [plain_codes(palm) for palm in grey]
    pairs = list(combinations(range(len(codes)), 2))
    alike = [-plain_distance(codes[a], codes[b]) for a, b in pairs]
    fmr, tar, _ = roc_curve([labels[a] == labels[b] for a, b in pairs], alike, drop_intermediate=False)
    k = int(np.argmin(np.abs(fmr - (1 - tar))))
    return float(fmr[k] + 1 - tar[k]) / 2


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", help="as palmforge evaluate --real takes them")
    parser.add_argument("--work", type=Path, default=Path(".palmforge/evaluate"))
    asked = parser.parse_args()
    for name in asked.sets:
        test = of_known(name, Reading(128, asked.work), lambda done, total: None)
        matcher = CodeMatcher()
        pairs = pairs_of(test, PROTOCOLS["all"])
        ours = error_rates([score(matcher, matcher.templates(test.grey), test, pairs)])["eer"]
        plain = plain_eer(test.grey, test.labels)
        print(
            f"{test.name}: {test.identities} hands, {len(test.grey)} palms: EER {100 * ours['value']:.3f} % "
            f"({100 * ours['low']:.2f} to {100 * ours['high']:.2f}), plain {100 * plain:.3f} %"
        )


if __name__ == "__main__":
    main()
