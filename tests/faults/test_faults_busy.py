"""A machine that is busy with other work: build, align and evaluate take longer, and end well."""

import subprocess
import sys

import cv2
import pytest

from manifests.tools.verify import verify
from tests.faults.test_faults import RECIPE
from tests.faults.test_faults_evaluate import SMALL, VERB
from tests.flows.test_without_server import said
from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.hands import drawn_hand

OTHERS = 4  # processes that compute without end beside us


@pytest.fixture
def busy():
    command = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(command) for _ in range(OTHERS)]
    yield
    assert all(other.poll() is None for other in others), "busy to the end"
    for other in others:
        other.kill()
        other.wait()


def test_build_align_and_evaluate_end_well_beside_four_busy_processes(busy, write_recipe, tmp_path):
    recipe = write_recipe(**RECIPE | {"engine": {"workers": 2}, "out": str(tmp_path / "out")})
    assert "images   8 of 8 identities" in said("build", recipe)
    assert verify(tmp_path / "out" / "tiny").ok
    (tmp_path / "photographs").mkdir()
    cv2.imwrite(str(tmp_path / "photographs" / "mine.png"), drawn_hand("left")[0][..., ::-1])
    words = ["align", tmp_path / "photographs", "--out", tmp_path / "aligned", "--size", "64"]
    assert "1 aligned (1 palms) + 0 rejected" in said(*words)
    version = publish_shards(make_shards(tmp_path / "s", subjects=8, captures=3), tmp_path / "made").path
    command = [sys.executable, "-c", SMALL + VERB, "evaluate", str(version), "--against", str(version)]
    command += ["--recogniser", "competitive", "--seeds", "1", "--size", "64", "--out", "figures"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert (tmp_path / "figures" / "evaluation.html").is_file()
