"""The engine polynomial: a palm is a few polynomials of degree four with Gaussian coefficients."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from manifests.recipe import Recipe
from manifests.recipe.sections import Section
from manifests.words import HANDS, View
from palm_models.engines.base import Drawing
from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from tasks.engines.engine import Engine

DRAW = 1000  # first number of our seeds' spawn keys, above those in palm_models/seeds.py
POINTS = 64  # of a crease
Floats = NDArray[np.float64]


class Options(Section):
    """The engine polynomial: its creases are polynomials of degree 4."""

    creases: int = Field(default=4, ge=1, le=12, description="wide creases of a palm")
    wrinkles: int = Field(default=30, ge=0, le=400, description="fine creases of a palm")
    width: float = Field(default=0.02, gt=0, le=0.2, description="of a wide crease, in sides of the picture")
    bend: float = Field(default=0.25, ge=0, le=2, description="sd of the polynomials' coefficients")
    sway: float = Field(default=0.03, ge=0, le=0.3, description="sd of a capture's shift, in sides")


class Drawer:
    """Draws view palm; an identity and a capture are known by their counters alone."""

    name = "polynomial"
    checkpoint = ""

    def __init__(self, options: Options) -> None:
        self.options = options

    def draw(self, identity: Identity, captures: Sequence[Capture], view: View, size: int) -> list[Drawing]:
        """One drawing a capture, in their order."""
        from palm_models.engines.baselines.common import typical_landmarks

        rng = _rng(identity)
        lines = [_crease(rng, self.options.bend) for _ in range(self.options.creases + self.options.wrinkles)]
        skin = rng.normal((200, 160, 135), 12)
        traits = {"skin_red": float(skin[0]), "creases": [c.round(4).tolist() for c, _ in lines]}
        marks, drawings = typical_landmarks(identity.hand, view, size), []
        for capture in captures:
            own = _rng(capture)
            shift, light = own.normal(0, self.options.sway, 2), float(own.normal(1, 0.08))
            depth = self._depth([points + shift for _, points in lines], size, own)
            shade = (1 - 0.45 * depth[..., None]) * light * skin
            image = np.clip(shade + own.normal(0, 2.5, shade.shape), 0, 255).astype(np.uint8)
            moved = (marks + shift * size).astype(np.float32)
            drawings.append(Drawing(image, moved, traits, {"light": light, "shift": float(np.hypot(*shift))}))
        return drawings

    def _depth(self, lines: Sequence[Floats], size: int, rng: np.random.Generator) -> Floats:
        """How deep in a crease each pixel (size, size) lies, 0 to 1."""
        depth = np.zeros((2 * size, 2 * size), np.float32)
        for index, points in enumerate(lines):
            wide = index < self.options.creases
            width = max(1, round(2 * size * self.options.width * (1 if wide else 0.25)))
            drawn = (points * 2 * size * 16).astype(np.int32)
            cv2.polylines(depth, [drawn], False, 1.0 if wide else 0.5, width, cv2.LINE_8, 4)
        soft = cv2.GaussianBlur(depth, (0, 0), 1 + 0.6 * abs(float(rng.normal())))
        return np.asarray(cv2.resize(soft, (size, size), interpolation=cv2.INTER_AREA), np.float64)


class Polynomial(Engine):
    """What palmforge knows of us."""

    name = "polynomial"
    summary = "creases are polynomials"
    options = Options
    views = ("palm",)
    parametric = False
    columns = {  # noqa: RUF012
        "identity_skin_red": "polynomial: red of the skin, 0 to 255",
        "capture_light": "polynomial: light of the capture, as a factor",
        "capture_shift": "polynomial: how far the palm is moved, in sides of the picture",
    }

    def load(self, recipe: Recipe, checkpoint: Path | None) -> Drawer:
        """What draws; there are no weights."""
        return Drawer(self.own(recipe))


def _rng(one: Identity | Capture) -> np.random.Generator:
    counter = one.subject, HANDS.index(one.hand), *((one.capture,) if isinstance(one, Capture) else ())
    return np.random.default_rng(np.random.SeedSequence(one.seed, spawn_key=(DRAW, *counter)))


def _crease(rng: np.random.Generator, bend: float) -> tuple[Floats, Floats]:
    """Five coefficients, and points (64, 2) of the crease in sides of the picture, turned at random."""
    coefficients = rng.normal(0, bend, 5)
    x = np.linspace(-0.5, 0.5, POINTS) * rng.uniform(0.3, 1.2)
    y = np.polynomial.polynomial.polyval(2 * x, coefficients) * 0.3
    turn, middle = rng.uniform(0, np.pi), rng.uniform(0.25, 0.75, 2)
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return coefficients, np.stack([x, y], axis=1) @ axes + middle
