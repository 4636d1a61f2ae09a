"""pyarrow's types are ours, in typings/: mypy obeys them, and they name nothing that pyarrow lacks."""

import ast
import importlib
import inspect
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STUBS = sorted((ROOT / "typings" / "pyarrow").glob("*.pyi"))


def test_no_table_is_any_again_and_everything_is_checked():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    mypy, lint = tools["mypy"], tools["ruff"]["lint"]
    assert "PL" in lint["select"] and "PLC0415" not in lint["ignore"]
    assert {"tests", "bench", "examples", *tools["importlinter"]["root_packages"]} == set(mypy["packages"])
    assert mypy["strict"] and mypy["disallow_any_unimported"] and mypy["mypy_path"] == "typings"
    for override in mypy["overrides"]:  # without its types, mypy says so of every import of it
        assert not [name for name in override["module"] if name.startswith("pyarrow")]


def methods(node, classes):
    """Functions of a class of the stubs and of those it derives from there."""
    for base in node.bases:
        if getattr(base, "id", "") in classes:
            yield from methods(classes[base.id], classes)
    yield from (n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("__"))


def kinds(real):
    """Classes below one: the stubs say of Array what arrays of some types alone have."""
    return [deeper for below in real.__subclasses__() for deeper in (below, *kinds(below))]


def agrees(stub, real):
    """Whether the real function takes what the stub names; True where pyarrow does not say what it takes."""
    try:
        takes = inspect.signature(real).parameters
    except (TypeError, ValueError):
        return True
    if any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in takes.values()):
        return True
    named = [a.arg for a in (*stub.args.args, *stub.args.kwonlyargs)]
    return set(named) - {"self", "cls"} <= set(takes)


@pytest.mark.parametrize("stub", STUBS, ids=lambda file: file.stem)
def test_the_stubs_name_what_pyarrow_has(stub):
    module = importlib.import_module("pyarrow" if stub.stem == "__init__" else f"pyarrow.{stub.stem}")
    body = ast.parse(stub.read_text(encoding="utf-8")).body
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            assert agrees(node, getattr(module, node.name)), node.name
    for name, node in classes.items():
        if name.startswith("_") or name in ("ColumnSchema",):  # of ours
            continue
        real = getattr(module, name)
        for method in methods(node, classes):
            have = [kind for kind in (real, *kinds(real)) if hasattr(kind, method.name)]
            assert have and agrees(method, getattr(have[0], method.name)), f"{name}.{method.name}"
