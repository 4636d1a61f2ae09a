"""The noising process: rectified flow, with the clean picture predicted."""

import torch
from torch import Tensor

from palm_models.engines.diffusion.network import Denoiser

EARLIEST = 0.07  # time below which the loss stops growing: there the eye sees no noise
MIDDLE = -0.5  # logit of the median training time: sampling starts half way, from a rendering


def noisy(clean: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Straight path from picture to noise: (1 - t) x + t n (Liu et al. 2023, https://arxiv.org/abs/2209.03003)."""
    t = time[:, None, None, None]
    return (1 - t) * clean + t * noise


def draw_times(count: int, generator: torch.Generator) -> Tensor:
    """Training times (count,) in (0, 1): logit-normal (Esser et al. 2024, https://arxiv.org/abs/2403.03206)."""
    return torch.sigmoid(MIDDLE + torch.randn(count, generator=generator))


def loss(network: Denoiser, clean: Tensor, packed: Tensor, noise: Tensor, time: Tensor) -> Tensor:
    """Error of the velocity (n - x) when the network predicts x: |x' - x|² / t², mean over the batch.

    Predicting x keeps a narrow network from having to carry the noise through (Li & He 2025,
    https://arxiv.org/abs/2511.13720).
    """
    guess = network(noisy(clean, noise, time), packed, time)
    weight = time.clamp(min=EARLIEST) ** -2
    error: Tensor = (guess - clean).square().mean((1, 2, 3))
    return (error * weight).mean()
