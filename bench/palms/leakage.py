"""Leakage: are generated palms nearer to training photographs than unseen real palms are?"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.palms.utility import published
from bench.photographs.holdout import Pictures, held_out, real_palms
from palm_models.engines.diffusion.extractor import crease_map

SHIFT = 8  # px that a crease map may be moved to match
COPY = 0.8  # similarity of crease maps from which two photographs are taken for one
Features = NDArray[np.float32]


def main() -> None:
    """Print the distribution of nearest-training-photo similarity of generated and of held-out palms."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder human-palm-images")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of them")
    parser.add_argument(
        "--generated", type=Path, required=True, help="dataset, or .npz with x (n, 128, 128, 3) uint8 RGB"
    )
    parser.add_argument("--encoder", type=Path, help="folder of encoder weights, as a second similarity")
    parser.add_argument("--count", type=int, default=2000)
    asked = parser.parse_args()
    held, trained = real_palms(asked.aligned, held_out(asked.photographs))
    copies = crease_similarity(held, trained) > COPY
    held = held[~copies]
    print(f"{copies.sum()} held-out photographs have a near copy among the training ones and are left out")
    given = asked.generated
    stored = np.load(given)["x"] if given.suffix == ".npz" else published(given)[0]
    made = stored[np.linspace(0, len(stored) - 1, min(asked.count, len(stored))).astype(int)]
    print(f"{len(made)} generated, {len(held)} held-out, {len(trained)} training palms")
    compare("crease maps", *(crease_similarity(x, trained) for x in (made, held)))
    if asked.encoder:
        from palm_models.measure.encoder import Encoder

        encoder = Encoder.load(asked.encoder)
        known = encoder.embed(trained)
        compare("encoder", *((encoder.embed(x) @ known.T).max(axis=1) for x in (made, held)))


def compare(name: str, made: Features, held: Features) -> None:
    """Print quantiles of both, and how often a generated palm is nearer than a held-out one (0.5 = alike)."""
    for label, values in (("generated", made), ("held-out", held)):
        marks = " ".join(f"{q:.3f}" for q in np.quantile(values, [0.05, 0.5, 0.95, 0.99, 1]))
        print(f"{name}, {label}: similarity to the nearest training photo, 5/50/95/99/100 %: {marks}")
    higher = (made[:, None] > held[None]).mean() + 0.5 * (made[:, None] == held[None]).mean()
    over = (made > held.max()).mean()
    print(f"{name}: generated nearer than held-out in {higher:.3f} of pairs, than every held-out {over:.4f}")


def crease_similarity(pictures: Pictures, trained: Pictures) -> Features:
    """Largest correlation of a palm's crease map with any training palm's, at any shift up to 8 px, (n,)."""
    known = np.conj(np.fft.rfft2(np.stack([signature(t) for t in trained])))
    out = np.empty(len(pictures), np.float32)
    for k, picture in enumerate(pictures):
        match = np.fft.irfft2(known * np.fft.rfft2(signature(picture)), s=(64, 64))
        near = np.roll(match, (SHIFT // 2, SHIFT // 2), axis=(1, 2))[:, : SHIFT + 1, : SHIFT + 1]
        out[k] = near.max()
    return out


def signature(picture: Pictures) -> Features:
    """Crease map at half size, blurred, of zero mean and unit norm, so that products are correlations."""
    lines = cv2.resize(
        cv2.GaussianBlur(crease_map(picture), (0, 0), 1.5), (64, 64), interpolation=cv2.INTER_AREA
    )
    lines = lines - lines.mean()
    return np.asarray(lines / (np.linalg.norm(lines) + 1e-6), np.float32)


if __name__ == "__main__":
    main()
