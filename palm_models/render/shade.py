"""Shading: relief and colour of deformed skin under the light of one capture, as linear light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.render.ridges import upsample
from palm_models.render.skin import palette
from palm_models.render.surface import DIRECTIONS, Surface
from palm_models.render.warp import Warp

Float = NDArray[np.float32]
CREASE = 0.0135  # depth of a crease of depth 1, palm widths
FOLD = 0.018  # depth of the fold beside it
RIDGE = 0.0007  # amplitude of friction ridges
GRAIN = 0.0005
ROUND = 0.10  # height of the rounded borders of palm and fingers
MOUNDS = ((0.44, 0.62, 0.27, 0.100), (-0.36, 0.60, 0.27, 0.060), (0.36, -0.03, 0.13, 0.030),
          (0.02, -0.08, 0.13, 0.030), (-0.32, -0.02, 0.13, 0.030), (0.02, 0.38, 0.24, -0.035))  # fmt: skip
FADES = 6  # cells a side in which creases fade


@dataclass(frozen=True)
class Skin:
    """Layers of a surface where a capture's pixels see them, as visible as the capture makes them."""

    creases: Float  # depth of principal creases (1 = deep)
    wrinkles: Float
    height: Float  # fine relief, pixels
    form: Float  # height of mounds and rounded borders, pixels
    colour: Float  # (size, size, 4), as in Surface


