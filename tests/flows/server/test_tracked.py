"""Stories and the example of training, tracked by a Prefect server: the tests that need one of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from tests.helpers.fake_shards import make_shards, publish_shards

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
TINY = {"size": 16, "latent": 8, "width": 2, "batch": 4, "epochs": 2, "save_epochs": 1}


@pytest.fixture(scope="module")
def prefect_server():
    """A real Prefect server with a database of its own; it takes 15 CPU seconds, so it is for these tests."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


def runs():
    """How often each flow ran and ended well, by its name."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        names = {flow.id: flow.name for flow in client.read_flows()}
        ended = [run for run in client.read_flow_runs() if run.state_name == "Completed"]
    found = [names[run.flow_id] for run in ended]
    return {name: found.count(name) for name in found}


def test_the_verbs_are_flow_runs(prefect_server, write_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.evaluate.experiment.HELD_OUT", (3, 2))
    before = runs()
    version = publish_shards(make_shards(tmp_path / "s", subjects=8), tmp_path / "out").path
    recipe = write_recipe(
        engine={"name": "wgan-gp"},
        train={"checkpoint": "train"},
        align={"views": ["palm"], "size": 48, "workers": 1},
        source={"kind": "renderer", "identities": 2, "captures": 1},
        wgan=TINY,
    )
    small = ["--recogniser", "competitive", "--size", "64", "--workers", "1", "--out", tmp_path / "figures"]
    for verb in (["train", recipe], ["evaluate", version, *small]):
        done = CliRunner().invoke(main, [str(word) for word in verb])
        assert done.exit_code == 0, done.output
    assert runs() == {
        **before, **{name: before.get(name, 0) + 1 for name in ("train-generator", "evaluate-dataset")}
    }  # fmt: skip
    assert (tmp_path / "figures" / "evaluation.json").is_file()


def test_a_source_that_is_not_there_is_one_line_and_no_traceback(prefect_server, tmp_path, write_recipe):
    from prefect.settings import PREFECT_API_URL

    recipe = write_recipe(source={"kind": "folder", "path": str(tmp_path / "nowhere")})
    command = [sys.executable, "-c", "from flows.cli.main import main; main()", "build", str(recipe)]
    environment = {**os.environ, "PREFECT_API_URL": PREFECT_API_URL.value()}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    output = done.stdout + done.stderr
    assert done.returncode == 1 and "error:" in output and "nowhere" in output
    assert "Traceback" not in output


def test_a_published_version_is_trained_on_once(prefect_server, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    from on_published import train_on_published

    version = publish_shards(make_shards(tmp_path / "s", subjects=8), tmp_path / "out").path
    ran, real = [], subprocess.run

    def run(command, **options):
        ran.append(command)
        few = ["--identities", "2", "--captures", "2", "--workers", "0"]
        environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
        return real([*command, *few], env=environment, **options)

    monkeypatch.setattr(subprocess, "run", run)
    for _ in range(2):
        folder = train_on_published(str(version / "manifest.parquet"), str(tmp_path / "trained"), steps=2)
    assert len(ran) == 1 and Path(folder) == tmp_path / "trained" / version.name
    assert (Path(folder) / "recogniser.safetensors").is_file()
