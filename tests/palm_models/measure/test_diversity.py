"""Vendi score, coverage and density on sets whose answers are known."""

import numpy as np
import pytest

from palm_models.measure.diversity import coverage, vendi


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
