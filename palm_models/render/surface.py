"""Surface: what one hand's skin carries, drawn once an identity as layers of relief and colour."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from manifests.words import View
from palm_models.hand.creases import Crease, profile, trace
from palm_models.hand.flexion import flexion_creases
from palm_models.hand.identity import Identity
from palm_models.hand.marks import Mark
from palm_models.hand.skeleton import rest
from palm_models.render import ridges

Float = NDArray[np.float32]
PALM = (-0.80, -0.52, 0.88, 1.16)  # x0, y0, x1, y1 in palm widths
WHOLE = (-0.95, -1.85, 1.85, 1.95)
PALM_DETAIL, DETAIL = 1.75, 4.2  # surface pixels a palm width for each pixel of the view's side, at least
DIRECTIONS = 3  # groups of wrinkles by direction, which stretched skin closes or opens together
SIGMAS = (0.62, 0.9, 1.3, 1.9, 2.8, 4.1, 6.0)  # widths that lines are drawn with, in surface pixels
WANDER = 0.0045  # sideways wander of lines, palm widths
VISIBLE = 0.42  # standard deviation of a line's profile as a share of its visible width


@dataclass(frozen=True)
class Surface:
    """Layers (h, w, 4) float32 in resting coordinates.

    `lines` = principal creases and wrinkles in three directions (1 = deep), `texture` = mesh, ridges, grain,
    folds beside the creases; `colour` = blotches, veins, dark marks, pale marks.
    """

    lines: Float
    texture: Float
    colour: Float
    origin: tuple[float, float]
    density: float  # surface pixels a palm width


def surface(identity: Identity, view: View, size: int) -> Surface:
    """Draws everything an identity's skin carries for views of `size` pixels."""
    x0, y0, x1, y1 = PALM if view == "palm" else WHOLE
    density = max(128, size) * PALM_DETAIL if view == "palm" else max(192, size) * DETAIL / 10 * 3.2
    shape = (int((y1 - y0) * density), int((x1 - x0) * density))
    rng = np.random.default_rng(np.random.SeedSequence(identity.texture_seed))
    canvas = Canvas(shape, (x0, y0), density)
    lines = _wander(
        np.dstack([_principal(identity, canvas, rng), *_wrinkles(identity, canvas)]), identity, canvas, rng
    )
    folds = cv2.GaussianBlur(lines[..., 0] + 0.6 * lines[..., 1:].max(axis=2), (0, 0), 0.024 * density)
    return Surface(
        lines=lines,
        texture=np.dstack([*_texture(identity, canvas, rng), folds]),
        colour=np.dstack([*_tint(identity, canvas, rng), *_marks(identity.marks, canvas)]),
        origin=(x0, y0),
        density=density,
    )


