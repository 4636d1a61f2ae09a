"""Faults on the way from photographs to pictures of the trained engine: killed, full, torn, read-only."""

import contextlib
import subprocess
from pathlib import Path

import cv2
import pytest
import tomli_w

from manifests.tools.verify import verify
from tests.faults.test_faults import small_disk
from tests.helpers.hands import drawn_hand
from tests.helpers.one_night import Nights, Reader, files

KILLS = {
    "ingest: the second photograph": ("tasks.photographs.ingest:examine", 2),
    "ingest: the table is there, the marker is not": ("tasks.work.place:Place.finish", 1),
    "align: the tables are written, not renamed": ("tasks.photographs.align:fsync_file", 1),
    "train: after the first saved state": ("tasks.train.diffusion:_step", 4),
    "train: the weights are saved, the state is not": ("tasks.train.diffusion:write_state", 1),
    "generate: before the second picture": ("flows.progress:_Lines.__call__", 2),
    "judge: before the verdicts": ("tasks.judge.rounds:_Court.write", 1),
    "publish: before the checksums": ("manifests.publish.publish:_seal", 1),
}
TRAINING = ("torch._dynamo", "accelerate", "tasks.train.diffusion", "palm_models.engines.diffusion.engine")


def write(folder, photographs):
    folder.mkdir(parents=True, exist_ok=True)
    recipe = {
        "name": "trained",
        "out": str(folder / "out"),
        "work": str(folder / "work"),
        "source": {"kind": "folder", "path": str(photographs), "licence": "CC0"},
        "align": {"size": 48, "workers": 1},
        "train": {"checkpoint": "train", "steps": 4, "batch": 1, "size": 32, "dim": 8, "save_every": 2},
        "gates": {"use": ["duplicates"]},
        "engine": {"name": "diffusion", "steps": 1, "workers": 1},
        "dataset": {"identities": 2, "captures": 1, "size": 32, "shard_identities": 1},
    }
    path = folder / "trained.toml"
    path.write_text(tomli_w.dumps(recipe))
    return path


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Two drawn hands on a file system that cannot be written, where that can be had."""
    folder = tmp_path_factory.mktemp("photographs")
    for hand in ("left", "right"):
        cv2.imwrite(str(folder / f"{hand}.png"), drawn_hand(hand)[0][..., ::-1])
    folder.chmod(0o555)
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    started = Nights(tmp_path_factory.mktemp("nights"), *TRAINING)
    yield started
    started.close()


def test_every_step_is_killed_the_disk_fills_and_the_checkpoint_is_torn(nights, photographs, tmp_path):
    alone = tmp_path / "alone"
    nights.run(write(alone, photographs))
    undisturbed = files(alone / "out" / "trained")
    recipe, home = write(tmp_path, photographs), tmp_path / "out" / "trained"
    with contextlib.ExitStack() as stack:
        stack.enter_context(Reader(home))
        for place, (at, call) in KILLS.items():
            if place.startswith("train: after"):
                _fill_the_disk_under_the_checkpoint(nights, recipe, tmp_path, stack)
            if place.startswith("generate"):
                _tear(tmp_path)
            nights.killed(recipe, at, call)
        nights.run(recipe)
        assert verify(home).ok and files(home) == undisturbed
        sources = {p.name for p in Path(photographs).iterdir()}
        assert sources == {"left.png", "right.png"}


def _fill_the_disk_under_the_checkpoint(nights, recipe, folder, stack):
    enlarge = stack.enter_context(small_disk(folder / "work" / "checkpoints", 64))
    night = nights.start(recipe)
    assert night.wait() == 1 and "No space left" in night.output, night.output
    assert "Traceback" not in night.output
    enlarge()


def _tear(folder):
    """Cut the finished checkpoint and the state that it could be made from."""
    for name in ("model.safetensors", "state.safetensors"):
        (file,) = folder.glob(f"work/checkpoints/*/{name}")
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
