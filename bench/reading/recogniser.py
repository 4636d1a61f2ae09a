"""The example's training on a dataset, timed, with its loss and error rates drawn into one picture.

Run: python -m bench.reading.recogniser out/quickstart --picture docs/recogniser.png [options of the example]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "train_recogniser.py"


def train(dataset: Path, out: Path, options: list[str]) -> float:
    """Seconds that the example took."""
    began = time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(EXAMPLE), str(dataset), "--out", str(out), *options]
    subprocess.run(command, check=True, env=environment)
    return time.perf_counter() - began


def draw(log: Path, picture: Path) -> None:
    """Loss by step, and equal error rates beside chance."""
    events = EventAccumulator(str(log)).Reload()
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    loss = events.Scalars("loss")
    left.plot([e.step for e in loss], [e.value for e in loss], linewidth=0.8)
    left.set(xlabel="step", ylabel="ArcFace loss", ylim=(0, None))
    for split in ("validation", "test"):
        rates = events.Scalars(f"{split}/eer")
        right.plot([e.step for e in rates], [100 * e.value for e in rates], "o-", markersize=3, label=split)
    right.axhline(50, color="grey", linestyle=":", label="chance")
    right.set(xlabel="step", ylabel="equal error rate, %", ylim=(0, 55))
    right.legend()
    figure.savefig(picture, dpi=110)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--picture", type=Path, default=Path("recogniser.png"))
    options, further = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as out:
        seconds = train(options.dataset.resolve(), Path(out), further)
        draw(Path(out) / "log", options.picture)
        print(f"{seconds:.0f} s", json.loads((Path(out) / "rates.json").read_text()))


if __name__ == "__main__":
    main()
