"""Rows and columns: halves of real sets, protocols as columns, nothing trained again for one more column."""

import json

import cv2
import numpy as np
import pytest

from tasks.evaluate import experiment
from tasks.evaluate.experiment import answer
from tasks.evaluate.question import Budget, Question
from tasks.evaluate.recognisers import training
from tasks.photographs.sources.found import SourceError
from tests.helpers.fake_shards import make_shards, publish_shards

TINY = "palmnet,width=4,batch=8,dim=16"
BUDGET = Budget(steps=2, size=64, seeds=1)


def regions(folder, people=6, spectra=("460", "WHT"), seed=0):
    rng = np.random.default_rng(seed)
    folder.mkdir()
    for who in range(people):
        palm = rng.integers(0, 255, (64, 64)).astype(float)
        for spectrum in spectra:
            for k in (1, 2):
                noisy = np.clip(palm + rng.normal(0, 9, (64, 64)), 0, 255).astype(np.uint8)
                assert cv2.imwrite(str(folder / f"{who:03d}_l_{spectrum}_{k:02d}.png"), noisy)
    return folder


@pytest.fixture
def version(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "HELD_OUT", (3, 2))
    return str(publish_shards(make_shards(tmp_path / "s", subjects=6, captures=2), tmp_path / "out").path)


def quiet(done, total):
    pass


def test_half_of_a_real_set_teaches_and_the_other_half_tests(version, tmp_path):
    real = f"casia-ms:{regions(tmp_path / 'c')}"
    question = Question(
        version, (real,), (), (TINY,), half=True, budget=BUDGET, work=str(tmp_path / "w"), workers=1
    )
    found = answer(question, quiet)
    name = found["dataset"]
    rows = {t["name"]: t["identities"] for t in found["trained"]}
    assert list(rows) == [name, "casia-ms, half", f"{name} + casia-ms, half"]
    assert rows["casia-ms, half"] == 3 and rows[f"{name} + casia-ms, half"] == rows[name] + 3
    columns = [(t["name"], t["protocol"], t["identities"]) for t in found["tests"]]
    other = "casia-ms, other half"
    assert columns == [
        (other, "same-device", 3), (other, "cross-device", 3), ("rendered hands", "all", 3)
    ]  # fmt: skip
    pairs = [r["verification"]["genuine_pairs"] for r in found["trained"][0]["results"]]
    assert pairs[:2] == [3 * 2, 3 * 4]  # two pictures in each of two spectra
    assert "--half" in found["made"]["command"]


def test_one_more_test_set_trains_nothing(version, tmp_path, monkeypatch):
    one, two = (f"casia-ms@460:{regions(tmp_path / n, seed=k)}" for k, n in enumerate("ab"))
    asked = {"recognisers": (TINY, "competitive"), "against": (), "budget": BUDGET, "workers": 1}
    asked["work"] = str(tmp_path / "w")
    first = answer(Question(version, (one,), **asked), quiet)
    monkeypatch.setattr(training, "_Training", None)  # whoever trains now fails
    second = answer(Question(version, (one, two), **asked), quiet)
    assert [t["name"] for t in second["tests"]] == ["casia-ms@460", "casia-ms@460", "rendered hands"]
    for before, after in zip(first["trained"], second["trained"], strict=True):
        assert json.dumps(before["results"][0]) == json.dumps(after["results"][0])
    floor = second["trained"][1]["results"][0]
    assert floor["verification"]["eer"]["value"] == 0 and floor["identification"]["rank_one"]["value"] == 1


def test_nobody_is_trained_on_and_tested(version, tmp_path):
    folder = regions(tmp_path / "c")
    question = Question(version, (f"casia-ms:{folder}",), (str(folder),), work=str(tmp_path / "w"))
    with pytest.raises(SourceError, match="--half"):
        answer(question, quiet)
