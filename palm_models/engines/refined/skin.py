"""Skin of one palm, drawn once by the network: its log light, in the frame of view palm at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palm_models.atlas.atlas import PALM, line_layers, principal_creases
from palm_models.atlas.identity import Identity
from palm_models.atlas.outline import REAL
from palm_models.engines.diffusion.extractor import line_maps
from palm_models.engines.diffusion.sampler import multistep
from palm_models.engines.refined.network import SkinWeights
from palm_models.engines.threads import one_thread
from palm_models.hand.frame import frame_matrix
from palm_models.hand.skeleton import landmarks, rest
from palm_models.render.surface import Canvas
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
SIDE = 384  # px of the frame that the network draws
SHIFT = 5.0  # how much closer together its steps lie near the noise, where light and shade are decided
TOLD = (0.2, 0.5)  # share of a line's strength below which the network is not told of it, by identity
GREY, DARK = 190.0, (0.42, 0.12)  # level of bare skin in the sketch; log darkness of creases and of lines


def frame(identity: Identity) -> NDArray[np.float64]:
    """Similarity (2, 3) from resting coordinates in palm widths to pixels of the network's frame."""
    return frame_matrix(landmarks(rest(identity.scalars(), REAL)), "palm", SIDE)


def sketch(identity: Identity) -> NDArray[np.uint8]:
    """The palm's creases and wrinkles drawn grey in the frame (SIDE, SIDE): what the extractor is shown."""
    at = frame(identity)
    density = float(np.hypot(*at[:, 0]))
    x0, y0, x1, y1 = PALM
    canvas = Canvas((int((y1 - y0) * density), int((x1 - x0) * density)), (x0, y0), density)
    creases, lines = principal_creases(identity, canvas), line_layers(identity, canvas).max(axis=2)
    dark = DARK[0] * np.clip(creases, 0, 2.5) + DARK[1] * np.clip(lines, 0, 2.5)
    drawn = np.asarray(GREY * np.exp(-dark), np.float32)
    there = from_canvas(identity, canvas.origin, density)
    moved = cv2.warpAffine(drawn, there, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(moved + 0.5).astype(np.uint8)


def from_canvas(identity: Identity, origin: tuple[float, float], density: float) -> NDArray[np.float64]:
    """Similarity (2, 3) from pixels of a canvas at `origin`, `density` a palm width, to the frame."""
    at = frame(identity)
    return np.hstack([at[:, :2] / density, (at[:, :2] @ np.array(origin) + at[:, 2])[:, None]])


@dataclass(frozen=True)
class Start:
    """What the network begins an identity's palm with."""

    lines: Float  # (2, SIDE, SIDE) coarse and fine crease map, [0, 1]
    noise: Float  # (1, SIDE, SIDE) standard normal


def start(identity: Identity) -> Start:
    """The creases that the network is told of, and its noise: a function of the identity alone."""
    rng = generator(identity.texture_seed, Draw.REFINED_SKIN)
    least = rng.uniform(*TOLD)
    lines = ((line_maps(sketch(identity)) - least) / (1 - least)).clip(0, 1)
    return Start(np.asarray(lines, np.float32), rng.standard_normal((1, SIDE, SIDE), np.float32))


def tone(identity: Identity, weights: SkinWeights, steps: int, device: str = "cpu") -> Float:
    """Log light (SIDE, SIDE) of an identity's palm about its median."""
    with one_thread():
        return np.asarray(tones([start(identity)], weights, steps, device)[0])


@torch.inference_mode()
def tones(starts: Sequence[Start], weights: SkinWeights, steps: int, device: str) -> Float:
    """Log light (n, SIDE, SIDE) about the median of each, drawn side by side."""
    lines, noise = (
        torch.from_numpy(np.stack(parts)).to(device)
        for parts in zip(*((s.lines, s.noise) for s in starts), strict=True)
    )
    place = _place().expand(len(starts), -1, -1, -1).to(device)

    def denoise(noisy: Tensor, time: float) -> Tensor:
        there = noisy.contiguous(memory_format=torch.channels_last)
        clean: Tensor = weights.network(there, lines, place, torch.full((len(starts),), time, device=device))
        return clean.float()

    drawn = multistep(denoise, noise, times(steps))[:, 0].cpu().numpy() * weights.scale
    return np.asarray(drawn - np.median(drawn, axis=(1, 2), keepdims=True), np.float32)


def times(steps: int) -> list[float]:
    """`steps` + 1 falling times from noise to skin, closer near the noise (Esser et al. 2024, eq. 23)."""
    even = [1 - k / steps for k in range(steps + 1)]
    return [SHIFT * t / (1 + (SHIFT - 1) * t) for t in even]


@cache
def _place() -> Tensor:
    """x and y on the frame, -1 to 1 (1, 2, SIDE, SIDE)."""
    line = (torch.arange(SIDE) + 0.5) / SIDE * 2 - 1
    return torch.stack(torch.meshgrid(line, line, indexing="xy"))[None]
