"""Evaluation: the same question has the same answer, sets are told apart, and its files say what it found."""

import csv
import html
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from tasks.evaluate import experiment
from tasks.evaluate.experiment import answer
from tasks.evaluate.labelled import Labelled, of_renderer, of_version
from tasks.evaluate.protocols import PROTOCOLS
from tasks.evaluate.question import Budget, Question
from tasks.evaluate.recognisers.registry import parse_recogniser
from tasks.evaluate.results import table, write_evaluation
from tasks.evaluate.runs import Run, folder_of, outcomes
from tasks.work.lock import lock
from tests.helpers.fake_shards import make_shards, publish_shards

SMALL = Budget(steps=3, size=64, seeds=2)
TINY = "palmnet,width=4,batch=8"


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    return publish_shards(make_shards(folder / "s", subjects=8, captures=3), folder / "out").path


@pytest.fixture(scope="module")
def found(version, tmp_path_factory):
    """A real, tiny evaluation with a baseline and a curve."""
    held_out, experiment.HELD_OUT = experiment.HELD_OUT, (4, 3)
    question = Question(
        str(version), against=("renderer", str(version)), curve=(4, 99), budget=SMALL, workers=1,
        recognisers=(TINY, "competitive"), work=str(tmp_path_factory.mktemp("work")),
    )  # fmt: skip
    said = []
    results = [answer(question, lambda done, total: said.append((done, total))) for _ in range(2)]
    experiment.HELD_OUT = held_out
    assert said[-1] == (3 * 2 + 1, 3 * 2 + 1)  # what is asked twice is trained once
    assert json.dumps(results[0]) == json.dumps(results[1])
    return results[0]


def test_the_same_question_has_the_same_answer_and_sets_are_told_apart(found, version):
    names = [trained["name"] for trained in found["trained"]]
    assert names == [f"palms {version.name}", "renderer", f"palms {version.name}", "nothing"]
    assert found["trained"][0]["results"] == found["trained"][2]["results"] != found["trained"][1]["results"]
    assert [(p["identities"], p["recogniser"]) for p in found["curve"]] == [(4, TINY)]
    rates = found["trained"][0]["results"][0]["verification"]
    assert (rates["genuine_pairs"], rates["impostor_pairs"], rates["runs"]) == (4 * 3, 6 * 9, 2)
    assert rates["eer"]["low"] <= rates["eer"]["value"] <= rates["eer"]["high"]
    assert 0 <= found["trained"][0]["results"][0]["identification"]["rank_one"]["value"] <= 1
    floor = found["trained"][3]
    assert floor["recogniser"] == "competitive" and floor["results"][0]["verification"]["runs"] == 1
    assert [len(t["training"]) for t in found["trained"]] == [2, 2, 2, 0]
    assert not any(told["converged"] for told in found["trained"][0]["training"])
    assert found["made"]["command"].startswith(f"palmforge evaluate {version}")
    assert "--steps 3" in found["made"]["command"] and "workers" not in found["made"]["command"]


def test_only_the_train_split_is_learned(version):
    import pyarrow.parquet as pq

    split = dict(
        pq.read_table(version / "manifest.parquet", columns=["identity_id", "split"]).to_pandas().values
    )
    palms = of_version(version, 32)
    assert {split[who] for who in palms.labels.tolist()} == {"train"}
    assert len(palms.grey) == 3 * list(split.values()).count("train")
    few = palms.first(2, 2)
    assert few.identities == 2 and len(few.grey) == 4 and few.labels[0] == palms.labels[0]


