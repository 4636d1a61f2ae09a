"""Hand geometry: skeleton with 21 landmarks, poses, outline, and the way back to the resting hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palm_models.hand.capture import Capture
from palm_models.hand.controls import Value

Array = NDArray[np.float64]

# Mean of 271 hands as MediaPipe's Hand Landmarker sees them (right hand, palm side; origin between joints 5
# and 17, unit their distance, x towards the thumb, y towards the wrist).
# Statistics of many people, nobody's hand.
MEAN_HAND = np.array([
    (-0.30, 1.30),
    (0.264, 1.20), (0.757, 0.833), (1.096, 0.483), (1.39, 0.22),
    (0.5, 0.0), (0.718, -0.555), (0.812, -0.895), (0.885, -1.20),
    (0.170, -0.129), (0.312, -0.768), (0.394, -1.166), (0.457, -1.495),
    (-0.161, -0.116), (-0.074, -0.710), (-0.008, -1.076), (0.060, -1.396),
    (-0.5, 0.0), (-0.513, -0.470), (-0.500, -0.764), (-0.465, -1.042),
])  # fmt: skip
FINGERS = {"thumb": (1, 2, 3, 4), "index": (5, 6, 7, 8), "middle": (9, 10, 11, 12), "ring": (13, 14, 15, 16),
           "little": (17, 18, 19, 20)}  # fmt: skip
RADIUS = {
    "thumb": 0.170,
    "index": 0.148,
    "middle": 0.150,
    "ring": 0.141,
    "little": 0.124,
}  # at the first joint
SPREAD = {
    "thumb": 0.0,
    "index": 1.0,
    "middle": 0.25,
    "ring": -0.35,
    "little": -1.0,
}  # degrees a degree of spread
SWAY = {"thumb": 0.0, "index": 0.5, "middle": 1.0, "ring": 1.0, "little": 0.5}
HEEL = 26  # a point in the ball of the little finger; 22 to 25: where the palm ends between the fingers
WEB = 21  # a point between thumb and index finger, see _helpers
# The palm as round-ended wedges: two joints (or helper points) and the radius at either.
PALM = (
    (22, 0, 0.185, 0.29), (23, 0, 0.19, 0.29), (24, 0, 0.185, 0.30),
    (25, HEEL, 0.15, 0.33), (HEEL, 0, 0.33, 0.35),
    (22, 23, 0.18, 0.18), (23, 24, 0.18, 0.18), (24, 25, 0.17, 0.15),
    (2, 1, 0.165, 0.20), (WEB, 1, 0.24, 0.20), (WEB, 5, 0.24, 0.17), (WEB, 2, 0.22, 0.17), (1, 0, 0.20, 0.30),
)  # fmt: skip
KNUCKLE_REACH = 0.10  # of the way to the next joint
FAR = 0.3  # bones farther from every point than this carry none of them
PALM_BLEND = 0.07  # rounding where the wedges of the palm meet
WRIST = (-0.08, 0.30, 0.41)  # middle of the wrist against the joints 0 and 1, and its half width
WRIST_BLEND = 0.12  # rounding where the forearm leaves the palm
WEB_BLEND = 0.05  # rounding where a finger leaves the palm
# Where the Hand Landmarker sees some joints of rendered hands, against the joints that carry their flesh.
SEEN = {0: (0.092, 0.027), 1: (0.061, -0.014), 2: (0.014, 0.004), 3: (0.012, 0.012),
        4: (0.007, 0.007), 5: (0.024, -0.025), 6: (0.016, -0.009), 7: (0.016, -0.01),
        8: (0.014, -0.007), 9: (0.021, -0.016), 10: (0.013, 0.01), 11: (0.009, 0.02),
        12: (0.004, 0.019), 13: (0.024, -0.021), 14: (0.001, 0.015), 15: (0.005, 0.024),
        16: (0.005, 0.041), 17: (0.036, -0.024), 18: (0.016, 0.018), 19: (0.006, 0.023),
        20: (-0.001, 0.026)}  # fmt: skip
PALM_ROUND = 0.16  # width of the rounded border of the palm
SKIN_BLEND = 0.035  # how softly skin passes from one bone to the next


@dataclass(frozen=True)
class Build:
    """The flesh that all hands of an engine have on their bones; lengths in palm widths.

    radii: of each finger (thumb to little) at its four joints, for taper 0.8; swell: added half way along the
    first, second and last bone, as a share of the radius; palm: wedges as in PALM; wrist, forearm: half width
    at the wrist, and 1.8 further down; blends: how softly the palm's wedges, forearm and fingers meet.
    """

    radii: tuple[tuple[float, ...], ...] | None = None  # None: RADIUS, narrowed by the taper alone
    swell: tuple[float, float, float] = (0.0, 0.0, 0.0)
    palm: tuple[tuple[int, int, float, float], ...] = PALM
    wrist: float = WRIST[2]
    forearm: float = WRIST[2]
    palm_blend: float = PALM_BLEND
    wrist_blend: float = WRIST_BLEND
    web_blend: float = WEB_BLEND


PLAIN = Build()  # of 0.1.0


@dataclass(frozen=True)
class Skeleton:
    """Joints (21, 2) of a right hand in palm widths, and the radius (5, 4) of each finger at its joints."""

    joints: Array
    radii: Array


def rest(traits: Mapping[str, Value], build: Build = PLAIN) -> Skeleton:
    """The resting hand that an identity's traits describe, laid out as a right hand."""
    joints = MEAN_HAND.copy()
    for i in (0, 1, 2):
        joints[i] = joints[i] * (1.0, float(traits["palm_length"]))
    for name, chain in FINGERS.items():
        own = float(traits[f"{name}_length"])
        factor = own if name == "thumb" else own * float(traits["finger_length"])
        start = 1 if name == "thumb" else 0
        for k in range(start, 3):
            bone = MEAN_HAND[chain[k + 1]] - MEAN_HAND[chain[k]]
            joints[chain[k + 1]] = joints[chain[k]] + bone * factor
    return Skeleton(joints, _radii(traits, build))


