"""Seeds: the one table of what is drawn at random, and the generator of any of it by counter."""

from enum import IntEnum

import numpy as np


class Draw(IntEnum):
    """First number of a spawn key: what is drawn. A value never changes, or published pictures would.

    Older than this table and without a key of their own: the
    parts of a diffusion training's step, (step, part), and what is drawn from a seed that was itself drawn
    here (texture_seed, skin_seed, light_seed, noise_seed, scene_seed).
    """

    IDENTITY = 1  # traits, creases and marks: (subject), (subject, hand)
    CAPTURE = 2  # circumstances: (subject, hand, capture)
    AUGMENTATION = 3  # transforms of a copy: (subject, hand, capture, copy)
    DIFFUSION_NOISE = 4  # what diffusion starts from: (subject, hand), (subject, hand, capture)
    BASELINE = (
        7  # latents, noise and moves of wgan-gp and ddpm-tps: (subject, hand), (subject, hand, capture)
    )
    EPOCH_ORDER = 8  # in which a baseline's training sees the photographs: (epoch)
    STEP_NOISE = 9  # of a baseline's training: (step)
    ATLAS_IDENTITY = 11  # traits, creases and marks: (subject), (subject, hand)
    ATLAS_CAPTURE = 12  # circumstances: (subject, hand, capture)
    ATLAS_SESSION = 13  # what captures of a session share: (subject, hand, session)
    REFINED_STEP = 14  # parts and noise of a step of the refined engine's training: (step)
    # From seeds that were themselves drawn: an identity's texture_seed, a session's, a capture's seeds.
    ATLAS_NAILS = 50
    ATLAS_SCENE = 51
    ATLAS_WORN = 52
    ATLAS_STRAIN = 53  # how a hand is hollowed, from a capture's skin_seed: ()
    ATLAS_LINES = 60  # thin lines: (stream), (field, …)
    ATLAS_SKIN = 70  # all else on the skin: (stream), (field, …)
    REFINED_SKIN = 80  # what the skin network starts from: ()


def sequence(seed: int, draw: Draw, *counter: int) -> np.random.SeedSequence:
    """The seed sequence of `draw` at `counter` under the root `seed` (all >= 0)."""
    return np.random.SeedSequence(seed, spawn_key=(int(draw), *counter))


def generator(seed: int, draw: Draw, *counter: int) -> np.random.Generator:
    """The random numbers of `draw` at `counter`: the same whatever else was drawn before."""
    return np.random.default_rng(sequence(seed, draw, *counter))
