"""One step of training the ddpm-tps engine as the library's Trainer does it, and what it leaves behind."""

import json
from pathlib import Path
from typing import Any

import torch
from ema_pytorch import EMA

from manifests.files.layout import atomic_write
from manifests.recipe.baseline_sections import Ddpm
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.ddpm import DdpmSpec, build, sample
from palm_models.engines.baselines.ddpm_engine import NAME
from palm_models.engines.training_state import Part
from tasks.train.batches import Batches, grid
from tasks.train.resumable import Resumable

BETAS = (0.9, 0.99)  # these and the next two are the Trainer's own
LARGEST_GRADIENT = 1.0
EMA_EVERY = 10  # steps
SCALER = "scaler.json"  # the scale of half precision; without a GPU there is none


class DdpmTraining(Resumable[Ddpm]):
    """Network, optimiser, averages."""

    name = NAME

    def __init__(self, options: Ddpm, palms: Batches, device: torch.device) -> None:
        super().__init__(options, palms, device)
        spec = DdpmSpec(options.size, options.dim, options.mults, options.timesteps)
        self.diffusion = build(spec, options.sampling_steps).to(device)
        self.adam = torch.optim.Adam(self.diffusion.parameters(), options.learning_rate, BETAS)
        self.ema = EMA(self.diffusion, beta=options.ema, update_every=EMA_EVERY)
        self.half = options.amp and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.half)

    @property
    def steps(self) -> int:
        """As the recipe says."""
        return self.options.steps

    @property
    def save_every(self) -> int:
        """As the recipe says."""
        return self.options.save_every

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes; the EMA holds the network, too."""
        return {"ema": self.ema, "adam": self.adam}

    def advance(self) -> dict[str, float]:
        """`accumulate` batches of its counter; their mean loss."""
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
        return {"loss": total}

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

    def save(self, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """The averaged network, and the scale of half precision."""
        own = self.options
        network = {"size": own.size, "dim": own.dim, "mults": own.mults, "timesteps": own.timesteps}
        save_baseline(out, NAME, self.ema.ema_model.model, network, settings["view"], settings, atomic_write)
        atomic_write(out / SCALER, json.dumps(self.scaler.state_dict()).encode())
        return {}

    def resumed(self, out: Path) -> None:
        """The scale of half precision."""
        self.scaler.load_state_dict(json.loads((out / SCALER).read_text()))

    def shown(self, out: Path) -> None:
        """Every `sample_every` steps, sample-<step>.png."""
        if self.options.sample_every and self.step % self.options.sample_every == 0:
            drawn = sample(self.ema.ema_model, 0, self.options.samples)  # the same individuals in every grid
            atomic_write(out / f"sample-{self.step:06d}.png", grid(drawn))
