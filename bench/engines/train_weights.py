"""Train the shipped weights, without the photographs that the benches measure against."""

import argparse
import logging
from pathlib import Path

from bench.photographs.holdout import held_out
from tasks.train.diffusion import TrainSettings, train


def main() -> None:
    """Train, or go on training, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photographs", type=Path, required=True, help="folder human-palm-images")
    parser.add_argument("--aligned", type=Path, required=True, help="aligned.parquet of them, 192 px or more")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the checkpoint; may be gone on with"
    )
    for name, of, default in (
        ("steps", int, 4200),
        ("batch", int, 8),
        ("learning-rate", float, 6e-4),
        ("dim", int, 64),
    ):
        parser.add_argument(f"--{name}", type=of, default=default)
    parser.add_argument(
        "--workers", type=int, default=0, help="threads that prepare batches; 12 beside a GPU"
    )
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    settings = TrainSettings(
        steps=asked.steps, batch=asked.batch, learning_rate=asked.learning_rate, dim=asked.dim,
        workers=asked.workers, cooldown=0.35, exclude=tuple(held_out(asked.photographs)),
    )  # fmt: skip
    print(train(asked.aligned, asked.out, settings=settings))


if __name__ == "__main__":
    main()
