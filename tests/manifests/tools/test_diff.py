"""What leads from one version to another is named: nothing for equal ones, each row and column for others."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from flows.cli.main import main
from manifests.read.open import open_dataset
from manifests.recipe import parse
from manifests.tools.diff import diff
from tests.helpers.fake_shards import make_shards, publish_shards, row, write_shard


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    folder = tmp_path_factory.mktemp("diff")
    return open_dataset(publish_shards(make_shards(folder / "s", subjects=6), folder / "out").path)


def published(folder, rows, **options):
    return open_dataset(
        publish_shards([write_shard(folder / "s.parquet", rows)], folder / "out", **options).path
    )


def rows_of(subjects, captures=3):
    return [row(s, h, c) for s in subjects for h in ("left", "right") for c in range(captures)]


keys = st.sets(st.tuples(st.integers(0, 5), st.sampled_from(["left", "right"])), min_size=1)


@settings(
    max_examples=6,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ours=keys, theirs=keys, captures=st.tuples(st.integers(1, 3), st.integers(1, 3)))
def test_diff_is_the_difference_of_the_sets_and_empty_with_itself(tmp_path_factory, ours, theirs, captures):
    folder, made = tmp_path_factory.mktemp("pair"), []
    for number, (chosen, count) in enumerate(zip((ours, theirs), captures, strict=True)):
        rows = [row(s, h, c) for s, h in sorted(chosen) for c in range(count)]
        made.append((published(folder / str(number), rows), {r["sample_id"] for r in rows}))
    (a, samples_a), (b, samples_b) = made
    assert diff(a, a).same and diff(b, b).only_adds
    there, back = diff(a, b), diff(b, a)
    assert (
        set(there.images.added) == samples_b - samples_a and set(there.images.gone) == samples_a - samples_b
    )
    assert (there.images.added, there.images.gone) == (back.images.gone, back.images.added)
    names = [{f"s{s:06d}_{h}" for s, h in chosen} for chosen in (ours, theirs)]
    assert set(there.identities.added) == names[1] - names[0]
    assert there.same == (samples_a == samples_b)


def test_other_words_for_what_drew_the_same_bytes_are_no_loss(tmp_path):
    rows, told = rows_of([1], 1), '{"engine": {}, "baseline": [{"size": 32}]}'
    old = published(
        tmp_path / "a", [{**r, "drawn_with": told.replace("32", '32, "epochs": 9')} for r in rows]
    )
    new = published(tmp_path / "b", [{**r, "drawn_with": told} for r in rows])
    found = diff(old, new)
    assert set(found.images.changed) == {r["sample_id"] for r in rows} and found.only_adds
    other = published(
        tmp_path / "c", [{**r, "split": "test" if r["split"] != "test" else "train"} for r in rows]
    )
    assert not diff(old, other).only_adds


def test_changed_images_values_and_options_are_named(before, tmp_path):
    rows = rows_of(range(6))
    rows[4] = {**row(0, "right", 1, size=17), "identity_skin_tone": rows[4]["identity_skin_tone"]}
    rows[7]["capture_light"] = "moon"
    recipe = parse({"name": "palms", "dataset": {"captures": 3}})
    after = published(tmp_path, rows, recipe_toml=recipe.to_toml(), recipe_digest=recipe.digest())
    found = diff(before, after)
    assert found.images.changed["s000001_left_c001_palm"] == ["capture_light"]
    assert {"sha256", "width", "height"} <= set(found.images.changed["s000000_right_c001_palm"])
    assert not found.images.added and not found.images.gone and not found.only_adds
    assert found.recipe == {"dataset.captures": (8, 3)}
    assert "~ s000001_left_c001_palm: capture_light" in str(found)
    assert "recipe dataset.captures: 8 -> 3" in str(found)


def test_further_identities_keep_labels_and_only_add(before, tmp_path):
    after = published(tmp_path, rows_of(range(8)))
    found = diff(before, after)
    assert found.only_adds and not found.same and len(found.identities.added) == 4
    assert not diff(after, before).only_adds


def test_the_verb_speaks_json_and_exit_codes(before, tmp_path):
    after = published(tmp_path, rows_of(range(7)))

    def run(*arguments):
        return CliRunner().invoke(main, ["diff", *map(str, arguments)])

    assert run(before.path, before.path).exit_code == 0
    done = run(before.path, after.path, "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["identities"]["added"] == ["s000006_left", "s000006_right"]
    assert run(before.path, tmp_path / "nowhere").exit_code == 2