def lay(surface: Surface, warp: Warp, identity: Identity, capture: Capture) -> Skin:
    """The surface's layers at the capture's pixels, as visible as stretched skin shows them."""
    at = [((warp.resting[..., k] - surface.origin[k]) * surface.density).astype(np.float32) for k in (0, 1)]
    lines, texture, colour = (
        cv2.remap(layer, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for layer in (surface.lines, surface.texture, surface.colour)
    )
    rng = np.random.default_rng(np.random.SeedSequence(capture.skin_seed, spawn_key=(1,)))
    shape = warp.distance.shape
    fade = [
        np.exp(capture.fading * upsample(rng.standard_normal((FADES, FADES), np.float32), shape))
        for _ in range(2)
    ]
    creases = lines[..., 0] * fade[0] * (capture.principal_gain * (1.1 - 0.2 * capture.stretch))
    wrinkles = (lines[..., 1:] @ wrinkle_gains(capture)) * fade[1]
    net = texture[..., 0] * (0.45 * identity.thenar_mesh * capture.texture_gain) * fade[1]
    depth = CREASE * (creases + wrinkles + 0.6 * net) + FOLD * texture[..., 3]
    fine = RIDGE * identity.ridge_depth * texture[..., 1] + GRAIN * identity.grain * texture[..., 2]
    return Skin(
        creases=creases,
        wrinkles=wrinkles + 0.5 * net,
        height=((capture.texture_gain * fine - depth) * warp.scale).astype(np.float32),
        form=(form(warp, identity.mounds) * warp.scale).astype(np.float32),
        colour=np.asarray(colour, np.float32),
    )


def wrinkle_gains(capture: Capture) -> Float:
    """How visible wrinkles of each direction are: stretch across a wrinkle closes it, along it does not."""
    along = np.arange(DIRECTIONS) * 180 / DIRECTIONS
    across = np.sin(np.radians(along - capture.stretch_angle)) ** 2
    return np.asarray(1.3 - capture.stretch * (0.3 + 0.75 * across), np.float32)


def form(warp: Warp, mounds: float) -> Float:
    """Height of the palm's mounds and of its rounded borders, palm widths."""
    height = ROUND * np.sqrt(np.clip(1 - (1 - warp.crest) ** 2, 0, 1))
    for x, y, reach, rise in MOUNDS:
        square = (warp.resting[..., 0] - x) ** 2 + (warp.resting[..., 1] - y) ** 2
        height = height + mounds * rise * np.exp(square * (-0.5 / reach**2))
    return np.asarray(height, np.float32)


def light(skin: Skin, capture: Capture) -> tuple[Float, Float]:
    """Irradiance (size, size, 3), 1 = a flat surface in full light, and the highlight (size, size)."""
    shape = skin.height.shape
    azimuth, elevation = np.radians(capture.light_azimuth), np.radians(capture.light_elevation)
    towards = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
    soft = cv2.GaussianBlur(skin.height, (0, 0), 1.2 * shape[0] / 128)
    rough, smooth = lambert(skin.height + skin.form, towards), lambert(soft + skin.form, towards)
    hollow = np.exp(-0.28 * (skin.creases + 0.7 * skin.wrinkles))
    fall = _unevenness(capture, shape)
    # light that enters skin leaves it elsewhere, red light farthest: red shading is the softest
    channels = [a * rough + (1 - a) * smooth for a in (0.7, 0.95, 1.0)]
    lit = np.stack([capture.ambient * hollow + (1 - capture.ambient) * c for c in channels], axis=-1)
    return np.asarray(lit * fall[..., None], np.float32), _highlight(skin.height * 0.6 + skin.form, towards)


def lambert(height: Float, towards: tuple[float, float, float]) -> Float:
    """Light on a relief (h, w) in pixels from the unit vector `towards`; 1 where it is flat."""
    gx, gy = cv2.Sobel(height, -1, 1, 0, scale=0.125), cv2.Sobel(height, -1, 0, 1, scale=0.125)
    facing = towards[2] - towards[0] * gx - towards[1] * gy
    out = facing / (towards[2] * np.sqrt(1 + gx * gx + gy * gy))
    return np.asarray(np.clip(out, 0.06, 1.9), np.float32)


def _highlight(height: Float, towards: tuple[float, float, float]) -> Float:
    half = np.array([towards[0], towards[1], towards[2] + 1.0])
    half /= np.linalg.norm(half)
    gx, gy = cv2.Sobel(height, -1, 1, 0, scale=0.125), cv2.Sobel(height, -1, 0, 1, scale=0.125)
    facing = (half[2] - half[0] * gx - half[1] * gy) / np.sqrt(1 + gx * gx + gy * gy)
    return np.asarray(np.clip(facing, 0, 1) ** 24, np.float32)


def _unevenness(capture: Capture, shape: tuple[int, ...]) -> Float:
    rng = np.random.default_rng(capture.light_seed)
    cells = rng.standard_normal((3, 3), np.float32)
    return np.asarray(np.exp(capture.unevenness * upsample(cells, (shape[0], shape[1]))), np.float32)


def colour(skin: Skin, identity: Identity, capture: Capture) -> Float:
    """Reflectance (size, size, 3) in linear sRGB."""
    tones = palette(identity.skin_tone, identity.redness)
    patches, veins, dark, pale = (skin.colour[..., k] for k in range(4))
    see_through = 3.0 if capture.infrared else 1.0
    pigment = (
        0.55 * identity.crease_pigment * np.minimum(skin.creases + 0.7 * skin.wrinkles, 2.2) + 2.4 * dark
    )
    pigment = pigment + 0.035 * identity.mottling * patches
    blood = 0.32 * identity.mottling * patches + capture.flush / 5 + 0.25 * np.minimum(skin.creases, 1)
    layers = np.stack(
        [pigment, blood, 0.5 * identity.veins * see_through * veins, 1.4 * pale], axis=-1
    ).astype(np.float32)
    changes = np.stack([tones.pigment, tones.blood, tones.vein, tones.scar]).astype(np.float32)
    if capture.infrared:
        changes = 0.6 * changes.mean(axis=1, keepdims=True).repeat(3, axis=1)
    return np.asarray(tones.base.astype(np.float32) * np.exp(layers @ changes), np.float32)


def shade(skin: Skin, identity: Identity, capture: Capture) -> Float:
    """Linear light (size, size, 3) that leaves the skin: its own colour where it is flat in neutral light."""
    lit, shine = light(skin, capture)
    gloss = 0.06 * identity.sheen * (1 - capture.ambient)
    grey = light_colour(capture)
    return np.asarray((colour(skin, identity, capture) * lit + gloss * shine[..., None]) * grey, np.float32)


def light_colour(capture: Capture) -> Float:
    """Colour of the light as factors on linear red, green and blue, of mean 1."""
    rgb = np.exp([0.14 * capture.warmth, -0.08 * capture.tint, -0.20 * capture.warmth])
    return np.asarray(rgb / rgb.mean(), np.float32)
