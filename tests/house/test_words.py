"""One word for one thing: names that meant several are gone, and each literal is written in one place."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flows", "tasks", "palm_models", "manifests")
MODULES = {
    str(file.relative_to(ROOT)): file
    for package in PACKAGES
    for file in sorted((ROOT / package).rglob("*.py"))
}
WORDS = "manifests/words.py"
SHORT = {"np", "pa", "pq", "pc", "mpl", "F", "A", "schema"}  # as everybody calls these libraries
ATLAS = {"photo", "hand", "plain"}  # the parts of a hand that the atlas has, too
VALUES = re.compile(r"""Literal\[["'](left|right|palm|hand)["']""")


@pytest.fixture(scope="module")
def trees():
    assert len(MODULES) > 200
    return {name: ast.parse(file.read_text(encoding="utf-8")) for name, file in MODULES.items()}


def test_no_alias_dodges_a_clash(trees):
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                own = {alias.asname for alias in node.names} - {alias.name for alias in node.names}
                assert own - SHORT - (ATLAS if "atlas" in name else set()) <= {None}, f"{name}: {own}"


def test_a_published_version_is_called_version_and_a_dataset_is_what_a_recipe_makes(trees):
    for name, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.arg) and node.arg == "dataset":
                assert ast.unparse(node.annotation or ast.Constant("")) in ("Path", "str"), name
            if isinstance(node, ast.Assign) and "open_dataset(" in ast.unparse(node.value):
                assert ast.unparse(node.targets[0]) not in ("dataset", "self.dataset"), name


def test_what_is_told_has_a_name_of_its_own_in_each_place(trees):
    # Functions, fields and constants, not local variables; a gate's `told` is what the report tells of it.
    for name, tree in trees.items():
        fields = [n for c in ast.walk(tree) if isinstance(c, ast.ClassDef) for n in c.body]
        named = {
            n.target.id for n in fields if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)
        }
        functions = [*tree.body, *(() if name.startswith("tasks/judge/gate") else fields)]
        named |= {n.name for n in functions if isinstance(n, ast.FunctionDef)}
        assert not named & {"told", "_told"}, name


def test_views_and_hands_are_listed_in_one_place():
    listing = [name for name, file in MODULES.items() if VALUES.search(file.read_text(encoding="utf-8"))]
    assert listing == [WORDS]


def test_what_several_need_is_written_once(trees):
    homes: dict[str, list[str]] = {}
    for name, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                homes.setdefault(node.name, []).append(name)
    for word in ("atomic_write", "resize", "average_of", "write_state", "resume_state", "band", "encode"):
        assert len(homes[word]) == 1, f"{word}: {homes[word]}"
    assert not [w for w in homes if re.search("arc_?face|margin", w)]  # pytorch-metric-learning has it
    assert len(homes["decode"]) == 2  # of our own pictures, and of other people's files
