"""Small networks that turn a grey palm into a vector, each made for a side in pixels."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from palm_models.measure.encoder import EncoderConfig, PalmNet

DIRECTIONS, STEP = 9, 4  # of the filters; px between the points where they compete


class _Competition(nn.Module):
    """Learned Gabor filters of one scale in nine directions; at each point they compete (CompNet, 2021)."""

    def __init__(self, cells: int, wave: float, spread: float, channels: int) -> None:
        super().__init__()
        self.cells = cells
        self.wave, self.spread = nn.Parameter(torch.tensor(wave)), nn.Parameter(torch.tensor(spread))
        self.length, self.sharp = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(1.0))
        self.after = nn.Sequential(
            nn.Conv2d(DIRECTIONS, channels, 5, 2, 2, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
        )  # fmt: skip

    def forward(self, folded: Tensor) -> Tensor:
        """(n, STEP², s, s) -> (n, channels, s/2, s/2)."""
        bank = F.pixel_unshuffle(self.filters(), STEP)
        answers = F.conv2d(folded, bank.to(folded.dtype), padding=self.cells // 2)
        return torch.as_tensor(self.after(torch.softmax(-self.sharp * answers, 1)))  # dark lines win

    def filters(self) -> Tensor:
        """(9, 1, side, side), zero mean and unit length; the side is a whole number of STEPs."""
        side = self.cells * STEP
        line = torch.arange(side, dtype=torch.float32) - (side - 1) / 2
        y, x = line[:, None], line[None, :]
        angle = torch.arange(DIRECTIONS)[:, None, None] * torch.pi / DIRECTIONS
        u, v = x * angle.cos() + y * angle.sin(), -x * angle.sin() + y * angle.cos()
        envelope = torch.exp(-(u**2 + (v / self.length) ** 2) / (2 * self.spread**2))
        bank = envelope * torch.cos(2 * torch.pi * u / self.wave)
        bank = bank - envelope * (bank.sum((1, 2)) / envelope.sum((1, 2)))[:, None, None]
        return torch.as_tensor(bank / bank.flatten(1).norm(dim=1)[:, None, None])[:, None]


class CompetitionNet(nn.Module):
    """Gabor competition at three scales, then one matrix: little to learn, and what it learns is lines."""

    def __init__(self, size: int, dim: int = 256, channels: int = 16) -> None:
        super().__init__()
        scales = ((9, 14.0, 5.0), (5, 7.5, 2.8), (3, 4.0, 1.6))  # cells a side, px of wave, px of spread
        self.scales = nn.ModuleList([_Competition(*scale, channels) for scale in scales])
        self.thin = nn.Sequential(
            nn.Conv2d(len(scales) * channels, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU()
        )
        grid = -(-size // STEP // 2 // 2)
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(32 * grid * grid, dim), nn.BatchNorm1d(dim)
        )

    def forward(self, grey: Tensor) -> Tensor:
        """(n, 1, size, size) grey in [0, 1] -> (n, dim), not normalised."""
        mean, sd = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
        folded = F.pixel_unshuffle((grey - mean) / (sd + 0.02), STEP)
        folded = folded.contiguous(memory_format=torch.channels_last)
        return torch.as_tensor(self.head(self.thin(torch.cat([scale(folded) for scale in self.scales], 1))))


def palmnet(width: int) -> Callable[[int], nn.Module]:
    """The network of the palm encoder, narrower: its last grid is flattened, so place is kept."""
    return lambda size: PalmNet(EncoderConfig(size=size, width=width))


NETWORKS: dict[str, tuple[Callable[[int], nn.Module], int]] = {
    "competition": (CompetitionNet, 256),
    "palmnet16": (palmnet(16), 192),
    "palmnet32": (palmnet(32), 192),
}
