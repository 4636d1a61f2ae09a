"""Measures a published dataset: error rates, spread, diversity, realism and balance, on a bounded sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from manifests.read.open import Version
from palm_models.measure.diversity import NEIGHBOURS, capacity, coverage, vendi
from palm_models.measure.encoder import Encoder, weights_digest
from palm_models.measure.realism import kernel_ratio, swd_ratio
from palm_models.measure.scores import compare, error_rates
from tasks.report.balance import balance
from tasks.report.sampled import Pictures, Sampled, aligned, sample

PATCHED = 64  # palms of either kind whose patches are compared
SPLITS = 2  # halvings of the real palms that the realism ratios are means over
EDGES = np.linspace(-0.5, 1.0, 76)  # of the bins of similarities
STRANGERS = 1e-3  # share of pairs of strangers that are as similar as what identities are told apart by
NEAREST = 6  # outputs shown that are most like a photograph

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Measures:
    """`facts` are published with the version (JSON-able); `nearest` name photographs and are not."""

    facts: dict[str, Any]
    nearest: list[dict[str, Any]] = field(default_factory=list)  # row of the output, photo_id, similarity


def measure(version: Version, palms: Path | None, weights: Path, seed: int = 0) -> Measures:
    """Measures of a version, beside the photographs in `palms` (aligned.parquet) where there are some.

    `weights`: folder of the palm encoder. The same version and seed give the same measures.
    """
    encoder, sampled = Encoder.load(weights), sample(version, seed)
    vectors = encoder.embed(sampled.pictures)
    facts: dict[str, Any] = {
        "encoder": _digest(weights),
        "sample": _sizes(version, sampled),
        "balance": balance(version, sampled.rows),
        "diversity": {"vendi": vendi(vectors), "of": len(vectors)},
    }
    facts |= _compared(vectors, sampled.labels, seed)
    real, photos = aligned(palms)
    if len(real) <= 2 * NEIGHBOURS:  # too few for coverage and its reference
        return Measures(facts)
    known = encoder.embed(real)
    facts |= beside_real(sampled, vectors, real, known, facts)
    return Measures(facts, nearest(sampled, vectors @ known.T, photos))


def _digest(weights: Path) -> str:
    return weights_digest(weights)


def _sizes(version: Version, sampled: Sampled) -> dict[str, Any]:
    return {
        "images": len(sampled.rows),
        "identities": len(set(sampled.labels.tolist())),
        "of_images": version.image_count,
        "of_identities": version.identity_count,
        "view": sampled.rows[0]["view"],
    }


def _compared(vectors: Vectors, labels: NDArray[np.int64], seed: int) -> dict[str, Any]:
    try:
        scores = compare(vectors, labels, seed)
    except ValueError as error:
        return {"not_compared": str(error)}
    counts = {"genuine": histogram(scores.genuine), "impostor": histogram(scores.impostor)}
    return {
        "verification": error_rates([scores], seed),
        "spread": {"within": spread(scores.genuine), "between": spread(scores.impostor)},
        "capacity": {
            "fmr": STRANGERS,
            **capacity(vectors, labels, float(np.quantile(scores.impostor, 1 - STRANGERS))),
        },
        "histogram": {"edges": [round(float(e), 4) for e in EDGES], **counts},
    }


def histogram(similarities: Vectors) -> list[float]:
    """Shares of similarities in the bins of EDGES; what lies beyond counts in the outermost."""
    counts = np.histogram(np.clip(similarities, EDGES[0], EDGES[-1]), EDGES)[0]
    return [round(float(c), 6) for c in counts / max(1, len(similarities))]


def spread(similarities: Vectors) -> dict[str, float]:
    """Mean, standard deviation, and the 5th and 95th percentile."""
    low, high = np.quantile(similarities, [0.05, 0.95])
    values = {"mean": similarities.mean(), "sd": similarities.std(), "p5": low, "p95": high}
    return {name: float(value) for name, value in values.items()}


def beside_real(
    sampled: Sampled, vectors: Vectors, real: Pictures, known: Vectors, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What the photographs are the reference for: spread between hands, diversity, coverage, realism.

    Their pairs count as different hands, though a few photographs may show one hand twice.
    """
    pairs = (known @ known.T)[np.triu_indices(len(known), 1)]
    firsts = np.unique(sampled.labels, return_index=True)[1]  # a palm an identity, as of the photographs
    count = min(len(firsts), len(known))
    merged = dict(facts.get("spread", {})), dict(facts.get("histogram", {}))
    patched = min(PATCHED, len(real) // 2 * 2)
    shown = sampled.pictures[np.resize(firsts, max(len(firsts), patched // 2))[:patched]]
    apart, within = swd_ratio(real[:: max(1, len(real) // patched)][:patched], shown, SPLITS)
    return {
        "spread": {**merged[0], "real between": spread(pairs)},
        "histogram": {**merged[1], "real": histogram(pairs)},
        "diversity": {
            **facts["diversity"],
            "identities": {
                "of": count, "vendi": vendi(vectors[firsts[:count]]), "real_vendi": vendi(known[:count])
            },
            **coverage(known, vectors),
            "real_coverage": coverage(known[::2], known[1::2])["coverage"],
        },
        "realism": {
            "photographs": len(real),
            "sliced_wasserstein": float(apart.mean() / within.mean()),
            "levels": [float(ratio) for ratio in apart / within],
            "kernel": kernel_ratio(known, vectors[firsts], 2 * SPLITS),
        },
    }  # fmt: skip


def nearest(sampled: Sampled, similarity: Vectors, photos: Sequence[str]) -> list[dict[str, Any]]:
    """The outputs most like a photograph, one an identity, similarity falling."""
    best = similarity.max(axis=1)
    found: dict[int, dict[str, Any]] = {}
    for place in np.argsort(-best):
        label = int(sampled.labels[place])
        if label not in found and len(found) < NEAREST:
            photo = photos[int(similarity[place].argmax())]
            found[label] = {"row": sampled.rows[place], "photo_id": photo, "similarity": float(best[place])}
    return list(found.values())
