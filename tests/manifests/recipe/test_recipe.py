"""Recipes are refused with what would be right, and named by what determines their pictures."""

import hashlib
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from manifests.contract.split import split_of
from manifests.recipe import leaves, load, parse
from manifests.recipe.errors import RecipeError
from manifests.recipe.table import with_table

SHIPPED = sorted(Path(__file__).parents[3].glob("datasets/*.toml"))


def mistakes(data: dict, *overrides: str) -> str:
    with pytest.raises(RecipeError) as error:
        parse(data, overrides, where="some.toml")
    return str(error.value)


def test_defaults_need_a_name_only() -> None:
    recipe = parse({"name": "palms"})
    assert recipe.engine.name == "atlas"
    assert recipe.source.kind == "none"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.stem)
def test_shipped_recipes_load_and_say_nothing_superfluous(path: Path) -> None:
    recipe = load(path)
    assert recipe.name == path.stem.replace("_", "-")
    assert parse(tomllib.loads(recipe.to_toml())) == recipe


def test_three_recipes_are_shipped() -> None:
    assert {p.stem for p in SHIPPED} >= {"quickstart", "human_palms", "nightly"}


def test_unknown_keys_are_listed_with_what_is_valid() -> None:
    text = mistakes(
        {"name": "p", "dataset": {"identites": 3}, "tra": {"x": 1}, "augment": {"transforms": [{"nam": "x"}]}}
    )
    assert "some.toml: 4 mistakes" in text
    assert (
        "dataset.identites: unknown key; did you mean identities? valid keys: identities, captures," in text
    )
    assert "tra: unknown key; did you mean train?" in text
    assert "augment.transforms.0.nam: unknown key; did you mean name? valid keys: name, p, params" in text
    assert "augment.transforms.0.name: missing" in text


@pytest.mark.parametrize(
    ("section", "key", "value", "said"),
    [
        ("dataset", "identities", 0, "greater than or equal to 1, not 0"),
        ("dataset", "identities", -5, "greater than or equal to 1"),
        ("dataset", "identities", "many", "valid integer, not 'many'"),
        ("dataset", "identities", True, "valid integer, not True"),
        ("dataset", "identities", 2.5, "integer"),
        ("dataset", "captures", 0, "greater than or equal to 1"),
        ("dataset", "size", 100_000, "less than or equal to 2048"),
        ("dataset", "views", [], "at least 1 item"),
        ("dataset", "views", ["palm", "palm"], "names something twice"),
        ("dataset", "views", ["foot"], "'palm' or 'hand', not 'foot'"),
        ("dataset", "splits", {"train": 0.5}, "must be 1, they are 0.7"),
        ("dataset", "splits", 3, "must be a section [dataset.splits]"),
        ("dataset", "version", "../up", "must match"),
        (
            "engine",
            "name",
            "gan",
            "no engine is called 'gan'; did you mean wgan-gp? there are atlas,",
        ),
        ("source", "kind", "folder", "needs source.path"),
        ("source", "kind", "kaggle", "needs source.dataset"),
        ("source", "dataset", "owner/name", "must match"),
        ("train", "learning_rate", float("nan"), "finite"),
        ("augment", "copies", 2, "at least one entry in augment.transforms"),
        ("identity", "skin_tone", {"lo": 1}, "skin_tone: give a fixed value"),
        ("identity", "skin_tone", {"low": 9, "high": 1}, "low <= high"),
        ("capture", "blur", {"mean": 0.0, "sd": -1}, "sd >= 0"),
        ("capture", "light", {"choices": []}, "at least one value"),
        ("capture", "light", [1, 2], "light: give a fixed value"),
    ],
)
def test_impossible_values_are_refused_in_one_readable_line(
    section: str, key: str, value: object, said: str
) -> None:
    text = mistakes({"name": "p", section: {key: value}})
    assert said in text
    assert section in text
    assert "pydantic" not in text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["", "Upper", "../x", "a b", 3])
def test_names_that_are_no_folder_are_refused(name: object) -> None:
    assert "name: " in mistakes({"name": name})


