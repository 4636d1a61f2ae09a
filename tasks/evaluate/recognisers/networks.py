"""The networks that learn: palms as grey squares go in, vectors come out, not normalised."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock

from palm_models.measure.encoder import EncoderConfig
from palm_models.measure.palmnet import PalmNet
from tasks.evaluate.recognisers.kind import Settings

DIRECTIONS, STEP = 9, 4  # of the competing filters; px between the points where they compete


class Standardised(nn.Module):
    """Takes exposure and contrast out of each picture before the network sees it."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, grey: Tensor) -> Tensor:
        """(n, 1, size, size) in [0, 1] -> (n, dim)."""
        mean, sd = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
        return torch.as_tensor(self.net((grey - mean) / (sd + 0.02)))


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


def _head(channels: int, grid: int, dim: int, dropout: float) -> list[nn.Module]:
    """Flattened, not pooled: aligned palms carry identity in where a line lies."""
    return [nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels * grid * grid, dim), nn.BatchNorm1d(dim)]


def palmnet(s: Settings) -> nn.Module:
    """The network of the shipped palm encoder, of any width."""
    return PalmNet(EncoderConfig(size=s.size, width=s.width, dim=s.dim))


class _Competition(nn.Module):
    """Learned Gabor filters of one scale in nine directions; at each point they compete."""

    def __init__(self, cells: int, wave: float, spread: float, channels: int) -> None:
        super().__init__()
        self.cells = cells
        self.wave, self.spread = nn.Parameter(torch.tensor(wave)), nn.Parameter(torch.tensor(spread))
        self.length, self.sharp = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(1.0))
        self.after = nn.Sequential(
            *_conv(DIRECTIONS, channels, 5, 2), nn.ReLU(), *_conv(channels, channels, 3), nn.ReLU()
        )

    def forward(self, folded: Tensor) -> Tensor:
        """(n, STEP², s, s) -> (n, channels, s/2, s/2)."""
        bank = F.pixel_unshuffle(self.filters(), STEP)
        answers = F.conv2d(folded, bank.to(folded.dtype), padding=self.cells // 2)
        return torch.as_tensor(self.after(torch.softmax(-self.sharp * answers, 1)))  # dark lines win

    def filters(self) -> Tensor:
        """(9, 1, side, side), zero mean and unit length; the side is a whole number of STEPs."""
        side, at = self.cells * STEP, self.wave.device
        line = torch.arange(side, dtype=torch.float32, device=at) - (side - 1) / 2
        y, x = line[:, None], line[None, :]
        angle = torch.arange(DIRECTIONS, device=at)[:, None, None] * torch.pi / DIRECTIONS
        u, v = x * angle.cos() + y * angle.sin(), -x * angle.sin() + y * angle.cos()
        envelope = torch.exp(-(u**2 + (v / self.length) ** 2) / (2 * self.spread**2))
        bank = envelope * torch.cos(2 * torch.pi * u / self.wave)
        bank = bank - envelope * (bank.sum((1, 2)) / envelope.sum((1, 2)))[:, None, None]
        return torch.as_tensor(bank / bank.flatten(1).norm(dim=1)[:, None, None])[:, None]


class CompetitionNet(nn.Module):
    """Gabor competition at three scales, then one matrix: little to learn, and what it learns is lines."""

    def __init__(self, s: Settings) -> None:
        super().__init__()
        scales = ((9, 14.0, 5.0), (5, 7.5, 2.8), (3, 4.0, 1.6))  # cells a side, px of wave, px of spread
        self.scales = nn.ModuleList([_Competition(*scale, s.width) for scale in scales])
        self.thin = nn.Sequential(*_conv(len(scales) * s.width, 32, 3, 2), nn.ReLU())
        self.head = nn.Sequential(*_head(32, -(-s.size // STEP // 2 // 2), s.dim, 0.25))

    def forward(self, grey: Tensor) -> Tensor:
        """(n, 1, size, size) standardised -> (n, dim)."""
        folded = F.pixel_unshuffle(grey, STEP).contiguous(memory_format=torch.channels_last)
        return torch.as_tensor(self.head(self.thin(torch.cat([scale(folded) for scale in self.scales], 1))))


def competition(s: Settings) -> nn.Module:
    """In the manner of CompNet."""
    return Standardised(CompetitionNet(s))


class _PReLU(nn.Module):
    """PReLU as two ReLUs: torch's own goes back at a third of the speed on a CPU in bfloat16."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((1, channels, 1, 1), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return F.relu(x) - self.slope.to(x.dtype) * F.relu(-x)


class _Depthwise(nn.Conv2d):
    """A filter a channel; with a stride in float32: going back, bfloat16 takes four times as long."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__(channels, channels, 3, stride, 1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) -> (n, channels, h/stride, w/stride)."""
        if x.device.type != "cpu" or self.stride == (1, 1):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float())


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, wider: int) -> None:
        super().__init__()
        middle = inputs * wider
        self.adds = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            *_conv(inputs, middle, 1), _PReLU(middle),
            _Depthwise(middle, stride), nn.BatchNorm2d(middle), _PReLU(middle),
            *_conv(middle, outputs, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) -> (n, outputs, h/stride, w/stride)."""
        return torch.as_tensor(x + self.body(x) if self.adds else self.body(x))


def mobilefacenet(s: Settings) -> nn.Module:
    """Table 1 of the paper; `width` is its 64."""
    w = s.width
    layers: list[nn.Module] = [*_conv(1, w, 3, 2), _PReLU(w), _Depthwise(w, 1), nn.BatchNorm2d(w), _PReLU(w)]
    channels = w
    for wider, outputs, times, stride in (
        (2, w, 5, 2), (4, 2 * w, 1, 2), (2, 2 * w, 6, 1), (4, 2 * w, 1, 2), (2, 2 * w, 2, 1)
    ):  # fmt: skip
        for k in range(times):
            layers.append(_Bottleneck(channels, outputs, stride if k == 0 else 1, wider))
            channels = outputs
    last, grid = 8 * w, s.size // 16
    layers += [*_conv(channels, last, 1), _PReLU(last)]
    layers += [
        nn.Conv2d(last, last, grid, groups=last, bias=False),
        nn.BatchNorm2d(last),
    ]  # each place its weight
    layers += [nn.Flatten(), nn.Linear(last, s.dim, bias=False), nn.BatchNorm1d(s.dim)]
    return Standardised(nn.Sequential(*layers))


def resnet18(s: Settings) -> nn.Module:
    """Table 1 of the paper: a stem of 7 × 7 and a pool, four stages of two blocks; `width` is its 64."""
    layers: list[nn.Module] = [*_conv(1, s.width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = s.width
    for k in range(4):
        outputs, stride = s.width * 2**k, 1 if k == 0 else 2
        shortcut = nn.Sequential(*_conv(channels, outputs, 1, stride)) if channels != outputs else None
        layers += [BasicBlock(channels, outputs, stride, shortcut), BasicBlock(outputs, outputs)]
        channels = outputs
    return Standardised(nn.Sequential(*layers, *_head(channels, -(-s.size // 32), s.dim, 0.2)))
