"""Photographing an atlas: skin deformed, stretched and lit as one capture has it, as linear light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.atlas import GROUPS, Atlas, blotches
from palm_models.atlas.capture import Capture
from palm_models.atlas.identity import Identity
from palm_models.render.ridges import upsample
from palm_models.render.shade import light_colour
from palm_models.render.skin import palette
from palm_models.render.surface import Canvas
from palm_models.render.warp import Skin, Warp
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
LINE, CREASE, VALLEY, FOLD, MICRO = 0.0046, 0.0068, 0.0075, 0.020, 0.00070  # heights of depth 1, palm widths
PALER = 0.8  # scars and calluses, beside those of palm_models.render.skin
SOFT = 0.011  # palm widths that red light travels in skin
FADES = 6  # cells a side in which lines fade
MOUNDS = ((0.46, 0.66, 0.25, 0.153), (-0.40, 0.62, 0.27, 0.099), (0.36, -0.03, 0.13, 0.054),
          (0.02, -0.08, 0.13, 0.054), (-0.32, -0.02, 0.13, 0.054), (0.02, 0.38, 0.24, -0.063))  # fmt: skip
BALL, BALL_REACH = (0.55, 0.62), (0.24, 0.30)  # of the thumb: middle and extent, palm widths
BALL_WAY = (-0.0019, -0.0016)  # palm widths it moves for each degree that the thumb is brought in
HOLLOW, HOLLOW_REACH = (0.0, 0.4), 1.3  # where strain has its middle, and from where fingers are spared
BEND, PATCHY = 0.75, 0.55  # of light's fall-off, beside its slope from the middle of a view to its rim
SWELL = 0.8  # share of the strain by which it differs over a palm width

__all__ = ["Layers", "LooseSkin", "form", "lay", "light_colour", "light_fall", "shade"]


class LooseSkin(Skin):
    """Skin that also follows the thumb, and is strained as a whole when the hand is hollowed or flattened.

    So do two photographs of a palm differ most: after a similarity, flow between them is of low order, and
    largest on the ball of the thumb (`python -m bench.palms.captures`).
    """

    def __init__(self, capture: Capture) -> None:
        super().__init__(capture)
        rng = generator(capture.skin_seed, Draw.ATLAS_STRAIN)
        long, skew, *swell = capture.strain * rng.standard_normal(4)
        self.strain = np.array([[long, skew], [skew, -long]])
        self.swell = SWELL * np.array(swell)
        self.pull = capture.thumb * np.array(BALL_WAY)

    def shift(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Displacement (..., 2) of the skin seen at points (..., 2), in palm widths."""
        ball = np.exp(-0.5 * (((points - BALL) / BALL_REACH) ** 2).sum(axis=-1, keepdims=True))
        from_middle = points - HOLLOW
        square = (from_middle**2).sum(axis=-1, keepdims=True)
        palm = np.exp(-((square / HOLLOW_REACH**2) ** 2))
        strained = palm * (from_middle @ self.strain + square * self.swell)
        return np.asarray(super().shift(points) + ball * self.pull + strained)


@dataclass(frozen=True)
class Layers:
    """An atlas at the pixels of a capture, (R, R) each: grooves as deep as the capture shows them."""

    lines: Float  # wrinkles and thin lines, 1 = deep
    crease: Float  # principal creases
    height: Float  # all fine relief, pixels
    valley: Float  # soft hollows about creases and folds
    colour: Float  # (R, R, 4), as in Atlas


