"""The folds at the joints of the fingers as photographs show them: from rim to rim, in darker skin."""

from __future__ import annotations

import numpy as np

from palm_models.hand.creases import Crease
from palm_models.hand.flexion import joint_folds
from palm_models.hand.identity import Identity
from palm_models.hand.skeleton import FINGERS, Array, Skeleton
from palm_models.seeds import Draw, generator

APART = (0.045, 0.085)  # palm widths between the two folds of a middle joint
DARK = (0.035, 0.055)  # palm widths, width of the darker skin about a fold


def folds(identity: Identity, skeleton: Skeleton) -> list[Crease]:
    """All folds: across the whole finger at joints outside the palm, elsewhere those of flexion_creases."""
    kept = [f for name, k, some in joint_folds(identity, skeleton) if not _free(name, k) for f in some]
    return kept + [fold for fold, _ in _across(identity, skeleton)]


def dark_bands(identity: Identity, skeleton: Skeleton) -> list[Crease]:
    """The darker skin about the folds of free joints, as wide strokes of that strength."""
    return [band for _, band in _across(identity, skeleton)]


def _free(finger: str, joint: int) -> bool:
    """Whether a joint lies outside the palm."""
    return finger in FINGERS and joint > (1 if finger == "thumb" else 0)


def _across(identity: Identity, skeleton: Skeleton) -> list[tuple[Crease, Crease]]:
    rng = generator(identity.texture_seed, Draw.ATLAS_SKIN, 13)
    apart, tint = rng.uniform(*APART), rng.lognormal(0, 0.4)
    found = []
    for row, (name, chain) in enumerate(FINGERS.items()):
        joints = skeleton.joints[list(chain)]
        for k in range(3):
            if not _free(name, k):
                continue
            along = (joints[k + 1] - joints[k - 1]) / np.linalg.norm(joints[k + 1] - joints[k - 1])
            double = k == 1 or rng.random() < 0.25
            gap = (apart if k == 1 else 0.035) * rng.uniform(0.85, 1.15)
            for off in (-gap / 2, gap / 2) if double else (0.0,):
                place = joints[k] + (off + rng.normal(0, 0.006)) * along
                found.append(_fold(place, along, float(skeleton.radii[row, k]), tint, identity, rng))
    return found


def _fold(
    place: Array, along: Array, radius: float, tint: float, identity: Identity, rng: np.random.Generator
) -> tuple[Crease, Crease]:
    """One fold and the skin about it, a little curved as round things seen from the front are."""
    heading = float(np.degrees(np.arctan2(along[1], along[0])) + 90 + rng.normal(0, 3))
    reach, back = 2.1 * radius, np.radians(heading)
    x, y = place - np.array([np.cos(back), np.sin(back)]) * reach / 2
    turn = tuple(float(v) for v in rng.normal(0, 22, 5))
    depth, wave = identity.principal_depth * rng.uniform(0.75, 1.35), float(rng.uniform(0, 2 * np.pi))
    thin = float(identity.principal_width * rng.uniform(0.9, 1.5))

    def stroke(kind: str, strength: float, width: float) -> Crease:
        return Crease(
            kind, float(x), float(y), heading, reach, turn, strength, width, wave=wave, from_start=0.5
        )

    return stroke("flexion", float(depth), thin), stroke("fold", float(tint), float(rng.uniform(*DARK)))
