"""Identification rates on vectors whose answers can be counted by hand."""

import numpy as np
import pytest

from palm_models.measure.identification import identification


def test_perfect_vectors_are_always_identified():
    labels = np.repeat(np.arange(8), 7)
    found = identification([np.eye(8, dtype=np.float32)[labels]], labels)
    assert (found["gallery"], found["searches"]) == (8, 8 * 6 * 7)
    assert found["rank_one"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert found["fnir"] == {"0.1": {"value": 0.0, "low": 0.0, "high": 0.0}}  # 336 searches support no less


def test_one_wrong_picture_costs_what_it_spoils():
    labels = np.repeat(np.arange(4), 3)
    vectors = np.eye(4, dtype=np.float32)[labels]
    vectors[0] = vectors[11]
    # As a probe it is wrong in two turns; as the reference it loses its identity's two other pictures and
    # ties with the true one of identity 3, whose two probes do not come first then.
    found = identification([vectors], labels)["rank_one"]
    assert found["value"] == pytest.approx((24 - 2 - 2 - 2) / 24) and found["low"] < found["value"]


def test_people_who_are_not_enrolled_set_the_threshold():
    """With a fifth of the identities in confusable pairs, FPIR 0.1 asks more than FPIR 1 would."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((40, 16))
    centres[:8:2] = centres[1:8:2] + 0.4 * rng.standard_normal((4, 16))
    labels = np.repeat(np.arange(40), 5)
    vectors = centres[labels] + 0.5 * rng.standard_normal((200, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    found = identification([vectors, vectors], labels)
    assert list(found["fnir"]) == ["0.1"] or found["fnir"]["0.01"]["value"] >= found["fnir"]["0.1"]["value"]
    assert 0 < found["fnir"]["0.1"]["value"] < 0.6 and found["rank_one"]["value"] > 0.8
    assert found == identification([vectors, vectors], labels)
