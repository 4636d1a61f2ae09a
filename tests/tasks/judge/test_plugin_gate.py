"""A gate of another package: its options, reason, score and limit join ours, without a change to ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[3]
GATE = '''
"""A gate that rejects every picture of some captures."""
from pydantic import Field
from manifests.recipe.sections import Section
from tasks.judge.candidate import Fault
from tasks.judge.gate import Allowed, Gate


class Options(Section):
    """Options of the gate odd."""

    first: int = Field(default=0, ge=0, description="captures of a lower number are rejected")
    most: float = Field(default=1.0, ge=0, le=1, description="release: share of pictures it may reject")


class Odd(Gate):
    name = "odd"
    summary = "drawn too early"
    reasons = {"too_early": "its capture has a number below odd.first"}
    options = Options

    def score(self, picture):
        return {"odd_number": float(picture.row["capture"])}

    def threshold(self, recipe, calibrated):
        return self.own(recipe).first

    def fault(self, case, place, threshold):
        number = case.rows[place]["odd_number"]
        return Fault(self.name, "too_early", number, threshold) if number < threshold else None

    def allowed(self, recipe):
        return Allowed("share of pictures drawn too early", self.own(recipe).most, "Lower odd.first")
'''
BUILD = """
import json, sys
from pathlib import Path

def said(sections):
    from manifests.words import PalmforgeError
    from tests.helpers.small import build
    try:
        return str(build(Path(sys.argv[1]), **sections).path)
    except PalmforgeError as error:
        return [type(error).__name__, str(error)]

if __name__ == "__main__":
    print(json.dumps([said(sections) for sections in json.loads(sys.argv[2])]))
"""
CASES = {  # the last ones need no drawing, and the second finds what the first drew
    "built": {"gates": {"use": ["odd", "duplicates"]}, "odd": {"first": 1}},
    "stopped": {"name": "strict", "gates": {"use": ["odd", "duplicates"]}, "odd": {"first": 1, "most": 0.1}},
    "unknown": {"name": "no", "gates": {"use": ["od"]}},
    "mistyped": {"name": "no", "gates": {"use": ["odd"]}, "odd": {"last": 1}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("plugin")


@pytest.fixture(scope="module")
def said(folder):
    """What a fresh process says of each case: the version's folder, or the error's class and words."""
    (folder / "odd_gate.py").write_text(GATE)
    (folder / "build_it.py").write_text(BUILD)
    described = folder / "odd_gate-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-gate\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text("[palmforge.gates]\nodd = odd_gate:Odd\n")
    done = subprocess.run(
        [sys.executable, str(folder / "build_it.py"), str(folder), json.dumps([*CASES.values()])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, json.loads(done.stdout.splitlines()[-1]), strict=True))


def test_it_rejects_is_replaced_and_is_named_in_rejects_and_report(said):
    assert isinstance(said["built"], str), said["built"]
    version = Path(said["built"])
    rejects = pq.read_table(version / "rejects.parquet").to_pylist()
    assert {(r["gate"], r["reason"], r["capture"], r["score"], r["threshold"]) for r in rejects} == {
        ("odd", "too_early", 0, 0.0, 1.0)
    }
    rows = pq.read_table(version / "manifest.parquet").to_pylist()
    assert len(rejects) == 4 and sorted(r["capture"] for r in rows) == [1] * 4 + [2] * 4
    page = (version / "report.html").read_text(encoding="utf-8")
    assert "too early" in page and "drawn too early" in page and "<td>odd</td>" in page
    assert "[odd]\nfirst = 1" in (version / "recipe.toml").read_text(encoding="utf-8")


def test_its_limit_stops_a_release(said, folder):
    error, words = said["stopped"]
    assert error == "ReleaseError" and "share of pictures drawn too early: 0.3333, allowed 0.1" in words
    assert "Lower odd.first" in words and not (folder / "out" / "strict" / "LATEST").exists()


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        ("unknown", "no gate is called 'od'; did you mean odd? there are quality, hand, "),
        ("mistyped", "odd.last: unknown key"),
    ],
)
def test_a_mistake_is_named_before_anything_is_drawn(said, case, wanted):
    error, words = said[case]
    assert error == "RecipeError" and wanted in words