def _radii(traits: Mapping[str, Value], build: Build) -> Array:
    steps = np.linspace(0, 1, 4)
    along = 1 - (1 - float(traits["taper"])) * steps
    if build.radii is not None:
        own = along / (1 - 0.2 * steps) * float(traits["finger_width"])
        return np.asarray(np.array(build.radii) * own)
    widths = np.array([RADIUS[name] for name in FINGERS]) * float(traits["finger_width"])
    radii = widths[:, None] * along[None, :]
    radii[0, :2] *= 1.05
    return np.asarray(radii)


def pose(skeleton: Skeleton, capture: Capture) -> Skeleton:
    """The hand with fingers spread, swayed and bent, seen from straight above."""
    joints = skeleton.joints.copy()
    short = np.cos(np.radians(capture.bend * np.array([0.45, 0.9, 1.2])))
    for name, chain in FINGERS.items():
        turn = capture.spread * SPREAD[name] + capture.sway * SWAY[name] - capture.thumb * (name == "thumb")
        for k in range(3):
            share = (0.35, 1.0, 1.0)[k] if name == "thumb" else 1.0
            bone = rotate(skeleton.joints[chain[k + 1]] - skeleton.joints[chain[k]], turn * share)
            joints[chain[k + 1]] = joints[chain[k]] + bone * (short[k] if name != "thumb" else 1.0)
    return Skeleton(joints, skeleton.radii)


def landmarks(posed: Skeleton) -> Array:
    """The 21 landmarks (21, 2) of a posed hand, where the Hand Landmarker sees them."""
    seen = posed.joints.copy()
    for joint, offset in SEEN.items():
        seen[joint] += offset
    return seen