def test_files_and_table_hold_the_figures(found, tmp_path):
    page = write_evaluation(found, tmp_path)
    names = {p.name for p in tmp_path.iterdir()}
    assert {
        "evaluation.csv",
        "evaluation.tex",
        "evaluation.json",
        "evaluation.html",
        "det_0.png",
        "det_0.svg",
        "utility_identities.png",
        "utility_identities.svg",
    } <= names
    text = page.read_text()
    assert (
        "default-src 'none'" in text and "<script" not in text and not re.search(r"src=\"http|@import", text)
    )
    assert Image.open(tmp_path / "det_0.png").width > 500
    said = table(found)
    assert "12 genuine and 54 impostor pairs" in said and "too few impostor pairs for FMR" in said
    assert "tested on rendered hands" in said and "rank-1" in said
    assert "NOT CONVERGED" in said and TINY in said and "Not converged" in text
    rows = list(csv.DictReader(io.StringIO((tmp_path / "evaluation.csv").read_text())))
    eers = {(r["recogniser"], r["trained_on"]): float(r["value"]) for r in rows if r["measure"] == "EER"}
    floor = found["trained"][3]["results"][0]["verification"]["eer"]["value"]
    assert eers["competitive", "nothing"] == floor and len(eers) == 3
    assert all(not r["value"] for r in rows if r["at"] == "FMR 1e-06")  # not supported, not printed
    report = json.loads((tmp_path / "test_report.json").read_text())["testReport"]
    result = next(r for r in report["results"] if report["systems"][r["system"]]["name"] == "competitive")
    assert result["equalErrorRate"]["value"] == floor
    assert (result["matedComparisonTrials"], result["nonMatedComparisonTrials"]) == (12, 54)
    assert report["corpora"][0]["biometricInstances"] == 4 and len(report["systems"]) == 5
    assert [s["trainedOn"] is None for s in report["systems"]] == [False, False, False, True, False]
    assert result["notSupported"][-1]["falseMatchRate"] == 1e-6
    tex = (tmp_path / "evaluation.tex").read_text()
    assert tex.startswith("% palmforge evaluate") and tex.count("toprule") == 1 and r"\\" in tex
    assert found["made"]["command"] in html.unescape(text) and "torch" in text
    again = tmp_path / "again"
    write_evaluation(found, again)
    assert all((again / n).read_bytes() == (tmp_path / n).read_bytes() for n in names if n != "again")


def test_a_recogniser_knows_the_hands_it_learned_and_learns_nothing_from_noise(tmp_path):
    """The figures follow what was learned: trained on the very test hands, and on pictures of nothing."""
    test = of_renderer("test", 0, 12, 4, 64)
    rng = np.random.default_rng(0)
    noise = Labelled("noise", rng.integers(0, 256, test.grey.shape, np.uint8), test.labels)
    chosen = parse_recogniser("palmnet,size=64,steps=60,batch=32,validation=0,augment=false")
    known, blind = (
        experiment._results([test], [[PROTOCOLS["all"]]], [run], [*outcomes([run], 1, lambda *_: None)])[0]
        for palms in (test, noise)
        for run in [Run(chosen, palms, (test.grey,), 0, folder_of(chosen, palms, 0, tmp_path))]
    )
    assert known["verification"]["eer"]["value"] < 0.1 < 0.2 < blind["verification"]["eer"]["value"]
    assert known["identification"]["rank_one"]["value"] > 0.9


def test_the_verb_prints_the_figures_and_names_what_is_wrong(version, tmp_path, monkeypatch):
    from click.testing import CliRunner

    from flows.cli.evaluate import evaluate as verb

    monkeypatch.setattr(experiment, "HELD_OUT", (3, 2))
    asked = [
        str(version),
        "--steps",
        "2",
        "--size",
        "64",
        "--recogniser",
        TINY,
        "--seeds",
        "1",
        "--workers",
        "1",
        "--out",
        str(tmp_path),
    ]
    done = CliRunner().invoke(verb, asked)
    assert done.exit_code == 0, done.output
    assert "rank-1" in done.output and str(tmp_path / "evaluation.html") in done.output
    wrong = CliRunner().invoke(verb, [*asked, "--real", str(tmp_path / "nowhere")])
    assert wrong.exit_code == 1 and "nowhere" in wrong.output and "Traceback" not in wrong.output
    for options, words in (
        (["--size", "72"], "a multiple of 16 from 64 to 224"),
        (["--recogniser", "resnet"], "did you mean resnet18"),
        (["--recogniser", "palmnet,depth=3"], "no setting 'depth'"),
        (["--recogniser", "nowhere:net"], "nowhere:net: cannot be loaded"),
        (["--protocol", "sideways"], "cross-session"),
        (["--real", "tonji:x"], "did you mean tongji"),
    ):
        refused = CliRunner().invoke(verb, [str(version), *options])
        assert refused.exit_code == 1 and words in refused.output, refused.output


def test_two_evaluations_do_not_write_into_one_work_folder(version, tmp_path):
    """The lock is of the process that holds it; another process is refused with the way out."""
    import subprocess
    import sys

    asks = (
        "from tasks.evaluate.experiment import answer\nfrom tasks.evaluate.question import Question\n"
        f"answer(Question({str(version)!r}, work={str(tmp_path)!r}), print)"
    )
    with lock(tmp_path / "evaluate.lock"):
        done = subprocess.run([sys.executable, "-c", asks], capture_output=True, text=True, check=False)
    assert done.returncode and "LockedError" in done.stderr and "wait for it to end" in done.stderr
