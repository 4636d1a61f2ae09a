"""What tests share: one quiet environment, and a small recipe."""

import gc
import os
import subprocess
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import settings

from flows.cli.main import QUIET

ROOT = Path(__file__).resolve().parents[1]
os.environ.update(QUIET)
settings.register_profile("busy", deadline=None)  # a busy machine is no fault of what is tested
settings.load_profile("busy")

# What a run of every test imports anyway, before coverage begins: it makes imports twice as slow.
COSTLY = ("denoising_diffusion_pytorch", "accelerate", "pandas", "sklearn.metrics", "matplotlib", "prefect")
gc.disable()  # until the tests are collected
if "PYTEST_XDIST_WORKER" in os.environ:
    for costly in COSTLY:
        import_module(costly)

SLOW = (  # left out of `make test-fast`: servers, other processes, networks, datasets built and judged
    *("tests/flows/", "tests/faults/", "tests/docs/"),
    *("tests/house/test_plugin", "tests/house/test_columns"),
    *("tests/tasks/evaluate/", "tests/tasks/judge/", "tests/tasks/photographs/", "tests/tasks/train/"),
    *("tests/tasks/versions/", "tests/tasks/workers/", "tests/tasks/draw/", "tests/tasks/engines/"),
    *("tests/tasks/report/", "tests/manifests/files/test_remote", "tests/manifests/read/test_readers"),
    *("tests/manifests/read/test_dataset", "tests/manifests/read/test_loops", "tests/house/test_imports"),
    *("tests/manifests/publish/test_write", "tests/house/test_floors", "tests/house/test_bench_table"),
    *("tests/house/test_parts",),
    *("tests/palm_models/engines/", "tests/palm_models/photo/test_landmarks"),
)


def pytest_collection_modifyitems(items):
    """Marks what is slow by where it lies, so that no file has to say it, and lets it begin.

    Two workers take whole files in this order: what is short evens out at the end who had the longer ones.
    """
    for item in items:
        if item.path.relative_to(ROOT).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What was imported and collected lives to the end: garbage is never looked for in it."""
    done = yield
    gc.freeze()
    gc.enable()
    return done


def pytest_unconfigure():
    """Libraries count what is left at the end, and would tell of leaks."""
    gc.unfreeze()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Tests marked `fresh_process` run in one: children forked of a process with Prefect's threads fail."""
    if "prefect" not in sys.modules or not pyfuncitem.get_closest_marker("fresh_process"):
        return None
    found = _fresh_results(pyfuncitem.path)
    assert found.get(pyfuncitem.name) == "", found.get(pyfuncitem.name, found)
    return True


@cache
def _fresh_results(file):
    """What the marked tests of a file said in a process of their own, by name: "" when they passed."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        command = [sys.executable, "-m", "pytest", "-q", "-m", "fresh_process", "-p", "no:cacheprovider"]
        command += [str(file), f"--junitxml={report}"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert report.exists(), done.stdout + done.stderr
        return {
            case.get("name"): "\n".join(fault.text or "failed" for fault in case)
            for case in ElementTree.parse(report).iter("testcase")
        }


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
            "engine": {"name": "renderer", "workers": 1},
            "gates": {"use": []},  # tests of the gates switch them on: they need the encoder
            "dataset": {"identities": 6, "captures": 2, "size": 48, "shard_identities": 2},
        }
        for key, value in sections.items():
            base[key] = {**base.get(key, {}), **value} if isinstance(value, dict) else value
        path = tmp_path / f"{name}.toml"
        path.write_text(tomli_w.dumps(base))
        return path

    return write
