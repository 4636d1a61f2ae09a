"""What code a module reaches is found without running it: inside functions, in parents, in a plug-in."""

import sys
import time

import pytest

from tasks.work.closure import HERE, PACKAGES, Tree


@pytest.fixture
def tree(tmp_path):
    files = {
        "tasks/__init__.py": "",
        "tasks/a.py": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nimport json\n"
        "if TYPE_CHECKING:\n    from tasks.types import T\nelse:\n    from tasks import otherwise\n"
        "def f():\n    try:\n        from tasks.room import b\n    finally:\n        import tasks.room.z\n",
        "tasks/types.py": "", "tasks/otherwise.py": "", "tasks/text.py": "",
        "tasks/room/__init__.py": "from tasks.room.exported import x\n",
        "tasks/room/exported.py": "x = 'tasks.text:x'\n",
        "tasks/room/b.py": "from . import c\nfrom .. import apart\nfrom .c import y as z\n",
        "tasks/room/c.py": "y = 1\n", "tasks/room/z.py": "", "tasks/apart.py": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_functions_parents_and_relative_imports_are_followed_types_and_texts_are_not(tree):
    reached = {name.removeprefix("tasks") for name in Tree(tree).closure("tasks.a")}
    rooms = {".room", ".room.exported", ".room.b", ".room.c", ".room.z"}
    assert reached == {"", ".a", ".otherwise", ".apart"} | rooms


def test_a_plug_in_is_followed_in_its_own_package_and_into_ours(tree, tmp_path, monkeypatch):
    plug = tmp_path / "site" / "plug_of_a_test"
    plug.mkdir(parents=True)
    (plug / "__init__.py").write_text("raise RuntimeError('looking must not run it')\n")
    (plug / "engine.py").write_text(
        "import numpy\nfrom tasks.room import c\nfrom plug_of_a_test import inner\n"
    )
    (plug / "inner.py").write_text("")
    monkeypatch.syspath_prepend(str(plug.parent))
    reached = set(Tree(tree).closure("plug_of_a_test.engine"))
    names = {"plug_of_a_test", "plug_of_a_test.engine", "plug_of_a_test.inner"}
    assert reached == names | {"tasks", "tasks.room", "tasks.room.c", "tasks.room.exported"}
    assert "plug_of_a_test" not in sys.modules


def test_a_module_that_is_not_there_is_named(tree):
    with pytest.raises(ModuleNotFoundError, match=r"tasks\.nobody"):
        Tree(tree).digest("tasks.a", "tasks.nobody")


def test_the_closure_is_what_python_imports(tmp_path):
    """Everything of ours that importing a module really loads is in its closure."""
    import subprocess

    name = "tasks.draw.shard"
    code = f"import sys, {name}; print(*[m for m in sys.modules if m.partition('.')[0] in {PACKAGES}])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(loaded.stdout.split()) <= set(HERE.closure(name))


def test_the_largest_closure_is_quick_once_its_files_are_parsed():
    HERE.closure("flows.cli.main", "tasks.versions.publish")
    began = time.process_time()
    assert len(Tree().closure("flows.cli.main", "tasks.versions.publish")) > 100
    assert time.process_time() - began < 0.1
