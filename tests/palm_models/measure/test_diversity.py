"""Vendi score, coverage and density on sets whose answers are known."""

import numpy as np
import pytest

from palm_models.measure.diversity import capacity, coverage, vendi


def test_vendi_counts_what_is_different():
    assert vendi(np.eye(8)) == pytest.approx(8)
    assert vendi(np.repeat(np.eye(8)[:3], 5, axis=0)) == pytest.approx(3)
    assert vendi(np.tile(np.eye(8)[0], (6, 1))) == pytest.approx(1)


def test_coverage_is_full_for_the_same_cloud_half_for_half_of_it_and_none_far_away():
    rng = np.random.default_rng(0)
    real, twin = rng.standard_normal((2, 400, 4))
    same = coverage(real, twin)
    assert same["coverage"] > 0.95 and same["density"] == pytest.approx(1, abs=0.15)
    assert 0.3 < coverage(real, twin[twin[:, 0] > 0])["coverage"] < 0.75
    assert coverage(real, twin + 100) == {"coverage": 0.0, "density": 0.0}
    with pytest.raises(ValueError, match="more than 5"):
        coverage(real[:5], twin)


def test_capacity_counts_identities_that_keep_their_distance():
    rng = np.random.default_rng(0)
    centres = np.vstack([np.eye(64)[:20], 0.95 * np.eye(64)[:2] + 0.05 * np.eye(64)[2:4]])  # two are twins
    labels = np.repeat(np.arange(22), 6)
    vectors = centres[labels] + 0.03 * rng.standard_normal((132, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = capacity(vectors, labels, threshold=0.5)
    assert (found["identities"], found["of"]) == (20, 22)
    assert found["angle"] == pytest.approx(60 + 2 * found["spread"])


def test_capacity_falls_with_the_spread_within_an_identity():
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(30), 8)
    far = rng.uniform(0, 2.5, (240, 1))  # captures at very different distances from their centre
    vectors = np.eye(64)[labels] + far * rng.standard_normal((240, 64)) / 8
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert capacity(vectors, labels, threshold=0.2)["identities"] < 15
