"""Recognisers: chosen by name, trained to the same bytes even when killed, kept, told when not converged."""

import hashlib
import json
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from manifests.registry import PluginError
from tasks.evaluate.recognisers import training
from tasks.evaluate.recognisers.kind import RecogniserError
from tasks.evaluate.recognisers.registry import RECOGNISERS, parse_recogniser

LEARNED = [name for name, kind in RECOGNISERS.items() if kind.learns]


def palms(identities=12, captures=4, size=64):
    """Each identity its own smooth field, each capture some noise."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 50, (identities, 8, 8)).repeat(size // 8, 1).repeat(size // 8, 2)
    noise = rng.normal(0, 12, (identities, captures, size, size))
    grey = np.clip(128 + coarse[:, None] + noise, 0, 255).astype(np.uint8)
    return grey.reshape(-1, size, size), np.arange(identities).repeat(captures)


def small(name, **changes):
    chosen = parse_recogniser(name, size=64, steps=4)
    settings = replace(chosen.settings, width=8, batch=8, every=2, **changes)
    return partial(chosen.kind.learn, settings=settings)


def heard(lines):
    return lines.append


@pytest.mark.parametrize("name", LEARNED)
def test_each_network_learns_and_gives_unit_vectors(tmp_path, name):
    grey, labels = palms()
    said = []
    learned = small(name)(grey, labels, seed=0, folder=tmp_path, say=heard(said))
    vectors = learned.matcher.templates(grey)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-4)
    assert vectors.shape == (48, RECOGNISERS.get(name).settings.dim)
    a, b = np.divmod(np.arange(100), 10)
    matrix = learned.matcher.matrix(vectors[:10], vectors[:10])
    np.testing.assert_allclose(learned.matcher.pairs(vectors, a, b), matrix[a, b], atol=1e-5)
    assert [step for step, _, _ in learned.facts["trace"]] == [2, 4, 6]
    assert "loss" in said[0] and "kept out" in said[0] and "NOT CONVERGED" in said[-1]


def weights(folder):
    return hashlib.sha256((folder / training.WEIGHTS).read_bytes()).hexdigest()


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    grey, labels = palms()
    learn = small("palmnet")
    (tmp_path / "whole").mkdir(), (tmp_path / "killed").mkdir()
    learn(grey, labels, seed=1, folder=tmp_path / "whole", say=print)

    def kill(said):
        if said.startswith("step 4"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(grey, labels, seed=1, folder=tmp_path / "killed", say=kill)
    assert not (tmp_path / "killed" / training.FACTS).exists()
    said = []
    learn(grey, labels, seed=1, folder=tmp_path / "killed", say=heard(said))
    assert said[0] == "goes on at step 2" and weights(tmp_path / "killed") == weights(tmp_path / "whole")
    monkeypatch.setattr(training, "_Training", None)  # whoever trains now fails
    again = learn(grey, labels, seed=1, folder=tmp_path / "whole", say=heard(said))
    assert again.facts == json.loads((tmp_path / "killed" / training.FACTS).read_text())
    assert {p.name for p in (tmp_path / "killed").iterdir()} == {training.WEIGHTS, training.FACTS}


def test_training_stops_when_nothing_is_gained_any_more(tmp_path):
    """Easy identities: the error of those kept out is 0 soon, and stays."""
    grey, labels = palms(20, 6)
    learned = small("palmnet", steps=400, least=6, patience=2)(
        grey, labels, seed=0, folder=tmp_path, say=print
    )
    assert learned.facts["converged"] and learned.facts["steps"] < 60


def test_few_identities_are_all_learned_and_one_is_refused(tmp_path):
    grey, labels = palms(3)
    learned = small("palmnet")(grey, labels, seed=0, folder=tmp_path, say=print)
    assert learned.facts["trace"][0][2] is None and not learned.facts["converged"]
    with pytest.raises(RecogniserError, match="two identities"):
        small("palmnet")(grey[:4], labels[:4], seed=0, folder=tmp_path / "x", say=print)


def test_a_network_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text(
        "from torch import nn\n"
        "def make(size):\n    return nn.Sequential(nn.Flatten(), nn.Linear(size * size, 24))\n"
        "def wrong(size):\n    return nn.Conv2d(1, 2, 3)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    grey, labels = palms()
    learned = small("mynet:make")(grey, labels, seed=0, folder=tmp_path, say=print)
    assert learned.matcher.templates(grey).shape == (48, 24)
    with pytest.raises(RecogniserError, match="wanted"):
        small("mynet:wrong")(grey, labels, seed=0, folder=tmp_path, say=print)
    with pytest.raises(RecogniserError, match="factory"):
        small("mynet:nothing")(grey, labels, seed=0, folder=tmp_path, say=print)


def test_settings_are_read_and_refused():
    chosen = parse_recogniser("resnet18,width=32,augment=false", size=128, steps=7)
    assert (chosen.settings.width, chosen.settings.size, chosen.settings.steps) == (32, 128, 7)
    assert not chosen.settings.augment and parse_recogniser("competitive", size=64).settings.size == 128
    assert all(kind.settings.size >= 112 for _, kind in RECOGNISERS.items())
    with pytest.raises(PluginError, match="did you mean compnet"):
        parse_recogniser("compnt")
    for text, words in (("palmnet,wide=3", "there are size, width"), ("palmnet,width=x", "not a int")):
        with pytest.raises(RecogniserError, match=words):
            parse_recogniser(text)
    for size in (48, 100, 240):
        with pytest.raises(RecogniserError, match="multiple of 16"):
            parse_recogniser("palmnet", size=size)


def test_a_training_whose_state_a_disk_has_spoilt_begins_anew(tmp_path):
    grey, labels = palms()
    for folder, state in (("whole", None), ("torn", b"PK\3\4torn"), ("empty", b"")):
        (tmp_path / folder).mkdir()
        if state is not None:
            (tmp_path / folder / training.HALF).write_bytes(state)
        said = []
        small("palmnet")(grey, labels, seed=0, folder=tmp_path / folder, say=heard(said))
        assert ("is damaged" in said[0]) == (state is not None), said
    assert len({weights(tmp_path / name) for name in ("whole", "torn", "empty")}) == 1
