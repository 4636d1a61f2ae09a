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
PART, STEP = 32, 4  # px: side of a part of a palm, and between the parts that are searched
DRAWS = 4  # of as many training photographs as are held out
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
    compare_parts(made, trained, held)


def compare(name: str, made: Features, held: Features) -> None:
    """Print quantiles of both, and how often a generated palm is nearer than a held-out one (0.5 = alike)."""
    for label, values in (("generated", made), ("held-out", held)):
        marks = " ".join(f"{q:.3f}" for q in np.quantile(values, [0.05, 0.5, 0.95, 0.99, 1]))
        print(f"{name}, {label}: similarity to the nearest training photo, 5/50/95/99/100 %: {marks}")
    higher = (made[:, None] > held[None]).mean() + 0.5 * (made[:, None] == held[None]).mean()
    over = (made > held.max()).mean()
    print(f"{name}: generated nearer than held-out in {higher:.3f} of pairs, than every held-out {over:.4f}")


def compare_parts(made: Pictures, trained: Pictures, held: Pictures) -> None:
    """Print how often the nearest to a part of a generated palm lies in a training photograph.

    As many held-out photographs are searched, so 0.5 says that no training photograph is remembered by parts.
    """
    rng = np.random.default_rng(0)
    asked = np.concatenate([parts(m[None])[rng.integers(len(parts(m[None])), size=4)] for m in made])
    unseen = nearest(asked, parts(held))
    shares = []
    for _ in range(DRAWS):
        seen = nearest(asked, parts(trained[rng.choice(len(trained), len(held), replace=False)]))
        shares.append(float((seen > unseen).mean()))
    print(
        f"parts of {PART} px: {len(asked)} generated ones, nearest in {len(held)} training and not in "
        f"{len(held)} held-out ones: {np.mean(shares):.3f} ({', '.join(f'{x:.3f}' for x in shares)})"
    )
    print(
        "  similarity to the nearest training part, 50/99/100 %:", np.quantile(seen, [0.5, 0.99, 1]).round(3)
    )
    print(
        "  similarity to the nearest held-out part, 50/99/100 %:",
        np.quantile(unseen, [0.5, 0.99, 1]).round(3),
    )


def parts(pictures: Pictures) -> Features:
    """Parts of palms every STEP px, halved, of equal local contrast; unit vectors (m, PART**2 / 4)."""
    out = []
    for picture in pictures:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        even = grey - cv2.GaussianBlur(grey, (0, 0), 8)
        even /= np.sqrt(cv2.GaussianBlur(even**2, (0, 0), 8)) + 2
        half = cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        windows = np.lib.stride_tricks.sliding_window_view(half, (PART // 2, PART // 2))
        out.append(windows[:: STEP // 2, :: STEP // 2].reshape(-1, (PART // 2) ** 2))
    flat = np.concatenate(out)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6), np.float32)


def nearest(asked: Features, known: Features) -> Features:
    """Cosine of each vector with the nearest known one, in blocks so that memory stays small, (n,)."""
    return np.concatenate([(asked[k : k + 256] @ known.T).max(axis=1) for k in range(0, len(asked), 256)])


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
