"""Diffusion engine: the rendered picture of an identity, noised half way and drawn anew as real skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from manifests.words import HANDS, View
from palm_models.engines.base import Drawing
from palm_models.engines.diffusion.condition import Condition, condition, ground, to_detail, to_picture
from palm_models.engines.diffusion.network import pack, without_lines
from palm_models.engines.diffusion.sampler import Denoise, guided, multistep, released, time_steps
from palm_models.engines.diffusion.weights import load_checkpoint
from palm_models.engines.pictures import resize
from palm_models.engines.threads import one_thread
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.render.camera import develop, photograph
from palm_models.render.scene import covered, scene
from palm_models.render.surface import Surface, surface
from palm_models.render.warp import Warp, warp
from palm_models.seeds import Draw, generator

TILE = 512  # side of the identity's noise, which repeats beyond
CELLS = {"palm": 120.0, "hand": 48.0}  # noise cells a palm width: about one a pixel of a 128 px view
SHARED = 0.7  # share of the noise's variance that all captures of an identity have in common
HAND_START = 0.5  # noise level of view hand as a share of that of view palm: its unit of detail is larger
SHARP = 0.35  # defocus of the pictures that the network works on: that of the photographs it learned from


@dataclass(frozen=True)
class _Scene:
    """One capture before sampling: what is known of its picture at the network's size."""

    rendered: NDArray[np.uint8]
    seen: Warp
    structure: Condition
    noise: NDArray[np.float32]  # (3, s, s)


