"""Diffusion engine: the rendered picture of an identity, noised half way and drawn anew as real skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from palm_models.camera import photograph
from palm_models.capture import Capture
from palm_models.checkpoint import load_checkpoint
from palm_models.condition import Condition, condition, ground, to_detail, to_picture
from palm_models.engine import Drawing
from palm_models.frame import View
from palm_models.identity import HANDS, Identity
from palm_models.network import pack, without_lines
from palm_models.renderer import scene
from palm_models.sampler import Denoise, guided, multistep, released, time_steps
from palm_models.shade import lay
from palm_models.surface import Surface, surface
from palm_models.warp import Warp, warp

STAGE = 4  # first number of the spawn key of the engine's noise
TILE = 512  # side of the identity's noise, which repeats beyond
CELLS = {"palm": 120.0, "hand": 48.0}  # noise cells a palm width: about one a pixel of a 128 px view
SHARED = 0.7  # share of the noise's variance that all captures of an identity have in common
HAND_START = 0.65  # noise level of view hand as a share of that of view palm: its unit of detail is larger
SHARP = 0.35  # defocus of the pictures that the network works on: that of the photographs it learned from


class DiffusionEngine:
    """Draws palms and hands with a trained network.

    `steps` network evaluations from noise level `start` in (0, 1] of view palm (1: from noise alone, in both
    views); `guidance` as in `sampler.guided`; the crease condition is let go below noise level `release`.
    Pictures depend on identity, capture, view, size, these options, the weights and the machine, on nothing else.
    """

    name = "diffusion"

    def __init__(
        self,
        checkpoint_dir: Path,
        steps: int = 8,
        start: float = 0.6,
        guidance: float = 1.0,
        release: float = 0.0,
        device: str = "cpu",
    ) -> None:
        loaded = load_checkpoint(Path(checkpoint_dir))
        self.checkpoint = loaded.digest
        self.loaded, self.device = loaded, torch.device(device)
        network = loaded.network.to(self.device)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore
        hand = start if start == 1 else HAND_START * start
        self.times = {"palm": time_steps(start, steps), "hand": time_steps(hand, steps)}
        self.guidance, self.release = guidance, release

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture. Each is sampled by itself, so that no batch can change its bytes."""
        drawn = surface(identity, view, self.network.spec.size)
        return [self._draw(drawn, identity, capture, view, size) for capture in captures]

    def _draw(self, drawn: Surface, identity: Identity, capture: Capture, view: View, size: int) -> Drawing:
        side = self.network.spec.size
        seen = warp(identity, capture, view, side)
        light = scene(lay(drawn, seen, identity, capture), seen, identity, capture)
        rendered = photograph(light, _without_camera(capture), seen.scale)
        told = condition(rendered, seen.landmarks, view)
        skin = self._sample(rendered, told, noise(identity, capture, seen, view))
        inside = np.clip(0.5 - seen.distance * seen.scale, 0, 1)[..., None]
        picture = (inside * skin + (1 - inside) * rendered).astype(np.uint8)
        stored = _develop(_resize(picture, size), capture, seen.scale * size / side)
        return Drawing(stored, _scale(seen.landmarks, size / side))

    @torch.inference_mode()
    def _sample(self, rendered: NDArray[np.uint8], told: Condition, noise: Tensor) -> NDArray[np.uint8]:
        scale, base = self.loaded.scale(told.view), ground(told.thumbnail, len(rendered))
        start = torch.from_numpy(to_detail(rendered, base, scale))[None]
        times = self.times[told.view]
        noisy = (1 - times[0]) * start + times[0] * noise
        everything = torch.ones(1, dtype=torch.bool)
        packed = pack([told])
        bare = self._denoiser(without_lines(packed, everything, everything))
        denoise = guided(self._denoiser(packed), bare, self.guidance)
        detail = multistep(released(denoise, bare, self.release), noisy.to(self.device), times)
        return to_picture(detail[0].cpu().numpy(), base, scale)

    def _denoiser(self, packed: Tensor) -> Denoise:
        there = packed.to(self.device, memory_format=torch.channels_last)

        def denoise(noisy: Tensor, time: float) -> Tensor:
            clean: Tensor = self.network(noisy, there, torch.full((1,), time, device=self.device))
            return clean

        return denoise


def noise(identity: Identity, capture: Capture, seen: Warp, view: View) -> Tensor:
    """Standard normal noise (1, 3, s, s) of one capture: mostly the identity's, carried along by the skin.

    The identity's noise lies on the resting hand and is read where each pixel's skin rests; nearest cells, so
    that every pixel stays standard normal.
    """
    key = (STAGE, identity.subject, HANDS.index(identity.hand))
    own = np.random.default_rng(np.random.SeedSequence(identity.seed, spawn_key=key))
    fresh = np.random.default_rng(np.random.SeedSequence(capture.seed, spawn_key=(*key, capture.capture)))
    tile = own.standard_normal((TILE, TILE, 3), np.float32)
    cells = np.floor(seen.resting * CELLS[view]).astype(np.int64) % TILE
    carried = tile[cells[..., 1], cells[..., 0]]
    mixed = SHARED**0.5 * carried + (1 - SHARED) ** 0.5 * fresh.standard_normal(carried.shape, np.float32)
    return torch.from_numpy(np.ascontiguousarray(mixed.transpose(2, 0, 1), np.float32))[None]


def _without_camera(capture: Capture) -> Capture:
    """The capture as a perfect camera sees it: the network knows sharp photographs without noise."""
    return replace(capture, defocus=SHARP, motion=0.0, sharpening=0.0, noise=0.0, jpeg=100.0)


def _develop(picture: NDArray[np.uint8], capture: Capture, scale: float) -> NDArray[np.uint8]:
    """What the capture's camera makes of a perfect picture; exposure and tones are in it already."""
    blur = max(0.05, capture.defocus**2 - SHARP**2) ** 0.5
    done = replace(capture, exposure=0.0, contrast=1.0, saturation=1.0, defocus=blur)
    return photograph(_linear()[picture], done, scale)


def _linear() -> NDArray[np.float32]:
    """Linear light of each 8-bit sRGB level, (256,) in [0, 1] (IEC 61966-2-1)."""
    x = np.arange(256) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _resize(picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    if len(picture) == size:
        return picture
    how = cv2.INTER_AREA if size < len(picture) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (size, size), interpolation=how), np.uint8)


def _scale(landmarks: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    return np.asarray((landmarks + 0.5) * factor - 0.5, np.float32)
