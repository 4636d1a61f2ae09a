"""Augmentation repeats, moves landmarks with the picture, records itself, and never mirrors a hand."""

import json

import numpy as np
import pytest

from tasks.draw.augment import Augmenter, AugmentError

LANDMARKS = np.random.default_rng(0).uniform(10, 54, (21, 2)).astype(np.float32)
IMAGE = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
AFFINE = {"name": "Affine", "p": 1.0, "params": {"translate_px": {"x": [5, 5], "y": [0, 0]}}}


def test_same_seed_same_picture_whatever_came_before():
    augment = Augmenter([{"name": "GaussNoise", "p": 1.0}, {"name": "RandomGamma", "p": 0.5}])
    first = augment(IMAGE, LANDMARKS, 5)
    other = augment(IMAGE, LANDMARKS, 6)
    again = augment(IMAGE, LANDMARKS, 5)
    assert (first[0] == again[0]).all() and first[2] == again[2]
    assert (first[0] != other[0]).any()
    assert json.loads(first[2])[0][0] == "GaussNoise"


def test_landmarks_move_with_the_picture():
    _, moved, _ = Augmenter([AFFINE])(IMAGE, LANDMARKS, 1)
    assert np.allclose(moved, LANDMARKS + np.array([5, 0]), atol=1e-3)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ({"name": "HorizontalFlip"}, "mirrors hands"),
        ({"name": "NoSuchThing"}, "no transform 'NoSuchThing'"),
        ({"name": "GaussNoise", "params": {"var_limit": 3}}, "var_limit"),
        ({"name": "GaussianBlur", "params": {"sigma_limit": "x"}}, "sigma_limit"),
    ],
)
def test_bad_transforms_are_refused_by_name(transform, message):
    with pytest.raises(AugmentError, match=message):
        Augmenter([transform])


def test_a_mirror_in_disguise_is_found():
    mirror = {"name": "Affine", "p": 1.0, "params": {"scale": {"x": [-1, -1], "y": [1, 1]}}}
    with pytest.raises(AugmentError, match="mirrored"):
        Augmenter([mirror])(IMAGE, LANDMARKS, 1)
