"""What tests share: one quiet environment, one Prefect server a session, and a small recipe."""

import os

import pytest
from hypothesis import settings

from flows.cli import QUIET

os.environ.update(QUIET)
settings.register_profile("busy", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("busy")


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
