"""The unconditional diffusion of denoising-diffusion-pytorch, with every noise drawn from a recorded seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import torch
from denoising_diffusion_pytorch import GaussianDiffusion, Unet
from torch import Tensor


@dataclass(frozen=True)
class DdpmSpec:
    """Everything that determines the network and its noising process."""

    size: int = 128  # side of the pictures, px
    dim: int = 64  # channels of the top level
    mults: tuple[int, ...] = (1, 2, 4, 8)  # channels of each level, in `dim`
    timesteps: int = 1000
    objective: str = "pred_noise"  # or pred_v, pred_x0: what the network predicts
    schedule: str = "sigmoid"  # or cosine, linear: how the noise grows

    def __post_init__(self) -> None:
        if not (8 <= self.dim <= 512 and self.dim % 8 == 0 and 1 <= len(self.mults) <= 6):
            raise ValueError(
                f"dim {self.dim} must be a multiple of 8 in 8..512 and mults {self.mults} 1 to 6"
            )
        step = 2 ** (len(self.mults) - 1)
        if not (8 <= self.size <= 1024 and self.size % step == 0 and 2 <= self.timesteps <= 10_000):
            raise ValueError(
                f"size {self.size} must be a multiple of {step}, timesteps {self.timesteps} 2..10000"
            )


def build(spec: DdpmSpec, sampling_steps: int = 0) -> GaussianDiffusion:
    """The diffusion with fresh weights; `sampling_steps` below `timesteps`: by DDIM; 0: all of them."""
    return GaussianDiffusion(
        Unet(dim=spec.dim, dim_mults=spec.mults, channels=3),
        image_size=spec.size,
        timesteps=spec.timesteps,
        sampling_timesteps=min(sampling_steps, spec.timesteps) or spec.timesteps,
        objective=spec.objective,
        beta_schedule=spec.schedule,
    )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """The library's samplers draw from torch's global generator: inside, it starts at `seed`."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@torch.inference_mode()
def sample(diffusion: GaussianDiffusion, seed: int, count: int = 1) -> Tensor:
    """Pictures (count, 3, s, s) in [-1, 1] from the noise of `seed`: those of the library's own `sample`."""
    with seeded(seed, diffusion.device):
        noise = torch.randn((count, 3, *diffusion.image_size), device=diffusion.device)
        return denoise(diffusion, noise, diffusion.num_timesteps - 1)


@torch.inference_mode()
def renoise(diffusion: GaussianDiffusion, picture: Tensor, share: float, seed: int) -> Tensor:
    """Variation by noise: `picture` in [-1, 1], noised to `share` of the levels and drawn anew (SDEdit).

    Meng et al. 2021, https://arxiv.org/abs/2108.01073; share 0 returns the picture, 1 forgets it.
    """
    last = round(share * diffusion.num_timesteps) - 1
    if last < 0:
        return picture
    with seeded(seed, diffusion.device):
        level = torch.full((len(picture),), last, device=diffusion.device)
        noisy = diffusion.q_sample(picture, level, torch.randn_like(picture))
        return denoise(diffusion, noisy, last)


def denoise(diffusion: GaussianDiffusion, noisy: Tensor, last: int) -> Tensor:
    """From noise level `last` (0 … timesteps - 1) to a picture, by the diffusion's own steps."""
    if not diffusion.is_ddim_sampling:
        for level in range(last, -1, -1):
            noisy, _ = diffusion.p_sample(noisy, level)
        return noisy
    grid = torch.linspace(-1, diffusion.num_timesteps - 1, diffusion.sampling_timesteps + 1).int().tolist()
    levels = [last, *(level for level in reversed(grid) if level < last)]
    for level, following in pairwise(levels):
        noisy = _ddim(diffusion, noisy, level, following)
    return noisy


def _ddim(diffusion: GaussianDiffusion, noisy: Tensor, level: int, following: int) -> Tensor:
    """One deterministic step (Song et al. 2020, https://arxiv.org/abs/2010.02502, equation 12 with σ = 0)."""
    at = torch.full((len(noisy),), level, device=noisy.device)
    noise, clean, *_ = diffusion.model_predictions(noisy, at, clip_x_start=True, rederive_pred_noise=True)
    if following < 0:
        return torch.as_tensor(clean)
    kept = diffusion.alphas_cumprod[following]
    return torch.as_tensor(clean * kept.sqrt() + (1 - kept).sqrt() * noise)