class DiffusionEngine:
    """Draws palms and hands with a trained network.

    `steps` network evaluations from noise level `start` in (0, 1] of view palm (1: from noise alone, in both
    views); `guidance` as in `sampler.guided`; the crease condition is let go below noise level `release`;
    `device` as torch names it. Pictures depend on identity, capture, view, size, these options, the weights
    and the machine, on nothing else: the network sees a fixed number of pictures at a time, one on a CPU.
    """

    name = "diffusion"

    def __init__(
        self,
        checkpoint_dir: Path,
        steps: int = 8,
        start: float = 0.65,
        guidance: float = 1.0,
        release: float = 0.0,
        device: str = "cpu",
    ) -> None:
        loaded = load_checkpoint(Path(checkpoint_dir))
        self.checkpoint = loaded.digest
        self.loaded, self.device = loaded, torch.device(device)
        self.batch = 1 if self.device.type == "cpu" else 16
        network = loaded.network.to(self.device)
        self.network = network.to(memory_format=torch.channels_last)
        hand = start if start == 1 else HAND_START * start
        self.times = {"palm": time_steps(start, steps), "hand": time_steps(hand, steps)}
        self.guidance, self.release = guidance, release

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture, in their order."""
        side = self.network.spec.size
        drawn, tile = surface(identity, view, side), identity_noise(identity)
        scenes = [_scene(drawn, tile, identity, c, view, side) for c in captures]
        skins: list[NDArray[np.uint8]] = []
        for first in range(0, len(scenes), self.batch):
            some = scenes[first : first + self.batch]
            full = [*some, *[some[-1]] * (self.batch - len(some))]
            skins += self._sample(full)[: len(some)]
        return [_finish(s, k, c, size) for s, k, c in zip(scenes, skins, captures, strict=True)]

    @one_thread()
    @torch.inference_mode()
    def _sample(self, scenes: Sequence[_Scene]) -> list[NDArray[np.uint8]]:
        view = scenes[0].structure.view
        scale, times = self.loaded.scale(view), self.times[view]
        bases = [ground(s.structure.thumbnail, len(s.rendered)) for s in scenes]
        clean = np.stack([to_detail(s.rendered, base, scale) for s, base in zip(scenes, bases, strict=True)])
        noisy = (1 - times[0]) * clean + times[0] * np.stack([s.noise for s in scenes])
        packed, everything = pack([s.structure for s in scenes]), torch.ones(len(scenes), dtype=torch.bool)
        bare = self._denoiser(without_lines(packed, everything, everything))
        denoise = released(guided(self._denoiser(packed), bare, self.guidance), bare, self.release)
        details = multistep(denoise, torch.from_numpy(noisy.astype(np.float32)).to(self.device), times)
        return [to_picture(d, base, scale) for d, base in zip(details.cpu().numpy(), bases, strict=True)]

    def _denoiser(self, packed: Tensor) -> Denoise:
        there = packed.to(self.device, memory_format=torch.channels_last)

        def denoise(noisy: Tensor, time: float) -> Tensor:
            clean: Tensor = self.network(noisy, there, torch.full((len(noisy),), time, device=self.device))
            return clean

        return denoise


def identity_noise(identity: Identity) -> NDArray[np.float32]:
    """Standard normal noise (512, 512, 3) that lies on the resting hand of an identity."""
    place = identity.subject, HANDS.index(identity.hand)
    rng = generator(identity.seed, Draw.DIFFUSION_NOISE, *place)
    return rng.standard_normal((TILE, TILE, 3), np.float32)


def capture_noise(tile: NDArray[np.float32], capture: Capture, seen: Warp, view: View) -> NDArray[np.float32]:
    """Standard normal noise (3, s, s) of a capture: mostly its identity's `tile`, carried along by the skin.

    The tile is read where each pixel's skin rests; nearest cells, so that every pixel stays standard normal.
    """
    place = capture.subject, HANDS.index(capture.hand), capture.capture
    fresh = generator(capture.seed, Draw.DIFFUSION_NOISE, *place)
    cells = np.floor(seen.resting * CELLS[view]).astype(np.int64) % TILE
    carried = tile[cells[..., 1], cells[..., 0]]
    mixed = SHARED**0.5 * carried + (1 - SHARED) ** 0.5 * fresh.standard_normal(carried.shape, np.float32)
    return np.ascontiguousarray(mixed.transpose(2, 0, 1), np.float32)


def _scene(
    drawn: Surface, tile: NDArray[np.float32], identity: Identity, capture: Capture, view: View, side: int
) -> _Scene:
    seen = warp(identity, capture, view, side)
    light = scene(drawn, seen, identity, capture)
    rendered = photograph(light, _without_camera(capture), seen.scale, covered(seen))
    structure = condition(rendered, seen.landmarks, view)
    return _Scene(rendered, seen, structure, capture_noise(tile, capture, seen, view))


def _finish(scene: _Scene, skin: NDArray[np.uint8], capture: Capture, size: int) -> Drawing:
    """Sampled skin on the rendered background, at the asked size, as the capture's camera stores it."""
    seen, factor = scene.seen, size / len(skin)
    cover = covered(seen)
    inside = cover[..., None]
    picture = (inside * skin + (1 - inside) * scene.rendered + 0.5).astype(np.uint8)
    hand = np.asarray(cv2.resize(cover, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    stored = _develop(resize(picture, size), capture, seen.scale * factor, hand)
    return Drawing(stored, np.asarray((seen.landmarks + 0.5) * factor - 0.5, np.float32))


def _without_camera(capture: Capture) -> Capture:
    """The capture as a perfect camera sees it: the network knows sharp photographs without noise."""
    return replace(capture, defocus=SHARP, motion=0.0, sharpening=0.0, noise=0.0, jpeg=100.0)


def _develop(
    picture: NDArray[np.uint8], capture: Capture, scale: float, skin: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """What the capture's camera makes of a perfect picture; exposure and tones are in it already."""
    blur = max(0.05, capture.defocus**2 - SHARP**2) ** 0.5
    done = replace(capture, contrast=1.0, saturation=1.0, defocus=blur)
    return develop(_linear()[picture], done, scale, skin)


def _linear() -> NDArray[np.float32]:
    """Linear light of each 8-bit sRGB level, (256,) in [0, 1] (IEC 61966-2-1)."""
    x = np.arange(256) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
