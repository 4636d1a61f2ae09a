"""Refined engine: the atlas, on whose palm a network has drawn skin; photographed as every atlas is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.atlas.atlas import GROUPS, Atlas, draw_atlas, moles
from palm_models.atlas.identity import Identity
from palm_models.engines.atlas import AtlasEngine
from palm_models.engines.refined.network import load_skin
from palm_models.engines.refined.skin import SIDE, from_canvas, tone
from palm_models.render.skin import palette
from palm_models.render.surface import Canvas

Float = NDArray[np.float32]
LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
NEAR, GROOVE = 5.0, 0.20  # px about a line that it is darker than; log darkness of a line of depth 1
MOVING = 0.5  # share of a line's darkness that light and stretch may change, as of a drawn groove
LEFT = {
    "principal": 0.15,
    "lines": 0.35,
    "micro": 0.8,
    "patches": 0.4,
}  # shares of the plain atlas left under drawn skin
LINEAR = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
FADE = 0.10  # share of the frame's side over which view hand passes to the plain atlas


class RefinedEngine(AtlasEngine):
    """Draws palms and hands of refined atlases: `steps` evaluations of a network an identity."""

    name = "refined"

    def __init__(self, checkpoint_dir: Path, steps: int = 8, device: str = "cpu") -> None:
        self.weights = load_skin(Path(checkpoint_dir))
        self.checkpoint = self.weights.digest
        self.weights.network.to(device)
        self.steps, self.device = steps, device
        self._last: tuple[Identity, Float] | None = None  # both views of an identity are drawn in turn

    def atlas(self, identity: Identity, view: View, density: float) -> Atlas:
        """The plain atlas, and on its palm what the network draws."""
        if self._last is None or self._last[0] != identity:
            self._last = identity, tone(identity, self.weights, self.steps, self.device)
        return refined(draw_atlas(identity, view, density), identity, self._last[1], view)


def refined(plain: Atlas, identity: Identity, light: Float, view: View) -> Atlas:
    """The atlas with skin of log light (SIDE, SIDE) on its palm: lines as grooves, the rest as pigment."""
    h, w = plain.lines.shape[:2]
    there = from_canvas(identity, plain.origin, plain.density)
    coarser = float(np.hypot(*there[:, 0]))  # pixels of the frame in one of the atlas

    def laid(layer: Float, border: int = cv2.BORDER_REFLECT) -> Float:
        sharp = cv2.GaussianBlur(layer, (0, 0), 0.35 * coarser) if coarser > 1.2 else layer
        moved = cv2.warpAffine(sharp, there, (w, h), flags=LINEAR, borderMode=border)
        return np.asarray(moved, np.float32)

    grooves = _grooves(light)
    skin = light + np.float32(MOVING * GROOVE) * grooves.sum(axis=2)
    share = np.ones((h, w), np.float32) if view == "palm" else laid(_faded(), cv2.BORDER_CONSTANT)
    under = {name: 1 - share * np.float32(1 - left) for name, left in LEFT.items()}
    canvas = Canvas((h, w), plain.origin, plain.density)
    principal, valley, folds, micro = np.moveaxis(plain.deep, 2, 0)
    patches, dark, pale, veins = np.moveaxis(plain.colour, 2, 0)
    pigment = laid(skin) / np.float32(_darkening(identity))
    on = share[..., None]
    plainly = 1 - share
    dark = plainly * dark + share * (moles(identity, canvas) + pigment)
    deep = (under["principal"] * principal, plainly * valley, plainly * folds, under["micro"] * micro)
    return replace(
        plain,
        lines=under["lines"][..., None] * plain.lines + on * np.float32(MOVING) * laid(grooves),
        deep=np.dstack(deep),
        colour=np.dstack([under["patches"] * patches, dark, pale, veins]),
    )


def _grooves(light: Float) -> Float:
    """Depth (SIDE, SIDE, 4) of dark lines by direction, as `Atlas.lines`: each pixel in its strongest one."""
    lower = cv2.GaussianBlur(light, (0, 0), NEAR) - light
    answers = np.stack([cv2.filter2D(lower, -1, _along(k * 180 / GROUPS)) for k in range(GROUPS)], axis=2)
    depth = np.clip(lower / GROOVE, 0, 3)
    chosen = np.exp(8 * (answers - answers.max(axis=2, keepdims=True)) / GROOVE)
    return np.asarray(depth[..., None] * chosen / chosen.sum(axis=2, keepdims=True), np.float32)


def _along(degrees: float) -> Float:
    """A blurred line of this heading, sum 1."""
    y, x = np.mgrid[-9:10, -9:10]
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    kernel = np.exp(-0.5 * (((x * c + y * s) / 4.5) ** 2 + ((y * c - x * s) / 1.3) ** 2))
    return np.asarray(kernel / kernel.sum(), np.float32)


def _darkening(identity: Identity) -> float:
    """Log light that one unit of pigment adds to skin: below 0."""
    tones = palette(identity.skin_tone, identity.redness)
    weight = LUMINANCE * tones.base
    return float(weight @ tones.pigment / weight.sum())


def _faded() -> Float:
    """1 in the frame, falling to 0 at its edge (SIDE, SIDE)."""
    line = np.minimum(np.arange(SIDE) + 0.5, SIDE - np.arange(SIDE) - 0.5) / (FADE * SIDE)
    smooth = np.clip(line, 0, 1) ** 2 * (3 - 2 * np.clip(line, 0, 1))
    return np.asarray(smooth[:, None] * smooth[None, :], np.float32)
