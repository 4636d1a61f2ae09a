"""A merged version holds every row of its sources: bytes, splits, parameters kept; labels offset."""

import re
import tomllib

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows.cli.main import main
from manifests.read.open import open_dataset
from manifests.tools.diff import diff
from manifests.tools.select import select
from manifests.tools.verify import verify
from tasks.draw.regenerate import regenerate, some
from tasks.versions.extend import ExtendError, extended
from tasks.versions.merge import merge
from tasks.versions.merge_sources import MergeError, arrange
from tests.helpers.fake_shards import publish_shards, row, write_shard
from tests.helpers.small import build, quiet

# What a merge sets: places and labels, where a row came from, and what fake shards leave out.
PLACES = (
    "label",
    "split_label",
    "shard",
    "row",
    "dataset_version",
    "created_at",
    "merged_from",
    "drawn_with",
)
NAMES = ("sample_id", "identity_id", "subject_id", "parent_sample_id", "file_name")


def published(folder, subjects, seed, captures):
    rows = [
        {**row(s, h, c), "identity_seed": seed}
        for s in sorted(subjects)
        for h in ("left", "right")
        for c in captures
    ]
    return open_dataset(publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out").path)


def plain(rows, prefix=""):
    """Rows without their place in a version and without a prefix."""
    return [
        {k: v.removeprefix(prefix) if k in NAMES and v else v for k, v in r.items() if k not in PLACES}
        for r in rows.to_pylist()
    ]


subjects = st.sets(st.integers(0, 6), min_size=1, max_size=5)


@settings(
    max_examples=5,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sets=st.lists(subjects, min_size=2, max_size=3), count=st.integers(1, 2))
def test_merge_then_select_by_source_gives_back_the_rows(tmp_path_factory, sets, count):
    folder = tmp_path_factory.mktemp("merge")
    sources = [published(folder / str(i), s, i, range(count)) for i, s in enumerate(sets)]
    # Versions of one name and moment have names that differ by their content alone.
    if len({s.metadata["content"] for s in sources}) < len(sources):
        return
    merged = open_dataset(merge(sources, folder / "out", "all", folder / "work", quiet))
    assert verify(merged.path).ok, str(verify(merged.path))
    assert merged.rows()["label"].to_pylist() == sorted(merged.rows()["label"].to_pylist())
    told = tomllib.loads((merged.path / "recipe.toml").read_text())["merged"]
    for i, (source, said) in enumerate(zip(sources, told, strict=True)):
        name = f"{said['dataset']}/{said['version']}"
        select(merged, f"merged_from = '{name}'", folder / f"view{i}")
        view = open_dataset(folder / f"view{i}")
        assert plain(view.rows(), said["prefix"]) == plain(source.rows())
        labels = [label + said["label_offset"] for label in source.rows()["label"].to_pylist()]
        assert view.rows()["label"].to_pylist() == labels
        assert list(view.images(view.rows())) == list(source.images(source.rows()))
    again = open_dataset(merge(sources, folder / "out", "all", folder / "work", quiet))
    assert diff(merged, again).same and again.path == merged.path


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    plain = build(folder, "a")
    noisy = {"copies": 1, "transforms": [{"name": "GaussNoise", "p": 1.0}]}
    return plain, build(folder, "b.2", seed=6, augment=noisy, dataset={"image_format": "jpeg"})


def test_images_of_a_merged_version_are_drawn_again_from_their_rows(drawn, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1000000000")
    merged = open_dataset(merge(drawn, tmp_path / "out", "all", tmp_path / "work", quiet))
    rows = merged.rows().to_pylist()
    assert {r["identity_id"] for r in rows[-1:]} == {"b-2-s000001_right"} and rows[-1]["label"] == 7
    assert all(image.same for image in regenerate(merged, some(merged, 99, 0)))
    card = (merged.path / "README.md").read_text()
    assert "Merged from" in card and merged.metadata["created_at"] == "2001-09-09T01:46:40+00:00"
    meanings = re.findall(r"^\| `(?:identity|capture)_\w+` \|.*\|(.*)\|$", card, re.M)
    assert len(meanings) > 20 and all(map(str.strip, meanings))
    with pytest.raises(ExtendError, match="extending what it was merged from"):
        extended(merged, 99, 0)


def test_the_same_hands_are_refused_or_left_out(drawn, tmp_path):
    a, _ = drawn
    larger = build(tmp_path, "larger", dataset={"identities": 6})
    with pytest.raises(MergeError, match=r"4 identities of larger/.* those of a/.*s000000_left.*--drop-dup"):
        arrange([a, larger])
    with pytest.raises(MergeError, match="nothing that the others lack"):
        arrange([a, a], drop_duplicates=True)
    merged = open_dataset(
        merge([a, larger], tmp_path / "out", "all", tmp_path / "work", quiet, drop_duplicates=True)
    )
    assert merged.identities()["identity_id"].to_pylist() == larger.identities()["identity_id"].to_pylist()
    assert merged.identities()["label"].to_pylist() == list(range(6)) and verify(merged.path).ok


def test_the_two_hands_of_a_person_stay_one_subject(tmp_path):
    hands = [build(tmp_path, hand, dataset={"hands": [hand], "identities": 2}) for hand in ("left", "right")]
    merged = open_dataset(merge(hands, tmp_path / "out", "both", tmp_path / "work", quiet))
    assert merged.identities()["subject_id"].to_pylist() == ["s000000", "s000001"] * 2
    assert verify(merged.path).ok


def test_a_kept_version_merges_with_a_new_one_and_is_drawn_again(drawn, tmp_path):
    kept = open_dataset("tests/kept/0.1.0/early")
    merged = open_dataset(merge([drawn[1], kept], tmp_path / "out", "all", tmp_path / "work", quiet))
    assert verify(merged.path).ok and merged.rows().num_rows == drawn[1].rows().num_rows + 4
    ids = [s for s in merged.rows()["sample_id"].to_pylist() if s.startswith("kept-")]
    assert len(ids) == 4 and all(image.published for image in regenerate(merged, ids))


def test_the_verb_merges_and_verifies(drawn, tmp_path):
    arguments = ["merge", *(str(d.path) for d in drawn), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, [*arguments, "--name", "all", "--work", str(tmp_path / "work")])
    assert done.exit_code == 0 and "every byte is as it was published" in done.output, done.output
    done = CliRunner().invoke(main, [*arguments, "--name", "All!"])
    assert done.exit_code == 1 and "name" in done.output
