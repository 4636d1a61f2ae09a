"""One step of training the wgan-gp engine, and what it leaves behind."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from manifests.files.layout import atomic_write
from manifests.recipe.baseline_sections import Wgan
from palm_models.engines.averages import average_of, follow
from palm_models.engines.baselines.common import save_baseline
from palm_models.engines.baselines.wgan import Critic, Generator, WganSpec, gradient_penalty
from palm_models.engines.baselines.wgan_engine import NAME
from palm_models.engines.training_state import Part
from tasks.train.batches import Batches, grid
from tasks.train.resumable import Resumable

SHOWN = 25  # pictures of a sample grid


class WganTraining(Resumable[Wgan]):
    """Both networks, their optimisers, averages."""

    name = NAME

    def __init__(self, options: Wgan, palms: Batches, device: torch.device) -> None:
        super().__init__(options, palms, device)
        spec = WganSpec(options.size, options.latent, options.width)
        self.generator, self.critic = Generator(spec).to(device), Critic(spec).to(device)
        self.ema = average_of(self.generator)
        betas = (options.beta1, options.beta2)
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), options.generator_rate, betas)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), options.critic_rate, betas)

    @property
    def steps(self) -> int:
        """Epochs of all photographs."""
        return self.options.epochs * self.palms.steps

    @property
    def save_every(self) -> int:
        """Whole epochs."""
        return self.options.save_epochs * self.palms.steps

    def parts(self) -> dict[str, Part]:
        """Everything that a step changes."""
        return {
            "generator": self.generator, "critic": self.critic, "ema": self.ema,
            "generator_adam": self.generator_adam, "critic_adam": self.critic_adam,
        }  # fmt: skip

    def latents(self, count: int, noise: torch.Generator) -> Tensor:
        """Random latents (count, latent)."""
        return torch.randn((count, self.options.latent), generator=noise).to(self.device)

    def advance(self) -> dict[str, float]:
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
        return {"critic": float(worth.detach()), "generator": float(loss.detach())}

    def save(self, out: Path, settings: dict[str, Any]) -> dict[str, Any]:
        """The averaged generator, and sample-<epoch>.png."""
        spec, epoch = self.generator.spec, self.step // self.palms.steps
        network = {"size": spec.size, "latent": spec.latent, "width": spec.width}
        save_baseline(out, NAME, self.ema, network, settings["view"], settings, atomic_write)
        latents = self.latents(SHOWN, torch.Generator().manual_seed(0))  # the same individuals in every grid
        with torch.no_grad():
            atomic_write(out / f"sample-{epoch:05d}.png", grid(self.ema(latents)))
        return {"epoch": epoch}


def _update(adam: torch.optim.Adam, loss: Tensor) -> None:
    adam.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    adam.step()
