"""Realism: distance of generated palms to real ones, over that between two halves of the real ones."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.holdout import Pictures, held_out, real_palms
from palm_models.capture import make_capture
from palm_models.engine import Engine
from palm_models.frame import Hand
from palm_models.identity import make_identity
from palm_models.renderer import RendererEngine

LEVELS, PATCH, PATCHES, DIRECTIONS = 4, 7, 128, 256
# Captures like the photographs': large, clean pictures scaled down, of people of about their skin tones.
STUDIO: Mapping[str, Any] = {
    "infrared": False, "noise": 0.3, "jpeg": 98.0, "motion": 0.0, "defocus": 0.4, "sharpening": 0.0,
    "metering": 1.0, "levels": {"mean": 0.8, "sd": 0.25}, "exposure": {"mean": -0.23, "sd": 0.3},
}  # fmt: skip
PEOPLE: Mapping[str, Any] = {"skin_tone": {"mean": -5.0, "sd": 14.0}}


def drawn(
    engine: Engine, count: int, seed: int, people: Mapping[str, Any], captures: Mapping[str, Any]
) -> Pictures:
    """`count` palms of as many identities."""
    pictures = []
    for k in range(count):
        hand: Hand = "right" if k % 2 else "left"
        told = make_capture(seed, k, hand, 0, captures)
        pictures.append(engine.draw(make_identity(seed, k, hand, people), [told], "palm", 128)[0].image)
    return np.stack(pictures)


def descriptors(pictures: Pictures, rng: np.random.Generator) -> list[NDArray[np.float32]]:
    """Random patches (n, 147) of each level of the Laplacian pyramid (Karras et al. 2018, section 5)."""
    levels: list[list[NDArray[np.float32]]] = [[] for _ in range(LEVELS)]
    for picture in pictures:
        fine = picture.astype(np.float32)
        for level in levels:
            coarse = cv2.pyrDown(fine)
            band = fine - cv2.pyrUp(coarse, dstsize=fine.shape[1::-1])
            at = rng.integers(0, len(band) - PATCH + 1, (PATCHES, 2))
            level.append(np.stack([band[y : y + PATCH, x : x + PATCH].ravel() for y, x in at]))
            fine = coarse
    return [np.concatenate(level) for level in levels]


def sliced_wasserstein(a: Pictures, b: Pictures, rng: np.random.Generator) -> NDArray[np.float64]:
    """Distance of two sets of as many pictures at each level, in 8-bit units; contrast and colour count."""
    out = []
    for one, two in zip(descriptors(a, rng), descriptors(b, rng), strict=True):
        along = rng.standard_normal((one.shape[1], DIRECTIONS)).astype(np.float32)
        along /= np.linalg.norm(along, axis=0)
        out.append(np.abs(np.sort(one @ along, axis=0) - np.sort(two @ along, axis=0)).mean())
    return np.array(out)


def kernel_distance(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Unbiased squared MMD with the cubic kernel of KID (Binkowski et al. 2018) between features (n, d)."""

    def kernel(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.asarray((x @ y.T + 1.0) ** 3, np.float64)

    n, m = len(a), len(b)
    own = (kernel(a, a).sum() - np.trace(kernel(a, a))) / (n * (n - 1))
    other = (kernel(b, b).sum() - np.trace(kernel(b, b))) / (m * (m - 1))
    return float(own + other - 2 * kernel(a, b).mean())


def halves(count: int, splits: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Random halves of `count` pictures."""
    orders = [np.random.default_rng(k).permutation(count) for k in range(splits)]
    return [(o[: count // 2], o[count // 2 : count // 2 * 2]) for o in orders]


def swd_ratio(real: Pictures, made: Pictures, splits: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean distance made-real and real-real over the same halves, at each level."""
    apart, within = [], []
    for k, (one, two) in enumerate(halves(len(real), splits)):
        within.append(sliced_wasserstein(real[one], real[two], np.random.default_rng(k)))
        chosen = np.random.default_rng(k).permutation(len(made))[: len(two)]
        apart.append(sliced_wasserstein(real[one], made[chosen], np.random.default_rng(k)))
    return np.mean(apart, axis=0), np.mean(within, axis=0)


def spread_of_mmd(features: NDArray[np.float32], splits: int) -> float:
    """Root mean square of the kernel distance between halves: what chance alone makes of it."""
    pairs = halves(len(features), splits)
    return float(np.sqrt(np.mean([kernel_distance(features[a], features[b]) ** 2 for a, b in pairs])))


def main() -> None:
    """Print the ratios of the asked engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder human-palm-images")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of them")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of the diffusion weights")
    parser.add_argument("--encoder", type=Path, help="folder of encoder weights, for the kernel distance")
    parser.add_argument("--start", type=float, nargs="*", default=[0.6])
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--default-captures", action="store_true", help="captures and people as by default")
    parser.add_argument(
        "--sheet", type=Path, help="PNG: real palms beside generated ones (derived from photographs)"
    )
    asked = parser.parse_args()
    report(asked)


def report(asked: argparse.Namespace) -> None:
    """Measure and print."""
    import torch

    from palm_models.diffusion import DiffusionEngine

    torch.set_num_threads(1)
    real, _ = real_palms(asked.aligned, held_out(asked.photographs))
    people, captures = ({}, {}) if asked.default_captures else (PEOPLE, STUDIO)
    engines: dict[str, Engine] = {"renderer": RendererEngine()}
    for start in asked.start:
        engines[f"diffusion {start}"] = DiffusionEngine(asked.checkpoint, asked.steps, start)
    rows = [real[:10]]
    print(f"{len(real)} held-out real palms, {asked.count} generated ones, {asked.splits} splits")
    for name, engine in engines.items():
        made = drawn(engine, asked.count, 11, people, captures)
        rows.append(made[:10])
        apart, within = swd_ratio(real, made, asked.splits)
        levels = ", ".join(f"{r:.2f}" for r in apart / within)
        print(
            f"{name}: sliced Wasserstein ratio {apart.mean() / within.mean():.2f} (fine to coarse {levels})"
        )
        if asked.encoder:
            print(
                f"{name}: kernel distance ratio {kernel_ratio(asked.encoder, real, made, asked.splits):.2f}"
            )
    if asked.sheet:
        sheet = np.vstack([np.hstack(list(row)) for row in rows])
        cv2.imwrite(str(asked.sheet), sheet[..., ::-1])


def kernel_ratio(encoder: Path, real: Pictures, made: Pictures, splits: int) -> float:
    """Root of the kernel distance made-real over the root of what chance makes of two real halves."""
    from palm_models.encoder import Encoder

    loaded = Encoder.load(encoder)
    features, others = loaded.embed(real), loaded.embed(made)
    apart = max(kernel_distance(features, others), 0.0)
    return float(np.sqrt(apart / spread_of_mmd(features, splits)))


if __name__ == "__main__":
    main()
