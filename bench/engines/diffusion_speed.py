"""Speed: the diffusion engine beside the baseline's 1,000-step sampler, one thread, alternating."""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from denoising_diffusion_pytorch import Unet

from palm_models.engines.diffusion.engine import DiffusionEngine
from palm_models.hand.capture import make_capture
from palm_models.hand.identity import make_identity

BASELINE_STEPS = 1000  # of the hackathon entry's GaussianDiffusion


def main() -> None:
    """Print seconds an image of both and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of the diffusion weights")
    parser.add_argument("--start", type=float, default=0.65)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    engine = DiffusionEngine(asked.checkpoint, asked.steps, asked.start)
    baseline = Unet(64, dim_mults=(1, 2, 4, 8)).eval()
    ours, theirs = [], []
    for k in range(asked.rounds + 1):
        theirs.append(baseline_step(baseline))
        ours.append(engine_image(engine, k))
    step, image = float(np.median(theirs[1:])), float(np.median(ours[1:]))  # the first of each warms up
    print(f"baseline: {step:.3f} s a step, {BASELINE_STEPS * step:.0f} s an image of {BASELINE_STEPS} steps")
    print(f"diffusion: {image:.3f} s an image ({asked.steps} steps from {asked.start}; rendering included)")
    print(f"ratio: {BASELINE_STEPS * step / image:.0f}")


@torch.inference_mode()
def baseline_step(network: Unet) -> float:
    """CPU seconds of one denoising step of one 128 × 128 image."""
    began = time.process_time()
    network(torch.zeros(1, 3, 128, 128), torch.zeros(1))
    return time.process_time() - began


def engine_image(engine: DiffusionEngine, subject: int) -> float:
    """CPU seconds an image, of four captures of one identity, its surface included."""
    captures = [make_capture(5, subject, "left", k) for k in range(4)]
    began = time.process_time()
    engine.draw(make_identity(5, subject, "left"), captures, "palm", 128)
    return (time.process_time() - began) / len(captures)


if __name__ == "__main__":
    main()
