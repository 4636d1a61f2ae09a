"""~ in a recipe is the home folder, in every option that is a path; a user without a home is told so."""

import os
import pwd
from pathlib import Path

import pytest

from manifests.recipe import RecipeError, parse
from palm_models.photo.hand_model import cache_folder

RECIPE = {
    "name": "x",
    "out": "~/out",
    "work": "~",
    "source": {"kind": "folder", "path": "~/photos"},
    "train": {"checkpoint": "~/weights"},
    "align": {"model": "~/hand.task"},
}


def test_the_tilde_is_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    recipe = parse(RECIPE)
    assert (recipe.out, recipe.work) == ("/home/someone/out", "/home/someone")
    assert recipe.home == Path("/home/someone/out/x") and recipe.source.path == "/home/someone/photos"
    assert (recipe.train.checkpoint, recipe.align.model) == (
        "/home/someone/weights",
        "/home/someone/hand.task",
    )
    assert parse({"name": "x"}, ["out=~/there"]).out == "/home/someone/there"
    assert parse({"name": "x", "out": "a~b"}).out == "a~b"


def test_a_user_without_a_passwd_entry(monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.delenv("HOME")
    monkeypatch.delenv("PALMFORGE_CACHE", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert cache_folder().name == f"palmforge-{os.getuid()}"
    with pytest.raises(RecipeError, match="out: '~/out': no such home folder; write it out"):
        parse(RECIPE)
