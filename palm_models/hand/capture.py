"""Capture: everything that belongs to one act of photographing a hand, explicit and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from manifests.words import HANDS, Hand
from palm_models.hand.controls import Value, draw
from palm_models.hand.priors import CAPTURE
from palm_models.seeds import Draw, generator

CONTROLS: dict[str, str] = {name: prior.help for name, prior in CAPTURE.items()}


@dataclass(frozen=True)
class Capture:
    """One photograph's circumstances; what each value means and its unit: `CONTROLS`; seeds feed noise."""

    seed: int
    subject: int
    hand: Hand
    capture: int
    rotation: float
    scale: float
    shift_x: float
    shift_y: float
    tilt_x: float
    tilt_y: float
    spread: float
    sway: float
    thumb: float
    bend: float
    deformation: float
    stretch: float
    stretch_angle: float
    fading: float
    principal_gain: float
    texture_gain: float
    flush: float
    light_azimuth: float
    light_elevation: float
    ambient: float
    unevenness: float
    warmth: float
    tint: float
    infrared: bool
    exposure: float
    contrast: float
    saturation: float
    defocus: float
    motion: float
    motion_angle: float
    sharpening: float
    noise: float
    jpeg: float
    background: str
    background_tone: float
    shadow: float
    ring: bool
    ring_finger: str
    bracelet: str
    sleeve: bool
    sleeve_tone: float
    metering: float
    levels: float
    skin_seed: int
    light_seed: int
    noise_seed: int
    scene_seed: int

    def scalars(self) -> dict[str, Value]:
        """The drawn values, for columns of a manifest."""
        return {name: getattr(self, name) for name in CAPTURE}

    def to_dict(self) -> dict[str, Any]:
        """Everything, JSON-able."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of to_dict."""
        return cls(**values)


def make_capture(
    seed: int, subject: int, hand: Hand, capture: int, controls: Mapping[str, Any] | None = None
) -> Capture:
    """The capture at counter (seed, subject, hand, capture).

    Raises ValueError for a control that does not exist or a value it cannot have.
    """
    if hand not in HANDS or subject < 0 or capture < 0:
        raise ValueError(f"no such capture: subject {subject}, hand {hand!r}, capture {capture}")
    rng = generator(seed, Draw.CAPTURE, subject, HANDS.index(hand), capture)
    seeds = rng.integers(2**31, size=4).tolist()
    values = draw(CAPTURE, rng.standard_normal(len(CAPTURE)), controls or {})
    names = ("skin_seed", "light_seed", "noise_seed", "scene_seed")
    return Capture(
        seed=seed,
        subject=subject,
        hand=hand,
        capture=capture,
        **dict(zip(names, seeds, strict=True)),
        **values,  # type: ignore[arg-type]
    )
