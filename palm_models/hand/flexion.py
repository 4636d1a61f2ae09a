"""Flexion creases of the fingers and the wrist: where the skin folds at every joint."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from palm_models.hand.creases import Crease
from palm_models.hand.identity import Identity
from palm_models.hand.skeleton import FINGERS, Array, Skeleton, forearm_axis

# the fold at a finger's base, as a share of the way from its first to its second joint
BASE_AT = {"index": 0.34, "middle": 0.25, "ring": 0.26, "little": 0.36}
WRIST_AT = 0.02  # the folds of the wrist, palm widths below its middle
STRANDS = {0: 2, 1: 3, 2: 1}  # folds at the base, the middle and the last joint


def flexion_creases(identity: Identity, skeleton: Skeleton) -> list[Crease]:
    """Folds across each finger at base, middle and last joint, and two across the wrist."""
    return [fold for _, _, folds in joint_folds(identity, skeleton) for fold in folds]


def joint_folds(identity: Identity, skeleton: Skeleton) -> Iterator[tuple[str, int, list[Crease]]]:
    """The folds with the finger and the joint they belong to: 0 the base, 1 the middle, 2 the last one."""
    rng = np.random.default_rng(np.random.SeedSequence(identity.texture_seed, spawn_key=(1,)))
    for row, (name, chain) in enumerate(FINGERS.items()):
        joints = skeleton.joints[list(chain)]
        for k in range(1 if name == "thumb" else 0, 3):
            at = BASE_AT[name] if k == 0 else 0.0
            place = joints[k] + at * (joints[k + 1] - joints[k])
            along = joints[k + 1] - joints[max(k - 1, 0)]
            yield name, k, _folds(place, along, float(skeleton.radii[row, k]), STRANDS[k], identity, rng)
    wrist, down = forearm_axis(skeleton)
    yield "wrist", 0, _folds(wrist + WRIST_AT * down, -down, 0.42, 2, identity, rng)


def _folds(
    place: Array, along: Array, radius: float, strands: int, identity: Identity, rng: np.random.Generator
) -> list[Crease]:
    heading = np.degrees(np.arctan2(along[1], along[0])) + 90
    folds = []
    for k in range(strands):
        off = (k - (strands - 1) / 2) * 0.045 + rng.normal(0, 0.008)
        reach = radius * (1.9 if strands == 1 or k == 1 else rng.uniform(1.2, 1.8))
        tilt = heading + rng.normal(0, 4)
        back = np.radians(tilt)
        start = (
            place + off * along / np.linalg.norm(along) - np.array([np.cos(back), np.sin(back)]) * reach / 2
        )
        folds.append(
            Crease(
                kind="flexion",
                x=float(start[0]),
                y=float(start[1]),
                heading=float(tilt),
                length=float(reach),
                turn=tuple(rng.normal(0, 40, 5).tolist()),
                depth=float(identity.principal_depth * rng.uniform(0.45, 0.95)),
                width=float(identity.principal_width * rng.uniform(0.7, 1.1)),
                wave=float(rng.uniform(0, 6.28)),
                from_start=0.4,
            )
        )
    return folds
