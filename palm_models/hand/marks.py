"""Marks of one hand: scars, moles and calluses, where they lie and what they look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from palm_models.hand.controls import Value


@dataclass(frozen=True)
class Mark:
    """One scar, mole or callus in palm coordinates (palm widths, as in `Crease`)."""

    kind: Literal["scar", "mole", "callus"]
    x: float
    y: float
    size: float  # length of a scar, radius of a mole or callus
    angle: float  # direction of a scar, degrees
    strength: float  # 0 to 1
    bend: float = 0.0  # sideways bend of a scar, as a share of its length
    stitches: int = 0  # cross lines of a sewn scar

    def to_dict(self) -> dict[str, Any]:
        """Plain values, JSON-able."""
        return dict(self.__dict__)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Mark:
        """The inverse of to_dict."""
        return cls(**values)


CALLUS_PLACES = ((0.42, -0.08), (0.14, -0.14), (-0.14, -0.12), (-0.42, -0.02))  # at the finger bases


def draw_marks(traits: Mapping[str, Value], rng: np.random.Generator) -> tuple[Mark, ...]:
    """As many scars and moles as the traits ask for, placed on the palm; calluses at the finger bases."""
    streams = rng.spawn(3)
    scars = [_scar(streams[0]) for _ in range(int(traits["scars"]))]
    moles = [_mole(streams[1]) for _ in range(int(traits["moles"]))]
    return (*scars, *moles, *_calluses(float(traits["calluses"]), streams[2]))


def _place(rng: np.random.Generator) -> tuple[float, float]:
    return float(rng.uniform(-0.36, 0.42)), float(rng.uniform(-0.08, 0.70))


def _scar(rng: np.random.Generator) -> Mark:
    x, y = _place(rng)
    return Mark(
        kind="scar",
        x=x,
        y=y,
        size=float(rng.uniform(0.16, 0.42)),
        angle=float(rng.uniform(0, 180)),
        strength=float(rng.uniform(0.6, 1.0)),
        bend=float(rng.normal(0, 0.12)),
        stitches=int(rng.integers(3, 8)) if rng.random() < 0.35 else 0,
    )


def _mole(rng: np.random.Generator) -> Mark:
    x, y = _place(rng)
    size, strength = float(rng.uniform(0.008, 0.022)), float(rng.uniform(0.5, 1.0))
    return Mark(kind="mole", x=x, y=y, size=size, angle=0.0, strength=strength)


def _calluses(strength: float, rng: np.random.Generator) -> list[Mark]:
    marks = []
    for x, y in CALLUS_PLACES:
        dx, dy, power, size = (
            rng.normal(0, 0.02),
            rng.normal(0, 0.02),
            rng.uniform(0.3, 1.0),
            rng.uniform(0.05, 0.1),
        )
        level = float(min(1.0, strength * power))
        if level > 0.15:
            marks.append(
                Mark("callus", x=x + float(dx), y=y + float(dy), size=float(size), angle=0.0, strength=level)
            )
    return marks
