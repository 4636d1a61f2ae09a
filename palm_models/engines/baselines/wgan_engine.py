"""The engine wgan-gp: an individual is a latent of a counter seed, its captures are latents near it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from manifests.words import View
from palm_models.engines.base import Drawing
from palm_models.engines.baselines.common import (
    check_view,
    fill,
    generator,
    load_baseline,
    typical_landmarks,
)
from palm_models.engines.baselines.wgan import Generator, WganSpec
from palm_models.engines.pictures import resize
from palm_models.engines.threads import one_thread
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity

NAME = "wgan-gp"
Latent = NDArray[np.float32]


class WganEngine:
    """Draws with a trained generator, one picture at a time; traits and circumstances do not reach it.

    A capture is the individual's latent + `noise` × a standard normal one, then turned by `angle` degrees in
    a random direction on its sphere, where latents stay as likely as the individual's own.
    """

    name = NAME

    def __init__(
        self, network: Generator, view: View, checkpoint: str, noise: float = 0.02, angle: float = 0.0,
        device: str = "cpu",
    ) -> None:  # fmt: skip
        self.network, self.view, self.checkpoint = network.eval().to(device), view, checkpoint
        self.noise, self.angle, self.device = noise, angle, torch.device(device)

    @classmethod
    def load(cls, folder: Path, noise: float = 0.02, angle: float = 0.0, device: str = "cpu") -> WganEngine:
        """The engine of a checkpoint folder. Raises CheckpointError."""
        spec, view, digest = load_baseline(folder, NAME, WganSpec)
        network = Generator(spec)
        fill(network, folder)
        return cls(network, view, digest, noise, angle, device)

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture; landmarks are those of an average hand."""
        check_view(view, self.view, NAME)
        latent = individual(identity, self.network.spec.latent)
        marks = typical_landmarks(identity.hand, view, size)
        recorded = {
            "latent_norm": float(np.linalg.norm(latent)),
            "latent": [round(float(x), 6) for x in latent],
        }
        drawings = []
        for capture in captures:
            near = nearby(latent, capture, self.noise, self.angle)
            image = resize(self._picture(near), size)
            drawings.append(Drawing(image, marks, recorded, {"angle": angle_between(latent, near)}))
        return drawings

    @one_thread()
    @torch.inference_mode()
    def _picture(self, latent: Latent) -> NDArray[np.uint8]:
        picture = self.network(torch.from_numpy(latent)[None].to(self.device))[0].permute(1, 2, 0)
        return np.asarray(((picture + 1) * 127.5).round().to(torch.uint8).cpu().numpy(), np.uint8)


def individual(identity: Identity, length: int) -> Latent:
    """The latent (length,) of an individual."""
    return generator(identity).standard_normal(length, np.float32)


def nearby(latent: Latent, capture: Capture, noise: float, angle: float) -> Latent:
    """The latent of one capture: `noise` added, then turned by `angle` degrees; its length stays that."""
    rng = generator(capture)
    near = latent + np.float32(noise) * rng.standard_normal(len(latent), np.float32)
    if angle == 0:
        return near
    length = np.linalg.norm(near)
    across = rng.standard_normal(len(latent), np.float32)
    across -= (across @ near) / length**2 * near
    across *= length / np.linalg.norm(across)
    turn = np.radians(angle)
    return np.asarray(np.cos(turn) * near + np.sin(turn) * across, np.float32)


def angle_between(a: Latent, b: Latent) -> float:
    """Degrees between two latents."""
    cosine = float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
