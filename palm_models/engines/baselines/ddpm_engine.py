"""The engine ddpm-tps: an individual is a recorded noise, its captures thin-plate warps of one picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from manifests.words import View
from palm_models.engines.base import Drawing
from palm_models.engines.baselines.common import (
    check_view,
    fill,
    generator,
    load_baseline,
    typical_landmarks,
)
from palm_models.engines.baselines.ddpm import DdpmSpec, build, renoise, sample
from palm_models.engines.baselines.tps import bend, spline
from palm_models.engines.pictures import resize
from palm_models.engines.threads import one_thread
from palm_models.hand.capture import Capture
from palm_models.hand.frame import palm_width
from palm_models.hand.identity import Identity
from palm_models.photo.hand_model import hand_model
from palm_models.photo.landmarks import HandFinder

NAME = "ddpm-tps"


@dataclass(frozen=True)
class Variation:
    """How captures differ from the individual's picture."""

    jitter: float = 1.0  # control points move by up to this, px, uniformly in x and in y
    bend: float = 0.0  # sd of a further move, palm widths
    renoise: float = 0.0  # share of the noise levels that a capture is drawn anew from


@dataclass(frozen=True)
class _Individual:
    key: tuple[int, int, str]
    picture: Tensor  # (1, 3, s, s) in [-1, 1]
    landmarks: NDArray[np.float32]  # (21, 2) px
    points: NDArray[np.float32]  # (n, 2) px, control points of the warps
    recorded: dict[str, Any]


class DdpmEngine:
    """Draws with a trained diffusion, one picture at a time; traits and circumstances do not reach it.

    Control points of the warp are the 21 landmarks that the Hand Landmarker finds in the individual's
    picture; where it finds none (view palm shows no fingers) a grid over the picture, the row's landmarks are
    those of an average hand, and the row says so.
    """

    name = NAME

    def __init__(
        self, diffusion: Any, view: View, checkpoint: str, variation: Variation | None = None,
        device: str = "cpu", hand_task: str = "",
    ) -> None:  # fmt: skip
        self.diffusion, self.view, self.checkpoint = diffusion.eval().to(device), view, checkpoint
        self.variation, self.hand_task = variation or Variation(), hand_task
        self.finder: HandFinder | None = None
        self.last: _Individual | None = None  # its picture costs hundreds of network evaluations

    @classmethod
    def load(
        cls, folder: Path, sampling_steps: int = 0, variation: Variation | None = None, device: str = "cpu",
        hand_task: str = "",
    ) -> DdpmEngine:  # fmt: skip
        """The engine of a checkpoint folder; sampling_steps as in `ddpm.build`. Raises CheckpointError."""
        spec, view, digest = load_baseline(folder, NAME, DdpmSpec)
        diffusion = build(spec, sampling_steps)
        fill(diffusion.model, folder)
        return cls(diffusion, view, digest, variation, device, hand_task)

    @one_thread()
    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture, in their order."""
        check_view(view, self.view, NAME)
        own = self._individual(identity, view)
        return [self._capture(own, capture, size) for capture in captures]

    def _individual(self, identity: Identity, view: View) -> _Individual:
        key = (identity.seed, identity.subject, identity.hand)
        if self.last is None or self.last.key != key:
            seed = _seed(generator(identity))
            picture = sample(self.diffusion, seed)
            found = self._find(to_picture(picture))
            side = picture.shape[-1]
            marks = typical_landmarks(identity.hand, view, side) if found is None else found
            points = lattice(side) if found is None else found
            recorded = {"noise_seed": seed, "control_points": "grid" if found is None else "found"}
            self.last = _Individual(key, picture, marks, points, recorded)
        return self.last

    def _find(self, picture: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        self.finder = self.finder or HandFinder(hand_model(self.hand_task), max_hands=1, passes=1)
        hands = self.finder.find(picture)
        return hands[0].landmarks if hands and palm_width(hands[0].landmarks) > 1 else None

    def _capture(self, own: _Individual, capture: Capture, size: int) -> Drawing:
        rng, chosen = generator(capture), self.variation
        anew = to_picture(renoise(self.diffusion, own.picture, chosen.renoise, _seed(rng)))
        move = rng.uniform(-chosen.jitter, chosen.jitter, own.points.shape)
        move += rng.normal(0, chosen.bend * palm_width(own.landmarks), own.points.shape)
        points = (own.points + move).astype(np.float32)
        bent = bend(anew, own.points, points) if move.any() else anew
        marks = (spline(own.points, points, own.landmarks) + 0.5) * (size / len(bent)) - 0.5
        recorded = {"move": float(np.linalg.norm(move, axis=1).mean()), "renoise": chosen.renoise}
        return Drawing(resize(bent, size), marks.astype(np.float32), own.recorded, recorded)


def lattice(side: int) -> NDArray[np.float32]:
    """Control points (25, 2) px on a picture that shows no landmarks."""
    ticks = np.linspace(0, side - 1, 5)
    return np.stack(np.meshgrid(ticks, ticks), -1).reshape(-1, 2).astype(np.float32)


def to_picture(picture: Tensor) -> NDArray[np.uint8]:
    """A picture (1, 3, s, s) in [-1, 1] as uint8 RGB (s, s, 3); one scale for all."""
    scaled = ((picture[0].clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**63 - 1))
