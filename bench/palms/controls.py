"""Whether controls hold in the pictures: skin tone, scars, rings and handedness, for each engine.

Run: python -m bench.palms.controls [--identities 20]
"""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.palms.engines import Bench
from manifests.words import HANDS, View
from palm_models.engines.base import Drawing
from palm_models.hand.frame import palm_width
from palm_models.hand.identity import Identity
from palm_models.photo.hand_model import hand_model
from palm_models.photo.landmarks import HandFinder
from palm_models.render.skin import linear_to_lab, tone_to_lab, typology_angle

TONES = (-40.0, -20.0, 0.0, 20.0, 40.0, 55.0)  # individual typology angles, degrees
# One white light on the whole palm, and a camera that changes no colours.
NEUTRAL: Mapping[str, Any] = {
    "exposure": 0.0, "contrast": 1.0, "saturation": 1.0, "warmth": 0.0, "tint": 0.0, "noise": 0.0,
    "jpeg": 100.0, "unevenness": 0.0, "infrared": False, "flush": 0.0, "ambient": 0.85,
    "light_elevation": 80.0, "sharpening": 0.0, "metering": 0.0,
    "ring": False, "bracelet": "none", "sleeve": False,
}  # fmt: skip
SEED, SEEN = 21, 8  # grey levels by which a pixel must change to be seen


def drawn(engine: Bench, identity: Identity, view: View, controls: Mapping[str, Any]) -> Drawing:
    """One picture, 128 px."""
    return engine.draw(identity, view, controls)


def identities(engine: Bench, count: int, **traits: Any) -> list[Identity]:
    """Left and right hands by turns."""
    return [engine.identity(k, HANDS[k % 2], traits) for k in range(count)]


def lab(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """CIELAB of a picture's median colour."""
    encoded = np.median(picture.reshape(-1, 3), axis=0) / 255
    return linear_to_lab(np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4))


def skin(engine: Bench, count: int) -> str:
    """Colour difference to the tone asked for (CIE 1976), and the order of the tones under any light."""
    apart, ordered = [], []
    for tone in TONES:
        for identity in identities(engine, count, skin_tone=tone):
            found = lab(drawn(engine, identity, "palm", NEUTRAL).image)
            apart.append(np.linalg.norm(found - tone_to_lab(tone, identity.redness)))
    for k in range(count):
        angles = [
            typology_angle(
                lab(drawn(engine, identities(engine, k + 1, skin_tone=t)[k], "palm", {"metering": 0.0}).image)
            )
            for t in TONES
        ]
        ordered.append((np.diff(angles) > 0).mean())
    return (
        f"skin tone: ΔE mean {np.mean(apart):.1f}, 95 % below {np.quantile(apart, 0.95):.1f}, "
        f"most {max(apart):.1f}; in any light {np.mean(ordered):.0%} of neighbouring tones in order"
    )


def scars(engine: Bench, count: int) -> str:
    """Share of scars that change their place in the picture."""
    seen = []
    for identity in identities(engine, count, scars=1, moles=0):
        clean = replace(identity, marks=tuple(m for m in identity.marks if m.kind != "scar"))
        pair = [drawn(engine, i, "palm", NEUTRAL).image.astype(int) for i in (identity, clean)]
        changed = (np.abs(pair[0] - pair[1]).max(axis=2) > SEEN).sum()
        recorded = identity.scalars()["scars"] == 1 and any(m.kind == "scar" for m in identity.marks)
        seen.append(recorded and changed > 30)
    return f"scars: {sum(seen)} of {count} recorded and seen"


def rings(engine: Bench, count: int) -> str:
    """Share of rings that are seen on the finger that wears them."""
    seen = []
    for identity in identities(engine, count):
        bare, worn = (
            drawn(engine, identity, "hand", {**NEUTRAL, "ring": r, "ring_finger": "ring"})
            for r in (False, True)
        )
        y, x = np.nonzero(np.abs(bare.image.astype(int) - worn.image).max(axis=2) > 25)
        reach = np.linalg.norm(worn.landmarks[5] - worn.landmarks[17])
        place = worn.landmarks[[13, 14]].mean(axis=0)
        seen.append(len(x) > 5 and np.hypot(*(place - (np.median(x), np.median(y)))) < 0.3 * reach)
    return f"rings: {sum(seen)} of {count} seen in place"


def hands(engine: Bench, count: int) -> str:
    """Handedness as MediaPipe's network reads it, where it finds the hand itself, not clutter."""
    finder, named, found = HandFinder(hand_model()), 0, 0
    for identity in identities(engine, count):
        picture = drawn(engine, identity, "hand", {"infrared": False})
        for hand in finder.find(picture.image)[:1]:
            apart = np.linalg.norm(hand.landmarks - picture.landmarks, axis=1).mean()
            if apart < 0.2 * palm_width(picture.landmarks):
                found, named = found + 1, named + (hand.hand == identity.hand)
    return f"hands: {found} of {count} found in their place, {named} of them rightly named"


def main() -> None:
    """Print what holds for each engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--identities", type=int, default=20)
    parser.add_argument("--engines", nargs="+", default=["atlas", "refined", "renderer", "diffusion"])
    asked = parser.parse_args()
    count = asked.identities
    for engine in (Bench(name, SEED) for name in asked.engines):
        for part in (skin, scars, rings, hands):
            print(f"{engine.name}: {part(engine, count)}", flush=True)


if __name__ == "__main__":
    main()
