"""Scripts of 0.1.0 import modules by the names that these had then, and are told the new ones."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = {  # of 0.1.0, with something that scripts took from there
    "tasks.ingest": "ingest",
    "tasks.align": "align_photos",
    "tasks.sources": "SourceSpec",
    "tasks.runner": "Workers",
    "palm_models.trainer_file": "import_trainer_file",
    "palm_models.capture": "make_capture",
    "palm_models.identity": "make_identity",
    "manifests.layout": "atomic_write",
    "manifests.stream": "PalmStream",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_found_by_its_old_name_and_is_the_same_one(name):
    with pytest.warns(DeprecationWarning, match=f"{name} is .* since"):
        sys.modules.pop(name, None)
        old = importlib.import_module(name)
    taken = getattr(old, NAMES[name])
    assert old is sys.modules[old.__name__] and old.__spec__.name == old.__name__ != name
    assert taken.__module__.startswith(name.partition(".")[0])


def test_what_never_was_is_still_not_found():
    for name in ("tasks.nothing", "tasks.registry", "palm_models.measure.nothing"):  # registry: several
        with pytest.raises(ModuleNotFoundError, match=name):
            importlib.import_module(name)


def test_an_old_name_needs_no_other_import_before_it():
    code = "from palm_models.trainer_file import import_trainer_file as f; print(f.__module__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "palm_models.engines.baselines.trainer_file", done.stderr
