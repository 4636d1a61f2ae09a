"""Sets of grey palms (.npz with x, y) of the atlas with one part left out, for bench.yardstick to judge."""

import argparse
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from manifests.words import HANDS
from palm_models.atlas import capture
from palm_models.atlas.identity import make_identity
from palm_models.engines.atlas import AtlasEngine
from palm_models.measure.encoder import to_grey

# what is left out: controls of the identity, controls of the capture
PARTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "whole": ({}, {}),
    "fine-structure": (
        {"fine_lines": 0.0, "soft_lines": 0.0, "wrinkles": 8, "grain": 0.1, "thenar_mesh": 0.0}, {},
    ),
    "devices": ({}, {"device": "contactless_box"}),
    "deformation": ({}, {"deformation": 0.0, "strain": 0.0, "thumb": 0.0}),
    "sessions": ({}, {}),
}  # fmt: skip


def main() -> None:
    """Draw the set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("without", choices=list(PARTS), help="what is left out")
    parser.add_argument("out", type=Path, help="the .npz")
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument("--seed", type=int, default=28, help="28 is that of the recipes")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    if asked.without == "sessions":  # one that no identity's captures reach the end of
        capture.RUN, capture.SITTING = 10**6, (10**6 - 2, 10**6 - 1)
    traits, circumstances = PARTS[asked.without]
    engine, drawn = AtlasEngine(), []
    for k in range(asked.identities):
        at = asked.seed, k // 2, HANDS[k % 2]
        shots = [capture.make_capture(*at, c, circumstances) for c in range(asked.captures)]
        drawn += [d.image for d in engine.draw(make_identity(*at, traits), shots, "palm", 128)]
    labels = np.repeat(np.arange(asked.identities), asked.captures)
    np.savez(asked.out, x=to_grey(np.stack(drawn), 128), y=labels)


if __name__ == "__main__":
    main()
