"""Regions of interest of made-up people, named as CASIA's multi-spectral set names them."""

from pathlib import Path

import cv2
import numpy as np


def regions(folder: Path, people: int = 6, spectra: tuple[str, ...] = ("460", "WHT"), seed: int = 0) -> Path:
    """Two noisy pictures of 64 px of each left hand in each spectrum, below `folder`, which is made."""
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for who in range(people):
        palm = rng.integers(0, 255, (64, 64)).astype(float)
        for spectrum in spectra:
            for k in (1, 2):
                noisy = np.clip(palm + rng.normal(0, 9, (64, 64)), 0, 255).astype(np.uint8)
                assert cv2.imwrite(str(folder / f"{who:03d}_l_{spectrum}_{k:02d}.png"), noisy)
    return folder
