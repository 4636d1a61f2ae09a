"""Error rates are those of known distributions, and rates that the pairs cannot support are refused."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import det_curve

from palm_models.measure.scores import Scores, compare, curve, d_prime, error_rates, fnmr_at, supported


def drawn(genuine, impostor, seed=0, identities=50):
    """Scores that are normal with the given mean and deviation."""
    rng = np.random.default_rng(seed)
    g, m = 4000, 60_000
    pair = rng.integers(0, identities, (m, 2))
    pair[:, 1] = np.where(pair[:, 0] == pair[:, 1], (pair[:, 1] + 1) % identities, pair[:, 1])
    values = (rng.normal(*genuine, g).astype(np.float32), rng.normal(*impostor, m).astype(np.float32))
    return Scores(*values, rng.integers(0, identities, g), pair, identities, 500)


def test_rates_are_those_of_two_normal_distributions():
    rates = error_rates([drawn((0.6, 0.1), (0.2, 0.1))])
    normal = NormalDist()
    assert rates["d_prime"] == pytest.approx(4.0, abs=0.1)
    assert rates["eer"]["value"] == pytest.approx(normal.cdf(-2), abs=0.003)
    assert rates["eer_threshold"] == pytest.approx(0.4, abs=0.01)
    for fmr in (0.1, 0.01, 0.001):
        wanted = normal.cdf(-4 - normal.inv_cdf(fmr))
        found = rates["fnmr"][f"{fmr:g}"]
        assert found["value"] == pytest.approx(wanted, abs=0.012)
        assert found["low"] <= found["value"] <= found["high"]
    det = np.array(rates["det"])
    assert (np.diff(det[:, 0]) > 0).all() and (np.diff(det[:, 1]) <= 0).all()


@pytest.mark.parametrize("digits", [1, 7])  # with one digit most scores are tied
def test_the_curve_is_the_one_of_scikit_learn(digits):
    scores = drawn((0.6, 0.1), (0.2, 0.1))
    scores = replace(scores, genuine=scores.genuine.round(digits), impostor=scores.impostor.round(digits))
    truth = np.repeat([1, 0], [len(scores.genuine), len(scores.impostor)])
    wanted = det_curve(truth, np.concatenate([scores.genuine, scores.impostor]), drop_intermediate=False)
    for found, known in zip(curve(scores), wanted, strict=True):
        np.testing.assert_array_equal(found, known)


def test_the_rule_of_30_refuses_what_the_pairs_cannot_show():
    assert [fmr for fmr, able in supported(30_000).items() if able] == [0.1, 0.01, 0.001]
    rates = error_rates([drawn((0.6, 0.1), (0.2, 0.1))])
    assert list(rates["fnmr"]) == ["0.1", "0.01", "0.001"]
    assert rates["refused"] == {"0.0001": 300_000, "1e-05": 3_000_000, "1e-06": 30_000_000}


def unit(rng, centres, labels, noise):
    vectors = centres[labels] + noise * rng.standard_normal((len(labels), centres.shape[1]))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_pairs_are_all_compared_once_and_impostors_drawn_by_seed():
    labels = np.repeat(np.arange(10), 4)
    rng = np.random.default_rng(0)
    vectors = unit(rng, rng.standard_normal((10, 32)), labels, 0.1)
    scores = compare(vectors, labels)
    assert len(scores.genuine) == 10 * 6 and len(scores.impostor) == 45 * 16
    assert (scores.impostor_of[:, 0] != scores.impostor_of[:, 1]).all()
    assert scores.genuine.min() > scores.impostor.max() and d_prime(scores) > 5
    few = compare(vectors, labels, seed=1, pairs=100)
    assert len(few.impostor) == 100 and np.array_equal(
        few.impostor, compare(vectors, labels, 1, 100).impostor
    )
    with pytest.raises(ValueError, match="two identities"):
        compare(vectors[:4], labels[:4])


def test_the_interval_narrows_with_identities_and_holds_the_true_rate():
    """Identities differ in how hard they are, so it is their number that counts, not that of the pairs."""

    def rates(count, seed):
        rng = np.random.default_rng(seed)
        labels = np.repeat(np.arange(count), 6)
        return error_rates([compare(unit(rng, rng.standard_normal((count, 24)), labels, 0.75), labels)])[
            "eer"
        ]

    few, many = rates(15, 1), rates(120, 2)
    assert many["high"] - many["low"] < 0.6 * (few["high"] - few["low"])
    truth = np.mean([rates(120, seed)["value"] for seed in range(3, 5)])
    assert many["low"] <= truth <= many["high"] and few["low"] <= truth <= few["high"]


def test_several_runs_are_averaged_and_the_same_seed_gives_the_same_figures():
    runs = [drawn((0.6, 0.1), (0.2, 0.1), s) for s in (0, 1)]
    both, one = error_rates(runs), [error_rates([run])["eer"]["value"] for run in runs]
    assert both["eer"]["value"] == pytest.approx(np.mean(one)) and both["runs"] == 2
    assert both == error_rates(runs)


def test_scores_that_do_not_overlap_have_no_errors():
    scores = drawn((0.9, 0.01), (0.1, 0.01))
    fmr, fnmr, _ = curve(scores)
    assert error_rates([scores])["eer"] == {"value": 0.0, "low": 0.0, "high": 3 / 50}  # the rule of 3
    assert fnmr_at(0.001)(fmr, fnmr) == 0
