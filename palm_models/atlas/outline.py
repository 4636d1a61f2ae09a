"""The outline of a hand as photographs show it: proportions, rounded rims, fingertips and nails."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.capture import Capture
from palm_models.atlas.identity import Identity
from palm_models.hand.skeleton import FINGERS, HEEL, WEB, Build, rest
from palm_models.render.warp import Warp
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
Direction = tuple[float, float]
# Half widths at the joints: medians of 74 photographed hands, measured across the bone; nobody's hand.
REAL = Build(
    radii=(
        (0.215, 0.182, 0.160, 0.125),
        (0.166, 0.156, 0.137, 0.110),
        (0.162, 0.158, 0.139, 0.114),
        (0.156, 0.150, 0.133, 0.108),
        (0.148, 0.138, 0.122, 0.098),
    ),
    swell=(0.0, 0.02, 0.08),
    palm=(
        (22, 0, 0.205, 0.34), (23, 0, 0.20, 0.34), (24, 0, 0.20, 0.34),
        (25, HEEL, 0.165, 0.35), (HEEL, 0, 0.35, 0.38),
        (22, 23, 0.20, 0.19), (23, 24, 0.19, 0.19), (24, 25, 0.18, 0.165),
        (2, 1, 0.185, 0.27), (WEB, 1, 0.25, 0.27), (WEB, 5, 0.24, 0.19), (WEB, 2, 0.23, 0.20),
        (1, 0, 0.27, 0.36),
    ),
    wrist=0.47,
    forearm=0.56,
    palm_blend=0.10,
    wrist_blend=0.34,
    web_blend=0.07,
)  # fmt: skip
ROUND = 0.09  # height of rounded borders, palm widths
FINGERTIP = 0.08  # from the middle of a fingertip's round end to the tip, palm widths
PADS = (0.16, 0.055)  # of a fingertip's pad: reach and height, palm widths


def cover(seen: Warp) -> Float:
    """Share of each pixel (size, size) that the hand covers, 0 to 1."""
    return np.asarray(np.clip(0.5 - seen.distance * seen.scale, 0, 1), np.float32)


def form(seen: Warp, identity: Identity) -> Float:
    """Height (size, size) of the rounded rims and of the fingertips' pads, palm widths."""
    rise = 1 - np.clip(seen.crest, 0, 1)
    height = np.float32(ROUND) * np.sqrt(np.clip(1 - rise * rise, 0, 1))
    reach, high = PADS
    for place, (x, y), _ in _tips(identity):
        near = ((seen.resting[..., 0] - x) ** 2 + (seen.resting[..., 1] - y) ** 2) * np.float32(
            -0.5 / reach**2
        )
        height += np.float32(high) * np.exp(near) * (seen.finger == place)
    return np.asarray(height, np.float32)


def details(skin: Float, seen: Warp, identity: Identity, capture: Capture) -> Float:
    """Linear light (size, size, 3) with blood in the fingertips, and the edge of long nails."""
    rng = generator(identity.texture_seed, Draw.ATLAS_NAILS)
    length = float(np.clip(rng.normal(0.012, 0.016), 0, 0.05))  # of the nails beyond the tip, palm widths
    blood = float(np.clip(rng.normal(0.5, 0.3), 0, 1.2))
    out = skin.copy()
    for place, (x, y), ahead in _tips(identity):
        on = seen.finger == place
        near = np.exp(
            ((seen.resting[..., 0] - x) ** 2 + (seen.resting[..., 1] - y) ** 2) * np.float32(-0.5 / 0.11**2)
        )
        if not capture.grey:
            share = (near * on * np.float32(blood))[..., None]
            out *= 1 + share * np.array([0.06, -0.10, -0.06], np.float32)
        if length > 0.008:
            out = _nail(out, seen, on, (x, y), ahead, length)
    return np.asarray(out, np.float32)


def _nail(
    skin: Float, seen: Warp, on: NDArray[np.bool_], tip: tuple[float, float], ahead: Direction, length: float
) -> Float:
    """A pale crescent beyond the end of a finger, `length` palm widths long in the middle."""
    x = seen.resting[..., 0] - np.float32(tip[0] - FINGERTIP * ahead[0])
    y = seen.resting[..., 1] - np.float32(tip[1] - FINGERTIP * ahead[1])
    facing = np.clip((x * ahead[0] + y * ahead[1]) / (np.sqrt(x * x + y * y) + 1e-6), 0, 1)
    far = np.float32(length) * np.clip(1.6 * facing - 0.6, 0, 1)
    rim = np.clip((seen.distance + far) * seen.scale + 0.5, 0, 1) * on * np.clip(12 * facing - 8, 0, 1)
    pale = skin.mean(axis=-1, keepdims=True) * np.array([1.20, 1.12, 1.05], np.float32) + np.float32(0.02)
    share = np.float32(0.6) * rim[..., None]
    return np.asarray(skin + share * (pale - skin), np.float32)


def _tips(identity: Identity) -> list[tuple[int, tuple[float, float], Direction]]:
    """Number of each finger, the resting place of its tip, and where it points (unit length)."""
    joints = rest(identity.scalars()).joints
    found = []
    for place, chain in enumerate(FINGERS.values(), 1):
        tip, last = joints[chain[3]], joints[chain[2]]
        x, y = (tip - last) / np.linalg.norm(tip - last)
        found.append((place, (float(tip[0]), float(tip[1])), (float(x), float(y))))
    return found
