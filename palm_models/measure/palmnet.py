"""Trains the palm encoder: the network with its augmentation and its margin loss (torch)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from palm_models.measure.encoder import Encoder, EncoderConfig, EncoderError

if TYPE_CHECKING:
    from pytorch_metric_learning.losses import ArcFaceLoss


@dataclass(frozen=True)
class Augmentation:
    """How far a recogniser's augmentation goes, uniformly up to each figure; 0 leaves a part out."""

    shift: float = 0.1  # of the side
    turn: float = 0.15  # radians
    zoom: float = 0.12
    stretch: float = 0.05
    bend: float = 0.035  # of half the side, at 5 x 5 points
    focus: float = 1.0  # 1: a blur over 5 px, and sharpened by 0.8 of what that takes away
    gain: float = 0.5  # stronger by that, weaker by 0.8 of it
    gamma: float = 0.7  # added to an exponent of 1; 4/7 of it taken away
    light: float = 0.15  # sd of a smooth light field, white 1
    noise: float = 0.05  # sd, white 1
    holes: float = 0.5  # share of pictures with a square cut out


@dataclass(frozen=True)
class Training:
    """One training budget; the same values and the same pictures give the same weights on one machine."""

    steps: int = 640
    batch: int = 64
    learning_rate: float = 3e-3  # peak of the one-cycle schedule
    weight_decay: float = 5e-2
    margin: float = 0.3  # radians, additive angular margin (ArcFace, Deng et al. 2019)
    scale: float = 24.0  # of the cosines
    augment: Augmentation | None = Augmentation()
    seed: int = 0


def _conv(inputs: int, outputs: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU())


class _Residual(nn.Module):
    def __init__(self, channels: int, middle: int) -> None:
        super().__init__()
        tail = nn.Conv2d(middle, channels, 3, 1, 1, bias=False)
        self.body = nn.Sequential(_conv(channels, middle), tail, nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Channels and size stay."""
        return torch.relu(x + self.body(x))


class PalmNet(nn.Module):
    """(n, 1, size, size) grey in [0, 1] -> (n, dim), not normalised; size/16 is the last grid's side.

    The last grid is flattened, not pooled: aligned palms carry identity in where a crease lies.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        w, grid = config.width, config.size // 16
        self.body = nn.Sequential(
            nn.PixelUnshuffle(2),
            _conv(4, w, 2, 5),
            _conv(w, 2 * w, 2),
            _Residual(2 * w, 2 * w),
            _conv(2 * w, 4 * w, 2),
            _Residual(4 * w, 2 * w),
            _conv(4 * w, w, 1, 1),
        )
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(w * grid * grid, config.dim), nn.BatchNorm1d(config.dim)
        )

    def forward(self, grey: Tensor) -> Tensor:
        """Each picture is standardised first, so that exposure and contrast do not reach the network."""
        mean, sd = grey.mean((2, 3), keepdim=True), grey.std((2, 3), keepdim=True)
        out: Tensor = self.head(self.body((grey - mean) / (sd + 0.02)))
        return out


def _smooth(coarse: Tensor, size: int) -> Tensor:
    """Bicubic enlargement (n, c, k, k) -> (n, c, size, size), as two small matrix products."""
    k = coarse.shape[-1]
    eye = torch.eye(k, device=coarse.device)[None, None]
    basis = F.interpolate(eye, (size, k), mode="bicubic", align_corners=True)[0, 0]
    return basis @ coarse @ basis.T


def _blur(x: Tensor) -> Tensor:
    """Mean over 5 x 5 px, the border repeated; far cheaper than pooling on a CPU."""
    for axis in (2, 3):
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
        padded = torch.cat([first, first, x, last, last], axis)
        x = torch.stack([padded.narrow(axis, k, x.shape[axis]) for k in range(5)]).mean(0)
    return x


