"""The denoising network: the U-Net of denoising-diffusion-pytorch on pixel-unshuffled pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from denoising_diffusion_pytorch import Unet
from torch import Tensor, nn
from torch.nn import functional

from palm_models.engines.diffusion.condition import Condition

PATCH = 4  # pixel-unshuffling: 128 × 128 × 3 becomes 32 × 32 × 48
LINES, BONES, COLOURS, VIEW = 2 * PATCH * PATCH, 1, 3, 1  # channels of the condition


@dataclass(frozen=True)
class NetworkSpec:
    """Everything that determines the shape of the network."""

    size: int = 128  # side of the pictures, px
    dim: int = 64  # channels of the top level
    mults: tuple[int, ...] = (1, 2, 3)  # channels of each level, in `dim`
    heads: int = 4  # of the attention at the lowest level

    def __post_init__(self) -> None:
        if not (16 <= self.size <= 1024 and self.size % (PATCH * 2 ** (len(self.mults) - 1)) == 0):
            raise ValueError(
                f"network size {self.size} must be a multiple of {PATCH * 2 ** (len(self.mults) - 1)}"
            )
        if not (8 <= self.dim <= 512 and self.dim % 4 == 0 and 1 <= self.heads <= 16):
            raise ValueError(
                f"network dim {self.dim} must be a multiple of 4 in 8..512 and heads {self.heads} in 1..16"
            )
        if not (1 <= len(self.mults) <= 5 and all(1 <= m <= 8 for m in self.mults)):
            raise ValueError(f"network mults {self.mults} must be 1..5 factors of 1..8")


class _NoAttention(nn.Module):
    """Stands where the U-Net adds linear attention, which costs a fifth of the time and is not missed."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


class Denoiser(nn.Module):
    """Predicts the clean detail of a picture from a noisy one and its condition."""

    def __init__(self, spec: NetworkSpec) -> None:
        super().__init__()
        self.spec = spec
        picture = 3 * PATCH * PATCH
        channels = picture + LINES + BONES + COLOURS + VIEW
        self.unet = Unet(
            spec.dim, channels=channels, out_dim=picture, dim_mults=spec.mults, attn_heads=spec.heads
        )
        for level in list(self.unet.downs)[:-1] + list(self.unet.ups)[1:]:
            level[2] = _NoAttention()

    def forward(self, noisy: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """Noisy detail (b, 3, s, s), packed condition (b, c, s/4, s/4), time (b,) -> clean detail."""
        x = torch.cat([functional.pixel_unshuffle(noisy, PATCH), condition], 1)
        clean: Tensor = functional.pixel_shuffle(self.unet(x, time * 1000), PATCH)
        return clean


def pack(conditions: Sequence[Condition]) -> Tensor:
    """Conditions as the network takes them, float32 (b, c, s/4, s/4); the first channels are the lines."""
    lines = torch.from_numpy(np.stack([c.lines for c in conditions]))
    bones = torch.from_numpy(np.stack([c.bones for c in conditions]))
    thumbs = torch.from_numpy(np.stack([c.thumbnail for c in conditions])).permute(0, 3, 1, 2) * 2 - 1
    colours = functional.interpolate(thumbs, bones.shape[-2:], mode="bilinear", align_corners=False)
    hand = torch.tensor([1.0 if c.view == "hand" else 0.0 for c in conditions])[:, None, None, None]
    return torch.cat([functional.pixel_unshuffle(lines, PATCH), bones, colours, hand.expand_as(bones)], 1)


def without_lines(packed: Tensor, drop: Tensor, drop_fine: Tensor) -> Tensor:
    """Condition dropout: all lines, or the fine ones, of the marked pictures (b,) taken away."""
    coarse, fine, rest = packed[:, : LINES // 2], packed[:, LINES // 2 : LINES], packed[:, LINES:]
    keep, keep_fine = ((~d)[:, None, None, None].to(packed.dtype) for d in (drop, drop | drop_fine))
    return torch.cat([coarse * keep, fine * keep_fine, rest], 1)