def rotate(points: Array, degrees: float) -> Array:
    """Points (..., 2) turned about the origin; positive turns x towards y."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points @ np.array([[c, s], [-s, c]]))


def _wedge(
    points: Array, a: Array, b: Array, ra: float, rb: float, swell: float = 0.0
) -> tuple[Array, Array]:
    """Signed distance to a round-ended wedge (negative inside) and the place along it, 0 to 1."""
    axis = b - a
    t = np.clip((points - a) @ axis / max(float(axis @ axis), 1e-9), 0, 1)
    gap = points - a - t[..., None] * axis
    radius = ra + (rb - ra) * t
    if swell:
        radius = radius * (1 + 4 * swell * t * (1 - t))
    return np.sqrt((gap * gap).sum(axis=-1)) - radius, t


def _smooth_min(a: Array, b: Array, k: float) -> Array:
    # Quilez's polynomial smooth minimum
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return np.asarray(b + (a - b) * h - k * h * (1 - h))


def palm_distance(skeleton: Skeleton, points: Array, build: Build = PLAIN) -> Array:
    """Signed distance (...) to the palm without fingers and forearm, in palm widths, negative inside."""
    joints = np.vstack([skeleton.joints, *_helpers(skeleton.joints)])
    out: Array | None = None
    for a, b, ra, rb in build.palm:
        d, _ = _wedge(points, joints[a], joints[b], ra, rb)
        out = d if out is None else _smooth_min(out, d, build.palm_blend)
    assert out is not None
    return out


def _helpers(joints: Array) -> list[Array]:
    web = (2 * joints[5] + 2 * joints[2] + joints[0]) / 5
    return [
        web,
        *(joints[k] + KNUCKLE_REACH * (joints[k + 1] - joints[k]) for k in (5, 9, 13, 17)),
        (joints[17] + joints[0]) / 2,
    ]


def _forearm(skeleton: Skeleton, points: Array, build: Build) -> Array:
    wrist, down = forearm_axis(skeleton)
    return _wedge(points, wrist, wrist + 1.8 * down, build.wrist, build.forearm)[0]


def forearm_axis(skeleton: Skeleton) -> tuple[Array, Array]:
    """Middle of the wrist (2,) and the unit vector down the forearm (2,)."""
    joints = skeleton.joints
    wrist = 0.8 * joints[0] + 0.2 * joints[1] + np.array(WRIST[:2])
    knuckles = 0.6 * joints[9] + 0.4 * joints[13]
    return wrist, (wrist - knuckles) / np.linalg.norm(wrist - knuckles)


@dataclass(frozen=True)
class Body:
    """A posed hand at points (...): signed distance to its outline, back-mapped resting coordinates (..., 2),
    finger (0 palm, 1 thumb … 5 little) and the roundness (0 rim … 1 crest) of what is seen."""

    distance: Array
    resting: Array
    finger: NDArray[np.intp]
    crest: Array


def body(posed: Skeleton, skeleton: Skeleton, points: Array, build: Build = PLAIN) -> Body:
    """Where each point of a posed hand lies on the resting hand.

    Every bone carries its skin rigidly (stretched along the bone where it is foreshortened); between bones
    the skin blends by distance, and of two fingers that touch, the nearer one is seen.
    """
    palm = _smooth_min(palm_distance(posed, points, build), _forearm(posed, points, build), build.wrist_blend)
    distance, finger = palm, np.zeros(palm.shape, np.intp)
    crest = np.clip(-palm / PALM_ROUND, 0, 1)
    resting = points.copy()
    for i, chain in enumerate(FINGERS.values()):
        d, back, rim = _finger(posed, skeleton, points, chain, i, build)
        seen = d < np.where(finger == 0, palm, distance) + 0.0
        toward = 1 / (1 + np.exp(np.clip((d - palm) / SKIN_BLEND, -40, 40)))
        moved = points + toward[..., None] * (back - points)
        resting = np.where((seen | (finger == 0) & (toward > 0.02))[..., None], moved, resting)
        crest = np.where(seen, toward * rim + (1 - toward) * crest, crest)
        finger = np.where(seen, i + 1, finger)
        distance = np.minimum(distance, _smooth_min(d, palm, build.web_blend))
    return Body(distance, resting, finger, crest)


def _finger(
    posed: Skeleton,
    skeleton: Skeleton,
    points: Array,
    chain: tuple[int, ...],
    row: int,
    build: Build,
) -> tuple[Array, Array, Array]:
    near: Array | None = None
    total, back, rim = np.zeros(points.shape[:-1]), np.zeros(points.shape), np.zeros(points.shape[:-1])
    for k in range(3):
        a, b = posed.joints[chain[k]], posed.joints[chain[k + 1]]
        tip = b + (0.0 if k < 2 else -0.02) * (b - a)
        radii = skeleton.radii[row]
        d, _ = _wedge(points, a, tip, float(radii[k]), float(radii[k + 1]), build.swell[k])
        if near is not None and d.min() > FAR:
            break
        weight = np.exp(-np.clip(d + 0.2, 0, 2) / SKIN_BLEND)
        total += weight
        back += weight[..., None] * _carry(
            points, a, b, skeleton.joints[chain[k]], skeleton.joints[chain[k + 1]]
        )
        rim += weight * np.clip(-d / radii[k], 0, 1)
        near = d if near is None else _smooth_min(near, d, 0.03)
    assert near is not None
    return near, back / (total + 1e-12)[..., None], rim / (total + 1e-12)


def _carry(points: Array, a: Array, b: Array, rest_a: Array, rest_b: Array) -> Array:
    """Points fixed to bone a→b taken to where the bone rests: along it stretched, across it rigid."""
    axis, rest_axis = b - a, rest_b - rest_a
    length, rest_length = float(np.linalg.norm(axis)), float(np.linalg.norm(rest_axis))
    u, v = axis / length, rest_axis / rest_length
    local = points - a
    along, across = local @ u * (rest_length / length), local @ np.array([-u[1], u[0]])
    return np.asarray(rest_a + along[..., None] * v + across[..., None] * np.array([-v[1], v[0]]))
