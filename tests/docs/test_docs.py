"""Every Python snippet of docs/ and the README runs as it stands, beside out/quickstart of `make dataset`."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.fake_shards import publish_shards, row, write_shard

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^(?:<!-- run as (\w+) -->\n)?```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SNIPPETS = [
    pytest.param(kind, code, id=f"{page.name}-{number}{'-' * bool(kind)}{kind}")
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if page.name != "verbs.md"  # its snippets open what its commands exported: tests/docs/test_docs_verbs.py
    for number, (kind, code) in enumerate(FENCE.findall(page.read_text()), 1)
]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with a dataset in out/quickstart: the splits, views and columns of the real one."""
    folder = tmp_path_factory.mktemp("docs")
    rows = [
        {
            **row(subject, hand, capture, size=32),
            "view": view,
            "sample_id": f"s{subject:06d}_{hand}_c{capture:03d}_{view}",
            "capture_exposure": 0.5,
        }
        for subject in range(30)
        for hand in ("left", "right")
        for view in ("palm", "hand")
        for capture in range(4)
    ]
    publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out")
    (folder / "out" / "palms").rename(folder / "out" / "quickstart")
    return folder


@pytest.mark.parametrize(("kind", "code"), SNIPPETS)
def test_snippet_runs(workplace, kind, code):
    python = interpreter(kind)
    if kind == "webdataset":
        run_shell_lines(workplace, "webdataset")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(workplace),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    if kind != "hf":
        environment["PYTHONPATH"] = str(ROOT)
    command = [python, "-W", "ignore", "-c", code]
    done = subprocess.run(
        command, cwd=workplace, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def interpreter(kind):
    """The Python that runs a snippet of this kind; skips where it is not there, and says why."""
    if kind == "hf":
        python = ROOT / ".venv-hf" / "bin" / "python"
        if not python.exists():
            pytest.skip("no .venv-hf: `make test` makes it from requirements-hf.lock")
        return str(python)
    if kind == "spark":
        import importlib.util
        import shutil

        if not importlib.util.find_spec("pyspark") or not shutil.which("java"):
            pytest.skip(
                "needs pyspark (`uv pip install --group bench`) and Java; tried by hand, see bench/README.md"
            )
    return sys.executable


def run_shell_lines(workplace, word):
    """The palmforge lines of docs/reading.md that speak of `word`."""
    from click.testing import CliRunner

    from flows.cli.main import main

    for line in (ROOT / "docs" / "reading.md").read_text().splitlines():
        if line.startswith("palmforge ") and word in line:
            before = Path.cwd()
            os.chdir(workplace)
            try:
                done = CliRunner().invoke(main, line.split()[1:])
            finally:
                os.chdir(before)
            assert done.exit_code == 0, done.output


def test_there_is_a_snippet_for_each_way_to_read():
    reading = (ROOT / "docs" / "reading.md").read_text()
    for name in ("torch", "pandas", "polars", "duckdb", "Hugging Face datasets", "WebDataset", "Spark"):
        section = reading.split(f"\n## {name}\n")[1].split("\n## ")[0]
        assert FENCE.search(section), name
