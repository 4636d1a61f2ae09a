"""Creases as curves in palm coordinates: principal lines, their branches and wrinkles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from palm_models.hand import priors
from palm_models.hand.controls import Value
from palm_models.hand.skeleton import Skeleton, palm_distance, rest

Array = NDArray[np.float64]
KNOTS = 5  # turns a crease is described by
BUNDLED = 0.16  # shorter wrinkles have no neighbours: together they would look like a blot
CUTS = 4  # times a crease that leaves the palm is cut before it is given up
CHECKED = 24  # points a crease is looked at
PALM_RIM = 0.01  # creases end this far from the outline of the palm


@dataclass(frozen=True)
class Crease:
    """One crease of a right hand (a left hand is laid out the same way and mirrored when it is drawn).

    Lengths in palm widths; origin between joints 5 and 17, x towards the thumb, y towards the wrist.
    The heading turns by `turn` (degrees a palm width) at KNOTS equally distant places; depth 1 is a deep
    principal crease.
    """

    kind: str
    x: float
    y: float
    heading: float
    length: float
    turn: tuple[float, ...]
    depth: float
    width: float
    chain: float = 0.0  # distance of its two strands
    wave: float = 0.0  # phase of chaining and of depth along the crease, radians
    gap: float = -1.0  # where it is broken, as a share of its length; negative: nowhere
    from_start: float = 0.0  # share of full depth at its beginning

    def to_dict(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return {**self.__dict__, "turn": list(self.turn)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Crease:
        """The inverse of to_dict."""
        return cls(**{**values, "turn": tuple(values["turn"])})


def trace(creases: Sequence[Crease], n: int = 48) -> Array:
    """Points (creases, n, 2): the heading is the integral of the turns, the points that of the heading."""
    length = np.array([c.length for c in creases])[:, None]
    turn = np.array([c.turn for c in creases]) @ _between(n)
    step = length / (n - 1)
    heading = np.array([c.heading for c in creases])[:, None] + _integral(
        (turn[:, 1:] + turn[:, :-1]) / 2 * step
    )
    middle = np.radians((heading[:, 1:] + heading[:, :-1]) / 2)
    x = np.array([c.x for c in creases])[:, None] + _integral(np.cos(middle) * step)
    y = np.array([c.y for c in creases])[:, None] + _integral(np.sin(middle) * step)
    return np.stack([x, y], axis=2)


@cache
def _between(n: int) -> Array:
    """Weights (KNOTS, n) of linear interpolation between the knots."""
    at, knots = np.linspace(0, 1, n), np.linspace(0, 1, KNOTS)
    return np.stack([np.interp(at, knots, unit) for unit in np.eye(KNOTS)])


def _integral(steps: Array) -> Array:
    return np.concatenate([np.zeros((len(steps), 1)), np.cumsum(steps, axis=1)], axis=1)


def profile(creases: Sequence[Crease], n: int = 48) -> Array:
    """Depth (creases, n) along each crease: it tapers off, undulates, and vanishes where it is broken."""
    start, wave, gap, depth = (
        np.array([getattr(c, name) for c in creases])[:, None]
        for name in ("from_start", "wave", "gap", "depth")
    )
    s = np.linspace(0, 1, n)
    rise = start + (1 - start) * np.clip(s / 0.18, 0, 1) ** 0.7
    fall = np.clip((1 - s) / 0.35, 0, 1) ** 0.8
    waves = 1 + 0.16 * np.sin(9 * s + wave) + 0.09 * np.sin(23 * s + 2.7 * wave)
    whole = np.where(gap < 0, 1.0, np.clip(np.abs(s - gap) / 0.035 - 0.3, 0, 1))
    return np.asarray(depth * rise * fall * waves * whole)


def draw_creases(
    traits: Mapping[str, Value], subject: np.random.Generator, hand: np.random.Generator
) -> tuple[Crease, ...]:
    """All creases of one palm. `subject` gives what both hands share, `hand` what only this one has."""
    shared, own = subject.spawn(2), hand.spawn(3)
    lines = _principal(traits, shared[0], own[0])
    every = [*lines, *_branches(traits, lines, own[1]), *_wrinkles(traits, shared[1], own[2])]
    return _keep_inside(every, rest(traits))


def _keep_inside(creases: list[Crease], skeleton: Skeleton) -> tuple[Crease, ...]:
    """Each crease cut to its longest run within the palm; those with little of it left are dropped."""
    kept: list[Crease] = []
    for _ in range(CUTS):  # a cut crease runs slightly differently, so look at it again
        points = trace(creases, CHECKED)
        inside = np.asarray(palm_distance(skeleton, points) < -PALM_RIM)
        whole = [bool(run.all()) for run in inside]
        kept += [crease for crease, good in zip(creases, whole, strict=True) if good]
        cuts = [_cut_to(c, p, i) for c, p, i in zip(creases, points, inside, strict=True) if not i.all()]
        creases = [cut for cut in cuts if cut]
        if not creases:
            break
    order = {name: k for k, name in enumerate((*priors.PRINCIPAL, "branch", *priors.WRINKLES))}
    return tuple(sorted(kept, key=lambda crease: order[crease.kind]))


def _cut_to(crease: Crease, points: Array, inside: NDArray[np.bool_]) -> Crease | None:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], inside.astype(int), [0]])))
    if len(edges) == 0:
        return None
    runs = edges.reshape(-1, 2)
    first, end = runs[np.argmax(runs[:, 1] - runs[:, 0])]
    if end - first < 4:
        return None
    s = np.linspace(first, end - 1, KNOTS) / (len(points) - 1)
    turn = np.interp(s, np.linspace(0, 1, KNOTS), crease.turn)
    to = points[first + 1] - points[first]
    return replace(
        crease,
        x=float(points[first, 0]),
        y=float(points[first, 1]),
        heading=float(np.degrees(np.arctan2(to[1], to[0]))),
        length=float(crease.length * (end - 1 - first) / (len(points) - 1)),
        turn=tuple(turn.tolist()),
    )


def _principal(
    traits: Mapping[str, Value], subject: np.random.Generator, hand: np.random.Generator
) -> list[Crease]:
    lines = []
    for kind, line in priors.PRINCIPAL.items():
        rho = priors.HAND_MEMORY
        z = rho * subject.standard_normal(16) + np.sqrt(1 - rho**2) * hand.standard_normal(16)
        u = hand.random(4)
        if 0.5 * u[0] + 0.5 * subject.random() > _cut(line.chance) or (kind == "head" and traits["simian"]):
            continue
        lines.append(_line(kind, line, traits, z, u))
    return _parted(lines)


def _parted(lines: list[Crease]) -> list[Crease]:
    """The life crease begins at the head crease or nearer to the thumb, never beyond it."""
    head = next((c for c in lines if c.kind == "head"), None)
    if head is None:
        return lines
    return [replace(c, y=max(c.y, head.y + 0.008)) if c.kind == "life" else c for c in lines]


def _cut(p: float) -> float:
    # the mean of two uniform numbers is below this with probability p
    return float(np.sqrt(p / 2) if p < 0.5 else 1 - np.sqrt((1 - p) / 2)) + (p >= 1)


def _line(kind: str, line: priors.Line, traits: Mapping[str, Value], z: Array, u: Array) -> Crease:
    def at(pair: tuple[float, float], i: int) -> float:
        return pair[0] + pair[1] * float(z[i])

    turns = _remember(z[6 : 6 + KNOTS])
    wander = float(traits["waviness"])
    simian = kind == "heart" and traits["simian"]
    turn = tuple(
        m * (0.2 if simian else 1) + sd * wander * t for (m, sd), t in zip(line.turn, turns, strict=True)
    )
    return Crease(
        kind=kind,
        x=at(line.x, 0),
        y=at(line.y, 1),
        heading=at(line.heading, 2),
        length=max(0.15, at(line.length, 3) + (0.35 if simian else 0)),
        turn=turn,
        depth=max(0.12, at(line.depth, 4)) * float(traits["principal_depth"]),
        width=max(0.35, at(line.width, 5)) * float(traits["principal_width"]),
        chain=max(0.0, 0.006 * float(traits["chaining"]) * (1 + float(z[12]))) * (u[1] < 0.6),
        wave=6.28 * u[2],
        gap=0.25 + 0.6 * u[3] / 0.22 if u[3] < 0.22 else -1.0,
        from_start=0.85 if line.depth[0] > 0.8 else 0.15,
    )


def _remember(z: Array) -> Array:
    out = z.copy()
    for i in range(1, len(z)):
        out[i] = priors.TURN_MEMORY * out[i - 1] + np.sqrt(1 - priors.TURN_MEMORY**2) * z[i]
    return out


def _branches(traits: Mapping[str, Value], lines: list[Crease], rng: np.random.Generator) -> list[Crease]:
    grown, paths, shape = [], trace(lines), priors.BRANCH
    for _ in range(int(traits["branches"])):
        at_line = min(int(rng.random() * 4), len(lines) - 1)
        parent = lines[at_line]
        points = paths[at_line]
        at = min(int(rng.beta(*shape.place) * 47), 46)
        along = np.degrees(np.arctan2(*(points[at + 1] - points[at])[::-1]))
        side = 1 if rng.random() < 0.5 else -1
        grown.append(
            Crease(
                kind="branch",
                x=float(points[at, 0]),
                y=float(points[at, 1]),
                heading=float(along + side * rng.uniform(*shape.angle)),
                length=float(rng.lognormal(np.log(shape.length[0]), shape.length[1])),
                turn=tuple(_remember(rng.normal(0, shape.turn, KNOTS) - side * 20).tolist()),
                depth=float(parent.depth * rng.uniform(*shape.depth)),
                width=float(parent.width * rng.uniform(*shape.width)),
                wave=float(rng.uniform(0, 6.28)),
                from_start=0.8,
            )
        )
    return grown


def _wrinkles(
    traits: Mapping[str, Value], subject: np.random.Generator, hand: np.random.Generator
) -> list[Crease]:
    main = subject.uniform(0, 180, 3) + hand.normal(0, 12, 3)
    fields = list(priors.WRINKLES.items())
    tilt = subject.normal(0, 8, len(fields)) + hand.normal(0, 6, len(fields))
    share = np.array([f.share for _, f in fields]) * subject.lognormal(0, 0.5, len(fields))
    n = int(traits["wrinkles"])
    which = hand.choice(len(fields), n, p=share / share.sum())
    z, u = hand.standard_normal((n, 7 + KNOTS)), hand.random((n, 6))
    wrinkles: list[Crease] = []
    for k, q, r in zip(which, z, u, strict=True):
        if wrinkles and wrinkles[-1].length > BUNDLED and r[3] < priors.WRINKLE_BUNDLES:
            wrinkles.append(_beside(wrinkles[-1], q, r))
            continue
        kind, field = fields[k]
        towards = main[int(r[0] * 3)] if field.heading is None else field.heading[0] + tilt[k]
        wide = 0.0 if field.heading is None else field.heading[1]
        wrinkles.append(_wrinkle(kind, field, traits, towards + wide * q[2], q, r))
    return wrinkles


def _beside(wrinkle: Crease, q: Array, r: Array) -> Crease:
    """A neighbour of a wrinkle that runs nearly parallel to it."""
    near, far = priors.BUNDLE_GAP
    gap = (near + (far - near) * r[4]) * (1 if r[5] < 0.5 else -1)
    along, slip = np.radians(wrinkle.heading), 0.25 * wrinkle.length * q[0]
    return replace(
        wrinkle,
        x=float(wrinkle.x - gap * np.sin(along) + slip * np.cos(along)),
        y=float(wrinkle.y + gap * np.cos(along) + slip * np.sin(along)),
        heading=float(wrinkle.heading + 6 * q[1]),
        length=float(min(0.9, wrinkle.length * np.exp(0.3 * q[2]))),
        turn=tuple((np.array(wrinkle.turn) + 25 * q[7:]).tolist()),
        depth=float(min(1.0, 0.85 * wrinkle.depth * np.exp(0.35 * q[5]))),
        width=float(wrinkle.width * np.exp(0.2 * q[6])),
        wave=float(6.28 * r[1]),
        gap=-1.0,
    )


def _wrinkle(
    kind: str, field: priors.Field, traits: Mapping[str, Value], along: float, q: Array, r: Array
) -> Crease:
    width, spread = priors.WRINKLE_WIDTH
    heading = along + float(traits["wrinkle_disorder"]) * q[3]
    length = field.length * float(traits["wrinkle_length"]) * np.exp(priors.WRINKLE_LENGTH_SD * q[4])
    back = np.radians(heading)
    usual = field.length * priors.IDENTITY["wrinkle_length"].a
    stature = min(1.4, (length / usual) ** priors.WRINKLE_STATURE)
    deep = float(traits["wrinkle_depth"])
    x, y = field.x[0] + field.x[1] * q[0], field.y[0] + field.y[1] * q[1]
    return Crease(
        kind=kind,
        x=float(x - np.cos(back) * length / 2),
        y=float(y - np.sin(back) * length / 2),
        heading=float(heading),
        length=float(min(length, 0.9)),
        turn=tuple((_remember(q[7:]) * priors.WRINKLE_TURN * float(traits["waviness"])).tolist()),
        depth=float(min(1.0, stature * field.depth * deep * np.exp(priors.WRINKLE_DEPTH_SD * q[5]))),
        width=float(width * np.exp(spread * q[6])),
        wave=float(6.28 * r[1]),
        gap=float(0.2 + 0.6 * r[2] / 0.15) if r[2] < 0.15 else -1.0,
    )
