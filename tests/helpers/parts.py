"""A process in which only some of palmforge's parts are installed, whatever is installed here."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Everything else is not found, as where it is not installed: neither its modules nor its distribution.
HIDE = """
import importlib.metadata, importlib.util, sys
ABSENT, GONE = set(MODULES), set(DISTRIBUTIONS)
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
found, told = importlib.util.find_spec, importlib.metadata.Distribution.from_name
def find_spec(name, package=None):
    return None if name.partition(".")[0] in ABSENT else found(name, package)
importlib.util.find_spec = find_spec
def from_name(name):
    if name.lower().replace("_", "-") in GONE:
        raise importlib.metadata.PackageNotFoundError(name)
    return told(name)
importlib.metadata.Distribution.from_name = staticmethod(from_name)
"""


def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def brought(*extras):
    """The distributions that palmforge with these extras brings, and theirs."""
    waiting = [
        *PROJECT["dependencies"],
        *(line for e in extras for line in PROJECT["optional-dependencies"][e]),
    ]
    found = set()
    while waiting:
        wanted = Requirement(waiting.pop())
        name = plain(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        try:
            waiting += distribution(name).requires or []
        except PackageNotFoundError:
            found.discard(name)
    return found


def hidden(*extras):
    """Modules and distributions that such an installation lacks."""
    kept = brought(*extras) | {"palmforge"}
    modules = packages_distributions()
    absent = {m for m, brings in modules.items() if not {plain(b) for b in brings} & kept}
    absent -= {"flows", "tasks", "palm_models", "manifests", "sitecustomize"}
    gone = {plain(b) for brings in modules.values() for b in brings} - kept
    return sorted(absent), sorted(gone)


def run(code, folder, *extras, check=True):
    """`code` in a fresh process that has palmforge with `extras` alone; its workers have no more."""
    modules, distributions = hidden(*extras)
    site = folder / "site"
    site.mkdir(exist_ok=True)
    (site / "sitecustomize.py").write_text(f"MODULES, DISTRIBUTIONS = {modules!r}, {distributions!r}\n{HIDE}")
    environment = {**os.environ, "PYTHONPATH": f"{site}{os.pathsep}{ROOT}", "PREFECT_API_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done


def palmforge(folder, *arguments, extras=()):
    """The command in such a process: exit code and all that it said."""
    argv = ["palmforge", *map(str, arguments)]
    code = f"import sys; sys.argv = {argv!r}; from flows.cli.main import main; main()"
    done = run(code, folder, *extras, check=False)
    return done.returncode, done.stdout + done.stderr
