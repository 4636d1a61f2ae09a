"""The whole flow on drawn palms: it publishes, grows, and skips what is done."""

import json
from pathlib import Path

import pandas as pd

from manifests.recipe import load
from manifests.tools.verify import verify
from palm_models.hand.identity import Identity, make_identity
from tasks.draw.shards import generate
from tasks.engines.trained import train


def images(version):
    """Bytes of every image of a published version, by sample."""
    files = sorted((Path(version) / "data").glob("*.parquet"))
    rows = pd.concat(pd.read_parquet(f, columns=["sample_id", "image"]) for f in files)
    return {sample: image["bytes"] for sample, image in zip(rows["sample_id"], rows["image"], strict=True)}


def shard_images(paths):
    """Bytes of every image in shards of the work folder, by sample."""
    rows = pd.concat(pd.read_parquet(p, columns=["sample_id", "image"]) for p in paths)
    return {sample: image["bytes"] for sample, image in zip(rows["sample_id"], rows["image"], strict=True)}


def test_flow_publishes_a_version_that_verifies(write_recipe):
    from flows.build_dataset import build_dataset

    recipe = write_recipe(augment={"copies": 1, "transforms": [{"name": "GaussNoise"}]})
    version = Path(build_dataset(str(recipe)))
    assert verify(version).ok, str(verify(version))
    rows = pd.read_parquet(version / "manifest.parquet")
    assert len(rows) == 6 * 2 * 2 and rows["label"].nunique() == 6
    assert rows["augmented"].sum() == 12 and rows["synthetic"].all()
    identities = pd.read_parquet(version / "identities.parquet").set_index("identity_id")
    recorded = Identity.from_dict(json.loads(identities.loc["s000001_left", "identity_parameters"]))
    assert recorded == make_identity(5, 1, "left") and "identity_parameters" not in rows
    assert (version.parent / "LATEST").read_text().strip() == version.name
    again = Path(build_dataset(str(recipe)))
    assert again == version


def test_more_identities_and_captures_change_no_earlier_image(write_recipe):
    small = load(write_recipe())
    large = load(write_recipe(), ["dataset.identities=9", "dataset.captures=3", "engine.workers=2"])
    quiet = lambda done, total: None  # noqa: E731
    before = shard_images(generate(small, None, quiet).shards)
    after = shard_images(generate(large, None, quiet).shards)
    assert len(after) == 27 and all(after[sample] == data for sample, data in before.items())


def test_growing_reuses_the_shards_that_are_whole(write_recipe):
    small, large = load(write_recipe()), load(write_recipe(), ["dataset.identities=8"])
    said = []
    first = generate(small, None, lambda done, total: None).shards
    times = {p: p.stat().st_mtime_ns for p in first}
    second = generate(large, None, lambda done, total: said.append((done, total))).shards
    assert second[:3] == first and said[0] == (3, 4)
    assert all(p.stat().st_mtime_ns == t for p, t in times.items())


def test_a_damaged_shard_is_drawn_again(write_recipe):
    recipe = load(write_recipe())
    quiet = lambda done, total: None  # noqa: E731
    paths = generate(recipe, None, quiet).shards
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[: len(whole) // 2])
    assert generate(recipe, None, quiet).shards[1].read_bytes() == whole


def test_rows_of_the_shipped_weights_credit_what_they_learned_from(write_recipe):
    from tasks.draw.card import card_facts

    recipe = load(write_recipe(engine={"name": "diffusion"}))
    checkpoint = train(recipe, None, lambda done, total: None)
    facts = card_facts(recipe, checkpoint)
    assert facts.source_dataset == "feyiamujo/human-palm-images" and "CC BY 4.0" in facts.source_license
    assert facts.checkpoint == checkpoint.digest
