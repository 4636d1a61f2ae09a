"""How far the views of two photographs of one palm lie apart: framed by valleys, and by all palm points.

Run: python -m bench.photographs.frames [--real ../shared/data/real-dev --pairs 8]
Photographs are laid on each other by their lines (enhanced correlation, Evangelidis & Psarakis 2008), begun
from each frame; the better fit is the truth.
"""

import argparse
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.palms.captures import lines
from bench.yardstick.real import SAME, SETS, listed
from manifests.words import View
from palm_models.hand.frame import frame_matrix, photo_matrix
from palm_models.photo.hand_model import hand_model
from palm_models.photo.picture import decode
from palm_models.photo.pyramid import Pyramid
from tasks.photographs.align import Settings, make_finder

Array = NDArray[np.float64]
SIZE = 128  # px of the views that are laid on each other
CORNERS = np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.5, 0.5]])  # of the view, in its sides
Frame = Callable[[NDArray[np.floating], View, int], Array]
FRAMES: dict[str, Frame] = {"valleys": frame_matrix, "palm points": photo_matrix}
LEAST = 0.55  # correlation of two photographs' lines, below which nothing is known of how they lie


@dataclass(frozen=True)
class Photo:
    """A photograph and the landmarks (21, 2) of its largest hand."""

    picture: Pyramid
    landmarks: NDArray[np.float32]

    def view(self, frame: Frame) -> NDArray[np.float32]:
        """Lines of the palm (SIZE, SIZE) as a frame shows them."""
        rgb = self.picture.warp(frame(self.landmarks, "palm", SIZE), SIZE)
        return lines(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))


def photos(folder: Path) -> Iterator[list[Photo]]:
    """The photographs of each hand of folders `id/picture`."""
    finder = make_finder(hand_model("").absolute(), Settings(max_hands=1))
    named = sorted(listed(folder), key=_hand)
    for _, own in itertools.groupby(named, _hand):
        pictures = [Pyramid(decode(Path(row["path"])).rgb) for row in own]
        found = [(picture, finder.find_in(picture)) for picture in pictures]
        yield [Photo(picture, hands[0].landmarks) for picture, hands in found if hands]


def _hand(row: dict[str, object]) -> str:
    name = Path(str(row["original_name"])).parent.name
    return SAME.get(name, name)


def between(a: Photo, b: Photo) -> Array | None:
    """The affine way (3, 3) from pixels of `a` to those of `b`, None where their lines do not say."""
    best: tuple[float, Array | None] = (LEAST, None)
    ends = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 80, 1e-4)
    for frame in FRAMES.values():
        start = np.eye(2, 3, dtype=np.float32)
        try:
            likeness, fit = cv2.findTransformECC(a.view(frame), b.view(frame), start, cv2.MOTION_AFFINE, ends)
        except cv2.error:  # it did not converge
            continue
        if likeness > best[0]:
            there, here = (_square(frame(photo.landmarks, "palm", SIZE)) for photo in (b, a))
            best = likeness, np.linalg.inv(there) @ _square(np.asarray(fit, np.float64)) @ here
    return best[1]


def apart(frame: Frame, a: Photo, b: Photo, way: Array) -> float:
    """Root mean square distance of one palm's places in the two views, in sides of the view."""
    here, there = (_square(frame(photo.landmarks, "palm", SIZE)) for photo in (a, b))
    places = CORNERS * SIZE - 0.5
    moved = np.c_[places, np.ones(len(places))] @ (there @ way @ np.linalg.inv(here)).T
    return float(np.sqrt(((moved[:, :2] - places) ** 2).sum(axis=1).mean()) / SIZE)


def _square(matrix: Array) -> Array:
    return np.vstack([matrix, [0, 0, 1]])


def main() -> None:
    """Print both frames' distances for every set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--real", type=Path, default=Path("../shared/data/real-dev"))
    parser.add_argument("--pairs", type=int, default=8, help="of a hand, at most")
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    for name in SETS:
        found: list[list[float]] = []
        for own in photos(asked.real / name):
            pairs = list(itertools.combinations(own, 2))
            for k in rng.permutation(len(pairs))[: asked.pairs]:
                a, b = pairs[k]
                way = between(a, b)
                if way is not None:
                    found.append([apart(frame, a, b, way) for frame in FRAMES.values()])
        print(f"{name}: {len(found)} pairs, distance in sides of the view, mean; 50, 90, 97 %")
        for label, values in zip(FRAMES, np.array(found).T, strict=True):
            cut = " ".join(f"{v:.3f}" for v in np.quantile(values, (0.5, 0.9, 0.97)))
            print(f"  {label:12s} {values.mean():.4f}; {cut}", flush=True)


if __name__ == "__main__":
    main()
