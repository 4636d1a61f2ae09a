"""The skin network: log light of a palm at rest from its crease maps and the place on the palm."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from denoising_diffusion_pytorch import Unet
from torch import Tensor, nn
from torch.nn import functional

from palm_models.engines.base import CheckpointError
from palm_models.engines.checkpoint import (
    CONFIG,
    FORMAT,
    Write,
    open_checkpoint,
    read_tensors,
    write_checkpoint,
)

PATCH = 4  # pixel-unshuffling: a level works on cells of 4 × 4 px
LINES, PLACE = 2, 2  # channels of the condition: coarse and fine crease map; x and y on the palm


@dataclass(frozen=True)
class SkinSpec:
    """Everything that determines the shape of the network."""

    dim: int = 32  # channels of the top level
    mults: tuple[int, ...] = (1, 2, 3, 4)  # channels of each level, in `dim`

    def __post_init__(self) -> None:
        if not (8 <= self.dim <= 256 and self.dim % 4 == 0):
            raise ValueError(f"dim {self.dim} must be a multiple of 4 in 8..256")
        if not (1 <= len(self.mults) <= 5 and all(1 <= m <= 8 for m in self.mults)):
            raise ValueError(f"mults {self.mults} must be 1..5 factors of 1..8")


class _NoAttention(nn.Module):
    """Stands where the U-Net attends to the whole picture: skin is learned from parts of palms."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(())


class SkinNetwork(nn.Module):
    """Predicts clean skin from noisy skin, at any size that is a multiple of 4 · 2^(levels - 1)."""

    def __init__(self, spec: SkinSpec) -> None:
        super().__init__()
        self.spec = spec
        cells = PATCH * PATCH
        channels = cells * (1 + LINES) + PLACE
        self.unet = Unet(spec.dim, channels=channels, out_dim=cells, dim_mults=spec.mults)
        for level in [*self.unet.downs, *self.unet.ups]:
            level[2] = _NoAttention()
        self.unet.mid_attn = _NoAttention()

    def forward(self, noisy: Tensor, lines: Tensor, place: Tensor, time: Tensor) -> Tensor:
        """Noisy (b, 1, s, s), lines and place (b, 2, s, s), time (b,) -> clean (b, 1, s, s)."""
        x = [functional.pixel_unshuffle(noisy, PATCH), functional.pixel_unshuffle(lines, PATCH)]
        x.append(functional.avg_pool2d(place, PATCH))
        clean: Tensor = functional.pixel_shuffle(self.unet(torch.cat(x, 1), time * 1000), PATCH)
        return clean


@dataclass(frozen=True)
class SkinWeights:
    """A trained network, and the spread of log light that it calls 1."""

    network: SkinNetwork
    scale: float
    digest: str  # sha256 of config and weights


def save_skin(
    folder: Path, network: SkinNetwork, scale: float, training: dict[str, Any], write: Write
) -> None:
    """Write a checkpoint of the engine, weights as float16."""
    config = {"engine": "refined", "network": asdict(network.spec), "scale": scale, "training": training}
    write_checkpoint(folder, network, config, torch.float16, write)


def load_skin(folder: Path) -> SkinWeights:
    """The network of a checkpoint folder, on the CPU, in evaluation mode.

    Raises CheckpointError for a file that is missing, torn, or does not fit its config.
    """
    config, digest = open_checkpoint(folder, "refined")
    try:
        shape = dict(config["network"])
        spec = SkinSpec(int(shape["dim"]), tuple(int(m) for m in shape["mults"]))
        scale = float(config["scale"])
        if not 0 < scale < 10:
            raise ValueError(f"scale {scale}")
    except (ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{folder / CONFIG} is not a config of format {FORMAT}: {error}; train again or copy it again"
        ) from error
    network = SkinNetwork(spec)
    network.load_state_dict(read_tensors(folder, network), strict=True)
    return SkinWeights(network.eval().requires_grad_(False), scale, digest)
