"""Scenery: what lies behind the hand and the shadow it throws there."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from palm_models.hand.capture import Capture
from palm_models.render.ridges import upsample
from palm_models.render.warp import Warp

Float = NDArray[np.float32]


def background(capture: Capture, warp: Warp) -> Float:
    """Linear light (size, size, 3) behind the hand, its shadow included."""
    size = warp.distance.shape[0]
    rng = np.random.default_rng(capture.scene_seed)
    tone = 0.02 if capture.background == "dark" else capture.background_tone**2.2
    hue = np.exp(rng.normal(0, 0.08 if capture.background == "plain" else 0.3, 3))
    base = np.clip(tone * hue, 0.005, 0.95).astype(np.float32) * np.ones((size, size, 1), np.float32)
    scene = _pattern(capture.background, base, rng, size) * _shadow(capture, warp)[..., None]
    return np.asarray(
        scene.mean(axis=-1, keepdims=True).repeat(3, -1) if capture.infrared else scene, np.float32
    )


def _pattern(kind: str, base: Float, rng: np.random.Generator, size: int) -> Float:
    shape = (size, size)
    slow = upsample(rng.standard_normal((3, 3), np.float32), shape)[..., None]
    if kind == "gradient":
        return np.asarray(base * np.exp(0.6 * slow), np.float32)
    if kind == "cloth":
        y, x = np.mgrid[0:size, 0:size].astype(np.float32)
        a = rng.uniform(0, np.pi)
        weave = np.sin((x * np.cos(a) + y * np.sin(a)) * 2.1) * np.sin((y * np.cos(a) - x * np.sin(a)) * 2.1)
        return np.asarray(base * np.exp(0.25 * slow + 0.10 * weave[..., None]), np.float32)
    if kind == "clutter":
        return _clutter(base, rng, size)
    return np.asarray(base * np.exp(0.08 * slow), np.float32)


def _clutter(base: Float, rng: np.random.Generator, size: int) -> Float:
    scene = base.copy()
    for _ in range(9):
        colour = np.clip(rng.uniform(0.02, 0.7) * np.exp(rng.normal(0, 0.5, 3)), 0.01, 0.95)
        box = cv2.boxPoints(
            (
                rng.uniform(0, size, 2).tolist(),
                rng.uniform(0.1 * size, 0.7 * size, 2).tolist(),
                rng.uniform(0, 90),
            )
        )
        cv2.fillPoly(scene, [box.astype(np.int32)], colour.tolist(), cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(scene, (0, 0), size * rng.uniform(0.008, 0.04)), np.float32)


def _shadow(capture: Capture, warp: Warp) -> Float:
    size = warp.distance.shape[0]
    azimuth, elevation = np.radians(capture.light_azimuth), np.radians(max(capture.light_elevation, 25))
    reach = 0.12 * warp.scale / np.tan(elevation)
    move = np.array([[1, 0, -np.sin(azimuth) * reach], [0, 1, np.cos(azimuth) * reach]])
    hand = (warp.distance < 0).astype(np.float32)
    thrown = cv2.warpAffine(hand, move, (size, size), borderMode=cv2.BORDER_REPLICATE)
    soft = cv2.GaussianBlur(thrown, (0, 0), max(0.06 * warp.scale, 0.5))
    near = cv2.GaussianBlur(hand, (0, 0), max(0.03 * warp.scale, 0.5))
    dark = capture.shadow * (1 - 0.6 * capture.ambient)
    return np.asarray((1 - dark * soft) * (1 - 0.35 * capture.shadow * near), np.float32)
