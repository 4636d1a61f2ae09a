"""Atlas of one identity: relief, lines and colour of its whole skin at rest, drawn once."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.atlas.field import Field, swept
from palm_models.atlas.identity import Identity
from palm_models.atlas.lines import FANS, soft_lines, thin_lines
from palm_models.atlas.strokes import Curves, curves, drawn, joined
from palm_models.hand.creases import Crease
from palm_models.hand.joints import dark_bands, folds
from palm_models.hand.skeleton import rest
from palm_models.render.surface import Canvas, scar_lines
from palm_models.seeds import Draw, generator

Float = NDArray[np.float32]
PALM = (-0.70, -0.42, 0.76, 1.04)  # x0, y0, x1, y1
WHOLE = (-0.95, -1.85, 1.85, 1.95)
GROUPS = 4  # directions of lines that stretched skin closes or opens together, 45 degrees apart
PRINCIPAL = ("heart", "head", "life", "fate", "sun", "mercury", "inner_life", "branch", "flexion")
DETAIL = 90  # points of a principal crease
# octaves of fields as (cell in palm widths, weight): swellings of skin, grain, veins
PADS = ((0.15, 4.5), (0.085, 2.2), (0.05, 0.9), (0.03, 0.35))
GRAINS = ((0.028, 0.30), (0.016, 0.50), (0.010, 0.85), (0.007, 0.95), (0.0042, 0.40))
VEINS = ((0.31, 1.0), (0.17, 0.7), (0.09, 0.4), (0.05, 0.25))  # they run where this field is 0
FINGERS, FOREARM = (-0.25, -0.5), (1.0, 1.35)  # y from which, and to which, skin calms, palm widths
CALM = 0.3  # what is left of a palm's swellings there
HOLLOWS = ((0.014, 2.47), (0.035, 1.8))  # skin about creases: sd in palm widths of its hollow, gain
LEAST_PERIOD = 2.4  # pixels of a friction ridge, below which the atlas cannot carry it
PERIOD_CLEAR = 3.4  # from here on it does fully


@dataclass(frozen=True)
class Atlas:
    """Layers (h, w, 4) float32 in resting coordinates.

    `lines`: grooves of wrinkles and thin lines in four directions (1 = deep, negative = raised edge);
    `deep`: principal creases, the soft valley about them, broad folds of the thenar, ridges and grain;
    `colour`: blotches, dark skin, pale skin, veins.
    """

    lines: Float
    deep: Float
    colour: Float
    origin: tuple[float, float]
    density: float  # pixels a palm width


def draw_atlas(identity: Identity, view: View, density: float) -> Atlas:
    """Everything an identity's skin carries, `density` pixels a palm width; the same skin at any density."""
    x0, y0, x1, y1 = PALM if view == "palm" else WHOLE
    canvas = Canvas((int((y1 - y0) * density), int((x1 - x0) * density)), (x0, y0), density)
    principal = principal_creases(identity, canvas)
    lines = line_layers(identity, canvas)
    grooves = np.clip(principal, 0, None) + 0.5 * np.clip(lines.max(axis=2), 0, None)
    valley = canvas.blank()
    for width, gain in HOLLOWS:
        valley += np.float32(gain) * cv2.GaussianBlur(grooves, (0, 0), width * density)
    dark, light = (drawn(some, canvas) for some in soft_lines(identity))
    valley += _calm(canvas) * (dark - np.float32(0.8) * light)
    folds = drawn(_thumb_folds(identity), canvas)
    micro = _micro(identity, canvas)
    return Atlas(
        lines=lines,
        deep=np.dstack([principal, valley, folds, micro]),
        colour=np.dstack(_colour(identity, canvas)),
        origin=(x0, y0),
        density=density,
    )


def principal_creases(identity: Identity, canvas: Canvas) -> Float:
    """Depth (h, w) of the principal and flexion creases: 1 = deep, negative on their raised edges."""
    chosen = [c for c in identity.creases if c.kind in PRINCIPAL]
    chosen += folds(identity, rest(identity.scalars()))
    lines = _roughened(curves(chosen, DETAIL), identity, chosen)
    return _edged(drawn(lines, canvas), 0.0052 * canvas.density, 0.55 * identity.edges)