def augment(grey: Tensor, rng: torch.Generator, far: Augmentation) -> Tensor:
    """Recogniser augmentation of (n, 1, s, s) in [0, 1]: pose, warp, focus, light, noise, holes.

    `rng` lives where `grey` does: on the CPU, or on a GPU, which draws other numbers.
    """
    n, size, where = len(grey), grey.shape[-1], grey.device

    def u(low: float, high: float) -> Tensor:
        return torch.rand(n, 1, 1, 1, generator=rng, device=where) * (high - low) + low

    def z(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=rng, device=where)

    angle = u(-far.turn, far.turn).reshape(n)
    zoom, stretch = (u(1 - a, 1 + a).reshape(n) for a in (far.zoom, far.stretch))
    cos, sin = angle.cos(), angle.sin()
    shift = torch.rand(n, 2, generator=rng, device=where) * 2 * far.shift - far.shift
    rows = [torch.stack([cos * zoom * stretch, -sin * zoom, shift[:, 0]], 1)]
    rows.append(torch.stack([sin * zoom, cos * zoom / stretch, shift[:, 1]], 1))
    grid = F.affine_grid(torch.stack(rows, 1), [n, 1, size, size], align_corners=False)
    bend = _smooth(z(n, 2, 5, 5) * u(0.0, far.bend), size)
    out = F.grid_sample(grey, grid + bend.permute(0, 2, 3, 1), padding_mode="reflection", align_corners=False)
    out = torch.lerp(out, _blur(out), u(-0.8 * far.focus, far.focus))
    light = _smooth(z(n, 1, 3, 3), size)
    out = out * u(1 - 0.8 * far.gain, 1 + far.gain) + light * u(0.0, far.light)
    out = out.clamp(1e-3, 1).pow(u(1 - 4 / 7 * far.gamma, 1 + far.gamma))
    out = out + z(*out.shape) * u(0.0, far.noise)
    corner, place = u(0.1, 0.3), torch.rand(n, 2, 1, 1, generator=rng, device=where)
    line = torch.linspace(0, 1, size, device=where)
    hole = ((line[None, None, :, None] - place[:, :1]).abs() < corner / 2) & (
        (line[None, None, None, :] - place[:, 1:]).abs() < corner / 2
    )
    return torch.where(hole & (u(0, 1) < far.holes), out.mean((2, 3), keepdim=True), out)


def train(
    grey: NDArray[np.uint8],
    labels: NDArray[np.integer],
    plan: Training,
    config: EncoderConfig | None = None,
    report: Callable[[int, float], None] | None = None,
    start: Encoder | None = None,
) -> Encoder:
    """Train on grey (n, size, size) with integer labels of any values; `report(step, loss)` hears every 50th.

    `start` is an encoder of the same configuration whose training goes on. Raises EncoderError when there are
    fewer than two identities, the size is not the network's or `start` is another network.
    """
    from pytorch_metric_learning.losses import ArcFaceLoss  # seconds to import, and only training needs it

    config = config or EncoderConfig()
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise EncoderError("training needs at least two identities: give a set with more labels")
    if grey.shape[1:] != (config.size, config.size):
        raise EncoderError(
            f"pictures are {grey.shape[1:]}, the network wants {config.size} px: use to_grey()"
        )
    if start and start.config != config:
        raise EncoderError(f"the training cannot go on: the encoder is {start.config}, asked for is {config}")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)  # initial weights and dropout
        net = PalmNet(config).to(memory_format=torch.channels_last)
        if start:
            net.load_state_dict({name: torch.tensor(value) for name, value in start.weights.items()})
        arcface = ArcFaceLoss(len(classes), config.dim, margin=0.0, scale=plan.scale)
        _fit(net, arcface, torch.from_numpy(grey), torch.from_numpy(index), plan, report)
    return Encoder({k: v.numpy() for k, v in net.state_dict().items()}, config)


def _fit(
    net: PalmNet,
    arcface: "ArcFaceLoss",
    grey: Tensor,
    index: Tensor,
    plan: Training,
    report: Callable[[int, float], None] | None,
) -> None:
    rng = torch.Generator().manual_seed(plan.seed)
    groups: list[dict[str, Any]] = [
        {"params": net.parameters()},
        {"params": arcface.parameters(), "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, plan.learning_rate, weight_decay=plan.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.learning_rate, plan.steps, pct_start=0.2)
    order = torch.empty(0, dtype=torch.long)
    net.train()
    for step in range(plan.steps):
        if len(order) < plan.batch:  # a new epoch begins before the old one's remainder is lost
            order = torch.cat([order, torch.randperm(len(grey), generator=rng)])
        take, order = order[: plan.batch], order[plan.batch :]
        x = grey[take][:, None].float() / 255
        x = augment(x, rng, plan.augment) if plan.augment else x
        features = net(x.contiguous(memory_format=torch.channels_last))
        arcface.margin = plan.margin * min(1.0, 3 * step / plan.steps)  # full from the start can collapse
        loss: Tensor = arcface(features, index[take])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimizer.step()
        schedule.step()
        if report and step % 50 == 49:
            report(step + 1, loss.item())
