"""Rows and columns: halves of real sets, protocols as columns, nothing trained again for one more column."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tasks.evaluate import experiment
from tasks.evaluate.experiment import answer
from tasks.evaluate.labelled import Labelled
from tasks.evaluate.question import Budget, Question
from tasks.evaluate.recognisers import training
from tasks.evaluate.recognisers.kind import Recogniser
from tasks.evaluate.rows import chosen_of, rows_of, taught_by
from tasks.photographs.sources.found import SourceError
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.regions import regions

TINY = "palmnet,width=4,batch=8,dim=16"
BUDGET = Budget(steps=2, size=64, seeds=1)


@pytest.fixture
def version(tmp_path, monkeypatch):
    monkeypatch.setattr(experiment, "HELD_OUT", (3, 2))
    return str(publish_shards(make_shards(tmp_path / "s", subjects=6, captures=2), tmp_path / "out").path)


class Untunable(Recogniser):
    """Somebody's recogniser that can only begin anew."""

    name, summary, source = "other", "other", "nobody"

    def learn(self, grey, labels, settings, seed, folder, say):
        """Nothing is asked of it here."""
        raise NotImplementedError


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
    both, after = f"{name} + casia-ms, half", f"{name}, then casia-ms, half"
    assert list(rows) == [name, "casia-ms, half", both, after]
    assert rows["casia-ms, half"] == 3 and rows[both] == rows[after] == rows[name] + 3
    results = {t["name"]: json.dumps(t["results"]) for t in found["trained"]}
    assert len(set(results.values())) == 4  # each learned something of its own
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


def test_rows_with_and_without_augmentation_and_curves_over_both_counts(version, tmp_path):
    question = Question(
        version, against=(), recognisers=(TINY, "competitive"), curve=(2, 3, 99), curve_captures=(2,),
        budget=replace(BUDGET, augment="both"), work=str(tmp_path / "w"), workers=1,
    )  # fmt: skip
    found = answer(question, quiet)
    plain = f"{TINY},augment=false"
    assert [t["recogniser"] for t in found["trained"]] == [TINY, plain, "competitive"]
    points = [(p["recogniser"], p["over"], p["identities"], p["captures"]) for p in found["curve"]]
    whole = found["trained"][0]["identities"]
    assert points == [
        (who, *point) for who in (TINY, plain)
        for point in (("identities", 2, 2), ("identities", 3, 2), ("captures", whole, 2))
    ]  # fmt: skip
    assert found["trained"][0]["results"] != found["trained"][1]["results"]
    said = found["made"]["command"]
    assert "--augment both" in said and "--curve 2,3,99" in said and "--curve-captures 2" in said


def test_what_cannot_be_tuned_has_no_row_for_it():
    palms = Labelled("made", np.zeros((6, 4, 4), np.uint8), np.repeat(["a", "b", "c"], 2))
    question = Question("x", recognisers=("palmnet",))
    chosen = chosen_of(question)[0]
    rows = rows_of(chosen, taught_by([palms], [palms], question))
    assert [row.taught.name for row in rows] == ["made", "made", "made + made", "made, then made"]
    rows = rows_of(replace(chosen, kind=Untunable()), taught_by([palms], [palms], question))
    assert [row.taught.name for row in rows] == ["made", "made", "made + made"]