def _roughened(lines: Curves, identity: Identity, creases: list[Crease]) -> Curves:
    """Creases that wander and fray as skin does; those that chain get a second strand."""
    seed = identity.texture_seed
    along = np.gradient(lines.points, axis=1)
    across = np.stack([-along[..., 1], along[..., 0]], axis=2)
    across /= np.linalg.norm(across, axis=2, keepdims=True) + 1e-9
    coarse, fine = Field(seed, (Draw.ATLAS_SKIN, 0), 0.06, 64), Field(seed, (Draw.ATLAS_SKIN, 1), 0.013, 256)
    swing = 0.0030 * identity.waviness * coarse.at(lines.points) + 0.0016 * identity.fray * fine.at(
        lines.points
    )
    points = lines.points + across * swing[..., None]
    rough = Field(seed, (Draw.ATLAS_SKIN, 2), 0.009, 256).at(points)
    depth = lines.depth * np.clip(1 + 0.14 * identity.fray * rough, 0.4, 1.5)
    first = Curves(points, depth, lines.sigma)
    chain = np.array([c.chain for c in creases])
    twin = chain > 0.002
    if not twin.any():
        return first
    s = np.linspace(0, 1, DETAIL)
    wave = np.array([c.wave for c in creases])[twin][:, None]
    gap = chain[twin][:, None] * 1.6 * np.sin(17 * s + wave) * np.clip(1.6 * np.sin(4.3 * s + 2 * wave), 0, 1)
    second = Curves(points[twin] + across[twin] * gap[..., None], 0.7 * depth[twin], 0.8 * lines.sigma[twin])
    return joined([first, second])


def line_layers(identity: Identity, canvas: Canvas) -> Float:
    """Depth (h, w, 4) of wrinkles and thin lines by direction, as `Atlas.lines`."""
    wrinkles = [c for c in identity.creases if c.kind not in PRINCIPAL]
    thick = curves(wrinkles, 14)
    thin = thin_lines(identity)
    layers = []
    for k in range(GROUPS):
        parts = [
            drawn(some.pick(np.round(some.headings() / 45) % GROUPS == k), canvas) for some in (thick, thin)
        ]
        both = np.maximum(*parts) + 0.5 * np.minimum(*parts)
        layers.append(_edged(np.asarray(both, np.float32), 0.0036 * canvas.density, 0.5 * identity.edges))
    return np.dstack(layers)


def _edged(groove: Float, sigma: float, edge: float) -> Float:
    """A groove with raised edges: what it displaces is piled up beside it."""
    sigma = max(sigma, 0.9)
    return np.asarray(groove - edge * cv2.GaussianBlur(groove, (0, 0), 1.8 * sigma), np.float32)


def _thumb_folds(identity: Identity) -> Curves:
    """Folds that a thumb brought in throws over its ball, from the web on, along the life crease."""
    rng = generator(identity.texture_seed, Draw.ATLAS_SKIN, 3)
    creases = []
    for k in range(int(rng.integers(2, 6))):
        width = float(rng.uniform(0.022, 0.055))
        creases.append(
            Crease(
                "fold",
                0.66 + float(rng.normal(0, 0.03)),
                0.30 + 0.09 * k + float(rng.normal(0, 0.025)),
                float(rng.normal(172, 10)),
                float(rng.uniform(0.4, 0.75)) * (1 - 0.08 * k),
                tuple(float(v) for v in rng.normal(-75, 40, 5)),
                float(identity.thumb_folds * rng.uniform(6, 14)) * width,
                width,
                from_start=0.6,
            )
        )
    return curves(creases, 24)


def _micro(identity: Identity, canvas: Canvas) -> Float:
    """Ridges and grain, about unit variance where they can be carried; finer grain where pixels are finer."""
    seed, density = identity.texture_seed, canvas.density
    out = canvas.blank()
    pads = [
        (weight * identity.mounds, Field(seed, (Draw.ATLAS_SKIN, 11, k), cell, 64))
        for k, (cell, weight) in enumerate(PADS)
    ]
    out += _calm(canvas) * swept(pads, canvas)
    for k, (cell, weight) in enumerate(GRAINS):
        if cell * density > 1.2:
            out += np.float32(weight * identity.grain) * Field(seed, (Draw.ATLAS_SKIN, 4, k), cell).on(canvas)
    period = identity.ridge_period * density
    if period > LEAST_PERIOD:
        clear = min(1.0, (period - LEAST_PERIOD) / (PERIOD_CLEAR - LEAST_PERIOD))
        uneven = np.exp(0.45 * Field(seed, (Draw.ATLAS_SKIN, 5), 0.05, 64).on(canvas))
        out += np.float32(1.3 * clear * identity.ridge_depth) * uneven * _ridges(identity, canvas)
    return out


