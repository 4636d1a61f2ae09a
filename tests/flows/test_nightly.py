"""Nights: a dataset grows by what is published, old versions go, and nothing is done twice."""

import os
from pathlib import Path

import pytest

from flows.build_dataset import _build
from manifests.publish.publish import latest, versions
from manifests.publish.retention import retain
from manifests.read.open import version_folder
from manifests.recipe import load
from manifests.recipe.errors import RecipeError
from manifests.tools.verify import verify
from tasks.draw.shards import generate
from tasks.photographs.steps import ingest
from tasks.versions.nightly import tonight
from tasks.versions.unchanged import published
from tests.helpers.fake_shards import make_shards, publish_shards


def quiet(done, total):
    pass


def build(recipe, night="2026-11-23"):
    """One night without Prefect: the version it ends with, None when there was nothing to do."""
    plan = tonight(recipe, night)
    if published(plan):
        return None
    return _build(plan, None)


@pytest.fixture
def growing(write_recipe):
    """A recipe that grows by two identities a night and keeps two versions."""
    size = {"identities": 2, "captures": 1, "size": 32, "shard_identities": 2}
    return load(write_recipe(dataset=size, nightly={"add_identities": 2, "keep_versions": 2}))


def identities(version):
    return load(version / "recipe.toml").dataset.identities


def test_each_night_adds_and_the_same_night_does_not(growing):
    first = build(growing, "monday")
    assert identities(first) == 2 and build(growing, "monday") is None
    second = build(growing, "tuesday")
    assert identities(second) == 4 and build(growing, "tuesday") is None
    home = first.parent
    assert latest(home) == second.name and verify(home).ok


def test_a_night_that_was_cut_off_asks_for_the_same_again_whenever_it_is_rerun(growing):
    build(growing, "monday")
    asked = [tonight(growing, night).dataset.identities for night in ("tuesday", "tuesday", "wednesday")]
    assert asked == [4, 4, 4]  # nothing new was published in between


def test_old_versions_and_their_work_go_and_the_newest_stay(growing):
    made = [build(growing, night) for night in ("d", "c", "b", "a")]  # names do not sort like nights
    home = made[0].parent
    assert sorted(versions(home)) == sorted(v.name for v in made[-2:])
    assert latest(home) == made[-1].name and all(verify(home / name).ok for name in versions(home))
    notes = list((made[0].parents[2] / "work" / "published").glob("*/DONE.json"))
    assert len(notes) == 1


def test_an_edited_recipe_starts_at_its_own_size_and_its_old_work_is_deleted(growing, tmp_path):
    build(growing, "monday")
    build(growing, "tuesday")
    before = set((tmp_path / "work" / "shards").iterdir())
    version = build(_with_size(growing, 48), "wednesday")
    assert identities(version) == 2
    after = set((tmp_path / "work" / "shards").iterdir())
    assert len(after) == 1 and not after & before


def _with_size(recipe, size):
    return recipe.model_copy(update={"dataset": recipe.dataset.model_copy(update={"size": size})})


def test_work_that_another_recipe_uses_stays(growing, tmp_path):
    other = growing.model_copy(update={"name": "other"})
    build(growing)
    build(other)
    build(_with_size(growing, 48))
    assert len(list((tmp_path / "work" / "shards").iterdir())) == 2
    assert build(other) is None


def test_leftovers_of_killed_runs_are_swept(growing, tmp_path):
    place = generate(growing, None, quiet).done.path
    (place / "identities-0000000-0000002" / "shard.4711.partial").write_bytes(b"half")
    (place.parent / ".deleting-abc").mkdir()
    version = build(growing)
    assert not list(place.parent.rglob("*.partial")) and not (place.parent / ".deleting-abc").exists()
    assert verify(version).ok


def test_photographs_and_checkpoints_are_never_deleted(write_recipe, tmp_path):
    drawn = {"kind": "renderer", "identities": 1, "captures": 1}
    recipe = load(write_recipe(source=drawn, dataset={"identities": 1, "captures": 1, "size": 32}))
    ingest(recipe, quiet)
    folder = next((tmp_path / "work" / "photos").iterdir())
    build(recipe.model_copy(update={"seed": 6}))
    assert (folder / "photos.parquet").is_file()


def test_a_moved_source_or_another_setting_is_not_taken_for_unchanged(growing, tmp_path):
    build(growing)
    assert published(tonight(growing, "2026-11-23"))
    assert not published(_with_size(growing, 48))
    (tmp_path / "out" / "tiny" / "LATEST").write_text("elsewhere\n")
    assert not published(tonight(growing, "2026-11-23"))


def test_growth_and_a_fixed_version_name_do_not_go_together(write_recipe):
    with pytest.raises(RecipeError, match="add_identities"):
        load(write_recipe(nightly={"add_identities": 1}, dataset={"version": "v1"}))


@pytest.mark.parametrize(("keep", "left"), [(0, 4), (1, 2), (2, 2), (3, 3), (9, 4)])
def test_retention_keeps_the_newest_and_at_least_two(tmp_path, keep, left):
    names = []
    for number in range(4):
        shards = make_shards(tmp_path / str(number), subjects=2 + number)
        created = f"2026-11-{23 - number}T02:00:00+00:00"  # a clock that runs backwards
        names.append(publish_shards(shards, tmp_path / "out", created_at=created).name)
    home = tmp_path / "out" / "palms"
    deleted = retain(home, keep)
    assert deleted == names[: 4 - left] and set(versions(home)) == set(names[4 - left :])
    assert version_folder(home).name == names[-1] and verify(home).ok


def test_retention_keeps_what_latest_names_though_it_is_the_oldest(tmp_path):
    names = [
        publish_shards(make_shards(tmp_path / str(n), subjects=2 + n), tmp_path / "out").name
        for n in range(4)
    ]
    home = tmp_path / "out" / "palms"
    (home / "LATEST").write_text(f"{names[0]}\n")
    retain(home, 2)
    assert set(versions(home)) == {names[0], names[3]}


def test_a_reader_who_opened_the_version_before_goes_on_reading(growing):
    first = build(growing, "monday")
    with os.scandir(first / "data") as files, Path(next(files).path).open("rb") as reading:
        build(growing, "tuesday")
        build(growing, "wednesday")
        assert not first.exists() and reading.read(4) == b"PAR1"
