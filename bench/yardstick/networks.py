"""Networks that turn a grey palm into a vector, each made for a side in pixels."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from palm_models.measure.encoder import EncoderConfig
from palm_models.measure.palmnet import PalmNet
from tasks.evaluate.recognisers.kind import Settings
from tasks.evaluate.recognisers.networks import Standardised, competition


def palmnet(width: int) -> Callable[[int], nn.Module]:
    """The network of the palm encoder, narrower: its last grid is flattened, so place is kept."""
    return lambda size: PalmNet(EncoderConfig(size=size, width=width))


class _Block(nn.Module):
    """Nine learnable Gabor filters of one scale compete at each point (Liang et al. 2021, section III)."""

    sigma: Tensor
    wave: Tensor
    gamma: Tensor
    gain: Tensor
    shift: Tensor

    def __init__(self, side: int, scale: float) -> None:
        super().__init__()
        self.side = side
        first = {"sigma": 9.2 * scale, "wave": 0.057 / scale, "gamma": 2.0, "gain": 1.0, "shift": 0.0}
        for name, value in first.items():
            self.register_parameter(name, nn.Parameter(torch.tensor(value)))
        self.after = nn.Sequential(nn.Conv2d(9, 32, 5), nn.MaxPool2d(2, 2), nn.Conv2d(32, 12, 1))

    def forward(self, grey: Tensor) -> Tensor:
        """(n, 1, s, s) -> (n, 12, g, g)."""
        half = self.side // 2
        line = torch.arange(-half, half + 1, dtype=torch.float32, device=grey.device)
        y, x = line[:, None], line[None, :]
        angle = torch.arange(9, device=grey.device)[:, None, None] * torch.pi / 9
        u, v = x * angle.cos() + y * angle.sin(), -x * angle.sin() + y * angle.cos()
        bank = -torch.exp(-(u**2 + (self.gamma * v) ** 2) / (16 * self.sigma**2))  # dark lines win
        bank = bank * torch.cos(2 * torch.pi * self.wave * v)
        bank = (bank - bank.mean((1, 2), keepdim=True))[:, None]
        answers = nn.functional.conv2d(grey, bank.to(grey.dtype), stride=3, padding=half)
        return torch.as_tensor(self.after(torch.softmax((answers - self.shift) * self.gain, 1)))


class CompNet(nn.Module):
    """Competition at three scales and one matrix, as published: 128 px, 512 numbers."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scales = nn.ModuleList([_Block(35, 1.0), _Block(17, 0.5), _Block(7, 0.25)])
        grid = (-(-size // 3) - 4) // 2
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.25), nn.Linear(3 * 12 * grid * grid, 512), nn.BatchNorm1d(512)
        )

    def forward(self, grey: Tensor) -> Tensor:
        """(n, 1, size, size) standardised -> (n, 512)."""
        return torch.as_tensor(self.head(torch.cat([scale(grey) for scale in self.scales], 1)))


NETWORKS: dict[str, tuple[Callable[[int], nn.Module], int]] = {
    "competition": (lambda size: competition(Settings(size=size, width=8, dim=256)), 256),
    "compnet": (lambda size: Standardised(CompNet(size)), 512),
    "palmnet16": (palmnet(16), 192),
    "palmnet32": (palmnet(32), 192),
}
