"""Training cost of a baseline at its published size: steps really run, and what all would cost."""

import argparse
import json
import platform
import time
from pathlib import Path

import torch

from manifests.recipe.baseline_sections import Ddpm, Wgan
from tasks.train.ddpm_tps import DdpmTraining
from tasks.train.resumable import train_baseline
from tasks.train.wgan_gp import WganTraining

PUBLISHED_BATCH = 16
DAY = 86_400  # s


def main() -> None:
    """Run the steps and print a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=["wgan-gp", "ddpm-tps"])
    parser.add_argument("aligned", type=Path, help="aligned.parquet of photographs")
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--batch", type=int, default=PUBLISHED_BATCH, help="smaller where time is short")
    parser.add_argument("--accumulate", type=int, default=2, help="passes a step of ddpm-tps")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(measure(asked)))


def measure(asked: argparse.Namespace) -> dict[str, object]:
    """Steps at full size, resumed where they were cut off; what the published budget would take."""
    same = {"view": "palm", "hands": ("left", "right"), "seed": 0, "limit": asked.steps}
    log = asked.out / "log.jsonl"
    before = json.loads(log.read_text().splitlines()[-1])["step"] if log.exists() else 0
    wall, cpu = time.perf_counter(), time.process_time()
    if asked.engine == "wgan-gp":
        options = Wgan(batch=asked.batch, save_epochs=1)  # resumes at every epoch
        done = train_baseline(WganTraining, asked.aligned, asked.out, options=options, **same)
        pictures, whole = asked.batch, options.epochs * (done["photos"] // PUBLISHED_BATCH) * PUBLISHED_BATCH
    else:
        ddpm = Ddpm(batch=asked.batch, accumulate=asked.accumulate, sample_every=0, save_every=50)
        done = train_baseline(DdpmTraining, asked.aligned, asked.out, options=ddpm, **same)
        pictures, whole = asked.batch * asked.accumulate, Ddpm().steps * PUBLISHED_BATCH * Ddpm().accumulate
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    steps = max(1, done["steps"] - before)
    each = cpu / steps / pictures
    return {"engine": asked.engine, "steps": done["steps"], "in this run": steps, "pictures a step": pictures,
            "CPU s a step": round(cpu / steps, 2), "wall s": round(wall),
            "CPU s a picture": round(each, 2),
            "published budget, days of one thread": round(each * whole / DAY, 1), "loss": done["loss"],
            "machine": platform.processor() or platform.machine()}  # fmt: skip


if __name__ == "__main__":
    main()
