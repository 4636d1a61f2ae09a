"""Faults of an evaluation: killed while recognisers learn, the same command goes on to the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.helpers.fake_shards import make_shards, publish_shards
from tests.helpers.regions import regions

ROOT = Path(__file__).resolve().parents[2]
SMALL = "from tasks.evaluate import experiment\nexperiment.HELD_OUT = (3, 2)\n"  # of the rendered test set
VERB = "from flows.cli.main import main\nif __name__ == '__main__':\n    main()"
LONG = "palmnet,width=4,batch=8,dim=16,every=5,steps=60,patience=99"


def begin(folder: Path, version: Path, real: Path, workers: int) -> "subprocess.Popen[str]":
    """The verb in a process group of its own; everything that it keeps lies in `folder`."""
    folder.mkdir(exist_ok=True)
    asked = [
        "evaluate", str(version), "--real", f"casia-ms:{real}", "--recogniser", LONG, "--recogniser",
        "competitive", "--seeds", "2", "--size", "64", "--against", str(version),
        "--workers", str(workers), "--out", "figures",
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-c", SMALL + VERB, *asked],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def figures(folder: Path) -> dict[str, bytes]:
    """Every file of the evaluation."""
    return {path.name: path.read_bytes() for path in sorted((folder / "figures").iterdir())}


def half_done(folder: Path) -> list[Path]:
    """What trainings keep to go on."""
    return list(folder.glob(".palmforge/evaluate/recognisers/*/half.pt"))


def until(true: Callable[[], bool], seconds: float = 900) -> None:
    """Wait for `true()`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_a_killed_evaluation_goes_on_to_the_same_bytes_whatever_the_workers(tmp_path: Path) -> None:
    made = make_shards(tmp_path / "s", subjects=8, captures=3)
    version, real = publish_shards(made, tmp_path / "out").path, regions(tmp_path / "casia")
    whole = begin(tmp_path / "whole", version, real, 2)
    said, _ = whole.communicate(timeout=1200)
    assert whole.returncode == 0, said
    killed = begin(tmp_path / "killed", version, real, 1)
    until(lambda: bool(half_done(tmp_path / "killed")) or killed.poll() is not None)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.communicate(timeout=60)
    assert killed.returncode == -signal.SIGKILL and half_done(tmp_path / "killed")
    assert not (tmp_path / "killed" / "figures").exists()
    again = begin(tmp_path / "killed", version, real, 1)
    said, _ = again.communicate(timeout=1200)
    assert again.returncode == 0 and "goes on at step" in said, said
    assert not half_done(tmp_path / "killed")
    assert figures(tmp_path / "killed") == figures(tmp_path / "whole")
