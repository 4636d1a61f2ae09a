"""The command line: options from the recipe, plans that build nothing, errors a person can act on."""

import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.recipe import leaves


def run(*arguments):
    return CliRunner().invoke(main, [str(a) for a in arguments])


def test_every_field_of_a_recipe_is_an_option_with_its_help():
    text = " ".join(run("build", "--help").output.split())
    for leaf in leaves():
        assert f"--{leaf.name}" in text
        assert leaf.description.split(";")[0].split(":")[0][:20] in text


def test_plan_prints_what_would_be_built_and_builds_nothing(write_recipe, tmp_path):
    done = run("plan", write_recipe(), "--dataset.identities", "10", "--set", "dataset.captures=3")
    assert done.exit_code == 0, done.output
    assert "10 identities × 3 captures" in done.output and "30 images of 48×48" in done.output
    assert all(word in done.output for word in ("time", "disk", "memory"))
    assert not (tmp_path / "out").exists() and not (tmp_path / "work").exists()


def test_plan_counts_each_view_by_its_own_size(write_recipe):
    options = ["--dataset.views", "palm,hand", "--dataset.size", "64", "--dataset.hand_size"]
    small, large = (run("plan", write_recipe(), *options, size).output for size in ("64", "512"))
    assert "images of 64×64, png" in small and "64×64 (palm), 512×512 (hand), png" in large
    drawing = [re.search(r"about (\d+) s to draw", text)[1] for text in (small, large)]
    assert int(drawing[1]) > 5 * int(drawing[0])


@pytest.mark.parametrize(
    ("assignment", "wanted"),
    [
        ("dataset.identites=4", "identities"),
        ("dataset.identities=0", "identities"),
        ("dataset.size=large", "size"),
        ("identity.skin_colour=3", "skin_tone"),
        ("engine.name=magic", "renderer"),
    ],
)
def test_a_wrong_recipe_is_refused_in_words(write_recipe, assignment, wanted):
    done = run("plan", write_recipe(), "--set", assignment)
    assert done.exit_code == 1 and isinstance(done.exception, SystemExit)
    assert "error:" in done.output and wanted in done.output and "Traceback" not in done.output


def test_a_missing_recipe_names_those_that_are_there():
    done = run("plan", "datasets/nope.toml")
    assert done.exit_code == 1 and "datasets/quickstart.toml" in done.output


def test_verify_of_a_folder_that_is_no_dataset_says_so(tmp_path):
    done = run("verify", tmp_path)
    assert done.exit_code == 1 and str(tmp_path) in done.output


@pytest.mark.parametrize(("word", "status"), [("--version", 0), ("no-such-verb", 2)])
def test_a_process_ends_with_its_verb_whatever_prefect_waits_for(word, status):
    """Prefect's exit hook waits for a server that hangs: here one that waits for ever."""
    code = (
        "import sys, threading, types; sys.modules['prefect'] = types.ModuleType('prefect');"
        "threading._register_atexit(threading.Event().wait);"
        "import importlib; cli = importlib.import_module('flows.cli.main'); cli.LEAVING = 0.5;"
        f"sys.argv = ['palmforge', {word!r}]; cli.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    assert "left without telling it" in done.stderr
