"""What tests share: one quiet environment, one Prefect server a session, and a small recipe."""

import os
import subprocess
import sys

import pytest
from hypothesis import settings

from flows.cli import QUIET

os.environ.update(QUIET)
settings.register_profile("busy", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("busy")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """A test marked `fresh_process` runs in one: children forked of a process with Prefect's threads fail."""
    if "prefect" not in sys.modules or not pyfuncitem.get_closest_marker("fresh_process"):
        return None
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", pyfuncitem.nodeid]
    done = subprocess.run(
        command, cwd=pyfuncitem.config.rootpath, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return True


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory):
    """A real Prefect server with a database of its own, for every test of the session that runs a flow."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def write_recipe(tmp_path):
    """A function that writes a small renderer recipe into a folder of its own and returns its path."""

    def write(name="tiny", **sections):
        import tomli_w

        base = {
            "name": name,
            "seed": 5,
            "out": str(tmp_path / "out"),
            "work": str(tmp_path / "work"),
            "engine": {"workers": 1},
            "gates": {"use": []},  # tests of the gates switch them on: they need the encoder
            "dataset": {"identities": 6, "captures": 2, "size": 48, "shard_identities": 2},
        }
        for key, value in sections.items():
            base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
        path = tmp_path / f"{name}.toml"
        path.write_text(tomli_w.dumps(base))
        return path

    return write
