"""Thin lines of a palm: hundreds of streamlines along the directions that prevail where they lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from palm_models.atlas.field import Field
from palm_models.atlas.identity import Identity
from palm_models.atlas.strokes import Curves
from palm_models.seeds import Draw, generator

Array = NDArray[np.float64]
POINTS = 10  # of a thin line
SIGMA = (0.0023, 0.35)  # standard deviation of a thin line's profile, median in palm widths, log-sd
SOFT_SIGMA = (0.0183, 0.4)  # of soft lines
DEPTH_SD, LENGTH_SD, STATURE = (
    0.55,
    0.55,
    0.6,
)  # log-sd about the identity's medians; depth grows with this power of length
SPREAD = 7.0  # sd in degrees of thin lines about the direction that prevails
BUNDLED, BUNDLE = 0.6, 0.05  # share of lines that lie near another one, and how near, palm widths
BEND = 75.0  # sd of their turn, degrees a palm width


@dataclass(frozen=True)
class Patch:
    """A region of skin with its own thin lines: (mean, sd) of place and heading, factors on both medians."""

    share: float
    x: tuple[float, float]
    y: tuple[float, float]
    heading: tuple[float, float] | None  # degrees; None: the directions that prevail
    length: float
    depth: float
    net: bool = False  # one of the two directions that cross on the ball of the thumb


PATCHES = (
    Patch(0.46, (0.03, 0.38), (0.30, 0.40), None, 1.0, 1.0),
    Patch(0.16, (0.36, 0.17), (0.66, 0.18), (170, 12), 1.1, 1.15, net=True),
    Patch(0.12, (0.34, 0.16), (0.62, 0.18), (112, 12), 1.2, 1.0, net=True),
    Patch(0.09, (-0.46, 0.10), (0.50, 0.26), (12, 16), 1.0, 1.0),
    Patch(0.12, (0.02, 0.33), (-0.10, 0.09), (-88, 16), 0.8, 1.1),
    Patch(0.10, (0.05, 0.28), (0.92, 0.12), (172, 20), 1.1, 1.0),
)


@dataclass(frozen=True)
class Fan:
    """Where skin is gathered: lines leave (x, y) within `wide` degrees of `heading`."""

    x: float
    y: float
    heading: float
    wide: float
    lines: float
    length: float
    apart: float  # sd of their starts, palm widths
    dark: float  # of the pigment there
    reach: float


FANS = (
    Fan(0.66, 0.42, 185, 34, 17, 0.22, 0.022, 1.0, 0.11),
    Fan(0.60, 0.24, 160, 30, 7, 0.16, 0.030, 0.5, 0.10),
    Fan(0.33, -0.25, 100, 26, 8, 0.11, 0.030, 0.5, 0.09),
    Fan(0.01, -0.29, 92, 26, 8, 0.11, 0.030, 0.5, 0.09),
    Fan(-0.33, -0.24, 85, 26, 8, 0.10, 0.030, 0.5, 0.08),
    Fan(-0.56, 0.14, 5, 18, 8, 0.15, 0.075, 0.3, 0.08),
    Fan(-0.57, 0.55, -5, 18, 8, 0.16, 0.100, 0.2, 0.08),
)


def thin_lines(identity: Identity) -> Curves:
    """All thin lines of a palm, as many as the identity has, fans included."""
    rng = generator(identity.texture_seed, Draw.ATLAS_LINES, 0)
    n = round(identity.fine_lines)
    share = np.array([p.share * (identity.thenar_mesh if p.net else 1.0) for p in PATCHES]) * rng.lognormal(
        0, 0.35, len(PATCHES)
    )
    which = rng.choice(len(PATCHES), n, p=share / share.sum())
    z = rng.standard_normal((n, 7))
    at = np.array([(p.x, p.y) for p in PATCHES])[which]
    start = at[..., 0] + at[..., 1] * z[:, :2]
    which, start = _bundled(which, start, rng)
    heading = _prevailing(identity, start, rng)
    fixed = np.array([p.heading or (np.nan, 0) for p in PATCHES])
    tilt = rng.normal(0, 9, len(PATCHES))
    own = fixed[which, 0] + tilt[which] + fixed[which, 1] * z[:, 2]
    heading = np.where(np.isnan(own), heading + SPREAD * z[:, 2], own)
    factor = np.array([(p.length, p.depth) for p in PATCHES])[which]
    length = np.minimum(identity.fine_length * factor[:, 0] * np.exp(LENGTH_SD * z[:, 3]), 0.7)
    depth = identity.fine_depth * factor[:, 1] * np.exp(DEPTH_SD * z[:, 4] + STATURE * LENGTH_SD * z[:, 3])
    sigma = SIGMA[0] * np.exp(SIGMA[1] * z[:, 5])
    turn = BEND * identity.waviness * z[:, 6]
    lines = _grown(identity, start, heading, length, depth, sigma, turn, centred=True)
    fans = _fans(identity, rng)
    return Curves(
        *(np.concatenate([getattr(lines, k), getattr(fans, k)]) for k in ("points", "depth", "sigma"))
    )


def soft_lines(identity: Identity) -> tuple[Curves, Curves]:
    """Broad shallow hollows and swellings of loose skin, in all directions: dark ones, and light ones."""
    rng = generator(identity.texture_seed, Draw.ATLAS_LINES, 5)
    n = round(identity.soft_lines)
    z = rng.standard_normal((n, 5))
    start = np.stack([rng.uniform(-0.7, 0.76, n), rng.uniform(-0.42, 1.04, n)], axis=1)
    heading = _prevailing(identity, start, rng) + 20 * z[:, 0]
    length = np.minimum(0.26 * np.exp(0.45 * z[:, 1]), 0.8)
    depth = identity.soft_depth * np.exp(0.45 * z[:, 2])
    sigma = np.clip(SOFT_SIGMA[0] * np.exp(SOFT_SIGMA[1] * z[:, 3]), 0.004, 0.03)
    turn = 1.5 * BEND * identity.waviness * z[:, 4]
    lines = _grown(identity, start, heading, length, depth, sigma, turn, centred=True)
    dark = rng.random(n) < 0.55
    return lines.pick(dark), lines.pick(~dark)


def _bundled(
    which: NDArray[np.intp], start: Array, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Array]:
    """Most lines have neighbours: they take the patch of an earlier line and lie near it."""
    n = len(which)
    beside = (np.arange(n) * rng.random(n) * 0.5).astype(int)
    near = (rng.random(n) < BUNDLED) & (np.arange(n) > 4)
    close = start[beside] + rng.normal(0, BUNDLE, (n, 2))
    return np.where(near, which[beside], which), np.where(near[:, None], close, start)


def _prevailing(identity: Identity, at: Array, rng: np.random.Generator) -> Array:
    """One of three directions (n,), each the likelier where its own slow field is high."""
    main = rng.uniform(0, 180) + np.array([0.0, 60.0, 120.0]) + rng.normal(0, 14, 3)
    strength = np.stack(
        [Field(identity.texture_seed, (Draw.ATLAS_LINES, 1, k), 0.30, 16).at(at) for k in range(len(main))],
        axis=1,
    )
    chance = np.exp(identity.flow * strength)
    edge = np.cumsum(chance / chance.sum(axis=1, keepdims=True), axis=1)
    return np.asarray(main[(edge < rng.random((len(at), 1))).sum(axis=1).clip(0, 2)])


def _grown(
    identity: Identity, start: Array, heading: Array, length: Array, depth: Array, sigma: Array, turn: Array,
    centred: bool,
) -> Curves:  # fmt: skip
    """Lines that follow the skin's flow: their heading is bent by a field that neighbours share."""
    flow = Field(identity.texture_seed, (Draw.ATLAS_LINES, 2), 0.22, 16)
    step = (length / (POINTS - 1))[:, None]
    s = np.arange(POINTS) - ((POINTS - 1) / 2 if centred else 0)
    course = np.radians(
        heading[:, None] + turn[:, None] * step * s + 22 * identity.waviness * flow.at(start)[:, None]
    )
    move = np.stack([np.cos(course), np.sin(course)], axis=2) * step[..., None]
    path = np.cumsum(move, axis=1) - move[:, :1]
    points = start[:, None] + path - (path[:, [POINTS // 2]] if centred else 0)
    wander = [Field(identity.texture_seed, (Draw.ATLAS_LINES, 3, k), 0.045, 64) for k in (0, 1)]
    points = points + 0.0045 * identity.waviness * np.stack([w.at(points) for w in wander], axis=2)
    t = np.linspace(0, 1, POINTS)
    taper = np.clip(t / 0.4, 0.1, 1) if centred else np.ones(POINTS)
    taper = taper * np.clip((1 - t) / 0.4, 0.05, 1)
    uneven = np.exp(
        0.45 * identity.fray * Field(identity.texture_seed, (Draw.ATLAS_LINES, 4), 0.03, 128).at(points)
    )
    return Curves(points, depth[:, None] * taper * uneven, sigma)


def _fans(identity: Identity, rng: np.random.Generator) -> Curves:
    spread = rng.standard_normal((len(FANS), 40, 5))
    start, rest = [], []
    for fan, z in zip(FANS, spread, strict=True):
        n = min(40, round(fan.lines * (0.4 + 0.6 * identity.fans) * np.exp(0.25 * z[0, 4])))
        q = z[:n]
        across = np.radians(fan.heading + 90)
        start.append(np.array([fan.x, fan.y]) + fan.apart * q[:, :1] * (np.cos(across), np.sin(across)))
        rest.append(
            np.stack(
                [
                    fan.heading + 8 * z[1, 4] + 0.6 * fan.wide * q[:, 0] + 0.4 * fan.wide * q[:, 1],
                    fan.length * np.exp(0.4 * q[:, 2]),
                    0.30 * identity.fans * np.exp(0.5 * q[:, 3]) * np.ones(n),
                    0.0032 * np.exp(0.4 * q[:, 4]),
                ]
            )
        )
    heading, length, depth, sigma = np.concatenate(rest, axis=1)
    return _grown(identity, np.concatenate(start), heading, length, depth, sigma, 0 * heading, centred=False)
