"""The example of training runs on drawn datasets, large and small; on_published is in flows/server."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    """Eight subjects of the renderer, small, three in each split but the last."""
    from manifests.recipe import parse
    from palm_models.engines.renderer import RendererEngine
    from tasks.draw.plan import PlannedIdentity
    from tasks.draw.samples import draw_identity, row_of
    from tests.helpers.fake_shards import publish_shards, write_shard

    folder = tmp_path_factory.mktemp("examples")
    recipe = parse({"name": "tiny", "dataset": {"captures": 3, "size": 64}})
    engine = RendererEngine()
    splits = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    rows = [
        row_of(recipe, engine, sample)
        for subject, split in enumerate(splits)
        for sample in draw_identity(
            recipe, engine, PlannedIdentity(2 * subject, subject, "left", split), range(3), None
        )
    ]
    return publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path


def environment():
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def test_training_saves_weights_rates_and_a_loss_curve(version, tmp_path):
    from safetensors.torch import load_file
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = ["--steps", "8", "--identities", "4", "--captures", "2", "--workers", "0"]
    command = [sys.executable, EXAMPLES / "train_recogniser.py", version.parent, "--out", tmp_path / "r"]
    done = subprocess.run(
        [*command, *options], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rates = json.loads((tmp_path / "r" / "rates.json").read_text())
    assert set(rates) == {"validation", "test"} and all(0 <= r["eer"] <= 1 for r in rates.values())
    assert load_file(tmp_path / "r" / "recogniser.safetensors")["layers.0.weight"].shape == (32, 1, 3, 3)
    log = EventAccumulator(str(tmp_path / "r" / "log")).Reload()
    losses = [event.value for event in log.Scalars("loss")]
    assert len(losses) == 8 and sum(losses[-3:]) < sum(losses[:3])


def test_a_small_dataset_is_trained_on_as_it_is(tmp_path):
    from tests.helpers.fake_shards import make_shards, publish_shards

    small = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out").path
    command = [sys.executable, EXAMPLES / "train_recogniser.py", small, "--out", tmp_path / "r"]
    options = ["--steps", "2", "--workers", "0"]
    done = subprocess.run(
        [*command, *options], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "r" / "rates.json").read_text()) == {"validation": {}, "test": {}}


def test_the_training_job_fits_on_a_page():
    assert len((EXAMPLES / "train_recogniser.py").read_text().splitlines()) <= 120
