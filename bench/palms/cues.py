"""What a recogniser taught by a set goes by: skin whose layers are another's, and palms in another light.

Identities of the atlas are drawn again with one layer of somebody else's skin: the less alike their palms
stay, the more was read from it. And photographs are compared with themselves, changed as a second capture
is: what should not matter and does was not varied enough between captures.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from bench.yardstick.networks import NETWORKS
from bench.yardstick.real import real_sets
from bench.yardstick.sets import read_set
from bench.yardstick.training import Plan, Recogniser, fit
from manifests.words import HANDS
from palm_models.atlas.atlas import Atlas
from palm_models.atlas.capture import make_capture
from palm_models.atlas.identity import Identity, make_identity
from palm_models.engines.atlas import WIDTHS, AtlasEngine, render, working_side
from palm_models.measure.encoder import to_grey

Change = Callable[[NDArray[np.float32]], NDArray[np.float32]]
SIZE, SEED, SHOTS = 128, 41, 6  # px, of identities in no recipe, captures of each
LAYERS = {  # of an atlas: array, channels
    "thin lines": ("lines", slice(0, 4)), "principal creases": ("deep", slice(0, 1)),
    "hollows": ("deep", slice(1, 2)), "grain and ridges": ("deep", slice(3, 4)),
    "blotches": ("colour", slice(0, 1)), "dark skin": ("colour", slice(1, 2)),
    "whole skin": (None, slice(0, 0)),
}  # fmt: skip


def main() -> None:
    """Print both tables, a column a set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", type=Path, help="a version, or an .npz with x and y")
    parser.add_argument("--real", type=Path, default=Path("../shared/data/real-dev"))
    parser.add_argument("--cache", type=Path, default=Path(".palmforge/yardstick"))
    parser.add_argument("--identities", type=int, default=24)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    make, dim = NETWORKS["palmnet16"]
    taught = [read_set(path, SIZE, 400, 10) for path in asked.sets]
    nets = [fit(one, lambda: make(SIZE), dim, Plan(), None).recogniser for one in taught]
    print("alike".ljust(20), *(path.stem.rjust(12) for path in asked.sets))
    first, others = drawn(asked.identities)
    for name, pictures in others:
        print(name.ljust(20), *(f"{alike(net, first, pictures):12.2f}" for net in nets))
    palms = [to_grey(one.x, SIZE).astype(np.float32) for one in real_sets(asked.real, asked.cache, SIZE)]
    real = np.concatenate([some[::3] for some in palms])
    for name, change in changes():
        changed = np.stack([np.clip(change(palm), 0, 255) for palm in real]).astype(np.uint8)
        same = [(net.embed(real.astype(np.uint8)) * net.embed(changed)).sum(axis=1).mean() for net in nets]
        print(name.ljust(20), *(f"{value:12.2f}" for value in same))


def drawn(count: int) -> tuple[NDArray[np.uint8], list[tuple[str, NDArray[np.uint8]]]]:
    """Captures (count * SHOTS, px, px), and others of these identities with one layer of somebody else's."""
    density = working_side("palm", SIZE) / WIDTHS["palm"]
    people = [make_identity(SEED, k // 2, HANDS[k % 2]) for k in range(2 * count)]
    skins = [AtlasEngine().atlas(one, "palm", density) for one in people]

    def taken(of: Sequence[Atlas], start: int) -> NDArray[np.uint8]:
        return np.concatenate([_pictures(of[k], people[k], start) for k in range(count)])

    others = [("another capture", taken(skins, SHOTS))]
    for name in LAYERS:
        mixed = [_mixed(skins[k], skins[k + count], name) for k in range(count)]
        others.append((name, taken(mixed, SHOTS)))
    return taken(skins, 0), others


def _pictures(skin: Atlas, person: Identity, start: int) -> NDArray[np.uint8]:
    at = person.seed, person.subject, person.hand
    shots = [make_capture(*at, number) for number in range(start, start + SHOTS)]
    return to_grey(np.stack([render(skin, person, shot, "palm", SIZE).image for shot in shots]), SIZE)


def _mixed(skin: Atlas, other: Atlas, name: str) -> Atlas:
    array, channels = LAYERS[name]
    if array is None:
        return other
    layer = getattr(skin, array).copy()
    layer[..., channels] = getattr(other, array)[..., channels]
    return replace(skin, **{array: layer})


def alike(net: Recogniser, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Mean cosine of all pairs of one identity's captures."""
    a, b = (net.embed(x).reshape(-1, SHOTS, net.embed(x[:1]).shape[1]) for x in (one, other))
    return float(np.einsum("kad,kbd->kab", a, b).mean())


def changes() -> Iterator[tuple[str, Change]]:
    """What a second capture changes, by name."""
    y, x = np.mgrid[-1 : 1 : SIZE * 1j, -1 : 1 : SIZE * 1j].astype(np.float32)
    ball = np.exp(-((x - 0.7) ** 2 / 0.3 + (y - 0.7) ** 2 / 0.4))
    yield "brighter aside", lambda palm: palm * np.exp(0.25 * x)
    yield "brighter above", lambda palm: palm * np.exp(-0.25 * y)
    yield "brighter middle", lambda palm: palm * np.exp(0.25 * (0.67 - x * x - y * y))
    yield "darker ball", lambda palm: palm * np.exp(-0.2 * ball)
    yield "darker", lambda palm: 0.6 * palm
    yield "deeper lines", lambda palm: 2 * palm - cv2.GaussianBlur(palm, (0, 0), 4)
    yield "blur of 1 px", lambda palm: np.asarray(cv2.GaussianBlur(palm, (0, 0), 1), np.float32)
    yield "turned by 6 deg", lambda palm: _moved(palm, 6, 1, 0)
    yield "larger by 6 %", lambda palm: _moved(palm, 0, 1.06, 0)
    yield "shifted by 4 px", lambda palm: _moved(palm, 0, 1, 4)


def _moved(palm: NDArray[np.float32], turn: float, scale: float, shift: float) -> NDArray[np.float32]:
    way = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), turn, scale)
    way[:, 2] = way[:, 2] + np.float64(shift)
    return np.asarray(cv2.warpAffine(palm, way, (SIZE, SIZE), borderMode=cv2.BORDER_REFLECT), np.float32)


if __name__ == "__main__":
    main()
