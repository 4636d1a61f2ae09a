"""WGAN-GP: a transposed-convolution generator and an instance-norm critic, from 4 × 4 pixels up."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class WganSpec:
    """Everything that determines the shape of the networks."""

    size: int = 256  # side of the pictures, px; a power of two
    latent: int = 100
    width: int = 64  # channels at 64 × 64 px: 16 times as many at 4 × 4, half as many at 128 × 128

    def __post_init__(self) -> None:
        if not (16 <= self.size <= 1024 and self.size & (self.size - 1) == 0):
            raise ValueError(f"size {self.size} must be a power of two in 16..1024")
        if not (1 <= self.latent <= 4096 and 2 <= self.width <= 256):
            raise ValueError(f"latent {self.latent} must be in 1..4096 and width {self.width} in 2..256")

    @property
    def sides(self) -> list[int]:
        """4, 8, … up to half the picture's side."""
        return [4 << k for k in range(self.size.bit_length() - 3)]

    def channels(self, side: int) -> int:
        """Channels of the layer whose pictures have this side."""
        return max(1, 64 * self.width // side)


class Generator(nn.Module):
    """Latents (b, latent) -> pictures (b, 3, size, size) in [-1, 1]."""

    def __init__(self, spec: WganSpec) -> None:
        super().__init__()
        self.spec = spec
        before, layers = spec.latent, list[nn.Module]()
        for side in spec.sides:
            stride, padding = (1, 0) if side == 4 else (2, 1)
            after = spec.channels(side)
            layers.append(nn.ConvTranspose2d(before, after, 4, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.layers = nn.Sequential(*layers, nn.ConvTranspose2d(before, 3, 4, 2, 1), nn.Tanh())
        self.apply(_small)

    def forward(self, latents: Tensor) -> Tensor:
        """Pictures of the latents."""
        pictures: Tensor = self.layers(latents[:, :, None, None])
        return pictures


class Critic(nn.Module):
    """Pictures (b, 3, size, size) -> scores (b,), higher for photographs; each on its own."""

    def __init__(self, spec: WganSpec) -> None:
        super().__init__()
        sides = spec.sides[::-1]
        before = spec.channels(sides[0])
        layers: list[nn.Module] = [nn.Conv2d(3, before, 4, 2, 1), nn.LeakyReLU(0.2)]
        for side in sides[1:]:
            after = spec.channels(side)
            layers.append(nn.Conv2d(before, after, 4, 2, 1, bias=False))
            layers += [nn.InstanceNorm2d(after, affine=True), nn.LeakyReLU(0.2)]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, 1, 4))
        self.apply(_small)

    def forward(self, pictures: Tensor) -> Tensor:
        """Scores of the pictures."""
        scores: Tensor = self.layers(pictures).flatten()
        return scores


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """Mean squared deviation of the gradient's length from 1 between real and fake pictures.

    Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), equation 3; `mix` (b, 1, 1, 1) in [0, 1].
    """
    between = torch.lerp(fake, real, mix).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty: Tensor = (gradient.flatten(1).norm(dim=1) - 1).square().mean()
    return penalty


def _small(layer: nn.Module) -> None:
    """Radford et al. 2015: weights start at N(0, 0.02)."""
    if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, 0.0, 0.02)
