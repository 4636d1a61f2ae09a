"""Scripts of 0.1.0 import modules by the names that these had then, and are told the new ones."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from manifests.moved import RENAMED, find_moved

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

OF_0_1_0 = {
    "tasks": (
        "accounting align archives augment balance baselines charts columns contact_sheet dask_runner "
        "doctor drawn duplicates estimate evaluate evaluation extend found gates generate ingest jpeg "
        "judge judge_decide judge_gallery judge_rejects judge_scores kaggle labelled launch lock logs "
        "measure merge merge_sources nightly one page palms parallel photos plan publish regenerate "
        "release remote_source report runner sampled samples show shown software sources stages status "
        "tidy train train_ddpm train_encoder train_wgan unchanged work"
    ),
    "palm_models": (
        "accessories baseline camera capture checkpoint condition controls creases ddpm ddpm_engine "
        "diffusion diversity encoder engine extractor flexion frame hand hand_model hand_network "
        "identification identity landmarks litert marks network pairs palm_detector parts_state picture "
        "priors process pyramid quality realism renderer ridges sampler scenery scores shade sheet skin "
        "surface tps trainer_file training_state views warp wgan wgan_engine"
    ),
    "manifests": (
        "balanced baselines batch card croissant dataset diff export findings images layout loader "
        "mirror number options orders parts publish read recipe recipe_errors remote retention schema "
        "sections select selection shards split sql stream survey verification verify verify_rows write"
    ),
}
DROPPED = {"tasks.baselines", "tasks.stages", "palm_models.parts_state"}  # their functions were, too


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_found_by_its_old_name_and_is_the_same_one(name):
    with pytest.warns(DeprecationWarning, match=f"{name} is .* since"):
        sys.modules.pop(name, None)
        old = importlib.import_module(name)
    taken = getattr(old, NAMES[name])
    assert old is sys.modules[old.__name__] and old.__spec__.name == old.__name__ != name
    assert taken.__module__.startswith(name.partition(".")[0])


def test_every_module_of_0_1_0_is_found_and_the_ones_it_leads_to_are_there():
    find_moved()
    for package, names in OF_0_1_0.items():
        for name in {f"{package}.{word}" for word in names.split()} - DROPPED:
            assert importlib.util.find_spec(name), name
    for name in RENAMED.values():
        assert (ROOT / name.replace(".", "/")).with_suffix(".py").is_file(), name


def test_what_never_was_is_still_not_found():
    for name in ("tasks.nothing", "tasks.registry", "palm_models.measure.nothing"):  # registry: several
        with pytest.raises(ModuleNotFoundError, match=name):
            importlib.import_module(name)


def test_an_old_name_needs_no_other_import_before_it():
    code = "from palm_models.trainer_file import import_trainer_file as f; print(f.__module__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "palm_models.engines.baselines.trainer_file", done.stderr
