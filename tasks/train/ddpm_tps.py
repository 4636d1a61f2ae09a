"""Train the ddpm-tps engine on aligned photographs as the library's Trainer does, but resumable exactly."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from ema_pytorch import EMA

from manifests.files.layout import atomic_write
from manifests.recipe.baselines import Ddpm
from manifests.words import View
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.ddpm import DdpmSpec, build, sample
from palm_models.engines.baselines.ddpm_engine import NAME
from palm_models.engines.training_state import Part, resume_state, write_state
from tasks.train.batches import Batches, Progress, begin, facts, grid, record

BETAS = (0.9, 0.99)  # these and the next two are the Trainer's own
LARGEST_GRADIENT = 1.0
EMA_EVERY = 10  # steps


@dataclass
class DdpmTraining:
    """A training of the ddpm-tps engine between two steps: network, optimiser, averages."""

    options: Ddpm
    palms: Batches
    device: torch.device
    step: int = 0

    def __post_init__(self) -> None:
        chosen = self.options
        torch.manual_seed(self.palms.seed)
        spec = DdpmSpec(chosen.size, chosen.dim, chosen.mults, chosen.timesteps)
        self.diffusion = build(spec, chosen.sampling_steps).to(self.device)
        self.adam = torch.optim.Adam(self.diffusion.parameters(), chosen.learning_rate, BETAS)
        self.ema = EMA(self.diffusion, beta=chosen.ema, update_every=EMA_EVERY)
        self.half = chosen.amp and self.device.type == "cuda"
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.half)

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes; the EMA holds the network, too."""
        return {"ema": self.ema, "adam": self.adam}

    def advance(self) -> float:
        """One step of `accumulate` batches of its counter; the mean loss."""
        total = 0.0
        for part in range(self.options.accumulate):
            total += self._accumulate(self.step * self.options.accumulate + part)
        self.scaler.unscale_(self.adam)
        torch.nn.utils.clip_grad_norm_(self.diffusion.parameters(), LARGEST_GRADIENT)
        self.scaler.step(self.adam)
        self.scaler.update()
        self.adam.zero_grad()
        self.step += 1
        self.ema.update()
        return total

    def _accumulate(self, batch: int) -> float:
        real, generator = self.palms.at(batch), self.palms.noise(batch)
        if self.options.flip:
            mirrored = torch.rand(len(real), generator=generator) < 0.5
            real[mirrored] = real[mirrored].flip(-1)
        noise = torch.randn(real.shape, generator=generator).to(self.device)
        times = torch.randint(0, self.options.timesteps, (len(real),), generator=generator).to(self.device)
        with torch.autocast(self.device.type, torch.float16, enabled=self.half):
            loss = self.diffusion((real.to(self.device) + 1) / 2, times=times, noise=noise)
        self.scaler.scale(loss / self.options.accumulate).backward()
        return float(loss.detach()) / self.options.accumulate


def train_ddpm(
    aligned: Path, out: Path, *, options: Ddpm, seed: int, view: View, hands: Sequence[str],
    device: str = "", limit: int = 0, resume: bool = True, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train until `options.steps` (or `limit`) and leave a checkpoint folder of ddpm-tps in `out`.

    `out` gets model.safetensors and config.json (averaged weights), state.safetensors (for resuming),
    log.jsonl and, every `sample_every` steps, sample-<step>.png. Batches and noise are functions of seed and
    step, so a resumed training ends in the same weights. Returns facts for the report.
    """
    began = time.monotonic()
    palms, where, settings = begin(aligned, options, seed=seed, view=view, hands=hands, device=device)
    training = DdpmTraining(options, palms, where)
    if resume:
        training.step = resume_state(out / "state.safetensors", training.parts(), settings)
        if training.step:
            training.scaler.load_state_dict(_scaler(out))
    first, last, loss = training.step, limit or options.steps, 0.0
    while training.step < last:
        loss = training.advance()
        if training.step % options.save_every == 0 or training.step == last:
            _save(training, loss, out, settings, view, time.monotonic() - began)
        if options.sample_every and training.step % options.sample_every == 0:
            drawn = sample(training.ema.ema_model, 0, options.samples)  # the same individuals in every grid
            atomic_write(out / f"sample-{training.step:06d}.png", grid(drawn))
        if progress:
            progress(training.step, last)
    if first == last:  # trained before, but its checkpoint was lost
        _save(training, loss, out, settings, view, time.monotonic() - began)
    each = (time.monotonic() - began) / max(1, last - first)
    return facts(out, palms, training.step, loss, each)


def _save(
    training: DdpmTraining, loss: float, out: Path, settings: dict[str, Any], view: View, seconds: float
) -> None:
    line = {"step": training.step, "loss": round(loss, 5), "seconds": round(seconds, 1)}
    record(out, NAME, line)
    chosen = training.options
    network = {"size": chosen.size, "dim": chosen.dim, "mults": chosen.mults, "timesteps": chosen.timesteps}
    average = training.ema.ema_model.model
    save_baseline(out, NAME, average, network, view, {**settings, "step": training.step}, atomic_write)
    atomic_write(out / "scaler.json", json.dumps(training.scaler.state_dict()).encode())
    write_state(out / "state.safetensors", training.parts(), training.step, settings, atomic_write)


def _scaler(out: Path) -> dict[str, Any]:
    """The scale of half precision; without a GPU there is none."""
    state: dict[str, Any] = json.loads((out / "scaler.json").read_text())
    return state
