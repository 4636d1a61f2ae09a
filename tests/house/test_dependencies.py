"""Dependencies: what is installed with palmforge is what its packages import, and nothing is left out."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("flows", "tasks", "palm_models", "manifests")
FOR_OTHERS = {  # imported by what we import
    "torchvision": "denoising-diffusion-pytorch",
    "fastapi": "prefect",
    "s3fs": "fsspec",
}
WITH_OTHERS = {  # comes with what we declare
    "markupsafe": "jinja2",
    "requests": "kagglehub",
    "packaging": "prefect",
    "botocore": "s3fs",
    "dask": "distributed",
    "flatbuffers": "ai-edge-litert",
}


def imported():
    """The distributions that the packages import, lower case with dashes; several may bring one module."""
    modules = set()
    for file in (f for package in PACKAGES for f in (ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module.partition(".")[0])
    known = packages_distributions()
    return {
        m: {re.sub(r"[-_.]+", "-", d).lower() for d in known.get(m, [m])}
        for m in modules - set(sys.stdlib_module_names) - set(PACKAGES)
    }


def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    return {re.match(r"[\w-]+", line)[0].lower() for line in lines} - {"palmforge"}


def test_every_dependency_is_imported_or_for_one_that_is():
    used = set().union(*imported().values())
    assert len(used) > 20
    assert {d for d in declared() if d not in used and FOR_OTHERS.get(d) not in declared()} == set()


def test_everything_imported_is_a_dependency():
    missing = {m for m, brings in imported().items() if not brings & declared()}
    assert {m for m in missing if WITH_OTHERS.get(m) not in declared()} == set()
