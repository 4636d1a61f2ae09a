"""Train the encoder that ships, and measure how far apart the renderer's identities lie in it."""

import argparse
import logging
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.gates.gates import templates
from bench.palms.utility import eer, scores, tar
from manifests.recipe import parse as parse_recipe
from palm_models.measure.encoder import Encoder, EncoderConfig
from palm_models.measure.palmnet import Training
from tasks.judge.encoder import palms, train_encoder
from tasks.judge.gates.twins import TWINS
from tasks.judge.thresholds import thresholds

IDENTITIES = {"train": 3000, "verify": 300, "distinct": 10_000}
FIRST_UNSEEN = 100_000  # identities from here on took no part in training


def parse() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["train", "verify", "distinct"])
    parser.add_argument("--weights", type=Path, default=Path("palm_models/weights"))
    parser.add_argument("--identities", type=int, help=f"how many; {IDENTITIES} when it is not said")
    parser.add_argument("--captures", type=int, default=6)
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--learning-rate", type=float, default=Training.learning_rate, help="at its peak")
    parser.add_argument("--start", type=Path, help="folder of an encoder whose training goes on")
    parser.add_argument("--width", type=int, default=32, help="of a new one")
    parser.add_argument("--size", type=int, default=128, help="of a new one")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--engine", default="atlas", help="whose identities are verified or compared")
    asked = parser.parse_args()
    asked.identities = asked.identities or IDENTITIES[asked.task]
    return asked


def verify(encoder: Encoder, asked: argparse.Namespace) -> None:
    """Error rates on identities that were not trained on, and the similarity that few impostors reach."""
    size = encoder.config.size
    pictures, labels = palms(asked.engine, asked.seed, FIRST_UNSEEN, asked.identities, asked.captures, size)
    genuine, impostor = scores(encoder.embed(pictures), labels)
    print(f"{len(genuine)} genuine pairs {genuine.mean():.3f} ± {genuine.std():.3f}")
    print(f"{len(impostor)} impostor pairs {impostor.mean():.3f} ± {impostor.std():.3f}")
    print(f"EER {eer(genuine, impostor):.2f} %")
    for far in (1e-2, 1e-3, 1e-4, 1e-5):
        if far * len(impostor) >= 30:  # fewer than 30 impostors say nothing about the rate (rule of 30)
            threshold = np.quantile(impostor, 1 - far)
            print(f"FMR {far:g}: similarity {threshold:.4f}, TAR {tar(genuine, impostor, far):.1f} %")


def distinct(asked: argparse.Namespace) -> None:
    """Similarity of each identity's nearest other one, by the templates that the gate of twins compares."""
    numbers = range(FIRST_UNSEEN, FIRST_UNSEEN + asked.identities)
    nearest = neighbours(templates(asked.engine, numbers, asked.weights))
    threshold = thresholds(parse_recipe({"name": "encoder"}), asked.weights, [TWINS]).of[TWINS.name].most
    print(
        f"{len(nearest)} identities: similarity of the nearest other identity, twins from {threshold:.4f} on"
    )
    for q in (0.5, 0.9, 0.99, 0.999, 1.0):
        print(f"  quantile {q:g}: {np.quantile(nearest, q):.4f}")
    print(f"{(nearest >= threshold).sum()} have a twin")
    counts, edges = np.histogram(nearest, bins=20)
    for count, low in zip(counts, edges, strict=False):
        print(f"  {low:.3f} {'#' * int(60 * count / counts.max())} {count}")


def neighbours(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest cosine of each vector with another one, in blocks so that memory stays small."""
    out = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), 512):
        block = vectors[start : start + 512] @ vectors.T
        block[np.arange(len(block)), start + np.arange(len(block))] = -1
        out[start : start + 512] = block.max(axis=1)
    return out


def main() -> None:
    """Run the chosen task."""
    asked = parse()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    cv2.setNumThreads(1)  # beside other work its threads wait for each other
    if asked.task == "train":
        plan = Training(steps=asked.steps, learning_rate=asked.learning_rate, seed=asked.seed)
        start = Encoder.load(asked.start) if asked.start else None
        config = start.config if start else EncoderConfig(size=asked.size, width=asked.width)
        train_encoder(asked.weights, asked.seed, asked.identities, asked.captures, plan, config, start)
    elif asked.task == "verify":
        verify(Encoder.load(asked.weights), asked)
    else:
        distinct(asked)


if __name__ == "__main__":
    main()
