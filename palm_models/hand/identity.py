"""Identity: everything that never changes about one synthetic hand, explicit and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from manifests.words import HANDS, Hand
from palm_models.hand.controls import Prior, Value, draw
from palm_models.hand.creases import Crease, draw_creases
from palm_models.hand.marks import Mark, draw_marks
from palm_models.hand.priors import IDENTITY
from palm_models.seeds import Draw, generator

CONTROLS: dict[str, str] = {name: prior.help for name, prior in IDENTITY.items()}


@dataclass(frozen=True)
class Identity:
    """One hand of one subject. What each trait means and its unit: `CONTROLS`."""

    seed: int
    subject: int
    hand: Hand
    palm_length: float
    finger_length: float
    thumb_length: float
    index_length: float
    middle_length: float
    ring_length: float
    little_length: float
    finger_width: float
    taper: float
    mounds: float
    skin_tone: float
    redness: float
    mottling: float
    mottle_size: float
    veins: float
    sheen: float
    crease_pigment: float
    grain: float
    ridge_depth: float
    ridge_period: float
    ridge_angle: float
    ridge_curl: float
    principal_depth: float
    principal_width: float
    waviness: float
    chaining: float
    simian: bool
    branches: int
    wrinkles: int
    wrinkle_depth: float
    wrinkle_length: float
    wrinkle_disorder: float
    thenar_mesh: float
    scars: int
    moles: int
    calluses: float
    texture_seed: int
    creases: tuple[Crease, ...]
    marks: tuple[Mark, ...]

    def scalars(self) -> dict[str, Value]:
        """The traits that are one value each, for columns of a manifest."""
        return {name: getattr(self, name) for name in IDENTITY}

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        flat = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            **flat,
            "creases": [crease.to_dict() for crease in self.creases],
            "marks": [mark.to_dict() for mark in self.marks],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of to_dict."""
        creases = tuple(Crease.from_dict(item) for item in values["creases"])
        marks = tuple(Mark.from_dict(item) for item in values["marks"])
        return cls(**{**values, "creases": creases, "marks": marks})


@dataclass(frozen=True)
class Draws:
    """The random numbers of one hand: `z` (traits,), standard normal, correlated between a subject's hands.

    common: what both hands of the subject share; own: what this hand has alone. Both go on after `z`.
    """

    z: NDArray[np.float64]
    common: np.random.Generator
    own: np.random.Generator

    def rest(self, traits: Mapping[str, Value]) -> dict[str, Any]:
        """What of an identity is no single value, grown from its traits."""
        return {
            "texture_seed": int(self.own.integers(2**31)),
            "creases": draw_creases(traits, self.common, self.own),
            "marks": draw_marks(traits, self.own),
        }


def draws(key: Draw, priors: Mapping[str, Prior], seed: int, subject: int, hand: Hand) -> Draws:
    """The random numbers at counter (seed, subject, hand), whose traits follow `priors`.

    Raises ValueError when there is no such hand.
    """
    if hand not in HANDS or subject < 0:
        raise ValueError(f"no such hand: subject {subject}, hand {hand!r}; use 0, 1, … and left or right")
    common = generator(seed, key, subject)
    own = generator(seed, key, subject, HANDS.index(hand))
    rho = np.array([prior.shared for prior in priors.values()])
    z = rho * common.standard_normal(len(rho)) + np.sqrt(1 - rho**2) * own.standard_normal(len(rho))
    return Draws(z, common, own)


def make_identity(seed: int, subject: int, hand: Hand, controls: Mapping[str, Any] | None = None) -> Identity:
    """The identity at counter (seed, subject, hand); what both hands share comes from (seed, subject) alone.

    Raises ValueError for a control that does not exist or a value it cannot have.
    """
    random = draws(Draw.IDENTITY, IDENTITY, seed, subject, hand)
    traits: dict[str, Any] = draw(IDENTITY, random.z, controls or {})
    return Identity(seed=seed, subject=subject, hand=hand, **traits, **random.rest(traits))
