"""Rows of docs/: captures of 8 identities, and one row a control: python -m bench.palms.pictures [OUT]."""

import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from manifests.words import HANDS, View
from palm_models.atlas.capture import make_capture
from palm_models.atlas.identity import make_identity
from palm_models.engines.atlas import AtlasEngine

SEED = 2
STEADY = {"device": "phone_indoors", "grey": False, "noise": 1.0, "defocus": 0.4,
          "motion": 0.0, "exposure": 0.0, "warmth": 0.1, "tint": 0.0,
          "unevenness": 0.08, "background": "plain", "background_tone": 0.85, "metering": 0.6}  # fmt: skip
ROWS: dict[str, tuple[View, list[tuple[dict[str, Any], dict[str, Any]]]]] = {
    "skin_tone": ("hand", [({"skin_tone": t}, {"metering": 0.0}) for t in
                           (-40.0, -15.0, 5.0, 20.0, 35.0, 50.0)]),
    "scar": ("palm", [({"scars": n}, {}) for n in range(6)]),
    "ring": ("hand", [({}, {"ring": n > 0, "ring_finger": f}) for n, f in
                      enumerate(("ring", "index", "middle", "ring", "little"))]
             + [({}, {"bracelet": "watch"})]),
    "spread": ("hand", [({}, {"spread": s}) for s in (-8.0, -4.0, 0.0, 4.0, 8.0, 12.0)]),
    "light": ("palm", [({}, {"light_azimuth": a, "light_elevation": 28.0, "ambient": 0.5}) for a in
                       (0.0, 60.0, 120.0, 180.0, 240.0, 300.0)]),
}  # fmt: skip


def identities(view: View, size: int, captures: int = 8) -> np.ndarray:
    """One row of captures for each of 8 identities."""
    rows = []
    for subject in range(8):
        hand = HANDS[subject % 2]
        shots = [make_capture(SEED, subject, hand, k) for k in range(captures)]
        drawn = AtlasEngine().draw(make_identity(SEED, subject, hand), shots, view, size)
        rows.append(np.hstack([d.image for d in drawn]))
    return np.vstack(rows)


def control(name: str, size: int) -> np.ndarray:
    """One identity and capture with one control turned."""
    view, settings = ROWS[name]
    worn = {"ring": False, "bracelet": "none", "sleeve": False}
    images = []
    for traits, circumstances in settings:
        identity = make_identity(SEED, 1, "right", traits)
        capture = make_capture(SEED, 1, "right", 0, {**STEADY, **worn, **circumstances})
        images.append(AtlasEngine().draw(identity, [capture], view, size)[0].image)
    return np.hstack(images)


def main(out: str = "docs") -> None:
    """Writes all rows as JPEG."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {"identities_palm": identities("palm", 144), "identities_hand": identities("hand", 192)}
    pictures |= {f"control_{name}": control(name, 192) for name in ROWS}
    for name, picture in pictures.items():
        path = folder / f"{name}.jpg"
        cv2.imwrite(str(path), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])
        print(path, picture.shape[1::-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
