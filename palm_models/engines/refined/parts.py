"""What the skin network learns from: parts of photographed palms, moved, bent and told more or less of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from palm_models.engines.checkpoint import TrainingError
from palm_models.engines.diffusion.extractor import line_maps
from palm_models.engines.diffusion.pairs import Photo
from palm_models.engines.refined.skin import SIDE

Float = NDArray[np.float32]
GAMMA, DARKEST = 2.2, 0.01  # of sRGB, about; light below which dark is dark
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
ZOOM, TURN = (0.85, 1.18), 0.14  # factors of size; sd of the turn, radians
BENDS = ((5, 0.045), (9, 0.012))  # points a side of a bending field, and up to which sd, in half sides
CONTRAST = (0.75, 1.3)
UNTOLD = 0.55  # up to which strength lines are not told of
WITHOUT_FINE = 2.5  # times as many parts without fine lines as without any
MIDDLE, SPREAD, EVEN = 0.2, 1.1, 0.1  # of the logit of the training times, and the share drawn evenly


@dataclass(frozen=True)
class Part:
    """Parts of palms: clean skin (n, 1, s, s) of about unit spread, lines and place (n, 2, s, s)."""

    clean: Tensor
    lines: Tensor
    place: Tensor


def log_light(picture: NDArray[np.uint8]) -> Float:
    """Log of the linear light of an RGB picture (h, w, 3), about its median."""
    light = np.log((picture.astype(np.float32) / 255) ** GAMMA @ LUMINANCE + np.float32(DARKEST))
    return np.asarray(light - np.median(light), np.float32)


def palms(photos: Sequence[Photo], hands: Sequence[str]) -> tuple[Tensor, float]:
    """Skin, coarse and fine lines of every view palm (k, 3, SIDE, SIDE), and what skin is divided by.

    Left hands are mirrored: the network draws right ones. Raises TrainingError without a view palm.
    """
    stack = []
    for photo, hand in zip(photos, hands, strict=True):
        if photo.view != "palm":
            continue
        picture = photo.picture[:, ::-1] if hand == "left" else photo.picture
        picture = np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
        stack.append(np.concatenate([log_light(picture)[None], line_maps(picture)]))
    if not stack:
        raise TrainingError(
            "the skin network learns from view palm: align photographs with it in align.views"
        )
    all_ = np.stack(stack)
    scale = float(all_[:, 0].std())
    all_[:, 0] /= scale
    return torch.from_numpy(all_), scale


def draw_parts(stack: Tensor, count: int, side: int, dropout: float, rng: torch.Generator) -> Part:
    """`count` random parts of `side` px; `rng` lives on the CPU, the work is done where `stack` lies."""
    where = stack.device

    def u(low: float, high: float) -> Tensor:
        return (torch.rand(count, generator=rng) * (high - low) + low).to(where)

    chosen = torch.randint(len(stack), (count,), generator=rng).to(where)
    share = side / SIDE * torch.exp(u(math.log(ZOOM[0]), math.log(ZOOM[1])))
    turn = (torch.randn(count, generator=rng) * TURN).to(where)
    room = (1.04 - share).clamp(min=0)  # a little beyond the frame: atlases are read there too
    x, y = u(-1, 1) * room, u(-1, 1) * room
    rows = [torch.stack([share * turn.cos(), -share * turn.sin(), x], 1)]
    rows.append(torch.stack([share * turn.sin(), share * turn.cos(), y], 1))
    grid = functional.affine_grid(torch.stack(rows, 1), [count, 1, side, side], align_corners=False)
    for points, most in BENDS:
        field = (
            torch.randn(count, 2, points, points, generator=rng).to(where) * u(0, most)[:, None, None, None]
        )
        bend = functional.interpolate(field, (side, side), mode="bicubic", align_corners=True)
        grid = grid + bend.permute(0, 2, 3, 1)
    moved = functional.grid_sample(stack[chosen], grid, padding_mode="reflection", align_corners=False)
    least = u(0, UNTOLD)[:, None, None, None]
    lines = ((moved[:, 1:] - least) / (1 - least)).clamp(0, 1)
    none, no_fine = (
        torch.rand(2, count, generator=rng) < torch.tensor([[dropout], [WITHOUT_FINE * dropout]])
    ).to(where)
    untold = torch.stack([none, none | no_fine], 1)[:, :, None, None]
    clean = moved[:, :1] * u(*CONTRAST)[:, None, None, None]
    return Part(clean, lines * ~untold, grid.permute(0, 3, 1, 2).contiguous())


def draw_times(count: int, rng: torch.Generator) -> Tensor:
    """Training times (count,) in (0, 1]: logit-normal (Esser et al. 2024), and some anywhere."""
    usual = torch.sigmoid(MIDDLE + SPREAD * torch.randn(count, generator=rng))
    anywhere, even = torch.rand(2, count, generator=rng)
    return torch.where(anywhere < EVEN, even, usual).clamp(1e-3, 1)
