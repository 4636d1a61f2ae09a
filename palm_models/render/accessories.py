"""Accessories: ring, bracelet, watch and sleeve, laid over the hand in its resting coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palm_models.hand.capture import Capture
from palm_models.hand.identity import Identity
from palm_models.hand.skeleton import FINGERS, Skeleton, forearm_axis, rest
from palm_models.render.ridges import upsample
from palm_models.render.warp import Warp

Float = NDArray[np.float32]
METALS = ((0.80, 0.56, 0.18), (0.62, 0.62, 0.66), (0.75, 0.42, 0.32))  # gold, silver, rose gold: linear sRGB
RING_AT = 0.62  # of the way from the first to the second joint
BANDS = {"ring": 0.045, "bracelet": 0.05, "watch": 0.10}  # half widths, palm widths
WRIST_BAND_AT, SLEEVE_AT = -0.03, 0.02  # below the middle of the wrist, palm widths


def wear(scene: Float, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light (size, size, 3) with what the capture says is worn."""
    if not (capture.ring or capture.sleeve or capture.bracelet != "none"):
        return scene
    rng = np.random.default_rng(np.random.SeedSequence(capture.scene_seed, spawn_key=(1,)))
    skeleton = rest(identity.scalars())
    metals = rng.integers(len(METALS), size=2)
    out = scene
    if capture.bracelet != "none":
        strap = np.array(METALS[metals[0]]) if capture.bracelet == "bracelet" else rng.uniform(0.01, 0.2, 3)
        out = _band(
            out, seen, *_wrist(seen, skeleton, WRIST_BAND_AT), BANDS[capture.bracelet], strap, capture
        )
    if capture.sleeve:
        out = _sleeve(out, seen, skeleton, capture, rng)
    if capture.ring:
        chain = FINGERS[capture.ring_finger]
        a, b = skeleton.joints[chain[0]], skeleton.joints[chain[1]]
        axis = (b - a) / np.linalg.norm(b - a)
        along = (seen.resting - (a + RING_AT * (b - a))) @ axis
        on_finger = seen.finger == list(FINGERS).index(capture.ring_finger) + 1
        out = _band(out, seen, along, on_finger, BANDS["ring"], np.array(METALS[metals[1]]), capture)
    return np.asarray(out, np.float32)


def _wrist(seen: Warp, skeleton: Skeleton, at: float) -> tuple[Float, NDArray[np.bool_]]:
    wrist, down = forearm_axis(skeleton)
    return np.asarray((seen.resting - wrist) @ down - at, np.float32), seen.finger == 0


def _band(
    scene: Float,
    seen: Warp,
    along: Float,
    where: NDArray[np.bool_],
    half: float,
    colour: NDArray[np.float64],
    capture: Capture,
) -> Float:
    """A rounded band across a limb: `along` is the distance (size, size) from its middle line."""
    edge = np.clip((half - np.abs(along)) * seen.scale + 0.5, 0, 1)
    cover = (edge * where * np.clip(0.5 - (seen.distance - 0.012) * seen.scale, 0, 1))[..., None]
    bulge = np.sqrt(np.clip(1 - (along / half) ** 2, 0, 1))
    side = np.cos(np.radians(capture.light_azimuth)) * along / half
    shine = np.clip(0.25 + 0.6 * bulge * np.sqrt(np.clip(seen.crest, 0, 1)) - 0.35 * side, 0.03, 1.4)
    glint = 0.8 * np.exp(-(((along / half + 0.35) / 0.18) ** 2)) * np.clip(seen.crest * 1.5 - 0.4, 0, 1)
    shadow = 1 - 0.45 * np.exp(-(((np.abs(along) - half) / 0.03) ** 2)) * where * (seen.distance < 0)
    band = colour * shine[..., None] + glint[..., None] * colour.max()
    grey = band.mean(axis=-1, keepdims=True).repeat(3, -1) if capture.infrared else band
    return np.asarray(cover * grey + (1 - cover) * scene * shadow[..., None], np.float32)


def _sleeve(
    scene: Float, seen: Warp, skeleton: Skeleton, capture: Capture, rng: np.random.Generator
) -> Float:
    along, _ = _wrist(seen, skeleton, SLEEVE_AT)
    wide = np.clip(0.5 - (seen.distance - 0.07) * seen.scale, 0, 1)
    cover = (np.clip(along * seen.scale + 0.5, 0, 1) * wide * (seen.finger == 0))[..., None]
    shape = along.shape
    folds = np.exp(0.3 * upsample(rng.standard_normal((7, 5), np.float32), (shape[0], shape[1])))
    hem = 1 - 0.35 * np.exp(-(((along - 0.03) / 0.012) ** 2))
    colour = np.clip(capture.sleeve_tone**2.2 * np.exp(rng.normal(0, 0.35, 3)), 0.004, 0.9)
    if capture.infrared:
        colour = np.full(3, colour.mean())
    shadow = 1 - 0.4 * np.exp(-((np.minimum(along, 0) / 0.04) ** 2)) * (seen.distance < 0)
    cloth = colour * (folds * hem * (0.5 + 0.5 * np.clip(-seen.distance / 0.2 + 0.4, 0, 1)))[..., None]
    return np.asarray(cover * cloth + (1 - cover) * scene * shadow[..., None], np.float32)
