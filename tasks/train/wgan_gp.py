"""Train the wgan-gp engine on aligned photographs, resumable at any checkpoint."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from manifests.files.layout import atomic_write
from manifests.recipe.baselines import Wgan
from manifests.words import View
from palm_models.engines.averages import average_of, follow
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.wgan import Critic, Generator, WganSpec, gradient_penalty
from palm_models.engines.baselines.wgan_engine import NAME
from palm_models.engines.training_state import Part, resume_state, write_state
from tasks.train.batches import Batches, Progress, begin, facts, grid, record

SHOWN = 25  # pictures of a sample grid


@dataclass
class WganTraining:
    """A training of the wgan-gp engine between two steps: both networks, their optimisers, averages."""

    options: Wgan
    palms: Batches
    device: torch.device
    step: int = 0

    def __post_init__(self) -> None:
        chosen = self.options
        torch.manual_seed(self.palms.seed)
        spec = WganSpec(chosen.size, chosen.latent, chosen.width)
        self.generator, self.critic = Generator(spec).to(self.device), Critic(spec).to(self.device)
        self.ema = average_of(self.generator)
        betas = (chosen.beta1, chosen.beta2)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), chosen.generator_rate, betas)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), chosen.critic_rate, betas)

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes."""
        return {
            "generator": self.generator, "critic": self.critic, "ema": self.ema,
            "generator_adam": self.generator_adam, "critic_adam": self.critic_adam,
        }  # fmt: skip

    def latents(self, count: int, noise: torch.Generator) -> Tensor:
        """Random latents (count, latent)."""
        return torch.randn((count, self.options.latent), generator=noise).to(self.device)

    def advance(self) -> tuple[float, float]:
        """One step on the batch of its counter; the critic's loss and the generator's."""
        real, noise = self.palms.at(self.step).to(self.device), self.palms.noise(self.step)
        for _ in range(self.options.critic_steps):
            with torch.no_grad():
                fake = self.generator(self.latents(len(real), noise))
            mix = torch.rand((len(real), 1, 1, 1), generator=noise).to(self.device)
            penalty = gradient_penalty(self.critic, real, fake, mix)
            worth = self.critic(fake).mean() - self.critic(real).mean() + self.options.penalty * penalty
            _update(self.critic_adam, worth)
        loss = -self.critic(self.generator(self.latents(len(real), noise))).mean()
        _update(self.generator_adam, loss)
        self.step += 1
        follow(self.ema, self.generator, self.options.ema, self.step)
        return float(worth.detach()), float(loss.detach())


def _update(adam: torch.optim.Adam, loss: Tensor) -> None:
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()


def train_wgan(
    aligned: Path, out: Path, *, options: Wgan, seed: int, view: View, hands: Sequence[str],
    device: str = "", limit: int = 0, resume: bool = True, progress: Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Train until `options.epochs` (or `limit` steps) and leave a checkpoint folder of wgan-gp in `out`.

    `out` gets model.safetensors and config.json (averaged weights), state.safetensors (for resuming),
    log.jsonl and, every `save_epochs`, sample-<epoch>.png. Batches and noise are functions of seed and
    step, so a resumed training ends in the same weights. Returns facts for the report.
    """
    began = time.monotonic()
    palms, where, settings = begin(aligned, options, seed=seed, view=view, hands=hands, device=device)
    training = WganTraining(options, palms, where)
    if resume:
        training.step = resume_state(out / "state.safetensors", training.parts(), settings)
    first, last = training.step, limit or options.epochs * palms.steps
    losses = (0.0, 0.0)
    while training.step < last:
        losses = training.advance()
        if training.step % (options.save_epochs * palms.steps) == 0 or training.step == last:
            _record(training, losses, out, settings, view, time.monotonic() - began)
        if progress:
            progress(training.step, last)
    if first == last:  # trained before, but its checkpoint was lost
        _record(training, losses, out, settings, view, time.monotonic() - began)
    each = (time.monotonic() - began) / max(1, last - first)
    return facts(out, palms, training.step, losses[1], each)


def _record(
    training: WganTraining,
    losses: tuple[float, float],
    out: Path,
    settings: dict[str, Any],
    view: View,
    seconds: float,
) -> None:
    epoch = training.step // training.palms.steps
    line = {"step": training.step, "epoch": epoch, "seconds": round(seconds, 1)}
    line |= {"critic": round(losses[0], 4), "generator": round(losses[1], 4)}
    record(out, NAME, line)
    spec = training.generator.spec
    network = {"size": spec.size, "latent": spec.latent, "width": spec.width}
    save_baseline(out, NAME, training.ema, network, view, {**settings, "step": training.step}, atomic_write)
    write_state(out / "state.safetensors", training.parts(), training.step, settings, atomic_write)
    latents = training.latents(SHOWN, torch.Generator().manual_seed(0))  # the same individuals in every grid
    with torch.no_grad():
        atomic_write(out / f"sample-{epoch:05d}.png", grid(training.ema(latents)))
