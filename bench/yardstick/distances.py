"""Distances of a set to the real references, by the script that lies beside their statistics."""

import json
import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

MOST = 500  # pictures, as the script takes
Gaussian = tuple[NDArray[np.float64], NDArray[np.float64]]  # mean and covariance of the features


class Distances:
    """Frechet distances to the references, and to further sets of real palms by name (RGB or grey)."""

    def __init__(self, reference: Path, further: Mapping[str, NDArray[np.uint8]]) -> None:
        script = reference / "palm_statistics.py"
        self.script: dict[str, Any] = runpy.run_path(str(script), run_name="palm_statistics")
        stored = json.loads((reference / "palm_statistics.json").read_text())
        self.real = {name: (np.array(of["mean"]), np.array(of["cov"])) for name, of in stored.items()}
        self.further = {name: self.gaussian(pictures) for name, pictures in further.items()}

    def __call__(self, pictures: NDArray[np.uint8]) -> dict[str, float]:
        """To each reference, their mean and the greatest, and beside these to the further sets."""
        own = self.gaussian(pictures)
        far = {name: float(self.script["frechet"](*own, *of)) for name, of in self.real.items()}
        near = {name: float(self.script["frechet"](*own, *of)) for name, of in self.further.items()}
        return {**far, "mean": float(np.mean(list(far.values()))), "max": max(far.values()), **near}

    def gaussian(self, pictures: NDArray[np.uint8]) -> Gaussian:
        """Of the features of at most MOST pictures, spread over the set."""
        order = np.random.default_rng(0).permutation(len(pictures))[:MOST]
        features = np.array([self.script["features"](_grey(pictures[k])) for k in order])
        return features.mean(0), np.cov(features.T)


def _grey(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """RGB as grey; the script itself takes colours for BGR."""
    return picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
