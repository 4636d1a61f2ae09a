"""The example plug-in, installed from its folder: an engine joins without a change to ours."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from manifests.recipe import parse

ROOT = Path(__file__).resolve().parents[2]
RECIPE = """
name = "creases"
[engine]
name = "polynomial"
workers = 1
[polynomial]
wrinkles = 12
[dataset]
identities = 2
captures = 2
size = 96
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of a process in which the plug-in is installed."""
    place = tmp_path_factory.mktemp("plugin")
    uv = [sys.executable, "-m", "uv", "pip", "install", "-q", "--offline", "--python", sys.executable]
    own = ["--no-deps", "--no-build-isolation", "--target", str(place), str(ROOT / "examples" / "plugin")]
    subprocess.run([*uv, *own], check=True, timeout=120)
    search = os.pathsep.join([str(ROOT), str(place)])
    return {**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"}


def palmforge(environment, *arguments, folder):
    main = [sys.executable, "-m", "flows.cli.main", *map(str, arguments)]
    return subprocess.run(
        main, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600
    )


@pytest.fixture(scope="module")
def version(installed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    (folder / "creases.toml").write_text(RECIPE)
    done = palmforge(installed, "build", "creases.toml", "--polynomial.bend", "0.2", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    home = folder / "out" / "creases"
    return home / (home / "LATEST").read_text().strip()


def test_it_builds_judges_and_publishes(version):
    rows = pq.read_table(version / "manifest.parquet").to_pylist()
    assert len(rows) == 4 and {row["engine"] for row in rows} == {"polynomial"}
    assert all(row["identity_score"] > 0.3 and row["quality"] > 0 for row in rows), "the gates judged"
    assert all(row["capture_shift"] >= 0 for row in rows)
    assert '"bend": 0.2' in rows[0]["drawn_with"] and '"wrinkles": 12' in rows[0]["drawn_with"]


def test_its_name_and_columns_are_in_report_and_card(version):
    assert "polynomial" in (version / "report.html").read_text()
    card = (version / "README.md").read_text()
    assert "engine `polynomial`" in card
    assert "| `capture_shift` | double |  | polynomial: how far the palm is moved" in card


def test_its_version_is_verified_and_drawn_again(version, installed):
    checked = palmforge(installed, "verify", version, folder=version)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    again = palmforge(installed, "regenerate", version, "--random", 4, folder=version)
    assert "4 of 4 images are the published bytes" in again.stdout, again.stdout + again.stderr


def test_without_it_the_version_opens_and_says_what_is_missing(version):
    plain = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert palmforge(plain, "verify", version, folder=version).returncode == 0
    again = palmforge(plain, "regenerate", version, "--random", 1, folder=version)
    assert again.returncode and "no engine is called 'polynomial'" in again.stderr
    assert "install the package that brings it" in again.stderr and "Traceback" not in again.stderr


def test_its_options_are_in_help_and_no_other_recipe_changes(installed, tmp_path):
    shown = palmforge(installed, "build", "--help", folder=tmp_path)
    assert "--polynomial.width X" in shown.stdout, shown.stdout + shown.stderr
    ask = "from manifests.recipe import parse; print(parse({'name': 'p'}).digest())"
    digest = subprocess.run(
        [sys.executable, "-c", ask], env=installed, capture_output=True, text=True, check=True
    )
    assert digest.stdout.strip() == parse({"name": "p"}).digest()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("--polynomial.width=2", "polynomial.width: must be less than or equal to 0.2, not 2"),
        ("--set=polynomial.widht=1", "polynomial.widht: unknown key; did you mean width?"),
        ("--dataset.views=['hand']", "engine polynomial draws palm, not dataset.views hand"),
        ("--set=identity.scars=2", "engine polynomial knows no traits and no circumstances"),
    ],
)
def test_its_mistakes_are_told_as_ours_are(installed, tmp_path, written, said):
    (tmp_path / "creases.toml").write_text(RECIPE)
    done = palmforge(installed, "plan", "creases.toml", written, folder=tmp_path)
    assert done.returncode and said in done.stderr and "Traceback" not in done.stderr