def _ridges(identity: Identity, canvas: Canvas) -> Float:
    """Cosine of a phase that grows by one turn a ridge along a slowly bent direction, with ends and forks."""
    h, w = canvas.shape
    x = canvas.origin[0] + np.arange(w, dtype=np.float32) / canvas.density
    y = (canvas.origin[1] + np.arange(h, dtype=np.float32) / canvas.density)[:, None]
    angle = np.radians(identity.ridge_angle + 90)
    bend = [Field(identity.texture_seed, (Draw.ATLAS_SKIN, 6, k), 0.33, 16).on(canvas) for k in (0, 1)]
    reach = np.float32(0.13 * identity.ridge_curl)
    small = Field(identity.texture_seed, (Draw.ATLAS_SKIN, 7), 0.05, 64).on(canvas)
    along = (x + reach * bend[0]) * np.cos(angle) + (y + reach * bend[1]) * np.sin(angle)
    phase = (2 * np.pi / identity.ridge_period) * along + 0.9 * small
    return np.asarray(np.cos(phase) * 1.2, np.float32)


def _colour(identity: Identity, canvas: Canvas) -> list[Float]:
    seed = identity.texture_seed
    patches = _calm(canvas) * blotches(seed, (Draw.ATLAS_SKIN, 8), identity.mottle_size, canvas)
    return [patches, _dark(identity, canvas), _pale(identity, canvas), _veins(seed, canvas)]


def _calm(canvas: Canvas) -> Float:
    """Share (h, 1) of a palm's swellings that skin has: less on fingers and forearm."""
    y = canvas.origin[1] + np.arange(canvas.shape[0], dtype=np.float32) / canvas.density
    beyond = [np.clip((y - near) / (far - near), 0, 1) for near, far in (FINGERS, FOREARM)]
    return np.asarray(1 - (1 - CALM) * np.maximum(*beyond), np.float32)[:, None]


def blotches(seed: int, key: tuple[int, ...], size: float, canvas: Canvas) -> Float:
    """Patches of blood, about zero mean and unit variance: a fine net of pale spots over slow changes."""
    fine = Field(seed, (*key, 0), size, 128).on(canvas) + 0.5 * Field(seed, (*key, 3), 0.55 * size, 256).on(
        canvas
    )
    middle = Field(seed, (*key, 1), 2.3 * size, 64).on(canvas)
    slow = Field(seed, (*key, 2), 0.17, 32).on(canvas)
    net = 0.25 - np.logaddexp(0, 2 * fine) + np.float32(np.log(2))  # pale spots, not red ones
    return np.asarray(0.36 * net + 0.5 * middle + 0.5 * slow, np.float32)


def _dark(identity: Identity, canvas: Canvas) -> Float:
    out = canvas.blank()
    for fan in FANS:
        out += np.float32(fan.dark * identity.fans) * canvas.spot(fan.x, fan.y, fan.reach)
    out *= np.float32(0.55 * (0.6 + 0.4 * identity.rim_pigment))
    if canvas.origin[1] < PALM[1]:  # the fingers are seen
        bands = curves(dark_bands(identity, rest(identity.scalars())), 24)
        out += np.float32(0.12 * identity.crease_pigment) * drawn(bands, canvas)
    return out + moles(identity, canvas)


def moles(identity: Identity, canvas: Canvas) -> Float:
    """Pigment (h, w) of the moles alone."""
    out = canvas.blank()
    for mark in identity.marks:
        if mark.kind == "mole":
            spot = np.clip(1.6 * canvas.spot(mark.x, mark.y, mark.size * 0.6), 0, 1)
            out += np.float32(2.4 * mark.strength) * spot
    return out


def _pale(identity: Identity, canvas: Canvas) -> Float:
    out = canvas.blank()
    for mark in identity.marks:
        if mark.kind == "callus":
            out = np.maximum(out, 0.35 * mark.strength * canvas.spot(mark.x, mark.y, mark.size * 0.6))
        elif mark.kind == "scar":
            out = np.maximum(out, np.clip(drawn(curves(scar_lines(mark), 24), canvas), 0, 1.2))
    return np.asarray(out, np.float32)


def _veins(seed: int, canvas: Canvas) -> Float:
    level = sum(
        w * Field(seed, (Draw.ATLAS_SKIN, 10, k), cell, 64).on(canvas) for k, (cell, w) in enumerate(VEINS)
    )
    return np.asarray(np.exp(-np.abs(level) / 0.16), np.float32)