@dataclass(frozen=True)
class Canvas:
    """Where resting coordinates fall on a layer."""

    shape: tuple[int, int]
    origin: tuple[float, float]
    density: float

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (..., 2) in palm widths to pixels."""
        return (points - self.origin) * self.density

    def blank(self) -> Float:
        """An empty layer."""
        return np.zeros(self.shape, np.float32)

    def spot(self, x: float, y: float, reach: float) -> Float:
        """A Gaussian of standard deviation `reach` palm widths at (x, y), peak 1."""
        px, py = (x - self.origin[0]) * self.density, (y - self.origin[1]) * self.density
        u = np.exp(-((np.arange(self.shape[1]) - px) ** 2) / (2 * (reach * self.density) ** 2))
        v = np.exp(-((np.arange(self.shape[0]) - py) ** 2) / (2 * (reach * self.density) ** 2))
        return np.asarray(np.outer(v, u), np.float32)


def draw_lines(creases: list[Crease], canvas: Canvas, points: int) -> Float:
    """Creases as soft lines: grouped by width, drawn thin, blurred to their width; shallow ones first."""
    if not creases:
        return canvas.blank()
    bins: dict[int, Float] = {}
    ordered = sorted(creases, key=lambda c: c.depth)
    paths, depths = canvas.pixels(trace(ordered, points)), profile(ordered, points)
    for crease, path, depth in zip(ordered, paths, depths, strict=True):
        sigma = max(VISIBLE * crease.width * canvas.density, SIGMAS[0])
        k = int(np.argmin(np.abs(np.log(np.array(SIGMAS) / sigma))))
        layer = bins.setdefault(k, canvas.blank())
        for strand, share in _strands(crease, path, canvas.density):
            _stroke(layer, strand, depth * share)
    out = canvas.blank()
    for k, layer in bins.items():
        soft = cv2.GaussianBlur(layer, (0, 0), SIGMAS[k]) * (2.55 * max(SIGMAS[k], 0.8))
        out = np.maximum(out, soft)
    return out


def _strands(
    crease: Crease, path: NDArray[np.float64], density: float
) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | float]]:
    if crease.chain * density < 0.8:
        return [(path, 1.0)]
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1) / (
        np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    )
    s = np.linspace(0, 1, len(path))
    swing = np.sin(21 * s + crease.wave) * np.clip(1.5 * np.sin(4 * s + 2 * crease.wave), 0, 1)
    apart = across * (crease.chain * density * swing)[:, None]
    return [(path + apart, 0.85), (path - apart, 0.7)]


def _stroke(layer: Float, path: NDArray[np.float64], depth: NDArray[np.float64]) -> None:
    fixed = np.round(path * 16).astype(np.int32).tolist()
    levels = ((depth[1:] + depth[:-1]) / 2).tolist()
    for a, b, level in zip(fixed, fixed[1:], levels, strict=False):
        if level > 0.02:
            cv2.line(layer, a, b, level, 1, cv2.LINE_AA, 4)


PRINCIPAL = ("heart", "head", "life", "fate", "sun", "mercury", "inner_life", "branch")


def _principal(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Float:
    chosen = [c for c in identity.creases if c.kind in PRINCIPAL]
    chosen += flexion_creases(identity, rest(identity.scalars()))
    rough = cv2.GaussianBlur(rng.standard_normal(canvas.shape, dtype=np.float32), (0, 0), 1.6)
    return np.asarray(draw_lines(chosen, canvas, 48) * np.clip(1 + 0.6 * rough, 0.5, 1.4), np.float32)


def _wrinkles(identity: Identity, canvas: Canvas) -> list[Float]:
    groups: list[list[Crease]] = [[] for _ in range(DIRECTIONS)]
    for crease in identity.creases:
        if crease.kind not in PRINCIPAL:
            groups[round((crease.heading % 180) / 180 * DIRECTIONS) % DIRECTIONS].append(crease)
    return [draw_lines(group, canvas, 14) for group in groups]


def _wander(lines: Float, identity: Identity, canvas: Canvas, rng: np.random.Generator) -> Float:
    """Lines pushed aside by the grain of the skin they cross, as no drawn curve is."""
    h, w = canvas.shape
    at = list(np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32)))
    for cell, share in ((0.14, 1.0), (0.05, 0.5)):
        cells = (int(h / (cell * canvas.density)) + 2, int(w / (cell * canvas.density)) + 2)
        push = WANDER * share * identity.waviness * canvas.density
        at = [a + push * ridges.upsample(rng.standard_normal(cells, np.float32), canvas.shape) for a in at]
    return np.asarray(
        cv2.remap(lines, at[0], at[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _texture(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> list[Float]:
    share = 0.6  # drawn coarser than the lines and stretched: half the time, no visible loss
    small = (int(canvas.shape[0] * share), int(canvas.shape[1] * share))
    unit = canvas.density * share
    period = max(identity.ridge_period * unit, 2.2)
    flow = ridges.ridges(rng, small, period, identity.ridge_angle, identity.ridge_curl)
    angles = (float(rng.uniform(20, 60)), float(rng.uniform(100, 160)))
    net = ridges.mesh(rng, small, max(0.032 * unit, 3.0), angles)
    fine = ridges.grain(rng, small, max(0.022 * unit, 2.0))
    ball = 0.35 + canvas.spot(0.42, 0.62, 0.26)
    return [ridges.upsample(net, canvas.shape) * ball, ridges.upsample(flow, canvas.shape),
            ridges.upsample(fine, canvas.shape)]  # fmt: skip


def _tint(identity: Identity, canvas: Canvas, rng: np.random.Generator) -> list[Float]:
    small = (canvas.shape[0] // 3, canvas.shape[1] // 3)
    unit = canvas.density / 3
    patches = ridges.blotches(rng, small, identity.mottle_size * unit)
    net = ridges.veins(rng, small, 0.3 * unit)
    return [ridges.upsample(patches, canvas.shape), ridges.upsample(net, canvas.shape)]


def _marks(marks: tuple[Mark, ...], canvas: Canvas) -> list[Float]:
    dark, pale = canvas.blank(), canvas.blank()
    for mark in marks:
        if mark.kind == "mole":
            spot = np.clip(1.6 * canvas.spot(mark.x, mark.y, mark.size * 0.6), 0, 1)
            dark = np.maximum(dark, mark.strength * spot)
        elif mark.kind == "callus":
            pale = np.maximum(pale, 0.35 * mark.strength * canvas.spot(mark.x, mark.y, mark.size * 0.6))
        else:
            pale = np.maximum(pale, draw_lines(scar_lines(mark), canvas, 24))
    return [dark, pale]


def scar_lines(mark: Mark) -> list[Crease]:
    """A scar as a bent line, with short cross lines where it was sewn."""
    back = np.radians(mark.angle)
    start = (mark.x - float(np.cos(back)) * mark.size / 2, mark.y - float(np.sin(back)) * mark.size / 2)
    turn = (mark.bend * 400,) * 5
    main = Crease(
        "scar", start[0], start[1], mark.angle, mark.size, turn, mark.strength, 0.028, from_start=0.3
    )
    points = trace([main], 24)[0]
    cross = []
    for k in range(mark.stitches):
        x, y = points[int((k + 1) * 23 / (mark.stitches + 1))]
        at = (float(x + np.sin(back) * 0.03), float(y - np.cos(back) * 0.03))
        cross.append(
            Crease("scar", *at, mark.angle + 90, 0.06, (0.0,) * 5, 0.6 * mark.strength, 0.012, from_start=1.0)
        )
    return [main, *cross]