def test_training_needs_photographs() -> None:
    text = mistakes({"name": "p", "engine": {"name": "diffusion"}, "train": {"checkpoint": "train"}})
    assert "set source.kind" in text


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.toml: no such recipe"):
        load(tmp_path / "nowhere.toml")
    with pytest.raises(RecipeError, match="is a folder, not a recipe"):
        load(tmp_path)
    (tmp_path / "broken.toml").write_text("name = \n")
    with pytest.raises(RecipeError, match=r"broken\.toml: not valid TOML.*line 1"):
        load(tmp_path / "broken.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xff"\n')
    with pytest.raises(RecipeError, match="cannot be read as a recipe"):
        load(tmp_path / "latin.toml")


def test_overrides_are_toml_values_and_bare_words_are_text() -> None:
    overrides = [
        "dataset.identities=400",
        "dataset.splits={train=1.0, validation=0.0, test=0.0}",
        "engine.name=diffusion",
        "source.kind = folder",
        "source.path=2024",
        'dataset.hands=["left"]',
        "identity.skin_tone={low=1, high=2}",
        "capture.blur=0",
    ]
    recipe = parse({"name": "p"}, overrides)
    assert recipe.dataset.identities == 400
    assert recipe.dataset.splits.train == 1
    assert recipe.engine.name == "diffusion"
    assert recipe.source.path == "2024"
    assert recipe.dataset.hands == ("left",)
    assert recipe.identity == {"skin_tone": {"low": 1, "high": 2}}
    assert recipe.capture == {"blur": 0}


@pytest.mark.parametrize("override", ["dataset", "=3", "dataset..x=1", "seed.x=1"])
def test_malformed_overrides_are_refused(override: str) -> None:
    assert override in mistakes({"name": "p", "seed": 3}, override)


def test_a_recipe_is_frozen() -> None:
    recipe = parse({"name": "p"})
    with pytest.raises(ValidationError):
        recipe.dataset.identities = 3


def test_leaves_are_documented_and_settable() -> None:
    found = {leaf.name: leaf for leaf in leaves()}
    assert found["dataset.splits.train"].default == 0.8
    assert found["source.kind"].description
    assert all(leaf.description and "\n" not in leaf.description for leaf in found.values())
    plain = parse({"name": "p"})
    for name, leaf in found.items():
        if name != "name" and leaf.type in (int, float, str) and leaf.default != "":
            assert parse({"name": "p"}, [f"{name}={leaf.default}"]) == plain


numbers = st.integers(1, 10**6)


@given(seed=st.integers(0, 2**63 - 1), identities=numbers, captures=numbers, order=st.permutations(range(3)))
def test_digest_does_not_depend_on_key_order_places_or_workers(
    seed: int, identities: int, captures: int, order: list[int]
) -> None:
    items: list[tuple[str, Any]] = [
        ("name", "p"),
        ("seed", seed),
        ("dataset", {"identities": identities, "captures": captures}),
    ]
    shuffled = dict(items[i] for i in order)
    shuffled["dataset"] = dict(reversed(shuffled["dataset"].items()))
    elsewhere = {"out": "/x", "work": "/y", "engine": {"workers": 7}, "align": {"workers": 3}}
    one, other = parse(dict(items)), parse({**shuffled, **elsewhere})
    assert one.digest() == other.digest()
    assert one.digest("dataset", "engine") == other.digest("engine", "dataset")
    assert parse(tomllib.loads(one.to_toml(execution=False))) == one


def test_digest_names_what_it_is_asked_for() -> None:
    one = parse({"name": "p"})
    other = parse({"name": "p"}, ["dataset.captures=9"])
    assert one.digest("dataset") != other.digest("dataset")
    assert one.digest("dataset.identities", "engine") == other.digest("dataset.identities", "engine")
    assert one.digest() != other.digest()
    with pytest.raises(KeyError):
        one.digest("datasets")


def test_digest_is_sha256_of_canonical_json() -> None:
    canonical = b'{"dataset.splits":{"test":0.1,"train":0.8,"validation":0.1},"seed":5}'
    recipe = parse({"name": "p", "seed": 5})
    assert recipe.digest("seed", "dataset.splits") == hashlib.sha256(canonical).hexdigest()


@given(st.integers(0, 2**63 - 1), st.integers(1, 400), st.integers(0, 400))
def test_splits_are_stable_when_the_dataset_grows(seed: int, before: int, more: int) -> None:
    splits = parse({"name": "p"}).dataset.splits
    small = {f"s{i:06d}": split_of(f"s{i:06d}", splits, seed) for i in range(before)}
    large = {f"s{i:06d}": split_of(f"s{i:06d}", splits, seed) for i in range(before + more)}
    assert small.items() <= large.items()


def test_split_shares_are_met() -> None:
    splits = parse({"name": "p"}).dataset.splits
    counts = {"train": 0, "validation": 0, "test": 0}
    for i in range(20_000):
        counts[split_of(f"s{i:06d}", splits, 3)] += 1
    assert abs(counts["train"] / 20_000 - 0.8) < 0.01
    assert abs(counts["test"] / 20_000 - 0.1) < 0.01


def test_a_split_without_a_share_stays_empty() -> None:
    splits = parse({"name": "p"}, ["dataset.splits={train=0.5, validation=0.5, test=0.0}"]).dataset.splits
    assert {split_of(f"s{i}", splits, 0) for i in range(500)} == {"train", "validation"}


def test_the_table_of_options_is_current() -> None:
    readme = Path(__file__).parents[3] / "datasets" / "README.md"
    text = readme.read_text()
    assert with_table(text) == text, f"run: python -m manifests.recipe.table {readme}"


def test_datasets_holds_no_python() -> None:
    assert not list((Path(__file__).parents[3] / "datasets").rglob("*.py"))
