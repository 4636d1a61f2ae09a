"""Realism: distance of generated palms to real ones, over that between two halves of the real ones."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from bench.palms.engines import Bench
from bench.photographs.holdout import Pictures, held_out, real_palms
from manifests.words import Hand
from palm_models.measure import realism

# Captures like the photographs': large, clean pictures scaled down, of people of about their skin tones.
STUDIO: Mapping[str, Any] = {
    "infrared": False, "noise": 0.3, "jpeg": 98.0, "motion": 0.0, "defocus": 0.4, "sharpening": 0.0,
    "metering": 1.0, "levels": {"mean": 0.7, "sd": 0.25}, "exposure": {"mean": -0.23, "sd": 0.3},
}  # fmt: skip
PEOPLE: Mapping[str, Any] = {"skin_tone": {"mean": -5.0, "sd": 14.0}}


def drawn(engine: Bench, count: int, people: Mapping[str, Any], captures: Mapping[str, Any]) -> Pictures:
    """`count` palms of as many identities."""
    pictures = []
    for k in range(count):
        hand: Hand = "right" if k % 2 else "left"
        pictures.append(engine.draw(engine.identity(k, hand, people), "palm", captures).image)
    return np.stack(pictures)


def main() -> None:
    """Print the ratios of the asked engines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder human-palm-images")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of them")
    parser.add_argument("--engines", nargs="+", default=["atlas", "refined", "renderer", "diffusion"])
    parser.add_argument("--encoder", type=Path, help="folder of encoder weights, for the kernel distance")
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
    torch.set_num_threads(1)
    real, _ = real_palms(asked.aligned, held_out(asked.photographs))
    people, captures = ({}, {}) if asked.default_captures else (PEOPLE, STUDIO)
    rows = [real[:10]]
    print(f"{len(real)} held-out real palms, {asked.count} generated ones, {asked.splits} splits")
    for name in asked.engines:
        made = drawn(Bench(name, 11), asked.count, people, captures)
        rows.append(made[:10])
        apart, within = realism.swd_ratio(real, made, asked.splits)
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
    """`palm_models.measure.realism.kernel_ratio` in the features of the encoder in a folder."""
    from palm_models.measure.encoder import Encoder

    loaded = Encoder.load(encoder)
    return realism.kernel_ratio(loaded.embed(real), loaded.embed(made), splits)


if __name__ == "__main__":
    main()
