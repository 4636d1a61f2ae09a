"""What a hand wears: ring, bracelet, watch and sleeve, round as the limb they lie on."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.capture import Capture
from palm_models.atlas.identity import Identity
from palm_models.hand.skeleton import FINGERS, Skeleton, forearm_axis, rest
from palm_models.render.accessories import METALS, RING_AT
from palm_models.render.ridges import upsample
from palm_models.render.warp import Warp
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
Mask = NDArray[np.bool_]
BANDS = {"ring": 0.030, "bracelet": 0.035, "watch": 0.10}  # half widths, palm widths
BULGE = {"ring": 0.012, "bracelet": 0.020, "watch": 0.025}  # how far they stand out, palm widths
WRIST_BAND_AT, SLEEVE_AT = 0.10, 0.16  # below the middle of the wrist, palm widths


def wear(scene: Float, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light (size, size, 3) with what the capture says is worn."""
    if not (capture.ring or capture.sleeve or capture.bracelet != "none"):
        return scene
    rng = generator(capture.scene_seed, Draw.ATLAS_WORN)
    skeleton = rest(identity.scalars())
    metals = rng.integers(len(METALS), size=2)
    straps = rng.uniform(0.01, 0.2, 3)
    if capture.bracelet != "none":
        metal = capture.bracelet == "bracelet"
        colour = np.array(METALS[metals[0]]) if metal else straps
        along = _down(seen, skeleton, WRIST_BAND_AT)
        scene = _band(scene, seen, along, seen.finger == 0, capture.bracelet, colour, metal, capture)
    if capture.sleeve:
        scene = _sleeve(scene, seen, skeleton, capture, rng)
    if capture.ring:
        chain = FINGERS[capture.ring_finger]
        a, b = skeleton.joints[chain[0]], skeleton.joints[chain[1]]
        along = np.asarray(
            (seen.resting - (a + RING_AT * (b - a))) @ ((b - a) / np.linalg.norm(b - a)), np.float32
        )
        on = seen.finger == list(FINGERS).index(capture.ring_finger) + 1
        scene = _band(scene, seen, along, on, "ring", np.array(METALS[metals[1]]), True, capture)
    return scene


def _down(seen: Warp, skeleton: Skeleton, at: float) -> Float:
    """Distance (size, size) down the forearm from `at` below the wrist, palm widths."""
    wrist, down = forearm_axis(skeleton)
    return np.asarray((seen.resting - wrist) @ down - at, np.float32)


def _band(
    scene: Float, seen: Warp, along: Float, where: Mask, kind: str, colour: NDArray[np.float64],
    metal: bool, capture: Capture,
) -> Float:  # fmt: skip
    """A rounded band across a limb: `along` is the distance (size, size) from its middle line."""
    half, out = BANDS[kind], BULGE[kind]
    edge = np.clip((half - np.abs(along)) * seen.scale + 0.5, 0, 1)
    cover = (edge * where * np.clip(0.5 - (seen.distance - out) * seen.scale, 0, 1))[..., None]
    across, round_ = np.clip(along / half, -1, 1), np.sqrt(np.clip(seen.crest, 0, 1))
    azimuth, elevation = np.radians(capture.light_azimuth), np.radians(capture.light_elevation)
    rise = np.sqrt(np.clip(1 - across**2, 0, 1))
    lit = rise * round_ * np.sin(elevation) - across * np.cos(azimuth) * np.cos(elevation) * 0.8
    light = capture.ambient * (0.45 + 0.55 * rise * round_) + (1 - capture.ambient) * np.clip(lit, 0, 1.5)
    band = colour * light[..., None]
    if metal:  # mirrors: a bright room above, the dark camera in the middle, and the lamp as a thin line
        mirror = 0.55 + 0.45 * np.sin(5.2 * across + 2.0 * seen.crest)
        glint = np.exp(-(((across - 0.45 * np.cos(azimuth)) / 0.16) ** 2)) * np.clip(
            1.6 * seen.crest - 0.3, 0, 1
        )
        band = band * mirror[..., None] * 1.15 + (0.7 * glint)[..., None] * (
            0.4 + 0.6 * colour / colour.max()
        )
    edge_shadow = np.exp(-((np.maximum(np.abs(along) - half, 0) / (0.5 * half)) ** 2))
    shade = 1 - 0.42 * edge_shadow * where * (seen.distance < 0)
    grey = band.mean(axis=-1, keepdims=True).repeat(3, -1) if capture.grey else band
    return np.asarray(cover * grey + (1 - cover) * scene * shade[..., None], np.float32)


def _sleeve(
    scene: Float, seen: Warp, skeleton: Skeleton, capture: Capture, rng: np.random.Generator
) -> Float:
    """A cuff with its hem, and cloth that falls in folds along the arm."""
    along = _down(seen, skeleton, SLEEVE_AT)
    size = along.shape[0]
    sag = np.float32(0.02) * upsample(rng.standard_normal((1, 4), np.float32).repeat(4, 0), (size, size))
    along = along + sag
    loose = 0.05 + 0.03 * np.tanh(along)
    cover = np.clip(along * seen.scale + 0.5, 0, 1) * np.clip(
        0.5 - (seen.distance - loose) * seen.scale, 0, 1
    )
    cover = (cover * (seen.finger == 0))[..., None]
    folds = upsample(rng.standard_normal((5, 9), np.float32), (size, size))
    light = np.exp(0.18 * np.tanh(cv2.Sobel(folds, -1, 1, 1) * np.float32(size / 12)))
    weave = cv2.GaussianBlur(rng.standard_normal((size, size), np.float32), (0, 0), 0.9)
    hem = 1 - 0.30 * np.exp(-(((along - 0.05) / 0.008) ** 2)) - 0.12 * np.exp(-((along / 0.012) ** 2))
    round_ = 0.55 + 0.45 * np.clip(-seen.distance / 0.25 + 0.3, 0, 1)
    colour = np.clip(capture.sleeve_tone**2.2 * np.exp(rng.normal(0, 0.18, 3)), 0.004, 0.9)
    if capture.grey:
        colour = np.full(3, colour.mean())
    cloth = colour * (light * (1 + 0.05 * weave) * hem * round_)[..., None]
    shade = 1 - 0.40 * np.exp(-((np.minimum(along, 0) / 0.05) ** 2)) * (seen.distance < 0)
    return np.asarray(cover * cloth + (1 - cover) * scene * shade[..., None], np.float32)