def lay(atlas: Atlas, seen: Warp, identity: Identity, capture: Capture) -> Layers:
    """The atlas at the capture's pixels, as visible as stretched skin shows it."""
    at = [((seen.resting[..., k] - atlas.origin[k]) * atlas.density).astype(np.float32) for k in (0, 1)]
    lines, deep, colour = (
        cv2.remap(layer, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        for layer in (atlas.lines, atlas.deep, atlas.colour)
    )
    rng = np.random.default_rng(np.random.SeedSequence(capture.skin_seed, spawn_key=(1,)))
    cells = rng.standard_normal((2, FADES, FADES), np.float32)
    fade = [np.exp(capture.fading * upsample(c, at[0].shape)) for c in cells]
    grooves = (lines @ gains(capture)) * fade[1]
    crease = deep[..., 0] * fade[0] * np.float32(capture.principal_gain * (1.1 - 0.2 * capture.stretch))
    folded = np.float32(np.clip(0.7 + capture.thumb / 18, 0, 1.6)) * deep[..., 2]
    valley = deep[..., 1] * np.float32(capture.principal_gain)
    height = -(LINE * grooves + CREASE * crease + VALLEY * valley + FOLD * folded)
    height += np.float32(MICRO * capture.texture_gain) * deep[..., 3]
    return Layers(
        grooves,
        crease,
        np.asarray(height * seen.scale, np.float32),
        np.asarray(valley + np.float32(2.2) * folded, np.float32),
        np.asarray(colour, np.float32),
    )


def gains(capture: Capture) -> Float:
    """How visible lines of each direction are: stretch across a line closes it, along it does not."""
    along = np.arange(GROUPS) * 180 / GROUPS
    across = np.sin(np.radians(along - capture.stretch_angle)) ** 2
    open_ = 1.15 - capture.stretch * (0.1 + 0.4 * across)
    return np.asarray(capture.texture_gain * open_, np.float32)


def form(seen: Warp, identity: Identity) -> Float:
    """Height of the palm's mounds, palm widths (R, R)."""
    x, y = seen.resting[..., 0], seen.resting[..., 1]
    height = np.zeros(x.shape, np.float32)
    for cx, cy, reach, rise in MOUNDS:
        square = (x - cx) ** 2 + (y - cy) ** 2
        height += np.float32(identity.mounds * rise) * np.exp(square * np.float32(-0.5 / reach**2))
    return height


def shade(layers: Layers, round_: Float, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light (R, R, 3) that leaves the skin.

    `round_` (R, R) is the height of the hand's large forms in palm widths; the palm's mounds are added.
    """
    azimuth, elevation = np.radians(capture.light_azimuth), np.radians(capture.light_elevation)
    towards = (np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation))
    broad = (round_ + form(seen, identity)) * np.float32(seen.scale)
    gx, gy = _slopes(layers.height + broad)
    rough = _facing(gx, gy, towards)
    smooth = cv2.GaussianBlur(rough, (0, 0), SOFT * seen.scale)
    hollow = np.exp(
        -0.35 * np.clip(layers.crease, 0, 2.5) - 0.15 * np.clip(layers.lines, 0, 2.5) - 0.12 * layers.valley
    )
    fall = light_fall(capture, rough.shape)
    tones = colour(layers, seen, identity, capture)
    ambient, sun = np.float32(capture.ambient) * hollow, np.float32(1 - capture.ambient)
    light = light_colour(capture) if not capture.grey else np.ones(3, np.float32)
    out = np.empty_like(tones)
    for c, deep in enumerate((0.45, 0.8, 0.9)):  # red light travels farthest: its shading is the softest
        share = np.float32(0.8 if capture.grey else deep)
        lit = ambient + sun * (share * rough + (1 - share) * smooth)
        out[..., c] = tones[..., c] * (lit * fall) * light[c]
    gloss = 0.05 * identity.sheen * (1 - capture.ambient)
    out += (np.float32(gloss) * _highlight(gx, gy, towards) * fall)[..., None] * light
    return out


def _slopes(height: Float) -> tuple[Float, Float]:
    return (
        np.asarray(cv2.Sobel(height, -1, 1, 0, scale=0.125), np.float32),
        np.asarray(cv2.Sobel(height, -1, 0, 1, scale=0.125), np.float32),
    )


def _facing(gx: Float, gy: Float, towards: tuple[float, float, float]) -> Float:
    """Lambert's law on slopes; 1 where the relief is flat."""
    a, b = np.float32(towards[0] / towards[2]), np.float32(towards[1] / towards[2])
    return np.clip((1 - a * gx - b * gy) / np.sqrt(1 + gx * gx + gy * gy), np.float32(0.04), np.float32(2.2))


def _highlight(gx: Float, gy: Float, towards: tuple[float, float, float]) -> Float:
    half = np.array([towards[0], towards[1], towards[2] + 1.0], np.float32)
    half /= np.linalg.norm(half)
    facing = (half[2] - half[0] * gx - half[1] * gy) / np.sqrt(1 + gx * gx + gy * gy)
    square = np.clip(facing, 0, 1) ** 2
    return np.asarray(square**8, np.float32)


def light_fall(capture: Capture, shape: tuple[int, ...]) -> Float:
    """Light (h, w) that falls off to a side, to the middle or the rim, and a little in patches.

    Recognisers taught by palms in even light take a photograph brighter on one side for another hand
    (`python -m bench.palms.cues`).
    """
    rng = np.random.default_rng(capture.light_seed)
    cells = rng.standard_normal((3, 3), np.float32)
    y, x = np.linspace(-1, 1, shape[0])[:, None], np.linspace(-1, 1, shape[1])
    slope, bend = rng.standard_normal(2), BEND * rng.standard_normal(3)
    fall = (
        slope[0] * x + slope[1] * y + bend[0] * (x * x - 1 / 3) + bend[1] * (y * y - 1 / 3) + bend[2] * x * y
    )
    patches = PATCHY * upsample(cells, (shape[0], shape[1]))
    return np.asarray(
        np.exp(np.float32(capture.unevenness) * (fall.astype(np.float32) + patches)), np.float32
    )


def colour(layers: Layers, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Reflectance (R, R, 3) in linear sRGB, or in a grey sensor's band three times."""
    own, moved = (np.float32(share**0.5) for share in (1 - capture.mottle_drift, capture.mottle_drift))
    drift = _drift(seen, identity, capture)
    patches = own * layers.colour[..., 0] + moved * drift
    grooves = 1 - np.exp(-0.95 * np.clip(layers.crease, 0, 3) - 0.5 * np.clip(layers.lines, 0, 3))
    pigment = (
        np.float32(0.55 * identity.crease_pigment) * grooves
        + 0.12 * layers.valley
        + layers.colour[..., 1]
        + np.float32(0.05) * moved * drift
    )
    blood = np.float32((0.5 if capture.grey else 0.22) * identity.mottling) * patches + np.float32(
        capture.flush / 5
    )
    blood += 0.35 * np.clip(layers.crease, 0, 1)
    vein = np.float32(0.6 * identity.veins) * layers.colour[..., 3]
    return reflectance(
        np.stack([pigment, blood, vein, PALER * layers.colour[..., 2]], axis=-1), identity, capture
    )


def _drift(seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Blotches of the session: blood moves, a pattern of last month is partly gone."""
    size = 48  # pixels a side are enough: nothing finer than a blotch
    x0, y0 = seen.resting[..., 0].min(), seen.resting[..., 1].min()
    reach = max(seen.resting[..., 0].max() - x0, seen.resting[..., 1].max() - y0)
    canvas = Canvas((size, size), (0.0, 0.0), size / 1.2)
    drawn = blotches(capture.session_seed, (Draw.ATLAS_SKIN, 12), 1.3 * identity.mottle_size, canvas)
    at = [((seen.resting[..., k] - low) * np.float32((size - 1) / reach)) for k, low in ((0, x0), (1, y0))]
    return np.asarray(cv2.remap(drawn, at[0], at[1], cv2.INTER_LINEAR), np.float32)


BANDS = (460.0, 545.0, 610.0, 850.0)  # nm: blue, green, red of sRGB, and near infrared
INFRARED = np.array([0.30, 0.15, 3.0, 0.5])  # pigment, blood, vein, scar beside their change in red light
PALE = 0.55  # reflectance of skin in near infrared, whatever its tone


def reflectance(layers: Float, identity: Identity, capture: Capture) -> Float:
    """Reflectance (h, w, 3) in [0, 1] as the capture's sensor sees it.

    `layers` (h, w, 4): pigment, blood, veins and scars, in units of `palm_models.render.skin.Palette`.
    """
    tones = palette(identity.skin_tone, identity.redness)
    changes = np.stack([tones.pigment, tones.blood, tones.vein, tones.scar])
    if not capture.grey:
        moved = layers @ changes.astype(np.float32)
        return np.asarray(tones.base.astype(np.float32) * np.exp(moved), np.float32)
    red, green, blue = changes.T
    band = 850.0 if capture.infrared else capture.band
    spectrum = np.stack([blue, green, red, red * INFRARED])
    one = np.array([np.interp(band, BANDS, spectrum[:, k]) for k in range(4)], np.float32)
    base = float(np.interp(band, BANDS, [*tones.base[::-1], PALE]))
    grey = np.float32(base) * np.exp(layers @ one)
    return np.repeat(grey[..., None], 3, axis=-1)
