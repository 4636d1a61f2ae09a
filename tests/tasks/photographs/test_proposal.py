"""A folder of photographs given for a recipe: a recipe for it is written, which builds and hides nothing."""

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from flows.cli.main import main
from manifests.recipe import load
from manifests.recipe.errors import RecipeError
from tasks.photographs.proposal import propose


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'My "Palms" (2026)'
    (folder / "one").mkdir(parents=True)
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(folder / "one" / "a.png")
    return folder


def test_a_folder_for_a_recipe_becomes_a_recipe_that_reads_it(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["build", str(folder)])
    assert done.exit_code == 2 and "palmforge build my-palms-2026.toml" in done.output
    recipe = load("my-palms-2026.toml")
    assert (recipe.source.kind, recipe.source.path) == ("folder", str(folder))
    assert recipe.source.licence == "" and recipe.train.checkpoint == "train"
    assert "the 1 files in" in (tmp_path / "my-palms-2026.toml").read_text()


def test_a_recipe_that_is_there_stays_as_it_is(folder, tmp_path):
    file = propose(folder, tmp_path)
    file.write_text("mine")
    assert propose(folder, tmp_path) == file and file.read_text() == "mine"


def test_an_empty_folder_is_no_source(tmp_path):
    with pytest.raises(RecipeError, match="no file is in it"):
        propose(tmp_path, tmp_path)
    assert not list(tmp_path.iterdir())
