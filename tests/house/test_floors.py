"""The rules of the house: floors, folder contents, file sizes, and a README tree that tells the truth."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "tasks", "palm_models", "manifests")
MODULES = sorted(p for package in PACKAGES for p in (ROOT / package).rglob("*.py") if p.name != "__init__.py")


def test_floors_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_judging_draws_nothing_itself():
    # What replaces rejects is drawn by who calls it: by the same workers, counted in the same progress.
    for path in (p for p in MODULES if p.is_relative_to(ROOT / "tasks" / "judge")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module in ("tasks.draw.shards", "tasks.draw.shard"):
                assert {alias.name for alias in node.names} <= {"Generated"}, path


def test_datasets_holds_recipes_and_no_python():
    # A package named `datasets` would hide Hugging Face's from every process started in the root.
    assert not list((ROOT / "datasets").rglob("*.py"))
    assert list((ROOT / "datasets").glob("*.toml"))


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_module_is_short_and_says_in_one_sentence_what_it_is_for(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 350
    doc = ast.get_docstring(ast.parse(text))
    assert doc and doc.split("\n\n")[0].replace("\n", " ").endswith(".")


@pytest.mark.parametrize("top", [*PACKAGES, "tests", "bench"])
def test_a_folder_lists_at_most_twelve_modules(top):
    for folder in [ROOT / top, *(p for p in (ROOT / top).rglob("*") if p.is_dir())]:
        modules = [p.name for p in folder.glob("*.py") if p.name != "__init__.py"]
        assert len(modules) <= 12, f"{folder.relative_to(ROOT)} lists {len(modules)}: {modules}"


def test_no_flow_hides_an_installed_module():
    import importlib.util

    # Prefect puts flows/ on the import path, so a flow file must not be called like anything importable.
    for path in (ROOT / "flows").glob("*.py"):
        found = importlib.util.find_spec(path.stem) if path.stem != "__init__" else None
        assert found is None or Path(str(found.origin)).parent == ROOT / "flows", path
