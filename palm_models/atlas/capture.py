"""Capture of the atlas engine: a device and a session first, then the circumstances they make likely."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from manifests.words import HANDS, Hand
from palm_models.atlas.priors import CAPTURE, DEVICES, admitting
from palm_models.hand import capture as plain
from palm_models.hand import priors
from palm_models.hand.controls import Prior, Value, draw
from palm_models.seeds import Draw, generator

RUN = 7  # captures of two sessions
SITTING = (2, 6)  # captures of one session: at least, less than
TABLES = (priors.CAPTURE, CAPTURE, *DEVICES.values())
CONTROLS: dict[str, str] = {name: prior.help for name, prior in CAPTURE.items()}


@dataclass(frozen=True)
class Capture(plain.Capture):
    """One photograph's circumstances; what each value means and its unit: `CONTROLS`; seeds feed noise.

    `session` counts an identity's sessions; captures of one have `session_seed` in common.
    """

    device: str
    mottle_drift: float
    grey: bool
    band: float
    equalise: float
    lines: float
    veil: float
    strain: float
    session: int
    session_seed: int

    def scalars(self) -> dict[str, Value]:
        """The drawn values, for columns of a manifest."""
        return {name: getattr(self, name) for name in CAPTURE} | {"session": self.session}


def make_capture(
    seed: int, subject: int, hand: Hand, capture: int, controls: Mapping[str, Any] | None = None
) -> Capture:
    """The capture at counter (seed, subject, hand, capture), whatever the number of captures.

    A control replaces what the device would give; `device` is one of them, a name or {name: weight, …}.
    Raises ValueError for a control that does not exist or a value it cannot have.
    """
    if hand not in HANDS or subject < 0 or capture < 0:
        raise ValueError(f"no such capture: subject {subject}, hand {hand!r}, capture {capture}")
    owner = (subject, HANDS.index(hand))
    session, shared = _session(seed, owner, capture)
    rng = generator(seed, Draw.ATLAS_CAPTURE, *owner, capture)
    seeds = rng.integers(2**31, size=4).tolist()
    rho = np.array([prior.shared for prior in CAPTURE.values()])
    own, common = rng.standard_normal(len(rho)), shared.standard_normal(len(rho))
    wanted = dict(controls or {})
    table, wanted = _weighted(wanted)
    first = draw(admitting(table, wanted, TABLES), rho * common + np.sqrt(1 - rho**2) * own, wanted)
    table = admitting(table | DEVICES[str(first["device"])], wanted, TABLES)
    rho = np.array([prior.shared for prior in table.values()])
    values = draw(table, rho * common + np.sqrt(1 - rho**2) * own, {**wanted, "device": first["device"]})
    values["grey"] = bool(values["grey"] or values["infrared"])
    return Capture(
        seed=seed,
        subject=subject,
        hand=hand,
        capture=capture,
        session=session,
        session_seed=int(shared.integers(2**31)),
        **dict(zip(("skin_seed", "light_seed", "noise_seed", "scene_seed"), seeds, strict=True)),
        **values,  # type: ignore[arg-type]
    )


def _session(seed: int, owner: tuple[int, int], capture: int) -> tuple[int, np.random.Generator]:
    """The session a capture falls into, and the stream of what its captures share.

    Captures come in runs of RUN, each cut in two: whichever capture is asked for, two draws find its session.
    """
    run, place = divmod(capture, RUN)
    cut = int(generator(seed, Draw.ATLAS_SESSION, *owner, run).integers(*SITTING))
    later = int(place >= cut)
    return 2 * run + later, generator(seed, Draw.ATLAS_SESSION, *owner, run, later)


def _weighted(controls: dict[str, Any]) -> tuple[dict[str, Prior], dict[str, Any]]:
    """The table of priors with the devices weighted as the control asks, and the other controls."""
    wish = controls.get("device")
    if not isinstance(wish, Mapping) or "choices" in wish:
        return CAPTURE, controls
    unknown = sorted(set(wish) - set(DEVICES))
    good = all(isinstance(w, int | float) and not isinstance(w, bool) and w >= 0 for w in wish.values())
    if unknown or not good or not sum(wish.values()) > 0:
        raise ValueError(
            f"control device = {dict(wish)!r} is impossible: give one of {', '.join(DEVICES)}, "
            "or {name = weight} with weights from 0, one of them above"
        )
    named = {name: float(w) for name, w in wish.items() if w > 0}
    prior = replace(CAPTURE["device"], options=tuple(named), weights=tuple(named.values()))
    return CAPTURE | {"device": prior}, {k: v for k, v in controls.items() if k != "device"}
