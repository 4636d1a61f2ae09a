"""Train the refined engine's skin network on parts of aligned palms, resumable at any step."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import torch

from manifests.files.layout import atomic_write
from palm_models.engines.averages import average_of, follow
from palm_models.engines.diffusion.pairs import read_photos
from palm_models.engines.diffusion.process import EARLIEST, noisy
from palm_models.engines.refined.network import SkinNetwork, SkinSpec, save_skin
from palm_models.engines.refined.parts import draw_parts, draw_times, palms
from palm_models.engines.training_state import Part, resume_state, write_state
from palm_models.seeds import Draw, sequence
from tasks.train.diffusion import TrainSettings, learning_rate

log = logging.getLogger("palmforge")
Progress = Callable[[int, int], None]  # (steps done, steps in all)
STATE = "state.safetensors"


class _Training:
    """A training between two steps: network, averaged network, optimizer, steps done."""

    def __init__(self, settings: TrainSettings, device: torch.device) -> None:
        torch.manual_seed(settings.seed)
        network = SkinNetwork(SkinSpec(dim=settings.dim))
        self.network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = average_of(self.network)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-2
        )
        self.step = 0

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes."""
        return {"network": self.network, "ema": self.ema, "optimizer": self.optimizer}

    def advance(self, stack: torch.Tensor, settings: TrainSettings) -> float:
        """One step on the parts of its counter; its loss."""
        counter = sequence(settings.seed, Draw.REFINED_STEP, self.step)
        rng = torch.Generator().manual_seed(int(counter.generate_state(1, np.uint64)[0] >> 1))
        part = draw_parts(stack, settings.batch, settings.size, settings.condition_dropout, rng)
        time_, noise = draw_times(settings.batch, rng), torch.randn(part.clean.shape, generator=rng)
        when = time_.to(stack.device)
        half = torch.autocast(stack.device.type, torch.bfloat16, enabled=stack.device.type == "cuda")
        with half:
            guess = self.network(
                noisy(part.clean, noise.to(stack.device), when), part.lines, part.place, when
            )
        error = (guess.float() - part.clean).square().mean((1, 2, 3))
        loss = (error / when.clamp(min=EARLIEST) ** 2).mean()  # the velocity's: see the process of diffusion
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, settings)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        follow(self.ema, self.network, settings.ema, self.step)
        return float(loss.detach())


def train_skin(
    aligned: Path, out: Path, *, settings: TrainSettings, device: str = "",
    resume: bool = True, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train on the palms of an aligned table until `settings.steps` and leave a checkpoint folder in `out`.

    `out` gets model.safetensors and config.json (averaged weights), state.safetensors and log.jsonl. A step's
    parts are a function of seed and step, so a resumed training ends in the same weights. Returns facts for
    the report. Raises TrainingError when the table holds no palm.
    """
    began = time.monotonic()
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    photos, hands = read_photos(aligned), pq.read_table(aligned, columns=["hand"])["hand"].to_pylist()
    kept = [k for k, photo in enumerate(photos) if photo.photo_id not in set(settings.exclude)]
    stack, scale = palms([photos[k] for k in kept], [hands[k] for k in kept])
    state, stack = _Training(settings, where), stack.to(where)
    if resume:
        state.step = resume_state(out / STATE, state.parts(), settings.determining())
    loss, first = 0.0, state.step
    while state.step < settings.steps:
        loss = state.advance(stack, settings)
        if state.step % settings.save_every == 0 or state.step == settings.steps:
            _save(state, out, scale, settings, loss, time.monotonic() - began)
        if progress:
            progress(state.step, settings.steps)
    if first == settings.steps:  # trained before, but its checkpoint was lost
        _save(state, out, scale, settings, loss, time.monotonic() - began)
    seconds = time.monotonic() - began
    return {
        "steps": state.step,
        "photos": len(stack),
        "loss": round(loss, 5),
        "seconds": seconds,
        "checkpoint": str(out),
    }


def _save(
    state: _Training, out: Path, scale: float, settings: TrainSettings, loss: float, seconds: float
) -> None:
    facts = {**asdict(settings), "exclude": len(settings.exclude), "step": state.step}
    save_skin(out, state.ema, scale, facts, atomic_write)
    write_state(out / STATE, state.parts(), state.step, settings.determining(), atomic_write)
    line = {"step": state.step, "loss": round(loss, 5), "seconds": round(seconds, 1)}
    with (out / "log.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    log.info("train step %(step)s loss %(loss)s after %(seconds)s s", line)
