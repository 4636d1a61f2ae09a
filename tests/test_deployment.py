"""A real Prefect server and process worker run the deployment `build-dataset/quickstart` to its end."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from flows.deploy import deploy

pytestmark = pytest.mark.xdist_group("prefect")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def deployed(tmp_path, monkeypatch):
    """The address of a server with worker and deployments, in a home of its own; all stopped afterwards."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    api, logs = f"http://127.0.0.1:{free_port()}/api", tmp_path / "logs"
    try:
        deploy(api, logs)
        yield api
    finally:
        for file in logs.glob("*.pid"):
            os.killpg(int(file.read_text()), signal.SIGKILL)


def test_quickstart_deployment_completes_and_wrong_parameters_are_refused(deployed, tmp_path, monkeypatch):
    monkeypatch.setenv("PREFECT_API_URL", deployed)
    overrides = [f"out={tmp_path / 'out'}", f"work={tmp_path / 'work'}", "engine.name=renderer"]
    overrides += ["dataset.identities=4", "dataset.captures=2", "dataset.size=48"]
    command = [sys.executable, "-m", "prefect", "deployment", "run", "build-dataset/quickstart", "--watch"]
    parameter = f"overrides={overrides!r}".replace("'", '"')
    done = subprocess.run(
        [*command, "-p", parameter], capture_output=True, text=True, check=False, timeout=400
    )
    assert done.returncode == 0 and "Completed" in done.stdout, done.stdout + done.stderr
    dataset = Path(tmp_path / "out" / "quickstart")
    assert (dataset / (dataset / "LATEST").read_text().strip() / "manifest.parquet").is_file()

    wrong = subprocess.run(
        [*command, "-p", "recipe=5"], capture_output=True, text=True, check=False, timeout=120
    )
    assert wrong.returncode != 0 and "recipe" in wrong.stdout + wrong.stderr
